"""The file of a detector: plain data, a version, and checks of all that a stranger may have written into it."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from agad import console, targets
from agad.data.cache import PREPARATION_VERSION
from agad.errors import DataError, SpecError
from agad.spec.run import SEMANTICS_VERSION, RunSpec
from agad.tensors.file import ZIP_BEGINS, TensorFileError, load_tensors, save_tensors

KIND = "agad detector"
VERSION = 2
"""Raised when an older agad could not read the file. 1 had no probe."""

MOST_PIXELS = 4096
"""Height and width above which a file is refused: it would only fill the memory."""

MOST_PROBED = 64
"""Images of a probe above which a file is refused: each load scores them."""

_ADVICE = "it may be damaged; make it again by agad fit"


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Content:
    """What a detector's file holds.

    Attributes:
        spec: of the run that trained it.
        channels: 1 (grey) or 3 (RGB): images of the other kind are converted.
        class_names: of the data set that it was trained on.
        nets: name -> state dict of each net, without auxiliary batch norm.
        fitted: what the method's `fit` returned, as agad.detector.fitted makes it plain.
        held_out: (n,) float32, the scores of the held-out training normals, sorted.
        heat: the error of a pixel that 99.9% of the held-out normals' pixels do not exceed; None: it has no heat maps.
        preparation: `version`, in words how an image becomes the net's input, and where it is known `aspects`, the
            least and the greatest width:height of the training normals before that.
        provenance: where it comes from: run_id, data_digest, protocol, commit, code, versions, time; `trained_...` of
            the code that trained the weights, where another scored the held-out normals.
        result: what fit printed: AUROC with its interval, numbers of images, false positive rate; plain numbers.
        notes: what is known of the training data, a sentence each.
        probe: `images`, uint8 (n, C, S, S), and the `scores`, float32 (n,), that they had (agad/detector/probe.py);
            None in older files.
    """

    spec: RunSpec
    channels: int
    class_names: tuple[str, ...]
    nets: Mapping[str, Mapping[str, Tensor]]
    fitted: Any
    held_out: Tensor
    heat: float | None
    preparation: Mapping[str, Any]
    provenance: Mapping[str, str | None]
    result: Mapping[str, float | int | None] = field(default_factory=dict)
    notes: tuple[str, ...] = ()
    probe: Mapping[str, Tensor] | None = None


def preparation_of(spec: RunSpec, channels: int, aspects: tuple[float, float] | None) -> dict[str, Any]:
    """The `preparation` of a detector: version, steps for people, and the normals' least and greatest width:height."""
    size, colour = spec.image_size, "grey (L)" if channels == 1 else "RGB"
    return {
        "version": PREPARATION_VERSION,
        "steps": "decode (of 16 bits per channel the upper 8, of several frames the first; an EXIF orientation is not "
        f"applied, transparency dropped), convert to {colour}, resize to {size}x{size} by Pillow's bilinear filter "
        "without keeping the aspect ratio, then value / 127.5 - 1",
        **({"aspects": list(aspects)} if aspects else {}),
    }


def save_content(path: Path, content: Content) -> None:
    """Write the file atomically; a link stays. Raises OSError where the disk is full or the folder not writable."""
    values = {one.name: getattr(content, one.name) for one in fields(content)}
    values["spec"] = {"semantics_version": SEMANTICS_VERSION, **content.spec.to_dict()}
    for name in ("class_names", "notes"):
        values[name] = list(values[name])
    save_tensors(targets.followed(path), {"kind": KIND, "version": VERSION, **values})


def check_detector(option: str, path: Path) -> None:
    """As console.check_target: a file that is there must be a detector, of whatever version. Raises AgadError."""
    console.check_target(option, path, ZIP_BEGINS)
    if path.is_file() and path.stat().st_size and _values_of(path).get("kind") != KIND:
        raise DataError(f"{option} {path} is there, and is no detector; give another name, or move that file away")


def check_replaced(option: str, path: Path, spec: RunSpec, data_digest: str) -> None:
    """Refuse to write a run's detector over that of another run, or of other images. Raises DataError, one line."""
    if not path.is_file() or not path.stat().st_size:
        return
    there = _values_of(path)
    made_by, method = _named(there.get("provenance")), _named(there.get("spec")).get("method")
    if made_by.get("run_id") != spec.run_id:
        other = f"method={method}" if method != spec.method else "other settings or another data set"
    elif made_by.get("data_digest") != data_digest:
        other = "other images"
    else:
        return
    raise of_another_run(option, path, "a detector", other, spec.method)


def of_another_run(option: str, path: Path, what: str, other: str, method: str) -> DataError:
    """That a file is there already, of another run than this one's, and what to do."""
    own_name = console.shell_line([str(path.with_name(f"{path.stem}-{method}{path.suffix}"))])
    return DataError(
        f"{path} is there, and is {what} of another run ({_line(other)}): give this one a name of its own, as {option} "
        f"{own_name}, or move that file away"
    )


def _named(value: object) -> dict[str, Any]:
    return value if isinstance(value, dict) else {}


def _values_of(path: Path) -> dict[str, Any]:
    """What a file of tensors holds; nothing where it cannot be read."""
    try:
        return load_tensors(path)
    except TensorFileError:
        return {}


def load_content(path: str | Path) -> Content:
    """Read the file; nothing in it is executed.

    Raises DataError, one line: missing, damaged, of another kind, of a newer agad, or with values that no detector has.
    """
    try:
        values = load_tensors(path)
    except (TensorFileError, OSError) as error:
        reason = error.strerror if isinstance(error, OSError) else error
        raise DataError(f"{path} is no detector that can be read: {reason}") from error
    if values.pop("kind", None) != KIND:
        raise DataError(f"{path} is no detector, but another file of tensors (saved weights, a checkpoint)")
    version = values.pop("version", None)
    if not isinstance(version, int) or version > VERSION:
        raise DataError(
            f"{path} is a detector of version {_line(version)}; this agad reads up to {VERSION}: update agad"
        )
    try:
        return _checked(values)
    except (SpecError, ValueError, TypeError, LookupError, AttributeError, RuntimeError) as error:
        raise DataError(f"{path} is no detector that this agad can use: {_line(error)}; {_ADVICE}") from error


def _checked(values: dict[str, Any]) -> Content:
    spec = dict(values.pop("spec"))
    semantics = spec.pop("semantics_version")
    if semantics != SEMANTICS_VERSION:
        raise ValueError(f"its run has semantics version {semantics}, this agad has {SEMANTICS_VERSION}")
    content = Content(spec=RunSpec.from_dict(spec), **values)
    channels = content.channels
    _require(isinstance(channels, int) and channels in (1, 3), f"it has {_line(channels)} channels")
    _require(content.spec.image_size <= MOST_PIXELS, f"its images have {content.spec.image_size} pixels a side")
    prepared = content.preparation["version"]
    _require(prepared == PREPARATION_VERSION, f"images were prepared by version {prepared}, now {PREPARATION_VERSION}")
    _require(isinstance(content.preparation.get("steps"), str), "preparation has no steps")  # an export tells them
    aspects = content.preparation.get("aspects", [1.0, 1.0])
    _require(isinstance(aspects, list) and [*map(type, aspects)] == [float, float], "aspects are no two numbers")
    _require(0 < aspects[0] <= aspects[1] < math.inf, "aspects are none of images")
    for name in ("class_names", "notes"):
        texts = getattr(content, name)
        _require(isinstance(texts, list) and all(isinstance(text, str) for text in texts), f"{name} are no texts")
        object.__setattr__(content, name, tuple(texts))
    held = content.held_out
    _require(isinstance(held, Tensor) and held.dtype == torch.float32 and held.ndim == 1, "held_out are no scores")
    _require(len(held) > 0 and bool(held.isfinite().all()), "held_out has no scores, or some that are no numbers")
    object.__setattr__(content, "held_out", held.sort().values)
    _require(content.heat is None or (isinstance(content.heat, float) and 0 <= content.heat < 1e9), "heat is no number")
    for name in ("nets", "provenance", "result"):
        _require(isinstance(getattr(content, name), dict), f"{name} has no names")
    made_by = content.provenance.get("run_id", content.spec.run_id)
    _require(made_by == content.spec.run_id, f"its spec is not that of the run that made it ({_line(made_by)})")
    _check_probe(content)
    for tensor in (*_tensors(content.nets), *_tensors(content.fitted)):
        _require(not tensor.is_floating_point() or bool(tensor.isfinite().all()), "a weight is no number")
    return content


def _check_probe(content: Content) -> None:
    probe, size = content.probe, content.spec.image_size
    if probe is None:
        return
    _require(isinstance(probe, dict) and set(probe) == {"images", "scores"}, "its probe has no images and scores")
    images, scores = probe["images"], probe["scores"]
    _require(isinstance(images, Tensor) and isinstance(scores, Tensor), "its probe has no images and scores")
    _require(images.dtype == torch.uint8 and scores.dtype == torch.float32, "its probe has no images and scores")
    _require(0 < len(scores) <= MOST_PROBED, f"its probe has {len(scores)} scores")
    _require(images.shape == (*scores.shape, content.channels, size, size), "its probe has images of another shape")
    _require(bool(scores.isfinite().all()), "its probe has a score that is no number")


def _tensors(value: Any) -> list[Tensor]:
    if isinstance(value, Tensor):
        return [value]
    return [tensor for inner in value.values() for tensor in _tensors(inner)] if isinstance(value, dict) else []


def _require(is_so: bool, otherwise: str) -> None:
    if not is_so:
        raise ValueError(otherwise)


def _line(value: object) -> str:
    return " ".join(str(value).split())[:200] or type(value).__name__
