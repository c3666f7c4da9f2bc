"""AnoGAN: its losses and its search against plain torch in float64, and what a score depends on."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from torch import Tensor

from agad.methods import TrainView, method_of
from agad.methods.latent.anogan import AnoGan
from agad.nets.layers.batchnorm import BNMode, bn_mode
from agad.tensors.seeding import generator as seeded
from agad.train.update import backward, update
from tests.helpers.methods import small_spec
from tests.helpers.science import training_of


def anogan(**changes: Any) -> AnoGan:
    method = method_of(small_spec("anogan", **changes), 1)
    assert isinstance(method, AnoGan)
    return method


@pytest.mark.slow
def test_training_is_a_dcgan_s() -> None:
    """Cross entropies with G's non-saturating; D judges real and generated images in batches of their own."""
    training = training_of(small_spec("anogan"))
    method = training.method
    assert isinstance(method, AnoGan)
    for net in method.nets.values():
        net.double()
    x = training.batch().double()
    before = method.discriminator.batch_norms[0].running_mean.clone()
    losses = method.losses(method.forward(x, len(x)))
    backward(training, losses)

    z = torch.rand((len(x), 100), generator=seeded("anogan z", *method.spec.seed_key, 0)).double() * 2 - 1
    with bn_mode(method.generator, BNMode.BATCH), bn_mode(method.discriminator, BNMode.BATCH):
        fake = method.generator(z)
        p, p_hat = (torch.sigmoid(method.discriminator(images)[0]) for images in (x, fake))
        (hidden,) = _inputs_of_norms(method, x)[:1]
    loss_d, loss_g = -(p.log().mean() + (1 - p_hat).log().mean()), -p_hat.log().mean()
    torch.testing.assert_close(losses.by_group["d"], loss_d)
    torch.testing.assert_close(losses.by_group["g"], loss_g)
    for net, loss in ((method.discriminator, loss_d), (method.generator, loss_g)):
        wanted = torch.autograd.grad(loss, list(net.parameters()), retain_graph=True)
        for weight, gradient in zip(net.parameters(), wanted, strict=True):
            torch.testing.assert_close(weight.grad, gradient, rtol=1e-6, atol=1e-11)
    moved = 0.9 * before + 0.1 * hidden.mean((0, 2, 3))  # by real images alone
    torch.testing.assert_close(method.discriminator.batch_norms[0].running_mean, moved)


def _inputs_of_norms(method: AnoGan, x: Tensor) -> list[Tensor]:
    seen: list[Tensor] = []
    handles = [norm.register_forward_pre_hook(lambda _, args: seen.append(args[0])) for norm in _norms(method)]
    method.discriminator(x)
    for handle in handles:
        handle.remove()
    return seen


def _norms(method: AnoGan) -> tuple[torch.nn.Module, ...]:
    return method.discriminator.batch_norms


@pytest.mark.slow
def test_the_score_is_the_loss_after_torch_s_own_adam_from_the_image_s_start() -> None:
    """Each image alone, in float64: A = .9 sum |x - G(z)| + .1 sum |f(x) - f(G(z))|."""
    method = anogan(search_steps=7)
    for net in method.nets.values():
        net.double()
    x = torch.rand(3, 1, 32, 32, dtype=torch.float64) * 2 - 1
    positions = torch.tensor([5, 0, 900])
    expected = []
    for image, position in zip(x, positions.tolist(), strict=True):
        z = torch.rand(100, generator=seeded("anogan search", *method.spec.seed_key, position)) * 2 - 1
        z = z.double()[None].requires_grad_()
        adam = torch.optim.Adam([z], lr=0.05)
        for step in range(8):
            x_hat = method.generator(z)
            f, f_hat = (method.discriminator(one)[1] for one in (image[None], x_hat))
            loss = 0.9 * (image - x_hat).abs().sum() + 0.1 * (f - f_hat).abs().sum()
            if step < 7:
                z.grad = None
                loss.backward()
                adam.step()
        expected.append(loss.detach())
    with torch.no_grad():
        found = method.scores(x, None, positions)
    torch.testing.assert_close(found, torch.stack(expected), rtol=1e-9, atol=0)


@pytest.mark.slow
def test_the_search_helps_ticks_at_each_step_and_leaves_no_gradient() -> None:
    """So that a deadline is seen in the midst of a batch, and weights can be trained on after it."""
    ticks: list[int] = []
    steps, x = 20, torch.rand(4, 1, 32, 32) * 2 - 1
    means = []
    for count in (1, steps):
        method = anogan(search_steps=count)
        view = TrainView(*(None, None), batch=1, tick=lambda: ticks.append(1))  # type: ignore[arg-type]
        method.fit(view)
        with torch.no_grad():
            means.append(method.scores(x, None, torch.arange(4)).mean().item())
    assert means[1] < means[0]
    assert len(ticks) == 1 + steps
    assert all(one.grad is None and one.requires_grad for net in method.nets.values() for one in net.parameters())


@pytest.mark.slow
def test_the_start_is_the_image_s_own_and_the_seed_s() -> None:
    """The same pixels at another place of the test set, or with another seed, begin elsewhere."""
    x = torch.zeros(1, 1, 32, 32).repeat(3, 1, 1, 1)
    first, again, other = _starts(anogan(), x, [4, 4, 5])
    (of_seed,) = _starts(anogan(seed=1), x[:1], [4])
    assert torch.equal(first, again)
    assert (first - other).abs().mean() > 0.3
    assert (first - of_seed).abs().mean() > 0.3


def _starts(method: AnoGan, x: Tensor, positions: list[int]) -> Tensor:
    """The z that the generator is given first, (B, 100)."""
    seen: list[Tensor] = []
    handle = method.generator.register_forward_pre_hook(lambda _, args: seen.append(args[0].detach()))
    with torch.no_grad():
        method.scores(x, None, torch.tensor(positions))
    handle.remove()
    return seen[0]


def test_both_nets_move_in_each_update() -> None:
    training = training_of(small_spec("anogan"))
    update(training)
    assert training.terms.keys() == {"loss_d", "loss_g", "adv"}
