"""Bell: how a launcher stops workers on any host, through a file of the shared results folder."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True, slots=True)
class Bell:
    """A file that is empty until it is rung.

    It is there from the start: NFS clients see new bytes at a fresh open, but may go on not seeing a new file.
    """

    path: Path

    def hang(self) -> None:
        """Create the file, silent."""
        self.path.parent.mkdir(parents=True, exist_ok=True)
        self.path.write_bytes(b"")

    def ring(self) -> None:
        """Stop all workers that poll it."""
        self.path.write_bytes(b"stop")

    def is_rung(self) -> bool:
        """Whether to stop: it was rung, or its launcher has ended and taken it away."""
        try:
            return bool(self.path.read_bytes())
        except FileNotFoundError:
            return True
        except OSError:  # a file server that is slow to answer stops no worker
            return False
