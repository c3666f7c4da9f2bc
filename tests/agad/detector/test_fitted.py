"""What a method fits goes into a detector's file and back as tensors alone."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch

from agad.data.prepared import Prepared, open_prepared
from agad.detector.content import load_content, save_content
from agad.detector.detector import Detector
from agad.detector.export import export_onnx
from agad.detector.fitted import check_stored, from_plain, placed, to_plain
from agad.errors import SpecError
from agad.spec.catalogue import methods
from tests.helpers.methods import small_spec
from tests.helpers.own_detectors import fitted, noise
from tests.helpers.raw_data import fill
from tests.helpers.science import training_of

METHODS = ["dagmm", "ssad", "esad"]


@pytest.fixture(scope="module")
def prepared(tmp_path_factory: pytest.TempPathFactory) -> Prepared:
    """Forty good ones of 32x32, and six bent ones to test with."""
    root = tmp_path_factory.mktemp("data")
    fill(root / "parts" / "train" / "good", 40, 0)
    fill(root / "parts" / "test" / "good", 8, 200)
    fill(root / "parts" / "test" / "bent", 6, 300)
    return open_prepared("folder:parts", 32, data_root=root, cache=root / "cache")


@pytest.mark.slow
@pytest.mark.parametrize("method", METHODS)
def test_a_detector_read_again_gives_the_same_scores(method: str, prepared: Prepared, tmp_path: Path) -> None:
    one = fitted(prepared, 1, {"method": method, "updates": 2, "batch_size": 8})
    save_content(tmp_path / "one.agad", one.content)
    again = Detector(load_content(tmp_path / "one.agad"))
    np.testing.assert_array_equal(again.score(noise(5, 32)), one.score(noise(5, 32)))


@pytest.mark.slow
def test_what_onnx_cannot_hold_is_one_line(prepared: Prepared, tmp_path: Path) -> None:
    for name in ("onnx", "onnxruntime"):
        pytest.importorskip(name, reason="pip install 'agad[onnx]'")
    one = fitted(prepared, 1, {"method": "dagmm", "updates": 2, "batch_size": 8})
    with pytest.raises(SpecError, match="method=dagmm computes what ONNX cannot"):
        export_onnx(one, tmp_path / "one.onnx")
    assert not (tmp_path / "one.onnx").exists()


@pytest.mark.parametrize("method", ["dagmm", "ssad"])
@torch.no_grad()
def test_there_and_back_and_to_a_device(method: str) -> None:
    """All of it is tensors, the same ones; anything else is refused."""
    from agad.methods.method import TrainView

    training = training_of(small_spec(method))
    images = training._images
    found = training.method.fit(TrainView(images.part(0, 15), images.part(15, len(images)), 8, lambda: None))
    plain = to_plain(training.spec, found)
    for again in (from_plain(plain), placed(found, "cpu")):
        assert type(again) is type(found)
        assert all(torch.equal(getattr(again, name), tensor) for name, tensor in plain.items())
    with pytest.raises(ValueError, match="unknown kind"):
        from_plain({**plain, "means": 3, "width": 3})
    with pytest.raises(SpecError, match="objects of another library"):
        to_plain(training.spec, object())


@pytest.mark.slow
@pytest.mark.parametrize("method", [name for name, facts in methods().items() if not facts.gradient])
@torch.no_grad()
def test_a_method_says_beforehand_whether_a_file_can_hold_it(method: str) -> None:
    """What METHOD says is what comes of it: `agad fit` refuses before it fits, and refuses nothing that would do."""
    from agad.methods.method import TrainView

    training = training_of(small_spec(method))
    images = training._images
    found = training.method.fit(TrainView(images.part(0, 15), images.part(15, len(images)), 8, lambda: None))
    refused = []
    for check in (lambda: check_stored(training.spec), lambda: to_plain(training.spec, found)):
        try:
            check()
        except SpecError as error:
            refused.append(str(error))
    assert len(refused) == (0 if methods()[method].stored else 2)
    assert len(set(refused)) <= 1
