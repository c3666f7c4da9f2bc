"""Files of masks among images: by their names, where an image beside them has the same name but for such words."""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Collection, Iterable, Iterator, Sequence, Set
from dataclasses import dataclass
from functools import cached_property
from typing import NamedTuple

from agad.data.checks.affixes import doubted_by_form
from agad.data.names import NO_MASKS, one_form

_OF_IMAGE = r"mask|masks|gt|ground[ _-]?truth|seg|segmentation|labels?|anno|annot|annotations?|roi|overlay|heatmap"
_PATTERNS = tuple(
    re.compile(pattern, re.IGNORECASE)
    for pattern in (
        rf"(?P<image>.+?)[ _.-]+({_OF_IMAGE}|lesion|superpixels)([ _-]?\d+)?",
        r"(?P<image>.+?)(masks?|groundtruth|segmentation)([ _-]?\d+)?",
        rf"({_OF_IMAGE})[ _.-]+(?P<image>.+)",
    )
)
_SURE = {
    *("mask", "masks", "gt", "groundtruth", "seg", "segs", "segmentation", "segmentations", "superpixels"),
    *("anno", "annot", "annotation", "annotations", "roi", "rois", "overlay", "overlays", "heatmap", "heatmaps"),
    *("msk", "msks", "gtmask", "gtmasks", "maskgt", "segmask", "segmasks", "binmask", "labelids", "instanceids"),
}
"""Words for what belongs to an image of the same name."""
_LABELS = {"label", "labels"}
"""They are such beside a file that is called an image; else a label may be what the image shows."""
_UNSURE = {"target", "targets", "lesion", "lesions"}
"""Words that name masks in some data sets, and in others what the image shows."""
_WORDS = _SURE | _LABELS | _UNSURE
_IMAGE = {
    *("image", "images", "img", "imgs", "im", "orig", "original", "src", "source", "raw", "rgb"),
    *("frame", "input", "photo", "picture", "pic"),
}
"""Words that a name of an image may have where its mask has one of the others: `img_0` beside `gt_0`."""
_PHOTOS = {"photo", "picture", "pic"}
"""Those that say little of what else the set holds: `label_1` beside `photo_1` may be a photograph of a label."""
_FORMS = {
    *("color", "colors", "colour", "colours", "colored", "coloured", "rgb", "grey", "gray", "binary", "vis", "viz"),
    *("watershed", "instance", "instances", "semantic", "panoptic", "fine", "coarse"),
}
"""Words for the form of a mask: `a_color_mask`, `a_gt_instances`."""
_VERSIONS = {
    *("version", "ver", "rev", "final", "old", "new", "fixed", "corrected", "edit", "edited", "copy", "kopie"),
    *("png", "jpg", "tif", "bmp"),
}
"""Words that may follow that for a mask, as single letters do: `a_mask_final`, `a_mask_v2`, `a_maskB`."""
_OF_MASK = _IMAGE | _WORDS | _FORMS
_DENIALS = {*NO_MASKS, "wearing"}
_HINTS = (
    *("mask", "msk", "gt", "truth", "seg", "label", "ids", "anno", "roi", "overlay", "heatmap", "lesion", "target"),
    "superpix",
)
"""One of these is in each name of a mask."""

_JOINT = re.compile(r"(?<=[a-z])(?=[A-Z])")
_ONE_WORD = (
    (re.compile(r"ground[\W_]*truth"), "groundtruth"),
    (re.compile(r"(label|instance)[\W_]*(?:train[\W_]*)?ids?(?![a-z])"), r"\1ids"),
    (re.compile(r"left[\W_]*img8bit"), "img"),
)
"""What is read as one word; the last two are as Cityscapes has them."""
_PARTS = re.compile(r"[^\W\d_]+|\d+")

_Key = tuple[str, ...]


class Found(NamedTuple):
    """Of a folder's file names, without suffix.

    Attributes:
        masks: those of masks.
        doubted: those that may be masks: nobody knows by their names.
    """

    masks: set[str]
    doubted: set[str]


class _Said(NamedTuple):
    """What a name says.

    Attributes:
        words: its words and numbers, in small letters.
        at: where the words for masks are.
        keys: what is left without these and those for images: a number behind a mask may be that of the mask, and
        so may words for its version.
    """

    words: _Key
    at: tuple[int, ...]
    keys: tuple[_Key, ...]

    def has(self, words: Set[str]) -> bool:
        """Whether one of the name's words is one of these."""
        return not words.isdisjoint(self.words)


@dataclass(frozen=True)
class Images:
    """The names of images, without suffix, that masks may belong to."""

    stems: Set[str]

    @cached_property
    def forms(self) -> set[str]:
        """These, with their letters encoded in one way."""
        return {*map(one_form, self.stems)}

    @cached_property
    def keys(self) -> set[_Key]:
        """What is left of them without words for images; computed once, for a folder may have thousands beside it."""
        return {key for stem in self.stems for key in _said(stem).keys if key}


def mask_files(stems: Iterable[str]) -> Found:
    """Find the masks of images beside them, by their names.

    `a_mask` beside `a` is one, and `a_mask`, `mask_a` or `a_color_mask` beside `a_image` or `img_a`: names that are the
    same but for words for masks and for images. A mask needs its image. It is doubted where the word may be of what the
    image shows (`target`), where the other name has a word of its own in its place (`a_seg` beside `a_flair`), and
    where most files with such words have no image.
    """
    known = set(stems)
    if all(map(str.isascii, known)):
        return _found(known)
    forms = defaultdict[str, set[str]](set)
    for stem in known:
        forms[one_form(stem)].add(stem)
    return Found(*({stem for form in found for stem in forms[form]} for found in _found(set(forms))))


def _found(known: set[str]) -> Found:
    masks, doubted = _by_words(known)
    return Found(masks, doubted | doubted_by_form(known - masks, _IMAGE))


def _by_words(known: set[str]) -> Found:
    whole = "\n".join(known).lower()
    hints = [word for word in _HINTS if word in whole]  # for speed: mostly none
    likely = {stem for stem in known for word in hints if word in stem.lower()}
    if not likely:
        return Found(set(), set())
    plain = {stem for stem in likely if known.intersection(_masked(stem))}
    called = {stem: said for stem in likely - plain if (said := _said(stem)).at}
    if not called:
        return Found(plain, set())
    sure, doubted = _paired(called, [_said(stem) for stem in known - plain - called.keys()])
    if 2 * len(sure) < len(called):
        sure, doubted = set(), doubted | sure
    return Found(plain | sure, doubted)


def are_of(stems: Collection[str], images: Images) -> bool:
    """Whether at least half of some file names, without suffix, are those of images, or of masks of them."""

    def is_of(stem: str) -> bool:
        known = stem in images.forms or not images.forms.isdisjoint(_masked(stem))
        return known or not images.keys.isdisjoint(_said(stem).keys)

    return bool(stems) and 2 * sum(map(is_of, map(one_form, stems))) >= len(stems)


def _masked(stem: str) -> list[str]:
    """What the image of a mask may be called, where its name is whole in that of the mask."""
    return [match["image"].rstrip() for pattern in _PATTERNS if (match := pattern.fullmatch(stem))]


def _paired(called: dict[str, _Said], others: Sequence[_Said]) -> tuple[set[str], set[str]]:
    """Of the names that are called like masks those with an image among the others, and those that may have one."""
    every = _keys(others)
    images = _keys(said for said in others if said.has(_IMAGE))
    of_labels = _keys(said for said in others if said.has(_IMAGE - _PHOTOS))
    sure, doubted = set(), set()
    for stem, said in called.items():
        if said.has(_SURE):
            is_sure = _is_on(said, every, images)
        else:
            is_sure = said.has(_LABELS) and not of_labels.isdisjoint(said.keys)
        if is_sure:
            sure.add(stem)
        elif not every.isdisjoint(said.keys):
            doubted.add(stem)
    left = {stem: called[stem] for stem in called.keys() - sure - doubted}
    gaps = {gap for said in others for gap in _gaps(said, range(len(said.words)))} if left else set()
    return sure, doubted | {stem for stem, said in left.items() if not gaps.isdisjoint(_gaps(said, said.at))}


def _keys(names: Iterable[_Said]) -> set[_Key]:
    return {key for said in names for key in said.keys}


def _is_on(said: _Said, every: Set[_Key], images: Set[_Key]) -> bool:
    """Whether an image has the same name but for the word for masks, and words before it: `a_left_lung_mask`.

    One whose name is that word alone is of a file that is called `image` or the like.
    """
    if any(key in (every if key else images) for key in said.keys):
        return True
    end = said.at[0]
    while end > 1 and said.words[end - 1].isalpha():
        end -= 1
        if (key := _without(said.words[:end], _IMAGE)) and key in every:
            return True
    return False


def _gaps(said: _Said, at: Iterable[int]) -> Iterator[_Key]:
    """The words of a name with a gap where one of them was, each time another; a number is none, nor one word alone."""
    for index in at:
        if said.words[index].isalpha() and len(said.words) > 1:
            yield (*said.words[:index], "", *said.words[index + 1 :])


def _without(words: _Key, dropped: Set[str]) -> _Key:
    return tuple(word for word in words if word not in dropped)


def _said(stem: str) -> _Said:
    apart = _JOINT.sub(" ", one_form(stem)).lower()
    for pattern, word in _ONE_WORD:
        apart = pattern.sub(word, apart)
    words = tuple(_PARTS.findall(apart))
    at = () if not _DENIALS.isdisjoint(words) else tuple(i for i, word in enumerate(words) if word in _WORDS)
    key = _without(words, _OF_MASK if at else _IMAGE)
    is_of_mask = at and _are_of_mask(words[at[-1] + 1 :])
    return _Said(words, at, (key, _without(words[: at[-1]], _OF_MASK)) if is_of_mask else (key,))


def _are_of_mask(behind: _Key) -> bool:
    """Whether what stands behind the word for a mask may belong to it: a number, or words for a version."""
    if len(behind) == 1 and behind[0].isdigit():
        return True
    versions = [word for word in behind if not word.isdigit()]
    return bool(versions) and all(len(word) == 1 or word in _VERSIONS for word in versions)
