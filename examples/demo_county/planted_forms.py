"""Planted cases of the recognised forms of burden, group by group, each with a clean case that looks like it."""

from __future__ import annotations

from typing import Any, Final

import polars as pl

from examples.demo_county import vocabulary as words
from examples.demo_county.planted import (
    ALLOWED_CAMPAIGN,
    ALLOWED_PLEDGE,
    ASSESSMENT_ID,
    COMMUNITY_WORKERS_ID,
    FORM_CATALOGUE_ID,
    ORGANISER_ID,
    SECONDMENT_ID,
    VILLAGE_ASSESSMENT_ID,
    Ledger,
    at,
    village,
)

JULY, AUGUST, SEPTEMBER = "2026M07", "2026M08", "2026M09"

ON_LIST: Final[dict[str, Any]] = {"duty_id": "V-A02"}
"""What a village assists with anyway."""
REVIEWED: Final[dict[str, Any]] = {**ON_LIST, "admission_id": FORM_CATALOGUE_ID}
PLAIN: Final[dict[str, Any]] = {"counted_class": "other"}
"""A document outside the streamlining quota needs no plan number."""


def plant_forms(ledger: Ledger, organisations: pl.DataFrame) -> None:
    """All groups of the catalogue.

    Args:
        ledger: Receives rows and expectations.
        organisations: Dataset ``org_unit``; the staff of borrowers is read.
    """
    staff = dict(organisations.select("org_id", "staff").drop_nulls().iter_rows())
    _documents(ledger)
    _demands(ledger)
    _consultations(ledger)
    _meetings(ledger)
    _meeting_overload(ledger)
    _inspections(ledger)
    _visits(ledger)
    _assessments(ledger)
    _rankings_and_pledges(ledger)
    _secondments(ledger, staff)
    _apps(ledger)
    _groups_and_idle_apps(ledger)
    _forms(ledger)
    _duties(ledger)
    _stocks(ledger)
    _campaigns(ledger)
    _levies(ledger)


def _documents(ledger: Ledger) -> None:
    """DOC-01 to DOC-05. The documents of a year before are part of the history."""
    for day in ("2025-07-03", "2025-07-17"):
        ledger.row("document", "JC-XFD", village(0), day, "关于做好消防宣传的通知", **planned(ledger))
    for day in ("2026-07-02", "2026-07-09", "2026-07-16", "2026-07-23"):
        ledger.row("document", "JC-XFD", village(0), day, "关于做好消防宣传的通知", **planned(ledger))
    ledger.expect("DOC-01", "JC-XFD", JULY, "四件精简类文件，上年同月两件")
    ledger.row("document", "JC-MZJ", village(1), "2026-07-06", "关于开展敬老活动的通知", counted_class="streamlined")
    ledger.expect("DOC-02", "JC-MZJ", JULY, "精简类文件没有年度计划编号")
    ledger.row("document", "JC-MZJ", village(2), "2026-07-07", "关于公布值班电话的函", **PLAIN)
    long: dict[str, Any] = {"burden_subkind": "专项", "words": 4_600, **PLAIN}
    ledger.row("document", "JC-CZJ", village(3), "2026-07-08", "关于规范村级财务的意见", **long)
    ledger.expect("DOC-03", "JC-CZJ", JULY, "专项文件四千六百字")
    ledger.row("document", "JC-CZJ", village(4), "2026-07-09", "年度工作要点", **long | {"burden_subkind": "综合"})
    for issuer, similarity, code in (("JC-ZRJ", 0.95, "DOC-04"), ("JC-FL", 0.75, "DOC-04/watch")):
        ledger.row("document", issuer, village(5), "2026-07-10", "转发上级工作方案", similarity=similarity, **PLAIN)
        ledger.expect(code, issuer, JULY, f"与上级文件相似度 {similarity}")
    ledger.row("document", "JC-ZGH", village(5), "2026-07-13", "结合实际的工作方案", similarity=0.55, **PLAIN)
    first = "霁调发〔2026〕901号"
    for number in range(8):
        ledger.row("document", "JC-DCD", village(number), "2026-09-02", "关于抽样调查的通知", source_ref=first,
                   doc_no=first, **PLAIN)  # fmt: skip
        ledger.row("reforwarded_document", "JC-DCD", village(number), "2026-09-04", "再次转发抽样调查通知",
                   source_ref="ZF-2026-901", parent_source_ref=first)  # fmt: skip
    ledger.expect("DOC-05", "JC-DCD", SEPTEMBER, "同一通知向八个村各发两次")
    for number, month in enumerate(("07", "08", "09")):
        ledger.row("reforwarded_document", "JC-YCJ", village(12 + number), f"2026-{month}-04", "转发调查通知",
                   parent_source_ref=f"霁调发〔2026〕{910 + number}号")  # fmt: skip


def planned(ledger: Ledger) -> dict[str, Any]:
    """A number of its own in the filed plan, and the class that needs one."""
    return {"counted_class": "streamlined", "plan_no": f"霁计〔2026〕{next(ledger.numbers) + 5_000}号"}


def _demands(ledger: Ledger) -> None:
    """DOC-06 to DOC-09 and DOC-11."""
    ledger.row("work_reminder", "JC-WLJ", village(6), "2026-07-14", "请速报活动照片", features="asks_photos")
    ledger.expect("DOC-06", "JC-WLJ", JULY, "没有文号的提示要求照片")
    ledger.row("work_reminder", "JC-WLJ", village(7), "2026-07-15", "高温天气提示")
    supporting: dict[str, Any] = {"features": "demands_supporting_doc", **PLAIN, **REVIEWED}
    ledger.row("document", "JC-ZGH", village(6), "2026-07-16", "关于制定配套方案的通知", **supporting)
    ledger.expect("DOC-07", "JC-ZGH", JULY, "要求村里出台配套文件")
    ledger.row("document", "JC-GAJ", "JC-T11", "2026-07-16", "依法制定安全预案的通知",
               **supporting | {"counted_class": "exempt_legal", "duty_id": "T-B01"})  # fmt: skip
    directive: dict[str, Any] = {"features": "directive_to_party_committee", **PLAIN}
    ledger.row("document", "JC-TZB", "JC-T12", "2026-07-17", "请乡党委研究落实", **directive)
    ledger.expect("DOC-08", "JC-TZB", JULY, "部门向乡党委下达指令")
    ledger.row("document", words.COUNTY_ID, "JC-T12", "2026-07-17", "县委关于防汛工作的决定", **directive)
    sets: dict[str, Any] = {"features": "sets_assessment", "doc_no": "霁司发〔2026〕921号", **PLAIN, **ON_LIST}
    ledger.row("document", "JC-SFJ", village(8), "2026-07-20", "关于普法工作的通知（附考核办法）", **sets)
    ledger.expect("DOC-09 DOC-11", "JC-SFJ", JULY, "文件夹带考核，未做一致性评估")
    pledge: dict[str, Any] = {"features": "sets_pledge", "doc_no": ALLOWED_PLEDGE, **PLAIN, **ON_LIST}
    ledger.row("document", "JC-ZFB", village(8), "2026-07-21", "关于签订耕地保护责任书的通知",
               **pledge | {"admission_id": FORM_CATALOGUE_ID})  # fmt: skip
    ledger.row("temp_task", "JC-GAJ", village(9), "2026-07-22", "反诈宣传入户", **ON_LIST)
    ledger.expect("DOC-11", "JC-GAJ", JULY, "清单内任务未做一致性评估")
    ledger.row("temp_task", "JC-GAJ", village(10), "2026-07-23", "反诈宣传入户", **REVIEWED)


def _consultations(ledger: Ledger) -> None:
    """DOC-10."""
    rushed: dict[str, Any] = {
        "issued_at": at("2026-07-17", "16:00"),
        "due_at": at("2026-07-18", "12:00"),
        "draft_id": "YJ-2026-1",
    }
    ledger.row("consultation", "JC-FGJ", village(11), "2026-07-17", "征求产业规划意见", **rushed)
    ledger.expect("DOC-10", "JC-FGJ", JULY, "周五下午发出，周六中午反馈")
    ample: dict[str, Any] = {
        "issued_at": at("2026-07-13"),
        "due_at": at("2026-07-22", "17:00"),
        "draft_id": "YJ-2026-2",
    }
    ledger.row("consultation", "JC-CZJ", village(11), "2026-07-13", "征求预算公开意见", **ample)


def _meetings(ledger: Ledger) -> None:
    """MTG-02 to MTG-05, each on days and in villages of its own."""
    root = ledger.row("meeting", "JC-WJJ", village(20), "2026-08-03", "健康村建设推进会", duration_min=60, persons=1)
    ledger.row("meeting", "JC-T12", village(20), "2026-08-05", "传达健康村建设推进会", duration_min=60, persons=1,
               parent_source_ref=root)  # fmt: skip
    ledger.expect("MTG-02", "JC-T12", AUGUST, "村里两级各开一次同一会议")
    ledger.row("meeting", "JC-T13", village(28), "2026-08-05", "乡镇例会", duration_min=60, persons=1)
    ledger.row("video_conf", "JC-RSJ", village(21), "2026-08-06", "就业工作视频会", duration_min=30, persons=1,
               features="widens_attendance")  # fmt: skip
    ledger.expect("MTG-02", "JC-RSJ", AUGUST, "视频会扩大到村")
    principal: dict[str, Any] = {"duration_min": 60, "persons": 1, "features": "requires_principal"}
    ledger.row("meeting", "JC-HBJ", "JC-T14", "2026-08-12", "环境整治约谈会", **principal)
    ledger.expect("MTG-03", "JC-HBJ", AUGUST, "未经批准要求乡长参加")
    ledger.row("meeting", "JC-HBJ", "JC-T15", "2026-08-19", "年度环保工作会", **principal, plan_no="霁会〔2026〕31号")
    for issuer in (words.COUNTY_OFFICE_ID, words.PROGRAMME_ID):
        ledger.row("meeting", issuer, village(22), "2026-08-11", "减负工作座谈会", duration_min=30, persons=1)
    ledger.expect("MTG-04", words.COUNTY_OFFICE_ID, AUGUST, "同一系统同一天两个会，专班由县委办承担")
    for issuer in ("JC-SGB", "JC-FL"):
        ledger.row("meeting", issuer, village(23), "2026-08-13", "志愿服务工作会", duration_min=30, persons=1)
        ledger.expect("MTG-04/watch", issuer, AUGUST, "两个系统同一天召集同一个村")
    for place, day in ((24, "2026-08-17"), (25, "2026-08-17")):
        ledger.row("meeting", "JC-TXW", village(place), day, "青年工作会", duration_min=30, persons=1)
    ledger.row("meeting", "JC-TXW", village(26), "2026-08-18", "青年工作培训会", duration_min=300, persons=1)
    ledger.expect("MTG-05", "JC-TXW", AUGUST, "会议三百分钟")
    ledger.row("meeting", "JC-XCB", village(27), "2026-08-18", "宣讲分组讨论", duration_min=700, persons=1,
               burden_subkind="分组讨论")  # fmt: skip


def _meeting_overload(ledger: Ledger) -> None:
    """MTG-01: two comprehensive meetings in one year, and hours far above the peers; a flood month is neither."""
    general: dict[str, Any] = {"burden_subkind": "综合", "duration_min": 30, "persons": 1}
    for day in ("2026-03-10", "2026-09-08"):
        ledger.row("meeting", "JC-XFJ", village(29), day, "全县信访工作会议", **general)
    ledger.expect("MTG-01", "JC-XFJ", SEPTEMBER, "一年两次综合性会议")
    ledger.row("meeting", "JC-ZFW", village(29), "2026-09-09", "全县政法工作会议", **general)
    for number in range(10):
        day = f"2026-08-{3 + number:02d}"
        ledger.row("meeting", "JC-FGJ", village(30 + number), day, "项目推进村民大会", duration_min=240, persons=150)
    ledger.expect("MTG-01/watch", "JC-FGJ", AUGUST, "十次半天大会，用时远高于同类部门")
    for number in range(10):
        day = f"2026-08-{3 + number:02d}"
        ledger.row("meeting", "JC-SLJ", village(40 + number), day, "防汛会商", duration_min=120, persons=20,
                   counted_class="exempt_emergency")  # fmt: skip


def _inspections(ledger: Ledger) -> None:
    """INS-01 to INS-03 and INS-06; every inspection is on the list and, but for one, in the plan."""
    ledger.row("inspection", "JC-YCJ", village(50), "2026-07-06", "烟草市场检查", matter="卷烟零售", **ON_LIST)
    ledger.expect("INS-01", "JC-YCJ", JULY, "检查不在计划内，也没有单独报备")
    filed: dict[str, Any] = {"admission_id": FORM_CATALOGUE_ID, "matter": "卷烟仓储", **ON_LIST}
    ledger.row("inspection", "JC-YCJ", village(51), "2026-07-07", "烟草仓储检查", **filed)
    for plan, days in (("霁检〔2026〕41号", ("06", "20")), ("霁检〔2026〕42号", ("08", "10"))):
        for day in days:
            ledger.row("inspection", "JC-SWJ", village(52), f"2026-07-{day}", "税源核查", matter=f"税源{plan}{day}",
                       plan_no=plan, **ON_LIST)  # fmt: skip
    ledger.expect("INS-02", "JC-SWJ", JULY, "一个计划编号分两次检查，相隔十四天")
    for issuer, days in (("JC-ZZZX", ("2026-07-06", "2026-08-20")), ("JC-XFD", ("2026-05-21", "2026-08-21"))):
        for number, day in enumerate(days):
            plan = f"霁检〔2026〕{issuer}{number}"
            ledger.row("inspection", issuer, village(53), day, "综合检查", matter="网格管理", plan_no=plan, **ON_LIST)
    ledger.expect("INS-03", "JC-ZZZX", AUGUST, "同一事项六十天内检查同一个村两次")
    for issuer in ("JC-QXJ", "JC-HBJ"):
        ledger.row("inspection", issuer, village(54), "2026-09-10", "现场检查", matter=f"{issuer}设施",
                   plan_no=f"霁检〔2026〕6-{issuer}", **ON_LIST)  # fmt: skip
        ledger.expect("INS-03/watch", issuer, SEPTEMBER, "两个部门同一天检查同一个村")
    for issuer, day in (("JC-QXJ", "15"), ("JC-HBJ", "16")):
        ledger.row("inspection", issuer, village(55), f"2026-09-{day}", "现场检查", matter=f"{issuer}设施",
                   plan_no=f"霁检〔2026〕7-{issuer}", **ON_LIST)  # fmt: skip
    ledger.row("inspection", "JC-WJJ", village(56), "2026-09-03", "卫生检查", matter="村卫生室",
               plan_no="霁检〔2026〕81号", features="asks_photos", **ON_LIST)  # fmt: skip
    ledger.expect("INS-06", "JC-WJJ", SEPTEMBER, "检查以照片为依据")
    ledger.row("temp_task", "JC-WJJ", village(57), "2026-09-04", "环境清洁照片征集", features="asks_photos", **REVIEWED)


def _visits(ledger: Ledger) -> None:
    """INS-04 and INS-05."""
    ledger.row("survey_visit", "JC-SGB", village(58), "2026-08-04", "基层治理调研", persons=3,
               features="asks_ledger;full_coverage", **ON_LIST)  # fmt: skip
    ledger.expect("INS-04", "JC-SGB", AUGUST, "调研要求台账和全覆盖")
    ledger.row("survey_visit", "JC-SGB", village(72), "2026-08-05", "基层治理调研", persons=3,
               features="asks_ledger", **ON_LIST)  # fmt: skip
    ledger.row(
        "survey_visit", "JC-JTJ", village(59), "2026-08-06", "农村公路指导", matter="农村公路", persons=2, **ON_LIST
    )
    ledger.row("document", "JC-JTJ", village(59), "2026-08-20", "农村公路整改通知", matter="农村公路",
               features="issues_rectification", **PLAIN, **REVIEWED)  # fmt: skip
    ledger.expect("INS-04", "JC-JTJ", AUGUST, "指导后十四天就同一事项下发整改")
    for number, day in enumerate(("03", "07", "11")):
        ledger.row(
            "survey_visit", "JC-ZZB", village(70 + number), f"2026-09-{day}", "基层党建调研", persons=4, **ON_LIST
        )
    ledger.expect("INS-05", "JC-ZZB", SEPTEMBER, "九天内三次到同一个乡调研")
    for number, day in enumerate(("03", "07")):
        ledger.row(
            "survey_visit", "JC-JYJ", village(84 + number), f"2026-09-{day}", "校园周边调研", persons=4, **ON_LIST
        )
    ledger.row(
        "survey_visit", "JC-CZJ", village(60), "2026-09-14", "资产管理调研", persons=3, escort_persons=6, **ON_LIST
    )
    ledger.expect("INS-05/watch", "JC-CZJ", SEPTEMBER, "三人调研六人陪同")
    ledger.row("survey_visit", "JC-RSJ", village(61), "2026-09-14", "就业调研", persons=3, escort_persons=3, **ON_LIST)


def _assessments(ledger: Ledger) -> None:
    """ASM-01, ASM-02, ASM-04 and ASM-05 in assessments."""
    merged: dict[str, Any] = {"admission_id": ASSESSMENT_ID, "frequency": "yearly"}
    modest: dict[str, Any] = {"items_n": 30, "points_total": 100, "depth": 2, "step_min": 0.5}
    huge: dict[str, Any] = {"items_n": 80, "points_total": 1200, "depth": 3, "step_min": 0.2}
    ledger.row("assessment", ORGANISER_ID, "JC-T11", "2026-07-08", "乡镇综合考核（千分制）", **merged, **huge)
    ledger.expect("ASM-01 ASM-01/watch", ORGANISER_ID, JULY, "总分一千二百、三级指标、最小分值零点二、八十条")
    whole = ledger.row("assessment", ORGANISER_ID, "JC-T12", "2026-08-10", "乡镇综合考核", **merged, **modest)
    ledger.row("assessment", "JC-JYJ", "JC-T13", "2026-07-09", "教育工作单项考核", **merged, **modest)
    ledger.expect("ASM-02", "JC-JYJ", JULY, "部门在综合考核之外单独考核")
    below: dict[str, Any] = {
        "admission_id": VILLAGE_ASSESSMENT_ID,
        "parent_source_ref": whole,
        "points_total": 100,
        "depth": 2,
    }
    ledger.row("assessment", "JC-T12", village(14), "2026-08-17", "村级考核", **below, step_min=1, items_n=50)
    ledger.expect("ASM-04", "JC-T12", AUGUST, "县里三十条，乡里加到五十条")
    ledger.row("assessment", "JC-T13", village(28), "2026-08-17", "村级考核", **below, step_min=1, items_n=30)
    ledger.row("assessment", ORGANISER_ID, "JC-T14", "2026-09-10", "综合考核打卡计分", **merged, **modest,
               features="points_rank")  # fmt: skip
    ledger.expect("ASM-05", ORGANISER_ID, SEPTEMBER, "考核按积分排名计分")


def _rankings_and_pledges(ledger: Ledger) -> None:
    """ASM-03 and ASM-08."""
    for issuer, months in (("JC-NYJ", "06 07 08 09"), ("JC-ZJJ", "07 08 09")):
        for month in months.split():
            ledger.row("usage_ranking", issuer, village(62), f"2026-{month}-16", "人居环境排名通报",
                       matter="人居环境", burden_subkind="工作排名")  # fmt: skip
    ledger.expect("ASM-03", "JC-NYJ", SEPTEMBER, "同一事项每月排名，四个月四次")
    ledger.row("responsibility_letter", "JC-XFD", village(63), "2026-07-28", "消防安全责任状", features="sets_veto")
    ledger.expect("ASM-08", "JC-XFD", JULY, "责任状和一票否决都不在清单上")
    ledger.row("responsibility_letter", "JC-ZRJ", village(63), "2026-07-28", "耕地保护责任书",
               doc_no=ALLOWED_PLEDGE, features="sets_veto")  # fmt: skip


def _secondments(ledger: Ledger, staff: dict[str, int]) -> None:
    """SEC-01 to SEC-03."""
    spell: dict[str, Any] = {"start": "2026-07-06", "end_date": "2026-07-31"}
    for issuer, admission in (("JC-ZGH", None), ("JC-TXW", SECONDMENT_ID)):
        ledger.row("secondment", issuer, "JC-T16", spell["start"], "抽调工作人员", end_date=spell["end_date"],
                   persons=1, quantity=20, admission_id=admission)  # fmt: skip
    ledger.expect("SEC-01", "JC-ZGH", JULY, "未经批准从乡里借人")
    for issuer, start in (("JC-XCB", "2026-01-05"), ("JC-FL", "2026-03-02")):
        ledger.row(
            "secondment", issuer, "JC-WLJ", start, "借调文稿人员", end_date="2026-07-20", persons=1, quantity=130
        )
    ledger.expect("SEC-02", "JC-XCB", JULY, "借调一百九十七天，没有延期")
    for issuer, persons in (("JC-DCD", staff["JC-DCD"] // 5), ("JC-QXJ", 1)):
        ledger.row("secondment", issuer, "JC-WLJ", "2026-09-01", "普查集中办公", end_date="2026-09-30",
                   persons=persons, quantity=20)  # fmt: skip
    ledger.expect("SEC-02/watch", "JC-DCD", SEPTEMBER, "借用人员约占本单位五分之一")
    ledger.row("secondment", "JC-ZFW", "JC-T04-C01", "2026-08-03", "抽调社区工作者", end_date="2026-08-14",
               persons=1, quantity=10)  # fmt: skip
    ledger.expect("SEC-03", "JC-ZFW", AUGUST, "县级部门借调社区工作者")
    ledger.row("secondment", "JC-T05", "JC-T05-C01", "2026-08-03", "镇便民中心轮岗", end_date="2026-08-14",
               persons=1, quantity=10, admission_id=COMMUNITY_WORKERS_ID)  # fmt: skip


def _apps(ledger: Ledger) -> None:
    """APP-01 to APP-03."""
    for name in ("APP-JC-01", "APP-JC-02"):
        ledger.row("app", "JC-NYJ", village(64), "2026-07-31", f"农情填报小程序 {name}", source_ref=name, persons=5)
    ledger.expect("APP-01 APP-01/watch", "JC-NYJ", JULY, "一个部门两个应用，采集内容大多相同")
    ledger.row("app", "JC-T17", village(85), "2026-07-31", "乡镇自建小程序", source_ref="APP-JC-03", persons=5)
    ledger.expect("APP-01", "JC-T17", JULY, "乡镇自行开发应用")
    ledger.row("app", "JC-JYJ", village(65), "2026-07-31", "家校联系小程序", source_ref="APP-JC-04", persons=5)
    ledger.row("check_in", "JC-ZZB", village(66), "2026-08-03", "学习打卡", features="check_in")
    ledger.expect("APP-02", "JC-ZZB", AUGUST, "没有安全需要的打卡")
    ledger.row("check_in", "JC-SLJ", village(66), "2026-08-03", "巡堤打卡", features="check_in;security_or_emergency")
    ledger.row("usage_ranking", "JC-GAJ", village(67), "2026-08-04", "反诈应用安装通报", matter="反诈应用",
               burden_subkind="安装量", features="usage_target")  # fmt: skip
    ledger.expect("APP-03", "JC-GAJ", AUGUST, "下达安装量指标")
    ledger.row(
        "usage_ranking", "JC-SWJ", village(67), "2026-08-04", "办税体验通报", matter="办税体验", burden_subkind="满意度"
    )


def _groups_and_idle_apps(ledger: Ledger) -> None:
    """APP-04 and APP-05."""
    for issuer, place, groups in (("JC-SFJ", 68, 11), ("JC-SGB", 69, 10)):
        ledger.row("work_group", issuer, village(place), "2026-08-31", "政务工作群", quantity=groups)
    ledger.expect("APP-04/watch", "JC-SFJ", AUGUST, "一个村十一个工作群")
    asked: dict[str, Any] = {"channel": "chat_group", "features": "asks_photos", "persons": 1, **ON_LIST}
    ledger.row("survey_visit", "JC-XFJ", village(86), "2026-08-24", "群内调研", **asked)
    ledger.expect("APP-04", "JC-XFJ", AUGUST, "没有文件和准入，在群里要照片")
    ledger.row("survey_visit", "JC-GAJ", village(87), "2026-08-24", "群内调研", **asked, doc_no="霁公发〔2026〕931号")
    for issuer, persons in (("JC-RSJ", 0), ("JC-WLJ", 3)):
        for day in ("2026-01-31", "2026-06-30", "2026-07-31"):
            ledger.row("app", issuer, village(88), day, "服务平台", source_ref=f"APP-{issuer}", persons=persons)
    ledger.expect("APP-05/watch", "JC-RSJ", JULY, "半年没有人使用")


def _forms(ledger: Ledger) -> None:
    """FRM-02 and FRM-03; FRM-01 and FRM-04 stand in the register of form fields."""
    asked: dict[str, Any] = {**REVIEWED, "issued_at": at("2026-07-20"), "due_at": at("2026-07-24", "17:00")}
    ledger.row("report_form", "JC-RSJ", village(89), "2026-07-20", "就业台账", **asked, channel="email")
    ledger.expect("FRM-02", "JC-RSJ", JULY, "平台启用后仍用电子邮件收表")
    ledger.row("report_form", "JC-JYJ", village(89), "2026-07-20", "入学情况表", **asked, channel="form_platform")
    rush: dict[str, Any] = {"due_at": at("2026-07-20", "17:00"), "channel": "form_platform"}
    ledger.row("report_form", "JC-MZJ", village(90), "2026-07-20", "敬老补贴急表", **asked | rush)
    ledger.expect("FRM-03", "JC-MZJ", JULY, "上午要下午交")


def _duties(ledger: Ledger) -> None:
    """DUT-02, DUT-03 and DUT-05; DUT-01 is what the register shows of temporary tasks, DUT-04 stands in the gate."""
    ledger.row("inspection", "JC-ZJJ", "JC-T15", "2026-08-06", "燃气经营检查", matter="燃气经营", duty_id="T-R01",
               plan_no="霁检〔2026〕91号")  # fmt: skip
    ledger.expect("DUT-02 1a", "JC-ZJJ", AUGUST, "已收回的燃气检查又交给乡里")
    ledger.row("report_form", "JC-XFD", "JC-T15", "2026-08-07", "消防隐患报告", duty_id="T-C05",
               admission_id=FORM_CATALOGUE_ID, channel="form_platform")  # fmt: skip
    ledger.row("document", "JC-WJJ", "JC-T16", "2026-08-07", "由乡镇牵头慢病管理的通知", duty_id="T-C01",
               features="names_lead", **PLAIN)  # fmt: skip
    ledger.expect("DUT-03 DOC-11 1a", "JC-WJJ", AUGUST, "配合事项要求乡里牵头，也没有评估和申请")
    ledger.row("document", "JC-WJJ", "JC-T17", "2026-08-07", "慢病管理工作通知", duty_id="T-C01", **PLAIN)
    for issuer, matter in (("JC-GAJ", "亲属关系证明"), ("JC-CZJ", "集体经济组织成员名册")):
        ledger.row("certificate", issuer, village(91), "2026-08-10", f"请出具{matter}", matter=matter)
    ledger.expect("DUT-05", "JC-GAJ", AUGUST, "索要不应出具的证明")


def _stocks(ledger: Ledger) -> None:
    """DUT-06 and DUT-07."""
    for subkind in ("其他", "四竖"):
        ledger.row("sign", "JC-ZFW", village(92), "2026-07-31", f"标识牌（{subkind}）", burden_subkind=subkind)
    ledger.expect("DUT-06", "JC-ZFW", JULY, "一块牌子不在允许范围")
    ledger.row("mechanism", "JC-YJJ", "JC-T17", "2026-07-31", "应急工作专班")
    ledger.expect("DUT-07", "JC-YJJ", JULY, "没有准入的工作专班")
    ledger.row("mechanism", "JC-SLJ", "JC-T17", "2026-07-31", "防汛工作专班", duty_id="T-C04")


def _campaigns(ledger: Ledger) -> None:
    """CRE-01 to CRE-04."""
    ledger.row("campaign", "JC-WLJ", village(93), "2026-04-15", "文明乡风示范村创建")
    ledger.row("campaign", "JC-WLJ", village(93), "2026-09-15", "文明乡风领跑村创建")
    ledger.expect("CRE-01 CRE-02 CRE-04/watch", "JC-WLJ", SEPTEMBER, "县级清单外创建，改名再办")
    ledger.row("campaign", "JC-TXW", village(94), "2026-09-16", "青年文明号", plan_no=ALLOWED_CAMPAIGN)
    ledger.expect("CRE-02", "JC-TXW", SEPTEMBER, "清单上有，但县级无权举办")
    ledger.row("campaign", "JC-SFJ", "JC-T18", "2026-09-16", "依法开展的民主法治示范创建", duty_id="T-B01",
               counted_class="exempt_legal", amount_yuan=0)  # fmt: skip


def _levies(ledger: Ledger) -> None:
    """CRE-03, APN-01 and APN-02; an amount of nothing is a levy that was not made."""
    ledger.row("apportionment", "JC-ZGH", village(95), "2026-09-17", "评优会务费", amount_yuan=2000, features="fee")
    ledger.expect("CRE-03", "JC-ZGH", SEPTEMBER, "评优收费")
    for issuer, title, code, what in (
        ("JC-XCB", "报刊征订任务", "APN-01", "向村里下达报刊征订任务"),
        ("JC-JYJ", "运动会经费分摊", "APN-02", "运动会经费摊派到村"),
    ):
        ledger.row("apportionment", issuer, village(96), "2026-09-18", title, amount_yuan=1500)
        ledger.expect(code, issuer, SEPTEMBER, what)
        ledger.row("apportionment", "JC-FL", village(97), "2026-09-18", title, amount_yuan=0)
