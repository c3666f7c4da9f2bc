"""Files that may be masks of others by the form of their names, whatever words they have."""

from __future__ import annotations

import random

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from agad.data.checks.affixes import doubted_by_form
from agad.data.checks.mask_files import Found, mask_files
from agad.data.prepared import open_facts
from tests.helpers.raw_data import fill, picture

WORDS = ["m", "binary", "bw", "lbl", "annotated", "labeled", "segm", "segmented", "trimap", "contour", "matte", "truth"]
WORDS += ["masked", "pred", "anomaly_map", "defect", "color", "manual1", "stHO", "vis", "heat", "Z", "neu"]
KEYS = st.one_of(
    st.lists(st.integers(0, 999).map("{:03d}".format), min_size=3, max_size=8, unique=True),
    st.lists(st.integers(0, 2000).map(str), min_size=3, max_size=8, unique=True),
    st.lists(st.from_regex(r"[a-f]{3}_[0-9]{2}", fullmatch=True), min_size=3, max_size=8, unique=True),
)


@given(KEYS, st.sampled_from(WORDS), st.sampled_from(["_", "-", " ", ""]), st.booleans(), st.integers(0, 20))
def test_an_unknown_affix_that_makes_files_of_others_is_doubted(keys, word, separator, is_before, more):
    """Images without such a file may be there too; nothing is left out, for nobody knows."""
    assume(separator or word.isalpha())  # else nobody sees where the number ends
    made = {f"{word}{separator}{key}" if is_before else f"{key}{separator}{word}" for key in keys}
    others = {f"{5000 + number}" for number in range(more)}
    assert mask_files({*keys, *made, *others}) == (set(), made)


@given(KEYS, st.sampled_from(WORDS), st.sampled_from(["img", "image", "photo", "rgb"]), st.booleans())
def test_files_with_two_words_in_turn_are_doubted(keys, word, image, is_before):
    """Of `img1` and `msk1` the words are known; of `img1` and `x1` it is said."""
    images, made = ({f"{of}_{key}" if is_before else f"{key}_{of}" for key in keys} for of in (image, word))
    found = mask_files(images | made)
    assert not found.masks
    assert found.doubted == made


@pytest.mark.parametrize(
    "names",
    [
        [str(number) for number in range(40)],
        [f"{number:04d}" for number in range(40)],
        [f"a_{number}" for number in range(12)],
        [
            f"{word}{number}"
            for word in ("cat", "dog", "bird", "fish", "cow")
            for number in ("", 2, " (3)", "_4", " copy", " - Copy (2)")
        ],
        [f"{prefix}{number}" for prefix in ("", "Copy of ", "Kopie von ") for number in range(9)],
        [f"{number}{letter}" for number in range(9) for letter in "ab"],
        [f"{number}_{view}" for number in range(9) for view in ("left", "right")],
        [f"{view}{number}" for number in range(9) for view in ("top", "bottom")],
        [f"cam{camera}_{number}" for number in range(9) for camera in "AB"],
        [f"person{number}_{kind}_{number * 7}" for number in range(40) for kind in ("bacteria", "virus")],
        [
            *(f"IM-{number:04d}-0001" for number in range(100, 200)),
            *(f"NORMAL2-IM-{number:04d}-0001" for number in range(170, 500)),
        ],
        [f"{random.Random(number).getrandbits(64):016x}" for number in range(200)],
        ["cat", "cat_black", "dog", "dog_small", "bird", "bird_blue"],
        [*(f"{number}" for number in range(100)), "1_edited", "2_edited", "3_edited"],
    ],
    ids=lambda names: names[-1],
)
def test_ordinary_names_are_not_doubted(names):
    assert doubted_by_form(names, {"img"}) == set()


@given(st.lists(st.text("ab1_Mé", max_size=8), max_size=12), st.randoms())
def test_any_names_are_doubted_alike_in_any_order(names, order):
    found = mask_files(names)
    assert found.masks | found.doubted <= {*names}
    shuffled = [*names]
    order.shuffle(shuffled)
    assert mask_files(shuffled) == found


@pytest.mark.parametrize(
    "mask",
    [
        *("{}_mask_v2", "{}_mask_final", "{}_mask_final_2", "{}_maskA", "{}_msk", "msk_{}", "{}_GTmask"),
        *("{}_labelIds", "{}_mask_copy", "{}_gtFine_labelIds", "{}_gt_old"),
    ],
)
@pytest.mark.parametrize("image", ["{}", "img_{}", "{}_leftImg8bit"])
def test_words_for_masks_are_known_with_others_for_their_version(mask, image):
    keys = ["007", "12", "a_3"]
    masks = {mask.format(key) for key in keys}
    assert mask_files({*masks, *map(image.format, keys)}) == Found(masks, set())


def test_other_words_behind_are_doubted_alone():
    """What is behind the word may be what the image shows."""
    assert mask_files(["1", "2", "3", "1_mask_store", "2_mask_party", "3_mask_face"]) == (set(), set())


def test_names_in_two_encodings_are_the_same(places):
    """`ü` as one sign and as two: masks were used in silence, where image and mask came from two systems."""
    composed, apart = "\u00fc{}", "u\u0308{}_mask"
    masks = {apart.format(number) for number in range(3)}
    assert mask_files({*masks, *(composed.format(number) for number in range(3))}) == (masks, set())
    own = places["data_root"] / "own"
    fill(own / "good", 4, 0)
    (own / "bad").mkdir()
    for number in range(4):
        picture(50 + number).save(own / "bad" / f"{composed.format(number)}.png")
        picture(60 + number).save(own / "bad" / f"{apart.format(number)}.png")
    assert sum(open_facts("folder:own", 16, **places).train_counts) == 6


def test_an_unknown_affix_is_said(places):
    """Photographs of noise got an AUROC of .77, for their masks were images of their class."""
    own = places["data_root"] / "own"
    fill(own / "good", 4, 0)
    fill(own / "bad", 4, 10)
    for number in range(10, 14):
        picture(50 + number).save(own / "bad" / f"{number:05d}_m.png")
    (note,) = open_facts("folder:own", 16, **places).notes
    assert note.startswith("4 images may be masks of others, by their names, and all are used (the first: bad/00010_m")
