"""The CSV of a scoring: what an error or Ctrl-C leaves of it, and whose files it touches."""

from __future__ import annotations

import csv
import errno
import os
import threading
from pathlib import Path

import pytest

from agad import files
from agad.detector.files import COLUMNS, Scored
from agad.errors import AgadError
from sweeps.detector import csv_file
from sweeps.detector.csv_file import CsvFile

HEADER = f"{','.join(COLUMNS)}\n"
BEFORE = f"{HEADER}old.png,1.0,50.0,normal\n"


def rows(number: int) -> list[Scored]:
    return [Scored(f"{n}.png", float(n), 50.0, "normal") for n in range(number)]


def write(target: Path, number: int, error: BaseException | None = None) -> None:
    file = CsvFile(target)
    with file.opened():
        for row in rows(number):
            file.add(row)
        if error is not None:
            raise error


def paths_in(file: Path) -> list[str]:
    with file.open(newline="", encoding="utf-8") as opened:
        return [row["path"] for row in csv.DictReader(opened)]


def names(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


def test_all_rows_take_the_place_of_earlier_ones_and_of_a_part(tmp_path: Path) -> None:
    for name in ("x.csv", "x.csv.part"):
        (tmp_path / name).write_text(BEFORE)
    write(tmp_path / "x.csv", 3)
    assert paths_in(tmp_path / "x.csv") == ["0.png", "1.png", "2.png"]
    assert names(tmp_path) == ["x.csv"]


@pytest.mark.parametrize("error", [KeyboardInterrupt(), OSError(errno.ENOSPC, "full", "maps/1.png"), ValueError()])
def test_an_error_leaves_the_target_and_keeps_the_rows_beside_it(
    error: BaseException, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """41 rows of an earlier scoring had become one."""
    (tmp_path / "x.csv").write_text(BEFORE)
    with pytest.raises(type(error)):
        write(tmp_path / "x.csv", 3, error)
    assert (tmp_path / "x.csv").read_text() == BEFORE
    assert paths_in(tmp_path / "x.csv.part") == ["0.png", "1.png", "2.png"]
    part = tmp_path / "x.csv.part"
    assert capsys.readouterr().err == f"{tmp_path / 'x.csv'} is not written: the rows so far, 3, are in {part}\n"


def test_an_error_before_the_first_row_leaves_all_as_it_was(tmp_path: Path) -> None:
    (tmp_path / "x.csv.part").write_text(BEFORE)
    with pytest.raises(KeyboardInterrupt):
        write(tmp_path / "x.csv", 0, KeyboardInterrupt())
    assert names(tmp_path) == ["x.csv.part"]
    assert (tmp_path / "x.csv.part").read_text() == BEFORE


def test_rows_that_cannot_be_kept_are_said_and_the_first_error_ends_the_command(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def full(target: Path, _: object) -> None:
        raise OSError(errno.ENOSPC, "full", str(target))

    monkeypatch.setattr(files, "replace_atomically", full)
    with pytest.raises(OSError, match=r"x\.csv'"):
        write(tmp_path / "x.csv", 3)
    assert "the rows so far could not be kept: " in capsys.readouterr().err


def test_a_kill_loses_few_rows(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(csv_file, "_SAVE_EVERY", 2)
    (tmp_path / "x.csv").write_text(BEFORE)
    file = CsvFile(tmp_path / "x.csv")
    with file.opened():
        for row in rows(5):
            file.add(row)
        assert paths_in(tmp_path / "x.csv.part") == ["0.png", "1.png", "2.png", "3.png"]
        assert (tmp_path / "x.csv").read_text() == BEFORE
    assert names(tmp_path) == ["x.csv"]


@pytest.mark.parametrize("kind", ["file", "link", "pipe", "folder"])
def test_a_part_of_somebody_else_s_is_refused_at_once(kind: str, tmp_path: Path) -> None:
    """It was deleted."""
    part = tmp_path / "x.csv.part"
    if kind == "file":
        part.write_text("mine\n")
    elif kind == "link":
        (tmp_path / "scores.csv").write_text(BEFORE)
        part.symlink_to("scores.csv")
    elif kind == "pipe":
        os.mkfifo(part)
    else:
        part.mkdir()
    before = part.lstat()
    with pytest.raises(AgadError, match=r"x\.csv\.part") as caught:
        CsvFile(tmp_path / "x.csv")
    assert "\n" not in str(caught.value)
    assert part.lstat() == before


def test_a_pipe_gets_each_row_at_once_and_has_no_part(tmp_path: Path) -> None:
    """Also those before an error."""
    os.mkfifo(tmp_path / "x")
    read: list[str] = []
    reader = threading.Thread(target=lambda: read.append((tmp_path / "x").read_text()))
    reader.start()
    with pytest.raises(KeyboardInterrupt):
        write(tmp_path / "x", 2, KeyboardInterrupt())
    reader.join()
    assert read == [f"{HEADER}0.png,0.0,50.0,normal\n1.png,1.0,50.0,normal\n"]
    assert names(tmp_path) == ["x"]


def test_a_link_stays(tmp_path: Path) -> None:
    (tmp_path / "x.csv").symlink_to("real.csv")
    write(tmp_path / "x.csv", 1)
    assert (tmp_path / "x.csv").is_symlink()
    assert paths_in(tmp_path / "real.csv") == ["0.png"]
