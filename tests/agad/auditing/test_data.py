"""--data: what the score function then receives."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from agad.auditing.data import read_data
from agad.errors import AgadError

GENERATOR = np.random.default_rng(0)
IMAGES = np.zeros((3, 4, 4), np.uint8)


def npz(folder: Path, **arrays) -> str:
    np.savez(folder / "a.npz", **arrays)
    return str(folder / "a.npz")


def read(text: str, normal: str | None = None, size: int | None = None, root: Path = Path("nowhere")):
    return read_data(text, normal, size, root)[0]


@pytest.mark.parametrize(
    ("shape", "expected"),
    [
        ((5, 8, 8), (5, 1, 8, 8)),
        ((5, 8, 8, 3), (5, 3, 8, 8)),
        ((5, 8, 8, 1), (5, 1, 8, 8)),
        ((5, 3, 8, 8), (5, 3, 8, 8)),
    ],
)
def test_bytes_become_tensors_from_0_to_1_channels_first(tmp_path: Path, shape, expected):
    pixels = GENERATOR.integers(0, 256, shape, dtype=np.uint8)
    pixels.flat[0] = 255
    found = read(npz(tmp_path, images=pixels, labels=np.array([0, 1, 0, 1, 1])))

    assert found["images"].shape == expected
    assert found["images"].dtype == torch.float32
    assert float(found["images"].flatten()[0]) == 1.0
    assert found["labels"].tolist() == [0, 1, 0, 1, 1]


def test_other_numbers_stay_as_they_are(tmp_path: Path):
    pixels = GENERATOR.normal(size=(4, 2, 3, 5)).astype(np.float32)
    found = read(npz(tmp_path, images=pixels, labels=np.zeros(4, int)))

    assert torch.equal(found["images"], torch.from_numpy(pixels))


def test_the_normal_class_makes_labels_and_training_images(tmp_path: Path):
    images = GENERATOR.integers(0, 256, (6, 4, 4), dtype=np.uint8)
    classes = np.array([[0], [1], [2], [0], [1], [2]])
    found = read(
        npz(tmp_path, test_images=images, test_labels=classes, train_images=images, train_labels=classes), normal="2"
    )

    assert found["labels"].ravel().tolist() == [1, 1, 0, 1, 1, 0]
    assert found["classes"].ravel().tolist() == classes.ravel().tolist()
    assert torch.equal(found["train_images"], found["images"][[2, 5]])


def tree(root: Path, *folders: str) -> None:
    for number, folder in enumerate(folders):
        (root / folder).mkdir(parents=True)
        for image in range(6):
            pixels = np.full((8, 8), 40 * number + image, np.uint8)
            Image.fromarray(pixels).save(root / folder / f"{image}.png")


@pytest.mark.parametrize(("train", "notes"), [({}, 0), ({"train_images": IMAGES}, 1)])
def test_training_images_without_labels_are_taken_for_normal_and_it_is_said(train, notes, tmp_path: Path) -> None:
    found = read_data(npz(tmp_path, images=IMAGES, labels=[0, 1, 1], **train), "1", None, tmp_path)
    assert len(found.notes) == notes
    assert all("no train_labels: all of its 3 train_images are taken for normal" in note for note in found.notes)


def test_a_folder_of_classes_alone_is_the_test_set_with_every_image_of_it(tmp_path: Path, monkeypatch):
    monkeypatch.setenv("AGAD_CACHE", str(tmp_path / "cache"))
    tree(tmp_path / "set", "good", "scratch")
    found = read(str(tmp_path / "set"), normal="good", size=8)

    assert len(found["images"]) == 12
    assert sorted(found["labels"].tolist()) == [0] * 6 + [1] * 6
    values = (found["images"][:, 0, 0, 0] * 255).round().int()
    assert [int(value) < 40 for value in values] == [label == 0 for label in found["labels"]]
    assert "train_images" not in found


def test_a_folder_with_train_and_test_gives_the_normals_of_train(tmp_path: Path, monkeypatch):
    monkeypatch.setenv("AGAD_CACHE", str(tmp_path / "cache"))
    tree(tmp_path / "set", "train/good", "test/good", "test/scratch")
    found = read(str(tmp_path / "set"), normal="good", size=8)

    assert len(found["images"]) == 12
    assert len(found["train_images"]) == 6


def test_a_data_set_of_agads_is_found_by_name(tmp_path: Path, monkeypatch):
    monkeypatch.setenv("AGAD_CACHE", str(tmp_path / "cache"))
    found = read("digits", normal="3", size=8)

    assert set(found["labels"][found["classes"] == 3].tolist()) == {0}
    assert set(found["labels"][found["classes"] != 3].tolist()) == {1}


@pytest.mark.slow
@pytest.mark.parametrize("parts", [("",), ("train/", "test/")])
@pytest.mark.parametrize(
    ("wanted", "normal", "said"),
    [("1", "1 (class 0)", True), ("2", "2 (class 1)", True), ("3", "3 (class 2)", False), ("0", "1 (class 0)", False)],
)
def test_the_name_of_a_class_stands_before_its_index(
    tmp_path: Path, monkeypatch, *, parts: tuple[str, ...], wanted: str, normal: str, said: bool
) -> None:
    """As in agad fit, whose normals would be the audit's anomalies otherwise."""
    monkeypatch.setenv("AGAD_CACHE", str(tmp_path / "cache"))
    tree(tmp_path / "set", *(f"{part}{name}" for part in parts for name in "123"))
    found = read_data(str(tmp_path / "set"), wanted, 8, Path("nowhere"))
    index = int(normal[0]) - 1
    note = f"--normal {wanted} is the class of that name; the class of that index is {int(wanted) + 1}"

    assert found.normal == normal
    assert set(found.arguments["classes"][found.arguments["labels"] == 0].tolist()) == {index}
    assert (note in found.notes) == said
    assert len(found.arguments.get("train_images", [0] * 6)) == 6


def test_a_second_class_that_is_called_normal_is_said(tmp_path: Path, monkeypatch) -> None:
    monkeypatch.setenv("AGAD_CACHE", str(tmp_path / "cache"))
    tree(tmp_path / "set", "good", "normal", "cut")
    found = read_data(str(tmp_path / "set"), "good", 8, Path("nowhere"))

    assert "images of class normal count as anomalies, though it is called so" in found.notes


def test_of_an_npz_file_the_normal_class_is_a_label(tmp_path: Path) -> None:
    path = npz(tmp_path, images=IMAGES, labels=np.array([5, 7, 5]))

    assert read_data(path, "5", None, Path("nowhere")).normal == "class 5"
    assert read_data(path, None, None, Path("nowhere")).normal is None


@pytest.mark.parametrize(
    ("arrays", "normal", "message"),
    [
        ({"images": np.array([{}, {}], dtype=object), "labels": [0, 1]}, None, "holds pickled Python objects"),
        ({"images": IMAGES}, None, "lacks labels; it needs images and labels"),
        ({"test_images": IMAGES}, None, "lacks test_labels"),
        ({"images": IMAGES, "labels": [0, 1, 1]}, "good", "the classes of .* are numbers"),
        ({"images": np.array(["a", "b"]), "labels": [0, 1]}, None, "images are <U1; they must be numbers"),
        ({"images": IMAGES, "labels": [0, 1, 1], "train_images": IMAGES, "train_labels": [0]}, None, "1 train_labels"),
    ],
)
def test_arrays_of_no_use_are_one_line(tmp_path: Path, arrays, normal, message):
    with pytest.raises(AgadError, match=message) as raised:
        read(npz(tmp_path, **arrays), normal)
    assert "\n" not in str(raised.value)


@pytest.mark.parametrize("content", [b"", b"no zip", b"PK\x03\x04 cut"])
def test_files_that_are_no_npz_are_one_line(tmp_path: Path, content: bytes):
    (tmp_path / "b.npz").write_bytes(content)
    with pytest.raises(AgadError, match=r"b\.npz"):
        read(str(tmp_path / "b.npz"))


@pytest.mark.parametrize(
    ("asked", "message"),
    [
        (("gone.npz",), r"there is no file gone\.npz"),
        (("digits", "3"), "give --image-size"),
        (("digits", None, 8), "say by --normal which class is normal: 0, 1"),
        (("digits", "17", 8), "has no class '17'"),
        (("no_such_set", "0", 8), "no_such_set"),
    ],
)
def test_what_is_not_there_is_one_line(tmp_path: Path, monkeypatch, asked, message):
    monkeypatch.setenv("AGAD_CACHE", str(tmp_path / "cache"))
    monkeypatch.chdir(tmp_path)
    with pytest.raises(AgadError, match=message):
        read(*asked)


def test_hidden_folders_are_no_parts_of_a_split(tmp_path: Path):
    """Beside `.train` and `.test` a set that nobody split was audited as if somebody had: a fifth of its images."""
    tree(tmp_path / "own", "good", "bad", ".train/good", ".test/good")
    found = read(str(tmp_path / "own"), normal="good", size=8)
    assert len(found["images"]) == 12
    assert "train_images" not in found
