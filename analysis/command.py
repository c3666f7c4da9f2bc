"""What the command lines share: errors are one line, and a reader that has gone is none."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable

from agad.errors import AgadError

EXIT_READER_GONE, EXIT_ERROR = 1, 2


def exit_status(command: Callable[[], int]) -> int:
    """The command's own exit status; 2, with a line on stderr, where the user can do something about it."""
    try:
        status = command()
        sys.stdout.flush()
    except BrokenPipeError:  # `| head` has read enough; what is left must not be written at the interpreter's end
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return EXIT_READER_GONE
    except (AgadError, OSError) as error:
        print(f"error: {' '.join(str(error).split())}", file=sys.stderr)
        return EXIT_ERROR
    return status
