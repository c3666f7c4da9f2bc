"""Train a detector on a folder of images, or on an npz file like MedMNIST's.

    agad fit bottle --normal good
    agad fit scans --method knn --out scans.agad
    agad fit photos --normal ok --backbone unet --updates 2000 --set lr=1e-4

The folder is MVTec AD's (train/good, test/good, test/KIND), has a folder for each class, or holds normal images alone.
Called again with the same options it continues where it was, unless agad/ has changed since.
Exit status: 0 done, 1 stopped before the end, 2 an error that you can mend.
"""

from __future__ import annotations

import argparse
import os
import signal
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

from agad import console
from agad.console import EXIT_INCOMPLETE, EXIT_OK
from agad.errors import AgadError, StoreError
from agad.plan.plan import Plan
from agad.spec.class_names import parse_classes
from agad.spec.fields import spec_field
from agad.spec.run import RunSpec
from agad.store.folder import ResultsFolder
from agad.store.provenance import code_digest
from agad.store.rows import ResultStore

from ..cli.arguments import Parser, add_results_argument, say
from ..machine.devices import resolve_device
from ..progress.watch import duration
from ..worker.options import WorkerOptions, thread_count
from .code import check_auroc, check_checkpoint, check_row

if TYPE_CHECKING:
    from agad.data.prepared import Prepared
    from agad.detector.detector import Detector
    from agad.train.control import Progress

SUFFIX = ".agad"
_SAY_EVERY = 10.0
"""Seconds between two lines of progress."""


def main(arguments: list[str] | None = None) -> int:
    """The command line; its exit status."""
    console.replace_unprintable()
    options = _parser().parse_args(arguments)
    again = console.shell_line(["agad", "fit", *(sys.argv[1:] if arguments is None else arguments)])
    return console.run(lambda: _main(options, again), "agad fit", about=options.results, again=again)


def _parser() -> Parser:
    parser = Parser("agad fit", __doc__)
    parser.add_argument("folder", metavar="FOLDER", type=console.path, help="a folder of images, or NAME.npz")
    what = parser.add_argument_group("what")
    what.add_argument("--normal", metavar="CLASS", help="the normal class, by name (good, normal and ok are found)")
    what.add_argument("--method", metavar="NAME", help="agad (the default), knn, pca, mahalanobis, ganomaly, ...")
    what.add_argument("--backbone", metavar="NAME", help="the generator: naive, unet, unetpp (naive)")
    what.add_argument("--updates", metavar="N", type=int, help="length of the training (1200)")
    what.add_argument("--image-size", metavar="N", type=int, default=32, help="images are resized to NxN (32)")
    what.add_argument("--seed", metavar="N", type=int, help="the seed (0)")
    what.add_argument(
        "--set", metavar="FIELD=VALUE", action="append", default=[], help="any other field of a run: --set gamma=0.05"
    )
    where = parser.add_argument_group("where")
    where.add_argument("--out", metavar="DETECTOR", type=console.path, help=f"the detector's file (FOLDER{SUFFIX})")
    add_results_argument(where)
    where.add_argument("--cache", metavar="DIR", type=console.path, default=os.environ.get("AGAD_CACHE"),
                       help="prepared data ($AGAD_CACHE, else ~/.cache/agad)")  # fmt: skip
    how = parser.add_argument_group("how")
    how.add_argument(
        "--device", choices=("auto", "cpu", "cuda"), default="auto", help="auto: CUDA where there is a GPU"
    )
    how.add_argument("--threads", metavar="N", type=thread_count, default=1, help="torch threads (1)")
    how.add_argument(
        "--allow-code-change", action="store_true", help="use what was trained before agad/ changed, or go on from it"
    )
    return parser


def _main(options: argparse.Namespace, again: str) -> int:
    from agad.data.class_names import notes_on_normal
    from agad.data.names import one_line
    from agad.data.prepared import open_prepared
    from agad.detector.content import check_detector, check_replaced
    from agad.detector.source import dataset_at, normal_class, test_labels
    from agad.detector.training import spec_of

    dataset, root = dataset_at(options.folder)
    out = options.out or Path(f"{dataset.partition(':')[2]}{SUFFIX}")
    check_detector("--out", out)
    data = open_prepared(dataset, spec_field("image_size").coerce(options.image_size), data_root=root,
                         cache=options.cache)  # fmt: skip
    for line in data.summary():
        say(line)
    normal = normal_class(data, options.normal)
    spec = spec_of(data, normal, _changes(options, data))
    check_replaced("--out", out, spec, data.digest)
    normals, anomalies = test_labels(data, spec.target_class)
    say(f"normal: {one_line(data.class_names[spec.target_class])} (class {spec.target_class}); "
        f"{spec.held_out(data.train_counts[spec.target_class])} of its training images are held out for the "
        "threshold")  # fmt: skip
    for line in notes_on_normal(data.class_names, normal, options.normal):
        say(f"note: {line}")
    if not (normals and anomalies):
        say(f"no AUROC: the test images are {normals} normal and {anomalies} anomalous ones, it needs both")
    device = resolve_device(options.device)
    row = _trained(spec, options, root, device, data)
    if row is None:
        say(f"Stopped; what was trained is kept. Go on with:\n  {again}")
        return EXIT_INCOMPLETE
    detector = _kept(row, data, options, device, out)
    for line in _results(detector, row):
        print(line)
    print(
        f"The detector is in {out}. Score images with:\n  {console.shell_line(['agad', 'score', str(out), 'IMAGES'])}"
    )
    return EXIT_OK


def _changes(options: argparse.Namespace, data: Prepared) -> dict[str, Any]:
    """The fields that the options set; classes also by their names."""
    named = ("method", "backbone", "updates", "seed")
    changes = {name: getattr(options, name) for name in named if getattr(options, name) is not None}
    for text in options.set:
        name, equals, value = text.partition("=")
        if not equals:
            raise AgadError(f"--set {text!r} is not FIELD=VALUE")
        if name in (*named, "normal_class", "dataset", "image_size"):
            raise AgadError(f"--set {text}: give it as --{name.replace('_', '-').removesuffix('-class')}")
        if name in ("protocol", "abnormal_class", "task"):
            raise AgadError(f"--set {text}: a detector is trained on one normal class; give that by --normal")
        changes[name] = parse_classes(name, value, data.dataset, lambda _: data.class_names)
    return changes


def _trained(
    spec: RunSpec, options: argparse.Namespace, root: Path, device: str, data: Prepared
) -> dict[str, Any] | None:
    """The run's row, trained by a worker as in a sweep unless it is there; None where it was stopped.

    Raises AgadError, one line, where the run has failed or cannot be made here.
    """
    from ..worker.worker import Worker

    store = ResultStore(options.results)
    found = _row(store, spec)
    if found and (found["status"] == "ok") and _weights(options.results, found) is not None:
        check_row(found, allow_change=options.allow_code_change)
        say("trained already: the weights of that run are used")
        return found
    if found and found["status"] == "ok":
        raise StoreError(
            f"{options.results} has this run without its weights; choose another --results folder, in which it is "
            "trained again"
        )
    check_checkpoint(options.results, spec, data, allow_change=options.allow_code_change)
    name = spec.dataset.replace(":", "-")
    plan = Plan(f"fit-{name}", (), (), (spec,), code_digest())
    path = plan.save(options.results, replace=found is None)
    worker = Worker(
        WorkerOptions(
            plan=str(path.absolute()), results=str(options.results.absolute()), data=str(root), keep_weights=True,
            cache=None if options.cache is None else str(Path(options.cache).absolute()), device=device,
            threads=options.threads, checkpoint_every=60.0, name="fit", verified=1, allow_code_change=True,
            retry={spec.run_id: found["attempt"]} if found else {},
        ),
        _Report().watch,
    )  # fmt: skip
    before = {
        number: signal.signal(number, lambda *_: worker.stopping.stop("interrupted"))
        for number in (signal.SIGINT, signal.SIGTERM)
    }
    try:
        worker.work()
    finally:  # what follows, the scoring of held-out images, has no other way to be stopped
        for number, handler in before.items():
            signal.signal(number, handler)
    row = _row(ResultStore(options.results), spec)
    if worker.stopping.is_set() and (row is None or row["status"] != "ok"):
        return None
    if row is None:
        raise AgadError("another process trains this run; wait for it, or choose another --results folder")
    if row["status"] != "ok":
        raise AgadError(
            f"the training failed: {row['failure_message']}; its row is kept, the same command tries again, "
            "or try --set lr=1e-4, another --seed or --method knn"
        )
    return row


def _row(store: ResultStore, spec: RunSpec) -> dict[str, Any] | None:
    rows: list[dict[str, Any]] = store.read_counting(None, [spec.run_id]).to_pylist()
    return rows[0] if rows else None


def _weights(results: Path, row: dict[str, Any]) -> Path | None:
    if not row["weights"]:
        return None
    path = ResultsFolder(results).weights / Path(row["weights"]).name
    return path if path.is_file() else None


def _kept(row: dict[str, Any], data: Prepared, options: argparse.Namespace, device: str, out: Path) -> Detector:
    """The detector, written to `out`."""
    from agad.detector.content import save_content
    from agad.detector.training import detector_of

    weights = _weights(options.results, row)
    if weights is None:
        raise StoreError(f"{options.results}: the run's weights are gone; choose another --results folder")
    detector = detector_of(weights, data, row, device=device, threads=options.threads)
    check_auroc(detector.content.result, row)
    save_content(out, detector.content)
    return detector


def _results(detector: Detector, row: dict[str, Any]) -> list[str]:
    """What fit prints at its end."""
    from agad.detector.training import broken_promise

    known = detector.content.result
    lines = [*detector.describe()]
    tested = f"{known['n_test_normal']} normal and {known['n_test_anomaly']} anomalous test images"
    if known.get("auroc") is not None:
        lines.append(
            f"AUROC {known['auroc']:.4f} (95% interval {known['auroc_low']:.4f} to {known['auroc_high']:.4f} over "
            f"{tested}; one training)"
        )
    else:
        lines.append(f"no AUROC ({tested})")
    threshold = detector.threshold(float(known["quantile"] or 0))
    ends = " to ".join("?" if end is None else f"{end:.5g}" for end in (threshold.low, threshold.high))
    lines.append(
        f"threshold {threshold.value:.5g} ({threshold.name} of {threshold.held_out} held-out normals, "
        f"95% interval {ends})"
    )
    for kind, words in (("false_positive", "false positives"), ("true_positive", "anomalies found")):
        if known.get(f"{kind}_rate") is not None:
            nominal = f", nominal {threshold.nominal_rate:.1%}" if kind == "false_positive" else ""
            lines.append(
                f"{words} on the test set: {known[f'{kind}_rate']:.1%} (95% interval {known[f'{kind}_low']:.1%} to "
                f"{known[f'{kind}_high']:.1%}{nominal})"
            )
    if repeated := known.get("n_held_out_trained"):
        lines.append(
            f"{repeated} of {threshold.held_out} held-out normals have the same pixels as a training image: the "
            "threshold is too low by that; remove the copies and fit again"
        )
    if promise := broken_promise(known):
        lines.append(promise)
    if row.get("images_leaked"):
        lines.append(f"{row['images_leaked']} test images are training images too: the result is not of new images")
    return lines


class _Report:
    """Prints how far the training is, now and then."""

    def __init__(self) -> None:
        self._started = self._said = time.monotonic()
        self._first: int | None = None

    def watch(self, spec: RunSpec, progress: Progress) -> bool:  # noqa: ARG002 - one run
        """Never prunes."""
        now = time.monotonic()
        if self._first is None:
            self._first, self._started = progress.update, now
        done = progress.update - self._first
        if now - self._said >= _SAY_EVERY and done:
            self._said = now
            left = (progress.updates - progress.update) * (now - self._started) / done
            say(f"update {progress.update} of {progress.updates}, about {duration(left)} left")
        return False
