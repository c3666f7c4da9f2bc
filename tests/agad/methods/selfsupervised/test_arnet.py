"""ARNet: loss and score by hand in float64, what is erased, and its authors' optimiser."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from torch import Tensor

from agad.methods import TrainView, method_of
from agad.methods.selfsupervised.arnet import Arnet, Outputs, greyed
from agad.train.update import update
from tests.helpers.methods import small_spec
from tests.helpers.science import made_up, training_of

X = torch.rand(6, 3, 16, 16, generator=torch.Generator().manual_seed(0)) * 2 - 1


def arnet(**changes: Any) -> Arnet:
    method = method_of(small_spec("arnet", **changes), 3)
    assert isinstance(method, Arnet)
    return method


def test_the_losses_by_hand_in_float64() -> None:
    x, x_hat = X.double(), X.flip(0).double()
    differences = (x - x_hat).flatten().tolist()
    squares = sum(d * d for d in differences) / len(differences)
    absolutes = sum(abs(d) for d in differences) / len(differences)
    for name, expected in (("mse", squares), ("l1", absolutes)):
        losses = arnet(restoration_loss=name).losses(Outputs(x, x_hat))
        assert losses.by_group["generator"].item() == pytest.approx(expected, rel=1e-12)
        assert losses.terms["con"].item() == pytest.approx(absolutes, rel=1e-12)


@pytest.mark.slow
@torch.no_grad()
def test_the_score_by_hand() -> None:
    """Each turn's L1 error relative to its mean over the training normals, then the mean over turns."""
    method, training = arnet(), training_of(small_spec("arnet"), made_up(size=16, channels=3))
    normals = training._images.part(0, training._counts[0])
    fitted = method.fit(TrainView(normals, normals.part(0, 0), 4, lambda: None))

    def errors(images: Tensor) -> Tensor:
        erased = [images.mean(1, keepdim=True).repeat(1, 3, 1, 1).rot90(k, (2, 3)) for k in range(4)]
        restored = [method.generator(one).double() for one in erased]
        return torch.stack([(one - images).abs().mean((1, 2, 3)) for one in restored], 1)

    of_normals = errors(normals.take(torch.arange(len(normals)))).mean(0)
    torch.testing.assert_close(fitted.double(), of_normals, rtol=1e-5, atol=1e-7)
    expected = (errors(X) / of_normals).mean(1)
    torch.testing.assert_close(method.scores(X, fitted, torch.arange(6)).double(), expected, rtol=1e-5, atol=1e-6)


def test_the_net_sees_grey_turned_images_and_restores_upright_ones_in_colour() -> None:
    method, seen = arnet(augmentation="flip"), []
    method.generator.register_forward_pre_hook(lambda _, inputs: seen.append(inputs[0]))
    flips, turns = (method.draw("flips", 2, 6), method.draw("turns", 4, 6))
    assert len(set(turns.tolist())) > 1
    assert set(flips.tolist()) == {0, 1}
    out = method.forward(X, 6)
    for i, (flip, turn) in enumerate(zip(flips.tolist(), turns.tolist(), strict=True)):
        image = X[i : i + 1].flip(3) if flip else X[i : i + 1]
        assert torch.equal(out.x[i], image[0])
        assert torch.equal(seen[0][i], greyed(image).rot90(turn, (2, 3))[0])
    assert torch.equal(seen[0][:, 0], seen[0][:, 2])


def test_without_augmentation_the_target_is_the_image() -> None:
    assert torch.equal(arnet().forward(X, 6).x, X)


@pytest.mark.slow
def test_a_rate_that_is_halved_moves_the_weights_as_torch_s_own_descent() -> None:
    """SGD without momentum and MultiStepLR(gamma=.5), as the unofficial code has them."""
    training = training_of(small_spec("arnet", optimiser="sgd", lr=0.1, lr_steps=(1, 2), lr_divisor=2.0))
    net = training.method.nets["generator"]
    theirs = [weight.detach().clone().requires_grad_() for weight in net.parameters()]
    sgd = torch.optim.SGD(theirs, 0.1)
    schedule = torch.optim.lr_scheduler.MultiStepLR(sgd, [1, 2], 0.5)
    kept: list[list[Tensor]] = []
    step = training.optimisers["generator"].step
    training.optimisers["generator"].step = lambda: (kept.append([w.grad.clone() for w in net.parameters()]), step())[1]
    for _ in range(3):
        update(training)
        for weight, gradient in zip(theirs, kept[-1], strict=True):
            weight.grad = gradient
        sgd.step()
        schedule.step()
    for mine, other in zip(net.parameters(), theirs, strict=True):
        torch.testing.assert_close(mine, other, rtol=1e-6, atol=1e-7)
