"""Files that may be masks of others by the form of their names alone, whatever words they have."""

from __future__ import annotations

import re
from collections import Counter, defaultdict
from collections.abc import Collection, Iterable, Set
from itertools import pairwise

_LEAST = 3
_SHARE = 10
"""Fewer of a folder's files than the tenth part may be anything: they move no figure much."""
_COUNTER = re.compile(r"(?:[\W\d_]|copy|copie|kopie|copia|of|von|de)*")
"""What only tells repetitions and copies apart: `cat2`, `cat (1)`, `cat - Copy (2)`, `Copy of cat`."""
_VIEWS = [
    *({"left", "right"}, {"l", "r"}, {"front", "back"}, {"top", "bottom"}, {"upper", "lower"}, {"od", "os"}),
    *({"cc", "mlo"}, {"before", "after"}),
]
"""Pairs of words for two images of one thing."""
_LETTERS = "abcdefg"
"""They count as numbers do, where two that follow each other are the only difference."""


def doubted_by_form(stems: Collection[str], of_images: Set[str]) -> set[str]:
    """Of the names of a folder's files, without suffix, those that may be masks by their form: nobody knows.

    `1_x`, `2_x`, `3_x` beside `1`, `2`, `3` are such, and so are `x1`, `x2`, `x3` beside `y1`, `y2`, `y3`: an affix
    turns the name of another file into theirs, or each name is there twice, with two words in turn. Numbers, signs of
    copies (`1 (2)`), letters that count (`1a`, `1b`) and words for two views (`1_left`, `1_right`) are no such affixes.

    Args:
        stems: the names.
        of_images: words that an image's name has: where one of two words is such, the other may be for masks.
    """
    names = {stem.lower(): stem for stem in stems if stem}
    # For speed: the names of most folders differ in their numbers alone. No name of a file has a zero byte.
    forms = dict(zip(names, re.sub(r"\d+", "0", "\0".join(names)).split("\0"), strict=True)) if names else {}
    if len(set(forms.values())) < 2:
        return set()
    turned = {name[::-1]: form[::-1] for name, form in forms.items()}
    before = _extended(turned) | _in_turns(turned, {word[::-1] for word in of_images})
    found = _extended(forms) | _in_turns(forms, of_images) | {name[::-1] for name in before}
    return {names[name] for name in found}


def _extended(forms: dict[str, str]) -> set[str]:
    """The names that have an affix behind whose files are mostly named so after another.

    Most must be: of `IM-1` and `NORMAL2-IM-1`, two series of numbers, some have the same.

    Args:
        forms: name -> the name without its numbers; both backwards for an affix before.
    """
    # In few words at first, for they are few: where no name without its numbers extends another, no name does.
    if not _bases(set(forms.values())):
        return set()
    by_affix = defaultdict[str, list[str]](list)
    for name, base in _bases(forms).items():
        affix = name[len(base) :]
        if not (_is_cut(base, name) or _is_counter(affix)):
            by_affix[re.sub(r"\d+", "0", affix)].append(name)
    found = set[str]()
    for affix, named in by_affix.items():
        if len(named) >= max(_LEAST, len(forms) / _SHARE):
            having = sum(form.endswith(affix) for form in forms.values())
            found.update(named if 2 * len(named) >= having else ())
    return found


def _bases(names: Iterable[str]) -> dict[str, str]:
    """Name -> the longest other that it begins with."""
    found, begun = dict[str, str](), list[str]()
    for name in sorted(names):
        while begun and not name.startswith(begun[-1]):
            begun.pop()
        if begun:
            found[name] = begun[-1]
        begun.append(name)
    return found


def _in_turns(forms: dict[str, str], of_images: Set[str]) -> set[str]:
    """The names of one of two kinds, where at least half of the files are two of the same name but for their ends.

    Args:
        forms: name -> the name without its numbers; both backwards for two beginnings.
        of_images: words that an image's name has, backwards likewise.
    """
    least = max(_LEAST, len(forms) / 4)
    if max(Counter(name[-1] for name in forms).values()) < least:  # for speed
        return set()
    pairs = defaultdict[tuple[str, str], list[tuple[str, str]]](list)
    # Names of one beginning stand beside each other.
    for first, second in pairwise(sorted(forms)):
        if first[0] != second[0] or forms[first] == forms[second]:
            continue
        start = first[: _alike(first, second)]
        if first != start and not _is_cut(start, first) and not _is_cut(start, second):
            pairs[first[len(start) :], second[len(start) :]].append((first, second))
    found = set[str]()
    for named in pairs.values():
        words = _unlike(*named[0])
        if len(named) >= least and not _are_views(*words):
            is_first = any(word in words[1] for word in of_images if len(word) > 2)
            found.update(pair[not is_first] for pair in named)
    return found


def _alike(first: str, second: str) -> int:
    """With how many equal letters two names begin."""
    for index, (one, other) in enumerate(zip(first, second, strict=False)):
        if one != other:
            return index
    return min(len(first), len(second))


def _is_cut(start: str, name: str) -> bool:
    """Whether the beginning of a name ends inside of a number: `1` of `12`."""
    return start[-1].isdigit() and name[len(start)].isdigit()


def _is_counter(affix: str) -> bool:
    return bool(_COUNTER.fullmatch(affix) or _COUNTER.fullmatch(affix[::-1]))


def _unlike(first: str, second: str) -> tuple[str, str]:
    """The words of two names that the other has not."""
    one, other = (Counter(re.findall(r"[^\W\d_]+", name)) for name in (first, second))
    return "".join(one - other), "".join(other - one)


def _are_views(first: str, second: str) -> bool:
    """Whether words tell only repetitions or views of one thing apart: those of `1a` and `1b`, `1_left` and `1_right`.

    They may be given backwards.
    """
    if {first, second} in _VIEWS or {first[::-1], second[::-1]} in _VIEWS:
        return True
    letters = ["".join(sorted(pair)) for pair in zip(first, second, strict=False) if pair[0] != pair[1]]
    is_letter = len(first) == len(second) and len(letters) == 1 and letters[0] in _LETTERS
    return is_letter or _is_counter(first + second)
