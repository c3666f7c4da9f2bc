"""RayOptions: the options of the Ray executor alone. Light: it imports no ray."""

from __future__ import annotations

import argparse
import math
from collections.abc import Iterable
from dataclasses import dataclass

from agad.errors import AgadError
from agad.spec.run import RunSpec

from ...cli.arguments import positive

VALIDATION_METRICS = ("auroc_val", "auroc_val_eval_recal")
"""The row's columns by which runs may be pruned: test images are never used for them."""


@dataclass(frozen=True, slots=True, kw_only=True)
class RayOptions:
    """How runs become Ray trials.

    Attributes:
        address: HOST:PORT of a running cluster, or `auto` for the one of this machine; None: the launch starts and ends
            a cluster of its own.
        cpu: CPUs of a Ray trial; None: as many as a worker has threads.
        gpu: GPUs of a Ray trial, or a share of one; None: one on CUDA, else none.
        dashboard_host: the address that the dashboard of a cluster of its own binds to; None: there is none.
        tensorboard: whether Tune's TensorBoard files stay.
        scheduler: `asha` or `median`, which prune runs; None: every run is trained to its end.
        metric: the validation score that it judges by, one of VALIDATION_METRICS.
        grace: updates before which no run is pruned; None: the first point of the curve.
    """

    address: str | None = None
    cpu: float | None = None
    gpu: float | None = None
    dashboard_host: str | None = None
    tensorboard: bool = False
    scheduler: str | None = None
    metric: str = VALIDATION_METRICS[0]
    grace: int | None = None


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The options, as a group of their own."""
    group = parser.add_argument_group("with --executor ray")
    group.add_argument(
        "--address",
        metavar="HOST:PORT",
        type=_address,
        help="a running Ray cluster, or auto for the one of this machine",
    )
    group.add_argument(
        "--resources", metavar="cpu=N,gpu=N", type=_resources, help="of each run (cpu as --threads, gpu=1 on CUDA)"
    )
    group.add_argument("--tensorboard", action="store_true", help="keep TensorBoard files in RESULTS/ray/")
    group.add_argument(
        "--scheduler", choices=("asha", "median"),
        help="stop underperforming runs early, compared with those of the same class and γ; needs --set validation=0.1",
    )  # fmt: skip
    group.add_argument(
        "--metric",
        type=_metric,
        metavar="COLUMN",
        help=f"its validation score: {' or '.join(VALIDATION_METRICS)} (the first)",
    )
    group.add_argument(
        "--grace", type=positive, metavar="UPDATES", help="no run is stopped before (the first point of the curve)"
    )
    group.add_argument("--dashboard-host", metavar="HOST", help="start Ray's dashboard there, as on 127.0.0.1 (none)")


def from_arguments(options: argparse.Namespace) -> RayOptions:
    """The options of a command line. Raises AgadError for options that do not go with the others."""
    given = RayOptions(
        address=options.address,
        cpu=None if options.resources is None else options.resources.get("cpu"),
        gpu=None if options.resources is None else options.resources.get("gpu"),
        dashboard_host=options.dashboard_host,
        tensorboard=options.tensorboard,
        scheduler=options.scheduler,
        metric=options.metric or VALIDATION_METRICS[0],
        grace=options.grace,
    )
    if options.executor != "ray":
        for name in ("address", "resources", "dashboard_host", "tensorboard", "scheduler", "metric", "grace"):
            if getattr(options, name):
                raise AgadError(f"--{name.replace('_', '-')} is for --executor ray")
    elif given.scheduler is None and (options.metric or options.grace):
        raise AgadError("--metric and --grace are for --scheduler")
    elif given.address and given.dashboard_host:
        raise AgadError("--dashboard-host is for a cluster that the launch starts; that at --address has its own")
    return given


def check_judged(specs: Iterable[RunSpec], options: RayOptions) -> None:
    """Refuse a scheduler whose validation score the runs do not have. Raises AgadError, one line."""
    if options.scheduler is None:
        return
    for spec in specs:
        if spec.validation == 0:
            raise AgadError(
                f"--scheduler {options.scheduler} judges by a validation score, which these runs do not have; "
                "add --set validation=0.1"
            )
        if options.metric.endswith("eval_recal") and "eval_recal" not in spec.curve_protocols:
            raise AgadError(f"--metric {options.metric} needs --set curve_protocols=eval,eval_recal")
        if not spec.curve:
            raise AgadError(
                f"--scheduler {options.scheduler} judges at points of the curve, and there is none before the end; "
                f"add --set curve=U,U,... below {spec.updates}"
            )


def _metric(text: str) -> str:
    if text not in VALIDATION_METRICS:
        is_test = text.startswith("auroc")
        why = "is a score of the test set; runs must not be chosen by it" if is_test else "is no validation score"
        raise argparse.ArgumentTypeError(f"{text!r} {why}: use {' or '.join(VALIDATION_METRICS)}")
    return text


def _address(text: str) -> str:
    host, colon, port = text.rpartition(":")
    if text != "auto" and not (host and colon and port.isdigit() and "/" not in host):
        raise argparse.ArgumentTypeError(f"{text!r} is neither HOST:PORT nor auto")
    return text


def _resources(text: str) -> dict[str, float]:
    found: dict[str, float] = {}
    for part in text.split(","):
        name, _, value = part.partition("=")
        try:
            amount = float(value)
        except ValueError:
            amount = math.nan
        if name not in ("cpu", "gpu") or name in found or not 0 <= amount < math.inf:
            raise argparse.ArgumentTypeError(f"{text!r} is not like cpu=2,gpu=0.25")
        if amount > 1 and amount != int(amount):
            raise argparse.ArgumentTypeError(f"{text!r}: above 1, Ray takes whole numbers only")
        found[name] = amount
    return found
