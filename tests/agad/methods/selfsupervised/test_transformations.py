"""GeoTrans' transformations, against numpy as its authors use it."""

from __future__ import annotations

import itertools

import numpy as np
import pytest
import torch
from scipy import ndimage

from agad.methods.selfsupervised.transformations import COUNTS, each_transformed, transformed

X = torch.rand(5, 3, 32, 32, generator=torch.Generator().manual_seed(0))


@pytest.mark.parametrize("number", range(72))
def test_they_are_those_of_its_authors_in_their_order(number: int) -> None:
    """Flip, shift by 8 pixels with scipy's `reflect`, quarter turns of numpy; images are (H, W, C) there."""
    flip, down, across, turns = list(itertools.product((False, True), (0, -8, 8), (0, -8, 8), range(4)))[number]
    image = X[0].permute(1, 2, 0).numpy()
    image = np.fliplr(image) if flip else image
    shifted = [ndimage.shift(one, (-down, -across), order=0, mode="reflect") for one in np.moveaxis(image, 2, 0)]
    expected = np.rot90(np.stack(shifted, 2), turns)

    np.testing.assert_array_equal(transformed(X, number)[0].permute(1, 2, 0).numpy(), expected)


def test_all_differ_the_first_is_none_and_the_first_four_are_the_turns() -> None:
    found = [transformed(X, number) for number in range(COUNTS["geo72"])]
    assert torch.equal(found[0], X)
    assert all(torch.equal(found[turns], X.rot90(turns, (2, 3))) for turns in range(COUNTS["rot4"]))
    assert len({image.numpy().tobytes() for image in found}) == 72


def test_each_image_has_its_own_and_keeps_its_place() -> None:
    numbers = torch.tensor([7, 0, 71, 7, 3])
    out = each_transformed(X, numbers)
    for place, number in enumerate(numbers.tolist()):
        assert torch.equal(out[place], transformed(X[place : place + 1], number)[0])
