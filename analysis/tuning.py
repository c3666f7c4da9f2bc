"""The sentence that a table has to carry where values of its runs were tuned."""

from __future__ import annotations

from agad.plan.tuned import Tuned

from .tables import formats


def sentence(tuned: Tuned) -> str:
    """What a reader must know: labels were used for these numbers, also where training had none."""
    counts = " or ".join(f"{count:,}" for count in tuned.anomalies)
    values = ", ".join(f"{name}={value}" for name, value in tuned.values.items())
    classes = "; ".join(f"classes {'+'.join(map(str, of))} beside {cell}" for cell, of in tuned.classes.items())
    return (
        f"Tuned with labels: {values} are those of trial {tuned.trial} of {tuned.trials} of study {tuned.study}, "
        f"chosen by a validation AUROC of {formats.auroc(tuned.score)} with {counts} labelled anomalies a run, of "
        f"{classes}, all of them training images; no test image had a part in it."
    )
