"""Code that is edited while a launch works, or between two: rows name what made them, and a launch says what they lack.

Launches of a copy of the project, which the tests may write into.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from agad.store.rows import ResultStore
from tests.conftest import ROOT

pytestmark = pytest.mark.slow

METHOD = """
from __future__ import annotations

import os
import sys
from pathlib import Path

from agad.methods.floor.knn import Knn

METHOD = {
    "title": "Mine", "cost": 0.0, "labels": "none", "gradient": False, "uses": ["neighbours"], "protocols": ["eval"],
}
HELPER = Path(__file__).parents[2] / "lib" / "factor.py"
sys.path.insert(0, str(HELPER.parent))
before = HELPER.read_text()
if "EDIT" in os.environ:
    HELPER.write_text("FACTOR = -1.0\\n")
import factor
HELPER.write_text(before)


def make(spec, channels):
    return Mine(spec)


class Mine(Knn):
    def score_vectors(self, fitted, x):
        return factor.FACTOR * super().score_vectors(fitted, x)
"""
GRID = """
from agad import RunSpec, grid

@grid(seeds=1)
def mine():
    \"\"\"One class.\"\"\"
    return [RunSpec(dataset="digits", method="mine", normal_class=0, updates=0, image_size=16)]
"""


@pytest.fixture
def copy(tmp_path: Path) -> Path:
    """The project with a method that finds its helper itself, and, with EDIT, has it edited as it is imported."""
    for package in ("agad", "sweeps", "analysis", "slurm"):
        shutil.copytree(ROOT / package, tmp_path / package)
    (tmp_path / "lib").mkdir()
    (tmp_path / "lib" / "factor.py").write_text("FACTOR = 1.0\n")
    (tmp_path / "agad" / "methods" / "mine.py").write_text(METHOD)
    (tmp_path / "mine.py").write_text(GRID)
    return tmp_path


def _launch(folder: Path, seeds: int, *, is_known: bool = True, **variables: str) -> subprocess.CompletedProcess[str]:
    """`is_known`: whether the helper is where a process looks for modules from its start on."""
    path = os.pathsep.join(str(one) for one in (folder, folder / "lib")[: 1 + is_known])
    return subprocess.run(
        [sys.executable, "sweeps/launch.py", "--grid", "mine.py", "--seeds", str(seeds), "--workers", "1"],
        env={**os.environ, "PYTHONPATH": path, **variables},
        cwd=folder,
        capture_output=True,
        text=True,
        check=False,
    )


def _rows(folder: Path) -> list[tuple[bool, bool]]:
    """Of each row by seed: whether its scores are those of the code as it is, and whether it names a code."""
    rows = ResultStore(folder / "results").read(["seed", "auroc", "code_digest"]).to_pylist()
    return [(row["auroc"] > 0.5, row["code_digest"] is not None) for row in sorted(rows, key=lambda row: row["seed"])]


def test_what_is_edited_as_it_is_loaded_and_put_back_leaves_rows_that_name_no_code(copy: Path) -> None:
    """Rows of negated scores named the code as it was before the edit and after it; launch and table said nothing."""
    first = _launch(copy, 1, EDIT="1")
    assert first.returncode == 0, first.stderr
    assert _rows(copy) == [(False, False)]
    assert first.stderr.count("warning: the rows of a worker name no code") == 1
    assert "- 1 run names no code: its process" in first.stdout
    (log,) = (copy / "results" / "logs").glob("*/*.log")
    assert "factor.py was edited after this process began, and before it was imported" in log.read_text()

    second = _launch(copy, 2)
    assert second.returncode == 0, second.stderr
    assert _rows(copy) == [(False, False), (True, True)]
    assert "warning" not in second.stderr
    assert second.stderr.index("note: 1 run names no code") < second.stderr.index("Starting 1 worker")


def test_an_edit_of_a_helper_between_two_launches_is_refused(copy: Path) -> None:
    """Both codes' rows would be averaged."""
    assert _launch(copy, 1).returncode == 0
    assert _rows(copy) == [(True, True)]
    (copy / "lib" / "factor.py").write_text("FACTOR = -1.0\n")

    refused = _launch(copy, 2)
    assert refused.returncode == 2
    assert "agad/ has changed since this plan or some of its rows were made" in refused.stderr
    assert _rows(copy) == [(True, True)]


def test_rows_made_with_a_helper_that_only_the_method_finds_name_no_code(copy: Path) -> None:
    """No digest counts it before the method has changed sys.path: the screen and the table say what that means."""
    first = _launch(copy, 1, is_known=False)
    assert first.returncode == 0, first.stderr
    assert "warning: the rows of a worker name no code" in first.stderr
    (log,) = (copy / "results" / "logs").glob("*/*.log")
    assert "factor.py was imported, and was not there to be found when this process began" in log.read_text()
    (copy / "lib" / "factor.py").write_text("FACTOR = -1.0\n")

    second = _launch(copy, 2, is_known=False)
    assert second.returncode == 0, second.stderr
    assert _rows(copy) == [(True, False), (False, False)]
    assert "note: 1 run names no code" in second.stderr
    assert "- 2 runs name no code: their processes" in second.stdout
