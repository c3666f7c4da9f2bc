"""WorkerOptions: what workers are started with.

Each option is declared here once; launch.py's own options among them are made from these declarations. Under every
executor they reach a worker as one JSON file in the results folder. What differs between the workers of a sweep (name,
log, device, launcher) is not in the file.
"""

from __future__ import annotations

import argparse
import dataclasses
import hashlib
import json
import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from agad import console, files
from agad.errors import StoreError
from agad.spec.options import MOST_THREADS
from agad.spec.run import RunOptions
from agad.store.claims import DEFAULT_LEASE, Claim
from agad.store.folder import ResultsFolder

from .retry import RetryPolicy, first_checkpoint


def _option(default: Any = dataclasses.MISSING, text: str = "", *, own: bool = False, **argument: Any) -> Any:
    """A field: its default, its help, and whether it differs between the workers of a sweep.

    `argument` makes it an option of launch.py: argparse's keywords, and `least`, the fewest seconds that are taken.
    """
    return dataclasses.field(default=default, metadata={"help": text, "own": own, "argument": argument})


AUTO = 0
"""Of WorkerOptions.together: the number is measured."""


def _together(text: str) -> int:
    if text == "auto":
        return AUTO
    if not text.isdigit() or int(text) < 1:
        raise argparse.ArgumentTypeError(f"{text!r} is neither a whole number of 1 or more nor auto")
    return int(text)


def thread_count(text: str) -> int:
    """An argument that is a number of threads."""
    if not text.isdigit() or not 1 <= int(text) <= MOST_THREADS:
        raise argparse.ArgumentTypeError(f"{text!r} is no number of threads: give 1 to {MOST_THREADS}")
    return int(text)


def _folder(text: str) -> str:
    return str(console.path(text))


@dataclass(frozen=True, slots=True, kw_only=True)
class WorkerOptions:
    """What a worker is started with: strings and numbers, so that any executor can pass them on."""

    plan: str = _option(text="path of the plan file")
    results: str = _option(text="the results folder")
    data: str | None = _option(None, "raw data ($AGAD_DATA, else data/)", metavar="DIR", type=_folder)
    cache: str | None = _option(None, "prepared data ($AGAD_CACHE, else ~/.cache/agad)", metavar="DIR", type=_folder)
    executor: str = _option("local", "which executor started it, for the row")
    device: str = _option("cpu", "what runs are trained on (auto: CUDA where there is a GPU, else the CPU)", own=True,
                          choices=("auto", "cpu", "cuda"))  # fmt: skip
    threads: int = _option(1, "torch threads per worker (1)", metavar="N", type=thread_count)
    together: int = _option(
        1, "runs that advance at once in a worker on a GPU; auto: as many as are fastest there, measured (1)",
        metavar="N|auto", type=_together,
    )  # fmt: skip
    eager: bool = _option(
        False, "on a GPU launch each operation by itself, and capture nothing as a CUDA graph", action="store_true"
    )
    checkpoint_every: float = _option(300.0, "seconds between checkpoints of a run (300)", metavar="SECONDS", least=0)
    lease: float = _option(
        DEFAULT_LEASE, f"seconds of silence after which a worker of another host counts as dead ({DEFAULT_LEASE:.0f})",
        metavar="SECONDS", least=1,
    )  # fmt: skip
    deadline: float | None = _option(
        None, "seconds until this machine is taken away; runs are saved up to 180 s before (in Slurm: its limit)",
        metavar="SECONDS", least=0,
    )  # fmt: skip
    keep_weights: bool = _option(False, "save the weights of finished runs in RESULTS/weights/", action="store_true")
    allow_code_change: bool = _option(
        False, "continue although agad/ has changed since the plan was made", action="store_true"
    )
    heartbeat: float = _option(5.0, "seconds between two signs of life")
    retry: Mapping[str, int] = dataclasses.field(default_factory=dict, metadata={
        "help": "run_id -> attempt: failed rows up to it get another attempt", "own": False, "argument": {},
    })  # fmt: skip
    keeps_pruned: bool = _option(False, "do not finish pruned runs")
    name: str = _option("worker", "its name in claims, rows and logs", own=True)
    log: str | None = _option(None, "path of its log, named in failed rows; None: stderr", own=True)
    parent: int | None = _option(None, "pid of the launcher, with which it ends; None: it lives on its own", own=True)
    verified: int = _option(0, "1: its launcher has verified this machine's prepared data", own=True)
    bell: str | None = _option(None, "file by which a launcher on another host stops it; None: none", own=True)

    @property
    def data_folder(self) -> str:
        """Folder of the raw data, as this process's environment has it where none was given."""
        return data_folder(self.data)

    @property
    def patience(self) -> float:
        """Seconds after which the claim of a worker that shows no sign of life is dead, signs included."""
        return self.lease + 2 * self.heartbeat

    @property
    def policy(self) -> RetryPolicy:
        """Which failed and pruned runs get another attempt."""
        return RetryPolicy(until_attempt=self.retry, keeps_pruned=self.keeps_pruned)

    @property
    def columns(self) -> dict[str, Any]:
        """What they say in every row."""
        return {"executor": self.executor, "worker": self.name, "log": None}

    @property
    def circumstances(self) -> dict[str, Any]:
        """What they say in a failed run's row beside that: a finished one states what it was made with itself."""
        return {"log": self.log, "device": self.device, "threads": self.threads}

    def of_run(self, claim: Claim) -> RunOptions:
        """What the run of this claim is trained with."""
        folder = ResultsFolder(Path(self.results))
        return RunOptions(
            device=self.device,
            threads=self.threads,
            data_root=self.data_folder,
            cache=self.cache,
            checkpoint_dir=str(folder.checkpoints),
            checkpoint_every=self.checkpoint_every,
            first_checkpoint=first_checkpoint(claim.deaths),
            attempt=claim.generation,
            weights_dir=str(folder.weights) if self.keep_weights else None,
            eager=self.eager,
        )

    def path(self, folder: Path) -> Path:
        """Where `save` writes them, by a name that stands for their content."""
        return folder / _file_name(self._text)

    def save(self, folder: Path) -> Path:
        """Write what all workers of a sweep share, unless it is there undamaged; the file's path, absolute."""
        path = self.path(folder.absolute())
        ResultsFolder(Path(self.results)).make(folder.absolute())
        if not path.is_file() or path.read_bytes() != self._text.encode():
            files.replace_text(path, self._text)
        return path

    @classmethod
    def load(cls, path: Path, **own: Any) -> WorkerOptions:
        """Read the file, and add what is one worker's own. Raises StoreError."""
        try:
            text = path.read_text(encoding="utf-8")
            if path.name != _file_name(text):
                raise ValueError("its content is not what its name stands for")
            return cls(**json.loads(text), **own)
        except OSError as error:
            raise StoreError(f"cannot read the worker's options {path}: {error.strerror}") from error
        except (ValueError, TypeError) as error:
            raise StoreError(f"{path} holds no worker's options of this agad: {error}") from error

    @property
    def _text(self) -> str:
        shared = [option.name for option in dataclasses.fields(self) if not option.metadata["own"]]
        return json.dumps({name: getattr(self, name) for name in shared}, indent=1, default=dict)


def data_folder(given: str | None) -> str:
    """Folder of the raw data: what was given, else $AGAD_DATA, else `data`."""
    return str(console.path(given or os.environ.get("AGAD_DATA") or "data"))


def _file_name(text: str) -> str:
    return f"options-{hashlib.sha256(text.encode()).hexdigest()[:12]}.json"


def command_line_options() -> dict[str, dataclasses.Field[Any]]:
    """Those of launch.py's options that are options of workers, by name."""
    return {option.name: option for option in dataclasses.fields(WorkerOptions) if option.metadata["argument"]}
