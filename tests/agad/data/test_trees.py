"""Trees of image files: the user's own folders and the four medical archives, with what goes wrong in them."""

from __future__ import annotations

import shutil

import numpy as np
import pytest
from PIL import Image

from agad.data.image import decode, fit
from agad.data.prepared import open_prepared
from agad.data.readers.medical import ARCHIVES
from agad.data.split import one_class_split
from agad.errors import DataError
from agad.spec.datasets import DATASETS
from agad.spec.run import RunSpec
from tests.helpers.raw_data import fill, picture, unpack, unpack_lung


@pytest.fixture
def places(tmp_path):
    (tmp_path / "data").mkdir()
    return {"data_root": tmp_path / "data", "cache": tmp_path / "cache"}


def refuse(dataset, places, message):
    with pytest.raises(DataError, match=message) as caught:
        open_prepared(dataset, 32, **places)
    assert "\n" not in str(caught.value)
    assert not places["cache"].exists() or not list(places["cache"].iterdir())


def fitted(number, mode="L", size=32):
    return fit(np.asarray(picture(number, mode)), size, 1 if mode == "L" else 3)


def is_picture(image, number):
    return np.array_equal(image.numpy(), fitted(number, size=image.shape[-1]))


# -- folder:NAME -------------------------------------------------------------------------------------------------------


@pytest.fixture
def screws(places):
    """A tree with train/ and test/ of two classes, grey."""
    top = places["data_root"] / "screws"
    fill(top / "train" / "good", 6, 0)
    fill(top / "train" / "bent", 3, 100)
    fill(top / "test" / "good", 2, 200)
    fill(top / "test" / "bent", 2, 300)
    return top


def test_a_folder_with_train_and_test(places, screws):
    prepared = open_prepared("folder:screws", 32, **places)
    assert prepared.class_names == ("bent", "good")
    assert prepared.train_counts == (3, 6)
    assert prepared.test_counts == (2, 2)
    assert prepared.channels == 1
    numbers = [100, 101, 102, 0, 1, 2, 3, 4, 5]
    assert all(is_picture(*pair) for pair in zip(prepared.train_images, numbers, strict=True))
    assert prepared.notes == ()
    split = one_class_split(prepared, RunSpec(dataset="folder:screws", normal_class=1, gamma=0.2))
    assert split.normal.tolist() == [3, 4, 5, 6, 7, 8]
    assert len(split.anomaly) == 1
    assert split.anomaly[0] < 3


def test_one_coloured_image_makes_the_set_rgb(places, screws):
    picture(400, "RGB").save(screws / "test" / "good" / "zz.png")
    prepared = open_prepared("folder:screws", 32, **places)
    assert prepared.channels == 3
    assert np.array_equal(prepared.test_images[-1].numpy(), fitted(400, "RGB"))
    assert np.array_equal(prepared.train_images[0].numpy(), np.repeat(fitted(100), 3, axis=0))


def test_a_kind_of_anomaly_may_be_in_the_test_set_alone(places, screws):
    """The layout of MVTec AD: train/good, and test/ with kinds of defects."""
    shutil.rmtree(screws / "train" / "bent")
    prepared = open_prepared("folder:screws", 32, **places)
    assert prepared.train_counts == (0, 6)
    split = one_class_split(prepared, RunSpec(dataset="folder:screws", normal_class=1))
    assert split.test_label.tolist() == [1, 1, 0, 0]


def test_one_tree_is_split_by_a_fixed_draw(places):
    top = places["data_root"] / "own"
    fill(top / "a", 11, 0)
    fill(top / "b", 2, 100)
    prepared = open_prepared("folder:own", 32, **places)
    assert prepared.train_counts == (9, 1)
    assert prepared.test_counts == (2, 1)
    # Which ones is pinned: rows of different times are compared.
    tested = [n for n in range(11) if any(is_picture(image, n) for image in prepared.test_images)]
    assert tested == [3, 6]
    trained = [n for n in range(11) if any(is_picture(image, n) for image in prepared.train_images)]
    assert sorted(tested + trained) == list(range(11))
    # Another name of the set, and another class beside, move no image.
    shutil.copytree(top, places["data_root"] / "renamed")
    fill(places["data_root"] / "renamed" / "c", 5, 200)
    again = open_prepared("folder:renamed", 32, **places)
    assert np.array_equal(again.test_images[:3].numpy(), prepared.test_images.numpy())


def test_images_in_deeper_folders_belong_to_their_class(places, screws):
    fill(screws / "train" / "good" / "monday" / "early", 2, 50)
    assert open_prepared("folder:screws", 32, **places).train_counts == (3, 8)


def test_other_files_are_counted_and_hidden_ones_passed_over(places, screws):
    (screws / "train" / "good" / "Thumbs.db").write_bytes(b"x")
    (screws / "train" / "good" / "readme.txt").write_text("x")
    (screws / "train" / "good" / "._00000.png").write_bytes(b"x")
    (screws / "train" / ".ipynb_checkpoints").mkdir()
    (screws / "test" / "__MACOSX").mkdir()
    prepared = open_prepared("folder:screws", 32, **places)
    assert prepared.train_counts == (3, 6)
    assert prepared.notes == ("2 files that are no images are ignored",)


def test_a_class_without_test_images_is_noted(places, screws):
    fill(screws / "train" / "rusty", 2, 500)
    assert open_prepared("folder:screws", 32, **places).notes == ("class rusty has no test images",)


def test_links_are_followed_within_the_data_root_only(places, screws, tmp_path):
    fill(tmp_path / "elsewhere", 2, 600)
    fill(places["data_root"] / "pool", 1, 700)
    good = screws / "train" / "good"
    (good / "zz0.png").symlink_to(tmp_path / "elsewhere" / "00600.png")
    (good / "zz1.png").symlink_to(places["data_root"] / "pool" / "00700.png")
    (good / "zz2.png").symlink_to(tmp_path / "nowhere.png")
    (good / "again").symlink_to(good, target_is_directory=True)
    prepared = open_prepared("folder:screws", 32, **places)
    assert prepared.train_counts == (3, 7)
    assert is_picture(prepared.train_images[-1], 700)
    assert prepared.notes == ("3 links that lead out of the tree are not followed",)


def test_the_data_set_itself_may_be_a_link(places, screws, tmp_path):
    screws.rename(tmp_path / "elsewhere")
    screws.symlink_to(tmp_path / "elsewhere", target_is_directory=True)
    assert open_prepared("folder:screws", 32, **places).train_counts == (3, 6)


def test_a_new_file_or_another_content_is_prepared_anew(places, screws):
    folders = [open_prepared("folder:screws", 32, **places).folder]
    fill(screws / "train" / "good", 1, 50)
    folders.append(open_prepared("folder:screws", 32, **places).folder)
    picture(51).save(screws / "train" / "good" / "00050.png")
    folders.append(open_prepared("folder:screws", 32, **places).folder)
    assert len(set(folders)) == 3


def test_what_is_no_such_tree_is_refused(places, screws):
    (screws / "train" / "rusty").mkdir()
    refuse("folder:screws", places, r"train/rusty has no images$")
    (screws / "train" / "rusty" / "a.png").symlink_to("/")
    refuse("folder:screws", places, r"train/rusty has no images \(1 links lead out of the tree")
    shutil.rmtree(screws / "test")
    refuse("folder:screws", places, "screws has no test folder beside the other")
    shutil.rmtree(screws / "train")
    refuse("folder:screws", places, "screws has 0 class folders; at least two are needed")
    fill(screws / "a", 3, 0)
    refuse("folder:screws", places, "screws has 1 class folders; at least two are needed")
    fill(screws / "b", 1, 10)
    refuse("folder:screws", places, "b has one image: too few")
    refuse(
        "folder:nails",
        places,
        r"put nails/train/CLASS/ and nails/test/CLASS/, or nails/CLASS/, below .*data \(--data\)",
    )
    (screws / "train").mkdir()
    (screws / "test").mkdir()
    refuse("folder:screws", places, "train has no class folders")


# -- damaged images ----------------------------------------------------------------------------------------------------


def test_damaged_images_are_named_and_counted_and_the_others_kept(places, screws):
    good = screws / "train" / "good"
    (good / "00001.png").write_bytes((good / "00001.png").read_bytes()[:60])
    (good / "00003.png").write_bytes(b"")
    (screws / "test" / "bent" / "00301.png").write_text("<html>not found</html>")
    prepared = open_prepared("folder:screws", 32, **places)
    assert [name for name, _ in prepared.damaged] == [
        "train/good/00001.png",
        "train/good/00003.png",
        "test/bent/00301.png",
    ]
    assert prepared.train_counts == (3, 4)
    assert prepared.test_counts == (1, 2)
    numbers = [100, 101, 102, 0, 2, 4, 5]
    assert all(is_picture(*pair) for pair in zip(prepared.train_images, numbers, strict=True))
    (note,) = prepared.notes
    assert note.startswith("3 damaged images left out (2 not an image, 1 ")
    assert note.endswith("): train/good/00001.png, train/good/00003.png, test/bent/00301.png")


def test_a_class_of_damaged_images_alone_is_refused(places, screws):
    for path in (screws / "train" / "bent").iterdir():
        path.write_bytes(b"\xff\xd8\xff")
    refuse(
        "folder:screws",
        places,
        r"every train image of class bent is damaged; the first: train/bent/00100\.png \(not an",
    )


def test_a_truncated_jpeg_is_damaged(tmp_path):
    path = tmp_path / "a.jpeg"
    picture(0, "RGB", (64, 64)).save(path)
    assert decode(str(path), "a").shape == (64, 64, 3)
    path.write_bytes(path.read_bytes()[:-200])
    assert "truncated" in decode(str(path), "a").reason


def test_an_image_of_absurd_size_is_damaged(tmp_path, monkeypatch):
    """Pillow's own limit against decompression bombs, lowered here."""
    path = tmp_path / "a.png"
    picture(0, "L", (64, 64)).save(path)
    monkeypatch.setattr(Image, "MAX_IMAGE_PIXELS", 1000)
    assert "decompression bomb" in decode(str(path), "a").reason


def test_an_image_that_the_disk_cannot_give_is_no_damaged_image(tmp_path):
    with pytest.raises(DataError, match="No such file"):
        decode(str(tmp_path / "gone.png"), "gone")


def test_a_line_break_in_a_name_breaks_no_message(places, screws):
    (screws / "train" / "good" / "a\nb.png").write_bytes(b"")
    assert open_prepared("folder:screws", 32, **places).damaged[0][0] == r"train/good/a\nb.png"


@pytest.mark.parametrize(
    ("image", "expected"),
    [
        (Image.new("1", (4, 4), 1), 255),
        (Image.new("LA", (4, 4), (7, 0)), 7),
        (Image.fromarray(np.full((4, 4), 0x1234, np.uint16)), 0x12),
        (Image.new("RGBA", (4, 4), (1, 2, 3, 0)), [1, 2, 3]),
        (Image.new("RGB", (4, 4), (1, 2, 3)).quantize(4), [1, 2, 3]),
    ],
    ids=["bits", "grey and alpha", "16 bits", "colour and alpha", "palette"],
)
def test_pixels_of_every_mode(image, expected, tmp_path):
    path = tmp_path / "a.png"
    image.save(path)
    pixels = decode(str(path), "a")
    assert pixels.dtype == np.uint8
    assert (pixels == np.array(expected)).all()
    assert pixels.ndim == (3 if isinstance(expected, list) else 2)


def test_a_palette_with_transparent_colours_gives_no_warning(tmp_path):
    path = tmp_path / "a.png"
    Image.new("RGB", (4, 4), (9, 8, 7)).quantize(4).save(path, transparency=b"\x00\x80\xff\xff")
    assert decode(str(path), "a")[0, 0].tolist() == [9, 8, 7]


def test_pixels_without_a_known_range_are_damaged(tmp_path):
    path = tmp_path / "a.tif"
    Image.fromarray(np.ones((4, 4), np.float32)).save(path)
    assert "mode F" in decode(str(path), "a").reason


# -- the medical archives ----------------------------------------------------------------------------------------------

SPLIT = [name for name, archive in ARCHIVES.items() if archive.test_parts]


@pytest.mark.parametrize("dataset", SPLIT)
def test_the_archives_with_a_split(dataset, places):
    unpack(dataset, places["data_root"] / dataset)
    prepared = open_prepared(dataset, 128, **places)
    classes = len(ARCHIVES[dataset].folders)
    merged = 3 if "val" in ARCHIVES[dataset].test_parts else 2
    assert prepared.train_images.shape[1:] == (1, 128, 128)
    assert prepared.train_counts == tuple(range(3, 3 + classes))
    assert prepared.test_counts == tuple(merged + (merged - 1) * c for c in range(classes))
    assert prepared.class_names == DATASETS[dataset].class_names
    assert is_picture(prepared.train_images[0], 0)
    assert is_picture(prepared.train_images[3], 1000)  # class 1 comes after class 0, whatever the folders' names


def test_test_and_val_are_merged_as_the_paper_does(places):
    unpack("chest_xray", places["data_root"] / "chest_xray")
    prepared = open_prepared("chest_xray", 128, **places)
    numbers = [100, 101, 200, 1100, 1101, 1102, 1200, 1201]
    assert all(is_picture(*pair) for pair in zip(prepared.test_images, numbers, strict=True))


@pytest.mark.parametrize(
    ("dataset", "inner"),
    [
        ("alzheimer", "Alzheimer_s Dataset"),
        ("alzheimer", "alzheimer/Alzheimer_s Dataset"),
        ("chest_xray", "chest_xray/chest_xray"),
        ("chest_xray", "ZhangLabData/CellData/chest_xray"),
        ("retinal_oct", "OCT2017 "),
        ("retinal_oct", "retinal_oct/OCT2017 "),
        ("retinal_oct", "ZhangLabData/CellData/OCT"),
    ],
)
def test_the_wrappers_of_the_archives(dataset, inner, places):
    unpack(dataset, places["data_root"] / inner)
    (places["data_root"] / inner).parent.joinpath("__MACOSX").mkdir()
    assert open_prepared(dataset, 128, **places).train_counts[0] == 3


def test_two_sets_in_one_archive_are_told_apart(places):
    """Kermany's archive holds the X-rays and the OCT images, and a folder NORMAL in each."""
    unpack("chest_xray", places["data_root"] / "ZhangLabData" / "CellData" / "chest_xray")
    unpack("retinal_oct", places["data_root"] / "ZhangLabData" / "CellData" / "OCT")
    assert len(open_prepared("chest_xray", 32, **places).train_counts) == 2
    assert len(open_prepared("retinal_oct", 32, **places).train_counts) == 4


def test_names_in_another_case_are_found(places):
    unpack("chest_xray", places["data_root"] / "chest_xray")
    top = places["data_root"] / "chest_xray"
    (top / "train").rename(top / "Train")
    (top / "test" / "NORMAL").rename(top / "test" / "normal ")
    assert open_prepared("chest_xray", 32, **places).test_counts == (3, 5)


def test_an_edition_without_val_is_noted(places):
    unpack("chest_xray", places["data_root"] / "chest_xray", sizes=(3, 2))
    notes = open_prepared("chest_xray", 32, **places).notes
    assert "there is no val folder, which the paper counts among the test images" in notes


def test_the_last_500_by_name_of_each_lung_class_are_test_images(places):
    top = places["data_root"] / "lung_colon_image_set" / "lung_image_sets"
    top.parent.mkdir()
    unpack_lung(top, 503)
    prepared = open_prepared("lung_histopathology", 16, **places)
    assert prepared.train_counts == (3, 3, 3)
    assert prepared.test_counts == (500, 500, 500)
    assert prepared.channels == 3
    assert prepared.duplicates["test_in_train"] == 0
    # By name 1, 10 and 100 come first.
    for image, (folder, number) in zip(
        prepared.train_images,
        [(folder, number) for folder in ("lung_n", "lung_aca", "lung_scc") for number in (1, 10, 100)],
        strict=True,
    ):
        stored = decode(str(top / folder / f"{folder.replace('_', '')}{number}.jpeg"), "")
        assert np.array_equal(image.numpy(), fit(stored, 16, 3))


def test_a_lung_class_that_is_too_small_is_refused(places):
    unpack_lung(places["data_root"] / "lung_histopathology", 2)
    refuse("lung_histopathology", places, "lung_n has 2 images; the last 500 by name are test images")


def test_a_tree_half_unpacked_is_refused(places):
    unpack("retinal_oct", places["data_root"] / "retinal_oct")
    shutil.rmtree(places["data_root"] / "retinal_oct" / "train" / "DME")
    refuse("retinal_oct", places, "retinal_oct/train has no folder DME")
    shutil.rmtree(places["data_root"] / "retinal_oct" / "test")
    (places["data_root"] / "retinal_oct" / "train" / "DME").mkdir()
    refuse("retinal_oct", places, "train/DME has no images")
    fill(places["data_root"] / "retinal_oct" / "train" / "DME", 1, 0)
    refuse("retinal_oct", places, "retinal_oct has no folder test")


@pytest.mark.parametrize("dataset", ARCHIVES)
def test_a_missing_archive_says_what_to_put_where(dataset, places):
    top = ARCHIVES[dataset].places[0]
    refuse(
        dataset,
        places,
        rf"{dataset} is not there .*; put {top}/.*{ARCHIVES[dataset].folders[-1]}}}/ \(.*\) below .*data",
    )


def test_counts_of_another_edition_are_noted(places):
    unpack("alzheimer", places["data_root"] / "alzheimer")
    (note,) = open_prepared("alzheimer", 32, **places).notes
    assert note == "training images per class are 3, 4, 5, 6; Alzheimer's has 2560, 1792, 717, 52"
