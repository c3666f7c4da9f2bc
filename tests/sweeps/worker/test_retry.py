"""Deaths of workers: which of them count against a run, how soon its next checkpoint is due, when a launch gives up."""

from __future__ import annotations

import dataclasses

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agad.store.claims import ClaimRecord, Owner
from sweeps.worker.retry import DEATHS_UNTIL_FAILED, Crashes, Deaths, count_deaths, first_checkpoint

OWNER = Owner.this_process("gone")
SWEPT_AWAY = [
    dataclasses.replace(OWNER, parent=2**22 + 1, parent_start="1"),  # no pid is that large
    dataclasses.replace(OWNER, parent_start="another process had the pid"),
    dataclasses.replace(OWNER, boot="an earlier one"),
]
"""Owners whose launcher, or machine, is no more."""


def claims(ends: list[tuple[int, bool]]) -> dict[int, ClaimRecord | None]:
    """Claims by attempt, from what each has reported as saved and whether it was given back."""
    return {n: ClaimRecord(OWNER, saved=saved, released=released) for n, (saved, released) in enumerate(ends, start=1)}


@pytest.mark.parametrize(
    ("ends", "deaths"),
    [
        ([], 0),
        ([(0, False)], 1),
        ([(0, False)] * 3, 3),
        ([(0, False), (50, False), (50, False), (50, False)], 2),
        ([(0, False), (10, False), (20, False), (30, False)], 0),
        ([(0, False), (0, True), (0, False)], 1),
        ([(0, False), (0, False), (0, True)], 0),
        ([(50, False), (0, False), (50, False), (0, False)], 3),
    ],
)
def test_what_claims_report_is_progress(ends: list[tuple[int, bool]], deaths: int) -> None:
    """A worker that reported more than all before it had, or gave its run back, did not die in vain."""
    counted = count_deaths(claims(ends), ())

    assert (counted.without_progress, counted.of_their_own) == (deaths, deaths)


@pytest.mark.slow
@given(st.lists(st.booleans(), max_size=12))
def test_an_attempt_that_left_a_checkpoint_is_progress_though_it_never_reported_it(wrote: list[bool]) -> None:
    """A claim is rewritten every few seconds: a worker that dies before has reported nothing of its checkpoint."""
    saved = [attempt for attempt, one in enumerate(wrote, start=1) if one]
    deaths = count_deaths(claims([(0, False)] * len(wrote)), saved)

    assert deaths.in_a_row == len(wrote)
    assert deaths.without_progress == len(wrote) - max(saved, default=0)


def test_a_torn_claim_is_a_death() -> None:
    """Its owner has reported nothing that can be read."""
    assert count_deaths({1: None, 2: None}, ()) == Deaths(2, 2, 2)


@pytest.mark.parametrize("owner", SWEPT_AWAY)
def test_a_worker_that_went_down_with_its_launcher_or_machine_is_not_counted_against_its_run(owner: Owner) -> None:
    """Ray's driver, raylet and GCS take their actors with them: so often a run may meet that, but not for ever."""
    swept = {attempt: ClaimRecord(owner) for attempt in range(1, 12)}
    assert count_deaths(swept, ()) == Deaths(11, 11, 0)
    assert not count_deaths(swept, ()).are_too_many

    assert count_deaths({**swept, 12: ClaimRecord(owner)}, ()).are_too_many, "the run may be what takes all down"
    own = {attempt: ClaimRecord(OWNER) for attempt in (12, 13, 14)}
    assert count_deaths({**swept, **own}, (11,)) == Deaths(14, 3, 3)
    assert count_deaths({**swept, **own}, (11,)).are_too_many


@pytest.mark.parametrize(
    "owner",
    [
        OWNER,  # its parent lives
        dataclasses.replace(OWNER, host="elsewhere", parent=2**22 + 1),  # not seen from here
        dataclasses.replace(OWNER, pid_namespace="other", parent=2**22 + 1),
        dataclasses.replace(OWNER, parent=0, parent_start=None),  # of an older agad
        dataclasses.replace(OWNER, parent=1, parent_start="0"),  # its launcher was gone already
    ],
)
def test_where_nothing_shows_that_more_has_ended_a_death_counts(owner: Owner) -> None:
    assert count_deaths(dict.fromkeys((1, 2, 3), ClaimRecord(owner)), ()).are_too_many


def test_the_last_chance_of_a_run_has_its_checkpoint_at_once() -> None:
    """Each death brings it forward; before the last one that is forgiven nothing is left to wait for."""
    waits = [first_checkpoint(deaths) for deaths in range(DEATHS_UNTIL_FAILED)]

    assert waits[0] is None, "an undisturbed run is as before"
    assert waits[-1] == 0.0
    assert first_checkpoint(100) == 0.0


def test_a_launch_gives_up_when_workers_die_in_a_row_and_nothing_is_saved() -> None:
    """Two workers: nine deaths without anything saved are forgiven, the tenth is one too many."""
    crashes = Crashes(lambda: (0, 0))

    assert [crashes.note(2) for _ in range(10)] == [False] * 9 + [True]


def test_deaths_are_forgiven_while_something_is_saved_between() -> None:
    """Workers that are killed every few seconds for a night: every fifth has left a checkpoint."""
    deaths = 0

    def saved() -> tuple[int, int]:
        return 0, deaths // 5

    crashes = Crashes(saved)
    for _ in range(1000):
        deaths += 1
        assert not crashes.note(1)


def test_a_file_server_that_does_not_answer_forgives_nothing_and_breaks_nothing() -> None:
    """What was saved cannot be read: the deaths count on."""

    def saved() -> tuple[int, int]:
        raise OSError("stale")

    crashes = Crashes(saved)

    assert [crashes.note(0) for _ in range(4)] == [False] * 3 + [True]
