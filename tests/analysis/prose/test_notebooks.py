"""The notebooks of docs/notebooks are those of analysis/notebooks with what published rows make them say."""

from __future__ import annotations

import json
import os
import re
from pathlib import Path

import pytest

from analysis.prose import notebooks
from analysis.prose.notebooks import NOTEBOOKS, executed, main
from tests.conftest import ROOT

PUBLISHED = ROOT / "docs" / "notebooks"
RESULTS = "reproduction/gamma0"
NAMES = sorted(path.name for path in NOTEBOOKS.glob("*.ipynb"))


@pytest.mark.slow
def test_published_notebooks_say_what_their_rows_say(monkeypatch: pytest.MonkeyPatch, capsys) -> None:
    """Made by `make docs`."""
    monkeypatch.chdir(ROOT)
    assert main([RESULTS, "--out", "docs/notebooks", "--check"]) == 0, capsys.readouterr().out


@pytest.mark.parametrize("name", NAMES)
def test_a_published_notebook_is_small_whole_and_nobodys(name: str) -> None:
    """Every cell of today's notebook, run, with no path of a machine and no time."""
    text = (PUBLISHED / name).read_text()
    ours, published = (json.loads(of)["cells"] for of in ((NOTEBOOKS / name).read_text(), text))
    sources = ["".join(cell["source"]).replace("../../results/demo", f"../../{RESULTS}") for cell in ours]
    assert ["".join(cell["source"]) for cell in published] == sources
    code = [cell for cell in published if cell["cell_type"] == "code"]
    assert [cell["execution_count"] for cell in code] == list(range(1, len(code) + 1))
    assert len(text) < 500 * 1024
    assert not re.search(r"/(tmp|home|root|work|Users)/|\b\d\d:\d\d:\d\d\b", text)


def made(*sources: str) -> dict[str, object]:
    cells = [{"cell_type": "code", "source": [source], "outputs": [], "execution_count": None} for source in sources]
    return {"cells": cells, "nbformat": 4, "nbformat_minor": 5, "metadata": {}}


def test_a_cell_shows_what_it_prints_and_its_last_value(tmp_path: Path) -> None:
    """Names live on from cell to cell, the working folder is the notebook's, and the results are found from there."""
    source = "import os\nprint('../../results/demo', os.getcwd())\na = 3"
    first, second, third = executed(made(source, "a + 1", "b = a"), tmp_path / "rows", tmp_path / "out")["cells"]
    assert first["outputs"][0]["text"] == [f"../rows {tmp_path / 'out'}\n"]
    assert [of["data"] for of in second["outputs"]] == [{"text/plain": "4"}]
    assert third["outputs"] == []


def test_a_stale_notebook_is_named_and_written(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys) -> None:
    (tmp_path / "sources").mkdir()
    (tmp_path / "sources" / "one.ipynb").write_text(json.dumps(made("6 * 7")))
    monkeypatch.setattr(notebooks, "NOTEBOOKS", tmp_path / "sources")
    (tmp_path / "out").mkdir()
    arguments = [str(tmp_path), "--out", str(tmp_path / "out")]
    assert main([*arguments, "--check"]) == 1
    assert main(arguments) == 0
    assert main([*arguments, "--check"]) == 0

    written = tmp_path / "out" / "one.ipynb"
    written.write_text(written.read_text().replace('"42"', '"43"'))
    capsys.readouterr()
    assert main([*arguments, "--check"]) == 1
    assert "one.ipynb: says something else than its rows" in capsys.readouterr().out
    assert main(arguments) == 0
    assert '"42"' in written.read_text()


def test_the_folder_is_read_whatever_the_environment_says(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The page stated one folder's name and another's numbers."""
    monkeypatch.setenv("AGAD_RESULTS", "/elsewhere")
    source = "import os\nos.environ.get('AGAD_RESULTS', '../../results/demo')"
    (cell,) = executed(made(source), tmp_path / "rows", tmp_path / "out")["cells"]
    assert cell["outputs"][0]["data"]["text/plain"] == "'../rows'"
    assert os.environ["AGAD_RESULTS"] == "/elsewhere"


def test_a_folder_that_is_not_there_is_one_line(tmp_path: Path, capsys) -> None:
    assert main([str(tmp_path / "none"), "--out", str(tmp_path / "out")]) == 2
    assert capsys.readouterr().err == f"error: {tmp_path / 'none'} is no folder; give a results folder\n"
    assert not (tmp_path / "out").exists()


_FIGURE = """
import json
from pathlib import Path
from types import SimpleNamespace
from matplotlib.figure import Figure
end, top, colour = json.loads(Path('../../results/demo/values.json').read_text())
figure = Figure()
axes = figure.subplots()
axes.plot([0, 1], [0.5, end])
axes.fill_between([0, 1], [0.2, 0.2], [0.6, top], color=colour)
axes.bar([0, 1], [end, 1.0])
SimpleNamespace(figure=figure, caption="Curves", alt="about .7", words="Curves")
"""


def test_a_check_makes_no_folder(tmp_path: Path, capsys) -> None:
    (tmp_path / "rows").mkdir()
    assert main([str(tmp_path / "rows"), "--out", str(tmp_path / "out"), "--check"]) == 2
    assert f"{tmp_path / 'out'} is no folder" in capsys.readouterr().err
    assert not (tmp_path / "out").exists()


def test_a_figure_of_other_numbers_is_written_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Its words, which are rounded, are the same, and pixels are not compared."""
    (tmp_path / "sources").mkdir()
    (tmp_path / "sources" / "one.ipynb").write_text(json.dumps(made(_FIGURE)))
    monkeypatch.setattr(notebooks, "NOTEBOOKS", tmp_path / "sources")

    def run(end: float, top: float, colour: str, *options: str) -> int:
        (tmp_path / "values.json").write_text(json.dumps([end, top, colour]))
        return main([str(tmp_path), "--out", str(tmp_path / "out"), *options])

    run(0.7, 0.8, "red")
    before = (tmp_path / "out" / "one.ipynb").read_text()
    assert run(0.7, 0.8, "red", "--check") == run(0.7 + 1e-12, 0.8, "blue", "--check") == 0
    assert run(0.7, 0.801, "red", "--check") == run(0.701, 0.8, "red", "--check") == 1
    run(0.701, 0.8, "red")
    assert (tmp_path / "out" / "one.ipynb").read_text() != before
