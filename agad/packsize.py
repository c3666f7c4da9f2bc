"""How many runs should go together on a device: found by trying, since it depends on net, size and device."""

from __future__ import annotations

import statistics
import time

import torch

from agad.data.prepared import Prepared
from agad.data.split import one_class_split
from agad.device import reset_peak_memory, settings
from agad.errors import is_out_of_memory
from agad.evaluate import Evaluator
from agad.pack import Pack
from agad.spec import RunSpec
from agad.training import Training

LARGEST = 64
_GAIN = 1.05
"""What twice the members must bring in updates per second."""
_MEMORY = 0.6
"""Share of the device's memory that the largest pack to be tried may have come to; scoring needs room, too."""
_UPDATES = 5


def measured_size(spec: RunSpec, data: Prepared, device: torch.device) -> int:
    """The size of pack with the most updates per second of all members, by powers of two; 1 where none is better.

    Tries end where twice the members bring less than five in a hundred, or do not fit into memory. It trains copies of
    the spec with other seeds and keeps nothing of them.
    """
    reset_peak_memory(device)  # of trainings before
    with settings(device, None):  # as runs have them
        best, rate, size = 1, updates_per_second(spec, data, device, 1), 2
        while size <= LARGEST and _has_room(device):
            try:
                found = updates_per_second(spec, data, device, size)
            except RuntimeError as error:
                if not is_out_of_memory(error):
                    raise
                break
            if found < _GAIN * rate:
                break
            best, rate, size = size, found, 2 * size
    if device.type == "cuda":
        torch.cuda.empty_cache()
    return best


def updates_per_second(spec: RunSpec, data: Prepared, device: torch.device, size: int) -> float:
    """Updates of all members of a pack per second: the median of a few, after two that warm up."""
    specs = [spec.replace(seed=seed) for seed in range(size)]
    split = one_class_split(data, spec)
    pack = Pack([Training(one, data, split, device) for one in specs])
    _evaluators = [Evaluator.of(one, data, split, device) for one in specs]  # for the memory that they take
    times = []
    for _ in range(2 + _UPDATES):
        started = time.perf_counter()
        pack.step()  # ends with all numbers on the host
        times.append(time.perf_counter() - started)
    return size / statistics.median(times[2:])


def _has_room(device: torch.device) -> bool:
    if device.type != "cuda":
        return True
    return torch.cuda.max_memory_allocated(device) < _MEMORY * torch.cuda.get_device_properties(device).total_memory / 2
