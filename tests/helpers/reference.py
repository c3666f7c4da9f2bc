"""Algorithm 1 again, as plainly as it can be written: an independent account that tests hold the trainer against.

Nets are functions over dictionaries of weights, batch norm is its formula, and L_d is taken from a second forward pass
of detached images; nothing of agad is used.
"""

from __future__ import annotations

from collections.abc import Callable

import torch
import torch.nn.functional as F
from torch import Tensor

State = dict[str, Tensor]
EPS, MOMENTUM = 1e-5, 0.1


class Net:
    """Weights that are leaves, and buffers that passes may move."""

    def __init__(self, parameters: State, buffers: State, body: Callable[[Net, Tensor, str, bool], object]) -> None:
        self.parameters = {name: tensor.detach().clone().requires_grad_() for name, tensor in parameters.items()}
        self.buffers = {name: tensor.detach().clone() for name, tensor in buffers.items()}
        self.weights: State = self.parameters
        self._body = body

    def __call__(self, x: Tensor, mode: str, *, frozen_weights: bool = False, moves: bool = True):
        """Modes: `move`, `batch`, `running`, `aux`."""
        detached = {name: tensor.detach() for name, tensor in self.parameters.items()}
        self.weights = detached if frozen_weights else self.parameters
        return self._body(self, x, mode, moves)

    def norm(self, x: Tensor, name: str, mode: str, moves: bool) -> Tensor:
        """Batch norm by its formula."""
        which = f"{name}.aux" if mode == "aux" else name
        if mode == "running":
            mean, var = self.buffers[f"{which}.running_mean"].clone(), self.buffers[f"{which}.running_var"].clone()
        else:
            mean = x.mean((0, 2, 3))
            var = ((x - mean.reshape(1, -1, 1, 1)) ** 2).mean((0, 2, 3))
            if moves and mode != "batch":
                count = x.numel() / x.shape[1]
                self._move(f"{which}.running_mean", mean)
                self._move(f"{which}.running_var", var * count / (count - 1))
        scale = self.weights[f"{which}.weight"] / torch.sqrt(var + EPS)
        return (x - mean.reshape(1, -1, 1, 1)) * scale.reshape(1, -1, 1, 1) + self.weights[f"{which}.bias"].reshape(
            1, -1, 1, 1
        )

    def _move(self, name: str, value: Tensor) -> None:
        self.buffers[name] = (1 - MOMENTUM) * self.buffers[name] + MOMENTUM * value.detach()


def naive(net: Net, x: Tensor, mode: str, moves: bool) -> Tensor:
    """Table 7."""
    w = net.weights

    def conv(x: Tensor, index: int) -> Tensor:
        return F.conv2d(x, w[f"encoder.{index}.weight"], stride=2, padding=1)

    def up(x: Tensor, index: int) -> Tensor:
        return F.conv_transpose2d(x, w[f"decoder.{index}.weight"], stride=2, padding=1)

    x = F.leaky_relu(conv(x, 0), 0.2)
    x = F.leaky_relu(net.norm(conv(x, 2), "encoder.3", mode, moves), 0.2)
    x = F.leaky_relu(net.norm(conv(x, 5), "encoder.6", mode, moves), 0.2)
    x = conv(x, 8)
    x = F.relu(net.norm(up(x, 0), "decoder.1", mode, moves))
    x = F.relu(net.norm(up(x, 3), "decoder.4", mode, moves))
    x = F.relu(net.norm(up(x, 6), "decoder.7", mode, moves))
    return torch.tanh(up(x, 9))


def netd(net: Net, x: Tensor, mode: str, moves: bool) -> tuple[Tensor, Tensor]:
    """GANomaly's discriminator at 32x32."""
    w = net.weights
    x = F.leaky_relu(F.conv2d(x, w["features.0.weight"], stride=2, padding=1), 0.2)
    x = F.conv2d(x, w["features.2.weight"], stride=2, padding=1)
    x = F.leaky_relu(net.norm(x, "features.3", mode, moves), 0.2)
    x = F.conv2d(x, w["features.5.weight"], stride=2, padding=1)
    z = F.leaky_relu(net.norm(x, "features.6", mode, moves), 0.2)
    return F.conv2d(z, w["classifier.weight"]).reshape(-1), z


def cross_entropy(logits: Tensor, target: int) -> Tensor:
    """Mean of -log p(target)."""
    return -F.logsigmoid(logits if target else -logits).mean()


def step(g: Net, d: Net, x: Tensor, n: int, *, strategy: str, scope: str) -> tuple[Tensor, Tensor]:
    """L_g and L_d of one batch whose first n images are normal.

    Gradients are left in the leaves of g and d, and the buffers are moved. Default weights 1, 50, 15, 5, epsilon 1e-3.
    """
    freeze, advprop = "freeze" in strategy, "advprop" in strategy

    def through(net: Net, images: Tensor, *, auxiliary: bool, **options: bool):
        if auxiliary:
            return net(images, "aux", **options)
        if not freeze:
            return net(images, "move", **options)
        normal = net(images[:n], "move", **options)
        anomaly = net(images[n:], "running", **options)
        if isinstance(normal, tuple):
            return tuple(torch.cat(parts) for parts in zip(normal, anomaly, strict=True))
        return torch.cat([normal, anomaly])

    x_hat = through(g, x, auxiliary=False)
    x_again = through(g, x_hat, auxiliary=advprop)
    aux_d = advprop and scope == "g+d"
    start = dict(d.buffers)

    # L_d: D over images that do not know where they come from; this pass moves D's statistics.
    y, z = through(d, x, auxiliary=False)
    y_hat, _ = through(d, x_hat.detach(), auxiliary=aux_d)
    loss_d = cross_entropy(y_hat[:n], 0) + cross_entropy(y[:n], 1) + cross_entropy(y[n:], 0)
    end = dict(d.buffers)

    # L_g: once more through a D whose weights are constants, from the statistics that the first pass saw.
    d.buffers = start
    _, z = through(d, x, auxiliary=False, frozen_weights=True)
    y_hat, z_hat = through(d, x_hat, auxiliary=aux_d, frozen_weights=True)
    d.buffers = end
    z = z.detach()

    con = (x[:n] - x_hat[:n]).abs().mean()
    adcon_n = -(x_hat[:n] - x_again[:n]).abs().mean()
    lat_n = ((z[:n] - z_hat[:n]) ** 2).mean()
    l_n = cross_entropy(y_hat[:n], 1) + 50 * con + 15 * adcon_n + 5 * lat_n
    adcon_a = (x_hat[n:] - x_again[n:]).abs().mean()
    lat_a = ((z[n:] - z_hat[n:]) ** 2).mean()
    l_a = 1 / (cross_entropy(y_hat[n:], 0) + 1e-3) + 15 / (adcon_a + 1e-3) + 5 / (lat_a + 1e-3)
    loss_g = l_n + l_a
    loss_g.backward()
    loss_d.backward()
    return loss_g.detach(), loss_d.detach()
