"""The evaluation protocols: which statistics, which order, and no trace."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
from torch import Tensor

from agad.data.split import one_class_split
from agad.errors import DataError, SpecError
from agad.methods import Method, build_generator, method_of
from agad.methods.agad import Agad
from agad.nets.layers.batchnorm import BatchNorm2d, BatchNormNet, BNMode, bn_mode
from agad.scoring.evaluate import Evaluator, score_weights
from agad.scoring.weights import Weights, load_weights, main_state, save_weights
from agad.spec.run import EVAL_PROTOCOLS, ORDER_PROTOCOLS
from agad.tensors.file import load_tensors, save_tensors
from tests.helpers.science import CPU, OPTIONS, made_up, small, with_images

SIZE = 16


class Watched(BatchNormNet):
    """G(x) = batch norm of x; remembers each batch that it saw, and in which mode."""

    def __init__(self) -> None:
        super().__init__()
        self.norm = BatchNorm2d(1)
        self.seen: list[tuple[BNMode, Tensor]] = []

    def __deepcopy__(self, memo: object) -> Watched:
        twin = Watched()
        twin.load_state_dict(self.state_dict())
        twin.seen = self.seen  # a copy's batches count too
        return twin

    def forward(self, x: Tensor) -> Tensor:
        self.seen.append((self.norm.mode, x))
        return self.norm(x)


def numbered():
    """made_up() whose test image i has the value i everywhere, and whose training images are 200 and more."""
    data = made_up()
    test = torch.arange(len(data.test_labels), dtype=torch.uint8).reshape(-1, 1, 1, 1).expand(-1, 1, SIZE, SIZE)
    train = data.train_images.clamp(min=200)
    return with_images(data, test_images=test.contiguous(), train_images=train)


def with_generator(net: BatchNormNet) -> Method:
    """AGAD with this G."""
    method = method_of(small(), 1)
    method.generator = method.nets["generator"] = net
    return method


def evaluator(data=None, **changes) -> Evaluator:
    data, spec = data or numbered(), small(**({"eval_batch_size": 10} | changes))
    return Evaluator.of(spec, data, one_class_split(data, spec), CPU)


def numbers(batch: Tensor) -> list[int]:
    return ((batch[:, 0, 0, 0] + 1) * 127.5).round().int().tolist()


def batches(protocol: str, **changes) -> list[list[int]]:
    net = Watched()
    evaluator(**changes).scores(with_generator(net), protocol)
    return [numbers(batch) for _, batch in net.seen]


def flat(lists: list[list[int]]) -> list[int]:
    return [item for part in lists for item in part]


@pytest.mark.slow
@pytest.mark.parametrize("protocol", EVAL_PROTOCOLS)
def test_every_image_is_scored_once_and_the_last_batch_is_kept(protocol: str):
    seen = [batch for batch in batches(protocol) if max(batch) < 200]
    assert [len(batch) for batch in seen] == [10, 10, 10, 1]
    assert sorted(flat(seen)) == list(range(31))


def test_orders():
    labels, classes = evaluator().test_label, evaluator().test_class
    assert flat(batches("eval")) == list(range(31))
    assert flat(batches("batch1")) == list(range(31))
    shuffled, first, by_class = (
        flat(batches(protocol)) for protocol in ("batch_shuffled", "batch_normals_first", "batch_class_sorted")
    )
    assert sorted(labels[shuffled]) != labels[shuffled].tolist()
    assert labels[first].tolist() == sorted(labels)
    assert classes[by_class].tolist() == sorted(classes)
    for order, keys in ((first, labels), (by_class, classes)):
        for key in set(keys.tolist()):
            group = [i for i in order if keys[i] == key]
            assert group != sorted(group), "each group is shuffled inside"


def test_the_order_is_the_same_for_every_seed_of_a_run():
    assert batches("batch_shuffled", seed=0) == batches("batch_shuffled", seed=5)


def test_scores_stand_in_the_test_set_s_own_order():
    """Under eval the reconstruction of a fresh batch norm is x / sqrt(1 + eps); the score follows by hand."""
    x = torch.arange(31.0) / 127.5 - 1
    expected = (x - x / np.sqrt(1 + 1e-5)).abs() * SIZE
    np.testing.assert_allclose(evaluator().scores(with_generator(Watched()), "eval"), expected, rtol=2e-2, atol=1e-6)


def test_scores_of_another_shape_are_refused(monkeypatch: pytest.MonkeyPatch):
    """One number for a whole batch would be given to each of its images."""
    judge = evaluator()
    monkeypatch.setattr(Agad, "scores", lambda *_: torch.tensor(0.5))

    with pytest.raises(SpecError, match=r"scores of 10 images have shape \(\)"):
        judge.scores(with_generator(Watched()), "eval")


def test_scores_are_the_l2_norm_of_the_difference():
    class Shift(BatchNormNet):
        def __init__(self) -> None:
            super().__init__()
            self.by = torch.nn.Parameter(torch.tensor(0.5))

        def forward(self, x: Tensor) -> Tensor:
            return x + self.by

    scores = evaluator().scores(with_generator(Shift()), "eval")
    assert scores.dtype == np.float32
    np.testing.assert_allclose(scores, np.full(31, 0.5 * SIZE), rtol=1e-5)  # sqrt(16 * 16 * 0.25)


@pytest.mark.parametrize("protocol", ["batch_shuffled", "batch_normals_first", "batch_class_sorted"])
def test_batch_protocols_use_each_batch_s_own_statistics(protocol: str):
    net, ours = Watched(), evaluator()
    scores = ours.scores(with_generator(net), protocol)
    assert {mode for mode, _ in net.seen} == {BNMode.BATCH}
    for _, batch in net.seen:
        mean, var = batch.mean(), batch.var(unbiased=False)
        expected = (batch - (batch - mean) / (var + 1e-5).sqrt()).flatten(1).norm(dim=1)
        np.testing.assert_allclose(scores[numbers(batch)], expected, rtol=1e-4, atol=1e-5)


@pytest.mark.slow
def test_batch1_is_the_same_as_batches_of_one():
    net = build_generator(small(), 1, torch.Generator().manual_seed(0))
    data = made_up()
    scores = evaluator(data).scores(with_generator(net), "batch1")
    with torch.no_grad(), bn_mode(net, BNMode.BATCH):
        x = data.test_images.float() / 127.5 - 1
        alone = [(x[i : i + 1] - net(x[i : i + 1])).norm().item() for i in range(len(x))]
    np.testing.assert_allclose(scores, alone, rtol=1e-4)


def test_eval_recal_averages_the_training_normals_and_sees_no_test_image():
    net, ours = Watched(), evaluator(gamma=0.0, batch_size=12)
    scores = ours.scores(with_generator(net), "eval_recal")
    recal = [batch for mode, batch in net.seen if mode is BNMode.RECAL]
    rest = [mode for mode, _ in net.seen if mode is not BNMode.RECAL]
    data = numbered()
    normals = data.train_images[one_class_split(data, small()).normal].float() / 127.5 - 1
    assert torch.equal(torch.cat(recal).flatten(1).sort(0).values, normals.flatten(1).sort(0).values)
    assert [len(batch) for batch in recal] == [8, 7]  # nearly equal parts of 15, none above the training batch of 12
    assert set(rest) == {BNMode.RUNNING}
    assert len(rest) == 4
    mean = sum(len(batch) * batch.mean() for batch in recal) / 15
    var = sum(len(batch) * batch.var() for batch in recal) / 15
    x = torch.arange(31.0) / 127.5 - 1
    expected = (x - (x - mean) / (var + 1e-5).sqrt()).abs() * SIZE
    np.testing.assert_allclose(scores, expected, rtol=1e-4)


@pytest.mark.slow
@pytest.mark.parametrize("protocol", EVAL_PROTOCOLS)
def test_bf16_passes_give_the_scores_of_fp32_to_their_rounding(protocol: str):
    """bfloat16 has 8 bits, and so has each layer's output; distances over an image average most of that away."""
    data, net = made_up(), trained_like()
    exact = evaluator(data).scores(with_generator(net), protocol)
    rounded = evaluator(data, eval_precision="bf16").scores(with_generator(net), protocol)
    assert rounded.dtype == np.float32
    assert not np.array_equal(rounded, exact)
    np.testing.assert_allclose(rounded, exact, rtol=1e-2)
    assert len(np.unique(rounded)) == len(rounded), "distances are not rounded to bfloat16"


@pytest.mark.slow
def test_bf16_reconstructions_are_what_is_scored():
    net, ours = trained_like(), evaluator(made_up(), eval_precision="bf16")
    x, x_hat = ours.reconstructions(with_generator(net), torch.arange(16))
    assert x_hat.dtype == torch.float32
    np.testing.assert_allclose(
        (x - x_hat).flatten(1).norm(dim=1), ours.scores(with_generator(net), "eval")[:16], rtol=1e-5
    )


def trained_like() -> BatchNormNet:
    """A generator whose running statistics are not the initial ones."""
    net = build_generator(small(), 1, torch.Generator().manual_seed(0))
    with torch.no_grad(), bn_mode(net, BNMode.UPDATE):
        net(torch.randn(8, 1, SIZE, SIZE, generator=torch.Generator().manual_seed(1)))
    return net


@pytest.mark.slow
@pytest.mark.parametrize("protocol", EVAL_PROTOCOLS)
def test_scoring_leaves_no_trace(protocol: str):
    net, rng = trained_like(), torch.get_rng_state()
    before = {name: tensor.clone() for name, tensor in net.state_dict().items()}
    evaluator(made_up()).scores(with_generator(net), protocol)
    assert all(torch.equal(before[name], tensor) for name, tensor in net.state_dict().items())
    assert all(norm.mode is BNMode.RUNNING for norm in net.batch_norms)
    assert torch.equal(torch.get_rng_state(), rng)


@pytest.mark.slow
@pytest.mark.parametrize("protocol", EVAL_PROTOCOLS)
def test_scoring_that_is_broken_off_leaves_no_trace(protocol: str):
    net = trained_like()
    before = {name: tensor.clone() for name, tensor in net.state_dict().items()}
    for after in range(3):
        calls = iter(range(after))

        def tick(calls=calls) -> None:
            next(calls)

        with pytest.raises(StopIteration):
            evaluator(made_up()).scores(with_generator(net), protocol, tick)
        assert all(torch.equal(before[name], tensor) for name, tensor in net.state_dict().items())
        assert all(norm.mode is BNMode.RUNNING for norm in net.batch_norms)


@pytest.mark.slow
def test_the_order_of_protocols_changes_nothing():
    net, ours = trained_like(), evaluator(made_up())
    there = {protocol: ours.scores(with_generator(net), protocol).tobytes() for protocol in EVAL_PROTOCOLS}
    back = {protocol: ours.scores(with_generator(net), protocol).tobytes() for protocol in reversed(EVAL_PROTOCOLS)}
    assert there == back
    assert len(set(there.values())) == len(EVAL_PROTOCOLS)


@pytest.mark.slow
@pytest.mark.parametrize("protocol", EVAL_PROTOCOLS)
def test_another_draw_is_another_order_where_the_order_counts(protocol: str):
    """The first is the one of always; under other protocols scores are the same bits."""
    net, ours = with_generator(trained_like()), evaluator(made_up())
    plain, first, second = (ours.scores(net, protocol, **of).tobytes() for of in ({}, {"draw": 0}, {"draw": 1}))
    assert plain == first
    assert (first == second) is (protocol not in ORDER_PROTOCOLS)


def test_auroc_by_hand():
    """Of the four pairs of a normal and an anomaly three are in order."""
    ours = Evaluator(
        normals=None,  # type: ignore[arg-type]
        anomalies=None,  # type: ignore[arg-type]
        recal_batch=1,
        test=None,  # type: ignore[arg-type]
        test_class=np.array([0, 0, 1, 1]),
        test_label=np.array([0, 0, 1, 1]),
        batch=1,
        precision="fp32",
    )
    assert ours.auroc(np.array([0.1, 0.4, 0.35, 0.8], np.float32)) == 0.75
    assert ours.auroc(np.array([0.8, 0.9, 0.1, 0.2], np.float32)) == 0.0


def with_saved_weights(folder: Path, data=None, **changes) -> Path:
    data, net = data or made_up(), trained_like()
    states = {name: main_state(net) for name, net in with_generator(net).nets.items()}
    return save_weights(folder, Weights(small(**changes), 1, data.digest, states))


@pytest.mark.slow
def test_kept_weights_are_scored_without_training(tmp_path: Path):
    data = made_up()
    again = score_weights(with_saved_weights(tmp_path), ("eval", "batch1"), options=OPTIONS, data=data)
    assert list(again) == ["eval", "batch1"]
    for protocol, scores in again.items():
        np.testing.assert_allclose(scores, evaluator(data).scores(with_generator(trained_like()), protocol), rtol=1e-4)


def test_kept_weights_are_not_scored_on_other_data(tmp_path: Path):
    other = with_images(made_up(), test_images=made_up().test_images.flip(0))
    with pytest.raises(DataError, match="were trained on data"):
        score_weights(with_saved_weights(tmp_path), options=OPTIONS, data=other)


def test_unreadable_weights_are_a_data_error_of_one_line(tmp_path: Path):
    path = with_saved_weights(tmp_path)
    path.write_bytes(path.read_bytes()[:1000])
    for bad in (path, tmp_path / "missing.pt"):
        with pytest.raises(DataError, match="cannot be read") as caught:
            score_weights(bad, options=OPTIONS, data=made_up())
        assert "\n" not in str(caught.value)


def test_weights_under_another_run_s_name_are_refused(tmp_path: Path):
    """As after a mix-up of files; a name that is no run_id may be any."""
    path = with_saved_weights(tmp_path)
    other = path.rename(tmp_path / f"{small(seed=9).run_id}.pt")
    with pytest.raises(DataError, match=f"are of run {small().run_id}, and not of the one"):
        load_weights(other)
    assert load_weights(other.rename(tmp_path / "detector.pt")).spec == small()


@pytest.mark.slow
@pytest.mark.parametrize("change", ["no net", "one net", "another shape"])
def test_weights_that_do_not_fit_their_spec_are_a_data_error_of_one_line(tmp_path: Path, change: str):
    """Whoever wrote the file: as one whose spec was edited."""
    path = with_saved_weights(tmp_path)
    content = load_tensors(path)
    nets = content["nets"]
    changed = {
        "no net": {},
        "one net": {"generator": nets["generator"]},
        "another shape": {name: {key: of[..., :1] for key, of in state.items()} for name, state in nets.items()},
    }
    save_tensors(path, content | {"nets": changed[change]})
    with pytest.raises(DataError, match=r"the weights of the (generator|discriminator) (lack|are not those)") as caught:
        score_weights(path, options=OPTIONS, data=made_up())
    assert "\n" not in str(caught.value)
