"""JSON with a digest: what is read is what was written, or an error."""

from __future__ import annotations

import json

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from agad import json_file

VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=8,
)
OBJECTS = st.dictionaries(st.text().filter(lambda key: key != json_file.KEY), VALUES, max_size=4)


@pytest.mark.slow
@settings(max_examples=60, deadline=None)
@given(OBJECTS, st.sampled_from([None, 1]), st.integers(0), st.integers(0, 7))
def test_a_flipped_bit_gives_the_same_or_an_error(content: dict[str, object], indent: int, at: int, bit: int) -> None:
    text = json_file.dumps(content, indent).encode()
    assert json_file.loads(text) == json.loads(json.dumps(content)) == content
    at %= len(text)
    flipped = text[:at] + bytes([text[at] ^ 1 << bit]) + text[at + 1 :]
    try:
        found = json_file.loads(flipped)
    except ValueError:
        return
    # A flip in the digest's own key makes a text without a digest, with all that was written.
    assert {name: found[name] for name in content} == content


def test_a_text_of_before_is_read(tmp_path: object) -> None:
    assert json_file.loads('{"a": 1}') == {"a": 1}


@pytest.mark.parametrize("text", ["", "[]", "3", "{", '{"a": 1, "content_digest": "0000000000000000"}'])
def test_what_is_no_object_or_has_another_digest_is_an_error(text: str) -> None:
    with pytest.raises(ValueError, match=r"."):
        json_file.loads(text)


def test_line_ends_may_change() -> None:
    """Version control does that."""
    text = json_file.dumps({"a": [1, 2]}, 1)
    assert json_file.loads(text.replace("\n", "\r\n")) == {"a": [1, 2]}
