"""Footnotes: what a reader must know of a table, in sentences."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Sequence

import pandas as pd

from agad.plan.tuned import Tuned
from agad.spec import datasets
from agad.spec.fields import json_defaults

from ... import stats
from ...cells import Cells
from ...paper import numbers as paper
from ...summary import HEADLINE, STATUSES
from ...table_rows import ONE_KNOWN, mixed_defaults
from .. import formats
from ..formats import RANGE
from .classes import CLASSES_LEGEND, PAPER_LEGEND, classes_text, different_classes
from .data import data_notes, of_datasets, of_other_data
from .doubts import files, in_short, passed_over, pruned
from .pairs import MADE, differ, joined, made_with_other, pairs_notes
from .provenance import PROVENANCE, provenance

__all__ = [
    "CLASSES_LEGEND",
    "MADE",
    "PAPER_LEGEND",
    "PROVENANCE",
    "cautions",
    "class_legend",
    "classes_text",
    "coverage",
    "curve_points",
    "data_notes",
    "differ",
    "different_classes",
    "in_short",
    "joined",
    "legend",
    "made_with_other",
    "notes",
    "of_other_data",
    "opening",
    "pairs_notes",
    "passed_over",
    "tuned_sentence",
    "tunings",
]

_ROLES = {
    "one_vs_rest": "normal and all others are anomalies",
    "leave_one_out": "anomalous and all others are normal",
}


def opening(cells: Cells) -> Iterator[str]:
    """What was trained and what the numbers are, in plain words."""
    protocols = dict.fromkeys(row["protocol"] for row in cells.rows)
    sets = dict.fromkeys(row["dataset"] for row in cells.rows)
    yield (
        f"Each run trains a detector on images of {', '.join(map(datasets.title, sets))}, where one class in turn is "
        f"{', or '.join(_ROLES[protocol] for protocol in protocols)}; γ is the "
        "share of known anomalies among its training images."
    )
    yield (
        "AUROC in %: how well it tells normal test images from anomalous ones; 100 is perfect, 50 is chance. avg±SD is "
        "the mean over the classes and their spread, n counts the runs."
    )
    if set(sets) == {"digits"}:
        yield (
            "These embedded digits are for trying things out: tiny images, which are far easier than the paper's, so "
            "their numbers say nothing about the paper."
        )


def curve_points(cells: Cells, rows: Iterable[int] | None = None) -> str:
    """Of how many points the best of a curve is chosen: `6 points`, `4 to 7 points`; of some rows, or all."""
    counts = {len(cells.rows[row]["curve"]) + 1 for row in (range(len(cells.rows)) if rows is None else rows)}
    text = f"{min(counts)} to {max(counts)}" if len(counts) > 1 else f"{min(counts)}"
    return f"{text} point{'s' if text != '1' else ''}"


def legend(cells: Cells, summary: pd.DataFrame) -> Iterator[str]:
    """What the columns of the averages are."""
    yield (
        "avg: mean over classes of the means over seeds, last update, protocol eval. ±SD: among classes, ddof 0, as in "
        "the paper. SD seeds: among seeds, ddof 1, pooled over classes, with its 95% "
        "interval (chi-square). n: runs that are ok of those wanted."
    )
    yield (
        "recal: batch norm statistics estimated again from training normals (eval_recal). oracle: best of the curve's "
        f"{curve_points(cells)} under eval, chosen on the test set."
    )
    if (summary["classes_wanted"] == 1).any():
        yield f"[low{RANGE}high]: range of the runs, where a row has one class only."
    if any(values["known_anomaly_classes"] == ONE_KNOWN for values in cells.rows):
        yield (
            "known one: mean over the normal classes of the means over the one anomaly class that is known, SD over "
            "all pairs of these."
        )
    if ((summary["classes"] > 0) & (summary["classes"] < summary["classes_wanted"])).any():
        yield "*: classes without a run are left out of this mean; it is not compared."
    yield from different_classes(cells, cells.runs, range(len(cells.rows)), fewest=2)  # of one the range is printed
    sources = sorted(set(summary.loc[summary["paper_avg"].notna(), "paper_table"]))
    if len(sources) > 1:
        tables = " and ".join(name.replace("table", "Table ") for name in sources)
        yield f"The paper's numbers are from {tables}."
    if summary["difference"].notna().any():
        yield (
            "diff: ours minus the paper's, in points. verdict: whether its 95% interval over seeds, the paper's "
            f"spread taken to be ours and its rounding included, lies inside ±{cells.margin:g} points of the paper's, "
            "above or below; undecided: across an edge. Corrected for the rows of the table (Holm)."
        )
    if (summary["paper_part"] & summary["paper_avg"].notna()).any():
        yield (
            "(in brackets): the paper's mean over the same classes, for orientation only; its own is over all of them, "
            "so nothing is compared."
        )
    for match, difference in zip(cells.matches, summary["difference"], strict=True):
        if match and match.row.is_misprinted and not formats.is_missing(difference):
            row = match.row
            recomputed = formats.auroc(sum(row.classes) / len(row.classes) / 100)
            yield (
                f"{datasets.title(row.dataset)}, {row.table}: the paper prints {row.avg:.1f}; the mean of its printed "
                f"classes is {recomputed}. The printed one is compared."
            )
    yield from data_notes(cells)
    if settings := sorted({text for text in summary["paper_differences"] if text}):
        yield f"(in brackets): the paper's number for orientation only, not compared: here {'; or '.join(settings)}."


def class_legend(cells: Cells, part: Sequence[int]) -> Iterator[str]:
    """What the columns of the classes are."""
    means = stats.class_means(cells.runs, HEADLINE, ["row"])
    wanted = cells.runs.groupby(["row", "class"], as_index=False).size()
    joined = wanted.merge(means, on=["row", "class"])
    if (joined["n"] < joined["size"]).any():
        yield "A small figure is the number of runs where it is less than wanted."
    recorded = of_datasets(cells, "class_names")
    for dataset in dict.fromkeys(values["dataset"] for values in cells.rows):
        facts = datasets.DATASETS.get(dataset)
        names = facts.class_names if facts else next(iter(recorded.get(dataset, ())), ())
        pairs = [f"{c} {names[c]}" for c in part if c < len(names) and names[c] != str(c)]
        if pairs:
            yield f"{datasets.title(dataset)}: {', '.join(pairs)}."


def notes(cells: Cells, summary: pd.DataFrame) -> Iterator[str]:
    """What a reader must know of the whole table, one sentence each."""
    yield coverage(cells, summary)
    yield from pruned(cells)
    yield from tunings(cells)
    yield from _failures(cells)
    yield from _defaults(cells)
    yield from _assumptions(cells, summary)
    yield from provenance(cells)
    yield from files(cells)


def cautions(cells: Cells) -> Iterator[str]:
    """What of that holds of numbers made from the rows, in whatever form."""
    yield from pruned(cells)
    yield from tunings(cells)
    yield from data_notes(cells)
    yield from provenance(cells)
    yield from files(cells)


def tunings(cells: Cells) -> Iterator[str]:
    """How labels were used for values of the spec: as plans say it, and of rows without such a plan as they do."""
    yield from dict.fromkeys(tuned_sentence(tuned, elsewhere=_any_elsewhere(cells, tuned)) for tuned in cells.tunings)
    known = {tuned.text for tuned in cells.tunings}
    counts = Counter(text for text in cells.ok["tuned_by"].dropna() if text not in known)
    for text, count in sorted(counts.items()):
        yield f"{count} {'run has' if count == 1 else 'runs have'} values of a study: {text}."


def _any_elsewhere(cells: Cells, tuned: Tuned) -> bool:
    """Whether some runs with these values are of other data than they were found on."""
    return bool(of_other_data(tuned, cells.rows, cells.ok[cells.ok["tuned_by"] == tuned.text]).any())


def tuned_sentence(tuned: Tuned, *, elsewhere: bool = False) -> str:
    """What a reader must know: labels were used for these numbers, also where training had none.

    `elsewhere`: the runs are of other data than the values were found on, of the same name.
    """
    no_test = "no test image had a part in it"
    if elsewhere:
        no_test = (
            "these runs are of other data of that name, so what these classes are here, and whether a test image of "
            "theirs had a part in it, is unknown"
        )
    counts = " or ".join(f"{count:,}" for count in tuned.anomalies)
    values = ", ".join(f"{name}={value}" for name, value in tuned.values.items())
    classes = "; ".join(f"classes {'+'.join(map(str, of))} beside {cell}" for cell, of in tuned.classes.items())
    return (
        f"Tuned with labels: {values} are those of trial {tuned.trial} of {tuned.trials} of study {tuned.study}, "
        f"chosen by a validation AUROC of {formats.auroc(tuned.score)} with {counts} labelled anomalies a run, of "
        f"{classes}{tuned.of_datasets}, all of them training images; {no_test}"
        f"{f'; {tuned.differs}' if tuned.differs else ''}."
    )


def coverage(cells: Cells, summary: pd.DataFrame) -> str:
    """How many of the runs that are wanted there are."""
    total, ok = int(summary["wanted"].sum()), int(summary["ok"].sum())
    if not cells.planned:
        return f"No plan says which runs are missing: of {total} that have rows {ok} are ok."
    unasked = f" {cells.without_plan} of them are of folders without a plan: what is missing there is unknown."
    unknown = unasked if cells.without_plan else ""
    if cells.complete:
        return f"{'All' if unknown else 'Complete: all'} {total} runs are ok.{unknown}"
    counts = {name: int(summary[name].sum()) for name in STATUSES if name != "ok"}
    rest = ", ".join(f"{count} {name}" for name, count in counts.items() if count)
    return f"Not complete: {ok} of {total} runs are ok; {rest}.{unknown}"


def _failures(cells: Cells) -> Iterator[str]:
    failed = cells.runs[cells.runs["status"] == "failed"]
    if len(failed):
        kinds = Counter(failed["failure_kind"].fillna("unknown"))
        yield "Failed: " + ", ".join(f"{count} {kind}" for kind, count in sorted(kinds.items())) + "."


def _defaults(cells: Cells) -> Iterator[str]:
    """Where a table holds rows with a default of now beside such with one of earlier versions."""
    defaults = json_defaults()
    for name, former in mixed_defaults(cells.rows).items():
        yield (
            f"{name} is {defaults[name]} unless set, and was {former} in earlier versions: this table holds both, in "
            f"rows of their own.{_MEANING.get(name, '')}"
        )


_MEANING = {
    "bn_update": " With all, reconstructions move the running statistics too, which spoils eval but not recal.",
    "seed_scope": " With all_classes, runs of one seed share initial weights and batches, so classes vary together.",
}


def _assumptions(cells: Cells, summary: pd.DataFrame) -> Iterator[str]:
    if summary["paper_table"].isna().all():
        return
    lengths = sorted({values["updates"] for values in cells.rows})
    yield (
        f"The paper does not say how long it trains: here {', '.join(map(str, lengths))} updates. Whatever else it "
        "leaves open is at this project's defaults (docs/design.md) unless the title says otherwise."
    )
    for table_name, names in paper.STATED_EXCEPTIONS.items():
        rows = [row for row, m in zip(cells.rows, cells.matches, strict=True) if m and m.row.table == table_name]
        for name in names:
            values, stated = {row[name] for row in rows}, paper.STATED_DEFAULTS[name]
            holds = "has runs with" if stated in values else "is made with"
            for value in sorted(values - {stated}):
                yield f"{table_name.replace('table', 'Table ')} {holds} {name}={value}; the paper states {stated}."
