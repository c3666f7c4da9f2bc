"""Files of tensors and plain values: written atomically, and read without executing anything in them."""

from __future__ import annotations

import contextlib
import io
import pickle
import zipfile
from pathlib import Path
from typing import Any

import torch

from agad import files

# What torch.load raises for zips that are not torch's, or hold more than plain values.
_FOREIGN = (
    *(OSError, RuntimeError, EOFError, LookupError, AttributeError, TypeError, ValueError, AssertionError),
    pickle.UnpicklingError,
)


ZIP_BEGINS = b"PK\x03\x04"
"""First bytes of a file that torch writes."""


class TensorFileError(ValueError):
    """A file that is missing, truncated or of another kind; the message is one line without the path."""


def save_tensors(target: Path, content: dict[str, Any]) -> None:
    """Write `content` (tensors, numbers, strings, None in dicts, lists, tuples) to `target`, replacing a file there.

    The folder is made where it is missing, its parents are not.
    Raises OSError where the disk is full or the folder not writable.
    """
    with contextlib.suppress(FileExistsError):
        target.parent.mkdir()
    # Through memory: when torch writes to a path, it reports a full disk as a RuntimeError about its own format.
    buffer = io.BytesIO()
    torch.save(content, buffer)
    files.replace_atomically(target, lambda path: path.write_bytes(buffer.getbuffer()))


def load_tensors(path: str | Path) -> dict[str, Any]:
    """The content that save_tensors wrote, on the CPU; TensorFileError for any other file, or none.

    Raises OSError where the file cannot be read: it may be whole, and what it holds must not be made anew for that.
    """
    try:
        file = io.BytesIO(files.read_file(Path(path)))
    except (FileNotFoundError, IsADirectoryError, NotADirectoryError) as error:
        raise TensorFileError(error.strerror or "there is no such file") from error
    try:
        _check_zip(file)
        content = torch.load(file, map_location="cpu", weights_only=True)
    except _FOREIGN as error:
        raise TensorFileError(str(error).partition("\n")[0].partition(". ")[0] or type(error).__name__) from error
    if not isinstance(content, dict):
        raise TensorFileError("it holds no named values")
    return content


def _check_zip(file: io.BytesIO) -> None:
    """Raise TensorFileError unless the file is a zip archive, as torch writes it, with correct checksums.

    torch.load takes any other file for a pickle of its older format, and verifies no checksums: a page of zeros that
    a crash left on a network file system would be read as weights.
    """
    try:
        with zipfile.ZipFile(file) as archive:
            damaged = archive.testzip()
        file.seek(0)
    except MemoryError:
        raise
    except Exception as error:  # of damaged headers: zlib.error, UnicodeDecodeError, struct.error, OverflowError …
        raise TensorFileError("it is truncated or not a file of tensors") from error
    if damaged is not None:
        raise TensorFileError("it is damaged: a checksum is wrong")
