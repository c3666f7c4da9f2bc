"""Nets from a spec, with weights drawn from a passed generator only."""

from __future__ import annotations

import importlib
import math
from collections.abc import Callable
from typing import TypeVar

import torch
from torch import Tensor, nn

from agad.errors import SpecError
from agad.nets.discriminator import Discriminator
from agad.nets.layers.batchnorm import BatchNorm2d, BatchNormNet, BNSet, copy_main_to_auxiliary
from agad.nets.layers.unsteady import kind_of, refuse_unsteady
from agad.spec import catalogue
from agad.spec.run import RunSpec
from agad.tensors.seeding import generator as seeded

Net = TypeVar("Net", bound=nn.Module)

_Weighted = nn.Conv2d | nn.ConvTranspose2d | nn.Linear

DCGAN_STD = 0.02
"""Of the initial weights: convolutions N(0, .02), batch norm N(1, .02) (GANomaly's and DCGAN's)."""


def build_backbone(channels: int, spec: RunSpec) -> BatchNormNet:
    """The generator that the file of the spec's backbone builds, for images with that many channels.

    Raises SpecError where it is no BatchNormNet.
    """
    module = catalogue.backbones()[spec.backbone].module
    net: BatchNormNet = importlib.import_module(module).build(channels, spec)
    if not isinstance(net, BatchNormNet):
        raise SpecError(
            f"build() of {module.replace('.', '/')}.py must return a BatchNormNet (agad/nets/layers/batchnorm.py), "
            f"not {kind_of(net)}"
        )
    return net


def build_discriminator(spec: RunSpec, channels: int, generator: torch.Generator) -> Discriminator:
    """The spec's D; arguments and state as agad.methods.build_generator."""
    return drawn(lambda: Discriminator(channels, spec.discriminator), generator, spec.init)


def drawn(build: Callable[[], Net], generator: torch.Generator, init: str) -> Net:
    """The net that `build` makes, on the CPU in BNMode.RUNNING, with weights drawn from `generator` alone."""
    # On `meta` the modules' own initialisation draws nothing; here it would consume torch's global generator.
    with torch.device("meta"):
        net = build()
    _check_layers(net)
    _allocate(net)
    initialise(net, generator, init)
    return net


def seeded_net(spec: RunSpec, build: Callable[[], Net], *name: str) -> Net:
    """As `drawn`, from a generator of the run and of that name: whatever other nets the method has."""
    return drawn(build, seeded("init", *name, *spec.seed_key), spec.init)


def _allocate(net: nn.Module) -> None:
    """Give a net that was built on `meta` memory on the CPU, uninitialised.

    As net.to_empty(device="cpu"), which imports sympy: most of a second in each process that builds a net.
    """
    for module in net.modules():
        for name, parameter in module.named_parameters(recurse=False):
            memory = torch.empty(parameter.shape, dtype=parameter.dtype)
            setattr(module, name, nn.Parameter(memory, parameter.requires_grad))
        for name, buffer in module.named_buffers(recurse=False):
            setattr(module, name, torch.empty(buffer.shape, dtype=buffer.dtype))


def _check_layers(net: nn.Module) -> None:
    """Refuse layers that the evaluation protocols cannot reach, or whose weights `initialise` does not draw."""
    for name, module in net.named_modules():
        own = [*module.named_parameters(recurse=False), *module.named_buffers(recurse=False)]
        if own and not isinstance(module, _Weighted | BNSet):
            raise SpecError(
                f"{kind_of(net)}: its layer {name} is {kind_of(module)}, which batch norm modes and initialisation do "
                "not reach; use convolutions, torch.nn.Linear and BatchNorm2d of agad.nets.layers.batchnorm"
            )
    refuse_unsteady(kind_of(net), net)


@torch.no_grad()
def initialise(net: nn.Module, generator: torch.Generator, init: str) -> None:
    """Draw all weights of a net in place and reset its running statistics; auxiliary sets copy the main ones.

    Everything is drawn on the CPU, so a net on another device gets the same weights. Convolutions are drawn before
    batch norms: a net without the latter starts from the same convolutions.

    Args:
        net: the net to overwrite.
        generator: the only source of randomness.
        init: `dcgan` (N(0, .02), batch norm N(1, .02), biases 0), `torch` (the library's default) or `he`
            (convolutions N(0, sqrt(2 / inputs)), He et al. 2015; dense layers U(-b, b), b = 1 / sqrt(inputs); biases
            0).
    """
    draw = {"dcgan": _draw_dcgan, "torch": _draw_torch, "he": _draw_he}[init]
    for module in net.modules():
        if isinstance(module, _Weighted):
            draw(module, generator)
    for module in net.modules():
        if isinstance(module, BatchNorm2d):
            _fill_batch_norm(module, generator, init)


def count_parameters(net: nn.Module) -> int:
    """How many numbers of a net are trained, auxiliary batch norm included."""
    return sum(parameter.numel() for parameter in net.parameters())


def _draw_dcgan(module: _Weighted, generator: torch.Generator) -> None:
    _normal(module.weight, 0.0, generator)
    if module.bias is not None:
        module.bias.zero_()


def _draw_he(module: _Weighted, generator: torch.Generator) -> None:
    _draw_torch(module, generator)
    if not isinstance(module, nn.Linear):
        inputs = module.weight.numel() // module.out_channels
        _normal(module.weight, 0.0, generator, math.sqrt(2 / inputs))
    if module.bias is not None:
        module.bias.zero_()


def _draw_torch(module: _Weighted, generator: torch.Generator) -> None:
    # Kaiming uniform with a = sqrt(5) is U(-b, b), b = 1 / sqrt(fan_in), and torch draws biases so too. It takes
    # weight.size(1) for the inputs of a transposed convolution as well.
    bound = 1 / math.sqrt(module.weight[0].numel())
    for tensor in (module.weight, module.bias):
        if tensor is not None:
            tensor.copy_(torch.empty(tensor.shape).uniform_(-bound, bound, generator=generator))


def _fill_batch_norm(norm: BatchNorm2d, generator: torch.Generator, init: str) -> None:
    if init == "dcgan" and norm.affine:
        _normal(norm.weight, 1.0, generator)
    else:
        norm.weight.fill_(1.0)
    norm.bias.zero_()
    norm.forget()
    copy_main_to_auxiliary(norm)


def _normal(target: Tensor, mean: float, generator: torch.Generator, std: float = DCGAN_STD) -> None:
    target.copy_(torch.empty(target.shape).normal_(mean, std, generator=generator))
