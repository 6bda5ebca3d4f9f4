"""How large a delivered file may be, and how much of the machine reading it may take."""

from __future__ import annotations

from dataclasses import dataclass

MEBIBYTE = 1 << 20
GIBIBYTE = 1 << 30


@dataclass(frozen=True)
class Limits:
    """Limits of one file.

    Workbooks keep the 200 MB of the input contract, because a packed workbook grows tenfold when it
    is opened. Delimited text and JSON Lines are streamed, so they may be larger. Parquet counts as
    delimited text.
    """

    max_workbook_bytes: int = 200 * MEBIBYTE
    max_delimited_bytes: int = GIBIBYTE
    max_rows: int = 20_000_000
    """Records of a delimited file."""
    max_sheet_rows: int = 1_048_576
    max_columns: int = 200
    max_cell_characters: int = 32_767
    max_sheet_cells: int = 40_000_000
    """Rows times columns of the used area of one sheet; the reader holds 32 bytes for each."""
    max_archive_entries: int = 500
    max_archive_ratio: int = 200
    max_unpacked_bytes: int = GIBIBYTE
    workbook_memory_bytes: int = 3 * GIBIBYTE
    """Address space a workbook may take beyond what its reader holds before the first byte."""
    delimited_memory_bytes: int = 6 * GIBIBYTE
    """The same for text; far above what is touched, since Polars reserves."""
    cpu_seconds: int = 600
    wall_seconds: float = 600.0
    max_output_bytes: int = 6 * GIBIBYTE
    """Largest file the reading process may write, its working copy in UTF-8 included."""

    def max_file_bytes(self, *, workbook: bool) -> int:
        """Largest accepted size in bytes."""
        return self.max_workbook_bytes if workbook else self.max_delimited_bytes
