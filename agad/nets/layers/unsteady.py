"""Layers of torch whose output is random or depends on the batch in train mode, in which agad's nets stay."""

from __future__ import annotations

from torch import nn
from torch.nn.modules.batchnorm import _BatchNorm
from torch.nn.modules.dropout import _DropoutNd
from torch.nn.modules.instancenorm import _InstanceNorm

from agad.errors import SpecError
from agad.nets.layers.batchnorm import BatchNorm2d, BatchNormNet

_OF_DRAWS = "draws at random in scoring too; leave it out, or draw from agad.tensors.seeding.generator"
_OF_BATCHES = (
    "takes the statistics of each batch in scoring too, whatever the evaluation protocol; use BatchNorm2d of "
    "agad.nets.layers.batchnorm in a BatchNormNet, or freeze the net by .eval()"
)
_OF_IMAGES = "moves its running statistics in scoring too; use track_running_stats=False, or freeze the net by .eval()"
_OUT_OF_REACH = "is in a net that is no BatchNormNet, so that no protocol reaches it; derive the net from BatchNormNet"


def refuse_unsteady(whose: str, net: nn.Module) -> None:
    """Raise SpecError for a layer by which a score is random, depends on its batch or moves the net.

    Args:
        whose: the net, for the message.
        net: with all of its layers, whether they have weights or not; what is in eval mode is steady.
    """
    for name, module in net.named_modules():
        if reason := _reason(module):
            raise _refusal(whose, name, module, reason)


def refuse_out_of_reach(whose: str, net: nn.Module) -> None:
    """Raise SpecError for a batch norm of agad's whose mode stays as it is: `bn_mode` takes a BatchNormNet."""
    if not isinstance(net, BatchNormNet):
        for name, module in net.named_modules():
            if isinstance(module, BatchNorm2d):
                raise _refusal(whose, name, module, _OUT_OF_REACH)


def _refusal(whose: str, name: str, module: nn.Module, reason: str) -> SpecError:
    return SpecError(f"{whose}: its layer {f'{name} is' if name else 'is'} {kind_of(module)}, which {reason}")


def kind_of(value: object) -> str:
    """Its class with the module that this is in, for messages."""
    return f"{type(value).__module__}.{type(value).__qualname__}"


def _reason(module: nn.Module) -> str:
    """Why a layer is refused; empty where it is not."""
    if isinstance(module, nn.FractionalMaxPool2d | nn.FractionalMaxPool3d):  # in either mode
        return _OF_DRAWS
    if isinstance(module, _BatchNorm) and (module.training or module.running_mean is None):
        return _OF_BATCHES
    if not module.training:
        return ""
    if isinstance(module, _InstanceNorm) and module.track_running_stats:
        return _OF_IMAGES
    return _OF_DRAWS if _draws(module) else ""


def _draws(module: nn.Module) -> bool:
    if isinstance(module, nn.RReLU):
        return module.lower != module.upper
    if isinstance(module, _DropoutNd):
        return module.p > 0
    return isinstance(module, nn.RNNBase | nn.MultiheadAttention) and module.dropout > 0
