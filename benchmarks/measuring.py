"""Measuring training: random images, steps that take turns, and what they took."""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
import torch

from agad.data.prepared import Prepared, in_memory

PRECISIONS = {"default": "fp32", "fastest": "bf16"}


def random_images(size: int, channels: int, *, train: int = 2000, test: int = 100) -> Prepared:
    """Two classes of random images."""
    draw = np.random.default_rng(0)

    def images(count: int) -> tuple[torch.Tensor, np.ndarray]:
        values = draw.integers(0, 256, (count, channels, size, size), np.uint8)
        return torch.from_numpy(values), np.arange(count, dtype=np.int64) % 2

    return in_memory("npz:random", images(train), images(test), ("a", "b"))


def in_turns(steps: Mapping[str, Callable[[], Any]], repeat: int, device: torch.device) -> dict[str, list[float]]:
    """Seconds of each step, `repeat` of each by turns, after two of each that warm up."""
    times: dict[str, list[float]] = {name: [] for name in steps}
    for turn in range(2 + repeat):
        for name, step in steps.items():
            seconds = seconds_of(step, device)
            if turn >= 2:
                times[name].append(seconds)
    return times


def best_seconds(action: Callable[[], Any], device: torch.device) -> float:
    """The shortest of ten, after one that warms up."""
    action()
    return min(seconds_of(action, device) for _ in range(10))


def seconds_of(action: Callable[[], Any], device: torch.device) -> float:
    """Of wall time on a GPU, which has ended then; of CPU per thread on the CPU."""
    if device.type == "cuda":
        torch.cuda.synchronize(device)
        started = time.perf_counter()
        action()
        torch.cuda.synchronize(device)
        return time.perf_counter() - started
    started = time.process_time()
    action()
    return (time.process_time() - started) / torch.get_num_threads()


def spread(values: list[float], unit: str = "s") -> str:
    """Median and quartiles."""
    low, middle, high = statistics.quantiles(values, n=4, method="inclusive")
    return f"{middle:.3f} {unit} [{low:.3f}, {high:.3f}]".replace("  ", " ")
