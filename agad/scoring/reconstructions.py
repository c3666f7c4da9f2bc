"""A few test images and their reconstructions, saved in the rows of seed 0 for Figures 2 and 3."""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from agad.methods import Method
from agad.scoring.evaluate import Evaluator
from agad.tensors.seeding import generator as seeded

SAVED_PER_LABEL = 8
"""Number of normal images, and of anomalous ones: Figure 2 shows this many of a data set, Figure 3 six of each."""


def saved_images(test_label: NDArray[np.int64]) -> NDArray[np.int64]:
    """Indices of the images to save, (K,) int64: at most SAVED_PER_LABEL of label 0, then as many of label 1.

    They are the first in one fixed permutation of the test set, so that all runs with these labels (of every method,
    gamma, backbone and seed) save the same images, and none is selected by hand.
    """
    order = torch.randperm(len(test_label), generator=seeded("evaluation", "reconstructions")).numpy()
    return np.concatenate([order[test_label[order] == label][:SAVED_PER_LABEL] for label in (0, 1)])


def reconstruction_columns(evaluator: Evaluator, method: Method) -> dict[str, Any]:
    """The columns of schema.RECONSTRUCTION_COLUMNS under `eval`; none for a method that makes no images."""
    saved = saved_images(evaluator.test_label)
    x, x_hat = evaluator.reconstructions(method, torch.from_numpy(saved))
    if x_hat is None:
        return {}
    return {
        "recon_index": saved.tolist(),
        "recon_label": evaluator.test_label[saved].tolist(),
        "recon_shape": list(x.shape[1:]),
        "recon_x": as_bytes(x).numpy().tobytes(),
        "recon_x_hat": as_bytes(x_hat).numpy().tobytes(),
    }


def as_bytes(images: Tensor) -> Tensor:
    """Images in [-1, 1] as uint8 on the CPU, rounded to the nearest: the inverse of ImagePool's normalisation."""
    return images.float().add(1.0).mul(127.5).round().clamp(0, 255).to(torch.uint8).contiguous().cpu()
