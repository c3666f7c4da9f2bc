"""Small detectors, trained in a moment on images of noise."""

from __future__ import annotations

import functools
import tempfile
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from agad.data.prepared import Prepared, open_prepared
from agad.detector.content import Content
from agad.detector.detector import Detector
from agad.detector.training import detector_of, spec_of
from agad.spec.catalogue import methods
from agad.spec.run import RunOptions
from agad.train.run import train
from tests.helpers.raw_data import fill

SIZE = 16


@functools.cache
def _room() -> tempfile.TemporaryDirectory[str]:
    """Where what is made here lies, as long as this process lives: no test would take it away."""
    return tempfile.TemporaryDirectory(prefix="agad-own-detectors-")


def _folder() -> Path:
    return Path(tempfile.mkdtemp(dir=_room().name))


@functools.cache
def data(mode: str = "L") -> Prepared:
    """`folder:parts` at SIZE: 40 good ones and 10 bent ones to train on, 8 and 6 to test with."""
    root = _folder()
    fill(root / "parts" / "train" / "good", 40, 0, mode)
    fill(root / "parts" / "train" / "bent", 10, 100, mode)
    fill(root / "parts" / "test" / "good", 8, 200, mode)
    fill(root / "parts" / "test" / "bent", 6, 300, mode)
    return open_prepared("folder:parts", SIZE, data_root=root)


@functools.cache
def detector(method: str = "agad", mode: str = "L") -> Detector:
    """A detector of that method: after two updates where it makes any."""
    changes = {"method": method} | ({"updates": 2, "batch_size": 8} if methods()[method].gradient else {})
    if method == "geotrans":
        changes |= {"encoder": "wrn_10_1", "init": "he", "transformations": "rot4"}
    if methods()[method].labels == "must":
        changes |= {"gamma": 0.1, "min_anomalies": 2}
    return fitted(data(mode), 1, changes)


def fitted(prepared: Prepared, normal: int, changes: dict[str, Any]) -> Detector:
    """What agad fit makes of a data set."""
    spec, folder = spec_of(prepared, normal, changes), _folder()
    record = train(spec, RunOptions(threads=1, weights_dir=str(folder)), data=prepared)
    return detector_of(folder / record.values["weights"], prepared, record.values, device="cpu", threads=1)


def with_values(content: Content, **values: Any) -> Content:
    """The content with some values changed, whatever they are."""
    known = {name: getattr(content, name) for name in Content.__dataclass_fields__}
    return Content(**(known | values))


def noise(count: int, size: int = SIZE, seed: int = 0) -> NDArray[np.uint8]:
    """Grey images (count, size, size)."""
    return np.random.default_rng(seed).integers(0, 256, (count, size, size), dtype=np.uint8)


IMAGES_ONE = noise(1)
