"""The floor: known values, independence of an image's score from other images, and what a spec may say."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch

from agad.errors import SpecError
from agad.methods import method_of
from agad.methods.floor import knn
from agad.methods.floor.fitted import vectors
from agad.methods.floor.principal import principal
from agad.methods.method import TrainView
from agad.spec.catalogue import methods
from agad.spec.run import RunSpec
from agad.store.rows import ResultStore
from agad.tensors.device import autocast
from agad.tensors.pool import ImagePool
from agad.train import run
from tests.helpers.science import CPU, OPTIONS, made_up

FLOOR = sorted(name for name, one in methods().items() if not one.gradient)
SPEC: dict[str, Any] = {"dataset": "npz:made_up", "normal_class": 0, "image_size": 16, "updates": 0}


def spec_of(method: str, **changes: Any) -> RunSpec:
    gamma = 0.25 if methods()[method].labels == "must" else 0.0
    return RunSpec(**{**SPEC, "method": method, "gamma": gamma, **changes})


def view(data: Any, n_normal: int = 15, n_anomaly: int = 5) -> TrainView:
    normal = ImagePool(data.train_images, np.flatnonzero(data.train_labels == 0)[:n_normal], CPU)
    anomaly = ImagePool(data.train_images, np.flatnonzero(data.train_labels == 1)[:n_anomaly], CPU)
    return TrainView(normal, anomaly, 8, lambda: None)


def test_the_floor_has_its_six_methods() -> None:
    assert FLOOR == ["isolation_forest", "knn", "logistic", "mahalanobis", "ocsvm", "pca"]


@pytest.mark.slow
@pytest.mark.parametrize("method", FLOOR)
@pytest.mark.parametrize("features", ["pixels", "gcn"])
def test_an_image_s_score_does_not_depend_on_its_batch(method: str, features: str) -> None:
    data, made = made_up(), method_of(spec_of(method, features=features), 1)
    fitted = made.fit(view(data))
    x = data.test_images.float() / 127.5 - 1
    together = made.scores(x, fitted, torch.arange(len(x)))
    backwards = made.scores(x.flip(0), fitted, torch.arange(len(x)))
    alone = torch.cat([made.scores(one[None], fitted, torch.zeros(1).long()) for one in x])

    assert together.shape == (len(x),)
    assert len(together.unique()) > len(x) // 2
    np.testing.assert_allclose(backwards.flip(0), together, rtol=1e-5, atol=1e-6)
    np.testing.assert_allclose(alone, together, rtol=1e-5, atol=1e-6)


def test_nearest_neighbours_by_hand() -> None:
    """Sum of squared distances to the two nearest of the bank, however the bank is split."""
    made = method_of(spec_of("knn"), 1)
    bank = torch.tensor([[0.0, 0.0], [3.0, 0.0], [0.0, 4.0]])
    assert made.score_vectors(bank, torch.tensor([[0.0, 0.0], [3.0, 4.0]])).tolist() == [9.0, 25.0]
    three = method_of(spec_of("knn", neighbours=3), 1)
    assert three.score_vectors(bank, torch.zeros(1, 2)).tolist() == [25.0]


@pytest.mark.slow
@pytest.mark.parametrize("spread", [1.0, 1e-4, 0.0])
@pytest.mark.parametrize("k", [1, 5, 40])
def test_the_fast_search_finds_the_bits_of_the_exact_one(spread: float, k: int) -> None:
    """Also among normals that lie closer together than a matrix product can tell, and that are all the same."""
    generator = torch.Generator().manual_seed(k)
    bank = 0.9 + spread * torch.randn(700, 300, generator=generator)
    x = 0.9 + spread * torch.randn(70, 300, generator=generator)

    assert torch.equal(knn._nearest(bank, x, k), knn._smallest(bank, x, k))
    assert torch.equal(knn._nearest(bank, x[3:4], k), knn._smallest(bank, x, k)[3:4])


@pytest.mark.parametrize("spread", [0.05, 0.1, 0.2])
def test_neighbours_are_the_nearest_in_half_precision_too(spread: float) -> None:
    """Products in bfloat16 may put a neighbour behind the candidates: none may be missed for that."""
    generator = torch.Generator().manual_seed(1)
    bank = 0.5 + spread * torch.randn(700, 300, generator=generator)
    x = 0.5 + spread * torch.randn(70, 300, generator=generator)
    expected = knn._smallest(bank, x, 2).sum(1)
    for precision in ("bf16", "tf32"):
        with autocast(CPU, precision):
            found = method_of(spec_of("knn", eval_precision=precision, neighbours=2), 1).score_vectors(bank, x)
        assert torch.equal(found, expected), precision


@pytest.mark.parametrize(("rows", "columns"), [(50, 6), (6, 50)])
def test_principal_components_are_those_of_a_singular_value_decomposition(rows: int, columns: int) -> None:
    x = torch.randn(rows, columns, generator=torch.Generator().manual_seed(0)).double()
    found = principal(x)
    centred = x - x.mean(0)
    _, singular, axes = torch.linalg.svd(centred, full_matrices=False)
    k = len(found.axes)

    np.testing.assert_allclose(found.variance, singular[:k].square() / (rows - 1), rtol=1e-9)
    np.testing.assert_allclose((found.axes @ axes[:k].T).abs(), np.eye(k), atol=1e-8)
    explained = singular.square().cumsum(0) / singular.square().sum()
    assert explained[k - 1] >= 0.95 or k == len(singular)
    assert k == 1 or explained[k - 2] < 0.95
    np.testing.assert_allclose(
        found.residual(x), (centred - centred @ found.axes.T @ found.axes).square().sum(1), atol=1e-9
    )


def test_contrast_normalisation_knows_neither_brightness_nor_contrast() -> None:
    x = torch.randn(4, 3, 8, 8, generator=torch.Generator().manual_seed(0))
    np.testing.assert_allclose(vectors(0.3 * x + 0.2, "gcn"), vectors(x, "gcn"), rtol=1e-4, atol=1e-5)
    assert not vectors(torch.full((1, 1, 4, 4), 0.5), "gcn").any(), "a flat image has no contrast"


@pytest.mark.slow
@pytest.mark.parametrize("method", FLOOR)
def test_a_run_on_digits_is_above_ninety(method: str) -> None:
    """The digit 3 against the others; a method that cannot do this is broken."""
    gamma = 0.05 if method == "logistic" else 0.0
    record = run.train(RunSpec(normal_class=3, method=method, gamma=gamma, updates=0), OPTIONS)

    assert record.status == "ok"
    assert record.values["auroc"] > 0.9
    assert {name for name in record.values if name.startswith("auroc_")} == {"auroc_oracle"}
    assert record.values["parameters"] == 0
    assert "recon_x" not in record.values


def test_its_row_is_stored_and_read(tmp_path: Any) -> None:
    record = run.train(spec_of("knn"), OPTIONS, data=made_up())
    ResultStore(tmp_path).commit(record)
    (row,) = ResultStore(tmp_path).read(["method", "updates", "auroc", "parameters"]).to_pylist()
    assert (row["method"], row["updates"], row["parameters"]) == ("knn", 0, 0)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"method": "knn", "updates": 5}, "updates=5 with method=knn: take updates=0"),
        ({"method": "knn", "gamma": 0.1}, "knows no labelled anomalies"),
        ({"method": "logistic"}, "gamma=0 with method=logistic: it needs labelled anomalies"),
        ({"method": "pca", "neighbours": 3}, "neighbours mean nothing with method=pca"),
        ({"method": "knn", "lr": 0.1}, "lr mean nothing with method=knn"),
        ({"method": "agad"}, "updates=0 with method=agad: take updates=1 or more"),
    ],
)
def test_what_no_such_run_can_have_is_one_line(changes: dict[str, Any], message: str) -> None:
    with pytest.raises(SpecError, match=message):
        RunSpec(**{**SPEC, **changes})


def test_protocols_that_make_no_difference_make_no_other_run() -> None:
    """Without batch norm all protocols are eval, so naming them changes nothing."""
    plain = spec_of("knn")
    assert plain.final_protocols == ("eval",)
    assert spec_of("knn", final_protocols=("eval", "batch1")).run_id == plain.run_id
