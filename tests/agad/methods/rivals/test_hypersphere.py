"""Deep SVDD and Deep SAD: losses, centre and radius by hand, nets against their counts, and the two stages."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch
from torch import nn

from agad.data.split import one_class_split
from agad.methods import method_of
from agad.methods.rivals.deep_svdd import WARM_UP, DeepSvdd
from agad.nets.build import count_parameters, drawn
from agad.nets.lenet import LeNetDecoder
from agad.train.row import size_columns
from agad.train.run import train
from agad.train.update import update
from tests.helpers.methods import small_spec
from tests.helpers.science import OPTIONS, made_up, training_of

DISTANCES = torch.tensor([0.5, 2.0, 0.1, 3.0], dtype=torch.float64)


def svdd(**changes: Any) -> DeepSvdd:
    method = method_of(small_spec("deep_svdd", **changes), 1)
    assert isinstance(method, DeepSvdd)
    return method


def test_deep_sad_s_loss_by_hand() -> None:
    """The last image is a labelled anomaly: eta / (d + 1e-6)."""
    loss = method_of(small_spec("deep_sad"), 1).sphere_loss(DISTANCES, 3)
    assert loss.item() == pytest.approx((0.5 + 2.0 + 0.1 + 1 / (3.0 + 1e-6)) / 4, rel=1e-12)


def test_deep_svdd_s_losses_by_hand() -> None:
    assert svdd(boundary="hard").sphere_loss(DISTANCES, 4).item() == pytest.approx(5.6 / 4)
    soft = svdd(boundary="soft")
    soft.sphere.double()
    soft.sphere.radius.fill_(0.7)
    outside = [max(0.0, d - 0.49) for d in DISTANCES.tolist()]
    assert soft.sphere_loss(DISTANCES, 4).item() == pytest.approx(0.49 + sum(outside) / 4 / 0.1, rel=1e-12)


def test_the_autoencoders_losses_by_hand() -> None:
    """Deep SVDD's is a sum over pixels, Deep SAD's a mean."""
    x, x_hat = torch.zeros(2, 1, 2, 2), torch.tensor([[1.0, 2.0, 0.0, 0.0], [3.0, 0.0, 0.0, 0.0]]).view(2, 1, 2, 2)
    assert svdd().pretraining_loss(x, x_hat).item() == (5 + 9) / 2
    assert method_of(small_spec("deep_sad"), 1).pretraining_loss(x, x_hat).item() == (5 + 9) / 8


@pytest.mark.slow
def test_the_radius_is_a_quantile_of_each_batch_once_the_first_epochs_are_over() -> None:
    training = training_of(small_spec("deep_svdd", updates=WARM_UP + 2))
    per_epoch = len(made_up().train_images) // 4 // training.spec.batch_size
    assert per_epoch == 1
    for _ in range(training.spec.pretrain_updates + WARM_UP):
        update(training)
        assert training.method.sphere.radius.item() == 0
    update(training)
    expected = np.quantile(np.sqrt(training.method._distances.numpy()), 0.9)
    assert training.method.sphere.radius.item() == pytest.approx(expected, rel=1e-6)


@pytest.mark.parametrize("method", ["deep_svdd", "deep_sad"])
def test_the_centre_is_the_mean_code_after_pretraining_and_then_stays(method: str) -> None:
    """Of all training images, labelled anomalies included, in inference mode; entries are kept away from 0."""
    training = training_of(small_spec(method))
    sphere, encoder = training.method.sphere, training.method.encoder
    for _ in range(training.spec.pretrain_updates):
        update(training)
        assert not sphere.centre.any()
    everything = training._images.take(torch.arange(len(training._images)))
    with torch.no_grad():
        mean = encoder(sphere.scaling(everything)).mean(0)
    update(training)
    centre = sphere.centre.clone()
    far = mean.abs() > 0.1
    torch.testing.assert_close(centre[far], mean[far], rtol=1e-4, atol=1e-5)
    torch.testing.assert_close(centre[~far], 0.1 * mean[~far].sign())
    update(training)
    assert torch.equal(sphere.centre, centre)


def test_pretraining_moves_the_encoder_that_is_then_trained_and_the_decoder_alone() -> None:
    training = training_of(small_spec("deep_sad"))
    start = [weight.clone() for weight in training.method.encoder.parameters()]
    update(training)
    assert training.terms.keys() == {"loss_ae"}
    assert not any(map(torch.equal, start, training.method.encoder.parameters()))
    update(training)
    decoder = [weight.clone() for weight in training.method.nets["decoder"].parameters()]
    update(training)
    assert training.terms.keys() == {"loss_sphere"}
    assert [len(one.state) for one in training.optimisers.values()] == [3, 6], "each has moved its own stage alone"
    assert {int(state["step"]) for state in training.optimisers["ae"].state.values()} == {2}
    assert all(map(torch.equal, decoder, training.method.nets["decoder"].parameters()))


def test_without_pretraining_there_is_no_decoder_and_the_batches_are_the_same() -> None:
    with_it, without = training_of(small_spec("deep_sad")), training_of(small_spec("deep_sad", pretrain_updates=0))
    assert "decoder" not in without.method.nets
    first = without.batch()
    assert not torch.equal(with_it.batch(), first), "pretraining has draws of its own"
    for _ in range(with_it.spec.pretrain_updates):
        update(with_it)
    assert torch.equal(with_it.batch(), first)


def test_each_stage_has_its_rate_and_decay() -> None:
    spec = small_spec("deep_sad", pretrain_updates=3, pretrain_lr_steps=(1,), lr_steps=(1, 2), weight_decay=0.3)
    training = training_of(spec)
    rates = []
    for _ in range(6):
        name = "ae" if training.done < 0 else "sphere"
        update(training)
        rates.append(training.optimisers[name].lr / spec.lr)
    assert rates == pytest.approx([1, 0.1, 0.1, 1, 0.1, 0.01])
    assert [training.optimisers[name].weight_decay for name in ("ae", "sphere")] == [1e-3, 0.3]


def test_a_row_counts_the_updates_of_the_last_stage() -> None:
    record = train(small_spec("deep_sad", curve=(1,)), OPTIONS, data=made_up(size=32))
    assert record.values["updates_done"] == 3
    assert record.values["curve_update"] == [1, 3]
    training = training_of(small_spec("deep_sad"))
    update(training)
    split = one_class_split(made_up(size=32), training.spec)
    assert size_columns(training, split, {})["updates_done"] == 0


@pytest.mark.parametrize(
    ("channels", "kind", "count"),
    [(3, "lenet_large", 284_000), (1, "lenet_small", 1_200), (1, "lenet_medium", 8_192 + 6_400 + 12_800 + 400)],
)
def test_the_decoders_parameters_are_their_authors(channels: int, kind: str, count: int) -> None:
    assert count_parameters(drawn(lambda: LeNetDecoder(channels, kind), torch.Generator(), "torch")) == count


def test_the_decoder_of_cifar10_is_their_authors() -> None:
    """Deep SVDD's, with the normalised code, in plain torch."""

    def norm(width: int) -> nn.Module:
        return nn.BatchNorm2d(width, eps=1e-4, affine=False).eval()

    ours = drawn(lambda: LeNetDecoder(3, "lenet_large", norm_code=True), torch.Generator().manual_seed(0), "torch")
    up = nn.Upsample(scale_factor=2)
    theirs = nn.Sequential(
        *(nn.BatchNorm1d(128, eps=1e-4, affine=False).eval(), nn.Unflatten(1, (8, 4, 4)), nn.LeakyReLU()),
        *(nn.ConvTranspose2d(8, 128, 5, bias=False, padding=2), norm(128), nn.LeakyReLU(), up),
        *(nn.ConvTranspose2d(128, 64, 5, bias=False, padding=2), norm(64), nn.LeakyReLU(), up),
        *(nn.ConvTranspose2d(64, 32, 5, bias=False, padding=2), norm(32), nn.LeakyReLU(), up),
        *(nn.ConvTranspose2d(32, 3, 5, bias=False, padding=2), nn.Sigmoid()),
    )
    for mine, other in zip(ours.parameters(), theirs.parameters(), strict=True):
        other.data.copy_(mine)
    code = torch.randn(2, 128)
    torch.testing.assert_close(ours(code), theirs(code))


def test_contrast_normalised_normals_fill_the_unit_interval() -> None:
    training = training_of(small_spec("deep_svdd"))
    update(training)
    normals = training._images.take(torch.arange(len(training._images)))
    low, high = training.method.sphere.scaling(normals).aminmax()
    assert (low.item(), high.item()) == pytest.approx((0, 1), abs=1e-6)
