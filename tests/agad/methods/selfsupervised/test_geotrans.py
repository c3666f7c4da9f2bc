"""GeoTrans and the rotation features: loss and scores by hand in float64, and what each update draws."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from torch import Tensor

from agad.methods import TrainView, method_of
from agad.methods.selfsupervised.dirichlet import fitted_dirichlet
from agad.methods.selfsupervised.geotrans import GeoTrans, Outputs
from agad.methods.selfsupervised.transformations import transformed
from agad.train.update import update
from tests.helpers.methods import small_spec
from tests.helpers.science import training_of


def geotrans(name: str = "geotrans", **changes: Any) -> GeoTrans:
    method = method_of(small_spec(name, transformations="rot4", **changes), 1)
    assert isinstance(method, GeoTrans)
    return method


def view(method: str, batch: int, **changes: Any) -> TrainView:
    """The training images of a run."""
    training = training_of(small_spec(method, **changes))
    n, _ = training._counts
    return TrainView(training._images.part(0, n), training._images.part(n, n), batch, lambda: None)


def p_of(method: GeoTrans, x: Tensor) -> Tensor:
    """Softmax (B, T, T) by definition, in float64."""
    logits = torch.stack([method.net(transformed(x, t)).double() for t in range(4)], 1)
    return logits.exp() / logits.exp().sum(2, keepdim=True)


def test_the_loss_by_hand_in_float64() -> None:
    logits = torch.randn(5, 4, dtype=torch.float64, generator=torch.Generator().manual_seed(0))
    applied = torch.tensor([0, 3, 1, 1, 2])
    p = logits.exp() / logits.exp().sum(1, keepdim=True)
    expected = sum(-p[i, t].log() for i, t in enumerate(applied.tolist())) / 5

    losses = geotrans().losses(Outputs(logits, applied))
    torch.testing.assert_close(losses.by_group["classifier"], expected)
    assert losses.terms["accuracy"].item() == pytest.approx((logits.argmax(1) == applied).double().mean().item())


@pytest.mark.slow
@torch.no_grad()
def test_the_scores_by_hand_in_float64() -> None:
    """The Dirichlet score is minus theirs, sum over t and k of (alpha - 1) log p, less its mean over the normals."""
    train = view("geotrans", 7)
    x = train.normal.take(torch.arange(6)).flip(3) * 0.7
    p = p_of(geotrans(), x)
    right = p.diagonal(dim1=1, dim2=2)
    for normality, expected in (("softmax", -right.mean(1)), ("log_softmax", -right.log().mean(1))):
        method = geotrans(normality=normality)
        assert method.fit(train) is None
        torch.testing.assert_close(method.scores(x, None, torch.arange(6)), expected)

    method = geotrans()
    normals = p_of(method, train.normal.take(torch.arange(len(train.normal))))
    alpha = fitted_dirichlet(normals.mean(0), normals.log().mean(0))
    fitted = method.fit(train)
    assert fitted is not None
    torch.testing.assert_close(fitted[0], alpha, rtol=1e-3, atol=1e-5)

    def theirs(p: Tensor) -> Tensor:
        return torch.stack([-((fitted[0, t] - 1) * p[:, t].log()).sum(1) for t in range(4)]).mean(0)

    expected = theirs(p) - theirs(normals).mean()
    torch.testing.assert_close(method.scores(x, fitted, torch.arange(6)), expected, rtol=1e-4, atol=1e-4)


@pytest.mark.slow
@torch.no_grad()
def test_a_net_that_hardly_tells_images_apart_still_ranks_them_in_float32() -> None:
    """Their own sum would be 1e9 and more for each image, and all float32 numbers of it equal."""
    method, train = geotrans(), view("geotrans", 7)
    method.net.head.weight.mul_(1e-4)
    scores = method.scores(train.normal.take(torch.arange(10)), method.fit(train), torch.arange(10))
    assert len(scores.float().unique()) == 10


@torch.no_grad()
def test_the_neighbours_are_those_of_the_upright_images_features() -> None:
    method, train = geotrans("rotation_knn", neighbours=3), view("rotation_knn", 4)
    x = train.normal.take(torch.arange(5)) * 0.5
    bank = method.net.features(train.normal.take(torch.arange(len(train.normal)))).double()
    mine = method.net.features(x).double()
    expected = torch.cdist(mine, bank).square().sort(1).values[:, :3].sum(1)

    found = method.scores(x, method.fit(train), torch.arange(5))
    torch.testing.assert_close(found.double(), expected, rtol=1e-4, atol=1e-6)


def test_draws_are_of_the_update_and_the_seed_alone() -> None:
    """Another net, rate or score sees the same; another update or seed does not."""
    drawn = {}
    for name, changes in {"plain": {}, "lr": {"lr": 1e-2}, "net": {"init": "torch"}, "seed": {"seed": 5}}.items():
        method = geotrans(**changes)
        drawn[name] = []
        for _ in range(3):
            drawn[name].append(method.draw("transformations", 4, 50).tolist())
            method.update += 1
    assert drawn["plain"] == drawn["lr"] == drawn["net"] != drawn["seed"]
    assert drawn["plain"][0] != drawn["plain"][1]
    assert {t for one in drawn["plain"] for t in one} == {0, 1, 2, 3}


def test_recalibration_sees_all_transformations() -> None:
    """The statistics of training are of images turned every way, and so are those estimated again."""
    training = training_of(small_spec("geotrans", transformations="rot4"))
    update(training)
    method, seen = training.method, []
    assert isinstance(method, GeoTrans)
    method.net.register_forward_pre_hook(lambda _, inputs: seen.append(inputs[0]))
    x = view("geotrans", 8).normal.take(torch.arange(8))
    with torch.no_grad():
        method.recalibration_pass(x)
    (turned,) = seen
    assert all(torch.equal(turned[i], transformed(x[i : i + 1], i % 4)[0]) for i in range(8))
