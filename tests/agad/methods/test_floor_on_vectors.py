"""The floor on vectors from a file: numbers by hand, whatever the order, and only of the images of the data set."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from sklearn.metrics import roc_auc_score

from agad.data.features.attach import with_features
from agad.data.split import one_class_split
from agad.errors import DataError, SpecError
from agad.methods import method_of
from agad.methods.method import TrainView
from agad.scoring.evaluate import Evaluator, score_weights
from agad.spec.run import RunOptions, RunSpec
from agad.train import run
from agad.train.control import Action, Interrupted, Progress
from tests.agad.methods.test_floor import FLOOR, spec_of
from tests.helpers.features import projected, write_features
from tests.helpers.science import CPU, made_up

DATA = made_up()
TRAIN, TEST = projected(DATA.train_images), projected(DATA.test_images)


def on_vectors(method: str = "knn", **changes: Any) -> RunSpec:
    return spec_of(method, features="file:own", **changes)


def options(root: Path, **changes: Any) -> RunOptions:
    return RunOptions(threads=1, data_root=str(root), **changes)


def nearest_two(bank: NDArray[np.float32], x: NDArray[np.float32]) -> NDArray[np.float64]:
    """Sum of squared distances to the two nearest, in float64."""
    distances = np.square(x[:, None].astype(np.float64) - bank[None].astype(np.float64)).sum(2)
    return np.sort(distances, 1)[:, :2].sum(1)


@pytest.mark.slow
@pytest.mark.parametrize("batch", [1, 7, 256])
def test_nearest_neighbours_of_vectors_by_numpy(batch: int, tmp_path: Path) -> None:
    """Scores of the test set in its own order, whatever the batches; AUROC by scikit-learn."""
    path = write_features(tmp_path, DATA)
    row = run.train(on_vectors(eval_batch_size=batch), options(tmp_path), data=DATA).values
    expected = nearest_two(TRAIN[DATA.train_labels == 0], TEST)

    np.testing.assert_allclose(row["scores_eval"], expected, rtol=1e-4)
    assert row["auroc"] == pytest.approx(roc_auc_score(DATA.test_labels != 0, expected), abs=1e-3)
    attached = with_features(DATA, on_vectors(), tmp_path)
    assert attached.vectors is not None
    assert (row["data_digest"], row["features_digest"]) == (DATA.digest, attached.vectors.digest)
    path.unlink()
    assert run.train(spec_of("knn"), options(tmp_path), data=DATA).values["features_digest"] is None


def test_a_row_says_that_the_order_of_its_vectors_was_not_compared(tmp_path: Path) -> None:
    """Where the file has no labels; a reader of the row has no other way to know it."""
    write_features(tmp_path, DATA, train_labels=None)
    (note,) = run.train(on_vectors(), options(tmp_path), data=DATA).values["data_notes"]
    assert note.startswith("features=file:own: it has no train_labels and test_labels")


def test_validation_images_have_the_vectors_of_training_images(tmp_path: Path) -> None:
    """Held out normals and anomalies are training images at other places than those of the test set."""
    write_features(tmp_path, DATA)
    spec = on_vectors(validation=0.4)
    row = run.train(spec, options(tmp_path), data=DATA).values
    split = one_class_split(DATA, spec)
    expected = nearest_two(TRAIN[split.normal], TRAIN[split.validation])

    data = with_features(DATA, spec, tmp_path)
    found = Evaluator.of_validation(spec, data, split, CPU).scores(method_of(spec, 1), "eval")
    np.testing.assert_allclose(found, expected, rtol=1e-4)
    assert row["auroc_val"] == pytest.approx(roc_auc_score(split.validation_label, expected), abs=1e-3)


@pytest.mark.slow
@pytest.mark.parametrize("method", FLOOR)
def test_scores_on_vectors_depend_on_neither_order_nor_batch(method: str, tmp_path: Path) -> None:
    write_features(tmp_path, DATA)
    spec = on_vectors(method)
    data, made = with_features(DATA, spec, tmp_path), method_of(spec, 1)
    evaluator = Evaluator.of(spec, data, one_class_split(data, spec), CPU)
    whole = evaluator.scores(made, "eval")
    fitted = made.fit(TrainView(evaluator.normals, evaluator.anomalies, 3, lambda: None, data.vectors))
    order = torch.from_numpy(np.random.default_rng(0).permutation(len(TEST)))
    x = evaluator.test.take(order)

    shuffled = torch.cat([made.scores(part, fitted, torch.zeros(len(part)).long()) for part in x.split(4)])
    np.testing.assert_allclose(shuffled, whole[order], rtol=1e-4, atol=1e-5)
    assert len(np.unique(whole)) > len(whole) // 2


@pytest.mark.parametrize(("seed", "resumes"), [(0, 1), (1, 0)])
def test_a_checkpoint_of_other_vectors_is_not_resumed(seed: int, resumes: int, tmp_path: Path) -> None:
    """The images and the run_id are the same: only the file tells the scores that a checkpoint holds apart."""
    write_features(tmp_path, DATA)
    spec, where = on_vectors(validation=0.4), options(tmp_path, checkpoint_dir=str(tmp_path / "checkpoints"))

    def stop(progress: Progress) -> Action:
        return Action.STOP if progress.saved else Action.CHECKPOINT

    with pytest.raises(Interrupted):
        run.train(spec, where, data=DATA, control=stop)
    write_features(tmp_path, DATA, seed=seed)
    row = run.train(spec, where, data=DATA).values

    assert row["resumes"] == resumes
    bank = projected(DATA.train_images, seed)[one_class_split(DATA, spec).normal]
    np.testing.assert_allclose(row["scores_eval"], nearest_two(bank, projected(DATA.test_images, seed)), rtol=1e-4)


def test_saved_weights_are_scored_again_with_their_vectors_alone(tmp_path: Path) -> None:
    write_features(tmp_path, DATA)
    row = run.train(on_vectors(), options(tmp_path, weights_dir=str(tmp_path / "weights")), data=DATA).values
    saved = tmp_path / "weights" / row["weights"]
    again = score_weights(saved, ["eval"], options=options(tmp_path), data=DATA)
    assert again["eval"].tolist() == row["scores_eval"]
    write_features(tmp_path, DATA, seed=1)
    with pytest.raises(DataError, match=r"were trained on data \w{12}, these are \w{12}$"):
        score_weights(saved, ["eval"], options=options(tmp_path), data=DATA)


def test_without_the_file_there_is_one_line_and_no_number(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"features=file:own: there is no file .*own\.npz; docs/data\.md says how"):
        run.train(on_vectors(), options(tmp_path), data=DATA)
    pool = Evaluator.of(on_vectors(), DATA, one_class_split(DATA, on_vectors()), CPU).normals
    with pytest.raises(SpecError, match="features=file:own has vectors of the data set's images alone"):
        method_of(on_vectors(), 1).fit(TrainView(pool, pool, 8, lambda: None))


@pytest.mark.parametrize("changes", [{"method": "agad"}, {"method": "rotation_knn", "encoder": "wrn_10_1"}])
def test_a_method_that_takes_no_vectors_takes_no_file(changes: dict[str, Any]) -> None:
    with pytest.raises(SpecError, match="features mean nothing with method="):
        RunSpec(dataset="digits", normal_class=0, features="file:own", **changes)
