"""A spec of each method for made_up(), and what it needs to tell digits apart."""

from __future__ import annotations

from typing import Any

from agad.spec.catalogue import methods
from agad.spec.run import RunSpec
from tests.helpers.science import small

TURNS: dict[str, Any] = {
    "encoder": "wrn_10_1",
    "image_size": 16,
    "transformations": "rot4",
    "init": "he",
    "weight_decay": 1e-3,
    "lr": 1e-3,
}
SMALL: dict[str, dict[str, Any]] = {
    "agad": {"image_size": 16},
    "deep_svdd": {
        "encoder": "lenet_medium",
        "scaling": "gcn_minmax",
        "boundary": "soft",
        "pretrain_updates": 2,
        "updates": 4,
    },
    "deep_sad": {"scaling": "unit", "pretrain_updates": 2, "pretrain_weight_decay": 1e-3},
    "classifier": {"scaling": "unit", "weight_decay": 1e-3, "lr_steps": (2,), "lr": 1e-3},
    "geotrans": TURNS,
    "rotation_knn": TURNS,
    "arnet": {"image_size": 16, "lr_steps": (2,), "lr": 1e-3},
    "fanogan": {"pretrain_updates": 6, "lr": 1e-3},
    "anogan": {"search_steps": 3, "lr": 1e-3},
    "ocgan": {"updates": 4, "lr": 1e-3},
    "dagmm": {"weight_decay": 1e-3, "lr_steps": (2,), "lr": 1e-3},
    "ssad": {"scaling": "unit", "weight_decay": 1e-3, "lr_steps": (2,), "lr": 1e-3},
    "ssdgm": {"pretrain_updates": 2, "pretrain_weight_decay": 1e-3, "lr": 1e-3},
    "esad": {"scaling": "unit", "weight_decay": 1e-3, "lr_steps": (2,), "lr": 1e-3},
}
"""Fields of a short run, where they are not those of `small`."""

LEAN: dict[str, Any] = {"curve": (), "curve_protocols": ("eval",), "final_protocols": ("eval",)}
"""One point, one protocol."""

LENET: dict[str, Any] = {"batch_size": 64, "init": "torch", "lr": 1e-3}
WIDE: dict[str, Any] = {"encoder": "wrn_10_1", "image_size": 16, "batch_size": 64, "init": "he", "lr": 1e-3}
GAN: dict[str, Any] = {"batch_size": 16, "lr": 1e-3}
DIGITS: dict[str, dict[str, Any]] = {
    "fanogan": {"pretrain_updates": 200, "updates": 60, "beta1": 0.0, "beta2": 0.9, **GAN, "lr": 2e-3},
    "anogan": {"normal_class": 6, "updates": 200, "search_steps": 4, **GAN, "lr": 2e-3},
    "ocgan": {"normal_class": 6, "updates": 100, **GAN},
    "deep_svdd": {"scaling": "gcn_minmax", "pretrain_updates": 100, "updates": 100, **LENET},
    "deep_sad": {"scaling": "unit", "pretrain_updates": 100, "updates": 100, **LENET},
    "skip_ganomaly": {"normal_class": 6, "updates": 40, **GAN, "lr": 5e-3},
    "dagmm": {"updates": 120, "batch_size": 32, "init": "torch", "lr": 2e-3},
    "ssad": {"scaling": "unit", "updates": 100, "gamma": 0.05, "min_anomalies": 4, **LENET},
    "ssdgm": {"pretrain_updates": 100, "updates": 200, "min_anomalies": 8, **LENET},
    "esad": {"scaling": "unit", "updates": 100, **LENET},
    "classifier": {"updates": 200, "batch_size": 64, "init": "torch", "lr": 1e-3, "min_anomalies": 8},
    "geotrans": {"updates": 100, "transformations": "rot4", **WIDE},
    "rotation_knn": {"updates": 100, "transformations": "rot4", **WIDE},
    "arnet": {"normal_class": 6, "updates": 80, "batch_size": 32, "image_size": 16, "init": "torch", "lr": 3e-3},
}
"""Of a rival's run on digits that is long enough, with narrow nets, to tell a digit from the others; without
labelled anomalies, but for those that need them and for `ssad`: a one-class machine on an autoencoder's codes stays at
77 to 82 there."""


def small_spec(method: str, **changes: Any) -> RunSpec:
    """Three updates of twelve images of 32x32; none where the method makes none."""
    facts = methods()[method]
    base: dict[str, Any] = {
        "method": method,
        "image_size": 32,
        "final_protocols": ("eval",),
        "curve_protocols": ("eval",),
    }
    base["curve"] = ()
    if facts.labels == "none":
        base |= {"gamma": 0.0, "min_anomalies": 32}
    if not facts.gradient:
        base |= {"updates": 0, "batch_size": 256, "min_anomalies": 32}
    return small(**(base | SMALL.get(method, {}) | changes))


def digits_spec(method: str) -> RunSpec:
    """The digit 3, or the one that it learns soonest, at the last update under `eval` alone."""
    facts = methods()[method]
    base: dict[str, Any] = {"normal_class": 3, "method": method, "gamma": 0.05 if facts.labels == "must" else 0.0}
    return RunSpec(**(base | LEAN | DIGITS[method]))
