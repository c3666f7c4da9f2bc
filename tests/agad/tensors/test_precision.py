"""The warning of bfloat16 on a CPU that only imitates it."""

from __future__ import annotations

from pathlib import Path

import pytest

from agad.spec.run import RunSpec
from agad.tensors import precision
from agad.tensors.precision import notes, slow_bf16

PLAIN = RunSpec(normal_class=0)
AVX2 = "processor\t: 0\nflags\t\t: fpu sse2 avx2\n"


@pytest.mark.parametrize(
    ("text", "fields", "device", "named"),
    [
        (AVX2, {"precision": "bf16"}, "cpu", "--set precision=fp32"),
        (AVX2, {"eval_precision": "bf16"}, "cpu", "--set eval_precision=fp32"),
        (AVX2, {"precision": "bf16"}, "cuda", None),
        (AVX2, {}, "cpu", None),
        (AVX2.replace("avx2", "avx2 avx512_bf16"), {"precision": "bf16"}, "cpu", None),
        (AVX2.replace("avx2", "amx_bf16"), {"precision": "bf16"}, "cpu", None),
        ("Features\t: asimd bf16\n", {"precision": "bf16"}, "cpu", None),
        ("Features\t: asimd\n", {"precision": "bf16"}, "cpu", "--set precision=fp32"),
        ("model name\t: unknown\n", {"precision": "bf16"}, "cpu", None),
    ],
)
def test_it_is_said_where_the_instruction_is_missing_and_only_there(
    tmp_path: Path, text: str, fields: dict[str, str], device: str, named: str | None
) -> None:
    cpuinfo = tmp_path / "cpuinfo"
    cpuinfo.write_text(text, encoding="utf-8")
    line = slow_bf16([PLAIN, PLAIN.replace(**fields)], device, cpuinfo)

    assert (line is None) == (named is None)
    assert named is None or (named in str(line) and "\n" not in str(line))


def test_where_nothing_is_known_nothing_is_said(tmp_path: Path) -> None:
    assert slow_bf16([PLAIN.replace(precision="bf16")], "cpu", tmp_path / "none") is None


@pytest.mark.parametrize(("field", "device", "count"), [
    ("precision", "cpu", 1), ("eval_precision", "cpu", 1), ("precision", "cuda", 0), ("eval_precision", "cuda:1", 0),
])  # fmt: skip
def test_that_tf32_is_fp32_on_the_cpu_is_one_line(field: str, device: str, count: int) -> None:
    found = notes([PLAIN, PLAIN.replace(**{field: "tf32"})], device)
    assert len(found) == count
    assert all("tf32 is fp32" in line and "\n" not in line for line in found)


def test_a_run_says_it_once_in_a_process(caplog: pytest.LogCaptureFixture) -> None:
    """Also where no command line has said it before: `train` called from Python."""
    precision._say_once.cache_clear()
    for seed in range(3):
        precision.say_once(PLAIN.replace(seed=seed, precision="tf32"), "cpu")
    precision.say_once(PLAIN, "cpu")
    assert [record.getMessage() for record in caplog.records] == notes([PLAIN.replace(precision="tf32")], "cpu")
