"""Skip-GANomaly: a step against its authors' own nets and losses in plain torch, in float64."""

from __future__ import annotations

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from agad.methods import method_of
from agad.nets.build import count_parameters
from agad.train.update import backward
from tests.helpers.methods import small_spec
from tests.helpers.science import training_of


class Block(nn.Module):
    """A level of networks.py's UnetGenerator around the next: as theirs, in place and recursive."""

    def __init__(self, outer: int, inner: int, submodule: nn.Module | None, *, outermost: bool = False) -> None:
        super().__init__()
        down = nn.Conv2d(outer, inner, 4, 2, 1, bias=False)
        up = nn.ConvTranspose2d(inner if submodule is None else 2 * inner, outer, 4, 2, 1, bias=outermost)
        self.outermost = outermost
        if outermost:
            parts = [down, submodule, nn.ReLU(True), up, nn.Tanh()]
        elif submodule is None:
            parts = [nn.LeakyReLU(0.2, True), down, nn.ReLU(True), up, nn.BatchNorm2d(outer)]
        else:
            parts = [nn.LeakyReLU(0.2, True), down, nn.BatchNorm2d(inner), submodule, nn.ReLU(True), up]
            parts.append(nn.BatchNorm2d(outer))
        self.model = nn.Sequential(*parts)

    def forward(self, x: Tensor) -> Tensor:
        if self.outermost:
            return self.model(x)
        return torch.cat([x, self.model(x)], 1)


def their_generator(channels: int) -> Block:
    block = None
    for outer, inner in ((512, 512), (256, 512), (128, 256), (64, 128)):
        block = Block(outer, inner, block)
    return Block(channels, 64, block, outermost=True)


def their_discriminator(channels: int) -> nn.ModuleList:
    layers = [nn.Conv2d(channels, 64, 4, 2, 1, bias=False), nn.LeakyReLU(0.2, True)]
    for width in (64, 128):
        layers += [nn.Conv2d(width, 2 * width, 4, 2, 1, bias=False), nn.BatchNorm2d(2 * width), nn.LeakyReLU(0.2, True)]
    layers.append(nn.Conv2d(256, 100, 4, bias=False))
    return nn.ModuleList([nn.Sequential(*layers), nn.Conv2d(100, 1, 3, 1, 1, bias=False)])


@pytest.mark.slow
@pytest.mark.parametrize("channels", [1, 3])
def test_parameters_are_their_authors(channels: int) -> None:
    nets = method_of(small_spec("skip_ganomaly"), channels).nets
    assert count_parameters(nets["generator"]) == count_parameters(their_generator(channels))
    assert count_parameters(nets["discriminator"]) == count_parameters(their_discriminator(channels))


@pytest.mark.slow
def test_losses_and_gradients_are_those_of_its_authors() -> None:
    """One step of optimize_params, whose L_d has the feature term too."""
    training = training_of(small_spec("skip_ganomaly"))
    method = training.method
    generator, (features, classifier) = their_generator(1), their_discriminator(1)
    ups = [m for m in generator.modules() if type(m) is nn.ConvTranspose2d]
    downs = [m for m in generator.modules() if type(m) is nn.Conv2d]
    norms = [m for m in generator.modules() if isinstance(m, nn.BatchNorm2d)]
    assert len(downs) == 5
    ours_g, ours_d = method.nets["generator"], method.nets["discriminator"]
    pairs = list(zip(downs, ours_g.downs, strict=True))
    pairs += list(zip(ups, reversed(ours_g.ups), strict=True))  # from inside
    for mine, own in pairs:
        assert mine.weight.shape == own.weight.shape
        mine.load_state_dict(own.state_dict())
    own_norms = [*ours_g.down_norms[1:4], *reversed(ours_g.up_norms[1:])]
    assert len(norms) == len(own_norms)
    for mine, own in zip(norms, own_norms, strict=True):
        mine.weight.data.copy_(own.weight)
        mine.bias.data.copy_(own.bias)
    features.load_state_dict(ours_d.features.state_dict(), strict=False)
    classifier.load_state_dict(ours_d.classifier.state_dict())
    for net in (generator, features, classifier, ours_g, ours_d):
        net.double()

    x = training.batch().double()
    losses = method.losses(method.forward(x, len(x)))
    backward(training, losses)

    fake = generator(x)
    real_f, fake_f = features(x), features(fake)
    p_real, p_fake = (torch.sigmoid(classifier(f)).reshape(-1) for f in (real_f, fake_f))
    lat = ((fake_f - real_f) ** 2).mean()
    err_g = F.binary_cross_entropy(p_fake, torch.ones_like(p_fake)) + 50 * F.l1_loss(fake, x) + lat
    err_d = F.binary_cross_entropy(p_real, torch.ones_like(p_real)) + lat
    err_d = err_d + F.binary_cross_entropy(
        torch.sigmoid(classifier(features(fake.detach()))).reshape(-1), torch.zeros_like(p_fake)
    )
    torch.testing.assert_close(losses.by_group["g"], err_g)
    torch.testing.assert_close(losses.by_group["d"], err_d)
    wanted_g = torch.autograd.grad(err_g, [mine.weight for mine, _ in pairs], retain_graph=True)
    for gradient, (_, own) in zip(wanted_g, pairs, strict=True):
        torch.testing.assert_close(own.weight.grad, gradient, rtol=1e-7, atol=1e-12)
    wanted_d = torch.autograd.grad(err_d, [classifier.weight, features[0].weight])
    for gradient, own in zip(wanted_d, (ours_d.classifier, ours_d.features[0]), strict=True):
        torch.testing.assert_close(own.weight.grad, gradient, rtol=1e-7, atol=1e-12)


@pytest.mark.slow
def test_the_score_needs_the_discriminator() -> None:
    method = method_of(small_spec("skip_ganomaly"), 1)
    x = torch.rand(3, 1, 32, 32) * 2 - 1
    x_hat, features = method.generator(x), method.discriminator.features
    expected = 0.9 * ((x - x_hat) ** 2).mean((1, 2, 3)) + 0.1 * ((features(x) - features(x_hat)) ** 2).mean((1, 2, 3))
    torch.testing.assert_close(method.scores(x, None, torch.arange(3)), expected)
