"""Export to ONNX: pixels in, scores and error maps out, compared with torch before the file is kept."""

from __future__ import annotations

import importlib.util
import io
import warnings
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from agad import targets
from agad.data.image import as_pixels
from agad.detector.detector import Detector
from agad.detector.threshold import highest_quantile
from agad.errors import AgadError, SpecError
from agad.spec.catalogue import methods
from agad.spec.run import RunSpec

OPSET = 18
TOLERANCE = 1e-4
"""Largest difference from torch: of errors, and of scores relative to the score, or to a usual one if that is more."""

_NEEDED = ("onnx", "onnxruntime")


class _Graph(nn.Module):
    """Uint8 (N, C, S, S), resized already, to scores (N,) and, where the method reconstructs, error maps (N, S, S)."""

    def __init__(self, detector: Detector) -> None:
        super().__init__()
        self._method, self._fitted = detector.method, detector.fitted
        self.nets = nn.ModuleDict(detector.method.nets)
        self._has_maps = detector.has_heatmaps

    def forward(self, pixels: Tensor) -> tuple[Tensor, ...]:
        x = pixels.float() / 127.5 - 1.0
        scores = self._method.scores(x, self._fitted, torch.zeros(1, dtype=torch.int64)).float()
        if not self._has_maps:
            return (scores,)
        x_hat = self._method.reconstruct(x)
        assert x_hat is not None
        return scores, (x - x_hat).abs().mean(1)


def export_onnx(detector: Detector, target: Path) -> float:
    """Write the detector as ONNX, batch size free; the largest difference from torch's scores and errors (TOLERANCE).

    Input `pixels`: uint8 (N, C, S, S), images that were resized as the file's metadata `preparation` says; scaling is
    inside. Outputs: `score` (N,) float32 and, where there are heat maps, `error` (N, S, S) float32, not smoothed.

    Raises AgadError where a package is missing, SpecError where the exported scores differ from torch's; nothing is
    written then. OSError where the file cannot be written.
    """
    missing = [name for name in _NEEDED if importlib.util.find_spec(name) is None]
    if missing:
        raise AgadError(f"the export needs {', '.join(missing)}: pip install 'agad[onnx]'")
    check_exported(detector.content.spec)
    try:
        model = _with_metadata(_exported(detector), detector)
    except torch.onnx.errors.OnnxExporterError:
        raise _not_exported(detector.content.spec) from None
    try:
        difference = _compared(model, detector)
    except Exception as error:  # onnxruntime's have no base of their own
        raise SpecError(
            f"method={detector.content.spec.method} becomes a model that ONNX cannot run for every number of images "
            f"({' '.join(str(error).split())[:160]}); take another"
        ) from error
    if not difference <= TOLERANCE:
        raise SpecError(
            f"ONNX gives other scores than torch (relative difference {difference:.1e}): nothing is written"
        )
    targets.replace(target, lambda path: path.write_bytes(model))
    return difference


def check_exported(spec: RunSpec) -> None:
    """Raise SpecError, before any work, for a run whose scores no graph of ONNX gives."""
    if spec.eval_precision == "bf16":
        raise SpecError("a detector with eval_precision=bf16 cannot be exported; fit it with fp32")
    if not methods()[spec.method].exported:
        raise _not_exported(spec)


def _not_exported(spec: RunSpec) -> SpecError:
    return SpecError(f"method={spec.method} computes what ONNX cannot; take another")


def _exported(detector: Detector) -> bytes:
    outputs = ["score", "error"] if detector.has_heatmaps else ["score"]
    buffer = io.BytesIO()
    with torch.no_grad(), warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of the exporter, about itself
        torch.onnx.export(
            _Graph(detector).eval(),
            (torch.from_numpy(_pixels(detector, 2)),),
            buffer,  # type: ignore[arg-type] # this exporter takes files too
            input_names=["pixels"],
            output_names=outputs,
            dynamic_axes={name: {0: "N"} for name in ("pixels", *outputs)},
            opset_version=OPSET,
            dynamo=False,
        )
    return buffer.getvalue()


def _pixels(detector: Detector, count: int) -> np.ndarray[Any, np.dtype[np.uint8]]:
    """Images of noise, each with less contrast than the one before: scores of noise alone are far from usual ones."""
    size = detector.content.spec.image_size
    shape = (count, detector.content.channels, size, size)
    noise = np.random.default_rng(count).uniform(-128, 128, shape)
    return (128 + noise / np.arange(1, count + 1)[:, None, None, None]).astype(np.uint8)


def _with_metadata(model: bytes, detector: Detector) -> bytes:
    import onnx

    loaded = onnx.load_from_string(model)
    known = {
        "preparation": detector.content.preparation["steps"] + " (the scaling is inside the model)",
        "detector": "; ".join(detector.describe()),
        "class_names": ", ".join(detector.content.class_names),
        **({"notes": "; ".join(detector.notes)} if detector.notes else {}),
        **{f"threshold_q{q:g}": repr(detector.threshold(q).value) for q in _quantiles(detector)},
    }
    for name, text in known.items():
        entry = loaded.metadata_props.add()
        entry.key, entry.value = name, text
    onnx.checker.check_model(loaded)
    return bytes(loaded.SerializeToString())


def _quantiles(detector: Detector) -> list[float]:
    return [q for q in (0.9, 0.95, 0.99, 0.999) if q <= highest_quantile(detector.held_out_count)]


def _compared(model: bytes, detector: Detector) -> float:
    """The largest relative difference of scores, or difference of errors, over batches of several sizes."""
    import onnxruntime

    settings = onnxruntime.SessionOptions()
    settings.log_severity_level = 4  # what it raises is said once, by us
    session = onnxruntime.InferenceSession(model, settings, providers=["CPUExecutionProvider"])
    usual = max(float(detector.content.held_out.abs().median()), 1e-12)
    worst = 0.0
    for count in (1, 3, 16):
        pixels = _pixels(detector, count)
        images = [as_pixels(image) for image in pixels]
        scores, _ = detector.score_prepared(images)
        pairs = [("score", scores, np.maximum(np.abs(scores), usual))]
        if detector.has_heatmaps:
            pairs.append(("error", detector.raw_maps(images, smoothing=0), np.ones(1)))
        for name, expected, scale in pairs:
            found = session.run([name], {"pixels": pixels})[0]
            if found.shape != expected.shape or not np.isfinite(found).all():
                return float("inf")
            worst = max(worst, float((np.abs(found - expected) / scale).max()))
    return worst
