"""The folder of heat maps: what a scoring that was interrupted leaves in it belongs to agad all the same."""

from __future__ import annotations

import errno
import os
import resource
from pathlib import Path

import numpy as np
import pytest

from agad.data.tree import Tree
from agad.detector.files import files_at, scored
from agad.detector.pictures import sheet
from agad.detector.pictures.sheet import HeatmapFolder
from tests.helpers.own_detectors import detector
from tests.helpers.raw_data import fill


def score(images: list[str], maps: Path, *, is_interrupted: bool = False) -> None:
    folder = HeatmapFolder(detector("agad"), maps)
    rows = list(scored(detector("agad"), images, 0.0, folder.add))
    if not is_interrupted:
        folder.write_page(rows, "x.agad", [])


def kinds(maps: Path) -> dict[str, int]:
    names = [path.suffix for path in maps.iterdir() if not path.name.startswith(".")]
    return {suffix: names.count(suffix) for suffix in sorted(set(names))}


@pytest.mark.parametrize("room", [100, 2000])
def test_a_full_disk_is_said_to_be_one(room: int, tmp_path: Path) -> None:
    """NumPy says `1024 requested and 992 written`. A limit of a file's size stands for the disk."""
    limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (room, limits[1]))
    try:
        with pytest.raises(OSError, match=os.strerror(errno.EFBIG)):
            sheet.save_array(np.zeros((32, 32), np.float32), tmp_path / "x.npy")
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)


@pytest.fixture
def images(tmp_path: Path) -> list[str]:
    fill(tmp_path / "set" / "hole", 6, 0)
    return files_at([tmp_path / "set" / "hole"])[0]


@pytest.mark.slow
def test_the_next_scoring_removes_maps_of_an_interrupted_one(images: list[str], tmp_path: Path) -> None:
    """81 files lay beside a page of 3 images."""
    maps = tmp_path / "maps"
    score(images[:4], maps)
    score(images, maps, is_interrupted=True)
    assert kinds(maps) == {".npy": 6, ".png": 6}, "the page of other maps has gone"
    (maps / "mine.png").write_bytes((maps / "00006-00005.png").read_bytes())
    np.save(maps / "00006-00005.npy", np.zeros(7))
    score(images[:2], maps)
    assert kinds(maps) == {".html": 1, ".npy": 3, ".png": 3}
    assert np.load(maps / "00006-00005.npy").shape == (7,), "somebody has changed it"


@pytest.mark.slow
def test_maps_of_an_interrupted_scoring_are_no_images(images: list[str], tmp_path: Path) -> None:
    """60 rows of 40 images; and the next fit took `maps` for a class."""
    maps, top = tmp_path / "set" / "maps", tmp_path / "set"
    score(images, maps, is_interrupted=True)
    found, notes = files_at([top])
    assert found == images
    assert "6 images that agad itself wrote are left out" in notes[0]
    assert Tree(top, top).leave_out_written(maps)
