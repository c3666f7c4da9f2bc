"""A detector's probe: images of noise with their scores, which tell whether today's code scores as its maker did."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from agad.data.image import as_pixels
from agad.detector.content import Content
from agad.errors import DataError
from agad.store.provenance import code_digest

IMAGES = 4

TOLERANCE = {"fp32": 0.02, "tf32": 0.1, "bf16": 0.1}
"""Precision -> the largest difference that other machines may make, relative to the score, or to a usual one if that is
more. A smaller change of code is told by its digest alone."""

Score = Callable[[list[NDArray[np.uint8]]], NDArray[np.float32]]
"""Scores of images, each (S, S) or (S, S, 3)."""


def probe_of(content: Content, score: Score) -> dict[str, Tensor] | None:
    """`images`, uint8 (IMAGES, C, S, S), and their `scores`, float32 (IMAGES,); None where those are no numbers.

    They are noise, of which each image has less contrast than the one before: nobody's image gets into a file by them.

    Args:
        content: of the detector.
        score: its scores, on the CPU.
    """
    size = content.spec.image_size
    noise = np.random.default_rng(0).uniform(-128, 128, (IMAGES, content.channels, size, size))
    images = (128 + noise / np.arange(1, IMAGES + 1)[:, None, None, None]).astype(np.uint8)
    try:
        scores = score([as_pixels(image) for image in images])
    except DataError:  # noise is far from the images that it was trained on: that it has no score there is no fault
        return None
    return {"images": torch.from_numpy(images), "scores": torch.from_numpy(scores)}


def check_probe(content: Content, score: Score) -> None:
    """Refuse a detector whose probe has other scores now: threshold and percentiles are of the old ones.

    Args:
        content: of the detector, with a probe.
        score: its scores, on the CPU.

    Raises DataError, one line.
    """
    assert content.probe is not None
    expected = content.probe["scores"].numpy()
    found = score([as_pixels(image) for image in content.probe["images"].numpy()])
    usual = max(float(content.held_out.abs().median()), 1e-12)
    difference = float((np.abs(found - expected) / np.maximum(np.abs(expected), usual)).max())
    precisions = (content.spec.precision, content.spec.eval_precision)
    if not difference <= max(TOLERANCE.get(one, 0.1) for one in precisions):
        raise DataError(
            f"images that the detector holds have other scores than when it was made (relative difference "
            f"{difference:.2g}; {_makers(content)}): its threshold and percentiles do not hold; fit it again, or score "
            "with what made it"
        )


def notes_on_maker(content: Content) -> tuple[str, ...]:
    """What to say where other code, or another torch, than today's has made a detector: a sentence, or none."""
    made_by = content.provenance
    if made_by.get("code_digest") != code_digest():
        if content.probe is not None:
            return (
                f"threshold and percentiles are of other code ({_makers(content)}); {IMAGES} images that it holds have "
                "the scores that they had; to be sure, fit it again",
            )
    elif content.probe is not None or _release(made_by.get("torch_version")) == _release(torch.__version__):
        return ()
    return (
        f"threshold and percentiles are of other code ({_makers(content)}), and whether they hold is not known; fit it "
        "again: seconds where the run is trained already",
    )


def _makers(content: Content) -> str:
    made_by = content.provenance
    code, torch_then = str(made_by.get("code_digest") or "unknown")[:16], _release(made_by.get("torch_version"))
    found = [f"made by {code}, now {code_digest()}"] if code != code_digest() else []
    if torch_then != _release(torch.__version__):
        found.append(f"torch {torch_then}, now {_release(torch.__version__)}")
    return ", ".join(found) or "by the same code and torch, on another machine"


def _release(version: object) -> str:
    """A version of torch without its build."""
    return str(version or "unknown").partition("+")[0][:20]
