"""Compare every formula with published answers: one line per comparison, exit status 1 beyond a tolerance.

python -m benchmarks.reference [FOLDER]
"""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

from benchmarks.reference import (
    agreement,
    anomalies,
    departments,
    disclosure,
    hospitals,
    money,
    shrinkage,
    surveys,
)
from benchmarks.reference.row import Row

PARTS: tuple[Callable[[Path], Iterator[Row]], ...] = (
    departments.rows,
    anomalies.rows,
    hospitals.rows,
    surveys.rows,
    shrinkage.rows,
    agreement.rows,
    disclosure.rows,
    money.rows,
)
DEFAULT_FOLDER = Path("../shared/data/reference")


def main(arguments: list[str]) -> int:
    """Print the comparisons; returns the exit status."""
    folder = Path(arguments[0] if arguments else os.environ.get("REFERENCE", DEFAULT_FOLDER))
    if not folder.is_dir():
        sys.stderr.write(f"no published answers in {folder}: name their folder, or set REFERENCE\n")
        return 2
    failed = compared = 0
    for part in PARTS:
        for row in part(folder):
            compared += 1
            failed += not row.passes
            sys.stdout.write(line(row) + "\n")
            sys.stdout.flush()
    sys.stdout.write(f"{compared} comparisons, {failed} beyond their tolerance\n")
    return 1 if failed or not compared else 0


def line(row: Row) -> str:
    """One comparison as people read it."""
    verdict = "ok" if row.passes else "FAILS"
    return (
        f"{row.what:<62}  {row.against:<44}  {row.count:>7,}  "
        f"largest {row.difference:<9.3g} allowed {row.tolerance:<8.3g} {verdict}"
    )


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
