"""--margin, an option of every command that gives verdicts."""

from __future__ import annotations

import argparse
import math

from .verdicts import MARGIN

_LEAST = 0.1
"""Points: a digit that the paper prints. Within less its rounding alone would decide."""


def add_margin(parser: argparse.ArgumentParser) -> None:
    """Add --margin: within how many points a mean counts as the paper's."""
    parser.add_argument(
        "--margin",
        type=_points,
        default=MARGIN,
        metavar="POINTS",
        help=f"points of AUROC within which a mean counts as the paper's (default: {MARGIN:g})",
    )


def _points(text: str) -> float:
    """A number of points; ArgumentTypeError where it is none, or none that can be meant."""
    try:
        points = float(text)
    except ValueError:
        points = math.nan
    if not _LEAST <= points < 100:
        raise argparse.ArgumentTypeError(f"{text!r} is no number of points between {_LEAST:g} and 100")
    return points
