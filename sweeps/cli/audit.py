"""Audit any detector: what of its AUROC rests on the order and the make-up of its test batches?

    agad audit MODEL.py:load [--data DATA --normal CLASS] [--out DIR]

MODEL.py is executed; its function returns a score function (a batch to one number an image, higher for anomalies), or
a dict with it and the test set. Writes DIR/index.html and DIR/audit.json. Exit status: 0 written, 2 an error.
"""

from __future__ import annotations

import argparse
import json
import os
import sys
import time
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from agad import console, targets
from agad.auditing.result import FINE, LABELS, UNKNOWN, Audit, Finding, points
from agad.errors import AuditError

from ..machine import program
from .arguments import Parser

if TYPE_CHECKING:
    from agad.auditing.data import Read

TITLE = "agad audit"
_LONGEST_LOAD = 60.0
"""Seconds. A function that takes longer to load is copied instead of being loaded again."""
_NUMBERS, _NUMBERS_BEGIN = "audit.json", b'{\n "sentence": '


def main(arguments: Sequence[str] | None = None) -> int:
    """The command; returns its exit status."""
    options = _parser().parse_args(arguments)
    return console.run(lambda: _audit(options), TITLE, about=options.out)


def _parser() -> argparse.ArgumentParser:
    parser = Parser(TITLE, __doc__)
    parser.add_argument("model", metavar="MODEL.py:load", help="the file and its function; without a name: load")
    what = parser.add_argument_group("test set, where load does not return it")
    what.add_argument(
        "--data", metavar="DATA",
        help="a file .npz (images, labels), a folder with a folder for each class, or a data set of agad's",
    )  # fmt: skip
    what.add_argument(
        "--normal",
        metavar="CLASS",
        help="the normal class, by its name, else by its index, as in agad fit; without: labels are 0 and 1",
    )
    what.add_argument("--image-size", metavar="N", type=int, help="pixels, for folders and agad's data sets")
    what.add_argument("--limit", metavar="N", type=int, help="at most this many test images, chosen at random")
    how = parser.add_argument_group("how")
    how.add_argument(
        "--batch-size", metavar="N", type=int, help="images in a batch, as in your evaluation (default: 64)"
    )
    how.add_argument("--whole", action="store_true", help="the score function takes the whole test set at once")
    how.add_argument("--sizes", metavar="N", type=int, nargs="+", help="further batch sizes (default: 16 256)")
    how.add_argument("--shuffles", metavar="N", type=int, help="shuffled orders for each size (default: 5)")
    how.add_argument("--reported", metavar="AUROC", type=float,
                     help="the AUROC that was published, from 0 to 1, to compare with that of the weights")  # fmt: skip
    parser.add_argument("--out", metavar="DIR", type=console.path, default=Path("audit"), help="default: audit")
    return parser


def _audit(options: argparse.Namespace) -> int:
    from agad.auditing.audit import audit

    _check(options)
    data = _data(options)
    subject, left_out = _subject(options, data)
    page = program.analysis("page.audit")
    _check_out(options.out, page.TITLE)
    options.out.mkdir(parents=True, exist_ok=True)  # before an audit of minutes finds that it cannot be
    found = audit(**subject, progress=lambda line: print(line, file=sys.stderr, flush=True))
    found = found.with_warnings("data", (f"{note[:1].upper()}{note[1:]}." for note in (*data.notes, *left_out)))
    found = found.with_facts(normal=data.normal)
    for line in _lines(found):
        print(line)
    targets.replace_text(options.out / _NUMBERS, json.dumps(found.to_dict(), indent=1))
    print(f"\n{page.write_audit(found, options.model, options.out)}")
    return 0


def _check_out(folder: Path, title: str) -> None:
    """Raise AgadError, one line, where one of the files to be written is somebody else's."""
    console.check_page("--out", folder / "index.html", title)
    if folder.is_dir():
        console.check_target("--out", folder / _NUMBERS, _NUMBERS_BEGIN)


def _subject(options: argparse.Namespace, data: Read) -> tuple[dict[str, Any], tuple[str, ...]]:
    """Arguments of agad.audit, and what of the model's own gave way to --data. Raises AuditError, one line."""
    subject, left_out = _with_data(_loaded(options.model), data.arguments)
    for name in ("images", "labels"):
        if name not in subject:
            raise AuditError(
                f"there are no {name}: give --data, or let the function return a dict with images and labels"
            )
    for name in ("sizes", "shuffles", "limit", "reported", "batch_size"):
        if getattr(options, name) is not None:
            subject[name] = getattr(options, name)
    if options.whole:
        subject["batch_size"] = None
    if options.sizes is not None and subject.get("batch_size", 1) is None:
        raise AuditError(f"--sizes has no effect: {options.model} takes the whole test set at once (batch_size None)")
    return subject, left_out


def _loaded(model: str) -> dict[str, Any]:
    """What the model's function returns, and how to have its score function again where that takes no minutes."""
    from agad.auditing.model.file import load_again, load_subject
    from agad.auditing.model.watch import generator_states

    generators, began = generator_states(), time.monotonic()
    subject = load_subject(model)
    if time.monotonic() - began < _LONGEST_LOAD:
        subject["fresh"] = load_again(model, generators)
    return subject


def _check(options: argparse.Namespace) -> None:
    """Raise AuditError, one line, for an option that has no effect beside the others."""
    for name in ("normal", "image_size"):
        if options.data is None and getattr(options, name) is not None:
            raise AuditError(f"--{name.replace('_', '-')} needs --data")
    for name in ("batch_size", "sizes"):
        if options.whole and getattr(options, name) is not None:
            raise AuditError(f"--{name.replace('_', '-')} has no effect beside --whole; give one of the two")


def _with_data(subject: dict[str, Any], data: dict[str, Any]) -> tuple[dict[str, Any], tuple[str, ...]]:
    """Arguments of agad.audit with the test set that --data names, and a sentence of what gives way to it.

    Where the model's function returns a test set too, nothing that it says of its own is said of the other one.
    """
    from agad.auditing.model.file import OF_THE_DATA

    if not data or not {"images", "labels"} & set(subject):
        return {**subject, **data}, ()
    own = [name for name in OF_THE_DATA if name in subject]
    kept = {name: value for name, value in subject.items() if name not in own}
    return {**kept, **data}, (f"the test set is that of --data; the model's own {', '.join(own)} are left out",)


def _data(options: argparse.Namespace) -> Read:
    """As read_data; nothing where the model's function returns the test set."""
    from agad.auditing.data import Read, read_data

    if options.data is None:
        return Read({})
    root = Path(os.environ.get("AGAD_DATA", "data"))
    return read_data(options.data, options.normal, options.image_size, root)


def _lines(found: Audit) -> list[str]:
    """What is printed: the answer, the normal class, what is amiss, the AUROCs."""
    lines = [found.sentence, ""]
    if found.facts.get("normal"):
        lines.append(f"normal: {found.facts['normal']}")
    lines += [f"{one.severity}: {one.sentence}" for one in found.findings if _is_printed(one)]
    lines += ["", f"{'AUROC':>6}  {'batch':>5}  protocol"]
    for line in found.lines:
        value, batch = points(line.auroc.value) if line.auroc else "-", "all" if line.batch is None else line.batch
        lines.append(f"{value:>6}  {batch:>5}  {LABELS[line.protocol]}")
    return lines


def _is_printed(finding: Finding) -> bool:
    """What is amiss, the answer to what was asked, and that the answer to the main question may be another one."""
    is_open = finding.kind == "kept" and finding.severity == UNKNOWN
    return is_open or finding.severity not in (FINE, UNKNOWN) or finding.kind == "reported"


if __name__ == "__main__":
    sys.exit(main())
