"""What a process has loaded is what its rows name, whatever has been written into the files since."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from tests.conftest import ROOT

BEGIN = """
import importlib, os, shutil, sys
from pathlib import Path
import agad
package, lib = Path(agad.__file__).parent, Path(agad.__file__).parents[1] / "lib"
kept = {}

def edit(path, text="X = -1\\n"):
    kept[path] = path.read_text() if path.exists() else None
    path.write_text(text)

def revert():
    for path, text in kept.items():
        path.unlink() if text is None else path.write_text(text)
"""
PROCESS = "from agad.store import provenance\nbefore = provenance.code_digest()\n"
SAY = """
for _ in range(2):
    code = provenance.collect()["code_digest"]
    print("named" if code == before else code)
"""
MINE, HELPER, DATA = "package / 'spec' / 'mine.py'", "lib / 'helper.py'", "package / 'spec' / 'mine.ckpt'"
LOAD = "import agad.spec.mine"

NAMED = {
    "nothing is written": LOAD,
    "what is loaded is edited": f"{LOAD}\nedit({MINE})\nedit({HELPER})",
    "what is never loaded is edited": f"edit({MINE})",
    "an edit is reverted before the import": f"edit({MINE})\nrevert()\n{LOAD}",
    "a comment is written": f"edit({MINE}, '# A comment.\\nimport helper\\nX = helper.X\\n')\n{LOAD}",
    "another file appears": f"edit(package / 'spec' / 'other.py')\n{LOAD}",
    "a helper's package has code behind a link": f"{LOAD}\nimport pack.linked.deep",
    "a helper is called as a folder of agad is": f"{LOAD}\nimport nets, agad.nets, agad.data.cache",
    "a hard link is made": f"os.link({DATA}, package / 'x~'); os.unlink(package / 'x~')\n{LOAD}",
    "agad is imported again": f"{LOAD}\nfor n in [*sys.modules]:\n    if n.startswith('agad'): del sys.modules[n]\n"
    f"from agad.store import provenance\n{LOAD}",
}
NAMELESS = {
    "what is edited is loaded": f"edit({MINE})\n{LOAD}",
    "the edit is reverted afterwards": f"edit({MINE})\n{LOAD}\nrevert()",
    "a helper is edited, and that reverted": f"edit({HELPER})\n{LOAD}\nrevert()",
    "it is loaded again after an edit": f"{LOAD}\nedit({MINE})\nimportlib.reload(agad.spec.mine)\nrevert()",
    "data are written, and put back": f"edit({DATA})\nrevert()\n{LOAD}",
    "data appear": f"{LOAD}\nedit(package / 'spec' / 'other.ckpt')",
    "a file appears and is loaded": "edit(package / 'spec' / 'other.py')\nimport agad.spec.other\nrevert()",
    "a part of agad appears": f"{LOAD}\nedit(package / 'part.py')\nimport agad.part",
    "a link leads elsewhere": f"os.rename({MINE}, package / 'old.txt'); edit({MINE}, 'X = 3\\n')\n{LOAD}",
    "it is edited, and agad imported again": f"{LOAD}\nedit({MINE})\nfor n in [*sys.modules]:\n"
    f"    if n.startswith('agad'): del sys.modules[n]\nfrom agad.store import provenance\n{LOAD}\nbefore = ''",
    "a helper is found only when it is imported": f"{LOAD}\nsys.path.append(str(lib / 'deep'))\nimport late",
}


@pytest.fixture
def package(tmp_path: Path) -> Path:
    """A copy of agad with a method's file, its helper, and data beside it. Not one of agad/methods: it needs torch."""
    shutil.copytree(ROOT / "agad", tmp_path / "agad")
    (tmp_path / "lib" / "deep").mkdir(parents=True)
    (tmp_path / "lib" / "helper.py").write_text("X = 1\n")
    (tmp_path / "lib" / "deep" / "late.py").write_text("X = 1\n")
    (tmp_path / "lib" / "nets.py").write_text("X = 1\n")
    (tmp_path / "lib" / "pack").mkdir()
    (tmp_path / "lib" / "pack" / "__init__.py").touch()
    (tmp_path / "lib" / "pack" / "linked").symlink_to(tmp_path / "elsewhere")
    (tmp_path / "elsewhere").mkdir()
    (tmp_path / "elsewhere" / "deep.py").write_text("X = 1\n")
    (tmp_path / "agad" / "spec" / "mine.py").write_text("import helper\nX = helper.X\n")
    (tmp_path / "agad" / "spec" / "more.py").write_text(
        "def f():\n    import late, nets, pack\n    from agad import part\n"
    )
    (tmp_path / "agad" / "spec" / "mine.ckpt").write_text("1")
    return tmp_path / "agad"


def _run(package: Path, *parts: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-c", "\n".join(parts)],
        env={**os.environ, "PYTHONPATH": f"{package.parent}{os.pathsep}{package.parent / 'lib'}"},
        cwd=package.parent,
        capture_output=True,
        text=True,
        check=True,
    )


@pytest.mark.slow
@pytest.mark.parametrize("what", NAMED)
def test_rows_name_the_code_that_was_loaded(what: str, package: Path) -> None:
    done = _run(package, BEGIN, PROCESS, NAMED[what], SAY)
    assert (done.stdout.split(), done.stderr) == (["named"] * 2, "")


@pytest.mark.slow
@pytest.mark.parametrize("what", NAMELESS)
def test_rows_name_no_code_where_other_code_was_loaded(what: str, package: Path) -> None:
    """Of a file that was edited when it was first used, and put back since, rows named what never ran."""
    done = _run(package, BEGIN, PROCESS, NAMELESS[what], SAY)
    assert done.stdout.split() == ["None"] * 2
    assert done.stderr.count("name no code from here on") == 1


@pytest.mark.slow
@pytest.mark.parametrize("write", [f"edit({MINE})", f"edit({HELPER})"])
def test_what_was_loaded_before_anybody_asked_counts(write: str, package: Path) -> None:
    """A notebook imports one module, edits it, and trains later."""
    assert _run(package, BEGIN, LOAD, write, PROCESS, SAY).stdout.split()[-1] == "None"


@pytest.mark.slow
def test_a_helper_that_was_loaded_before_agad_counts(package: Path) -> None:
    done = _run(package, "import helper", BEGIN, PROCESS, f"edit({HELPER})", LOAD, SAY)
    assert done.stdout.split() == ["None"] * 2
    assert "helper.py was written after this process began" in done.stderr


@pytest.mark.slow
def test_files_as_committed_do_not_say_that_other_code_was(package: Path) -> None:
    for words in (
        ["init", "--quiet"],
        ["add", "--all"],
        ["-c", "user.name=a", "-c", "user.email=a@b", "commit", "-qma"],
    ):
        subprocess.run(["git", *words], cwd=package.parent, check=True)
    clean = "print(provenance.collect()['git_clean'])"
    assert _run(package, BEGIN, PROCESS, LOAD, clean).stdout.split() == ["True"]
    assert _run(package, BEGIN, PROCESS, f"edit({MINE})\n{LOAD}\nrevert()", clean).stdout.split() == ["None"]
