"""The examples run as they are."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from agad.store.rows import ResultStore
from tests.conftest import ROOT


@pytest.mark.slow
def test_the_python_api(tmp_path: Path) -> None:
    command = [sys.executable, ROOT / "examples" / "python_api.py", tmp_path, "4"]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=False)

    assert done.returncode == 0, done.stderr
    header, names, *rows, last = done.stdout.splitlines()
    assert header.split() == ["auroc", "auroc_eval_recal", "auroc_batch_shuffled", "auroc_batch_normals_first"]
    assert names.strip() == "normal_class"
    assert [row.split()[0] for row in rows] == ["0", "1", "8"]
    assert last.startswith("AUROC of class 0 with the statistics of each single image: ")
    assert len(ResultStore(tmp_path).tries()) == 3
