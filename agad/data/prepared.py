"""Prepared data: uint8 images of one size, memory-mapped, so that all processes of a node share one copy."""

from __future__ import annotations

import functools
import hashlib
import logging
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import numpy as np
from numpy.typing import NDArray

from agad.data import cache as folders
from agad.data.checks.arrays import check_arrays, digest_of, marks, notes_on_name
from agad.data.checks.raw import content_of
from agad.data.checks.verify import is_verified
from agad.data.class_names import check_declared
from agad.data.facts import DataFacts
from agad.data.find import check_code, code_of, find_source
from agad.data.source import Source, SourceAbsentError
from agad.data.write import write_prepared
from agad.errors import DataError

if TYPE_CHECKING:
    import torch

    from agad.data.features.vectors import Vectors

    Images = tuple[torch.Tensor, NDArray[np.int64]]
    """Images (N, C, H, W) uint8 and their class indices (N,)."""

log = logging.getLogger("agad.data")

Opened = TypeVar("Opened", bound=DataFacts)

_ATTEMPTS = 3
"""Another process may replace an incomplete folder between the check and the opening."""


@dataclass(frozen=True, slots=True, eq=False, kw_only=True)
class Prepared(DataFacts):
    """A data set at one size.

    Attributes:
        train_images: (N, C, H, W) uint8, memory-mapped: pages are read on first use and shared by all processes.
        test_images: likewise, the whole test set.
        vectors: of all images, from a file; None where a run makes them of pixels.
        described: the digest, the arrays that it is of, and their marks (checks/arrays.py); `dataclasses.replace` with
            others makes the digest theirs.

    Raises DataError, one line, for arrays that are no images and their classes.
    """

    train_images: torch.Tensor
    test_images: torch.Tensor
    vectors: Vectors | None = None
    described: tuple[Any, ...] = field(default=(), repr=False)

    def __post_init__(self) -> None:
        check_arrays(self)
        arrays = (self.train_images, self.test_images, self.train_labels, self.test_labels)
        now = marks(self)
        digest, before, known = self.described or (self.digest, arrays, now)
        is_same = all(old is new for old, new in zip(before, arrays, strict=True)) and known == now
        if digest == self.digest and not is_same:
            object.__setattr__(self, "digest", digest_of(*arrays))
            object.__setattr__(self, "duplicates", {})  # nothing is known of them
        object.__setattr__(self, "described", (self.digest, arrays, now))

    @property
    def identity(self) -> str:
        """What stands for all that a run reads: the digest, of images with vectors one of both."""
        if self.vectors is None:
            return self.digest
        return hashlib.sha256(f"{self.digest} {self.vectors.digest}".encode()).hexdigest()


def open_prepared(
    dataset: str,
    image_size: int,
    *,
    data_root: str | Path | None = None,
    cache: str | Path | None = None,
    download: bool = False,
    verify: bool = True,
) -> Prepared:
    """Open the prepared data set, and prepare it first where the cache does not hold it.

    The cache holds one folder per data set, size, content of the raw files and code that prepares them. Without raw
    files, the data set opens if exactly one prepared folder exists, or one by the code of now; those with the same
    arrays count as one. A process verifies the images and labels of a folder once, by their digest: a second or less
    for 1 GB. What is damaged is prepared again, with a warning in the log.

    Args:
        dataset: a name of agad.spec.datasets, `npz:NAME` or `folder:NAME`.
        image_size: height and width in pixels.
        data_root: folder of the raw data; None: only the cache is used, and data sets that need no raw files.
        cache: folder of the prepared data; None: `$AGAD_CACHE`, else the user's cache folder.
        download: whether missing raw data may be downloaded, where torchvision can.
        verify: False where another process of this launch and machine has verified the prepared data.

    Raises DataError, one line, for data that are missing, truncated or unusable, and for an unwritable cache.
    """
    return _opened(_with_images, dataset, image_size, data_root, cache, download=download, verify=verify)


def open_facts(
    dataset: str,
    image_size: int,
    *,
    data_root: str | Path | None = None,
    cache: str | Path | None = None,
    download: bool = False,
) -> DataFacts:
    """As open_prepared, verified and prepared alike, but the images stay closed, and a process needs no torch."""
    return _opened(_facts, dataset, image_size, data_root, cache, download=download, verify=True)


def _opened(
    load: Callable[[Path, dict[str, Any], tuple[str, ...]], Opened],
    dataset: str,
    image_size: int,
    data_root: str | Path | None,
    cache: str | Path | None,
    *,
    download: bool,
    verify: bool,
) -> Opened:
    root, raw = folders.cache_root(cache), None if data_root is None else Path(data_root)
    for _ in range(_ATTEMPTS):
        folder, served = _locate(dataset, image_size, root, raw, download)
        meta = folders.read_meta(folder)
        if meta is None:
            continue
        if verify and not is_verified(folder, meta):
            _drop(folder, is_lost=bool(served))
            continue
        what_to_do = f"delete {folder}, and it is prepared again"
        check_declared(dataset, meta["class_names"], "its prepared data have", what_to_do)
        try:
            return load(folder, meta, served)
        except (OSError, ValueError, KeyError):
            continue
    raise DataError(f"the prepared data {folder} cannot be read; delete that folder and start again")


def prepare_all(
    wanted: Iterable[tuple[str, int]],
    *,
    data_root: str | Path | None = None,
    cache: str | Path | None = None,
    download: bool = True,
) -> list[str]:
    """Prepare every (dataset, image_size), and return lines to print: name, counts, digest, folder, notes.

    The failure of one data set does not stop the others; at the end DataError names all that failed, with reasons.
    """
    lines: list[str] = []
    failures: list[str] = []
    for dataset, image_size in dict.fromkeys(wanted):
        try:
            facts = open_facts(dataset, image_size, data_root=data_root, cache=cache, download=download)
        except DataError as error:
            failures.append(str(error))
        else:
            lines += facts.summary()
    if failures:
        raise DataError(f"{len(failures)} data sets could not be prepared: {' | '.join(failures)}")
    return lines


def _locate(
    dataset: str, image_size: int, root: Path, data_root: Path | None, download: bool
) -> tuple[Path, tuple[str, ...]]:
    """The folder to open, prepared first where that is necessary, and how it serves where there are no raw data."""
    code = code_of(dataset)
    try:
        source = find_source(dataset, data_root)
    except SourceAbsentError as absent:
        present = folders.current(folders.prepared_folders(root, dataset, image_size), code)
        if len(present) == 1:
            served = folders.served_without(present[0], code)
            where = "no folder of raw data was given" if data_root is None else f"its raw data are not in {data_root}"
            _say_once(f"{dataset}: {where}; {'; '.join(served)}")
            return present[0], served
        if present:
            names = ", ".join(folder.name for folder in present)
            raise DataError(
                f"{dataset}: the raw data are absent and the cache {root} holds several preparations ({names}); "
                "delete all but one, or give the raw data by --data"
            ) from None
        if not download:
            raise absent from None
        source = find_source(dataset, data_root, download=True)
    raw = content_of(source, root)
    folder = folders.folder_of(root, dataset, image_size, raw.whole, code)
    if folders.read_meta(folder) is None:
        check_code(dataset)
        _prepare(dataset, image_size, source, folder, data_root, raw_files=raw.files, code=code)
    return folder, ()


@functools.cache
def _say_once(line: str) -> None:
    log.warning("%s", line)


def _drop(folder: Path, *, is_lost: bool) -> None:
    """Remove a folder whose arrays have changed, so that it is prepared again. DataError where it cannot be."""
    what = f"the prepared data {folder} are damaged: images and labels do not give their digest"
    if is_lost:
        raise DataError(f"{what}; give the raw data by --data and delete that folder, to have them prepared again")
    log.warning("%s; they are prepared again", what)
    try:
        folders.discard(folder)
    except OSError as error:
        raise DataError(f"{what}, and the folder cannot be removed ({error.strerror}); delete it") from None


def _prepare(
    dataset: str, image_size: int, source: Source, folder: Path, data_root: Path | None, *, raw_files: str, code: str
) -> None:
    content, known = source.read(), {"raw_files": raw_files, "code": code}
    with folders.new_folder(folder) as temporary:
        write_prepared(content, temporary, dataset, image_size, cached_as=folder.name, **known)
        # The folder's name stands for the raw files as they were found, which a running download may have changed.
        now = find_source(dataset, data_root)
        if (now.stamps, now.notes, now.layout) != (source.stamps, source.notes, source.layout):
            raise DataError(f"{dataset}: the raw data changed while they were being read; start again")
        check_code(dataset)  # a reader may import more as it reads


def in_memory(dataset: str, train: Images, test: Images, class_names: tuple[str, ...], *, digest: str = "") -> Prepared:
    """A data set of arrays in memory, without files; its duplicates are not counted.

    Without `digest` its digest is that of the arrays: checkpoints of a run are told apart by it.
    """
    (train_images, train_labels), (test_images, test_labels) = train, test
    channels, image_size = (*train_images.shape[1:3], 0, 0)[:2]  # of what is no image the refusal says the shape
    return Prepared(
        dataset=dataset,
        image_size=image_size,
        train_images=train_images,
        test_images=test_images,
        train_labels=train_labels,
        test_labels=test_labels,
        channels=channels,
        class_names=class_names,
        digest=digest or digest_of(train_images, test_images, train_labels, test_labels),
        duplicates={},
        damaged=(),
        notes=notes_on_name(dataset),
        folder=Path(),
    )


def _facts(folder: Path, meta: dict[str, Any], served: tuple[str, ...]) -> DataFacts:
    return DataFacts(**_known(folder, meta, served))


def _with_images(folder: Path, meta: dict[str, Any], served: tuple[str, ...]) -> Prepared:
    return Prepared(
        train_images=_map(folder / "train_images.npy"),
        test_images=_map(folder / "test_images.npy"),
        **_known(folder, meta, served),
    )


def _known(folder: Path, meta: dict[str, Any], served: tuple[str, ...]) -> dict[str, Any]:
    return {
        "dataset": meta["dataset"],
        "image_size": meta["image_size"],
        "train_labels": np.load(folder / "train_labels.npy"),
        "test_labels": np.load(folder / "test_labels.npy"),
        "channels": meta["channels"],
        "class_names": tuple(meta["class_names"]),
        "digest": meta["digest"],
        "duplicates": dict(meta["duplicates"]),
        "damaged": tuple((name, reason) for name, reason in meta["damaged"]),
        "notes": tuple(meta["notes"]),
        "folder": folder,
        "served": served,
        "aspects": tuple(of and (of[0], of[1]) for of in meta.get("aspects", ())),  # older preparations have none
    }


def _map(path: Path) -> torch.Tensor:
    import torch  # late: what only prepares data, and says what is in them, starts without it

    # Mode "c", copy on write: pages are shared until they are written to, and a write never reaches the file. Under
    # mode "r" torch would warn, and a write through the tensor would end the process.
    return torch.from_numpy(np.load(path, mmap_mode="c"))
