"""LaTeX of tables compiles, and nothing of it is cut: no box is overfull, whatever a table holds."""

from __future__ import annotations

import re
import shutil
import subprocess
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from analysis.page.report import write_report
from analysis.tables import latex
from analysis.tables.sheet import KEY, NOTE, OURS, PAPER, Sheet
from tests.conftest import ROOT

LATEX = shutil.which("pdflatex")
needs_latex = pytest.mark.skipif(LATEX is None, reason="no pdflatex (apt install texlive-latex-recommended)")


def faults(texts: list[str], folder: Path) -> list[str]:
    """What LaTeX has to complain about in a document of all these tables at A4."""
    body = "\\clearpage\n".join(texts)
    (folder / "all.tex").write_text(
        "\\documentclass[a4paper]{article}\n\\usepackage{booktabs,amssymb,graphicx}\n"
        f"\\begin{{document}}\n{body}\n\\end{{document}}\n"
    )
    done = subprocess.run(
        [str(LATEX), "-interaction=nonstopmode", "all.tex"], cwd=folder, capture_output=True, check=False
    )
    log = (folder / "all.log").read_text(errors="replace")
    wrong = re.findall(r"^(?:! .*|Overfull .*|.*Float too large.*|.*Missing character.*)$", log, re.MULTILINE)
    return wrong + ([] if done.returncode == 0 else [f"exit status {done.returncode}"])


@pytest.mark.slow
@needs_latex
def test_every_table_of_a_report_over_all_published_rows_fits(tmp_path):
    """The published rows have the widest tables that there are: all claims, long titles, settings."""
    write_report(sorted((ROOT / "reproduction").iterdir()), tmp_path / "out")
    texts = [path.read_text() for path in sorted((tmp_path / "out" / "tables").glob("*.tex"))]
    assert len(texts) > 20
    assert faults(texts, tmp_path) == []


@pytest.mark.slow
@needs_latex
def test_a_table_of_any_size_and_any_text_fits(tmp_path):
    """Two hundred failures with tracebacks, thirty columns, words without a gap, names that LaTeX has no letter for."""
    message = "RuntimeError: " + "a_very_long_path/" * 30
    failures = Sheet(
        "failures", "Runs & <failures>", ("run", "message"), (KEY, NOTE), (("0123456789abcdef", message),) * 200
    )
    wide = Sheet("wide", "100% wide", ("γ",) * 30, (OURS,) * 30, (("−99.9±10.00",) * 30,) * 3, notes=("x" * 300,))
    letters = "".join(map(chr, range(32, 127))) + "±×γλ√−—–≥≤…†↑↓→²✓✗₀é日\u0301\x7f"
    odd = Sheet("odd", letters, (letters,) * 2, (KEY, PAPER), ((letters, letters),), notes=(letters,))
    empty = Sheet("empty", "Nothing", ("a",), (KEY,), ())
    assert faults([sheet.to_latex() for sheet in (failures, wide, odd, empty)], tmp_path) == []


@pytest.mark.slow
@given(st.text())
@settings(max_examples=300, deadline=None)
def test_what_is_set_is_ascii_and_closes_each_brace(text):
    """Whatever a class, a data set or an error is called, no letter of it is LaTeX's own command."""
    found = latex.escaped(text)
    bare = re.sub(r"\\[{}&%$#_]", "", found)
    assert found.isascii()
    assert bare.count("{") == bare.count("}")
    assert not re.search(r"[%#&]", bare)


def test_a_long_table_is_continued_and_has_its_notes_once():
    sheet = Sheet("long", "Long", ("a",), (KEY,), tuple((str(n),) for n in range(100)), notes=("The note.",))
    text = sheet.to_latex()
    assert text.count("\\begin{table}") == text.count("\\end{table}") == 3
    assert text.count("(continued)") == 2
    assert text.count("The note.") == text.count("\\label") == 1
    assert [int(n) for n in re.findall(r"^    (\d+) ", text, re.MULTILINE)] == list(range(100))
