"""The listing of image trees."""

from __future__ import annotations

from collections import Counter

import pytest

from agad.data import tree
from agad.data.tree import Tree
from tests.helpers.raw_data import fill


@pytest.mark.parametrize("name", ["case{}", "case{}_mask"])
def test_the_listing_of_many_folders_asks_little_of_each(name, tmp_path, monkeypatch):
    """Each was compared with each: 2,000 folders in a class took half a minute."""
    for number in range(40):
        fill(tmp_path / "a" / name.format(number), 1, number)
    fill(tmp_path / "a" / "images", 1, 0)
    asked: Counter[str] = Counter()

    def scan(folder, *more):
        asked[folder.name] += 1
        return scanned(folder, *more)

    scanned = tree.scan
    monkeypatch.setattr(tree, "scan", scan)
    is_images = tree.is_image_folder
    monkeypatch.setattr(tree, "is_image_folder", lambda of: asked.update(["name"]) or is_images(of))
    Tree(tmp_path, tmp_path).images(tmp_path / "a")
    assert asked.pop("name") <= 2 * 41
    assert max(asked.values()) <= 3
