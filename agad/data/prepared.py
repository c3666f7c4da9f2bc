"""Prepared data: uint8 images of one size, memory-mapped, so that all processes of a node share one copy."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from agad.data import cache as folders
from agad.data.find import find_source
from agad.data.source import Source, SourceAbsentError
from agad.data.write import write_prepared
from agad.errors import DataError

_ATTEMPTS = 3
"""Another process may replace an incomplete folder between the check and the opening."""


@dataclass(frozen=True, slots=True, eq=False)
class Prepared:
    """A data set at one size.

    Attributes:
        dataset: its name, as in RunSpec.
        image_size: height and width in pixels.
        train_images: (N, C, H, W) uint8, memory-mapped: pages are read on first use and shared by all processes.
        test_images: likewise, the whole test set.
        train_labels: (N,) int64 class indices.
        test_labels: likewise.
        channels: C, 1 (grey) or 3 (RGB).
        class_names: one name per class index.
        digest: SHA-256 of images and labels; equal data have equal digests on every machine.
        duplicates: `test_in_train`: number of test images whose pixels equal a training image's; `within_train` and
            `within_test`: number of images that repeat an earlier one.
        damaged: (file, reason) of every image that could not be decoded and was left out.
        notes: what a reader of results should know about these data, one sentence each.
        folder: the folder of the arrays.
    """

    dataset: str
    image_size: int
    train_images: torch.Tensor
    test_images: torch.Tensor
    train_labels: NDArray[np.int64]
    test_labels: NDArray[np.int64]
    channels: int
    class_names: tuple[str, ...]
    digest: str
    duplicates: dict[str, int]
    damaged: tuple[tuple[str, str], ...]
    notes: tuple[str, ...]
    folder: Path

    @property
    def train_counts(self) -> tuple[int, ...]:
        """Training images per class."""
        return tuple(np.bincount(self.train_labels, minlength=len(self.class_names)).tolist())

    @property
    def test_counts(self) -> tuple[int, ...]:
        """Test images per class."""
        return tuple(np.bincount(self.test_labels, minlength=len(self.class_names)).tolist())

    def summary(self) -> list[str]:
        """Lines to print: name, counts, digest and folder, then each note."""
        counts = f"{len(self.train_labels)} training and {len(self.test_labels)} test images"
        line = f"{self.dataset} {self.image_size}x{self.image_size}: {counts}, digest {self.digest[:12]}, {self.folder}"
        return [line, *(f"  note: {note}" for note in self.notes)]


def open_prepared(
    dataset: str,
    image_size: int,
    *,
    data_root: str | Path | None = None,
    cache: str | Path | None = None,
    download: bool = False,
) -> Prepared:
    """Open the prepared data set, and prepare it first where the cache does not hold it.

    The cache holds one folder per data set, size and state of the raw files (names, sizes, times). Without raw files,
    the data set opens if exactly one prepared folder exists. Opening takes milliseconds and hashes nothing.

    Args:
        dataset: a name of agad.spec.datasets, `npz:NAME` or `folder:NAME`.
        image_size: height and width in pixels.
        data_root: folder of the raw data; None: only the cache is used, and data sets that need no raw files.
        cache: folder of the prepared data; None: `$AGAD_CACHE`, else the user's cache folder.
        download: whether missing raw data may be downloaded, where torchvision can.

    Raises DataError, one line, for data that are missing, truncated or unusable, and for an unwritable cache.
    """
    root = folders.cache_root(cache)
    for _ in range(_ATTEMPTS):
        folder = _locate(dataset, image_size, root, None if data_root is None else Path(data_root), download)
        meta = folders.read_meta(folder)
        if meta is not None:
            try:
                return _open(folder, meta)
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
            prepared = open_prepared(dataset, image_size, data_root=data_root, cache=cache, download=download)
        except DataError as error:
            failures.append(str(error))
        else:
            lines += prepared.summary()
    if failures:
        raise DataError(f"{len(failures)} data sets could not be prepared: {' | '.join(failures)}")
    return lines


def _locate(dataset: str, image_size: int, root: Path, data_root: Path | None, download: bool) -> Path:
    """The folder to open, prepared first where that is necessary."""
    try:
        source = find_source(dataset, data_root)
    except SourceAbsentError as absent:
        present = folders.prepared_folders(root, dataset, image_size)
        if len(present) == 1:
            return present[0]
        if present:
            names = ", ".join(folder.name for folder in present)
            raise DataError(
                f"{dataset}: the raw data are absent and the cache {root} holds several preparations ({names}); "
                "delete all but one, or give the raw data by --data"
            ) from None
        if not download:
            raise absent from None
        source = find_source(dataset, data_root, download=True)
    folder = folders.folder_of(root, dataset, image_size, source.stamps)
    if folders.read_meta(folder) is None:
        _prepare(dataset, image_size, source, folder, data_root)
    return folder


def _prepare(dataset: str, image_size: int, source: Source, folder: Path, data_root: Path | None) -> None:
    content = source.read()
    with folders.new_folder(folder) as temporary:
        write_prepared(content, temporary, dataset, image_size)
        # The folder's name stands for the raw files as they were found, which a running download may have changed.
        if find_source(dataset, data_root).stamps != source.stamps:
            raise DataError(f"{dataset}: the raw data changed while they were being read; start again")


Images = tuple[torch.Tensor, NDArray[np.int64]]
"""Images (N, C, H, W) uint8 and their class indices (N,)."""


def in_memory(dataset: str, train: Images, test: Images, class_names: tuple[str, ...], *, digest: str = "") -> Prepared:
    """A data set of arrays in memory, without files; its duplicates are not counted."""
    (train_images, train_labels), (test_images, test_labels) = train, test
    _, channels, image_size, _ = train_images.shape
    return Prepared(
        dataset=dataset,
        image_size=image_size,
        train_images=train_images,
        test_images=test_images,
        train_labels=train_labels,
        test_labels=test_labels,
        channels=channels,
        class_names=class_names,
        digest=digest,
        duplicates={},
        damaged=(),
        notes=(),
        folder=Path(),
    )


def _open(folder: Path, meta: dict[str, Any]) -> Prepared:
    return Prepared(
        dataset=meta["dataset"],
        image_size=meta["image_size"],
        train_images=_map(folder / "train_images.npy"),
        test_images=_map(folder / "test_images.npy"),
        train_labels=np.load(folder / "train_labels.npy"),
        test_labels=np.load(folder / "test_labels.npy"),
        channels=meta["channels"],
        class_names=tuple(meta["class_names"]),
        digest=meta["digest"],
        duplicates=dict(meta["duplicates"]),
        damaged=tuple((name, reason) for name, reason in meta["damaged"]),
        notes=tuple(meta["notes"]),
        folder=folder,
    )


def _map(path: Path) -> torch.Tensor:
    # Mode "c", copy on write: pages are shared until they are written to, and a write never reaches the file. Under
    # mode "r" torch would warn, and a write through the tensor would end the process.
    return torch.from_numpy(np.load(path, mmap_mode="c"))
