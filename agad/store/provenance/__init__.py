"""Where a row comes from: code, machine, versions, job."""

from __future__ import annotations

import ast
import functools
import hashlib
import logging
import os
import platform
import socket
import subprocess
import sys
from collections.abc import Collection, Mapping
from importlib import metadata
from pathlib import Path
from typing import Any

from agad.store.provenance.parts import needed_by
from agad.store.provenance.ran import Ran
from agad.store.provenance.sources import Source, installed_of, sources_of

log = logging.getLogger("agad.store")

_PACKAGE = Path(__file__).parents[2]
_OF_NUMBERS = ("agad", "sweeps")
"""Folders of which a commit says that they are as committed."""
_ARITHMETIC_VARIABLES = (
    *(f"{library}_{name}" for library in ("ONEDNN", "DNNL") for name in ("MAX_CPU_ISA", "DEFAULT_FPMATH_MODE")),
    *("MKL_CBWR", "MKL_ENABLE_INSTRUCTIONS"),
)
"""What tells oneDNN and MKL which instructions to use: bits change with it."""
_JOB_VARIABLES = ("SLURM_JOB_ID", "SLURM_ARRAY_JOB_ID", "SLURM_ARRAY_TASK_ID", "SLURM_RESTART_COUNT", "RAY_JOB_ID")


@functools.cache
def code_digest() -> str:
    """SHA-256 over the code that makes a run's numbers, its first 16 hexadecimal digits.

    Of each module of `sources_of` it takes the name and the syntax, without docstrings, comments and layout: as they
    were when this process began, whatever has been written into the files since.
    """
    return _digest(_AT_START)


def digest_of(package: Path) -> str:
    """`code_digest` of an agad in another folder."""
    return _digest(sources_of(package))


_AT_START = sources_of(_PACKAGE)


@functools.cache
def part_digest(*modules: str) -> str:
    """As `code_digest`, of some modules and of what they import of their own room alone (parts.py)."""
    return _digest(_part_of(_AT_START, modules))


def has_changed(*modules: str) -> bool:
    """Whether this process has run, or may yet run, other code of these modules than `part_digest` is of."""
    now = sources_of(_PACKAGE)
    is_edited = now != _AT_START and _digest(_part_of(now, modules)) != part_digest(*modules)
    return is_edited or _RAN.is_other(_part_of(_AT_START, modules))


def _part_of(sources: Mapping[str, Source], modules: tuple[str, ...]) -> dict[str, Source]:
    return needed_by(modules, sources, _PACKAGE, _without_texts)


def named_code() -> str | None:
    """`code_digest` where it is of all that this process has run; else None, and a warning says why, once."""
    other = _RAN.other()
    if other is None:
        return code_digest()
    _warn(other)
    return None


@functools.cache
def _warn(why: str) -> None:
    log.warning("%s: the rows of this process name no code from here on", why)


def _digest(sources: Mapping[str, Source]) -> str:
    digest = hashlib.sha256()
    for name in sorted(sources):
        content = sources[name].content
        code = _without_texts(content) if name.endswith(".py") else content.hex()
        digest.update(f"{name}\0{len(code)}\0{code}".encode())
    return digest.hexdigest()[:16]


def _same(one: bytes, other: bytes) -> bool:
    return one == other or _without_texts(one) == _without_texts(other)


@functools.cache
def _without_texts(source: bytes) -> str:
    """The code, laid out as Python prints its syntax tree, without statements that are only a text.

    Made once a process for each source: where one file has changed, the others are not read again. One that is no
    Python of today, as of an old script in a package, counts by its bytes.
    """
    try:
        tree = ast.parse(source)
    except (SyntaxError, ValueError):
        return source.hex()
    for node in ast.walk(tree):
        body = getattr(node, "body", None)
        if isinstance(body, list):
            node.body = [statement for statement in body if not _is_text(statement)]  # type: ignore[attr-defined]
    return ast.unparse(tree)  # not ast.dump, which differs between versions of Python


def _is_text(statement: ast.stmt) -> bool:
    return (
        isinstance(statement, ast.Expr)
        and isinstance(statement.value, ast.Constant)
        and isinstance(statement.value.value, str)
    )


_RAN = Ran(_PACKAGE, _AT_START, _same)


@functools.cache
def git_state() -> tuple[str | None, bool | None]:
    """The commit, and whether agad/ and sweeps/ are as committed; (None, None) outside a checkout of agad.

    A copy of agad inside another repository, tracked there or not, has no commit of its own.
    """
    top = _git("rev-parse", "--show-toplevel")
    if top is None or Path(top) != _PACKAGE.parent.resolve():
        return None, None
    commit = _git("rev-parse", "HEAD")
    if commit is None or _git("ls-files", "--error-unmatch", "--", "agad/__init__.py") is None:
        return None, None
    changes = _git("status", "--porcelain", "--untracked-files=all", "--", *_OF_NUMBERS)
    committed = _committed()
    hashes = None if committed is None else _hashes(committed)
    return commit, None if changes is None or hashes is None else changes == "" and hashes == committed


def _committed() -> dict[str, str] | None:
    """Name -> hash of the commit's files."""
    listed = _git("ls-tree", "-r", "-z", "--full-tree", "HEAD", "--", *_OF_NUMBERS) or ""
    entries = (entry.partition("\t") for entry in listed.split("\0") if entry)
    return {name: facts.split()[2] for facts, _, name in entries} or None


def _hashes(committed: Collection[str]) -> dict[str, str] | None:
    """Of the files that there are, of those that are committed, and of all code; None where git does not say.

    A user's settings hide new and changed files from `git status`: an ignore file of theirs, an index entry that is
    assumed to be unchanged.
    """
    top = _PACKAGE.parent
    code = (path.relative_to(top).as_posix() for folder in _OF_NUMBERS for path in (top / folder).rglob("*.py"))
    there = sorted({name for name in {*committed, *code} if (top / name).is_file()})
    hashes = _git("hash-object", "--", *there)
    return None if hashes is None else dict(zip(there, hashes.split(), strict=False))


def collect() -> dict[str, Any]:
    """The provenance columns that are the same for every run of this process; what cannot be known is None."""
    commit, clean = git_state()
    code = named_code()
    return {
        "git_commit": commit,
        "git_clean": None if clean and code is None else clean,  # of files, which are not what has run
        "code_digest": code,
        "host": socket.gethostname(),
        "job_id": job_id(),
        "instruction_set": _instruction_set(),
        "python_version": platform.python_version(),
        "torch_version": _torch_version(),
        "cuda_version": _cuda_version(),
        "libraries": _libraries(),
        "agad_version": _version("agad"),
    }


def job_id() -> str | None:
    """Name=value of the scheduler's variables of this process, joined by spaces; None outside a job."""
    known = [f"{name}={os.environ[name]}" for name in _JOB_VARIABLES if os.environ.get(name)]
    return " ".join(known) or None


def _git(*arguments: str) -> str | None:
    """What git says of the folder that agad is in, whatever repository the environment names."""
    environment = {name: value for name, value in os.environ.items() if not name.startswith("GIT_")}
    try:
        done = subprocess.run(  # noqa: S603 - fixed words, no shell
            ["git", "-C", str(_PACKAGE.parent), "-c", "core.fsmonitor=false", *arguments],  # noqa: S607 - the user's own
            env=environment,
            capture_output=True,
            text=True,
            encoding="utf-8",
            errors="replace",
            timeout=20,
            check=False,
        )
    except (OSError, subprocess.TimeoutExpired):
        return None
    return done.stdout.strip() if done.returncode == 0 else None


def _version(package: str) -> str | None:
    try:
        return metadata.version(package)
    except metadata.PackageNotFoundError:
        return None


@functools.cache
def _libraries() -> str:
    """What splits, resizes and, for some methods, fits: `numpy 2.4.0, pillow 12.0.0, ...`.

    And the installed packages that code of one's own imports.
    """
    modules = installed_of(_AT_START)
    packages = metadata.packages_distributions() if modules else {}  # reads the facts of all that is installed
    more = sorted({package for module in modules for package in packages.get(module, ())})
    found = ((name, _version(name)) for name in ("numpy", "pillow", "scikit-learn", "scipy", *more))
    return ", ".join(f"{name} {version}" for name, version in found if version is not None)


def _torch_version() -> str | None:
    """With its build, which the package's version leaves out."""
    torch = sys.modules.get("torch")
    return str(torch.__version__) if torch is not None else _version("torch")


def _cuda_version() -> str | None:
    torch = sys.modules.get("torch")  # never imported for this alone
    return torch.version.cuda if torch is not None and torch.cuda.is_available() else None


def _instruction_set() -> str | None:
    """The CPU's widest vector instructions as torch uses them: they change bits.

    With the variables that give its libraries others, as NAME=value: torch reports nothing of those.
    """
    torch = sys.modules.get("torch")
    if torch is None:
        return None
    given = [f"{name}={os.environ[name]}" for name in _ARITHMETIC_VARIABLES if os.environ.get(name)]
    return " ".join([torch.backends.cpu.get_cpu_capability(), *given])
