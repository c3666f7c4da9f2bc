"""Saved weights: the trained nets of one run in one file, from which it can be scored again."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path

from torch import Tensor, nn

from agad.data.prepared import Prepared
from agad.errors import DataError, SpecError
from agad.methods import Method, method_of
from agad.nets.layers.batchnorm import auxiliary_names
from agad.spec.run import RUN_ID_LENGTH, SEMANTICS_VERSION, RunSpec
from agad.tensors.file import TensorFileError, load_tensors, save_tensors

_CONTENT = {"spec", "channels", "data_digest", "nets"}
_RUN_ID = re.compile(rf"[0-9a-f]{{{RUN_ID_LENGTH}}}")
_OLDER_NETS = ("generator", "discriminator")
"""What files held in place of `nets` before methods named their own."""


@dataclass(frozen=True, slots=True, eq=False)
class Weights:
    """Weights of a trained run, without auxiliary batch norm, which inference never uses.

    Attributes:
        spec: the run's spec.
        channels: channels of its images.
        data_digest: digest of the data that it was trained on (Prepared.identity).
        nets: name -> state dict of each of the method's nets, on the CPU.
    """

    spec: RunSpec
    channels: int
    data_digest: str
    nets: dict[str, dict[str, Tensor]]

    @classmethod
    def of(cls, method: Method, spec: RunSpec, data: Prepared) -> Weights:
        """Those that a method has now, trained on some data."""
        nets = {name: main_state(net) for name, net in method.nets.items()}
        return cls(spec=spec, channels=data.channels, data_digest=data.identity, nets=nets)

    def build_method(self) -> Method:
        """The method with these weights, on the CPU, its batch norms in BNMode.RUNNING.

        Raises DataError where one of its weights is not there: the net would keep that which it was initialised with;
        and where they do not fit the net.
        """
        method = method_of(self.spec, self.channels)
        for name, net in method.nets.items():
            own, saved = net.state_dict(), self.nets.get(name, {})
            needed = own.keys() - auxiliary_names(net)
            if missing := [key for key in own if key in needed and key not in saved]:
                raise DataError(f"the weights of the {name} lack {missing[0]}, {len(missing)} in all")
            try:
                net.load_state_dict({**own, **saved})
            except RuntimeError as error:
                reason = " ".join(str(error).split())[:160]
                raise DataError(f"the weights of the {name} are not those of its spec ({reason})") from error
        return method


def weights_name(spec: RunSpec) -> str:
    """The file's name in its folder."""
    return f"{spec.run_id}.pt"


def main_state(net: nn.Module) -> dict[str, Tensor]:
    """A net's weights and buffers on the CPU, without auxiliary batch norm."""
    left_out = auxiliary_names(net)
    return {name: tensor.cpu() for name, tensor in net.state_dict().items() if name not in left_out}


def save_weights(folder: Path, weights: Weights) -> Path:
    """Write <folder>/<run_id>.pt atomically; OSError where the disk is full or the folder not writable."""
    content = {
        "spec": {"semantics_version": SEMANTICS_VERSION, **weights.spec.to_dict()},
        "channels": weights.channels,
        "data_digest": weights.data_digest,
        "nets": weights.nets,
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
    except (TensorFileError, OSError) as error:
        raise DataError(f"weights {path} cannot be read: {error}") from error
    if set(_OLDER_NETS) <= content.keys():
        content["nets"] = {name: content.pop(name) for name in _OLDER_NETS}
    if content.keys() != _CONTENT:
        raise DataError(f"weights {path} cannot be read: it is not a file of saved weights")
    try:
        values = dict(content.pop("spec"))
        version = values.pop("semantics_version")
        spec = RunSpec.from_dict(values) if version == SEMANTICS_VERSION else None
    except (SpecError, KeyError, TypeError, ValueError) as error:
        raise DataError(f"weights {path} cannot be read: their spec is not one of this agad ({error})") from error
    if spec is not None and _RUN_ID.fullmatch(Path(path).stem) and Path(path).stem != spec.run_id:
        raise DataError(f"weights {path} are of run {spec.run_id}, and not of the one that the file is named after")
    if spec is None != SEMANTICS_VERSION:
        raise DataError(f"weights {path} have semantics version {version}, this code has {SEMANTICS_VERSION}")
    return Weights(spec=spec, **content)
