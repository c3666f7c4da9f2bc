"""Measure the peak memory of a training process, and the seconds of its updates.

Each figure comes from a process that has loaded what a worker loads and no more; the comparisons of
benchmarks/training.py load torchvision, and with it torch's compiler, 0.15 GiB more.
"""

from __future__ import annotations

import os
import subprocess
import sys

from agad.data.split import one_class_split
from agad.scoring.evaluate import Evaluator
from agad.spec.run import RunSpec
from agad.tensors.device import open_device, peak_memory_bytes, reset_peak_memory, settings
from agad.train.state import Training
from agad.train.update import update
from benchmarks.measuring import PRECISIONS, in_turns, random_images, spread
from sweeps.machine import allocator


def measure_memory(backbone: str, batch: int, device: str, threads: int) -> None:
    """Peak memory and seconds of processes that train and score three-channel images at 32x32, in each precision.

    On the CPU with glibc's allocator as it is, and as workers have it; these take turns.
    """
    environments = {"": {}, "as in workers": allocator.variables(device)}
    for precision in PRECISIONS.values():
        arguments = (backbone, batch, precision, device, threads)
        code = f"from benchmarks.memory import print_peak; print_peak{arguments!r}"
        for name, variables in environments.items():
            if name and not variables:
                continue
            print(f"allocator {name or 'as it is'}: ", end="", flush=True)
            subprocess.run([sys.executable, "-c", code], check=True, env=os.environ | variables)  # noqa: S603 - our own code, values as literals


def print_peak(backbone: str, batch: int, precision: str, device_name_: str, threads: int) -> None:
    """The part of measure_memory that needs a process of its own."""
    device = open_device(device_name_)
    with settings(device, threads):
        spec = RunSpec(dataset="npz:random", normal_class=0, gamma=0.05, backbone=backbone, batch_size=batch)
        spec = spec.replace(precision=precision)
        data = random_images(32, 3, train=5000)
        split = one_class_split(data, spec)
        training = Training(spec, data, split, device)
        evaluator = Evaluator.of(spec, data, split, device)
        reset_peak_memory(device)
        seconds = in_turns({"step": lambda: update(training)}, 3, device)["step"]
        evaluator.scores(training.method, "eval")
        peak = peak_memory_bytes(device) / 2**30
    what = f"{backbone:<7} {precision} at 32x32x3, batch {batch}"
    print(f"{what}: peak memory {peak:.2f} GiB, an update {spread(seconds)}", flush=True)
