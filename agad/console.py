"""The frame that every command runs in: its exit status, errors of one line, and a reader that has gone."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable

from agad.errors import AgadError

EXIT_OK, EXIT_INCOMPLETE, EXIT_ERROR = 0, 1, 2
"""Exit statuses of all commands: done; stopped early or something is missing; an error that the user can mend."""


def run(command: Callable[[], int], name: str = "", about: object = None) -> int:
    """Run a command and return its exit status.

    An error that the user can mend becomes one line on stderr and EXIT_ERROR; Ctrl-C, and a reader of the output that
    has gone (`| head`), become EXIT_INCOMPLETE. Every other error is a fault of the program and keeps its traceback.

    Args:
        command: what to run; it returns an exit status.
        name: of the command, as error lines begin: `launch.py: error: …`; empty: `error: …`.
        about: the file or folder that errors of the operating system concern where they name none; None: unknown.
    """
    try:
        status = command()
        sys.stdout.flush()  # here, where a reader that has gone can still be caught
    except BrokenPipeError:
        # The interpreter flushes stdout once more at its end: what is left must not reach the closed pipe.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return EXIT_INCOMPLETE
    except KeyboardInterrupt:
        print("Interrupted.", file=sys.stderr)
        return EXIT_INCOMPLETE
    except (AgadError, OSError) as error:
        print(f"{name + ': ' if name else ''}error: {_one_line(error, about)}", file=sys.stderr)
        return EXIT_ERROR
    return status


def _one_line(error: Exception, about: object) -> str:
    """The message without line breaks; of the operating system's errors, the file and the reason."""
    file = error.filename or about if isinstance(error, OSError) else None
    if isinstance(error, OSError) and file is not None and error.strerror:
        return f"{file}: {error.strerror}"
    return " ".join(str(error).split())
