"""What is known about each named data set without reading it (standard library only).

A plan can so be checked and counted on a machine that holds no data. Sources of the counts: the data sets' own
files; AGAD section 4.1.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol

from agad.errors import SpecError

_FASHION = ("T-shirt/top", "Trouser", "Pullover", "Dress", "Coat", "Sandal", "Shirt", "Sneaker", "Bag", "Ankle boot")
_CIFAR10 = ("airplane", "automobile", "bird", "cat", "deer", "dog", "frog", "horse", "ship", "truck")
_CIFAR100 = (  # the 20 superclasses, in the order of the file's coarse labels
    "aquatic mammals",
    "fish",
    "flowers",
    "food containers",
    "fruit and vegetables",
    "household electrical devices",
    "household furniture",
    "insects",
    "large carnivores",
    "large man-made outdoor things",
    "large natural outdoor scenes",
    "large omnivores and herbivores",
    "medium-sized mammals",
    "non-insect invertebrates",
    "people",
    "reptiles",
    "small mammals",
    "trees",
    "vehicles 1",
    "vehicles 2",
)
_DIGITS = tuple(str(digit) for digit in range(10))


@dataclass(frozen=True, slots=True)
class DatasetFacts:
    """Facts of one data set.

    Attributes:
        title: the name as tables print it.
        class_names: one name per class index.
        train_counts: training images per class as published; None where that is not certain.
        channels: 1 (grey) or 3 (RGB).
    """

    title: str
    class_names: tuple[str, ...]
    train_counts: tuple[int, ...] | None
    channels: int


DATASETS: dict[str, DatasetFacts] = {
    "digits": DatasetFacts("Digits (8x8)", _DIGITS, (143, 146, 142, 147, 145, 146, 145, 144, 140, 144), 1),
    "mnist": DatasetFacts("MNIST", _DIGITS, (5923, 6742, 5958, 6131, 5842, 5421, 5918, 6265, 5851, 5949), 1),
    "fashion_mnist": DatasetFacts("Fashion-MNIST", _FASHION, (6000,) * 10, 1),
    "cifar10": DatasetFacts("CIFAR-10", _CIFAR10, (5000,) * 10, 3),
    "cifar100": DatasetFacts("CIFAR-100", _CIFAR100, (2500,) * 20, 3),
    # The medical sets: normal is class 0; counts as in section 5.1 (its ChestXray and OCT are Kaggle's editions).
    "alzheimer": DatasetFacts(
        "Alzheimer's",
        ("non demented", "very mild demented", "mild demented", "moderate demented"),
        (2560, 1792, 717, 52),
        1,
    ),
    "chest_xray": DatasetFacts("ChestXray", ("normal", "pneumonia"), (1341, 3875), 1),
    "lung_histopathology": DatasetFacts(
        "Lung Histopathology", ("benign", "adenocarcinoma", "squamous cell carcinoma"), (4500, 4500, 4500), 3
    ),
    "retinal_oct": DatasetFacts("Retinal OCT", ("normal", "CNV", "DME", "drusen"), (26315, 37205, 11348, 8616), 1),
}

NPZ_PREFIX = "npz:"
"""`npz:NAME` is the MedMNIST-style file NAME.npz in the data root."""


FOLDER_PREFIX = "folder:"
"""`folder:NAME` is the image folder NAME in the data root: train/ and test/ with a folder per class, or classes alone.

Of classes alone, a fixed fifth of each one's images is the test set. Classes are numbered by their sorted names.
"""


def is_known(dataset: str) -> bool:
    """Whether `dataset` names a built-in set or a well-formed one of the user's own."""
    prefixes = [prefix for prefix in (NPZ_PREFIX, FOLDER_PREFIX) if dataset.startswith(prefix)]
    return dataset in DATASETS or any(is_plain_name(dataset.removeprefix(prefix)) for prefix in prefixes)


def legal_names() -> str:
    """The names that a data set can have, for messages."""
    return ", ".join((*DATASETS, f"{NPZ_PREFIX}NAME", f"{FOLDER_PREFIX}NAME"))


def is_plain_name(name: str) -> bool:
    """Whether `name` is safe as one path component (letters, digits, `_`, `-` and inner dots)."""
    return bool(name) and name[0].isalnum() and all(c.isalnum() or c in "_-." for c in name)


class CountedSpec(Protocol):
    """What counting needs of a RunSpec (which is defined above this module)."""

    @property
    def dataset(self) -> str: ...  # noqa: D102 - as in RunSpec
    @property
    def protocol(self) -> str: ...  # noqa: D102
    @property
    def target_class(self) -> int: ...  # noqa: D102
    @property
    def gamma(self) -> float: ...  # noqa: D102
    @property
    def known_anomaly_classes(self) -> tuple[int, ...]: ...  # noqa: D102
    @property
    def known_anomaly_draw(self) -> int: ...  # noqa: D102
    @property
    def validation(self) -> float: ...  # noqa: D102
    @property
    def validation_anomalies(self) -> int: ...  # noqa: D102
    @property
    def validation_anomaly_classes(self) -> tuple[int, ...]: ...  # noqa: D102
    @property
    def seed(self) -> int: ...  # noqa: D102
    def anomalies(self, normals: int) -> int: ...  # noqa: D102
    def held_out(self, normals: int) -> int: ...  # noqa: D102


@dataclass(frozen=True, slots=True)
class Roles:
    """Which classes play which part in a run, and how many training images that makes.

    Attributes:
        normal: classes whose training images are normals, all of them trained on but those held out.
        anomalous: all other classes.
        drawn: classes that training anomalies are drawn from; empty at gamma = 0.
        normals: number of training normals, n, without those held out.
        anomalies: number of training anomalies, a.
        validation_normals: number of normals held out for validation.
        validation_anomalies: anomalous class -> number of its training images that are set apart for validation.
    """

    normal: tuple[int, ...]
    anomalous: tuple[int, ...]
    drawn: tuple[int, ...]
    normals: int
    anomalies: int
    validation_normals: int
    validation_anomalies: Mapping[int, int]


def check_counts(spec: CountedSpec) -> None:
    """Refuse, without reading data, a run whose anomalies cannot be drawn: more than there are, or none.

    Raises SpecError, one line. Says nothing where the data set's counts are not known beforehand.
    """
    facts = DATASETS.get(spec.dataset)
    if facts and facts.train_counts:
        roles(spec, facts.train_counts)


def roles(spec: CountedSpec, train_counts: Sequence[int]) -> Roles:
    """The classes' roles in a run on a data set with so many training images per class.

    Raises SpecError, one line, for a class that does not exist or has no training image, and for more anomalies than
    the known anomaly classes have, or none at gamma > 0; likewise for the images of a validation.
    """
    classes = range(len(train_counts))
    for index in (spec.target_class, *spec.known_anomaly_classes, *spec.validation_anomaly_classes):
        if index not in classes:
            raise SpecError(f"class {index} does not exist in {spec.dataset}; the classes are 0..{len(classes) - 1}")
    target, others = (spec.target_class,), tuple(c for c in classes if c != spec.target_class)
    normal, anomalous = (target, others) if spec.protocol == "one_vs_rest" else (others, target)
    normals = sum(train_counts[c] for c in normal)
    if normals == 0:
        raise SpecError(f"{spec.dataset} has no training image of the normal class {', '.join(map(str, normal))}")
    held_out, set_apart = _validation(spec, normals, anomalous, train_counts)
    normals -= held_out
    if spec.gamma == 0:
        return Roles(normal, anomalous, (), normals, 0, held_out, set_apart)
    drawn = _known_classes(spec, anomalous)
    anomalies = spec.anomalies(normals)
    available = sum(train_counts[c] - set_apart.get(c, 0) for c in drawn)
    if anomalies == 0:
        raise SpecError(f"{spec.dataset}: gamma={spec.gamma} of {normals} normals gives no anomaly at all; raise gamma")
    if anomalies > available:
        raise SpecError(
            f"{spec.dataset}: gamma={spec.gamma} of {normals} normals asks for {anomalies} anomalies; "
            f"class {', '.join(map(str, drawn))} has {available} training images"
            + (" beside those set apart for validation" if set_apart else "")
        )
    return Roles(normal, anomalous, drawn, normals, anomalies, held_out, set_apart)


def draw_key(spec: CountedSpec, *parts: object) -> bytes:
    """32 bytes that depend on data set, protocol, class, seed and `parts` only: what a draw is seeded with.

    Neither gamma nor anything of the network enters, so that variants are compared on the same draw.
    """
    described = json.dumps([spec.dataset, spec.protocol, spec.target_class, spec.seed, *parts])
    return hashlib.sha256(described.encode()).digest()


def _validation(
    spec: CountedSpec, normals: int, anomalous: tuple[int, ...], train_counts: Sequence[int]
) -> tuple[int, dict[int, int]]:
    """How many normals are held out, and how many training images of each anomalous class are set apart."""
    if spec.validation == 0:
        return 0, {}
    held_out = spec.held_out(normals)
    if held_out == 0:
        raise SpecError(f"{spec.dataset}: validation={spec.validation} of {normals} normals holds out none; raise it")
    classes = spec.validation_anomaly_classes or tuple(c for c in anomalous if train_counts[c])
    if not classes:
        raise SpecError(f"{spec.dataset} has no training image of an anomalous class, which a validation needs")
    share, rest = divmod(spec.validation_anomalies or held_out, len(classes))
    wanted = {c: share + (place < rest) for place, c in enumerate(classes)}
    for c, count in wanted.items():
        if count > train_counts[c]:
            raise SpecError(
                f"{spec.dataset}: the validation asks for {count} anomalies of class {c}, which has {train_counts[c]} "
                "training images; lower validation_anomalies or name other validation_anomaly_classes"
            )
    return held_out, {c: count for c, count in wanted.items() if count}


def _known_classes(spec: CountedSpec, anomalous: tuple[int, ...]) -> tuple[int, ...]:
    """The classes that anomalies are drawn from, sorted: all anomalous ones, those listed, or k of them."""
    listed = spec.known_anomaly_classes or anomalous
    k = spec.known_anomaly_draw
    if k == 0:
        return tuple(sorted(listed))
    if k > len(listed):
        raise SpecError(f"known_anomaly_draw={k} is more than the {len(listed)} classes to draw from in {spec.dataset}")
    # Ranked by digest: every choice of k classes is equally likely, and no library's generator is involved.
    ranked = sorted(listed, key=lambda c: draw_key(spec, "known classes", sorted(listed), c))
    return tuple(sorted(ranked[:k]))


def title(dataset: str) -> str:
    """The data set's name as tables print it; its own name where nothing is known of it."""
    facts = DATASETS.get(dataset)
    return facts.title if facts else dataset
