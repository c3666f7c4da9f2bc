"""The columns of a run's row, from what a training run has at hand when it ends."""

from __future__ import annotations

import datetime
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import torch

from agad.data.prepared import Prepared
from agad.data.split import OneClassSplit
from agad.nets.build import count_parameters
from agad.scoring.evaluate import Evaluator, Scores, of_order
from agad.spec.run import EVAL_PROTOCOLS, RunSpec
from agad.store.provenance import collect
from agad.store.schema import LOSS_TERMS
from agad.tensors.device import device_name
from agad.train.state import Training

TEST, VALIDATION = "auroc", "validation"
"""What is scored: the keys under which a point of the curve holds its AUROCs, named as in CurvePoint."""

Point = dict[str, Any]
"""A point of the learning curve: `update`, `terms` (loss terms), and protocol -> AUROC under TEST and VALIDATION."""


def result_columns(spec: RunSpec, curve: Sequence[Point]) -> dict[str, Any]:
    """AUROCs in [0, 1] after the last update, and the best of the curve, which only an oracle would know."""
    columns: dict[str, Any] = {}
    for part, headline in ((TEST, "auroc"), (VALIDATION, "auroc_val")):
        for protocol, value in curve[-1][part].items():
            columns[headline if protocol == "eval" else f"{headline}_{protocol}"] = value
    if spec.evaluate_test:
        oracle = max(curve, key=lambda point: point[TEST]["eval"])  # the first of equals
        columns |= {"auroc_oracle": oracle[TEST]["eval"], "oracle_update": oracle["update"]}
    return columns


def size_columns(training: Training, split: OneClassSplit, evaluators: Mapping[str, Evaluator]) -> dict[str, Any]:
    """Numbers of images and parameters, and how far the training came."""
    sizes, nets = training.batches.sizes, training.method.nets
    return {
        "n_train_normal": len(split.normal),
        "n_train_anomaly": len(split.anomaly),
        "n_batch_normal": sizes.normal,
        "n_batch_anomaly": sizes.anomaly,
        **{
            f"n_{part}_{kind}": int((evaluator.test_label == label).sum())
            for part, evaluator in (("test", evaluators.get(TEST)), ("val", evaluators.get(VALIDATION)))
            if evaluator is not None
            for label, kind in enumerate(("normal", "anomaly"))
        },
        "drawn_anomaly_classes": list(split.drawn_anomaly_classes),
        "drawn_validation_classes": list(split.validation_anomaly_classes),
        "parameters": sum(count_parameters(net) for net in nets.values()),
        **{
            f"parameters_{name[0]}": count_parameters(nets[name])
            for name in ("generator", "discriminator")
            if name in nets
        },
        "updates_done": max(training.done, 0),
        **training.method.columns(),
    }


def curve_columns(spec: RunSpec, curve: Sequence[Point]) -> dict[str, Any]:
    """The learning curve: a list for each column, with an entry for each point."""
    return {
        "curve_update": [point["update"] for point in curve],
        **{
            f"curve_auroc{infix}_{protocol}": [point[part][protocol] for point in curve]
            for part, infix in ((TEST, ""), (VALIDATION, "_val"))
            for protocol in spec.curve_protocols
            if curve and protocol in curve[0][part]
        },
        **{f"curve_{term}": [point["terms"].get(term) for point in curve] for term in LOSS_TERMS},
        **_other_terms(curve),
    }


def _other_terms(curve: Sequence[Point]) -> dict[str, Any]:
    """The column of terms that only some methods have."""
    names = {name: None for point in curve for name in point["terms"] if name not in LOSS_TERMS}
    return {"curve_terms": [(name, [point["terms"].get(name) for point in curve]) for name in names]} if names else {}


def score_columns(spec: RunSpec, evaluator: Evaluator, scores: Mapping[str, Scores]) -> dict[str, Any]:
    """Class, label and anomaly scores of the test images, in the order of the test set.

    Of several orders the scores are those of the first, beside the AUROC of each.

    Args:
        spec: of the run.
        evaluator: of its test set.
        scores: `of_order` -> scores, after the last update.
    """
    columns = {"test_class": evaluator.test_class.tolist(), "test_label": evaluator.test_label.tolist()}
    for protocol in EVAL_PROTOCOLS:
        if protocol in scores:
            columns[f"scores_{protocol}"] = np.asarray(scores[protocol]).tolist()
            if spec.orders(protocol) > 1 and evaluator.has_both_labels:
                each = [scores[of_order(protocol, draw)] for draw in range(spec.orders(protocol))]
                columns[f"auroc_{protocol}_each"] = [evaluator.auroc(one) for one in each]
    return columns


def data_columns(data: Prepared, spec: RunSpec) -> dict[str, Any]:
    """What is known of the data, for whoever reads the row; null where nothing is (data in memory, no vectors)."""
    known, names, target = data.duplicates, data.class_names, spec.target_class
    notes = [*data.served, *data.notes]
    return {
        "raw_digest": data.raw_digest,
        "images_damaged": len(data.damaged) if known else None,
        "images_leaked": known.get("test_in_train"),
        "images_across_classes": known.get("across_classes"),
        "class_names": list(names),
        "class_name": names[target] if target < len(names) else None,  # task=inference splits no data
        "data_notes": notes if known or data.vectors or notes else None,
        "features_digest": data.vectors.digest if data.vectors else None,
    }


def provenance_columns(device: torch.device, data_digest: str) -> dict[str, Any]:
    """Which code, data, versions and machine the row comes from."""
    return {
        **collect(),
        "data_digest": data_digest,
        "device": str(device),
        "device_name": device_name(device),
        "threads": torch.get_num_threads(),
    }


def now() -> datetime.datetime:
    """The time, in UTC."""
    return datetime.datetime.now(datetime.UTC)
