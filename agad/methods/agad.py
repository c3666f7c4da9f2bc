"""AGAD: lines 3 to 11 of Algorithm 1, and the score of section 3.3.3."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from agad.errors import SpecError
from agad.methods.adversarial import AdversarialMethod
from agad.methods.losses import (
    Distances,
    adversarial_loss,
    anomaly_loss,
    at_least_float32,
    batch_shares,
    contextual_adversarial_loss,
    contextual_loss,
    discriminator_loss,
    generator_loss,
    latent_loss,
    normality_loss,
)
from agad.methods.method import Losses
from agad.methods.passes import plan_passes
from agad.nets.layers.recomputation import is_worthwhile
from agad.spec.run import RunSpec

METHOD = {
    "title": "AGAD",
    "cost": 1.0,
    "labels": "may",
    "captured": True,
    "uses": ["network", "batch norm", "loss weight", "loss", "optimisation"],
}


def make(spec: RunSpec, channels: int) -> Agad:
    """The method of a spec, for images with that many channels."""
    return Agad(spec, channels)


@dataclass(frozen=True, slots=True, eq=False)
class Outputs:
    """What the nets make of a batch [normals; anomalies]: images (B, C, H, W), logits (B,), features (B, ...).

    Attributes:
        n_normal: how many of the images are normal; they come first.
        x: the images.
        x_hat: G(x).
        x_hat_again: G(x_hat); None where no term needs it.
        y: logits of D(x).
        z: features of D(x).
        y_hat: logits of D(x_hat).
        z_hat: features of D(x_hat).
    """

    n_normal: int
    x: Tensor
    x_hat: Tensor
    x_hat_again: Tensor | None
    y: Tensor
    z: Tensor
    y_hat: Tensor
    z_hat: Tensor

    @property
    def n_anomaly(self) -> int:
        """How many of the images are anomalies."""
        return len(self.x) - self.n_normal


class Agad(AdversarialMethod):
    """The method of a spec."""

    def __init__(self, spec: RunSpec, channels: int) -> None:
        super().__init__(spec, channels)
        self._passes = plan_passes(spec)

    def forward(self, x: Tensor, n_normal: int) -> Outputs:
        """Lines 3 and 4 for a batch x = [x_n; x_a]: each of the four passes is made once.

        G(x_hat) is made only where a term needs it; where it is not made, it moves no running statistics either.
        """
        generator, discriminator, passes, n = self.generator, self.discriminator, self._passes, n_normal
        twice = self._needs_second_reconstruction(len(x) - n)
        # Without a second pass, recomputing the first would save nothing: its activations are all needed at once.
        recompute = twice and is_worthwhile(generator, x)
        x_hat = at_least_float32(passes.g_real.generate(generator, x, n, recompute=recompute))
        if x_hat.shape != x.shape:
            raise SpecError(
                f"backbone={self.spec.backbone} makes {tuple(x_hat.shape)} of images {tuple(x.shape)}; "
                "it must return images of their own shape"
            )
        x_hat_again = None
        if twice:
            source = x_hat.detach() if self.spec.detach_pseudo else x_hat
            x_hat_again = passes.g_generated.generate(generator, source, n)
        y, z = passes.d_real.discriminate(discriminator, x, n)
        y_hat, z_hat = passes.d_generated.discriminate(discriminator, x_hat, n)
        return Outputs(n, x, x_hat, x_hat_again, y, z, y_hat, z_hat)

    def losses(self, out: Outputs) -> Losses:
        """Lines 5 to 11: L_g and L_d of a batch."""
        n = out.n_normal
        shares = batch_shares(n, out.n_anomaly, self.spec.anomaly_weight)
        loss_n, terms = normality_loss(self._normal_distances(out, slice(0, n)), self.spec)
        loss_a, y_a = None, None
        if out.n_anomaly:
            loss_a, terms_a = anomaly_loss(self._anomaly_distances(out, slice(n, None)), self.spec)
            terms, y_a = terms | terms_a, out.y[n:]
        loss_d = discriminator_loss(out.y[:n], out.y_hat[:n], y_a, shares)
        # D's first: the pass through G, which comes last, then releases each activation as soon as it has been used.
        return Losses({"d": loss_d, "g": generator_loss(loss_n, loss_a, shares)}, terms)

    def scores(self, x: Tensor, fitted: None, positions: Tensor) -> Tensor:  # noqa: ARG002
        """A(x) = ||x - G(x)||_2 over the pixels of each image (section 3.3.3)."""
        norm: Tensor = torch.linalg.vector_norm(x - at_least_float32(self.reconstruct(x)), dim=(1, 2, 3))
        return norm

    def _normal_distances(self, out: Outputs, part: slice) -> Distances:
        return Distances(
            adv=adversarial_loss(out.y_hat[part], 1.0),
            con=contextual_loss(out.x[part], out.x_hat[part]),
            adcon=_adcon(out.x_hat, out.x_hat_again, part) if self._context_in_normality() else None,
            lat=latent_loss(out.z[part], out.z_hat[part], self.spec.latent_loss),
        )

    def _anomaly_distances(self, out: Outputs, part: slice) -> Distances:
        # Line 9 and Eq. 10 compare x_hat with G(x_hat); Eq. 3 and Fig. 1b x with G(x).
        pair = (out.x_hat, out.x_hat_again) if self.spec.anomaly_pair == "eq10" else (out.x, out.x_hat)
        return Distances(
            adv=adversarial_loss(out.y_hat[part], 0.0),
            con=None,
            adcon=_adcon(*pair, part) if self._context_in_anomaly(out.n_anomaly) else None,
            lat=latent_loss(out.z[part], out.z_hat[part], self.spec.latent_loss),
        )

    def _context_in_normality(self) -> bool:
        """Whether L_n has its term L_adcon."""
        return self.spec.lambda_adcon > 0 and self.spec.adversarial_context == "on"

    def _context_in_anomaly(self, n_anomaly: int) -> bool:
        """Whether there is an L_a, and it has its term of L_adcon."""
        wanted = self.spec.lambda_adcon > 0 and self.spec.adversarial_context != "off"
        return wanted and n_anomaly > 0

    def _needs_second_reconstruction(self, n_anomaly: int) -> bool:
        in_anomaly = self._context_in_anomaly(n_anomaly) and self.spec.anomaly_pair == "eq10"
        return self._context_in_normality() or in_anomaly


def _adcon(image: Tensor, reconstruction: Tensor | None, part: slice) -> Tensor:
    assert reconstruction is not None  # held by _needs_second_reconstruction
    return contextual_adversarial_loss(image[part], reconstruction[part])
