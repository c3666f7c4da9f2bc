"""normals:NAME: a folder in which every image is normal."""

from __future__ import annotations

import pytest

from agad.data.prepared import open_prepared
from agad.data.readers.folder import OneClassError
from agad.data.split import one_class_split
from agad.errors import DataError, SpecError
from agad.spec.run import RunSpec
from tests.helpers.raw_data import fill


def test_every_image_is_normal_and_a_fifth_is_for_testing(places):
    top = places["data_root"] / "only"
    fill(top / "monday", 6, 0)
    fill(top / "tuesday", 5, 100)
    prepared = open_prepared("normals:only", 32, **places)

    assert (prepared.class_names, prepared.train_counts, prepared.test_counts) == (("normal",), (9,), (2,))
    assert prepared.notes == ("every image counts as normal: there are no anomalies to test with",)


def test_train_and_test_are_kept_and_the_class_has_its_folder_s_name(places):
    top = places["data_root"] / "only"
    fill(top / "Training" / "good", 4, 0)
    fill(top / "Testing" / "good", 2, 100)
    prepared = open_prepared("normals:only", 32, **places)

    assert (prepared.class_names, prepared.train_counts, prepared.test_counts) == (("good",), (4,), (2,))


def test_a_run_on_them_scores_no_test_set(places):
    """There is no AUROC: a run that asks for one is refused, one that does not has its split."""
    fill(places["data_root"] / "only", 10, 0)
    prepared = open_prepared("normals:only", 32, **places)
    spec = RunSpec(dataset="normals:only", normal_class=0, validation=0.25)
    with pytest.raises(SpecError, match="the test set has no anomalous image"):
        one_class_split(prepared, spec)
    split = one_class_split(prepared, spec.replace(evaluate_test=False))

    assert (len(split.normal), split.validation_label.tolist()) == (6, [0, 0])


@pytest.mark.parametrize("count", [0, 1])
def test_too_few_images(places, count):
    fill(places["data_root"] / "only", count, 0)
    with pytest.raises(DataError, match=r"has no images|has one image: too few"):
        open_prepared("normals:only", 32, **places)


@pytest.mark.parametrize("folders", [(), ("good",), ("train", "test"), ("train/good", "test/good")])
def test_as_classes_such_a_folder_is_refused(places, folders):
    for number, name in enumerate(folders or (".",)):
        fill(places["data_root"] / "only" / name, 3, 10 * number)
    with pytest.raises(OneClassError):
        open_prepared("folder:only", 32, **places)


@pytest.mark.parametrize("split", ["", "train", "test"])
def test_images_beside_their_only_sub_folder_are_refused(split, places):
    """Who sorts anomalies out into `bad` leaves the normal ones where they were; they are of no class `bad`."""
    top = places["data_root"] / "only"
    for part in ("train", "test") if split else ("",):
        fill(top / part, 6, 0)
    fill(top / split / "bad", 3, 100)
    with pytest.raises(
        DataError, match=r"has 6 images of its own and 3 in its folder bad: .* called good; if all"
    ) as it:
        open_prepared("normals:only", 32, **places)
    assert "\n" not in str(it.value)


def test_a_sub_folder_without_images_is_no_other_place(places):
    fill(places["data_root"] / "only", 6, 0)
    (places["data_root"] / "only" / "notes").mkdir()
    (places["data_root"] / "only" / "notes" / "a.txt").write_text("x")

    assert open_prepared("normals:only", 32, **places).train_counts == (5,)


@pytest.mark.parametrize("beside", ["masks", "torn_label"])
def test_images_in_folders_of_masks_are_counted_once(places, beside):
    """They were counted for the folder, and again in the listing of all; none is of a class of its own."""
    for number, name in enumerate(("original", beside)):
        fill(places["data_root"] / "own" / name, 3, 50 * number)
    notes = open_prepared("normals:own", 16, **places).notes
    assert f"3 images are left out as masks, by the names of their folders or files (the first: {beside}/" in notes[0]
    assert "is called as masks are" not in " ".join(notes)


def test_images_beside_train_and_test_are_counted(places):
    """They were left out in silence."""
    top = places["data_root"] / "own"
    for number, folder in enumerate((top / "train", top / "test", top, top / ".hid")):
        fill(folder, 3, 10 * number)
    assert open_prepared("normals:own", 16, **places).notes[:2] == (
        "3 images beside the folders of classes are of no class, and not used",
        "3 images whose names, or those of their folders, begin with a dot are not used",
    )
