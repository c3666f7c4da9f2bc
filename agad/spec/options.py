"""RunOptions: how and where a run is made. Standard library only."""

from __future__ import annotations

from dataclasses import dataclass

MOST_THREADS = 1024
"""Of a worker. Far above it the system gives no more of them, and a process that asks for one is killed."""


@dataclass(frozen=True, slots=True, kw_only=True)
class RunOptions:
    """How and where a run is made; never part of `run_id`. Times in seconds.

    Attributes:
        device: `cpu`, `cuda` or `cuda:N`.
        threads: torch threads of the process; None leaves torch's own setting. Thread counts were seen to change
            bits, so one is what every executor sets on the CPU.
        data_root: folder of the raw data; None if only the cache is to be used.
        cache: folder of the prepared data; None: `$AGAD_CACHE`, else the user's cache folder.
        checkpoint_dir: folder of this sweep's checkpoints; None: none are written or read.
        checkpoint_every: seconds between checkpoints; 0 after every update.
        first_checkpoint: seconds until the first one, from where intervals double up to `checkpoint_every`; None: as
            the others. For runs whose workers were killed before.
        attempt: the claim's attempt number, written into the checkpoint's name and the row.
        weights_dir: where the final weights are saved; None: they are not.
        eager: whether a GPU's updates and scoring are launched operation by operation, and not captured as CUDA
            graphs; the numbers are the same.

    Raises ValueError for another number of threads than 1, 2, ... 1024, and for seconds below 0.
    """

    device: str = "cpu"
    threads: int | None = None
    data_root: str | None = None
    cache: str | None = None
    checkpoint_dir: str | None = None
    checkpoint_every: float = 300.0
    first_checkpoint: float | None = None
    attempt: int = 1
    weights_dir: str | None = None
    eager: bool = False

    def __post_init__(self) -> None:
        if self.threads is not None and (type(self.threads) is not int or not 1 <= self.threads <= MOST_THREADS):
            raise ValueError(f"threads={self.threads!r}: give 1 to {MOST_THREADS}, or None for torch's own number")
        for name in ("checkpoint_every", "first_checkpoint"):
            seconds = getattr(self, name)
            if seconds is not None and not seconds >= 0:
                raise ValueError(f"{name}={seconds!r}: give seconds, 0 or more")
