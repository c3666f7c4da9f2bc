"""The floor of every table: detectors on pixels that train no net, and a linear classifier where there are labels."""

from __future__ import annotations

from agad import RunSpec, grid

from .cells import one_class

DATASETS = ("mnist", "fashion_mnist", "cifar10")
METHODS = ("knn", "pca", "mahalanobis", "ocsvm", "isolation_forest")
GAMMAS = (0.01, 0.05, 0.20)


@grid(seeds=1)
def floor() -> list[RunSpec]:
    """The floor: five detectors without a net, on pixels and on contrast-normalised pixels, gamma = 0.

    30 classes of MNIST, Fashion-MNIST and CIFAR-10 x 5 x 2 = 300 runs, seconds to minutes each on one core. Settings
    are fixed in the methods' files; all test images are scored, each alone.
    """
    return [
        cell.replace(method=method, features=features, updates=0)
        for dataset in DATASETS
        for method in METHODS
        for features in ("pixels", "gcn")
        for cell in one_class(dataset)
    ]


@grid(seeds=1)
def floor_labels() -> list[RunSpec]:
    """The floor with labels: logistic regression on pixels, anomalies from all other classes or from one.

    30 classes x 3 gammas x (1 + 9 known anomaly classes) = 900 runs, seconds each on one core. Table 2's borrowed
    columns have anomalies from one class, 90 experiments a cell; what the paper's own rows have is not said there.
    """
    return [
        cell.replace(method="logistic", updates=0, known_anomaly_classes=known)
        for dataset in DATASETS
        for cell in one_class(dataset, GAMMAS)
        for known in [(), *((c,) for c in range(10) if c != cell.normal_class)]
    ]
