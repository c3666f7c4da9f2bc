"""What a run costs relative to others: for the remaining time, and for the estimate of a dry run."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from agad.spec.catalogue import backbones, methods
from agad.spec.run import RunSpec
from agad.store.rows import ResultStore

_WITHOUT_CONTEXT = 0.6
"""Cost of an update without the second pass through the generator, which adversarial_context=off needs not."""
_SCORED = 16_000
"""Images that are fitted on and scored: of MNIST, and nearly of CIFAR-10."""
_PASS = 1 / 3
"""Cost of a forward pass, in updates of the same batch."""
_INFERENCE_UPDATES = 5
"""What task=inference takes, in updates at batch 256; measured on one CPU core."""


def relative_cost(spec: RunSpec) -> float:
    """Cost of the whole run in updates of the naive generator at batch 256 and 32x32.

    Scoring counts for methods without updates, or nearly so, and for those that search: beside training it is little.
    """
    if spec.task == "inference":
        return cost_per_update(spec) * _INFERENCE_UPDATES
    updates, method = spec.pretrain_updates + spec.updates, methods()[spec.method]
    passes = method.views.get(spec.transformations, 0) * _SCORED / spec.batch_size
    scoring = method.fit_cost + method.search_cost * spec.search_steps * len(spec.curve_points)
    # A vector from a file is as long as its maker wanted, whatever the images' size: most have about 1,024 numbers.
    length = 1.0 if spec.features_file else _pixels(spec)
    return cost_per_update(spec) * (updates + passes * _PASS) + scoring * length


def cost_per_update(spec: RunSpec) -> float:
    """Cost of one update, in the same unit."""
    method = methods()[spec.method]
    net = backbones()[spec.backbone].cost * method.encoder_cost.get(spec.encoder, method.cost)
    passes = _WITHOUT_CONTEXT if spec.adversarial_context == "off" else 1.0
    return net * (spec.batch_size / 256) * _pixels(spec) * passes


def _pixels(spec: RunSpec) -> float:
    """Pixels of an image, relative to 32x32."""
    return (spec.image_size / 32) ** 2


def measured_seconds(store: ResultStore, done: Iterable[RunSpec]) -> dict[RunSpec, float]:
    """Worker-seconds that finished runs took, training and scoring, from their rows."""
    by_id = {spec.run_id: spec for spec in done}
    rows = store.read_counting(["run_id", "train_seconds", "eval_seconds"], run_ids=by_id).to_pylist() if by_id else []
    return {by_id[row["run_id"]]: (row["train_seconds"] or 0.0) + (row["eval_seconds"] or 0.0) for row in rows}


def seconds_left(open_specs: Iterable[RunSpec], measured: Mapping[RunSpec, float]) -> float | None:
    """Worker-seconds for the open runs, from the seconds that finished runs took; None where none has finished."""
    cost = sum(relative_cost(spec) for spec in measured)
    if not cost:
        return None
    return sum(relative_cost(spec) for spec in open_specs) * sum(measured.values()) / cost
