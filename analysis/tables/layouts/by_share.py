"""Tables 2 to 5 in the paper's layout: a line or a column per share of anomalies."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import Any

import pandas as pd

from agad.spec import datasets

from ...paper import numbers as paper
from ...paper.numbers import PaperRow
from ...paper.remarks import remarks, standing
from .. import formats
from ..formats import GAMMA, GAP
from ..sheet import KEY, NOTE, OURS, PAPER, Sheet
from .ours import OurTable
from .rivals import settings_note
from .texts import (
    count_text,
    datasets_of,
    has_all,
    here,
    here_or_blank,
    mark_legends,
    printed,
    record,
    star_legends,
    value_and_range,
    verdict_text,
)

_OTHER_PROTOCOL = "†: borrowed, and of another protocol: one known anomaly class at a time, SD over the 90 pairs."
"""Ruff et al. 2020, section 5."""


_RUN_HERE = "here: run by this project, under eval, with anomalies from all other classes; Table 1 has those without."


def by_method(ours: OurTable) -> Iterator[Sheet]:
    """Table 2: a line per share of anomalies, the borrowed methods beside."""
    lines, data = [], []
    methods = list(dict.fromkeys(row.method for row in paper.rows("table2") if not row.is_own))
    names = list(dict.fromkeys(of.name for of in ours.rivals))
    columns = [*methods, *(name for name in names if name not in methods)]
    for row in paper.rows("table2"):
        if not row.is_own or row.dataset not in datasets_of(ours):
            continue
        line = ours.line_of(row)
        place = (row.dataset, row.gamma)
        run = {of.name: of.line for of in ours.rivals if (of.dataset, of.gamma) == place}
        lines.append(
            (
                datasets.title(row.dataset),
                formats.gamma(row.gamma),
                *(text for name in columns for text in _method_texts(row, name, run, methods, names)),
                printed(row),
                here(row, line, mark=False),
                formats.difference(line["difference"]) if line and has_all(row, line) else GAP,
                verdict_text(row, line),
                count_text(row, line),
            )
        )
        data.append({**record(row, line), **{f"{name} here": of["avg"] for name, of in run.items()}})
    headings = [
        (kind, text)
        for name in columns
        for kind, text, there in ((PAPER, f"{name}†", name in methods), (OURS, f"{name}, here", name in names))
        if there
    ]
    yield Sheet(
        name=ours.name,
        caption=ours.title,
        columns=(
            "dataset",
            GAMMA,
            *(text for _, text in headings),
            "AGAD, paper",
            "AGAD, here",
            "diff",
            "verdict",
            "n",
        ),
        kinds=(KEY, KEY, *(kind for kind, _ in headings), PAPER, OURS, OURS, NOTE, OURS),
        lines=tuple(lines),
        notes=(
            "AUROC in %, mean±SD among classes (here ddof 0, as in the paper's own).",
            *star_legends(text for line in lines for text in line),
            _OTHER_PROTOCOL,
            *((_RUN_HERE,) if names else ()),
            *settings_note(ours.rivals),
            *_standings(ours),
            *_remarks(ours),
        ),
        data=pd.DataFrame(data),
    )


def _method_texts(
    row: PaperRow, name: str, run: Mapping[str, Mapping[str, Any]], printed_names: list[str], names: list[str]
) -> Iterator[str]:
    """A method's columns of a line: as the paper prints it where it does, as run here where some line has it."""
    if name in printed_names:
        yield printed(paper.paper_row("table2", row.dataset, row.gamma, name))
    if name in names:
        yield here(row, run.get(name), mark=False)


def _standings(ours: OurTable) -> Iterator[str]:
    """Rank and margin of the paper's numbers among the other methods of their line, a sentence each data set."""
    for dataset in datasets_of(ours):
        own = [row for row in paper.rows("table2") if row.is_own and row.dataset == dataset and row.avg is not None]
        texts = [
            f"{GAMMA} {formats.gamma(row.gamma)} {found}"
            for row in own
            if (found := standing(row.avg or 0.0, row.table, dataset, row.gamma))
        ]
        yield f"{datasets.title(dataset)}, AGAD as the paper prints it: {'; '.join(texts)}."


def _remarks(ours: OurTable) -> Iterator[str]:
    """What is to be said of the paper's own numbers."""
    found: dict[str, list[str]] = {}
    for dataset in datasets_of(ours):
        for text in remarks(ours.table, dataset):
            found.setdefault(text, []).append(datasets.title(dataset))
    for text, of in found.items():
        yield f"{', '.join(of)}: {text}"


def by_gamma(name: str, headings: tuple[str, ...], words: Mapping[str, tuple[str, ...]]) -> Callable[..., Any]:
    """Tables 4 and 5: a column per share of anomalies; `words` are the leading cells of each value of a field."""

    def layout(ours: OurTable) -> Iterator[Sheet]:
        own = [row for row in paper.rows(ours.table) if row.dataset in datasets_of(ours)]
        gammas = list(dict.fromkeys(row.gamma for row in own))
        lines, kinds, data = [], [], []
        for dataset in dict.fromkeys(row.dataset for row in own):
            for value, texts in words.items():
                of_line = [row for row in own if row.dataset == dataset and row.fields[name] == value]
                found = [ours.line_of(row) for row in of_line]
                key = (datasets.title(dataset), *texts)
                lines.append((*key, "paper", *(printed(row) for row in of_line)))
                lines.append((*key, "here", *map(here_or_blank, of_line, found)))
                kinds += [PAPER, OURS]
                data += [record(row, line) for row, line in zip(of_line, found, strict=True)]
        yield Sheet(
            name=ours.name,
            caption=ours.title,
            columns=("dataset", *headings, "", *map(formats.gamma, gammas)),
            kinds=(KEY,) * (len(headings) + 2) + (OURS,) * len(gammas),
            lines=tuple(lines),
            line_kinds=tuple(kinds),
            notes=(
                "AUROC in %, mean±SD among classes, by share of anomalies in training.",
                *mark_legends(ours, lines),
                *_remarks(ours),
            ),
            data=pd.DataFrame(data),
        )

    return layout


def medical(ours: OurTable) -> Iterator[Sheet]:
    """Table 3: with and without adversarial context, side by side."""
    lines, data = [], []
    for row in paper.rows("table3"):
        if row.fields["adversarial_context"] == "off" or row.dataset not in datasets_of(ours):
            continue
        without = next(
            other
            for other in paper.rows("table3")
            if (other.dataset, other.gamma) == (row.dataset, row.gamma) and other.fields["adversarial_context"] == "off"
        )
        pair = (row, without)
        found = [ours.line_of(one) for one in pair]
        cells = [
            text
            for one, line in zip(pair, found, strict=True)
            for text in (printed(one), value_and_range(one, line), count_text(one, line))
        ]
        lines.append((datasets.title(row.dataset), formats.gamma(row.gamma), *cells))
        data += [record(one, line) for one, line in zip(pair, found, strict=True)]
    yield Sheet(
        name=ours.name,
        caption=ours.title,
        columns=("dataset", GAMMA, "with, paper", "with, here", "n", "without, paper", "without, here", "n"),
        kinds=(KEY, KEY, PAPER, OURS, OURS, PAPER, OURS, OURS),
        lines=tuple(lines),
        notes=(
            "AUROC in %; one class is normal, so there is no SD among classes: [range of the runs]. Its seeds alone "
            "judge it.",
            *mark_legends(ours, lines),
        ),
        data=pd.DataFrame(data),
    )
