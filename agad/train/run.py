"""train(spec, options) -> RunRecord: one run from its first update, or its checkpoint, to its row."""

from __future__ import annotations

from agad.data.prepared import Prepared
from agad.spec.run import RunOptions, RunSpec
from agad.store.schema import RunRecord
from agad.tensors.device import open_device, reset_peak_memory, settings
from agad.tensors.lane import Lane
from agad.train.control import Action, Control, CurvePoint, Interrupted, Member, Progress, Pruned
from agad.train.inference import inference_record
from agad.train.session import Session

__all__ = ["Action", "Control", "CurvePoint", "Interrupted", "Progress", "train"]


def train(
    spec: RunSpec, options: RunOptions | None = None, *, data: Prepared | None = None, control: Control | None = None
) -> RunRecord:
    """Make one run, going on from its newest checkpoint where there is one; under task=inference, time its generator.

    The result, curve, score and reconstruction columns are a function of the spec, the data, torch, the instruction
    set and the thread count: interruptions and evaluations leave no trace in them. No global random generator is
    touched.

    Args:
        spec: what to train.
        options: where and how; None: RunOptions().
        data: the data set where it is open already; None: it is opened by the spec's name. Nothing is downloaded.
        control: called between updates, and between the batches of an evaluation; what it returns is done at once.

    Returns:
        A record of status `ok`, or `pruned` where control returned Action.PRUNE, with its provenance (code, versions,
        machine). A pruned run has its curve so far and no AUROC; trained again, it goes on from its checkpoint.

    Raises:
        NonFiniteLoss: L_g, L_d, a weight or a score is NaN or infinite. It would be again.
        Interrupted: control returned Action.STOP or Action.ABANDON.
        SpecError: the spec and the data do not go together.
        DataError: the data cannot be read, or are not those of the spec.
        DeviceError: the device is not there.
        OSError: a checkpoint or the weights cannot be written.
    """
    member = Member(spec, options or RunOptions(), data, control)
    device = open_device(member.options.device)
    lane = Lane(device)
    with settings(device, member.options.threads), lane.active():
        reset_peak_memory(device)
        if spec.task == "inference":
            return inference_record(member, device)
        session = Session(member, device, lane)
        session.resume()
        try:
            for _ in session.run():
                pass  # each step is one update, with the scoring and the checkpoint that are due before it
            return session.record()
        except Pruned:
            return session.pruned_record()
        finally:
            session.close()
