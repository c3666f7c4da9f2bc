"""Nets from a spec, with weights drawn from a passed generator only."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import TypeVar

import torch
from torch import Tensor, nn

from agad.errors import SpecError
from agad.nets.discriminator import Discriminator
from agad.nets.ganomaly import GanomalyGenerator
from agad.nets.layers.batchnorm import BatchNorm2d, BatchNormNet, copy_main_to_auxiliary
from agad.nets.naive import NaiveGenerator
from agad.nets.unet import UNetGenerator
from agad.nets.unetpp import UNetPlusPlusGenerator
from agad.spec.run import RunSpec

Net = TypeVar("Net", bound=nn.Module)

DCGAN_STD = 0.02
"""Of the initial weights: convolutions N(0, .02), batch norm N(1, .02) (GANomaly's and DCGAN's)."""


def build_generator(spec: RunSpec, channels: int, generator: torch.Generator) -> BatchNormNet:
    """The spec's G on the CPU, without auxiliary batch norm, in BNMode.RUNNING.

    Args:
        spec: method, backbone, its variants and the kind of initialisation.
        channels: of the images.
        generator: the only source of randomness.

    Raises:
        SpecError: the backbone cannot take images of that size.
    """
    if spec.backbone == "naive" and spec.naive_latent == "1x1" and spec.image_size < 32:
        raise SpecError(f"naive_latent=1x1 needs image_size 32 or more, not {spec.image_size}; take 2x2")
    return _build(lambda: _generator(spec, channels), generator, spec.init)


def build_discriminator(spec: RunSpec, channels: int, generator: torch.Generator) -> Discriminator:
    """The spec's D on the CPU, without auxiliary batch norm, in BNMode.RUNNING; arguments as build_generator."""
    return _build(lambda: Discriminator(channels, spec.discriminator), generator, spec.init)


@torch.no_grad()
def initialise(net: nn.Module, generator: torch.Generator, init: str) -> None:
    """Draw all weights of a net anew, in place, and forget its running statistics; auxiliary sets copy the main ones.

    Everything is drawn on the CPU, so a net on another device gets the same weights. Convolutions are drawn before
    batch norms: a net without the latter starts from the same convolutions.

    Args:
        net: the net to overwrite.
        generator: the only source of randomness.
        init: `dcgan` (N(0, .02), batch norm N(1, .02), biases 0) or `torch` (the library's default).
    """
    draw = _draw_dcgan if init == "dcgan" else _draw_torch
    for module in net.modules():
        if isinstance(module, nn.Conv2d | nn.ConvTranspose2d):
            draw(module, generator)
    for module in net.modules():
        if isinstance(module, BatchNorm2d):
            _fill_batch_norm(module, generator, init)


def count_parameters(net: nn.Module) -> int:
    """How many numbers of a net are trained, auxiliary batch norm included."""
    return sum(parameter.numel() for parameter in net.parameters())


def _generator(spec: RunSpec, channels: int) -> BatchNormNet:
    if spec.method == "ganomaly":
        return GanomalyGenerator(channels)
    if spec.backbone == "naive":
        return NaiveGenerator(channels, spec.naive_latent)
    kind = UNetGenerator if spec.backbone == "unet" else UNetPlusPlusGenerator
    return kind(channels, spec.upsampling, norm=spec.generator_norm == "batch")


def _build(make: Callable[[], Net], generator: torch.Generator, init: str) -> Net:
    # On `meta` the modules' own initialisation draws nothing; here it would consume torch's global generator.
    with torch.device("meta"):
        net = make()
    net.to_empty(device="cpu")
    initialise(net, generator, init)
    return net


def _draw_dcgan(module: nn.Conv2d | nn.ConvTranspose2d, generator: torch.Generator) -> None:
    _normal(module.weight, 0.0, generator)
    if module.bias is not None:
        module.bias.zero_()


def _draw_torch(module: nn.Conv2d | nn.ConvTranspose2d, generator: torch.Generator) -> None:
    # Kaiming uniform with a = sqrt(5) is U(-b, b), b = 1 / sqrt(fan_in), and torch draws biases so too. It takes
    # weight.size(1) for the inputs of a transposed convolution as well.
    bound = 1 / math.sqrt(module.weight[0].numel())
    for tensor in (module.weight, module.bias):
        if tensor is not None:
            tensor.copy_(torch.empty(tensor.shape).uniform_(-bound, bound, generator=generator))


def _fill_batch_norm(norm: BatchNorm2d, generator: torch.Generator, init: str) -> None:
    if init == "dcgan":
        _normal(norm.weight, 1.0, generator)
    else:
        norm.weight.fill_(1.0)
    norm.bias.zero_()
    norm.forget()
    copy_main_to_auxiliary(norm)


def _normal(target: Tensor, mean: float, generator: torch.Generator) -> None:
    target.copy_(torch.empty(target.shape).normal_(mean, DCGAN_STD, generator=generator))
