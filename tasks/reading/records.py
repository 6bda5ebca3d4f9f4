"""Parquet and JSON Lines as a table of text: only flat ones, whose names become the first row."""

from __future__ import annotations

import itertools
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import polars as pl

from tasks.reading.cells import LARGEST_EXACT
from tasks.reading.errors import FileRefused, Words
from tasks.reading.limits import Limits
from tasks.reading.table import SheetInfo, Table, cell_names, empty_as_null, schema, streamed, too_wide, write

_RECORDS_AT_A_TIME = 20_000
_NOT_FLAT = Words(
    "含嵌套结构的数据，只接受一层的列",
    "nested data; only flat columns are taken",
)


def read_parquet(path: Path, folder: Path, limits: Limits) -> Table:
    """Turn a flat Parquet file into ``folder/text.parquet``, column names as row 1.

    Raises:
        FileRefused: F107 too large, F108 nested or binary columns, F115 damaged.
    """
    try:
        source = pl.scan_parquet(path)
        columns = source.collect_schema()
        if any(kind.is_nested() or kind in {pl.Binary(), pl.Object()} for kind in columns.dtypes()):
            raise FileRefused("F108", detail=_NOT_FLAT)
        if len(columns) > limits.max_columns:
            raise too_wide(len(columns), limits)
        rows = source.select(pl.len()).collect().item()
        _check_rows(rows, limits)
        texts = source.select(_as_text(name, kind) for name, kind in columns.items())
        write(_below_header(texts, columns.names()), folder / "text.parquet")
    except (pl.exceptions.PolarsError, OSError) as error:
        raise FileRefused("F115", detail=str(error).splitlines()[0]) from error
    return Table("parquet", "", rows + 1, len(columns), (SheetInfo("", rows + 1, len(columns)),))


def _below_header(texts: pl.LazyFrame, names: list[str]) -> pl.LazyFrame:
    cells = cell_names(len(names))
    header = pl.LazyFrame([names], schema=dict.fromkeys(cells, pl.String()), orient="row")
    body = texts.rename(dict(zip(names, cells, strict=True)))
    return (
        pl.concat([header, body])
        .with_row_index("_row", offset=1)
        .select(
            pl.lit("").alias("_sheet"),
            "_row",
            pl.lit(len(names), pl.UInt16).alias("_cells"),
            *map(empty_as_null, cells),
        )
    )


def _as_text(name: str, kind: pl.DataType) -> pl.Expr:
    """A column as the text a workbook cell of that value would have."""
    value = pl.col(name)
    if kind == pl.Boolean():
        return pl.when(value).then(pl.lit("TRUE")).when(~value).then(pl.lit("FALSE")).alias(name)
    if kind.is_float():
        whole = (value == value.floor()) & (value.abs() < LARGEST_EXACT)
        shortest = value.cast(pl.String).str.replace("e", "E", literal=True)
        return pl.when(whole).then(value.cast(pl.Int64, strict=False).cast(pl.String)).otherwise(shortest).alias(name)
    if isinstance(kind, pl.Datetime):
        return value.dt.to_string("%Y-%m-%d %H:%M:%S%.f" + ("%:z" if kind.time_zone else ""))
    if isinstance(kind, pl.Duration):
        return value.dt.to_string("iso")
    return value.cast(pl.String)


def read_json_lines(path: Path, folder: Path, limits: Limits) -> Table:
    """Turn one flat JSON object per line into ``folder/text.parquet``, keys as row 1.

    Numbers keep the digits they are written with. Blank lines are skipped but counted, so that row n + 1
    is line n.

    Raises:
        FileRefused: F105, F107, F108 nested, F110 not UTF-8, F118 a line that is no object.
    """
    names: dict[str, None] = {}
    rows = 0
    for records in _objects(path, limits):
        rows += len(records)
        for record in records:
            names.update(dict.fromkeys(record))
    if not names:
        raise FileRefused("F105")
    if len(names) > limits.max_columns:
        raise too_wide(len(names), limits)
    frames = streamed(lambda: _object_frames(path, list(names), limits), schema(len(names)))
    write(frames, folder / "text.parquet")
    return Table("jsonl", "utf-8", rows + 1, len(names), (SheetInfo("", rows + 1, len(names)),))


def _object_frames(path: Path, names: list[str], limits: Limits) -> Iterator[pl.DataFrame]:
    row = 1
    header: list[dict[str, str | None]] = [dict(zip(names, names, strict=True))]
    for records in itertools.chain([header], _objects(path, limits)):
        cells = {
            cell: pl.Series([record.get(name) for record in records], dtype=pl.String)
            for cell, name in zip(cell_names(len(names)), names, strict=True)
        }
        yield pl.DataFrame(
            {
                "_sheet": pl.repeat("", len(records), dtype=pl.String, eager=True),
                "_row": pl.Series(range(row, row + len(records)), dtype=pl.UInt32),
                "_cells": pl.repeat(len(names), len(records), dtype=pl.UInt16, eager=True),
            }
            | cells
        ).with_columns(map(empty_as_null, cells))
        row += len(records)


def _objects(path: Path, limits: Limits) -> Iterator[list[dict[str, str | None]]]:
    line = 0
    with path.open(encoding="utf-8-sig", newline="\n") as file:
        try:
            while lines := list(itertools.islice(file, _RECORDS_AT_A_TIME)):
                batch = []
                for text in lines:
                    line += 1
                    batch.append(_object(text, line, limits))
                _check_rows(line, limits)
                yield batch
        except UnicodeDecodeError as error:
            raise FileRefused("F110", value=line, detail=error.start) from error


def _object(text: str, line: int, limits: Limits) -> dict[str, str | None]:
    if not text.strip():
        return {}
    try:
        found = json.loads(text, parse_float=str, parse_int=str, parse_constant=str)
    except (ValueError, RecursionError):
        found = None
    if not isinstance(found, dict):
        detail = Words(f"第 {line} 行不是一个 JSON 对象", f"line {line} is not one JSON object")
        raise FileRefused("F118", detail=detail)
    return {key: _scalar(value, line, limits) for key, value in found.items()}


def _scalar(value: Any, line: int, limits: Limits) -> str | None:
    if value is None or isinstance(value, bool):
        return None if value is None else "TRUE" if value else "FALSE"
    if not isinstance(value, str):
        raise FileRefused("F108", detail=_NOT_FLAT)
    if len(value) > limits.max_cell_characters:
        most = f"{limits.max_cell_characters:,}"
        detail = Words(
            f"第 {line} 行有内容超过 {most} 个字符", f"line {line} has a value of more than {most} characters"
        )
        raise FileRefused("F107", detail=detail)
    return value


def _check_rows(rows: int, limits: Limits) -> None:
    if rows > limits.max_rows:
        most = f"{limits.max_rows:,}"
        raise FileRefused("F107", detail=Words(f"{rows:,} 行，上限 {most}", f"{rows:,} rows, at most {most}"))
