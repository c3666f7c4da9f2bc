"""The paper's losses, one pure function per equation.

Each distance gives one value per image, shape (N,), in float32 where its inputs are of half precision; the means over
images are taken by `normality_loss`, `anomaly_loss` and `discriminator_loss`. x, x_hat: (N, C, H, W); logits: (N,);
z: (N, ...).
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor

from agad.spec.run import RunSpec


@dataclass(frozen=True, slots=True)
class Distances:
    """The distances of one sub-batch, each (N,); adcon is None where the spec leaves the term out.

    Attributes:
        adv: adversarial loss of the reconstructions, towards 1 for normals and 0 for anomalies.
        con: contextual loss; None for anomalies, whose loss has no such term.
        adcon: contextual adversarial loss, negative or 0 as in Eq. 8.
        lat: latent loss.
    """

    adv: Tensor
    con: Tensor | None
    adcon: Tensor | None
    lat: Tensor


def at_least_float32(x: Tensor) -> Tensor:
    """Half precisions as float32; float32 and float64 as they are."""
    return x.to(torch.promote_types(x.dtype, torch.float32))


def adversarial_loss(logits: Tensor, target: float) -> Tensor:
    """l_adv(y, target) of Algorithm 1: binary cross entropy of D's logits, in nats; (N,).

    Eq. 5 is the game that these terms play; as in Algorithm 1 line 6, G's side is the non-saturating l_adv(y_hat, 1).
    """
    logits = at_least_float32(logits)
    return F.binary_cross_entropy_with_logits(logits, torch.full_like(logits, target), reduction="none")


def contextual_loss(x: Tensor, x_hat: Tensor) -> Tensor:
    """Eq. 6: mean of |x - x_hat| over the pixels of each image; (N,)."""
    return (at_least_float32(x) - at_least_float32(x_hat)).abs().flatten(1).mean(1)


def latent_loss(z: Tensor, z_hat: Tensor, kind: str = "mse") -> Tensor:
    """Eq. 7: mean squared difference of each image's features (`mse`), or their L2 distance (`norm`); (N,)."""
    difference = (at_least_float32(z) - at_least_float32(z_hat)).flatten(1)
    return difference.square().mean(1) if kind == "mse" else torch.linalg.vector_norm(difference, dim=1)


def contextual_adversarial_loss(x_hat: Tensor, x_hat_again: Tensor) -> Tensor:
    """Eq. 8: minus the mean of |x_hat - G(x_hat)| over the pixels of each image; (N,)."""
    return -contextual_loss(x_hat, x_hat_again)


def normality_loss(distances: Distances, spec: RunSpec) -> tuple[Tensor, dict[str, Tensor]]:
    """Eq. 9: L_n = lambda_adv L_adv + lambda_con L_con + lambda_adcon L_adcon + lambda_lat L_lat.

    Returns:
        L_n, a scalar, and its unweighted terms `adv`, `con`, `adcon` (where there is one) and `lat`, each a mean.
    """
    assert distances.con is not None
    terms = {"adv": distances.adv.mean(), "con": distances.con.mean(), "lat": distances.lat.mean()}
    if distances.adcon is not None:
        terms["adcon"] = distances.adcon.mean()
    weights = {"adv": spec.lambda_adv, "con": spec.lambda_con, "adcon": spec.lambda_adcon, "lat": spec.lambda_lat}
    return _weighted_sum(terms, weights), terms


def anomaly_loss(distances: Distances, spec: RunSpec) -> tuple[Tensor, dict[str, Tensor]]:
    """Eq. 10: L_a = lambda_adv / L_adv + lambda_adcon / -L_adcon + lambda_lat / L_lat.

    Each reciprocal is 1 / (l + spec.recip_eps), of the sub-batch's mean (`of_mean`) or the mean of each image's
    (`per_sample`). Every l is 0 or more, so with a positive epsilon no reciprocal exceeds 1 / epsilon.

    Returns:
        L_a, a scalar, and its unweighted terms `recip_adv`, `recip_adcon` (where there is one) and `recip_lat`.
    """
    terms = {"recip_adv": reciprocal(distances.adv, spec), "recip_lat": reciprocal(distances.lat, spec)}
    if distances.adcon is not None:
        terms["recip_adcon"] = reciprocal(-distances.adcon, spec)
    weights = {"recip_adv": spec.lambda_adv, "recip_adcon": spec.lambda_adcon, "recip_lat": spec.lambda_lat}
    return _weighted_sum(terms, weights), terms


def reciprocal(distance: Tensor, spec: RunSpec) -> Tensor:
    """A term of Eq. 10, from distance (N,), 0 or more, to a scalar; see anomaly_loss."""
    if spec.reciprocal == "of_mean":
        return 1 / (distance.mean() + spec.recip_eps)
    return (1 / (distance + spec.recip_eps)).mean()


def generator_loss(normality: Tensor, anomaly: Tensor | None, shares: tuple[float, float]) -> Tensor:
    """Eq. 11 over a batch: L_g = w_n L_n + w_a L_a, shares being (w_n, w_a); without anomalies w_n L_n."""
    loss = shares[0] * normality
    return loss if anomaly is None else loss + shares[1] * anomaly


def discriminator_loss(y_n: Tensor, y_hat_n: Tensor, y_a: Tensor | None, shares: tuple[float, float]) -> Tensor:
    """Algorithm 1 lines 7 and 10: L_d = w_n (l_adv(y_hat_n, 0) + l_adv(y_n, 1)) + w_a l_adv(y_a, 0), a scalar.

    Eq. 2 and Eq. 4 as cross entropies. Reconstructions of anomalies have no part in it.
    """
    loss = shares[0] * (adversarial_loss(y_hat_n, 0.0).mean() + adversarial_loss(y_n, 1.0).mean())
    return loss if y_a is None else loss + shares[1] * adversarial_loss(y_a, 0.0).mean()


def batch_shares(n_normal: int, n_anomaly: int, anomaly_weight: str) -> tuple[float, float]:
    """(w_n, w_a) of Eq. 11: both 1 (`one`), or each sub-batch's share of the batch (`share`), as per image."""
    if anomaly_weight == "one":
        return 1.0, 1.0
    total = n_normal + n_anomaly
    return n_normal / total, n_anomaly / total


def _weighted_sum(terms: dict[str, Tensor], weights: dict[str, float]) -> Tensor:
    # A term of weight 0 is left out, not multiplied: 0 times an infinite gradient would be NaN.
    weighted = [weights[name] * term for name, term in terms.items() if weights[name] > 0]
    return torch.stack(weighted).sum() if weighted else torch.zeros((), device=next(iter(terms.values())).device)
