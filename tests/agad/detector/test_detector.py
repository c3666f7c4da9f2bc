"""A detector: its scores depend on the image alone, and on nothing that the user would have to guess."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.testing import assert_array_equal
from PIL import Image

import agad
from agad.data.image import fit
from agad.detector.content import save_content
from agad.detector.detector import BATCH, Detector, load_detector
from agad.errors import DataError, SpecError
from agad.methods.floor.knn import Knn
from tests.helpers.own_detectors import SIZE, data, detector, noise, with_values

METHODS = ("agad", "knn", "pca", "mahalanobis")
IMAGES = noise(2 * BATCH + 5)


@pytest.mark.slow
@pytest.mark.parametrize("method", METHODS)
@settings(max_examples=8)
@given(shuffled=st.permutations(range(len(IMAGES))), cut=st.integers(1, len(IMAGES) - 1))
def test_a_score_depends_on_no_other_image(method: str, shuffled: list[int], cut: int) -> None:
    """In any order and any batches the scores are the same to the last bit."""
    one = detector(method)
    alone = one.score(IMAGES)
    apart = np.concatenate([one.score(IMAGES[shuffled[:cut]]), one.score(IMAGES[shuffled[cut:]])])

    assert_array_equal(apart, alone[shuffled])


@pytest.mark.slow
@pytest.mark.parametrize("method", ["classifier", "ssdgm"])
def test_a_score_depends_on_no_number_of_images(method: str) -> None:
    """Their last layers are products whose last rows the CPU sums otherwise, down to an image that is scored alone."""
    one = detector(method)
    together = one.score(IMAGES[:BATCH])
    for count in (1, 2, 3, 7, 31):
        parts = np.array_split(IMAGES[:BATCH], -(-BATCH // count))
        assert_array_equal(np.concatenate([one.score(part) for part in parts]), together)


@pytest.mark.slow
def test_a_heat_map_depends_on_no_other_image() -> None:
    one = detector()

    assert_array_equal(one.heatmap(IMAGES)[::-1][:3], one.heatmap(IMAGES[::-1][:3]))


@pytest.mark.slow
@pytest.mark.parametrize("method", METHODS)
def test_a_detector_read_again_gives_the_same_scores(method: str, tmp_path: Path) -> None:
    save_content(tmp_path / "one.agad", detector(method).content)
    again = agad.load_detector(tmp_path / "one.agad")

    assert_array_equal(again.score(IMAGES), detector(method).score(IMAGES))
    assert again.threshold(0.5) == detector(method).threshold(0.5)


@pytest.mark.slow
@pytest.mark.parametrize("method", METHODS)
def test_scores_are_those_of_the_run(method: str) -> None:
    """The detector's held-out normals and test images are scored as the run's evaluation would."""
    one = detector(method)
    known = one.content.result
    images = [image[0] for image in data().test_images.numpy()]
    scores = one.score(images)
    normal = data().test_labels == 1
    better = np.mean([(a > n) + 0.5 * (a == n) for a in scores[~normal] for n in scores[normal]])

    assert known["auroc"] == pytest.approx(better)
    assert known["n_held_out"] == one.held_out_count == 8
    assert known["auroc_low"] < known["auroc"] < known["auroc_high"]


@pytest.mark.filterwarnings("ignore::agad.detector.ImageWarning")
@pytest.mark.slow
def test_paths_arrays_and_pillow_s_images_are_one_image(tmp_path: Path) -> None:
    one, pixels = detector(), noise(1, 23)[0]
    Image.fromarray(pixels).save(tmp_path / "a.png")
    forms = [tmp_path / "a.png", str(tmp_path / "a.png"), pixels, Image.fromarray(pixels), pixels[None, ..., None]]
    scores = one.score(forms)

    assert scores.shape == (5,)
    assert set(scores.tolist()) == {float(one.score(fit(pixels, SIZE, 1)[0])[0])}


@pytest.mark.filterwarnings("ignore::agad.detector.ImageWarning")
@pytest.mark.slow
def test_other_sizes_and_channels_are_prepared_as_in_training() -> None:
    """Colour is converted for a grey detector, grey for one in colour; tiny images are enlarged."""
    colour = np.random.default_rng(0).integers(0, 256, (30, 20, 3), dtype=np.uint8)
    for mode in ("L", "RGB"):
        one = detector("agad", mode)
        channels = one.content.channels
        expected = fit(colour, SIZE, channels)
        whole = expected[0] if channels == 1 else expected.transpose(1, 2, 0)
        assert one.score(colour) == one.score(whole)
        assert np.isfinite(one.score([np.zeros((1, 1), np.uint8), noise(1, 300)[0]])).all()


@pytest.mark.parametrize(
    ("images", "message"),
    [
        (np.zeros((4, 4), np.float32), "float32; give uint8"),
        (np.zeros((2, 4, 4, 4), np.uint8), "is no image"),
        (np.zeros(4, np.uint8), "is no image"),
        (np.zeros((0, 4), np.uint8), "no image|no pixels"),
        (np.zeros((4, 0), np.uint8), "no pixels"),
        ("nowhere.png", "nowhere.png"),
        (7, "int is no image"),
        (Image.new("I", (3, 3)), "no known range"),
    ],
)
def test_what_is_no_image_is_one_clear_line(images: object, message: str) -> None:
    with pytest.raises(DataError, match=message) as caught:
        detector().score(images)  # type: ignore[arg-type]

    assert "\n" not in str(caught.value)


def test_no_images_have_no_scores() -> None:
    assert detector().score([]).shape == (0,)
    assert detector().heatmap([]).shape == (0, SIZE, SIZE)


def test_a_net_that_gives_no_number_is_one_clear_line(monkeypatch: pytest.MonkeyPatch) -> None:
    broken = Detector(detector().content)
    monkeypatch.setattr(broken.method, "scores", lambda x, fitted, positions: x.flatten(1).sum(1) * float("nan"))

    with pytest.raises(DataError, match="a score is no finite number"):
        broken.score(IMAGES[:3])


def test_scores_of_a_wrong_shape_are_one_clear_line(monkeypatch: pytest.MonkeyPatch) -> None:
    broken = Detector(detector().content)
    monkeypatch.setattr(broken.method, "scores", lambda x, fitted, positions: x)

    with pytest.raises(SpecError, match=r"scores of 8 images have shape \(8, 1, 16, 16\)"):
        broken.score(IMAGES[:8])


def test_a_method_without_reconstructions_has_no_heat_maps() -> None:
    with pytest.raises(SpecError, match="method=knn reconstructs no images"):
        detector("knn").heatmap(IMAGES)


@pytest.mark.slow
def test_a_heat_map_is_the_absolute_error() -> None:
    """Without smoothing it is |x - x_hat|, mean over channels; smoothing keeps its sum."""
    import torch

    one = detector("agad", "RGB")
    image = np.random.default_rng(0).integers(0, 256, (SIZE, SIZE, 3), dtype=np.uint8)
    x = torch.from_numpy(image.transpose(2, 0, 1).copy())[None].float() / 127.5 - 1
    x_hat = one.method.reconstruct(x)
    assert x_hat is not None
    expected = (x - x_hat).abs().mean(1).detach().numpy()

    assert one.heatmap(image, smoothing=0) == pytest.approx(expected, abs=1e-6)
    assert one.heatmap(image, smoothing=2).sum() == pytest.approx(expected.sum(), rel=1e-4)


def test_methods_that_keep_objects_are_refused() -> None:
    """No pickled object of another library gets into a file that strangers exchange."""
    from tests.helpers.own_detectors import fitted

    with pytest.raises(SpecError, match="no detector's file can hold"):
        fitted(data(), 1, {"method": "ocsvm"})


@pytest.mark.slow
def test_weights_of_another_net_are_one_clear_line(tmp_path: Path) -> None:
    spec = detector().content.spec.replace(backbone="unet")
    provenance = {**detector().content.provenance, "run_id": spec.run_id}
    other = with_values(detector().content, spec=spec, provenance=provenance)
    save_content(tmp_path / "one.agad", other)

    with pytest.raises(DataError, match=r"one\.agad: the detector's weights do not go with its spec") as caught:
        load_detector(tmp_path / "one.agad")
    assert "\n" not in str(caught.value)


def test_knn_is_the_method_itself() -> None:
    assert isinstance(detector("knn").method, Knn)


@pytest.mark.cuda
@pytest.mark.parametrize("method", METHODS)
def test_scores_on_a_gpu(method: str) -> None:
    """In any order and any batches the same to the last bit, and near the CPU's."""
    one = detector(method).to("cuda")
    order = np.random.default_rng(0).permutation(len(IMAGES))
    alone = one.score(IMAGES)

    assert_array_equal(np.concatenate([one.score(IMAGES[order[:7]]), one.score(IMAGES[order[7:]])]), alone[order])
    assert alone == pytest.approx(detector(method).score(IMAGES), rel=1e-3)


@pytest.mark.slow
@pytest.mark.parametrize("caller", [torch.no_grad, torch.inference_mode, lambda: torch.autocast("cpu")])
def test_what_the_caller_has_set_of_torch_changes_no_score(caller) -> None:
    expected = detector().score(noise(5))
    with caller():
        assert np.array_equal(Detector(detector().content).score(noise(5)), expected)
