"""Whether a study's summary is the newest, and what is said where it is not. Light: it imports no optuna."""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path

from agad import console
from agad.errors import AgadError, StoreError
from agad.plan.study import Study
from agad.plan.tuned import Tuned
from agad.store.claims import ClaimBoard, ClaimRecord, Owner
from agad.store.folder import StudyFolder

from ...machine import program
from ...worker.growing import COORDINATOR
from ..lease import is_here
from ..settings import load_settings

_WATCHED = 10.0
"""Seconds in which a coordinator's counter rises: it does every 5, or less where --lease says so."""
_POLL_EVERY = 0.5


class OldSummaryError(AgadError):
    """A summary lacks trials that have ended, and no coordinator is at work that would add them; or it may lack some.

    Attributes:
        tuned: the values that it gives; None where it has no such trial.
    """

    def __init__(self, message: str, tuned: Tuned | None) -> None:
        super().__init__(message)
        self.tuned = tuned


class CoordinatorWatch:
    """The coordinator of a study, as its claim shows it to others.

    Args:
        folder: the study's folder.
    """

    def __init__(self, folder: StudyFolder) -> None:
        self._board = ClaimBoard(folder.path, Owner.this_process("observer"), lease=_WATCHED)
        self._name = folder.path.name

    def look(self) -> tuple[bool | None, str]:
        """Whether one is at work, None where watching alone can tell; and the host that it is on. Takes no time."""
        generation = self._newest()
        if not generation or not self._board.is_held(COORDINATOR, generation):
            return False, ""
        record = self._board.read(COORDINATOR, generation)
        if record is None:
            return None, "a host that its damaged claim does not tell"
        return _is_alive(record.owner), record.owner.host

    def watch(self, say: Callable[[str], None]) -> bool:
        """Whether one is at work: on this host that is known at once, elsewhere its counter is watched."""
        first, has_said = self._read(), False
        while self._board.is_held(COORDINATOR, self._newest()):
            now = self._read()
            alive = None if now is None else _is_alive(now.owner)
            if alive is not None:
                return alive
            if now is not None and first is not None and (now.owner, now.counter) != (first.owner, first.counter):
                return True
            if not has_said:
                say(f"Waiting to see whether a tune.py is at work on study {self._name} ({self._board.lease:.0f} s).")
                has_said = True
            time.sleep(_POLL_EVERY)
        return False

    def _newest(self) -> int:
        """The newest claim's generation; 0 where there is none."""
        return max(self._board.generations().get(COORDINATOR, ()), default=0)

    def _read(self) -> ClaimRecord | None:
        return self._board.read(COORDINATOR, self._newest())


def _is_alive(owner: Owner) -> bool | None:
    """Whether the owner of a claim that was not given back lives; None: it is elsewhere, and nothing tells."""
    if is_here(owner):
        return not owner.is_gone()
    return False if owner.went_with_others() else None  # where the machine was started again since


def lacks(study: Study) -> str:
    """What the summary has and lacks, for people."""
    ended, later = len(study.ended), len(study.ended_later)
    has = f"{ended} ended trial" if ended == 1 else f"{ended} ended trials"
    number = f"trial {study.ended_later[0]}"
    since = (
        f"{number}, which has ended since" if later == 1 else f"{later} that have ended since (the first is {number})"
    )
    return f"the summary of study {study.name} has {has} and lacks {since}"


def note(study: Study, *, at_work: bool | None, host: str, named: int | None) -> str:
    """That the values may be other ones soon; `named`: the trial that was asked for, None: the best."""
    who = {
        True: "a tune.py is at work on it",
        None: f"a tune.py on {host} may be at work on it",
        False: "no tune.py is at work on it",
    }[at_work]
    these = f"the best of those {len(study.ended)}" if named is None else f"those of trial {named}"
    return f"note: {lacks(study)}: {who}, and these values are {these}"


def damage(study: Study) -> str:
    """That its journal is damaged, and what follows from it."""
    return (
        f"the journal of study {study.name} is damaged from line {study.damaged_line} on, so that nothing tells "
        "whether its summary is the newest"
    )


def refusal(study: Study, folder: StudyFolder, results: Path) -> str:
    """That the summary is to be brought up to date first, and by which command."""
    again = [*program.command("tune"), "--study", study.name, "--results", str(results)]
    in_database = _is_in_database(folder)
    if study.damaged_line is not None:
        return f"{damage(study)}: make it again from the rows by {console.shell_line([*again, '--rebuild'])}"
    if not in_database and not folder.journal.exists():
        lost = f"its journal is gone: make it again from the rows by {console.shell_line([*again, '--rebuild'])}"
        return f"{lacks(study)}, and {lost}"
    known, unknown = _search_options(study)
    again += ["--trials", str(len(study.ended) + len(study.ended_later)), *known]
    again += ["--storage", "URL"] if in_database else []
    *first, last = "--data", "executor", *unknown
    return (
        f"{lacks(study)}, as after a tune.py that was killed: bring it up to date, with the {', '.join(first)} and "
        f"{last} of its last call, by {console.shell_line(again)}"
    )


def _search_options(study: Study) -> tuple[list[str], list[str]]:
    """How the last call searched, as far as the summary tells: options that are not the usual ones; unknown ones."""
    known, unknown = [], []
    for flag, name, usual in (("--sampler", study.sampler, "tpe"), ("--pruner", study.pruner, "none")):
        if not name.isalpha() or name == "unknown":  # calls had several, or the study was made again from rows
            unknown.append(flag)
        elif name != usual:
            known += [flag, name]
    return known, unknown


def _is_in_database(folder: StudyFolder) -> bool:
    try:
        return load_settings(folder).database
    except StoreError:  # the command that is named says it
        return False
