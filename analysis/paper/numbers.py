"""The numbers of the paper (AGAD, arXiv 2304.04211v1): Tables 1-5, 8 and 9, comparison methods included.

AUROC and SD are in percent, as printed. Every row is a PaperRow that knows its table, which fields of RunSpec make
it that row, and where its number comes from. Table 5 is the corrected one (four rows per data set; the plain text
of the paper loses the last). Printed averages and SDs are kept even where they do not follow from the printed
classes: MISPRINTED_AVERAGES and MISPRINTED_SDS name those rows, a test recomputes all.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from functools import cache
from typing import Any

from agad.spec.fields import CELL_FIELDS, json_defaults, names_where

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
        other_protocol: whether the row is, as far as is known, of another protocol than AGAD's: one known anomaly
            class at a time, SD over the 90 pairs of classes (Ruff et al. 2020, section 5).
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
    other_protocol: bool = False
    fields: Mapping[str, Any] = field(default_factory=dict, hash=False)

    @property
    def is_own(self) -> bool:
        """Whether the row is AGAD's, so that runs of ours can be held against it."""
        return self.origin == OWN

    @property
    def is_misprinted(self) -> bool:
        """Whether the printed average is not that of the printed classes."""
        if not self.classes:
            return False
        key = (self.dataset, self.fields.get("backbone") if self.table == "table9" else self.method)
        return ("table1" if self.table == "table2" else self.table, *key) in MISPRINTED_AVERAGES

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
"""What the paper states for all its own rows (section 4.2) unless the row says otherwise; lists as in a plan file.

`known_anomaly_*` are the reading of section 4.2.2 that anomalies come from all other classes. All fields of RunSpec
that are neither here nor in a row's own fields are what the paper is silent on."""

STATED_EXCEPTIONS: Mapping[str, Mapping[str, tuple[Any, ...]]] = {"table3": {"batch_size": (256, 64)}}
"""Values that are taken for a table's own beside the paper's: at 128x128 a batch of 256 does not fit an A40."""

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
"""Classes that are normal in turn, so that an average goes over them; of the medical sets only one is."""

SCORING_FIELDS = names_where(lambda known: known.scoring)
"""Fields of RunSpec that say what is scored and when; the headline AUROC is the same whatever they are."""

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

_NETWORKS = (
    PaperNetwork("naive", 2.04, 2.67),
    PaperNetwork("unet", 7.76, 5.41),
    PaperNetwork("unetpp", 9.04, 16.73),
)

# data set | method | AUROC of the classes | avg | SD. `*`: run by AGAD's authors; `+`: AGAD.
_TABLE1 = """
mnist | AnoGAN   | 99.0 99.8 88.8 91.3 94.4 91.2 92.5 96.4 88.3 95.8 | 93.7 | 4.00
mnist | OCGAN    | 99.8 99.9 94.2 96.3 97.5 98.0 99.1 98.1 93.9 98.1 | 97.5 | 2.10
mnist | GeoTrans | 98.2 91.6 99.4 99.0 99.1 99.6 99.9 96.3 97.2 99.2 | 98.0 | 2.50
mnist | ARNet    | 98.6 99.9 99.0 99.1 98.1 98.1 99.7 99.0 93.6 97.8 | 98.3 | 1.78
mnist | *ADGAN   | 92.9 99.9 80.0 65.0 84.6 82.5 68.1 85.3 77.2 74.4 | 81.0 | 10.07
mnist | +Ours    | 100. 100. 99.0 98.6 99.5 97.2 99.6 99.8 95.8 99.2 | 99.1 | 0.86
fashion_mnist | GeoTrans | 99.4 97.6 91.1 89.9 92.1 93.4 83.3 98.9 90.8 99.2 | 93.5 | 5.22
fashion_mnist | ARNet    | 92.7 99.3 89.1 93.6 90.8 93.1 85.0 98.4 97.8 98.4 | 93.9 | 4.70
fashion_mnist | *ADGAN   | 99.3 100. 100. 97.5 100. 100. 97.7 100. 100. 100. | 99.5 | 0.95
fashion_mnist | +Ours    | 99.9 100. 100. 99.4 100. 100. 100. 100. 100. 100. | 99.9 | 0.18
cifar10 | AnoGAN   | 64.0 56.5 64.8 52.8 67.0 59.2 62.5 57.6 72.3 58.2 | 61.2 | 5.68
cifar10 | OCGAN    | 75.7 53.0 64.0 62.0 72.3 62.0 72.3 57.5 82.0 55.4 | 65.6 | 9.52
cifar10 | GeoTrans | 74.7 95.7 78.1 72.4 87.8 87.8 83.4 95.5 93.3 91.3 | 86.0 | 8.52
cifar10 | ARNet    | 78.5 89.8 86.1 77.4 90.5 84.5 89.2 92.9 92.0 85.5 | 86.6 | 5.35
cifar10 | ADGAN    | 99.9 91.5 90.9 91.7 99.5 86.1 99.7 86.3 99.9 93.1 | 93.8 | 5.25
cifar10 | +Ours    | 99.9 99.5 98.8 98.4 99.7 94.7 100. 93.2 99.9 98.8 | 98.3 | 2.26
cifar100 | DAGMM    | 43.4 49.5 66.1 52.6 56.9 52.4 55.0 52.8 53.2 42.5 52.7 46.4 42.7 45.4 57.2 48.8 54.4 36.4 52.4 50.3 | 50.5 | 6.55
cifar100 | GeoTrans | 74.7 68.5 74.0 81.0 78.4 59.1 81.8 65.0 85.5 90.6 87.6 83.9 83.2 58.0 92.1 68.3 73.5 93.8 90.7 85.0 | 78.7 | 10.76
cifar100 | ARNet    | 77.5 70.0 62.4 76.2 77.7 64.0 86.9 65.6 82.7 90.2 85.9 83.5 84.6 67.6 84.2 74.1 80.3 91.0 85.3 85.4 | 78.8 | 8.82
cifar100 | ADGAN    | 89.1 69.4 96.5 90.6 89.5 83.7 78.9 57.2 90.2 94.8 83.0 86.8 96.2 71.7 94.1 71.4 79.1 94.7 80.7 72.4 | 83.5 | 10.53
cifar100 | +Ours    | 99.9 99.6 99.8 99.8 99.9 99.7 99.9 99.9 99.4 99.8 99.9 99.1 99.9 86.4 96.9 61.7 99.0 99.8 86.5 99.7 | 96.3 | 8.88
"""  # noqa: E501 - one line of the paper's table is one line here

_TABLE2_METHODS = ("supervised classifier", "SS-DGM", "SSAD Hybrid", "Deep SAD", "TLSAD", "ESAD", OURS)
# data set | gamma | avg±SD of each method in that order
_TABLE2 = """
mnist | .00 | - | - | 96.3±2.5 | 92.8±4.9 | - | 98.5±1.3 | 99.1±0.86
mnist | .01 | 83.6±8.2 | 89.9±9.2 | 96.8±2.3 | 96.4±2.7 | 94.1 | 99.2±0.7 | 99.4±0.85
mnist | .05 | 90.3±4.6 | 92.2±5.6 | 97.4±2.0 | 96.7±2.3 | 96.9 | 99.4±0.3 | 99.9±0.29
mnist | .10 | 93.9±2.8 | 91.6±5.5 | 97.6±1.7 | 96.9±2.3 | 97.7 | 99.5±0.4 | 100.±0.04
mnist | .20 | 96.9±1.7 | 91.2±5.6 | 97.8±1.5 | 96.9±2.4 | 98.3 | 99.6±0.3 | 100.±0.02
fashion_mnist | .00 | - | - | 91.2±4.7 | 89.2±6.2 | - | 94.0±4.5 | 99.9±0.18
fashion_mnist | .01 | 74.4±13.6 | 65.1±16.3 | 89.4±6.0 | 90.0±6.4 | 88.4 | 95.3±4.2 | 100.±0.00
fashion_mnist | .05 | 76.8±13.2 | 71.4±12.7 | 90.5±5.9 | 90.5±6.5 | 91.4 | 95.6±4.1 | 100.±0.00
fashion_mnist | .10 | 79.0±12.3 | 72.9±12.2 | 91.0±5.6 | 91.3±6.0 | 92.0 | 95.8±4.0 | 100.±0.00
fashion_mnist | .20 | 81.4±12.0 | 74.7±13.5 | 89.7±6.6 | 91.0±5.5 | 93.2 | 95.9±4.0 | 100.±0.00
cifar10 | .00 | - | - | 63.8±9.0 | 60.9±9.4 | - | 78.8±6.5 | 98.3±2.26
cifar10 | .01 | 55.6±5.0 | 49.7±1.7 | 70.5±8.30 | 72.6±7.4 | 74.4 | 83.7±6.4 | 98.6±1.27
cifar10 | .05 | 63.5±8.0 | 50.8±4.7 | 73.3±8.4 | 77.9±7.2 | 80.0 | 86.9±6.8 | 99.8±0.25
cifar10 | .10 | 67.7±9.6 | 52.0±5.5 | 74.0±8.1 | 79.8±7.1 | 84.8 | 87.8±6.7 | 99.9±0.03
cifar10 | .20 | 80.5±5.9 | 53.2±6.7 | 74.5±8.0 | 81.9±7.0 | 86.3 | 88.5±6.9 | 100.±0.00
"""

_TABLE3_GAMMAS = (0.0, 0.01, 0.03, 0.05, 0.10)
# data set | with and without the context, at each gamma
_TABLE3 = """
alzheimer | 99.1 93.9 | 99.0 94.7 | 99.3 89.7 | 99.8 99.5 | 99.7 100.
chest_xray | 72.6 68.8 | - - | 95.5 73.4 | 96.3 89.8 | 98.9 91.4
lung_histopathology | 82.4 80.0 | 91.4 91.0 | 94.0 89.0 | 96.6 97.0 | 97.7 92.3
retinal_oct | 94.5 90.9 | 99.7 93.0 | 99.2 75.8 | 99.5 72.3 | 99.7 88.0
"""

# data set | context | avg±SD at each gamma
_TABLE4 = """
fashion_mnist | off | 98.2±2.37 | 99.9±0.03 | 100.±0.00 | 100.±0.00 | 100.±0.05
fashion_mnist | on | 98.3±2.21 | 100.±0.00 | 100.±0.00 | 100.±0.00 | 100.±0.00
cifar10 | off | 88.9±10.43 | 93.8±5.30 | 98.0±2.74 | 98.8±2.16 | 99.3±1.09
cifar10 | on | 92.6±7.76 | 94.8±6.17 | 98.3±2.38 | 99.3±1.15 | 99.9±0.15
cifar100 | off | 90.4±11.5 | 95.9±7.76 | 96.7±7.58 | 98.8±3.09 | 99.5±1.65
cifar100 | on | 92.8±11.5 | 97.1±6.20 | 97.8±4.90 | 98.8±3.63 | 99.7±0.80
"""

# data set | batch norm | avg±SD at each gamma; a dash where there is no anomaly to freeze for
_TABLE5 = """
fashion_mnist | advprop_freeze | - | 100.±0.00 | 100.±0.00 | 100.±0.00 | 100.±0.00
fashion_mnist | advprop | 98.2±2.45 | 100.±0.00 | 100.±0.00 | 100.±0.00 | 100.±0.00
fashion_mnist | freeze | - | 98.2±2.34 | 99.9±0.03 | 100.±0.00 | 100.±0.00
fashion_mnist | shared | 98.3±2.21 | 100.±0.00 | 100.±0.00 | 100.±0.00 | 100.±0.00
cifar10 | advprop_freeze | - | 93.8±5.50 | 95.4±5.87 | 99.2±1.55 | 99.8±0.22
cifar10 | advprop | 89.6±10.0 | 93.2±7.20 | 97.6±3.40 | 99.4±1.08 | 99.7±0.69
cifar10 | freeze | - | 94.3±7.90 | 98.3±2.58 | 98.6±2.58 | 99.9±0.05
cifar10 | shared | 92.6±7.76 | 94.8±6.17 | 98.3±2.38 | 99.3±1.15 | 99.9±0.15
cifar100 | advprop_freeze | - | 96.0±7.38 | 92.6±11.3 | 95.6±9.24 | 98.8±3.27
cifar100 | advprop | 92.4±11.4 | 95.7±7.72 | 97.5±5.59 | 98.1±5.47 | 99.1±3.08
cifar100 | freeze | - | 96.0±7.56 | 97.3±5.94 | 98.8±2.82 | 99.6±1.09
cifar100 | shared | 92.8±11.5 | 97.1±6.20 | 97.8±4.90 | 98.8±3.63 | 99.7±0.80
"""

# data set | backbone | AUROC of the classes | avg | SD
_TABLE9 = """
mnist | naive  | 100. 100. 99.0 98.6 99.5 97.2 99.6 99.8 95.8 99.2 | 99.1 | 0.86
mnist | unet   | 76.0 58.6 81.3 93.3 41.9 46.8 98.9 45.2 89.1 42.8 | 67.4 | 21.6
mnist | unetpp | 95.5 100. 85.4 78.5 91.4 92.5 73.6 90.2 89.6 89.4 | 89.4 | 7.46
fashion_mnist | naive  | 98.2 100. 99.1 99.7 99.0 100. 97.7 100. 99.1 100. | 99.2 | 0.75
fashion_mnist | unet   | 95.5 99.8 99.6 97.1 99.9 99.9 93.2 100. 99.4 99.0 | 98.3 | 2.21
fashion_mnist | unetpp | 99.9 100. 100. 99.4 100. 100. 100. 100. 100. 100. | 99.9 | 0.18
cifar10 | naive  | 79.9 59.1 64.9 60.1 68.9 69.8 88.2 61.3 83.0 74.3 | 71.0 | 9.63
cifar10 | unet   | 99.9 88.3 89.8 94.1 99.3 87.7 99.8 73.8 99.9 92.3 | 92.5 | 7.81
cifar10 | unetpp | 99.9 99.5 98.8 98.4 99.7 94.7 100. 93.2 99.9 98.8 | 98.3 | 2.26
cifar100 | naive  | 64.3 90.2 77.8 82.0 67.3 62.7 71.4 77.1 68.5 82.8 89.3 56.7 69.5 73.3 63.7 65.0 67.4 81.2 61.0 70.7 | 71.6 | 8.87
cifar100 | unet   | 99.9 99.4 99.7 99.3 98.9 97.5 99.8 96.0 99.4 99.3 99.3 96.3 99.8 74.7 78.9 62.6 95.6 95.5 66.8 96.9 | 92.8 | 11.5
cifar100 | unetpp | 99.9 99.6 99.8 99.8 99.9 99.7 99.9 99.9 99.4 99.8 99.9 99.1 99.9 86.4 96.9 61.7 99.0 99.8 86.5 99.7 | 96.3 | 8.88
"""  # noqa: E501 - one line of the paper's table is one line here


def rows(table: str | None = None) -> tuple[PaperRow, ...]:
    """All rows of Tables 1-5 and 9, or those of one table, in the paper's order."""
    return tuple(row for row in _all_rows() if table is None or row.table == table)


def networks() -> tuple[PaperNetwork, ...]:
    """The rows of Table 8."""
    return _NETWORKS


def paper_row(table: str, dataset: str, gamma: float = 0.0, method: str = OURS, **fields: Any) -> PaperRow | None:
    """The one row that fits; None where the paper has none or prints a dash.

    `fields` are fields of RunSpec that tell AGAD's rows of one table apart: backbone, batch_norm,
    adversarial_context. ValueError where several rows fit.
    """
    fitting = [
        row
        for row in rows(table)
        if (row.dataset, row.gamma, row.method) == (dataset, gamma, method)
        and all(_stated(row, name) == value for name, value in fields.items())
    ]
    if len(fitting) > 1:
        raise ValueError(f"{table} has {len(fitting)} rows for {dataset}, gamma {gamma}, {method}: say more fields")
    return fitting[0] if fitting and fitting[0].avg is not None else None


def paper_number(
    table: str, dataset: str, gamma: float = 0.0, column: int | str = "avg", method: str = OURS, **fields: Any
) -> float | None:
    """One printed number in percent: a class index, `avg` or `sd`; None where the paper prints none."""
    row = paper_row(table, dataset, gamma, method, **fields)
    if row is None:
        return None
    if isinstance(column, int):
        return row.classes[column] if column < len(row.classes) else None
    return {"avg": row.avg, "sd": row.sd}[column]


def match(values: Mapping[str, Any], tables: tuple[str, ...], defaults: Mapping[str, Any]) -> Match | None:
    """The row of the paper that a spec's cell belongs to, in the first of `tables` that has one.

    Args:
        values: the spec by field name, lists as in a plan file; class and seed play no part.
        tables: where to look, the first first.
        defaults: RunSpec's defaults: the project's reading of all that the paper is silent on.
    """
    for table in tables:
        for row in rows(table):
            if row.is_own and row.avg is not None and _has_stated_values(row, values):
                return Match(row, _silent_differences(row, values, defaults))
    return None


@dataclass(frozen=True, slots=True)
class Match:
    """A paper's row for a cell of ours.

    Attributes:
        row: the paper's.
        differences: `field=value` where the cell leaves the project's reading of what the paper is silent on. If
            there are any, the cell is not held against the paper; its number is shown for orientation only.
    """

    row: PaperRow
    differences: tuple[str, ...]


def _stated(row: PaperRow, name: str) -> Any:
    own = {"dataset": row.dataset, "gamma": row.gamma, **row.fields}
    return own[name] if name in own else STATED_DEFAULTS[name]


def _has_stated_values(row: PaperRow, values: Mapping[str, Any]) -> bool:
    if row.dataset != values["dataset"] or row.gamma != values["gamma"]:
        return False
    exceptions = STATED_EXCEPTIONS.get(row.table, {})
    names = STATED_DEFAULTS.keys() | row.fields.keys()
    return all(values[name] in exceptions.get(name, (_stated(row, name),)) for name in names)


def _silent_differences(row: PaperRow, values: Mapping[str, Any], defaults: Mapping[str, Any]) -> tuple[str, ...]:
    stated = {"dataset", "gamma", *STATED_DEFAULTS, *row.fields}
    return tuple(
        f"{name}={value}"
        for name, value in values.items()
        if name not in stated and name not in SCORING_FIELDS and name not in CELL_FIELDS and value != defaults[name]
    )


# -- from the text above to rows -----------------------------------------------------------------------------------


@cache
def _all_rows() -> tuple[PaperRow, ...]:
    return (*_rows1(), *_rows2(), *_rows3(), *_rows_by_gamma("table4"), *_rows_by_gamma("table5"), *_rows9())


def _lines(text: str) -> Iterator[list[str]]:
    for line in text.strip().splitlines():
        yield [part.strip() for part in line.split("|")]


def _number(text: str) -> float | None:
    return None if text == "-" else float(text)


def _full(text: str) -> str:
    """The paper's `100.` with its last digit."""
    return "100.0" if text == "100." else text


def _mean_and_sd(text: str) -> tuple[float | None, float | None, str]:
    """Average, SD, and both as printed."""
    mean, mark, sd = text.partition("±")
    return _number(mean), _number(sd or "-"), _full(mean) + mark + sd


def _main_backbone(dataset: str) -> str:
    """Section 4's generator: UNet++, but for MNIST the naive one (footnote 4)."""
    return "naive" if dataset == "mnist" else "unetpp"


def _rows1() -> Iterator[PaperRow]:
    for dataset, name, classes, avg, sd in _lines(_TABLE1):
        origin = {"+": OWN, "*": RERUN}.get(name[0], BORROWED)
        fields = {"backbone": _main_backbone(dataset)} if origin == OWN else {}
        aurocs = tuple(map(float, classes.split()))
        yield PaperRow(
            "table1",
            dataset,
            0.0,
            name.lstrip("+*"),
            aurocs,
            float(avg),
            float(sd),
            f"{avg}±{sd}",
            origin,
            fields=fields,
        )


def _rows2() -> Iterator[PaperRow]:
    for dataset, gamma, *cells in _lines(_TABLE2):
        for method, cell in zip(_TABLE2_METHODS, cells, strict=True):
            avg, sd, printed = _mean_and_sd(cell)
            own = method == OURS
            fields = {"backbone": _main_backbone(dataset)} if own else {}
            classes: tuple[float, ...] = ()
            if own and float(gamma) == 0:  # Table 1 prints the classes of these very rows
                classes = next(row.classes for row in _rows1() if row.dataset == dataset and row.is_own)
            yield PaperRow(
                "table2",
                dataset,
                float(gamma),
                method,
                classes,
                avg,
                sd,
                printed,
                OWN if own else BORROWED,
                other_protocol=not own,
                fields=fields,
            )


def _rows3() -> Iterator[PaperRow]:
    for dataset, *pairs in _lines(_TABLE3):
        for gamma, pair in zip(_TABLE3_GAMMAS, pairs, strict=True):
            for context, cell in zip(("on", "off"), pair.split(), strict=True):
                fields = {"backbone": "unetpp", "image_size": 128, "adversarial_context": context}
                yield PaperRow("table3", dataset, gamma, OURS, (), _number(cell), None, _full(cell), OWN, fields=fields)


def _rows_by_gamma(table: str) -> Iterator[PaperRow]:
    text, name = {"table4": (_TABLE4, "adversarial_context"), "table5": (_TABLE5, "batch_norm")}[table]
    for dataset, value, *cells in _lines(text):
        for gamma, cell in zip(_TABLE3_GAMMAS, cells, strict=True):
            avg, sd, printed = _mean_and_sd(cell)
            fields = {"backbone": "unet", name: value}
            yield PaperRow(table, dataset, gamma, OURS, (), avg, sd, printed, OWN, fields=fields)


def _rows9() -> Iterator[PaperRow]:
    for dataset, backbone, classes, avg, sd in _lines(_TABLE9):
        aurocs = tuple(map(float, classes.split()))
        yield PaperRow(
            "table9",
            dataset,
            0.0,
            OURS,
            aurocs,
            float(avg),
            float(sd),
            f"{avg}±{sd}",
            OWN,
            fields={"backbone": backbone},
        )
