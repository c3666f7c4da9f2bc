"""A worker as a process of its own.

    python -m sweeps.worker --options results/logs/demo-…/options-….json --name w1

Exit status: one of the EXIT_ codes of worker.py.
"""

from __future__ import annotations

import argparse
import contextlib
import logging
import signal
import sys
from collections.abc import Iterator
from dataclasses import fields
from pathlib import Path

from agad import files
from agad.errors import AgadError

from .failures import LastingFault
from .options import WorkerOptions
from .worker import EXIT_ENVIRONMENT, EXIT_LASTING, Worker

_LINE = "%(asctime)s %(levelname)s %(message)s"
STOP_SIGNALS = (signal.SIGTERM, signal.SIGINT, signal.SIGUSR1, signal.SIGUSR2)

log = logging.getLogger("agad.worker")


def main(arguments: list[str] | None = None) -> int:
    """The command line."""
    parser = argparse.ArgumentParser(prog="python -m sweeps.worker", description=(__doc__ or " ").splitlines()[0])
    parser.add_argument("--options", metavar="FILE", type=Path, required=True, help="what all workers of a sweep share")
    for option in fields(WorkerOptions):
        if option.metadata["own"]:
            kind = int if str(option.type).startswith("int") else str
            parser.add_argument(f"--{option.name}", type=kind, default=option.default, help=option.metadata["help"])
    own = vars(parser.parse_args(arguments))
    logging.raiseExceptions = False  # a log that cannot be written is no traceback in front of what is wrong
    try:
        logging.basicConfig(filename=own["log"], level=logging.INFO, format=_LINE, force=True)
        worker = Worker(WorkerOptions.load(own.pop("options"), **own))
        with _stopped_by_signals(worker):
            return worker.work()
    except LastingFault as error:
        log.error("%s", error)  # one line, without a traceback
        return EXIT_LASTING
    except AgadError as error:
        log.error("%s", error)
    except OSError as error:
        logging.basicConfig(stream=sys.stderr, format=_LINE)  # where it was the log that could not be opened
        log.error("%s", files.error_line(error))
    return EXIT_ENVIRONMENT


@contextlib.contextmanager
def _stopped_by_signals(worker: Worker) -> Iterator[None]:
    """Signals stop the worker; afterwards they do what they did, for whoever calls `main` in its own process."""
    before = {
        number: signal.signal(number, lambda n, _: worker.stopping.stop(f"it got {signal.Signals(n).name}"))
        for number in STOP_SIGNALS
    }
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


if __name__ == "__main__":
    sys.exit(main())
