"""Saved weights: the trained nets of one run in one file, from which it can be scored again."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import torch
from torch import Tensor, nn

from agad.errors import DataError
from agad.methods import build_generator
from agad.nets.layers.batchnorm import BatchNormNet
from agad.spec.run import SEMANTICS_VERSION, RunSpec
from agad.tensors.file import TensorFileError, load_tensors, save_tensors

_CONTENT = {"spec", "channels", "data_digest", "generator", "discriminator"}


@dataclass(frozen=True, slots=True, eq=False)
class Weights:
    """Weights of a trained run, without auxiliary batch norm, which inference never uses.

    Attributes:
        spec: the run's spec.
        channels: channels of its images.
        data_digest: digest of the data that it was trained on (Prepared.digest).
        generator: state dict of G, on the CPU.
        discriminator: state dict of D, on the CPU.
    """

    spec: RunSpec
    channels: int
    data_digest: str
    generator: dict[str, Tensor]
    discriminator: dict[str, Tensor]

    def build_generator(self) -> BatchNormNet:
        """G with these weights, on the CPU, in BNMode.RUNNING."""
        net = build_generator(self.spec, self.channels, torch.Generator())
        net.load_state_dict(self.generator)
        return net


def weights_name(spec: RunSpec) -> str:
    """The file's name in its folder."""
    return f"{spec.run_id}.pt"


def main_state(net: nn.Module) -> dict[str, Tensor]:
    """A net's weights and buffers on the CPU, without auxiliary batch norm."""
    return {name: tensor.cpu() for name, tensor in net.state_dict().items() if ".aux." not in name}


def save_weights(folder: Path, weights: Weights) -> Path:
    """Write <folder>/<run_id>.pt atomically; OSError where the disk is full or the folder not writable."""
    content = {
        "spec": {"semantics_version": SEMANTICS_VERSION, **weights.spec.to_dict()},
        "channels": weights.channels,
        "data_digest": weights.data_digest,
        "generator": weights.generator,
        "discriminator": weights.discriminator,
    }
    target = folder / weights_name(weights.spec)
    save_tensors(target, content)
    return target


def load_weights(path: str | Path) -> Weights:
    """Read a file that save_weights wrote; nothing in it is executed.

    Raises DataError where the file is missing, truncated, of another kind or of another SEMANTICS_VERSION.
    """
    try:
        content = load_tensors(path)
    except TensorFileError as error:
        raise DataError(f"weights {path} cannot be read: {error}") from error
    if content.keys() != _CONTENT:
        raise DataError(f"weights {path} cannot be read: it is not a file of saved weights")
    values = content.pop("spec")
    version = values.pop("semantics_version")
    if version != SEMANTICS_VERSION:
        raise DataError(f"weights {path} have semantics version {version}, this code has {SEMANTICS_VERSION}")
    return Weights(spec=RunSpec.from_dict(values), **content)
