"""What sbatch is given, as submitit writes it, and what it answers."""

from __future__ import annotations

import contextlib
import os
import re
import shlex
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

from agad.errors import AgadError

from ...machine.program import search_path
from .commands import SlurmError, call
from .options import SlurmOptions
from .task import MARGIN

if TYPE_CHECKING:
    import submitit

_ANSWER = re.compile(r"(?:Submitted batch job )?([0-9]+)(?:;\S+| on cluster \S+)?")
_NOT_FOR_SBATCH = re.compile(r"(SLURM|SLURMD|SRUN|SUBMITIT|SBATCH)_.*")
_FOR_SBATCH = {"SLURM_CONF"}


def submitit_executor(options: SlurmOptions, folder: Path, token: str, arrays: int) -> submitit.SlurmExecutor:
    """Submitit's executor with all of sbatch's options. Raises AgadError where submitit is not installed."""
    try:
        import submitit
    except ImportError as error:
        raise AgadError("--executor slurm needs submitit: pip install 'agad[slurm]', or use slurm/array.sh") from error
    try:
        executor = submitit.SlurmExecutor(folder)
    except RuntimeError as error:
        raise SlurmError("srun is not on the path: Slurm cannot be reached from this machine") from error
    cpus = options.sbatch.get("cpus-per-task")
    executor.update_parameters(
        job_name=token,
        time=None,  # submitit's own would be 5 minutes, and its wckey `submitit`
        wckey=None,
        array_parallelism=max(1, options.at_once // arrays) if options.at_once else sys.maxsize,
        signal_delay_s=round(MARGIN),
        stderr_to_stdout=True,
        setup=_setup_lines(options),
        # srun inside a job has not taken --cpus-per-task from it since Slurm 22.05.
        srun_args=[f"--cpus-per-task={cpus}"] if cpus else None,
        additional_parameters={"requeue": True, **options.sbatch},
    )
    return executor


def _setup_lines(options: SlurmOptions) -> list[str]:
    lines = [f"export {name}={shlex.quote(value)}" for name, value in search_path().items()]
    return [f"source {shlex.quote(str(options.setup))}", *lines] if options.setup else lines


def script_text(executor: submitit.SlurmExecutor, tasks: int) -> str:
    """The text that submitit would hand to sbatch for that many tasks."""
    if tasks > 1:
        executor.parameters["map_count"] = tasks
    return str(executor._make_submission_file_text(executor._submitit_command_str, ""))


def job_ids(answer: str) -> set[str]:
    """The ids of jobs that sbatch's answer names: lines of its own form, `777`, `777;cluster` or its sentence."""
    return {found[1] for line in answer.splitlines() if (found := _ANSWER.fullmatch(line.strip()))}


@contextlib.contextmanager
def clean_environment() -> Iterator[None]:
    """Without the variables by which a surrounding job (salloc, srun) or a profile sets sbatch's options."""
    dropped = {name: os.environ.pop(name) for name in list(os.environ) if _is_not_for_sbatch(name)}
    try:
        yield
    finally:
        os.environ.update(dropped)


def _is_not_for_sbatch(name: str) -> bool:
    return _NOT_FOR_SBATCH.fullmatch(name) is not None and name not in _FOR_SBATCH


def max_array_size() -> int:
    """How many tasks an array may have here."""
    found = re.search(r"^MaxArraySize\s*=\s*(\d+)", call(["scontrol", "show", "config"]), re.MULTILINE)
    return max(1, int(found[1])) if found else 1001  # Slurm's default


def chunks(tasks: int, size: int) -> list[int]:
    """So many tasks, in arrays of that size at most."""
    return [min(size, tasks - start) for start in range(0, tasks, size)]
