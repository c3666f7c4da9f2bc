"""Whose fault an exception is."""

from __future__ import annotations

import errno

import pytest

from agad.errors import NonFiniteLoss
from sweeps.worker.failures import is_environmental


@pytest.mark.parametrize("number", sorted(errno.errorcode))
def test_no_error_of_the_operating_system_is_a_runs_own(number: int) -> None:
    """Neither by itself nor as the cause of what a library made of it."""
    wrapped = ValueError("cannot read")
    wrapped.__cause__ = OSError(number, "said by the system")

    assert is_environmental(OSError(number, "said by the system"))
    assert is_environmental(wrapped)


@pytest.mark.parametrize(
    "error", [NonFiniteLoss(1, "loss_g"), MemoryError(), ValueError("bug"), RuntimeError("x (28)")]
)
def test_a_runs_own_faults(error: Exception) -> None:
    """What training itself raises becomes a row."""
    assert not is_environmental(error)


def test_torch_s_text_of_an_error_of_the_system_is_recognised() -> None:
    """Its C++ code knows no OSError."""
    assert is_environmental(RuntimeError("unable to open shared memory object </x>: Too many open files (24)"))
