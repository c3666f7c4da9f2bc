"""The file of a trial, `trials/<number>-<digest>.json` in a study's folder: the runs of the trial."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from agad import files, json_file
from agad.errors import SpecError, StoreError
from agad.spec.run import SEMANTICS_VERSION, RunSpec

WAY_OUT = "move it away; tune.py --rebuild makes the study again from the rows"


def digest_of(specs: Iterable[RunSpec]) -> str:
    """Names the runs of a trial: 8 hexadecimal digits."""
    return hashlib.sha256("".join(spec.run_id for spec in specs).encode()).hexdigest()[:8]


def to_text(specs: Iterable[RunSpec]) -> str:
    """The file's text."""
    return json.dumps([{"semantics_version": SEMANTICS_VERSION, **spec.to_dict()} for spec in specs])


def read_trial(path: Path) -> list[RunSpec]:
    """The runs in a trial's file. Raises StoreError, one line."""
    try:
        specs = [_spec(values) for values in json_file.parse(files.read_file(path))]
        if path.stem.rpartition("-")[2] != digest_of(specs):
            raise SpecError("it holds other runs than its name stands for")
        return specs
    except OSError as error:
        raise StoreError(f"cannot read {path}: {error.strerror}") from error
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise StoreError(f"{path} is not a trial of this agad, or damaged: {error}; {WAY_OUT}") from error


def number_of(name: str) -> int | None:
    """The trial's number in a file's name; None in one that is named otherwise."""
    number = name.partition("-")[0]
    return int(number) if number.isdecimal() else None


def _spec(values: dict[str, Any]) -> RunSpec:
    version = values.pop("semantics_version")
    if version != SEMANTICS_VERSION:
        raise SpecError(f"its runs mean other numbers (semantics {version}, this code has {SEMANTICS_VERSION})")
    return RunSpec.from_dict(values)
