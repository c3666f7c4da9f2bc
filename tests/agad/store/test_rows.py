"""ResultStore: many writers, readers and compactors on one folder; torn and foreign files."""

from __future__ import annotations

import errno
import shutil
import subprocess
import sys
import warnings
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

import agad.store.rows as store_module
from agad import files
from agad.errors import StoreError, StoreWarning
from agad.scoring.auroc import auroc
from agad.store import repeats, row_checks, row_file
from agad.store.attempts import Try
from agad.store.rows import ResultStore
from agad.store.schema import SCHEMA, RunRecord
from tests.helpers.rows import record, spec

NOON, LATER = (datetime(2026, 1, 1, hour, tzinfo=UTC) for hour in (12, 13))


@pytest.fixture
def store(tmp_path: Path) -> ResultStore:
    return ResultStore(tmp_path)


def contents(folder: Path) -> set[str]:
    return {str(path.relative_to(folder)) for path in folder.rglob("*") if path.is_file()}


def test_an_empty_or_missing_folder_has_no_rows(store: ResultStore) -> None:
    assert store.read().num_rows == 0
    assert store.tries() == {}
    assert store.compact() == 0


def test_what_is_committed_is_read(store: ResultStore) -> None:
    values = {"curve_update": [1, 2], "scores_eval": [0.5, 0.25], "data_digest": "d", "auroc": 0.75}
    one = record(spec(seed=3, gamma=0.05, min_anomalies=2), **values)

    assert store.commit(one)

    (row,) = store.read(columns=[*SCHEMA.names]).to_pylist()
    assert row == one.to_row()


def test_columns_are_chosen_and_lists_are_not_read_unless_asked_for(store: ResultStore) -> None:
    store.commit(record(scores_eval=[1.0]))

    assert store.read(["auroc"]).column_names == store.read("auroc").column_names == ["auroc"]
    assert store.read_tries("auroc").column_names == ["auroc"]
    assert "scores_eval" not in store.read().column_names
    assert "lr" in store.read().column_names


def test_unknown_column(store: ResultStore) -> None:
    with pytest.raises(KeyError, match="auc"):
        store.read(["auc"])


def test_an_attempt_is_never_overwritten(store: ResultStore) -> None:
    assert store.add(record(auroc=0.1))
    assert not store.add(record(auroc=0.9))

    assert store.read(["auroc"])["auroc"].to_pylist() == [0.1]


@pytest.mark.parametrize("compacted", [False, True])
def test_a_finished_run_that_is_not_stored_is_warned_of(store: ResultStore, compacted: bool) -> None:
    """As `train` and `commit` after an edit of the code: the row of before stays."""
    store.commit(record(auroc=0.1))
    if compacted:
        store.compact()

    with pytest.warns(
        StoreWarning, match=r"run \w+ has a finished row with other numbers.* to another results folder$"
    ):
        assert not store.commit(record(auroc=0.9))
    assert not store.commit(record(auroc=0.1, train_seconds=2.0)), "the same numbers, in silence"
    assert not store.commit(record(status="failed"))
    assert store.read_tries(["auroc"])["auroc"].to_pylist() == [0.1]


@pytest.mark.slow
@pytest.mark.parametrize("compacted", [False, True])
def test_what_ends_better_than_before_is_the_next_attempt(store: ResultStore, compacted: bool) -> None:
    for status in ("failed", "pruned", "ok"):
        assert store.commit(record(status=status))
        if compacted:
            store.compact()

    tries = store.read_tries(["attempt", "status"]).to_pylist()
    assert tries == [{"attempt": n, "status": one} for n, one in enumerate(("failed", "pruned", "ok"), 1)]
    assert not store.commit(record()), "the same numbers again"
    assert store.read(["auroc"])["auroc"].to_pylist() == [0.5]


def test_a_finished_run_is_stored_beside_rows_that_cannot_be_read(store: ResultStore) -> None:
    store.commit(record(spec(seed=1)))
    _rewrite(store, record(spec(seed=1)).to_table(), 99)
    store.base.mkdir()
    for path in store.inbox.iterdir():
        path.rename(store.base / path.name)

    assert store.commit(record())
    assert len(contents(store.inbox)) == 1


def test_a_finished_run_is_stored_beside_a_file_of_its_attempt_that_cannot_be_read(store: ResultStore) -> None:
    """As a full disk has left it: no row was there, and the attempt was taken all the same."""
    store.commit(record())
    (path,) = store.inbox.iterdir()
    path.write_bytes(path.read_bytes()[:100])

    assert store.commit(record(auroc=0.9))
    assert store.read(["auroc"])["auroc"].to_pylist() == [0.9]


@pytest.mark.parametrize("others", [0.5, 0.1])
def test_a_run_that_another_process_stores_meanwhile_is_compared_with_its_row(
    others: float, store: ResultStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    real = repeats.beside

    def beside(one: RunRecord, earlier: pa.Table) -> tuple[RunRecord | None, str]:
        found = real(one, earlier)
        ResultStore(store.path).add(record(auroc=others))
        return found

    monkeypatch.setattr(repeats, "beside", beside)
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        assert not store.commit(record())
    assert len(caught) == (others != 0.5)
    assert store.read_tries("attempt").num_rows == 1


def test_reading_warns_of_finished_rows_that_differ(store: ResultStore) -> None:
    """And whoever says so itself reads in silence."""
    for attempt in (1, 2):
        store.commit(record(attempt=attempt, auroc=0.25 + attempt / 4))

    assert store.read_counting(["auroc"])["auroc"].to_pylist() == [0.5]
    with pytest.warns(StoreWarning, match=r"1 run has several finished rows that differ; .* 25 points apart"):
        assert store.read(["auroc"])["auroc"].to_pylist() == [0.5]


@pytest.mark.slow
@pytest.mark.parametrize("compacted", [False, True])
@pytest.mark.parametrize(
    ("tries", "counts"),
    [
        ([("failed", 1), ("ok", 2)], ("ok", 2)),
        ([("ok", 3), ("ok", 2), ("failed", 1)], ("ok", 2)),
        ([("failed", 1), ("pruned", 2), ("failed", 3)], ("pruned", 2)),
        ([("failed", 2), ("failed", 1)], ("failed", 1)),
        ([("pruned", 1), ("ok", 9)], ("ok", 9)),
    ],
)
def test_which_row_counts(
    store: ResultStore, tries: list[tuple[str, int]], counts: tuple[str, int], compacted: bool
) -> None:
    for status, attempt in tries:
        store.commit(record(attempt=attempt, status=status))
        if compacted:
            store.compact()

    (row,) = store.read(["status", "attempt"]).to_pylist()
    assert (row["status"], row["attempt"]) == counts
    assert store.read_tries().num_rows == len(tries)


FAILED = {"status": "failed", "failure_kind": "oom"}
FIRST, SECOND = {"auroc": 0.9, "finished_at": NOON}, {"auroc": 0.8, "finished_at": LATER}


@pytest.mark.slow
@pytest.mark.parametrize("into", ["base", "inbox"])
@pytest.mark.parametrize(("here", "there"), [(FAILED, FIRST), (FIRST, FAILED), (FIRST, SECOND), (SECOND, FIRST)])
def test_merged_folders_have_one_answer_whichever_files_their_rows_are_in(
    store: ResultStore, tmp_path: Path, into: str, here: dict, there: dict
) -> None:
    """Both folders have a first attempt at the run; base files have random names, and compaction makes new ones."""
    store.commit(record(**here))
    store.compact()
    other = ResultStore(tmp_path / "other")
    other.commit(record(**there))
    if into == "base":
        other.compact()
    shutil.copytree(other.path / into, store.path / into, dirs_exist_ok=True)

    for attempt in range(1, 5):
        again = ResultStore(store.path)
        (row,) = again.read_counting(["status", "auroc"], record().spec.run_id).to_pylist()
        assert row == {"status": "ok", "auroc": 0.9}
        assert [one.status for one in again.tries()[record().spec.run_id]] == ["ok"]
        tries = again.read_tries(["run_id", "auroc"])
        assert [row["auroc"] for row in tries.to_pylist() if row["run_id"] == record().spec.run_id] == [0.9]
        again.commit(record(spec(seed=5), attempt=attempt))
        again.compact()


def test_rows_of_chosen_runs(store: ResultStore) -> None:
    for seed in range(4):
        store.commit(record(spec(seed=seed)))
        if seed == 1:
            store.compact()
    wanted = {spec(seed=0).run_id, spec(seed=3).run_id}

    assert set(store.read(["run_id"], run_ids=wanted)["run_id"].to_pylist()) == wanted
    assert store.read(["run_id"], run_ids=min(wanted))["run_id"].to_pylist() == [min(wanted)], "not its letters"


def test_tries_for_planning(store: ResultStore) -> None:
    store.commit(record(attempt=2, status="failed", failure_kind="oom"))
    store.compact()
    store.commit(record(attempt=3))

    store.commit(record(attempt=4, code_digest="c"))

    nameless = (Try(2, "failed", "oom", named=False), Try(3, "ok", None, named=False))
    assert store.tries() == {spec().run_id: (*nameless, Try(4, "ok", None))}


def test_tries_reads_a_file_once(store: ResultStore, monkeypatch: pytest.MonkeyPatch) -> None:
    store.commit(record())
    store.tries()
    monkeypatch.setattr(store_module, "read_file", None)

    assert len(store.tries()) == 1


@pytest.mark.slow
def test_compaction_leaves_one_file_and_the_same_rows(store: ResultStore, tmp_path: Path) -> None:
    for seed in range(5):
        store.commit(record(spec(seed=seed), scores_eval=[seed]))
    before = store.read([*SCHEMA.names])

    assert store.compact() == 5

    assert store.read([*SCHEMA.names]) == before
    assert len(contents(tmp_path)) == 1
    assert store.compact() == 0


@pytest.mark.slow
def test_many_base_files_are_merged(store: ResultStore, tmp_path: Path) -> None:
    for seed in range(20):
        store.commit(record(spec(seed=seed)))
        store.compact()

    assert store.read().num_rows == 20
    assert len(contents(tmp_path)) < 20


@pytest.mark.slow
def test_compaction_streams(store: ResultStore, monkeypatch: pytest.MonkeyPatch) -> None:
    """Row groups are written as they fill up, so that memory does not grow with the number of rows."""
    monkeypatch.setattr(store_module, "_COMPACT_BYTES", 1)
    for seed in range(3):
        store.commit(record(spec(seed=seed)))

    store.compact()

    (base,) = store.base.iterdir()
    assert pq.ParquetFile(base).num_row_groups == 3
    assert store.read().num_rows == 3


def test_a_field_that_older_rows_lack_is_what_their_code_behaved_like(store: ResultStore) -> None:
    """A table by method would otherwise lose them; any other column that they lack is null."""
    table = record(spec()).to_table().cast(row_file.FILE_SCHEMA)
    store.inbox.mkdir(parents=True)
    older = table.drop_columns(["method", "recon_x", "auroc_oracle"])
    pq.write_table(older, store.inbox / f"{spec().run_id}.1.parquet")

    expected = {"method": "agad", "recon_x": None, "auroc_oracle": None}
    assert store.read([*expected]).to_pylist() == [expected]
    assert store.compact() == 1
    assert store.read([*expected]).to_pylist() == [expected]


# -- torn, foreign, newer and older files --------------------------------------------------------------------------


def _torn(path: Path) -> None:
    other = ResultStore(path.parent.parent / "other")
    other.commit(record(spec(seed=9)))
    (whole,) = other.inbox.iterdir()
    path.write_bytes(whole.read_bytes()[:-20])


DAMAGE: dict[str, Callable[[Path], object]] = {
    "torn": _torn,
    "empty": lambda path: path.write_bytes(b""),
    "text": lambda path: path.write_text("hello"),
    "foreign Parquet": lambda path: pq.write_table(pa.table({"a": [1]}), path),
    "folder": lambda path: path.mkdir(),
}


@pytest.mark.slow
@pytest.mark.parametrize("damage", DAMAGE)
@pytest.mark.parametrize("place", ["inbox", "base"])
def test_a_damaged_file_never_breaks_reading(store: ResultStore, damage: str, place: str) -> None:
    store.commit(record())
    bad = store.path / place / "abc.1.parquet"
    bad.parent.mkdir(exist_ok=True)
    DAMAGE[damage](bad)

    assert store.read().num_rows == 1
    assert [one.path for one in store.damaged] == [bad]
    assert list(store.tries()) == [spec().run_id]
    assert [one.path for one in store.damaged] == [bad]


@pytest.mark.slow
@pytest.mark.parametrize("number", [errno.EACCES, errno.EIO, errno.EMFILE])
def test_a_file_that_cannot_be_opened_is_not_damaged(
    store: ResultStore, monkeypatch: pytest.MonkeyPatch, number: int
) -> None:
    """Nothing may be set aside, nor its run be done again, for a fault of the place."""
    store.commit(record())

    opened = pa.OSFile

    def refuse(path: str, mode: str = "r") -> object:
        if mode == "r":
            raise OSError(number, "no")
        return opened(path, mode)

    monkeypatch.setattr(pa, "OSFile", refuse)
    for read in (store.read, store.tries, store.compact):
        with pytest.raises(StoreError, match="cannot be read"):
            read()
    monkeypatch.undo()

    assert store.read().num_rows == 1
    assert len(store.tries()) == 1


def test_a_stale_handle_is_read_again(store: ResultStore, monkeypatch: pytest.MonkeyPatch) -> None:
    """NFS: the file was unlinked by a compactor while it was read."""
    store.commit(record())
    opened = pa.OSFile

    def stale_once(path: str) -> object:
        monkeypatch.setattr(pa, "OSFile", opened)
        raise OSError(errno.ESTALE, "Stale file handle")

    monkeypatch.setattr(pa, "OSFile", stale_once)

    assert store.read().num_rows == 1


def test_compaction_sets_damaged_files_aside_and_keeps_them(store: ResultStore) -> None:
    store.commit(record())
    (store.inbox / "abc.1.parquet").write_text("torn")

    assert store.compact() == 1

    assert store.read().num_rows == 1
    assert store.damaged == ()
    (kept,) = store.folder.set_aside.iterdir()
    assert [one.path for one in store.set_aside] == [kept]
    assert kept.read_text() == "torn"


def test_a_foreign_name_is_set_aside(store: ResultStore) -> None:
    store.commit(record())
    (source,) = store.inbox.iterdir()
    source.rename(store.inbox / "copy of results.parquet")

    assert store.read().num_rows == 0
    assert "not the name of a row" in store.damaged[0].reason


def test_half_written_files_are_passed_over(store: ResultStore) -> None:
    store.commit(record())
    files.temporary_beside(store.inbox / "x").write_text("half")

    assert store.read().num_rows == 1
    assert store.damaged == ()


def _rewrite(store: ResultStore, table: pa.Table, version: int) -> None:
    (path,) = store.inbox.iterdir()
    metadata = {b"agad_schema_version": str(version).encode()}
    pq.write_table(table.replace_schema_metadata(metadata), path)


def test_rows_of_a_newer_schema_are_refused_in_one_line(store: ResultStore) -> None:
    store.commit(record())
    _rewrite(store, record().to_table(), 99)

    for read in (store.read, store.tries, store.compact):
        with pytest.raises(StoreError, match=r"written by a newer agad .*update agad"):
            read()


def test_what_older_rows_lack_is_null(store: ResultStore) -> None:
    store.commit(record(auroc=0.5))
    _rewrite(store, record(auroc=0.5).to_table().drop_columns(["oracle_update", "beta2"]), 1)

    (row,) = store.read(["auroc", "oracle_update", "beta2"]).to_pylist()
    assert row == {"auroc": 0.5, "oracle_update": None, "beta2": None}
    store.compact()
    assert store.read(["beta2"])["beta2"].to_pylist() == [None]


# -- interleavings, forced -----------------------------------------------------------------------------------------


def test_a_reader_starts_again_when_a_compactor_moves_rows_under_it(
    store: ResultStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Listed in the inbox, gone when opened: the reader must find the row in base."""
    store.commit(record())
    paths = ResultStore._paths
    listed = []

    def list_then_compact(folder: Path) -> list[Path]:
        found = paths(folder)
        listed.append(folder)
        if listed == [store.inbox, store.base]:
            monkeypatch.setattr(ResultStore, "_paths", staticmethod(paths))
            ResultStore(store.path).compact()
        return found

    monkeypatch.setattr(ResultStore, "_paths", staticmethod(list_then_compact))

    assert store.read().num_rows == 1
    assert list(store.inbox.iterdir()) == []


@pytest.mark.slow
def test_rows_in_two_files_at_once_are_one_row(store: ResultStore, monkeypatch: pytest.MonkeyPatch) -> None:
    """A compactor killed between its rename and its unlinks."""
    store.commit(record(auroc=0.5))
    monkeypatch.setattr(Path, "unlink", lambda *_, **__: None)
    store.compact()
    monkeypatch.undo()

    assert len(list(store.inbox.iterdir())) == 1
    assert store.read(["auroc"])["auroc"].to_pylist() == [0.5]
    assert store.read_tries().num_rows == 1
    store.compact()
    assert store.read().num_rows == 1


@pytest.mark.slow
def test_two_compactors_at_the_same_files(store: ResultStore, monkeypatch: pytest.MonkeyPatch) -> None:
    """The second runs whole between the first one's reading and its rename."""
    for seed in range(3):
        store.commit(record(spec(seed=seed)))
    replace = files.replace_atomically

    def compact_before(target: Path, write: Callable[[Path], object]) -> None:
        def write_then_let_the_other_in(path: Path) -> None:
            write(path)
            monkeypatch.setattr(files, "replace_atomically", replace)
            ResultStore(store.path).compact()

        replace(target, write_then_let_the_other_in)

    monkeypatch.setattr(files, "replace_atomically", compact_before)
    store.compact()

    assert len(list(store.base.iterdir())) == 2
    assert store.read().num_rows == 3


def test_a_compactor_never_unlinks_what_it_has_not_read(store: ResultStore, monkeypatch: pytest.MonkeyPatch) -> None:
    """A row that arrives while the compactor writes stays in the inbox."""
    store.commit(record(spec(seed=0)))
    gathered = store_module._gathered

    def late_arrival(tables: object) -> object:
        yield from gathered(tables)  # type: ignore[arg-type]
        ResultStore(store.path).commit(record(spec(seed=1)))

    monkeypatch.setattr(store_module, "_gathered", late_arrival)
    store.compact()

    assert len(list(store.inbox.iterdir())) == 1
    assert store.read().num_rows == 2


def test_a_disk_that_fills_up_leaves_no_half_row(store: ResultStore, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(*_: object, **__: object) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    store.commit(record(spec(seed=0)))
    monkeypatch.setattr(pq.ParquetWriter, "write_table", full)
    with pytest.raises(OSError, match="No space"):
        store.commit(record(spec(seed=1)))
    with pytest.raises(OSError, match="No space"):
        store.compact()

    assert store.read().num_rows == 1
    assert len(contents(store.path)) == 1


def test_without_hard_links_rows_are_still_exclusive(store: ResultStore, monkeypatch: pytest.MonkeyPatch) -> None:
    def no_links(*_: object) -> None:
        raise OSError(errno.ENOTSUP, "not supported")

    monkeypatch.setattr("os.link", no_links)

    assert store.add(record(auroc=0.1))
    assert not store.add(record(auroc=0.9))
    assert store.read(["auroc"])["auroc"].to_pylist() == [0.1]


WRITERS = """
import sys
import warnings
from agad.store.rows import ResultStore
from tests.helpers.rows import record, spec
store = ResultStore(sys.argv[1])
for seed in range(20):
    store.commit(record(spec(seed=seed), attempt=int(sys.argv[2])))
    if seed % 5 == 0:
        store.compact()
        assert store.read(["run_id"]).num_rows > seed
"""


@pytest.mark.slow
def test_many_processes_at_once(store: ResultStore) -> None:
    """Three writers that also compact and read, for real; nothing is lost or doubled."""
    writers = [
        subprocess.Popen([sys.executable, "-c", WRITERS, str(store.path), str(attempt)], stderr=subprocess.PIPE)
        for attempt in (1, 2, 3)
    ]
    errors = [writer.communicate(timeout=600)[1] for writer in writers]

    assert [writer.returncode for writer in writers] == [0, 0, 0], errors
    assert store.read().num_rows == 20
    assert store.read_tries().num_rows == 60
    assert store.damaged == ()


def test_a_column_that_was_renamed_is_read_from_older_rows(store: ResultStore) -> None:
    """How many runs trained together was called `pack`."""
    table = record(spec(), together=3).to_table()
    older = table.rename_columns(["pack" if name == "together" else name for name in table.column_names])
    store.inbox.mkdir()
    pq.write_table(older.replace_schema_metadata(row_file.FILE_METADATA), store.inbox / f"{spec().run_id}.1.parquet")

    assert store.read(["run_id", "together"]).to_pylist() == [{"run_id": spec().run_id, "together": 3}]
    store.compact()
    assert store.read(["together"]).to_pylist() == [{"together": 3}]


@pytest.mark.parametrize("wrong", [98.3, -0.1, float("nan")])
def test_an_auroc_that_is_none_is_not_stored(store: ResultStore, wrong: float) -> None:
    """As a percentage from elsewhere: a table would multiply it by 100 once more, and pass over what is no number."""
    whole = record(0)
    with pytest.raises(StoreError, match="auroc_eval_recal is not"):
        store.commit(replace(whole, values={**whole.values, "auroc_eval_recal": wrong}))
    assert store.read(["run_id"]).num_rows == 0
    assert store.commit(whole)


SCORED = {
    "test_label": [0, 0, 1, 1],
    "scores_eval": [0.1, 0.2, 0.2, 0.3],
    "auroc": 0.875,
    "scores_batch_shuffled": [1, 2, 3, 4],
    "auroc_batch_shuffled": 0.75,
    "auroc_batch_shuffled_each": [1.0, 0.5],
}
"""Of four images, two of which have the same score; the batch order was drawn twice."""


@pytest.mark.slow
@pytest.mark.parametrize(
    ("status", "changes", "said"),
    [
        ("ok", {"auroc": 0.8750001}, "auroc is not that of test_label and scores_eval, 0.875000"),
        ("ok", {"auroc": 0.125}, "auroc is not that"),
        ("ok", {"test_label": [1, 1, 0, 0]}, "auroc is not that"),
        ("ok", {"test_label": [1, 1, 1, 1]}, "auroc is not that"),
        ("ok", {"scores_eval": [0.1, 0.2, 0.2]}, "auroc is not that"),
        ("ok", {"scores_eval": [0.1, 0.2, 0.2, float("nan")], "test_label": [1, 1, 0, 0]}, "scores_eval is not finite"),
        # NaN and infinity above all others, of the anomalies: the AUROC is that of such ranks.
        ("ok", {"scores_eval": [0.1, 0.2, float("nan"), float("nan")], "auroc": 1.0}, "scores_eval is not finite"),
        ("ok", {"scores_eval": [0.1, 0.2, 0.3, float("inf")], "auroc": 1.0}, "scores_eval is not finite"),
        ("ok", {"scores_eval": [0.1, 0.2, 0.3, 1e39], "auroc": 1.0}, "scores_eval is not finite"),
        ("ok", {"scores_eval": [0.1, 0.2, 0.3, None], "auroc": 1.0}, "scores_eval is not finite"),
        ("ok", {"scores_batch1": [float("-inf"), 0.2, 0.2, 0.3]}, "scores_batch1 is not finite"),
        ("ok", {"scores_eval_recal": [float("nan")] * 4, "test_label": None}, "scores_eval_recal is not finite"),
        ("ok", {"curve_auroc_eval": [0.5, float("nan")]}, "curve_auroc_eval is not 0 to 1"),
        ("ok", {"auroc_batch_shuffled": 1.0}, "auroc_batch_shuffled is not the mean of auroc_batch_shuffled_each"),
        (
            "ok",
            {"auroc_batch_shuffled_each": [0.5, 1.0]},
            "auroc_batch_shuffled is not that of test_label and scores_batch_shuffled",
        ),
        ("pruned", {}, "status is pruned, yet it has an auroc"),
        ("failed", {"auroc": None}, "status is failed, yet it has an auroc_batch_shuffled"),
        ("ok", {"auroc": None}, "status is ok, yet it has no auroc"),
        ("ok", {"auroc": True}, "auroc is True, which is no number"),
        ("ok", {"auroc_batch1": False}, "auroc_batch1 is False"),
        ("ok", {"curve_update": [2, 4], "curve_auroc_eval": [0.5]}, "_eval has 1 values, and curve_update 2"),
        ("ok", {"curve_loss_g": [0.5]}, "curve_loss_g has 1 values, and curve_update 0"),
        ("ok", {"curve_update": [2], "curve_terms": {"loss_x": [1.0, 2.0]}}, "has 2 values, and curve_update 1"),
        ("ok", {"n_test_normal": 3}, "n_test_normal is not how often test_label is 0"),
        ("ok", {"n_test_anomaly": 1}, "n_test_anomaly is not how often test_label is 1"),
    ],
)
def test_a_row_that_contradicts_itself_is_not_stored(
    store: ResultStore, status: str, changes: dict[str, object], said: str
) -> None:
    """An AUROC is that of the row's own labels and scores, and of a run that ended: whoever made the record."""
    with pytest.raises(StoreError, match=said):
        store.commit(record(spec(0), status=status, **{**SCORED, **changes}))
    assert store.read(["run_id"]).num_rows == 0
    assert store.commit(record(spec(0), **SCORED))
    assert store.commit(record(spec(1), **{**SCORED, "test_label": None}))


def test_the_area_of_a_row_is_the_one_of_scoring() -> None:
    """Two ways to compute it agree, with ties and without, on as many images as a test set has."""
    draw = np.random.default_rng(0)
    for count in (2, 3, 100, 10_000):
        labels = (np.arange(count) % 10 != 0).astype(int)
        for scores in (draw.random(count, np.float32), draw.integers(0, 5, count).astype(np.float32)):
            row = {"test_label": labels, "scores_eval": scores, "auroc": auroc(labels, scores)}
            assert row_checks.contradiction(spec(), "ok", row) is None


@pytest.mark.parametrize("protocol", ["one_vs_rest", "leave_one_out"])
def test_a_row_of_another_class_than_its_spec_is_not_stored(store: ResultStore, protocol: str) -> None:
    """As of a loop over classes that writes one result under each spec."""
    name = {"one_vs_rest": "normal_class", "leave_one_out": "abnormal_class"}[protocol]
    specs = [
        spec(0, **{"protocol": protocol, "normal_class": None, "abnormal_class": None, name: of}) for of in range(3)
    ]
    label = [int((of == 1) == (protocol == "leave_one_out")) for of in (0, 1, 2, 1)]
    values = {"test_class": [0, 1, 2, 1], "test_label": label}
    assert store.commit(record(specs[1], **values))
    for other in (specs[0], specs[2]):
        with pytest.raises(StoreError, match="test_label is not what class"):
            store.commit(record(other, **values))


def test_an_oracle_that_is_none_is_not_stored(store: ResultStore) -> None:
    """It is the best of the curve, which the row has."""
    values = {"curve_update": [2, 4], "curve_auroc_eval": [0.75, 0.5]}
    for wrong in (0.5, 1.0):
        with pytest.raises(StoreError, match="auroc_oracle is not the largest"):
            store.commit(record(spec(), auroc_oracle=wrong, **values))
    assert store.commit(record(spec(), auroc_oracle=0.75, **values))


@pytest.mark.slow
@pytest.mark.parametrize(
    "of",
    [
        pd.Series,
        lambda ids: pd.Series(ids, index=["a", "b"]),
        iter,
        np.array,
        lambda ids: pa.chunked_array([ids]),
        dict.fromkeys,
    ],
    ids=["series", "labelled", "iterator", "numpy", "arrow", "dict"],
)
def test_runs_are_found_in_base_and_inbox_whatever_holds_their_run_ids(store: ResultStore, of: Callable) -> None:
    """A column of pandas answers `in` for its index, a generator once: rows of the inbox must not go missing by it."""
    ids = [spec(seed).run_id for seed in range(2)]
    store.commit(record(spec(0)))
    store.compact()
    for seed in (1, 2):
        store.commit(record(spec(seed)))

    assert store.read(["run_id"], of(ids))["run_id"].to_pylist() == sorted(ids)
