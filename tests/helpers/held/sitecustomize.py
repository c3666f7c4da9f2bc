"""Imported by every Python process that has this folder on its PYTHONPATH: see tests/helpers/holding.py."""

import importlib.util
import os
import signal
import sys
import threading
import time
from pathlib import Path

_replace = os.replace
_parent = os.getppid()
_told_to_stop = threading.Event()


def _replace_and_hold(source, target, **folders):
    """Replace the file. After a checkpoint, wait while the results folder has a file `hold`."""
    _replace(source, target, **folders)
    path = Path(target)
    if path.suffix == ".pt" and path.parent.name == "checkpoints":
        _wait(path.parent.parent / "hold")


def _wait(hold):
    handler = signal.getsignal(signal.SIGTERM)
    listens = threading.current_thread() is threading.main_thread() and callable(handler)

    def stop(*received):
        _told_to_stop.set()
        handler(*received)

    if listens:
        signal.signal(signal.SIGTERM, stop)
    while hold.exists() and os.getppid() == _parent and not _told_to_stop.is_set():
        time.sleep(0.02)
    if listens:
        signal.signal(signal.SIGTERM, handler)


os.replace = _replace_and_hold


_wall_clock = time.time


def _jumping_clock():
    """Another time of the day each second, up to 15 hours away."""
    return _wall_clock() + 5 * 3600 * (int(time.monotonic()) % 7 - 3)


_read_text = Path.read_text


def _read_another_boot(path, *arguments, **keywords):
    """As on a machine of the same name that was started at another time."""
    text = _read_text(path, *arguments, **keywords)
    return text[::-1].strip() if path.name == "boot_id" else text


if "TEST_CLOCK_JUMPS" in os.environ:
    time.time = _jumping_clock
if "TEST_OTHER_BOOT" in os.environ:
    Path.read_text = _read_another_boot


class _Narrow:
    """Narrows the nets of tests/helpers/narrow.py as soon as something is about to train."""

    @classmethod
    def find_spec(cls, name, path=None, target=None):
        """No module: the others in sys.meta_path find it."""
        if name == "agad.train.session":
            sys.meta_path.remove(cls)
            spec = importlib.util.spec_from_file_location("narrow", Path(__file__).parents[1] / "narrow.py")
            narrow = importlib.util.module_from_spec(spec)
            spec.loader.exec_module(narrow)
            narrow.narrow_nets(setattr)


if "TEST_NARROW_NETS" in os.environ:
    sys.meta_path.insert(0, _Narrow)
