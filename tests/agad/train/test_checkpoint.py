"""Checkpoints: whole or not there, and never somebody else's."""

from __future__ import annotations

import errno
import os
import pickle
from pathlib import Path
from typing import Any

import pytest
import torch

from agad import files
from agad.train.checkpoint import Checkpoint, checkpoint_path, delete_checkpoints, find_checkpoint, save_checkpoint
from tests.helpers.science import small

SPEC = small()
DIGEST = "d" * 64


def save(folder: Path, update: int, attempt: int = 1, **changes: Any) -> Path:
    arguments = {"spec": SPEC, "data_digest": DIGEST} | changes
    state = {"weights": torch.arange(4.0), "nested": [{"by": (1, 2.5, None, "x")}], "attempt": attempt}
    return save_checkpoint(folder, attempt=attempt, checkpoint=Checkpoint(update, state), **arguments)


def test_what_is_read_is_what_was_written(tmp_path: Path):
    save(tmp_path / "new", 7)
    found, passed_over = find_checkpoint(tmp_path / "new", SPEC, DIGEST)
    assert found is not None
    assert passed_over == []
    assert found.update == 7
    assert torch.equal(found.state["weights"], torch.arange(4.0))
    assert found.state["nested"] == [{"by": (1, 2.5, None, "x")}]


def test_no_folder_and_no_file_are_no_checkpoint(tmp_path: Path):
    assert find_checkpoint(tmp_path / "none", SPEC, DIGEST) == (None, [])
    assert find_checkpoint(tmp_path, SPEC, DIGEST) == (None, [])


@pytest.mark.parametrize(("updates", "newest"), [((10, 5), 1), ((5, 10), 2), ((5, 5), 2), (tuple(range(1, 12)), 11)])
def test_the_most_updates_count_then_the_later_attempt(tmp_path: Path, updates: tuple[int, ...], newest: int):
    for attempt, update in enumerate(updates, start=1):
        save(tmp_path, update, attempt)
    found, _ = find_checkpoint(tmp_path, SPEC, DIGEST)
    assert found is not None
    assert (found.update, found.state["attempt"]) == (max(updates), newest)


@pytest.mark.parametrize("updates", [(10,), (5, 10), (10, 5), (5, 5), (3, 9, 7, 9, 1)])
def test_what_holds_less_than_the_best_is_named(tmp_path: Path, updates: tuple[int, ...]):
    """All that are this run's, but for the best; what is not to be read is not this run's to remove."""
    paths = [save(tmp_path, update, attempt) for attempt, update in enumerate(updates, start=1)]
    checkpoint_path(tmp_path, SPEC.run_id, 20).write_bytes(b"torn")
    save(tmp_path, 99, attempt=21, data_digest="e" * 64)
    found, _ = find_checkpoint(tmp_path, SPEC, DIGEST)
    assert found is not None
    best = checkpoint_path(tmp_path, SPEC.run_id, found.state["attempt"])
    assert sorted(found.outdone) == sorted(set(paths) - {best})


def test_an_attempt_writes_its_own_file_only(tmp_path: Path):
    first = save(tmp_path, 1, attempt=1)
    content = first.read_bytes()
    save(tmp_path, 2, attempt=2)
    assert first.read_bytes() == content
    assert sorted(path.name for path in tmp_path.iterdir()) == [f"{SPEC.run_id}.1.pt", f"{SPEC.run_id}.2.pt"]


class Intruder:
    """A pickle that would create a file where it is loaded."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def __reduce__(self) -> tuple[Any, ...]:
        return os.mkdir, (str(self.path),)


def test_torn_foreign_and_hostile_files_are_passed_over_and_told(tmp_path: Path):
    good = save(tmp_path, 3, attempt=1)
    whole = good.read_bytes()
    trap = tmp_path / "trap"
    bad = {
        2: whole[: len(whole) // 2],
        3: b"",
        4: b"not a checkpoint",
        5: pickle.dumps(Intruder(trap)),
        6: whole.replace(b"nested", b"n\0sted"),
        10: whole.replace(torch.arange(4.0).numpy().tobytes(), bytes(16)),
    }
    for attempt, content in bad.items():
        checkpoint_path(tmp_path, SPEC.run_id, attempt).write_bytes(content)
    torch.save({"update": 9}, checkpoint_path(tmp_path, SPEC.run_id, 7))
    torch.save([1, 2], checkpoint_path(tmp_path, SPEC.run_id, 8))
    torch.save({"spec": Intruder(trap), "update": 9}, checkpoint_path(tmp_path, SPEC.run_id, 9))
    found, passed_over = find_checkpoint(tmp_path, SPEC, DIGEST)
    assert found is not None
    assert found.update == 3
    for attempt in range(2, 11):
        assert any(f"{SPEC.run_id}.{attempt}.pt passed over" in line for line in passed_over)
    assert all("\n" not in line for line in passed_over)
    assert not trap.exists()


def test_a_checkpoint_of_another_spec_or_of_other_data_is_not_taken(tmp_path: Path):
    other = save(tmp_path, 3, spec=SPEC.replace(seed=1))
    other.rename(checkpoint_path(tmp_path, SPEC.run_id, 1))
    save(tmp_path, 4, attempt=2, data_digest="e" * 64)
    found, passed_over = find_checkpoint(tmp_path, SPEC, DIGEST)
    assert found is None
    assert "another spec" in passed_over[0]
    assert "other data" in passed_over[1]


def test_runs_do_not_see_each_other(tmp_path: Path):
    save(tmp_path, 3, spec=SPEC.replace(seed=1))
    assert find_checkpoint(tmp_path, SPEC, DIGEST) == (None, [])
    save(tmp_path, 4)
    delete_checkpoints(tmp_path, SPEC.run_id)
    assert find_checkpoint(tmp_path, SPEC, DIGEST) == (None, [])
    assert find_checkpoint(tmp_path, SPEC.replace(seed=1), DIGEST)[0] is not None


def test_deleting_takes_all_attempts_and_may_be_done_twice(tmp_path: Path):
    for attempt in (1, 2, 10):
        save(tmp_path, 1, attempt)
    (tmp_path / "notes.txt").write_text("stays")
    for _ in range(2):
        delete_checkpoints(tmp_path, SPEC.run_id)
    assert [path.name for path in tmp_path.iterdir()] == ["notes.txt"]


def test_a_full_disk_is_an_os_error_and_leaves_the_old_checkpoint(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    save(tmp_path, 1)

    def half(path: Path, content: bytes) -> int:
        with path.open("wb") as file:
            file.write(bytes(content)[:100])
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(Path, "write_bytes", half)
    with pytest.raises(OSError, match="No space left"):
        save(tmp_path, 2)
    found, passed_over = find_checkpoint(tmp_path, SPEC, DIGEST)
    assert found is not None
    assert (found.update, passed_over) == (1, [])
    assert len(list(tmp_path.iterdir())) == 1


def test_a_leftover_of_a_killed_writer_is_not_looked_at(tmp_path: Path):
    save(tmp_path, 1)
    files.temporary_beside(checkpoint_path(tmp_path, SPEC.run_id, 2)).write_bytes(b"half")
    found, passed_over = find_checkpoint(tmp_path, SPEC, DIGEST)
    assert found is not None
    assert (found.update, passed_over) == (1, [])


def test_a_checkpoint_that_cannot_be_read_is_not_passed_over(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The disk's error may pass; a run that began anew for it would lose its work."""
    save_checkpoint(tmp_path, small(), 1, "digest", Checkpoint(5, {}))

    def broken(_: object) -> bytes:
        raise OSError(errno.EIO, "Input/output error")

    monkeypatch.setattr(files, "read_file", broken)
    with pytest.raises(OSError, match="Input/output error"):
        find_checkpoint(tmp_path, small(), "digest")
