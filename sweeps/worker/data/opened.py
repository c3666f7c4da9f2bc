"""OpenedData: the data sets that a worker has opened."""

from __future__ import annotations

from typing import TYPE_CHECKING

from agad.spec.run import RunSpec
from agad.store.schema import DataKey
from agad.store.versions import Version, classes_version

from ..options import WorkerOptions
from .agreed import AgreedData

if TYPE_CHECKING:
    from agad.data.prepared import Prepared


class OpenedData:
    """The prepared data sets of one worker, each opened once, with its vectors where a run reads them from a file.

    An image tree is listed at every opening, and a file of vectors read whole.
    """

    def __init__(self, options: WorkerOptions, agreed: AgreedData) -> None:
        self._options = options
        self._agreed = agreed
        self._opened: dict[tuple[str, int, str], Prepared] = {}

    def open(self, spec: RunSpec) -> Prepared:
        """The data set of a run. Raises DataError, also where the plan's other runs are of other data, and OSError."""
        from agad.data.features.attach import with_features
        from agad.data.prepared import open_prepared

        images, options = (spec.dataset, spec.image_size), self._options
        bare, wanted = (*images, ""), (*images, spec.features_file)
        if bare not in self._opened:
            self._opened[bare] = open_prepared(
                *images, data_root=options.data_folder, cache=options.cache, verify=not options.verified
            )
        if wanted not in self._opened:
            self._opened[wanted] = with_features(self._opened[bare], spec, options.data_folder)
        for key, version in _versions(spec, self._opened[wanted]):
            self._agreed.check(key, version)
        return self._opened[wanted]


def _versions(spec: RunSpec, data: Prepared) -> list[tuple[DataKey, Version]]:
    found: list[tuple[DataKey, Version]] = [
        ((spec.dataset, spec.image_size), data.digest),
        classes_version(spec.dataset, data.class_names),
    ]
    return found if data.vectors is None else [*found, ((spec.dataset, spec.features), data.vectors.digest)]
