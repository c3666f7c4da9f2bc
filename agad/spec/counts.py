"""How many images of which class a run trains on: the classes' roles, the draws and their keys.

A plan is checked here on a machine that holds no data. Source of the counts: AGAD, section 4.2.2.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from agad.errors import SpecError
from agad.spec.datasets import DATASETS
from agad.spec.run import RunSpec, anomalies_per_batch


@dataclass(frozen=True, slots=True)
class Roles:
    """Which classes are normal, anomalous and drawn from in a run, and the numbers of training images.

    Attributes:
        normal: classes whose training images are normals; all are trained on except those held out.
        anomalous: all other classes.
        drawn: classes that training anomalies are drawn from; empty at gamma = 0.
        normals: number of training normals, n, without those held out.
        anomalies: number of training anomalies, a.
        validation_normals: number of normals held out for validation.
        validation_anomalies: anomalous class -> number of its training images set apart for validation.
    """

    normal: tuple[int, ...]
    anomalous: tuple[int, ...]
    drawn: tuple[int, ...]
    normals: int
    anomalies: int
    validation_normals: int
    validation_anomalies: Mapping[int, int]


def check_counts(spec: RunSpec) -> None:
    """Refuse, without reading data, a run that wants more anomalies than its data set has, or gets none.

    Raises SpecError, one line. Nothing is checked where the data set's counts are not known beforehand.
    """
    facts = DATASETS.get(spec.dataset)
    if facts and facts.train_counts:
        roles(spec, facts.train_counts)


def roles(spec: RunSpec, train_counts: Sequence[int]) -> Roles:
    """The classes' roles in a run on a data set with `train_counts` training images per class.

    Raises SpecError, one line, for a class that does not exist or has no training image, and for more anomalies than
    the known anomaly classes have, or none at gamma > 0; likewise for the images of a validation. Where no anomalous
    class has a training image, a validation is of normals alone.
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


def draw_key(spec: RunSpec, *parts: object) -> bytes:
    """The seed of a draw: 32 bytes that depend on data set, protocol, class, seed and `parts` only.

    Neither gamma nor any field of the network enters, so that variants are compared on the same draw.
    """
    described = json.dumps([spec.dataset, spec.protocol, spec.target_class, spec.seed, *parts])
    return hashlib.sha256(described.encode()).digest()


@dataclass(frozen=True, slots=True)
class BatchSizes:
    """Images in each batch."""

    normal: int
    anomaly: int


def batch_sizes(spec: RunSpec, n_normal: int) -> BatchSizes:
    """Normals and anomalies in a batch, n_normal being all training normals (section 3.3.2).

    A batch holds min(batch_size, n_normal) images. Anomalies are some of them (`inside`), or come on top
    (`appended`). Raises SpecError where the anomalies leave no room for a normal.
    """
    batch = min(spec.batch_size, n_normal)
    if not spec.updates:  # a method without gradient draws none, and needs no room in it
        return BatchSizes(batch, 0)
    anomaly = anomalies_per_batch(spec.gamma, batch, spec.min_anomalies)
    if spec.anomaly_place == "appended":
        return BatchSizes(batch, anomaly)
    if anomaly >= batch:
        raise SpecError(
            f"a batch of {batch} (there are {n_normal} training normals) has no room beside {anomaly} anomalies; "
            "lower min_anomalies or take anomaly_place=appended"
        )
    return BatchSizes(batch - anomaly, anomaly)


def _validation(
    spec: RunSpec, normals: int, anomalous: tuple[int, ...], train_counts: Sequence[int]
) -> tuple[int, dict[int, int]]:
    """How many normals are held out, and how many training images of each anomalous class are set apart."""
    if spec.validation == 0:
        return 0, {}
    held_out = spec.held_out(normals)
    if held_out == 0:
        raise SpecError(f"{spec.dataset}: validation={spec.validation} of {normals} normals holds out none; raise it")
    classes = spec.validation_anomaly_classes or tuple(c for c in anomalous if train_counts[c])
    if not classes and spec.validation_anomalies:
        raise SpecError(f"{spec.dataset} has no training image of an anomalous class: take validation_anomalies=0")
    if not classes:  # normals alone: enough for a detector's threshold; there is no AUROC
        return held_out, {}
    share, rest = divmod(spec.validation_anomalies or held_out, len(classes))
    wanted = {c: share + (index < rest) for index, c in enumerate(classes)}
    for c, count in wanted.items():
        if count > train_counts[c]:
            raise SpecError(
                f"{spec.dataset}: the validation asks for {count} anomalies of class {c}, which has {train_counts[c]} "
                "training images; lower validation_anomalies or name other validation_anomaly_classes"
            )
    return held_out, {c: count for c, count in wanted.items() if count}


def _known_classes(spec: RunSpec, anomalous: tuple[int, ...]) -> tuple[int, ...]:
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
