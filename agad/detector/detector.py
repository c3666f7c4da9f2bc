"""Detector: scores and heat maps of any images, by what a run has trained."""

from __future__ import annotations

import warnings
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from agad.data.image import fit
from agad.data.names import one_line
from agad.data.source import Pixels
from agad.detector import fitted as plain
from agad.detector import threshold as rates
from agad.detector.content import Content, load_content
from agad.detector.inputs import Images, each_pixels
from agad.detector.noted import Noted
from agad.detector.pictures.heatmap import default_smoothing, smoothed
from agad.detector.probe import check_probe, notes_on_maker
from agad.detector.threshold import Threshold
from agad.errors import DataError, MakerWarning, SpecError
from agad.methods import Method
from agad.scoring.weights import Weights
from agad.tensors.device import autocast, open_device, place, settings
from agad.tensors.pool import ImagePool

BATCH = 64
"""Images in a pass. On CUDA the last pass is filled up to it, so that every pass takes the same kernels."""

_STEP = 8
"""On the CPU a pass is filled up to a multiple of it: a product's last rows are summed in another order otherwise, and
the last bits of an image's score depend on how many images are scored with it."""

Scores = NDArray[np.float32]


class Detector:
    """A trained detector. An image's score depends on nothing but the image: neither on others nor on their order.

    Batch norms use running statistics (protocol `eval`).

    Args:
        content: of its file.
        device: `cpu`, `cuda` or `cuda:N`.

    Attributes:
        content: its spec, class names, provenance, result and notes.

    Raises DataError where weights and spec do not go together, DeviceError where there is no such device.
    """

    def __init__(self, content: Content, device: str = "cpu") -> None:
        self.content = content
        self._device = open_device(device)
        try:
            with settings(self._device, None):
                self._method = _method_of(content)
            self._fitted = plain.placed(plain.from_plain(content.fitted), self._device)
        except (DataError, RuntimeError, ValueError, KeyError, TypeError, AttributeError) as error:
            reason = " ".join(str(error).split())[:160]
            raise DataError(f"the detector's weights do not go with its spec ({reason}); make it again") from error
        for net in self._method.nets.values():
            place(net, self._device, content.spec.precision)
        self._held_out = content.held_out.numpy()

    def score(self, images: Images) -> Scores:
        """Anomaly scores, (N,) float32; higher is more anomalous.

        Args:
            images: one or several: paths, images of Pillow's, arrays of uint8 (agad/detector/inputs.py), of any size,
                grey or in colour. They are prepared as the training images were.

        Warns (ImageWarning) of what `agad score` notes: images of 16 bits of which few levels are left, files of
        several, other colours, sizes and widths:heights than those of training. Once a call for each kind.

        Raises DataError for what cannot be read, and where a score is not finite.
        """
        noted = Noted(self.content)
        found = [self._scores(x) for x in self._batches(self._pixels(images, noted))]
        noted.warn(stacklevel=2)
        return np.concatenate(found) if found else np.empty(0, np.float32)

    def heatmap(self, images: Images, smoothing: float | None = None) -> Scores:
        """Where images differ from their reconstructions: |x - x_hat|, mean over channels, (N, S, S) float32 in [0, 2].

        S is the detector's image size; x is in [-1, 1].

        Args:
            images: as in `score`.
            smoothing: standard deviation, in pixels of S, of the Gaussian that each map is smoothed by; 0: none; None:
                S / 32, one pixel at 32x32.

        Warns as `score`. Raises SpecError for a method without reconstructions, DataError as `score`.
        """
        self.require_heatmaps()
        noted = Noted(self.content)
        found = [self._maps(x, smoothing) for x in self._batches(self._pixels(images, noted))]
        noted.warn(stacklevel=2)
        size = self.content.spec.image_size
        return np.concatenate(found) if found else np.empty((0, size, size), np.float32)

    def score_prepared(self, pixels: list[Pixels], *, maps: bool = False) -> tuple[Scores, Scores | None]:
        """Scores, and smoothed heat maps where they are wanted, of images that are decoded; without warnings."""
        batches = list(self._batches(iter(pixels)))
        scores = np.concatenate([self._scores(x) for x in batches])
        return scores, np.concatenate([self._maps(x, None) for x in batches]) if maps else None

    def threshold(self, q: float) -> Threshold:
        """The score that a share q of normals does not exceed, from held-out training normals, with its interval.

        SpecError where there are too few held-out normals for q.
        """
        return rates.threshold_of(self._held_out, q)

    def percentile(self, scores: NDArray[np.floating]) -> NDArray[np.float64]:
        """Of each score, the percentage of held-out training normals that do not exceed it, (N,)."""
        return rates.percentiles(self._held_out, scores)

    @property
    def has_heatmaps(self) -> bool:
        """Whether the method reconstructs images."""
        return self.content.heat is not None

    def require_heatmaps(self) -> None:
        """Raise SpecError for a method without reconstructions."""
        if not self.has_heatmaps:
            raise SpecError(
                f"method={self.content.spec.method} reconstructs no images, so that it has no heat maps; "
                "fit with --method agad for them"
            )

    def to(self, device: str) -> Detector:
        """The same detector on a device."""
        return Detector(self.content, device)

    @property
    def normal(self) -> str:
        """The name of the normal class."""
        names, index = self.content.class_names, self.content.spec.target_class
        return names[index] if index < len(names) else str(index)

    @property
    def notes(self) -> tuple[str, ...]:
        """What is to be said of its threshold and percentiles where other code than today's made it, a sentence."""
        return notes_on_maker(self.content)

    def describe(self) -> list[str]:
        """What it is and where it comes from, a line each."""
        spec, known = self.content.spec, self.content.provenance
        net = f"{spec.backbone}, {spec.updates} updates, " if self._method.nets else ""
        commit = str(known.get("git_commit") or f"agad {known.get('agad_version')}")[:12]
        if trained := known.get("trained_code_digest"):
            commit = f"{commit} (digest {known.get('code_digest')}, trained by {trained})"
        return [
            f"{spec.method} ({net}seed {spec.seed}) on {spec.dataset}, normal: {one_line(self.normal)}, "
            f"{spec.image_size}x{spec.image_size} {'grey' if self.content.channels == 1 else 'RGB'}",
            f"data {str(known.get('data_digest'))[:12]}, made by code {commit}, run {spec.run_id}, "
            f"protocol {known.get('protocol')}, {len(self._held_out)} held-out normals",
        ]

    # -- inside ----------------------------------------------------------------------------------------------------

    def _pixels(self, images: Images, noted: Noted) -> Iterator[Pixels]:
        """The pixels of each image."""
        for pixels in each_pixels(images, self.content.channels, noted.seen):
            noted.add(pixels)
            yield pixels

    def _batches(self, images: Iterator[Pixels]) -> Iterator[Tensor]:
        """Uint8 batches (B, C, S, S), B up to BATCH, of images of any size."""
        size, channels = self.content.spec.image_size, self.content.channels
        batch: list[NDArray[np.uint8]] = []
        for pixels in images:
            batch.append(fit(pixels, size, channels))
            if len(batch) == BATCH:
                yield torch.from_numpy(np.stack(batch))
                batch = []
        if batch:
            yield torch.from_numpy(np.stack(batch))

    def _inputs(self, images: Tensor) -> Tensor:
        """What the net receives, by the trainer's own code."""
        step = BATCH if self._device.type == "cuda" else _STEP
        if lacking := -len(images) % step:
            images = torch.cat([images, images.new_zeros(lacking, *images.shape[1:])])
        positions = torch.arange(len(images))
        return ImagePool(images, positions.numpy(), self._device, self.content.spec.precision).take(positions)

    @torch.no_grad()
    def _scores(self, images: Tensor) -> Scores:
        with settings(self._device, None), autocast(self._device, self.content.spec.eval_precision):
            x = self._inputs(images)
            found = self._method.scores(x, self._fitted, torch.zeros(len(x), dtype=torch.int64))
        if found.shape != (len(x),):
            raise SpecError(
                f"method={self.content.spec.method}: the scores of {len(x)} images have shape {tuple(found.shape)}; "
                "they must be one number an image"
            )
        scores: Scores = found[: len(images)].float().cpu().numpy()
        if not np.isfinite(scores).all():
            raise DataError("a score is no finite number: the detector is of no use; make it again by agad fit")
        return scores

    @torch.no_grad()
    def _maps(self, images: Tensor, smoothing: float | None) -> Scores:
        with settings(self._device, None), autocast(self._device, self.content.spec.eval_precision):
            x = self._inputs(images)
            x_hat = self._method.reconstruct(x)
        if x_hat is None or x_hat.shape != x.shape:
            raise SpecError(f"method={self.content.spec.method} makes no image of an image's own shape")
        error: Scores = (x - x_hat.float()).abs().mean(1)[: len(images)].cpu().numpy()
        size = self.content.spec.image_size
        sigma = default_smoothing(size) if smoothing is None else smoothing
        if not 0 <= sigma <= size:  # NaN is neither
            raise SpecError(f"smoothing={sigma} is no number of pixels from 0 to {size}")
        return smoothed(error, sigma)

    def raw_maps(self, pixels: list[Pixels], smoothing: float | None = None) -> Scores:
        """Heat maps of a method that reconstructs images, before their scale is known; without warnings."""
        return np.concatenate([self._maps(x, smoothing) for x in self._batches(iter(pixels))])

    @property
    def held_out_count(self) -> int:
        """Number of held-out training normals."""
        return len(self._held_out)

    @property
    def device(self) -> torch.device:
        """Where it computes."""
        return self._device

    @property
    def method(self) -> Method:
        """The method with its nets, on the detector's device."""
        return self._method

    @property
    def fitted(self) -> Any:
        """What its scores need beside the nets."""
        return self._fitted


def load_detector(path: str | Path, device: str = "cpu") -> Detector:
    """The detector of a file that `agad fit` wrote; nothing in the file is executed.

    Warns (MakerWarning) where other code than today's has made it: what its `notes` say.

    Raises DataError, one line, where it is missing, damaged, of another kind or of a newer agad, and where the images
    that it holds have other scores than when it was made; DeviceError.
    """
    content = load_content(path)
    try:
        detector = Detector(content, device)
        _check_scores(detector)  # not at the user's first image
    except DataError as error:
        raise DataError(f"{path}: {error}") from error
    except (RuntimeError, SpecError, LookupError, TypeError) as error:
        reason = " ".join(str(error).split())[:160]
        raise DataError(f"{path}: the detector cannot score an image ({reason}); make it again by agad fit") from error
    for note in detector.notes:
        warnings.warn(f"{path}: {note}", MakerWarning, stacklevel=2)
    return detector


def _check_scores(detector: Detector) -> None:
    content, size = detector.content, detector.content.spec.image_size
    if content.probe is None or detector.device.type != "cpu":
        detector.score_prepared([np.zeros((size, size), np.uint8)])
    if content.probe is not None:
        on_cpu = detector if detector.device.type == "cpu" else detector.to("cpu")
        check_probe(content, lambda images: on_cpu.score_prepared(images)[0])


def _method_of(content: Content) -> Method:
    weights = Weights(
        spec=content.spec,
        channels=content.channels,
        data_digest="",
        nets={name: dict(state) for name, state in content.nets.items()},
    )
    return weights.build_method()
