"""How many runs go together: tried on the device, by what they bring."""

from __future__ import annotations

from collections.abc import Mapping

import pytest
import torch

from agad import packsize
from tests.science import CPU, made_up, small


def measured(monkeypatch: pytest.MonkeyPatch, rates: Mapping[int, float | None]) -> tuple[int, list[int]]:
    """The size that is chosen and those tried, where packs bring so many updates per second; None: out of memory."""
    tried: list[int] = []

    def updates_per_second(spec: object, data: object, device: object, size: int) -> float:
        tried.append(size)
        rate = rates[size]
        if rate is None:
            raise torch.OutOfMemoryError
        return rate

    monkeypatch.setattr(packsize, "updates_per_second", updates_per_second)
    return packsize.measured_size(small(), made_up(), CPU), tried


def test_sizes_are_doubled_while_that_pays(monkeypatch: pytest.MonkeyPatch) -> None:
    assert measured(monkeypatch, {1: 10, 2: 18, 4: 30, 8: 31}) == (4, [1, 2, 4, 8])


def test_where_packs_lose_a_run_goes_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    assert measured(monkeypatch, {1: 10, 2: 9}) == (1, [1, 2])


def test_what_does_not_fit_into_memory_ends_the_search(monkeypatch: pytest.MonkeyPatch) -> None:
    assert measured(monkeypatch, {1: 10, 2: 18, 4: None}) == (2, [1, 2, 4])


def test_it_measures_packs_that_really_train() -> None:
    assert packsize.updates_per_second(small(), made_up(), CPU, 2) > 0
