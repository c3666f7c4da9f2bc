"""The numbers of the paper (AGAD, arXiv 2304.04211v1): Tables 1-5, 8 and 9, comparison methods included.

AUROC and SD are in percent, as printed. Every row is a PaperRow that holds its table, the fields of RunSpec that make
it that row, and where its number comes from. Table 5 is the corrected one (four rows per data set; the plain text
of the paper loses the last). Printed averages and SDs stay as they are even where they do not follow from the printed
classes: MISPRINTED_AVERAGES and MISPRINTED_SDS name those rows, a test recomputes all.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from functools import cache
from typing import Any

from agad.spec.fields import json_defaults, names_where

from . import printed

OURS = "Ours"
"""The method's name in rows that are AGAD's own."""

RUNS_PER_CLASS = 3
"""Runs behind each of AGAD's per-class numbers (section 4.2.2)."""

ROUNDING = 0.05
"""Half a unit of the last printed digit of an average, in percent."""

OWN, RERUN, BORROWED = "own", "rerun", "borrowed"
"""Where a number comes from: AGAD's; another method run by AGAD's authors (`*`); another publication."""


@dataclass(frozen=True, slots=True)
class PaperRow:
    """One row of one table: a data set, a share of anomalies, a method and its AUROC.

    Attributes:
        table: `table1` … `table9`.
        dataset: name as in RunSpec.dataset.
        gamma: share of anomalies in training.
        method: `Ours`, or a comparison method's name as printed.
        classes: AUROC per class in percent; empty where the paper prints none.
        avg: printed average over the classes in percent; None where the paper prints a dash.
        sd: printed SD in percentage points; None where none is printed.
        printed: average and SD with the digits that the paper prints.
        origin: OWN, RERUN or BORROWED.
        fields: fields of RunSpec, as the paper states them, in which an own row differs from the defaults.
    """

    table: str
    dataset: str
    gamma: float
    method: str
    classes: tuple[float, ...]
    avg: float | None
    sd: float | None
    printed: str
    origin: str
    fields: Mapping[str, Any] = field(default_factory=dict, hash=False)

    @property
    def is_own(self) -> bool:
        """Whether the row is AGAD's, so that runs of ours can be compared with it."""
        return self.origin == OWN

    @property
    def is_misprinted(self) -> bool:
        """Whether the printed average is not that of the printed classes."""
        if not self.classes:
            return False
        key = (self.dataset, self.fields.get("backbone") if self.table == "table9" else self.method)
        return ("table1" if self.table == "table2" else self.table, *key) in MISPRINTED_AVERAGES

    def stated(self, name: str) -> Any:
        """The value of a field of RunSpec as the paper states it for this row."""
        own = {"dataset": self.dataset, "gamma": self.gamma, **self.fields}
        return own[name] if name in own else STATED_DEFAULTS[name]

    def mean_of(self, classes: tuple[int, ...]) -> float | None:
        """The paper's average over some of the classes: printed for all of them, computed where cells are printed."""
        if len(classes) == CLASS_COUNTS[self.dataset]:
            return self.avg
        if not self.classes or not classes:
            return None
        return sum(self.classes[index] for index in classes) / len(classes)

    def sd_of(self, classes: tuple[int, ...]) -> float | None:
        """The printed SD among classes where all classes are meant; None for a part of them."""
        return self.sd if len(classes) == CLASS_COUNTS[self.dataset] else None


@dataclass(frozen=True, slots=True)
class PaperNetwork:
    """A row of Table 8.

    Attributes:
        backbone: as in RunSpec.
        parameters_millions: as printed. Units differ: the naive one is in 2**20, the others in 1e6 and most likely
            copied from the networks without batch norm of Zhou et al. (2020).
        milliseconds: inference of one 32x32 image on an A40.
    """

    backbone: str
    parameters_millions: float
    milliseconds: float


TABLES = ("table1", "table2", "table3", "table4", "table5", "table8", "table9")

BACKBONES = {"naive": "Naive", "unet": "UNet", "unetpp": "UNet++"}
"""As Tables 8 and 9 call them."""

TITLES = {
    "table1": "Table 1: one class, no anomaly in training",
    "table2": "Table 2: one class, with increased supervision",
    "table3": "Table 3: medical data sets, with and without adversarial context",
    "table4": "Table 4: contextual adversarial information",
    "table5": "Table 5: batch norm strategies",
    "table8": "Table 8: size and speed of the generators",
    "table9": "Table 9: three generators, no anomaly in training",
}

STATED_DEFAULTS: Mapping[str, Any] = {name: json_defaults()[name] for name in names_where(lambda known: known.stated)}
"""What the paper states for all its own rows (section 4.2) unless the row's own fields differ; lists as in a plan file.

`known_anomaly_*` are the reading of section 4.2.2 that anomalies come from all other classes. All fields of RunSpec
that are neither here nor in a row's own fields are what the paper is silent on."""

STATED_EXCEPTIONS: Mapping[str, Mapping[str, tuple[Any, ...]]] = {"table3": {"batch_size": (256, 64)}}
"""Values that count as a table's own, beside the paper's: at 128x128 a batch of 256 does not fit an A40."""

OWN_CHOICES: Mapping[str, tuple[Any, ...]] = {"precision": ("tf32",), "eval_precision": ("tf32",)}
"""Field of RunSpec that the paper is silent on -> values that are its own all the same: PyTorch 1.10's on an A40."""

BASELINES = {"adversarial_context": "off", "batch_norm": "shared", "backbone": "naive"}
"""Field of RunSpec -> the value that the paper's tables compare the others with."""

CLASS_COUNTS = {
    "mnist": 10,
    "fashion_mnist": 10,
    "cifar10": 10,
    "cifar100": 20,
    "alzheimer": 1,
    "chest_xray": 1,
    "lung_histopathology": 1,
    "retinal_oct": 1,
}
"""Number of classes that are normal in turn, over which averages are taken; one in each medical set."""

SCORING_FIELDS = names_where(lambda known: known.scoring)
"""Fields of RunSpec that set what is scored and when; the headline AUROC does not depend on them."""

ORDER_FIELDS = ("eval_batch_size", "test_orders")
"""Those of them that AUROCs under ORDER_PROTOCOLS depend on: batch norm's statistics come from a batch, and an AUROC is
a mean over orders."""

QUIET_FIELDS = tuple(name for name in SCORING_FIELDS if name not in ORDER_FIELDS)
"""Those on which no AUROC depends."""

MISPRINTED_AVERAGES = (
    ("table1", "mnist", OURS),
    ("table1", "cifar10", "AnoGAN"),
    ("table9", "mnist", "naive"),
    ("table9", "mnist", "unetpp"),
    ("table9", "cifar100", "naive"),
)
"""Rows (table, data set, method or backbone) whose printed average is not that of their printed classes."""

MISPRINTED_SDS = (*MISPRINTED_AVERAGES, ("table9", "fashion_mnist", "naive"))
"""Rows whose printed SD is not that of their printed classes, neither with ddof 0 nor with ddof 1."""

NETWORKS = (
    PaperNetwork("naive", 2.04, 2.67),
    PaperNetwork("unet", 7.76, 5.41),
    PaperNetwork("unetpp", 9.04, 16.73),
)
"""The rows of Table 8."""


def rows(table: str | None = None) -> tuple[PaperRow, ...]:
    """All rows of Tables 1-5 and 9, or those of one table, in the paper's order."""
    return tuple(row for row in _all_rows() if table is None or row.table == table)


def paper_row(table: str, dataset: str, gamma: float = 0.0, method: str = OURS, **fields: Any) -> PaperRow | None:
    """The one row that fits; None where the paper has none or prints a dash.

    `fields` are fields of RunSpec that distinguish AGAD's rows of one table: backbone, batch_norm,
    adversarial_context. ValueError where several rows fit.
    """
    fitting = [
        row
        for row in rows(table)
        if (row.dataset, row.gamma, row.method) == (dataset, gamma, method)
        and all(row.stated(name) == value for name, value in fields.items())
    ]
    if len(fitting) > 1:
        raise ValueError(f"{table} has {len(fitting)} rows for {dataset}, gamma {gamma}, {method}: name more fields")
    return fitting[0] if fitting and fitting[0].avg is not None else None


# -- from the printed text to rows ---------------------------------------------------------------------------------


@cache
def _all_rows() -> tuple[PaperRow, ...]:
    return (
        *_rows_by_class("table1"),
        *_rows2(),
        *_rows3(),
        *_rows_by_gamma("table4"),
        *_rows_by_gamma("table5"),
        *_rows_by_class("table9"),
    )


def _lines(text: str) -> Iterator[list[str]]:
    for line in text.strip().splitlines():
        yield [part.strip() for part in line.split("|")]


def _row(
    table: str,
    dataset: str,
    gamma: float,
    text: str,
    *,
    method: str = OURS,
    classes: tuple[float, ...] = (),
    origin: str = OWN,
    fields: Mapping[str, Any] | None = None,
) -> PaperRow:
    """A row from its average and SD as printed, such as `98.3±2.26`, `94.1` or `-`."""
    mean, mark, sd = text.partition("±")
    shown = ("100.0" if mean == "100." else mean) + mark + sd
    number = None if mean == "-" else float(mean)
    return PaperRow(
        table, dataset, gamma, method, classes, number, float(sd) if sd else None, shown, origin, fields or {}
    )


def _main_backbone(dataset: str) -> dict[str, Any]:
    """Section 4's generator: UNet++, but for MNIST the naive one (footnote 4)."""
    return {"backbone": "naive" if dataset == "mnist" else "unetpp"}


def _rows_by_class(table: str) -> Iterator[PaperRow]:
    for dataset, name, aurocs, avg, sd in _lines({"table1": printed.TABLE1, "table9": printed.TABLE9}[table]):
        classes, text = tuple(map(float, aurocs.split())), f"{avg}±{sd}"
        if table == "table9":
            yield _row(table, dataset, 0.0, text, classes=classes, fields={"backbone": name})
        elif name.startswith("+"):
            yield _row(table, dataset, 0.0, text, classes=classes, fields=_main_backbone(dataset))
        else:
            origin = RERUN if name.startswith("*") else BORROWED
            yield _row(table, dataset, 0.0, text, method=name.lstrip("*"), classes=classes, origin=origin)


def _rows2() -> Iterator[PaperRow]:
    classes_of = {row.dataset: row.classes for row in _rows_by_class("table1") if row.is_own}
    for dataset, share, *texts in _lines(printed.TABLE2):
        gamma = float(share)
        for method, text in zip(printed.TABLE2_METHODS, texts, strict=True):
            if method == OURS:  # of the rows without anomalies Table 1 prints the classes
                classes, fields = classes_of[dataset] if gamma == 0 else (), _main_backbone(dataset)
                yield _row("table2", dataset, gamma, text, classes=classes, fields=fields)
            else:
                yield _row("table2", dataset, gamma, text, method=method, origin=BORROWED)


def _rows3() -> Iterator[PaperRow]:
    for dataset, *pairs in _lines(printed.TABLE3):
        for gamma, pair in zip(printed.GAMMAS, pairs, strict=True):
            for context, text in zip(("on", "off"), pair.split(), strict=True):
                fields = {"backbone": "unetpp", "image_size": 128, "adversarial_context": context}
                yield _row("table3", dataset, gamma, text, fields=fields)


def _rows_by_gamma(table: str) -> Iterator[PaperRow]:
    text, name = {
        "table4": (printed.TABLE4, "adversarial_context"),
        "table5": (printed.TABLE5, "batch_norm"),
    }[table]
    for dataset, value, *cells in _lines(text):
        for gamma, cell in zip(printed.GAMMAS, cells, strict=True):
            yield _row(table, dataset, gamma, cell, fields={"backbone": "unet", name: value})
