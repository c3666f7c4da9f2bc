"""Pace: when checkpoints are due."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agad.train.pace import Pace


class Clock:
    """Seconds that pass when told to."""

    def __init__(self) -> None:
        self.now = 1000.0

    def __call__(self) -> float:
        return self.now


def saves(pace: Pace, clock: Clock, seconds: float, *, update: float = 0.1, cost: float = 0.0) -> list[float]:
    """Seconds since the start at which checkpoints were written by a run that lives so long."""
    started, written = clock.now, []
    while clock.now - started < seconds:
        clock.now += update
        if pace.is_due():
            clock.now += cost
            pace.saved(cost)
            written.append(clock.now - started)
    return written


def test_an_undisturbed_run_writes_one_checkpoint_every_so_often() -> None:
    """As it was before runs could be killed."""
    clock = Clock()

    assert [round(at) for at in saves(Pace(300, None, clock), clock, 1000)] == [300, 600, 900]


def test_after_a_death_intervals_double_up_to_the_usual_one() -> None:
    """Ten checkpoints more, whatever the run's length."""
    clock = Clock()
    written = saves(Pace(300, 0.0, clock), clock, 3000)

    assert [round(at) for at in written[:6]] == [0, 1, 3, 7, 15, 31]
    assert round(written[-1] - written[-2]) == 300
    assert len(written) < 3000 / 300 + 10


@pytest.mark.slow
@given(life=st.floats(0.3, 5000), update=st.floats(0.01, 0.1), first=st.sampled_from([0.0, 10.0]))
def test_a_run_that_is_killed_at_any_time_keeps_half_of_what_it_did(life: float, update: float, first: float) -> None:
    """From its first checkpoint on, and but for a second and the update that it is in."""
    clock = Clock()
    written = saves(Pace(300, first, clock), clock, life, update=update)

    if life > first + update:
        assert life - written[-1] <= life / 2 + max(1.0, first) + 2 * update


def test_slow_checkpoints_take_no_more_than_half_of_the_time() -> None:
    """A file system on which one takes 20 seconds."""
    clock = Clock()
    written = saves(Pace(300, 0.0, clock), clock, 300, cost=20.0)

    assert len(written) * 20 <= 300 / 2 + 20


def test_the_usual_interval_is_never_exceeded() -> None:
    """Whatever the deaths: `--checkpoint-every 2` means at least every 2 seconds."""
    clock = Clock()
    written = saves(Pace(2, 10.0, clock), clock, 20)

    assert max(b - a for a, b in zip([0.0, *written], written, strict=False)) < 2.2
