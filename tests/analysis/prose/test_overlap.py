"""What is known of classes before training stands beside what detectors reached, class by class."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from agad.errors import AnalysisError
from analysis.prose.facts import Facts
from analysis.prose.overlap import FILE, known_of, overlap_table
from tests.conftest import ROOT

HEADER = "dataset,data_digest,normal_class,class_name,overlap_pixels,overlap_gcn,auroc_complexity\n"


@pytest.fixture
def place(tmp_path: Path) -> Path:
    """A class's overlap here is its AUROC of before, so both have one order."""
    cells = Facts(ROOT / "reproduction").one_row("unetpp", {})
    means = cells.class_means("auroc").set_index("class")["mean"]
    (digest,) = set(cells.runs["data_digest"])
    lines = [
        f"cifar10,{digest},{number},class {number},{means[number]},0.5,{1 - means[number]}\n" for number in range(10)
    ]
    (tmp_path / FILE).write_text(HEADER + "".join(reversed(lines)))
    return tmp_path


def test_classes_stand_beside_their_aurocs_and_correlate(place: Path) -> None:
    cells = Facts(ROOT / "reproduction").one_row("unetpp", {})
    sheet = overlap_table(place, "cifar10", [("UNet++", cells, "auroc")])

    assert [line[0] for line in sheet.lines[:2]] == ["class 0", "class 1"]
    assert [line[1] == line[-1] for line in sheet.lines[:10]] == [True] * 10
    assert sheet.lines[10][-1].startswith("+1.00")
    assert sheet.lines[11][-1] == "—"
    assert sheet.lines[12][-1].startswith("\N{MINUS SIGN}1.00")


def test_a_class_of_which_nothing_is_known_shifts_no_other(place: Path) -> None:
    """The file leaves out classes without test images; lines are matched by number."""
    kept = [line for line in (place / FILE).read_text().splitlines() if ",class 3," not in line]
    (place / FILE).write_text("\n".join(kept))
    cells = Facts(ROOT / "reproduction").one_row("unetpp", {})
    sheet = overlap_table(place, "cifar10", [("UNet++", cells, "auroc")])

    assert [line[0] for line in sheet.lines[:9]] == [f"class {number}" for number in range(10) if number != 3]
    assert all(line[1] == line[-1] for line in sheet.lines[:9])
    assert sheet.lines[9][-1].startswith("+1.00")


def test_an_overlap_of_other_images_than_the_rows_is_refused(place: Path) -> None:
    """`--image-size 16` gives other numbers, and so would other images of the same name."""
    text = (place / FILE).read_text()
    (place / FILE).write_text(re.sub("cifar10,[0-9a-f]{12}", "cifar10,000000000000", text))
    cells = Facts(ROOT / "reproduction").one_row("unetpp", {})
    with pytest.raises(AnalysisError, match=r"the overlap and the rows of UNet\+\+ are of different images"):
        overlap_table(place, "cifar10", [("UNet++", cells, "auroc")])


@pytest.mark.parametrize("text", [None, "", HEADER, "a,b\n1,2\n", HEADER + "cifar10,d,zero,x,1,1,1\n"])
def test_a_file_without_the_data_set_is_one_line(text: str | None, tmp_path: Path) -> None:
    path = tmp_path / "overlap.csv"
    if text is not None:
        path.write_text(text)

    with pytest.raises(AnalysisError, match=r"holds no overlap of cifar10") as caught:
        known_of(path, "cifar10")
    assert "\n" not in str(caught.value)
