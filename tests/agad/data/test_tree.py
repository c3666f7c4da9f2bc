"""The listing of image trees."""

from __future__ import annotations

from collections import Counter

import pytest

from agad.data import tree
from agad.data.prepared import open_facts
from agad.data.tree import Tree
from agad.errors import DataError
from agad.outputs import Outputs
from tests.helpers.raw_data import fill, picture


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


def write(folder, *names):
    """Images as agad writes them, with its record."""
    outputs = Outputs(folder)
    for number, name in enumerate(names):
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        outputs.replace(folder / name, lambda path, number=number: picture(900 + number).save(path, "PNG"))
    outputs.close()


@pytest.mark.parametrize("place", ["maps", "b/maps", "a", "report"])
def test_images_that_agad_itself_wrote_are_left_out(place, places):
    """Heat maps in the folder that was scored were scored as images the next time, and then their maps."""
    own = places["data_root"] / "own"
    for number, name in enumerate("ab"):
        fill(own / name, 4, 10 * number)
    write(own / place, *(["figures/x.png"] if place == "report" else ["00001-a.png", "00002-b.png"]))
    found = open_facts("folder:own", 16, **places)
    assert found.class_names == ("a", "b")
    assert [sum(of) for of in zip(found.train_counts, found.test_counts, strict=True)] == [4, 4]
    (note,) = found.notes
    assert f"images that agad itself wrote are left out (the first: {place}/" in note


def test_a_class_keeps_its_own_images_beside_those_that_agad_wrote(tmp_path):
    """Also where a copy has other times than the record says; a folder of such alone is empty, and says why."""
    fill(tmp_path / "a", 3, 0)
    write(tmp_path / "a" / "maps", "1.png", "2.png")
    picture(5).save(tmp_path / "a" / "maps" / "1.png")
    picture(6).save(tmp_path / "a" / "maps" / "mine.png")
    one = Tree(tmp_path, tmp_path)
    assert [file.stamp.name for file in one.images(tmp_path / "a")] == [
        *(f"a/{number:05d}.png" for number in range(3)),
        "a/maps/mine.png",
    ]
    assert one.notes() == ("2 images that agad itself wrote are left out (the first: a/maps/1.png)",)
    (tmp_path / "a" / "maps" / "mine.png").unlink()
    with pytest.raises(DataError, match=r"maps has no images \(2 images were written by agad itself\)"):
        one.images(tmp_path / "a" / "maps")
