"""What the names of folders and files in an image tree say: parts of a split, classes in order, masks."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Collection, Iterable
from itertools import pairwise

_SPLITS = {
    "train": {"train", "training", "trn", "learn"},
    "test": {"test", "testing", "tst", "holdout"},
    "validation": {"val", "valid", "validation", "validate", "eval", "evaluation", "dev"},
}
"""Part of a split -> the words for it, in small letters."""
_SHORT = {"tr": "train", "te": "test", "ts": "test"}
"""Words that may also be names of classes, such as languages: they count beside their counterpart alone."""
_FILLERS = {"set", "data", "dataset", "split", "image", "images", "img", "imgs", "folder"}
"""Words that may stand beside such a word: `Training_Set`."""
_ALL_WORDS = frozenset().union(*_SPLITS.values())

_NORMAL_NAMES = {"good", "normal", "normals", "ok", "negative", "healthy", "benign"}
"""Names of a normal class, in small letters, without blanks and marks."""
_ANOMALOUS_WORDS = {
    *("bad", "ng", "nok", "anomaly", "anomalies", "anomalous", "abnormal", "abnormals", "outlier", "outliers"),
    *("defect", "defects", "defective", "fault", "faults", "faulty", "damage", "damaged", "broken"),
    *("reject", "rejects", "rejected", "failed", "failure", "failures", "malignant", "unhealthy", "diseased"),
}
"""Words of which one says that a folder holds anomalies."""
_DENIALS = {"no", "not", "non", "without", "free"}
"""Words that turn the others round: `not_ok`, `no_defects`, `defect-free`."""

_MASK_FOLDERS = {
    *("maskdir", "maskimage", "maskimages", "segmask", "groundtruth", "groundtruths", "gt", "gts"),
    *("segmentation", "segmentations", "annotation", "annotations", "gtmask", "gtmasks", "segmasks"),
}
_MASKS = {"masks", "msk", "msks"}
"""Words of which one at the end says so."""
_MASK_WORDS = {
    *("mask", *_MASKS, "label", "labels", "seg", "segs", "segmentation", "segmentations", "gt", "gts"),
    *("groundtruth", "groundtruths", "anno", "annot", "annotation", "annotations", "roi", "rois"),
    *("overlay", "overlays", "heatmap", "heatmaps"),
}
"""Words that say what belongs to images, where the images themselves are beside it; alone they may be classes."""
_DERIVED = {
    *("prediction", "predictions", "pred", "preds", "preview", "previews", "thumb", "thumbs", "thumbnail"),
    *("thumbnails", "anomalymap", "anomalymaps", "scoremap", "scoremaps", "saliencymap", "saliencymaps", "vis", "viz"),
    *("visualization", "visualizations", "contour", "contours", "trimap", "trimaps", "matte", "mattes"),
}
"""Words for what else is made of images: it may be a class."""
_COUNTED = {"label", "seg", "anno", "annot", "roi"}
"""Words that are numbered where they are classes: `label_1`."""
_VERSIONS = {
    *("copy", "kopie", "copie", "old", "new", "final", "backup", "bak", "version", "png", "jpg", "jpeg", "bmp"),
    *("tif", "tiff", "gif", "binary", "bin", "bw", "color", "colour", "grey", "gray", "rgb"),
}
"""Words that may follow the name of a folder, as numbers do: `masks_old`, `masks (1)`, `segmentation_png`."""
_TARGETS = {"target", "targets"}
"""Words that say so only where the files are named like the images, too."""
NO_MASKS = {*_DENIALS, "missing", "with", "wrong", "incorrect"}
"""Words with which a name is of a class about masks or labels: `no label`, `missing_label`, `with_masks`."""
_IMAGE_FOLDERS = {"image", "images", "img", "imgs", "original", "originals"}


def natural(name: str) -> tuple[list[str | int], str]:
    """A sort key under which numbers in names count as numbers: 2 before 10."""
    parts = re.split(r"([0-9]+)", name)  # text and digits in turn, text first
    return [int(text) if index % 2 else text for index, text in enumerate(parts)], name


def split_part(name: str) -> str | None:
    """`train`, `test` or `validation` where a folder's name says so in a usual spelling, in any case; else None."""
    words = _words(name)
    said = "".join(word for word in words if word not in _FILLERS)  # hold_out
    for part, spellings in _SPLITS.items():
        if said in spellings:
            return part
        for word in spellings:  # run together: trainset, TestData
            if len(words) == 1 and words[0].removeprefix(word) in _FILLERS and words[0].startswith(word):
                return part
    return None


def split_parts(names: Iterable[str]) -> dict[str, str]:
    """Of the folders in one folder, those that are parts of a split: name -> `train`, `test` or `validation`.

    `imagesTr` beside `imagesTs` are such, and `tr` beside `te` where no other folder is there.
    """
    listed = list(names)
    known = {name: part for name in listed if (part := split_part(name))}
    short = {name: _SHORT[word] for name in listed if (word := _short_word(name))}
    if not {*known.values(), *short.values()} >= {"train", "test"}:
        return known
    is_all = len(known) + len(short) == len(listed)
    return known | {name: part for name, part in short.items() if is_all or len(_words(name)) > 1}


def _short_word(name: str) -> str | None:
    left = [word for word in _words(name) if word not in _FILLERS]
    return left[0] if len(left) == 1 and left[0] in _SHORT else None


def is_short_part(name: str) -> bool:
    """Whether a folder has a name that may be that of a part or of a class, such as a language: `tr`."""
    return name.strip().lower() in _SHORT


def is_like_split(name: str) -> bool:
    """Whether a name looks like a part of a split, but is none of the usual: `train2`, `test_old`, `2_Train`."""
    if split_part(name):
        return False
    words = re.findall("[a-z]+", " ".join(_words(name)))
    return bool(words) and (words[0] in _ALL_WORDS or words[-1] in _ALL_WORDS)


def mask_folders(names: Iterable[str]) -> set[str]:
    """Of the folders in one folder, those of masks or other annotations by name: `masks`, `mask_dir`, `ground_truth`.

    Beside a folder `images` these are also `Lung_Mask`, `label` or `overlay`, but not `targets`. `mask` alone is a
    class where a folder beside it is named by masks too, as in `mask` and `no_mask`.
    """
    listed = list(names)
    has_images = any(map(is_image_folder, listed))
    about_masks = [name for name in listed if "mask" in name.lower()]
    beside = {name for name in listed if has_images and is_called_mask(name) and not _is_target(name)}
    return beside | {name for name in listed if _is_of_masks(name, about_masks)}


def _is_target(name: str) -> bool:
    return _words(name)[-1:] in [[word] for word in _TARGETS]


def _is_of_masks(name: str, about_masks: Collection[str]) -> bool:
    words = _without_version(name)
    if words == ["mask"]:
        return all(other == name for other in about_masks)
    of_masks = not _MASKS.isdisjoint(words[-1:]) and NO_MASKS.isdisjoint(_words(name))
    return of_masks or "".join(words) in _MASK_FOLDERS


def is_called_mask(name: str) -> bool:
    """Whether the last word of a folder's name is one for what belongs to images: `Lung_Mask`, `heat maps`, `label`.

    `no label` and `missing_label` are not called so.
    """
    return len(_without_mask(name)) < len(_words(name))


def is_bare_mask(name: str) -> bool:
    """Whether a folder's name says nothing but that: `label`, `heat maps`; `targets` may be other things."""
    return is_called_mask(name) and not _without_mask(name) and not _is_target(name)


def masked_folders(names: Iterable[str]) -> dict[str, str]:
    """Of the folders in one folder, those that are called like another and a word for masks: `bad_gt` -> `bad`.

    The word may stand before or behind, and the other may say that it holds images: `masks_bad` -> `bad_images`.
    """
    listed = list(names)
    known = {tuple(words): name for name in listed if (words := _without_image(name))}
    known |= {tuple(_words(name)): name for name in listed}
    owners = dict[str, str]()
    for name in listed:
        for left in (_without_mask(name), _without_mask(name, at_end=False)):
            owner = known.get(tuple(left), name)
            if owner != name and len(left) < len(_words(name)):
                owners.setdefault(name, owner)
    return owners


def called_like_masks(names: Iterable[str], *, has_images: bool = False) -> list[str]:
    """Of the folders in one folder that are no masks for certain, those whose names have a word for such.

    None where all have and no images are beside them, for something must have the masks; nor those of words that a name
    beside them denies: of `no_mask` and `mask` both are classes. Numbered kinds (`label_1`) are none.

    Args:
        names: of the folders.
        has_images: whether images are beside them.
    """
    said = {name: _said_of_masks(name) for name in names}
    if all(said.values()) and not has_images:
        return []
    denied = set[str]().union(*(of for name, of in said.items() if _denies_masks(name)))
    return [name for name, of in said.items() if not of <= denied]


def _said_of_masks(name: str) -> set[str]:
    """The words of a name that are for masks and the like, in the singular."""
    words = [*_words(name), ""]
    found = set[str]()
    for word, behind in pairwise(words):
        bare = re.sub(r"^(no|non|un)(?=mask|label)|\d+$", "", word)
        is_counted = bare in _COUNTED and (word[-1].isdigit() or behind.isdigit())
        found |= {said for said in (bare, bare + behind) if said in _MASK_WORDS | _DERIVED and not is_counted}
    return {said.removesuffix("s") for said in found}


def _denies_masks(name: str) -> bool:
    return not NO_MASKS.isdisjoint(_words(name)) or bool(re.search(r"(no|un)[\W_]*(mask|label)", name.lower()))


def _without_mask(name: str, *, at_end: bool = True) -> list[str]:
    """The words of a name without the last ones, or the first, that are for masks; all where there are no such."""
    words = _words(name)
    if not NO_MASKS.isdisjoint(words):
        return words
    bare = _without_version(name) if at_end else words
    for count in (2, 1):
        ends, left = (bare[-count:], bare[:-count]) if at_end else (bare[:count], bare[count:])
        if "".join(ends) in _MASK_WORDS | _TARGETS:
            return left
    return words


def _without_version(name: str) -> list[str]:
    """The words of a name without numbers and words for a copy or a format behind them: `masks` of `masks2 (1)`.

    All of them where the word is one that is numbered where it is a class.
    """
    words = _words(name)
    bare = [*words]
    while len(bare) > 1 and (bare[-1] in _VERSIONS or re.fullmatch(r"v?\d+", bare[-1])):
        bare.pop()
    if bare:
        bare[-1] = re.sub(r"(?<=[a-z])\d+$", "", bare[-1])
    return bare if _COUNTED.isdisjoint(bare[-1:]) else words


def _without_image(name: str) -> list[str]:
    """The words of a name without one for images at its beginning or end."""
    words = _words(name)
    if words and words[0] in _IMAGE_FOLDERS:
        return words[1:]
    return words[:-1] if words and words[-1] in _IMAGE_FOLDERS else words


def is_image_folder(name: str) -> bool:
    """Whether a folder is called `images` or the like: what lies beside it may belong to its images."""
    return "".join(_words(name)) in _IMAGE_FOLDERS


def is_called_normal(name: str) -> bool:
    """Whether a class or folder is called good, normal, ok or the like."""
    return "".join(filter(str.isalnum, name.lower())) in _NORMAL_NAMES


def is_called_anomalous(name: str) -> bool:
    """Whether a class or folder is called bad, defects, not_ok or the like; `no_defects` is not."""
    words = set(_words(name))
    return bool(words & (_NORMAL_NAMES if words & _DENIALS else _ANOMALOUS_WORDS))


def doubles(names: Iterable[str]) -> list[str]:
    """The file names that differ from an earlier one, in the order of names, in their suffix alone."""
    known = dict[str, str]()
    return [name for name in sorted(names) if known.setdefault(name.rpartition(".")[0], name) != name]


def _words(name: str) -> list[str]:
    """The words of a name in small letters; an inner capital begins one: `TrainImages` has two."""
    apart = re.sub(r"(?<=[a-z])(?=[A-Z])", " ", one_form(name).strip())
    return [word for word in re.split(r"[\s_.()\[\]-]+", apart.lower()) if word]


def one_form(name: str) -> str:
    """A name with its letters encoded in one way: systems write é as one sign or as two."""
    return name if name.isascii() else unicodedata.normalize("NFKC", name)


def alike(name: str) -> str:
    """What names have in common that differ only in case, in blanks or in how their letters are encoded."""
    return "".join(one_form(name).casefold().split())


def look_alikes(names: Iterable[str]) -> list[list[str]]:
    """Names that differ only in case, in blanks or in how their letters are encoded: a composed and a combining é."""
    groups: dict[str, list[str]] = {}
    for name in names:
        groups.setdefault(alike(name), []).append(name)
    return [group for group in groups.values() if len(group) > 1]


def one_line(name: str) -> str:
    """A file's or class's name for a message of one line, whatever characters it has."""
    return name if name.isprintable() else ascii(name)[1:-1]
