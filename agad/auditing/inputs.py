"""The images and labels of an audit: checked, and searched for images that occur twice."""

from __future__ import annotations

import copy
import hashlib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray

from agad.auditing.result import FINE, UNKNOWN, WARNING, WRONG, Finding
from agad.errors import AuditError

_FEWEST = 2


@dataclass(frozen=True, slots=True, eq=False)
class TestSet:
    """Images with their labels.

    Attributes:
        images: a tensor, an array, a list or a column of pandas; N images.
        labels: (N,) int64, 0 normal, 1 anomalous; both occur.
        classes: (N,) int64 or None: what the set is sorted by under `class_sorted`.
    """

    __test__ = False  # no class of tests, whatever it is called
    images: Any
    labels: NDArray[np.int64]
    classes: NDArray[np.int64] | None

    @classmethod
    def of(cls, images: Any, labels: Any, classes: Any = None) -> TestSet:
        """Check them; AuditError, one line, for what no AUROC can be computed of."""
        count = count_images(images, "images")
        if count == 0:
            raise AuditError("there are no images to audit")
        found = _whole_numbers(labels, count, "labels")
        values = set(np.unique(found).tolist())
        if not values <= {0, 1}:
            raise AuditError(
                f"labels must be 0 (normal) and 1 (anomalous); these have {len(values)} values, among them "
                f"{max(values - {0, 1})}: give `labels != normal_class`"
            )
        if len(values) < _FEWEST:
            raise AuditError(f"all {count} labels are {values.pop()}; an AUROC needs normal and anomalous images")
        return cls(images, found, None if classes is None else _whole_numbers(classes, count, "classes"))

    def part(self, count: int, generator: np.random.Generator) -> TestSet:
        """A random part of `count` images in their own order, with both labels in their shares."""
        kept: list[Any] = []
        for label in (0, 1):
            of_label = np.flatnonzero(self.labels == label)
            share = max(1, round(count * len(of_label) / len(self.labels)))
            kept.append(generator.permutation(of_label)[:share])
        chosen = np.sort(np.concatenate(kept))
        return TestSet(
            take(self.images, chosen), self.labels[chosen], None if self.classes is None else self.classes[chosen]
        )


def count_images(images: Any, what: str) -> int:
    """The number of images; AuditError for what is no sequence of them."""
    if isinstance(images, Mapping | str | bytes) or (_is_pandas(images) and images.ndim > 1):
        raise AuditError(f"{what} are {type(images).__name__}; give a tensor, an array, a list or one column of images")
    try:
        return len(images)
    except TypeError:
        raise AuditError(f"{what} are {type(images).__name__}; give a tensor, an array or a list of images") from None


def take(images: Any, positions: NDArray[np.int64]) -> Any:
    """The images at positions, of the same kind."""
    if isinstance(images, torch.Tensor):
        return images[torch.from_numpy(positions).to(images.device)]
    if _is_pandas(images):  # in brackets a number is a label there: after a shuffle that of another row
        return list(images.iloc[positions])
    return images[positions] if isinstance(images, np.ndarray) else [images[position] for position in positions]


def own(images: Any) -> Any:
    """A copy of a batch and of every image in it, for a function may change what it is given."""
    if isinstance(images, list):
        return [own(image) for image in images]
    if isinstance(images, torch.Tensor):
        return images.detach().clone().requires_grad_(images.requires_grad)
    try:
        return copy.deepcopy(images)
    except Exception:  # noqa: BLE001 - somebody else's kind that cannot be copied is given as it is
        return images


def are_same(a: Any, b: Any) -> bool:
    """Whether two batches have the same numbers; True of what is neither tensors nor arrays."""
    if isinstance(a, list):
        return all(are_same(one, other) for one, other in zip(a, b, strict=False))
    if isinstance(a, torch.Tensor):
        a, b = a.detach().cpu(), b.detach().cpu()
        return a.shape == b.shape and bool(torch.equal(a, b) or torch.equal(a.nan_to_num(), b.nan_to_num()))
    if not isinstance(a, np.ndarray) or a.dtype.kind not in _NUMBERS:
        return True
    return bool(np.array_equal(a, b, equal_nan=True))


def _is_pandas(images: Any) -> bool:
    return hasattr(images, "iloc")


def _whole_numbers(values: Any, count: int, what: str) -> NDArray[np.int64]:
    if np.ma.is_masked(values):
        raise AuditError(f"some {what} are masked; leave those images out")
    found = np.asarray(_array(values))
    found = found.reshape(-1) if found.ndim == 2 and found.shape[1] == 1 else found
    if found.ndim != 1 or len(found) != count:
        raise AuditError(f"there are {count} images, but {what} of shape {found.shape}; give one for each image")
    if found.dtype.kind not in "iubf" or not np.array_equal(found, np.round(found.astype(np.float64))):
        raise AuditError(f"{what} are {found.dtype}; they must be whole numbers")
    return found.astype(np.int64)


def is_ordered(labels: NDArray[np.int64]) -> bool:
    """Whether labels stand in blocks: ten times fewer changes from image to image than a shuffled set has."""
    share = labels.mean()
    expected = 2 * share * (1 - share) * (len(labels) - 1)
    return bool(expected >= 10 and np.count_nonzero(np.diff(labels)) < expected / 10)


def _array(image: Any) -> Any:
    """An image as numpy takes it, which has no bfloat16: float32 holds the same numbers."""
    found = image.detach().cpu() if isinstance(image, torch.Tensor) else image
    return found.float() if getattr(found, "dtype", None) is torch.bfloat16 else found


def _arrays(images: Any) -> Iterator[NDArray[Any]]:
    for image in images:
        yield np.ascontiguousarray(_array(image))


def _hashes(images: Any) -> Iterator[bytes]:
    for array in _arrays(images):
        yield hashlib.sha256(f"{array.dtype}{array.shape}".encode() + array.tobytes()).digest()


_CHANNELS = {1, 3, 4}
_LEAST_LEVELS = 8
"""Different numbers that an image needs for their order to be its own: any two black ones have the same order."""
_SAMPLE = 256


def _patterns(images: Any, *, of_sample: bool = False) -> Iterator[bytes | None]:
    """Of each image what no scaling changes, of all numbers alike or by channel: the order of its numbers.

    None of an image with few different numbers. With `of_sample` it is the order of some numbers in the same places of
    all images, however few are different: images in which these differ in order do so as a whole.
    """
    for array in _arrays(images):
        last = array.ndim == 3 and array.shape[0] not in _CHANNELS and array.shape[-1] in _CHANNELS
        channels = np.moveaxis(array, -1, 0) if last else array if array.ndim == 3 else array[None]
        found = hashlib.sha256(str(array.shape).encode())
        most = 0
        for channel in channels if len(channels) in _CHANNELS else array[None]:
            numbers = channel.reshape(-1)
            if of_sample:
                numbers = numbers[np.linspace(0, numbers.size - 1, min(_SAMPLE, numbers.size), dtype=np.intp)]
            levels, ranks = np.unique(numbers, return_inverse=True)
            found.update(ranks.astype("<i8").tobytes())
            most = max(most, len(levels))
        yield found.digest() if of_sample or most >= _LEAST_LEVELS else None


_NUMBERS = "iufb"
"""Kinds of numpy's types whose bytes say whether two images are the same."""


def _first(images: Any) -> NDArray[Any]:
    """The first image as an array, of whatever it is."""
    image = take(images, np.zeros(1, np.int64))[0]
    return np.asarray(_array(image))


_MOST_COPIES = 0.01
"""Share of the test images up to which copies move an AUROC by little."""


def leaked(test: Any, train: Any) -> NDArray[np.bool_]:
    """(N,) whether each test image is, byte for byte, a training image."""
    known = set(_hashes(train))
    return np.fromiter((image in known for image in _hashes(test)), dtype=bool)


def _rescaled(test: Any, train: Any) -> NDArray[np.bool_]:
    """(N,) whether each test image is a training image but for its scale."""
    # Whole images are sorted only where the order of a sample says that they may be the same: sorting is slow.
    samples = [list(_patterns(images, of_sample=True)) for images in (test, train)]
    shared = set(samples[0]).intersection(samples[1])
    of_test, of_train = (np.flatnonzero([image in shared for image in of]) for of in samples)
    known = set(_patterns(take(train, of_train))) - {None}
    found = np.zeros(len(samples[0]), dtype=np.bool_)
    found[of_test] = [image in known for image in _patterns(take(test, of_test))]
    return found


class _Range(NamedTuple):
    """The least and the greatest number in some images."""

    low: float
    high: float

    @classmethod
    def of(cls, images: Any) -> _Range:
        arrays = (array for array in _arrays(images) if array.size)
        found = [(float(np.fmin.reduce(a, axis=None)), float(np.fmax.reduce(a, axis=None))) for a in arrays]
        return cls(min(low for low, _ in found), max(high for _, high in found))

    def overlap(self, other: _Range) -> float:
        """The share of the wider range that both have."""
        widest = max(self.high - self.low, other.high - other.low)
        shared = min(self.high, other.high) - max(self.low, other.low)
        return max(shared, 0.0) / widest if widest else float(self == other)

    def __str__(self) -> str:
        return f"{self.low:.3g} to {self.high:.3g}"


_ALIKE, _OTHER = 0.999, 0.6
"""Overlaps: from the first on, images are scaled alike; below the second they clearly are not, as 0..1 and -1..1."""


def repeats_finding(test: TestSet) -> Finding:
    """Test images that are there several times: they count as often, and under both labels one of them is wrong."""
    kind = "repeated"
    if _first(test.images).dtype.kind not in _NUMBERS:
        return Finding(kind, UNKNOWN, "Test images are no arrays of numbers: repeats among them were not sought.")
    labels: dict[bytes, list[int]] = {}
    for image, label in zip(_hashes(test.images), test.labels.tolist(), strict=True):
        labels.setdefault(image, []).append(label)
    contradicting = sum(len(of) for of in labels.values() if len(set(of)) > 1)
    repeated, count = len(test.labels) - len(labels), len(test.labels)
    if contradicting:
        severity = WRONG if contradicting > _MOST_COPIES * count else WARNING
        return Finding(
            kind, severity, f"{contradicting} of {count} test images are, pixel for pixel, under both labels."
        )
    if not repeated:
        return Finding(kind, FINE, "No test image is there twice.")
    severity = WARNING if repeated > _MOST_COPIES * count else FINE
    return Finding(
        kind,
        severity,
        f"{repeated} of {count} test images repeat another, pixel for pixel: intervals take them for images of their "
        "own.",
    )


def training_findings(test: TestSet, train: Any) -> tuple[NDArray[np.bool_] | None, Finding]:
    """Which test images are training images, with the finding."""
    kind = "test_in_training"
    if train is None or count_images(train, "training images") == 0:
        return None, Finding(kind, UNKNOWN, "No training images were given, so test images among them were not sought.")
    first = [_first(of) for of in (test.images, train)]
    if first[0].dtype != first[1].dtype or first[0].shape != first[1].shape or first[0].dtype.kind not in _NUMBERS:
        return None, Finding(
            kind, UNKNOWN, "Training and test images are not arrays of one kind and cannot be compared."
        )
    if not (first[0].size and first[1].size):
        return None, Finding(
            kind, UNKNOWN, "Images have no pixels, so test images among those for training were not sought."
        )
    of_test, of_train = _Range.of(test.images), _Range.of(train)
    where = exact = leaked(test.images, train)
    overlap = of_test.overlap(of_train)
    if not overlap >= _ALIKE:
        where = exact | _rescaled(test.images, train)
    ranges = f"training {of_train}, test {of_test}"
    if where.any():
        return where, _training_finding(test.labels[where], len(where), "" if exact[where].all() else ranges)
    if not overlap >= _OTHER:
        return None, Finding(
            kind,
            UNKNOWN,
            f"Training and test images are not scaled alike ({ranges}): test images among those for training may have "
            "been missed. Scale both as your model takes them.",
        )
    return where, Finding(kind, FINE, f"None of the test images is, pixel for pixel, one of {len(train)} for training.")


def _training_finding(labels: NDArray[np.int64], count: int, ranges: str) -> Finding:
    """On the labels of those of `count` test images that are training images, `ranges` apart where there are any."""
    how = f"but for the range of their numbers ({ranges})" if ranges else "pixel for pixel"
    normal = int((labels == 0).sum())
    sentence = (
        f"{len(labels)} of {count} test images are training images, {how}: {normal} normal, "
        f"{len(labels) - normal} anomalous."
    )
    return Finding("test_in_training", WRONG if len(labels) > _MOST_COPIES * count else WARNING, sentence)
