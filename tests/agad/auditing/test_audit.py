"""audit(): every fault is found by itself, none where there is none, and nothing is left changed."""

from __future__ import annotations

import functools
import random
import warnings

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.metrics import roc_auc_score
from torch import Tensor, nn

from agad import audit
from agad.auditing.result import FINE, UNKNOWN, WARNING, WRONG, Audit
from agad.errors import AuditError
from agad.nets.layers.batchnorm import BatchNorm2d, BNMode
from tests.helpers.detectors import CLASSES, COUNT, LABELS, Net, Score, brightness, images

QUICK = functools.partial(audit, batch_size=16, sizes=(8,), shuffles=2)


def of(score: Score, **more) -> Audit:
    return QUICK(score, images(), LABELS, **more)


def severities(found: Audit, *kinds: str) -> list[str]:
    return [finding.severity for kind in kinds if (finding := found.finding(kind))]


def amiss(found: Audit) -> set[str]:
    """Kinds of what is wrong or deserves a look."""
    return {finding.kind for finding in found.findings if finding.severity in (WRONG, WARNING)}


def lines(found: Audit) -> dict[tuple[str, int | None], float]:
    return {(line.protocol, line.batch): line.auroc.value for line in found.lines if line.auroc}


# -- what is right --------------------------------------------------------------------------------------------------


@pytest.mark.slow
def test_a_score_of_each_image_alone_depends_on_nothing():
    found = of(brightness)

    assert found.depends is False
    assert amiss(found) == set()
    assert found.sentence.startswith("No image's score depends on the other test images: none of your ")
    assert found.auroc.value == pytest.approx(roc_auc_score(LABELS, brightness(images())))
    assert not any(line.protocol.startswith("batch") for line in found.lines)


@pytest.mark.slow
def test_a_model_in_eval_mode_depends_on_nothing_and_what_train_mode_would_give_is_beside_it():
    """Its own AUROC is that of `eval`; the order matters under batch statistics only."""
    net = Net().eval()
    found = of(net, classes=CLASSES, train_images=images(COUNT + 30)[COUNT:])

    assert found.depends is False
    assert amiss(found) == set()
    aurocs = lines(found)
    assert aurocs["as_given", 16] == aurocs["eval", 16] == aurocs["as_is_shuffled", 16]
    assert {protocol for protocol, _ in aurocs} >= {
        "eval_recal", "batch1", "batch_shuffled", "batch_normals_first", "batch_class_sorted",
    }  # fmt: skip
    assert ("batch_shuffled", 8) in aurocs
    assert {line.protocol for line in found.lines if not line.independent} == {
        "batch_shuffled", "batch_normals_first", "batch_class_sorted",
    }  # fmt: skip


@pytest.mark.slow
def test_a_score_function_that_sets_eval_itself_is_still_scored_under_batch_statistics():
    """Protocols are forced inside the layers: a call of eval() or train() in the function does not undo them."""
    net = Net()

    def by_itself(x: Tensor) -> Tensor:
        net.eval()
        return net(x)

    def wrongly(x: Tensor) -> Tensor:
        net.train()
        return net(x)

    right, wrong = lines(of(by_itself)), lines(of(wrongly))
    for key in [("eval", 16), ("batch1", 1), ("batch_shuffled", 16), ("batch_normals_first", 16)]:
        assert right[key] == wrong[key]
    assert right["as_given", 16] != wrong["as_given", 16]
    assert net.training


@pytest.mark.slow
@pytest.mark.parametrize("protocol", ["eval", "batch_shuffled", "batch1"])
def test_protocols_are_what_torch_computes_in_that_mode(protocol: str):
    net = Net()
    with torch.no_grad():
        for _ in range(3):
            net.train()(images())
    net.train(protocol != "eval")
    found = lines(audit(net, images(), LABELS, batch_size=COUNT, sizes=(), shuffles=1))
    net.train(protocol != "eval")
    with torch.no_grad():
        by_torch = torch.cat([net(x) for x in images().split(1)]) if protocol == "batch1" else net(images())

    expected = roc_auc_score(LABELS, by_torch)
    assert found[protocol, 1 if protocol == "batch1" else COUNT] == pytest.approx(expected, abs=1e-3)


@pytest.mark.slow
def test_re_estimated_statistics_are_those_of_the_training_images():
    """With the estimate of the test images themselves, in one batch, scores are those of batch statistics."""
    net = Net().eval()
    found = lines(audit(net, images(), LABELS, batch_size=COUNT, sizes=(), shuffles=1, train_images=images()))

    # The estimate's variances are unbiased, a batch's are not.
    assert found["eval_recal", COUNT] == pytest.approx(found["batch_shuffled", COUNT], abs=2e-2)
    assert found["eval_recal", COUNT] != found["eval", COUNT]


# -- faults, one by one ---------------------------------------------------------------------------------------------


@pytest.mark.slow
def test_a_model_left_in_train_mode_is_found():
    net = Net()
    found = of(net)

    assert found.depends is True
    assert severities(found, "composition", "train_mode", "updated", "order") == [WRONG] * 4
    assert "2 of 2 batch norms" in str(found.finding("train_mode"))
    assert found.sentence.startswith("An image's score depends on which other test images are in its batch; ")
    assert severities(found, "history", "random", "normalised") == [FINE] * 3


@pytest.mark.slow
def test_a_model_that_gains_from_its_ordered_test_set_is_told_by_how_much():
    """One batch norm in train mode that removes the brightness of mixed batches, and adds that of pure ones."""

    class Gains(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.norm = nn.BatchNorm2d(1)

        def forward(self, x: Tensor) -> Tensor:
            return (x - self.norm(x)).square().flatten(1).mean(1)

    net = Gains()
    with torch.no_grad():
        for _ in range(50):
            net(images())
    found = of(net)
    given = found.lines[0].auroc.value
    best = max(line.auroc.value for line in found.lines if line.independent)

    worth = {one.name: one.difference for one in found.worth}
    assert worth["order"].value == pytest.approx(given - lines(found)["batch_shuffled", 16])
    assert worth["others"].value == pytest.approx(given - best)
    assert worth["order"].is_above_zero
    assert "the order of your test set alone is worth" in found.sentence


def test_scores_normalised_over_each_batch_are_found():
    def score(x: Tensor) -> Tensor:
        raw = brightness(x)
        return (raw - raw.min()) / (raw.max() - raw.min())

    found = of(score)

    assert severities(found, "composition", "normalised") == [WRONG, WRONG]
    assert "cannot be told" in found.sentence  # of one image alone there is no score


@pytest.mark.slow
@pytest.mark.parametrize("normalise", ["min-max", "z", "ranks", "softmax"])
def test_scores_normalised_over_the_whole_set_keep_the_auroc_and_are_found(normalise: str):
    """A score depends on the set, its rank does not: a warning, and no point is lost."""

    def score(x: Tensor) -> Tensor:
        raw = brightness(x).double()
        return {
            "min-max": lambda: (raw - raw.min()) / (raw.max() - raw.min()),
            "z": lambda: (raw - raw.mean()) / raw.std(),
            "ranks": lambda: raw.argsort().argsort().double(),
            "softmax": lambda: raw.softmax(0),
        }[normalise]()

    found = of(score, batch_size=None)

    assert severities(found, "composition", "normalised") == [WARNING, WARNING]
    assert found.depends is False
    assert "its rank does not" in found.sentence
    assert lines(found)["as_given", None] == pytest.approx(lines(found)["as_is_shuffled", None])


@pytest.mark.slow
def test_a_whole_set_function_with_a_model_in_train_mode_inside_is_found_through_the_normalisation():
    net = Net()

    def score(x: Tensor) -> Tensor:
        raw = torch.cat([net(part) for part in x.split(16)]).detach()
        return (raw - raw.min()) / (raw.max() - raw.min())

    found = of(score, batch_size=None)

    assert found.depends is True
    assert severities(found, "composition", "train_mode") == [WRONG, WRONG]
    assert next(line for line in found.lines if line.protocol == "eval").independent


@pytest.mark.slow
def test_dropout_is_named_and_the_rest_is_audited_without_it():
    net = Net(dropout=0.5)
    for module in net.modules():
        module.training = isinstance(module, nn.Dropout)
    found = of(net)

    assert severities(found, "random") == [WRONG]
    assert "Net.layers.3" in found.finding("random").sentence
    assert severities(found, "composition", "history", "train_mode") == [FINE] * 3
    assert found.depends is False


def test_random_numbers_from_elsewhere_are_a_warning_and_no_dependence():
    found = of(lambda x: brightness(x) + 0.1 * torch.randn(len(x)))

    assert severities(found, "random") == [WARNING]
    assert found.depends is False


def test_a_state_outside_of_the_model_is_found_and_nothing_is_called_the_models_own():
    seen = []

    def score(x: Tensor) -> Tensor:
        seen.append(len(x))
        return brightness(x) + 0.1 * len(seen)

    found = of(score)

    assert severities(found, "history") == [WRONG]
    assert found.depends is None
    assert not any(line.independent for line in found.lines)
    assert "keeps a state outside" in found.sentence


def running_range() -> Score:
    """Brightness in the range of all images seen so far, as some normalise scores while they go."""
    seen = {"low": torch.inf, "high": -torch.inf}

    def score(x: Tensor) -> Tensor:
        scores = brightness(x)
        seen["low"], seen["high"] = min(seen["low"], float(scores.min())), max(seen["high"], float(scores.max()))
        return (scores - seen["low"]) / (seen["high"] - seen["low"])

    return score


def growing_bank() -> Score:
    """Distance to images of the first three test batches."""
    bank: list[Tensor] = []

    def score(x: Tensor) -> Tensor:
        bank.append(x[:2].flatten(1).clone())
        return torch.cdist(x.flatten(1), torch.cat(bank[:3])).min(1).values

    return score


@pytest.mark.slow
@pytest.mark.parametrize("make", [running_range, growing_bank])
def test_a_state_that_is_full_after_the_first_pass_is_found(make):
    """No probe moves it any more; only the scores that the user has rest on it."""
    found = of(make())

    assert severities(found, "history") == [WRONG]
    assert found.depends is None
    assert "keeps a state outside" in found.sentence


def test_a_state_inside_a_module_is_found_and_restored():
    class Drifts(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.register_buffer("mean", torch.zeros(()))
            self.calls, self.seen, self.last = 0, [], torch.zeros(1)

        def forward(self, x: Tensor) -> Tensor:
            self.calls += 1
            self.seen.append(x)
            self.last += 1
            self.new = x
            self.mean.lerp_(x.mean(), 0.5)
            return brightness(x) - self.mean

    net = Drifts()
    held = net.last
    found = of(net)

    assert severities(found, "history", "updated") == [WRONG, WRONG]
    assert (net.calls, net.seen, float(net.mean), float(net.last)) == (0, [], 0.0, 0.0)
    assert net.last is held
    assert not hasattr(net, "new")


@pytest.mark.slow
def test_dependence_on_the_place_and_on_the_size_of_a_batch_are_told_apart():
    place = of(lambda x: brightness(x) + 0.1 * torch.arange(len(x)))
    size = of(lambda x: brightness(x) / len(x))

    assert severities(place, "position") == [WRONG]
    assert severities(place, "composition") == severities(size, "composition") == [FINE]
    assert size.finding("position") is None
    assert severities(size, "size") == [WRONG]


def test_rounding_is_not_dependence():
    """Kernels of other batch sizes differ in the last bits: here they are made to, by more than real ones do."""

    def score(x: Tensor) -> Tensor:
        return 100 + brightness(x) * (1 + 1e-6 * len(x))

    found = of(score)

    assert found.depends is False
    assert "size" not in amiss(found)


@pytest.mark.slow
def test_low_precision_is_not_dependence():
    net = Net().eval().to(torch.bfloat16)

    found = of(lambda x: net(x.to(torch.bfloat16)))

    assert found.depends is False


@pytest.mark.slow
def test_roundings_of_half_precision_do_not_hide_a_dependence():
    """One of a score of 3,000 in bfloat16 is 23: many SDs of these scores, a third of which is their batch's mean."""
    net = Net().eval().to(torch.bfloat16)

    def score(x: Tensor) -> Tensor:
        net(x.to(torch.bfloat16))
        return 3000 + 5 * (brightness(x) - brightness(x).mean() / 3)

    found = of(score)

    assert found.depends is True
    assert severities(found, "composition") == [WRONG]


def test_a_batch_as_short_as_the_last_one_is_tried():
    """A score that is another one only in the last batch of the test set, which is shorter than all others."""
    last = COUNT % 16

    found = of(lambda x: brightness(x) + (1.0 if len(x) == last else 0.0))

    assert found.depends is True
    assert severities(found, "size") == [WRONG]


def test_an_exploding_score_does_not_hide_how_the_others_move():
    """One image in ten has a billion, whose rounding is more than all other scores together."""
    loud = float(brightness(images()).quantile(0.9))

    def score(x: Tensor) -> Tensor:
        own = brightness(x)
        return torch.where(own > loud, 1e9, own - own.mean() / 2)

    found = of(score)

    assert found.depends is True
    assert severities(found, "composition") == [WRONG]


@pytest.mark.slow
def test_what_one_image_does_to_its_batch_is_found():
    """The probes' few batches do not have it: the whole test set has other scores in another order."""
    many = images(400)
    loudest = float(brightness(many).max())

    def score(x: Tensor) -> Tensor:
        own = brightness(x)
        return own + (own.max() == loudest).float() * (own - 1).square()

    found = QUICK(score, many, np.repeat([0, 1], 200))

    assert found.depends is True
    assert severities(found, "composition") == [WRONG]
    assert "in two orders of the test set" in found.finding("composition").sentence


@pytest.mark.slow
@pytest.mark.parametrize("kind", ["numpy", "torch"])
@pytest.mark.parametrize("centred", [False, True])
def test_scores_in_a_buffer_that_the_next_call_overwrites_are_as_good_as_others(kind: str, centred: bool):
    """What is returned is a view of one array of doubles, as no copy is needed of those."""
    buffer = np.zeros(COUNT) if kind == "numpy" else torch.zeros(COUNT, dtype=torch.float64)

    def alone(x: Tensor) -> Tensor:
        scores = brightness(x).double()
        return scores - scores.mean() if centred else scores

    def score(x: Tensor) -> np.ndarray | Tensor:
        buffer[: len(x)] = alone(x) if kind == "torch" else alone(x).numpy()
        return buffer[: len(x)]

    found, expected = of(score), of(alone)

    assert found.depends is centred
    assert amiss(found) == amiss(expected)
    assert lines(found) == lines(expected)


@pytest.mark.slow
@pytest.mark.parametrize("batch", [1, 2, 3, COUNT])
def test_batches_of_any_size_are_audited(batch: int):
    """A batch of one has no other images, so train mode is a warning there."""
    found = of(Net(), batch_size=batch)

    assert found.depends is (batch > 1)
    assert severities(found, "train_mode") == [WARNING if batch == 1 else WRONG]
    assert found.facts["spread"] > 0
    if batch == 1:
        assert len({line.auroc.value for line in found.lines if line.protocol in ("as_given", "batch1")}) == 1


# -- faults, generated ----------------------------------------------------------------------------------------------

FAULTS = {
    "composition": lambda x, net: brightness(x).mean(),
    "position": lambda x, net: torch.arange(len(x)) / 10,
    "history": lambda x, net: net(x),
    "random": lambda x, net: torch.randn(len(x)),
}


class Counter(nn.Module):
    """How many batches it has seen."""

    def __init__(self) -> None:
        super().__init__()
        self.register_buffer("seen", torch.zeros(()))

    def forward(self, x: Tensor) -> Tensor:
        self.seen += 1
        return self.seen.clone()


@pytest.mark.slow
@settings(max_examples=8, deadline=None)
@given(faults=st.sets(st.sampled_from(sorted(FAULTS))), strength=st.floats(0.05, 10), offset=st.floats(-100, 100))
def test_of_generated_faults_each_is_found_and_no_other(faults: set[str], strength: float, offset: float):
    """Scores with any set of faults, of any strength, at any offset. What hides another fault is not asked for."""
    counter = Counter()

    def score(x: Tensor) -> Tensor:
        total = brightness(x).double() + offset
        for fault in sorted(faults):
            total = total + strength * FAULTS[fault](x, counter)
        return total

    found = amiss(of(score))

    seen = {kind for kind in FAULTS if kind in found}
    hidden = {"position"} if faults & {"composition", "random"} else set()
    assert seen == faults - hidden
    assert ("updated" in found) == ("history" in faults)


# -- no trace -------------------------------------------------------------------------------------------------------


@pytest.mark.slow
@settings(max_examples=5, deadline=None)
@given(
    training=st.lists(st.booleans(), min_size=8, max_size=8),
    inside=st.sampled_from([None, True, False]),
    whole=st.booleans(),
)
def test_model_and_generators_are_afterwards_as_they_were(training: list[bool], inside: bool | None, whole: bool):
    """Whatever modes its modules are in, and whatever mode the score function switches them to."""
    net = Net(dropout=0.3)
    modules = list(net.modules())
    for module, mode in zip(modules, training, strict=False):
        module.training = mode
    before = {name: tensor.clone() for name, tensor in net.state_dict().items()}
    modes, keys = [module.training for module in modules], [sorted(vars(module)) for module in modules]
    generators = torch.get_rng_state(), np.random.get_state()[1].copy(), random.getstate()  # noqa: NPY002

    def score(x: Tensor) -> Tensor:
        if inside is not None:
            net.train(inside)
        np.random.rand()  # noqa: NPY002
        random.random()
        loss = net(x)
        loss.sum().backward()
        return loss

    of(score, batch_size=None if whole else 16, train_images=images(20))

    assert all(torch.equal(before[name], tensor) for name, tensor in net.state_dict().items())
    assert [module.training for module in modules] == modes
    assert [sorted(vars(module)) for module in modules] == keys
    assert all(parameter.grad is None for parameter in net.parameters())
    assert torch.equal(torch.get_rng_state(), generators[0])
    assert (np.random.get_state()[1] == generators[1]).all()  # noqa: NPY002
    assert random.getstate() == generators[2]


def test_the_model_is_restored_where_the_score_function_raises_too():
    net = Net()
    before = net.state_dict()["layers.1.running_mean"].clone()
    calls = []

    def score(x: Tensor) -> Tensor:
        calls.append(1)
        found = net.eval()(x) if len(calls) == 1 else net.train()(x)
        if len(calls) == 4:
            raise RuntimeError("gone")
        return found

    with pytest.raises(AuditError, match="RuntimeError: gone"):
        of(score)
    assert net.training
    assert torch.equal(net.state_dict()["layers.1.running_mean"], before)
    assert "forward" not in vars(net.layers[1])


def test_the_given_images_are_not_changed():
    given_images = images()
    QUICK(lambda x: x.sub_(1).flatten(1).mean(1), given_images, LABELS)

    assert torch.equal(given_images, images())


# -- models of other kinds ------------------------------------------------------------------------------------------


@pytest.mark.slow
def test_agads_own_batch_norm_is_found_and_forced():
    net = nn.Sequential(BatchNorm2d(1), nn.Flatten())

    def score(x: Tensor) -> Tensor:
        return net(x).abs().mean(1)

    net[0].mode = BNMode.BATCH
    found = of(score)
    assert severities(found, "train_mode", "composition") == [WRONG, WRONG]
    net[0].mode = BNMode.RUNNING
    assert severities(of(score), "train_mode", "composition") == [FINE, FINE]
    assert net[0].mode is BNMode.RUNNING


@pytest.mark.slow
def test_batch_norm_without_running_statistics_is_found_in_eval_mode():
    net = nn.Sequential(nn.BatchNorm2d(1, track_running_stats=False), nn.Flatten()).eval()
    found = of(lambda x: net(x).abs().mean(1), train_images=images(20))

    assert severities(found, "train_mode") == [WRONG]
    assert "eval" not in {line.protocol for line in found.lines}
    assert ("eval_recal", 16) in lines(found)


@pytest.mark.slow
def test_batch_norm_of_vectors_is_scored_alone_too():
    """Torch refuses a batch of one value per channel in train mode; here it normalises to the bias."""
    net = nn.Sequential(nn.Flatten(), nn.BatchNorm1d(16)).eval()

    assert ("batch1", 1) in lines(of(lambda x: net(x).square().sum(1)))


@pytest.mark.slow
def test_a_script_is_restored_though_its_layers_are_not_seen():
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # torch deprecates scripts, people have them
        net = torch.jit.script(Net())
    before = {name: tensor.clone() for name, tensor in net.state_dict().items()}
    found = of(net)

    assert severities(found, "composition", "updated") == [WRONG, WRONG]
    assert all(torch.equal(before[name], tensor) for name, tensor in net.state_dict().items())


@pytest.mark.slow
def test_numpy_arrays_and_lists_are_images_too():
    by_array = QUICK(lambda x: x.reshape(len(x), -1).mean(1), images().numpy(), LABELS)
    by_list = QUICK(lambda x: [float(one.mean()) for one in x], list(images()), LABELS.tolist())

    assert by_array.auroc.value == pytest.approx(by_list.auroc.value)


@pytest.mark.slow
def test_what_fails_under_one_protocol_is_a_line_and_not_the_end():
    def score(x: Tensor) -> Tensor:
        if len(x) == 1:
            raise ValueError("no single images")
        return net(x)

    net = Net()
    found = of(score)

    (failed,) = [line for line in found.lines if line.auroc is None]
    assert failed.protocol == "batch1"
    assert "no single images" in failed.note


def test_a_part_of_the_test_set_has_both_labels_and_its_own_order():
    found = of(brightness, limit=20)

    assert found.facts["images"] == 20
    assert found.facts["anomalies"] == 10


def test_equal_scores_are_said_to_say_nothing():
    found = of(lambda x: torch.zeros(len(x)))

    assert severities(found, "constant") == [WRONG]
    assert "All scores are equal" in found.sentence


def test_scores_that_are_upside_down_are_found():
    found = QUICK(lambda x: -brightness(x), images(shift=2.0), LABELS)

    assert severities(found, "below_half") == [WARNING]


# -- bad input ------------------------------------------------------------------------------------------------------


def net_of_other_size(x: Tensor) -> Tensor:
    return nn.Linear(3, 1)(x.flatten(1))


@pytest.mark.slow
@pytest.mark.parametrize(
    ("score", "message"),
    [
        (lambda x: torch.full((len(x),), float("nan")), "the score of image 0 is nan: 16 of its batch of 16"),
        (lambda x: brightness(x).sum(), r"returned shape \(\) for a batch of 16 images of shape \(16, 1, 4, 4\)"),
        (lambda x: x, r"returned shape \(16, 1, 4, 4\)"),
        (lambda x: brightness(x)[1:], r"returned shape \(15,\)"),
        (lambda x: None, "returned"),
        (lambda x: {"a": 1}, "returned dict"),
        (lambda x: 1 / 0, r"raised ZeroDivisionError: division by zero \(.*test_audit.py:\d+\)"),
        (net_of_other_size, "raised RuntimeError: "),
        (3, "the score function is int, which cannot be called"),
    ],
)  # fmt: skip
def test_a_score_function_that_gives_no_scores_is_one_line(score, message: str):
    with pytest.raises(AuditError, match=message) as raised:
        of(score)
    assert "\n" not in str(raised.value)


@pytest.mark.parametrize(
    ("labels", "message"),
    [
        (np.ones(COUNT), "all 90 labels are 1; an AUROC needs normal and anomalous images"),
        (np.arange(COUNT), r"labels must be 0 \(normal\) and 1 \(anomalous\); these have 90 values"),
        (LABELS[1:], r"there are 90 images, but labels of shape \(89,\)"),
        (LABELS * 0.5, "labels are float64; they must be whole numbers"),
        (np.array(["normal"] * COUNT), "they must be whole numbers"),
        (2 * LABELS - 1, "these have 2 values, among them -1"),
        (np.ma.masked_array(LABELS, mask=np.arange(COUNT) < 5), "some labels are masked"),
    ],
)
def test_labels_of_no_use_are_one_line(labels, message: str):
    with pytest.raises(AuditError, match=message):
        QUICK(brightness, images(), labels)


@pytest.mark.parametrize(("given_images", "message"), [(images()[:0], "there are no images"), (3, "images are int")])
def test_no_images_are_one_line(given_images, message: str):
    with pytest.raises(AuditError, match=message):
        QUICK(brightness, given_images, LABELS)


@pytest.mark.parametrize(
    "options", [{"batch_size": 0}, {"batch_size": 64.0}, {"shuffles": 0}, {"limit": -1}, {"sizes": (0,)}]
)
def test_numbers_below_one_and_fractions_are_one_line(options):
    with pytest.raises(AuditError, match="must be a whole number, at least 1"):
        of(brightness, **options)


@pytest.mark.slow
def test_what_was_not_given_is_said_not_to_be_known():
    found = of(Net().eval())

    assert severities(found, "best_epoch", "test_in_training", "skipped") == [UNKNOWN] * 3


@pytest.mark.slow
def test_a_further_size_of_one_image_changes_no_difference():
    """The order is worth what it is at the batch size of the score function, whatever other sizes are tried."""
    model = Net().train()
    with_one, without = (audit(model, images(), LABELS, batch_size=16, sizes=s, shuffles=2) for s in ((1, 8), (8,)))

    assert with_one.worth == without.worth
    assert with_one.sentence == without.sentence


def test_what_no_auroc_can_be_is_refused_before_anything_is_scored():
    def never(batch: Tensor) -> Tensor:
        raise AssertionError(len(batch))

    with pytest.raises(AuditError, match="give it from 0 to 1"):
        audit(never, images(), LABELS, reported=93.1)
