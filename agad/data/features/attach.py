"""A prepared data set together with the vectors that a run reads from a file."""

from __future__ import annotations

import dataclasses
import itertools
from pathlib import Path

import torch

from agad.data.features.file import path_of, read_features
from agad.data.features.vectors import Vectors, rows_by_pixels
from agad.data.prepared import Prepared
from agad.errors import DataError
from agad.spec.run import RunSpec

_NO_LABELS = (
    "it has no train_labels and test_labels, so that the order of its vectors is checked by repeated images alone"
)
_NO_DIGEST = "it has no data_digest, so that its vectors may be of other images than these, or of another size"


def with_features(data: Prepared, spec: RunSpec, data_root: str | Path | None) -> Prepared:
    """The data set with the vectors of `spec.features`; without any where the run makes them of pixels.

    Data that have these vectors already are returned as they are; otherwise the file is read.

    Args:
        data: the data set of the run.
        spec: of the run.
        data_root: folder of the raw data, with the files of vectors in `features/`.

    Raises DataError, one line, where the file is missing, is not one vector for each image of `data`, or is of
    other images.
    """
    if (data.vectors.features if data.vectors else "") == (spec.features if spec.features_file else ""):
        return data
    if data.vectors:
        kept = tuple(note for note in data.notes if note not in data.vectors.notes)
        data = dataclasses.replace(data, vectors=None, notes=kept)
    if not spec.features_file:
        return data
    if data_root is None:
        raise DataError(f"features={spec.features} needs the folder with features/{data.dataset}: give it by --data")
    path = path_of(data_root, data.dataset, spec.features)
    if not path.is_file():
        raise DataError(f"features={spec.features}: there is no file {path}; docs/data.md says how to make it")
    vectors = _read(path, data, spec.features)
    return dataclasses.replace(data, vectors=vectors, notes=(*data.notes, *vectors.notes))


def _read(path: Path, data: Prepared, features: str) -> Vectors:
    advice = f"compute the vectors of what open_prepared({data.dataset!r}, {data.image_size}) gives, in that order"
    if data.damaged:
        advice += f" ({len(data.damaged)} damaged images are left out there)"
    found = read_features(path, {"train": data.train_labels, "test": data.test_labels}, data.digest, advice)
    lacks = [*([] if found.has_labels else [_NO_LABELS]), *([] if found.has_data_digest else [_NO_DIGEST])]
    rows = torch.cat([torch.from_numpy(found.train), torch.from_numpy(found.test)])
    images = itertools.chain(data.train_images.numpy(), data.test_images.numpy())
    return Vectors(
        features=features,
        path=path,
        rows=rows,
        row_of=rows_by_pixels(path, images, rows, advice),
        digest=found.digest,
        notes=tuple(f"features={features}: {what}" for what in lacks),
    )
