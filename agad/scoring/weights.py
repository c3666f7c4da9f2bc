"""Saved weights: the trained nets of one run in one file, from which it can be scored again."""

from __future__ import annotations

import re
import warnings
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from torch import Tensor, nn

from agad.data.prepared import Prepared
from agad.errors import DataError, MakerWarning, SpecError
from agad.methods import Method, method_of
from agad.nets.layers.batchnorm import auxiliary_names
from agad.spec.run import RUN_ID_LENGTH, SEMANTICS_VERSION, RunSpec
from agad.store.provenance import named_code
from agad.tensors.file import TensorFileError, load_tensors, save_tensors

MADE_BY = ("code_digest", "auroc")
"""Columns of the run's row that a file holds too: they tell whose weights they are."""
_CONTENT = {"spec", "channels", "data_digest", "nets", "made_by"}
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
        made_by: the columns MADE_BY of the run's row; empty in files of an older agad.
    """

    spec: RunSpec
    channels: int
    data_digest: str
    nets: dict[str, dict[str, Tensor]]
    made_by: Mapping[str, Any] = field(default_factory=dict)

    @classmethod
    def of(cls, method: Method, spec: RunSpec, data: Prepared, row: Mapping[str, Any]) -> Weights:
        """Those that a method has now, trained on some data, with columns of the run's row."""
        made_by = {name: row.get(name) for name in MADE_BY}
        nets = {name: main_state(net) for name, net in method.nets.items()}
        return cls(spec=spec, channels=data.channels, data_digest=data.identity, nets=nets, made_by=made_by)

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
        "made_by": dict(weights.made_by),
    }
    target = folder / weights_name(weights.spec)
    save_tensors(target, content)
    return target


def load_weights(path: str | Path, row: Mapping[str, Any] | None = None) -> Weights:
    """Read a file that save_weights wrote; nothing in it is executed.

    Warns (MakerWarning) where other code than today's has trained them, which may score otherwise, and where they are
    not those of `row`. Of files of an older agad, which do not say, it says nothing.

    Args:
        path: of the file.
        row: columns of the row whose weights they are to be, some of run_id, code_digest and auroc; None: of any.

    Raises DataError as `read_weights` does.
    """
    weights = read_weights(path)
    warn_of_maker(weights, path, row)
    return weights


def warn_of_maker(weights: Weights, path: str | Path, row: Mapping[str, Any] | None, stacklevel: int = 3) -> None:
    """The warnings of `load_weights`."""
    known, notes, now = weights.made_by, [], named_code()
    if known and (now is None or known["code_digest"] != now):
        code = f"{known['code_digest'] or 'unknown'}, now {now or 'unknown'}"
        other = "other code" if now and known["code_digest"] else "code of which nobody knows whether it is today's"
        notes.append(f"were trained by {other} ({code}): their scores may differ from those that the run had")
    row = {name: of for name, of in (row or {}).items() if of == of}  # noqa: PLR0124 - pandas has NaN for None
    theirs = {"run_id": weights.spec.run_id, **known}
    if apart := [f"{name} {row[name]}, theirs {of}" for name, of in theirs.items() if row.get(name, of) != of]:
        notes.append(f"are not those of the row ({'; '.join(apart)}): the run was trained again, or it is another one")
    for note in notes:
        warnings.warn(f"weights {path} {note}", MakerWarning, stacklevel=stacklevel)


def read_weights(path: str | Path) -> Weights:
    """As `load_weights`, in silence.

    Raises DataError where the file is missing, truncated, of another kind or of another SEMANTICS_VERSION.
    """
    try:
        content = load_tensors(path)
    except (TensorFileError, OSError) as error:
        raise DataError(f"weights {path} cannot be read: {error}") from error
    if set(_OLDER_NETS) <= content.keys():
        content["nets"] = {name: content.pop(name) for name in _OLDER_NETS}
    made_by = content.setdefault("made_by", {})
    if content.keys() != _CONTENT or not isinstance(made_by, dict) or made_by.keys() not in (set(), set(MADE_BY)):
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
