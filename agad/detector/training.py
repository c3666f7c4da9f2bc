"""What `agad fit` trains, and the detector that its weights become."""

from __future__ import annotations

import dataclasses
import datetime
import hashlib
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from agad.data.image import as_pixels
from agad.data.prepared import Prepared
from agad.data.split import OneClassSplit, one_class_split
from agad.detector import fitted as plain
from agad.detector.content import Content, preparation_of
from agad.detector.detector import Detector
from agad.detector.probe import probe_of
from agad.detector.source import test_labels
from agad.detector.threshold import excess_p_value, highest_quantile, rate_interval
from agad.errors import DataError, SpecError
from agad.methods import TrainView
from agad.scoring.auroc import LEVEL, auroc, auroc_interval
from agad.scoring.weights import read_weights
from agad.spec import catalogue
from agad.spec.run import RunSpec
from agad.store.provenance import collect
from agad.tensors.device import open_device
from agad.tensors.pool import ImagePool

QUANTILE = 0.95
"""Of the default threshold; of fewer than 19 held-out normals the highest that they allow."""

_MANY = 1000
_SHARES = (0.2, 0.1)
"""Share of the training normals that is held out for the threshold: of fewer than _MANY, and of more."""

_HEAT_QUANTILE = 0.999
_HEAT_IMAGES = 256
"""Held-out normals whose heat maps set the scale of colours, at most."""

_CHUNK = 256


def spec_of(data: Prepared, normal: int, changes: Mapping[str, Any]) -> RunSpec:
    """The run that fits a detector: one class is normal, a share of its training images is held out.

    The test set is scored where it has both labels. Held-out anomalies, where there are labelled ones, serve nothing
    but the row's validation AUROC.

    Args:
        data: the prepared data set.
        normal: index of the normal class.
        changes: fields of RunSpec that the user has set.

    Raises SpecError, one line, for what no run can have or no detector's file can hold, and DataError for too few
    images.
    """
    counts = data.train_counts
    share = _SHARES[counts[normal] >= _MANY]
    if int(counts[normal] * share) < 1:
        raise DataError(
            f"class {data.class_names[normal]} has {counts[normal]} training images; a detector needs 5 at least, as "
            "its threshold comes from normals that are held out"
        )
    method = catalogue.methods().get(str(changes.get("method", "agad")))
    makes_updates = method is None or method.gradient
    values: dict[str, Any] = {
        "dataset": data.dataset,
        "image_size": data.image_size,
        "normal_class": normal,
        "validation": share,
        "evaluate_test": min(test_labels(data, normal)) > 0,
        "curve": (),
        "curve_protocols": ("eval",),
        "final_protocols": ("eval",),
        **({} if makes_updates else {"updates": 0}),
        **changes,
    }
    spec = RunSpec(**(values | _validation_anomalies(values, counts)))
    _check_kept(spec)
    if not spec.held_out(counts[normal]):
        raise SpecError(
            f"validation={spec.validation:g} holds out none of {counts[normal]} training images, and the threshold "
            f"comes from those that are; take validation={share:g}"
        )
    one_class_split(data, spec)  # what these images cannot give is refused now, and not by the training
    return spec


def _check_kept(spec: RunSpec) -> None:
    plain.check_stored(spec)
    if spec.features_file:
        raise SpecError(
            f"features={spec.features} has vectors of the data set's images alone, and a detector is for other images; "
            "take features=pixels or features=gcn"
        )


def _validation_anomalies(values: Mapping[str, Any], counts: tuple[int, ...]) -> dict[str, int]:
    """As many as there are normals held out, or as the smallest anomalous class allows; half of them at gamma > 0."""
    if values.keys() & {"validation_anomalies", "validation_anomaly_classes"} or values.get("protocol"):
        return {}
    others = [count for index, count in enumerate(counts) if count and index != values["normal_class"]]
    held_out = int(values["validation"] * counts[values["normal_class"]])
    most = min(others, default=0) * len(others) // (2 if values.get("gamma") else 1)
    return {"validation_anomalies": max(1, most)} if others and most < held_out else {}


def detector_of(
    weights: Path, data: Prepared, provenance: Mapping[str, Any], *, device: str, threads: int | None = None
) -> Detector:
    """The detector of a finished run.

    Args:
        weights: the file that the run saved.
        data: the data set that it was trained on.
        provenance: columns of the run's row.
        device: what scores the held-out normals and the test set.
        threads: of torch; None: as it is.

    Raises DataError where weights and data are not of one run, SpecError for a method that no file can hold.
    """
    if threads is not None:
        torch.set_num_threads(threads)
    saved = read_weights(weights)
    spec = saved.spec
    _check_kept(spec)
    if saved.data_digest != data.digest:
        raise DataError(
            f"{weights} was trained on other images than those of {data.dataset} now (digest {saved.data_digest[:12]}, "
            f"now {data.digest[:12]}); choose another --results folder, in which they are trained on again"
        )
    split = one_class_split(data, spec)
    on = open_device(device)
    content = Content(
        spec=spec,
        channels=saved.channels,
        class_names=data.class_names,
        nets=saved.nets,
        fitted=None,
        held_out=torch.zeros(1),
        heat=None,
        preparation=preparation_of(spec, saved.channels, data.aspects[spec.target_class] if data.aspects else None),
        provenance=_provenance(spec, data, provenance),
        notes=(*data.served, *data.notes),
    )
    bare = Detector(content, device)
    fitted = _fitted(bare, data, split, on, spec.eval_batch_size)
    held_out = split.validation[split.validation_label == 0]
    changes: dict[str, Any] = {"fitted": plain.to_plain(spec, fitted)}
    bare = Detector(dataclasses.replace(content, **changes), device)
    scores = _scores(bare, data.train_images, held_out)
    changes |= {"held_out": torch.from_numpy(np.sort(scores)), "heat": _heat(bare, data.train_images, held_out)}
    scored = Detector(dataclasses.replace(content, **changes), device)
    on_cpu = scored.to("cpu")
    probe = probe_of(scored.content, lambda images: on_cpu.score_prepared(images)[0])
    changes |= {"result": _result(scored, data, split), "probe": probe}
    return Detector(dataclasses.replace(content, **changes), device)


def _provenance(spec: RunSpec, data: Prepared, row: Mapping[str, Any]) -> dict[str, str | None]:
    """Of the code that scores, now, and of that which trained the weights where it is another."""
    of_code, present = ("git_commit", "code_digest", "agad_version", "torch_version"), collect()
    known = {
        **{name: present[name] for name in of_code},
        **{f"trained_{name}": row.get(name) for name in of_code if row.get(name) not in (None, present[name])},
        "device_name": row.get("device_name"),
    }
    return {
        "run_id": spec.run_id,
        "data_digest": data.digest,
        "protocol": "eval",
        **{name: None if value is None else str(value) for name, value in known.items()},
        "made_at": datetime.datetime.now(datetime.UTC).isoformat(timespec="seconds"),
    }


def _fitted(detector: Detector, data: Prepared, split: OneClassSplit, device: torch.device, batch: int) -> Any:
    precision, known = detector.content.spec.precision, (split.normal, split.anomaly)
    normal, anomaly = (ImagePool(data.train_images, images, device, precision) for images in known)
    with torch.no_grad():
        return detector.method.fit(TrainView(normal, anomaly, batch, lambda: None))


def _scores(detector: Detector, images: torch.Tensor, indices: NDArray[np.int64]) -> NDArray[np.float32]:
    chunks = np.array_split(indices, max(1, -(-len(indices) // _CHUNK)))
    found = [detector.score_prepared(_as_arrays(images, chunk))[0] for chunk in chunks if len(chunk)]
    return np.concatenate(found) if found else np.empty(0, np.float32)


def _as_arrays(images: torch.Tensor, indices: NDArray[np.int64]) -> list[NDArray[np.uint8]]:
    chosen = images[torch.from_numpy(indices)].numpy()
    return [as_pixels(image) for image in chosen]


def _heat(detector: Detector, images: torch.Tensor, indices: NDArray[np.int64]) -> float | None:
    """The scale of heat maps; None for a method that reconstructs nothing."""
    if detector.method.reconstruct(torch.zeros(1, *images.shape[1:], device=detector.device)) is None:
        return None
    maps = detector.raw_maps(_as_arrays(images, indices[:_HEAT_IMAGES]))
    return float(np.quantile(maps, _HEAT_QUANTILE))


def _result(detector: Detector, data: Prepared, split: OneClassSplit) -> dict[str, float | int | None]:
    """AUROC of the test set with its interval, and the false positive rate of its normals at the default threshold."""
    scores = _scores(detector, data.test_images, np.arange(len(data.test_labels)))
    labels = split.test_label
    normals, anomalies = int((labels == 0).sum()), int((labels == 1).sum())
    held_out = split.validation[split.validation_label == 0]
    found: dict[str, float | int | None] = {
        "n_train_normal": len(split.normal),
        "n_held_out": detector.held_out_count,
        "n_held_out_trained": _repeated(data.train_images, held_out, np.concatenate([split.normal, split.anomaly])),
        "n_test_normal": normals,
        "n_test_anomaly": anomalies,
    }
    if normals and anomalies:
        area = auroc(labels, scores)
        low, high = auroc_interval(area, normals, anomalies)
        found |= {"auroc": area, "auroc_low": low, "auroc_high": high}
    threshold = detector.threshold(default_quantile(detector))
    found |= {"quantile": threshold.quantile, "threshold": threshold.value}
    for kind, label, count in (("false_positive", 0, normals), ("true_positive", 1, anomalies)):
        if count:
            hits = int((scores[labels == label] > threshold.value).sum())
            low, high = rate_interval(hits, count)
            found |= {f"{kind}_rate": hits / count, f"{kind}_low": low, f"{kind}_high": high}
    return found


def _repeated(images: torch.Tensor, some: NDArray[np.int64], others: NDArray[np.int64]) -> int:
    """How many of some images have the same pixels as one of the others."""
    known = {hashlib.sha256(images[index].numpy().tobytes()).digest() for index in others.tolist()}
    return sum(hashlib.sha256(images[index].numpy().tobytes()).digest() in known for index in some.tolist())


def broken_promise(result: Mapping[str, float | int | None]) -> str:
    """What to say where test normals exceed the threshold more often than it promises, beyond chance; else empty."""
    names = ("false_positive_rate", "n_test_normal", "n_held_out", "quantile")
    rate, count, held_out, quantile = (result.get(name) for name in names)
    if rate is None or count is None or held_out is None or quantile is None:
        return ""
    if excess_p_value(round(rate * count), int(count), int(held_out), quantile) > (1 - LEVEL) / 2:
        return ""
    return (
        "THE THRESHOLD DOES NOT HOLD for the test set: its normals exceed it far more often than held-out training "
        "normals, so they differ from these (other patients, objects or cameras); take a threshold from normals like "
        "those that you will score"
    )


def default_quantile(detector: Detector) -> float:
    """QUANTILE, or the highest that the held-out normals allow."""
    return min(QUANTILE, highest_quantile(detector.held_out_count))
