"""Checksums of files of rows: no change of any byte gives another number."""

from __future__ import annotations

import random
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from agad.store import row_file
from agad.store.rows import ResultStore
from agad.store.schema import SCHEMA
from tests.helpers.rows import record, spec

ROWS = [record(spec(seed=seed), auroc=0.5 + seed / 10, scores_eval=[0.25 * seed, 0.5]) for seed in range(3)]


def in_base(folder: Path) -> Path:
    path = folder / "base" / "rows-0.parquet"
    path.parent.mkdir(parents=True)
    row_file.write(path, (one.to_table() for one in ROWS))
    return path


def in_inbox(folder: Path) -> Path:
    store = ResultStore(folder)
    store.commit(ROWS[0])
    (path,) = store.inbox.iterdir()
    return path


@pytest.mark.slow
@pytest.mark.parametrize("make", [in_base, in_inbox])
def test_a_flipped_bit_anywhere_is_found_or_changes_nothing(tmp_path: Path, make: object) -> None:
    """Of each 700 bytes one bit, and more at both ends: every row that is read is one that was written."""
    path = make(tmp_path)  # type: ignore[operator]
    content = path.read_bytes()
    written = {row["run_id"]: row for row in ResultStore(tmp_path).read(SCHEMA.names).to_pylist()}
    draw = random.Random(1)
    places = [*range(0, len(content), 700), *range(12), *range(len(content) - 48, len(content))]
    unnoticed = 0
    for place in places:
        path.write_bytes(content[:place] + bytes([content[place] ^ 1 << draw.randrange(8)]) + content[place + 1 :])
        store = ResultStore(tmp_path)
        rows = store.read(SCHEMA.names).to_pylist()
        assert all(row == written[row["run_id"]] for row in rows)
        assert len(rows) == len(written) or [one.path for one in store.damaged] == [path]
        unnoticed += not store.damaged
    assert unnoticed <= 8, "only the magic at the beginning and the mark of the checksums are of no account"


def flipped(path: Path, column: str, content: bytes, *, group: int = 0, leaf: int = 0) -> int:
    """Flip a bit in one of the chunks of a column, in the file as `content` has it; how many chunks the column has."""
    metadata = pq.read_metadata(pa.BufferReader(content)).row_group(group)
    chunks = [metadata.column(number) for number in range(metadata.num_columns)]
    own = [chunk for chunk in chunks if chunk.path_in_schema.split(".")[0] == column]
    start = own[leaf].dictionary_page_offset if own[leaf].has_dictionary_page else own[leaf].data_page_offset
    place = start + own[leaf].total_compressed_size - 1
    path.write_bytes(content[:place] + bytes([content[place] ^ 1]) + content[place + 1 :])
    return len(own)


@pytest.mark.parametrize("make", [in_base, in_inbox])
def test_a_reading_of_a_column_sees_damage_to_it(tmp_path: Path, make: object) -> None:
    """Each column alone, in each of its chunks: behind the first map, which has two, the next column's was compared."""
    path = make(tmp_path)  # type: ignore[operator]
    content = path.read_bytes()
    unseen = []
    for name in SCHEMA.names:
        leaf, leaves = 0, 1
        while leaf < leaves:
            leaves = flipped(path, name, content, leaf=leaf)
            if not row_file.read_file(path, [name]).damage:
                unseen.append((name, leaf))
            leaf += 1

    assert unseen == []


@pytest.mark.parametrize("column", ["curve_terms", "scores_eval", SCHEMA.names[-1]])
def test_damage_to_a_column_costs_no_reading_of_others(tmp_path: Path, column: str) -> None:
    path = in_inbox(tmp_path)
    flipped(path, column, path.read_bytes())
    others = [name for name in SCHEMA.names if name != column]

    assert not row_file.read_file(path, others).damage


def test_only_the_damaged_row_group_is_lost(tmp_path: Path) -> None:
    """In a file of base/, and compaction keeps the sound ones too."""
    path = in_base(tmp_path)
    flipped(path, "auroc", path.read_bytes(), group=1)
    store = ResultStore(tmp_path)

    assert set(store.tries()) == {ROWS[0].run_id, ROWS[2].run_id}, "a launch makes the run again that a table lacks"
    assert sorted(store.read(["auroc"])["auroc"].to_pylist()) == [0.5, 0.7]
    assert "a checksum is wrong" in store.damaged[0].reason


def test_damage_to_scores_does_not_cost_the_headline(tmp_path: Path) -> None:
    """A file is named as damaged once any reading has seen it, also by later readings of other columns."""
    path = in_inbox(tmp_path)
    flipped(path, "scores_eval", path.read_bytes())
    store = ResultStore(tmp_path)

    assert store.read(["scores_eval"]).num_rows == 0
    assert store.read(["auroc"])["auroc"].to_pylist() == [0.5]
    assert [one.path for one in store.damaged] == [path]


def test_any_parquet_library_reads_the_file(tmp_path: Path) -> None:
    """The block of checksums is of no account to other readers, and pages have Parquet's own checksums."""
    table = pq.read_table(in_base(tmp_path), page_checksum_verification=True)

    assert table.equals(pa.concat_tables([one.to_table() for one in ROWS]))


def test_a_file_that_another_program_has_written_again_is_named(tmp_path: Path) -> None:
    """It would say that it has checksums, and have none."""
    path = in_base(tmp_path)
    pq.write_table(pq.read_table(path), path)
    store = ResultStore(tmp_path)

    assert store.read().num_rows == 0
    assert "another program has written it" in store.damaged[0].reason
