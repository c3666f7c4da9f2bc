"""ONNX: the same scores as torch's, for batches of any size."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
import torch

from agad.data.prepared import open_prepared
from agad.detector import export
from agad.detector.export import export_onnx
from agad.errors import AgadError, SpecError
from agad.spec.catalogue import methods
from agad.spec.run import RunSpec
from tests.helpers.own_detectors import SIZE, data, detector, fitted, noise
from tests.helpers.raw_data import fill


def exported(method: str, target: Path, mode: str = "L"):
    for name in ("onnx", "onnxruntime"):
        pytest.importorskip(name, reason="pip install 'agad[onnx]'")
    import onnxruntime

    export_onnx(detector(method, mode), target)
    return onnxruntime.InferenceSession(str(target), providers=["CPUExecutionProvider"])


@pytest.mark.parametrize(
    ("method", "mode"),
    [("agad", "L"), ("agad", "RGB"), ("knn", "L"), ("pca", "L"), ("geotrans", "L"), ("arnet", "RGB")],
)
@pytest.mark.slow
def test_scores_are_torch_s_for_any_batch(method: str, mode: str, tmp_path: Path) -> None:
    session = exported(method, tmp_path / "one.onnx", mode)
    one = detector(method, mode)
    for count in (1, 3) if method in ("geotrans", "arnet") else (1, 2, 70):  # those see each image four times or more
        images = noise(count) if mode == "L" else np.repeat(noise(count)[..., None], 3, 3)
        pixels = images[:, None] if mode == "L" else images.transpose(0, 3, 1, 2)
        found = session.run(["score"], {"pixels": np.ascontiguousarray(pixels)})[0]
        assert found == pytest.approx(one.score(images), rel=1e-4, abs=1e-4)


@pytest.mark.slow
def test_error_maps_and_what_the_file_says(tmp_path: Path) -> None:
    session = exported("agad", tmp_path / "one.onnx")
    known = session.get_modelmeta().custom_metadata_map
    error = session.run(["error"], {"pixels": noise(3)[:, None]})[0]

    assert error == pytest.approx(detector().heatmap(noise(3), smoothing=0), abs=1e-4)
    assert f"resize to {SIZE}x{SIZE}" in known["preparation"]
    assert "folder:parts" in known["detector"]


@pytest.mark.slow
def test_other_scores_than_torch_s_are_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """And nothing is written."""
    exported("knn", tmp_path / "good.onnx")
    monkeypatch.setattr(export, "TOLERANCE", -1.0)
    with pytest.raises(SpecError, match="ONNX gives other scores than torch"):
        export_onnx(detector("knn"), tmp_path / "one.onnx")
    assert not (tmp_path / "one.onnx").exists()


def test_without_the_packages_it_says_what_to_install(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(export, "_NEEDED", ("no_such_package_of_onnx",))
    with pytest.raises(AgadError, match=r"pip install 'agad\[onnx\]'"):
        export_onnx(detector("knn"), tmp_path / "one.onnx")


@pytest.mark.slow
def test_a_model_that_onnx_cannot_run_is_one_clear_line(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """As one whose graph holds for one number of images alone; nothing is written."""
    exported("knn", tmp_path / "good.onnx")
    monkeypatch.setattr(export, "_compared", lambda model, _: _run_on_other_images(model))
    with pytest.raises(SpecError, match="method=knn becomes a model that ONNX cannot run"):
        export_onnx(detector("knn"), tmp_path / "one.onnx")
    assert not (tmp_path / "one.onnx").exists()


def _run_on_other_images(model: bytes) -> float:
    import onnxruntime

    session = onnxruntime.InferenceSession(model, providers=["CPUExecutionProvider"])
    session.run(["score"], {"pixels": noise(3, 2 * SIZE)[:, None]})
    return 0.0


@pytest.mark.slow
@pytest.mark.parametrize("method", ["esad", "ssad"])
def test_a_method_for_32x32_alone_is_exported_for_any_number_of_images(method: str, tmp_path: Path) -> None:
    """ESAD's decoder makes images of codes, whose number a graph must not keep."""
    for name in ("onnx", "onnxruntime"):
        pytest.importorskip(name, reason="pip install 'agad[onnx]'")
    root = tmp_path / "data"
    fill(root / "parts" / "train" / "good", 20, 0)
    fill(root / "parts" / "test" / "good", 4, 50)
    fill(root / "parts" / "test" / "bent", 4, 60)
    prepared = open_prepared("folder:parts", 32, data_root=root, cache=tmp_path / "cache")
    one = fitted(prepared, 1, {"method": method, "updates": 2, "batch_size": 8})

    assert export_onnx(one, tmp_path / "one.onnx") < export.TOLERANCE


def test_bf16_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(export, "_NEEDED", ())
    one = fitted(data(), 1, {"method": "knn", "eval_precision": "bf16"})
    with pytest.raises(SpecError, match="fit it with fp32"):
        export_onnx(one, tmp_path / "one.onnx")


@pytest.mark.parametrize("method", [name for name, facts in methods().items() if not facts.exported])
def test_a_method_that_onnx_cannot_compute_is_refused_before_any_work(
    method: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Without torch's own words, which are a graph of hundreds of lines: no net is even looked at."""
    monkeypatch.setattr(export, "_NEEDED", ())
    one = SimpleNamespace(content=SimpleNamespace(spec=RunSpec(dataset="mnist", normal_class=0, method=method)))
    with pytest.raises(SpecError, match=f"method={method} computes what ONNX cannot"):
        export_onnx(one, tmp_path / "one.onnx")


@pytest.mark.slow
@pytest.mark.parametrize("output", ["score", "error"])
def test_what_differs_for_images_like_the_held_out_ones_alone_is_refused(
    output: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Noise has scores that are far from usual ones: what is little beside them may be all of a usual one."""
    for name in ("onnx", "onnxruntime"):
        pytest.importorskip(name, reason="pip install 'agad[onnx]'")
    one = detector("agad" if output == "error" else "mahalanobis")
    forward = export._Graph.forward

    def shifted(graph: export._Graph, pixels: torch.Tensor) -> tuple[torch.Tensor, ...]:
        found = list(forward(graph, pixels))
        number = ["score", "error"].index(output)
        usual = float(one.content.held_out.median()) if output == "score" else 1.0
        found[number] = found[number] + 1e-3 * usual
        return tuple(found)

    monkeypatch.setattr(export._Graph, "forward", shifted)
    with pytest.raises(SpecError, match="ONNX gives other scores than torch"):
        export_onnx(one, tmp_path / "one.onnx")
