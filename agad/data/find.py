"""The raw files of a data set by its name: the one place that chooses a reader."""

from __future__ import annotations

import importlib
from pathlib import Path
from typing import Protocol, cast

from agad.data.source import Source, SourceAbsentError
from agad.errors import DataError
from agad.spec.datasets import DatasetFacts, PrefixFacts, facts_of, unknown
from agad.store.provenance import has_changed, part_digest

_PREPARES = "agad.data.write"
"""The module that makes prepared data of what a reader gives."""


class Reader(Protocol):
    """A module in agad/data/readers."""

    def find(self, dataset: str, root: Path, /) -> Source:
        """The raw files of a data set below the data root, found and not yet read.

        Raises SourceAbsentError where they are not there, DataError where they are of another kind.
        """


def find_source(dataset: str, data_root: Path | None, *, download: bool = False) -> Source:
    """The raw files of a data set below `data_root`; with `download`, missing ones are downloaded first.

    Raises SourceAbsentError, which names the files to put there, where they are missing; DataError for an unknown name
    or a failed download.
    """
    facts = _known(dataset)
    reader = cast(Reader, importlib.import_module(_module(facts)))
    if not facts.layout:  # a library brings the images
        return reader.find(dataset, data_root or Path())
    if data_root is None:
        raise SourceAbsentError(f"{dataset} is not prepared, and no folder of raw data was given (--data)")
    try:
        return reader.find(dataset, data_root)
    except SourceAbsentError as error:
        if download and isinstance(facts, DatasetFacts) and facts.torchvision:
            _download(dataset, facts, data_root)
            return reader.find(dataset, data_root)
        raise SourceAbsentError(f"{dataset} is not there ({error}); {_advice(dataset, facts, data_root)}") from None


def code_of(dataset: str) -> str:
    """Digest of the code that prepares a data set: its reader, what prepares all, and what both import of agad.data.

    And of a user's own modules, as it was when this process began. Raises DataError for an unknown name.
    """
    return part_digest(_module(_known(dataset)), _PREPARES)


def check_code(dataset: str) -> None:
    """Raise DataError where that code has changed since: what it prepares now would have the name of what was."""
    if has_changed(_module(_known(dataset)), _PREPARES):
        raise DataError(f"the code that prepares {dataset} has changed since this process began; start it again")


def _known(dataset: str) -> DatasetFacts | PrefixFacts:
    facts = facts_of(dataset)
    if facts is None:
        raise DataError(unknown(dataset))
    return facts


def _module(facts: DatasetFacts | PrefixFacts) -> str:
    return f"agad.data.readers.{facts.reader}"


def _advice(dataset: str, facts: DatasetFacts | PrefixFacts, root: Path) -> str:
    if isinstance(facts, PrefixFacts):
        return f"put {facts.layout.replace('NAME', dataset.partition(':')[2])} below {root} (--data)"
    other = ", or download it by --prepare-data where there is a network" if facts.torchvision else ""
    return f"put {facts.layout} below {root} (--data){other}"


def _download(dataset: str, facts: DatasetFacts, root: Path) -> None:
    # torchvision takes a second to import, and is only needed here.
    import torchvision

    try:
        root.mkdir(parents=True, exist_ok=True)
        getattr(torchvision.datasets, facts.torchvision)(root, download=True)
    except (OSError, RuntimeError, EOFError) as error:
        reason = " ".join(str(error).split())
        advice = _advice(dataset, facts, root)
        raise DataError(f"{dataset} could not be downloaded to {root}: {reason}; {advice}") from error
