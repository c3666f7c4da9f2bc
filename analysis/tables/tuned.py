"""Default and tuned side by side: the same classes and seeds, on the test set."""

from __future__ import annotations

from collections.abc import Collection, Iterator
from typing import Any

import pandas as pd

from agad.plan.plan import Plan
from agad.plan.tuned import Tuned
from agad.spec.run import RunSpec
from agad.store.schema import DIGEST_COLUMNS, SPEC_COLUMNS
from agad.store.versions import CLASSES

from .. import curves, stats
from ..cells import Cells, read
from ..load import Rows
from ..summary import CELL, class_averages
from . import formats
from .footnotes import MADE, differ, of_other_data, pairs_notes, tuned_sentence
from .keys import fewest_fields, heading, key_text
from .sheet import KEY, OURS, Sheet

_SCORES = {"AUROC": "auroc", "recal": "auroc_eval_recal", "seen": "seen", "unseen": "unseen"}


def tuned_table(store: Rows, tuning: Tuned) -> Sheet | None:
    """Test AUROC with the default and with the tuned values, and their difference run by run.

    `seen` and `unseen` are the same runs against test anomalies of the classes that the validation had, and of all
    others, where the runs are of the study's only data set: on another one its classes mean nothing, and nothing on
    other data of its name. None where no pair of runs is there. Pairs of different data are left out, and counted in a
    note.
    """
    defaults = _defaults(store, tuning)
    pairs = None if defaults is None else _pairs(store, tuning, defaults)
    if defaults is None or pairs is None:
        return None
    apart = pd.concat([differ(pairs, column) for column in DIGEST_COLUMNS], axis=1).any(axis=1)
    whole, pairs = len(pairs), pairs[~apart]
    fields = fewest_fields(defaults)
    lines, data = [], []
    for row, runs in pairs.groupby("row"):
        values = defaults.rows[int(str(row))]
        keys = {name: key_text(name, values[name]) for name in fields}
        for name, column in _SCORES.items():
            line = _line(runs, column, shared=defaults.shared[int(str(row))])
            if line is None:
                continue
            lines.append((*keys.values(), name, *_texts(line)))
            data.append({**keys, "dataset": values["dataset"], "gamma": values["gamma"], "score": name, **line})
    return Sheet(
        name=f"tuned-{tuning.study}-{tuning.trial}",
        caption=f"Test AUROC in %: the plan's own values, and those of trial {tuning.trial} of study {tuning.study}",
        columns=(*map(heading, fields), "", "default", "tuned", "gain", "95% over seeds", "pairs"),
        kinds=(KEY,) * (len(fields) + 1) + (OURS,) * 5,
        lines=tuple(lines),
        notes=(
            "Mean over classes of the means over seeds, of runs that both have; gain: points on the same class, known "
            "anomaly class and seed, with its interval over fresh seeds (from two seeds on). Both train on all "
            "normals. recal: batch norm statistics estimated again from training normals.",
            *_notes_of_seen(data),
            *_notes_of_other(pairs, tuning),
            *_notes_of_pairs(pairs, whole),
            tuned_sentence(tuning, elsewhere=bool(pairs["elsewhere"].any())),
        ),
        data=pd.DataFrame(data),
    )


def _notes_of_seen(data: list[dict[str, Any]]) -> Iterator[str]:
    """What `seen` and `unseen` mean, where a line has them."""
    if any(line["score"] in ("seen", "unseen") for line in data):
        yield (
            "seen, unseen: against test anomalies of the classes of the validation's labelled anomalies, and of the "
            "others."
        )


def _notes_of_other(pairs: pd.DataFrame, tuning: Tuned) -> Iterator[str]:
    """Why there is neither seen nor unseen where data have the name of the study's, and are others."""
    if count := int(pairs["elsewhere"].sum()):
        yield (
            f"No seen and unseen of {count} of {len(pairs)} pairs: they are of other data than study {tuning.study} "
            "was tuned on, of the same name, so that its classes mean nothing there."
        )


def _notes_of_pairs(pairs: pd.DataFrame, whole: int) -> Iterator[str]:
    """What a gain may be due to beside the values."""
    if len(pairs) < whole:
        yield (
            f"Of {whole} pairs {whole - len(pairs)} are left out: their default and their tuned run are of different "
            "data, and cannot be compared."
        )
    yield from pairs_notes(pairs)


def _defaults(store: Rows, tuning: Tuned) -> Cells | None:
    """The runs with the plan's own values, sorted into the rows of a table; None where none is ok.

    So in a row there is one run at most for each class, known anomaly class and seed.
    """
    found = store.read(("status", *SPEC_COLUMNS), run_ids=set(tuning.default_runs.values())).to_pylist()
    ok = [values for values in found if values.pop("status") == "ok"]
    # A field that is younger than the row is null there, and takes its default.
    specs = [RunSpec.from_dict({name: of for name, of in values.items() if of is not None}) for values in ok]
    return read(store, Plan("", (), (), tuple(specs))) if specs else None


def _pairs(store: Rows, tuning: Tuned, defaults: Cells) -> pd.DataFrame | None:
    """A line per pair of runs that are both ok: columns of _SCORES with _a (default) and _b (tuned)."""
    columns = ["run_id", "auroc", "auroc_eval_recal", *DIGEST_COLUMNS, CLASSES, *MADE]
    rows = store.read(["status", *columns], run_ids=set(tuning.default_runs)).to_pandas()
    tuned = rows.loc[rows["status"] == "ok", columns].add_suffix("_b")
    links = pd.DataFrame(tuning.default_runs.items(), columns=["run_id_b", "run_id_a"])
    cells = defaults.runs[["run_id", "row", *CELL, "seed"]].rename(columns={"run_id": "run_id_a"})
    pairs = links.merge(cells, on="run_id_a").merge(tuned, on="run_id_b")
    pairs = pairs.merge(defaults.runs[columns].add_suffix("_a"), on="run_id_a")
    if pairs.empty:
        return None
    pairs["elsewhere"] = _of_other_data(pairs, tuning, defaults)
    of_dataset = pairs["row"].map(lambda row: (defaults.rows[row]["dataset"],) == tuning.datasets)
    ours = pairs[of_dataset & ~pairs["elsewhere"]]
    seen = {target: sorted(_seen(tuning, target)) for target in ours["class"].unique()}
    for half in "ab":
        known: dict[str, int | list[int]] = {
            run_id: seen[target] for run_id, target in zip(ours[f"run_id_{half}"], ours["class"], strict=True)
        }
        split = curves.read_known_split(store, known).add_suffix(f"_{half}")
        pairs = pairs.merge(split, on=f"run_id_{half}", how="left")
    return pairs


def _of_other_data(pairs: pd.DataFrame, tuning: Tuned, defaults: Cells) -> pd.Series[bool]:
    """Whether a run of each pair is of other data than the study's."""
    stated = [*DIGEST_COLUMNS, CLASSES]
    default, tuned = (
        of_other_data(tuning, defaults.rows, pairs.rename(columns={f"{name}_{half}": name for name in stated}))
        for half in "ab"
    )
    return default | tuned


def _seen(tuning: Tuned, target: int) -> Collection[int]:
    """Classes of the validation's anomalies in that cell; a cell that the study had none of has what all had."""
    if target in tuning.classes:
        return tuning.classes[target]
    return {c for of in tuning.classes.values() for c in of} - {target}


def _line(runs: pd.DataFrame, column: str, *, shared: bool) -> dict[str, Any] | None:
    keys = [*CELL, "seed"]
    halves = [runs[[*keys, f"{column}_{half}"]].rename(columns={f"{column}_{half}": column}) for half in "ab"]
    compared = stats.paired(halves[0], halves[1], value=column, of=CELL, shared=shared)
    if compared is None:
        return None
    whole = runs.dropna(subset=[f"{column}_a", f"{column}_b"])
    default, tuned = (float(class_averages(whole, f"{column}_{half}").item()) for half in "ab")
    gain = compared.difference
    return {
        "default": default,
        "tuned": tuned,
        "gain": gain.estimate,
        "low": gain.low,
        "high": gain.high,
        "pairs": compared.pairs,
        "classes": compared.classes,
    }


def _texts(line: dict[str, Any]) -> list[str]:
    return [
        formats.auroc(line["default"]),
        formats.auroc(line["tuned"]),
        formats.difference(100 * line["gain"]),
        formats.interval(line["low"], line["high"]),
        str(line["pairs"]),
    ]
