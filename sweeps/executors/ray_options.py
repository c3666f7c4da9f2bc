"""RayOptions: what the command line says for the Ray executor alone. Light: it imports no ray."""

from __future__ import annotations

import argparse
import math
from dataclasses import dataclass

from agad.errors import AgadError


@dataclass(frozen=True, slots=True, kw_only=True)
class RayOptions:
    """How runs become trials of Ray Tune.

    Attributes:
        address: HOST:PORT of a cluster that is there, or `auto` for the one of this machine; None: one of its own is
            started, and ended with the launch.
        cpu: CPUs of a trial; None: as many as a worker has threads.
        gpu: GPUs of a trial, or a share of one; None: one on CUDA, else none.
        dashboard_host: the address that the dashboard of a cluster of its own binds to; None: there is none.
        tensorboard: keep Tune's TensorBoard files.
    """

    address: str | None = None
    cpu: float | None = None
    gpu: float | None = None
    dashboard_host: str | None = None
    tensorboard: bool = False


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The options, as a group of their own."""
    group = parser.add_argument_group("with --executor ray")
    group.add_argument("--address", metavar="HOST:PORT", type=_address, help="a Ray cluster that is there, or auto")
    group.add_argument(
        "--resources", metavar="cpu=N,gpu=N", type=_resources, help="of each run (cpu as --threads, gpu=1 on CUDA)"
    )
    group.add_argument("--tensorboard", action="store_true", help="keep TensorBoard files in RESULTS/ray/")
    group.add_argument("--dashboard-host", metavar="HOST", help="start Ray's dashboard there, as on 127.0.0.1 (none)")


def from_arguments(options: argparse.Namespace) -> RayOptions:
    """What was parsed. Raises AgadError for options that another executor has no use for."""
    given = RayOptions(
        address=options.address,
        cpu=None if options.resources is None else options.resources.get("cpu"),
        gpu=None if options.resources is None else options.resources.get("gpu"),
        dashboard_host=options.dashboard_host,
        tensorboard=options.tensorboard,
    )
    if options.executor != "ray":
        for name in ("address", "resources", "dashboard_host", "tensorboard"):
            if getattr(options, name):
                raise AgadError(f"--{name.replace('_', '-')} is for --executor ray")
    elif given.address and given.dashboard_host:
        raise AgadError("--dashboard-host is for a cluster that the launch starts; that at --address has its own")
    return given


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
