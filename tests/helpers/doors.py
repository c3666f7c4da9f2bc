"""What processes leave open to others: the addresses that they listen on, the folders of their sockets."""

from __future__ import annotations

import contextlib
import ipaddress
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from tests.helpers.cli import children

_LISTENS = "0A"
_RAY_FOLDER = re.compile(r"(/[^ =:]*/agad-ray-\w+)/")


@dataclass(frozen=True)
class Folder:
    """A folder, and who may enter it."""

    path: Path
    mode: int


def listening_addresses(pid: int) -> dict[str, set[str]]:
    """Name of each process that a process has started, and of itself -> the TCP addresses that it listens on."""
    addresses = dict(_listening_sockets())
    found: dict[str, set[str]] = {}
    for one in family(pid):
        own = {addresses[inode] for inode in _sockets(one) if inode in addresses}
        if own:
            found.setdefault(_name(one), set()).update(own)
    return found


def private_folders(pid: int) -> list[Folder]:
    """The folders of a launch's Ray files, as its processes have them on their command lines."""
    found = {name for one in family(pid) for word in command_of(one) for name in _RAY_FOLDER.findall(word)}
    return [Folder(Path(name), Path(name).stat().st_mode & 0o777) for name in sorted(found)]


def family(pid: int) -> list[int]:
    """The process, and all that descend from it."""
    return [pid, *(grandchild for child in children(pid) for grandchild in family(child))]


def _listening_sockets() -> Iterator[tuple[str, str]]:
    """Inode -> address of each TCP socket of this machine that listens."""
    for table in ("tcp", "tcp6"):
        for line in Path("/proc/net", table).read_text().splitlines()[1:]:
            words = line.split()
            if words[3] == _LISTENS:
                yield words[9], _address(words[1].partition(":")[0])


def _address(digits: str) -> str:
    """An address as the kernel writes it: hexadecimal, in words of the machine's byte order."""
    packed = b"".join(bytes.fromhex(digits[i : i + 8])[::-1] for i in range(0, len(digits), 8))
    address = ipaddress.ip_address(packed)
    mapped = address.ipv4_mapped if isinstance(address, ipaddress.IPv6Address) else None
    return str(mapped or address)


def _sockets(pid: int) -> Iterator[str]:
    with contextlib.suppress(OSError):
        for descriptor in Path(f"/proc/{pid}/fd").iterdir():
            with contextlib.suppress(OSError):
                target = str(descriptor.readlink())
                if target.startswith("socket:["):
                    yield target[len("socket:[") : -1]


def _name(pid: int) -> str:
    return Path(f"/proc/{pid}/comm").read_text().strip()


def command_of(pid: int) -> list[str]:
    """A process's command line."""
    with contextlib.suppress(OSError):
        return Path(f"/proc/{pid}/cmdline").read_text(errors="replace").split("\0")
    return []
