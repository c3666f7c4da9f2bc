"""A detector's file: what a stranger may have written into it, and what befalls files, is one clear line."""

from __future__ import annotations

import pickle
import warnings
from pathlib import Path
from typing import Any

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from agad.data.cache import PREPARATION_VERSION
from agad.detector.content import KIND, VERSION, check_detector, load_content, save_content
from agad.detector.detector import load_detector
from agad.errors import AgadError, DataError, MakerWarning
from agad.tensors.file import load_tensors, save_tensors
from tests.helpers.own_detectors import IMAGES_ONE, detector, with_values

PREPARED = {"version": PREPARATION_VERSION, "steps": "resize"}

BYTES = torch.zeros(1, 1, 16, 16, dtype=torch.uint8)


@pytest.fixture(scope="module")
def written(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("detector") / "one.agad"
    save_content(path, detector("knn").content)
    return path


@pytest.mark.slow
def test_the_file_states_where_it_comes_from(written: Path) -> None:
    content = load_content(written)

    assert set(content.provenance) >= {"run_id", "data_digest", "protocol", "git_commit", "code_digest", "agad_version"}
    assert content.provenance["run_id"] == content.spec.run_id
    assert content.provenance["protocol"] == "eval"
    steps = content.preparation["steps"]
    assert all(word in steps for word in ("of 16 bits per channel the upper 8", "EXIF", "transparency", "16x16"))
    assert content.class_names == ("bent", "good")


def test_nothing_in_a_file_is_executed(tmp_path: Path) -> None:
    """A pickle that would write a file when it is read."""

    class Trap:
        def __reduce__(self) -> Any:
            return Path.touch, (tmp_path / "sprung",)

    (tmp_path / "a.agad").write_bytes(pickle.dumps(Trap()))
    torch.save({"kind": KIND, "version": VERSION, "spec": Trap()}, tmp_path / "b.agad")
    for name in ("a.agad", "b.agad"):
        with pytest.raises(DataError):
            load_detector(tmp_path / name)
    assert not (tmp_path / "sprung").exists()


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        (
            {"version": VERSION + 1},
            f"of version {VERSION + 1}; this agad reads up to {VERSION}: update agad",
        ),
        ({"version": None}, "update agad"),
        ({"kind": "weights"}, "is no detector, but another file of tensors"),
        ({"channels": 2}, "2 channels"),
        ({"channels": "1"}, "1 channels"),
        ({"held_out": torch.zeros(0)}, "held_out has no scores"),
        ({"held_out": torch.tensor([float("nan")])}, "no numbers"),
        ({"held_out": [1.0]}, "held_out are no scores"),
        ({"heat": "hot"}, "heat is no number"),
        ({"fitted": torch.tensor([[float("inf")]])}, "a weight is no number"),
        ({"fitted": "x"}, "fitted state"),
        ({"fitted": {"mean": 1}}, "fitted state"),
        ({"class_names": [1]}, "class_names are no texts"),
        ({"preparation": {"version": 1}}, "prepared by version 1"),
        ({"preparation": {"version": PREPARATION_VERSION}}, "preparation has no steps"),
        ({"preparation": 3}, "that this agad can use"),
        ({"preparation": PREPARED | {"aspects": "1"}}, "aspects are no two numbers"),
        ({"preparation": PREPARED | {"aspects": [1.0, "\n"]}}, "aspects are no two numbers"),
        ({"preparation": PREPARED | {"aspects": [0.0, 1.0]}}, "aspects are none of images"),
        ({"preparation": PREPARED | {"aspects": [1.0, float("nan")]}}, "aspects are none of images"),
        ({"nets": 3}, "nets has no names"),
        ({"probe": 3}, "probe has no images and scores"),
        ({"probe": {"images": torch.zeros(1)}}, "probe has no images and scores"),
        ({"probe": {"images": [1], "scores": [1]}}, "probe has no images and scores"),
        ({"probe": {"images": torch.zeros(1), "scores": torch.zeros(1)}}, "probe has no images and scores"),
        ({"probe": {"images": BYTES, "scores": torch.zeros(0)}}, "probe has 0 scores"),
        ({"probe": {"images": BYTES, "scores": torch.zeros(2)}}, "probe has images of another shape"),
        ({"probe": {"images": BYTES[..., :8], "scores": torch.zeros(1)}}, "probe has images of another shape"),
        ({"probe": {"images": BYTES, "scores": torch.tensor([float("nan")])}}, "probe has a score that is no number"),
        ({"spec": {}}, "semantics_version"),
        ({"spec": 5}, "that this agad can use"),
        ({"extra": 1}, "extra"),
    ],
)
def test_values_that_no_detector_has(changes: dict[str, Any], message: str, written: Path, tmp_path: Path) -> None:
    save_tensors(tmp_path / "changed.agad", load_tensors(written) | changes)

    with pytest.raises(DataError, match=message) as caught:
        load_detector(tmp_path / "changed.agad")
    assert "\n" not in str(caught.value)
    assert "changed.agad" in str(caught.value)


@pytest.mark.parametrize(
    "change",
    [{"image_size": 32}, {"normal_class": 0}, {"seed": 1}, {"eval_precision": "bf16"}],
    ids=lambda of: next(iter(of)),
)
def test_a_spec_that_is_not_the_one_that_trained_is_refused(
    change: dict[str, Any], written: Path, tmp_path: Path
) -> None:
    """Convolutions take any size: at another one scores would differ, and the threshold mean nothing."""
    content = load_tensors(written)
    save_tensors(tmp_path / "changed.agad", content | {"spec": content["spec"] | change})

    with pytest.raises(DataError, match="its spec is not that of the run that made it"):
        load_detector(tmp_path / "changed.agad")


@pytest.mark.slow
def test_a_detector_that_lacks_a_weight_is_refused(tmp_path: Path) -> None:
    """Each in turn: in its place there would be what the net was initialised with, and scores of chance."""
    save_content(tmp_path / "whole.agad", detector().content)
    content = load_tensors(tmp_path / "whole.agad")
    for name, weights in content["nets"].items():
        for lost in weights:
            nets = content["nets"] | {name: {key: value for key, value in weights.items() if key != lost}}
            save_tensors(tmp_path / "changed.agad", content | {"nets": nets})
            with pytest.raises(DataError, match=f"the weights of the {name} lack {lost}, 1 in all"):
                load_detector(tmp_path / "changed.agad")


_VALUES = st.one_of(
    st.none(), st.integers(-3, 3), st.text(max_size=3), st.floats(), st.lists(st.integers(), max_size=2),
    st.just(torch.zeros(2, 2)), st.dictionaries(st.text(max_size=3), st.integers(), max_size=2),
)  # fmt: skip


@pytest.mark.slow
@settings(max_examples=60)
@given(st.data())
def test_a_file_with_any_value_changed_scores_or_is_refused(data: st.DataObject) -> None:
    """Whatever one value of the file, or of its spec, is changed to: DataError or finite scores, nothing else."""
    import tempfile

    content = dict(_plain())
    name = data.draw(st.sampled_from(sorted(content)))
    if name == "spec" and data.draw(st.booleans()):
        inner = dict(content["spec"])
        inner[data.draw(st.sampled_from(sorted(inner)))] = data.draw(_VALUES)
        content["spec"] = inner
    else:
        content[name] = data.draw(_VALUES)
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "any.agad"
        save_tensors(path, content)
        assert "\n" not in (_refusal(path) or "")


def _refusal(path: Path) -> str | None:
    """Why the detector is refused; None where it scores an image."""
    try:
        with warnings.catch_warnings(action="ignore", category=MakerWarning):
            one = load_detector(path)
    except AgadError as error:
        return str(error)
    assert one.score(IMAGES_ONE).shape == (1,)
    one.describe()
    return None


def _plain() -> dict[str, Any]:
    import tempfile

    path = Path(tempfile.gettempdir()) / f"agad-test-{detector('knn').content.spec.run_id}.agad"
    save_content(path, detector("knn").content)
    return load_tensors(path)


def test_a_missing_a_cut_and_a_foreign_file(written: Path, tmp_path: Path) -> None:
    (tmp_path / "cut.agad").write_bytes(written.read_bytes()[:-30])
    (tmp_path / "text.agad").write_text("hello")
    save_tensors(tmp_path / "weights.pt", {"spec": {}, "nets": {}})
    for name in ("cut.agad", "text.agad", "missing.agad", "weights.pt"):
        with pytest.raises(DataError, match=name) as caught:
            load_detector(tmp_path / name)
        assert "\n" not in str(caught.value)


def test_a_spec_of_a_newer_agad_is_named(tmp_path: Path, written: Path) -> None:
    content = load_tensors(written)
    content["spec"]["tomorrow"] = 1
    save_tensors(tmp_path / "new.agad", content)

    with pytest.raises(DataError, match="unknown field 'tomorrow'"):
        load_content(tmp_path / "new.agad")


def test_held_out_scores_are_sorted_on_reading(tmp_path: Path) -> None:
    content = with_values(detector("knn").content, held_out=torch.tensor([3.0, 1.0, 2.0]))
    save_content(tmp_path / "one.agad", content)

    assert load_content(tmp_path / "one.agad").held_out.tolist() == [1.0, 2.0, 3.0]


def test_a_link_to_a_detector_stays(tmp_path: Path) -> None:
    (tmp_path / "link.agad").symlink_to("real.agad")
    check_detector("--out", tmp_path / "link.agad")
    save_content(tmp_path / "link.agad", detector("knn").content)
    assert (tmp_path / "link.agad").is_symlink()
    assert not (tmp_path / "real.agad").is_symlink()
    assert load_content(tmp_path / "real.agad").spec.method == "knn"
