"""The frame that every command runs in: its exit status, errors of one line, what a terminal must not be sent."""

from __future__ import annotations

import argparse
import contextlib
import errno
import io
import os
import re
import select
import shlex
import sys
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import Any, TextIO, cast

from agad import files, targets
from agad.errors import NO_THREADS, AgadError, lacks_threads

_HEAD_BYTES = 2000
"""Of a page, in which its title is."""
_UNPRINTABLE = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f\u061c\u200e\u200f\u202a-\u202e\u2066-\u2069]")
"""Control characters but tabs and line ends, and those that turn the direction of writing."""

EXIT_OK, EXIT_INCOMPLETE, EXIT_ERROR = 0, 1, 2
"""Exit statuses of all commands: done; stopped early or something is missing; an error that the user can mend."""


class Once(argparse.Action):
    """An option that is refused where it is given twice: the last value would win, and the user may mean the first."""

    def __call__(self, parser: argparse.ArgumentParser, namespace: argparse.Namespace, values: Any, *_: Any) -> None:
        """Keep the value."""
        if getattr(namespace, self.dest) is not self.default:
            parser.error(f"{self.option_strings[0]} is given twice")
        setattr(namespace, self.dest, values)


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
    _fill_missing_outputs()
    replace_unprintable()
    with contextlib.redirect_stdout(_plain(sys.stdout)), contextlib.redirect_stderr(_plain(sys.stderr)):
        return _run(command, name, about, again)


def _run(command: Callable[[], int], name: str, about: object, again: str) -> int:
    try:
        _check_folder()
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
        return _fail(name, line)
    except Exception as error:
        if not lacks_threads(error):
            raise
        return _fail(name, NO_THREADS)
    return status


def _fail(name: str, line: str) -> int:
    print(f"{name + ': ' if name else ''}error: {line}", file=sys.stderr)
    return EXIT_ERROR


def _fill_missing_outputs() -> None:
    """Let what is printed go nowhere where a program was started with its output or its errors closed (`>&-`).

    Their numbers are taken as well: the next file to be opened would get them, and what a library prints with it.
    """
    for name, number in (("stdout", 1), ("stderr", 2)):
        if getattr(sys, name) is None:
            null = os.open(os.devnull, os.O_WRONLY)
            if not _is_open(number):
                os.dup2(null, number)
            setattr(sys, name, os.fdopen(null, "w", encoding="utf-8", errors="replace"))


def _is_open(number: int) -> bool:
    try:
        os.fstat(number)
    except OSError:
        return False
    return True


def _check_folder() -> None:
    """Libraries end the process, or name another file, where the folder that it stands in has been removed."""
    try:
        Path.cwd()
    except FileNotFoundError:
        raise AgadError("the folder that this command was started in is gone; change to one that is there") from None


def printable(text: str) -> str:
    """The text without what a terminal obeys: whoever names a file, class or study must not move the cursor.

    Control characters are shown by their number; tabs and line ends stay.
    """
    return _UNPRINTABLE.sub(lambda found: ascii(found[0])[1:-1], text)


def shell_line(words: Iterable[str]) -> str:
    """The words as a command line that means them when it is pasted into a shell.

    A name that a terminal cannot show, of bytes that are no UTF-8 or with control characters, is written by the numbers
    of its bytes: printed as it is, it would name another file.
    """
    return " ".join(shlex.quote(word) if word.isprintable() else _by_numbers(word) for word in words)


def _by_numbers(word: str) -> str:
    shown = (chr(byte) if 0x20 <= byte < 0x7F and byte not in b"'\\" else f"\\{byte:03o}" for byte in os.fsencode(word))
    return f"$'{''.join(shown)}'"


class _Plain:
    """A stream that gets printable texts only."""

    def __init__(self, stream: TextIO) -> None:
        self.stream = stream

    def write(self, text: str) -> int:
        with self._naming():
            return self.stream.write(printable(text))

    def flush(self) -> None:
        with self._naming():
            self.stream.flush()

    @contextlib.contextmanager
    def _naming(self) -> Iterator[None]:
        """An error of the output itself names no file; of a disk that is full under it, a folder would be blamed."""
        try:
            yield
        except OSError as error:
            if error.errno == errno.EPIPE:  # its reader has gone, which is no error
                raise
            with contextlib.suppress(OSError, ValueError):  # what is left for it goes nowhere, at the very end too
                os.dup2(os.open(os.devnull, os.O_WRONLY), self.stream.fileno())
            raise AgadError(f"what is printed cannot be written: {error.strerror}") from error

    def __getattr__(self, name: str) -> Any:
        return getattr(self.stream, name)


def _plain(stream: TextIO) -> TextIO:
    return cast(TextIO, _Plain(raw(stream)))


def raw(stream: TextIO) -> TextIO:
    """The stream itself, for a program that draws on a terminal; its texts are to be `printable`."""
    return stream.stream if isinstance(stream, _Plain) else stream


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


def check_target(option: str, target: Path, begins: bytes, takes_streams: bool = False) -> None:
    """Refuse a file to be written that is there already and is none of the command's own, before work is done for it.

    A slip such as `--csv *.png` names somebody's file. Raises AgadError, one line.

    Args:
        option: that names the file.
        target: the file.
        begins: the bytes with which a file of that kind begins.
        takes_streams: whether the command writes it by `write_target`, and so to pipes and devices too.
    """
    if target.is_dir() or not target.absolute().parent.is_dir():
        raise AgadError(f"{option} {target}: give the name of a file in a folder that exists")
    _check_kind(option, target, takes_streams)
    _check_start(option, target, len(begins), lambda start: start == begins)


def check_page(option: str, target: Path, title: str) -> None:
    """As check_target, of an HTML page whose title begins so; its folder need not exist."""
    above = next((folder for folder in target.absolute().parents if os.path.lexists(folder)), target)
    if not above.is_dir():
        raise AgadError(f"{option} {target}: {above} is there, and is no folder; give another name")
    _check_kind(option, target)
    _check_start(option, target, _HEAD_BYTES, lambda start: f"<title>{title}".encode() in start)


def _check_kind(option: str, target: Path, takes_streams: bool = False) -> None:
    if refusal := targets.refusal(target, takes_streams):
        raise AgadError(f"{option} {target}: {refusal}")


def _check_start(option: str, target: Path, length: int, is_own: Callable[[bytes], bool]) -> None:
    """Raise AgadError where a file is there that is not empty, and whose first bytes are none of the command's."""
    if targets.is_stream(target) or not target.is_file():
        return
    with target.open("rb") as file:
        start = file.read(length)
    if start and not is_own(start):
        raise AgadError(
            f"{option} {target}: what is there is none of this command's; give another name, or move that file away"
        )


def write_target(target: Path, text: str) -> None:
    """Write a text, in UTF-8, to a file that a user has named: all of it or nothing, or to a pipe or device.

    Raises OSError where the disk is full, or whoever reads the pipe has gone.
    """
    if targets.is_stream(target):
        with stream(target) as opened:
            opened.write(text)
    else:
        targets.replace_text(target, text)


def stream(target: Path) -> targets.Stream:
    """A pipe or device that a user has named, to be opened by `with`; a terminal gets what is printable."""
    return targets.Stream(target, printable)


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
