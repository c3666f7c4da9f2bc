"""The code digest: what makes numbers changes it; texts, comments and other code do not. The commit: agad's own."""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

from agad.store import provenance
from agad.store.provenance import code_digest, digest_of
from agad.store.provenance.sources import installed_of, sources_of
from tests.conftest import ROOT

LOSSES = "methods/losses.py"


@pytest.fixture
def package(tmp_path: Path) -> Path:
    shutil.copytree(ROOT / "agad", tmp_path / "agad")
    return tmp_path / "agad"


@pytest.mark.slow
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


@pytest.mark.slow
def test_what_makes_no_number_does_not_count(package: Path) -> None:
    for name in ("store/rows.py", "plan/make.py", "files.py"):
        with (package / name).open("a") as file:
            file.write("\nANOTHER = 1\n")

    assert digest_of(package) == code_digest()


@pytest.mark.slow
@pytest.mark.parametrize("folder", ["spec", "data", "nets", "methods", "scoring", "train"])
def test_what_makes_numbers_counts(folder: str, package: Path) -> None:
    path = next(path for path in sorted((package / folder).rglob("*.py")) if path.name != "__init__.py")
    path.write_text(path.read_text() + "\nANOTHER = 1\n")

    assert digest_of(package) != code_digest()


FORMS = (
    "import os; import own_helper",
    "try: import own_helper\nexcept ImportError: own_helper = None",
    "if True: import own_helper",
    "def score(x):\n    import own_helper",
    "import \\\n  own_helper",
    "import os, \\\n  own_helper",
    "import os, own_helper",
    "from os import path; from own_helper import score",
    "own_helper = __import__('own_helper')",
    "import importlib\nown_helper = importlib.import_module('own_helper')",
    "from importlib import import_module as load, import_module\nown_helper = import_module(name='own_helper')",
    "from importlib import import_module as load\nload('own_helper')",
    "import importlib as library\nload = library.import_module\nload('own_helper')",
    "builtin = __import__\nbuiltin('own_helper')",
    "from builtins import __import__ as load\nload('own_helper')",
    "import importlib\nclass A:\n    load = importlib.import_module\n    def b(self):\n        self.load('own_helper')",
)
ENDINGS = (".pt", ".ckpt", ".pkl", ".onnx", ".pth.tar", ".h5", ".joblib", ".xml", ".parquet", ".t7", ".so", ".PNG")
OWN = "def score(x):\n    return {}x\n"


@pytest.mark.slow
@pytest.mark.parametrize(
    ("line", "file"),
    [
        ("import own_helper", "lib/own_helper.py"),
        ("from own_helper import score", "lib/own_helper.py"),
        ("import numpy as np, own_helper as h  # ours", "lib/own_helper.py"),
        ("from own_package.inner import score", "lib/own_package/inner.py"),
        ("import own_between", "lib/own_helper.py"),
        ("from agad.mine import score", "agad/mine.py"),
        ("from agad import mine", "agad/mine.py"),
        ("from .. import mine", "agad/mine.py"),
        ("from ..mine.deep import score", "agad/mine/deep.py"),
        *((line, "lib/own_helper.py") for line in FORMS),
        ("from own_folder import inner", "lib/own_folder/inner.py"),
        *(("WEIGHTS = 'own'", f"agad/methods/own{ending}") for ending in ENDINGS),
        ("WEIGHTS = 'own'", "agad/methods/weights/own"),
    ],
)
def test_what_a_method_of_one_s_own_takes_from_elsewhere_counts(
    line: str, file: str, package: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A helper edited between two launches: rows of both would be called of one code."""
    monkeypatch.syspath_prepend(str(package.parent / "lib"))
    (package.parent / file).parent.mkdir(parents=True, exist_ok=True)
    for folder in ("lib/own_package", *([str(Path(file).parent)] if "mine/" in file else [])):
        (package.parent / folder).mkdir(parents=True, exist_ok=True)
        (package.parent / folder / "__init__.py").touch()
    (package.parent / "lib" / "own_between.py").write_text("import own_helper\n")
    path = package.parent / file
    path.write_text(OWN.format(""))
    (package / "methods" / "mine.py").write_text(f"{line}\n")
    before = digest_of(package)
    assert digest_of(package) == before
    path.write_text(OWN.format("-"))

    assert digest_of(package) != before


@pytest.mark.slow
def test_what_lies_beside_a_method_and_is_read_by_none_does_not_count(package: Path) -> None:
    before = sources_of(package).keys()
    for name in (".own.pt.swp", "own.pt~", "#own.py#", "notes.md", "run.log", ".cache/own.pt", "__pycache__/own.pkl"):
        path = package / "methods" / name
        path.parent.mkdir(exist_ok=True)
        path.write_bytes(b"1")

    assert sources_of(package).keys() == before


@pytest.mark.slow
def test_what_is_installed_or_only_named_in_words_does_not_count(
    package: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.syspath_prepend(str(package.parent))
    (package.parent / "elsewhere.py").write_text("X = 1\n")
    installed = package.parent / ".local" / "lib" / "site-packages"  # as pip install --user, or a cluster's module
    installed.mkdir(parents=True)
    (installed / "theirs.py").write_text("X = 1\n")
    monkeypatch.syspath_prepend(str(installed))
    before = sources_of(package).keys()
    words = '"""Taken\nfrom elsewhere, and not\nimport elsewhere or so."""\n'
    (package / "methods" / "mine.py").write_text(f"{words}import numpy\nimport json; import theirs\nimport nowhere\n")

    assert sources_of(package).keys() - before == {"methods/mine.py"}
    assert installed_of(sources_of(package)) == {"theirs"}


@pytest.mark.slow
@pytest.mark.parametrize("name", ["own.py", "own.ckpt"])
def test_what_lies_behind_a_link_counts(name: str, package: Path) -> None:
    """A checkout of one's own, or weights on a larger disk; a link that leads back ends nothing."""
    behind = package.parent / "behind"
    behind.mkdir()
    (behind / name).write_text("X = 1\n")
    (behind / "back").symlink_to(package / "methods")
    (package / "methods" / "linked").symlink_to(behind)
    before = digest_of(package)
    (behind / name).write_text("X = 2\n")

    assert digest_of(package) != before


@pytest.mark.slow
def test_what_is_behind_a_link_in_an_imported_package_is_its_data(
    package: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A link to a large folder made each start of a process wait for minutes, an old script there ended it."""
    own, data = package.parent / "lib" / "own_package", package.parent / "data"
    own.mkdir(parents=True)
    data.mkdir()
    (own / "__init__.py").touch()
    (own / "old.py").write_text("print 'hello'\n")
    (own / "data").symlink_to(data)
    (data / "script.py").write_text("X = 1\n")
    monkeypatch.syspath_prepend(str(own.parent))
    (package / "methods" / "mine.py").write_text("import own_package\n")
    before = digest_of(package)
    assert not any("script" in name for name in sources_of(package))
    (own / "old.py").write_text("print 'goodbye'\n")

    assert digest_of(package) != before


@pytest.mark.slow
def test_the_order_in_which_a_disk_lists_files_does_not_matter(package: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A copy on another disk was other code."""
    (package / "methods" / "weights").mkdir()
    (package / "methods" / "weights" / "w.ckpt").write_bytes(b"1")
    (package / "methods" / "aaa").symlink_to("weights")
    real, found = os.scandir, set()
    for turned in (False, True):

        def scandir(path: Path, turned: bool = turned) -> list[os.DirEntry[str]]:
            return sorted(real(path), key=lambda entry: entry.name, reverse=turned)

        monkeypatch.setattr(os, "scandir", scandir)
        found.add(digest_of(package))
    assert len(found) == 1


# -- the commit ---------------------------------------------------------------------------------------------------


@pytest.fixture
def repository(tmp_path: Path) -> Path:
    """A repository with a copy of agad at its top, and one in a folder of it."""
    for folder in (tmp_path / "repository", tmp_path / "repository" / "vendored"):
        (folder / "agad").mkdir(parents=True)
        (folder / "agad" / "__init__.py").touch()
    _git(tmp_path / "repository", "init", "--quiet")
    _commit(tmp_path / "repository")
    return tmp_path / "repository"


def _git(folder: Path, *words: str) -> str:
    done = subprocess.run(["git", "-C", str(folder), *words], capture_output=True, text=True, check=True)
    return done.stdout.strip()


def _commit(folder: Path) -> None:
    _git(folder, "add", "--all")
    _git(folder, "-c", "user.name=a", "-c", "user.email=a@b", "commit", "--quiet", "--message=m")


def _state(folder: Path, monkeypatch: pytest.MonkeyPatch) -> tuple[str | None, bool | None]:
    monkeypatch.setattr(provenance, "_PACKAGE", folder / "agad")
    return provenance.git_state.__wrapped__()


@pytest.mark.parametrize("variable", ["GIT_DIR", "GIT_WORK_TREE", "GIT_INDEX_FILE", "GIT_OBJECT_DIRECTORY"])
def test_the_commit_is_agads_whatever_repository_the_environment_names(
    variable: str, repository: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Each variable by which git is led elsewhere changes nothing."""
    own = _git(repository, "rev-parse", "HEAD")
    other = tmp_path / "other"
    other.mkdir()
    _git(other, "init", "--quiet")
    monkeypatch.setenv(variable, str(other / ".git" if variable == "GIT_DIR" else other))

    assert _state(repository, monkeypatch) == (own, True)


def test_a_change_that_is_not_committed_is_seen(repository: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (repository / "agad" / "__init__.py").write_text("A = 1\n")

    assert _state(repository, monkeypatch)[1] is False


def _hide_new_files(repository: Path) -> None:
    _git(repository, "config", "status.showUntrackedFiles", "no")
    (repository / "agad" / "method.py").touch()


def _ignore_new_files(repository: Path) -> None:
    (repository / ".git" / "info" / "exclude").write_text("method.py\n")
    (repository / "agad" / "method.py").touch()


def _assume_unchanged(repository: Path) -> None:
    _git(repository, "update-index", "--assume-unchanged", "agad/__init__.py")
    (repository / "agad" / "__init__.py").write_text("A = 1\n")


def _skip_and_remove(repository: Path) -> None:
    _git(repository, "update-index", "--skip-worktree", "agad/__init__.py")
    (repository / "agad" / "__init__.py").unlink()


@pytest.mark.parametrize("change", [_hide_new_files, _ignore_new_files, _assume_unchanged, _skip_and_remove])
def test_a_change_that_git_s_settings_hide_is_seen(
    change: Callable[[Path], None], repository: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A row said that its code was that of a commit which did not hold it."""
    assert _state(repository, monkeypatch)[1] is True
    change(repository)
    assert _state(repository, monkeypatch)[1] is False


def test_where_git_hashes_no_file_it_is_unknown_whether_the_code_is_clean(
    repository: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    real = provenance._git

    def broken(*arguments: str) -> str | None:
        return None if arguments[0] == "hash-object" else real(*arguments)

    monkeypatch.setattr(provenance, "_git", broken)
    commit, clean = _state(repository, monkeypatch)
    assert commit is not None
    assert clean is None


def test_a_copy_inside_another_repository_has_no_commit(repository: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Neither where the other repository tracks the copy, nor where it ignores it as it does an environment."""
    assert _state(repository / "vendored", monkeypatch) == (None, None)
    _git(repository, "rm", "--quiet", "-r", "--cached", "agad")
    _git(repository, "-c", "user.name=a", "-c", "user.email=a@b", "commit", "--quiet", "--message=m")
    assert _state(repository, monkeypatch) == (None, None)


_INSTRUCTIONS = ("ONEDNN_MAX_CPU_ISA", "DNNL_MAX_CPU_ISA", "DNNL_DEFAULT_FPMATH_MODE", "MKL_CBWR")


@pytest.mark.parametrize("name", _INSTRUCTIONS)
def test_variables_that_change_the_instructions_of_products_are_in_the_row(
    name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """They change bits, and what torch reports of itself does not follow them."""
    import torch

    for one in _INSTRUCTIONS:
        monkeypatch.delenv(one, raising=False)
    own = torch.backends.cpu.get_cpu_capability()
    assert provenance.collect()["instruction_set"] == own
    monkeypatch.setenv(name, "SSE41")
    assert provenance.collect()["instruction_set"] == f"{own} {name}=SSE41"
