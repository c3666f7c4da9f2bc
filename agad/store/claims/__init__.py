"""Claims: which worker holds which run, without a server, locks or clocks that agree (standard library only).

A claim is a file `claims/<run_id>.<generation>`, created exclusively. Stealing a run is creating the next generation;
the generation is the attempt's number. A claim is not unlinked while its run is open, so generations only rise.

Its owner rewrites a counter inside it. An observer calls it dead when the file's bytes, read by a fresh open, have not
changed for `lease` seconds on the observer's own monotonic clock, or at once when the owner was a process of this
very host and boot that is gone. Neither file times nor flock are used: clocks and locks differ on NFS and Lustre. A
claim lost to a thief costs work twice, never a result twice: rows are keyed by attempt and one of them counts.
"""

from agad.store.claims.board import DEFAULT_LEASE, ClaimBoard
from agad.store.claims.claim import Claim, ClaimRecord
from agad.store.claims.owner import Owner

__all__ = ["DEFAULT_LEASE", "Claim", "ClaimBoard", "ClaimRecord", "Owner"]
