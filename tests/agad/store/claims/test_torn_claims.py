"""Claims that somebody else has written: whatever their content, they stop nobody."""

from __future__ import annotations

import dataclasses
import json
import os
import tempfile
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agad.store.claims import ClaimBoard, ClaimRecord, Owner

RUN = "ab" * 8
VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.just(10**30) | st.floats() | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
    max_leaves=4,
)
OWNER_FIELDS = [f.name for f in dataclasses.fields(Owner)]
FIELDS = [f.name for f in dataclasses.fields(ClaimRecord)]


def read_all(folder: Path) -> tuple[bool, ClaimRecord | None, int]:
    """What a board makes of the claim at once, and after a lease."""
    now = [0.0]
    board = ClaimBoard(folder, Owner.this_process("me"), lease=10, clock=lambda: now[0])
    board.is_held(RUN, 1)
    now[0] = 20.0
    return board.is_held(RUN, 1), board.read(RUN, 1), RUN in board.generations()


@pytest.mark.slow
@given(field=st.sampled_from([*FIELDS, *OWNER_FIELDS]), value=VALUES)
def test_any_value_in_any_field_is_a_claim_or_torn(field: str, value: Any) -> None:
    """A record that is read has the types that its fields declare; every other one is torn, and expires."""
    content = dataclasses.asdict(ClaimRecord(Owner.this_process("them")))
    (content if field in FIELDS else content["owner"])[field] = value
    with tempfile.TemporaryDirectory() as name:
        (Path(name) / "claims").mkdir()
        (Path(name) / "claims" / f"{RUN}.1").write_text(json.dumps(content), encoding="utf-8")
        held, record, _ = read_all(Path(name))
    if record is None:
        assert not held
    else:
        assert type(record.owner.worker) is type(record.owner.host) is str
        assert type(record.owner.pid) is type(record.saved) is type(record.update) is int


@given(byte=st.integers(0, 10**6), bit=st.integers(0, 7))
def test_a_flipped_bit_is_no_other_claim(byte: int, bit: int) -> None:
    """Whatever it hits: the claim is torn, or what it was."""
    written = ClaimRecord(Owner.this_process("them"), update=3, updates=7, saved=2)
    content = bytearray(written.to_bytes())
    content[byte % len(content)] ^= 1 << bit

    assert ClaimRecord.from_bytes(bytes(content)) in (None, written)


def test_a_claim_of_an_older_agad_is_read() -> None:
    """It has no checksum."""
    written = ClaimRecord(Owner.this_process("them"), update=3)
    assert ClaimRecord.from_bytes(json.dumps(dataclasses.asdict(written)).encode()) == written


@pytest.mark.slow
@given(st.binary(max_size=200) | VALUES.map(lambda value: json.dumps(value).encode()))
def test_any_bytes_are_a_claim_or_torn(content: bytes) -> None:
    """Reading never raises."""
    ClaimRecord.from_bytes(content)


@pytest.mark.parametrize("content", [b"[" * 100_000, b"1" * 10_000, b"", b"null"])
def test_long_and_deep_records_are_torn(content: bytes) -> None:
    """JSON whose reading ends in an error of another kind."""
    assert ClaimRecord.from_bytes(content) is None


@pytest.mark.parametrize("kind", ["folder", "loop", "fifo", "nowhere"])
def test_what_is_no_file_is_torn_and_named(tmp_path: Path, kind: str) -> None:
    """Only a link to nowhere is as if it were not there."""
    path = tmp_path / "claims" / f"{RUN}.1"
    path.parent.mkdir()
    if kind == "folder":
        path.mkdir()
    elif kind == "fifo":
        os.mkfifo(path)
    else:
        path.symlink_to(path if kind == "loop" else tmp_path / "nowhere")
    board = ClaimBoard(tmp_path, Owner.this_process("me"))

    assert board.is_held(RUN, 1) is (kind != "nowhere")
    assert board.torn == (set() if kind == "nowhere" else {path})
    assert read_all(tmp_path) == (False, None, 1)


def test_a_generation_beyond_all_numbers_is_no_claim(tmp_path: Path) -> None:
    """It would become an attempt that no row can hold."""
    (tmp_path / "claims").mkdir()
    (tmp_path / "claims" / f"{RUN}.{10**30}").touch()

    assert ClaimBoard(tmp_path, Owner.this_process("me")).generations() == {}
