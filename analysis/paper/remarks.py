"""Remarks: what a reader must know of the paper's own numbers, where they stand."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from .numbers import BORROWED, MISPRINTED_SDS, OURS, PaperRow, rows

_EXTRA_CELL = "the paper prints 21 cells for 20 classes; read so that its average and SD come out (one 99.9 left out)."
_SHIFTED = (
    "freeze at γ = .01 and .03 (98.2±2.34, 99.9±0.03) is nearly Table 4's row without context at .00 and .01 "
    "(98.2±2.37, 99.9±0.03): it looks shifted by one γ."
)
_FOURTH = "the plain text of the paper has three rows a data set, with cells of the fourth among them; read as four."
_TLSAD = (
    "TLSAD is not run here: its features come from a second, labelled data set, which no other column has seen, and "
    "neither its code nor its text is open."
)
_REMARKS = (
    ("table1", "cifar100", _EXTRA_CELL),
    ("table9", "cifar100", f"UNet++: {_EXTRA_CELL}"),
    ("table5", "fashion_mnist", _SHIFTED),
    ("table5", "fashion_mnist", _FOURTH),
    ("table5", "cifar10", _FOURTH),
    ("table5", "cifar100", _FOURTH),
    ("table4", "cifar10", "with context at γ = .00 is the same U-Net as in Table 9, which prints 92.5±7.81."),
    (
        "table1",
        "fashion_mnist",
        "the paper's +6.0 over other methods is over ARNet (93.9); over the authors' own rerun of ADGAN (99.5) it is "
        "+0.4.",
    ),
    *(("table2", dataset, _TLSAD) for dataset in ("mnist", "fashion_mnist", "cifar10")),
)
"""Table, data set and what is to be said of its rows."""


@dataclass(frozen=True, slots=True)
class Standing:
    """A number among the averages that the paper prints for other methods.

    Attributes:
        rank: 1 is the best.
        among: how many there are, with it.
        margin: over the best other, in points; negative where that is better.
        best: that method's name.
    """

    rank: int
    among: int
    margin: float
    best: str

    def __str__(self) -> str:
        return f"rank {self.rank} of {self.among}, {self.margin:+.1f} beside {self.best}".replace("-", "\N{MINUS SIGN}")


def standing(avg: float, table: str, dataset: str, gamma: float) -> Standing | None:
    """Where an average in percent stands among the other methods of a line; None where the paper prints none."""
    others = [
        (row.avg, row.method)
        for row in rows(table)
        if row.method != OURS and (row.dataset, row.gamma) == (dataset, gamma) and row.avg is not None
    ]
    if not others:
        return None
    best, name = max(others)
    return Standing(1 + sum(other > avg for other, _ in others), len(others) + 1, avg - best, name)


def remarks(table: str, dataset: str) -> Iterator[str]:
    """What is to be said of a data set in a table of the paper: readings, and SDs that fit no formula."""
    for of_table, of_dataset, text in _REMARKS:
        if (of_table, of_dataset) == (table, dataset):
            yield text
    for row in rows(table):
        key = (table, dataset, row.fields.get("backbone") if table == "table9" else row.method)
        if row.dataset == dataset and key in MISPRINTED_SDS and row.classes:
            yield _sd_remark(row, str(key[2]))


def _sd_remark(row: PaperRow, name: str) -> str:
    count, mean = len(row.classes), sum(row.classes) / len(row.classes)
    squares = sum((value - mean) ** 2 for value in row.classes)
    ddof0, ddof1 = (squares / count) ** 0.5, (squares / (count - 1)) ** 0.5
    who = "borrowed, " if row.origin == BORROWED else ""
    return (
        f"{name}: {who}the paper prints {row.printed}; its printed classes give {mean:.2f}, SD {ddof0:.2f} (ddof 0) or "
        f"{ddof1:.2f} (ddof 1)."
    )
