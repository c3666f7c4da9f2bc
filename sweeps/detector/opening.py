"""The detector that a command was given, and what is to be said of the code that made it."""

from __future__ import annotations

import warnings
from pathlib import Path
from typing import TYPE_CHECKING

from ..cli.arguments import say

if TYPE_CHECKING:
    from agad.detector.detector import Detector


def opened(path: Path, device: str = "cpu") -> Detector:
    """As load_detector, with its notes as lines of the command instead of warnings."""
    from agad.detector.detector import load_detector
    from agad.errors import MakerWarning

    with warnings.catch_warnings():
        warnings.simplefilter("ignore", MakerWarning)
        detector = load_detector(path, device)
    for note in detector.notes:
        say(f"note: {note}")
    return detector
