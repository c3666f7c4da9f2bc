"""The validation: its images are nothing else's, and the test set has no part in its score."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from sklearn.metrics import roc_auc_score

from agad.data.split import OneClassSplit, one_class_split
from agad.errors import SpecError
from agad.scoring.evaluate import Evaluator
from agad.spec.datasets import DATASETS
from agad.spec.run import RunSpec
from agad.store.schema import RunRecord
from agad.train.run import Action, Interrupted, Progress, train
from agad.train.update import update
from tests.agad.data.test_split import DIGITS, labelled
from tests.helpers.science import CPU, OPTIONS, made_up, small, training_of, with_images

VALIDATED: dict[str, Any] = {"validation": 0.4, "validation_anomalies": 8}
"""Of made_up(): 6 of 15 normals, and 8 anomalies."""


def split(**changes: Any) -> OneClassSplit:
    return one_class_split(DIGITS, RunSpec(normal_class=3, **changes))


def run(spec: RunSpec, **arguments: Any) -> RunRecord:
    return train(spec, OPTIONS, **({"data": made_up()} | arguments))


# -- the images ---------------------------------------------------------------------------------------------------


def test_no_image_has_two_parts() -> None:
    parts = split(gamma=0.2, validation=0.25)
    normals, anomalies = (parts.validation[parts.validation_label == label] for label in (0, 1))
    images = [*parts.normal, *parts.anomaly, *parts.validation]

    assert len(set(images)) == len(images)
    assert sorted([*parts.normal, *normals]) == split().normal.tolist()
    assert len(normals) == len(anomalies) == DATASETS["digits"].train_counts[3] // 4
    assert 3 not in DIGITS.train_labels[anomalies]


def test_gamma_is_a_share_of_what_is_trained_on() -> None:
    parts = split(gamma=0.2, validation=0.25)

    assert len(parts.anomaly) == len(parts.normal) // 4


def test_anomalies_come_from_the_named_classes_in_equal_numbers() -> None:
    parts = split(validation=0.1, validation_anomalies=7, validation_anomaly_classes=(8, 1))
    counts = np.bincount(DIGITS.train_labels[parts.validation[parts.validation_label == 1]], minlength=10)

    assert parts.validation_anomaly_classes == (1, 8)
    assert (counts[1], counts[8], counts.sum()) == (4, 3, 7)


def test_training_draws_what_it_would_draw_anyway_less_the_validation() -> None:
    """So runs with and without a validation are as near to paired as they can be."""
    plain, held = split(gamma=0.5), split(gamma=0.2, validation=0.25)
    expected = [image for image in plain.anomaly if image not in held.validation]

    assert held.anomaly.tolist() == expected[: len(held.anomaly)]


def test_the_validation_depends_on_the_seed_and_not_on_gamma() -> None:
    first = split(validation=0.2)

    assert split(validation=0.2, gamma=0.1, backbone="unet").validation.tolist() == first.validation.tolist()
    assert split(validation=0.2, seed=1).validation.tolist() != first.validation.tolist()


@pytest.mark.parametrize(
    ("counts", "changes", "message"),
    [
        ([100, 0, 0], {"validation": 0.1, "validation_anomalies": 5}, "no training image of an anomalous class"),
        ([100, 50, 50], {"validation": 0.1, "validation_anomaly_classes": (7,)}, "class 7 does not exist"),
        ([100, 3, 50], {"validation": 0.1}, "asks for 5 anomalies of class 1, which has 3"),
        ([100, 50, 50], {"validation": 0.001}, "holds out none"),
        ([100, 20, 20], {"validation": 0.4, "gamma": 0.2}, "beside those set apart for validation"),
    ],
)
def test_a_validation_that_cannot_be_drawn_is_one_clear_line(
    counts: list[int], changes: dict[str, Any], message: str
) -> None:
    with pytest.raises(SpecError, match=message):
        one_class_split(
            labelled(counts, dataset="npz:made_up"), RunSpec(dataset="npz:made_up", normal_class=0, **changes)
        )


# -- the score ----------------------------------------------------------------------------------------------------


@pytest.mark.slow
def test_the_row_has_the_validation_s_auroc() -> None:
    spec, data = small(**VALIDATED), made_up()
    values = run(spec).values
    training = training_of(spec, data)
    for _ in range(spec.updates):
        update(training)
    evaluator = Evaluator.of_validation(spec, data, one_class_split(data, spec), CPU)
    scores = evaluator.scores(training.method, "eval")

    assert values["auroc_val"] == roc_auc_score([0] * 6 + [1] * 8, scores) == values["curve_auroc_val_eval"][-1]
    assert values["auroc_val_eval_recal"] == values["curve_auroc_val_eval_recal"][-1]
    assert len(values["curve_auroc_val_eval"]) == 3
    assert (values["n_val_normal"], values["n_val_anomaly"], values["n_train_normal"]) == (6, 8, 9)
    assert values["drawn_validation_classes"] == [1, 2, 3]


@pytest.mark.slow
def test_poisoned_test_images_do_not_move_it() -> None:
    """Not while a run is trained and scored, nor when no test image is to be read."""
    data = made_up()
    poisoned = with_images(data, test_images=torch.full_like(data.test_images, 255))
    seen = [run(small(**VALIDATED), data=images).values for images in (data, poisoned)]
    blind = run(small(**VALIDATED, evaluate_test=False), data=poisoned).values

    assert seen[0]["auroc"] != seen[1]["auroc"]
    for name in ("auroc_val", "auroc_val_eval_recal", "curve_auroc_val_eval"):
        assert seen[0][name] == seen[1][name] == blind[name]


@pytest.mark.slow
def test_a_run_that_reads_no_test_image_has_no_number_of_one() -> None:
    row = run(
        small(**VALIDATED, evaluate_test=False, final_protocols=("eval", "eval_recal", "batch_shuffled"))
    ).to_row()

    assert row["status"] == "ok"
    for name in ("auroc", "auroc_oracle", "scores_eval", "test_label", "recon_x", "n_test_normal", "curve_auroc_eval"):
        assert row[name] is None, name
    assert row["auroc_val"] is not None


@pytest.mark.slow
def test_the_test_set_s_numbers_do_not_depend_on_whether_validation_is_scored(tmp_path: Path) -> None:
    """An interruption anywhere in the scoring, of either part, leaves no trace."""
    spec = small(**VALIDATED)
    whole = run(spec)
    options = OPTIONS.__class__(threads=1, checkpoint_dir=str(tmp_path), checkpoint_every=0)
    calls = 0

    def control(progress: Progress) -> Action:
        nonlocal calls
        calls += 1
        return Action.STOP if calls % 4 == 0 else Action.CONTINUE

    for _ in range(100):
        try:
            record = train(spec, options, data=made_up(), control=control)
            break
        except Interrupted:
            continue
    assert record.values["resumes"] > 5
    for name in ("auroc", "auroc_val", "curve_auroc_val_eval_recal", "scores_eval"):
        assert record.values[name] == whole.values[name]


@pytest.mark.slow
def test_a_point_of_the_curve_tells_it_while_the_run_trains() -> None:
    points: dict[int, dict[str, float]] = {}

    def control(progress: Progress) -> Action:
        if progress.point is not None:
            points[progress.point.update] = dict(progress.point.validation)
        return Action.CONTINUE

    values = run(small(**VALIDATED), control=control).values
    assert [points[update]["eval"] for update in (1, 2)] == values["curve_auroc_val_eval"][:2]
