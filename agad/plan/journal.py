"""Journal: which lines of a study's journal, Optuna's own file of operations, are as they were written.

Each line ends with a CRC-32 of the line and all before it, as one more key that Optuna passes over: a line that was
changed, lost, doubled or moved is noticed. Lines before the first such one are an older agad's. That lines are missing
at the end no checksum shows.
"""

from __future__ import annotations

import re
import zlib
from dataclasses import dataclass

from agad import json_file

_KEY = b"agad_crc"
_CHECKED_LINE = re.compile(rb'(?P<line>\{.*),"' + _KEY + rb'":"(?P<crc>[0-9a-f]{8})"\}')


@dataclass(frozen=True, slots=True)
class JournalLines:
    """The lines of a journal.

    Attributes:
        sound: those before the first that is damaged, without their line ends.
        crc: CRC-32 of them.
        damaged: number of the first that is damaged, or before which lines are missing, from 1 on; None: none is.
        torn: bytes behind the last line end: of a line whose writer was killed.
    """

    sound: tuple[bytes, ...]
    crc: int
    damaged: int | None
    torn: int


def read_lines(content: bytes) -> JournalLines:
    """The lines of a journal's content."""
    *whole, rest = content.split(b"\n")
    sound: list[bytes] = []
    crc, is_checked, damaged = 0, False, None
    for line in whole:
        found = _CHECKED_LINE.fullmatch(line)
        after = zlib.crc32(line if found is None else found["line"], crc)
        is_checked |= found is not None
        if (int(found["crc"], 16) != after) if found else (is_checked or not _is_operation(line)):
            damaged = len(sound) + 1
            break
        sound.append(line)
        crc = after
    return JournalLines(tuple(sound), crc, damaged, len(rest))


def checked_line(line: bytes, crc: int) -> tuple[bytes, int]:
    """An operation as JSON with its checksum and line end, and the CRC-32 of the journal with it.

    Args:
        line: the operation as JSON.
        crc: that of the journal before.
    """
    line = line.removesuffix(b"}")
    crc = zlib.crc32(line, crc)
    return line + b',"' + _KEY + b'":"%08x"}\n' % crc, crc


def _is_operation(line: bytes) -> bool:
    """Whether a line is one of those that Optuna writes, as far as its form shows."""
    try:
        return isinstance(json_file.parse(line), dict)
    except ValueError:
        return False
