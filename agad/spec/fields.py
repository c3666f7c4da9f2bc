"""The fields of RunSpec, and what is known of each: legal values, group, older behaviour, use, heading in tables.

Every list of field names in this project is derived from here, by `names_where` or `names_in`.
"""

from __future__ import annotations

import functools
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from agad.errors import SpecError, suggestion
from agad.spec import catalogue
from agad.spec.setting import UNSET, Field, Setting, choice, fields_of, setting

EVAL_PROTOCOLS = ("eval", "eval_recal", "batch_shuffled", "batch_normals_first", "batch_class_sorted", "batch1")
"""The evaluation protocols; agad/scoring/evaluate.py describes each."""

ORDER_PROTOCOLS = ("batch_shuffled", "batch_normals_first", "batch_class_sorted")
"""Those under which an image's score depends on the order of the test set."""

VALIDATION_PROTOCOLS = ("eval", "eval_recal")
"""Those that validation images are scored under: an image's score does not depend on the other images."""

GROUPS = (
    "data",
    "task",
    "network",
    "batch norm",
    "loss weight",
    "loss",
    "optimisation",
    "floor",
    "rivals",
    "evaluation",
    "validation",
    "seed",
)
"""The aspects of a run that fields belong to."""


class Remembered:
    """What a spec computes once. No field: it is neither compared, shown nor pickled."""

    __slots__ = ("_run_id",)
    _run_id: str


@dataclass(frozen=True, slots=True, kw_only=True)
class SpecFields(Remembered):
    """The declarations that RunSpec consists of; agad.spec.run makes a run of them.

    Defaults are the paper's (AGAD, section 4.2); where the paper is silent, docs/training.md gives each default with
    its reason. A new field needs `older`, for rows that were made before it; a field whose default changes, `former`.
    """

    # -- what is normal ------------------------------------------------------------------------------------------
    dataset: str = setting("digits", "data", timed=True, leads=True)
    """A name in agad.spec.datasets.DATASETS, `npz:NAME` or `folder:NAME`."""
    image_size: int = setting(32, "data", at_least=16, multiple_of=16, timed=True, generator=True, stated=True)
    """Height and width in pixels: a multiple of 16."""
    protocol: str = choice("data", "one_vs_rest", "leave_one_out", stated=True)
    """`one_vs_rest`: one class is normal; `leave_one_out`: one class is anomalous, all others are normal."""
    normal_class: int | None = setting(None, "data", timed=True, within_row=True, is_class=True)
    """The normal class under one_vs_rest."""
    abnormal_class: int | None = setting(None, "data", within_row=True, is_class=True)
    """The anomalous class under leave_one_out."""
    gamma: float = setting(0.0, "data", at_least=0, below=1, leads=True, title="γ")
    """Share of anomalies in the training data, a / (n + a), as the paper defines it; in [0, 1)."""
    known_anomaly_classes: tuple[int, ...] = setting(
        (), "data", ordered=False, stated=True, title="known", is_class=True
    )
    """Classes that training anomalies are drawn from; empty: all anomalous classes."""
    known_anomaly_draw: int = setting(0, "data", at_least=0, stated=True)
    """k > 0: only k of those classes, drawn again for each seed."""

    # -- what is done ----------------------------------------------------------------------------------------------
    task: str = choice("task", "train", "inference", older="train", timed=True, stated=True)
    """`inference`: nothing is trained; the generator's passes are timed as it is initialised (Table 8)."""
    method: str = setting("agad", "task", choices=catalogue.method_names, older="agad", stated=True)
    """A file of agad/methods/. Fields that the method does not use must be at their defaults, so that no two specs mean
    one run."""

    # -- networks ------------------------------------------------------------------------------------------------
    backbone: str = setting("naive", "network", choices=catalogue.backbone_names, timed=True)
    """The generator: a file of agad/nets/. Table 7's encoder-decoder, U-Net, U-Net++."""
    naive_latent: str = choice("network", "2x2", "1x1", timed=True, generator=True)
    """Latent of the naive generator at 32x32: Table 7's literal stride 2 gives 2x2, GANomaly's 1x1."""
    upsampling: str = choice("network", "transpose", "bilinear", timed=True, generator=True)
    """How U-Net and U-Net++ reach the next finer level."""
    generator_norm: str = choice("network", "batch", "none", timed=True, generator=True)
    """`none`: no batch norm and conv biases instead, the nets of Table 8's parameter counts (U-Net, U-Net++)."""
    discriminator: str = choice("network", "ganomaly", "two_block")
    """GANomaly's NetD, or section 3.3.1's literal two blocks."""
    init: str = choice("network", "dcgan", "torch", "he")
    """`dcgan`: weights N(0, .02), batch norm N(1, .02); `torch`: the library's default; `he`: convolutions of variance
    2 / inputs."""

    # -- batch norm (section 6.2, Table 5) -----------------------------------------------------------------------
    batch_norm: str = choice(
        "batch norm", "shared", "advprop", "freeze", "advprop_freeze", generator=True, stated=True, title="batch norm"
    )
    """Strategy: one BN for all; auxiliary BN for generated images; frozen BN for true anomalies; both."""
    advprop_scope: str = choice("batch norm", "g", "g+d")
    """Where the auxiliary BN is used: in the generator only, or in the discriminator too."""
    bn_update: str = choice("batch norm", "real_only", "all", former="all")
    """Which passes move the running statistics: those over real images only, or all (plain PyTorch)."""

    # -- losses (Eq. 5-11) ---------------------------------------------------------------------------------------
    lambda_adv: float = setting(1.0, "loss weight", at_least=0, stated=True)
    """Weight of the adversarial loss (Eq. 5)."""
    lambda_con: float = setting(50.0, "loss weight", at_least=0, stated=True)
    """Weight of the reconstruction loss (Eq. 6)."""
    lambda_adcon: float = setting(15.0, "loss weight", at_least=0, stated=True)
    """Weight of the contextual adversarial loss (Eq. 8)."""
    lambda_lat: float = setting(5.0, "loss weight", at_least=0, stated=True)
    """Weight of the latent loss (Eq. 7)."""
    adversarial_context: str = choice("loss", "on", "off", "off_normal_only", stated=True, title="context")
    """`off`: lambda_adcon counts as 0 in L_n and L_a ("w/o" in Tables 3 and 4); `off_normal_only`: in L_n only."""
    latent_loss: str = choice("loss", "mse", "norm")
    """Eq. 7 as mean squared difference, or as mean L2 norm."""
    detach_pseudo: bool = setting(False, "loss")
    """Whether G(x_hat) sees x_hat without its gradient."""
    anomaly_pair: str = choice("loss", "eq10", "eq3")
    """What L_adcon compares for a true anomaly: x_hat with G(x_hat) (Eq. 10), or x with G(x) (Eq. 3)."""
    anomaly_weight: str = choice("loss", "one", "share")
    """L_n + L_a, each a mean over its sub-batch; or each weighted by its share of the batch (Eq. 11 per image)."""
    reciprocal: str = choice("loss", "of_mean", "per_sample")
    """Eq. 10's reciprocals: of the mean over the sub-batch, or the mean of each image's."""
    recip_eps: float = setting(1e-3, "loss", positive=True)
    """Added to each denominator of Eq. 10."""

    # -- optimisation --------------------------------------------------------------------------------------------
    updates: int = setting(1200, "optimisation", at_least=0)
    """Length: number of updates of all nets; 0 for a method that makes none."""
    batch_size: int = setting(256, "optimisation", positive=True, stated=True)
    """Images in a batch; fewer where fewer normals exist."""
    min_anomalies: int = setting(32, "optimisation", positive=True, stated=True)
    """At gamma > 0, the least number of anomalies in a batch (section 3.3.2)."""
    batch_mix: str = choice("optimisation", "joint", "separate")
    """Normals and anomalies in one forward pass, or in two."""
    anomaly_place: str = choice("optimisation", "inside", "appended")
    """Anomalies take their places inside `batch_size`, or come on top of it."""
    lr: float = setting(2e-4, "optimisation", positive=True, stated=True)
    """Adam's learning rate, for G and D."""
    beta1: float = setting(0.5, "optimisation", at_least=0, below=1)
    """Adam's decay of the gradient's running mean."""
    beta2: float = setting(0.999, "optimisation", at_least=0, below=1)
    """Adam's decay of the squared gradient's running mean."""
    d_reset_threshold: float = setting(1e-5, "optimisation", at_least=0)
    """The discriminator's weights are drawn again when L_d falls below it (delta of Algorithm 1); 0: never."""
    precision: str = choice("optimisation", "fp32", "tf32", "bf16")
    """Of the forward passes in training. Losses and reductions are always fp32. `tf32`: as fp32, but a GPU may round
    the factors of products to TF32, also in backward passes: the default of the paper's PyTorch 1.10. On the CPU it is
    fp32."""

    # -- methods without nets ------------------------------------------------------------------------------------
    features: str = choice("floor", "pixels", "gcn", prefix="file:", older="pixels", title="features")
    """What a vector is: pixels, each image's after global contrast normalisation, or one from a file of the user's."""
    neighbours: int = setting(2, "floor", positive=True, older=2)
    """Nearest training normals that `knn` adds up."""

    # -- rivals ----------------------------------------------------------------------------------------------------
    encoder: str = choice(
        "rivals",
        *("lenet_small", "lenet_medium", "lenet_large", "netd", "wrn_10_1", "wrn_10_4", "wrn_16_8"),
        older="lenet_small",
        title="encoder",
    )
    """Deep SVDD's and Deep SAD's nets for MNIST, Fashion-MNIST and CIFAR-10 (agad/nets/lenet.py); AGAD's D; or wide
    residual nets by depth and width (agad/nets/wide_resnet.py)."""
    scaling: str = choice("rivals", "minus1_1", "unit", "gcn_minmax", older="minus1_1", title="scaling")
    """What such a net sees: pixels in [-1, 1], in [0, 1], or after contrast normalisation, the normals' in [0, 1]."""
    boundary: str = choice("rivals", "hard", "soft", older="hard", title="boundary")
    """Deep SVDD's objective: mean squared distance to the centre, or a sphere that a tenth of the normals may leave."""
    pretrain_updates: int = setting(0, "rivals", at_least=0, older=0)
    """Updates of a first stage before the others: of an autoencoder whose encoder is then trained on, or of a GAN."""
    pretrain_weight_decay: float = setting(0.0, "rivals", at_least=0, older=0.0)
    """L2 decay in pretraining."""
    pretrain_lr_steps: tuple[int, ...] = setting((), "rivals", ordered=False, older=[])
    """Updates of pretraining, counted from 0, from which on the learning rate is a tenth of what it was."""
    weight_decay: float = setting(0.0, "rivals", at_least=0, older=0.0)
    """L2 decay, added to the gradients inside Adam."""
    lr_steps: tuple[int, ...] = setting((), "rivals", ordered=False, older=[])
    """Updates, counted from 0, from which on the learning rate is a tenth of what it was."""
    lr_divisor: float = setting(10.0, "rivals", at_least=1, older=10.0)
    """What the learning rate is divided by at each of `lr_steps`, where that is not ten."""
    optimiser: str = choice("rivals", "adam", "sgd", older="adam")
    """Adam, or plain gradient descent without momentum, which has no beta1 and beta2."""
    transformations: str = choice("rivals", "geo72", "rot4", older="geo72")
    """What GeoTrans' net tells apart: flip x nine shifts x four quarter turns, or the turns alone."""
    normality: str = choice("rivals", "dirichlet", "softmax", "log_softmax", older="dirichlet")
    """GeoTrans' score: by a Dirichlet distribution of each transformation's softmax, or the mean of the right entries
    or of their logarithms."""
    restoration_loss: str = choice("rivals", "mse", "l1", older="mse")
    """What ARNet minimises: mean squared or mean absolute difference to the image."""
    augmentation: str = choice("rivals", "none", "flip", older="none")
    """`flip`: each training image is mirrored with a chance of a half."""

    search_steps: int = setting(500, "rivals", positive=True, older=500)
    """Steps in which `anogan` searches an image in its generator's latent space, when scoring."""

    # -- evaluation ----------------------------------------------------------------------------------------------
    curve: tuple[int, ...] = setting((50, 100, 200, 400, 800, 1200), "evaluation", scoring=True)
    """Updates after which the learning curve has a point; the last update always has one."""
    curve_protocols: tuple[str, ...] = setting(
        ("eval", "eval_recal"), "evaluation", choices=EVAL_PROTOCOLS, scoring=True
    )
    """Protocols scored at each point of the curve."""
    final_protocols: tuple[str, ...] = setting(EVAL_PROTOCOLS[:5], "evaluation", choices=EVAL_PROTOCOLS, scoring=True)
    """Protocols scored at the last update, the curve's among them."""
    test_orders: int = setting(1, "evaluation", at_least=1, older=1, scoring=True)
    """Orders of the test set drawn under each protocol of ORDER_PROTOCOLS; the AUROC is the mean over them."""
    eval_batch_size: int = setting(256, "evaluation", positive=True, scoring=True)
    """Images in a batch when scoring; it changes scores under the batch_* protocols only."""
    eval_precision: str = choice("evaluation", "fp32", "tf32", "bf16", older="fp32")
    """Of the forward passes when scoring, as `precision`. The distances of images are always fp32."""

    # -- validation ----------------------------------------------------------------------------------------------
    validation: float = setting(0.0, "validation", at_least=0, below=1, older=0.0)
    """Share of the training normals that are held out for a validation score and not trained on; in [0, 1)."""
    validation_anomalies: int = setting(0, "validation", at_least=0, older=0)
    """Labelled anomalies of the training split that are set apart for it; 0: as many as normals are held out."""
    validation_anomaly_classes: tuple[int, ...] = setting((), "validation", ordered=False, older=[], is_class=True)
    """Classes that those come from, in equal numbers; empty: all anomalous classes with training images."""
    evaluate_test: bool = setting(True, "evaluation", older=True)
    """False: no test image is read, and the row has validation scores alone."""

    seed: int = setting(0, "seed", at_least=0, timed=True, within_row=True)
    """One seed, from which every generator of the run is derived."""
    seed_scope: str = choice("seed", "class", "all_classes", older="all_classes")
    """What runs of one seed share initial weights and batches: those of one class, or those of all classes."""

    @property
    def target_class(self) -> int:
        """The class that names the cell: normal_class, or under leave_one_out abnormal_class."""
        target = self.normal_class if self.protocol == "one_vs_rest" else self.abnormal_class
        assert target is not None  # by agad.spec.checks
        return target


def known_fields() -> dict[str, Field]:
    """All fields by name, in their order."""
    return fields_of(SpecFields)


def field_names() -> tuple[str, ...]:
    """The names of all fields, in their order."""
    return tuple(known_fields())


def json_defaults() -> dict[str, Any]:
    """Name -> default of all fields, as JSON values (tuples as lists)."""
    values = {name: field.default for name, field in known_fields().items()}
    return {name: list(value) if isinstance(value, tuple) else value for name, value in values.items()}


def names_where(condition: Callable[[Setting], bool]) -> tuple[str, ...]:
    """The names of the fields whose Setting meets a condition, in their order."""
    return tuple(name for name, field in known_fields().items() if condition(field.setting))


def names_in(*groups: str) -> tuple[str, ...]:
    """The names of the fields of some groups, in their order."""
    return names_where(lambda known: known.group in groups)


def spec_field(name: str) -> Field:
    """The field called `name`; SpecError with the nearest names, or all, if there is none."""
    try:
        return known_fields()[name]
    except KeyError:
        hint = suggestion(name, field_names(), "the fields are")
        raise SpecError(f"unknown field {name!r}; {hint}") from None


CELL_FIELDS = names_where(lambda known: known.within_row)
"""Fields in which runs of one row of a table may differ: they distinguish its classes and seeds."""

LEADING_FIELDS = names_where(lambda known: known.leads)
"""Fields that every row of a table starts with: where something is compared, not what."""


@functools.cache
def older_values() -> dict[str, Any]:
    """Of each field that was added after the first release, the value that older code behaved like, as JSON."""
    found = {name: field.setting.older for name, field in known_fields().items()}
    return {name: value for name, value in found.items() if value is not UNSET}


@functools.cache
def former_values() -> dict[str, Any]:
    """Of each field whose default has changed, the default before, as JSON."""
    found = {name: field.setting.former for name, field in known_fields().items()} | older_values()
    return {name: value for name, value in found.items() if value not in (UNSET, json_defaults()[name])}


def older_value(name: str) -> Any:
    """What a row that lacks the field's column was made with; None for a column of every row, or of no field."""
    return older_values().get(name)


def parse_value(name: str, text: str) -> Any:
    """The value that `text` means for the field `name`; several values of one tuple are joined by `+` or `,`."""
    return spec_field(name).parse(text)
