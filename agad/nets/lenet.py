"""The LeNets of Deep SVDD and Deep SAD, for images of any size that their poolings divide.

Source: github.com/lukasruff/Deep-SVDD-PyTorch at 1901612 and Deep-SAD-PyTorch at 2e7aca3, src/networks. No layer has a
bias and batch norm has no affine part: else the net could map every image to one point (Deep SVDD, Proposition 2).
"""

from __future__ import annotations

import itertools

import torch.nn.functional as F
from torch import Tensor, nn

from agad.nets.layers.batchnorm import BatchNorm2d, BatchNormNet
from agad.nets.layers.convolution import Conv2d, ConvTranspose2d

WIDTHS: dict[str, tuple[tuple[int, ...], tuple[int, ...]]] = {
    "lenet_small": ((8, 4), (32,)),
    "lenet_medium": ((16, 32), (128, 64)),
    "lenet_large": ((32, 64, 128), (128,)),
}
"""Of the convolutions and of the dense layers, the last of which is the code: those for MNIST, Fashion-MNIST and
CIFAR-10."""
EPSILON = 1e-4
"""Of their batch norms."""


class LeNet(BatchNormNet):
    """5x5 convolutions with batch norm, leaky ReLU (.01) and 2x2 max pooling; then dense layers.

    Args:
        channels: of the image.
        kind: a key of WIDTHS.
        image_size: height and width in pixels. Theirs of MNIST and Fashion-MNIST are 28x28: at 32x32 the first dense
            layer has 64/49 of the weights.
    """

    def __init__(self, channels: int, kind: str, image_size: int) -> None:
        super().__init__()
        convolutions, dense = WIDTHS[kind]
        self.convolutions, self.norms = nn.ModuleList(), nn.ModuleList()
        for inputs, outputs in zip((channels, *convolutions), convolutions, strict=False):
            self.convolutions.append(Conv2d(inputs, outputs, 5, padding=2, bias=False))
            self.norms.append(BatchNorm2d(outputs, affine=False, eps=EPSILON))
        flat = convolutions[-1] * (image_size >> len(convolutions)) ** 2
        self.dense, self.dense_norms = nn.ModuleList(), nn.ModuleList()
        for inputs, outputs in zip((flat, *dense), dense, strict=False):
            self.dense.append(nn.Linear(inputs, outputs, bias=False))
            self.dense_norms.append(BatchNorm2d(outputs, affine=False, eps=EPSILON))
        del self.dense_norms[-1]  # the code is not normalised
        self.code = dense[-1]

    def forward(self, x: Tensor) -> Tensor:
        """Images (N, channels, H, W) to codes (N, code)."""
        for convolution, norm in zip(self.convolutions, self.norms, strict=True):
            x = F.max_pool2d(F.leaky_relu(norm(convolution(x))), 2)
        x = x.flatten(1)
        for layer, norm in zip(self.dense, self.dense_norms, strict=False):
            x = F.leaky_relu(norm(layer(x)[:, :, None, None])).flatten(1)
        code: Tensor = self.dense[-1](x)
        return code


class LeNetClassifier(BatchNormNet):
    """A LeNet with a linear head, which has a bias. Arguments as LeNet."""

    def __init__(self, channels: int, kind: str, image_size: int) -> None:
        super().__init__()
        self.encoder = LeNet(channels, kind, image_size)
        self.head = nn.Linear(self.encoder.code, 1)

    def forward(self, x: Tensor) -> Tensor:
        """Images (N, channels, H, W) to logits (N,)."""
        logits: Tensor = self.head(self.encoder(x))
        return logits.flatten()


class LeNetDecoder(BatchNormNet):
    """Codes to images of 32x32 in [0, 1]: 5x5 transposed convolutions with nearest enlargement, mirroring a LeNet.

    At 28x28 theirs pads one transposed convolution by 3 instead of 2. They draw the convolutions of CIFAR-10's
    autoencoder by Xavier's rule; here all are drawn as the spec says.

    Args:
        channels: of the image.
        kind: a key of WIDTHS.
        norm_code: whether a code of `lenet_large` is normalised first, as in Deep SVDD's code and not in Deep SAD's.
    """

    def __init__(self, channels: int, kind: str, *, norm_code: bool = False) -> None:
        super().__init__()
        convolutions, dense = WIDTHS[kind]
        self.dense = nn.Linear(dense[1], dense[0], bias=False) if len(dense) > 1 else nn.Identity()
        normed = len(dense) > 1 or (norm_code and kind == "lenet_large")
        self.code_norm = BatchNorm2d(dense[0], affine=False, eps=EPSILON) if normed else nn.Identity()
        self.width = dense[0] // 16
        widths = (self.width, *reversed(convolutions), channels)
        self.convolutions, self.norms = nn.ModuleList(), nn.ModuleList()
        for inputs, outputs in itertools.pairwise(widths):
            self.convolutions.append(ConvTranspose2d(inputs, outputs, 5, padding=2, bias=False))
            self.norms.append(BatchNorm2d(outputs, affine=False, eps=EPSILON))
        self.norms[-1] = nn.Identity()

    def forward(self, code: Tensor) -> Tensor:
        """Codes (N, code) to images (N, channels, 32, 32)."""
        x = self.code_norm(self.dense(code)[:, :, None, None]).reshape(-1, self.width, 4, 4)
        for number, (convolution, norm) in enumerate(zip(self.convolutions, self.norms, strict=True)):
            x = F.leaky_relu(x)
            if number >= len(self.convolutions) - 3:  # three doublings lead from 4x4 to 32x32
                x = F.interpolate(x, scale_factor=2)
            x = norm(convolution(x))
        x_hat: Tensor = x.sigmoid()
        return x_hat
