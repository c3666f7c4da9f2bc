"""reproduction/index.html is the report over the rows beside it."""

from __future__ import annotations

import re

import pytest

from analysis.page.report import write_report
from tests.conftest import ROOT

REPRODUCTION = ROOT / "reproduction"


def words(page: str) -> str:
    """What the page says: without its figures' strokes, style and script."""
    return re.sub(r"<svg.*?</svg>", "", page.partition("<main")[2].partition("</main>")[0], flags=re.DOTALL)


@pytest.mark.slow
def test_the_published_page_is_made_of_the_published_rows(tmp_path):
    """Made by `python analysis/report.py --results reproduction/* --out reproduction/index.html`; it needs no file."""
    folders = sorted(path for path in REPRODUCTION.iterdir() if path.is_dir())
    published = (REPRODUCTION / "index.html").read_text()
    made = write_report(folders, tmp_path / "index.html").read_text()
    assert words(published) == words(made)
    assert published.count("<svg") == made.count("<svg") > 3
