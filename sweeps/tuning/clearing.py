"""Clearing: what the runs of an ended study leave behind is unlinked where nobody goes on with it.

Studies and launches share a results folder, and with it the runs that several ask for: two studies of the same cells
have their first trial in common.
"""

from __future__ import annotations

from collections.abc import Collection
from pathlib import Path

from agad.errors import StoreError
from agad.store.claims import ClaimBoard, Owner

from ..worker.growing import STUDIES, Feed, study_folder
from .outcomes import Rows


def clear(results: Path, study: str, rows: Rows) -> None:
    """Unlink claims of the study's runs that are over, and claims and checkpoints of those that it gave up.

    A run that failed or was given up is left alone while somebody holds it, one that was given up also while another
    study names it: whoever that is may finish it.
    """
    feed = Feed(study_folder(results, study))
    board = ClaimBoard(results, Owner.this_process("tune"))
    tries = rows.store.tries()
    states = {run_id: rows.policy.state(run_id, tries.get(run_id, ())) for run_id in _named(feed)}
    unfinished = {run_id for run_id, state in states.items() if state != "done"}
    given_up = {run_id for run_id in unfinished & feed.verdicts().withdrawn if states[run_id] != "failed"}
    failed = {run_id for run_id in unfinished if states[run_id] == "failed"}
    if given_up:
        given_up = _free(board, given_up - _named_elsewhere(results, study, given_up))
    board.clear({*(states.keys() - unfinished), *_free(board, failed), *given_up})
    folder = results / "checkpoints"
    for path in folder.iterdir() if given_up and folder.is_dir() else ():
        if path.name.partition(".")[0] in given_up:
            path.unlink(missing_ok=True)


def _named(feed: Feed) -> set[str]:
    return {spec.run_id for specs in feed.trials() for spec in specs}


def _named_elsewhere(results: Path, study: str, run_ids: Collection[str]) -> set[str]:
    """Those that another study asks for; all of them where one cannot be read."""
    found: set[str] = set()
    for folder in (results / STUDIES).iterdir():
        if folder.name == study or not folder.is_dir():
            continue
        try:
            found |= _named(Feed(folder))
        except StoreError:
            return set(run_ids)
    return found.intersection(run_ids)


def _free(board: ClaimBoard, run_ids: Collection[str]) -> set[str]:
    """Those that nobody holds, as far as can be seen in one look."""
    generations = board.generations()
    return {r for r in run_ids if not any(board.is_held(r, generation) for generation in generations.get(r, ()))}
