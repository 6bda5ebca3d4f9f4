"""What every test run knows: the marks tests may carry."""

from __future__ import annotations

import pytest


def pytest_configure(config: pytest.Config) -> None:
    """Register the mark of long tests; they run by default, the mark only allows leaving them out."""
    config.addinivalue_line("markers", "trial: runs whole nights, kills or thousands of files; takes minutes")
