"""What the markers promise: tests that need a GPU are skipped where there is none, and do not fail when collected."""

from __future__ import annotations

import os
import re
import subprocess
import sys

import pytest

from tests.conftest import ROOT


@pytest.mark.slow
def test_tests_of_a_gpu_are_collected_and_skipped_without_one() -> None:
    files = [path for path in (ROOT / "tests").rglob("test_*.py") if "pytest.mark.cuda" in path.read_text()]
    done = subprocess.run(
        [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "-m", "cuda", *map(str, files)],
        cwd=ROOT,
        env={**os.environ, "CUDA_VISIBLE_DEVICES": ""},
        capture_output=True,
        text=True,
        check=False,
    )

    assert done.returncode == 0, done.stdout
    counts = re.findall(r"(\d+) (passed|failed|error|skipped)", done.stdout.splitlines()[-1])
    assert [kind for _, kind in counts] == ["skipped"], done.stdout


def test_each_marker_is_explained() -> None:
    """`--strict-markers` refuses others; a test is left out of `make test-fast` by one of these."""
    registered = re.findall(r'^    "(\w+): ', (ROOT / "pyproject.toml").read_text(), re.MULTILINE)
    (chosen,) = re.findall(r'-m "(.*)"', (ROOT / "Makefile").read_text())

    assert {"slow", "slurm", "ray", "cuda"} == {*registered} == {*re.findall(r"not (\w+)", chosen)}
