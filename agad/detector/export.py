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

from agad import files
from agad.data.image import as_pixels
from agad.detector.detector import Detector
from agad.detector.threshold import highest_quantile
from agad.errors import AgadError, SpecError
from agad.spec.catalogue import methods

OPSET = 18
TOLERANCE = 1e-4
"""Largest difference from torch's scores, relative to the largest of them."""

ONNX_BEGINS = b"\x08"
"""A model's first byte: the tag of its first field, ir_version."""

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
    """Write the detector as ONNX, batch size free; the largest relative difference of its scores from torch's.

    Input `pixels`: uint8 (N, C, S, S), images that were resized as the file's metadata `preparation` says; scaling is
    inside. Outputs: `score` (N,) float32 and, where there are heat maps, `error` (N, S, S) float32, not smoothed.

    Raises AgadError where a package is missing, SpecError where the exported scores differ from torch's; nothing is
    written then. OSError where the file cannot be written.
    """
    missing = [name for name in _NEEDED if importlib.util.find_spec(name) is None]
    if missing:
        raise AgadError(f"the export needs {', '.join(missing)}: pip install 'agad[onnx]'")
    if detector.content.spec.eval_precision == "bf16":
        raise SpecError("a detector with eval_precision=bf16 cannot be exported; fit it with fp32")
    if methods()[detector.content.spec.method].search_cost:
        raise SpecError(f"method={detector.content.spec.method} searches each image, which ONNX cannot; take another")
    try:
        model = _with_metadata(_exported(detector), detector)
    except torch.onnx.errors.OnnxExporterError:
        raise SpecError(f"method={detector.content.spec.method} computes what ONNX cannot; take another") from None
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
    files.replace_atomically(target, lambda path: path.write_bytes(model))
    return difference


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
    size = detector.content.spec.image_size
    shape = (count, detector.content.channels, size, size)
    return np.random.default_rng(count).integers(0, 256, shape, dtype=np.uint8)


def _with_metadata(model: bytes, detector: Detector) -> bytes:
    import onnx

    loaded = onnx.load_from_string(model)
    known = {
        "preparation": detector.content.preparation["steps"] + " (the scaling is inside the model)",
        "detector": "; ".join(detector.describe()),
        "class_names": ", ".join(detector.content.class_names),
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
    """The largest relative difference, over batches of several sizes."""
    import onnxruntime

    settings = onnxruntime.SessionOptions()
    settings.log_severity_level = 4  # what it raises is said once, by us
    session = onnxruntime.InferenceSession(model, settings, providers=["CPUExecutionProvider"])
    worst = 0.0
    for count in (1, 3, 16):
        pixels = _pixels(detector, count)
        expected, found = (
            detector.score([as_pixels(image) for image in pixels]),
            session.run(["score"], {"pixels": pixels})[0],
        )
        if found.shape != expected.shape or not np.isfinite(found).all():
            return float("inf")
        worst = max(worst, float(np.abs(found - expected).max() / max(np.abs(expected).max(), 1e-12)))
    return worst
