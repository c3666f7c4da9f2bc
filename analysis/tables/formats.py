"""Numbers as text: one rule each, used by every table."""

from __future__ import annotations

import math

from ..paper.match import OTHER_CLASS, PRUNED

GAP = "—"
"""Printed where a number is missing."""

PERFECT = 100.0
"""An AUROC that is perfect, in percent."""

GAMMA = "\N{GREEK SMALL LETTER GAMMA}"

RANGE = "\N{EN DASH}"

KEY, OURS, PAPER, NOTE = "key", "ours", "paper", "note"
"""What a column or a line holds: what it is about, numbers of ours, numbers of the paper, words."""

CHECK = "✓"
"""A mark that is never left out as a repetition of the line above."""


def auroc(value: float | None) -> str:
    """An AUROC in [0, 1] as percent to .1, rounded half to even, but never up to 100.0.

    Only a perfect value prints as 100.0: what is less has one more digit there, so .9997 is 99.97, .99999 is 99.99.
    """
    if is_missing(value):
        return GAP
    assert value is not None
    return percent(100 * value)


def percent(value: float) -> str:
    """The same of a number that is in percent."""
    text = f"{value:.1f}"
    if float(text) == PERFECT > value:
        return min(f"{value:.2f}", "99.99", key=float)
    return text


def probability(estimate: float, low: float | None, high: float | None) -> str:
    """`0.83 (0.71–0.92)`; without the interval where it has no ends."""
    if low is None or high is None:
        return f"{estimate:.2f}"
    return f"{estimate:.2f} ({low:.2f}{RANGE}{high:.2f})"


def spread(value: float | None) -> str:
    """A standard deviation of AUROCs in [0, 1] as percentage points to .01."""
    return GAP if is_missing(value) else f"{100 * value:.2f}"  # type: ignore[operator]


def spread_and_range(value: float | None, low: float | None, high: float | None) -> str:
    """`10.88 [7.44–19.77]`: a standard deviation with its interval, in percentage points."""
    if is_missing(value) or is_missing(low) or is_missing(high):
        return spread(value)
    return f"{spread(value)} [{spread(low)}{RANGE}{spread(high)}]"


def mean_and_spread(mean: float | None, sd: float | None) -> str:
    """`98.3±2.26`; without the SD where there is none."""
    if is_missing(mean):
        return GAP
    return auroc(mean) if is_missing(sd) else f"{auroc(mean)}±{spread(sd)}"


def difference(points: float | None) -> str:
    """A signed difference of percentage points to .1; to .01 where that would hide it; what is less has no sign."""
    if is_missing(points):
        return GAP
    text = f"{points:+.1f}"
    if text in ("+0.0", "-0.0"):
        text = f"{points:+.2f}"
    return "0.0" if text in ("+0.00", "-0.00") else text.replace("-", "\N{MINUS SIGN}")


def interval(low: float | None, high: float | None) -> str:
    """The ends of a difference of AUROCs in [0, 1], as signed percentage points."""
    if low is None or high is None:
        return GAP
    return f"{difference(100 * low)} … {difference(100 * high)}"


def milliseconds(value: float | None) -> str:
    """A time to .01 ms."""
    return GAP if is_missing(value) else f"{value:.2f}"


def p_value(value: float | None) -> str:
    """A p value to .001; `<.001` below."""
    if is_missing(value):
        return GAP
    assert value is not None
    return "<.001" if value < 0.001 else f"{value:.3f}".removeprefix("0")


def gamma(value: float) -> str:
    """A share of anomalies as the paper writes it: .00, .05, .125."""
    text = f"{value:.10f}".rstrip("0")
    return text[1:].ljust(3, "0") if text.startswith("0") else text


def subscript(count: int) -> str:
    """A count in small digits, set behind a mean over fewer runs than wanted."""
    return "".join(chr(0x2080 + int(digit)) for digit in str(count))


def is_missing(value: float | None) -> bool:
    """Whether there is no number: None or NaN."""
    return value is None or math.isnan(value)


def text(value: object) -> str:
    """A text of a frame, which has NaN or None where there is none."""
    return value if isinstance(value, str) else ""


def uncompared(differences: str) -> str:
    """Why a row is not compared with the paper's, in a word or two; `differences`: see summary.summarise."""
    if all(difference.startswith(OTHER_CLASS) for difference in differences.split(", ")):
        return "another class"
    return "pruned" if differences == PRUNED else "other settings"
