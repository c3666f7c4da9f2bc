"""The state of an unfinished run in one file, written so that a reader sees all of it or nothing."""

from __future__ import annotations

import logging
import re
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from agad import files
from agad.spec.run import RunSpec
from agad.tensors.file import TensorFileError, load_tensors, save_tensors

_LOG = logging.getLogger(__name__)
_CONTENT = {"spec", "data_digest", "update", "state"}


@dataclass(frozen=True, slots=True, eq=False)
class Checkpoint:
    """A resumable state.

    Attributes:
        update: number of updates done.
        state: of the trainer: tensors, numbers and strings in dicts and lists.
    """

    update: int
    state: dict[str, Any]


def checkpoint_path(folder: Path, run_id: str, attempt: int) -> Path:
    """The file of one attempt's checkpoint; it writes no other."""
    return folder / f"{run_id}.{attempt}.pt"


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
    return best, passed_over


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
    found = {}
    for name in files.names(folder):
        match = re.fullmatch(rf"{re.escape(run_id)}\.(\d+)\.pt", name)
        if match:
            found[int(match[1])] = folder / name
    return [found[attempt] for attempt in sorted(found)]
