"""What was passed over in a tree of images, or taken in doubt: counts, and the notes that say so."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import PurePosixPath

from agad.data.image import SUFFIXES
from agad.data.names import one_form, one_line


@dataclass(slots=True)
class LeftOut:
    """Counts and names of one tree; names are below its top.

    Attributes:
        others: suffix -> number of files that are not images.
        links: number of links not followed: they lead out of the tree, or to a folder.
        broken: number of links to what is not there.
        masks: images left out as masks: in folders of such a name, or beside the image they belong to.
        mask_folders: folders of masks among those of classes.
        written: images left out because agad itself wrote them: heat maps and figures.
        doubted: folders that are called as masks are, and whose images are used.
        doubted_files: images that may be masks of others by their names, and are used.
        doubles: images whose names are those of others beside them but for the suffix.
        beside: number of images beside the folders of classes, which are of no class.
        twins: folders that are named otherwise, but hold files of the same names as images beside them.
        hidden: number of images whose names, or those of their folders, begin with a dot; those that macOS makes beside
            others (`._`) are none.
    """

    others: Counter[str] = field(default_factory=Counter)
    links: int = 0
    broken: int = 0
    masks: list[str] = field(default_factory=list)
    mask_folders: list[str] = field(default_factory=list)
    written: list[str] = field(default_factory=list)
    doubted: list[str] = field(default_factory=list)
    doubted_files: list[str] = field(default_factory=list)
    doubles: list[str] = field(default_factory=list)
    beside: int = 0
    twins: list[str] = field(default_factory=list)
    hidden: int = 0

    def note_twins(self, files: Iterable[tuple[str, str]]) -> None:
        """Note the folders of a class whose files mostly have the names of those in a folder above them.

        Args:
            files: of each file the folder, and the name without suffix.
        """
        stems = defaultdict[str, set[str]](set)
        for folder, stem in files:
            stems[folder].add(one_form(stem))
        for folder, own in stems.items():
            above = (stems[top.as_posix()] for top in PurePosixPath(folder).parents if top.as_posix() in stems)
            if folder not in self.twins + self.doubted and any(2 * len(own & of) >= len(own) for of in above):
                self.twins.append(folder)

    def notes(self) -> tuple[str, ...]:
        """A sentence for each kind."""
        return (*self._ignored(), *self._in_doubt(), *self._of_links())

    def _ignored(self) -> Iterator[str]:
        if self.beside:
            yield f"{self.beside} images beside the folders of classes are of no class, and not used"
        if self.others:
            yield f"{self.others.total()} files that are no images are ignored ({_listed(self.others)})"
        if self.hidden:
            yield f"{self.hidden} images whose names, or those of their folders, begin with a dot are not used"
        if self.written:
            yield f"{len(self.written)} images that agad itself wrote are left out {_first(self.written)}"
        if self.masks:
            named = "by the names of their folders or files"
            yield f"{len(self.masks)} images are left out as masks, {named} {_first(self.masks)}"

    def _in_doubt(self) -> Iterator[str]:
        if self.doubted:
            yield (
                f"the folder {one_line(min(self.doubted))} is called as masks are, and its images are used"
                f"{_others(self.doubted)}: if they are masks, or made of other images, move them out of the data set"
            )
        if self.doubted_files:
            yield (
                f"{len(self.doubted_files)} images may be masks of others, by their names, and all are "
                f"used {_first(self.doubted_files)}: if they are, move them out of the data set"
            )
        if self.doubles:
            yield (
                f"{len(self.doubles)} images are named like another beside them but for the suffix, and all are used "
                f"{_first(self.doubles)}: if they are masks or copies, move them out"
            )
        if self.twins:
            yield (
                f"the folder {one_line(min(self.twins))} has files of the same names as images beside it, "
                f"and its images are used{_others(self.twins)}: "
                "if they are masks or other versions of these, move them out of the data set"
            )

    def _of_links(self) -> Iterator[str]:
        if self.links:
            yield f"{self.links} links that lead out of the tree are not followed"
        if self.broken:
            yield f"{self.broken} links are broken: what they lead to is not there"

    def counts(self) -> Counter[str]:
        """How many there are of each kind that may be why a folder has no images."""
        counts = Counter({f".{suffix}": count for suffix, count in self.others.items()})
        return counts + Counter(links=self.links, broken=self.broken, masks=len(self.masks), written=len(self.written))

    def why_empty(self, before: Counter[str]) -> str:
        """Why there are no images in a folder: what was passed over in it, since the counts `before`."""
        more = self.counts() - before
        found = {
            "{} links lead out of the tree and are not followed": more.pop("links", 0),
            "{} links are broken: what they lead to is not there": more.pop("broken", 0),
            "{} images are taken for masks, by the names of their folders or files": more.pop("masks", 0),
            "{} images were written by agad itself": more.pop("written", 0),
        }
        reasons = [text.format(count) for text, count in found.items() if count]
        if more:
            suffixes = Counter({suffix[1:]: count for suffix, count in more.items()})
            reasons.append(f"it has {_listed(suffixes)} files; convert them to one of {', '.join(sorted(SUFFIXES))}")
        return f" ({'; '.join(reasons)})" if reasons else ""


def _first(names: list[str]) -> str:
    return f"(the first: {one_line(min(names))})"


def _others(names: list[str]) -> str:
    """That those of other folders are used too, where there are some."""
    return f" (so are those of {len(names) - 1} others)" if len(names) > 1 else ""


def _listed(suffixes: Counter[str]) -> str:
    return ", ".join(
        f"{count} {one_line(suffix)}" for suffix, count in sorted(suffixes.items(), key=lambda of: (-of[1], of[0]))[:4]
    )
