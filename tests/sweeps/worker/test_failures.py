"""Whose fault an exception is."""

from __future__ import annotations

import errno

import pytest

from agad.errors import NonFiniteLoss
from sweeps.worker.failures import EnvironmentFault, environment_faults, is_environmental


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


@pytest.mark.parametrize(
    "error",
    [
        RuntimeError("can't start new thread"),
        Exception("Unknown error: Failed to launch worker thread: Resource temporarily unavailable"),
    ],
)
def test_a_system_without_threads_is_no_run_s_own_fault(error: Exception) -> None:
    """A worker ended as if it had crashed, or said that its row could never be written."""
    assert is_environmental(error)
    with pytest.raises(EnvironmentFault, match="gives no more threads"), environment_faults():
        raise error
