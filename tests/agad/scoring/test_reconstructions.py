"""Test images and their reconstructions in the rows of seed 0."""

from __future__ import annotations

import dataclasses
import re
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from agad.data.split import one_class_split
from agad.errors import SpecError
from agad.methods import method_of
from agad.scoring.evaluate import Evaluator
from agad.scoring.reconstructions import as_bytes, reconstruction_columns, saved_images
from agad.scoring.weights import load_weights
from agad.store.rows import ResultStore
from agad.store.schema import RECONSTRUCTION_COLUMNS
from agad.tensors.pool import ImagePool
from agad.train.run import train
from tests.helpers.science import CPU, OPTIONS, made_up, small

LEAN: dict[str, Any] = {"updates": 1, "curve": (), "curve_protocols": ("eval",), "final_protocols": ("eval",)}


def test_eight_of_each_label_are_kept_the_normal_ones_first():
    labels = np.arange(200) % 3 % 2  # 0 1 0 0 1 0 ...
    saved = saved_images(labels)
    assert labels[saved].tolist() == [0] * 8 + [1] * 8
    assert len(set(saved.tolist())) == 16
    assert saved.max() > 50  # drawn from all of them, not the first that come


def test_which_are_kept_depends_on_the_labels_alone():
    labels = np.arange(200) % 2
    assert saved_images(labels).tolist() == saved_images(labels.copy()).tolist()
    # The order is one for all: what is normal in one split is anomalous in its opposite.
    assert saved_images(1 - labels).tolist() == np.roll(saved_images(labels), 8).tolist()


@pytest.mark.parametrize("anomalous", [1, 5])
def test_of_few_all_are_kept(anomalous: int):
    labels = np.array([0] * 20 + [1] * anomalous)
    assert sorted(saved_images(labels)[8:].tolist()) == list(range(20, 20 + anomalous))


def test_bytes_are_the_inverse_of_what_a_net_sees():
    """All 256 values, and what rounding and clamping do between and beyond them."""
    images = torch.arange(256, dtype=torch.uint8).reshape(1, 1, 16, 16)
    seen = ImagePool(images, np.array([0]), CPU).take(torch.tensor([0]))
    assert torch.equal(as_bytes(seen), images)
    assert as_bytes(torch.tensor([-1.5, -1.0, -0.997, -0.995, 0.999, 1.0, 2.0])).tolist() == [0, 0, 0, 1, 255, 255, 255]


@pytest.mark.slow
@pytest.mark.parametrize("channels", [1, 3])
def test_the_row_holds_images_and_their_reconstructions_by_the_final_weights(tmp_path: Path, channels: int):
    data = made_up(channels=channels)
    record = train(small(**LEAN), dataclasses.replace(OPTIONS, weights_dir=str(tmp_path)), data=data)
    row = record.values
    index = row["recon_index"]
    assert row["recon_label"] == [row["test_label"][place] for place in index] == [0] * 8 + [1] * 8
    assert row["recon_shape"] == [channels, 16, 16]
    shape = (16, channels, 16, 16)
    x, x_hat = (np.frombuffer(row[name], np.uint8).reshape(shape) for name in ("recon_x", "recon_x_hat"))
    np.testing.assert_array_equal(x, data.test_images[index].numpy())
    net = load_weights(tmp_path / row["weights"]).build_method().nets["generator"]
    with torch.no_grad():
        expected = (net(torch.from_numpy(x.copy()) / 127.5 - 1) + 1) * 127.5
    assert np.abs(x_hat - expected.numpy()).max() <= 0.501
    assert x_hat.std() > 0


@pytest.mark.parametrize("shape", [(16, 1, 1, 1), (1, 1, 16, 16), (16, 1, 8, 8), (16, 256)])
def test_reconstructions_of_another_shape_are_refused(shape: tuple[int, ...], monkeypatch: pytest.MonkeyPatch):
    """One number for each image went into the row as its picture."""
    spec, data = small(), made_up()
    evaluator, method = Evaluator.of(spec, data, one_class_split(data, spec), CPU), method_of(spec, 1)
    monkeypatch.setattr(method, "reconstruct", lambda _: torch.zeros(shape))
    with pytest.raises(SpecError, match=re.escape(f"of images (16, 1, 16, 16) have shape {shape}")):
        reconstruction_columns(evaluator, method)


@pytest.mark.slow
def test_other_seeds_keep_none():
    values = train(small(**LEAN, seed=1), OPTIONS, data=made_up()).values
    assert set(RECONSTRUCTION_COLUMNS).isdisjoint(values)


@pytest.mark.slow
def test_they_are_read_where_they_are_asked_for(tmp_path: Path):
    record = train(small(**LEAN), OPTIONS, data=made_up())
    store = ResultStore(tmp_path)
    store.commit(record)
    (row,) = store.read(RECONSTRUCTION_COLUMNS).to_pylist()
    assert row == {name: record.values[name] for name in RECONSTRUCTION_COLUMNS}
    assert set(store.read().column_names).isdisjoint(RECONSTRUCTION_COLUMNS)
