"""Which data set a path means, and which of its classes is the normal one."""

from __future__ import annotations

import os
import shlex
from pathlib import Path

import numpy as np

from agad.data.class_names import named_class
from agad.data.find import find_source
from agad.data.names import is_called_anomalous, is_called_normal, one_line
from agad.data.prepared import Prepared
from agad.data.readers.folder import OneClassError
from agad.errors import DataError, SpecError


def dataset_at(path: str | Path) -> tuple[str, Path]:
    """The data set at a path, and its data root: `folder:NAME`, `npz:NAME`; `normals:NAME` for one without classes.

    Raises DataError, one line, for anything else.
    """
    where = Path(os.path.abspath(path))  # noqa: PTH100 - resolve() would take the name of what a link leads to
    if where.is_file() and where.suffix == ".npz":
        return f"npz:{where.stem}", where.parent
    if where.is_dir():
        try:
            find_source(f"folder:{where.name}", where.parent)
        except OneClassError:
            return f"normals:{where.name}", where.parent
        return f"folder:{where.name}", where.parent
    if where.exists():
        raise DataError(f"{path} is neither a folder of images nor an npz file; give the folder that it lies in")
    raise DataError(f"{path}: there is no such folder or file")


def normal_class(data: Prepared, wanted: str | None) -> int:
    """The index of the normal class: the one that is wanted, by name or index; else the one that it must be.

    A name stands before an index. Without a wish it is the only class with training images, or the only one that is
    called good, normal, ok or the like. Raises SpecError, one line that lists the classes, or that names the only one
    where it is called bad, defects or the like.
    """
    names, counts = data.class_names, data.train_counts
    if wanted is not None:
        found = named_class(wanted, names, data.dataset)
        if not counts[found]:
            raise SpecError(f"--normal {wanted}: class {names[found]} has no training images")
        return found
    trained = [index for index, count in enumerate(counts) if count]
    if len(trained) == 1:
        _check_meant(names[trained[0]])
        return trained[0]
    named = [index for index in trained if is_called_normal(names[index])]
    if len(named) == 1:
        return named[0]
    raise SpecError(f"which class is normal? name it by --normal, one of: {', '.join(names)}")


def _check_meant(name: str) -> None:
    """Refuse to take anomalies for the normal images, because there are no others to train on."""
    if is_called_anomalous(name):
        told = one_line(name)
        raise SpecError(
            f"the only class with training images is called {told}, as anomalies are: put normal images into a folder "
            f"beside it, called good; or if its images are the normal ones, say so by --normal {shlex.quote(told)}"
        )


def test_labels(data: Prepared, normal: int) -> tuple[int, int]:
    """Numbers of normal and of anomalous test images."""
    normals = int(np.sum(data.test_labels == normal))
    return normals, len(data.test_labels) - normals
