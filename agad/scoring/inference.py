"""Size of a generator, and its time per image (Table 8); nothing is trained."""

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
"""Batch sizes timed for the best rate. Batch 1 is Table 8's, "the duration of inferencing one 32x32 image"."""
WARM_UPS = 2
"""Untimed passes at the start of a batch size: they allocate memory, and on CUDA choose algorithms."""
FEWEST, MOST = 5, 200
"""Limits on the number of timed passes at a batch size."""
ENOUGH = 0.5
"""Seconds of timed passes after which, within those limits, a batch size is finished."""


@torch.no_grad()
def measure_inference(spec: RunSpec, data: Prepared, device: torch.device, tick: Callable[[], None]) -> dict[str, Any]:
    """The columns `parameters_g` and schema.MEASURED_COLUMNS for the spec's generator as initialised.

    A pass is timed over test images that are on the device already, in BNMode.RUNNING (inference), until the device
    has finished it. A batch size's time is its median pass divided by its images, in milliseconds per image. `tick` is
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
    """Median seconds of a pass: of FEWEST to MOST, until they take ENOUGH seconds, after WARM_UPS untimed ones."""
    for _ in range(WARM_UPS):
        one_pass()
    seconds: list[float] = []
    while len(seconds) < FEWEST or (len(seconds) < MOST and sum(seconds) < ENOUGH):
        start = clock()
        one_pass()
        seconds.append(clock() - start)
    return statistics.median(seconds)
