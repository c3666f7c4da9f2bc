"""The wide residual nets, against their counts and a plain net of torch."""

from __future__ import annotations

import itertools

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from agad.nets.build import count_parameters, drawn
from agad.nets.layers.batchnorm import BNMode, bn_mode
from agad.nets.wide_resnet import WideResNet


def made(kind: str, channels: int = 3, classes: int = 72) -> WideResNet:
    return drawn(lambda: WideResNet(channels, kind, classes), torch.Generator().manual_seed(0), "he")


def counted(depth: int, width: int, classes: int) -> int:
    """Convolutions, two numbers a channel of each batch norm, and the dense layer, by the published layout."""
    widths = [16, 16 * width, 32 * width, 64 * width]
    total = 3 * 16 * 9
    for before, after in itertools.pairwise(widths):
        for block in range((depth - 4) // 6):
            arriving = after if block else before
            total += 2 * arriving + 2 * after + 9 * arriving * after + 9 * after * after
            total += arriving * after if arriving != after else 0
    return total + 2 * widths[-1] + widths[-1] * classes + classes


@pytest.mark.slow
@pytest.mark.parametrize(("kind", "depth", "width"), [("wrn_10_1", 10, 1), ("wrn_10_4", 10, 4), ("wrn_16_8", 16, 8)])
def test_parameters_are_those_of_the_published_layout(kind: str, depth: int, width: int) -> None:
    assert count_parameters(made(kind)) == counted(depth, width, 72)


@pytest.mark.slow
def test_it_is_the_published_net_in_training() -> None:
    """Pre-activation blocks whose shortcut, where the channels change, convolves what is normalised."""

    def normed(x: Tensor, norm: nn.Module) -> Tensor:
        return F.relu(F.batch_norm(x, None, None, norm.weight, norm.bias, training=True))

    net = made("wrn_16_8", classes=5).double()
    x = torch.randn(2, 3, 16, 16, dtype=torch.float64, generator=torch.Generator().manual_seed(1))
    y, stride = F.conv2d(x, net.stem.weight, padding=1), {2: 2, 4: 2}
    for number, block in enumerate(net.blocks):
        first = normed(y, block.norms[0])
        inner = normed(F.conv2d(first, block.first.weight, stride=stride.get(number, 1), padding=1), block.norms[1])
        if block.shortcut is not None:
            y = F.conv2d(first, block.shortcut.weight, stride=stride.get(number, 1))
        y = y + F.conv2d(inner, block.second.weight, padding=1)
    features = F.avg_pool2d(normed(y, net.norm), 4).flatten(1)
    with bn_mode(net, BNMode.BATCH):
        torch.testing.assert_close(net.features(x), features)
        torch.testing.assert_close(net(x), features @ net.head.weight.T + net.head.bias)


def test_he_s_rule_keeps_the_variance_of_rectified_inputs() -> None:
    """N(0, sqrt(2 / inputs)) of convolutions, U(-b, b) with b = 1 / sqrt(inputs) of dense layers, biases 0."""
    net = made("wrn_10_4")
    for convolution in (net.blocks[1].first, net.blocks[2].shortcut):
        inputs = convolution.weight[0].numel()
        assert convolution.weight.std().item() == pytest.approx((2 / inputs) ** 0.5, rel=0.03)
    bound = 1 / net.head.weight.shape[1] ** 0.5
    assert 0.95 * bound < net.head.weight.abs().max().item() <= bound
    assert not net.head.bias.any()
    assert (net.norm.weight == 1).all()
