"""Convolutions that stay fast on small activations: torch's own, except in bfloat16 on the CPU.

oneDNN's bfloat16 kernels are fast where an activation has many pixels. At 4x4 and below its weight gradient, and at 2x2
every direction, was measured 4 to 30 times slower than the matrix product that a convolution is; those are computed by
the product here. Everything else, float32 and other devices, is torch's own code, bit for bit.
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn

PRODUCT_GRADIENT = 16
"""Pixels of the smaller of input and output up to which the weight gradient is a matrix product."""
PRODUCT_ALL = 4
"""Pixels of it up to which the forward pass and both gradients are matrix products."""
_WINDOW_BYTES = 16 * 2**20
"""Of windows held at once: above 32 MiB glibc returns a block to the system, and new pages cost more time."""


class Conv2d(nn.Conv2d):
    """torch.nn.Conv2d with the same parameters and result, to rounding."""

    def forward(self, x: Tensor) -> Tensor:
        """(N, in, H, W) to (N, out, h, w)."""
        if not _is_plain(self):
            return super().forward(x)
        geometry = _geometry(self)
        height, width = geometry.positions(x)
        return _convolve(self, x, geometry) if _is_for_products(x, height * width) else super().forward(x)


class ConvTranspose2d(nn.ConvTranspose2d):
    """torch.nn.ConvTranspose2d with the same parameters and result, to rounding."""

    def forward(self, x: Tensor, output_size: list[int] | None = None) -> Tensor:
        """(N, in, h, w) to (N, out, H, W)."""
        if output_size is not None or not _is_plain(self) or not _is_for_products(x, x.shape[2] * x.shape[3]):
            return super().forward(x, output_size)
        return _convolve(self, x, _geometry(self))


@contextlib.contextmanager
def frozen(net: nn.Module) -> Iterator[None]:
    """Keep backward passes from making gradients of a net's weights; gradients still go through the net.

    torch.autograd.backward(inputs=...) does the same for torch's own operations, but not for those of this file.
    """
    parameters = [parameter for parameter in net.parameters() if parameter.requires_grad]
    for parameter in parameters:
        parameter.requires_grad_(False)
    try:
        yield
    finally:
        for parameter in parameters:
            parameter.requires_grad_(True)


@dataclass(frozen=True, slots=True)
class _Geometry:
    """How a convolution's windows lie on the larger of input and output; of a transposed one this is the output."""

    kernel: tuple[int, int]
    stride: tuple[int, int]
    padding: tuple[int, int]
    transposed: bool

    def positions(self, large: Tensor) -> tuple[int, int]:
        """Height and width of the smaller one, which has a pixel for each window."""
        (up, left), (high, wide), (step, step_across) = self.padding, self.kernel, self.stride
        return (large.shape[2] + 2 * up - high) // step + 1, (large.shape[3] + 2 * left - wide) // step_across + 1

    def spans(self, large: int, small: int, axis: int) -> list[tuple[slice, slice]]:
        """Along an axis, for each offset in the window: positions in the smaller one, and the pixels of the larger."""
        step, pad = self.stride[axis], self.padding[axis]
        spans = []
        for offset in range(self.kernel[axis]):
            first = max(0, -((offset - pad) // step))
            last = min(small - 1, (large - 1 - offset + pad) // step)
            begin = first * step + offset - pad
            spans.append((slice(first, last + 1), slice(begin, last * step + offset - pad + 1, step)))
        return spans


def _is_for_products(x: Tensor, pixels: int) -> bool:
    return (
        pixels <= PRODUCT_GRADIENT
        and x.device.type == "cpu"
        and torch.is_autocast_enabled("cpu")
        and torch.get_autocast_dtype("cpu") is torch.bfloat16
    )


def _is_plain(layer: nn.Conv2d | nn.ConvTranspose2d) -> bool:
    """Whether kernel, stride and padding are all that there is to it: no product is written for anything else."""
    plain = layer.groups == 1 and layer.padding_mode == "zeros" and isinstance(layer.padding, tuple)
    return plain and not any(layer.output_padding) and layer.dilation == (1, 1)


def _geometry(layer: nn.Conv2d | nn.ConvTranspose2d) -> _Geometry:
    assert isinstance(layer.padding, tuple)
    transposed = isinstance(layer, nn.ConvTranspose2d)
    return _Geometry(_pair(layer.kernel_size), _pair(layer.stride), _pair(layer.padding), transposed)


def _convolve(layer: nn.Conv2d | nn.ConvTranspose2d, x: Tensor, geometry: _Geometry) -> Tensor:
    y: Tensor = _Convolution.apply(x.to(torch.bfloat16), layer.weight, geometry)
    return y if layer.bias is None else y + layer.bias.to(y.dtype).view(1, -1, 1, 1)


def _pair(values: tuple[int, ...]) -> tuple[int, int]:
    first, second = values
    return first, second


class _Convolution(torch.autograd.Function):
    """The convolution of bfloat16 images by weights in float32; so is their gradient."""

    @staticmethod
    def forward(ctx: Any, x: Tensor, weight: Tensor, geometry: _Geometry) -> Tensor:
        w = weight.to(x.dtype)
        ctx.save_for_backward(x, w)
        ctx.weight, ctx.geometry = weight, geometry
        if geometry.transposed:
            return F.conv_transpose2d(x, w, None, geometry.stride, geometry.padding)
        height, width = geometry.positions(x)
        if height * width > PRODUCT_ALL:
            return F.conv2d(x, w, None, geometry.stride, geometry.padding)
        product = _windows(x, (height, width), geometry) @ _rows(w).t()
        return product.view(len(x), height, width, -1).permute(0, 3, 1, 2)

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> tuple[Tensor | None, Tensor | None, None]:
        (g,) = gradients
        x, w = ctx.saved_tensors
        dx = _input_gradient(g, x, w, ctx.geometry) if ctx.needs_input_grad[0] else None
        dw = _weight_gradient(g, x, ctx.geometry) if ctx.weight.requires_grad else None
        return dx, dw, None


def _input_gradient(g: Tensor, x: Tensor, w: Tensor, geometry: _Geometry) -> Tensor:
    if not geometry.transposed and g.shape[2] * g.shape[3] <= PRODUCT_ALL:
        return _fold(_pixels(g) @ _rows(w), x.shape, geometry.positions(x), geometry)
    mask = [True, False, False]
    dx: Tensor = torch.ops.aten.convolution_backward(
        g, x, w, None, geometry.stride, geometry.padding, [1, 1], geometry.transposed, [0, 0], 1, mask
    )[0]
    return dx


def _weight_gradient(g: Tensor, x: Tensor, geometry: _Geometry) -> Tensor:
    """In float32, of the weights' shape, channels_last."""
    large, small = (g, x) if geometry.transposed else (x, g)
    window = geometry.kernel[0] * geometry.kernel[1] * large.shape[1]
    held = large.element_size() * window * small.shape[0] * small.shape[2] * small.shape[3]
    pieces = -(-held // _WINDOW_BYTES)
    positions = geometry.positions(large)
    total: Tensor | None = None
    for large_part, small_part in zip(large.chunk(pieces), small.chunk(pieces), strict=True):
        product = (_pixels(small_part).t() @ _windows(large_part, positions, geometry)).float()
        total = product if total is None else total.add_(product)
    assert total is not None
    return total.view(small.shape[1], *geometry.kernel, large.shape[1]).permute(0, 3, 1, 2)


def _windows(large: Tensor, positions: tuple[int, int], geometry: _Geometry) -> Tensor:
    """The window of each position, one a row: (N h w, kernel x kernel x channels)."""
    n, channels, *_ = large.shape
    (up, left), (step, step_across) = geometry.padding, geometry.stride
    padded = F.pad(large.permute(0, 2, 3, 1), (0, 0, left, left, up, up)).contiguous()
    _, _, width, _ = padded.shape
    strides = (padded.stride(0), step * width * channels, step_across * channels, width * channels, 1)
    # A row of a window is contiguous in memory, so that long pieces are copied.
    windows = padded.as_strided((n, *positions, geometry.kernel[0], geometry.kernel[1] * channels), strides)
    return windows.reshape(-1, geometry.kernel[0] * geometry.kernel[1] * channels)


def _fold(windows: Tensor, shape: torch.Size, positions: tuple[int, int], geometry: _Geometry) -> Tensor:
    """The adjoint of _windows, of that shape: at each pixel the sum over the windows that hold it, in float32."""
    n, channels, height, width = shape
    parts = windows.view(n, *positions, *geometry.kernel, channels)
    total = torch.zeros(n, height, width, channels)
    for i, (served, lies) in enumerate(geometry.spans(height, positions[0], 0)):
        for j, (served_across, lies_across) in enumerate(geometry.spans(width, positions[1], 1)):
            if served.start < served.stop and served_across.start < served_across.stop:
                total[:, lies, lies_across] += parts[:, served, served_across, i, j]
    return total.to(windows.dtype).permute(0, 3, 1, 2)


def _rows(w: Tensor) -> Tensor:
    """Weights (out, in, k, k) as (out, k x k x in), a view where they are channels_last."""
    return w.permute(0, 2, 3, 1).reshape(len(w), -1)


def _pixels(x: Tensor) -> Tensor:
    """Images (N, C, h, w) as one pixel a row, (N h w, C); a view where they are channels_last."""
    return x.permute(0, 2, 3, 1).reshape(-1, x.shape[1])
