"""What all tests share."""

from __future__ import annotations

import gc
import os
import random
import sys
import zlib
from pathlib import Path

import numpy as np
import pytest
from hypothesis import HealthCheck, settings

from tests.helpers.narrow import narrow_nets

# One thread per process: two processes of two threads on two cores were seen to run ten times slower than one.
for _variable in ("OMP_NUM_THREADS", "MKL_NUM_THREADS", "OPENBLAS_NUM_THREADS"):
    os.environ[_variable] = "1"

# A property holds on slow machines too.
settings.register_profile("any machine", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("any machine")

ROOT = Path(__file__).resolve().parents[1]

_LONG = ("test_cluster", "test_ray", "test_launch", "test_readme", "test_end_to_end")
"""Files that take minutes: started first, so that several processes end together."""


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_auto_num_workers(config: pytest.Config) -> int:
    """As many processes as cores; two more with the tests of Slurm and Ray, which mostly wait."""
    from sweeps.machine.devices import default_workers

    waits = "not slow" not in config.option.markexpr
    return 2 * waits + default_workers("cpu", threads=1, need=4 * 2**30)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Long files first; the order within a file stays."""
    order = {name: place for place, name in enumerate(_LONG)}
    items.sort(key=lambda item: order.get(item.path.stem, len(order)))


def pytest_collection_finish() -> None:
    """What is loaded stays: no pass of the garbage collector need look at it again."""
    gc.freeze()


@pytest.fixture(autouse=True)
def _own_settings(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    """GPUs are hidden, except from tests with the marker `cuda`, which are skipped where torch sees none."""
    if request.node.get_closest_marker("cuda") is None:
        monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "")
        return
    import torch

    if not torch.cuda.is_available():
        pytest.skip("no GPU is visible")


@pytest.fixture(autouse=True)
def _own_seed(request: pytest.FixtureRequest) -> None:
    """What a test draws without a seed depends on its name alone: it is the same in every run and every order."""
    seed = zlib.crc32(request.node.nodeid.encode())
    random.seed(seed)
    np.random.seed(seed)  # noqa: NPY002 - for those who use the old global state
    if torch := sys.modules.get("torch"):
        torch.manual_seed(seed)


@pytest.fixture(scope="session", autouse=True)
def _own_cache(tmp_path_factory: pytest.TempPathFactory) -> None:
    """One cache of prepared data for the whole session, away from the user's."""
    os.environ["AGAD_CACHE"] = str(tmp_path_factory.mktemp("cache"))


@pytest.fixture
def no_flushing(monkeypatch: pytest.MonkeyPatch) -> None:
    """Files are written as usual, but not flushed to the disk."""
    monkeypatch.setattr(os, "fsync", lambda _: None)


@pytest.fixture
def narrow(monkeypatch: pytest.MonkeyPatch) -> None:
    """Nets of an eighth of their channels: for tests of bits, of order or of bookkeeping, which no width changes."""
    narrow_nets(monkeypatch.setattr)
