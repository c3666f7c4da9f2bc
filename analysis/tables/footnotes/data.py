"""What is known of the data behind a table, in sentences."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import pandas as pd

from agad.plan.tuned import Tuned
from agad.spec import datasets
from agad.store.schema import DIGEST_COLUMNS
from agad.store.versions import CLASSES, versions_of

from ...cells import Cells


def data_notes(cells: Cells) -> Iterator[str]:
    """What is known of the data: damaged and repeated images, contradicting labels, files that are not the published.

    Rows of one data set may differ in it: each sentence comes once.
    """
    for name, notes in of_datasets(cells, "data_notes").items():
        yield from (f"{datasets.title(name)}: {note}." for note in dict.fromkeys(note for of in notes for note in of))
    yield from _raw_files(cells)
    yield from _undigested(cells)


def _undigested(cells: Cells) -> Iterator[str]:
    """Where some runs do not say of which images they are, and others of their data set do."""
    named = [values["dataset"] for values in cells.rows]
    of_set = cells.ok.assign(dataset=cells.ok["row"].map(dict(enumerate(named))))
    for name, runs in of_set.groupby("dataset", sort=False):
        without = int(runs["data_digest"].isna().sum())
        if 0 < without < len(runs):
            say = "1 run does" if without == 1 else f"{without} runs do"
            yield f"{datasets.title(str(name))}: {say} not say of which images, so they may be of others than the rest."


def _raw_files(cells: Cells) -> Iterator[str]:
    """Where rows of several image sizes are of other raw files: their digests of images cannot be compared."""
    files: dict[str, dict[int, set[str]]] = {}
    known = cells.runs[["row", "raw_digest"]].dropna().drop_duplicates()
    for row, digest in zip(known["row"], known["raw_digest"], strict=True):
        values = cells.rows[row]
        files.setdefault(values["dataset"], {}).setdefault(values["image_size"], set()).add(digest)
    for name, by_size in files.items():
        if not set.intersection(*by_size.values()):
            sizes = " and ".join(map(str, sorted(by_size)))
            yield (
                f"{datasets.title(name)}: rows of image sizes {sizes} were prepared from other raw files, or by other "
                "versions: their images may be others too, and their numbers are then not comparable."
            )


def of_datasets(cells: Cells, column: str) -> dict[str, list[tuple[str, ...]]]:
    """Data set -> the different values that its runs have in a column of lists."""
    found: dict[str, dict[tuple[str, ...], None]] = {}
    known = cells.runs[["row", column]].dropna()
    for row, values in zip(known["row"], known[column], strict=True):
        found.setdefault(cells.rows[row]["dataset"], {})[tuple(values)] = None
    return {name: list(values) for name, values in found.items()}


def of_other_data(tuned: Tuned, rows: Sequence[Mapping[str, Any]], runs: pd.DataFrame) -> pd.Series[bool]:
    """Whether each run is of other data than the study was tuned on, of the same name; not where that is unknown.

    Args:
        tuned: the study's trial.
        rows: spec values of each table row.
        runs: `row`, the columns of DIGEST_COLUMNS and `class_names` of each run.
    """
    of_runs = runs[["row", *DIGEST_COLUMNS, CLASSES]].to_dict("records") if tuned.data else [{}] * len(runs)
    found = [bool(run) and tuned.is_of_other_data(versions_of({**rows[run["row"]], **_known(run)})) for run in of_runs]
    return pd.Series(found, index=runs.index, dtype=bool)


def _known(run: Mapping[Any, Any]) -> dict[str, Any]:
    """What a run states of its data; null where a frame has no value."""
    digests = {name: run[name] if isinstance(run[name], str) else None for name in DIGEST_COLUMNS}
    return {**digests, CLASSES: None if pd.api.types.is_scalar(run[CLASSES]) else tuple(run[CLASSES])}
