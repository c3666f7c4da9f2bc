"""The ledger of a sweep's jobs: what is damaged in it is said."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sweeps.executors.slurm.ledger import Ledger, Submission
from sweeps.executors.slurm.queue import slurm_lines

ONE = Submission("agad-demo-1", 3, ("python", "x"), "12")


def ledger(tmp_path: Path) -> Ledger:
    """Of one submission, and of a job that has begun."""
    found = Ledger(tmp_path / "slurm" / "plan")
    found.write(ONE)
    found.note("13", "by-hand")
    return found


def test_what_is_written_is_read(tmp_path: Path) -> None:
    found = ledger(tmp_path)

    assert found.entries() == [ONE]
    assert found.jobs() == {"12": ONE.token, "13": "by-hand"}
    assert found.damaged == []


@pytest.mark.slow
@given(name=st.sampled_from(["agad-demo-1.json", "job-13.json"]), byte=st.integers(0, 10**6), bit=st.integers(0, 7))
def test_no_flipped_bit_is_another_job(
    tmp_path_factory: pytest.TempPathFactory, name: str, byte: int, bit: int
) -> None:
    """The file is named as passed over, or says what it said; the others are read."""
    found = ledger(tmp_path_factory.mktemp("results"))
    path = found.folder / name
    content = bytearray(path.read_bytes())
    content[byte % len(content)] ^= 1 << bit
    path.write_bytes(content)

    if found.jobs() != {"12": ONE.token, "13": "by-hand"}:
        assert len(found.damaged) == len(found.jobs()) == 1
        assert found.damaged[0].startswith(f"passed over {path}: ")


@pytest.mark.parametrize("content", ["", "[" * 100_000, "3", "{}", '{"token": 1}', '{"command": null}'])
def test_other_content_is_said_by_status_too(tmp_path: Path, content: str) -> None:
    """And never raises."""
    found = ledger(tmp_path)
    for path in found.folder.iterdir():
        path.write_text(content, encoding="utf-8")
    (found.folder / "job-x.json").write_text("{}", encoding="utf-8")

    assert [line.partition(":")[0] for line in slurm_lines(found.folder)] == [
        f"passed over {found.folder / name}" for name in ("agad-demo-1.json", "job-13.json", "job-x.json")
    ]


def test_entries_of_an_older_agad_are_read(tmp_path: Path) -> None:
    """They have no digest, and a job's file holds its name alone."""
    found = Ledger(tmp_path / "slurm" / "plan")
    found.folder.mkdir(parents=True)
    values = {"token": "agad-demo-1", "tasks": 3, "command": ["python", "x"], "job": "12", "retries": False}
    (found.folder / "agad-demo-1.json").write_text(json.dumps(values), encoding="utf-8")
    (found.folder / "job-13").write_text("by-hand", encoding="utf-8")

    assert found.entries() == [ONE]
    assert found.jobs() == {"12": ONE.token, "13": "by-hand"}
