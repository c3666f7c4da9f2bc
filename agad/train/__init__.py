"""Training: from a spec, or a checkpoint, to a row.

The package can be called: `agad.train(spec)` is `agad.train.run.train(spec)`. Python binds `agad.train` to this package
as soon as one of its modules is imported, so a function of that name in agad/__init__.py would be overwritten.
"""

from __future__ import annotations

import sys
from types import ModuleType
from typing import Any


class _CallablePackage(ModuleType):
    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        from agad.train.run import train

        return train(*args, **kwargs)


sys.modules[__name__].__class__ = _CallablePackage
