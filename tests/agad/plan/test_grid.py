"""Grids register themselves; those in files of one's own fail with one clear line."""

from __future__ import annotations

from pathlib import Path

import pytest

from agad import RunSpec, grid
from agad.errors import SpecError
from agad.plan.grid import grid_name, load_file, make_grid

TWO = """
from agad import RunSpec, grid
import agad

@grid
def first() -> list[RunSpec]:
    '''The first line.

    No other.'''
    return [RunSpec(dataset="digits", normal_class=0)]

@agad.grid(seeds=5)
def second():
    return first()

def neither():
    return 1 / 0
"""


@pytest.fixture
def two(tmp_path: Path) -> Path:
    path = tmp_path / "mine.py"
    path.write_text(TWO)
    return path


def test_a_function_stays_callable_and_its_docstring_is_the_summary() -> None:
    @grid(seeds=7)
    def some() -> list[RunSpec]:
        """What it answers.

        What it costs.
        """
        return [RunSpec(dataset="digits", normal_class=4)]

    made = make_grid(some)
    assert (made.name, made.summary, made.seeds, made.cells) == ("some", "What it answers.", 7, tuple(some()))


def test_a_file_of_one_s_own_with_several_grids(two: Path) -> None:
    first, second = load_file(f"{two}:first"), load_file(f"{two}:second")

    assert (first.name, first.summary, first.seeds) == ("first", "The first line.", 3)
    assert (second.name, second.seeds, second.cells) == ("second", 5, first.cells)
    for call in (load_file, grid_name):
        with pytest.raises(SpecError, match=r"several grids; choose one by --grid .*mine\.py:NAME: first, second"):
            call(str(two))
    with pytest.raises(SpecError, match="no grid 'neither'; it has: first, second"):
        load_file(f"{two}:neither")


@pytest.mark.parametrize(
    ("code", "message"),
    [
        (
            "@grid(seeds=2)\ndef g():\n    return [CELL, CELL.replace(seed=7)]",
            "g: a cell has seed=7, but .* --seeds says",
        ),
        (
            "@grid\ndef g():\n    return [CELL]\n\n@grid\ndef g():\n    return [CELL]",
            "two grids of one file are named g",
        ),
    ],
)
def test_what_would_be_left_out_is_refused(code: str, message: str, tmp_path: Path) -> None:
    """A cell's own seed, and the first of two grids of one name."""
    path = tmp_path / "mine.py"
    path.write_text(f"from agad import RunSpec, grid\n\nCELL = RunSpec(dataset='digits', normal_class=0)\n\n{code}\n")
    with pytest.raises(SpecError, match=message):
        load_file(f"{path}:g")


def test_an_imported_grid_is_not_the_files_own(two: Path) -> None:
    two.write_text("from agad import grid\nfrom sweeps.grids.demo import demo\n\n@grid\ndef mine():\n    return demo()")

    assert load_file(str(two)).name == "mine"


def test_a_file_s_grid_is_named_without_executing_it(tmp_path: Path) -> None:
    path = tmp_path / "mine.py"
    path.write_text("from agad import grid\n\n@grid(seeds=2)\ndef mine():\n    return []\n\nraise SystemExit(7)\n")

    assert grid_name(str(path)) == "mine"
    assert grid_name(f"{tmp_path / 'gone.py'}:other") == "other"
    assert grid_name("table2") == "table2"


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (None, r"there is no file .*mine\.py"),
        ("x = 1", r"mine\.py has no grid: decorate a function by @grid"),
        ("import sys\nsys.exit(7)", r"mine\.py, line 2: SystemExit: 7"),
        ("x = 1\ny = 1 / 0", r"mine\.py, line 2: ZeroDivisionError: division by zero"),
        ("def f(:", r"mine\.py, line 1: SyntaxError: "),
        ("from agad import grid\n\n@grid\ndef f():\n    return [1]", "must return a list of RunSpec"),
        ("from agad import grid\n\n@grid\ndef f():\n    return [][0]", r"mine\.py, line 5: IndexError"),
        ("from agad import grid, RunSpec\n\n@grid\ndef f():\n    return [RunSpec(gamma=7)]", r"mine\.py, line 5: "),
        ("from agad import grid\n\n@grid\ndef _f():\n    return []", "let its name begin with a letter"),
    ],
)
def test_what_is_wrong_with_a_file_is_one_clear_line(tmp_path: Path, text: str | None, message: str) -> None:
    path = tmp_path / "mine.py"
    if text is not None:
        path.write_text(text)

    with pytest.raises(SpecError, match=message) as caught:
        load_file(str(path))
    assert "\n" not in str(caught.value)
