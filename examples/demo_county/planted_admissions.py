"""Admissions of the gate: those the yearly work rests on, one per breach, and one beside it that just holds."""

from __future__ import annotations

from typing import Any, Final

import polars as pl

from examples.demo_county import vocabulary as words
from examples.demo_county.planted import (
    ASSESSMENT_ID,
    COMMUNITY_WORKERS_ID,
    FORM_CATALOGUE_ID,
    ORGANISER_ID,
    PERIODS,
    SECONDMENT_ID,
    VILLAGE_ASSESSMENT_ID,
    Ledger,
)

JULY, AUGUST, SEPTEMBER = PERIODS

Cells = dict[str, Any]

THIS_YEAR: Final[Cells] = {
    "requested_at": "2026-06-15", "review_at": "2026-06-24", "decided_at": "2026-07-03",
    "publicised_from": "2026-07-07", "publicised_to": "2026-07-20", "valid_from": "2026-08-03",
    "valid_to": "2026-12-31",
}  # fmt: skip
LAST_SUMMER: Final[Cells] = {
    "requested_at": "2025-06-16", "review_at": "2025-06-25", "decided_at": "2025-07-04",
    "publicised_from": "2025-07-08", "publicised_to": "2025-07-21", "valid_from": "2025-08-11",
    "valid_to": "2026-12-31",
}  # fmt: skip
LAST_AUTUMN: Final[Cells] = {
    "requested_at": "2025-10-09", "review_at": "2025-10-15", "decided_at": "2025-10-22",
    "publicised_from": "2025-10-27", "publicised_to": "2025-11-07", "valid_from": "2026-01-01",
    "valid_to": "2027-01-01",
}  # fmt: skip
LATER: Final[Cells] = {"valid_from": "2026-09-01"}
EXITED: Final[Cells] = {"decision": "exited", "exit_reason": "阶段性任务已完成"}
TO_EXIT: Final[Cells] = {"evaluated_at": "2026-07-01", "evaluation_result": "exit"}
ORDERLY: Final[Cells] = {
    "task_kind": "report_form", "target_scope": "all_townships", "review": "consistency_passed",
    "justification_doc_no": "霁论〔2026〕1号", "heard_units": 5, "decision": "approved",
    "decided_by_org_id": words.PROGRAMME_ID, "approval_level": "county", "approval_form": "joint_decision",
    "legal_basis": "县级工作方案",
}  # fmt: skip

STANDING: Final[tuple[tuple[str, str, Cells], ...]] = (
    (FORM_CATALOGUE_ID, "年度报表和常规任务目录", {"applicant_org_id": "JC-ZFB"}),
    (ASSESSMENT_ID, "乡镇年度综合考核", {"applicant_org_id": ORGANISER_ID, "task_kind": "assessment"}),
    (SECONDMENT_ID, "年度借调计划", {"applicant_org_id": ORGANISER_ID, "task_kind": None}),
    (VILLAGE_ASSESSMENT_ID, "村级年度考核", {"applicant_org_id": ORGANISER_ID, "task_kind": "assessment"}
     | {"target_scope": "all_villages"}),
    (COMMUNITY_WORKERS_ID, "镇便民中心轮岗", {"applicant_org_id": "JC-SGB", "task_kind": None}
     | {"target_scope": "all_villages"}),
)  # fmt: skip
"""Number, name and what differs from an orderly admission of last autumn."""

FLAWED: Final[tuple[tuple[str, str, str, Cells, str], ...]] = (
    ("1b", "JC-FGJ", AUGUST, {"requested_at": "2026-07-01", "review_at": "2026-07-02"}, "申请距执行二十三个工作日"),
    ("2a 2c@JC-XWB", "JC-JYJ", JULY, {"review": "not_reviewed", "review_at": None}, "未经一致性评估获批"),
    ("2b 2c@JC-XWB", "JC-MZJ", JULY, {"review_at": "2026-07-06"}, "评估晚于审批三天"),
    ("3a", "JC-CZJ", JULY, {"justification_doc_no": None}, "没有论证"),
    ("3b", "JC-RSJ", JULY, {"heard_units": 2}, "只听取两个单位意见"),
    ("4a", "JC-ZRJ", JULY, {"task_kind": "duty_change", "training_days": 2}, "清单调整由县级审批"),
    ("4b", "JC-ZJJ", JULY, {"decided_by_org_id": "JC-ZJJ"}, "申请部门自己审批"),
    ("4c", "JC-JTJ", JULY, {"approval_form": "own_document"}, "以部门文件代替审批"),
    ("4d@JC-XWB", "JC-SLJ", JULY, {"decided_at": "2026-07-10", "publicised_from": "2026-07-13"}, "超过期限才审批"),
    ("5a", "JC-NYJ", AUGUST, {"publicised_from": None, "publicised_to": None}, "没有公示"),
    ("5b", "JC-WLJ", JULY, {"publicised_to": "2026-07-09"}, "公示两天"),
    ("5c", "JC-WJJ", AUGUST, {"publicised_to": "2026-08-06"}, "公示未结束就执行"),
    ("6a DUT-04", "JC-YJJ", SEPTEMBER, {"funding_yuan": 100_000}, "承诺十万元，到位四万元"),
    ("6b", "JC-ZFW", SEPTEMBER, {"task_kind": "inspection"}, "专业检查没有承诺资源"),
    ("7a", "JC-GAJ", JULY, {}, "生效前十三天就布置"),
    ("7b", "JC-SFJ", AUGUST, {}, "只面向乡镇的任务布置到村"),
    ("7c", "JC-XFJ", AUGUST, {"task_kind": "temp_task", "valid_to": None}, "临时任务没有结束日期"),
    ("7d", "JC-ZZZX", AUGUST, {}, "对准入事项另设考核"),
    ("8a", "JC-SWJ", AUGUST, LAST_SUMMER, "执行满一年没有评估"),
    ("9a", "JC-QXJ", AUGUST, LAST_AUTUMN | EXITED | {"valid_to": "2026-07-15"},
     "退出后仍然布置"),
    ("9b", "JC-YCJ", AUGUST, LAST_AUTUMN | TO_EXIT, "评估要求退出，三十天未退"),
    ("9c", "JC-XFD", SEPTEMBER, LATER | {"exit_reason": "阶段性任务已完成"}, "已有退出原因仍在执行"),
    ("order", "JC-TXW", JULY, LATER | {"requested_at": "2026-07-06", "review_at": "2026-07-02"}
     | {"decided_at": "2026-07-15", "publicised_from": "2026-07-17", "publicised_to": "2026-07-30"}, "评估在申请之前"),
)  # fmt: skip
"""Codes (``@`` names whom a code counts against if not the applicant), applicant, period, what is wrong, in words."""

LOOK_ALIKES: Final[tuple[tuple[str, Cells], ...]] = (
    ("JC-FGJ", {"requested_at": "2026-06-22"}),
    ("JC-MZJ", {"review_at": "2026-07-03"}),
    ("JC-RSJ", {"heard_units": 3}),
    ("JC-ZRJ", {"task_kind": "duty_change", "training_days": 2, "approval_level": "province"}),
    ("JC-JTJ", {"approval_form": "registry_decision"}),
    ("JC-SLJ", {"decided_at": "2026-07-06", "publicised_from": "2026-07-08"}),
    ("JC-WLJ", {"publicised_to": "2026-07-14"}),
    ("JC-WJJ", {"publicised_to": "2026-08-03"}),
    ("JC-YJJ", {"funding_yuan": 50_000}),
    ("JC-ZFW", {"task_kind": "inspection", "staff_fte": 1}),
    ("JC-XFJ", {"task_kind": "temp_task"}),
    ("JC-SWJ", LAST_SUMMER | {"evaluated_at": "2026-08-10", "evaluation_result": "keep"}),
    ("JC-YCJ", LAST_AUTUMN | TO_EXIT | {"valid_to": "2026-07-31"}),
    ("JC-XFD", LATER | {"exit_reason": "阶段性任务已完成", "valid_to": "2026-09-25"}),
)
"""Applicant and how close the admission comes to a breach without being one."""

BUNDLE: Final = ("JC-HBJ", 20)
SMALL_BUNDLE: Final = ("JC-NYJ", 5)
"""Applicant and number of tasks handed to every township on one day."""

GRANTED: Final = {"funding_yuan": "funding_yuan", "staff_fte": "staff_fte", "training_days": "training_days"}
SHORT_GRANT: Final = 40_000


def standing_admissions() -> list[Cells]:
    """What the yearly work of the county rests on; the numbers are known to whoever records burden."""
    return [
        ORDERLY | LAST_AUTUMN | cells | {"admission_id": number, "task_name": name} for number, name, cells in STANDING
    ]


def plant_admissions(ledger: Ledger) -> list[Cells]:
    """One admission per breach and its look-alikes; burden that shows a breach goes into the ledger.

    Returns:
        Rows of task_admission.
    """
    rows = []
    for number, (codes, applicant, period, cells, what) in enumerate(FLAWED, start=1):
        admission = f"ZR-2026-{100 + number}"
        rows.append(_row(admission, applicant, cells))
        for each in codes.split():
            code, _, subject = each.partition("@")
            ledger.expect(code, subject or applicant, period, f"{admission} {what}")
    numbered = {codes: f"ZR-2026-{100 + number}" for number, (codes, *_) in enumerate(FLAWED, start=1)}
    _plant_rows(ledger, numbered)
    rows += [_row(f"ZR-2026-{200 + n}", applicant, cells) for n, (applicant, cells) in enumerate(LOOK_ALIKES, start=1)]
    for first, (applicant, size) in ((300, BUNDLE), (400, SMALL_BUNDLE)):
        rows += [_row(f"ZR-2026-{first + number}", applicant, LATER) for number in range(1, size + 1)]
    ledger.expect("DUT-04/watch", BUNDLE[0], SEPTEMBER, "一天向所有乡镇下放二十项")
    return rows


def _plant_rows(ledger: Ledger, numbered: dict[str, str]) -> None:
    """Reminders that name an admission: no task of their own, so that only the gate is concerned."""
    ledger.row("work_reminder", "JC-GAJ", "JC-T16", "2026-07-21", "平安建设提示", admission_id=numbered["7a"])
    ledger.row("work_reminder", "JC-GAJ", "JC-T16", "2026-08-03", "平安建设提示", admission_id=numbered["7a"])
    ledger.row("work_reminder", "JC-SFJ", "JC-T12-V12", "2026-08-18", "普法提示", admission_id=numbered["7b"])
    ledger.row("work_reminder", "JC-SFJ", "JC-T12", "2026-08-18", "普法提示", admission_id=numbered["7b"])
    ledger.row("work_reminder", "JC-ZZZX", "JC-T12", "2026-08-19", "网格工作考核提示", admission_id=numbered["7d"],
               features="sets_assessment", doc_no="霁综治发〔2026〕941号")  # fmt: skip
    ledger.row("work_reminder", "JC-QXJ", "JC-T13", "2026-08-20", "气象服务提示", admission_id=numbered["9a"])


def _row(admission: str, applicant: str, cells: Cells) -> Cells:
    return ORDERLY | THIS_YEAR | cells | {
        "admission_id": admission, "applicant_org_id": applicant, "task_name": f"{admission[3:]}号任务"
    }  # fmt: skip


def grants(admissions: pl.DataFrame) -> pl.DataFrame:
    """Dataset ``resource_grant``: what every admission promised, in full and in time but for one.

    Args:
        admissions: Dataset ``task_admission``.
    """
    short = next(f"ZR-2026-{100 + n}" for n, (codes, *_) in enumerate(FLAWED, start=1) if codes.startswith("6a"))
    parts = [
        admissions.filter(pl.col(column).is_not_null()).select(
            "admission_id",
            kind=pl.lit(kind),
            receiving_org_id=pl.lit("JC-T01"),
            granted_at=pl.col("valid_from"),
            quantity=pl.when(pl.col("admission_id") == short)
            .then(pl.lit(SHORT_GRANT, pl.Int64))
            .otherwise(pl.col(column).cast(pl.Int64)),
            doc_no=pl.format("霁拨〔2026〕{}", "admission_id"),
        )
        for kind, column in GRANTED.items()
    ]
    return pl.concat(parts).sort("admission_id", "kind")
