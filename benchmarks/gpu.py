"""Measure training on one GPU: the plain loop, ours by precision, layout and number of runs at once, and the ceilings.

    python -m benchmarks.gpu                       # all stages, under four minutes
    python -m benchmarks.gpu --stage naive-32      # one of them, in this process

Each stage is a process of its own with a time limit, and prints lines of a Markdown table as they are measured. What
fails is a line that says so. Images are random; launches, claims and rows of a sweep are not in these figures.
"""

from __future__ import annotations

import argparse
import logging
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from contextlib import AbstractContextManager, suppress
from dataclasses import dataclass, field
from unittest.mock import patch

import torch

from agad.data.prepared import Prepared
from agad.data.split import one_class_split
from agad.methods import build_generator
from agad.scoring import replays
from agad.scoring.evaluate import Evaluator
from agad.scoring.inference import median_seconds
from agad.scoring.replays import Replays
from agad.spec.run import RunOptions, RunSpec
from agad.tensors import capture
from agad.tensors import device as layouts
from agad.tensors.capture import Graph
from agad.tensors.device import device_name, open_device, place, settings
from agad.tensors.lane import Lane
from agad.tensors.seeding import generator as seeded
from agad.train.graph.size import best_size, measured_rates
from agad.train.state import Training
from benchmarks.measuring import random_images, seconds_of
from benchmarks.training import Ceilings

STAGES = {"ceilings": 20.0, "naive-32": 50.0, "unet-32": 45.0, "unetpp-32": 60.0, "unetpp-128": 60.0}
"""Seconds at most of each: 235 in all."""
BATCHES = {32: 256, 128: 64}
TABLE_8 = {"naive": 2.67, "unet": 5.41, "unetpp": 16.73}
"""The paper's milliseconds for one 32x32 image on an A40."""
PROCESSES = 4
HEAD = "| nets | what | ms an update | updates/s | times plain | GiB |\n|---|---|--:|--:|--:|--:|"


def main() -> None:
    """The command line."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.gpu", description=(__doc__ or " ").splitlines()[0])
    parser.add_argument("--stage", choices=STAGES, help="only this one, in this process, without a time limit")
    parser.add_argument("--device", default="cuda", help="cuda, or cpu to try the program itself (cuda)")
    parser.add_argument("--batch", type=int, help="images in a batch (256; at 128x128 64)")
    parser.add_argument("--seconds", type=float, default=0.6, help="of updates for each line (0.6)")
    parser.add_argument("--rate-only", action="store_true", help=argparse.SUPPRESS)  # one of PROCESSES
    options = parser.parse_args()
    if options.stage is None:
        _run_stages(options)
    elif options.stage == "ceilings":
        device = open_device(options.device)
        print(f"{device_name(device)}, torch {torch.__version__}, Python {sys.version.split()[0]}", flush=True)
        print(Ceilings.measured(device), flush=True)
        print(HEAD, flush=True)
    else:
        stage = Stage.of(options)
        if options.rate_only:
            print(measured_rates(stage.spec("bf16"), stage.data, stage.options, sizes=(1,), seconds=4.0)[1], flush=True)
        else:
            stage.measure()


def _run_stages(options: argparse.Namespace) -> None:
    started = time.monotonic()
    for name, limit in STAGES.items():
        process = subprocess.Popen(_command(name, options), start_new_session=True)  # noqa: S603 - our own
        try:
            process.wait(limit)
        except subprocess.TimeoutExpired:
            print(f"| {name} | stopped after {limit:.0f} s | | | | |", flush=True)
        finally:
            _end(process)
    print(f"measured in {time.monotonic() - started:.0f} s", flush=True)


def _command(stage: str, options: argparse.Namespace, *more: str) -> list[str]:
    batch = [] if options.batch is None else ["--batch", str(options.batch)]
    own = ["--stage", stage, "--device", options.device, "--seconds", str(options.seconds)]
    return [sys.executable, "-m", "benchmarks.gpu", *own, *batch, *more]


def _end(process: subprocess.Popen[bytes]) -> None:
    """End a stage with all processes that it has started; that it is gone already is no error."""
    with suppress(ProcessLookupError):
        os.killpg(process.pid, signal.SIGKILL)
    process.wait()


@dataclass(slots=True)
class Stage:
    """What is measured of one kind of net."""

    name: str
    backbone: str
    size: int
    batch: int
    seconds: float
    options: RunOptions
    call: argparse.Namespace
    data: Prepared = field(init=False)
    plain: float | None = field(init=False, default=None)  # its updates per second

    def __post_init__(self) -> None:
        self.data = random_images(self.size, 1 if self.backbone == "naive" else 3)

    @classmethod
    def of(cls, call: argparse.Namespace) -> Stage:
        """The stage that a command line names."""
        backbone, _, size = call.stage.partition("-")
        batch = call.batch or BATCHES[int(size)]
        return cls(
            call.stage, backbone, int(size), batch, call.seconds, RunOptions(device=call.device, threads=1), call
        )

    @property
    def scored(self) -> int:
        """Images of a test set; ten thousand large ones would take a stage of their own."""
        return 10_000 if self.size == 32 else 1_000

    def spec(self, precision: str) -> RunSpec:
        """A run of these nets."""
        return RunSpec(
            dataset="npz:random",
            normal_class=0,
            gamma=0.05,
            backbone=self.backbone,
            image_size=self.size,
            batch_size=self.batch,
            min_anomalies=max(1, min(32, self.batch // 8)),
            precision=precision,
            eval_precision=precision,
        )

    def measure(self) -> None:
        """Print all lines of this stage, the most wanted first."""
        self.line("plain loop, torch's defaults", self._plain)
        for precision in ("fp32", "tf32", "bf16"):
            self.line(f"ours, {precision}", lambda one=precision: self._one(one))  # type: ignore[misc]
        self.line("ours, bf16, not captured", lambda: self._one("bf16", eager=True))
        self.together("bf16")
        for protocol in ("batch_shuffled", "eval"):
            for kind in ("eager", "captured"):
                what = f"scoring {self.scored:,} images, {protocol}, bf16, {kind} (ms: the whole)"
                self.line(what, lambda at=protocol, kind=kind: self._scoring(at, kind == "eager"), share=1)  # type: ignore[misc]
        if self.size == 32:
            self.inference()
        for precision in ("fp32", "tf32", "bf16"):
            self.line(f"ours, {precision}, the other layout", lambda one=precision: self._relaid(one))  # type: ignore[misc]
        if self.name in ("naive-32", "unetpp-32"):
            self.line(f"{PROCESSES} processes of one run each, bf16", self._processes)

    def line(self, what: str, updates_per_second: Callable[[], float], *, share: float | None = None) -> None:
        """Print a line of the table; `share`: nothing that the plain loop could be compared with."""
        peak = self.options.device.startswith("cuda")
        said = Said()
        try:
            if peak:
                torch.cuda.empty_cache()
                torch.cuda.reset_peak_memory_stats()
            rate = updates_per_second()
            memory = f"{torch.cuda.max_memory_reserved() / 2**30:.1f}" if peak else ""
        except Exception as error:  # noqa: BLE001 - the other lines are wanted all the same
            reason = " ".join(f"{type(error).__name__}: {error}".split())[:200].replace("|", "/")
            print(f"| {self.name} | {what}: failed, {reason} | | | | |", flush=True)
            return
        finally:
            said.end()
        times = f"{rate / self.plain:.1f}" if self.plain and share is None else ""
        print(f"| {self.name} | {what} | {1000 / rate:.2f} | {rate:.1f} | {times} | {memory} |", flush=True)
        for line in said.lines:
            print(f"| {self.name} | of this: {line.replace('|', '/')} | | | | |", flush=True)

    def together(self, precision: str) -> None:
        """Several runs at once, as `--together auto` measures them, and which number it takes."""
        rates: dict[int, float] = {}

        def measure() -> float:
            rates.update(measured_rates(self.spec(precision), self.data, self.options, seconds=self.seconds))
            return rates[best_size(rates)]

        self.line(f"ours, {precision}, --together auto (updates of all runs)", measure)
        shown = ", ".join(f"{count}: {rate:.1f}" for count, rate in rates.items())
        print(f"| {self.name} | runs at once and their updates/s: {shown} | | | | |", flush=True)

    def inference(self) -> None:
        """Milliseconds of one image through G, beside Table 8's."""
        paper = TABLE_8[self.backbone]
        for kind in ("eager", "captured"):
            what = f"one image, {kind} (ms; the paper on an A40: {paper})"
            self.line(what, lambda kind=kind: 1 / self._one_image(kind == "captured"), share=1)  # type: ignore[misc]

    def _plain(self) -> float:
        from benchmarks.plain_loop import PlainLoop  # late: it needs torchvision

        device = open_device(self.options.device)
        spec = self.spec("fp32").replace(eval_precision="fp32")
        loop = PlainLoop(spec, self.data, one_class_split(self.data, spec), device)
        for _ in range(3):
            loop.step()
        done, started = 0, time.perf_counter()
        while done < 3 or time.perf_counter() - started < 2 * self.seconds:
            loop.step()
            done += 1
        self.plain = done / (time.perf_counter() - started)
        return self.plain

    def _one(self, precision: str, *, eager: bool = False) -> float:
        options = RunOptions(device=self.options.device, threads=1, eager=eager)
        return measured_rates(self.spec(precision), self.data, options, sizes=(1,), seconds=self.seconds)[1]

    def _relaid(self, precision: str) -> float:
        with other_layout(self.options.device, precision):
            return self._one(precision)

    def _scoring(self, protocol: str, eager: bool) -> float:
        spec, device = self.spec("bf16"), open_device(self.options.device)
        data = random_images(self.size, self.data.channels, test=self.scored if device.type == "cuda" else 50)
        split, lane = one_class_split(data, spec), Lane(device)
        with settings(device, 1), lane.active():
            training = Training(spec, data, split, device)
            evaluator = Evaluator.of(spec, data, split, device)

            def scored() -> None:
                with patch.object(replays, "WORTHWHILE", 2), Replays.of(spec, lane, eager=eager) as own:
                    evaluator.scores(training.method, protocol, lambda: None, 0, own)

            scored()
            return 1 / seconds_of(scored, device)

    @torch.no_grad()
    def _one_image(self, captured: bool) -> float:
        device = open_device(self.options.device)
        lane = Lane(device)
        with settings(device, 1), lane.active():
            net = place(build_generator(self.spec("fp32"), self.data.channels, seeded("bench")), device)
            x = torch.zeros(1, self.data.channels, self.size, self.size, device=device)
            one_pass: Callable[[], object] = lambda: net(x)  # noqa: E731 - replaced by a replay below
            if captured:
                one_pass()
                one_pass = Graph(one_pass, lane).replay  # type: ignore[arg-type]

            def waited() -> None:
                one_pass()
                if lane.stream is not None:
                    lane.stream.synchronize()

            return median_seconds(waited)

    def _processes(self) -> float:
        """Updates/s of all, each measured over the same seconds at most: starts are not quite simultaneous."""
        command = _command(self.name, self.call, "--rate-only")
        running = [subprocess.Popen(command, stdout=subprocess.PIPE, encoding="utf-8") for _ in range(PROCESSES)]  # noqa: S603
        return sum(float(one.communicate()[0].split()[-1]) for one in running)


class Said(logging.Handler):
    """What the log says of a line: that an update was not captured, for one."""

    def __init__(self) -> None:
        super().__init__(logging.WARNING)
        self.lines: list[str] = []
        logging.getLogger("agad").addHandler(self)
        capture._say_once.cache_clear()  # else it would be said of the first line alone

    def emit(self, record: logging.LogRecord) -> None:
        """Keep the message."""
        self.lines.append(record.getMessage())

    def end(self) -> None:
        """Listen no more."""
        logging.getLogger("agad").removeHandler(self)


def other_layout(device: str, precision: str) -> AbstractContextManager[object]:
    """While this lasts, nets and images have the layout that they do not have there."""
    usual = layouts._DEFAULT_LAYOUT
    return patch.object(layouts, "_DEFAULT_LAYOUT", usual ^ {(torch.device(device).type, precision)})


if __name__ == "__main__":
    main()
