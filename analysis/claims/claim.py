"""Claim: a sentence of the paper, in our words, with the test that would bear it out and the rows that test needs."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from ..paper.numbers import BACKBONES, paper_row
from ..paper.printed import GAMMAS
from ..tables.formats import difference

Place = tuple[str, float]
"""A data set and a share of anomalies in training."""


@dataclass(frozen=True, slots=True)
class Beats:
    """Test: our mean over the classes lies above that of the best other method that the paper prints.

    Attributes:
        table: of the paper, whose own settings the runs must have.
        places: data set and share of anomalies of each line.
    """

    table: str
    places: tuple[Place, ...]
    edges = (0.0,)
    shown_in = ""

    def says(self, gain: float) -> bool:
        """As Gains."""
        return gain > 0


_UNITS = {"auroc": "", "rough": " of roughness", "apart": " box heights"}
"""Of the measures of Gains: roughness is in points of AUROC too."""


@dataclass(frozen=True, slots=True)
class Gains:
    """Test: a variant gains over a baseline on the same classes, seeds and draws, all else being the same.

    Attributes:
        name: field of RunSpec in which the two differ.
        variant: its value that the paper prefers.
        baseline: the other value.
        places: where; the share is the variant's where the shares are compared.
        fields: values that both must have.
        measure: `auroc`; `rough`, how far a point of the learning curve lies off its neighbours; `apart`, how far the
            boxes of scores lie apart.
        sign: +1 where more of the measure is better.
        within: at most so many points, in place of more than none: a claim that nothing more is gained.
        either_way: whether `within` bounds a loss too: a claim that an effect is small.
    """

    name: str
    variant: Any
    baseline: Any
    places: tuple[Place, ...]
    fields: Mapping[str, Any] = field(hash=False)
    measure: str = "auroc"
    sign: int = 1
    within: float | None = None
    either_way: bool = False

    @property
    def shown_in(self) -> str:
        """What stands behind a printed gain that is not of AUROC."""
        return _UNITS[self.measure]

    @property
    def edges(self) -> tuple[float, ...]:
        """The gains at which what the claim says ends."""
        if self.within is None:
            return (0.0,)
        return (self.within, -self.within) if self.either_way else (self.within,)

    def says(self, gain: float) -> bool:
        """Whether a gain is on the claim's side."""
        if self.within is None:
            return self.sign * gain > 0
        return (abs(gain) if self.either_way else gain) < self.within


@dataclass(frozen=True, slots=True)
class Orders:
    """Test: a property of the generators rises in this order, as Table 8 has it.

    Attributes:
        column: of the rows.
        backbones: from the least to the most.
        unit: what the printed numbers are in.
        scale: number of the column's units in one.
        alike: fields and columns in which all must agree.
    """

    column: str
    backbones: tuple[str, ...]
    unit: str
    scale: float
    alike: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Claim:
    """A claim of the paper.

    Attributes:
        name: short, of one line.
        source: section and table.
        size: what the paper says or its tables show that it amounts to; empty where they give none.
        test: see Beats, Gains, Orders.
    """

    name: str
    source: str
    size: str
    test: Beats | Gains | Orders


_THREE = ("fashion_mnist", "cifar10", "cifar100")
_LOW, _ENOUGH = (0.0, 0.01, 0.03), (0.05, 0.1)
_MEDICAL = ("alzheimer", "chest_xray", "lung_histopathology", "retinal_oct")
_UNET = {"backbone": "unet", "method": "agad", "batch_norm": "shared", "adversarial_context": "on"}
_CONTEXT = {name: value for name, value in _UNET.items() if name != "adversarial_context"}
_BATCH_NORM = {name: value for name, value in _UNET.items() if name != "batch_norm"}
_PASSES = ("dataset", "image_size", "device_name", "threads")
_PLAIN = {name: value for name, value in _UNET.items() if name != "backbone"}


def _places(datasets: tuple[str, ...], shares: tuple[float, ...]) -> tuple[Place, ...]:
    return tuple((dataset, share) for dataset in datasets for share in shares)


def _beats(dataset: str, size: str) -> Claim:
    return Claim("beats the best other method", "4.2.1, Table 1", size, Beats("table1", ((dataset, 0.0),)))


def _batch_norm(other: str) -> Claim:
    test = Gains("batch_norm", "shared", other, _places(_THREE, (0.01, 0.03)), _BATCH_NORM)
    return Claim(f"shared batch norm over {other}", "6.2, Table 5", "", test)


def _better(variant: str, baseline: str, datasets: tuple[str, ...]) -> Claim:
    test = Gains("backbone", variant, baseline, _places(datasets, (0.0,)), _PLAIN)
    return Claim(
        f"{BACKBONES[variant]} over {BACKBONES[baseline]}", "B.1, Table 9", _printed_gains("table9", test), test
    )


def _printed_gains(table: str, test: Gains) -> str:
    """From the least to the most of the gains in a table of the paper at the places of a claim: `0.0 to +3.7`."""
    gains = []
    for dataset, gamma in test.places:
        pair = (paper_row(table, dataset, gamma, **{test.name: of}) for of in (test.variant, test.baseline))
        variant, baseline = (row.avg if row else None for row in pair)
        if variant is not None and baseline is not None:
            gains.append(variant - baseline)
    ends = dict.fromkeys((difference(min(gains)), difference(max(gains))))
    return " to ".join(ends)


_HELPS = Gains("adversarial_context", "on", "off", _places(_THREE, _LOW), _CONTEXT)
_IS_SMALL = Gains("adversarial_context", "on", "off", _places(_THREE, _ENOUGH), _CONTEXT, within=1.0, either_way=True)


CLAIMS: tuple[Claim, ...] = (
    _beats("mnist", "+0.8"),
    _beats("fashion_mnist", "+6.0"),
    _beats("cifar10", "+4.5"),
    _beats("cifar100", "+12.8"),
    Claim(
        "beats the best other method with labelled anomalies",
        "4.2.2, Table 2",
        "+0.2, +4, +15",
        Beats("table2", _places(("mnist", "fashion_mnist", "cifar10"), (0.01, 0.05, 0.1, 0.2))),
    ),
    Claim(
        "the adversarial context helps with few anomalies (γ < .05)",
        "6.1, Table 4",
        _printed_gains("table4", _HELPS),
        _HELPS,
    ),
    Claim(
        "its effect is small with more (γ ≥ .05): within 1 point, our margin",
        "6.1, Table 4",
        _printed_gains("table4", _IS_SMALL),
        _IS_SMALL,
    ),
    Claim(
        "the adversarial context helps on medical images",
        "5.1.1, Table 3",
        "",
        Gains("adversarial_context", "on", "off", _places(_MEDICAL, GAMMAS), {"backbone": "unetpp", "image_size": 128}),
    ),
    Claim(
        "5% of anomalies gain over none",
        "4.2.2, abstract",
        "",
        Gains("gamma", 0.05, 0.0, _places(("mnist", *_THREE), (0.05,)), _PLAIN),
    ),
    Claim(
        "5% suffice: 20% gain at most 1 point more, our margin",
        "4.2.2, 6.3",
        "",
        Gains("gamma", 0.2, 0.05, _places(("mnist", *_THREE), (0.2,)), _PLAIN, within=1.0),
    ),
    _batch_norm("advprop"),
    _batch_norm("freeze"),
    _batch_norm("advprop_freeze"),
    _better("naive", "unet", ("mnist",)),
    _better("naive", "unetpp", ("mnist",)),
    _better("unetpp", "unet", _THREE),
    _better("unetpp", "naive", _THREE),
    _better("unet", "naive", ("cifar10", "cifar100")),
    Claim(
        "UNet++'s training curves are smoother",
        "B.1, Fig. 6",
        "",
        Gains("backbone", "unetpp", "unet", (("cifar100", 0.0),), _PLAIN, measure="rough", sign=-1),
    ),
    Claim(
        "scores lie further apart with 20% than with 5%",
        "6.3, Fig. 4",
        "",
        Gains("gamma", 0.2, 0.05, _places(("cifar10", "cifar100"), (0.2,)), _UNET, measure="apart"),
    ),
    Claim(
        "the naive generator is the smallest, UNet++ the largest",
        "A.2, Table 8",
        "2.04, 7.76, 9.04",
        Orders("parameters_g", ("naive", "unet", "unetpp"), "M", 1e6, ("image_size",)),
    ),
    Claim(
        "the naive generator is the fastest, UNet++ the slowest",
        "A.2, Table 8",
        "2.67, 5.41, 16.73",
        Orders("inference_ms_batch1", ("naive", "unet", "unetpp"), "ms", 1.0, _PASSES),
    ),
)
"""The paper's claims that rows can bear out, in its order."""
