"""What a score function keeps of the first images that it sees, and what it does to the images that it is given."""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from agad import audit
from agad.auditing.result import FINE, UNKNOWN, WARNING, WRONG, Audit
from tests.helpers.detectors import COUNT, LABELS, Net, brightness, images

QUICK = functools.partial(audit, batch_size=16, sizes=(8,), shuffles=2)


def distance(x: Tensor, reference: Tensor) -> Tensor:
    return (x - reference).square().flatten(1).mean(1)


class Fitted:
    """Its reference is the mean of the first batch that it sees."""

    def __init__(self) -> None:
        self.reference: Tensor | None = None

    def __call__(self, x: Tensor) -> Tensor:
        if self.reference is None:
            self.reference = x.mean(0, keepdim=True).clone()
        return distance(x, self.reference)


def in_a_method() -> Callable[[Tensor], Tensor]:
    return Fitted().__call__


def in_a_function_of_a_function() -> Callable[[Tensor], Tensor]:
    reference: Tensor | None = None

    def fitted(x: Tensor) -> Tensor:
        nonlocal reference
        if reference is None:
            reference = x.mean(0, keepdim=True).clone()
        return reference

    return torch.no_grad()(lambda x: distance(x, fitted(x)))


def in_a_container() -> Callable[[Tensor], Tensor]:
    kept: list[Tensor] = []

    def score(x: Tensor) -> Tensor:
        if not kept:
            kept.append(x.mean(0, keepdim=True).clone())
        return distance(x, kept[0])

    return score


def in_a_partial() -> Callable[[Tensor], Tensor]:
    return functools.partial(lambda fitted, x: fitted(x), Fitted())


_global: list[Tensor] = []


def _of_a_global(x: Tensor) -> Tensor:
    if not _global:
        _global.append(x.mean(0, keepdim=True).clone())
    return _global[0]


def in_a_global() -> Callable[[Tensor], Tensor]:
    _global.clear()
    return lambda x: distance(x, _of_a_global(x))


class Holds(nn.Module):
    """A module with a plain object in it, whose state no module shows."""

    def __init__(self) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.ones(()))
        self.fitted = Fitted()

    def forward(self, x: Tensor) -> Tensor:
        return self.fitted(x) * self.weight


WAYS = [Fitted, in_a_method, in_a_function_of_a_function, in_a_container, in_a_partial, in_a_global, Holds]


def of(score: Any, **more: Any) -> Audit:
    return QUICK(score, images(), LABELS, **more)


def lines(found: Audit) -> dict[str, float]:
    return {line.protocol: line.auroc.value for line in found.lines if line.auroc}


def severity(found: Audit, kind: str = "kept") -> str | None:
    finding = found.finding(kind)
    return None if finding is None else finding.severity


@pytest.fixture(scope="module")
def as_module() -> Audit:
    """The same state where it is seen: as a buffer of a module."""

    class Seen(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.reference: Tensor | None = None

        def forward(self, x: Tensor) -> Tensor:
            if self.reference is None:
                self.reference = x.mean(0, keepdim=True).clone()
            return distance(x, self.reference)

    return of(Seen())


@pytest.mark.slow
@pytest.mark.parametrize("way", WAYS)
def test_what_is_kept_of_the_first_images_is_found_wherever_it_is_kept(way, as_module):
    """Every later call agrees with every other, in whatever order: only a function that saw nothing shows it."""
    found = of(way())

    assert found.depends is True
    assert severity(found) == WRONG
    assert severity(found, "history") is None
    assert found.sentence.startswith("An image's score depends on which images were scored before it")
    expected = lines(as_module)
    for protocol in ("as_given", "as_is_shuffled", "as_is_normals_first"):
        assert lines(found)[protocol] == pytest.approx(expected[protocol])


@pytest.mark.slow
def test_a_function_that_is_made_again_shows_it_too():
    assert severity(of(Fitted(), fresh=Fitted)) == WRONG
    assert severity(of(brightness, fresh=lambda: brightness)) == FINE


@pytest.mark.slow
def test_what_is_kept_is_found_beside_another_dependence():
    """Else running statistics would be called free of the other test images."""
    net, fitted = Net(), Fitted()
    found = of(lambda x: net(x) + fitted(x))

    assert severity(found) == severity(found, "composition") == WRONG
    assert not any(line.independent for line in found.lines)
    assert "other statistics of batch norm were not tried" in found.finding("skipped").sentence


@pytest.mark.slow
def test_of_a_whole_set_that_is_scored_at_once_it_is_found():
    assert of(Fitted(), batch_size=None).depends is True


@pytest.mark.slow
def test_nothing_is_kept_by_what_only_looks_like_it():
    """Weights, features of training images, generators of random numbers of the process."""
    net, bank = Net(dropout=0.2), images(40).flatten(1)

    def nearest(x: Tensor) -> Tensor:
        return torch.cdist(x.flatten(1), bank).min(1).values

    assert [severity(of(score)) for score in (brightness, net, net.eval(), nearest)] == [FINE] * 4
    assert of(nearest).depends is False


def fails() -> Any:
    raise RuntimeError("CUDA error:\nno device")


@pytest.mark.slow
@pytest.mark.parametrize(
    ("more", "reason"),
    [
        ({"fresh": fails}, "RuntimeError: CUDA error: no device"),
        ({"fresh": lambda: lambda x: brightness(x) * 2}, "a fresh load of it gives the first images other scores"),
        ({"fresh": lambda: lambda x: None}, "the score function returned shape ()"),
        ({}, "it cannot be copied, TypeError: cannot pickle 'generator' object"),
    ],
)
def test_where_there_is_no_fresh_one_it_is_said_that_it_cannot_be_told(more, reason):
    generator = (n for n in range(3))
    found = of(lambda x: brightness(x) if generator else None, **more)

    assert severity(found) == UNKNOWN
    assert reason in (sentence := found.finding("kept").sentence)
    assert "Give a MODEL.py:load" in sentence
    assert "\n" not in sentence
    assert found.depends is None
    assert found.sentence.endswith("keeps something from the first images that it sees cannot be told.")


@pytest.mark.slow
def test_few_calls_more_are_made_where_nothing_is_kept():
    """Of a fresh function four batches; the test set has six, and is scored five times besides the probes."""
    calls = []

    def fresh() -> Callable[[Tensor], Tensor]:
        return lambda x: calls.append(len(x)) or brightness(x)

    of(brightness, fresh=fresh)
    assert calls == [16] * 4


# -- images that are written into -----------------------------------------------------------------------------------


def halves(batch: Any) -> list[float]:
    scores = [float(image.mean()) for image in batch]
    for number in range(len(batch)):
        batch[number] *= 0.5
    return scores


@pytest.mark.slow
@pytest.mark.parametrize("kind", ["list of tensors", "list of arrays", "array of objects", "array", "tensor"])
def test_images_that_the_function_writes_into_are_as_they_were(kind):
    """The second call for an image of a list saw what the first had left of it."""
    single = [image.numpy() for image in images()]
    objects = np.empty(COUNT, object)
    objects[:] = single
    given = {
        "list of tensors": list(images()), "list of arrays": single, "array of objects": objects,
        "array": images().numpy(), "tensor": images(),
    }[kind]  # fmt: skip
    found = QUICK(halves, given, LABELS)

    assert all(np.array_equal(image, before) for image, before in zip(given, images(), strict=True))
    assert found.depends is False
    assert severity(found, "history") == FINE
    assert severity(found, "changed_images") == (WARNING if kind != "array of objects" else None)
    assert severity(of(brightness), "changed_images") is None
