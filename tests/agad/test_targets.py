"""What a user names for a command to write: links stay, pipes are written to, devices are never replaced."""

from __future__ import annotations

import os
import re
import socket
import stat
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from agad import console, files, targets
from agad.errors import AgadError
from tests.conftest import ROOT

WRITERS: dict[str, Callable[[Path], object]] = {
    "text": lambda path: console.write_target(path, "new"),
    "page": lambda path: targets.replace_text(path, "new"),
    "bytes": lambda path: targets.replace(path, lambda temporary: temporary.write_bytes(b"new")),
}


@pytest.fixture(params=["pipe", "socket"])
def special(request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A pipe without a reader, or a socket."""
    monkeypatch.chdir(tmp_path)  # a socket's name has at most 107 bytes
    if request.param == "pipe":
        os.mkfifo("x")
        yield tmp_path / "x"
        return
    with socket.socket(socket.AF_UNIX) as bound:
        bound.bind("x")
        yield tmp_path / "x"


@pytest.mark.parametrize("write", WRITERS.values(), ids=WRITERS)
def test_a_link_stays_and_what_it_leads_to_is_written(write: Callable[[Path], object], tmp_path: Path) -> None:
    """Also through a second link, and where the file is not there yet."""
    (tmp_path / "shared").mkdir()
    (tmp_path / "first").symlink_to("second")
    (tmp_path / "second").symlink_to("shared/real")
    for _ in range(2):
        write(tmp_path / "first")
        assert (tmp_path / "first").is_symlink()
        assert (tmp_path / "second").is_symlink()
        assert (tmp_path / "shared" / "real").read_text() == "new"
        assert [path.name for path in (tmp_path / "shared").iterdir()] == ["real"]
        (tmp_path / "shared" / "real").write_text("old")


def test_a_link_among_files_of_agad_s_own_is_replaced_itself(tmp_path: Path) -> None:
    """Nobody has named it: what it leads to may be somebody's."""
    (tmp_path / "theirs").write_text("precious")
    (tmp_path / "row").symlink_to("theirs")
    files.replace_text(tmp_path / "row", "new")
    assert (tmp_path / "theirs").read_text() == "precious"
    assert not (tmp_path / "row").is_symlink()


@pytest.mark.parametrize("name", ["x", "link"])
def test_what_is_no_file_is_refused_at_once_and_never_replaced(special: Path, name: str, tmp_path: Path) -> None:
    """No byte of it is read: a pipe would wait for its writer."""
    (tmp_path / "link").symlink_to("x")
    before, target = special.lstat(), tmp_path / name
    for check in (
        lambda: console.check_target("--out", target, b"PK"),
        lambda: console.check_page("--out", target, "Title"),
        lambda: targets.replace_text(target, "new"),
    ):
        with pytest.raises(AgadError, match="a pipe, a socket or a device") as caught:
            check()
        assert "\n" not in str(caught.value)
    assert special.lstat() == before
    assert sorted(path.name for path in tmp_path.iterdir()) == ["link", "x"]


def test_a_pipe_gets_the_text_and_stays(tmp_path: Path) -> None:
    target, read = tmp_path / "x", []
    os.mkfifo(target)
    reader = threading.Thread(target=lambda: read.append(target.read_text()))
    reader.start()
    console.check_target("--csv", target, b"a,b", takes_streams=True)
    console.write_target(target, "a,b\n" * 50_000)  # more than a pipe holds
    reader.join()
    assert read == ["a,b\n" * 50_000]
    assert stat.S_ISFIFO(target.lstat().st_mode)


def test_a_socket_takes_no_text(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    with socket.socket(socket.AF_UNIX) as bound:
        bound.bind("x")
        with pytest.raises(AgadError, match="a pipe, a socket or a device"):
            console.check_target("--csv", Path("x"), b"a,b", takes_streams=True)


def shell(line: str, folder: Path, output: int = subprocess.PIPE) -> subprocess.CompletedProcess[str]:
    """A line of bash in which `write TARGET` prints `before`, writes `rows` to the target, and prints `after`."""
    program = (
        "import sys; from pathlib import Path; from agad import console; target = Path(sys.argv[1])\n"
        "def command():\n"
        " print('before'); console.check_target('--csv', target, b'ro', takes_streams=True)\n"
        " console.write_target(target, 'rows\\n'); print('after'); return 0\n"
        "sys.exit(console.run(command))"
    )
    script = f'write() {{ "{sys.executable}" -c "$PROGRAM" "$1"; }}; {line}'
    environment = {**os.environ, "PYTHONPATH": str(ROOT), "PROGRAM": program}
    return subprocess.run(
        ["bash", "-c", script],
        cwd=folder, env=environment, stdout=output, stderr=subprocess.PIPE, text=True, check=False, timeout=60,
    )  # fmt: skip


@pytest.mark.slow
@pytest.mark.parametrize(
    ("line", "said"),
    [
        ("write out", "before\nrows\nafter\n"),
        ("write /dev/fd/1 | cat", "before\nrows\nafter\n"),
        ("write out > file; cat file", "before\nrows\nafter\n"),
        ("echo mine > file; write out >> file; cat file", "mine\nbefore\nrows\nafter\n"),
        ("write >(cat > file) | cat; sleep 0.3; cat file", "before\nafter\nrows\n"),
    ],
)
def test_streams_of_a_shell_get_the_rows_where_they_belong(line: str, said: str, tmp_path: Path) -> None:
    """A link stands for /dev/stdout: a fault would replace that of the machine."""
    (tmp_path / "out").symlink_to("/proc/self/fd/1")
    done = shell(line, tmp_path)
    assert (done.returncode, done.stdout, done.stderr) == (0, said, "")
    assert (tmp_path / "out").is_symlink()


@pytest.mark.slow
@pytest.mark.parametrize("target", ["in", "/dev/fd/99"])
def test_a_stream_that_is_not_open_for_writing_is_refused_at_once(target: str, tmp_path: Path) -> None:
    (tmp_path / "in").symlink_to("/proc/self/fd/0")
    done = shell(f"echo | write {target}", tmp_path)
    assert done.returncode == console.EXIT_ERROR
    assert done.stderr == f"error: --csv {target}: it is not open for writing; give the name of a file\n"


@pytest.mark.slow
def test_rows_whose_reader_has_gone_are_no_error(tmp_path: Path) -> None:
    """As where they are printed (`| head`)."""
    (tmp_path / "out").symlink_to("/proc/self/fd/1")
    read_end, write_end = os.pipe()
    os.close(read_end)
    with os.fdopen(write_end, "w") as closed:
        done = shell("write out", tmp_path, closed.fileno())
    assert (done.returncode, done.stderr) == (console.EXIT_INCOMPLETE, "")


def test_a_terminal_is_sent_no_escape_sequences(tmp_path: Path) -> None:
    """Names of files are in the rows, and may hold some."""
    ours, theirs = os.openpty()
    try:
        console.write_target(Path(os.ttyname(theirs)), "evil\x1b[2J.png\n")
        assert os.read(ours, 100) == b"evil\\x1b[2J.png\r\n"
    finally:
        os.close(ours)
        os.close(theirs)


@pytest.mark.parametrize("takes_streams", [False, True])
@pytest.mark.parametrize(
    ("leads_to", "message"),
    [
        ("no/where", r"it is a link into .*/no, which is no folder; make that folder, or remove the link"),
        ("folder", "give the name of a file in a folder that exists"),
        ("link", "Too many levels of symbolic links; give another name"),
        ("folder/new", None),
        ("real", None),
    ],
)
def test_links_that_lead_nowhere_are_refused_at_once(
    leads_to: str, message: str | None, takes_streams: bool, tmp_path: Path
) -> None:
    (tmp_path / "folder").mkdir()
    (tmp_path / "real").write_text("a,b\n")
    (tmp_path / "link").symlink_to(leads_to)
    if message is None:
        console.check_target("--csv", tmp_path / "link", b"a,b", takes_streams)
        return
    with pytest.raises(AgadError, match=message):
        console.check_target("--csv", tmp_path / "link", b"a,b", takes_streams)


@pytest.mark.parametrize(
    ("page", "message"),
    [
        ("folder", "give the name of a file, this is a folder"),
        ("pipe/index.html", "pipe is there, and is no folder; give another name"),
        ("file/deep/index.html", "file is there, and is no folder; give another name"),
        ("astray/index.html", "astray is there, and is no folder; give another name"),
        ("new/deep/index.html", None),
    ],
)
def test_a_page_s_folder_may_be_new_and_nothing_else(page: str, message: str | None, tmp_path: Path) -> None:
    (tmp_path / "folder").mkdir()
    (tmp_path / "file").touch()
    os.mkfifo(tmp_path / "pipe")
    (tmp_path / "astray").symlink_to("no/where")
    if message is None:
        console.check_page("--out", tmp_path / page, "Title")
        return
    with pytest.raises(AgadError, match=re.escape(message)):
        console.check_page("--out", tmp_path / page, "Title")
