"""A large sweep's file operations, counted on a small one."""

from __future__ import annotations

from pathlib import Path

import pytest

from benchmarks import scale
from sweeps.worker import picking


@pytest.mark.slow
def test_operations_of_a_run_do_not_grow_with_the_plan(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Ten times the runs, of which half are done, cost each run the same operations and the same names listed."""
    monkeypatch.setattr(picking, "_COMPACT_ABOVE", 20)
    small = scale.simulate(tmp_path / "small", 150, 10, 60)
    large = scale.simulate(tmp_path / "large", 1500, 10, 60)

    for kind in scale.KINDS:
        assert large.operations[kind] <= 1.1 * small.operations[kind] + 5, kind
    assert large.most["inbox"] <= 20 + 10 + 2, "each worker knows the inbox as of its own last pick"
    assert large.most["claims"] <= 10 + 32 + 1, "held runs, and those whose rows are in the inbox"
