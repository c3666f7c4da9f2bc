"""Scoring of files: a row for each, damaged ones named, and nothing that a spreadsheet would execute."""

from __future__ import annotations

import csv
import io
import os
import shutil
from functools import partial
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from agad.data.image import Seen
from agad.detector.detector import Detector
from agad.detector.files import ANOMALOUS, COLUMNS, DAMAGED, files_at, notes_on, scored, to_csv
from agad.errors import DataError
from agad.outputs import Outputs
from tests.helpers.own_detectors import detector, noise, with_values
from tests.helpers.raw_data import fill, picture


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """More files than are decoded at once, of several formats, three of them damaged."""
    fill(tmp_path / "in" / "deeper", 70, 0)
    fill(tmp_path / "in", 3, 100, "RGB", ".jpg")
    (tmp_path / "in" / "cut.png").write_bytes((tmp_path / "in" / "deeper" / "00000.png").read_bytes()[:40])
    (tmp_path / "in" / "empty.bmp").touch()
    (tmp_path / "in" / "words.png").write_text("no image")
    return tmp_path / "in"


@pytest.mark.filterwarnings("ignore::agad.detector.ImageWarning")
@pytest.mark.slow
def test_every_file_has_a_row_in_order_and_damaged_ones_a_reason(folder: Path) -> None:
    files, notes = files_at([folder])
    rows = list(scored(detector(), files, 0.0))
    damaged = {Path(row.path).name: row.reason for row in rows if row.verdict == DAMAGED}

    assert [row.path for row in rows] == files == sorted(files)
    assert notes == ()
    assert sorted(damaged) == ["cut.png", "empty.bmp", "words.png"]
    assert all(damaged.values())
    sound = [row for row in rows if row.score is not None]
    assert np.array_equal([row.score for row in sound], detector().score([row.path for row in sound]))
    assert {row.verdict for row in sound} == {ANOMALOUS}


@pytest.mark.filterwarnings("ignore::agad.detector.ImageWarning")
def test_verdict_and_percentile_follow_the_score(folder: Path) -> None:
    """A score equal to the threshold is normal; the percentile is that of the held-out normals."""
    one = detector()
    files = files_at([folder / "deeper"])[0]
    middle = float(np.median(one.score(files)))
    for row in scored(one, files, middle):
        assert row.score is not None
        assert (row.verdict == ANOMALOUS) == (row.score > middle)
        assert row.percentile == one.percentile(np.array([row.score]))[0]


def test_only_damaged_files(tmp_path: Path) -> None:
    (tmp_path / "a.png").touch()

    assert [row.verdict for row in scored(detector(), [str(tmp_path / "a.png")], 0.0)] == [DAMAGED]


def test_a_file_that_cannot_be_opened_does_not_stop_the_others(folder: Path) -> None:
    files = files_at([folder])[0]
    (folder / "deeper" / "00003.png").unlink()
    rows = list(scored(detector(), files, 0.0))

    assert len(rows) == len(files)
    assert [row.reason for row in rows if row.path.endswith("00003.png")] == ["No such file or directory"]


def test_the_csv_can_be_read_back_and_holds_no_formula(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    names = [
        "=HYPERLINK(1).png",
        "+a.png",
        "-a.png",
        "@a.png",
        'quote",comma.png',
        "line\nbreak.png",
        "ü.png",
        "\ta.png",
    ]
    for name in names:
        picture(1).save(name)
    (tmp_path / "broken.png").touch()
    rows = list(scored(detector(), [*names, "broken.png"], 0.0))
    read = list(csv.reader(io.StringIO(to_csv(rows))))

    assert tuple(read[0]) == COLUMNS
    assert [Path(line[0]) for line in read[1:]] == [Path(name) for name in (*names, "broken.png")]
    assert not [line for line in read if line[0].lstrip()[:1] in tuple("=+-@")]
    assert [float(line[1]) for line in read[1:-1]] == [row.score for row in rows[:-1]]
    assert read[-1][1:3] == ["", ""]
    assert read[-1][3].startswith("damaged: ")


def test_masks_are_left_out_with_a_note(tmp_path: Path) -> None:
    fill(tmp_path / "a", 2, 0)
    fill(tmp_path / "masks", 2, 10)

    assert len(files_at([tmp_path])[0]) == 2
    assert "masks" in files_at([tmp_path])[1][0]


def test_heat_maps_below_a_folder_are_not_scored(tmp_path: Path) -> None:
    """With grey detectors 160 images became 320, then 480."""
    fill(tmp_path / "a", 2, 0)
    before, _ = files_at([tmp_path])
    for _ in range(2):
        outputs = Outputs(tmp_path / "a" / "maps")
        fill(tmp_path / "a" / "maps", 2, 10)
        for path in (tmp_path / "a" / "maps").glob("*.png"):
            outputs.replace(path, partial(shutil.copy, path))
        outputs.close()
        found, notes = files_at([tmp_path])
        assert found == before
        assert notes == ("2 images that agad itself wrote are left out (the first: a/maps/00010.png)",)


def test_named_files_that_agad_itself_wrote_are_not_scored(tmp_path: Path) -> None:
    """`imgs/*.png` named the heat maps beside the images, the next time: six files became twelve."""
    fill(tmp_path, 2, 0)
    images = [str(path) for path in sorted(tmp_path.glob("*.png"))]
    outputs = Outputs(tmp_path)
    for name in ("00001-a.png", "00002-b.png"):
        outputs.replace(tmp_path / name, partial(shutil.copy, images[0]))
    outputs.close()
    found, notes = files_at(sorted(tmp_path.glob("*.png")))

    assert found == images
    assert notes == (f"2 images that agad itself wrote are left out (the first: {tmp_path / '00001-a.png'})",)
    with pytest.raises(
        DataError, match=r"nothing to score \(1 images were written by agad itself\); name other images"
    ):
        files_at([tmp_path / "00001-a.png"])


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda top: None, "there is no such file or folder"),
        (lambda top: top.mkdir(), "has no images"),
        (lambda top: [fill(top / part / "good", 1, 0) for part in ("train", "test")], "split into test and train"),
    ],
)
def test_paths_that_cannot_be_scored(make, message: str, tmp_path: Path) -> None:
    make(tmp_path / "top")
    with pytest.raises(DataError, match=message) as caught:
        files_at([tmp_path / "top"])
    assert "\n" not in str(caught.value)


@pytest.mark.slow
def test_differences_from_the_training_images_are_noted(tmp_path: Path) -> None:
    Image.fromarray(noise(1, 4)[0]).save(tmp_path / "tiny.png")
    picture(1, "RGB", (40, 40)).save(tmp_path / "colour.png")
    grey = list(scored(detector(), [str(tmp_path / "tiny.png"), str(tmp_path / "colour.png")], 0.0))
    coloured = list(scored(detector("agad", "RGB"), [row.path for row in grey], 0.0))

    assert notes_on(detector(), grey)[:2] == [
        "1 of 2 images are in colour, the detector's are grey: converted",
        "1 of 2 images are smaller than 16x16: enlarged",
    ]
    assert notes_on(detector("agad", "RGB"), coloured)[0].startswith(
        "1 of 2 images are grey, the detector's are in colour"
    )


def test_images_of_another_width_to_height_are_noted(tmp_path: Path) -> None:
    """Made square as the training images were, they show other things than those did; older detectors do not know."""
    one = detector()
    width, height = picture(0).size
    alike, other = tmp_path / "alike.png", tmp_path / "other.png"
    picture(1, "L", (4 * width, 4 * height)).save(alike)
    picture(1, "L", (2 * 4 * width, 4 * height)).save(other)
    rows = list(scored(one, [str(alike), str(other)], 0.0))
    older = {name: of for name, of in one.content.preparation.items() if name != "aspects"}

    assert one.content.preparation["aspects"] == [width / height] * 2
    assert notes_on(one, rows[:1]) == []
    assert notes_on(one, rows) == [
        f"1 of 2 images have a width:height of {2 * width / height:.3g}, the training normals had "
        f"{width / height:.3g}: made square, they are distorted otherwise"
    ]
    assert notes_on(Detector(with_values(one.content, preparation=older)), rows) == []


def test_what_files_hold_beside_their_first_image_is_noted(tmp_path: Path) -> None:
    """A later page may show what the first does not; and of 16 bits few levels may be left."""
    first, second = (Image.fromarray(image) for image in noise(2))
    first.save(tmp_path / "pages.tif", save_all=True, append_images=[second])
    Image.fromarray(noise(1)[0].astype(np.uint16) * 8).save(tmp_path / "dark.png")
    seen = Seen()
    list(scored(detector(), files_at([tmp_path])[0], 0.0, seen=seen))

    assert [note.partition(" (")[0].partition("; ")[0] for note in seen.notes()] == [
        "1 files hold several images",
        f"images of 16 bits use the levels {8 * int(noise(1).min())} to {8 * int(noise(1).max())} of 0 to 65535",
    ]


def test_a_pipe_among_images_is_passed_over_with_a_note(folder: Path) -> None:
    """Named itself, it is a damaged file."""
    before, _ = files_at([folder])
    os.mkfifo(folder / "pipe.png")
    files, notes = files_at([folder])

    assert files == before
    assert "1 pipe, socket or device" in " ".join(notes)
    (row,) = scored(detector(), files_at([folder / "pipe.png"])[0], 0.5)
    assert (row.verdict, row.reason) == (DAMAGED, "a pipe, a socket or a device, and no file")


def test_a_link_to_itself_in_a_scored_folder_is_passed_over(tmp_path: Path) -> None:
    """The operating system refuses to follow it: that was a traceback."""
    picture(0).save(tmp_path / "a.png")
    (tmp_path / "loop").symlink_to(tmp_path / "loop")
    found, notes = files_at([tmp_path])
    assert found == [str(tmp_path / "a.png")]
    assert notes == ("1 links are broken: what they lead to is not there",)
