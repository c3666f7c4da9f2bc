"""JSON texts with a digest of themselves: a changed text is not taken for what was written. Standard library only."""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Mapping
from typing import Any

KEY = "content_digest"
"""The first key of an object that `dumps` wrote."""

_UNSET = "0" * 16
_HEAD = re.compile(rf'\{{\s*"{KEY}": "(?P<digest>[0-9a-f]{{{len(_UNSET)}}})"')


def dumps(content: Mapping[str, Any], indent: int | None = None) -> str:
    """The object as JSON, the digest of the text first."""
    return sign(json.dumps(unsigned(content), indent=indent))


def unsigned(content: Mapping[str, Any]) -> dict[str, Any]:
    """The object with room for the digest, which `sign` fills in the text that is made of it."""
    return {KEY: _UNSET, **content}


def sign(text: str) -> str:
    """The text of an `unsigned` object with its digest."""
    return text.replace(_UNSET, _digest(text), 1)


def loads(text: str | bytes) -> dict[str, Any]:
    """The object, without its digest; a text without one (an older agad's) is read as it is.

    Raises ValueError, one line, where the text is no JSON object or its digest is not that of the rest.
    """
    text = text if isinstance(text, str) else text.decode()
    content = parse(text)
    if not isinstance(content, dict):
        raise ValueError("it holds no object")
    if KEY in content:
        head = _HEAD.match(text)
        if (
            head is None
            or _digest(text[: head.start("digest")] + _UNSET + text[head.end("digest") :]) != head["digest"]
        ):
            raise ValueError("it is not as it was written")
        del content[KEY]
    return content


def parse(text: str | bytes) -> Any:
    """What a JSON text of a file says. Raises ValueError, one line: also for brackets that are nested too deeply."""
    try:
        return json.loads(text)
    except RecursionError:
        raise ValueError("its brackets are nested too deeply") from None


def _digest(text: str) -> str:
    """SHA-256 of the text with its digest unset, whatever its line ends became; the first hexadecimal digits."""
    return hashlib.sha256(text.replace("\r\n", "\n").encode()).hexdigest()[: len(_UNSET)]
