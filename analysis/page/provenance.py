"""The report's last sections: which runs failed, and how the numbers were made."""

from __future__ import annotations

from collections import Counter
from typing import Any

import pandas as pd

from agad.spec import datasets
from agad.spec.fields import json_defaults
from agad.store.schema import DIGEST_COLUMNS

from ..cells import Cells
from ..paper import numbers as paper
from ..table_rows import unused_fields
from ..tables import footnotes
from ..tables.formats import GAP
from ..tables.keys import fewest_fields, heading, key_text, key_texts
from ..tables.sheet import KEY, NOTE, OURS, Sheet
from .page import Section

_MOST_OPEN_LINES = 20
"""Failures above which the table of them is folded."""


def failures(cells: Cells) -> Section:
    """The runs that failed, one by one."""
    failed = cells.runs[cells.runs["status"] == "failed"]
    if failed.empty:
        return Section("failures", "Failures", words=("No run has failed.",))
    columns = ("run_id", "attempt", "failure_kind", "failure_update", "failure_message")
    fields = fewest_fields(cells, failed["row"])
    lines, data = [], []
    for run in failed.sort_values(["row", "class", "seed"]).to_dict("records"):
        key = key_texts(fields, cells.rows[run["row"]])
        texts = [_text(run[name]) for name in columns]
        lines.append((*key, str(run["class"]), str(run["seed"]), *texts))
        data.append({**dict(zip(fields, key, strict=True)), **{n: run[n] for n in ("class", "seed", *columns)}})
    sheet = Sheet(
        name="failures",
        caption=f"Runs that failed: {len(failed)}",
        columns=(*map(heading, fields), "class", "seed", "run", "try", "kind", "update", "message"),
        kinds=(KEY,) * len(fields) + (OURS, OURS, NOTE, OURS, NOTE, OURS, NOTE),
        lines=tuple(lines),
        notes=("A failed run is in no mean; it counts as missing in every n.",),
        data=pd.DataFrame(data),
    )
    many = len(lines) > _MOST_OPEN_LINES
    return Section("failures", "Failures", sheets=() if many else (sheet,), folded=(sheet,) if many else ())


def provenance(cells: Cells) -> Section:
    """How the numbers were made: code, machines, data, and every setting that all runs share."""
    words = tuple(footnotes.notes(cells, cells.summary))
    seconds = cells.ok["train_seconds"].sum()
    if seconds > 0:
        long = f"{seconds / 3600:,.1f} hours" if seconds >= 3600 else f"{seconds / 60:.1f} minutes"
        words += (f"Training took {long} of processes in all.",)
    return Section("provenance", "How it was made", words, folded=(_settings(cells), _data(cells)))


def _settings(cells: Cells) -> Sheet:
    """Every setting that is the same in all runs whose method uses it."""
    defaults = json_defaults()
    used = {name: [values for values in cells.rows if name not in unused_fields(values)] for name in cells.rows[0]}
    differing, lines, data = list(cells.fields), [], []
    for name in (name for name, rows in used.items() if rows and name not in cells.fields):
        texts = {key_text(name, values[name]) for values in used[name]}
        if len(texts) > 1:  # a field that tells no rows apart: the length of a curve, say
            differing.append(name)
            continue
        value, stated = texts.pop(), name in paper.STATED_DEFAULTS
        default = key_text(name, defaults[name])
        source = "the paper states it" if stated else "the paper is silent"
        source += "" if len(used[name]) == len(cells.rows) else "; of the methods that use it"
        lines.append((name, value, source, "" if value == default else f"default: {default}"))
        data.append({"field": name, "value": value, "stated": stated, "default": default})
    return Sheet(
        name="settings",
        caption="Settings that all runs share",
        columns=("field", "value", "source", ""),
        kinds=(KEY, NOTE, NOTE, NOTE),
        lines=tuple(lines),
        notes=(f"What differs among the runs: {', '.join((*differing, 'class', 'seed'))}.",),
        data=pd.DataFrame(data),
    )


def _data(cells: Cells) -> Sheet:
    found: Counter[tuple[str, int | str, str]] = Counter()
    for column, of in DIGEST_COLUMNS.items():
        known = cells.runs.dropna(subset=[column])
        found.update(
            (cells.rows[row]["dataset"], cells.rows[row][of], digest)
            for row, digest in zip(known["row"], known[column], strict=True)
        )
    return Sheet(
        name="data",
        caption="Data",
        columns=("dataset", "size", "runs", "digest"),
        kinds=(KEY, OURS, OURS, NOTE),
        lines=tuple((*_of_what(d, of), str(runs), digest) for (d, of, digest), runs in found.items()),
        notes=tuple(footnotes.data_notes(cells)),
        data=pd.DataFrame([{"dataset": d, "size": s, "digest": g, "runs": n} for (d, s, g), n in found.items()]),
    )


def _of_what(dataset: str, of: int | str) -> tuple[str, str]:
    """Data set and size of images, or data set with the name of its vectors."""
    title = datasets.title(dataset)
    return (title, str(of)) if isinstance(of, int) else (f"{title} {of}", "")


def _text(value: Any) -> str:
    if value is None or value != value:  # noqa: PLR0124 - NaN is what a null becomes in a frame
        return GAP
    return str(int(value)) if isinstance(value, float) else str(value)
