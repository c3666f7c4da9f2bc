"""--margin, an option of every command that gives verdicts."""

from __future__ import annotations

import argparse
import math

from .. import stats
from ..paper.numbers import ROUNDING


def add_margin(parser: argparse.ArgumentParser) -> None:
    """Add --margin: within how many points a mean counts as the paper's."""
    parser.add_argument(
        "--margin",
        type=_points,
        default=stats.MARGIN,
        metavar="POINTS",
        help=f"points of AUROC within which a mean counts as the paper's (default: {stats.MARGIN:g})",
    )


def _points(text: str) -> float:
    """A number of points; ArgumentTypeError where it is none, or not above the paper's rounding."""
    try:
        points = float(text)
    except ValueError:
        points = math.nan
    if not ROUNDING < points < 100:
        raise argparse.ArgumentTypeError(f"{text!r} is no number of points between {ROUNDING:g} and 100")
    return points
