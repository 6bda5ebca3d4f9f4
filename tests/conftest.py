"""What every test run knows: the marks tests may carry, and where published data and answers lie."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

REPOSITORY = Path(__file__).parents[1]


def pytest_configure(config: pytest.Config) -> None:
    """Register the mark of long tests; they run by default, the mark only allows leaving them out."""
    config.addinivalue_line("markers", "trial: runs whole nights, kills or thousands of files; takes minutes")


def published(variable: str, folder: str) -> Path:
    """A folder of published data; the test is skipped, with the reason, where it is absent."""
    path = Path(os.environ.get(variable, REPOSITORY.parent / "shared" / "data" / folder)).resolve()
    if not path.is_dir():
        pytest.skip(f"published data not found: set {variable} to the folder {folder}/")
    return path


@pytest.fixture(scope="session")
def reference() -> Path:
    """Published data sets with the answers of R packages."""
    return published("REFERENCE", "reference")


@pytest.fixture(scope="session")
def realcases() -> Path:
    """Real rows in the input contract's columns with answers somebody else computed."""
    return published("REALCASES", "realcases")
