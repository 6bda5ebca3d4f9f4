"""One thread for linear algebra, so that a result does not depend on how many are free."""

from __future__ import annotations

from contextlib import AbstractContextManager
from functools import cache
from typing import Any

import scipy.linalg  # noqa: F401 (its library must be loaded before the libraries are looked up)
from threadpoolctl import ThreadpoolController  # type: ignore[import-untyped]


def one_thread() -> AbstractContextManager[Any]:
    """A context in which NumPy's and SciPy's linear algebra runs on one thread."""
    limits: AbstractContextManager[Any] = _controller().limit(limits=1)
    return limits


@cache
def _controller() -> Any:
    # Looking the libraries up costs more than fitting a small model, so it is done once.
    return ThreadpoolController()
