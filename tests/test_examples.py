"""The examples run as they are."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from agad.store.rows import ResultStore
from tests.conftest import ROOT
from tests.helpers.holding import NARROW


@pytest.mark.slow
def test_the_python_api(tmp_path: Path) -> None:
    command = [sys.executable, ROOT / "examples" / "python_api.py", tmp_path / "results" / "example", "4"]
    environment = os.environ | NARROW
    done = subprocess.run(command, cwd=tmp_path, env=environment, capture_output=True, text=True, check=False)

    assert done.returncode == 0, done.stderr
    header, names, *rows, last = done.stdout.splitlines()
    assert header.split() == ["auroc", "auroc_eval_recal", "auroc_batch_shuffled", "auroc_batch_normals_first"]
    assert names.strip() == "normal_class"
    assert [row.split()[0] for row in rows] == ["0", "1", "8"]
    assert last.startswith("AUROC of class 0 with the statistics of each single image: ")
    assert len(ResultStore(tmp_path / "results" / "example").tries()) == 3


@pytest.mark.slow
def test_the_audited_detector(tmp_path: Path) -> None:
    """What docs/audit.md shows: the order is worth more than ten points, and nothing once eval() is called."""
    answers = {}
    for name in ("load", "mended"):
        command = [sys.executable, "-m", "sweeps.cli.main", "audit", f"examples/audited.py:{name}", "--out", tmp_path]
        done = subprocess.run([*command, "--limit", "400"], cwd=ROOT, capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stderr
        answers[name] = done.stdout.splitlines()[0]
        numbers = json.loads((tmp_path / "audit.json").read_text())
        order = [one["difference"]["value"] for one in numbers["worth"] if one["name"] == "order"]
        assert (min(order) > 0.1) if name == "load" else not order

    assert answers["load"].startswith("An image's score depends on which other test images are in its batch; ")
    assert answers["mended"].startswith("No image's score depends on the other test images")
