"""The columns of a row: type, meaning, unit and range of each, where it is declared.

Every Parquet file that agad writes carries them as Arrow field metadata (`description`, `unit`, `range`).
docs/rows.md is generated from them; see agad/store/rows_page.py.
"""

from __future__ import annotations

import pyarrow as pa

from agad.spec.run import EVAL_PROTOCOLS, ORDER_PROTOCOLS, VALIDATION_PROTOCOLS
from agad.store.column import Column, spec_columns

STATUSES = ("ok", "pruned", "failed")
"""In the order in which they count: of one run's rows an ok one stands before a pruned before a failed one."""

FAILURE_KINDS = ("nan", "oom", "died", "error")
"""nan: non-finite loss; oom: out of memory; died: its workers died without progress; error: any other exception."""

_LOSS_MEANINGS = {
    "loss_g": "the generator's whole loss, weighted",
    "loss_d": "the discriminator's whole loss",
    "adv": "adversarial loss of real images (GANomaly: its feature matching in D)",
    "con": "reconstruction loss of real images",
    "adcon": "contextual adversarial loss (Eq. 8), 0 or less",
    "lat": "latent loss (GANomaly: the distance between its two latents)",
    "recip_adv": "reciprocal term of true anomalies (Eq. 10) for adv",
    "recip_adcon": "reciprocal term of true anomalies (Eq. 10) for adcon",
    "recip_lat": "reciprocal term of true anomalies (Eq. 10) for lat",
}
LOSS_TERMS = tuple(_LOSS_MEANINGS)
"""Loss terms in the curve, unweighted except loss_g and loss_d; null where a term does not exist."""


_F64, _I32, _I64, _STR = pa.float64(), pa.int32(), pa.int64(), pa.string()


def _auroc(meaning: str, type_: pa.DataType = _F64) -> Column:
    return Column(type_, f"AUROC {meaning}", low=0, high=1)


def _count(meaning: str, unit: str = "", low: int = 0, type_: pa.DataType = _I32) -> Column:
    return Column(type_, meaning, unit, low=low)


def _text(meaning: str, *choices: str) -> Column:
    return Column(_STR, meaning, choices=choices)


IDENTITY = {
    "run_id": _text("Digest of the whole spec and of semantics_version: the same run has the same run_id everywhere."),
    "attempt": _count("Attempt that wrote the row; a run that failed or lost its worker is attempted again.", low=1),
    "status": _text("How the attempt ended.", *STATUSES),
    "schema_version": _count("Version of this table of columns.", low=1),
    "semantics_version": _count("Version of what a spec means; rows of two versions never share a table.", low=1),
}

SPEC = spec_columns()

_PROTOCOL_MEANINGS = {
    "eval": "with running statistics",
    "eval_recal": "with statistics estimated again from training normals",
    "batch_shuffled": "with statistics of each test batch, the test set shuffled",
    "batch_normals_first": "with statistics of each test batch, all normals first: label information leaks",
    "batch_class_sorted": "with statistics of each test batch, class by class: label information leaks",
    "batch1": "with statistics of each single image",
}

# Numbers that are a function of the spec, the data, torch and the thread count: those of an interrupted run
# equal those of an uninterrupted one.
RESULTS = {
    "auroc": _auroc("at the last update with running statistics (protocol eval): the headline."),
    **{
        f"auroc_{protocol}": _auroc(f"at the last update {_PROTOCOL_MEANINGS[protocol]}.")
        for protocol in EVAL_PROTOCOLS
        if protocol != "eval"
    },
    **{
        f"auroc_{protocol}_each": _auroc(
            f"in each of several orders of the test set, whose mean auroc_{protocol} is; null where one was drawn.",
            pa.list_(_F64),
        )
        for protocol in ORDER_PROTOCOLS
    },
    "auroc_oracle": _auroc("of the best point of the curve under eval: selected on the test set."),
    "oracle_update": _count("Update of that point.", "updates"),
    "auroc_val": _auroc("of the validation images at the last update under eval; no test image is used."),
    "auroc_val_eval_recal": _auroc("of the validation images at the last update under eval_recal."),
    "n_train_normal": _count("Normal images trained on.", "images"),
    "n_train_anomaly": _count("Labelled anomalies trained on.", "images"),
    "n_batch_normal": _count("Normal images in each batch.", "images"),
    "n_batch_anomaly": _count("Labelled anomalies in each batch.", "images"),
    "n_test_normal": _count("Normal test images.", "images"),
    "n_test_anomaly": _count("Anomalous test images.", "images"),
    "n_val_normal": _count("Training normals held out for validation.", "images"),
    "n_val_anomaly": _count("Labelled anomalies held out for validation.", "images"),
    "drawn_validation_classes": Column(pa.list_(_I32), "Classes of the validation's labelled anomalies.", low=0),
    "drawn_anomaly_classes": Column(pa.list_(_I32), "Classes that the training anomalies were drawn from.", low=0),
    "parameters": _count("Trainable parameters of all nets.", type_=_I64),
    "parameters_g": _count("Trainable parameters of the generator.", type_=_I64),
    "parameters_d": _count("Trainable parameters of the discriminator.", type_=_I64),
    "updates_done": _count("Updates made, without those of pretraining.", "updates"),
    "d_resets": _count("Times that the discriminator was initialised again (Algorithm 1)."),
    **{
        f"recip_{term}_max": Column(_F64, f"Largest value of recip_{term} in any update.")
        for term in ("adv", "adcon", "lat")
    },
    "data_digest": _text("SHA-256 of the prepared images and labels: equal data have equal digests everywhere."),
    "features_digest": _text("SHA-256 of the vectors of features=file:NAME; null where there are none."),
}

# Of the whole data set as it was prepared; null in older rows, whose data were not described.
DATA = {
    "raw_digest": _text(
        "Digest of the raw files and of what is noted of them: rows of several image sizes that share it are of the "
        "same files, prepared by the same code."
    ),
    "images_damaged": _count("Images that could not be decoded and were left out, training and test.", "images"),
    "images_leaked": _count("Test images whose prepared pixels equal those of a training image.", "images"),
    "images_across_classes": _count(
        "Images, training and test, whose prepared pixels equal those of one of another class.", "images"
    ),
    "class_names": Column(pa.list_(_STR), "Name of each class, by its index."),
    "class_name": _text("Name of normal_class, or under leave_one_out of abnormal_class."),
    "data_notes": Column(pa.list_(_STR), "What else a reader must know of the data, a sentence each."),
}

# Times of passes under task=inference: never the same twice, so they are no results.
MEASURED = {
    "inference_ms_batch1": Column(
        _F64, "Time of the generator's forward pass, one image at a time.", "ms/image", low=0
    ),
    "inference_ms_best": Column(_F64, "The same at the batch size with the most images per second.", "ms/image", low=0),
    "inference_best_batch": _count("That batch size.", "images", low=1),
}

CURVE = {
    "curve_update": Column(
        pa.list_(_I32), "Update of each point of the learning curve; 0 without updates.", "updates", low=0
    ),
    **{
        f"curve_auroc_{protocol}": _auroc(f"at each point {meaning}.", pa.list_(_F64))
        for protocol, meaning in _PROTOCOL_MEANINGS.items()
    },
    **{
        f"curve_auroc_val_{protocol}": _auroc(
            f"of the validation images at each point under {protocol}.", pa.list_(_F64)
        )
        for protocol in VALIDATION_PROTOCOLS
    },
    **{
        f"curve_{term}": Column(pa.list_(_F64), f"At each point: {meaning}.")
        for term, meaning in _LOSS_MEANINGS.items()
    },
    "curve_terms": Column(
        pa.map_(_STR, pa.list_(_F64)), "At each point: losses and terms that only some methods have, by name."
    ),
}

FAILURE = {
    "failure_kind": _text(
        "Of a failed attempt: non-finite loss, out of memory, workers died without progress, or any other exception.",
        *FAILURE_KINDS,
    ),
    "failure_message": _text("The error, one line."),
    "failure_update": _count("Update at which the loss was no longer finite.", "updates"),
    "log": _text("The worker's log."),
}

PROVENANCE = {
    "plan": _text("Plan that the attempt was made for."),
    "tuned_by": _text("Study that values of the spec were taken from, and the labels it used; of this attempt's plan."),
    "executor": _text("What started the worker: local, slurm or ray."),
    "worker": _text("The worker's name."),
    "job_id": _text("The scheduler's job, where there is one."),
    "git_commit": _text("Commit of the code; null outside a checkout."),
    "git_clean": Column(pa.bool_(), "Whether the checkout had no changes."),
    "code_digest": _text(
        "Digest of the code that makes the numbers, with what it imports of the user's own; null where the process "
        "may have run other code."
    ),
    "host": _text("Host that made the row."),
    "device": _text("Device as requested: cpu, cuda or cuda:N."),
    "device_name": _text("The device's own name."),
    "instruction_set": _text(
        "Vector instructions that torch used on the CPU, and variables that gave its libraries others."
    ),
    "threads": _count("Threads of torch: on the CPU their number changes the last bits.", low=1),
    "together": _count("Largest number of runs that advanced in the same process; 1: alone.", low=1),
    "python_version": _text("Version of Python."),
    "torch_version": _text("Version of torch."),
    "cuda_version": _text("Version of CUDA; null without."),
    "libraries": _text("Versions of the other libraries that numbers come from: numpy, Pillow, scikit-learn, SciPy."),
    "agad_version": _text("Version of agad."),
    "started_at": Column(pa.timestamp("ms", tz="UTC"), "Start of the attempt."),
    "finished_at": Column(pa.timestamp("ms", tz="UTC"), "End of the attempt."),
    "train_seconds": Column(_F64, "Time in training, over all attempts; of runs at once an equal share.", "s", low=0),
    "eval_seconds": Column(_F64, "Time in scoring, over all attempts that led to this state.", "s", low=0),
    "resumes": _count("Times that the run was continued from a checkpoint."),
    "resumed_from": _text(
        "What made the checkpoints that the run was continued from, where that was another code, torch, device, "
        "instruction set or number of threads: name=value of what differs; null: nothing did."
    ),
    "peak_memory_bytes": _count(
        "Largest memory: device memory on CUDA, resident memory on the CPU.", "bytes", type_=_I64
    ),
    "weights": _text("Name of the file of the final weights, where they were saved."),
}

SCORES = {
    "test_class": Column(pa.list_(pa.int16()), "Class of each test image, in the test set's own order.", low=0),
    "test_label": Column(pa.list_(pa.int8()), "0 normal, 1 anomalous, in the same order.", low=0, high=1),
    **{
        f"scores_{protocol}": Column(
            pa.list_(pa.float32()), f"Anomaly score of each test image {meaning}; higher is more anomalous."
        )
        for protocol, meaning in _PROTOCOL_MEANINGS.items()
    },
}

# Seed 0 only.
RECONSTRUCTIONS = {
    "recon_index": Column(pa.list_(_I32), "Positions in the test set of K saved images, normal ones first.", low=0),
    "recon_label": Column(pa.list_(pa.int8()), "Their labels.", low=0, high=1),
    "recon_shape": Column(pa.list_(_I32), "Their channels, height and width.", low=1),
    "recon_x": Column(pa.binary(), "The images: uint8, K x C x H x W in C order."),
    "recon_x_hat": Column(pa.binary(), "Their reconstructions under eval at the last update; 0 and 255 are -1 and 1."),
}

GROUPS: dict[str, dict[str, Column]] = {
    "Identity": IDENTITY,
    "Spec": SPEC,
    "Results": RESULTS,
    "Data": DATA,
    "Measurements": MEASURED,
    "Curve": CURVE,
    "Failure": FAILURE,
    "Provenance": PROVENANCE,
    "Scores": SCORES,
    "Reconstructions": RECONSTRUCTIONS,
}
"""Title -> columns, in the order of the row."""
COLUMNS: dict[str, Column] = {name: column for group in GROUPS.values() for name, column in group.items()}
"""All columns, in the order of the row."""
