"""How many runs at once: what is measured, and what follows from it."""

from __future__ import annotations

from typing import Any

import pytest
import torch

from agad.spec.run import RunOptions
from agad.train.graph import size
from agad.train.graph.size import best_size, measured_rates
from tests.helpers.science import made_up, small

OPTIONS = RunOptions(threads=1)


@pytest.mark.parametrize(
    ("rates", "best"),
    [
        ({1: 10.0}, 1),
        ({1: 10.0, 2: 10.4}, 1),
        ({1: 251.0, 2: 352.0, 4: 430.0, 8: 463.0}, 8),
        ({1: 49.4, 2: 62.0, 4: 69.9, 8: 71.1}, 4),
        ({8: 5.0, 1: 10.0, 2: 9.0}, 1),
        ({1: 10.0, 2: 10.2, 4: 10.6}, 4),
    ],
)
def test_the_smallest_number_that_no_larger_one_is_worthwhile_beside(rates: dict[int, float], best: int) -> None:
    assert best_size(rates) == best


def test_sizes_are_tried_until_one_is_not_worthwhile(monkeypatch: pytest.MonkeyPatch) -> None:
    rates = iter([10.0, 15.0, 15.1, 40.0])
    monkeypatch.setattr(size, "_rate", lambda *_: next(rates))
    assert measured_rates(small(), made_up(), OPTIONS) == {1: 10.0, 2: 15.0, 4: 15.1}


@pytest.mark.slow
def test_updates_are_really_made() -> None:
    found = measured_rates(small(), made_up(), OPTIONS, sizes=(1, 2), seconds=0.01)
    assert {*found} == {1, 2}
    assert all(rate > 0 for rate in found.values())


@pytest.mark.parametrize("fits", [0, 1, 3])
def test_memory_is_the_limit(fits: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """What was measured before it ran out counts; where not even one run fits, that is the error."""
    start, begun = size._start, iter(range(100))

    def run_out(*arguments: Any, **named: Any) -> Any:
        if next(begun) >= fits:
            raise torch.OutOfMemoryError("CUDA out of memory")
        return start(*arguments, **named)

    monkeypatch.setattr(size, "_start", run_out)
    monkeypatch.setattr(size, "_rate", lambda crew, _: 10.0 * len(crew))
    if fits:
        found = measured_rates(small(), made_up(), OPTIONS)
        assert max(found) == {1: 1, 3: 2}[fits]
    else:
        with pytest.raises(torch.OutOfMemoryError):
            measured_rates(small(), made_up(), OPTIONS)
