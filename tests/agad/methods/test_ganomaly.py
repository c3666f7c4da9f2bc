"""GANomaly: its losses by hand, a step against its authors' own in plain torch, and its place in a run."""

from __future__ import annotations

import dataclasses
import math
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor, nn

from agad.methods import build_generator, method_of
from agad.methods.ganomaly import discriminator_loss, encoder_loss, feature_matching_loss, generator_loss
from agad.nets.build import count_parameters
from agad.scoring.evaluate import score_weights
from agad.spec.run import EVAL_PROTOCOLS, RunSpec
from agad.train.run import Action, Interrupted, train
from agad.train.update import backward, forward, update
from tests.helpers.science import OPTIONS, made_up, small, training_of


def ganomaly(**changes: Any) -> RunSpec:
    return small(**({"method": "ganomaly", "gamma": 0.0, "min_anomalies": 32, "image_size": 32} | changes))


# -- losses by hand --------------------------------------------------------------------------------------------------


def test_feature_matching_is_the_mean_square_over_images_and_features():
    f, f_hat = torch.tensor([[1.0, 2.0], [0.0, 0.0]]), torch.tensor([[1.0, 4.0], [1.0, 1.0]])
    assert feature_matching_loss(f, f_hat).item() == (0 + 4 + 1 + 1) / 4


def test_encoder_loss_is_the_mean_square_over_images_and_latents():
    latent, latent_hat = torch.zeros(2, 3, 1, 1), torch.tensor([1.0, 2.0, 0.0, 0.0, 0.0, 1.0]).reshape(2, 3, 1, 1)
    assert encoder_loss(latent, latent_hat).item() == pytest.approx(1.0)


def test_weights_of_the_generator_s_terms():
    terms = {name: torch.tensor(value) for name, value in {"adv": 2.0, "con": 0.5, "lat": 3.0}.items()}
    assert generator_loss(terms).item() == 1 * 2 + 50 * 0.5 + 1 * 3


def test_discriminator_loss_is_half_the_sum_of_both_means():
    """Logits 0 cost log 2; log 3 is the probability 3/4."""
    y, y_hat = torch.tensor([0.0, math.log(3)]), torch.tensor([math.log(3), math.log(3)])
    real = (math.log(2) - math.log(3 / 4)) / 2
    fake = -math.log(1 / 4)
    assert discriminator_loss(y, y_hat).item() == pytest.approx((real + fake) / 2)


class Fixed(nn.Module):
    """Three outputs whatever the image."""

    def forward(self, x: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        latent = torch.tensor([[0.0, 0.0], [1.0, 1.0]]).reshape(2, 2, 1, 1)
        latent_hat = torch.tensor([[3.0, 4.0], [1.0, 2.0]]).reshape(2, 2, 1, 1)
        return x + 1, latent, latent_hat


def test_the_score_is_of_latents_and_the_picture_is_the_decoder_s():
    x = torch.zeros(2, 1, 4, 4)
    method = method_of(ganomaly(), 1)
    method.generator = Fixed()
    assert method.scores(x, None, torch.arange(2)).tolist() == [12.5, 0.5]
    assert torch.equal(method.reconstruct(x), x + 1)


# -- nets ------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("channels", "expected"), [(1, 3_200_384), (3, 3_206_528)])
def test_generator_parameters(channels: int, expected: int):
    """3.2 million: the naive generator's 2,133,632 (1 channel) and one more encoder's 1,066,752."""
    net = build_generator(ganomaly(), channels, torch.Generator())
    assert count_parameters(net) == expected


def test_encoder_and_decoder_start_from_agad_s_own_convolutions():
    """Both methods of a seed are paired as far as they have the same layers."""
    theirs = training_of(ganomaly()).method.generator.state_dict()
    naive = training_of(small(gamma=0.0, image_size=32)).method.generator.state_dict()
    convolutions = [name for name, tensor in naive.items() if tensor.dim() == 4]
    assert len(convolutions) == 8
    assert all(torch.equal(theirs[name], naive[name]) for name in convolutions)


# -- a step ----------------------------------------------------------------------------------------------------------


def their_encoder(outputs: int) -> list[nn.Module]:
    """lib/networks.py, Encoder at isize 32 with one channel."""
    return [
        nn.Conv2d(1, 64, 4, 2, 1, bias=False),
        nn.LeakyReLU(0.2),
        nn.Conv2d(64, 128, 4, 2, 1, bias=False),
        nn.BatchNorm2d(128),
        nn.LeakyReLU(0.2),
        nn.Conv2d(128, 256, 4, 2, 1, bias=False),
        nn.BatchNorm2d(256),
        nn.LeakyReLU(0.2),
        nn.Conv2d(256, outputs, 4, 1, 0, bias=False),
    ]


def their_decoder() -> list[nn.Module]:
    """lib/networks.py, Decoder at isize 32 with one channel."""
    return [
        nn.ConvTranspose2d(100, 256, 4, 1, 0, bias=False),
        nn.BatchNorm2d(256),
        nn.ReLU(),
        nn.ConvTranspose2d(256, 128, 4, 2, 1, bias=False),
        nn.BatchNorm2d(128),
        nn.ReLU(),
        nn.ConvTranspose2d(128, 64, 4, 2, 1, bias=False),
        nn.BatchNorm2d(64),
        nn.ReLU(),
        nn.ConvTranspose2d(64, 1, 4, 2, 1, bias=False),
        nn.Tanh(),
    ]


class Theirs:
    """lib/model.py, optimize_params, in float64: its own order of passes, losses and steps; nothing of agad is used."""

    def __init__(self) -> None:
        self.encoder = nn.Sequential(*their_encoder(100))
        self.decoder = nn.Sequential(*their_decoder())
        self.second_encoder = nn.Sequential(*their_encoder(100))
        *features, classifier = their_encoder(1)
        self.features, self.classifier = nn.Sequential(*features), classifier

    def start(self, generator: nn.Module, discriminator: nn.Module) -> None:
        """Take over the weights, and make the optimisers."""
        for net in (generator, discriminator):
            for name, part in net.named_children():
                getattr(self, name).double().train().load_state_dict(part.state_dict(), strict=False)
        self.g = nn.ModuleList([self.encoder, self.decoder, self.second_encoder])
        self.d = nn.ModuleList([self.features, self.classifier])
        self.adams = [torch.optim.Adam(net.parameters(), 2e-4, (0.5, 0.999), foreach=False) for net in (self.g, self.d)]

    def judge(self, x: Tensor) -> tuple[Tensor, Tensor]:
        features = self.features(x)
        return torch.sigmoid(self.classifier(features)).reshape(-1), features

    def step(self, x: Tensor) -> dict[str, float]:
        latent = self.encoder(x)
        fake = self.decoder(latent)
        latent_hat = self.second_encoder(fake)
        real_probability, _ = self.judge(x)
        fake_probability, _ = self.judge(fake.detach())
        self.adams[0].zero_grad()
        adv = ((self.judge(x)[1] - self.judge(fake)[1]) ** 2).mean()
        con = (fake - x).abs().mean()
        enc = ((latent_hat - latent) ** 2).mean()
        err_g = adv * 1 + con * 50 + enc * 1
        err_g.backward(retain_graph=True)
        self.adams[0].step()
        self.adams[1].zero_grad()
        bce = nn.BCELoss()
        ones = torch.ones_like(real_probability)
        err_d = 0.5 * (bce(real_probability, ones) + bce(fake_probability, 0 * ones))
        err_d.backward()
        self.adams[1].step()
        values = {"loss_g": err_g, "loss_d": err_d, "adv": adv, "con": con, "lat": enc}
        return {name: value.item() for name, value in values.items()}


@pytest.mark.slow
def test_steps_are_those_of_its_authors():
    """Three steps in float64: losses, all weights, and the generator's running statistics."""
    training = training_of(ganomaly(batch_size=6))
    training.method.generator.double()
    training.method.discriminator.double()
    theirs = Theirs()
    theirs.start(training.method.generator, training.method.discriminator)
    for number in range(3):
        x = training._images.take(training.batches.positions(number)).double()
        losses = training.method.losses(forward(training, x))
        backward(training, losses)
        training.optimisers["g"].step()
        training.optimisers["d"].step()
        ours = {"loss_g": losses.by_group["g"].item(), "loss_d": losses.by_group["d"].item()}
        ours |= {name: term.item() for name, term in losses.terms.items()}
        assert ours == pytest.approx(theirs.step(x), rel=1e-9)
    for net in (training.method.generator, training.method.discriminator):
        for name, part in net.named_children():
            expected = dict(getattr(theirs, name).named_parameters())
            if net is training.method.generator:  # theirs sends each batch through D twice, which nothing ever reads
                expected |= dict(getattr(theirs, name).named_buffers())
            for inner, tensor in part.state_dict().items():
                if inner in expected:
                    torch.testing.assert_close(tensor, expected[inner], rtol=0, atol=1e-9, msg=f"{name}.{inner}")


@pytest.mark.slow
def test_each_pass_is_made_once():
    training = training_of(ganomaly())
    passes: list[str] = []
    for name, net in (("G", training.method.generator), ("D", training.method.discriminator)):
        net.register_forward_pre_hook(lambda *_, name=name: passes.append(name))
    update(training)
    assert passes == ["G", "D", "D"]
    assert training.terms.keys() == {"loss_g", "loss_d", "adv", "con", "lat"}


@pytest.mark.slow
def test_the_discriminator_is_drawn_anew():
    training = training_of(ganomaly(d_reset_threshold=1e9))
    update(training)
    assert training.method.d_resets == 1


# -- runs ------------------------------------------------------------------------------------------------------------


@pytest.mark.slow
def test_its_run_is_a_row_and_its_weights_give_the_row_s_scores(tmp_path: Path):
    spec = ganomaly(updates=2, curve=(1,), final_protocols=EVAL_PROTOCOLS)
    data = made_up(size=32)
    row = train(spec, dataclasses.replace(OPTIONS, weights_dir=str(tmp_path)), data=data).to_row()
    assert (row["status"], row["method"], row["n_batch_normal"], row["parameters_g"]) == (
        "ok",
        "ganomaly",
        12,
        3_200_384,
    )
    assert row["curve_adcon"] == row["curve_recip_adv"] == [None, None]
    assert all(value > 0 for name in ("adv", "con", "lat") for value in row[f"curve_{name}"])
    assert len(row["recon_x_hat"]) == 16 * 32 * 32
    again = score_weights(tmp_path / row["weights"], options=OPTIONS, data=data)
    assert {name: scores.tolist() for name, scores in again.items()} == {p: row[f"scores_{p}"] for p in EVAL_PROTOCOLS}
    assert len({str(scores) for scores in again.values()}) == len(EVAL_PROTOCOLS)


@pytest.mark.usefixtures("narrow")
@pytest.mark.slow
@pytest.mark.parametrize("precision", ["fp32", "bf16"])
def test_an_interrupted_run_gives_the_same_scores(tmp_path: Path, precision: str):
    spec = ganomaly(updates=2, curve=(), precision=precision, final_protocols=("eval", "eval_recal"))
    data = made_up(size=32)
    calls = iter(range(10))
    options = dataclasses.replace(OPTIONS, checkpoint_dir=str(tmp_path))
    with pytest.raises(Interrupted):
        train(spec, options, data=data, control=lambda _: Action.STOP if next(calls) == 1 else Action.CONTINUE)
    resumed, whole = (train(spec, one, data=data).values for one in (options, OPTIONS))
    assert resumed["resumes"] == 1
    for name in ("scores_eval", "scores_eval_recal", "recon_x_hat", "curve_lat"):
        assert resumed[name] == whole[name]


def test_a_name_becomes_a_method():
    assert type(method_of(ganomaly(), 1)).__name__ == "Ganomaly"
    assert type(method_of(small(), 1)).__name__ == "Agad"
