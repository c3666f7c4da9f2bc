"""The state of an unfinished run in one file, written so that a reader sees all of it or nothing."""

from __future__ import annotations

import logging
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from agad.spec.run import RunSpec
from agad.store.folder import CHECKPOINT_SUFFIX, attempts_in
from agad.tensors.file import TensorFileError, load_tensors, save_tensors

_LOG = logging.getLogger(__name__)
_CONTENT = {"spec", "data_digest", "update", "state"}


@dataclass(frozen=True, slots=True, eq=False)
class Checkpoint:
    """A resumable state.

    Attributes:
        update: number of updates done.
        state: of the trainer: tensors, numbers and strings in dicts and lists.
        outdone: the files of other attempts that hold less, where this one was read from a folder.
    """

    update: int
    state: dict[str, Any]
    outdone: tuple[Path, ...] = ()


def checkpoint_path(folder: Path, run_id: str, attempt: int) -> Path:
    """The file of one attempt's checkpoint; it writes no other."""
    return folder / f"{run_id}.{attempt}{CHECKPOINT_SUFFIX}"


def save_checkpoint(folder: Path, spec: RunSpec, attempt: int, data_digest: str, checkpoint: Checkpoint) -> Path:
    """Replace this attempt's checkpoint atomically; OSError where the disk is full or the folder not writable."""
    content = {
        "spec": spec.canonical(),
        "data_digest": data_digest,
        "update": checkpoint.update,
        "state": checkpoint.state,
    }
    target = checkpoint_path(folder, spec.run_id, attempt)
    save_tensors(target, content)
    return target


def find_checkpoint(folder: Path, spec: RunSpec, data_digest: str) -> tuple[Checkpoint | None, list[str]]:
    """The checkpoint of a spec with the most updates, whichever attempt wrote it, and what was passed over.

    A file that is torn, foreign, or of another spec or other data is passed over: one line each in the list and in
    the log, and never fatal. Of equal updates the later attempt counts. Executes nothing that a file contains.
    """
    best: Checkpoint | None = None
    read: list[Path] = []  # the best one last
    passed_over: list[str] = []
    for path in _paths(folder, spec.run_id):
        try:
            found = _load(path, spec, data_digest)
        except TensorFileError as error:
            passed_over.append(f"checkpoint {path} passed over: {error}")
            _LOG.warning(passed_over[-1])
            continue
        if best is None or found.update >= best.update:
            best = found
            read.append(path)
        else:
            read.insert(0, path)
    return best and replace(best, outdone=tuple(read[:-1])), passed_over


def delete_checkpoints(folder: Path, run_id: str) -> None:
    """Remove the checkpoints of all attempts at a run; one that is gone already is no error."""
    for path in _paths(folder, run_id):
        path.unlink(missing_ok=True)


def _load(path: Path, spec: RunSpec, data_digest: str) -> Checkpoint:
    content = load_tensors(path)
    if content.keys() != _CONTENT:
        raise TensorFileError("it is no checkpoint")
    if content["spec"] != spec.canonical():
        raise TensorFileError("it is of another spec")
    if content["data_digest"] != data_digest:
        raise TensorFileError("it is of other data")
    return Checkpoint(content["update"], content["state"])


def _paths(folder: Path, run_id: str) -> list[Path]:
    """This run's checkpoints by rising attempt."""
    attempts = attempts_in(folder, CHECKPOINT_SUFFIX).get(run_id, [])
    return [checkpoint_path(folder, run_id, attempt) for attempt in attempts]
