"""OCGAN: losses, mining and score against plain torch in float64, and whom each loss moves."""

from __future__ import annotations

from typing import Any

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor

from agad.methods import method_of
from agad.methods.latent.ocgan import OcGan
from agad.nets.layers.batchnorm import BatchNormNet, BNMode, bn_mode
from agad.tensors.seeding import generator as seeded
from agad.train.state import Training
from agad.train.update import backward
from tests.helpers.methods import small_spec
from tests.helpers.science import training_of


def doubled(**changes: Any) -> tuple[Training, OcGan]:
    training = training_of(small_spec("ocgan", **changes))
    method = training.method
    assert isinstance(method, OcGan)
    for net in method.nets.values():
        net.double()
    return training, method


def uniform(method: OcGan, name: str, count: int) -> Tensor:
    key = seeded(f"ocgan {name}", *method.spec.seed_key, method.update)
    return (torch.rand((count, 16), generator=key) * 2 - 1).double()


def of(net: torch.nn.Module, x: Tensor) -> Tensor:
    """What a net makes of x under the batch's statistics, which move nothing."""
    if not isinstance(net, BatchNormNet):
        return net(x)
    with bn_mode(net, BNMode.BATCH):
        out = net(x)
    return out[0] if isinstance(out, tuple) else out


def entropy(logits: Tensor, target: int) -> Tensor:
    return F.binary_cross_entropy(torch.sigmoid(logits), torch.full_like(logits, target))


@pytest.mark.slow
@pytest.mark.parametrize("update", [0, 2, 3])
def test_losses_and_gradients_are_those_of_the_docstring(update: int) -> None:
    """Four updates: informative negatives are mined in the last, one step of 2 for each vector by itself."""
    training, method = doubled(lambda_con=7.0)
    x = training.batch().double()
    n, method.update = len(x), update
    losses = method.losses(method.forward(x, n))
    backward(training, losses)

    en, de, dl, dv, c = (method.nets[name] for name in ("encoder", "decoder", "latent", "visual", "classifier"))
    key = seeded("ocgan noise", *method.spec.seed_key, update)
    z = of(en, x + 0.2 * torch.randn(x.shape, generator=key).double())
    x_hat, u, m = of(de, z), uniform(method, "u", n), uniform(method, "m", n)
    if update == 3:
        m.requires_grad_()
        loss = F.binary_cross_entropy_with_logits(of(c, of(de, m.tanh())), torch.zeros(n).double(), reduction="sum")
        (slope,) = torch.autograd.grad(loss, m)
        m = (m - 2 * slope).detach()
        assert slope.abs().max() > 0
    x_u, x_m = of(de, u), of(de, m.tanh())
    wanted = {
        "latent": (entropy(of(dl, z), 0) + entropy(of(dl, uniform(method, "u'", n)), 1)) / 2,
        "visual": (entropy(of(dv, x_u), 0) + entropy(of(dv, x), 1)) / 2,
        "classifier": (entropy(of(c, x_u), 0) + entropy(of(c, x_hat), 1)) / 2,
        "ae": 10 * entropy(of(dl, z), 1) + entropy(of(dv, x_m), 1) + 7 * ((x - x_hat) ** 2).mean() / 2,
    }
    moved = {"latent": [dl], "visual": [dv], "classifier": [c], "ae": [en, de]}
    for name, loss in wanted.items():
        torch.testing.assert_close(losses.by_group[name], loss)
        weights = [weight for net in moved[name] for weight in net.parameters()]
        gradients = torch.autograd.grad(loss, weights, retain_graph=True)
        for weight, gradient in zip(weights, gradients, strict=True):
            torch.testing.assert_close(weight.grad, gradient, rtol=1e-6, atol=1e-10)


def test_the_score_is_the_squared_error_without_noise() -> None:
    method = method_of(small_spec("ocgan"), 1)
    x = torch.rand(3, 1, 32, 32) * 2 - 1
    x_hat = method.decoder(method.encoder(x))  # type: ignore[attr-defined]
    torch.testing.assert_close(method.scores(x, None, torch.arange(3)), ((x - x_hat) ** 2).mean((1, 2, 3)))


@pytest.mark.slow
def test_codes_are_bounded_and_generated_images_move_no_statistics() -> None:
    """The decoder's come from De(z), the discriminator's from x, though both see other images too."""
    training, method = doubled()
    x = training.batch().double()
    before = method.visual.batch_norms[0].running_mean.clone()
    method.forward(x, len(x))
    with bn_mode(method.visual, BNMode.BATCH):
        seen = method.visual.features[2](method.visual.features[:2](x))
    torch.testing.assert_close(method.visual.batch_norms[0].running_mean, 0.9 * before + 0.1 * seen.mean((0, 2, 3)))
    assert method.encoder(100 * x).abs().max() <= 1
