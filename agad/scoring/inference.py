"""How large a generator is and how long it takes for an image (Table 8); nothing is trained."""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable
from typing import Any

import numpy as np
import torch

from agad.data.prepared import Prepared
from agad.methods import build_generator
from agad.nets.build import count_parameters
from agad.spec.run import RunSpec
from agad.tensors.device import place
from agad.tensors.pool import ImagePool
from agad.tensors.seeding import generator as seeded

BATCH_SIZES = (1, 2, 4, 8, 16, 32, 64, 128, 256)
"""Tried for the best rate; batch 1 is what Table 8 is taken to time: "the duration of inferencing one 32x32 image"."""
WARM_UPS = 2
"""Passes before the first that counts: they allocate memory, and on CUDA choose algorithms."""
FEWEST, MOST = 5, 200
"""Passes that are timed at a batch size, and ENOUGH seconds of them where that is between."""
ENOUGH = 0.5


@torch.no_grad()
def measure_inference(spec: RunSpec, data: Prepared, device: torch.device, tick: Callable[[], None]) -> dict[str, Any]:
    """The columns `parameters_g` and schema.MEASURED_COLUMNS of the spec's generator as it is before training.

    Timed are passes over test images that are on the device already, in BNMode.RUNNING (inference), until the device
    has finished them: the median pass of a batch size, divided by its images, in milliseconds per image. `tick` is
    called before each batch size; an exception from it ends the measurement.
    """
    key = seeded("init", "generator", spec.backbone, spec.seed)
    net = place(build_generator(spec, data.channels, key), device)
    count = len(data.test_images)
    images = ImagePool(data.test_images, np.arange(count), device)
    per_image = {}
    for size in BATCH_SIZES:
        tick()
        x = images.take(torch.arange(size) % count)

        def one_pass(x: torch.Tensor = x) -> None:
            net(x)
            if device.type == "cuda":
                torch.cuda.synchronize(device)

        per_image[size] = 1000 * median_seconds(one_pass) / size
    best = min(per_image, key=per_image.__getitem__)
    return {
        "parameters_g": count_parameters(net),
        "inference_ms_batch1": per_image[1],
        "inference_ms_best": per_image[best],
        "inference_best_batch": best,
    }


def median_seconds(one_pass: Callable[[], None], clock: Callable[[], float] = time.perf_counter) -> float:
    """Median duration of a pass, after WARM_UPS that do not count: FEWEST to MOST passes, ENOUGH seconds in all."""
    for _ in range(WARM_UPS):
        one_pass()
    seconds: list[float] = []
    while len(seconds) < FEWEST or (len(seconds) < MOST and sum(seconds) < ENOUGH):
        start = clock()
        one_pass()
        seconds.append(clock() - start)
    return statistics.median(seconds)
