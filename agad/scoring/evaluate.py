"""Anomaly scores under each evaluation protocol, and their AUROC.

An image's score is defined by its method (agad/methods). It is computed in float32, from forward passes in the spec's
`eval_precision`. The protocols differ in batch norm's statistics, and so in whether an image's score depends on the
other test images (paper notes, B7):

    eval                 running statistics as training left them: the headline
    eval_recal           running statistics re-estimated on the training normals, in training's batch size
    batch_shuffled       statistics of each test batch, test set shuffled
    batch_normals_first  the same, all normals before all anomalies, both shuffled
    batch_class_sorted   the same, class by class, each shuffled
    batch1               statistics of each image alone

Orders come from fixed keys, the same for every run. Scoring changes no net, restores its mode, and uses no global
random generator, so that the protocols can be scored in any order, or not at all, without an effect on training.
"""

from __future__ import annotations

import contextlib
import copy
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from agad.data.features.attach import with_features
from agad.data.features.vectors import Vectors
from agad.data.prepared import Prepared, open_prepared
from agad.data.split import OneClassSplit, one_class_split
from agad.errors import DataError, SpecError
from agad.methods import Method, TrainView
from agad.nets.layers.batchnorm import BatchNormNet, BNMode, bn_mode
from agad.scoring.auroc import auroc
from agad.scoring.replays import EAGER, Pass, Replays
from agad.scoring.weights import read_weights, warn_of_maker
from agad.spec.run import EVAL_PROTOCOLS, RunOptions, RunSpec
from agad.tensors.device import autocast, open_device, place, settings
from agad.tensors.pool import ImagePool
from agad.tensors.seeding import generator as seeded
from agad.tensors.seeding import keyed_draws_only

_MODES = {
    "eval": BNMode.RUNNING,
    "eval_recal": BNMode.RUNNING,
    "batch_shuffled": BNMode.BATCH,
    "batch_normals_first": BNMode.BATCH,
    "batch_class_sorted": BNMode.BATCH,
    "batch1": BNMode.IMAGE,
}

Scores = NDArray[np.float32]

_FULL_PASS = 2**20
"""Pixels of a batch that keeps a GPU busy: 1,024 images of 32x32."""


def of_order(protocol: str, draw: int) -> str:
    """What names the scores of one order of the test set; those of the first have the protocol's name alone."""
    return f"{protocol} {draw}" if draw else protocol


def _nothing() -> None:
    """The default of `tick`."""


@dataclass(frozen=True, slots=True, eq=False)
class Evaluator:
    """Scores the test images of one split, or its validation images.

    Attributes:
        normals: the training normals, for eval_recal and a method's `fit`.
        anomalies: the labelled training anomalies, for a method's `fit`.
        recal_batch: images in a batch of eval_recal.
        test: the images to score, in their own order.
        test_class: (N,) class indices of these images.
        test_label: (N,) 0 normal, 1 anomalous.
        batch: images in a batch when scoring.
        precision: precision of the forward passes, `fp32`, `tf32` or `bf16`.
        vectors: of all images, from a file, for a method's `fit`; None where the run has none.
    """

    normals: ImagePool
    anomalies: ImagePool
    recal_batch: int
    test: ImagePool
    test_class: NDArray[np.int64]
    test_label: NDArray[np.int64]
    batch: int
    precision: str
    vectors: Vectors | None = None

    @classmethod
    def of(cls, spec: RunSpec, data: Prepared, split: OneClassSplit, device: torch.device) -> Evaluator:
        """The evaluator of a run's test set."""
        everything = np.arange(len(split.test_label))
        return cls(
            test=ImagePool(data.test_images, everything, device, spec.precision),
            test_class=split.test_class,
            test_label=split.test_label,
            **_common(spec, data, split, device),
        )

    @classmethod
    def of_validation(cls, spec: RunSpec, data: Prepared, split: OneClassSplit, device: torch.device) -> Evaluator:
        """The evaluator of a run's validation images, which are training images; for VALIDATION_PROTOCOLS."""
        return cls(
            test=ImagePool(data.train_images, split.validation, device, spec.precision),
            test_class=data.train_labels[split.validation],
            test_label=split.validation_label,
            **_common(spec, data, split, device),
        )

    @torch.no_grad()
    def scores(
        self,
        method: Method,
        protocol: str,
        tick: Callable[[], None] = _nothing,
        draw: int = 0,
        replays: Replays = EAGER,
    ) -> Scores:
        """Anomaly scores of all test images in the test set's own order, (N,) float32; higher is more anomalous.

        `draw` is the number of the order that ORDER_PROTOCOLS take the images in (RunSpec.test_orders).
        `tick` is called before each batch; an exception from it ends the scoring and leaves the nets unchanged. A GPU
        may then still be at work on earlier batches of this call. `replays` makes passes over full batches, with the
        same bits.
        """
        if protocol == "eval_recal":
            replays.close()  # of other statistics; recalibration may need its memory
            method = self._recalibrated(method, tick)
        order, size, mode = self._order(protocol, draw), self._batch_of(protocol), _MODES[protocol]
        found: list[Tensor] = []
        # A recording must not read casts of weights that autocast keeps: it frees them at the end of the context.
        with _all_in(method, mode), autocast(self.test.device, self.precision, cached=not replays.on):
            method.check_layers()  # `forward` may have put a net into train mode
            with keyed_draws_only(type(method).__module__, "fits", numpy=False):
                fitted = method.fit(TrainView(self.normals, self.anomalies, self.batch, tick, self.vectors))
            one_pass: Pass = partial(self._pass, method, fitted)
            if fitted is None:
                one_pass = replays.of_batches(one_pass, size, len(order), self, method, mode)
            staged = torch.split(self.test.stage(order), size)
            for positions, index in zip(torch.split(order, size), staged, strict=True):
                tick()
                first = contextlib.nullcontext() if found else keyed_draws_only(type(method).__module__, "scores")
                with first:
                    found.append(one_pass(index, positions))
        scores = torch.empty(len(order))
        scores[order] = torch.cat(found).cpu()
        return scores.numpy()

    @torch.no_grad()
    def reconstructions(self, method: Method, positions: Tensor) -> tuple[Tensor, Tensor | None]:
        """Test images at `positions` (K,) and their x_hat under protocol `eval`; each (K, C, H, W) in [-1, 1]."""
        x = self.test.take(positions)
        with _all_in(method, _MODES["eval"]), self._autocast():
            x_hat = method.reconstruct(x)
        if x_hat is not None and x_hat.shape != x.shape:
            raise SpecError(
                f"the method's reconstructions of images {tuple(x.shape)} have shape {tuple(x_hat.shape)}; "
                "they must have the images' own"
            )
        return x, None if x_hat is None else x_hat.float()

    @property
    def has_both_labels(self) -> bool:
        """Whether there are normals and anomalies, without which there is no AUROC."""
        return 0 < int(self.test_label.sum()) < len(self.test_label)

    def auroc(self, scores: Scores) -> float:
        """Area under the ROC curve of the scores, in [0, 1]."""
        return auroc(self.test_label, scores)

    def _autocast(self) -> contextlib.AbstractContextManager[Any]:
        return autocast(self.test.device, self.precision)

    def _pass(self, method: Method, fitted: Any, index: Tensor, positions: Tensor) -> Tensor:
        """Scores of test images that were staged, (B,) float32; for a method that says `captured` the device's work."""
        x = self.test.gather(index)
        found = method.scores(x, fitted, positions)
        if found.shape != (len(x),):
            raise SpecError(
                f"the method's scores of {len(x)} images have shape {tuple(found.shape)}; "
                "they must be one number an image"
            )
        return found.float()

    def _batch_of(self, protocol: str) -> int:
        """Images in a batch: on a GPU as many as keep it busy, where no image's score depends on the others."""
        if self.test.device.type == "cpu" or _MODES[protocol] is BNMode.BATCH:
            return self.batch
        height, width = self.test.size
        return max(self.batch, _FULL_PASS // (height * width))

    def _order(self, protocol: str, draw: int) -> Tensor:
        """The order in which a protocol scores the test images: a permutation, (N,) int64."""
        if _MODES[protocol] is not BNMode.BATCH:
            return torch.arange(len(self.test))
        shuffled = torch.randperm(len(self.test), generator=seeded("evaluation", protocol, *([draw] if draw else [])))
        keys = {"batch_normals_first": self.test_label, "batch_class_sorted": self.test_class}.get(protocol)
        if keys is None:
            return shuffled
        return shuffled[torch.from_numpy(keys)[shuffled].argsort(stable=True)]

    def _recalibrated(self, method: Method, tick: Callable[[], None]) -> Method:
        """A copy of the method whose nets' running statistics are those of the training normals.

        A copy, because `tick` may write a checkpoint of the method itself.
        """
        method = copy.deepcopy(method)
        for net in _batch_norm_nets(method):
            for norm in net.batch_norms:
                norm.start_recalibration()
        order = torch.randperm(len(self.normals), generator=seeded("evaluation", "eval_recal"))
        with _all_in(method, BNMode.RECAL), self._autocast():
            # Nearly equal batches, so that no small remainder adds a noisy variance of its own.
            for positions in order.tensor_split(-(-len(order) // self.recal_batch)):
                tick()
                method.recalibration_pass(self.normals.take(positions))
        return method


def _batch_norm_nets(method: Method) -> list[BatchNormNet]:
    return [net for net in method.nets.values() if isinstance(net, BatchNormNet)]


@contextlib.contextmanager
def _all_in(method: Method, mode: BNMode) -> Iterator[None]:
    """Put all batch norms of a method into a mode, and back at the end."""
    with contextlib.ExitStack() as stack:
        for net in _batch_norm_nets(method):
            stack.enter_context(bn_mode(net, mode))
        yield


def _common(spec: RunSpec, data: Prepared, split: OneClassSplit, device: torch.device) -> dict[str, Any]:
    """The attributes that both evaluators of a run share."""
    return {
        "normals": ImagePool(data.train_images, split.normal, device, spec.precision),
        "anomalies": ImagePool(data.train_images, split.anomaly, device, spec.precision),
        "recal_batch": min(spec.batch_size, len(split.normal)),
        "batch": spec.eval_batch_size,
        "precision": spec.eval_precision,
        "vectors": data.vectors,
    }


def score_weights(
    path: str | Path,
    protocols: Iterable[str] = EVAL_PROTOCOLS,
    *,
    options: RunOptions | None = None,
    data: Prepared | None = None,
    row: Mapping[str, Any] | None = None,
) -> dict[str, Scores]:
    """Score saved weights again, without training. Warns as load_weights does.

    Args:
        path: a file written by a run with RunOptions.weights_dir.
        protocols: some of EVAL_PROTOCOLS.
        options: device, threads and folders of the data; None: the CPU and the default folders.
        data: the data set where it is open already; None: it is opened by the name in the weights' spec.
        row: as load_weights takes it.

    Returns:
        protocol -> anomaly scores in the test set's own order, (N,) float32; bit for bit the run's own where code,
        torch, device, instruction set and threads are those of the run.

    Raises:
        DataError: the file or the data cannot be read, or the data are not those of the training.
        DeviceError: the device does not exist.
    """
    options = options or RunOptions()
    weights = read_weights(path)
    warn_of_maker(weights, path, row)
    spec, device = weights.spec, open_device(options.device)
    if data is None:
        data = open_prepared(spec.dataset, spec.image_size, data_root=options.data_root, cache=options.cache)
    data = with_features(data, spec, options.data_root)
    if data.identity != weights.data_digest:
        raise DataError(
            f"weights {path} were trained on data {weights.data_digest[:12]}, these are {data.identity[:12]}"
        )
    evaluator = Evaluator.of(spec, data, one_class_split(data, spec), device)
    with settings(device, options.threads):
        method = weights.build_method()
        for net in method.nets.values():
            place(net, device, spec.precision)
        return {protocol: evaluator.scores(method, protocol) for protocol in protocols}
