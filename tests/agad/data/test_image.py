"""Images: decoding of every mode, damage, resizing."""

from __future__ import annotations

import hashlib
import os
import struct
import zlib

import numpy as np
import pytest
import torch
from PIL import Image

from agad.data.image import Seen, decode, fit, is_grey, pixels_of
from agad.errors import DataError
from tests.helpers.raw_data import (
    picture,
)


def test_a_truncated_jpeg_is_damaged(tmp_path):
    path = tmp_path / "a.jpeg"
    picture(0, "RGB", (64, 64)).save(path)
    assert decode(str(path), "a").shape == (64, 64, 3)
    path.write_bytes(path.read_bytes()[:-200])
    assert "truncated" in decode(str(path), "a").reason


def test_an_image_of_absurd_size_is_damaged(tmp_path, monkeypatch):
    """Pillow's own limit against decompression bombs, lowered here."""
    path = tmp_path / "a.png"
    picture(0, "L", (64, 64)).save(path)
    monkeypatch.setattr(Image, "MAX_IMAGE_PIXELS", 1000)
    assert "decompression bomb" in decode(str(path), "a").reason


@pytest.mark.parametrize(
    ("suffix", "options"),
    [
        (".gif", {}),
        (".png", {}),
        (".webp", {"lossless": True}),
        (".tif", {}),
        (".tif", {"compression": "tiff_lzw"}),
    ],
)
def test_files_of_several_images_are_counted(suffix, options, tmp_path):
    """The first is taken, whatever the format; a file of one image is not counted, nor one that is cut behind it."""
    path = tmp_path / f"a{suffix}"
    first, *others = (picture(number, "L", (16, 16)) for number in range(3))
    first.save(path, **options)
    alone, several = Seen(), Seen()
    expected = decode(str(path), "a", alone)
    first.save(path, save_all=True, append_images=others, **options)

    assert (decode(str(path), "a", several) == expected).all()
    assert (alone.several, several.several) == (0, 1)
    assert "of each the first alone is used" in several.notes()[0]
    path.write_bytes(path.read_bytes()[:-40])
    decode(str(path), "a", several)


def test_the_other_views_of_a_cameras_picture_are_not_counted(tmp_path):
    seen = Seen()
    picture(0, "RGB", (16, 16)).save(tmp_path / "a.mpo", save_all=True, append_images=[picture(1, "RGB", (8, 8))])
    (tmp_path / "a.mpo").rename(tmp_path / "a.jpg")
    decode(str(tmp_path / "a.jpg"), "a", seen)
    assert seen == Seen()


def test_an_image_that_the_disk_cannot_give_is_no_damaged_image(tmp_path):
    with pytest.raises(DataError, match="No such file"):
        decode(str(tmp_path / "gone.png"), "gone")


@pytest.mark.parametrize(
    ("image", "expected"),
    [
        (Image.new("1", (4, 4), 1), 255),
        (Image.new("LA", (4, 4), (7, 0)), 7),
        (Image.fromarray(np.full((4, 4), 0x1234, np.uint16)), 0x12),
        (Image.new("RGBA", (4, 4), (1, 2, 3, 0)), [1, 2, 3]),
        (Image.new("RGB", (4, 4), (1, 2, 3)).quantize(4), [1, 2, 3]),
    ],
    ids=["bits", "grey and alpha", "16 bits", "colour and alpha", "palette"],
)
def test_pixels_of_every_mode(image, expected, tmp_path):
    path = tmp_path / "a.png"
    image.save(path)
    pixels = decode(str(path), "a")
    assert pixels.dtype == np.uint8
    assert (pixels == np.array(expected)).all()
    assert pixels.ndim == (3 if isinstance(expected, list) else 2)


def test_a_palette_with_transparent_colours_gives_no_warning(tmp_path):
    path = tmp_path / "a.png"
    Image.new("RGB", (4, 4), (9, 8, 7)).quantize(4).save(path, transparency=b"\x00\x80\xff\xff")
    assert decode(str(path), "a")[0, 0].tolist() == [9, 8, 7]


def test_pixels_without_a_known_range_are_damaged(tmp_path):
    path = tmp_path / "a.tif"
    Image.fromarray(np.ones((4, 4), np.float32)).save(path)
    assert "mode F" in decode(str(path), "a").reason


def test_resizing_from_28_to_32_is_pinned():
    """MNIST's way. Another library, or Pillow's with another filter, would give other bytes."""
    image = (np.arange(784) * 37 % 256).astype(np.uint8).reshape(28, 28)
    fitted = fit(image, 32, 1)
    assert hashlib.sha256(fitted.tobytes()).hexdigest()[:16] == "184bcdbc498f7e28"
    reference = torch.nn.functional.interpolate(torch.from_numpy(image)[None, None].float(), (32, 32), mode="bilinear")
    assert np.abs(fitted[0] - reference[0, 0].numpy()).max() <= 1  # the same filter in floating point, but for rounding


def test_shrinking_averages_over_all_pixels():
    stripes = np.zeros((64, 64), np.uint8)
    stripes[:, ::2] = 200  # without averaging, either all or none of the bright columns would be hit
    assert np.abs(fit(stripes, 16, 1)[0, :, 2:-2].astype(int) - 100).max() <= 1


def test_an_image_of_the_right_size_is_not_touched():
    image = np.random.default_rng(0).integers(0, 256, (32, 32, 3), dtype=np.uint8)
    assert np.array_equal(fit(image, 32, 3), image.transpose(2, 0, 1))


def test_colour_and_grey_are_converted():
    colour = np.zeros((4, 6, 3), np.uint8) + np.array([255, 0, 0], np.uint8)
    assert fit(colour, 16, 1).tolist() == [[[76] * 16] * 16]  # red's luma, .299 * 255
    assert fit(np.full((4, 6), 9, np.uint8), 16, 3).tolist() == [[[9] * 16] * 16] * 3


def write_tiff(path, pixels, bits, photometric):
    """An uncompressed TIFF of one strip, tag by tag."""
    height, width = pixels.shape
    strip = np.packbits(pixels, axis=1).tobytes() if bits == 1 else pixels.astype(f"<u{bits // 8}").tobytes()
    tags = [(256, width), (257, height), (258, bits), (259, 1), (262, photometric), (273, 8), (278, height)]
    tags.append((279, len(strip)))
    entries = b"".join(struct.pack("<HHII", tag, 4, 1, value) for tag, value in tags)
    directory = struct.pack("<H", len(tags)) + entries + bytes(4)
    path.write_bytes(struct.pack("<2sHI", b"II", 42, 8 + len(strip)) + strip + directory)


@pytest.mark.parametrize("bits", [1, 8, 16])
def test_a_tiff_whose_zero_is_white_has_the_pixels_of_one_whose_zero_is_black(bits, tmp_path):
    pixels = np.random.default_rng(bits).integers(0, 2**bits, (6, 8))
    write_tiff(tmp_path / "black.tif", pixels, bits, 1)
    write_tiff(tmp_path / "white.tif", 2**bits - 1 - pixels, bits, 0)
    black, white = (decode(str(tmp_path / f"{name}.tif"), name) for name in ("black", "white"))
    assert np.array_equal(black, white)
    assert np.array_equal(black, 255 * pixels if bits == 1 else pixels >> (bits - 8))


def test_a_pgm_of_16_bits_is_read(tmp_path):
    path = tmp_path / "a.pgm"
    path.write_bytes(b"P5 2 1 65535\n" + struct.pack(">2H", 0x1234, 0xFFFF))
    assert decode(str(path), "a").tolist() == [[0x12, 0xFF]]


def test_a_file_that_another_program_would_decode_is_damaged(tmp_path):
    """PostScript under the suffix of an image: Pillow would start Ghostscript."""
    path = tmp_path / "a.png"
    picture(0, "RGB").save(path, format="EPS")
    assert decode(str(path), "a").reason == "not an image"


def _tiff(bits: int, kind: int, samples: bytes, channels: int = 1) -> bytes:
    """A TIFF of one line, uncompressed; `kind` is its SampleFormat: 1 without, 2 with a sign."""
    width = len(samples) * 8 // bits // channels
    tags = {256: width, 257: 1, 258: bits, 259: 1, 262: 1, 273: 8, 277: channels, 278: 1, 279: len(samples), 339: kind}
    entries = b"".join(struct.pack("<HHII", tag, 4, 1, value) for tag, value in tags.items())
    return b"II*\0" + struct.pack("<I", 8 + len(samples)) + samples + struct.pack("<H", len(tags)) + entries + bytes(4)


def test_pixels_with_a_sign_are_no_pixels_without_one(tmp_path):
    """Pillow reads -100 of 8 bits as 156, brighter than 127."""
    (tmp_path / "a.tif").write_bytes(_tiff(8, 2, struct.pack("<4b", -100, 0, 50, 127)))
    (tmp_path / "b.tif").write_bytes(_tiff(8, 1, bytes([0, 100, 200, 255])))

    assert "pixels with a sign" in decode(str(tmp_path / "a.tif"), "a").reason
    assert decode(str(tmp_path / "b.tif"), "b").tolist() == [[0, 100, 200, 255]]


@pytest.mark.parametrize(("top", "is_said"), [(4095, True), (65535, False)])
@pytest.mark.parametrize("kind", [2, 4])
def test_few_levels_of_16_bits_are_said_in_colour_too(kind, top, is_said, tmp_path):
    """PNG of RGB (2) and of grey with transparency (4): Pillow itself keeps the upper 8 bits."""
    samples = [0, top, 7, top, 0, top] if kind == 2 else [0, 0, top, 7]
    _png(tmp_path / "a.png", kind, struct.pack(f">{len(samples)}H", *samples))
    seen = Seen()
    decode(str(tmp_path / "a.png"), "a", seen)

    assert bool(seen.notes()) == is_said
    assert not is_said or "0 to 4095 of 0 to 65535" in seen.notes()[0]
    of_pillow = Seen()
    with Image.open(tmp_path / "a.png") as image:
        pixels_of(image, of_pillow)
    assert of_pillow == seen


def _png(path, kind: int, samples: bytes) -> None:
    """A PNG of two pixels of 16 bits."""

    def chunk(name: bytes, content: bytes) -> bytes:
        return struct.pack(">I", len(content)) + name + content + struct.pack(">I", zlib.crc32(name + content))

    head = struct.pack(">IIBBBBB", 2, 1, 16, kind, 0, 0, 0)
    parts = chunk(b"IHDR", head) + chunk(b"IDAT", zlib.compress(b"\0" + samples)) + chunk(b"IEND", b"")
    path.write_bytes(b"\x89PNG\r\n\x1a\n" + parts)


def test_one_bright_pixel_in_one_image_hides_no_others(tmp_path):
    """Three images of 12 bits in 16, of which a fourth has both ends of the range."""
    seen = Seen()
    for number in range(4):
        levels = np.full((4, 4), 2000, np.uint16) + 50 * number
        if number == 3:
            levels[0, :2] = 0, 65535
        Image.fromarray(levels).save(tmp_path / f"{number}.png")
        decode(str(tmp_path / f"{number}.png"), "a", seen)

    assert seen.notes() == (
        "3 of 4 images of 16 bits use few of their levels; their upper 8 bits are taken, which leaves at most 32 of "
        "256 in each of these",
    )


def test_a_pipe_with_an_images_suffix_is_no_image(tmp_path):
    """Reading it would wait for ever for somebody to write."""
    os.mkfifo(tmp_path / "a.png")

    assert "a pipe" in decode(str(tmp_path / "a.png"), "a").reason
    assert is_grey(tmp_path / "a.png")
