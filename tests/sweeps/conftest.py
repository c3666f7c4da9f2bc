from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.helpers.holding import NARROW


@pytest.fixture(scope="module", autouse=True)
def _narrow_workers() -> Iterator[None]:
    """What is tested here is what becomes of runs: workers train narrow nets, in a tenth of the time."""
    with pytest.MonkeyPatch.context() as patch:
        for name, value in NARROW.items():
            patch.setenv(name, value)
        yield
