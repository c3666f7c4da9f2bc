"""The nets: sizes, shapes, parameters and where their first weights come from."""

from __future__ import annotations

import math

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from agad.errors import SpecError
from agad.methods import build_generator
from agad.methods.passes import Pass, plan_passes
from agad.nets.build import build_discriminator, count_parameters, initialise
from agad.nets.discriminator import Discriminator
from agad.nets.layers.batchnorm import BatchNorm2d, BNMode, add_auxiliary, bn_mode
from agad.nets.naive import NaiveGenerator
from agad.nets.unetpp import UNetPlusPlusGenerator
from tests.helpers.science import small


def source(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def generator(channels: int = 1, **changes: object):
    return build_generator(small(**changes), channels, source())


def same(left: nn.Module, right: nn.Module) -> bool:
    states = left.state_dict(), right.state_dict()
    return states[0].keys() == states[1].keys() and all(
        torch.equal(tensor, states[1][name]) for name, tensor in states[0].items()
    )


@pytest.mark.slow
@pytest.mark.parametrize(
    ("changes", "channels", "expected"),
    [
        ({"backbone": "naive"}, 3, 2_137_728),
        ({"backbone": "naive"}, 1, 2_133_632),
        ({"backbone": "naive", "naive_latent": "1x1", "image_size": 32}, 3, 2_137_728),
        ({"backbone": "unet"}, 3, 7_763_107),
        ({"backbone": "unet"}, 1, 7_762_465),
        ({"backbone": "unetpp"}, 3, 9_045_891),
        ({"backbone": "unetpp"}, 1, 9_045_249),
        ({"backbone": "unet", "generator_norm": "none"}, 1, 7_759_521),
        ({"backbone": "unetpp", "generator_norm": "none"}, 1, 9_041_601),
        ({"backbone": "unet", "generator_norm": "none"}, 3, 7_760_163),
        ({"backbone": "unetpp", "generator_norm": "none"}, 3, 9_042_243),
        # 7,852,611 and 9,163,395 with norm and bias, less one bias per channel of the double convolutions
        ({"backbone": "unet", "upsampling": "bilinear"}, 3, 7_852_611 - 2_944),
        ({"backbone": "unetpp", "upsampling": "bilinear"}, 3, 9_163_395 - 3_648),
    ],
)
def test_generator_parameters(changes: dict[str, object], channels: int, expected: int):
    assert count_parameters(generator(channels, **changes)) == expected


@pytest.mark.parametrize(("channels", "expected"), [(1, 661_248), (3, 663_296)])
def test_discriminator_parameters_do_not_depend_on_size(channels: int, expected: int):
    for size in (32, 128):
        net = build_discriminator(small(image_size=size), channels, source())
        assert count_parameters(net) == expected


@pytest.mark.slow
@pytest.mark.parametrize("size", [16, 32, 48, 128])
@pytest.mark.parametrize("channels", [1, 3])
@pytest.mark.parametrize("backbone", ["naive", "unet", "unetpp"])
def test_reconstruction_has_the_image_s_shape_and_range(backbone: str, channels: int, size: int):
    x = torch.rand(1, channels, size, size, generator=source()) * 2 - 1
    with torch.no_grad():
        x_hat = generator(channels, backbone=backbone, image_size=size)(x)
    assert x_hat.shape == x.shape
    assert x_hat.abs().max() <= 1
    assert x_hat.std() > 0


@pytest.mark.slow
@pytest.mark.parametrize("backbone", ["unet", "unetpp"])
@pytest.mark.parametrize("changes", [{"upsampling": "bilinear"}, {"generator_norm": "none"}])
def test_variants_reconstruct(backbone: str, changes: dict[str, str]):
    net = generator(backbone=backbone, **changes)
    assert net(torch.zeros(2, 1, 16, 16)).shape == (2, 1, 16, 16)
    assert (net.batch_norms == ()) == (changes.get("generator_norm") == "none")


@pytest.mark.parametrize(
    ("latent", "size", "expected"),
    [("2x2", 32, (100, 2, 2)), ("1x1", 32, (100, 1, 1)), ("2x2", 128, (100, 8, 8)), ("1x1", 128, (100, 13, 13))],
)
def test_latent_of_the_naive_generator(latent: str, size: int, expected: tuple[int, ...]):
    net = generator(naive_latent=latent, image_size=size)
    assert isinstance(net, NaiveGenerator)
    x = torch.zeros(1, 1, size, size)
    assert net.encoder(x).shape[1:] == expected
    assert net(x).shape == x.shape


def test_small_images_have_no_1x1_latent():
    with pytest.raises(SpecError, match="naive_latent=1x1 needs image_size 32 or more, not 16"):
        generator(naive_latent="1x1", image_size=16)


@pytest.mark.parametrize(
    ("kind", "size", "expected"),
    [
        ("ganomaly", 32, (256, 4, 4)),
        ("ganomaly", 128, (256, 16, 16)),
        ("two_block", 32, (128, 8, 8)),
        ("ganomaly", 16, (256, 2, 2)),
    ],
)
def test_discriminator_gives_logits_and_features(kind: str, size: int, expected: tuple[int, ...]):
    net = build_discriminator(small(discriminator=kind, image_size=size), 3, source())
    with bn_mode(net, BNMode.BATCH):
        logits, z = net(torch.randn(8, 3, size, size, generator=source(1)) * 20)
    assert logits.shape == (8,)
    assert z.shape == (8, *expected)
    assert (logits < 0).any()  # a sigmoid's outputs would all be positive


def test_unetpp_joins_all_earlier_nodes_of_its_level():
    net = generator(backbone="unetpp")
    assert isinstance(net, UNetPlusPlusGenerator)
    inputs = {name: next(node.parameters()).shape[1] for name, node in net.nodes.items()}
    assert inputs["0_4"] == 5 * 32
    assert inputs["1_2"] == 3 * 64
    assert inputs["3_1"] == 2 * 256


@pytest.mark.slow
@pytest.mark.parametrize("backbone", ["naive", "unet", "unetpp"])
@pytest.mark.parametrize("init", ["dcgan", "torch"])
def test_first_weights_come_from_the_passed_generator_alone(backbone: str, init: str, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(nn.Module, "to_empty", _to_nan)
    before = torch.get_rng_state()
    spec = small(backbone=backbone, init=init)
    nets = [build(spec, 1, source()) for build in (build_generator, build_discriminator)]
    assert torch.equal(torch.get_rng_state(), before)
    for net, build in zip(nets, (build_generator, build_discriminator), strict=True):
        assert all(tensor.isfinite().all() for tensor in net.state_dict().values())
        assert same(net, build(spec, 1, source()))
        assert not same(net, build(spec, 1, source(1)))


def _to_nan(module: nn.Module, *, device: str) -> nn.Module:
    """As to_empty, but what nobody fills stays visible."""
    return module._apply(lambda tensor: torch.full(tensor.shape, math.nan, device=device))


def test_dcgan_weights_are_those_of_the_paper_s_predecessors():
    net = generator(init="dcgan", backbone="unet")
    convolutions = [m for m in net.modules() if isinstance(m, nn.Conv2d | nn.ConvTranspose2d)]
    weights = torch.cat([m.weight.flatten() for m in convolutions])
    scales = torch.cat([norm.weight for norm in net.batch_norms])
    assert weights.std().item() == pytest.approx(0.02, rel=0.01)
    assert weights.mean().item() == pytest.approx(0, abs=1e-4)
    assert scales.std().item() == pytest.approx(0.02, rel=0.1)
    assert scales.mean().item() == pytest.approx(1, abs=0.002)
    assert all(not m.bias.any() for m in convolutions if m.bias is not None)
    assert all(not norm.bias.any() for norm in net.batch_norms)


@pytest.mark.slow
def test_torch_weights_are_distributed_as_the_library_s():
    """Same bound and spread as torch's own initialisation, layer by layer."""
    net = generator(init="torch", backbone="unet")
    for module in net.modules():
        if isinstance(module, nn.Conv2d | nn.ConvTranspose2d):
            theirs = type(module)(module.in_channels, module.out_channels, module.kernel_size)
            for name in ("weight", "bias") if module.bias is not None else ("weight",):
                ours, torchs = getattr(module, name), getattr(theirs, name)
                bound = 1 / math.sqrt(module.weight[0].numel())
                assert ours.abs().max() <= bound
                assert torchs.abs().max() <= bound
                if ours.numel() > 200:
                    assert ours.std().item() == pytest.approx(bound / math.sqrt(3), rel=0.1)
                    assert torchs.std().item() == pytest.approx(bound / math.sqrt(3), rel=0.1)
        elif isinstance(module, BatchNorm2d):
            assert module.weight.eq(1).all()


def test_nets_with_and_without_norm_start_from_the_same_convolutions():
    with_norm, without = generator(backbone="unet"), generator(backbone="unet", generator_norm="none")
    pairs = [
        [m.weight for m in net.modules() if isinstance(m, nn.Conv2d | nn.ConvTranspose2d)]
        for net in (with_norm, without)
    ]
    assert all(torch.equal(left, right) for left, right in zip(*pairs, strict=True))


def test_drawing_anew_overwrites_weights_statistics_and_auxiliary_sets():
    spec = small()
    net = build_discriminator(spec, 1, source())
    add_auxiliary(net)
    with torch.no_grad():
        for tensor in net.state_dict().values():
            tensor.add_(1)
    initialise(net, source(), "dcgan")
    fresh = build_discriminator(spec, 1, source())
    add_auxiliary(fresh)
    assert same(net, fresh)


U, B, R, A = BNMode.UPDATE, BNMode.BATCH, BNMode.RUNNING, BNMode.AUX


@pytest.mark.parametrize(
    ("changes", "real", "g_generated", "d_generated"),
    [
        ({}, (U, U, True), (U, U, True), (U, U, True)),
        ({"bn_update": "real_only"}, (U, U, True), (B, B, True), (B, B, True)),
        ({"batch_mix": "separate"}, (U, U, False), (U, U, False), (U, U, False)),
        ({"batch_norm": "freeze"}, (U, R, False), (U, R, False), (U, R, False)),
        ({"batch_norm": "freeze", "bn_update": "real_only"}, (U, R, False), (B, R, False), (B, R, False)),
        ({"batch_norm": "advprop"}, (U, U, True), (A, A, True), (U, U, True)),
        ({"batch_norm": "advprop", "advprop_scope": "g+d"}, (U, U, True), (A, A, True), (A, A, True)),
        ({"batch_norm": "advprop", "bn_update": "real_only"}, (U, U, True), (A, A, True), (B, B, True)),
        ({"batch_norm": "advprop_freeze"}, (U, R, False), (A, A, True), (U, R, False)),
        ({"batch_norm": "advprop_freeze", "advprop_scope": "g+d"}, (U, R, False), (A, A, True), (A, A, True)),
        ({"batch_norm": "advprop_freeze", "batch_mix": "separate"}, (U, R, False), (A, A, False), (U, R, False)),
    ],
)
def test_passes_of_each_strategy(changes, real, g_generated, d_generated):
    passes = plan_passes(small(**{"bn_update": "all"} | changes))
    assert passes.g_real == Pass(*real)
    assert passes.d_real == Pass(*real)
    assert passes.g_generated == Pass(*g_generated)
    assert passes.d_generated == Pass(*d_generated)


def test_a_pass_keeps_the_order_of_the_images_and_splits_where_it_must():
    net = generator()
    x = torch.randn(6, 1, 16, 16, generator=source())
    seen: list[tuple[int, BNMode]] = []
    net.register_forward_pre_hook(lambda _, images: seen.append((len(images[0]), net.batch_norms[0].mode)))

    def parts(count: int, mode: BNMode) -> Tensor:
        with bn_mode(net, mode):
            return net(x[:4] if count == 4 else x[4:])

    apart = Pass(BNMode.BATCH, BNMode.RUNNING, joint=False).generate(net, x, 4)
    assert seen == [(4, BNMode.BATCH), (2, BNMode.RUNNING)]
    assert torch.equal(apart, torch.cat([parts(4, BNMode.BATCH), parts(2, BNMode.RUNNING)]))
    seen.clear()
    Pass(BNMode.BATCH, BNMode.BATCH, joint=True).generate(net, x, 4)
    Pass(BNMode.BATCH, BNMode.RUNNING, joint=False).generate(net, x, 6)
    assert seen == [(6, BNMode.BATCH), (6, BNMode.BATCH)]


def test_features_are_pooled_in_the_layout_that_repeats_its_bits_on_a_gpu(monkeypatch: pytest.MonkeyPatch) -> None:
    """With the values of torch's own layout; where they are 4x4 already they are not pooled at all."""
    own, pooled = F.adaptive_avg_pool2d, list[Tensor]()

    def kept(z: Tensor) -> Tensor:
        pooled.append(z)
        return z

    monkeypatch.setattr(F, "adaptive_avg_pool2d", lambda z, size: own(kept(z), size))
    net = Discriminator(1)
    for size in (16, 24, 32, 64):
        _, z = net(torch.rand(2, 1, size, size))
        if size != 32:
            assert pooled[-1].is_contiguous(memory_format=torch.channels_last)
            assert torch.allclose(pooled[-1], z)
    assert len(pooled) == 3
