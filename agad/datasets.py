"""What is known about each named data set without reading it (standard library only).

A plan can so be checked and counted on a machine that holds no data. Sources of the counts: the data sets' own
files; AGAD section 4.1.
"""

from __future__ import annotations

from dataclasses import dataclass

_FASHION = ("T-shirt/top", "Trouser", "Pullover", "Dress", "Coat", "Sandal", "Shirt", "Sneaker", "Bag", "Ankle boot")
_CIFAR10 = ("airplane", "automobile", "bird", "cat", "deer", "dog", "frog", "horse", "ship", "truck")
_DIGITS = tuple(str(digit) for digit in range(10))


@dataclass(frozen=True, slots=True)
class DatasetFacts:
    """Facts of one data set.

    Attributes:
        title: the name as tables print it.
        class_names: one name per class index.
        train_counts: training images per class.
        channels: 1 (grey) or 3 (RGB).
    """

    title: str
    class_names: tuple[str, ...]
    train_counts: tuple[int, ...]
    channels: int


DATASETS: dict[str, DatasetFacts] = {
    "digits": DatasetFacts(
        "Digits (8x8)", _DIGITS, (143, 146, 142, 147, 145, 146, 145, 144, 140, 144), 1
    ),
    "mnist": DatasetFacts(
        "MNIST", _DIGITS, (5923, 6742, 5958, 6131, 5842, 5421, 5918, 6265, 5851, 5949), 1
    ),
    "fashion_mnist": DatasetFacts("Fashion-MNIST", _FASHION, (6000,) * 10, 1),
    "cifar10": DatasetFacts("CIFAR-10", _CIFAR10, (5000,) * 10, 3),
}

NPZ_PREFIX = "npz:"
"""`npz:NAME` is the MedMNIST-style file NAME.npz in the data root."""


def is_known(dataset: str) -> bool:
    """Whether `dataset` names a built-in set or a well-formed one of the user's own."""
    return dataset in DATASETS or (dataset.startswith(NPZ_PREFIX) and is_plain_name(dataset[len(NPZ_PREFIX) :]))


def is_plain_name(name: str) -> bool:
    """Whether `name` is safe as one path component (letters, digits, `_`, `-` and inner dots)."""
    return bool(name) and name[0].isalnum() and all(c.isalnum() or c in "_-." for c in name)


def title(dataset: str) -> str:
    """The data set's name as tables print it; its own name where nothing is known of it."""
    facts = DATASETS.get(dataset)
    return facts.title if facts else dataset
