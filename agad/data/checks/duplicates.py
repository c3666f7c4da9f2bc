"""Images that occur more than once: in training and test, or under two labels."""

from __future__ import annotations

from typing import Literal

import numpy as np
from numpy.typing import NDArray

Kind = Literal["test_in_train", "across_classes"]

HashedPart = tuple[list[bytes], NDArray[np.int64], list[str]]
"""Of each image of a part: a hash of its prepared pixels, its label, a name for messages."""


def count_duplicates(train: HashedPart, test: HashedPart) -> tuple[dict[str, int], dict[Kind, str]]:
    """Numbers of prepared images whose pixels all equal another image's, and the first pair of the worse kinds.

    Returns:
        `test_in_train`: test images that are also training images; `within_train`, `within_test`: repetitions of an
        earlier image; `across_classes`: images, of both parts, that also occur under another label. And of the first
        and last of these, where there are any, the names of two such images.
    """
    seen = dict(zip(reversed(train[0]), reversed(train[2]), strict=True))  # the first image of each content
    leaked = [index for index, image in enumerate(test[0]) if image in seen]
    hashes, names = train[0] + test[0], train[2] + test[2]
    labels = np.concatenate([train[1], test[1]]).tolist()
    first: dict[bytes, int] = {}
    partner: dict[bytes, int] = {}  # content -> an image that has another label than the first
    for index, image in enumerate(hashes):
        if labels[first.setdefault(image, index)] != labels[index]:
            partner.setdefault(image, index)
    counts = {
        "test_in_train": len(leaked),
        "within_train": len(train[0]) - len(seen),
        "within_test": len(test[0]) - len(set(test[0])),
        "across_classes": sum(image in partner for image in hashes),
    }
    examples: dict[Kind, str] = {}
    if leaked:
        examples["test_in_train"] = f"{test[2][leaked[0]]} = {seen[test[0][leaked[0]]]}"
    if partner:
        content, other = next(iter(partner.items()))
        examples["across_classes"] = f"{names[first[content]]} = {names[other]}"
    return counts, examples
