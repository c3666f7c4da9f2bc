"""How many runs to advance at once on a GPU, measured in seconds by updates of such a run itself."""

from __future__ import annotations

import time
from collections.abc import Mapping
from dataclasses import dataclass

import torch

from agad.data.prepared import Prepared
from agad.data.split import OneClassSplit, one_class_split
from agad.errors import is_out_of_memory
from agad.spec.run import RunOptions, RunSpec
from agad.tensors.device import open_device, settings
from agad.tensors.lane import Lane
from agad.train.graph.updater import Updater, updater_of
from agad.train.state import Training

SIZES = (1, 2, 4, 8)
_SECONDS = 0.5
"""Of updates at each size."""
_WORTHWHILE = 1.05
"""How many times as fast a size must be as the one before."""


def measured_rates(
    spec: RunSpec, data: Prepared, options: RunOptions, *, sizes: tuple[int, ...] = SIZES, seconds: float = _SECONDS
) -> dict[int, float]:
    """Updates per second of all runs together, by the number of runs at once.

    Sizes are tried from the smallest up, to the first that is not worthwhile or that memory does not suffice for. The
    runs are of the spec and of seeds beside its own; nothing is saved of them.

    Raises:
        DeviceError: the device is not there.
        torch.OutOfMemoryError: memory does not suffice for one run.
    """
    device = open_device(options.device)
    split = one_class_split(data, spec)
    crew: list[_Running] = []
    rates: dict[int, float] = {}
    with settings(device, options.threads):
        try:
            for size in sizes:
                while len(crew) < size:
                    seed = spec.replace(seed=spec.seed + len(crew))
                    crew.append(_start(seed, data, split, device, eager=options.eager))
                rates[size] = _rate(crew, seconds)
                if len(rates) > 1 and best_size(rates) != size:
                    break
        except RuntimeError as error:
            if not rates or not is_out_of_memory(error):
                raise
        finally:
            lanes = [_end(one) for one in crew]
            crew.clear()  # with all that the runs hold
            for lane in lanes:
                lane.release()
    return rates


def best_size(rates: Mapping[int, float]) -> int:
    """The smallest number of runs at once that no larger one is worthwhile beside, from what measured_rates returns."""
    best, *larger = sorted(rates)
    for size in larger:
        if rates[size] >= _WORTHWHILE * rates[best]:
            best = size
    return best


@dataclass(frozen=True, slots=True, eq=False)
class _Running:
    """A run of which only updates are made."""

    lane: Lane
    updater: Updater


def _start(spec: RunSpec, data: Prepared, split: OneClassSplit, device: torch.device, *, eager: bool) -> _Running:
    lane = Lane(device)
    with lane.active():
        training = Training(spec, data, split, device)
        return _Running(lane, updater_of(training, lane, eager=eager, beside=lambda: True))


def _end(one: _Running) -> Lane:
    one.updater.close()
    return one.lane


def _rate(crew: list[_Running], seconds: float) -> float:
    """Updates per second: each run begins its next update as soon as it has ended one, as in a crew."""
    for one in crew:
        _turn(one, ends=False)
    started, done = time.perf_counter(), 0
    while done < 2 * len(crew) or time.perf_counter() - started < seconds:
        for one in crew:
            _turn(one)
        done += len(crew)
    rate = done / (time.perf_counter() - started)
    for one in crew:
        _turn(one, begins=False)
    return rate


def _turn(one: _Running, *, ends: bool = True, begins: bool = True) -> None:
    with one.lane.active():
        if ends:
            one.updater.finish()
        if begins:
            one.updater.launch()
