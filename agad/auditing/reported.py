"""Whether the AUROC that was published is one of those that the weights have."""

from __future__ import annotations

from collections.abc import Sequence

from agad.auditing.result import FINE, LABELS, WARNING, WRONG, Finding, Line, interval, points

ROUNDING = 0.0006
"""What a printed AUROC of three decimals may differ by."""

_SHORT, _CENT = 2, 0.005
"""An AUROC of so few decimals may differ by this."""
_EXACT = 1e-9
"""Floats of one decimal number differ by less."""


def reported_finding(reported: float, lines: Sequence[Line]) -> Finding:
    """Whether the AUROC that was reported agrees with that of the weights, and if not, under which protocol it would.

    Args:
        reported: the AUROC that was published, in [0, 1]. One of two decimals agrees with what is rounded to it.
        lines: AUROC under each protocol, that of the score function in its own order first.
    """
    given, allowed = lines[0], _allowed(reported)
    assert given.auroc is not None, "scores as given are finite"
    said, own = f"The AUROC that was reported, {points(reported)},", points(given.auroc.value)
    difference = abs(reported - given.auroc.value)
    if difference < allowed:
        rounded = "" if difference < ROUNDING else ", as far as two decimals tell"
        return _finding(FINE, f"{said} agrees with that of these weights in your order, {own}{rounded}.")
    agreeing = [line for line in lines[1:] if _agrees(line, reported, allowed)]
    if not agreeing:
        is_near = given.auroc.low is not None and given.auroc.high is not None
        is_near = is_near and (given.auroc.low or 0.0) <= reported <= (given.auroc.high or 0.0)
        return _finding(
            WARNING if is_near else WRONG,
            f"{said} is not that of these weights under any protocol that was tried ({_range(lines)}): in your order "
            f"it is {own}{interval(given.auroc)}.",
        )
    singly = [line for line in agreeing if line.independent]
    harm = "" if singly else ", where an image's score depends on the other test images"
    return _finding(
        WARNING if singly else WRONG,
        f"{said} is not that of these weights in your order, {own}, but agrees with that under: "
        f"{_named(singly or agreeing)}{harm}.",
    )


def _finding(severity: str, sentence: str) -> Finding:
    return Finding("reported", severity, sentence)


def _allowed(reported: float) -> float:
    """What an AUROC may differ by from one that was printed so."""
    is_short = abs(reported - round(reported, _SHORT)) < _EXACT
    return _CENT + _EXACT if is_short else ROUNDING


def _agrees(line: Line, reported: float, allowed: float) -> bool:
    """Whether an AUROC lies among those of the shuffles."""
    if line.lowest is None or line.highest is None:
        return False
    return line.lowest - allowed < reported < line.highest + allowed


def _range(lines: Sequence[Line]) -> str:
    """The least and the greatest AUROC of all, in points."""
    lowest = points(min(line.lowest for line in lines if line.lowest is not None))
    highest = points(max(line.highest for line in lines if line.highest is not None))
    return lowest if lowest == highest else f"{lowest} to {highest}"


def _named(lines: Sequence[Line]) -> str:
    """Each protocol once, with its AUROC in points."""
    found = {line.protocol: points(line.auroc.value) for line in reversed(lines) if line.auroc is not None}
    return "; ".join(f"{LABELS[protocol]} ({value})" for protocol, value in reversed(found.items()))
