"""The supervised classifier: its loss, its nets, and what decides them."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from torch import Tensor

from agad.methods import method_of
from agad.methods.rivals.classifier import Outputs
from agad.train.update import update
from tests.helpers.methods import small_spec
from tests.helpers.science import training_of


def entropy(logit: Tensor, target: int) -> Tensor:
    """-log p(target), by definition."""
    p = 1 / (1 + torch.exp(-logit))
    return -torch.log(p if target else 1 - p)


def test_the_loss_by_hand_in_float64() -> None:
    """Logits are positive for normal; `share` is the mean over images, `one` the sum of both means."""
    logits = torch.tensor([0.3, -1.2, 2.0, 0.7, -0.4], dtype=torch.float64)
    normal, anomaly = entropy(logits[:3], 1), entropy(logits[3:], 0)
    for weight, expected in (
        ("one", normal.mean() + anomaly.mean()),
        ("share", (normal.sum() + anomaly.sum()) / 5),
    ):
        losses = method_of(small_spec("classifier", anomaly_weight=weight), 1).losses(Outputs(logits, 3))
        torch.testing.assert_close(losses.by_group["c"], expected)


@pytest.mark.parametrize("encoder", ["lenet_small", "lenet_medium", "lenet_large", "netd"])
def test_the_score_is_the_log_odds_of_an_anomaly(encoder: str) -> None:
    method = method_of(small_spec("classifier", encoder=encoder), 1)
    x = torch.rand(4, 1, 32, 32) * 2 - 1
    (net,) = method.nets.values()
    out = net((x + 1) / 2)
    logits = out[0] if encoder == "netd" else out
    torch.testing.assert_close(method.scores(x, None, torch.arange(4)), -logits)


def test_with_netd_it_starts_from_agad_s_discriminator() -> None:
    """So that nothing but the loss differs."""
    (mine,) = method_of(small_spec("classifier", encoder="netd"), 1).nets.values()
    agad = method_of(small_spec("agad"), 1).nets["discriminator"]
    assert all(torch.equal(a, b) for a, b in zip(mine.parameters(), agad.parameters(), strict=True))


def weights_after(**changes: Any) -> list[Tensor]:
    plain = {"encoder": "lenet_small", "scaling": "minus1_1", "weight_decay": 0.0, "lr_steps": ()}
    training = training_of(small_spec("classifier", **(plain | changes)))
    for _ in range(training.spec.updates):
        update(training)
    return [weight for net in training.method.nets.values() for weight in net.state_dict().values()]


@pytest.mark.slow
@pytest.mark.parametrize(
    "change",
    [
        *({"encoder": name} for name in ("lenet_medium", "lenet_large", "netd")),
        *({"scaling": "unit"}, {"weight_decay": 0.01}, {"lr_steps": (2,)}, {"anomaly_weight": "share"}),
    ],
    ids=str,
)
def test_each_of_its_fields_moves_other_weights(change: dict[str, Any]) -> None:
    one, other = weights_after(), weights_after(**change)
    same_net = [weight.shape for weight in one] == [weight.shape for weight in other]
    assert not same_net or not all(map(torch.equal, one, other))


def test_a_step_of_the_rate_is_the_decay_of_torch_s_own_schedule() -> None:
    """Adam with L2 decay and MultiStepLR, as Deep SAD's trainer has them, bit for bit."""
    spec = small_spec("classifier", lr_steps=(1, 2), weight_decay=0.05, scaling="minus1_1")
    training = training_of(spec)
    net = training.method.nets["classifier"]
    theirs = [weight.detach().clone().requires_grad_() for weight in net.parameters()]
    adam = torch.optim.Adam(theirs, spec.lr, (spec.beta1, spec.beta2), weight_decay=0.05, fused=True)
    schedule = torch.optim.lr_scheduler.MultiStepLR(adam, [1, 2])
    kept: list[list[Tensor]] = []
    step = training.optimisers["c"].step
    training.optimisers["c"].step = lambda: (kept.append([w.grad.clone() for w in net.parameters()]), step())[1]
    for _ in range(3):
        update(training)
        for weight, gradient in zip(theirs, kept[-1], strict=True):
            weight.grad = gradient
        adam.step()
        schedule.step()
    for mine, other in zip(net.parameters(), theirs, strict=True):
        assert torch.equal(mine, other)
