"""The workbook a clerk fills in: one per dataset, read back by the very headers it writes."""

from __future__ import annotations

import datetime as dt
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import xlsxwriter

from expectations.common import CONTRACT_VERSION
from expectations.declaration import Column, ColumnType, Dataset

DATA_SHEET = "数据"
HELP_SHEET = "说明"
CODES_SHEET = "代码"

CREATED = dt.datetime(2026, 1, 1, tzinfo=dt.UTC).replace(tzinfo=None)
"""Fixed creation date, so that the same declaration gives the same bytes."""

LAST_ROW = 1_048_575

REQUIRED_COLOUR = "#FFE699"
OPTIONAL_COLOUR = "#DDEBF7"
TEXT_FORMAT = "@"
DATE_FORMAT = "yyyy-mm-dd"
TIMESTAMP_FORMAT = "yyyy-mm-dd hh:mm:ss"

TYPE_LABELS = {
    ColumnType.NAME: "文字",
    ColumnType.IDENTIFIER: "编码（文本）",
    ColumnType.CODE: "选项",
    ColumnType.INTEGER: "整数",
    ColumnType.DECIMAL: "小数（至多 6 位）",
    ColumnType.RATIO: "比率（0 至 1，或带 % 号）",
    ColumnType.DATE: "日期",
    ColumnType.TIMESTAMP: "日期和时间",
    ColumnType.BOOLEAN: "是/否",
    ColumnType.JSON: "JSON",
    ColumnType.LIST: "多个，以分号分隔",
}


def write_template(dataset: Dataset, path: Path) -> None:
    """Write the empty workbook of ``dataset`` to ``path``.

    The first sheet holds the Chinese headers with their descriptions as comments and drop-down lists for codes and
    booleans; the second one says what each column means. The bytes depend on nothing but the declaration.

    Raises:
        OSError: the file cannot be written.
    """
    workbook = xlsxwriter.Workbook(str(path), {"in_memory": True})
    workbook.set_properties(
        {"title": dataset.zh, "subject": dataset.name, "comments": f"contract {CONTRACT_VERSION}", "created": CREATED}
    )
    data = workbook.add_worksheet(DATA_SHEET)
    _write_help(workbook, dataset)
    lists = _write_codes(workbook, dataset)
    _write_data(workbook, data, dataset, lists)
    try:
        workbook.close()
    except xlsxwriter.exceptions.FileCreateError as error:
        raise OSError(f"cannot write {path}: {error}") from error


def _write_data(workbook: Any, sheet: Any, dataset: Dataset, lists: dict[str, str]) -> None:
    headers = {
        required: workbook.add_format({"bold": True, "border": 1, "text_wrap": True, "bg_color": colour})
        for required, colour in ((True, REQUIRED_COLOUR), (False, OPTIONAL_COLOUR))
    }
    cells = {
        pattern: workbook.add_format({"num_format": pattern})
        for pattern in (TEXT_FORMAT, DATE_FORMAT, TIMESTAMP_FORMAT)
    }
    sheet.freeze_panes(1, 0)
    for position, column in enumerate(dataset.all_columns):
        pattern = _cell_format(column)
        width = max(12, 2 * len(column.zh) + 4)
        sheet.set_column(position, position, width, cells[pattern] if pattern else None)
        sheet.write_string(0, position, column.zh, headers[column.required])
        sheet.write_comment(0, position, header_comment(column), {"x_scale": 2, "author": ""})
        source = _drop_down(column, lists)
        if source is not None:
            sheet.data_validation(1, position, LAST_ROW, position, _validation(column, source))


def header_comment(column: Column) -> str:
    """What the comment on a header says: whether it is required, what it means, its unit."""
    unit = f"\n单位：{column.unit}" if column.unit else ""
    return f"{'必填' if column.required else '选填'}。{column.description_zh}{unit}\n{column.description_en}"


def _cell_format(column: Column) -> str | None:
    """Text for whatever a spreadsheet would otherwise turn into a number or a date of its own."""
    match column.type:
        case ColumnType.DATE:
            return DATE_FORMAT
        case ColumnType.TIMESTAMP:
            return TIMESTAMP_FORMAT
        case ColumnType.INTEGER | ColumnType.DECIMAL | ColumnType.RATIO:
            return None
        case _:
            return TEXT_FORMAT


def _drop_down(column: Column, lists: dict[str, str]) -> str | list[str] | None:
    return ["是", "否"] if column.type is ColumnType.BOOLEAN else lists.get(column.name)


def _validation(column: Column, source: str | list[str]) -> dict[str, Any]:
    return {
        "validate": "list",
        "source": source,
        "ignore_blank": True,
        "error_title": column.zh[:32],
        "error_message": "请从下拉列表中选择。",
        "error_type": "stop",
    }


def _write_codes(workbook: Any, dataset: Dataset) -> dict[str, str]:
    """Put the labels of every code list on a hidden sheet; returns the range of each list by column name.

    A list kept in the cell rule itself would be limited to 255 characters and to labels without a comma.
    """
    sheet = workbook.add_worksheet(CODES_SHEET)
    sheet.hide()
    ranges: dict[str, str] = {}
    listed = [column for column in dataset.all_columns if column.type is ColumnType.CODE]
    for position, column in enumerate(listed):
        sheet.write_column(0, position, [code.zh for code in column.codes])
        letter = xlsxwriter.utility.xl_col_to_name(position)
        ranges[column.name] = f"='{CODES_SHEET}'!${letter}$1:${letter}${len(column.codes)}"
    return ranges


def _write_help(workbook: Any, dataset: Dataset) -> None:
    sheet = workbook.add_worksheet(HELP_SHEET)
    wrapped = workbook.add_format({"text_wrap": True, "valign": "top"})
    bold = workbook.add_format({"bold": True, "bg_color": OPTIONAL_COLOUR})
    required = workbook.add_format({"text_wrap": True, "valign": "top", "bg_color": REQUIRED_COLOUR})
    sheet.set_column(0, 1, 22, wrapped)
    sheet.set_column(2, 2, 60, wrapped)
    sheet.set_column(3, 5, 14, wrapped)
    sheet.set_column(6, 6, 60, wrapped)
    sheet.write_string(0, 0, f"{dataset.zh}（{dataset.name}）：{dataset.description_zh}")
    sheet.write_string(
        1, 0, "“数据”表中底色为黄色的列必填。列的次序不限，选填列可以删除；请勿改动列名，勿填任何个人信息。"
    )
    for position, title in enumerate(("列名", "英文名", "含义", "类型", "单位", "是否必填", "可填内容")):
        sheet.write_string(3, position, title, bold)
    for row, column in enumerate(dataset.all_columns, start=4):
        for position, text in enumerate(_help_row(column)):
            sheet.write_string(row, position, text, required if column.required else wrapped)
    sheet.freeze_panes(4, 0)


def _help_row(column: Column) -> Sequence[str]:
    return (
        column.zh,
        column.name,
        column.description_zh,
        TYPE_LABELS[column.type],
        column.unit or "",
        "是" if column.required else "否",
        allowed_values(column),
    )


def allowed_values(column: Column) -> str:
    """What may stand in a cell, in one Chinese sentence; empty when nothing is prescribed."""
    parts: list[str] = []
    if column.codes:
        wanted = "填括号内的代码：" if column.type is ColumnType.LIST else ""
        parts.append(wanted + "、".join(f"{code.zh}（{code.value}）" for code in column.codes))
    if column.pattern:
        parts.append(f"格式 {column.pattern}")
    if column.max_length is not None:
        parts.append(f"至多 {column.max_length} 个字符")
    if column.minimum is not None:
        parts.append(f"不小于 {plain_number(column.minimum)}")
    if column.maximum is not None:
        parts.append(f"不大于 {plain_number(column.maximum)}")
    if column.unit_suffixes:
        parts.append(f"可带单位 {'、'.join(column.unit_suffixes)}")
    if column.is_count:
        parts.append("没有请填 0")
    if column.default is not None:
        parts.append(f"留空为 {_default_label(column)}")
    return "；".join(parts)


def plain_number(number: float) -> str:
    """A limit without exponent or trailing zeros: ``0.000001``, ``1000000``."""
    return f"{number:.6f}".rstrip("0").rstrip(".")


def _default_label(column: Column) -> str:
    labels = {code.value: code.zh for code in column.codes}
    return labels.get(column.default or "", column.default or "")
