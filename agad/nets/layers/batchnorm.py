"""Batch norm whose behaviour is an explicit mode, not implied by train() and eval() (section 6.2, Table 5)."""

from __future__ import annotations

import contextlib
import enum
from collections.abc import Callable, Iterator, Sequence
from functools import cached_property, partial

import torch
from torch import Tensor, nn

EPSILON = 1e-5
MOMENTUM = 0.1
"""torch's own defaults, which the paper does not mention changing."""


class BNMode(enum.Enum):
    """What every batch norm of a net does in a forward pass; main and auxiliary are sets of affine and statistics."""

    UPDATE = "main affine, statistics of the batch, which move the main running statistics"
    BATCH = "main affine, statistics of the batch; no buffer moves"
    IMAGE = "main affine, statistics of each image alone, as in a batch of one; no buffer moves"
    RUNNING = "main affine, main running statistics: inference, and frozen batch norm; no buffer moves"
    AUX = "auxiliary affine, statistics of the batch, which move the auxiliary running statistics"
    REPEAT = "as UPDATE, repeated: no buffer moves"
    RECAL = "as UPDATE, but the running statistics become the mean over all batches, weighted by their size"


class BNSet(nn.Module):
    """One affine pair and one pair of running statistics, each of shape (channels,).

    Args:
        channels: of the images.
        affine: whether the pair is trained; otherwise it stays 1 and 0.
        eps: added to the variance.
    """

    def __init__(self, channels: int, *, affine: bool = True, eps: float = EPSILON) -> None:
        super().__init__()
        self.affine, self.eps = affine, eps
        self.weight: Tensor
        self.bias: Tensor
        for name, value in (("weight", torch.ones(channels)), ("bias", torch.zeros(channels))):
            if affine:
                self.register_parameter(name, nn.Parameter(value))
            else:
                self.register_buffer(name, value)
        self.running_mean: Tensor
        self.running_var: Tensor
        self.register_buffer("running_mean", torch.zeros(channels))
        self.register_buffer("running_var", torch.ones(channels))

    @torch.no_grad()
    def forget(self) -> None:
        """Running statistics back to mean 0 and variance 1."""
        self.running_mean.zero_()
        self.running_var.fill_(1.0)


class BatchNorm2d(BNSet):
    """Batch norm over (N, C, H, W) with a mode, and optionally an auxiliary set used in BNMode.AUX only.

    Inference uses the main set alone. A batch with one value per channel is allowed: it normalises to the bias.
    Arguments as BNSet.
    """

    def __init__(self, channels: int, *, affine: bool = True, eps: float = EPSILON) -> None:
        super().__init__(channels, affine=affine, eps=eps)
        self.aux: BNSet | None = None
        self.mode = BNMode.RUNNING
        self._images_seen = 0  # under RECAL, since start_recalibration

    def forward(self, x: Tensor) -> Tensor:
        """Normalise x (N, C, H, W) by the mode; same shape and type."""
        match self.mode:
            case BNMode.UPDATE | BNMode.REPEAT:
                mean, var = self.running_mean, self.running_var
                if self.mode is BNMode.REPEAT:
                    # Copies, and not None: autograd must save the same number of tensors as under UPDATE.
                    mean, var = mean.clone(), var.clone()
                return _normalise(x, self, mean, var, MOMENTUM)
            case BNMode.BATCH:
                return _normalise(x, self, None, None, 0.0)
            case BNMode.IMAGE:
                return torch.instance_norm(x, self.weight, self.bias, None, None, True, 0.0, self.eps, False)
            case BNMode.RUNNING:
                return self._with_running_statistics(x)
            case BNMode.AUX:
                assert self.aux is not None, "add_auxiliary was not called"
                return _normalise(x, self.aux, self.aux.running_mean, self.aux.running_var, MOMENTUM)
            case BNMode.RECAL:
                self._images_seen += len(x)
                return _normalise(x, self, self.running_mean, self.running_var, len(x) / self._images_seen)

    def repetition(self) -> Callable[[Tensor], Tensor] | None:
        """A function of x that repeats the present pass, whatever the mode is by then, and moves nothing.

        None where the pass does not depend on x alone: running statistics may have moved.
        """
        if self.mode not in (BNMode.UPDATE, BNMode.REPEAT, BNMode.BATCH, BNMode.AUX):
            return None
        affine = self.aux if self.mode is BNMode.AUX else self
        assert affine is not None
        return partial(_normalise, affine=affine, mean=None, var=None, momentum=0.0)

    def start_recalibration(self) -> None:
        """Reset the main running statistics; passes under RECAL then compute them."""
        self.forget()
        self._images_seen = 0

    def _with_running_statistics(self, x: Tensor) -> Tensor:
        mean, var = self.running_mean, self.running_var
        if torch.is_grad_enabled():
            # The backward pass reads them again, and a later UPDATE pass of the same step moves them in place
            # without raising their version: without the copy the gradient would be silently wrong.
            mean, var = mean.clone(), var.clone()
        return torch.batch_norm(x, self.weight, self.bias, mean, var, False, 0.0, self.eps, _cudnn(x))


class BatchNormNet(nn.Module):
    """Base of the nets: knows its batch norms, so that changing their mode costs a short loop.

    Attributes:
        saved_per_pixel: numbers that autograd saves of a forward pass, for each pixel of each image; 0 for few.
    """

    saved_per_pixel = 0

    @cached_property
    def batch_norms(self) -> tuple[BatchNorm2d, ...]:
        """All batch norms of the net, in the order of its modules."""
        return tuple(module for module in self.modules() if isinstance(module, BatchNorm2d))


def bn_mode(net: BatchNormNet, mode: BNMode) -> contextlib.AbstractContextManager[None]:
    """Put all batch norms of a net into a mode, and back into their former ones at the end."""
    return bn_modes(net, [mode] * len(net.batch_norms))


@contextlib.contextmanager
def bn_modes(net: BatchNormNet, modes: Sequence[BNMode]) -> Iterator[None]:
    """Put each batch norm of a net, in the order of `batch_norms`, into its mode, and all back at the end."""
    before = [norm.mode for norm in net.batch_norms]
    for norm, mode in zip(net.batch_norms, modes, strict=True):
        norm.mode = mode
    try:
        yield
    finally:
        for norm, old in zip(net.batch_norms, before, strict=True):
            norm.mode = old


@torch.no_grad()
def add_auxiliary(net: BatchNormNet) -> None:
    """Give every batch norm an auxiliary set (AdvProp); it starts as a copy of the main one, so nothing is drawn."""
    for norm in net.batch_norms:
        norm.aux = BNSet(norm.weight.numel(), affine=norm.affine, eps=norm.eps).to(norm.weight.device)
        copy_main_to_auxiliary(norm)


@torch.no_grad()
def copy_main_to_auxiliary(norm: BatchNorm2d) -> None:
    """Overwrite the auxiliary set, where there is one, by the main one."""
    if norm.aux is not None:
        for name in ("weight", "bias", "running_mean", "running_var"):
            getattr(norm.aux, name).copy_(getattr(norm, name))


def auxiliary_names(net: nn.Module) -> frozenset[str]:
    """Names in a net's state dict of its batch norms' auxiliary sets; other modules may be called `aux` too."""
    return frozenset(
        f"{name}.aux.{key}" if name else f"aux.{key}"
        for name, module in net.named_modules(remove_duplicate=False)
        if isinstance(module, BatchNorm2d) and module.aux is not None
        for key in module.aux.state_dict()
    )


def _normalise(x: Tensor, affine: BNSet, mean: Tensor | None, var: Tensor | None, momentum: float) -> Tensor:
    # torch.batch_norm and not F.batch_norm, which refuses one value per channel.
    return torch.batch_norm(x, affine.weight, affine.bias, mean, var, True, momentum, affine.eps, _cudnn(x))


def _cudnn(x: Tensor) -> bool:
    return x.is_cuda and torch.backends.cudnn.enabled
