"""Write a detector as ONNX, checked against torch by onnxruntime.

    agad export bottle.agad --onnx bottle.onnx

The model takes uint8 images (N, C, S, S) that were resized as its metadata `preparation` says, for any N.
"""

from __future__ import annotations

import argparse

from agad import console
from agad.console import EXIT_OK

from ..cli.arguments import Parser
from .opening import opened


def main(arguments: list[str] | None = None) -> int:
    """The command line; its exit status."""
    console.replace_unprintable()
    parser = Parser("agad export", __doc__)
    parser.add_argument("detector", metavar="DETECTOR", type=console.path, help="a file that agad fit wrote")
    parser.add_argument("--onnx", metavar="FILE", type=console.path, required=True, help="the file to write")
    options = parser.parse_args(arguments)
    return console.run(lambda: _main(options), "agad export", about=options.onnx)


def _main(options: argparse.Namespace) -> int:
    from agad.detector.export import export_onnx
    from agad.detector.onnx_file import BEGINS, check_export

    console.check_target("--onnx", options.onnx, BEGINS)
    detector = opened(options.detector)
    check_export("--onnx", options.onnx, detector.content)
    difference = export_onnx(detector, options.onnx)
    size, channels = detector.content.spec.image_size, detector.content.channels
    steps = detector.content.preparation["steps"]
    print(f"{options.onnx}: input pixels, uint8 (N, {channels}, {size}, {size}); {steps}, "
          "of which the last step is inside the model")  # fmt: skip
    print(f"largest difference from torch, relative to the score: {difference:.1e}")
    return EXIT_OK
