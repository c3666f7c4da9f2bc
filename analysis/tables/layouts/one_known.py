"""Table 2 under the borrowed methods' own protocol: one anomaly class is known at a time."""

from __future__ import annotations

import pandas as pd

from agad.spec import catalogue

from ...cells import Cells
from ...paper import numbers as paper
from ...summary import class_averages, whole_rows
from ...table_rows import ONE_KNOWN
from .. import formats
from ..footnotes import in_short
from ..keys import heading, key_texts
from ..sheet import KEY, OURS, PAPER, Sheet
from .texts import printed


def one_known(cells: Cells, split: pd.DataFrame | None = None) -> Sheet | None:
    """Table 2 under the borrowed methods' own protocol: one anomaly class is known at a time.

    None where no cell is of that protocol.

    Args:
        cells: the runs.
        split: see curves.read_known_split; None leaves its columns empty.
    """
    part = known_part(cells)
    if part is None:
        return None
    summary = part.summary
    halves = _split_means(part, split)
    methods = _printed_methods(part)
    names = tuple(f"{method}, paper" for method in methods)
    lines, data = [], []
    for index, (values, line) in enumerate(zip(part.rows, summary.to_dict("records"), strict=True)):
        borrowed = [paper.paper_row("table2", values["dataset"], values["gamma"], method) for method in methods]
        seen, unseen = halves.get(index, (None, None))
        key = key_texts(part.fields, values)
        lines.append(
            (
                *key,
                *map(printed, borrowed),
                formats.mean_and_spread(line["avg"], line["sd_classes"]),
                formats.auroc(seen),
                formats.auroc(unseen),
                f"{line['classes']}/{line['classes_wanted']}",
                f"{line['ok']}/{line['wanted']}",
            )
        )
        numbers = {str(name): value for name, value in line.items()}
        data.append({**dict(zip(part.fields, key, strict=True)), **numbers, "seen": seen, "unseen": unseen})
    return Sheet(
        name="table2_one",
        caption="Table 2 with one known anomaly class: the borrowed methods' own protocol",
        columns=(*map(heading, part.fields), *names, _ours(part), "seen", "unseen", "pairs", "n"),
        kinds=(KEY,) * len(part.fields) + (PAPER,) * len(methods) + (OURS,) * 5,
        lines=tuple(lines),
        caution=in_short(cells),
        notes=(
            "AUROC in %: mean over the normal classes of the mean over their known anomaly classes, ±SD over all pairs "
            "(ddof 0). seen, unseen: against test images of the known anomaly class, and of the others. The paper "
            "prints no such number for AGAD.",
        ),
        data=pd.DataFrame(data),
    )


def _printed_methods(part: Cells) -> tuple[str, ...]:
    """The methods for which Table 2 prints a number beside one of these rows."""
    places = {(values["dataset"], values["gamma"]) for values in part.rows}
    others = [row for row in paper.rows("table2") if not row.is_own and row.avg is not None]
    return tuple(dict.fromkeys(row.method for row in others if (row.dataset, row.gamma) in places))


def _ours(part: Cells) -> str:
    """Whose numbers the runs are; where they are of several methods, each row says its own."""
    names = {values["method"] for values in part.rows}
    titles = [catalogue.methods()[name].title if name in catalogue.methods() else name for name in names]
    return f"{titles[0]}, here" if len(titles) == 1 else "here"


def known_part(cells: Cells) -> Cells | None:
    """The cells that know one anomaly class, a different one each; None where there are none."""
    return cells.restrict(
        lambda index: cells.rows[index]["known_anomaly_classes"] == ONE_KNOWN, "Table 2, one known anomaly class", ()
    )


def _split_means(part: Cells, split: pd.DataFrame | None) -> dict[int, tuple[float, float]]:
    """Row -> mean over pairs of the means over seeds, against seen and unseen anomalies; of rows with all scores."""
    if split is None or split.empty:
        return {}
    runs = part.runs.merge(split, on="run_id", how="left")
    seen, unseen = (class_averages(runs[runs["row"].isin(whole_rows(runs, runs[h]))], h) for h in ("seen", "unseen"))
    return {int(row): (seen[row], unseen.get(row, float("nan"))) for row in seen.index}
