"""The texts of tables in the paper's layout: the paper's numbers, ours, and marks."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from ... import stats
from ...paper import numbers as paper
from ...paper.numbers import BACKBONES, PaperRow
from .. import formats
from ..formats import GAP
from .ours import OurTable

VERDICT_MARKS = {stats.INSIDE: "=", stats.ABOVE: "↑", stats.BELOW: "↓", stats.UNDECIDED: "~", stats.NOT_ENOUGH: "?"}
"""Verdict -> the mark behind a number of ours."""


def datasets_of(ours: OurTable) -> list[str]:
    """The data sets of which there are cells."""
    return list(dict.fromkeys(match.row.dataset for match in ours.cells.matches if match))


def method_name(row: PaperRow) -> str:
    """What names a line of Table 1 or 9."""
    if row.table == "table9":
        return BACKBONES[row.fields["backbone"]]
    name = "AGAD" if row.is_own else row.method
    return f"{name} (rerun)" if row.origin == paper.RERUN else name


def printed(row: PaperRow | None) -> str:
    """The paper's number as it prints it."""
    return GAP if row is None or row.avg is None else row.printed


def has_all(row: PaperRow, line: Mapping[Any, Any]) -> bool:
    """Whether every class of the paper's average has a run."""
    return bool(line["classes"] >= paper.CLASS_COUNTS[row.dataset])


def here(row: PaperRow, line: Mapping[Any, Any] | None, *, mark: bool = True) -> str:
    """Ours, `98.3±2.26 =`; with a star where a class of the paper's average is missing."""
    if line is None or formats.is_missing(line["avg"]):
        return GAP
    text = formats.mean_and_spread(line["avg"], line["sd_classes"])
    return text + (mark_of(row, line) if mark or not has_all(row, line) else "")


def mark_of(row: PaperRow, line: Mapping[Any, Any]) -> str:
    """The verdict's mark, or a star where a class is missing."""
    if not has_all(row, line):
        return "*"
    verdict = formats.text(line["verdict"])
    return f" {VERDICT_MARKS[verdict]}" if verdict else ""


def here_or_blank(row: PaperRow, line: Mapping[Any, Any] | None) -> str:
    """Nothing where the paper has a dash because there can be no such run."""
    return "" if row.avg is None and line is None else here(row, line)


def value_and_range(row: PaperRow, line: Mapping[Any, Any] | None) -> str:
    """Ours where one class is normal, `98.3 [97.9–98.6] =`: mean over seeds, their range, and the verdict's mark."""
    if line is None or formats.is_missing(line["avg"]):
        return GAP
    low, high = formats.auroc(line["low"]), formats.auroc(line["high"])
    return f"{formats.auroc(line['avg'])} [{low}{formats.RANGE}{high}]{mark_of(row, line)}"


def verdict_text(row: PaperRow, line: Mapping[Any, Any] | None) -> str:
    """The verdict, or why there is none."""
    if line is None:
        return ""
    if line["paper_differences"]:
        return formats.uncompared(line["paper_differences"])
    return formats.text(line["verdict"]) if has_all(row, line) else stats.NOT_ENOUGH


def count_text(row: PaperRow, line: Mapping[Any, Any] | None) -> str:
    """Runs that are ok, of those that the paper's row has."""
    if row.avg is None and line is None:
        return ""  # the paper has no such run either
    return f"{line['ok'] if line else 0}/{paper.CLASS_COUNTS[row.dataset] * paper.RUNS_PER_CLASS}"


def avg_sd_n(row: PaperRow, line: Mapping[str, Any] | None) -> tuple[str, str, str]:
    """Ours in three columns."""
    if line is None or formats.is_missing(line["avg"]):
        return GAP, GAP, count_text(row, line)
    return formats.auroc(line["avg"]) + mark_of(row, line), formats.spread(line["sd_classes"]), count_text(row, line)


def mark_legends(ours: OurTable, lines: Iterable[tuple[str, ...]]) -> Iterator[str]:
    """What the marks behind our numbers mean, of those that a table's lines have."""
    texts = {text for line in lines for text in line}
    if any(text.endswith(tuple(f" {mark}" for mark in VERDICT_MARKS.values())) for text in texts):
        yield (
            f"Behind a number of ours: = within ±{ours.cells.margin:g} points of the paper's, ↑ above, ↓ below, ~ "
            f"undecided, ? cannot be judged (too few seeds, not whole or without a difference)."
        )
    yield from star_legends(texts)


def star_legends(texts: Iterable[str]) -> Iterator[str]:
    """What a star means, where a text has one."""
    if any(text.endswith("*") for text in texts):
        yield "*: some classes have no run yet; it is not judged."


def record(row: PaperRow, line: Mapping[Any, Any] | None) -> dict[str, Any]:
    """The line of a CSV file: the paper's numbers in percent, ours in [0, 1]."""
    known = dict(line) if line else {}
    return {
        "dataset": row.dataset,
        "gamma": row.gamma,
        **row.fields,
        "paper_avg": row.avg,
        "paper_sd": row.sd,
        **{
            name: known.get(name) for name in ("avg", "sd_classes", "sd_seeds", "ok", "wanted", "difference", "verdict")
        },
    }
