"""Synthetic rows of the size of the whole paper: for measuring the analysis, and for trying the report.

The numbers are drawn, not trained: eval mode is worse than the paper, batch statistics of an ordered test set come
near it. None of them may ever be shown beside a measured number; the code digest of every row is `synthetic`.
"""

from __future__ import annotations

import zlib
from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from agad.errors import SpecError
from agad.spec.datasets import DATASETS
from agad.spec.run import RunSpec
from agad.store import row_file
from agad.store.folder import ResultsFolder
from agad.store.schema import RunRecord
from analysis.paper import numbers as paper

_ORDER_GAIN = {"eval": 0.0, "eval_recal": 0.25, "batch_shuffled": 0.3, "batch_class_sorted": 1.0}
"""What a protocol adds to the separation of normals and anomalies, in SDs of a score."""
_TEST_COUNTS = {"digits": 300, "alzheimer": 1279, "chest_xray": 640, "lung_histopathology": 1500, "retinal_oct": 1000}
_BASE = {"mnist": 2.2, "fashion_mnist": 1.9, "cifar10": 0.5, "cifar100": 0.5}
_BACKBONES = {"naive": 0.2, "unet": 0.0, "unetpp": 0.15}


def paper_specs(seeds: Sequence[int] = (0, 1, 2), tables: Sequence[str] = paper.TABLES) -> list[RunSpec]:
    """Every run of the paper's tables, once, seed by seed; Figure 4's share of .20 with Table 4's."""
    cells: dict[RunSpec, None] = {}
    for row in paper.rows():
        if not row.is_own or row.avg is None or row.table not in tables:
            continue
        figure4 = row.table == "table4" and row.gamma == 0.05 and row.dataset.startswith("cifar")
        gammas = (0.05, 0.2) if figure4 and row.fields["adversarial_context"] == "on" else (row.gamma,)
        batch = 64 if row.table == "table3" else 256
        for gamma in gammas:
            for target in range(paper.CLASS_COUNTS[row.dataset]):
                fields = {"dataset": row.dataset, "normal_class": target, "gamma": gamma, "batch_size": batch}
                try:
                    cells[RunSpec(**{**fields, **row.fields})] = None
                except SpecError:
                    continue
    return [cell.replace(seed=seed) for seed in seeds for cell in cells]


def write(results: str | Path, specs: Sequence[RunSpec], *, gaps: bool = False) -> None:
    """Write a row for each spec into a results folder; with `gaps`, some fail and some are left out.

    In one file with groups of rows, as compaction leaves them; committing each would take minutes.
    """
    base = ResultsFolder(Path(results)).base
    base.mkdir(parents=True, exist_ok=True)
    row_file.write(base / "rows-synthetic.parquet", _groups(specs, gaps=gaps))


def _groups(specs: Sequence[RunSpec], *, gaps: bool) -> Iterator[pa.Table]:
    for start in range(0, len(specs), _ROWS_PER_GROUP):
        numbered = list(enumerate(specs))[start : start + _ROWS_PER_GROUP]
        made = [(number, spec) for number, spec in numbered if not (gaps and number % 41 == 7)]
        rows = [failed(spec) if gaps and number % 53 == 11 else record(spec) for number, spec in made]
        yield pa.concat_tables([row.to_table() for row in rows])


_ROWS_PER_GROUP = 100
"""About what a compactor writes at once of rows with 10,000 scores."""


def failed(spec: RunSpec) -> RunRecord:
    """A row of a run that failed."""
    values = {
        **_provenance(),
        "failure_kind": "nan",
        "failure_update": 317,
        "failure_message": "loss_g became non-finite at update 317",
    }
    return RunRecord(spec=spec, attempt=1, status="failed", values=values)


def record(spec: RunSpec) -> RunRecord:
    """A row of a run that ended well, curves and scores included."""
    rng = np.random.default_rng(int(spec.run_id, 16))
    separation = _separation(spec)
    classes = np.arange(_TEST_COUNTS.get(spec.dataset, 10_000)) % len(DATASETS[spec.dataset].class_names)
    labels = (classes != spec.target_class).astype(np.int8)
    noise = rng.normal(0, 1, len(labels))
    values: dict[str, object] = {"test_class": classes.astype(np.int16), "test_label": labels}
    aurocs: dict[str, float] = {}
    jitter = rng.normal(0, 0.12)
    for protocol in spec.final_protocols:
        gain = _ORDER_GAIN.get(protocol, 1.6) * (1 + spec.gamma)
        scores = (5 + noise + labels * max(separation + gain + jitter, -0.4)).astype(np.float32)
        values[f"scores_{protocol}"] = scores
        aurocs[protocol] = _auroc(scores, labels)
    points = np.array(spec.curve_points)
    for protocol in spec.curve_protocols:
        rise = 1 - np.exp(-points / 250)
        curve = 0.5 + (aurocs[protocol] - 0.5) * rise / rise[-1] + rng.normal(0, 0.02, len(points))
        curve[-1] = aurocs[protocol]
        values[f"curve_auroc_{protocol}"] = np.clip(curve, 0, 1).tolist()
    if spec.seed == 0:
        values |= _reconstructions(spec, rng)
    values["curve_update"] = points.tolist()
    oracle = int(np.argmax(values["curve_auroc_eval"]))  # type: ignore[call-overload]
    values |= {
        "auroc": aurocs.pop("eval"),
        **{f"auroc_{protocol}": auroc for protocol, auroc in aurocs.items()},
        "auroc_oracle": float(np.max(values["curve_auroc_eval"])),  # type: ignore[call-overload]
        "oracle_update": int(points[oracle]),
        "parameters_g": {"naive": 2_137_728, "unet": 7_763_107, "unetpp": 9_045_891}[spec.backbone],
        "train_seconds": 100 + 20 * float(rng.random()),
        "eval_seconds": 5.0,
        **_provenance(),
        "data_digest": f"synthetic {spec.dataset} {spec.image_size}",
    }
    return RunRecord(spec=spec, attempt=1, status="ok", values=values)


def _reconstructions(spec: RunSpec, rng: np.random.Generator) -> dict[str, object]:
    """Eight normal and eight anomalous discs, the latter reconstructed badly."""
    channels, size = DATASETS[spec.dataset].channels, spec.image_size
    shared = np.random.default_rng(zlib.crc32(spec.dataset.encode()))  # the same images for every generator
    y, x = np.mgrid[:size, :size] / size - 0.5
    radius = shared.uniform(0.15, 0.45, (16, 1, 1, 1))
    colour = shared.uniform(60, 255, (16, channels, 1, 1))
    images = np.where(np.hypot(x, y) < radius, colour, 20)
    error = rng.normal(0, np.repeat((6, 60), 8)[:, None, None, None], images.shape)
    return {
        "recon_index": list(range(16)),
        "recon_label": [0] * 8 + [1] * 8,
        "recon_shape": [channels, size, size],
        "recon_x": images.astype(np.uint8).tobytes(),
        "recon_x_hat": (images + error).clip(0, 255).astype(np.uint8).tobytes(),
    }


def _separation(spec: RunSpec) -> float:
    """Distance of anomalies from normals under eval, in SDs of a score; the same for all seeds of a cell."""
    target = spec.target_class
    difficulty = (zlib.crc32(f"{spec.dataset} {target}".encode()) % 100) / 60
    context = 0.25 if spec.adversarial_context == "on" else 0.0
    norm = {"shared": 0.1, "advprop": 0.05}.get(spec.batch_norm, 0.0)
    supervision = 3 * min(spec.gamma, 0.1) / 0.1
    return _BASE.get(spec.dataset, 0.8) - 0.9 + difficulty + _BACKBONES[spec.backbone] + context + norm + supervision


def _provenance() -> dict[str, object]:
    return {
        "code_digest": "synthetic",
        "git_clean": True,
        "threads": 1,
        "device": "cpu",
        "device_name": "none",
        "torch_version": "none",
        "host": "none",
    }


def _auroc(scores: NDArray[np.float32], labels: NDArray[np.int8]) -> float:
    """AUROC by ranks; drawn scores have no ties that matter."""
    ranks = np.empty(len(scores))
    ranks[np.argsort(scores)] = np.arange(1, len(scores) + 1)
    anomalies = int(labels.sum())
    normals = len(labels) - anomalies
    return float((ranks[labels == 1].sum() - anomalies * (anomalies + 1) / 2) / (anomalies * normals))
