"""RunRecord, the outcome of one try at one run, and the Arrow schema of its row."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import pyarrow as pa

from agad.spec.fields import known_fields
from agad.spec.run import EVAL_PROTOCOLS, SEMANTICS_VERSION, VALIDATION_PROTOCOLS, RunSpec, field_names

SCHEMA_VERSION = 1
"""Version of the row's layout. Readers fill what older rows lack with null and refuse newer ones."""

STATUSES = ("ok", "pruned", "failed")
"""In the order in which they count: of one run's rows an ok one stands before a pruned before a failed one."""

FAILURE_KINDS = ("nan", "oom", "died", "error")
"""nan: non-finite loss; oom: out of memory; died: its workers died without progress; error: any other exception."""

LOSS_TERMS = ("loss_g", "loss_d", "adv", "con", "adcon", "lat", "recip_adv", "recip_adcon", "recip_lat")
"""Loss terms that the curve keeps, unweighted except loss_g and loss_d; null where a term does not exist.

GANomaly has three: `adv`, its feature matching in D; `con`; and `lat`, the distance of its two latents."""

_F64, _I32, _I64, _STR = pa.float64(), pa.int32(), pa.int64(), pa.string()

_SPEC_TYPES = {int: _I64, float: _F64, bool: pa.bool_(), str: _STR}

# Numbers that are a function of the spec, the data, torch and the thread count: those of an interrupted run
# equal those of an uninterrupted one.
_RESULT_COLUMNS: dict[str, pa.DataType] = {
    "auroc": _F64,  # protocol eval, last update: the headline
    **{f"auroc_{protocol}": _F64 for protocol in EVAL_PROTOCOLS if protocol != "eval"},
    "auroc_oracle": _F64,  # best curve point under eval: selected on the test set
    "oracle_update": _I32,
    "auroc_val": _F64,  # protocol eval, last update, on the validation images: no test image has a part in it
    "auroc_val_eval_recal": _F64,
    "n_train_normal": _I32,
    "n_train_anomaly": _I32,
    "n_batch_normal": _I32,
    "n_batch_anomaly": _I32,
    "n_test_normal": _I32,
    "n_test_anomaly": _I32,
    "n_val_normal": _I32,
    "n_val_anomaly": _I32,
    "drawn_validation_classes": pa.list_(_I32),  # classes of the labelled anomalies of the validation
    "drawn_anomaly_classes": pa.list_(_I32),  # classes that the training anomalies really come from
    "parameters_g": _I64,
    "parameters_d": _I64,
    "updates_done": _I32,
    "d_resets": _I32,
    "recip_adv_max": _F64,
    "recip_adcon_max": _F64,
    "recip_lat_max": _F64,
    "data_digest": _STR,
}
# Times of passes, in milliseconds per image: measured under task=inference, and never the same twice.
_MEASURED_COLUMNS: dict[str, pa.DataType] = {
    "inference_ms_batch1": _F64,
    "inference_ms_best": _F64,  # at the batch size with the most images per second
    "inference_best_batch": _I32,
}
_CURVE_COLUMNS: dict[str, pa.DataType] = {
    "curve_update": pa.list_(_I32),
    **{f"curve_auroc_{protocol}": pa.list_(_F64) for protocol in EVAL_PROTOCOLS},
    **{f"curve_auroc_val_{protocol}": pa.list_(_F64) for protocol in VALIDATION_PROTOCOLS},
    **{f"curve_{term}": pa.list_(_F64) for term in LOSS_TERMS},
}
_SCORE_COLUMNS: dict[str, pa.DataType] = {
    "test_class": pa.list_(pa.int16()),  # class index of each test image, in the test set's own order
    "test_label": pa.list_(pa.int8()),  # 0 normal, 1 anomalous
    **{f"scores_{protocol}": pa.list_(pa.float32()) for protocol in EVAL_PROTOCOLS},
}
_RECONSTRUCTION_COLUMNS: dict[str, pa.DataType] = {
    # Seed 0 only. K test images, the normal ones first, and G of them under protocol eval at the last update.
    "recon_index": pa.list_(_I32),  # their places in the test set
    "recon_label": pa.list_(pa.int8()),
    "recon_shape": pa.list_(_I32),  # C, H, W
    "recon_x": pa.binary(),  # uint8, K x C x H x W in C order
    "recon_x_hat": pa.binary(),  # likewise, rounded; 0 and 255 are -1 and 1
}
_FAILURE_COLUMNS: dict[str, pa.DataType] = {
    "failure_kind": _STR,
    "failure_message": _STR,
    "failure_update": _I32,
    "log": _STR,
}
_PROVENANCE_COLUMNS: dict[str, pa.DataType] = {
    "plan": _STR,
    "tuned_by": _STR,  # of a plan that takes values over from a study: which, and by which labels; of this try's plan
    "executor": _STR,
    "worker": _STR,
    "job_id": _STR,
    "git_commit": _STR,
    "git_clean": pa.bool_(),
    "code_digest": _STR,  # of agad/'s Python sources
    "host": _STR,
    "device": _STR,
    "device_name": _STR,
    "instruction_set": _STR,
    "threads": _I32,
    "together": _I32,  # how many runs advanced in one process at most; 1: alone
    "python_version": _STR,
    "torch_version": _STR,
    "cuda_version": _STR,
    "agad_version": _STR,
    "started_at": pa.timestamp("ms", tz="UTC"),
    "finished_at": pa.timestamp("ms", tz="UTC"),
    "train_seconds": _F64,  # over all tries that this row's training state went through
    "eval_seconds": _F64,
    "resumes": _I32,
    "peak_memory_bytes": _I64,  # device memory on CUDA, resident memory on the CPU
    "weights": _STR,
}


def _spec_columns() -> dict[str, pa.DataType]:
    types = {name: (_SPEC_TYPES[field.kind], field.is_tuple) for name, field in known_fields().items()}
    return {name: pa.list_(kind) if is_tuple else kind for name, (kind, is_tuple) in types.items()}


RENAMED_COLUMNS = {"together": "pack"}
"""Column -> the name that it has in older rows."""

SPEC_COLUMNS = tuple(field_names())
RESULT_COLUMNS = tuple(_RESULT_COLUMNS)
MEASURED_COLUMNS = tuple(_MEASURED_COLUMNS)
CURVE_COLUMNS = tuple(_CURVE_COLUMNS)
SCORE_COLUMNS = tuple(_SCORE_COLUMNS)
RECONSTRUCTION_COLUMNS = tuple(_RECONSTRUCTION_COLUMNS)
FAILURE_COLUMNS = tuple(_FAILURE_COLUMNS)
PROVENANCE_COLUMNS = tuple(_PROVENANCE_COLUMNS)
IDENTITY_COLUMNS = ("run_id", "attempt", "status", "schema_version", "semantics_version")

SCHEMA = pa.schema(
    [
        ("run_id", _STR),
        ("attempt", _I32),
        ("status", _STR),
        ("schema_version", _I32),
        ("semantics_version", _I32),
        *_spec_columns().items(),
        *_RESULT_COLUMNS.items(),
        *_MEASURED_COLUMNS.items(),
        *_CURVE_COLUMNS.items(),
        *_FAILURE_COLUMNS.items(),
        *_PROVENANCE_COLUMNS.items(),
        *_SCORE_COLUMNS.items(),
        *_RECONSTRUCTION_COLUMNS.items(),
    ]
)
"""The row: identity, spec, results, measurements, curve, failure, provenance, scores, reconstructions."""

LIGHT_COLUMNS = tuple(
    name for name in SCHEMA.names if name not in {*SCORE_COLUMNS, *CURVE_COLUMNS, *RECONSTRUCTION_COLUMNS}
)
"""Every column but the long ones: what most readers need."""


@dataclass(frozen=True, slots=True, kw_only=True)
class RunRecord:
    """The outcome of one try: its spec, its status and the values of the other columns.

    Attributes:
        spec: what was run.
        attempt: generation of the claim under which it was made, from 1.
        status: one of STATUSES.
        values: column name -> value, for the columns of SCHEMA that are not identity or spec; what is left out is
            null. An unknown column is a KeyError.
    """

    spec: RunSpec
    attempt: int
    status: str
    values: dict[str, Any] = field(default_factory=dict)

    def __post_init__(self) -> None:
        if self.status not in STATUSES:
            raise ValueError(f"status {self.status!r} is none of {', '.join(STATUSES)}")
        for name in self.values:
            if name not in SCHEMA.names or name in IDENTITY_COLUMNS or name in SPEC_COLUMNS:
                raise KeyError(f"no column {name!r} for a value in the row")

    @property
    def run_id(self) -> str:
        """The spec's run_id."""
        return self.spec.run_id

    def to_row(self) -> dict[str, Any]:
        """Column name -> Python value, for every column of SCHEMA."""
        row: dict[str, Any] = dict.fromkeys(SCHEMA.names)
        row.update(self.spec.to_dict())
        row.update(self.values)
        row.update(
            run_id=self.run_id,
            attempt=self.attempt,
            status=self.status,
            schema_version=SCHEMA_VERSION,
            semantics_version=SEMANTICS_VERSION,
        )
        return row

    def to_table(self) -> pa.Table:
        """The row as an Arrow table of SCHEMA."""
        return pa.Table.from_pylist([self.to_row()], schema=SCHEMA)
