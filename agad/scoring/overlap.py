"""Overlap: what can be known of a one-class task before any detector is trained.

    python -m agad.scoring.overlap --dataset cifar10 --data data --out overlap.csv

Two numbers per class. Its overlap is how much of its neighbourhood belongs to other classes; arXiv 2606.02601 finds
that scores invert where anomalies lie among the normals, and this is our measure of that idea, for one normal class.
The AUROC of image complexity is that of a detector which looks at nothing but how many bytes an image compresses to: a
class of simple images has anomalies that are harder to reconstruct, one of busy images has easier ones.
"""

from __future__ import annotations

import argparse
import csv
import io
import sys
from collections.abc import Iterator, Sequence
from typing import NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from PIL import Image
from torch import Tensor

from agad import console
from agad.data.image import as_pixels
from agad.data.prepared import Prepared, open_prepared
from agad.errors import DataError
from agad.methods.floor.fitted import vectors
from agad.scoring.auroc import auroc

NEIGHBOURS = 10
_QUERIES = 256


class ClassFacts(NamedTuple):
    """Of one class as the normal one.

    Attributes:
        normal_class: its number.
        class_name: its name.
        overlap_pixels: of its test images' NEIGHBOURS nearest training images, the share in other classes, in [0, 1].
        overlap_gcn: the same on contrast-normalised pixels.
        auroc_complexity: of `complexity` as a score, in [0, 1].
    """

    normal_class: int
    class_name: str
    overlap_pixels: float
    overlap_gcn: float
    auroc_complexity: float


def overlap(data: Prepared) -> Iterator[ClassFacts]:
    """The numbers of each class that the test images hold beside others, from all training and test images.

    Raises DataError for fewer than NEIGHBOURS training images.
    """
    if len(data.train_labels) < NEIGHBOURS:
        raise DataError(f"{data.dataset} has {len(data.train_labels)} training images; overlap needs {NEIGHBOURS}")
    foreign = [_foreign_share(data, features) for features in ("pixels", "gcn")]
    sizes = complexity(data.test_images)
    for number, name in enumerate(data.class_names):
        is_anomaly = (data.test_labels != number).astype(np.int64)
        if not 0 < is_anomaly.sum() < len(is_anomaly):
            continue  # it has no test image, or all of them
        pixels, gcn = (float(share[is_anomaly == 0].mean()) for share in foreign)
        yield ClassFacts(number, name, pixels, gcn, auroc(is_anomaly, sizes))


def complexity(images: Tensor) -> NDArray[np.float64]:
    """(N,) bytes of each image (N, C, H, W) uint8 as PNG."""
    return np.array([_png_bytes(image) for image in images.numpy()], float)


def _png_bytes(pixels: NDArray[np.uint8]) -> int:
    file = io.BytesIO()
    Image.fromarray(np.ascontiguousarray(as_pixels(pixels))).save(file, "PNG")
    return file.tell()


def _foreign_share(data: Prepared, features: str) -> NDArray[np.float64]:
    """(N,) for each test image: the share of other classes among its nearest training images."""
    bank, labels = _as_vectors(data.train_images, features), torch.from_numpy(data.train_labels)
    norms, own = bank.square().sum(1), torch.from_numpy(data.test_labels)
    parts = []
    for images, classes in zip(torch.split(data.test_images, _QUERIES), torch.split(own, _QUERIES), strict=True):
        distances = norms - 2 * _as_vectors(images, features) @ bank.T  # but for what is the same in a line
        nearest = labels[distances.topk(NEIGHBOURS, 1, largest=False).indices]
        parts.append((nearest != classes[:, None]).double().mean(1))
    return torch.cat(parts).numpy()


def _as_vectors(images: Tensor, features: str) -> Tensor:
    return vectors(images.float() / 127.5 - 1, features)


def main(arguments: Sequence[str] | None = None) -> int:
    """The command line: 0, or 2 with one line that says what is wrong."""
    parser = argparse.ArgumentParser(description=(__doc__ or " ").splitlines()[0])
    parser.add_argument("--dataset", action="append", required=True, metavar="NAME", help="may be given several times")
    parser.add_argument("--image-size", type=int, default=32, metavar="PIXELS", help="(32)")
    parser.add_argument("--data", type=console.path, metavar="DIR", help="raw data")
    parser.add_argument("--cache", type=console.path, metavar="DIR", help="prepared data")
    parser.add_argument("--out", type=console.path, required=True, metavar="FILE", help="a CSV file")
    options = parser.parse_args(arguments)
    return console.run(lambda: _write(options), about=options.out)


def _write(options: argparse.Namespace) -> int:
    lines: list[tuple[object, ...]] = [("dataset", "image_size", "data_digest", *ClassFacts._fields)]
    console.check_target("--out", options.out, ",".join(map(str, lines[0])).encode(), takes_streams=True)
    for name in options.dataset:
        data = open_prepared(name, options.image_size, data_root=options.data, cache=options.cache)
        for facts in overlap(data):
            rounded = [round(value, 4) if isinstance(value, float) else value for value in facts]
            lines.append((name, data.image_size, data.digest, *rounded))
    text = io.StringIO()
    csv.writer(text, lineterminator="\n").writerows(lines)
    console.write_target(options.out, text.getvalue())
    return 0


if __name__ == "__main__":
    sys.exit(main())
