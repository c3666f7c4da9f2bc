"""The code digest: what makes numbers changes it; texts, comments and other code do not."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from agad.store.provenance import code_digest, digest_of
from tests.conftest import ROOT

LOSSES = "methods/losses.py"


@pytest.fixture
def package(tmp_path: Path) -> Path:
    shutil.copytree(ROOT / "agad", tmp_path / "agad")
    return tmp_path / "agad"


def test_it_does_not_depend_on_where_the_code_lies(package: Path) -> None:
    assert digest_of(package) == code_digest()


@pytest.mark.slow
def test_docstrings_comments_and_layout_do_not_count(package: Path) -> None:
    path = package / LOSSES
    before = path.read_text()
    path.write_text(f'"""Another text."""\n\n# A comment.\n{before}\n\n\nclass Empty:\n    """A class."""\n')
    with_class = digest_of(package)
    path.write_text(before + '\nclass Empty:\n    """Said otherwise,\n    in two lines."""\n')

    assert digest_of(package) == with_class != code_digest()


def test_what_makes_no_number_does_not_count(package: Path) -> None:
    for name in ("store/rows.py", "plan/make.py", "files.py"):
        with (package / name).open("a") as file:
            file.write("\nANOTHER = 1\n")

    assert digest_of(package) == code_digest()


@pytest.mark.parametrize("folder", ["spec", "data", "nets", "methods", "scoring", "train"])
def test_what_makes_numbers_counts(folder: str, package: Path) -> None:
    path = next(path for path in sorted((package / folder).rglob("*.py")) if path.name != "__init__.py")
    path.write_text(path.read_text() + "\nANOTHER = 1\n")

    assert digest_of(package) != code_digest()
