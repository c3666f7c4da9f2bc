"""Which files among images are masks of others, by their names."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agad.data.checks.mask_files import Images, are_of, mask_files
from agad.data.prepared import open_facts
from tests.helpers.raw_data import fill, picture

IMAGE = ["image", "img", "im", "orig", "original", "src", "source", "raw", "rgb", "photo", "picture", "frame", "input"]
MASK = ["mask", "gt", "GT", "ground_truth", "groundTruth", "seg", "segmentation", "annotation", "roi", "overlay"]
SEPARATORS = ["_", "-", ".", " "]


def affixed(key: str, word: str, separator: str, is_before: bool) -> str:
    return f"{word}{separator}{key}" if is_before else f"{key}{separator}{word}"


def test_files_of_masks_need_their_image_beside_them():
    beside = ["benign (1)", "benign (1)_mask", "benign (1)_mask_1", "a", "a-gt", "b_mask", "label", "c_label"]
    assert mask_files(beside).masks == {"benign (1)_mask", "benign (1)_mask_1", "a-gt"}


@pytest.mark.parametrize(
    "mask",
    [
        "t1_anno",
        "mask_t1",
        "t1mask",
        "t1_ROI",
        "t1.mask",
        "t1-overlay",
        "t1_Mask_2",
        "GT t1",
        "t1 heatmap",
        "t1_labels",
        "t1_color_mask",
        "t1_watershed_mask",
        "t1_left_lung_mask",
        "t1_mask_colour",
        "t1_superpixels",
    ],
)
def test_files_of_masks_may_have_their_word_before_or_behind(mask):
    assert mask_files(["t1", mask, "t2", "t11"]).masks == {mask}
    assert mask_files(["t2", mask, "t11"]).masks == set()


AFFIXES = st.tuples(st.sampled_from(SEPARATORS), st.booleans())


@given(
    st.lists(st.integers(0, 999).map("{:03d}".format), min_size=1, max_size=5, unique=True),
    st.tuples(st.sampled_from(IMAGE), AFFIXES),
    st.tuples(st.sampled_from(MASK), AFFIXES),
    st.booleans(),
)
def test_images_may_have_a_word_of_their_own(keys, image, mask, has_more):
    """`image_001` beside `001-mask`, whichever words, wherever they stand; images without a mask stay."""
    images = {affixed(key, image[0], *image[1]) for key in [*keys, *(["1000"] if has_more else [])]}
    masks = {affixed(key, mask[0], *mask[1]) for key in keys}
    assert mask_files(images | masks) == (masks, set())
    assert mask_files(images) == mask_files(masks) == (set(), set())


@pytest.mark.parametrize(
    ("images", "masks"),
    [
        (["img000", "img001"], ["gt000", "gt001"]),
        (["000_src", "001_src"], ["000_label", "001_label"]),
        (["case1_image_00", "case1_image_01"], ["case1_mask_00", "case1_mask_01"]),
        (["frame_1_endo"], ["frame_1_endo_mask", "frame_1_endo_color_mask", "frame_1_endo_watershed_mask"]),
        (["x_endo"], ["x_endo_mask", "x_endo_color_mask", "x_endo_watershed_mask"]),
        (["ISIC_0000001", "ISIC_0000002"], ["ISIC_0000001_superpixels", "ISIC_0000002_segmentation"]),
        (["img"], ["label", "label_viz"]),
        (["image"], ["mask_1", "mask_2"]),
        (["001Image"], ["001Mask"]),
        (["kos01_Part0", "kos01_Part1"], ["kos01_Part0_label", "kos01_Part1_label"]),
        (["001_image"], ["001_mask_1", "001_mask_2"]),
    ],
    ids="+".join,
)
def test_masks_of_published_sets(images, masks):
    assert mask_files([*images, *masks]) == ({*masks}, set())


@pytest.mark.parametrize(
    ("names", "doubted"),
    [
        (["good_label_01", "good_label_02"], set()),
        (["with_mask_1", "without_mask_1", "1"], set()),
        (["person1", "person1_wearing_mask"], set()),
        (["mask_1", "mask_2", "mask_3"], set()),
        (["001", "002", "target_practice"], set()),
        (["SOB_B_A-14-22549AB-40-001", "SOB_M_DC-14-2523-40-001"], set()),
        (["COVID-1", "Normal-1", "lungn1", "lungaca1", "ISIC_0024306", "2007_000032"], set()),
        (["001_flair", "001_t1", "001_seg"], {"001_seg"}),
        (["001_front", "001_label"], {"001_label"}),
        (["img_0", "img_1", "target_0"], {"target_0"}),
        (["photo_0", "label_0"], {"label_0"}),
        (["image_1", "mask_1", *(f"mask_{number}" for number in range(10, 20))], {"mask_1"}),
    ],
    ids=lambda names: "+".join(sorted(names)),
)
def test_names_that_may_be_of_images_are_kept(names, doubted):
    """Where every file has the word, or a denial, it is what the images show; where nobody knows, that is said."""
    assert mask_files(names) == (set(), doubted)


@pytest.mark.slow
@given(st.lists(st.text("ab1_-. maskgtil", max_size=12)), st.randoms())
def test_any_names_are_sorted_alike_in_any_order(names, random):
    """No name is both, and none is a mask without another beside it."""
    found = mask_files(names)
    assert not found.masks & found.doubted
    assert found.masks | found.doubted < {*names, ""}
    shuffled = [*names]
    random.shuffle(shuffled)
    assert mask_files(shuffled) == found


def test_folders_are_of_images_by_half_of_their_files():
    images = Images({"img_0", "img_1", "2"})
    assert are_of(["target_0", "target_1"], images)
    assert are_of(["mask-2", "other"], images)
    assert not are_of(["3", "4", "img_0"], images)
    assert not are_of([], images)


def test_masks_of_images_with_words_of_their_own_are_left_out_and_doubted_ones_noted(places):
    """Photographs of noise got an AUROC of .75, for their masks were images of their class."""
    own = places["data_root"] / "own"
    fill(own / "good", 4, 0)
    (own / "bad").mkdir()
    for number in range(4):
        picture(50 + number).save(own / "bad" / f"image_{number}.png")
        picture(60 + number).save(own / "bad" / f"mask_{number}.png")
        picture(70 + number).save(own / "good" / f"{number}_flair.png")
        picture(80 + number).save(own / "good" / f"{number}_seg.png")
    found = open_facts("folder:own", 16, **places)
    assert [sum(of) for of in zip(found.train_counts, found.test_counts, strict=True)] == [4, 12]
    assert found.notes == (
        "4 images are left out as masks, by the names of their folders or files (the first: bad/mask_0.png)",
        "4 images may be masks of others, by their names, and all are used (the first: good/0_seg.png): if "
        "they are, move them out of the data set",
    )


@pytest.mark.parametrize(
    ("image", "mask"),
    [
        ("{}.png", "m/{}_mask.png"),
        ("{}.png", "day1/mask_{}.png"),
        ("rgb/{}.png", "{}_mask.png"),
        ("day1/image_{}.png", "drawn/gt_{}.png"),
        ("c1/{}_flair.png", "c2/{}_seg.png"),
    ],
)
def test_masks_in_another_folder_than_their_images_are_noted(image, mask, places):
    """Nothing was said of them: they were images of their class."""
    own = places["data_root"] / "own"
    fill(own / "good", 4, 0)
    for number in range(4):
        for seed, pattern in ((50, image), (60, mask)):
            path = own / "bad" / pattern.format(number)
            path.parent.mkdir(parents=True, exist_ok=True)
            picture(seed + number).save(path)
    (note,) = open_facts("folder:own", 16, **places).notes
    assert note.startswith("4 images may be masks of others, by their names, and all are used (the first: bad/")
    assert f"bad/{mask.format(0)}" in note


def test_numbered_images_in_several_folders_are_no_masks(places):
    own = places["data_root"] / "own"
    for day in ("day1", "day2"):
        fill(own / "good" / day, 4, 0 if day == "day1" else 10)
    fill(own / "bad", 4, 20)
    assert not [note for note in open_facts("folder:own", 16, **places).notes if "masks" in note]
