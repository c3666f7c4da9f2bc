"""Files of rows: names, kinds of file, and files without checksums by older versions."""

from __future__ import annotations

import os
import shutil
import socket
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from agad.store.row_file import FILE_SCHEMA, read_file, write
from agad.store.rows import ResultStore
from agad.store.schema import SCHEMA
from tests.helpers.rows import record, spec


def older(path: Path, *rows: dict[str, Any]) -> None:
    """Write rows as versions before checksums did."""
    path.parent.mkdir(parents=True, exist_ok=True)
    pq.write_table(pa.Table.from_pylist(list(rows), schema=SCHEMA).cast(FILE_SCHEMA), path)


def a_socket(path: Path) -> None:
    """Bound by a short relative name: names of sockets are limited."""
    here = Path.cwd()
    os.chdir(path.parent)
    with socket.socket(socket.AF_UNIX) as one:
        one.bind(path.name)
    os.chdir(here)


ODD: dict[str, Callable[[Path], object]] = {
    "a link that leads to no file": lambda path: path.symlink_to(path.parent / "nowhere"),
    "a link to itself": lambda path: path.symlink_to(path),
    "a link to a folder": lambda path: path.symlink_to("/"),
    "a folder": lambda path: path.mkdir(),
    "a named pipe": os.mkfifo,
    "a socket": a_socket,
    "a device": lambda path: path.symlink_to("/dev/zero"),
}


@pytest.mark.slow
@pytest.mark.parametrize("kind", ODD)
@pytest.mark.parametrize("place", ["inbox", "base"])
def test_what_is_no_file_is_named_at_once_and_set_aside(tmp_path: Path, kind: str, place: str) -> None:
    """Nothing is waited for and nothing opened; compaction moves it away."""
    store = ResultStore(tmp_path)
    store.commit(record())
    odd = tmp_path / place / "0123456789abcdef.1.parquet"
    odd.parent.mkdir(exist_ok=True)
    ODD[kind](odd)

    assert list(store.tries()) == [spec().run_id]
    assert store.read().num_rows == 1
    assert [one.path for one in store.damaged] == [odd]

    assert store.compact() == 1
    assert [path.name.split(".")[0] for path in store.folder.set_aside.iterdir()] == ["0123456789abcdef"]
    assert store.read().num_rows == 1


def test_a_row_under_the_name_of_another_run_or_attempt_is_named(tmp_path: Path) -> None:
    store = ResultStore(tmp_path)
    store.commit(record(spec(seed=0)))
    (path,) = store.inbox.iterdir()
    for name in (f"{spec(seed=1).run_id}.1.parquet", f"{spec(seed=0).run_id}.2.parquet"):
        path = path.rename(path.with_name(name))
        assert store.read().num_rows == 0
        assert store.tries() == {}
        assert [one.reason for one in store.damaged] == ["its row is of another run or attempt"]


def test_a_file_of_several_rows_is_none_of_the_inbox(tmp_path: Path) -> None:
    store = ResultStore(tmp_path)
    for seed in range(2):
        store.commit(record(spec(seed=seed)))
    store.compact()
    (base,) = store.base.iterdir()
    shutil.move(base, store.inbox / f"{spec().run_id}.1.parquet")

    assert store.read().num_rows == 0
    assert store.damaged[0].reason == "2 rows in a file of one"


@pytest.mark.slow
@pytest.mark.parametrize("name", ["run:1", "s3:x", "100%", "hdfs:"])
def test_a_results_folder_may_have_any_name(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    """Relative and with a colon pyarrow would take it for an address."""
    monkeypatch.chdir(tmp_path)
    store = ResultStore(name)

    assert store.commit(record())
    assert store.read().num_rows == 1
    assert store.compact() == 1
    assert list(store.tries()) == [spec().run_id]


def test_a_results_folder_may_have_a_name_that_is_no_utf_8(tmp_path: Path) -> None:
    """A folder from another system: its bytes are no text, and a run is made before its row is written."""
    store = ResultStore(tmp_path / os.fsdecode(b"cop\xff"))

    assert store.commit(record(log=str(store.path / "a.log")))
    assert store.read(["log"]).to_pylist() == [{"log": f"{tmp_path}/cop\\udcff/a.log"}]
    assert store.damaged == ()
    assert store.compact() == 1
    assert list(store.tries()) == [spec().run_id]


def test_notes_may_name_files_by_bytes_that_are_no_utf_8(tmp_path: Path) -> None:
    """One text among several is written as a text of its own is: the run is made before its row."""
    note = os.fsdecode(b"1 .t\xe4t files")

    assert record(data_notes=[note]).to_table()["data_notes"].to_pylist() == [[r"1 .t\udce4t files"]]


# -- files without checksums ---------------------------------------------------------------------------------------


def test_a_file_without_checksums_is_read_named_once_and_written_again_by_compaction(tmp_path: Path) -> None:
    store = ResultStore(tmp_path)
    older(store.base / "rows-a.parquet", record().to_row())

    assert store.read(["auroc"])["auroc"].to_pylist() == [0.5]
    assert (store.damaged, [path.name for path in store.unchecked]) == ((), ["rows-a.parquet"])

    assert store.compact() == 1
    assert store.read(["auroc"])["auroc"].to_pylist() == [0.5]
    assert store.unchecked == ()
    assert store.compact() == 0


@pytest.mark.slow
@pytest.mark.parametrize(
    ("change", "reason"),
    [
        ({"seed": 7}, "run_id is not the digest"),
        ({"lambda_con": 49.5}, "run_id is not the digest"),
        ({"curve": [1, 3]}, "run_id is not the digest"),
        ({"backbone": "unet"}, "run_id is not the digest"),
        ({"semantics_version": 2}, "run_id is not the digest"),
        ({"run_id": "0" * 16}, "run_id is not the digest"),
        ({"status": "oj"}, "status is not ok, pruned, failed"),
        ({"attempt": 0}, "attempt is not 1 or more"),
        ({"auroc": 1.5}, "auroc is not 0 to 1"),
        ({"auroc": float("nan")}, "auroc is not 0 to 1"),
        ({"scores_batch1": [0.1, float("nan")]}, "scores_batch1 is not finite"),
        ({"failure_kind": "nam"}, "failure_kind is not"),
    ],
)
def test_of_a_file_without_checksums_a_row_that_cannot_be_is_left_out(
    tmp_path: Path, change: dict[str, Any], reason: str
) -> None:
    """The other rows of the file count, and compaction keeps the file itself."""
    store = ResultStore(tmp_path)
    older(store.base / "rows-a.parquet", record(spec(seed=1)).to_row(), {**record(spec(seed=2)).to_row(), **change})
    columns = list(dict.fromkeys(["run_id", *change]))

    for _ in range(2):
        assert store.read(columns)["run_id"].to_pylist() == [spec(seed=1).run_id]
        assert [one.reason for one in store.damaged if reason in one.reason]
    store.compact()
    assert list(store.tries()) == [spec(seed=1).run_id]
    assert store.damaged == ()
    assert [one.reason for one in store.set_aside if reason in one.reason]


def test_a_row_of_a_backbone_that_is_not_here_is_sound(tmp_path: Path) -> None:
    """Whether a run_id is right does not depend on which runs this code can make."""
    store = ResultStore(tmp_path)
    row = record(spec(seed=1)).to_row()
    text = spec(seed=1).canonical().replace('"backbone":"naive"', '"backbone":"of_a_colleague"')
    import hashlib

    run_id = hashlib.sha256(text.encode()).hexdigest()[:16]
    older(store.base / "rows-a.parquet", {**row, "backbone": "of_a_colleague", "run_id": run_id})

    assert store.read(["backbone"])["backbone"].to_pylist() == ["of_a_colleague"]
    assert store.damaged == ()


@pytest.mark.slow
def test_published_rows_are_sound() -> None:
    """Those of the first releases lack columns, and their run_ids are right all the same."""
    for folder in sorted(Path(__file__).parents[3].glob("reproduction/*/base")):
        store = ResultStore(folder.parent)
        assert store.read().num_rows > 0
        assert store.damaged == ()
        assert len(store.unchecked) <= 1


def test_threads_of_arrow_hold_no_python_memory(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """One that lets go of it while the interpreter ends aborts the process, after its row is written."""
    given: list[object] = []
    reader = pa.BufferReader

    def recorded(data: object) -> pa.BufferReader:
        given.append(data)
        return reader(data)

    monkeypatch.setattr(pa, "BufferReader", recorded)
    write(tmp_path / "rows.parquet", [record().to_table()])
    assert len(read_file(tmp_path / "rows.parquet", ["run_id"]).tables) == 1
    assert [type(data) for data in given] == [pa.Buffer]
