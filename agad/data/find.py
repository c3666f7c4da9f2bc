"""The sources by name: which raw files a data set has, and how to get them."""

from __future__ import annotations

from pathlib import Path

from agad.data.readers.cifar import RELEASES, find_cifar
from agad.data.readers.digits import find_digits
from agad.data.readers.folder import find_folder
from agad.data.readers.idx import FOLDERS, find_idx
from agad.data.readers.medical import ARCHIVES, find_medical
from agad.data.readers.npz import find_npz
from agad.data.source import Source, SourceAbsentError
from agad.errors import DataError
from agad.spec.datasets import DATASETS, FOLDER_PREFIX, NPZ_PREFIX, is_known, legal_names

_TORCHVISION = {"mnist": "MNIST", "fashion_mnist": "FashionMNIST", "cifar10": "CIFAR10", "cifar100": "CIFAR100"}


def find_source(dataset: str, data_root: Path | None, *, download: bool = False) -> Source:
    """The raw files of a data set below `data_root`, downloaded first if they are missing and `download` says so.

    Raises SourceAbsentError, with what to put where, if they are not there; DataError for a name that is unknown or a
    download that fails.
    """
    if not is_known(dataset):
        raise DataError(f"unknown dataset {dataset!r}; choose from: {legal_names()}")
    if dataset == "digits":
        return find_digits()
    if data_root is None:
        raise SourceAbsentError(f"{dataset} is not prepared, and no folder of raw data was given (--data)")
    try:
        return _find(dataset, data_root)
    except SourceAbsentError as error:
        if download and dataset in _TORCHVISION:
            _download(dataset, data_root)
            return _find(dataset, data_root)
        raise SourceAbsentError(f"{dataset} is not there ({error}); {_advice(dataset, data_root)}") from None


def _find(dataset: str, root: Path) -> Source:
    if dataset in FOLDERS:
        return find_idx(dataset, root)
    if dataset.startswith(NPZ_PREFIX):
        return find_npz(root / f"{dataset.removeprefix(NPZ_PREFIX)}.npz", root)
    if dataset.startswith(FOLDER_PREFIX):
        return find_folder(dataset.removeprefix(FOLDER_PREFIX), root)
    if dataset == "cifar10" and not (root / RELEASES[dataset].folder).exists() and (root / "cifar10.npz").exists():
        return find_npz(root / "cifar10.npz", root, DATASETS[dataset].class_names)
    if dataset in RELEASES:
        return find_cifar(dataset, root)
    return find_medical(dataset, root)


def _advice(dataset: str, root: Path) -> str:
    where = f"below {root} (--data)"
    if dataset.startswith(NPZ_PREFIX):
        return f"put {dataset.removeprefix(NPZ_PREFIX)}.npz {where}"
    if dataset.startswith(FOLDER_PREFIX):
        name = dataset.removeprefix(FOLDER_PREFIX)
        return f"put {name}/train/CLASS/ and {name}/test/CLASS/, or {name}/CLASS/, {where}"
    if dataset in ARCHIVES:
        return f"put {ARCHIVES[dataset].layout} {where}"
    folder = f"{FOLDERS[dataset]}/raw" if dataset in FOLDERS else RELEASES[dataset].folder
    other = " or cifar10.npz" if dataset == "cifar10" else ""
    return f"put torchvision's {folder}{other} {where}, or download it by --prepare-data where there is a network"


def _download(dataset: str, root: Path) -> None:
    # torchvision takes a second to import: only a download pays for it.
    import torchvision

    try:
        root.mkdir(parents=True, exist_ok=True)
        getattr(torchvision.datasets, _TORCHVISION[dataset])(root, download=True)
    except (OSError, RuntimeError, EOFError) as error:
        reason = " ".join(str(error).split())
        raise DataError(f"{dataset} could not be downloaded to {root}: {reason}; {_advice(dataset, root)}") from error
