"""A page has no number of rows that contradict each other or are damaged, and its author hears of lesser doubts."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from agad.errors import AnalysisError
from agad.plan.plan import Plan
from agad.store.rows import ResultStore
from analysis.prose.__main__ import main
from analysis.prose.facts import Facts
from tests.helpers.analysis_rows import commit_all, drawn, specs

RUNS = specs(range(10), seeds=(0,), updates=40, curve=(20,))
CURVE = {"curve_update": [20, 40], "curve_auroc_eval": [0.6, 0.9]}
NUMBER = "1.0<!--= some mean eval -->\n"
TABLES = ("some protocols", "some classes", "claims", "claims short")


def _differing(folder: Path) -> None:
    commit_all(ResultStore(folder), RUNS[:2], lambda _: 0.3, {**CURVE, "code_digest": "e" * 64})


def _damaged(folder: Path) -> None:
    (folder / "base" / "torn.parquet").write_bytes(b"PAR1 and nothing else")


def _of_two_codes(folder: Path) -> None:
    (folder / "base" / "rows-0.parquet").unlink()
    for code, runs in (("c", RUNS[:4]), ("e", RUNS[4:])):
        commit_all(ResultStore(folder), runs, drawn, {**CURVE, "code_digest": code * 64})


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    results = tmp_path / "rows" / "some"
    Plan("some", (), (), tuple(RUNS)).save(results)
    commit_all(ResultStore(results), RUNS, drawn, CURVE)
    return results


def page(tmp_path: Path, *tables: str, text: str = NUMBER) -> list[str]:
    """A page with a number and tables; the command's arguments for it."""
    path = tmp_path / "page.md"
    path.write_text(text + "".join(f"<!-- table: {name} -->\nold\n<!-- end of table -->\n" for name in tables))
    return [str(path), "--rows", str(tmp_path / "rows")]


@pytest.mark.slow
@pytest.mark.parametrize(
    ("harm", "says"),
    [(_differing, "2 runs have several finished rows that differ"), (_damaged, "torn.parquet: ")],
)
def test_rows_that_contradict_or_are_damaged_are_refused(
    harm: Callable[[Path], None],
    says: str,
    folder: Path,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    """Numbers and each kind of table, in one line; the page stays as it is."""
    harm(folder)
    for arguments in (page(tmp_path), *(page(tmp_path, name, text="") for name in TABLES)):
        before = Path(arguments[0]).read_text()
        for option in ([], ["--check"]):
            assert main([*arguments, *option]) == 2
            error = capsys.readouterr().err
            assert says in error
            assert error.startswith("error: ")
            assert error.count("\n") == 1
            assert Path(arguments[0]).read_text() == before


def test_curves_that_are_damaged_are_refused(folder: Path) -> None:
    """Their columns are read after the others, which were whole."""
    facts = Facts(folder.parent)
    assert facts.number("some mean eval")
    _damaged(folder)
    with pytest.raises(AnalysisError, match=r"torn\.parquet"):
        facts.number("some best eval")


@pytest.mark.slow
def test_what_merely_makes_doubtful_is_printed_once(
    folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """With --check too; nothing of rows without any doubt."""
    arguments = page(tmp_path, "some protocols")
    assert main(arguments) == 0
    assert capsys.readouterr().err == ""
    _of_two_codes(folder)
    for option in ([], ["--check"]):
        assert main([*arguments, *option]) == 0
        said = capsys.readouterr().err
        assert said == "note: some: Of these runs: made with more than one code.\n"


def test_tables_of_a_part_of_the_runs_are_said_to_be(folder: Path) -> None:
    """A number of such rows is none; a table shows how many there are, to whoever reads its last column."""
    (folder / "base" / "rows-0.parquet").unlink()
    commit_all(ResultStore(folder), RUNS[:7], drawn, CURVE)
    facts = Facts(folder.parent)
    facts.cells("some")
    assert facts.doubts == {"Of these runs: 7 of 10 are ok.": ["some"]}
