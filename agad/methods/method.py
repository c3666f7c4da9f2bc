"""Method: what the trainer and the evaluation know of a method. A new one overrides what it has."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

import torch
from torch import Tensor, nn

from agad.data.features.vectors import Vectors
from agad.nets.layers.unsteady import refuse_out_of_reach, refuse_unsteady
from agad.spec.run import RunSpec
from agad.tensors.pool import ImagePool


@dataclass(frozen=True, slots=True)
class Group:
    """Nets that one loss moves, by an optimiser of their own.

    Attributes:
        name: of the loss: `loss_<name>` in the curve.
        nets: names in Method.nets.
        lr: the learning rate, before any step of it.
        betas: Adam's decay rates.
        weight_decay: factor of the weights that is added to their gradients (L2, inside the optimiser).
        lr_steps: updates, counted from 0, from which on the rate is divided by `lr_divisor` once more.
        pretrains: whether it moves in pretraining; otherwise it moves after it, and its updates count from there.
        lr_divisor: of each step of the rate.
        optimiser: `adam`, or `sgd`, which has no use for `betas`.
    """

    name: str
    nets: tuple[str, ...]
    lr: float
    betas: tuple[float, float]
    weight_decay: float = 0.0
    lr_steps: tuple[int, ...] = ()
    pretrains: bool = False
    lr_divisor: float = 10.0
    optimiser: str = "adam"

    @classmethod
    def of(cls, spec: RunSpec, name: str, *nets: str, pretrains: bool = False) -> Group:
        """Nets that a loss moves as the spec says, in pretraining by its settings for that."""
        decay, steps = spec.weight_decay, spec.lr_steps
        if pretrains:
            decay, steps = spec.pretrain_weight_decay, spec.pretrain_lr_steps
        betas = (spec.beta1, spec.beta2)
        return cls(name, nets, spec.lr, betas, decay, steps, pretrains, spec.lr_divisor, spec.optimiser)

    def rate(self, update: int) -> float:
        """The learning rate of an update, counted from 0."""
        return self.lr / self.lr_divisor ** sum(step <= update for step in self.lr_steps)


@dataclass(frozen=True, slots=True, eq=False)
class Losses:
    """The losses of an update, scalars with their graphs, and unweighted terms that the row's curve holds.

    Attributes:
        by_group: Group.name -> its loss, in the order of the backward passes.
        terms: name -> value. Names outside agad.store.columns.LOSS_TERMS go to the column curve_terms.
    """

    by_group: Mapping[str, Tensor]
    terms: Mapping[str, Tensor] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, eq=False)
class TrainView:
    """The training images, as a method may see them: no test image, no test label.

    Attributes:
        normal: the training normals.
        anomaly: the labelled anomalies; empty at gamma = 0.
        batch: images that it is sensible to take at once.
        tick: called between pieces of long work; an exception from it ends the work.
        vectors: of all images of the data set, from a file; None where the run has none.
    """

    normal: ImagePool
    anomaly: ImagePool
    batch: int
    tick: Callable[[], None]
    vectors: Vectors | None = None

    def pieces(self, pool: ImagePool) -> Iterator[Tensor]:
        """The images of one of its pools, `batch` at once (B, C, H, W), with a tick before each piece."""
        for positions in torch.split(torch.arange(len(pool)), self.batch):
            if len(positions):
                self.tick()
                yield pool.take(positions)


class Method:
    """A method of one run: its nets, the losses of an update, and the score of an image.

    Attributes:
        nets: name -> net; empty for a method without any. `generator` and `discriminator` are counted in columns of
            their own.
        groups: who moves which nets; empty for a method that trains none.
        pretraining: whether the update that is next, or under way, is one of `spec.pretrain_updates`.
        update: its number, counted from 0, pretraining included: a key for what an update needs at random.

    What it measures on training images once and for all, such as a centre, belongs into a buffer of one of its nets:
    then it is in checkpoints and saved weights.
    """

    def __init__(self, nets: Mapping[str, nn.Module] | None = None, groups: tuple[Group, ...] = ()) -> None:
        self.nets: dict[str, nn.Module] = dict(nets or {})
        self.groups = groups
        self.pretraining = False
        self.update = 0

    def check_layers(self) -> None:
        """Raise SpecError for a layer by which scores are random, depend on the batch or follow no protocol."""
        held = {name: value for name, value in vars(self).items() if isinstance(value, nn.Module)}
        for name, net in {**held, **self.nets}.items():
            refuse_unsteady(f"{type(self).__module__}, {name}", net)
        for name, net in self.nets.items():
            refuse_out_of_reach(f"{type(self).__module__}, {name}", net)

    def begin(self, train: TrainView) -> None:
        """Called before the first update of pretraining and before the first after it; draws nothing at random."""

    def forward(self, x: Tensor, n_normal: int) -> Any:
        """All passes of an update over a batch x (B, C, H, W) in [-1, 1], whose first n_normal images are normal."""
        raise NotImplementedError(f"{type(self).__name__} trains nothing")

    def losses(self, out: Any) -> Losses:
        """The losses of those passes; the trainer sends each one's gradient to its own group's nets alone."""
        raise NotImplementedError(f"{type(self).__name__} trains nothing")

    def after_update(self, terms: Mapping[str, float]) -> None:
        """Called after each update of the weights with its losses and terms."""

    def fit(self, train: TrainView) -> Any:  # noqa: ARG002 - most need nothing
        """What scoring needs beside the nets, from training images alone: a bank, a centre, a mixture.

        Called once for each evaluation protocol, with batch norms in that protocol's mode, and handed to `scores`.
        A function of weights and images: it draws from keyed generators, if at all.
        """
        return None

    def scores(self, x: Tensor, fitted: Any, positions: Tensor) -> Tensor:
        """Anomaly score of each image of x, (B,), higher: more anomalous; the caller sets the mode of batch norm.

        Args:
            x: (B, C, H, W) in [-1, 1].
            fitted: what `fit` returned.
            positions: (B,) int64, the images' positions in the test set: keys for what an image needs at random.
        """
        raise NotImplementedError

    def recalibration_pass(self, x: Tensor) -> None:
        """The forward passes of scoring, for a batch of training normals, from which statistics are estimated again."""
        self.scores(x, None, x.new_zeros(len(x)).long())

    def reconstruct(self, x: Tensor) -> Tensor | None:  # noqa: ARG002 - most have none
        """x_hat, (B, C, H, W) in [-1, 1], in the caller's mode of batch norm; None where there is none."""
        return None

    def columns(self) -> dict[str, Any]:
        """Columns of the row that only this method fills."""
        return {}

    def state_dict(self) -> dict[str, Any]:
        """What later updates and `columns` depend on beside nets and optimisers: tensors, numbers, strings."""
        return {}

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """The inverse of state_dict."""
