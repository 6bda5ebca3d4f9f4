"""Error cells of old binary workbooks (.xls)."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from tasks.reading.archive import ErrorCells


def error_cells(path: Path) -> Mapping[str, ErrorCells]:
    """Error cells by sheet name."""
    return {}
