"""The metadata of an ONNX file, read without the onnx package, and whether an export may replace that file."""

from __future__ import annotations

import io
import os
import re
from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO

from agad.detector.content import Content, of_another_run
from agad.errors import AgadError

BEGINS = b"\x08"
"""A model's first byte: the tag of its first field, ir_version. Every ONNX file has it, whoever wrote it."""

_METADATA = 14
"""The field of a model that holds an entry of its metadata: field 1 is the key, field 2 the value."""
_MOST_BYTES = 1 << 20
"""Longer entries are none of ours; a file's own numbers say how much is read."""

_VARINT, _FIXED64, _BYTES, _FIXED32 = 0, 1, 2, 5
_SIZES = {_FIXED64: 8, _FIXED32: 4}

_ORIGIN = re.compile(r"(?P<data>\w+), made by .*, run (?P<run>\w+), protocol ")
"""In the last line of Detector.describe, which the metadata `detector` holds behind a semicolon."""


def check_export(option: str, path: Path, content: Content) -> None:
    """Refuse to write a detector's export over another ONNX file: another run's or other images', or not agad's.

    As content.check_replaced does of detectors. Raises AgadError, one line.
    """
    if not path.is_file() or not path.stat().st_size:
        return
    described = metadata(path).get("detector", "")
    origin = _ORIGIN.match(described.rpartition("; data ")[2])
    if origin is None:
        raise AgadError(
            f"{option} {path} is there, and is no export of agad's; give another name, or move that file away"
        )
    method, spec = described.partition(" (")[0], content.spec
    if origin["run"] != spec.run_id:
        other = f"method={method}" if method != spec.method else "other settings or another data set"
    elif not str(content.provenance.get("data_digest")).startswith(origin["data"]):
        other = "other images"
    else:
        return
    raise of_another_run(option, path, "an export", other, spec.method)


def metadata(path: Path) -> dict[str, str]:
    """Key -> value of a model's metadata; what was found before an end that is no model's. Raises OSError.

    The format (protobuf's) is a row of fields, so that all others are passed over without being read.
    """
    found: dict[str, str] = {}
    with path.open("rb") as file:
        for number, value in _fields(file, os.fstat(file.fileno()).st_size):
            if number == _METADATA:
                found |= _entry(value)
    return found


def _entry(value: bytes) -> dict[str, str]:
    texts = {number: text.decode(errors="replace") for number, text in _fields(io.BytesIO(value), len(value))}
    return {texts[1]: texts.get(2, "")} if 1 in texts else {}


def _fields(file: BinaryIO, end: int) -> Iterator[tuple[int, bytes]]:
    """The number and bytes of each field that holds bytes; empty where they are too many. Ends at what is no field."""
    while file.tell() < end:
        tag = _varint(file)
        number, kind = tag >> 3, tag & 7
        if tag < 0 or not number or kind not in (_VARINT, _BYTES, *_SIZES):
            return
        if kind == _VARINT:
            _varint(file)
            continue
        size = _varint(file) if kind == _BYTES else _SIZES[kind]
        after = file.tell() + size
        if size < 0 or after > end:
            return
        yield number, file.read(size) if kind == _BYTES and size <= _MOST_BYTES else b""
        file.seek(after)


def _varint(file: BinaryIO) -> int:
    """A number of seven bits a byte, the lowest first; -1 where there is none."""
    value = 0
    for shift in range(0, 70, 7):
        (byte,) = file.read(1) or (-1,)
        if byte < 0:
            return -1
        value |= (byte & 0x7F) << shift
        if byte < 0x80:
            return value
    return -1
