"""Layers of torch by which a score would be random, depend on its batch or move the net."""

from __future__ import annotations

import re
from collections.abc import Callable

import pytest
from torch import nn

from agad.errors import SpecError
from agad.nets.layers.batchnorm import BatchNorm2d, BatchNormNet
from agad.nets.layers.unsteady import refuse_out_of_reach, refuse_unsteady

PLAIN: dict[str, bool] = {"affine": False, "track_running_stats": False}
ACTIVE: list[tuple[Callable[[], nn.Module], str]] = [
    (nn.Dropout, "draws at random"),
    (nn.Dropout1d, "draws at random"),
    (nn.Dropout2d, "draws at random"),
    (nn.Dropout3d, "draws at random"),
    (nn.AlphaDropout, "draws at random"),
    (nn.FeatureAlphaDropout, "draws at random"),
    (nn.RReLU, "draws at random"),
    (lambda: nn.LSTM(2, 2, 2, dropout=0.1), "draws at random"),
    (lambda: nn.MultiheadAttention(2, 1, dropout=0.1), "draws at random"),
    (lambda: nn.BatchNorm1d(4), "statistics of each batch"),
    (lambda: nn.BatchNorm2d(4), "statistics of each batch"),
    (lambda: nn.BatchNorm3d(4), "statistics of each batch"),
    (lambda: nn.SyncBatchNorm(4), "statistics of each batch"),
    (nn.LazyBatchNorm2d, "statistics of each batch"),
    (lambda: nn.InstanceNorm2d(4, track_running_stats=True), "moves its running statistics"),
]
ALWAYS: list[tuple[Callable[[], nn.Module], str]] = [
    (lambda: nn.BatchNorm2d(4, **PLAIN), "statistics of each batch"),
    (lambda: nn.FractionalMaxPool2d(2, output_size=2), "draws at random"),
]


@pytest.mark.parametrize(("make", "reason"), [*ACTIVE, *ALWAYS])
def test_they_are_refused_wherever_they_are(make: Callable[[], nn.Module], reason: str) -> None:
    net = nn.Sequential(nn.Conv2d(1, 4, 3), nn.Sequential(make()))
    kind = re.escape(type(net[1][0]).__qualname__)
    with pytest.raises(SpecError, match=rf"^mine: its layer 1.0 is torch.nn.*{kind}, which .*{reason}[^\n]*$"):
        refuse_unsteady("mine", net)


@pytest.mark.parametrize(("make", "reason"), ALWAYS)
def test_those_that_eval_mode_does_not_steady_are_refused_in_it(make: Callable[[], nn.Module], reason: str) -> None:
    with pytest.raises(SpecError, match=reason):
        refuse_unsteady("mine", nn.Sequential(make()).eval())


@pytest.mark.parametrize(
    "net",
    [
        *(nn.Sequential(make()).eval() for make, _ in ACTIVE),
        *(
            nn.Dropout(0.0),
            nn.RReLU(0.1, 0.1),
            nn.InstanceNorm2d(4),
            nn.GroupNorm(2, 4),
            nn.LayerNorm(4),
            nn.LSTM(2, 2),
        ),
        BatchNorm2d(4),
    ],
)
def test_steady_layers_are_not_refused(net: nn.Module) -> None:
    """A frozen net with torch's batch norm is a function of each image alone."""
    refuse_unsteady("mine", net)


def test_a_batch_norm_that_no_mode_reaches_is_refused() -> None:
    """It stayed in running statistics that nothing moved, and every protocol had the same scores."""
    with pytest.raises(SpecError, match=r"its layer 0 is agad.* in a net that is no BatchNormNet"):
        refuse_out_of_reach("mine", nn.Sequential(BatchNorm2d(4)))
    net = BatchNormNet()
    net.norm = BatchNorm2d(4)
    refuse_out_of_reach("mine", net)
