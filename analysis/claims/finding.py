"""Finding: what rows say of a claim at one place, and why they say nothing."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from .claim import Claim, Place
from .effect import Effect

HOLDS, DOES_NOT, ORDERED_ONLY = "holds", "does not", "only under ordered protocols"
UNDECIDED, NOT_TESTED = "undecided", "not tested yet"
RESULTS = (HOLDS, DOES_NOT, ORDERED_ONLY, UNDECIDED, NOT_TESTED)
"""What can come of a claim at a place; of several that fit the first."""

ONE_SEED, SOME_CLASSES = "one seed of too few classes for a test", "runs of a part of the classes only"
SOME_GENERATORS = "runs of a part of the generators only"
NO_PAIR, NO_RUN = "no two runs that differ in this alone", "no such run"
WHY_NOT = (ONE_SEED, SOME_CLASSES, SOME_GENERATORS, NO_PAIR, NO_RUN)
"""Why a place is NOT_TESTED, what is nearest to a test first."""


@dataclass(frozen=True, slots=True)
class Finding:
    """What rows say of a claim at one place.

    Attributes:
        claim: which.
        place: None of a claim about generators.
        settings: in what the runs leave this project's settings.
        effects: protocol -> effect.
        result: of RESULTS.
        words: numbers of a claim about generators.
        why: of WHY_NOT, where it is NOT_TESTED.
    """

    claim: Claim
    place: Place | None
    settings: tuple[str, ...]
    effects: Mapping[str, Effect]
    result: str
    words: str = ""
    why: str = ""
