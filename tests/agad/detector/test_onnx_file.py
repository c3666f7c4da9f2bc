"""An export replaces that of the same detector alone, and its metadata are read without the onnx package."""

from __future__ import annotations

from pathlib import Path

import pytest

from agad.detector.onnx_file import check_export, metadata
from agad.errors import AgadError
from tests.helpers.own_detectors import data, detector, fitted

GRAPH = b"\x3a\x85\x80\x08" + b"\x72" * ((8 << 14) + 5)
"""A field of bytes that is long, and whose bytes look like entries."""


def varint(number: int) -> bytes:
    low, rest = number & 0x7F, number >> 7
    return bytes([low | 0x80]) + varint(rest) if rest else bytes([low])


def text(tag: bytes, of: bytes) -> bytes:
    return tag + varint(len(of)) + of


def model(**entries: str) -> bytes:
    """What onnx writes of a model with these metadata: its version, the graph, the entries."""
    known = [text(b"\x0a", name.encode()) + text(b"\x12", value.encode()) for name, value in entries.items()]
    return b"\x08\x08" + GRAPH + b"".join(text(b"\x72", entry) for entry in known)


def exported(one) -> bytes:
    return model(preparation="x" * 300, detector="; ".join(one.describe()))


def test_metadata_are_those_of_the_onnx_package(tmp_path: Path) -> None:
    onnx = pytest.importorskip("onnx", reason="pip install 'agad[onnx]'")
    node = onnx.helper.make_node("Identity", ["x"], ["y"])
    ends = [onnx.helper.make_tensor_value_info(name, onnx.TensorProto.FLOAT, [1]) for name in "xy"]
    made = onnx.helper.make_model(onnx.helper.make_graph([node], "g", ends[:1], ends[1:]))
    onnx.helper.set_model_props(made, {"detector": "é; " * 90, "empty": ""})
    path = tmp_path / "one.onnx"
    onnx.save(made, path)
    assert metadata(path) == {"detector": "é; " * 90, "empty": ""}


@pytest.mark.parametrize("end", [-1, -20, 3, 1])
def test_of_a_damaged_file_what_can_be_read_is(end: int, tmp_path: Path) -> None:
    (tmp_path / "one.onnx").write_bytes(model(a="1", b="2" * 40)[:end])
    assert metadata(tmp_path / "one.onnx") == ({"a": "1"} if end < 0 else {})


@pytest.mark.parametrize("content", [b"\x08\x08" + GRAPH, model(detector="mine"), b"\x08", b"\x08\xff" * 90])
def test_a_model_of_others_is_not_replaced(content: bytes, tmp_path: Path) -> None:
    path = tmp_path / "one.onnx"
    path.write_bytes(content)
    with pytest.raises(AgadError, match=r"^--onnx .*one\.onnx is there, and is no export of agad's; give another name"):
        check_export("--onnx", path, detector("knn").content)


def test_an_export_of_another_run_is_not_replaced(tmp_path: Path) -> None:
    """Of another method, of the same one with other settings, of other images; the same detector's is."""
    path, ours = tmp_path / "one.onnx", detector("knn")
    path.write_bytes(exported(ours))
    check_export("--onnx", path, ours.content)
    with pytest.raises(AgadError, match=r"an export of another run \(method=knn\): .* as --onnx .*one-pca\.onnx, or"):
        check_export("--onnx", path, detector("pca").content)
    with pytest.raises(AgadError, match=r"another run \(other settings or another data set\)"):
        check_export("--onnx", path, fitted(data(), 1, {"method": "knn", "seed": 3}).content)
    path.write_bytes(exported(ours).replace(str(ours.content.provenance["data_digest"])[:12].encode(), b"0" * 12))
    with pytest.raises(AgadError, match=r"another run \(other images\)"):
        check_export("--onnx", path, ours.content)


@pytest.mark.parametrize("content", [None, b""])
def test_where_nothing_is_there_nothing_is_refused(content: bytes | None, tmp_path: Path) -> None:
    if content is not None:
        (tmp_path / "one.onnx").write_bytes(content)
    check_export("--onnx", tmp_path / "one.onnx", detector("knn").content)
