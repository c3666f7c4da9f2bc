"""A score function of anybody's, called batch by batch, whose every answer is checked."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from agad.auditing.inputs import are_same, own, take
from agad.errors import FAULTS, AuditError, is_out_of_memory

Positions = NDArray[np.int64]
Scores = NDArray[np.float64]

FIRST = 4
"""Batches of the first calls that are remembered."""


class Scorer:
    """Scores of images by their positions.

    Args:
        score: from a batch, as `images[positions]`, to one number an image, higher for anomalies.
        images: a tensor, an array or a list; N images.
        batch: images in a batch; None: `score` takes any number of images and makes its own batches.
    """

    def __init__(self, score: Callable[[Any], Any], images: Any, batch: int | None) -> None:
        self.score, self.images, self.batch = score, images, batch
        self.first: list[Scores] = []
        """Scores of the first batches, as the very first calls gave them."""
        self.changes_images = False
        """Whether one of them changed the images that it was given, which were copies."""

    def on(self, images: Any) -> Scorer:
        """The same function for other images."""
        return Scorer(self.score, images, self.batch)

    def by(self, score: Callable[[Any], Any]) -> Scorer:
        """The same images for another function."""
        return Scorer(score, self.images, self.batch)

    def one_batch(self, positions: Positions) -> Scores:
        """Scores of one batch (B,); AuditError where the function raises, or returns other than B finite numbers."""
        try:
            batch = take(self.images, positions)
            batch = batch if isinstance(batch, torch.Tensor) else own(batch)  # torch has made one by itself
        except FAULTS as error:
            raise AuditError(f"images {positions[:3].tolist()} … cannot be had: {described(error)}") from error
        before = own(batch) if len(self.first) < FIRST else None
        try:
            found = self.score(batch)
        except AuditError:
            raise
        except FAULTS as error:
            hint = "; smaller batches need less" if is_out_of_memory(error) else ""
            raise AuditError(f"the score function raised {described(error)} on {_of(batch)}{hint}") from error
        scores = _numbers(found, batch)
        if scores.shape != (len(positions),):
            raise AuditError(
                f"the score function returned shape {scores.shape} for {_of(batch)}; "
                "it must return one number an image, higher for anomalies"
            )
        bad = np.flatnonzero(~np.isfinite(scores))
        if len(bad):
            raise AuditError(
                f"the score of image {positions[bad[0]]} is {scores[bad[0]]}: {len(bad)} of its batch of {len(scores)} "
                "are not finite; mend the model or leave those images out"
            )
        if len(self.first) < FIRST:
            self.changes_images |= not are_same(before, batch)
            self.first.append(scores)
        return scores

    def all(self, order: Positions, batch: int | None) -> Scores:
        """Scores of the images at `order`, a permutation, batch by batch in that order; returned by position, (N,)."""
        scores = np.empty(len(order))
        for positions in np.split(order, range(batch, len(order), batch)) if batch else [order]:
            scores[positions] = self.one_batch(positions)
        return scores


def described(error: BaseException) -> str:
    """An error of somebody's code in one line: its kind, what it says and where it was raised."""
    where, frame = "", error.__traceback__
    while frame is not None:
        where, frame = f" ({frame.tb_frame.f_code.co_filename}:{frame.tb_lineno})", frame.tb_next
    return f"{type(error).__name__}: {' '.join(str(error).split())[:200]}{where}"


def _numbers(found: Any, batch: Any) -> Scores:
    if isinstance(found, torch.Tensor):
        found = found.detach().to("cpu")
        found = found.float() if found.dtype in (torch.bfloat16, torch.float16) else found
    if np.ma.is_masked(found):
        raise AuditError(f"the score function returned masked scores for {_of(batch)}; every image must have one")
    try:
        if np.iscomplexobj(found):
            raise TypeError("numpy would leave the imaginary part out")
        # A copy: the next call may write its scores into the same buffer.
        scores = np.asarray(found, dtype=np.float64).copy()
    except (TypeError, ValueError, RuntimeError):
        raise AuditError(
            f"the score function returned {type(found).__name__} for {_of(batch)}; it must return one number an image"
        ) from None
    # (B, 1), and the () that squeeze() makes of one image, are one number an image too.
    is_column = scores.ndim == 2 and scores.shape[1] == 1
    return scores.reshape(-1) if is_column or (scores.ndim == 0 and len(batch) == 1) else scores


def _of(batch: Any) -> str:
    shape = tuple(getattr(batch, "shape", ()))
    return f"a batch of {len(batch)} images{f' of shape {shape}' if shape else ''}"
