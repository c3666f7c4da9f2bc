"""Whether a detector's scores are still those that its threshold is of."""

from __future__ import annotations

import warnings
from pathlib import Path
from typing import Any

import pytest
import torch

from agad.detector.content import load_content, save_content
from agad.detector.detector import Detector, load_detector
from agad.detector.probe import IMAGES, probe_of
from agad.errors import DataError, MakerWarning
from agad.methods.agad import Agad
from agad.methods.floor.knn import Knn
from agad.store.provenance import code_digest
from agad.tensors.file import load_tensors, save_tensors
from tests.helpers.own_detectors import IMAGES_ONE, detector, with_values

MAKERS = {"agad": Agad, "knn": Knn}


def written(folder: Path, method: str = "knn", made_by: dict[str, Any] | None = None, **values: Any) -> Path:
    """A detector's file, with some of its provenance and values changed."""
    content = detector(method).content
    provenance = {**content.provenance, **(made_by or {})}
    save_content(folder / "one.agad", with_values(content, provenance=provenance, **values))
    return folder / "one.agad"


@pytest.mark.slow
@pytest.mark.parametrize("mode", ["L", "RGB"])
def test_a_detector_holds_images_of_noise_with_their_scores(mode: str, tmp_path: Path) -> None:
    one = detector("agad", mode)
    probe = one.content.probe

    assert probe is not None
    assert tuple(probe["images"].shape) == (IMAGES, one.content.channels, 16, 16)
    again = probe_of(one.content, one.score)
    assert again is not None
    assert all(torch.equal(again[name], probe[name]) for name in ("images", "scores"))
    save_content(tmp_path / "one.agad", one.content)
    assert load_detector(tmp_path / "one.agad").notes == ()


@pytest.mark.slow
@pytest.mark.parametrize("method", MAKERS)
@pytest.mark.parametrize("change", [lambda scores: scores**2, lambda scores: -scores, lambda scores: scores * 1.05])
def test_code_that_scores_otherwise_is_refused(
    method: str, change: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Ranks, and so AUROCs, may stay: thresholds do not."""
    path = written(tmp_path, method, {"code_digest": "0lder"})
    scores = MAKERS[method].scores
    monkeypatch.setattr(MAKERS[method], "scores", lambda *given: change(scores(*given)))

    with pytest.raises(
        DataError, match=r"made by 0lder, now [0-9a-f]{16}\): its threshold and percentiles do not"
    ) as it:
        load_detector(path)
    assert "\n" not in str(it.value)
    assert str(path) in str(it.value)


def test_rounding_is_no_other_score(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path, scores = written(tmp_path), Knn.scores
    monkeypatch.setattr(Knn, "scores", lambda *given: scores(*given) * 1.001)

    assert load_detector(path).notes == ()


@pytest.mark.parametrize(
    ("made_by", "values", "note"),
    [
        ({"code_digest": "0lder"}, {}, "(made by 0lder, now {code}); 4 images that it holds have the scores"),
        ({"code_digest": "0lder"}, {"probe": None}, "(made by 0lder, now {code}), and whether they hold is not known"),
        ({"code_digest": None}, {}, "(made by unknown, now {code}); 4 images"),
        ({"torch_version": "1.0+cpu"}, {"probe": None}, "(torch 1.0, now "),
        ({"torch_version": "1.0+cpu"}, {}, None),
        ({}, {"probe": None}, None),
    ],
)
def test_other_code_is_said_and_keeps_nobody_from_scoring(
    made_by: dict[str, Any], values: dict[str, Any], note: str | None, tmp_path: Path
) -> None:
    path = written(tmp_path, "knn", made_by, **values)
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        one = load_detector(path)

    assert one.score(IMAGES_ONE).tolist() == detector("knn").score(IMAGES_ONE).tolist()
    assert [warning.category for warning in caught] == [MakerWarning] * (note is not None)
    assert [str(warning.message) for warning in caught] == [f"{path}: {text}" for text in one.notes]
    assert all(note is not None and note.format(code=code_digest()) in text for text in one.notes)


def test_a_file_of_the_first_version_is_read(tmp_path: Path) -> None:
    """It has no probe."""
    values = load_tensors(written(tmp_path))
    values.pop("probe")
    save_tensors(tmp_path / "old.agad", values | {"version": 1})

    assert load_content(tmp_path / "old.agad").probe is None
    assert load_detector(tmp_path / "old.agad").score(IMAGES_ONE).shape == (1,)


def test_noise_that_has_no_score_makes_no_probe() -> None:
    def refuses(images: object) -> Any:
        raise DataError("a score is no finite number")

    assert probe_of(detector("knn").content, refuses) is None


@pytest.mark.cuda
def test_the_probe_of_a_detector_on_a_gpu_is_scored_on_the_cpu(tmp_path: Path) -> None:
    assert isinstance(load_detector(written(tmp_path, "agad"), "cuda"), Detector)
