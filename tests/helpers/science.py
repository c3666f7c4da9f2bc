"""A small made-up data set, and specs that train on it within a second."""

from __future__ import annotations

import dataclasses
import hashlib
from typing import Any

import numpy as np
import torch
from torch import Tensor

from agad.data.prepared import Prepared, in_memory
from agad.data.split import one_class_split
from agad.methods import build_generator
from agad.nets.layers.batchnorm import BatchNormNet, BNMode, bn_mode
from agad.nets.layers.rebuilding import Rebuilt
from agad.nets.layers.saved_tensors import saved_as
from agad.spec.run import RunOptions, RunSpec
from agad.train.state import Training

CPU = torch.device("cpu")
OPTIONS = RunOptions(threads=1)


def made_up(*, size: int = 16, channels: int = 1, train: int = 60, test: int = 31, classes: int = 4) -> Prepared:
    """Random images (N, channels, size, size) whose brightness depends on the class; fixed by the arguments."""
    source = np.random.default_rng(0)

    def draw(count: int) -> tuple[torch.Tensor, np.ndarray]:
        labels = np.arange(count, dtype=np.int64) % classes
        noise = source.integers(0, 128, (count, channels, size, size))
        return torch.from_numpy((noise + 30 * labels[:, None, None, None]).astype(np.uint8)), labels

    return with_images(in_memory("npz:made_up", draw(train), draw(test), tuple("abcd"[:classes])))


def with_images(data: Prepared, **changes: torch.Tensor) -> Prepared:
    """The data set with other images and the digest that belongs to them."""
    values = {field.name: getattr(data, field.name) for field in dataclasses.fields(data)} | changes
    content = hashlib.sha256(values["train_images"].numpy().tobytes() + values["test_images"].numpy().tobytes())
    return Prepared(**(values | {"digest": content.hexdigest()}))


def small(**changes: Any) -> RunSpec:
    """A spec for made_up(): three updates of twelve images, four of them anomalies."""
    values: dict[str, Any] = {
        "dataset": "npz:made_up",
        "normal_class": 0,
        "image_size": 16,
        "gamma": 0.25,
        "batch_size": 12,
        "min_anomalies": 4,
        "updates": 3,
        "curve": (1, 2),
        "eval_batch_size": 16,
    }
    return RunSpec(**(values | changes))


def saved_per_pixel(net: BatchNormNet) -> float:
    """Numbers that autograd saves in a pass over one-channel 32x32 images, per pixel; each memory once, no weights."""
    weights = {parameter.data_ptr() for parameter in net.parameters()}
    kept: dict[int, Tensor] = {}

    def note(saved: Any) -> Any:
        maps = saved.sources if isinstance(saved, Rebuilt) else [saved]
        kept.update({one.data_ptr(): one for one in maps if one.data_ptr() not in weights})
        return saved

    x = torch.randn(8, 1, 32, 32)
    with bn_mode(net, BNMode.UPDATE), saved_as(note, lambda saved: saved):
        net(x)
    return sum(one.numel() for one in kept.values()) / x.numel()


def net_of(backbone: str, seed: int = 0, **fields: Any) -> BatchNormNet:
    """A generator for one-channel images."""
    return build_generator(small(backbone=backbone, **fields), 1, torch.Generator().manual_seed(seed))


def training_of(spec: RunSpec, data: Prepared | None = None) -> Training:
    """A training before its first update."""
    data = data or made_up(size=spec.image_size)
    return Training(spec, data, one_class_split(data, spec), CPU)
