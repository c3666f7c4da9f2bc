"""Default and tuned side by side: the same classes and seeds, on the test set."""

from __future__ import annotations

from collections.abc import Collection
from typing import TYPE_CHECKING, Any

import pandas as pd

from agad import datasets
from analysis import curves, formats, stats
from analysis.sheet import KEY, OURS, Sheet

if TYPE_CHECKING:
    from agad.store import ResultStore
    from analysis.tuning import Tuning

_COLUMNS = ("run_id", "status", "dataset", "protocol", "normal_class", "abnormal_class", "seed", "gamma", "backbone",
            "auroc", "auroc_eval_recal")  # fmt: skip
_SCORES = {"AUROC": "auroc", "recal": "auroc_eval_recal", "seen": "seen", "unseen": "unseen"}


def tuned_table(store: ResultStore, tuning: Tuning) -> Sheet | None:
    """Test AUROC with the default and with the tuned values, and their difference run by run.

    `seen` and `unseen` are the same runs against test anomalies of the classes that the validation had, and of all
    others. None where no pair of runs is there.
    """
    pairs = _pairs(store, tuning)
    if pairs is None:
        return None
    lines, data = [], []
    for (dataset, gamma, backbone), runs in pairs.groupby(["dataset", "gamma", "backbone"], sort=False):
        for name, column in _SCORES.items():
            line = _line(runs, column)
            if line is None:
                continue
            lines.append(
                (datasets.title(str(dataset)), formats.gamma(float(str(gamma))), str(backbone), name, *_texts(line))
            )
            data.append({"dataset": dataset, "gamma": gamma, "backbone": backbone, "score": name, **line})
    return Sheet(
        name=f"tuned-{tuning.study}-{tuning.trial}",
        caption=f"Test AUROC in %: the plan's own values, and those of trial {tuning.trial} of study {tuning.study}",
        columns=("dataset", formats.GAMMA, "backbone", "", "default", "tuned", "gain", "95% interval", "pairs"),
        kinds=(KEY, KEY, KEY, KEY, OURS, OURS, OURS, OURS, OURS),
        lines=tuple(lines),
        notes=(
            "Mean over classes of the means over seeds, of runs that both have; gain: points on the same class and "
            "seed, with its interval over fresh seeds (t, from two seeds on). Both train on all normals. recal: batch "
            "norm statistics estimated anew from training normals.",
            "seen, unseen: against test anomalies of the classes of the validation's labelled anomalies, and of the "
            "others.",
            tuning.sentence,
        ),
        data=pd.DataFrame(data),
    )


def _pairs(store: ResultStore, tuning: Tuning) -> pd.DataFrame | None:
    """A line per pair of runs that are both ok: columns of _SCORES with _a (default) and _b (tuned)."""
    run_ids = {*tuning.default_runs, *tuning.default_runs.values()}
    rows = store.read(_COLUMNS, run_ids=run_ids).to_pandas()
    rows = rows[rows["status"] == "ok"]
    if rows.empty:
        return None
    targets = rows["normal_class"].fillna(rows["abnormal_class"]).astype(int)
    rows = rows.assign(**{"class": targets})
    known: dict[str, int | list[int]] = {
        run_id: sorted(_seen(tuning, target)) for run_id, target in zip(rows["run_id"], targets, strict=True)
    }
    rows = rows.merge(curves.read_known_split(store, known), on="run_id", how="left")
    links = pd.DataFrame(tuning.default_runs.items(), columns=["run_id_b", "run_id_a"])
    kept = ["run_id", *_SCORES.values()]
    default = rows[kept].add_suffix("_a")
    tuned = rows.drop(columns=kept).join(rows[kept].add_suffix("_b"))
    joined = tuned.merge(links, on="run_id_b").merge(default, on="run_id_a")
    return None if joined.empty else joined


def _seen(tuning: Tuning, target: int) -> Collection[int]:
    """Classes of the validation's anomalies in that cell; a cell that the study had none of has what all had."""
    if target in tuning.classes:
        return tuning.classes[target]
    return {c for of in tuning.classes.values() for c in of} - {target}


def _line(runs: pd.DataFrame, column: str) -> dict[str, Any] | None:
    keys = ["class", "seed"]
    halves = [runs[[*keys, f"{column}_{half}"]].rename(columns={f"{column}_{half}": column}) for half in "ab"]
    compared = stats.paired(halves[0], halves[1], value=column)
    if compared is None:
        return None
    whole = runs.dropna(subset=[f"{column}_a", f"{column}_b"])
    default, tuned = (float(whole.groupby("class")[f"{column}_{half}"].mean().mean()) for half in "ab")
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
    interval = formats.GAP
    if line["low"] is not None:
        interval = f"{formats.difference(100 * line['low'])} … {formats.difference(100 * line['high'])}"
    return [
        formats.auroc(line["default"]),
        formats.auroc(line["tuned"]),
        formats.difference(100 * line["gain"]),
        interval,
        str(line["pairs"]),
    ]
