"""Data sets opened in tests: refusals, images by number, a small npz."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from numpy.typing import NDArray

from agad.data.image import fit
from agad.data.prepared import open_prepared
from agad.errors import DataError
from tests.helpers.raw_data import Bytes, picture


def refuse(dataset: str, places: dict[str, Path], message: str) -> None:
    """Opening is refused with `message`, in one line, and nothing is left in the cache."""
    with pytest.raises(DataError, match=message) as caught:
        open_prepared(dataset, 32, **places)
    assert "\n" not in str(caught.value)
    assert not places["cache"].exists() or not list(places["cache"].iterdir())


def fitted(number: int, mode: str = "L", size: int = 32) -> Bytes:
    """`picture(number, mode)` as it is prepared: (1 or 3, size, size)."""
    return fit(np.asarray(picture(number, mode)), size, 1 if mode == "L" else 3)


def is_picture(image: torch.Tensor, number: int) -> bool:
    """Whether a prepared image is the grey picture of that number."""
    return np.array_equal(image.numpy(), fitted(number, size=image.shape[-1]))


def write_npz(path: Path, *, train: int = 6, test: int = 4, size: int = 5, classes: int = 2) -> dict[str, NDArray[Any]]:
    """An npz of noise whose classes take turns; its arrays."""
    rng = np.random.default_rng(0)
    arrays: dict[str, NDArray[Any]] = {}
    for part, count in (("train", train), ("test", test)):
        arrays[f"{part}_images"] = rng.integers(0, 256, (count, size, size), dtype=np.uint8)
        arrays[f"{part}_labels"] = np.arange(count, dtype=np.int64)[:, None] % classes
    path.parent.mkdir(parents=True, exist_ok=True)
    np.savez(path, **arrays)
    return arrays
