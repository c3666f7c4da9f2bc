"""Deep SVDD's and Deep SAD's nets, against their authors' counts and a plain net of torch."""

from __future__ import annotations

import pytest
import torch
from torch import nn

from agad.nets.build import count_parameters, drawn
from agad.nets.layers.batchnorm import BNMode, bn_mode
from agad.nets.lenet import LeNet


def lenet(channels: int, kind: str, size: int) -> LeNet:
    return drawn(lambda: LeNet(channels, kind, size), torch.Generator().manual_seed(0), "torch")


@pytest.mark.parametrize(
    ("channels", "kind", "size", "count"),
    [(1, "lenet_small", 28, 7_272), (1, "lenet_medium", 28, 222_096), (3, "lenet_large", 32, 520_544)],
)
def test_parameters_are_their_authors(channels: int, kind: str, size: int, count: int) -> None:
    assert count_parameters(lenet(channels, kind, size)) == count


def test_it_is_their_net_in_training_and_in_inference() -> None:
    """FashionMNIST_LeNet, which has batch norm after a dense layer too, at 32x32 and without agad's layers."""

    def norm(kind: type[nn.Module], width: int) -> nn.Module:
        return kind(width, eps=1e-4, affine=False)

    ours = lenet(1, "lenet_medium", 32).double()
    theirs = nn.Sequential(
        *(nn.Conv2d(1, 16, 5, bias=False, padding=2), norm(nn.BatchNorm2d, 16), nn.LeakyReLU(), nn.MaxPool2d(2)),
        *(nn.Conv2d(16, 32, 5, bias=False, padding=2), norm(nn.BatchNorm2d, 32), nn.LeakyReLU(), nn.MaxPool2d(2)),
        *(nn.Flatten(), nn.Linear(2048, 128, bias=False), norm(nn.BatchNorm1d, 128), nn.LeakyReLU()),
        nn.Linear(128, 64, bias=False),
    ).double()
    for mine, other in zip(ours.parameters(), theirs.parameters(), strict=True):
        other.data.copy_(mine)
    x = torch.randn(6, 1, 32, 32, dtype=torch.float64)
    with bn_mode(ours, BNMode.UPDATE):
        torch.testing.assert_close(ours(x), theirs(x))
    theirs.eval()
    torch.testing.assert_close(ours(x), theirs(x))


@pytest.mark.parametrize("init", ["torch", "dcgan"])
def test_its_batch_norms_have_nothing_to_train(init: str) -> None:
    net = drawn(lambda: LeNet(1, "lenet_small", 32), torch.Generator(), init)
    for norm in net.batch_norms:
        assert not list(norm.parameters())
        assert norm.weight.eq(1).all()
        assert norm.bias.eq(0).all()
