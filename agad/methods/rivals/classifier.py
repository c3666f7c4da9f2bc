"""A binary classifier of normals against labelled anomalies: what the labels alone are worth.

Table 2 borrows such a column from Deep SAD (Ruff et al. 2020), whose published code does not contain it and whose
anomalies come from one known class. Run it on AGAD's own draw too, all anomalous classes: nobody has printed that.

Named choices, since no code fixes them: the net is Deep SAD's LeNet with a linear head that has a bias, or AGAD's
discriminator as AGAD initialises it (`encoder=netd`), so that nothing but the loss differs from AGAD; all unlabelled
images are normals; cross entropy, unweighted per image (`anomaly_weight=share`) or with both classes equally heavy
(`one`); the score is the logit.
"""

from __future__ import annotations

from dataclasses import dataclass

from torch import Tensor

from agad.methods.losses import adversarial_loss, at_least_float32, batch_shares
from agad.methods.method import Group, Losses, Method, TrainView
from agad.methods.rivals.scaling import Scaling
from agad.nets.build import build_discriminator, seeded_net
from agad.nets.discriminator import Discriminator
from agad.nets.layers.batchnorm import BatchNormNet, BNMode, bn_mode
from agad.nets.lenet import LeNetClassifier
from agad.spec.run import RunSpec
from agad.tensors.seeding import generator as seeded

METHOD = {
    "title": "classifier",
    "cost": 0.25,
    "encoder_cost": {"lenet_small": 0.02, "lenet_medium": 0.06, "lenet_large": 0.25, "netd": 0.13},  # one CPU core
    "labels": "must",
    "uses": [
        "encoder", "scaling", "init", "anomaly_weight", "batch_size", "min_anomalies", "anomaly_place",
        "lr", "beta1", "beta2", "weight_decay", "lr_steps", "precision",
    ],
}  # fmt: skip


def make(spec: RunSpec, channels: int) -> Classifier:
    """The method of a spec, for images with that many channels."""
    return Classifier(spec, channels)


@dataclass(frozen=True, slots=True, eq=False)
class Outputs:
    """Logits (B,) float32 of a batch, positive for normal; the first n_normal images are."""

    logits: Tensor
    n_normal: int


class Classifier(Method):
    """One net, one loss."""

    def __init__(self, spec: RunSpec, channels: int) -> None:
        self.spec = spec
        self.net, self.scaling = _build(spec, channels), Scaling(spec.scaling)
        group = Group.of(spec, "c", "classifier")
        super().__init__({"classifier": self.net, **self.scaling.nets()}, (group,))

    def begin(self, train: TrainView) -> None:
        """Measure the scaling's constants."""
        self.scaling.measure(train)

    def forward(self, x: Tensor, n_normal: int) -> Outputs:
        """One pass over normals and anomalies together."""
        with bn_mode(self.net, BNMode.UPDATE):
            return Outputs(self._logits(x), n_normal)

    def losses(self, out: Outputs) -> Losses:
        """w_n mean H(y_n, 1) + w_a mean H(y_a, 0), in nats, H being the cross entropy of a logit."""
        n = out.n_normal
        of_normals, of_anomalies = batch_shares(n, len(out.logits) - n, self.spec.anomaly_weight)
        normals = adversarial_loss(out.logits[:n], 1.0).mean()
        anomalies = adversarial_loss(out.logits[n:], 0.0).mean()
        terms = {"ce_normal": normals, "ce_anomaly": anomalies}
        return Losses({"c": of_normals * normals + of_anomalies * anomalies}, terms)

    def scores(self, x: Tensor, fitted: None, positions: Tensor) -> Tensor:  # noqa: ARG002
        """The log-odds of being an anomaly, (B,)."""
        return -self._logits(x)

    def _logits(self, x: Tensor) -> Tensor:
        out = self.net(self.scaling(x))
        return at_least_float32(out[0] if isinstance(self.net, Discriminator) else out)


def _build(spec: RunSpec, channels: int) -> BatchNormNet:
    if spec.encoder == "netd":
        return build_discriminator(spec, channels, seeded("init", "discriminator", *spec.seed_key, 0))
    return seeded_net(spec, lambda: LeNetClassifier(channels, spec.encoder, spec.image_size), spec.encoder)
