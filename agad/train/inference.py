"""The row of task=inference: its generator is timed, nothing is trained."""

from __future__ import annotations

import torch

from agad.scoring.inference import measure_inference
from agad.store.schema import RunRecord
from agad.tensors.device import peak_memory_bytes, reset_peak_memory
from agad.train.control import Action, Interrupted, Member, Progress, asked
from agad.train.pace import Clock
from agad.train.row import data_columns, now, provenance_columns


def inference_record(member: Member, device: torch.device) -> RunRecord:
    """Time the generator. There is nothing to resume: whatever would stop a training run discards the measurement.

    Raises Interrupted.
    """
    spec, control = member.spec, member.control
    started_at, clock = now(), Clock()
    reset_peak_memory(device)
    data = member.open_data()

    def check_control() -> None:
        if control and asked(control, Progress(0, spec.updates, "eval", 0)) in {Action.STOP, Action.ABANDON}:
            raise Interrupted(0)

    values = {
        **measure_inference(spec, data, device, check_control),
        **data_columns(data, spec),
        **provenance_columns(device, data.digest),
        "train_seconds": 0.0,
        "eval_seconds": clock.lap(),
        "resumes": 0,
        "peak_memory_bytes": peak_memory_bytes(device),
        "started_at": started_at,
        "finished_at": now(),
    }
    return RunRecord(spec=spec, attempt=member.options.attempt, status="ok", values=values)
