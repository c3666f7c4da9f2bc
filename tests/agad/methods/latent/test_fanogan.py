"""f-AnoGAN: both stages against plain torch in float64, whom each moves, and what stands still."""

from __future__ import annotations

from typing import Any

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor

from agad.methods import method_of
from agad.methods.latent.fanogan import CRITIC, FAnoGan
from agad.nets.layers.batchnorm import BNMode, bn_mode
from agad.tensors.seeding import generator as seeded
from agad.train.state import Training
from agad.train.update import backward, update
from tests.helpers.methods import small_spec
from tests.helpers.science import training_of


def doubled(**changes: Any) -> tuple[Training, FAnoGan]:
    training = training_of(small_spec("fanogan", **changes))
    method = training.method
    assert isinstance(method, FAnoGan)
    for net in method.nets.values():
        net.double()
    return training, method


def critic(method: FAnoGan, x: Tensor) -> tuple[Tensor, Tensor]:
    """Judgements (B,) and features (B, d) by plain functions on the critic's own weights."""
    weights = list(method.critic.parameters())
    x = F.leaky_relu(F.conv2d(x, weights[0], stride=2, padding=1), 0.2)
    for weight in weights[1:3]:
        x = F.conv2d(x, weight, stride=2, padding=1)
        x = F.leaky_relu(F.layer_norm(x, x.shape[1:]), 0.2)
    return F.conv2d(x, weights[3]).flatten(), x.flatten(1)


@pytest.mark.slow
def test_stage_one_is_a_wasserstein_gan_with_a_gradient_penalty() -> None:
    """Losses and the gradients of D and G, the penalty's slopes taken image by image."""
    training, method = doubled()
    x = training.batch().double()
    method.update = CRITIC - 1
    out = method.forward(x, len(x))
    losses = method.losses(out)
    backward(training, losses)

    z = torch.randn((len(x), 128), generator=key(method, "z")).double()
    share = torch.rand((len(x), 1, 1, 1), generator=key(method, "x~")).double()
    with bn_mode(method.generator, BNMode.BATCH):
        fake = method.generator(z)
    between = [(x[i : i + 1] + share[i] * (fake[i : i + 1] - x[i : i + 1])).detach() for i in range(len(x))]
    slopes = []
    for one in between:
        one.requires_grad_()
        (gradient,) = torch.autograd.grad(critic(method, one)[0].sum(), one, create_graph=True)
        slopes.append(gradient.norm())
    penalty = ((torch.stack(slopes) - 1) ** 2).mean()
    y, y_hat = critic(method, x)[0], critic(method, fake)[0]
    loss_d = y_hat.mean() - y.mean() + 10 * penalty
    torch.testing.assert_close(losses.by_group["d"], loss_d)
    torch.testing.assert_close(losses.by_group["g"], -y_hat.mean())
    torch.testing.assert_close(losses.terms["penalty"], penalty)
    for net, loss in ((method.critic, loss_d), (method.generator, -y_hat.mean())):
        for weight, wanted in zip(
            net.parameters(), torch.autograd.grad(loss, list(net.parameters()), retain_graph=True), strict=True
        ):
            torch.testing.assert_close(weight.grad, wanted, rtol=1e-6, atol=1e-11)


def key(method: FAnoGan, name: str) -> torch.Generator:
    return seeded(f"fanogan {name}", *method.spec.seed_key, method.update)


@pytest.mark.slow
def test_stage_two_is_izi_f_and_its_loss_is_the_score() -> None:
    """Mean squared differences of pixels and features; G and D in inference mode, E alone with a gradient."""
    training, method = doubled()
    x = training.batch().double()
    method.pretraining = False
    with bn_mode(method.encoder, BNMode.BATCH):
        x_hat = method.generator(method.encoder(x))
    by_hand = ((x - x_hat) ** 2).mean((1, 2, 3)) + ((critic(method, x)[1] - critic(method, x_hat)[1]) ** 2).mean(1)
    losses = method.losses(method.forward(x, len(x)))
    backward(training, losses)

    torch.testing.assert_close(losses.by_group["e"], by_hand.mean())
    assert losses.by_group.keys() == {"e"}
    assert all(weight.grad is not None for weight in method.encoder.parameters())
    assert all(weight.grad is None for net in (method.generator, method.critic) for weight in net.parameters())
    with bn_mode(method.encoder, BNMode.BATCH):
        torch.testing.assert_close(method.scores(x, None, torch.arange(len(x))), by_hand)


@pytest.mark.slow
def test_g_moves_in_every_fifth_update_of_d_and_the_encoder_after_them() -> None:
    """Of stage 2 G and D keep every bit, running statistics too."""
    training = training_of(small_spec("fanogan", pretrain_updates=2 * CRITIC))
    moved = []
    for _ in range(2 * CRITIC + 2):
        before = {name: [t.clone() for t in net.state_dict().values()] for name, net in training.method.nets.items()}
        weights = {name: [t.clone() for t in net.parameters()] for name, net in training.method.nets.items()}
        update(training)
        nets = training.method.nets
        moved.append({n for n, ts in weights.items() if not all(map(torch.equal, ts, nets[n].parameters()))})
        if training.done > 0:
            for name in ("generator", "discriminator"):
                assert all(map(torch.equal, before[name], nets[name].state_dict().values()))
    fifth = [{"discriminator"}] * (CRITIC - 1) + [{"generator", "discriminator"}]
    assert moved == [*fifth, *fifth, {"encoder"}, {"encoder"}]


@pytest.mark.slow
def test_noise_depends_on_the_seed_and_the_update() -> None:
    """And on nothing else: the same update has the same noise again."""
    found = []
    for seed, number in ((0, 0), (0, 0), (0, 1), (1, 0)):
        method = method_of(small_spec("fanogan", seed=seed), 1)
        method.update, method.pretraining = number, True
        out = method.forward(torch.zeros(3, 1, 32, 32), 3)
        found.append(out.y_hat.tolist())  # type: ignore[attr-defined]
    assert found[0] == found[1]
    assert len({str(one) for one in found}) == 3
