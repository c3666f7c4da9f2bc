"""What is known of a class before training: exact on made-up classes, and stored as it was computed."""

from __future__ import annotations

import csv
from pathlib import Path

import numpy as np
import pytest
import torch

from agad.data.prepared import Prepared, in_memory
from agad.errors import DataError
from agad.scoring.overlap import complexity, main, overlap


def two_classes(shift: int) -> Prepared:
    """Two classes of noise around a grey level each, `shift` apart."""
    source = np.random.default_rng(0)

    def draw(count: int) -> tuple[torch.Tensor, np.ndarray]:
        labels = np.arange(count, dtype=np.int64) % 2
        noise = source.integers(0, 20, (count, 1, 16, 16))
        return torch.from_numpy((noise + shift * labels[:, None, None, None]).astype(np.uint8)), labels

    return in_memory("npz:two", draw(600), draw(300), ("a", "b"))


def test_classes_apart_do_not_overlap_and_equal_ones_do_by_half() -> None:
    apart, equal = (list(overlap(two_classes(shift))) for shift in (100, 0))

    assert [one.overlap_pixels for one in apart] == [0.0, 0.0]
    for one in equal:
        assert one.overlap_pixels == pytest.approx(0.5, abs=0.06)
        assert one.overlap_gcn == pytest.approx(0.5, abs=0.06)
        assert one.auroc_complexity == pytest.approx(0.5, abs=0.1)


def test_a_busy_class_has_simple_anomalies() -> None:
    """The complexity of two classes mirrors: what is an anomaly for one is normal for the other."""
    source = np.random.default_rng(1)
    flat = np.full((20, 1, 16, 16), 40, np.uint8)
    busy = source.integers(0, 255, (20, 1, 16, 16), dtype=np.uint8)
    images, labels = torch.from_numpy(np.concatenate([flat, busy])), np.repeat([0, 1], 20).astype(np.int64)
    data = in_memory("npz:two", (images, labels), (images, labels), ("flat", "busy"))

    assert [one.auroc_complexity for one in overlap(data)] == [1.0, 0.0]
    assert complexity(images)[:20].max() < complexity(images)[20:].min()


@pytest.mark.filterwarnings("error")
def test_a_class_without_test_images_is_left_out() -> None:
    """It has no number, rather than one that is none."""
    data = two_classes(100)
    train = (data.train_images, data.train_labels)
    first = torch.from_numpy(data.test_labels == 0)
    both = in_memory("npz:three", train, (data.test_images, data.test_labels), ("a", "b", "c"))
    alone = in_memory("npz:two", train, (data.test_images[first], data.test_labels[first.numpy()]), ("a", "b"))

    assert [one.class_name for one in overlap(both)] == ["a", "b"]
    assert list(overlap(alone)) == []


def test_too_few_training_images_are_one_line() -> None:
    data = two_classes(100)
    test = (data.test_images, data.test_labels)
    few = in_memory("npz:two", (data.train_images[:9], data.train_labels[:9]), test, ("a", "b"))
    with pytest.raises(DataError, match="npz:two has 9 training images; overlap needs 10"):
        next(overlap(few))


@pytest.mark.slow
def test_the_command_writes_a_line_per_class(tmp_path: Path) -> None:
    out = tmp_path / "overlap.csv"

    assert main(["--dataset", "digits", "--cache", str(tmp_path), "--image-size", "16", "--out", str(out)]) == 0
    with out.open(encoding="utf-8", newline="") as file:
        lines = list(csv.DictReader(file))
    assert [int(line["normal_class"]) for line in lines] == list(range(10))
    assert all(0 <= float(line["overlap_pixels"]) < 0.4 for line in lines), lines


def test_missing_data_is_one_line(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    arguments = [
        "--dataset",
        "cifar10",
        "--data",
        str(tmp_path),
        "--cache",
        str(tmp_path),
        "--out",
        str(tmp_path / "o"),
    ]

    assert main(arguments) == 2
    assert len(capsys.readouterr().err.strip().splitlines()) == 1
