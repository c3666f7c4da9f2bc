"""Images as a net receives them: batches on its device, in [-1, 1]."""

from __future__ import annotations

import copy

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from agad.tensors.device import memory_format


class ImagePool:
    """Some images of a data set, held as uint8 on a device and normalised batch by batch.

    On the CPU nothing is copied: the images may be memory-mapped from a file that several processes share.

    Args:
        images: (N, C, H, W) uint8, on the CPU.
        indices: (M,) int64, indices of the pool's images, in the pool's order.
        device: device of the batches.
        precision: of training, which decides the batches' layout.
    """

    def __init__(
        self, images: Tensor, indices: NDArray[np.int64], device: torch.device, precision: str = "fp32"
    ) -> None:
        index = torch.from_numpy(np.ascontiguousarray(indices))
        self.device = device
        self._layout = memory_format(device, precision)
        self._images, self._index = images, index
        if device.type != "cpu":
            self._images = images.index_select(0, index).to(device)
            self._index = torch.arange(len(index))

    def __len__(self) -> int:
        return len(self._index)

    @property
    def size(self) -> tuple[int, int]:
        """Height and width of an image."""
        _, _, height, width = self._images.shape
        return height, width

    def part(self, start: int, stop: int) -> ImagePool:
        """The pool of the images at positions from `start` to before `stop`; nothing is copied."""
        pool = copy.copy(self)
        pool._index = self._index[start:stop]
        return pool

    def take(self, positions: Tensor) -> Tensor:
        """The images at `positions` (B,) of the pool: (B, C, H, W) float32; 0 becomes -1, 255 becomes 1."""
        return self.gather(self.stage(positions))

    def stage(self, positions: Tensor) -> Tensor:
        """Where the images at `positions` (B,) lie, for `gather`: (B,) int64 on the device."""
        index = self._index.index_select(0, positions)
        if self.device.type == "cuda":  # from pinned memory, the host does not wait for the copy
            index = index.pin_memory().to(self.device, non_blocking=True)
        return index

    def gather(self, index: Tensor) -> Tensor:
        """The images that were staged, as `take` returns them; work for the device alone."""
        gathered = self._images.index_select(0, index).contiguous(memory_format=self._layout)
        return gathered.to(torch.float32).div_(127.5).sub_(1.0)
