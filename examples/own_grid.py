"""A grid of one's own: each backbone on two digits, at two shares of labelled anomalies.

    python sweeps/launch.py --grid examples/own_grid.py --results results/own
    python sweeps/status.py --grid examples/own_grid.py --results results/own

8 runs x 3 seeds of 16 updates; some minutes on two CPU cores.
"""

from __future__ import annotations

from agad import RunSpec, grid


@grid(seeds=3)
def backbones() -> list[RunSpec]:
    """Two backbones on two digits, without and with 5% labelled anomalies."""
    return [
        RunSpec(
            dataset="digits", normal_class=normal, gamma=gamma, backbone=backbone,
            updates=16, batch_size=32, min_anomalies=8, curve=(8,),
        )
        for gamma in (0.0, 0.05)
        for backbone in ("naive", "unet")
        for normal in (0, 1)
    ]  # fmt: skip
