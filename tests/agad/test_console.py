"""The frame of a command: exit statuses, and one line on stderr for what the user can mend."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable

import pytest

from agad import console
from agad.errors import DataError


def raising(error: BaseException) -> Callable[[], int]:
    def command() -> int:
        raise error

    return command


def test_a_command_keeps_its_own_status() -> None:
    assert console.run(lambda: 7) == 7


@pytest.mark.parametrize(
    ("error", "name", "line"),
    [
        (DataError("two\n  lines"), "", "error: two lines"),
        (DataError("no data"), "launch.py", "launch.py: error: no data"),
        (FileNotFoundError(2, "No such file or directory", "a/b"), "", "error: a/b: No such file or directory"),
        (OSError("disc full"), "", "error: disc full"),
    ],
)
def test_what_the_user_can_mend_is_one_line(
    capsys: pytest.CaptureFixture[str], error: Exception, name: str, line: str
) -> None:
    assert console.run(raising(error), name) == console.EXIT_ERROR
    assert capsys.readouterr() == ("", line + "\n")


def test_an_interrupted_command_is_incomplete(capsys: pytest.CaptureFixture[str]) -> None:
    assert console.run(raising(KeyboardInterrupt())) == console.EXIT_INCOMPLETE
    assert capsys.readouterr().err == "Interrupted.\n"


def test_a_fault_of_the_program_keeps_its_traceback() -> None:
    with pytest.raises(ZeroDivisionError):
        console.run(lambda: 1 // 0)


def test_a_reader_that_has_gone_is_no_error() -> None:
    """The output is larger than a pipe holds, and its reader closes the pipe without reading."""
    program = "import sys; from agad import console; sys.exit(console.run(lambda: print('x' * 10**6) or 0))"
    read_end, write_end = os.pipe()
    os.close(read_end)
    with os.fdopen(write_end, "w") as closed:
        result = subprocess.run([sys.executable, "-c", program], stdout=closed, stderr=subprocess.PIPE, check=False)
    assert (result.returncode, result.stderr) == (console.EXIT_INCOMPLETE, b"")
