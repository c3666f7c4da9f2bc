"""What notebooks show says what its rows are short of: notes of tables, cautions of rows, words of figures."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from agad.plan.plan import Plan
from agad.store.rows import ResultStore
from analysis import curves
from analysis.cells import read_all, since
from analysis.claims.table import findings
from analysis.figures.curves import curve_figures
from analysis.figures.forest import choice_forest
from analysis.figures.leakage import leakage_figure
from analysis.figures.profiles import profile_figure
from analysis.load import RowsWarning, load_rows, open_store
from analysis.prose.notebooks import NOTEBOOKS, executed
from analysis.tables.agreement import agreement_table
from analysis.tables.footnotes import in_short
from analysis.tables.layouts.comparisons import uncertainty
from analysis.tables.layouts.verdicts import verdict_table
from analysis.tables.leakage import leakage_table
from analysis.tables.table import cells_table
from analysis.views import Notes, View, rows_view, studies_view, tuned_view
from tests.helpers.analysis_rows import commit_all, drawn, specs

CURVE = {"curve_update": [20, 40], "curve_auroc_eval": [0.6, 0.9]}
SHORT = "Of these runs: 4 of 5 are ok; made with more than one code; 1 damaged file passed over."


@pytest.fixture(scope="module")
def doubtful(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Rows of two codes, a run that is missing, and a file that cannot be read."""
    place = tmp_path_factory.mktemp("doubtful")
    runs = specs(range(5), seeds=(0,), updates=40, curve=(20,))
    Plan("doubtful", (), (), tuple(runs)).save(place)
    for code, some in (("c", runs[:2]), ("e", runs[2:4])):
        commit_all(ResultStore(place), some, drawn, {**CURVE, "code_digest": code * 64})
    (place / "base" / "torn.parquet").write_bytes(b"PAR1 and nothing else")
    return place


@pytest.fixture(scope="module")
def sound(tmp_path_factory: pytest.TempPathFactory) -> Path:
    place = tmp_path_factory.mktemp("sound")
    commit_all(ResultStore(place), specs(range(2), seeds=(0,), updates=40, curve=(20,)), drawn, CURVE)
    return place


@pytest.mark.slow
def test_a_table_has_its_notes_in_html(doubtful: Path) -> None:
    """Escaped, and in a view as well."""
    cells = read_all(doubtful)
    sheet = leakage_table(cells, curves.read(open_store(doubtful), cells.runs["run_id"]))
    assert sheet is not None
    for shown in (sheet._repr_html_(), View((sheet,))._repr_html_()):
        table, _, below = shown.partition("</table>")
        assert below.count("<li>") == len(sheet.notes) + 1 > 3
        assert "n: runs that are ok of those wanted." in below
        assert "<li>" not in table
    assert "<li>a &lt;b&gt;</li>" in Notes("t", ("a <b>",))._repr_html_()


@pytest.mark.slow
def test_a_table_of_doubtful_rows_says_so_in_a_notebook(doubtful: Path, sound: Path) -> None:
    """In short, once, and not where the whole table or the report says it in full."""
    for place, caution in ((doubtful, SHORT), (sound, "")):
        cells = read_all(place)
        more = agreement_table(cells), verdict_table(cells), uncertainty(cells, "u", "u")
        for sheet in (sheet for sheet in (*cells_table(cells).sheets, *more) if sheet is not None):
            assert sheet.caution == caution
            assert sheet._repr_html_().count(SHORT) == bool(caution)
            assert SHORT not in sheet.to_markdown() + sheet.to_html() + sheet.to_latex()


def test_a_view_of_rows_says_what_they_are_short_of(doubtful: Path, sound: Path) -> None:
    view = rows_view(read_all(doubtful))
    for text in (view.to_markdown(), view._repr_html_()):
        joined = " ".join(text.split())
        assert "Not complete: 4 of 5 runs are ok; 1 missing." in joined
        assert f"Mixed: code: {'c' * 12} (2 runs), {'e' * 12} (2 runs)." in joined
        assert "Not readable and passed over: torn.parquet" in joined
    assert "Mixed" not in rows_view(read_all(sound)).to_markdown()


@pytest.mark.slow
def test_a_figure_has_its_caption_and_a_caution_below_it(doubtful: Path, sound: Path) -> None:
    for place, caution in ((doubtful, SHORT), (sound, "")):
        cells = read_all(place)
        drawings = [
            *curve_figures(cells, curves.read(open_store(place), cells.runs["run_id"])),
            *(made for make in (leakage_figure, profile_figure, choice_forest) if (made := make(cells)) is not None),
        ]
        assert {"curves-mnist", "leakage"} <= {drawing.name for drawing in drawings}
        for drawing in drawings:
            below = drawing._repr_html_().partition("</svg>")[2].lstrip()
            assert below.startswith("<figcaption>")
            assert below.endswith("</figcaption></figure>")
            assert drawing.caution == in_short(cells) == caution
            assert drawing.words == f"{drawing.caption} {caution}".strip()


@pytest.mark.slow
def test_rows_read_as_they_are_warn(doubtful: Path, sound: Path) -> None:
    """A frame has no notes; an open store knows what was passed over."""
    frames = (load_rows, lambda of: curves.read(of, ["none"]), lambda of: curves.read_scores(of, ["none"]), findings)
    for read in frames:
        with pytest.warns(RowsWarning, match=r"torn\.parquet: .*; passed over") as caught:
            read(doubtful)
        assert {warning.filename for warning in caught} == {__file__}
        read(open_store(doubtful))
        read(sound)
    store = open_store(doubtful)
    store.read(["run_id"])
    assert [text.split(":")[0] for text in since(read_all(doubtful), store).damaged] == ["torn.parquet"]


def test_finished_rows_that_differ_warn(tmp_path: Path) -> None:
    for auroc in (0.5, 0.75):
        commit_all(ResultStore(tmp_path), specs((0,), seeds=(0,)), lambda _, auroc=auroc: auroc)
    for read in (load_rows, findings):
        with pytest.warns(RowsWarning, match="1 run has several finished rows that differ; .* 25 points apart"):
            read(tmp_path)
    assert "1 has finished rows that differ" in in_short(read_all(tmp_path))


def test_a_view_without_tunings_names_what_it_could_not_read(doubtful: Path, tmp_path: Path) -> None:
    """The plan or the rows may be in there."""
    assert "passed over: torn.parquet" in tuned_view(doubtful)._repr_html_()
    (tmp_path / "base").mkdir()
    (tmp_path / "base" / "torn.parquet").write_bytes(b"PAR1 and nothing else")
    assert "passed over: torn.parquet" in tuned_view(tmp_path)._repr_html_()
    assert "There is no study" in studies_view(tmp_path)._repr_html_()


@pytest.mark.slow
@pytest.mark.parametrize("name", ["figures", "leakage", "tables"])
def test_a_notebook_says_what_its_rows_are_short_of(name: str, doubtful: Path, tmp_path: Path) -> None:
    """Once, in its first output or the one after; below each figure in short."""
    source = json.loads((NOTEBOOKS / f"{name}.ipynb").read_text(encoding="utf-8"))
    cells = [cell for cell in executed(source, doubtful, tmp_path)["cells"] if cell["cell_type"] == "code"]
    texts = [json.dumps(cell["outputs"], ensure_ascii=False) for cell in cells]
    first = 1 if name == "tables" else 0
    for said in ("4 of 5 runs are ok", "Mixed: code", "torn.parquet"):
        assert said in texts[first]
        assert not [text for text in texts[first + 1 :] if said in text]
    drawn_in = [text for text in texts if "image/png" in text]
    assert all(text.count(f"{SHORT}</p>") == text.count("image/png") for text in drawn_in)
    assert bool(drawn_in) == (name != "tables")
