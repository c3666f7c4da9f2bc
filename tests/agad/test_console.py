"""The frame of a command: exit statuses, and one line on stderr for what the user can mend."""

from __future__ import annotations

import argparse
import contextlib
import errno
import io
import os
import pwd
import re
import subprocess
import sys
import unicodedata
from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agad import console, files
from agad.data.cache import cache_root
from agad.errors import AgadError, DataError
from sweeps.cli.options import build_parser
from tests.conftest import ROOT


def raising(error: BaseException) -> Callable[[], int]:
    def command() -> int:
        raise error

    return command


@pytest.mark.parametrize(
    "name",
    [
        b"plain",
        b"two words",
        b"it's",
        "caf\u00e9".encode(),
        b"bad\xff",
        b"bad\xff0'\\ $x",
        b"one\ntwo",
        b"\x1b[2J",
        b"",
    ],
)
def test_a_pasted_line_means_the_words_that_it_was_made_of(name: bytes) -> None:
    line = console.shell_line(["printf", "%s", os.fsdecode(name)])

    assert console.printable(line) == line.encode().decode() == " ".join(line.splitlines()), "it is printed as it is"
    assert subprocess.run(["bash", "-c", line], capture_output=True, check=True).stdout == name


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


@pytest.mark.slow
@pytest.mark.parametrize("command", [["launch", "--grid", "demo", "--results", "new"], ["score", "a.agad", "b.png"]])
def test_a_folder_that_is_gone_is_said(command: list[str], tmp_path: Path) -> None:
    """The command stands in it; torch's libraries would end the process there."""
    script = f'cd "{tmp_path}" && rmdir "{tmp_path}" && exec "{sys.executable}" -m sweeps.cli.main {" ".join(command)}'
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    done = subprocess.run(["sh", "-c", script], capture_output=True, text=True, check=False, env=environment)
    assert done.returncode == 2
    assert done.stderr.endswith("the folder that this command was started in is gone; change to one that is there\n")
    assert done.stderr.count("\n") == 1


def test_an_interrupted_command_is_incomplete(capsys: pytest.CaptureFixture[str]) -> None:
    assert console.run(raising(KeyboardInterrupt())) == console.EXIT_INCOMPLETE
    assert capsys.readouterr().err == "Interrupted.\n"


def test_a_fault_of_the_program_keeps_its_traceback() -> None:
    with pytest.raises(ZeroDivisionError):
        console.run(lambda: 1 // 0)


def test_a_system_that_gives_no_threads_is_one_line(capsys: pytest.CaptureFixture[str]) -> None:
    def command() -> int:
        raise RuntimeError("can't start new thread")

    assert console.run(command, "x") == 2
    assert capsys.readouterr().err.startswith("x: error: the system gives no more threads or processes (ulimit -u")


@pytest.mark.slow
def test_a_reader_that_has_gone_is_no_error() -> None:
    """The output is larger than a pipe holds, and its reader closes the pipe without reading."""
    program = "import sys; from agad import console; sys.exit(console.run(lambda: print('x' * 10**6) or 0))"
    read_end, write_end = os.pipe()
    os.close(read_end)
    with os.fdopen(write_end, "w") as closed:
        result = subprocess.run([sys.executable, "-c", program], stdout=closed, stderr=subprocess.PIPE, check=False)
    assert (result.returncode, result.stderr) == (console.EXIT_INCOMPLETE, b"")


def test_an_interrupted_command_says_how_to_go_on(capsys: pytest.CaptureFixture[str]) -> None:
    """Also before anything has begun: the command line is known from the start."""
    assert console.run(raising(KeyboardInterrupt()), again="launch.py --grid demo") == console.EXIT_INCOMPLETE
    assert capsys.readouterr().err == "Interrupted. Go on with:\n  launch.py --grid demo\n"


@pytest.mark.parametrize("number", [errno.ESHUTDOWN, errno.EPIPE])
def test_only_the_own_output_s_reader_can_leave(number: int, capsys: pytest.CaptureFixture[str]) -> None:
    """Python calls ESHUTDOWN of a file server BrokenPipeError, and a file may be a pipe: both are errors, and said."""
    error = OSError(number, os.strerror(number), "results/claims")
    assert isinstance(error, BrokenPipeError)
    assert console.run(raising(error)) == console.EXIT_ERROR
    assert capsys.readouterr().err == f"error: results/claims: {os.strerror(number)}\n"


PRINTS = """
import os, sys
from pathlib import Path
from agad import console

def command():
    print("out")
    print("err", file=sys.stderr)
    Path(sys.argv[1]).write_text("done")
    os.write(1, b"a library's")
    return 0

sys.exit(console.run(command))
"""


@pytest.mark.parametrize("closed", [">&-", "2>&-", ">&- 2>&-", "<&- >&- 2>&-"])
def test_a_command_works_without_outputs(closed: str, tmp_path: Path) -> None:
    """As some daemons start it: it ended with a traceback, or by status 1 without a word and without any work."""
    line = f'"$1" -c "$2" "$3" {closed}'
    words = ["bash", "-c", line, "", sys.executable, PRINTS, str(tmp_path / "file")]
    done = subprocess.run(words, check=False, capture_output=True, text=True, cwd=ROOT)
    assert (done.returncode, done.stderr.strip()) == (0, "" if "2>&-" in closed else "err")
    assert (tmp_path / "file").read_text() == "done"


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="there is no /dev/full")
def test_a_full_disk_under_what_is_printed_is_not_blamed_on_another_folder(tmp_path: Path) -> None:
    """A results folder with room was said to be full."""
    program = (
        f"import sys; from agad import console; sys.exit(console.run(lambda: print('x') or 0, about={str(tmp_path)!r}))"
    )
    with Path("/dev/full").open("w") as full:
        done = subprocess.run(
            [sys.executable, "-c", program], check=False, stdout=full, stderr=subprocess.PIPE, text=True, cwd=ROOT
        )
    assert done.returncode == 2
    assert done.stderr == "error: what is printed cannot be written: No space left on device\n"


def test_a_full_disk_is_named_with_what_is_free(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Although the error of a write names no file."""

    def full(_: Path) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    assert console.run(lambda: files.replace_atomically(tmp_path / "row", full) or 0) == console.EXIT_ERROR
    line = capsys.readouterr().err
    assert re.fullmatch(rf"error: {tmp_path}/row: No space left on device \([0-9,]+ bytes are free there\)\n", line)


@given(st.text())
def test_no_text_moves_a_terminal_s_cursor(text: str) -> None:
    """What is printed, on either stream, has no control character but line ends and tabs, and is else as it was."""
    out, err = io.StringIO(), io.StringIO()

    def command() -> int:
        for stream in (sys.stdout, sys.stderr):
            stream.write(text + "\n")
        return 0

    with contextlib.redirect_stdout(out), contextlib.redirect_stderr(err):
        assert console.run(command) == 0
    assert out.getvalue() == err.getvalue() == console.printable(text) + "\n"
    assert not [c for c in out.getvalue() if unicodedata.category(c) == "Cc" and c not in "\t\n"]
    if text.isprintable():
        assert out.getvalue() == text + "\n"


def test_escape_sequences_are_shown(capsys: pytest.CaptureFixture[str]) -> None:
    """They are visible, and an error line stays one line."""
    assert console.run(raising(DataError("class \x1b[2J\u202eevil\r\n not there"))) == console.EXIT_ERROR
    assert capsys.readouterr().err == "error: class \\x1b[2J\\u202eevil not there\n"


def test_a_home_folder_that_is_not_known(monkeypatch: pytest.MonkeyPatch) -> None:
    """Without $HOME and an entry of this user: the message names the ways to choose a folder."""
    for name in ("HOME", "AGAD_CACHE", "XDG_CACHE_HOME"):
        monkeypatch.delenv(name, raising=False)

    def nobody(_: int) -> None:
        raise KeyError

    monkeypatch.setattr(pwd, "getpwuid", nobody)
    with pytest.raises(DataError, match=r"no home folder is known .* by --cache or \$AGAD_CACHE"):
        cache_root(None)
    with pytest.raises(argparse.ArgumentTypeError, match="no home folder is known"):
        console.path("~/results")


def test_a_tilde_is_the_home_folder_in_every_option(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """A shell expands it in `--results ~/x` and not in `--results=~/x`."""
    monkeypatch.setenv("HOME", str(tmp_path))
    words = [f"--{name}=~/x" for name in ("results", "data", "cache", "plan", "slurm-setup")]
    options = vars(build_parser().parse_args(words))
    assert {str(options[name]) for name in ("results", "data", "cache", "plan", "slurm_setup")} == {f"{tmp_path}/x"}


def _refusal(is_refused):
    refusal = pytest.raises(AgadError, match="what is there is none of this command's")
    return refusal if is_refused else contextlib.nullcontext()


@pytest.mark.parametrize(
    ("content", "is_refused"), [(None, False), (b"", False), (b"a,b\n1,2\n", False), (b"\x89PNG", True), (b"a", True)]
)
def test_a_file_of_another_kind_is_not_written_over(content, is_refused, tmp_path):
    """`--csv *.png` names somebody's image; a file that the command has written is written again."""
    target = tmp_path / "x"
    if content is not None:
        target.write_bytes(content)
    with _refusal(is_refused):
        console.check_target("--csv", target, b"a,b")


@pytest.mark.parametrize(
    ("content", "is_refused"),
    [
        (None, False),
        ("", False),
        ("<!doctype html>\n<title>Scores by x</title>", False),
        ("<title>My own page</title>", True),
        ("months of words", True),
    ],
)
def test_a_page_of_somebody_else_s_is_not_written_over(content, is_refused, tmp_path):
    page = tmp_path / "index.html"
    if content is not None:
        page.write_text(content)
    with _refusal(is_refused):
        console.check_page("--out", page, "Scores by ")


@pytest.mark.parametrize("target", ["", "no/where"])
def test_a_target_that_is_no_file_is_refused(target, tmp_path):
    with pytest.raises(AgadError, match="give the name of a file in a folder that exists"):
        console.check_target("--csv", tmp_path / target, b"a,b")


@pytest.mark.slow
@pytest.mark.parametrize(
    "module", ["agad.scoring.overlap", "sweeps.worker", "sweeps.cli.launch", "analysis.publish", "analysis.tables"]
)
def test_commands_start_where_python_leaves_docstrings_out(module):
    """PYTHONOPTIMIZE=2, which a user may have set for all of Python."""
    done = subprocess.run(
        [sys.executable, "-OO", "-c", f"import runpy, sys; sys.argv = ['x', '--help']; runpy.run_module({module!r}, "
         "run_name='__main__')"],
        capture_output=True, text=True, check=False, cwd=ROOT,
    )  # fmt: skip

    assert done.returncode == 0, done.stderr


@pytest.mark.parametrize("make", [os.mkfifo, os.mkdir], ids=lambda make: make.__name__)
def test_what_is_no_file_is_not_waited_for(make: Callable[[Path], None], tmp_path: Path) -> None:
    """Reading a pipe in a results folder waited for a writer, for ever."""
    make(tmp_path / "x")
    with pytest.raises(OSError, match="x"):
        files.read_file(tmp_path / "x")
    (tmp_path / "y").write_bytes(b"1")
    assert files.read_file(tmp_path / "y") == b"1"
