"""The test set of an audit: its order, and its images among those for training."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from sklearn.metrics import roc_auc_score

from agad import audit
from agad.auditing.inputs import TestSet, is_ordered, leaked, repeats_finding, training_findings
from agad.auditing.result import FINE, UNKNOWN, WARNING, WRONG
from agad.errors import AuditError
from tests.helpers.detectors import LABELS, brightness, images


@pytest.mark.slow
@given(st.lists(st.integers(0, 5), min_size=1, max_size=20), st.lists(st.integers(0, 5), min_size=1, max_size=20))
def test_leaked_images_are_those_with_the_pixels_of_one_for_training(test: list[int], train: list[int]):
    found = leaked(*(torch.tensor(values).reshape(-1, 1, 1, 1).expand(-1, 3, 2, 2) for values in (test, train)))

    assert found.tolist() == [value in train for value in test]


@pytest.mark.slow
@pytest.mark.parametrize(("count", "severity"), [(0, FINE), (1, WARNING), (20, WRONG)])
def test_test_images_in_training_are_counted_by_label_and_by_what_the_auroc_is_without_them(count, severity):
    test = images(200)
    train = torch.cat([images(230)[200:], test[:count]])
    found = audit(brightness, test, np.repeat([0, 1], 100), train_images=train, shuffles=1)
    finding = found.finding("test_in_training")

    assert finding.severity == severity
    if count:
        assert f"{count} of 200 test images are training images, pixel for pixel: {count} normal, 0" in finding.sentence
        assert "Without them the AUROC is" in finding.sentence


@pytest.mark.parametrize("train", [images(20).double(), images(20)[:, :, :2], ["a"] * 20])
def test_images_of_another_kind_are_not_compared(train):
    assert training_findings(TestSet.of(images(), LABELS), train)[1].severity == UNKNOWN


def pictures(count: int, channels: int = 1, seed: int = 0) -> torch.Tensor:
    """Noise (N, channels, 8, 8) of 8 bits, as floats from 0 to 1."""
    found = torch.randint(0, 256, (count, channels, 8, 8), generator=torch.Generator().manual_seed(seed))
    return found.float() / 255


MEANS = torch.tensor([0.485, 0.456, 0.406])[:, None, None]


@pytest.mark.parametrize(
    ("channels", "scaled"),
    [
        (1, lambda x: x * 255),
        (1, lambda x: (x - 0.5) / 0.5),
        (1, lambda x: x * 255 / 256),
        (3, lambda x: (x - MEANS) / (0.2 + MEANS)),
        (3, lambda x: (x * 255).permute(0, 2, 3, 1)),
    ],
    ids=["0 to 255", "-1 to 1", "of 256", "by channel", "channels last"],
)
def test_training_images_of_another_range_are_found(channels, scaled):
    """They were said to be fine: no two images had the same bytes."""
    test = pictures(90, channels)
    train = scaled(torch.cat([test[:20], pictures(30, channels, 1)]))
    test = test.permute(0, 2, 3, 1) if train.shape[-1] == channels else test
    where, finding = training_findings(TestSet.of(test, LABELS), train)

    assert where is not None
    assert np.flatnonzero(where).tolist() == list(range(20))
    assert finding.severity == WRONG
    assert "20 of 90 test images are training images, but for the range of their numbers (training " in finding.sentence


@pytest.mark.parametrize(
    ("scale", "shift", "severity"), [(255, 0, UNKNOWN), (2, -1, UNKNOWN), (1, 0, FINE), (0.9, 0, FINE), (1, 9, UNKNOWN)]
)
def test_of_clearly_other_ranges_nothing_is_fine(scale, shift, severity):
    """Training images may be resized or cropped otherwise too, where they are scaled otherwise."""
    train = pictures(50, seed=1) * scale + shift
    assert training_findings(TestSet.of(pictures(90), LABELS), train)[1].severity == severity


@pytest.mark.parametrize("shape", [(0, 3), (3, 0, 8)])
def test_images_without_pixels_are_not_compared(shape):
    """Their range was sought, with a traceback."""
    where, finding = training_findings(TestSet.of(np.zeros((90, *shape)), LABELS), np.zeros((9, *shape)))
    assert (where, finding.severity) == (None, UNKNOWN)
    some = [np.ones((2, 2)), *np.zeros((89, 0))]
    assert training_findings(TestSet.of(some, LABELS), [2 * some[0], some[1]])[1].severity == WRONG


def test_whole_images_are_sorted_only_where_a_sample_has_the_same_order(monkeypatch):
    """Of 400 images of 224 x 224 the sorting of all numbers took five seconds."""
    sorted_numbers = []
    unique = np.unique

    def counted(numbers, **more):
        sorted_numbers.append(numbers.size)
        return unique(numbers, **more)

    monkeypatch.setattr(np, "unique", counted)
    test = np.random.default_rng(0).random((90, 3, 40, 40))
    train = np.concatenate([test[:2], np.random.default_rng(1).random((20, 3, 40, 40))]) * 255
    test[50].flat[::2] = test[0].flat[::2]  # as the sample may be, and not as a whole
    where, _ = training_findings(TestSet.of(test, LABELS), train)

    assert where is not None
    assert np.flatnonzero(where).tolist() == [0, 1]
    assert sorted_numbers.count(1600) <= 5 * 3
    assert max(sorted_numbers) == 1600


def test_images_of_few_levels_are_not_taken_for_rescaled_ones():
    """Black images, and masks of one shape, have the same order whatever they show."""
    test = pictures(90).round()
    test[:3] = 0
    assert training_findings(TestSet.of(test, LABELS), test[:20] * 200 + 1)[1].severity == UNKNOWN


@pytest.mark.parametrize(
    ("place", "severity", "words"),
    [
        ([*range(200)], FINE, "No test image is there twice."),
        ([0, *range(199)], FINE, "1 of 200 test images repeat another"),
        ([0] * 20 + [*range(20, 200)], WARNING, "19 of 200 test images repeat another"),
        ([*range(199), 0], WARNING, "2 of 200 test images are, pixel for pixel, under both labels."),
        ([*range(190), *range(10)], WRONG, "20 of 200 test images are, pixel for pixel, under both labels."),
    ],
)
def test_test_images_that_repeat_each_other_are_counted(place: list[int], severity: str, words: str):
    finding = repeats_finding(TestSet.of(images(200)[place], np.repeat([0, 1], 100)))

    assert (finding.severity, words in finding.sentence) == (severity, True)


def test_repeats_are_not_sought_among_what_is_no_array():
    assert repeats_finding(TestSet.of(["a", "b"] * 20, np.repeat([0, 1], 20))).severity == UNKNOWN


def test_a_set_ordered_by_label_is_told_from_a_shuffled_one():
    shuffled = np.random.default_rng(0).permutation(LABELS)

    assert is_ordered(LABELS)
    assert is_ordered(np.tile(np.repeat([0, 1], 100), 3))
    assert not is_ordered(shuffled)
    assert not is_ordered(np.array([0, 0, 1, 1]))  # of so few images nothing can be told


@pytest.mark.slow
@pytest.mark.parametrize("seed", range(3))
def test_a_column_of_a_shuffled_frame_keeps_its_images_with_their_labels(seed: int):
    """In brackets a number is a label of pandas: after a shuffle it would be the image of another row."""
    values = np.random.default_rng(seed).normal(size=60) + np.repeat([0, 2], 30)
    frame = pd.DataFrame({"path": [f"{n}.png" for n in range(60)], "value": values, "label": np.repeat([0, 1], 30)})
    frame = frame.sample(frac=1, random_state=seed)
    of = dict(zip(frame["path"], frame["value"], strict=True))

    def score(batch):
        return [of[path] for path in batch]

    found = audit(score, frame["path"], frame["label"], shuffles=1, train_images=frame["path"].iloc[:20])

    assert found.auroc.value == pytest.approx(roc_auc_score(frame["label"], frame["value"]))


@pytest.mark.parametrize(
    "images", [pd.DataFrame({"path": ["a", "b"]}), {"a": 1, "b": 2}, "ab"], ids=["frame", "dict", "text"]
)
def test_what_is_no_sequence_of_images_is_one_line(images):
    with pytest.raises(AuditError, match="give a tensor, an array, a list or one column of images"):
        audit(len, images, [0, 1])


def test_images_that_cannot_be_had_are_one_line():
    """A data set of anybody's may raise anything."""

    class Broken:
        def __len__(self):
            return 4

        def __getitem__(self, position):
            raise RuntimeError(f"no file for {position}")

    with pytest.raises(AuditError, match=r"images \[0, 1, 2\] … cannot be had: RuntimeError: no file for 0"):
        audit(len, Broken(), [0, 1, 0, 1])


@pytest.mark.slow
@pytest.mark.parametrize(
    ("scores", "message"),
    [
        (np.ma.masked_greater(np.arange(4.0), 2), "masked scores"),
        (np.arange(4) + 1j, "one number an image"),
        (torch.arange(4) + 1j, "one number an image"),
    ],
)
def test_scores_that_numpy_would_silently_change_are_refused(scores, message):
    """A masked score would count as the number below the mask, a complex one as its real part."""
    with pytest.raises(AuditError, match=message):
        audit(lambda _: scores, np.zeros(4), [0, 1, 0, 1], batch_size=None)


@pytest.mark.slow
def test_images_and_labels_in_bfloat16_are_compared_though_numpy_has_no_such_type():
    test = images(200).to(torch.bfloat16)
    labels = torch.from_numpy(np.repeat([0, 1], 100)).to(torch.bfloat16)
    found = audit(brightness, test, labels, train_images=test[:1], shuffles=1)

    assert "1 of 200 test images are training images" in found.finding("test_in_training").sentence
