"""Form fields, findings and duty items that were planted."""

from __future__ import annotations

from typing import Final

import polars as pl

from examples.demo_county.planted import PERIODS, Ledger

OWN_LIST: Final = "JC-ZJJ-OWN"
START, STEP = "2026-01-01", "2026-07-01"

FIELDS: Final = (
    ("APP-JC-01", "农情填报", "JC-NYJ", "地块面积", "DE-PLOT", "2026-03-01"),
    ("APP-JC-01", "农情填报", "JC-NYJ", "作物种类", "DE-CROP", "2026-03-01"),
    ("APP-JC-01", "农情填报", "JC-NYJ", "预计产量", "DE-YIELD", "2026-03-01"),
    ("APP-JC-02", "种植补贴", "JC-NYJ", "地块面积", "DE-PLOT", "2026-04-01"),
    ("APP-JC-02", "种植补贴", "JC-NYJ", "作物种类", "DE-CROP", "2026-04-01"),
    ("APP-JC-02", "种植补贴", "JC-NYJ", "补贴账户", "DE-ACCOUNT", "2026-04-01"),
    ("BB-MZ-01", "家庭情况表", "JC-MZJ", "家庭户数", "DE-HOUSEHOLDS", "2026-02-01"),
    ("BB-WJ-01", "健康服务表", "JC-WJJ", "家庭户数", "DE-HOUSEHOLDS", "2026-02-15"),
    ("BB-DC-01", "牲畜存栏表", "JC-DCD", "年末存栏头数", "DE-LIVESTOCK", "2025-01-01"),
    ("BB-RS-01", "就业台账", "JC-RSJ", "每千人新增就业人数", None, "2025-01-01"),
)
"""Form, its name, issuer, field, data element and first day; the last two are old, and only one of them is used."""


def form_fields(ledger: Ledger) -> pl.DataFrame:
    """Dataset ``form_field``: one datum asked for twice, two apps alike, one field that nobody uses."""
    ledger.expect("FRM-04/watch", "JC-DCD", PERIODS, "存栏头数收了一年多，没有用处")
    columns = ["form_id", "form_name", "issuer_org_id", "field_name", "data_element_id", "valid_from"]
    return pl.DataFrame(FIELDS, schema=dict.fromkeys(columns, pl.String), orient="row").with_columns(
        target_scope=pl.lit("all_villages"), frequency=pl.lit("monthly")
    )


def findings() -> pl.DataFrame:
    """Dataset ``finding``: one open beyond its re-check, one mended, one that held, one that came back."""
    columns = ["finding_id", "org_id", "found_at", "category", "grade", "followup", "rechecked_at"]
    rows = [
        ("TB-2026-01", "JC-GAJ", "2026-01-12", "过度留痕", "noted", "open", None),
        ("TB-2026-02", "JC-WJJ", "2026-05-18", "层层加码", "criticised", "mended", None),
        ("TB-2026-03", "JC-JTJ", "2026-02-09", "重复检查", "noted", "rechecked", "2026-07-14"),
        ("TB-2026-04", "JC-SLJ", "2026-02-20", "清单外任务", "criticised", "relapsed", "2026-08-11"),
        ("TB-2026-05", "JC-T07", "2026-08-25", "照抄照转", "noted", "open", None),
    ]
    return pl.DataFrame(rows, schema=dict.fromkeys(columns, pl.String), orient="row")


def planted_duties(ledger: Ledger) -> list[dict[str, str | None]]:
    """Items of one department's own list in which every rule on lists that can be broken is broken once."""

    def item(duty: str, kind: str, name: str, seq: str, **cells: str | None) -> dict[str, str | None]:
        base = {"list_id": OWN_LIST, "scope_org_id": "JC-ZJJ", "list_version": "2026-1", "valid_from": START}
        return base | {"duty_id": duty, "duty_kind": kind, "duty_name": name, "seq_no": seq, "category": "建设"} | cells

    ledger.row("report_form", "JC-FGJ", "JC-T18", "2026-07-22", "项目进度表", duty_id="T-X99",
               admission_id="ZR-2025-101", channel="form_platform")  # fmt: skip
    for rule in ("DL-01", "DL-02", "DL-03", "DL-05", "DL-06", "DL-07", "DL-08", "DL-09", "DL-12"):
        ledger.expect(f"{rule}/problem", OWN_LIST, PERIODS, "县住建局自己的清单")
    ledger.expect("DL-10/problem", OWN_LIST, PERIODS, "版本号是年底，七月已经生效")
    for kind in ("TOWNSHIP", "SUBDISTRICT"):
        ledger.expect("DL-04/problem DL-11/problem", f"JC-{kind}", PERIODS, "承接部门没有清单；专业检查列为基本履职")
    for kind in ("VILLAGE", "COMMUNITY"):
        ledger.expect("DL-07/problem DL-13/problem", f"JC-{kind}", PERIODS, "证明没有引用文件；缺十八项首批证明")
    ledger.expect("DL-14/problem", "*", PERIODS, "报表所依据的事项不在任何清单上")
    return [
        item("D-01", "basic", "房屋安全", "1", valid_to="2026-03-01"),
        item("D-01", "basic", "房屋安全", "1", valid_from="2026-04-01"),
        item("D-02", "basic", "燃气经营专业检查", "3", duty_id="T-R01"),
        item("D-03", "cooperate", "房屋 安全", "1", lead_org_id="JC-FGJ", lead_duty="统一推进", local_duty="统一推进"),
        item("D-04", "no_certificate", "房屋安全证明", "1", legal_basis="惯例"),
        item("D-05", "reclaimed", "危房鉴定", "1", lead_org_id="JC-FGJ", work_mode="牵头部门承接", valid_to=STEP),
        item("D-05", "basic", "危房鉴定", "4", valid_from=STEP, list_version="2026-12-31"),
    ]
