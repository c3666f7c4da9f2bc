"""The Markdown pages: width, links, and the files that they name."""

from __future__ import annotations

import re
import subprocess
from functools import cache
from pathlib import Path

import pytest

from tests.conftest import ROOT

WIDTH = 120
_FROM_ROWS = re.compile(r"<!-- table: .*?<!-- end of table -->|<!--= [^>]* -->", re.DOTALL)
"""Tables made from rows are as wide as their numbers, and a number's question is not shown (analysis/prose/)."""
_OF_THE_USER = {"slurm/setup.sh"}
"""Files that a user may add."""
_FOLDERS = "agad|sweeps|analysis|benchmarks|slurm|tests|examples|docs|reproduction"
_NAMED_FILE = re.compile(rf"\b(?:{_FOLDERS})/[\w./-]*\w\.(?:py|sh|md|json|ipynb|html|css|js)\b")


def _pages() -> list[Path]:
    """Every Markdown file of the repository; of a copy without git, all but hidden and result folders."""
    try:
        listed = subprocess.run(
            ["git", "ls-files", "--cached", "--others", "--exclude-standard", "*.md"],
            cwd=ROOT, capture_output=True, text=True, check=True,
        ).stdout.splitlines()  # fmt: skip
    except (OSError, subprocess.CalledProcessError):
        ignored = ("results", "data", "cache", "build", "scratch")
        pages = [path.relative_to(ROOT) for path in ROOT.rglob("*.md")]
        listed = [str(page) for page in pages if not str(page).startswith((".", *ignored))]
    return sorted(ROOT / name for name in listed if (ROOT / name).is_file())


PAGES = _pages()


@cache
def _text(page: Path) -> str:
    return page.read_text(encoding="utf-8")


def _without_code(text: str) -> str:
    """Indented and fenced code, and the heading of the latter, can name files that do not exist yet."""
    text = re.sub(r"^(?:`[^`\n]+`:\n\n)?```.*?^```$", "", text, flags=re.DOTALL | re.MULTILINE)
    return "\n".join(line for line in text.splitlines() if not line.startswith("    "))


def test_the_pages_were_found() -> None:
    assert {ROOT / "README.md", ROOT / "docs" / "design.md", ROOT / "slurm" / "README.md"} <= set(PAGES)


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_no_line_is_longer_than_a_screen(page: Path) -> None:
    lines = _FROM_ROWS.sub("", _text(page)).splitlines()

    assert [line for line in lines if len(line) > WIDTH and not line.startswith("|")] == []


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_links_lead_somewhere(page: Path) -> None:
    links = [link for link in re.findall(r"\]\(([^)#\s]+)(?:#[^)]*)?\)", _text(page)) if "://" not in link]

    assert [link for link in links if not page.parent.joinpath(link).exists()] == []


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_named_files_exist(page: Path) -> None:
    named = set(_NAMED_FILE.findall(_without_code(_text(page))))

    assert {name for name in named - _OF_THE_USER if not (ROOT / name).exists()} == set()
