"""MODEL.py: a file of anybody's whose function `load` returns what is to be audited."""

from __future__ import annotations

import importlib.util
import sys
from collections.abc import Callable
from pathlib import Path
from types import ModuleType
from typing import Any

from agad.auditing.model.scorer import described
from agad.auditing.model.watch import restore_generators
from agad.errors import FAULTS, AuditError, suggestion

OF_THE_DATA = ("images", "labels", "classes", "train_images", "curve", "reported")
"""Of KEYS those that are, or were measured on, one test set."""
KEYS = ("score", *OF_THE_DATA, "batch_size")
"""What `load` may return in a dict: arguments of agad.audit by name."""


def load_subject(text: str) -> dict[str, Any]:
    """Arguments of agad.audit from a file, which is executed.

    Args:
        text: `FILE.py`, whose function is `load`, or `FILE.py:NAME`. The function takes no argument; it returns a score
            function, which a module can be too, or a dict of KEYS.

    Raises AuditError, one line: no such file, no such function, an error in either, or a result of another kind.
    """
    name_of_file, colon, name = text.rpartition(":")
    path, name = (Path(name_of_file), name) if colon and name_of_file.endswith(".py") else (Path(text), "load")
    if not path.is_file():
        raise AuditError(f"there is no file {path}; the model is given as FILE.py or FILE.py:NAME")
    module = _execute(path)
    load = getattr(module, name, None)
    if not callable(load):
        functions = [key for key, value in vars(module).items() if callable(value) and not key.startswith("_")]
        hint = suggestion(name, functions, "it has") if functions else "it has none"
        raise AuditError(f"{path} has no function {name!r}; {hint}")
    try:
        found = load()
    except FAULTS as error:
        raise AuditError(f"{name}() of {path} raised {described(error)}") from error
    return _arguments(found, f"{name}() of {path}")


def load_again(text: str, generators: tuple[Any, ...]) -> Callable[[], Any]:
    """What makes the score function of a file again, from the file on, for its variables may keep what it saw.

    Args:
        text: as of load_subject.
        generators: the global random generators as they stood before the first time.
    """

    def again() -> Any:
        restore_generators(generators)
        return load_subject(text)["score"]

    return again


def _execute(path: Path) -> ModuleType:
    spec = importlib.util.spec_from_file_location(f"agad_model_{path.stem}", path)
    if spec is None or spec.loader is None:
        raise AuditError(f"{path} is not a Python file; its name must end in .py")
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module  # where dataclasses in the file find their module
    sys.path.insert(0, str(path.resolve().parent))  # where the file's own imports are; some come as late as in a call
    try:
        spec.loader.exec_module(module)
    except SyntaxError as error:
        raise AuditError(f"{path}, line {error.lineno}: SyntaxError: {error.msg}") from None
    except FAULTS as error:
        raise AuditError(f"{path} cannot be imported: {described(error)}") from error
    return module


def _arguments(found: Any, what: str) -> dict[str, Any]:
    if callable(found):
        return {"score": found}
    if not isinstance(found, dict):
        raise AuditError(f"{what} returned {type(found).__name__}; it must return a score function, or a dict with one")
    unknown = [key for key in found if key not in KEYS]
    if unknown:
        raise AuditError(
            f"{what} returned the unknown key {unknown[0]!r}; {suggestion(str(unknown[0]), KEYS, 'known are')}"
        )
    if "score" not in found:
        raise AuditError(f"{what} returned no 'score', the function from a batch to one number an image")
    return dict(found)
