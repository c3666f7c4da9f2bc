"""Each loss against values worked out by hand."""

from __future__ import annotations

import math

import pytest
import torch
from torch import Tensor

from agad.methods.losses import (
    Distances,
    adversarial_loss,
    anomaly_loss,
    batch_shares,
    contextual_adversarial_loss,
    contextual_loss,
    discriminator_loss,
    generator_loss,
    latent_loss,
    normality_loss,
)
from tests.helpers.science import small


def images(*rows: list[float]) -> Tensor:
    """One image of 1x2x2 per row."""
    return torch.tensor(rows).reshape(-1, 1, 2, 2)


def test_adversarial_loss_eq5():
    """-log sigmoid(l) towards 1, -log(1 - sigmoid(l)) towards 0; at l = log 3 sigmoid is 3/4."""
    logits = torch.tensor([0.0, math.log(3)])
    torch.testing.assert_close(adversarial_loss(logits, 1.0), torch.tensor([math.log(2), -math.log(0.75)]))
    torch.testing.assert_close(adversarial_loss(logits, 0.0), torch.tensor([math.log(2), -math.log(0.25)]))


def test_adversarial_loss_is_exact_where_the_sigmoid_saturates():
    torch.testing.assert_close(adversarial_loss(torch.tensor([200.0]), 0.0), torch.tensor([200.0]))


def test_contextual_loss_eq6():
    x = images([0.0, 0.0, 0.0, 0.0], [1.0, 1.0, -1.0, -1.0])
    x_hat = images([1.0, -1.0, 0.5, 0.5], [1.0, 1.0, 1.0, -1.0])
    torch.testing.assert_close(contextual_loss(x, x_hat), torch.tensor([0.75, 0.5]))


def test_latent_loss_eq7():
    z = torch.tensor([[0.0, 0.0], [1.0, 2.0]])
    z_hat = torch.tensor([[3.0, 4.0], [1.0, 0.0]])
    torch.testing.assert_close(latent_loss(z, z_hat), torch.tensor([12.5, 2.0]))
    torch.testing.assert_close(latent_loss(z, z_hat, "norm"), torch.tensor([5.0, 2.0]))


def test_contextual_adversarial_loss_eq8():
    x_hat = images([0.0, 0.0, 0.0, 0.0])
    torch.testing.assert_close(contextual_adversarial_loss(x_hat, x_hat + 0.25), torch.tensor([-0.25]))


def distances(*, con: bool, adcon: bool = True) -> Distances:
    return Distances(
        adv=torch.tensor([0.1, 0.3]),
        con=torch.tensor([0.4, 0.8]) if con else None,
        adcon=torch.tensor([-0.1, -0.3]) if adcon else None,
        lat=torch.tensor([1.0, 4.0]),
    )


def test_normality_loss_eq9():
    loss, terms = normality_loss(distances(con=True), small())
    assert loss.item() == pytest.approx(1 * 0.2 + 50 * 0.6 + 15 * -0.2 + 5 * 2.5)
    assert {name: term.item() for name, term in terms.items()} == pytest.approx(
        {"adv": 0.2, "con": 0.6, "adcon": -0.2, "lat": 2.5}
    )


def test_normality_loss_takes_its_weights_from_the_spec():
    spec = small(lambda_adv=2, lambda_con=3, lambda_adcon=7, lambda_lat=11)
    assert normality_loss(distances(con=True), spec)[0].item() == pytest.approx(0.4 + 1.8 - 1.4 + 27.5)


def test_normality_loss_without_context():
    loss, terms = normality_loss(distances(con=True, adcon=False), small())
    assert loss.item() == pytest.approx(0.2 + 30 + 12.5)
    assert "adcon" not in terms


def test_anomaly_loss_eq10_of_means():
    loss, terms = anomaly_loss(distances(con=False), small(recip_eps=0.5))
    expected = {"recip_adv": 1 / 0.7, "recip_adcon": 1 / 0.7, "recip_lat": 1 / 3.0}
    assert {name: term.item() for name, term in terms.items()} == pytest.approx(expected)
    assert loss.item() == pytest.approx(1 / 0.7 + 15 / 0.7 + 5 / 3.0)


def test_anomaly_loss_eq10_per_sample():
    loss, terms = anomaly_loss(distances(con=False), small(recip_eps=0.5, reciprocal="per_sample"))
    by_pairs = (1 / 0.6 + 1 / 0.8) / 2
    expected = {"recip_adv": by_pairs, "recip_adcon": by_pairs, "recip_lat": (1 / 1.5 + 1 / 4.5) / 2}
    assert {name: term.item() for name, term in terms.items()} == pytest.approx(expected)
    assert loss.item() == pytest.approx(sum(w * v for w, v in zip((1, 15, 5), expected.values(), strict=True)))


def test_anomaly_loss_without_context():
    loss, terms = anomaly_loss(distances(con=False, adcon=False), small(recip_eps=0.5))
    assert loss.item() == pytest.approx(1 / 0.7 + 5 / 3.0)
    assert "recip_adcon" not in terms


def test_reciprocals_are_bounded_by_epsilon():
    nothing = Distances(adv=torch.zeros(2), con=None, adcon=-torch.zeros(2), lat=torch.zeros(2))
    loss, terms = anomaly_loss(nothing, small(recip_eps=0.001))
    assert {name: term.item() for name, term in terms.items()} == pytest.approx(
        dict.fromkeys(("recip_adv", "recip_adcon", "recip_lat"), 1000)
    )
    assert loss.item() == pytest.approx(21_000)


def test_a_term_of_weight_zero_is_left_out_even_where_it_is_infinite():
    broken = Distances(
        adv=torch.tensor([math.inf]), con=torch.tensor([1.0]), adcon=torch.tensor([-1.0]), lat=torch.tensor([1.0])
    )
    assert normality_loss(broken, small(lambda_adv=0))[0].item() == pytest.approx(50 - 15 + 5)
    assert normality_loss(broken, small(lambda_adv=0, lambda_con=0, lambda_adcon=0, lambda_lat=0))[0].item() == 0


def test_generator_loss_eq11():
    l_n, l_a = torch.tensor(2.0), torch.tensor(10.0)
    assert generator_loss(l_n, l_a, (1.0, 1.0)).item() == 12
    assert generator_loss(l_n, l_a, (0.75, 0.25)).item() == 4
    assert generator_loss(l_n, None, (1.0, 1.0)).item() == 2


def test_discriminator_loss_algorithm1_lines_7_and_10():
    three = torch.tensor([math.log(3)])  # sigmoid 3/4
    real, generated, true_anomaly = -math.log(0.75), -math.log(0.25), -math.log(0.25)
    without = discriminator_loss(three, three, None, (1.0, 1.0))
    assert without.item() == pytest.approx(real + generated)
    both = discriminator_loss(three, three, three, (1.0, 1.0))
    assert both.item() == pytest.approx(real + generated + true_anomaly)
    shared = discriminator_loss(three, three, three, (0.75, 0.25))
    assert shared.item() == pytest.approx(0.75 * (real + generated) + 0.25 * true_anomaly)


def test_batch_shares():
    assert batch_shares(8, 4, "one") == (1.0, 1.0)
    assert batch_shares(9, 3, "share") == (0.75, 0.25)
    assert batch_shares(9, 0, "share") == (1.0, 0.0)


def test_losses_are_float32_whatever_comes_in():
    half = torch.ones(2, 3, dtype=torch.bfloat16)
    assert latent_loss(half, half * 2).dtype == torch.float32
    assert contextual_loss(half, half * 2).dtype == torch.float32
    assert adversarial_loss(half[:, 0], 1.0).dtype == torch.float32


def test_the_distance_of_equal_features_has_a_finite_gradient():
    z = torch.ones(2, 3, requires_grad=True)
    latent_loss(torch.ones(2, 3), z, "norm").mean().backward()
    assert z.grad is not None
    assert z.grad.isfinite().all()
