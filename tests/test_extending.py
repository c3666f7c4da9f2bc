"""The code of docs/extending.md: each block is written to its file in a copy of the project, and runs are made."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from agad.store.rows import ResultStore
from tests.conftest import ROOT

pytestmark = pytest.mark.slow

PAGE = (ROOT / "docs" / "extending.md").read_text(encoding="utf-8")
BLOCKS = dict(re.findall(r"^`([\w/.]+)`:\n\n```python\n(.*?)^```$", PAGE, re.DOTALL | re.MULTILINE))
COMMANDS = re.findall(r"^    python (.*)$", PAGE, re.MULTILINE)
FEWER = ["--seeds", "1", "--set", "updates=2", "--set", "image_size=16", "--set", "batch_size=8", "--workers", "2"]


def run(folder: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    environment = {**os.environ, "PYTHONPATH": str(folder), "AGAD_CACHE": str(folder / "cache")}
    return subprocess.run(
        [sys.executable, *arguments], cwd=folder, env=environment, capture_output=True, text=True, check=False
    )


@pytest.fixture(scope="module")
def copy(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The project's packages with the page's files added, and data for its reader."""
    folder = tmp_path_factory.mktemp("copy")
    for package in ("agad", "sweeps", "analysis", "slurm"):
        shutil.copytree(ROOT / package, folder / package)
    for name, code in BLOCKS.items():
        assert not (folder / name).exists(), f"{name} is a file of agad already"
        (folder / name).write_text(code)
    shapes = folder / "data" / "shapes"
    shapes.mkdir(parents=True)
    rng = np.random.default_rng(0)
    for part, count in (("train", 40), ("test", 20)):
        np.save(shapes / f"{part}_images.npy", rng.integers(0, 256, (count, 12, 12), dtype=np.uint8))
        np.save(shapes / f"{part}_labels.npy", np.arange(count) % 2)
    return folder


def test_the_blocks_and_commands_were_found() -> None:
    assert list(BLOCKS) == [
        "agad/nets/residual.py", "agad/methods/autoencoder.py", "agad/data/readers/shapes.py", "mine.py",
    ]  # fmt: skip
    assert [command.split()[0] for command in COMMANDS] == ["sweeps/launch.py", "sweeps/status.py"]


def test_the_page_s_grid_makes_rows_of_the_page_s_backbone_method_and_data(copy: Path) -> None:
    launch, status = (command.split() for command in COMMANDS)
    made = run(copy, *launch, *FEWER)
    assert made.returncode == 0, made.stderr

    rows = ResultStore(copy / "results").read(["dataset", "backbone", "method", "status", "auroc"]).to_pylist()
    assert sorted(row["backbone"] for row in rows) == ["naive", "naive", "residual", "residual"]
    assert {(row["dataset"], row["method"], row["status"]) for row in rows} == {("shapes", "autoencoder", "ok")}
    assert all(0 <= row["auroc"] <= 1 for row in rows)

    counted = run(copy, *status, *FEWER[:-2])
    assert counted.returncode == 0, counted.stderr
    report = run(copy, "analysis/report.py", "--results", "results", "--out", "page")
    assert report.returncode == 0, report.stderr
    assert "Shapes" in (copy / "page" / "index.html").read_text()
