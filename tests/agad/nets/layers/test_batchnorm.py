"""Batch norm in each mode, against formulas and against torch's own."""

from __future__ import annotations

import copy

import pytest
import torch
from torch import Tensor, nn

from agad.nets.layers.batchnorm import EPSILON, BatchNorm2d, BatchNormNet, BNMode, add_auxiliary, bn_mode


class OneNorm(BatchNormNet):
    """A net that is one batch norm of two channels, with uneven affine and statistics."""

    def __init__(self) -> None:
        super().__init__()
        self.norm = BatchNorm2d(2)
        with torch.no_grad():
            self.norm.weight.copy_(torch.tensor([1.5, -0.5]))
            self.norm.bias.copy_(torch.tensor([0.1, 0.2]))
            self.norm.running_mean.copy_(torch.tensor([0.3, -0.4]))
            self.norm.running_var.copy_(torch.tensor([2.0, 0.7]))

    def forward(self, x: Tensor) -> Tensor:
        return self.norm(x)


def images(count: int = 5, seed: int = 0) -> Tensor:
    return 3 * torch.randn(count, 2, 4, 4, generator=torch.Generator().manual_seed(seed)) + 1


def by_hand(x: Tensor, weight: Tensor, bias: Tensor, mean: Tensor, var: Tensor) -> Tensor:
    def spread(v: Tensor) -> Tensor:
        return v.reshape(1, -1, 1, 1)

    return (x - spread(mean)) / (spread(var) + EPSILON).sqrt() * spread(weight) + spread(bias)


def statistics(x: Tensor) -> tuple[Tensor, Tensor]:
    return x.mean((0, 2, 3)), x.var((0, 2, 3), unbiased=False)


def buffers(net: OneNorm) -> dict[str, Tensor]:
    return {name: tensor.clone() for name, tensor in net.named_buffers()}


def run(net: OneNorm, x: Tensor, mode: BNMode) -> Tensor:
    with bn_mode(net, mode):
        return net(x).detach()


def test_update_is_what_torch_does_in_training():
    net, theirs, x = OneNorm(), nn.BatchNorm2d(2), images()
    theirs.load_state_dict(net.norm.state_dict() | {"num_batches_tracked": torch.tensor(0)})
    theirs.train()
    for _ in range(2):
        assert torch.equal(run(net, x, BNMode.UPDATE), theirs(x))
    assert torch.equal(net.norm.running_mean, theirs.running_mean)
    assert torch.equal(net.norm.running_var, theirs.running_var)
    assert not torch.equal(net.norm.running_var, OneNorm().norm.running_var)


def test_batch_uses_the_batch_and_moves_nothing():
    net, x = OneNorm(), images()
    before = buffers(net)
    torch.testing.assert_close(
        run(net, x, BNMode.BATCH), by_hand(x, net.norm.weight, net.norm.bias, *statistics(x)).detach()
    )
    assert all(torch.equal(before[name], tensor) for name, tensor in net.named_buffers())


def test_image_is_a_batch_of_one_for_each():
    net, x = OneNorm(), images()
    before = buffers(net)
    alone = torch.cat([run(net, x[i : i + 1], BNMode.BATCH) for i in range(len(x))])
    torch.testing.assert_close(run(net, x, BNMode.IMAGE), alone)
    assert not torch.allclose(alone, run(net, x, BNMode.BATCH))
    assert all(torch.equal(before[name], tensor) for name, tensor in net.named_buffers())


def test_running_uses_the_running_statistics_and_moves_nothing():
    net, x = OneNorm(), images()
    norm, before = net.norm, buffers(net)
    expected = by_hand(x, norm.weight, norm.bias, norm.running_mean, norm.running_var)
    torch.testing.assert_close(run(net, x, BNMode.RUNNING), expected.detach())
    assert all(torch.equal(before[name], tensor) for name, tensor in net.named_buffers())


def test_aux_uses_and_moves_the_auxiliary_set_alone():
    net, x = OneNorm(), images()
    add_auxiliary(net)
    aux = net.norm.aux
    assert aux is not None
    with torch.no_grad():
        aux.weight.mul_(2)
    before = buffers(net)
    torch.testing.assert_close(run(net, x, BNMode.AUX), by_hand(x, aux.weight, aux.bias, *statistics(x)).detach())
    mean, var = x.mean((0, 2, 3)), x.var((0, 2, 3))  # the unbiased variance is what is kept
    torch.testing.assert_close(aux.running_mean, 0.9 * before["norm.aux.running_mean"] + 0.1 * mean)
    torch.testing.assert_close(aux.running_var, 0.9 * before["norm.aux.running_var"] + 0.1 * var)
    assert torch.equal(net.norm.running_mean, before["norm.running_mean"])
    assert torch.equal(net.norm.running_var, before["norm.running_var"])


def test_auxiliary_starts_as_a_copy_and_gets_gradients_in_aux_alone():
    net, x = OneNorm(), images()
    add_auxiliary(net)
    assert net.norm.aux is not None
    assert torch.equal(run(net, x, BNMode.AUX), run(net, x, BNMode.BATCH))
    with bn_mode(net, BNMode.AUX):
        net(x).square().sum().backward()
    assert net.norm.weight.grad is None
    assert net.norm.aux.weight.grad is not None


def test_recal_averages_over_batches_by_their_size():
    net = OneNorm()
    net.norm.start_recalibration()
    batches = [images(5, 1), images(3, 2), images(4, 3)]
    for batch in batches:
        torch.testing.assert_close(run(net, batch, BNMode.RECAL), run(net, batch, BNMode.BATCH))
    shares = [5 / 12, 3 / 12, 4 / 12]
    mean = sum(share * batch.mean((0, 2, 3)) for share, batch in zip(shares, batches, strict=True))
    var = sum(share * batch.var((0, 2, 3)) for share, batch in zip(shares, batches, strict=True))
    torch.testing.assert_close(net.norm.running_mean, mean)
    torch.testing.assert_close(net.norm.running_var, var)


def test_recal_starts_anew_each_time():
    net = OneNorm()
    for _ in range(2):
        net.norm.start_recalibration()
        run(net, images(), BNMode.RECAL)
    once = OneNorm()
    once.norm.start_recalibration()
    run(once, images(), BNMode.RECAL)
    assert torch.equal(net.norm.running_mean, once.norm.running_mean)


def test_one_value_per_channel_gives_the_bias():
    net = OneNorm()
    out = run(net, torch.ones(1, 2, 1, 1), BNMode.BATCH)
    torch.testing.assert_close(out.flatten(), net.norm.bias.detach())


def test_mode_is_put_back_even_after_an_error():
    net = OneNorm()
    with bn_mode(net, BNMode.UPDATE):
        with pytest.raises(ZeroDivisionError), bn_mode(net, BNMode.BATCH):
            raise ZeroDivisionError
        assert net.norm.mode is BNMode.UPDATE
    assert net.norm.mode is BNMode.RUNNING


def test_frozen_gradient_does_not_see_statistics_that_move_later():
    """The backward pass of frozen statistics reads them again; a pass in between moves them in place."""

    def gradient(*, moved: bool) -> Tensor:
        net, x = OneNorm(), images().requires_grad_()
        with bn_mode(net, BNMode.RUNNING):
            out = net(x)
        if moved:
            run(net, 100 * images(), BNMode.UPDATE)
        out.square().sum().backward()
        assert x.grad is not None
        return x.grad

    assert torch.equal(gradient(moved=True), gradient(moved=False))


def test_a_copied_net_has_modes_of_its_own():
    net = OneNorm()
    assert net.batch_norms == (net.norm,)
    twin = copy.deepcopy(net)
    with bn_mode(twin, BNMode.BATCH):
        assert net.norm.mode is BNMode.RUNNING
        assert twin.norm.mode is BNMode.BATCH


def test_train_and_eval_flags_mean_nothing():
    net, x = OneNorm(), images()
    assert torch.equal(run(net.eval(), x, BNMode.BATCH), run(net.train(), x, BNMode.BATCH))
    assert torch.equal(run(net.train(), x, BNMode.RUNNING), run(net.eval(), x, BNMode.RUNNING))
