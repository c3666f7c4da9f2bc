"""Whether the epoch was chosen on the test set."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from agad.auditing.reported import ROUNDING
from agad.auditing.result import FINE, UNKNOWN, WARNING, WRONG, Finding, points
from agad.errors import AuditError


def curve_finding(curve: Sequence[float] | Any | None, reported: float | None, found: float) -> Finding:
    """Whether the AUROC is the best of a curve on the test set, and what that choice is worth.

    Args:
        curve: AUROC on the test set, in [0, 1], after each epoch or other step; None: not known.
        reported: the AUROC that was published; None: not known.
        found: the AUROC of the weights that are audited.

    Raises AuditError, one line, for values that no AUROC has.
    """
    kind = "best_epoch"
    if reported is not None and not 0 <= reported <= 1:
        raise AuditError(f"the AUROC that was reported is {reported:g}; give it from 0 to 1, as 0.93")
    if curve is None:
        return Finding(kind, UNKNOWN, "No test curve was given, so a choice of the best epoch was not looked for.")
    values = _values(curve)
    best, last = int(values.argmax()), float(values[-1])
    gain = f"{points(float(values[best]) - last)} points above the last ({points(last)})"
    for name, value in (("The AUROC that was reported", reported), ("The AUROC of these weights", found)):
        if value is not None and abs(value - values[best]) < ROUNDING <= abs(value - last):
            return Finding(
                kind,
                WRONG,
                f"{name}, {points(value)}, is that of the best of {len(values)} epochs on the test set, number "
                f"{best + 1}: it was chosen by test labels, {gain}.",
            )
    if float(values[best]) - last < ROUNDING:
        return Finding(kind, FINE, f"The last of {len(values)} epochs is the best: choosing would gain nothing.")
    return Finding(
        kind,
        FINE if reported is None or abs(reported - last) < ROUNDING else WARNING,
        f"Epoch {best + 1} of {len(values)} is the best on the test set, {gain}: a choice by test labels gains that.",
    )


def _values(curve: Any) -> Any:
    try:
        values = np.asarray(curve, dtype=np.float64)
    except (TypeError, ValueError):
        values = np.empty(0)
    if values.ndim != 1 or len(values) == 0 or not np.isfinite(values).all() or values.min() < 0 or values.max() > 1:
        raise AuditError("the curve must be a list of AUROCs between 0 and 1, one an epoch")
    return values
