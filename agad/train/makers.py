"""Makers: the code, machine and versions that made a run's numbers, attempt by attempt."""

from __future__ import annotations

import torch

from agad.store.provenance import named_code
from agad.train.row import provenance_columns

MADE_BY = ("code_digest", "torch_version", "device_name", "instruction_set", "threads")
"""Columns of provenance that the bits of a result depend on."""

_Maker = dict[str, str]

_UNKNOWN: _Maker = {"code_digest": "unknown"}
"""Of a checkpoint of older code, which does not say."""


class Makers:
    """What makes the numbers of this process, after what made the checkpoints that it goes on from.

    Args:
        device: of this attempt.
    """

    def __init__(self, device: torch.device) -> None:
        columns = provenance_columns(device, "")
        self._present = {name: str(columns[name]) for name in MADE_BY}
        self._earlier: list[_Maker] = []

    def state(self) -> list[_Maker]:
        """What a checkpoint holds of it: this process may have loaded other code since the run began."""
        self._present |= {"code_digest": str(named_code())}
        return [*self._earlier, self._present]

    def resume(self, state: list[_Maker] | None) -> None:
        """Go on from a checkpoint; None: from one that does not say what made it."""
        self._earlier = [one for one in state or [_UNKNOWN] if one != self._present]

    def others(self) -> str | None:
        """In what earlier ones differ from the present one, `name=value; ... | ...`; None where in nothing."""
        differing = [{name: of for name, of in one.items() if of != self._present[name]} for one in self._earlier]
        texts = ["; ".join(f"{name}={of}" for name, of in one.items()) for one in differing if one]
        return " | ".join(dict.fromkeys(texts)) or None
