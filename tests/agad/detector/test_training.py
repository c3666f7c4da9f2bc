"""What a folder means, and the run that becomes a detector."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from agad.data.prepared import open_prepared
from agad.data.split import one_class_split
from agad.detector.source import dataset_at, normal_class
from agad.detector.training import broken_promise, default_quantile, spec_of
from agad.errors import AgadError, DataError, SpecError
from tests.helpers.own_detectors import SIZE, data, detector, fitted, noise
from tests.helpers.raw_data import fill

LEAN = {"updates": 1, "batch_size": 8}


def opened(path: Path):
    dataset, root = dataset_at(path)
    return open_prepared(dataset, SIZE, data_root=root)


def test_a_folder_of_classes_a_folder_of_normals_and_an_npz(tmp_path: Path) -> None:
    fill(tmp_path / "two" / "a", 5, 0)
    fill(tmp_path / "two" / "b", 5, 10)
    fill(tmp_path / "flat", 5, 0)
    fill(tmp_path / "one" / "fine", 5, 0)
    fill(tmp_path / "split" / "train", 5, 0)
    fill(tmp_path / "split" / "test", 5, 10)
    (tmp_path / "x.npz").touch()

    found = {name: dataset_at(tmp_path / name) for name in ("two", "flat", "one", "split", "x.npz")}
    assert {name: dataset for name, (dataset, _) in found.items()} == {
        "two": "folder:two", "flat": "normals:flat", "one": "normals:one", "split": "normals:split", "x.npz": "npz:x",
    }  # fmt: skip
    assert {root for _, root in found.values()} == {tmp_path}
    assert opened(tmp_path / "one").class_names == ("fine",)
    assert opened(tmp_path / "split").test_counts == (5,)


def test_a_folder_is_known_by_its_own_name_wherever_one_stands(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    fill(tmp_path / "flat", 5, 0)
    monkeypatch.chdir(tmp_path / "flat")

    assert dataset_at(".") == ("normals:flat", tmp_path)


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda top: None, "there is no such folder"),
        (lambda top: top.write_text("x"), "neither a folder of images nor an npz"),
        (lambda top: top.mkdir(), "has no images"),
        (lambda top: fill(top, 1, 0), "one image: too few"),
        (lambda top: [top.mkdir(), (top / "a.png").touch(), (top / "b.png").touch()], "is damaged"),
        (lambda top: fill(top, 4, 0), "has 4 training images|has 3 training images; a detector needs 5"),
    ],
)
def test_folders_that_no_detector_can_be_fitted_on(make, message: str, tmp_path: Path) -> None:
    make(tmp_path / "top")
    with pytest.raises(AgadError, match=message) as caught:
        spec_of(opened(tmp_path / "top"), 0, {})
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("classes", "wanted", "found"),
    [
        (("bad", "good"), None, "good"),
        (("NORMAL", "PNEUMONIA"), None, "NORMAL"),
        (("a", "b"), "b", "b"),
        (("a", "b"), "B", "b"),
        (("a", "b"), "1", "b"),
        (("1", "2", "3"), "1", "1"),  # a name stands before an index
    ],
)
def test_the_normal_class(classes: tuple[str, ...], wanted: str | None, found: str, tmp_path: Path) -> None:
    for number, name in enumerate(classes):
        fill(tmp_path / "set" / name, 3, 10 * number)
    prepared = opened(tmp_path / "set")

    assert prepared.class_names[normal_class(prepared, wanted)] == found


def test_the_only_class_with_training_images_is_normal(tmp_path: Path) -> None:
    fill(tmp_path / "set" / "train" / "part", 3, 0)
    fill(tmp_path / "set" / "test" / "part", 3, 10)
    fill(tmp_path / "set" / "test" / "bent", 3, 20)
    prepared = opened(tmp_path / "set")

    assert prepared.class_names[normal_class(prepared, None)] == "part"
    with pytest.raises(SpecError, match="class bent has no training images"):
        normal_class(prepared, "bent")


@pytest.mark.parametrize("layout", [("bad",), ("train/not_ok", "test/good", "test/not_ok"), ("train/bad", "test/bad")])
def test_anomalies_are_not_the_normal_class_unless_it_is_said(layout: tuple[str, ...], tmp_path: Path) -> None:
    """There is nothing else to train on: forgotten normals, most likely."""
    for number, name in enumerate(layout):
        fill(tmp_path / "set" / name, 6, 10 * number)
    prepared, name = opened(tmp_path / "set"), layout[0].split("/")[-1]

    with pytest.raises(SpecError, match=f"called {name}, as anomalies are: .* say so by --normal {name}$"):
        normal_class(prepared, None)
    assert prepared.class_names[normal_class(prepared, name)] == name


@pytest.mark.parametrize(
    ("wanted", "message"), [(None, "which class is normal"), ("c", "has no class 'c'"), ("7", "'7'")]
)
def test_a_normal_class_that_is_not_known(wanted: str | None, message: str, tmp_path: Path) -> None:
    for number, name in enumerate(("a", "b")):
        fill(tmp_path / "set" / name, 3, 10 * number)
    with pytest.raises(SpecError, match=message) as caught:
        normal_class(opened(tmp_path / "set"), wanted)
    assert "a, b" in str(caught.value)


def test_held_out_normals_are_not_trained_on() -> None:
    spec = spec_of(data(), 1, {})
    split = one_class_split(data(), spec)
    held_out = split.validation[split.validation_label == 0]

    assert len(held_out) == detector().held_out_count == 8
    assert not set(held_out) & set(split.normal)
    assert len(split.normal) + 8 == data().train_counts[1]


@pytest.mark.slow
@pytest.mark.parametrize(("bent", "changes"), [(1, {}), (3, {}), (100, {}), (10, {"gamma": 0.1}), (3, {"gamma": 0.05})])
def test_few_labelled_anomalies_are_no_obstacle(bent: int, changes: dict[str, float], tmp_path: Path) -> None:
    """However many there are, the run's validation takes no more than there are."""
    fill(tmp_path / "set" / "train" / "good", 40, 0)
    fill(tmp_path / "set" / "train" / "bent", bent, 100)
    fill(tmp_path / "set" / "test" / "good", 3, 300)
    fill(tmp_path / "set" / "test" / "bent", 3, 400)
    prepared = opened(tmp_path / "set")

    assert len(one_class_split(prepared, spec_of(prepared, 1, changes)).normal) == 32


@pytest.mark.slow
@pytest.mark.parametrize("method", ["agad", "knn"])
def test_normals_alone_give_a_detector_without_auroc(method: str, tmp_path: Path) -> None:
    """Everything but the AUROC: threshold, false positive rate, heat maps."""
    fill(tmp_path / "only", 40, 0)
    prepared = opened(tmp_path / "only")
    one = fitted(prepared, 0, {"method": method} | (LEAN if method == "agad" else {}))
    known = one.content.result

    assert "auroc" not in known
    assert "true_positive_rate" not in known
    assert 0 <= known["false_positive_low"] <= known["false_positive_rate"] <= known["false_positive_high"] <= 1
    assert known["n_test_normal"] == 8
    assert one.threshold(0.5).held_out == 6
    assert one.has_heatmaps == (method == "agad")


def test_labels_all_one(tmp_path: Path) -> None:
    """An npz whose labels are all 1: class 0 has no images, and there is nothing anomalous."""
    images = {f"{part}_images": noise(count, 20, count) for part, count in (("train", 30), ("test", 9))}
    np.savez(tmp_path / "ones.npz", **images, train_labels=np.ones(30, int), test_labels=np.ones(9, int))
    prepared = opened(tmp_path / "ones.npz")
    one = fitted(prepared, normal_class(prepared, None), {"method": "knn"})

    assert one.content.spec.normal_class == 1
    assert "auroc" not in one.content.result


def test_the_default_threshold_is_one_that_the_normals_allow() -> None:
    assert detector().threshold(default_quantile(detector())).held_out == 8


@pytest.mark.slow
def test_test_normals_of_another_kind_are_said(tmp_path: Path) -> None:
    """The threshold of one kind of normals is exceeded by another kind; not where they are of one kind."""
    for part, first, mode in (("train", 0, "L"), ("test", 100, "L")):
        fill(tmp_path / "same" / part / "good", 60 if part == "train" else 30, first, mode)
        fill(tmp_path / "other" / part / "good", 60 if part == "train" else 30, first, mode)
    for path in (tmp_path / "other" / "test" / "good").iterdir():
        Image.new("L", (9, 7), 255).save(path)
    same, other = (fitted(opened(tmp_path / name), 0, {"method": "knn"}).content.result for name in ("same", "other"))

    assert broken_promise(same) == ""
    assert "THE THRESHOLD DOES NOT HOLD" in broken_promise(other)
    assert other["false_positive_rate"] == 1.0
    assert broken_promise({}) == ""


def test_few_held_out_normals_accuse_nobody() -> None:
    """A threshold of 19 normals lets 12% of its own kind through in one case of ten."""
    result = {"n_held_out": 19, "quantile": 0.95, "n_test_normal": 1000, "false_positive_rate": 0.12}

    assert broken_promise(result) == ""
    assert "THE THRESHOLD DOES NOT HOLD" in broken_promise({**result, "n_held_out": 1000})


@pytest.mark.slow
def test_weights_of_other_images_are_refused(tmp_path: Path) -> None:
    from agad.detector.training import detector_of
    from agad.spec.run import RunOptions
    from agad.train.run import train

    fill(tmp_path / "only", 40, 0)
    prepared = opened(tmp_path / "only")
    record = train(spec_of(prepared, 0, LEAN), RunOptions(weights_dir=str(tmp_path), threads=1), data=prepared)
    fill(tmp_path / "only", 1, 900)
    with pytest.raises(DataError, match="was trained on other images"):
        detector_of(tmp_path / record.values["weights"], opened(tmp_path / "only"), {}, device="cpu")


@pytest.mark.parametrize("share", [0.0, 0.02])
def test_a_fit_that_holds_out_no_normal_is_refused_before_it_is_trained(share: float) -> None:
    """Of 40; it would have no threshold at its end."""
    with pytest.raises(SpecError, match=rf"validation={share:g} holds out none of 40 .* take validation=0\.2"):
        spec_of(data(), 1, {"validation": share})


def test_vectors_from_a_file_make_no_detector(tmp_path: Path) -> None:
    """Other images are in no file: refused before anything is fitted, in one line."""
    fill(tmp_path / "two" / "a", 8, 0)
    fill(tmp_path / "two" / "b", 8, 10)
    with pytest.raises(SpecError, match=r"a detector is for other images; take features=pixels or features=gcn$"):
        spec_of(opened(tmp_path / "two"), 0, {"method": "knn", "features": "file:own"})


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"method": "isolation_forest"}, "objects of another library"),
        ({"method": "ocsvm"}, "objects of another library"),
        ({"method": "logistic", "gamma": 0.2}, "objects of another library"),
        ({"method": "pca", "validation_anomalies": 500}, "lower validation_anomalies"),
        ({"method": "agad", "gamma": 0.9, "min_anomalies": 1}, "asks for"),
    ],
)
def test_what_cannot_become_a_detector_is_refused_before_it_is_trained(
    changes: dict[str, object], message: str
) -> None:
    """All that spec and labels say: a training would only find the same, and leave a failed row."""
    with pytest.raises(SpecError, match=message):
        spec_of(data(), 1, changes)


def test_anomalies_of_a_validation_where_there_are_none_are_refused(tmp_path: Path) -> None:
    fill(tmp_path / "set" / "train" / "good", 20, 0)
    fill(tmp_path / "set" / "test" / "good", 4, 50)
    fill(tmp_path / "set" / "test" / "bent", 4, 60)
    with pytest.raises(SpecError, match="no training image of an anomalous class: take validation_anomalies=0"):
        spec_of(opened(tmp_path / "set"), 1, {"method": "pca", "validation_anomalies": 5})
