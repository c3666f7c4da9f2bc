"""A results folder, and a plan over a data set of the user's own."""

from __future__ import annotations

from pathlib import Path

import pytest

from agad.plan.plan import Plan
from tests.sweeps.worker.test_prepare import specs


@pytest.fixture
def results(tmp_path: Path) -> Path:
    (tmp_path / "r").mkdir()
    return tmp_path / "r"


@pytest.fixture
def plan() -> Plan:
    return Plan("g", (), (), specs("npz:own"))
