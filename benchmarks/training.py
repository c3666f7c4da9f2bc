"""Measure one update, scoring and memory, beside the plain loop of benchmarks/plain_loop.py.

    python -m benchmarks.training                  # on the GPU where there is one, else on the CPU
    python -m benchmarks.training --quick          # naive at 32x32 only, fewer repetitions

Images are random. Variants take turns, update by update, so that what else the machine does falls on all of them:
trust the ratios. Seconds are medians with quartiles; on the CPU they are seconds of CPU of one process, which other
processes disturb least. Figures that were measured are in docs/benchmarks.md.
"""

from __future__ import annotations

import argparse
import functools
import statistics
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import torch
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils.flop_counter import FlopCounterMode

from agad.data.split import one_class_split
from agad.scoring.evaluate import Evaluator
from agad.spec.run import RunSpec
from agad.tensors.device import device_name, open_device, settings
from agad.train.state import Training
from agad.train.update import update
from benchmarks.measuring import PRECISIONS, best_seconds, in_turns, random_images, seconds_of, spread
from benchmarks.memory import measure_memory
from benchmarks.plain_loop import PlainLoop

BACKBONES = ("naive", "unet", "unetpp")
BATCHES = {
    "cuda": {"naive": (256, 64), "unet": (256, 64), "unetpp": (256, 64)},
    "cpu": {"naive": (256, 16), "unet": (64, 4), "unetpp": (64, 4)},
}
"""Images in a batch at 32x32 and at 128x128. The CPU's are smaller, so that the whole takes minutes, not hours."""


def main() -> None:
    """The command line."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.training", description=(__doc__ or " ").splitlines()[0])
    parser.add_argument("--device", choices=("auto", "cpu", "cuda"), default="auto")
    parser.add_argument("--threads", type=int, default=1, metavar="N", help="torch threads (1)")
    parser.add_argument("--repeat", type=int, default=9, metavar="N", help="updates that are timed (9)")
    parser.add_argument("--backbone", choices=BACKBONES, help="only this one")
    parser.add_argument("--memory", action="store_true", help="only peak memory, with glibc as it is and as in workers")
    parser.add_argument("--quick", action="store_true", help="naive at 32x32 only, three updates each")
    options = parser.parse_args()
    name = ("cuda" if torch.cuda.is_available() else "cpu") if options.device == "auto" else options.device
    device = open_device(name)
    backbones = ("naive",) if options.quick else (options.backbone,) if options.backbone else BACKBONES
    repeat = 3 if options.quick else options.repeat
    print(f"{device_name(device)}, torch {torch.__version__}, {options.threads} threads", flush=True)
    with settings(device, options.threads):
        if not options.memory:
            ceilings = Ceilings.measured(device)
            print(ceilings, flush=True)
            bench = Bench(device, repeat, ceilings)
            for backbone in backbones:
                for size, batch in zip((32, 128), BATCHES[name][backbone], strict=True):
                    if size == 32 or not options.quick:
                        measure_updates(backbone, size, batch, bench)
                measure_scoring(backbone, device, 1000 if options.quick else 10_000)
    for backbone in backbones:
        measure_memory(backbone, 256, name, options.threads)


class Ceilings:
    """What the device can do at most, measured: multiply large matrices, and copy."""

    def __init__(self, flops: Mapping[str, float], bandwidth: float) -> None:
        self.flops = flops
        self.bandwidth = bandwidth

    @classmethod
    def measured(cls, device: torch.device) -> Ceilings:
        """FLOP/s of each precision, and bytes read and written per second."""
        n = 8192 if device.type == "cuda" else 1024
        flops = {}
        for precision, kind in (("fp32", torch.float32), ("bf16", torch.bfloat16)):
            a, b = torch.ones(n, n, dtype=kind, device=device), torch.ones(n, n, dtype=kind, device=device)
            flops[precision] = 2 * n**3 / best_seconds(lambda a=a, b=b: a @ b, device)  # type: ignore[misc]
        x = torch.zeros(2**28 if device.type == "cuda" else 2**26, device=device)
        y = torch.empty_like(x)
        return cls(flops, 2 * x.nbytes / best_seconds(lambda: y.copy_(x), device))

    def __str__(self) -> str:
        arithmetic = ", ".join(f"{name} {value / 1e9:.0f} GFLOP/s" for name, value in self.flops.items())
        return f"ceilings: {arithmetic}; memory {self.bandwidth / 1e9:.1f} GB/s"


@dataclass(frozen=True, slots=True)
class Bench:
    """Where updates are timed, and how often."""

    device: torch.device
    repeat: int
    ceilings: Ceilings


class Traffic(TorchDispatchMode):  # type: ignore[no-untyped-call]
    """Counts the bytes that operations read and write, each tensor once an operation; views are free."""

    def __init__(self) -> None:
        super().__init__()  # type: ignore[no-untyped-call]
        self.bytes = 0

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        out = func(*args, **(kwargs or {}))
        if not func.is_view:
            self.bytes += sum(t.nbytes for t in _tensors((args, kwargs or {}, out)))
        return out


def _tensors(values: Any) -> list[torch.Tensor]:
    return [leaf for leaf in torch.utils._pytree.tree_leaves(values) if isinstance(leaf, torch.Tensor)]


def measure_updates(backbone: str, size: int, batch: int, bench: Bench) -> None:
    """Plain loop, default and fastest setting in turns."""
    base = RunSpec(dataset="npz:random", normal_class=0, gamma=0.05, backbone=backbone, image_size=size)
    base = base.replace(batch_size=batch, min_anomalies=max(1, min(32, batch // 8)))
    data = random_images(size, 1 if size == 32 and backbone == "naive" else 3)
    split = one_class_split(data, base)
    steps: dict[str, Callable[[], Any]] = {"plain": PlainLoop(base, data, split, bench.device).step}
    for variant, precision in PRECISIONS.items():
        training = Training(base.replace(precision=precision), data, split, bench.device)
        steps[variant] = functools.partial(update, training)
    times = in_turns(steps, bench.repeat, bench.device)
    work = _work_of(steps["default"])
    plain, memory = statistics.median(times["plain"]), bench.ceilings.bandwidth
    for variant, seconds in times.items():
        middle = statistics.median(seconds)
        ratios = [one / other for one, other in zip(times["plain"], seconds, strict=True)]
        flops, moved = work
        ceiling = bench.ceilings.flops[PRECISIONS.get(variant, "fp32")]
        print(
            f"{backbone:<7} {size}x{size}x{data.channels} batch {batch:<4} {variant:<8} {spread(seconds)}  "
            f"{batch / middle:8.0f} images/s  {plain / middle:5.2f} times plain ({spread(ratios, '')})  "
            f"{flops / middle / ceiling:4.0%} of arithmetic, {moved / middle / memory:4.0%} of memory",
            flush=True,
        )


def measure_scoring(backbone: str, device: torch.device, images: int) -> None:
    """Seconds to score that many test images at 32x32 under protocol `eval`."""
    spec = RunSpec(dataset="npz:random", normal_class=0, backbone=backbone)
    data = random_images(32, 3, test=images)
    split = one_class_split(data, spec)
    training = Training(spec, data, split, device)
    evaluator = Evaluator.of(spec, data, split, device)
    seconds = seconds_of(lambda: evaluator.scores(training.method, "eval"), device)
    print(f"{backbone:<7} scoring {images} images {seconds:.1f} s", flush=True)


def _work_of(step: Callable[[], Any]) -> tuple[float, float]:
    """Floating-point operations and bytes of a step."""
    counter, traffic = FlopCounterMode(display=False), Traffic()
    with counter:
        step()
    with traffic:
        step()
    return float(counter.get_total_flops()), float(traffic.bytes)


if __name__ == "__main__":
    main()
