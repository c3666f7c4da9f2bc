"""The columns: what is known of each is data, is written into the files and into docs/rows.md, and is true."""

from __future__ import annotations

import dataclasses
import subprocess
import sys
from pathlib import Path

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
import pytest

from agad.store import columns, rows_page
from agad.store.column import Column
from agad.store.columns import COLUMNS
from agad.store.row_file import FILE_METADATA
from agad.store.rows import ResultStore
from agad.store.schema import SCHEMA
from tests.conftest import ROOT
from tests.helpers.rows import record, spec

PUBLISHED = sorted((ROOT / "reproduction").glob("*/base/rows.parquet"))


@pytest.mark.parametrize("name", COLUMNS)
def test_each_column_has_a_meaning_of_one_sentence(name: str) -> None:
    meaning = COLUMNS[name].meaning

    assert meaning.endswith(".")
    assert "\n" not in meaning


def test_ranges_in_words() -> None:
    assert Column(pa.int32(), "", low=0, high=1).range == "0 to 1"
    assert Column(pa.int32(), "", low=1).range == "1 or more"
    assert Column(pa.int32(), "", low=0, below=1).range == "0 or more, below 1"
    assert Column(pa.int32(), "", above=0).range == "above 0"
    assert Column(pa.string(), "", choices=("a", "b")).range == "a, b"
    assert Column(pa.string(), "").range == ""


def test_a_field_of_the_spec_takes_the_first_sentence_of_its_docstring() -> None:
    assert columns.SPEC["image_size"].meaning == "Height and width in pixels: a multiple of 16."
    assert columns.SPEC["precision"].meaning.endswith("forward passes in training.")
    assert columns.SPEC["anomaly_place"].choices == ("inside", "appended")


@pytest.mark.parametrize("path", PUBLISHED, ids=lambda path: path.parts[-3])
def test_published_rows_are_in_range(path: Path) -> None:
    table = pq.read_table(path)
    for name in set(table.column_names) & COLUMNS.keys():
        column, values = COLUMNS[name], table[name]
        if pa.types.is_list(values.type):
            values = pc.list_flatten(values)
        extremes = pc.min_max(values).as_py() if column.low is not None else {"min": None, "max": None}
        assert column.low is None or extremes["min"] is None or extremes["min"] >= column.low, name
        assert column.high is None or extremes["max"] is None or extremes["max"] <= column.high, name
        if column.choices:
            assert set(values.unique().drop_null().to_pylist()) <= set(column.choices), name


def test_files_describe_their_columns_also_after_compaction(tmp_path: Path) -> None:
    store = ResultStore(tmp_path)
    store.commit(record(auroc=0.75))
    store.compact()

    (path,) = store.base.iterdir()
    field = pq.read_schema(path).field("auroc")
    assert field.metadata[b"description"].decode() == COLUMNS["auroc"].meaning
    assert field.metadata[b"range"] == b"0 to 1"


def test_files_without_descriptions_are_read_and_compacted_with_those_that_have_them(tmp_path: Path) -> None:
    store = ResultStore(tmp_path)
    older = record(spec(seed=0), auroc=0.5)
    store.commit(older)
    (path,) = store.inbox.iterdir()
    bare = pa.schema([field.remove_metadata() for field in SCHEMA], metadata=FILE_METADATA)
    pq.write_table(older.to_table().cast(bare), path)
    store.commit(record(spec(seed=1), auroc=0.75))

    before = store.read(["seed", "auroc"]).to_pylist()
    assert store.compact() == 2
    assert store.read(["seed", "auroc"]).to_pylist() == before
    assert sorted((row["seed"], row["auroc"]) for row in before) == [(0, 0.5), (1, 0.75)]
    assert store.damaged == ()


def test_the_page_is_generated_from_the_columns() -> None:
    page = (ROOT / "docs" / "rows.md").read_text(encoding="utf-8")

    assert rows_page.updated(page) == page, "run: make docs"
    assert all(f"- `{name}` (" in page for name in COLUMNS)


def test_a_page_without_markers_is_refused() -> None:
    with pytest.raises(ValueError, match="end of columns"):
        rows_page.updated("# Rows\n")


@pytest.mark.slow
def test_the_command_prints_the_columns() -> None:
    command = [sys.executable, "-m", "agad.store.rows_page"]
    printed = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True).stdout

    assert printed == rows_page.columns_as_markdown()


def test_values_stay_those_of_the_run_that_they_were_made_for() -> None:
    """A result that is put under another seed would stand in a table twice."""
    one = record(spec(0), auroc=0.5)
    assert dataclasses.replace(one, attempt=2, spec=spec(0), values={"auroc": 0.75}).run_id == one.run_id
    with pytest.raises(ValueError, match=f"the values are of run {one.run_id}, not of"):
        dataclasses.replace(one, spec=one.spec.replace(seed=one.spec.seed + 1))


@pytest.mark.parametrize("attempt", [0, -1])
def test_attempts_count_from_one(attempt: int) -> None:
    with pytest.raises(ValueError, match="attempts count from 1"):
        dataclasses.replace(record(spec(0), auroc=0.5), attempt=attempt)
