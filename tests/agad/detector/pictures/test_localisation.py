"""Pixel AUROC and per-region overlap against slow, plain computations."""

from __future__ import annotations

import shutil
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from scipy.ndimage import label
from sklearn.metrics import roc_auc_score

from agad.detector.pictures.localisation import RATE_LIMIT, Localisation, Masks
from agad.errors import DataError
from tests.helpers.raw_data import fill


def counted(maps: np.ndarray, masks: np.ndarray) -> Localisation:
    found = Localisation()
    for heat, mask in zip(maps, masks, strict=True):
        found.add(heat, mask)
    return found


@pytest.fixture
def cases() -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(0)
    masks = np.zeros((4, 24, 24), bool)
    masks[1, 2:8, 3:6] = masks[1, 15:18, 15:22] = masks[2, 10:20, 10:12] = True
    maps = rng.gamma(2, 0.1, masks.shape) + 0.25 * masks
    return maps.clip(0, 1.99).astype(np.float32), masks


def test_pixel_auroc_is_that_of_all_pixels(cases) -> None:
    maps, masks = cases

    assert counted(maps, masks).pixel_auroc() == pytest.approx(roc_auc_score(masks.ravel(), maps.ravel()), abs=1e-3)


@pytest.mark.slow
def test_region_overlap_is_the_mean_over_regions_up_to_the_limit(cases) -> None:
    """The definition, threshold by threshold."""
    maps, masks = cases
    regions = [(index, part == n) for index, mask in enumerate(masks) for part, k in [label(mask, np.ones((3, 3)))]
               for n in range(1, k + 1)]  # fmt: skip
    curve = []
    for threshold in np.linspace(2, 0, 4001):
        rate = (maps[~masks] >= threshold).mean()
        curve.append((rate, np.mean([(maps[index][inside] >= threshold).mean() for index, inside in regions])))
    rates, overlap = np.array(curve).T
    grid = np.linspace(0, RATE_LIMIT, 3001)
    expected = np.trapezoid(np.interp(grid, rates, overlap), grid) / RATE_LIMIT
    found = counted(maps, masks)

    assert found.regions == len(regions) == 3
    assert found.region_overlap() == pytest.approx(expected, abs=5e-3)


@pytest.mark.parametrize("scale", [1e-2, 1e-4, 1e-6])
def test_how_strong_maps_are_does_not_matter(cases, scale: float) -> None:
    """A detector that reconstructs well has errors far below 1; the order of its pixels is all that counts."""
    maps, masks = cases
    weak = counted((scale * maps).astype(np.float32), masks)

    assert weak.pixel_auroc() == pytest.approx(roc_auc_score(masks.ravel(), maps.ravel()), abs=1e-3)
    assert weak.region_overlap() == pytest.approx(counted(maps, masks).region_overlap(), abs=2e-3)


def test_a_map_that_is_the_mask_finds_all_and_a_flat_one_nothing(cases) -> None:
    _, masks = cases
    perfect, flat = counted(masks.astype(np.float32), masks), counted(np.zeros(masks.shape, np.float32), masks)

    assert (perfect.pixel_auroc(), perfect.region_overlap()) == pytest.approx((1.0, 1.0))
    assert flat.pixel_auroc() == pytest.approx(0.5)
    assert flat.region_overlap() == pytest.approx(RATE_LIMIT / 2)


def test_without_anything_marked_there_is_no_number() -> None:
    nothing = counted(np.zeros((2, 4, 4), np.float32), np.zeros((2, 4, 4), bool))

    assert (nothing.pixel_auroc(), nothing.region_overlap()) == (None, None)
    assert (Localisation().pixel_auroc(), Localisation().region_overlap()) == (None, None)


@pytest.fixture
def bottle(tmp_path: Path) -> Path:
    """MVTec AD's layout; one image of `cut` has no mask."""
    fill(tmp_path / "test" / "good", 1, 0)
    fill(tmp_path / "test" / "cut", 3, 10)
    (tmp_path / "ground_truth" / "cut").mkdir(parents=True)
    mask = Image.fromarray((np.arange(63).reshape(7, 9) > 40).astype(np.uint8) * 255)
    mask.save(tmp_path / "ground_truth" / "cut" / "00010_mask.png")
    mask.resize((900, 700)).save(tmp_path / "ground_truth" / "cut" / "00011.png")
    return tmp_path


def test_masks_are_found_beside_the_test_folder(bottle: Path) -> None:
    """Clear for kinds without masks, none where one is missing; large ones are made smaller."""
    masks = Masks("good")
    found = masks.of(str(bottle / "test" / "cut" / "00010.png"))

    assert found is not None
    assert np.array_equal(found, np.arange(63).reshape(7, 9) > 40)
    good = masks.of(str(bottle / "test" / "good" / "00000.png"))
    assert good is not None
    assert good.shape == (7, 9)
    assert not good.any()
    large = masks.of(str(bottle / "test" / "cut" / "00011.png"))
    assert large is not None
    assert large.shape == (199, 256)
    assert masks.of(str(bottle / "test" / "cut" / "00012.png")) is None


def test_masks_of_images_in_deeper_folders_lie_as_deep(bottle: Path) -> None:
    """Those of a lot, say: they are scored as others are."""
    shutil.copytree(bottle / "test" / "cut", bottle / "test" / "cut" / "lot 2" / "a")
    shutil.copytree(bottle / "ground_truth" / "cut", bottle / "ground_truth" / "cut" / "lot 2" / "a")
    shutil.copytree(bottle / "test" / "good", bottle / "test" / "good" / "lot 2")
    masks = Masks("good")

    for name in ("00010", "00011"):
        deep, flat = (masks.of(str(bottle / "test" / "cut" / lot / f"{name}.png")) for lot in ("lot 2/a", "."))
        assert deep is not None
        assert np.array_equal(deep, flat)
    clear = masks.of(str(bottle / "test" / "good" / "lot 2" / "00000.png"))
    assert clear is not None
    assert not clear.any()
    assert not masks.missing
    assert masks.of(str(bottle / "test" / "cut" / "lot 2" / "a" / "00012.png")) is None
    assert "anomalies without a mask, in none of the numbers of masks: 1" in masks.notes()


@pytest.mark.parametrize(("normal", "counts"), [("scratch", True), ("good", False)])
def test_of_anomalies_that_nobody_marked_nothing_is_counted(bottle: Path, normal: str, counts: bool) -> None:
    """A kind without masks is clear where it is the normal one, and not where its masks were never drawn."""
    fill(bottle / "test" / "scratch", 1, 50)
    found = Masks(normal).of(str(bottle / "test" / "scratch" / "00050.png"))

    assert (found is not None) == counts


@pytest.mark.parametrize("masks", [[], ["00001"]])
def test_a_normal_image_without_a_mask_is_clear_though_there_is_a_folder_for_masks(
    bottle: Path, masks: list[str]
) -> None:
    """Converters make `ground_truth/good` and leave it empty; normal pixels would drop out of the numbers."""
    fill(bottle / "test" / "good", 2, 0)
    (bottle / "ground_truth" / "good").mkdir()
    for name in masks:
        Image.new("L", (9, 7)).save(bottle / "ground_truth" / "good" / f"{name}_mask.png")
    for name in ("00000", "00001"):
        found = Masks("good").of(str(bottle / "test" / "good" / f"{name}.png"))
        assert found is not None
        assert found.shape == (7, 9)
        assert not found.any()


def test_an_anomaly_whose_kind_has_an_empty_folder_is_not_clear(bottle: Path) -> None:
    fill(bottle / "test" / "dent", 1, 0)
    (bottle / "ground_truth" / "dent").mkdir()

    assert Masks("good").of(str(bottle / "test" / "dent" / "00000.png")) is None


def test_elsewhere_there_are_no_masks(tmp_path: Path) -> None:
    fill(tmp_path / "a" / "b", 1, 0)

    assert Masks("good").of(str(tmp_path / "a" / "b" / "00000.png")) is None


def drawn(side: int) -> np.ndarray:
    """A mask (S, S) with a rectangle and a disc, 0 and 255."""
    down, right = np.mgrid[:side, :side] / side
    disc = (down - 0.7) ** 2 + (right - 0.7) ** 2 < 0.12**2
    return np.where(disc | ((down > 0.2) & (down < 0.45) & (right > 0.3) & (right < 0.55)), 255, 0).astype(np.uint8)


def read_mask(bottle: Path, mask: Image.Image, suffix: str = ".png", **how: int) -> tuple[np.ndarray, Masks]:
    """What is taken for marked in a file of that mask, of an image of its size."""
    Image.new("L", mask.size).save(bottle / "test" / "cut" / "00012.png")
    mask.save(bottle / "ground_truth" / "cut" / f"00012_mask{suffix}", **how)
    masks = Masks("good")
    found = masks.of(str(bottle / "test" / "cut" / "00012.png"))
    assert found is not None
    return found, masks


@pytest.mark.parametrize("suffix", [".jpg", ".webp"])
@pytest.mark.parametrize("quality", [50, 85, 95, 100])
@pytest.mark.parametrize("side", [32, 200])
@pytest.mark.parametrize("mode", ["L", "RGB"])
def test_noise_of_a_lossy_mask_is_not_marked(bottle: Path, suffix: str, quality: int, side: int, mode: str) -> None:
    found, masks = read_mask(bottle, Image.fromarray(drawn(side)).convert(mode), suffix, quality=quality)

    assert np.array_equal(found, drawn(side) > 0)
    assert (masks.soft, masks.kinds) == (1, 0)
    assert masks.notes()[0].startswith("1 masks have noise or soft edges")


def test_a_lossy_mask_that_was_saved_as_png_again_is_the_same(bottle: Path) -> None:
    Image.fromarray(drawn(64)).save(bottle / "a.jpg", quality=85)
    found, masks = read_mask(bottle, Image.open(bottle / "a.jpg"))

    assert np.array_equal(found, drawn(64) > 0)
    assert masks.soft == 1


def test_soft_edges_end_where_half_is_marked(bottle: Path) -> None:
    """Resizing by 2 leaves five levels or so, whose lower ones widen each region by a pixel."""
    soft = Image.fromarray(drawn(64)).resize((32, 32), Image.Resampling.BILINEAR)
    found, masks = read_mask(bottle, soft)

    assert np.array_equal(found, np.asarray(soft) >= 127.5)
    assert (found != (np.asarray(soft) > 0)).any()
    assert masks.soft == 1


@pytest.mark.parametrize(
    ("levels", "kinds"),
    [((0, 1), 0), ((0, 255), 0), ((0, 1, 2), 1), ((0, 1, 31), 1), ((0, 64, 255), 1), ((0, 20, 251, 252), 1)],
)
def test_each_kind_that_a_mask_numbers_is_marked(bottle: Path, levels: tuple[int, ...], kinds: int) -> None:
    mask = np.zeros((40, 40), np.uint8)
    for number, level in enumerate(levels[1:]):
        mask[10 * number + 1 : 10 * number + 6, 5:30] = level
    found, masks = read_mask(bottle, Image.fromarray(mask))

    assert np.array_equal(found, mask > 0)
    assert (masks.soft, masks.kinds) == (0, kinds)
    assert len(masks.notes()) == kinds


def test_masks_that_seem_inverted_are_said_to_be(bottle: Path) -> None:
    """Their pixel AUROC is as far below a half as the right one is above; one large defect among small ones is none."""
    masks, clear = Masks("good"), np.zeros((40, 40), np.uint8)
    (bottle / "ground_truth" / "good").mkdir()
    Image.fromarray(clear).save(bottle / "ground_truth" / "good" / "00000_mask.png")
    Image.new("L", (40, 40)).save(bottle / "test" / "good" / "00000.png")
    Image.new("L", (40, 40)).save(bottle / "test" / "cut" / "00012.png")
    said = []
    for rows in (39, 5, 40):
        mask = clear.copy()
        mask[:rows] = 255
        Image.fromarray(mask).save(bottle / "ground_truth" / "cut" / "00012_mask.png")
        masks.of(str(bottle / "test" / "cut" / "00012.png"))
        masks.of(str(bottle / "test" / "good" / "00000.png"))  # clear, as it should be
        said.append(masks.notes())

    assert said[0] == ("most pixels of 1 of 1 masks are marked: are they inverted?",)
    assert said[1] == ()
    assert said[2] == ("most pixels of 2 of 3 masks are marked: are they inverted?",)


def test_a_thin_kind_with_a_small_number_is_marked_too(bottle: Path) -> None:
    mask = np.zeros((40, 40), np.uint8)
    mask[3, 5:30], mask[10:20, 5:30] = 1, 7
    found, _ = read_mask(bottle, Image.fromarray(mask))

    assert np.array_equal(found, mask > 0)


def test_the_colours_of_kinds_are_all_marks(bottle: Path) -> None:
    mask = np.zeros((40, 40, 3), np.uint8)
    mask[2:8, 5:30], mask[12:18, 5:30], mask[22:28, 5:30] = (255, 0, 0), (0, 128, 0), (64, 0, 64)
    found, masks = read_mask(bottle, Image.fromarray(mask))

    assert np.array_equal(found, mask.any(2))
    assert masks.kinds == 1


def test_a_damaged_mask_is_one_clear_line(bottle: Path) -> None:
    (bottle / "ground_truth" / "cut" / "00010_mask.png").write_bytes(b"x")
    with pytest.raises(DataError, match=r"the mask .*00010_mask\.png cannot be read: not an image"):
        Masks("good").of(str(bottle / "test" / "cut" / "00010.png"))


def test_a_mask_of_anomalies_that_marks_nothing_is_not_taken_for_clear(bottle: Path) -> None:
    """As one of 16 bits whose marks are 1, of which the upper 8 are 0; of a normal kind it is clear."""
    for kind, name in (("cut", "00010"), ("good", "00000")):
        (bottle / "ground_truth" / kind).mkdir(exist_ok=True)
        Image.fromarray(np.ones((7, 9), np.uint16)).save(bottle / "ground_truth" / kind / f"{name}_mask.png")
    with pytest.raises(DataError, match=r"the mask .*00010_mask\.png marks no pixel"):
        Masks("good").of(str(bottle / "test" / "cut" / "00010.png"))
    clear = Masks("good").of(str(bottle / "test" / "good" / "00000.png"))
    assert clear is not None
    assert not clear.any()


@pytest.mark.parametrize("wide", [1, 2, 8])
def test_a_thin_region_of_a_large_mask_is_kept(bottle: Path, wide: int) -> None:
    """A scratch of one pixel of 1024 beside a stain: two regions, and neither counts as clear."""
    mask = np.zeros((1024, 1024), np.uint8)
    mask[300 : 300 + wide, 200:600] = mask[700:900, 100:300] = 255
    Image.fromarray(mask).save(bottle / "ground_truth" / "cut" / "00011.png")
    Image.new("L", (100, 100)).save(bottle / "test" / "cut" / "00011.png")
    found = Masks("good").of(str(bottle / "test" / "cut" / "00011.png"))
    assert found is not None
    _, count = label(found, np.ones((3, 3)))

    assert found.shape == (256, 256)
    assert count == 2
    assert found[75, 50:150].all(), "where the scratch is"
    assert found[175:225, 25:75].all()
    assert found.sum() <= 100 * max(1, wide / 4) + 50 * 50, "and no more than it covers"


@pytest.mark.parametrize(
    ("image", "mask", "fits"),
    [
        ((24, 24), (480, 480), True),
        ((900, 1024), (225, 256), True),
        ((901, 1023), (90, 102), True),  # a tenth, rounded
        ((24, 24), (24, 25), True),
        ((24, 24), (7, 100), False),
        ((24, 24), (100, 7), False),
        ((24, 24), (24, 27), False),
        ((600, 800), (800, 600), False),
    ],
)
def test_a_mask_of_another_shape_is_of_another_image(
    image: tuple[int, int], mask: tuple[int, int], fits: bool, bottle: Path
) -> None:
    """It would be stretched over this one; another size of the same shape is usual."""
    Image.new("L", image).save(bottle / "test" / "cut" / "00010.png")
    Image.new("L", mask, 255).save(bottle / "ground_truth" / "cut" / "00010_mask.png")
    masks, path = Masks("good"), str(bottle / "test" / "cut" / "00010.png")
    if fits:
        found = masks.of(path)
        assert found is not None
        assert found.all()
    else:
        with pytest.raises(DataError, match=rf"another shape \({mask[0]}x{mask[1]}\) than its image"):
            masks.of(path)
