"""What a reader gives must be what the arrays can hold: nothing is converted in silence."""

from __future__ import annotations

import dataclasses
import errno
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from agad.data.source import Content, array_part
from agad.data.write import write_prepared
from agad.errors import DataError
from agad.spec import datasets
from tests.conftest import ROOT
from tests.helpers.raw_data import fill


def write(folder: Path, images: Any, labels: list[int]) -> None:
    part = array_part(images, np.array(labels, np.int64))
    write_prepared(Content(1, ("a", "b"), train=part, test=part), folder, "own", 16)


def test_float_images_are_refused(tmp_path: Path) -> None:
    """Values from 0 to 1 would all become black."""
    with pytest.raises(DataError, match="train images are float32; a reader must give uint8"):
        write(tmp_path, np.full((2, 16, 16), 0.5, np.float32), [0, 1])


def test_classes_in_another_order_than_they_are_declared_in_are_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """`--select normal_class=a` trained the class b, and the table called it a."""
    declared = dataclasses.replace(datasets.DATASETS["digits"], class_names=("b", "a"))
    monkeypatch.setattr("agad.data.class_names.DATASETS", {"own": declared})
    with pytest.raises(DataError, match="own: its reader gives the classes a, b, its DATASETS has b, a; both must"):
        write(tmp_path, np.zeros((2, 16, 16), np.uint8), [0, 1])


@pytest.mark.parametrize("labels", [[1, 2], [-1, 0]])
def test_labels_beyond_the_classes_are_refused(labels: list[int], tmp_path: Path) -> None:
    with pytest.raises(DataError, match=rf"train labels go from {labels[0]} to {labels[1]}; with 2 classes"):
        write(tmp_path, np.zeros((2, 16, 16), np.uint8), labels)


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="this system has no file that stands for a full disk")
def test_labels_that_find_the_disk_full_say_so(tmp_path: Path) -> None:
    """Numpy itself says how many items it could write, without an errno."""
    (tmp_path / "train_labels.npy").symlink_to("/dev/full")
    with pytest.raises(OSError, match="No space left") as caught:
        write(tmp_path, np.zeros((2, 16, 16), np.uint8), [0, 1])
    assert caught.value.errno == errno.ENOSPC


@pytest.mark.slow
def test_damaged_images_are_left_out_where_python_leaves_assertions_out(tmp_path):
    """PYTHONOPTIMIZE: the header of the array is written for the images that are there."""
    for number, name in enumerate(("a", "b")):
        fill(tmp_path / "own" / name, 8, 100 * number)
        (tmp_path / "own" / name / "torn.png").touch()
    code = (
        "from agad.data.prepared import open_prepared; "
        f"opened = open_prepared('folder:own', 16, data_root={str(tmp_path)!r}, cache={str(tmp_path / 'c')!r}); "
        "print(sum(opened.train_counts + opened.test_counts), len(opened.damaged))"
    )
    done = subprocess.run([sys.executable, "-O", "-c", code], capture_output=True, text=True, check=False, cwd=ROOT)

    assert done.stdout.strip() == "16 2", done.stderr
