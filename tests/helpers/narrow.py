"""Nets of an eighth of their channels: the same layers in the same order, for tests to which their width is nothing."""

from __future__ import annotations

import importlib
from collections.abc import Callable
from typing import Any

_LESS = 8
_WIDTHS = {
    "agad.nets.unet": "WIDTHS",
    "agad.nets.unetpp": "WIDTHS",
    "agad.methods.rivals.skip_ganomaly": "_WIDTHS",
    "agad.methods.density.dagmm": "_WIDTHS",
}
_LATENTS = ("agad.methods.latent.anogan", "agad.methods.latent.fanogan")
_LAYERS = ("Conv2d", "ConvTranspose2d", "BatchNorm2d")
_WRITTEN_OUT = ("agad.nets.naive", "agad.nets.dcgan", "agad.nets.discriminator")
"""Modules that have their channels, 64 to 256, where they make their layers."""


def narrow_nets(put: Callable[[Any, str, Any], None]) -> None:
    """Every net of 64 channels or more that is trained in millions of weights.

    An operation in bf16 takes a CPU without such instructions twenty times as long as one in fp32.

    Args:
        put: sets an attribute of an object: `setattr`, or a test's that undoes it.
    """
    # All are imported before any is changed: one takes its widths from another.
    modules = {name: importlib.import_module(name) for name in (*_WIDTHS, *_LATENTS, *_WRITTEN_OUT)}
    for name, widths in _WIDTHS.items():
        put(modules[name], widths, tuple(width // _LESS for width in getattr(modules[name], widths)))
    for name in _LATENTS:
        put(modules[name], "LATENT", modules[name].LATENT // _LESS)
    judge = modules["agad.nets.dcgan"].Judge.__init__
    put(judge, "__defaults__", tuple(width // _LESS for width in judge.__defaults__))
    for name in _WRITTEN_OUT:
        for layer in set(_LAYERS) & vars(modules[name]).keys():
            put(modules[name], layer, _narrower(getattr(modules[name], layer)))


def _narrower(layer: Callable[..., Any]) -> Callable[..., Any]:
    def build(*sizes: int, **named: Any) -> Any:
        return layer(*(size // _LESS if size >= 64 else size for size in sizes), **named)

    return build
