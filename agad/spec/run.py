"""RunSpec: what a run is; RunOptions: how it is run. Standard library only.

A run is a function of its spec: every choice that changes numbers by design is a field here and enters `run_id`.
Whatever only says where and how the run is made is in `RunOptions` and never enters it.
"""

from __future__ import annotations

import dataclasses
import functools
import hashlib
import json
import math
import types
import typing
from collections.abc import Iterable
from dataclasses import dataclass, field
from fractions import Fraction
from typing import Any

from agad.errors import SpecError
from agad.spec.datasets import DATASETS, is_known, legal_names

SEMANTICS_VERSION = 1
"""Raised when the same spec would mean other numbers; part of every run_id."""

RUN_ID_LENGTH = 16
"""Hexadecimal digits of a run_id: at 100,000 runs a collision has a chance of 3e-10."""

# A field added after the first release enters the digest only where it differs from what older code did:
# {field name: the value that older code behaved like}.
_ADDED_LATER: dict[str, Any] = {
    "task": "train",
    "method": "agad",
    "validation": 0.0,
    "validation_anomalies": 0,
    "validation_anomaly_classes": [],
    "evaluate_test": True,
    "eval_precision": "fp32",
}

EVAL_PROTOCOLS = ("eval", "eval_recal", "batch_shuffled", "batch_normals_first", "batch_class_sorted", "batch1")
"""The evaluation protocols; agad/scoring/evaluate.py says what each does."""

VALIDATION_PROTOCOLS = ("eval", "eval_recal")
"""Those that validation images are scored under: what one image gets there owes nothing to the others."""


def _choice(default: str, *others: str) -> Any:
    return field(default=default, metadata={"choices": (default, *others)})


@dataclass(frozen=True, slots=True, kw_only=True)
class RunSpec:
    """One training run, completely. Frozen, flat and typed; equal specs have equal `run_id`.

    Raises SpecError, one line, for a value or combination that no run can have. Defaults are the paper's (AGAD,
    section 4.2); where the paper is silent, docs/design.md gives each default with its reason.
    """

    # -- what is normal ------------------------------------------------------------------------------------------
    dataset: str = "digits"
    """A name in agad.spec.datasets.DATASETS, `npz:NAME` or `folder:NAME`."""
    image_size: int = 32
    """Height and width in pixels: a multiple of 16."""
    protocol: str = _choice("one_vs_rest", "leave_one_out")
    """`one_vs_rest`: one class is normal; `leave_one_out`: one class is anomalous, all others are normal."""
    normal_class: int | None = None
    """The normal class under one_vs_rest."""
    abnormal_class: int | None = None
    """The anomalous class under leave_one_out."""
    gamma: float = 0.0
    """Share of anomalies in the training data, a / (n + a), as the paper defines it; in [0, 1)."""
    known_anomaly_classes: tuple[int, ...] = ()
    """Classes that training anomalies are drawn from; empty: all anomalous classes."""
    known_anomaly_draw: int = 0
    """k > 0: only k of those classes, drawn afresh for each seed."""

    # -- what is done ----------------------------------------------------------------------------------------------
    task: str = _choice("train", "inference")
    """`inference`: nothing is trained; the generator's passes are timed as it is initialised (Table 8)."""
    method: str = _choice("agad", "ganomaly")
    """`ganomaly`: Akcay et al. 2018, with its own nets and loss weights. What it has no use for must then be at its
    default, so that no two specs mean one run."""

    # -- networks ------------------------------------------------------------------------------------------------
    backbone: str = _choice("naive", "unet", "unetpp")
    """The generator: Table 7's encoder-decoder, U-Net, or U-Net++."""
    naive_latent: str = _choice("2x2", "1x1")
    """Latent of the naive generator at 32x32: Table 7's literal stride 2 gives 2x2, GANomaly's 1x1."""
    upsampling: str = _choice("transpose", "bilinear")
    """How U-Net and U-Net++ go up."""
    generator_norm: str = _choice("batch", "none")
    """`none`: no batch norm and conv biases instead, the nets of Table 8's parameter counts (U-Net, U-Net++)."""
    discriminator: str = _choice("ganomaly", "two_block")
    """GANomaly's NetD, or section 3.3.1's literal two blocks."""
    init: str = _choice("dcgan", "torch")
    """`dcgan`: weights N(0, .02), batch norm N(1, .02); `torch`: the library's default."""

    # -- batch norm (section 6.2, Table 5) -----------------------------------------------------------------------
    batch_norm: str = _choice("shared", "advprop", "freeze", "advprop_freeze")
    """Strategy: one BN for all; auxiliary BN for generated images; frozen BN for true anomalies; both."""
    advprop_scope: str = _choice("g", "g+d")
    """Where the auxiliary BN is used: in the generator only, or in the discriminator too."""
    bn_update: str = _choice("all", "real_only")
    """Which passes move the running statistics: all (plain PyTorch), or those over real images only."""

    # -- losses (Eq. 5-11) ---------------------------------------------------------------------------------------
    lambda_adv: float = 1.0
    """Weight of the adversarial loss (Eq. 5)."""
    lambda_con: float = 50.0
    """Weight of the reconstruction loss (Eq. 6)."""
    lambda_adcon: float = 15.0
    """Weight of the contextual adversarial loss (Eq. 8)."""
    lambda_lat: float = 5.0
    """Weight of the latent loss (Eq. 7)."""
    adversarial_context: str = _choice("on", "off", "off_normal_only")
    """`off`: lambda_adcon counts as 0 in L_n and L_a ("w/o" in Tables 3 and 4); `off_normal_only`: in L_n only."""
    latent_loss: str = _choice("mse", "norm")
    """Eq. 7 as mean squared difference, or as mean L2 norm."""
    detach_pseudo: bool = False
    """Whether G(x_hat) sees x_hat without its gradient."""
    anomaly_pair: str = _choice("eq10", "eq3")
    """What L_adcon compares for a true anomaly: x_hat with G(x_hat) (Eq. 10), or x with G(x) (Eq. 3)."""
    anomaly_weight: str = _choice("one", "share")
    """L_n + L_a, each a mean over its sub-batch; or each weighted by its share of the batch (Eq. 11 per image)."""
    reciprocal: str = _choice("of_mean", "per_sample")
    """Eq. 10's reciprocals: of the mean over the sub-batch, or the mean of each image's."""
    recip_eps: float = 1e-3
    """Added to each denominator of Eq. 10."""

    # -- optimisation --------------------------------------------------------------------------------------------
    updates: int = 1200
    """Length: number of updates of G (and of D)."""
    batch_size: int = 256
    """Images in a batch; fewer where fewer normals exist."""
    min_anomalies: int = 32
    """At gamma > 0, at least so many anomalies in each batch (section 3.3.2)."""
    batch_mix: str = _choice("joint", "separate")
    """Normals and anomalies in one forward pass, or in two."""
    anomaly_place: str = _choice("inside", "appended")
    """Anomalies take their places inside `batch_size`, or come on top of it."""
    lr: float = 2e-4
    """Adam's learning rate, for G and D."""
    beta1: float = 0.5
    """Adam's decay of the gradient's running mean."""
    beta2: float = 0.999
    """Adam's decay of the squared gradient's running mean."""
    d_reset_threshold: float = 1e-5
    """The discriminator's weights are drawn anew when L_d falls below it (delta of Algorithm 1); 0: never."""
    precision: str = _choice("fp32", "bf16")
    """Of the forward passes in training. Losses and reductions are always fp32."""

    # -- evaluation ----------------------------------------------------------------------------------------------
    curve: tuple[int, ...] = (50, 100, 200, 400, 800, 1200)
    """Updates after which the learning curve has a point; the last update always has one."""
    curve_protocols: tuple[str, ...] = ("eval", "eval_recal")
    """Protocols scored at each point of the curve."""
    final_protocols: tuple[str, ...] = EVAL_PROTOCOLS[:5]
    """Protocols scored at the last update, the curve's among them."""
    eval_batch_size: int = 256
    """Images in a batch when scoring; it changes scores under the batch_* protocols only."""
    eval_precision: str = _choice("fp32", "bf16")
    """Of the forward passes when scoring. The distances of images are always fp32."""

    # -- validation ----------------------------------------------------------------------------------------------
    validation: float = 0.0
    """Share of the training normals that are held out for a validation score and not trained on; in [0, 1)."""
    validation_anomalies: int = 0
    """Labelled anomalies of the training split that are set apart for it; 0: as many as normals are held out."""
    validation_anomaly_classes: tuple[int, ...] = ()
    """Classes that those come from, in equal numbers; empty: all anomalous classes with training images."""
    evaluate_test: bool = True
    """False: no test image is read, and the row has validation scores alone."""

    seed: int = 0
    """One seed, from which every generator of the run is derived."""

    def __post_init__(self) -> None:
        for name, target in _fields().items():
            object.__setattr__(self, name, _coerce(target, getattr(self, name)))
        _check_class(self)
        _check_numbers(self)
        _check_evaluation(self)
        _check_validation(self)
        object.__setattr__(self, "curve", tuple(point for point in self.curve if point < self.updates))
        _check_method(self)
        _check_task(self)

    @property
    def run_id(self) -> str:
        """SHA-256 of the whole spec and SEMANTICS_VERSION, its first 16 hexadecimal digits."""
        return hashlib.sha256(self.canonical().encode()).hexdigest()[:RUN_ID_LENGTH]

    @property
    def target_class(self) -> int:
        """The class that names the cell: normal_class, or under leave_one_out abnormal_class."""
        target = self.normal_class if self.protocol == "one_vs_rest" else self.abnormal_class
        assert target is not None  # held by _check_class
        return target

    @property
    def curve_points(self) -> tuple[int, ...]:
        """The updates after which the curve has a point, the last one included."""
        return (*self.curve, self.updates)

    def anomalies(self, normals: int) -> int:
        """Number of training anomalies, a, beside so many training normals."""
        return anomaly_count(self.gamma, normals)

    def held_out(self, normals: int) -> int:
        """Number of validation normals, floor(validation n), of so many normals in the training split."""
        return math.floor(as_fraction(self.validation) * normals)

    def canonical(self) -> str:
        """The spec as JSON with sorted keys: the text that `run_id` digests."""
        values = self.to_dict()
        for name, old_value in _ADDED_LATER.items():
            if values[name] == old_value:
                del values[name]
        return json.dumps({"semantics_version": SEMANTICS_VERSION, **values}, sort_keys=True, separators=(",", ":"))

    def to_dict(self) -> dict[str, Any]:
        """All fields as JSON values; tuples as lists."""
        values = {name: getattr(self, name) for name in _fields()}
        return {name: list(value) if isinstance(value, tuple) else value for name, value in values.items()}

    @classmethod
    def from_dict(cls, values: dict[str, Any]) -> RunSpec:
        """The inverse of `to_dict`; a field that is missing takes its default, an unknown one is an error."""
        for name in values:
            spec_field(name)
        return cls(**values)

    def replace(self, **changes: Any) -> RunSpec:
        """A spec with some fields changed."""
        return dataclasses.replace(self, **changes)


@dataclass(frozen=True, slots=True, kw_only=True)
class RunOptions:
    """How and where a run is made; never part of `run_id`. Times in seconds.

    Attributes:
        device: `cpu`, `cuda` or `cuda:N`.
        threads: torch threads of the process; None leaves torch's own setting. Thread counts were seen to change
            bits, so one is what every executor sets on the CPU.
        data_root: folder of the raw data; None if only the cache is to be used.
        cache: folder of the prepared data; None: `$AGAD_CACHE`, else the user's cache folder.
        checkpoint_dir: folder of this sweep's checkpoints; None: none are written or read.
        checkpoint_every: seconds between checkpoints; 0 after every update.
        attempt: the claim's generation, written into the checkpoint's name and the row.
        weights_dir: where the final weights are kept; None: they are not.
    """

    device: str = "cpu"
    threads: int | None = None
    data_root: str | None = None
    cache: str | None = None
    checkpoint_dir: str | None = None
    checkpoint_every: float = 300.0
    attempt: int = 1
    weights_dir: str | None = None


def field_names() -> tuple[str, ...]:
    """The names of all fields of RunSpec, in their order."""
    return tuple(_fields())


def older_value(name: str) -> Any:
    """What a row without this field's column was made with: the value in _ADDED_LATER; None for any other column."""
    return _ADDED_LATER.get(name)


def spec_field(name: str) -> dataclasses.Field[Any]:
    """The dataclass field called `name`; SpecError with the legal names if there is none."""
    try:
        return _fields()[name]
    except KeyError:
        raise SpecError(f"unknown field {name!r}; the fields are: {', '.join(field_names())}") from None


def parse_value(name: str, text: str) -> Any:
    """The value that `text` means for the field `name`; several values of one tuple are joined by `+` or `,`."""
    target = spec_field(name)
    kind, optional = _kind(target.name)
    if optional and text.lower() == "none":
        return None
    if kind == "tuple":
        parts = [part for part in text.replace("+", ",").split(",") if part]
        return _coerce(target, tuple(_parse_scalar(name, part, _element_kind(target.name)) for part in parts))
    return _coerce(target, _parse_scalar(name, text, kind))


def as_fraction(value: float) -> Fraction:
    """The exact decimal that a float is printed as, so that .05 is 1/20."""
    return Fraction(repr(float(value)))


def anomaly_count(gamma: float, normals: int) -> int:
    """Count a = floor(gamma n / (1 - gamma)), exactly (section 4.2.2: gamma = a / (n + a))."""
    share = as_fraction(gamma)
    return math.floor(share * normals / (1 - share))


def anomalies_per_batch(gamma: float, batch_size: int, minimum: int) -> int:
    """Return max(minimum, gamma * batch_size rounded half up); 0 at gamma = 0 (section 3.3.2)."""
    if gamma == 0:
        return 0
    return max(minimum, math.floor(as_fraction(gamma) * batch_size + Fraction(1, 2)))


# -- validation ----------------------------------------------------------------------------------------------------


@functools.cache
def _fields() -> dict[str, dataclasses.Field[Any]]:
    return {f.name: f for f in dataclasses.fields(RunSpec)}


@functools.cache
def _kind(name: str) -> tuple[str, bool]:
    """A field's kind (`int`, `float`, `bool`, `str` or `tuple`) and whether it may be None."""
    hint = _hints()[name]
    if isinstance(hint, types.UnionType):
        (inner,) = (part for part in typing.get_args(hint) if part is not types.NoneType)
        return inner.__name__, True
    origin = typing.get_origin(hint)
    return ("tuple" if origin is tuple else hint.__name__), False


@functools.cache
def _element_kind(name: str) -> str:
    return str(typing.get_args(_hints()[name])[0].__name__)


@functools.cache
def _hints() -> dict[str, Any]:
    return typing.get_type_hints(RunSpec)


def _parse_scalar(name: str, text: str, kind: str) -> Any:
    try:
        if kind == "bool":
            return {"true": True, "1": True, "false": False, "0": False}[text.lower()]
        if kind == "int":
            return int(text)
        if kind == "float":
            return float(text)
    except (KeyError, ValueError):
        legal = "true or false" if kind == "bool" else f"of type {kind}"
        raise SpecError(f"{name}={text!r} is not legal; it must be {legal}") from None
    return text


def _coerce(target: dataclasses.Field[Any], value: Any) -> Any:
    """`value` in the field's own type, so that 1 and 1.0, or a list and a tuple, give one run_id."""
    kind, optional = _kind(target.name)
    if value is None and optional:
        return None
    if kind == "tuple" and isinstance(value, list | tuple):
        element = _element_kind(target.name)
        return tuple(_coerce_scalar(target, item, element) for item in value)
    value = _coerce_scalar(target, value, kind)
    choices = target.metadata.get("choices")
    if choices and value not in choices:
        raise SpecError(f"{target.name}={value!r} is not legal; choose from: {', '.join(choices)}")
    return value


def _coerce_scalar(target: dataclasses.Field[Any], value: Any, kind: str) -> Any:
    if kind == "float" and isinstance(value, int | float) and not isinstance(value, bool):
        return float(value) + 0.0  # + 0.0 turns -0.0 into 0.0, which would have another digest
    if kind == "int" and isinstance(value, int) and abs(value) >= 2**63:
        raise SpecError(f"{target.name}={value} is too large")
    legal = {"int": int, "float": float, "bool": bool, "str": str}.get(kind)
    if legal is None or not isinstance(value, legal) or (kind == "int" and isinstance(value, bool)):
        raise SpecError(f"{target.name}={value!r} is not legal; it must be of type {kind}")
    return value


def _check_class(spec: RunSpec) -> None:
    if not is_known(spec.dataset):
        raise SpecError(f"unknown dataset {spec.dataset!r}; choose from: {legal_names()}")
    wanted, other = ("normal_class", "abnormal_class")
    if spec.protocol == "leave_one_out":
        wanted, other = other, wanted
    if getattr(spec, wanted) is None or getattr(spec, other) is not None:
        raise SpecError(f"protocol {spec.protocol} needs {wanted} and takes no {other}")
    facts = DATASETS.get(spec.dataset)
    classes = len(facts.class_names) if facts else None
    _check_exists(wanted, spec.target_class, spec.dataset, classes)
    for name in ("known_anomaly_classes", "validation_anomaly_classes"):
        _check_anomaly_classes(spec, name, classes)
    known = spec.known_anomaly_classes
    if spec.known_anomaly_draw < 0 or (known and spec.known_anomaly_draw > len(known)):
        raise SpecError(f"known_anomaly_draw={spec.known_anomaly_draw} is more than the classes to draw from")
    if spec.gamma == 0 and (known or spec.known_anomaly_draw):
        raise SpecError("known_anomaly_classes and known_anomaly_draw mean nothing at gamma=0; leave them out")


def _check_exists(name: str, index: int, dataset: str, classes: int | None) -> None:
    if index < 0 or (classes is not None and index >= classes):
        span = f"0..{classes - 1}" if classes else "0 or more"
        raise SpecError(f"{name}={index} does not exist in {dataset}; the classes are {span}")


def _check_anomaly_classes(spec: RunSpec, name: str, classes: int | None) -> None:
    """Sort a field of anomalous classes; refuse one that does not exist, stands there twice or is normal."""
    listed = getattr(spec, name)
    for index in listed:
        _check_exists(name, index, spec.dataset, classes)
    if len(set(listed)) != len(listed):
        raise SpecError(f"{name}={listed} names a class twice")
    object.__setattr__(spec, name, tuple(sorted(listed)))
    if any((c == spec.target_class) == (spec.protocol == "one_vs_rest") for c in listed):
        raise SpecError(f"{name}={listed} names a normal class")


def _check_numbers(spec: RunSpec) -> None:
    for name in ("gamma", "validation"):
        if not 0 <= getattr(spec, name) < 1:
            raise SpecError(f"{name}={getattr(spec, name)} is outside [0, 1)")
    if spec.image_size < 16 or spec.image_size % 16:
        raise SpecError(f"image_size={spec.image_size} is not a multiple of 16")
    for name in ("updates", "batch_size", "min_anomalies", "eval_batch_size", "lr", "recip_eps"):
        value = getattr(spec, name)
        if not value > 0 or not math.isfinite(value):
            raise SpecError(f"{name}={value} must be positive")
    for name in (
        "lambda_adv",
        "lambda_con",
        "lambda_adcon",
        "lambda_lat",
        "d_reset_threshold",
        "validation_anomalies",
        "seed",
    ):
        value = getattr(spec, name)
        if not value >= 0 or not math.isfinite(value):
            raise SpecError(f"{name}={value} must be 0 or more")
    for name in ("beta1", "beta2"):
        if not 0 <= getattr(spec, name) < 1:
            raise SpecError(f"{name}={getattr(spec, name)} is outside [0, 1)")
    if spec.gamma == 0 and "freeze" in spec.batch_norm:
        raise SpecError(f"batch_norm={spec.batch_norm} freezes for true anomalies: there are none at gamma=0")
    if spec.gamma > 0 and spec.anomaly_place == "inside":
        anomalies = anomalies_per_batch(spec.gamma, spec.batch_size, spec.min_anomalies)
        if anomalies >= spec.batch_size:
            raise SpecError(
                f"batch_size={spec.batch_size} has no room for normals beside {anomalies} anomalies; "
                "raise batch_size or lower min_anomalies"
            )


def _check_evaluation(spec: RunSpec) -> None:
    for name in ("curve_protocols", "final_protocols"):
        values = getattr(spec, name)
        for value in values:
            if value not in EVAL_PROTOCOLS:
                raise SpecError(f"{name}={value!r} is not legal; choose from: {', '.join(EVAL_PROTOCOLS)}")
        # One order, whatever order was asked for: the order changes no number and must not change run_id.
        object.__setattr__(spec, name, tuple(p for p in EVAL_PROTOCOLS if p in values))
    if "eval" not in spec.curve_protocols:
        raise SpecError("curve_protocols must contain eval, the headline")
    missing = [p for p in spec.curve_protocols if p not in spec.final_protocols]
    if missing:
        raise SpecError(f"final_protocols must contain those of the curve; {', '.join(missing)} is missing")
    if any(point < 1 for point in spec.curve) or list(spec.curve) != sorted(set(spec.curve)):
        raise SpecError(f"curve={spec.curve} must rise, from 1 on")


def _check_validation(spec: RunSpec) -> None:
    if spec.validation == 0:
        if spec.validation_anomalies or spec.validation_anomaly_classes:
            raise SpecError("validation_anomalies and validation_anomaly_classes mean nothing at validation=0")
        if not spec.evaluate_test:
            raise SpecError("evaluate_test=False leaves nothing to score at validation=0; take validation=0.1")
    if not spec.evaluate_test:
        # What only the test set is scored under means nothing: no two specs mean one run.
        for name in ("curve_protocols", "final_protocols"):
            kept = tuple(p for p in getattr(spec, name) if p in VALIDATION_PROTOCOLS)
            object.__setattr__(spec, name, kept)


_GANOMALY_IMAGE_SIZE = 32
_UNUSED_BY_GANOMALY = (
    "naive_latent", "upsampling", "generator_norm", "discriminator", "batch_norm", "advprop_scope", "bn_update",
    "lambda_adv", "lambda_con", "lambda_adcon", "lambda_lat", "adversarial_context", "latent_loss", "detach_pseudo",
    "anomaly_pair", "anomaly_weight", "reciprocal", "recip_eps", "min_anomalies", "batch_mix", "anomaly_place",
)  # fmt: skip


def _check_method(spec: RunSpec) -> None:
    if spec.method != "ganomaly":
        return
    if spec.gamma > 0:
        raise SpecError(f"gamma={spec.gamma} with method=ganomaly: it knows no labelled anomalies; take gamma=0")
    if spec.backbone != "naive":
        raise SpecError(f"backbone={spec.backbone} with method=ganomaly: its nets are its own; take backbone=naive")
    if spec.image_size != _GANOMALY_IMAGE_SIZE:
        raise SpecError(f"image_size={spec.image_size} with method=ganomaly: its nets here are those for 32x32 images")
    _require_defaults(spec, _UNUSED_BY_GANOMALY, "method=ganomaly")


_USED_BY_INFERENCE = {
    "task", "dataset", "image_size", "normal_class", "backbone", "naive_latent", "upsampling", "generator_norm", "seed",
}  # fmt: skip


def _check_task(spec: RunSpec) -> None:
    if spec.task == "inference":
        _require_defaults(spec, [name for name in _fields() if name not in _USED_BY_INFERENCE], "task=inference")


def _require_defaults(spec: RunSpec, names: Iterable[str], where: str) -> None:
    """Refuse values that would change nothing but the run_id."""
    changed = [name for name in names if getattr(spec, name) != _default(spec, name)]
    if changed:
        raise SpecError(f"{', '.join(changed)} mean nothing with {where}; leave them at their defaults")


def _default(spec: RunSpec, name: str) -> Any:
    """The field's default as a spec of that length has it."""
    value: Any = _fields()[name].default
    return tuple(point for point in value if point < spec.updates) if name == "curve" else value
