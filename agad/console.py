"""The frame that every command runs in: its exit status, errors of one line, and a reader that has gone."""

from __future__ import annotations

import argparse
import errno
import io
import os
import select
import sys
from collections.abc import Callable
from pathlib import Path
from typing import TextIO

from agad import files
from agad.errors import AgadError

EXIT_OK, EXIT_INCOMPLETE, EXIT_ERROR = 0, 1, 2
"""Exit statuses of all commands: done; stopped early or something is missing; an error that the user can mend."""


def run(command: Callable[[], int], name: str = "", about: object = None, again: str = "") -> int:
    """Run a command and return its exit status.

    An error that the user can mend becomes one line on stderr and EXIT_ERROR; Ctrl-C, and a reader of the output that
    has gone (`| head`), become EXIT_INCOMPLETE. Every other error is a fault of the program and keeps its traceback.

    Args:
        command: what to run; it returns an exit status.
        name: of the command, as error lines begin: `launch.py: error: …`; empty: `error: …`.
        about: the file or folder that errors of the operating system concern where they name none; None: unknown.
        again: the command line that goes on where Ctrl-C has ended this one; empty: there is nothing to go on with.
    """
    replace_unprintable()
    try:
        status = command()
        sys.stdout.flush()  # here, where a reader that has gone can still be caught
    except KeyboardInterrupt:
        print(f"Interrupted. Go on with:\n  {again}" if again else "Interrupted.", file=sys.stderr)
        return EXIT_INCOMPLETE
    except (AgadError, OSError) as error:
        # Of a file's errors Python calls some BrokenPipeError too: only the output itself shows that its reader left.
        if isinstance(error, BrokenPipeError) and error.errno == errno.EPIPE and _leave_closed_outputs():
            return EXIT_INCOMPLETE
        line = files.error_line(error, about) if isinstance(error, OSError) else " ".join(str(error).split())
        print(f"{name + ': ' if name else ''}error: {line}", file=sys.stderr)
        return EXIT_ERROR
    return status


def replace_unprintable() -> None:
    """Let what the terminal's or pipe's encoding lacks (±, γ) be printed as `?`, instead of ending the command."""
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper) and stream.errors in ("strict", "surrogateescape"):
            stream.reconfigure(errors="replace")


def path(text: str) -> Path:
    """A path on a command line, for argparse. `~` is the home folder, which a shell leaves alone in `--results=~/x`."""
    try:
        return Path(text).expanduser()
    except RuntimeError:
        raise argparse.ArgumentTypeError(f"{text!r}: no home folder is known for it; write the path in full") from None


def _leave_closed_outputs() -> bool:
    """Whether a reader of the output has gone; what is left for it then goes nowhere."""
    closed = [stream for stream in (sys.stdout, sys.stderr) if _is_closed(stream)]
    for stream in closed:  # the interpreter flushes them once more at its end
        os.dup2(os.open(os.devnull, os.O_WRONLY), stream.fileno())
    return bool(closed)


def _is_closed(stream: TextIO) -> bool:
    """Whether a stream is a pipe or socket that nobody reads any more."""
    poll = select.poll()
    try:
        poll.register(stream.fileno(), 0)
    except (OSError, ValueError):  # it has no descriptor, as in tests
        return False
    return any(event & (select.POLLERR | select.POLLHUP) for _, event in poll.poll(0))
