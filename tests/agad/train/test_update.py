"""Algorithm 1: batches, one step against an independent account of it, and every alternative of the spec."""

from __future__ import annotations

import math
from typing import Any

import pytest
import torch
from torch import Tensor

from agad.errors import NonFiniteLoss, SpecError
from agad.methods import Losses
from agad.methods.passes import plan_passes
from agad.nets.layers.batchnorm import BNMode
from agad.train.state import Batches, Training
from agad.train.update import backward, forward, update
from tests.helpers import reference
from tests.helpers.science import made_up, small, training_of

# -- batches -----------------------------------------------------------------------------------------------------------


def epochs(batches: Batches, count: int) -> list[list[int]]:
    n = batches.sizes.normal
    return [batches.positions(update)[:n].tolist() for update in range(count)]


def test_an_epoch_has_no_normal_twice_and_drops_its_rest():
    batches = Batches(small(gamma=0.0, batch_size=4), 15, 0)
    seen = epochs(batches, 6)
    for epoch in (seen[:3], seen[3:]):
        members = [position for batch in epoch for position in batch]
        assert len(members) == len(set(members)) == 12
        assert set(members) <= set(range(15))
    assert seen[:3] != seen[3:]


def test_anomalies_are_drawn_with_replacement_behind_the_normals():
    batches = Batches(small(), 15, 5)
    drawn = [batches.positions(update)[8:].tolist() for update in range(40)]
    assert all(len(batch) == 4 and set(batch) <= set(range(15, 20)) for batch in drawn)
    assert {position for batch in drawn for position in batch} == set(range(15, 20))
    assert any(len(set(batch)) < 4 for batch in drawn)


def test_a_batch_is_a_function_of_seed_and_update_alone():
    ahead = [Batches(small(), 15, 5).positions(update) for update in range(5)]
    batches = Batches(small(), 15, 5)
    back = [batches.positions(update) for update in reversed(range(5))][::-1]
    assert all(torch.equal(left, right) for left, right in zip(ahead, back, strict=True))
    assert not torch.equal(ahead[0], Batches(small(seed=1), 15, 5).positions(0))


# -- one step ----------------------------------------------------------------------------------------------------------


def twin(net: torch.nn.Module, body: Any) -> reference.Net:
    return reference.Net(dict(net.named_parameters()), dict(net.named_buffers()), body)


def assert_near(actual: Tensor, expected: Tensor, name: str) -> None:
    """Equal up to float64's rounding, measured by the tensor's largest entry."""
    assert actual.dtype == torch.float64
    assert (actual - expected).abs().max().item() <= 1e-9 * expected.abs().max().item(), name


@pytest.mark.slow
@pytest.mark.parametrize(
    ("strategy", "scope"),
    [
        ("shared", "g"),
        ("advprop", "g"),
        ("advprop", "g+d"),
        ("freeze", "g"),
        ("advprop_freeze", "g"),
        ("advprop_freeze", "g+d"),
    ],
)
def test_a_step_is_algorithm_1(strategy: str, scope: str):
    """Two steps in float64 against the reference: losses, gradients of both nets, all running statistics."""
    norms = {"batch_norm": strategy, "advprop_scope": scope, "bn_update": "all"}  # as plain code does
    spec = small(image_size=32, batch_size=6, min_anomalies=2, **norms)
    training = training_of(spec)
    for net in nets(training):
        net.double()
    for number in range(2):
        x = training._images.take(training.batches.positions(number)).double()
        g, d = twin(training.method.generator, reference.naive), twin(training.method.discriminator, reference.netd)
        loss_g, loss_d = reference.step(g, d, x, 4, strategy=strategy, scope=scope)
        losses = training.method.losses(forward(training, x))
        backward(training, losses)
        assert losses.by_group["g"].item() == pytest.approx(loss_g.item(), rel=1e-12)
        assert losses.by_group["d"].item() == pytest.approx(loss_d.item(), rel=1e-12)
        for net, theirs in zip(nets(training), (g, d), strict=True):
            compare(net, theirs)
        training.optimisers["g"].step()
        training.optimisers["d"].step()


def compare(net: torch.nn.Module, theirs: reference.Net) -> None:
    for name, buffer in net.named_buffers():
        assert_near(buffer, theirs.buffers[name], name)
    for name, parameter in net.named_parameters():
        expected = theirs.parameters[name].grad
        assert (parameter.grad is None) == (expected is None), name
        if parameter.grad is not None and expected is not None:
            assert_near(parameter.grad, expected, name)


@pytest.mark.slow
def test_first_update_isadam_s_at_the_weights_before_either():
    """Adam's first step is lr * g / (|g| + eps), for G and for D from gradients at the same weights."""
    training = training_of(small())
    parameters = [p for net in nets(training) for p in net.parameters()]
    before = [p.detach().clone() for p in parameters]
    backward(training, training.method.losses(forward(training, training.batch())))
    gradients = [p.grad for p in parameters]
    training = training_of(small())
    update(training)
    after = [p for net in nets(training) for p in net.parameters()]
    for old, new, gradient in zip(before, after, gradients, strict=True):
        assert gradient is not None
        torch.testing.assert_close(new, old - 2e-4 * gradient / (gradient.abs() + 1e-8), atol=1e-7, rtol=1e-5)


def test_an_update_lets_its_gradients_go():
    """Else they lie between the maps of the next one, which then needs more memory."""
    training = training_of(small())
    update(training)
    assert all(p.grad is None for net in nets(training) for p in net.parameters())


def nets(training: Training) -> tuple[torch.nn.Module, torch.nn.Module]:
    return training.method.generator, training.method.discriminator


@pytest.mark.slow
@pytest.mark.parametrize("backbone", ["naive", "unetpp"])
def test_fusedadam_is_adam(backbone: str):
    """The fused kernel walks memory, so layouts of weights and gradients must agree."""
    ours, plain = (training_of(small(backbone=backbone)) for _ in range(2))
    for name, net in zip(("adam_g", "adam_d"), nets(plain), strict=True):
        setattr(plain, name, torch.optim.Adam(net.parameters(), lr=2e-4, betas=(0.5, 0.999), foreach=False))
    update(ours)
    update(plain)
    for left, right in zip(nets(ours), nets(plain), strict=True):
        for (name, a), b in zip(left.named_parameters(), right.parameters(), strict=True):
            torch.testing.assert_close(a, b, atol=2e-7, rtol=1e-5, msg=name)


def test_each_forward_pass_is_made_once():
    training = training_of(small())
    passes: list[tuple[str, int]] = []
    for name, net in (("G", training.method.generator), ("D", training.method.discriminator)):
        net.register_forward_pre_hook(lambda _, images, name=name: passes.append((name, len(images[0]))))
    update(training)
    assert sorted(passes) == [("D", 12), ("D", 12), ("G", 12), ("G", 12)]


@pytest.mark.slow
@pytest.mark.parametrize(
    ("changes", "g_passes"),
    [
        ({"adversarial_context": "off"}, 1),
        ({"lambda_adcon": 0.0}, 1),
        ({"adversarial_context": "off_normal_only"}, 2),
        ({"adversarial_context": "off_normal_only", "anomaly_pair": "eq3"}, 1),
        ({"adversarial_context": "off_normal_only", "gamma": 0.0}, 1),
        ({"anomaly_pair": "eq3"}, 2),
    ],
)
def test_the_second_reconstruction_is_made_only_where_a_term_needs_it(changes: dict[str, Any], g_passes: int):
    training = training_of(small(**changes))
    modes: list[BNMode] = []
    training.method.generator.register_forward_pre_hook(
        lambda *_: modes.append(training.method.generator.batch_norms[0].mode)
    )
    update(training)
    assert len(modes) == g_passes


@pytest.mark.slow
@pytest.mark.parametrize(
    ("changes", "missing"),
    [
        ({}, set()),
        ({"gamma": 0.0}, {"recip_adv", "recip_adcon", "recip_lat"}),
        ({"adversarial_context": "off"}, {"adcon", "recip_adcon"}),
        ({"adversarial_context": "off_normal_only"}, {"adcon"}),
    ],
)
def test_terms_that_do_not_exist_are_left_out(changes: dict[str, Any], missing: set[str]):
    training = training_of(small(**changes))
    update(training)
    everything = {"loss_g", "loss_d", "adv", "con", "adcon", "lat", "recip_adv", "recip_adcon", "recip_lat"}
    assert training.terms.keys() == everything - missing


def test_l_g_is_the_weighted_sum_of_its_terms():
    training = training_of(small())
    update(training)
    t = training.terms
    l_n = t["adv"] + 50 * t["con"] + 15 * t["adcon"] + 5 * t["lat"]
    l_a = t["recip_adv"] + 15 * t["recip_adcon"] + 5 * t["recip_lat"]
    assert t["loss_g"] == pytest.approx(l_n + l_a, rel=1e-5)
    assert t["adcon"] < 0 < t["con"]


def test_eq3_compares_the_anomaly_with_its_reconstruction():
    training = training_of(small(anomaly_pair="eq3"))
    out = forward(training, training._images.take(training.batches.positions(0)))
    expected = 1 / ((out.x[8:] - out.x_hat[8:]).abs().mean() + 1e-3)
    assert training.method.losses(out).terms["recip_adcon"].item() == pytest.approx(expected.item(), rel=1e-5)


@pytest.mark.slow
def test_shares_weight_both_losses():
    one, share = (training_of(small(anomaly_weight=weight)) for weight in ("one", "share"))
    update(one)
    update(share)
    t = one.terms
    l_n = t["adv"] + 50 * t["con"] + 15 * t["adcon"] + 5 * t["lat"]
    assert share.terms["loss_g"] == pytest.approx(l_n * 8 / 12 + (t["loss_g"] - l_n) * 4 / 12, rel=1e-5)
    assert share.terms["loss_d"] < t["loss_d"]


@pytest.mark.slow
def test_the_largest_reciprocals_are_kept():
    training = training_of(small())
    seen: dict[str, list[float]] = {}
    for _ in range(3):
        update(training)
        for name in ("recip_adv", "recip_adcon", "recip_lat"):
            seen.setdefault(name, []).append(training.terms[name])
    assert training.method.recip_max == {name: max(values) for name, values in seen.items()}


@pytest.mark.slow
def test_real_only_moves_statistics_by_real_images_alone():
    """Without the passes over generated images the statistics after a step are those of G(x) and D(x)."""
    training = training_of(small(bn_update="real_only"))
    alone = training_of(small())
    x = alone._images.take(alone.batches.positions(0))
    passes = plan_passes(alone.spec)
    passes.g_real.generate(alone.method.generator, x, 8)
    passes.d_real.discriminate(alone.method.discriminator, x, 8)
    update(training)
    for left, right in zip(nets(training), nets(alone), strict=True):
        for (name, a), b in zip(left.named_buffers(), right.buffers(), strict=True):
            assert torch.equal(a, b), name


# -- the discriminator's reset -----------------------------------------------------------------------------------------


@pytest.mark.slow
def test_discriminator_is_drawn_anew_below_the_threshold_andadam_keeps_its_state():
    training = training_of(small(d_reset_threshold=1e9))
    first = training.method.discriminator.features[0].weight.detach().clone()
    update(training)
    drawn = [training.method.discriminator.features[0].weight.detach().clone()]
    assert training.method.d_resets == 1
    assert not training.method.discriminator.features[3].running_mean.any()
    (state,) = {int(s["step"]) for s in training.optimisers["d"].state.values()}
    assert state == 1
    update(training)
    drawn.append(training.method.discriminator.features[0].weight.detach().clone())
    assert training.method.d_resets == 2
    assert not torch.equal(drawn[0], drawn[1])
    assert not torch.equal(drawn[0], first)
    assert drawn[0].std().item() == pytest.approx(0.02, rel=0.1)


def test_a_threshold_of_zero_never_resets():
    training = training_of(small(d_reset_threshold=0))
    update(training)
    assert training.method.d_resets == 0


# -- faults ------------------------------------------------------------------------------------------------------------


@pytest.mark.slow
def test_a_non_finite_loss_names_the_update():
    training = training_of(small(updates=50))
    update(training)
    with torch.no_grad():
        training.method.generator.encoder[0].weight.fill_(math.nan)
    with pytest.raises(NonFiniteLoss, match=r"loss_\w became non-finite at update 2") as caught:
        update(training)
    assert caught.value.update == 2


@pytest.mark.slow
def test_an_exploding_run_ends_by_itself():
    training = training_of(small(lr=1e30, updates=50))
    update(training)
    with pytest.raises(NonFiniteLoss) as caught:
        _steps(training, 49)
    assert 1 < caught.value.update < 50
    assert caught.value.update == training.update


def _steps(training: Training, count: int) -> None:
    for _ in range(count):
        update(training)


@pytest.mark.parametrize(
    "losses",
    [
        lambda of: Losses({"g": of["g"].detach(), "d": of["d"]}),
        lambda of: Losses({"g": of["d"].detach(), "d": of["d"].detach()}),
        lambda of: Losses({"g": of["g"].detach() * 0, "d": of["d"].detach() * 0}),
        lambda of: Losses({"d": of["d"], "g": torch.ones((), requires_grad=True)}),
        lambda of: Losses({}, {"con": of["g"]}),
    ],
)
def test_a_loss_without_a_gradient_is_refused(losses: Any, monkeypatch: pytest.MonkeyPatch):
    """Its nets stayed as initialised, and the row was called ok."""
    training = training_of(small())
    made = training.method.losses
    monkeypatch.setattr(training.method, "losses", lambda out: losses(made(out).by_group))
    with pytest.raises(SpecError, match=r"method=agad: no gradient of .* which would stay as initialised"):
        update(training)


def test_a_loss_whose_weights_are_all_0_moves_nothing():
    training = training_of(small(lambda_adv=0.0, lambda_con=0.0, lambda_adcon=0.0, lambda_lat=0.0))
    before = [weight.detach().clone() for weight in training.method.generator.parameters()]
    update(training)

    after = training.method.generator.parameters()
    assert all(torch.equal(old, new) for old, new in zip(before, after, strict=True))
    assert training.terms["loss_g"] == 0 < training.terms["loss_d"]


@pytest.mark.parametrize("net", ["generator", "discriminator"])
def test_non_finite_weights_are_found(net: str):
    training = training_of(small())
    training.check_weights()
    with torch.no_grad():
        next(training.method.nets[net].buffers())[0] = math.inf
    with pytest.raises(NonFiniteLoss, match=f"a weight of the {net} became non-finite at update 0"):
        training.check_weights()


# -- pairing -----------------------------------------------------------------------------------------------------------


@pytest.mark.slow
@pytest.mark.parametrize(
    "changes",
    [
        {"gamma": 0.0},
        {"batch_norm": "advprop_freeze"},
        {"lambda_adcon": 0.0},
        {"batch_size": 10},
        {"bn_update": "all"},
        {"updates": 9},
    ],
)
def test_variants_start_from_the_same_weights_and_see_the_same_order(changes: dict[str, Any]):
    ours, other = training_of(small()), training_of(small(**changes))
    for left, right in zip(nets(ours), nets(other), strict=True):
        twin_state = right.state_dict()
        assert all(torch.equal(tensor, twin_state[name]) for name, tensor in left.state_dict().items())
    both = min(ours.batches.sizes.normal, other.batches.sizes.normal)
    assert torch.equal(ours.batches.positions(0)[:both], other.batches.positions(0)[:both])


@pytest.mark.parametrize("scope", ["class", "all_classes"])
def test_classes_of_a_seed_share_weights_and_batches_only_where_they_are_to(scope: str):
    """So the ten classes of a seed vary independently; in older rows they move together."""
    gamma = {"gamma": 0.25, "seed_scope": scope}
    one, other = (training_of(small(normal_class=c, **gamma)) for c in (0, 1))
    shared = scope == "all_classes"

    for left, right in zip(nets(one), nets(other), strict=True):
        assert torch.equal(next(left.parameters()), next(right.parameters())) == shared
    assert one.batches.sizes == other.batches.sizes
    n = one.batches.sizes.normal
    left, right = one.batches.positions(0), other.batches.positions(0)
    assert torch.equal(left[:n], right[:n]) == shared
    for training in (one, other):
        training.method.after_update({"loss_d": 0.0})
        assert training.method.d_resets == 1
    assert torch.equal(*(next(training.method.discriminator.parameters()) for training in (one, other))) == shared


def test_seeds_start_from_other_weights():
    weights = [training_of(small(seed=seed)).method.generator.state_dict()["encoder.0.weight"] for seed in (0, 1)]
    assert not torch.equal(*weights)


@pytest.mark.slow
def test_global_generator_is_neither_read_nor_moved():
    """One state of it is all that is ever seen, whatever it is."""
    before = torch.get_rng_state()
    ends = []
    for state in (before, torch.Generator().manual_seed(5).get_state()):
        torch.set_rng_state(state)
        training = training_of(small(d_reset_threshold=1e9))
        update(training)
        assert torch.equal(torch.get_rng_state(), state)
        ends.append(training.method.generator.state_dict()["encoder.0.weight"])
    torch.set_rng_state(before)
    assert torch.equal(*ends)


def test_images_are_normalised_to_minus_one_and_one():
    data = made_up()
    data.train_images[0].fill_(0)
    data.train_images[4].fill_(255)
    training = training_of(small(), data)
    x = training._images.take(torch.tensor([0, 1]))
    assert x.dtype == torch.float32
    assert x[0].eq(-1).all()
    assert x[1].eq(1).all()
