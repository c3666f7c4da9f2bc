"""Hybrids: the autoencoder's loss, and which machine is fitted on its codes."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from sklearn.svm import OneClassSVM

from agad.methods import method_of
from agad.methods.density.ssad import NU, Outputs
from agad.methods.method import TrainView
from agad.train.run import train
from tests.helpers.methods import digits_spec, small_spec
from tests.helpers.science import OPTIONS, training_of


def test_the_autoencoders_loss_by_hand() -> None:
    """A mean over images and pixels, anomalies included."""
    x, x_hat = torch.rand(2, 5, 1, 4, 4, dtype=torch.float64)
    losses = method_of(small_spec("ssad"), 1).losses(Outputs(x, x_hat))
    assert losses.by_group["ae"].item() == pytest.approx(((x - x_hat) ** 2).mean().item(), rel=1e-12)


@torch.no_grad()
def test_without_labels_it_is_scikit_learns_one_class_machine() -> None:
    """On the codes of the training normals, up to a constant."""
    training = training_of(small_spec("ssad", gamma=0.0, min_anomalies=32))
    method, images = training.method, training._images
    x = images.take(torch.arange(len(images)))
    codes = method.encoder((x + 1) / 2).double().numpy()
    machine = OneClassSVM(nu=NU, gamma="scale").fit(codes)
    fitted = method.fit(TrainView(images, images.part(0, 0), 4, lambda: None))
    found = method.scores(x, fitted, torch.arange(len(x))).numpy()
    theirs = -machine.decision_function(codes)
    np.testing.assert_allclose(found - found.mean(), theirs - theirs.mean(), atol=1e-4)


@torch.no_grad()
def test_with_labels_a_labelled_anomaly_is_beyond_every_normal_support_vector() -> None:
    """The margin: f is the same at all free support vectors of a kind, and lower at the anomalies'."""
    training = training_of(small_spec("ssad"))
    method, images = training.method, training._images
    normal, anomaly = images.part(0, 15), images.part(15, len(images))
    fitted = method.fit(TrainView(normal, anomaly, 4, lambda: None))
    scores = fitted.scores(fitted.vectors)
    assert fitted.weights.sum().item() == pytest.approx(1)
    assert scores[fitted.weights < 0].min() > scores[fitted.weights > 0].max()


@pytest.mark.slow
def test_without_labels_it_tells_the_digit_0_from_others() -> None:
    """Which is easy; of the digit 3 no such machine on codes reaches ninety."""
    spec = digits_spec("ssad").replace(normal_class=0, gamma=0.0, min_anomalies=32)
    assert train(spec, OPTIONS).values["auroc"] > 0.9
