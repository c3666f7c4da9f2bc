"""Which trials of a study have ended, as its folder tells without Optuna: whether a summary of it is the newest.

The journal tells it of each trial. Of a study in a database rows do, of trials that the summary does not know at all
and whose runs have all ended well: of one that was under way workers may commit the last rows after an orderly end.
"""

from __future__ import annotations

import contextlib
import re
from collections.abc import Container, Iterable, Iterator
from typing import Any

from agad import files, json_file
from agad.errors import StoreError
from agad.plan.journal import read_lines
from agad.plan.trial_file import number_of, read_trial
from agad.store.folder import StudyFolder
from agad.store.rows import ResultStore

_NEW_STUDY, _NEW_TRIAL, _NEW_STATE = 0, 4, 6
"""Optuna's numbers of the operations that tell how trials ended."""
_TELLING = re.compile(rb'"op_code": ?(?:0|4|6)[,}]')
_ENDED = (1, 2, 3)
"""Optuna's numbers of the states complete, pruned and failed."""


def ended_since(
    folder: StudyFolder, known: Container[int], named: Container[int] = ()
) -> tuple[tuple[int, ...], int | None]:
    """Numbers of the trials that have ended since a summary was written, and the journal's first damaged line.

    From there on the journal tells of no trial; what cannot be read tells of none. None: no line is damaged.

    Args:
        folder: the study's.
        known: the trials that have ended by the summary.
        named: those whose runs it names, under way or ended.
    """
    damaged = None
    try:
        lines = read_lines(files.read_file(folder.journal))
        ended, damaged = _by_journal(lines.sound, folder.path.name), lines.damaged
    except FileNotFoundError:
        ended = _by_rows(folder, named)
    except OSError:
        return (), None
    return tuple(sorted(number for number in ended if number not in known)), damaged


def _by_journal(lines: Iterable[bytes], name: str) -> set[int]:
    """Numbers of the ended trials of the study of that name."""
    journal = _Journal()
    for line in filter(_TELLING.search, lines):
        with contextlib.suppress(ValueError, KeyError, TypeError, IndexError):  # an older one's, which has no checksum
            journal.take_in(json_file.parse(line))
    return {number for study, number in journal.ended if study == name}


class _Journal:
    """What the operations of a journal say of trials, each a study and a number.

    Attributes:
        ended: those that have ended.
    """

    def __init__(self) -> None:
        self.ended: set[tuple[str, int]] = set()
        self._trials: list[tuple[str, int]] = []
        self._counts: dict[str, int] = {}  # trials of each study, in the order of the studies

    def take_in(self, log: dict[str, Any]) -> None:
        """Take in the next operation."""
        operation = log["op_code"]
        if operation == _NEW_STUDY:
            self._counts.setdefault(log["study_name"], 0)  # each opening says it again
        elif operation == _NEW_TRIAL:
            study = list(self._counts)[log["study_id"]]
            self._trials.append((study, self._counts[study]))
            self._counts[study] += 1
            self._note(-1, log.get("state"))
        elif operation == _NEW_STATE:
            self._note(log["trial_id"], log["state"])

    def _note(self, trial: int, state: int | None) -> None:
        if state in _ENDED:
            self.ended.add(self._trials[trial])


def _by_rows(folder: StudyFolder, named: Container[int]) -> set[int]:
    """Numbers of the trials that are not named, and all of whose runs have a score."""
    runs = dict(_runs(folder, named))
    tries = ResultStore(folder.path.parents[1]).tries() if runs else {}
    scored = {run_id for run_id, of_run in tries.items() if any(one.status == "ok" for one in of_run)}
    return {number for number, run_ids in runs.items() if run_ids and run_ids <= scored}


def _runs(folder: StudyFolder, named: Container[int]) -> Iterator[tuple[int, set[str]]]:
    """Number and run_ids of the trials that are not named, of those whose file can be read."""
    for name in files.names(folder.trials):
        number = number_of(name)
        if number is None or number in named:
            continue
        try:
            yield number, {spec.run_id for spec in read_trial(folder.trials / name)}
        except StoreError:
            continue
