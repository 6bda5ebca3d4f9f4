"""Files as offices really send them: tidy exports, GB18030 with Chinese headers, a form with titles and totals."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable, Mapping
from pathlib import Path

import polars as pl
import xlsxwriter

CHINESE_RATING_HEADERS: Mapping[str, str] = {
    "period_id": "考核期",
    "instrument_id": "测评表编号",
    "instrument_version": "测评表版本",
    "rater_token": "评分口令",
    "rater_org_id": "评分单位编码",
    "target_org_id": "被评部门编码",
    "item_id": "题项编号",
    "status": "作答状态",
    "score_raw": "分值",
    "contact_freq": "往来频次",
    "submission_id": "答卷编号",
    "submitted_at": "提交时间",
    "channel": "作答渠道",
}

CHINESE_RATING_WORDS: Mapping[str, Mapping[str, str]] = {
    "status": {"answered": "已作答", "dont_know": "不了解", "no_contact": "无往来"},
    "contact_freq": {"none": "无联系", "yearly": "每年", "quarterly": "每季", "monthly": "每月", "weekly": "每周"},
    "channel": {"paper": "纸质"},
}

BURDEN_SHEET_HEADERS: Mapping[str, str] = {
    "burden_kind": "负担类别",
    "measure": "计量方式",
    "issuer_org_id": "派发单位编码",
    "target_org_id": "承担单位\n编码",
    "source_ref": "登记编号",
    "start_date": "发生日期",
    "quantity": "数量",
    "unit": "计量单位",
    "duration_min": "会议时长",
    "persons": "参加人数",
    "pages": "页数",
    "title": "名称",
    "matter": "事由",
    "doc_no": "发文字号",
    "plan_no": "计划编号",
    "channel": "派发渠道",
    "duty_id": "履职事项编号",
    "admission_id": "准入编号",
    "similarity": "与上级文件相似度",
    "counted_class": "统计口径",
    "reported_by": "登记来源",
}

BURDEN_SHEET_WORDS: Mapping[str, Mapping[str, str]] = {
    "burden_kind": {
        "meeting": "会议",
        "video_conf": "视频会议",
        "document": "文件",
        "work_reminder": "工作提示",
        "report_form": "报表",
        "inspection": "督查检查",
        "temp_task": "临时任务",
        "secondment": "借调",
        "work_group": "政务工作群",
    },
    "measure": {"flow": "流量", "stock": "存量"},
    "channel": {"form_platform": "一表通平台"},
    "counted_class": {"streamlined": "纳入精简类管理"},
    "reported_by": {"issuer_register": "派发单位登记"},
}

SHEET_HEADER_ROW = 4
"""Row of the header as a spreadsheet program counts: two titles and a unit line stand above it."""

FULL_WIDTH = str.maketrans("0123456789", "０１２３４５６７８９")
CREATED = dt.datetime(2026, 9, 3, 9, 0, 0, tzinfo=dt.UTC)


def write_csv(path: Path, rows: pl.DataFrame, encoding: str = "utf-8") -> Path:
    """Write a comma-separated file with a header; the folder is made."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(rows.write_csv().encode(encoding))
    return path


def in_chinese(rows: pl.DataFrame, headers: Mapping[str, str], words: Mapping[str, Mapping[str, str]]) -> pl.DataFrame:
    """The same rows with the codes and headers that an office writes."""
    return rows.with_columns(pl.col(column).replace(dict(mapping)) for column, mapping in words.items()).rename(
        dict(headers)
    )


def write_burden_sheet(path: Path, rows: pl.DataFrame, title: str, submitter: str, unit_line: str) -> Path:
    """Write a month of burden facts as an office's statistics form.

    Two title rows, a line naming the unit, the header in row 4, the data, a total row and a footer.
    Numbers come as people type them: every third quantity in full-width figures, lengths in hours
    or minutes, similarity in percent, dates written out, an empty cell as a dash.

    Args:
        path: The workbook to write.
        rows: Dataset ``burden_fact``.
        title: First title row.
        submitter: Name of the office for the footer.
        unit_line: Text of the third row.

    Returns:
        ``path``; the same rows always give the same bytes.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    shown = in_chinese(rows, {}, BURDEN_SHEET_WORDS)
    headers = list(BURDEN_SHEET_HEADERS.values())
    with xlsxwriter.Workbook(str(path)) as workbook:
        workbook.set_properties({"created": CREATED})
        sheet = workbook.add_worksheet("统计表")
        bold = workbook.add_format({"bold": True, "align": "center", "text_wrap": True})
        sheet.merge_range(0, 0, 0, len(headers) - 1, title, bold)
        sheet.merge_range(1, 0, 1, len(headers) - 1, "（基层减负统计用表）", bold)
        sheet.write(2, 0, unit_line)
        sheet.write_row(SHEET_HEADER_ROW - 1, 0, headers, bold)
        for index, column in enumerate(BURDEN_SHEET_HEADERS):
            typed = AS_TYPED.get(column, _plain)
            cells = [typed(value, row) for row, value in enumerate(shown[column])]
            sheet.write_column(SHEET_HEADER_ROW, index, cells)
        below = SHEET_HEADER_ROW + rows.height
        sheet.write(below, 0, "合计")
        for column in ("quantity", "persons"):
            sheet.write(below, list(BURDEN_SHEET_HEADERS).index(column), int(rows[column].sum()))
        sheet.write(below + 1, 0, f"填表单位：{submitter}")
        sheet.write(below + 2, 0, "填报日期：2026年9月3日")
        sheet.freeze_panes(SHEET_HEADER_ROW, 0)
    return path


def _plain(value: object, row: int) -> object:
    del row
    return value


def _quantity(value: int, row: int) -> int | str:
    """Every third number in full-width figures."""
    return str(value).translate(FULL_WIDTH) if row % 3 == 0 else value


def _length(minutes: int | None, row: int) -> str | None:
    """A length of time in hours or in minutes, as it comes."""
    if minutes is None:
        return None
    return f"{minutes / 60:g}小时" if row % 2 else f"{minutes}分钟"


def _share(value: float | None, row: int) -> str:
    del row
    return "—" if value is None else f"{100 * value:.1f}%"


def _pages(value: int | None, row: int) -> str:
    del row
    return "/" if value is None else f"{value}页"


def _day(value: str, row: int) -> str:
    del row
    return f"{value[:4]}年{int(value[5:7])}月{int(value[8:])}日"


def _document_number(value: str | None, row: int) -> str | None:
    """Square brackets instead of the official ones, which few keyboards have."""
    del row
    return None if value is None else value.replace("〔", "[").replace("〕", "]")


AS_TYPED: Mapping[str, Callable[..., object]] = {
    "quantity": _quantity,
    "duration_min": _length,
    "similarity": _share,
    "pages": _pages,
    "start_date": _day,
    "doc_no": _document_number,
}
"""How somebody types the cells of a column, from the value and the number of the row."""
