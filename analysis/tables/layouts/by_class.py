"""Tables 1 and 9 in the paper's layout: a column per class."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import pandas as pd

from agad.spec import datasets

from ...paper import numbers as paper
from ...paper.numbers import PaperRow
from ...paper.remarks import remarks, standing
from .. import formats
from ..sheet import KEY, OURS, PAPER, Sheet
from .ours import OurTable
from .rivals import Rival, settings_note
from .texts import avg_sd_n, datasets_of, has_all, mark_legends, method_name


def by_class(ours: OurTable) -> Iterator[Sheet]:
    """Tables 1 and 9: a sheet per data set, a column per class."""
    for dataset in datasets_of(ours):
        rows = [row for row in paper.rows(ours.table) if row.dataset == dataset]
        run_here = {rival.name: rival for rival in ours.rivals if rival.dataset == dataset}
        lines, kinds, data = [], [], []
        for row in rows:
            printed = [formats.auroc(value / 100) for value in row.classes]
            lines.append((method_name(row), "paper", *printed, *row.printed.split("±"), ""))
            kinds.append(PAPER)
            data.append(_class_record(row, "paper", dict(enumerate(row.classes)), row.avg, row.sd))
            if row.is_own:
                means, line = ours.class_means_of(row), ours.line_of(row)
                texts = [formats.auroc(means.get(c)) for c in range(len(row.classes))]
                lines.append((method_name(row), "here", *texts, *avg_sd_n(row, line)))
                kinds.append(OURS)
                percent = {c: 100 * mean for c, mean in means.items()}
                avg, sd = (100 * line["avg"], 100 * line["sd_classes"]) if line else (None, None)
                data.append(_class_record(row, "here", percent, avg, sd))
            # Below what is printed of the same method; below the last line those that the paper does not print.
            of_row = [r for r in run_here.values() if r.title == row.method or row is rows[-1]]
            for rival in of_row:
                line_here, record = _rival_line(rows[0], run_here.pop(rival.name))
                lines.append(line_here)
                kinds.append(OURS)
                data.append(record)
        names = datasets.DATASETS[dataset].class_names
        legend = ", ".join(f"{c} {name}" for c, name in enumerate(names) if name != str(c))
        yield Sheet(
            name=f"{ours.name}-{dataset}",
            caption=f"{ours.title}: {datasets.title(dataset)}",
            columns=("method", "", *map(str, range(len(rows[0].classes))), "avg", "SD", "n"),
            kinds=(KEY, KEY, *[OURS] * (len(rows[0].classes) + 3)),
            lines=tuple(lines),
            line_kinds=tuple(kinds),
            notes=tuple(
                note for note in (f"Classes: {legend}." if legend else "", *_by_class_notes(ours, rows, lines)) if note
            ),
            dataset=datasets.title(dataset),
            data=pd.DataFrame(data),
        )


def _rival_line(row: PaperRow, rival: Rival) -> tuple[tuple[str, ...], dict[str, Any]]:
    """The line of a method that was run here, and its numbers; `row` is any of the data set."""
    texts = [formats.auroc(rival.means.get(c)) for c in range(len(row.classes))]
    average, sd, _ = avg_sd_n(row, rival.line)
    percent = {c: 100 * mean for c, mean in rival.means.items()}
    ends = (100 * rival.line[name] for name in ("avg", "sd_classes"))
    record = _class_record(row, "here", percent, *ends) | {"method": rival.name}
    return (rival.name, "here", *texts, average, sd, f"{rival.line['ok']}/{rival.line['wanted']}"), record


def _by_class_notes(ours: OurTable, rows: Sequence[PaperRow], lines: Sequence[tuple[str, ...]]) -> Iterator[str]:
    if all(row.is_own for row in rows):
        yield "AUROC in %. SD: among classes, ddof 0."
    else:
        yield "AUROC in %. SD: among classes; ddof 0 in AGAD's and ADGAN's lines, ddof 1 in the other borrowed ones."
    if any(row.origin == paper.RERUN for row in rows):
        yield "(rerun): run by AGAD's authors; other methods are borrowed."
    yield from mark_legends(ours, lines)
    if any(of.dataset == rows[0].dataset for of in ours.rivals):
        yield "here: run by this project, under eval; AGAD's own line above the others."
    yield from settings_note(of for of in ours.rivals if of.dataset == rows[0].dataset)
    for row in rows:
        if row.is_own and row.avg is not None:
            yield from _standings(ours, row)
    yield from map(_capital, remarks(ours.table, rows[0].dataset))


def _standings(ours: OurTable, row: PaperRow) -> Iterator[str]:
    """Rank and margin among the other methods of the table: the paper's number, and ours where all classes ran."""
    line = ours.line_of(row)
    numbers = {"paper": row.avg, "here": 100 * line["avg"] if line and has_all(row, line) else None}
    for who, number in numbers.items():
        found = None if number is None else standing(number, row.table, row.dataset, row.gamma)
        if found:
            yield f"AGAD, {who}: {found}."


def _capital(text: str) -> str:
    return text[0].upper() + text[1:]


def _class_record(
    row: PaperRow, who: str, of_class: Mapping[int, float], avg: float | None, sd: float | None
) -> dict[str, Any]:
    columns = {str(c): of_class.get(c) for c in range(len(row.classes))}
    return {"dataset": row.dataset, "method": method_name(row), "source": who, **columns, "avg": avg, "sd": sd}
