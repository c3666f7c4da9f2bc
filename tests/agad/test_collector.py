from __future__ import annotations

import gc
import subprocess
import sys
from collections.abc import Iterator

import pytest

from agad import collector
from tests.conftest import ROOT


@pytest.fixture
def switched(request: pytest.FixtureRequest) -> Iterator[bool]:
    """The collector on or off, and as it was afterwards."""
    was_on = gc.isenabled()
    (gc.enable if request.param else gc.disable)()
    yield request.param
    (gc.enable if was_on else gc.disable)()


@pytest.mark.parametrize("switched", [True, False], indirect=True)
def test_without_passes_the_collector_is_off_and_then_as_it_was(switched: bool) -> None:
    for block in (collector.no_passes, collector.loading):
        with block():
            assert not gc.isenabled()
        assert gc.isenabled() is switched

        with pytest.raises(KeyError), block():
            raise KeyError
        assert gc.isenabled() is switched


@pytest.mark.slow
def test_what_was_loaded_is_looked_at_no_more() -> None:
    code = """
import gc
from agad import collector
with collector.loading():
    kept = [[] for _ in range(1000)]
print(gc.get_freeze_count() > 1000, any(one is kept for one in gc.get_objects()))
"""
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, check=True, capture_output=True, text=True)

    assert done.stdout.split() == ["True", "False"]
