"""The methods that a spec can name, and the interface that the trainer uses.

A method is one file here, or in a folder here, with a literal METHOD and a function `make` (agad/spec/catalogue.py).
Batches, optimisers, checkpoints, protocols and rows are shared.
"""

from __future__ import annotations

import importlib
from types import ModuleType

import torch

from agad.methods.method import Group, Losses, Method, TrainView
from agad.nets.build import build_backbone, drawn
from agad.nets.layers.batchnorm import BatchNormNet
from agad.spec import catalogue
from agad.spec.run import RunSpec

__all__ = ["Group", "Losses", "Method", "TrainView", "build_generator", "method_of"]


def method_of(spec: RunSpec, channels: int) -> Method:
    """The spec's method for images with that many channels, its nets as initialised, on the CPU.

    Raises SpecError where its nets have layers by which scores would be random or depend on the batch.
    """
    method: Method = _module(spec).make(spec, channels)
    method.check_layers()
    return method


def build_generator(spec: RunSpec, channels: int, generator: torch.Generator) -> BatchNormNet:
    """The spec's G on the CPU, without auxiliary batch norm, in BNMode.RUNNING: the method's own, or the backbone.

    Args:
        spec: method, backbone, its variants and the kind of initialisation.
        channels: of the images.
        generator: the only source of randomness.
    """
    own = catalogue.methods()[spec.method].own_generator
    build = _module(spec).build_generator if own else build_backbone
    return drawn(lambda: build(channels, spec), generator, spec.init)


def _module(spec: RunSpec) -> ModuleType:
    return importlib.import_module(catalogue.methods()[spec.method].module)
