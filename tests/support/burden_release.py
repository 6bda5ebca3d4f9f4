"""Published releases about burden, built by hand: two departments, two periods, one row of everything.

Kept small so that a test can say what a command has to show by reading this file.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import timedelta
from typing import Any

import polars as pl

from scoring.scheme import SHIPPED_SCHEMES, load_schemes
from scoring.tables import RESULT_TABLES
from warehouse.database import Engine
from warehouse.ledger import save_periods
from warehouse.owners import utc_now
from warehouse.releases import Draft, mark_audited, publish, write_draft

PERIOD, EARLIER, OPEN = "2026Q1", "2025Q4", "2026Q2"
ROADS, FARMS = "D1", "D2"
NAMES = {ROADS: "清溪县交通局", FARMS: "清溪县农业局"}

_DAYS = {
    PERIOD: ("2026-01-01", "2026-04-01"),
    EARLIER: ("2025-10-01", "2026-01-01"),
    OPEN: ("2026-04-01", "2026-07-01"),
}

Rows = Mapping[str, list[dict[str, Any]]]


def account_row(by: str, *, n: int, before: int | None = None, **key: Any) -> dict[str, Any]:
    """A cell of the account with ``n`` rows, events and pieces of one hour each; ``before`` likewise."""
    is_flow = key.get("measure", "flow") == "flow"
    earlier = None if before is None or not is_flow else before * 60
    change = None if not before else (n - before) / before
    return {
        "by": by, "subject_org_id": "*", "bearer_org_id": "*", "burden_kind": "*", "measure": "flow",
        "counted_class": "*" if by.startswith("unit") else "streamlined", "n_rows": n, "n_events": n, "n_bearers": 8,
        "quantity": n, "minutes": n * 60 if is_flow else None, "unit_months": 24,
        "hours_per_unit_month": n / 24 if is_flow else None, "compare_period_id": "2025Q1", "n_rows_before": before,
        "n_events_before": before, "quantity_before": before, "minutes_before": earlier, "n_events_change": change,
        "quantity_change": change, "minutes_change": change, **key,
    }  # fmt: skip


def results_of_quarter() -> Rows:
    """The quarter: documents of the roads department fell from 316 to 226, and more of it stands in every table."""
    roads, farms = {"subject_org_id": ROADS}, {"subject_org_id": FARMS}
    one_list = {"list_id": "QX", "list_version": "2026", "detail": "-"}
    group = {"peer_group": "经济"}
    shift = {"pair": "SP-1", "peer_group": "经济", "result_type": "watch"}
    return {
        "department_score": [{"ratee_org_id": org, "org_name": name, **group} for org, name in NAMES.items()],
        "frame_member": [
            {"role": "may_rate", "org_id": "V1", "org_name": "石桥村", "other_org_id": "*"},
            {"role": "may_rate", "org_id": "V2", "org_name": "=1+1村", "other_org_id": "*"},
        ],
        "burden_account": [
            account_row("department", n=226, before=316, **roads),
            account_row("department", n=9, before=0, **farms, n_bearers=2, shown_to_department=False),
            account_row("department_kind", n=226, before=316, burden_kind="document", **roads),
            account_row("department_kind", n=9, before=0, burden_kind="meeting", **farms, shown_to_department=False),
            account_row("department_kind", n=12, burden_kind="sign", measure="stock", **roads),
            account_row("unit", n=120, before=160, bearer_org_id="V1"),
            account_row("unit_kind", n=120, before=160, bearer_org_id="V1", burden_kind="document"),
            account_row("kind", n=226, before=316, burden_kind="document"),
            account_row("kind", n=9, before=0, burden_kind="meeting"),
        ],
        "burden_flag": [
            {"form_code": "DOC-01", **roads, "result_type": "load", "param_id": "*", "value": -0.2848, "n": 226,
             "denominator": 316, "n_bearers": 8},
            {"form_code": "DOC-03", **roads, "result_type": "breach", "param_id": "document.words_general",
             "value": 6200.0, "threshold": 5000.0, "n": 2, "denominator": 40, "n_bearers": 8,
             "evidence_refs": "清交〔2026〕7号;清交〔2026〕9号"},
            {"form_code": "DOC-05", **roads, "result_type": "breach", "param_id": "document.duplicate_share_max",
             "value": 0.2, "threshold": 0.05, "n": 3, "denominator": 15, "n_bearers": 3,
             "evidence_refs": "SECRET-1", "reason_codes": "FEW_BEARERS"},
            {"form_code": "DOC-04", **roads, "result_type": "watch", "param_id": "document.similarity_watch",
             "value": 0.8, "threshold": 0.7, "n": 1, "denominator": 40, "n_bearers": 6},
            {"form_code": "DOC-02", "subject_org_id": "*", "result_type": "not_measurable", "param_id": "*",
             "missing_columns": "plan_no", "reason_codes": "NOT_MEASURABLE"},
        ],
        "register_completeness": [
            {"issuer_org_id": ROADS, "n_issuer": 120, "n_receiving": 90, "n_matched": 60, "n_bearers": 8,
             "completeness": 0.667, "hidden_total": 180, "scored_register": "receiving_register"},
        ],
        "duty_list_problem": [
            {"rule": "DL-12", "level": "info", **one_list, "duty_id": "B2"},
            {"rule": "DL-09", "level": "critical", **one_list, "duty_id": "B1"},
        ],
        "off_list_task": [
            {"org_id": "V1", **roads, "duty_id": "*", "why": "names_nothing", "burden_kinds": "document;temp_task",
             "n_rows": 3, "first_day": "2026-01-05", "last_day": "2026-03-09", "evidence_refs": "R-7"},
            {"org_id": "V2", **farms, "duty_id": "B1", "why": "reclaimed", "lead_org_id": FARMS,
             "burden_kinds": "report_form", "n_rows": 1, "first_day": "2026-02-05", "last_day": "2026-02-05"},
        ],
        "admission_breach": [
            {"admission_id": "A-1", "breach": "2b", "detail": "-", **roads, "subject_role": "applicant",
             "result_type": "breach", "step": "ADM-2", "breach_on": "2026-02-01", "days": 12},
            {"admission_id": "*", "breach": "1a", "detail": "-", **farms, "subject_role": "issuer",
             "result_type": "breach", "step": "ADM-1", "breach_on": "2026-02-03", "n": 4, "n_bearers": 4,
             "evidence_refs": "SECRET-2"},
        ],
        "consistency_coverage": [
            {**roads, "n_events": 40, "n_reviewed": 10, "coverage": 0.25, "n_passed": 10, "n_drawn": 3},
        ],
        "resource_ratio": [
            {"admission_id": "A-1", "receiving_org_id": "*", "kind": "funding_yuan", **roads, "promised": "100000",
             "granted": "60000", "ratio": 0.6, "threshold": 0.9, "state": "short"},
        ],
        "staffing_norm": [
            {"org_id": "V1", "org_name": "石桥村", "staff": 10, "urban_population": 9000, "per_10000": 11.1,
             "norm": 18.0, "needed": 17, "missing": 7},
        ],
        "duplicate_datum": [
            {"datum_id": "户数", "field_name": "户数", "n_forms": 4, "n_issuers": 3, "n_units": 8, "form_ids": "F1;F2",
             "first_form_id": "F1", "n_asks": 96, "n_surplus": 72, "hours": 6.0},
        ],
        "overlap_pair": [
            {"pair_kind": "form", "left_id": "F1", "right_id": "F2", "left_name": "人口报表", "right_name": "户籍台账",
             "left_org_id": ROADS, "right_org_id": FARMS, "n_shared": 5, "share": 0.5, "hours": 3.0},
        ],
        "unused_field": [
            {"form_id": "F1", "field_name": "党员数", "form_name": "人口报表", "issuer_org_id": ROADS,
             "datum_id": "党员数", "n_units": 8, "n_asks": 96, "hours": 8.0},
        ],
        "finding_count": [{**roads, "n_found": 3, "n_open": 1, "n_overdue": 1, "overdue_findings": "F-3"}],
        "monitoring_point": [{"org_id": "V1", "org_name": "石桥村", "n_own_rows": 40, "state": "trusted"}],
        "verification_rate": [{"source_org_id": ROADS, "n_drawn": 30, "n_checked": 28, "error_rate": 0.107}],
        "burden_shift": [
            {**shift, **roads, "state": "SHIFT", "official_before": 60, "official_now": 30, "informal_before": 20,
             "informal_now": 70, "substitution_share": 0.8, "substitution_low": 0.5, "q_value": 0.01, "p_value": 0.002,
             "n_bearers": 4, "signal": 1, "control_signal": 0},
            {**shift, **farms, "state": "INSUFFICIENT_COUNTS", "n_bearers": 8},
        ],
        "slack_watch": [
            {"indicator_id": "GREEN", "ended_from": "2025Q1", "result_type": "watch", "state": "NO_EVIDENCE",
             "estimate": -0.4},
        ],
        "false_data_watch": [
            {"pattern_code": "FAL-01", **farms, "indicator_id": "GREEN", "compared_with": "*", "state": "FLAGGED",
             "n": 50, "n_min": 30, "n_found": 41, "size": 0.32, "p_value": 0.0001, "q_value": 0.001,
             "next_step": "verify", "evidence": "41 of 50"},
            {"pattern_code": "FAL-05", **farms, "indicator_id": "*", "compared_with": "*", "state": "NOT_MEASURABLE",
             "missing_columns": "entered_at", "next_step": "none"},
        ],
    }  # fmt: skip


def results_of_quarter_before() -> Rows:
    """The quarter before: fewer documents, and a campaign of the farm department that has ended since."""
    return {
        "burden_account": [
            account_row("department", n=200, subject_org_id=ROADS),
            account_row("department", n=4, subject_org_id=FARMS),
            account_row("kind", n=200, burden_kind="document"),
            account_row("kind", n=4, burden_kind="campaign"),
        ]
    }


def table_of(name: str, rows: list[dict[str, Any]], period_id: str) -> pl.DataFrame:
    """Rows of a result: what a row does not name is empty, or zero, yes or ``-`` where it may not be."""
    table = RESULT_TABLES[name]
    fill = {pl.String(): "-", pl.Int64(): 0, pl.Boolean(): True}

    def whole(row: Mapping[str, Any]) -> dict[str, Any]:
        given = {"period_id": period_id, **row}
        unknown = set(given) - set(table.schema)
        assert not unknown, f"{name} has no column {unknown}"
        absent = {each.name: None if each.nullable else fill.get(each.dtype) for each in table.columns}
        return {**absent, **given}

    texts = {key: pl.String() if isinstance(dtype, pl.Decimal) else dtype for key, dtype in table.schema.items()}
    return table.conform(pl.DataFrame([whole(row) for row in rows], schema=texts, strict=False))


def publish_results(engine: Engine, period_id: str, rows: Rows) -> str:
    """A published release of a period with these rows and no others; returns its id."""
    scheme = load_schemes(SHIPPED_SCHEMES)[0]
    results = {name: table_of(name, given, period_id) for name, given in rows.items()}
    facts = {"scheme": scheme.model_dump(mode="json"), "scheme_hash": "aa" * 32, "inputs": [], "models": {}}
    release_id = write_draft(engine, Draft(period_id, None, scheme.scheme_id, "00" * 32, results, facts))
    mark_audited(engine, release_id)
    publish(engine, release_id, 0, "自动")
    return release_id


def publish_quarters(engine: Engine) -> None:
    """Three quarters: one published, the one before it published, the one after it open."""
    save_periods(
        engine,
        [
            {"period_id": period_id, "kind": "quarter", "start_date": start, "end_date": end,
             "cutoff_at": utc_now() - timedelta(days=1), "status": "open"}
            for period_id, (start, end) in _DAYS.items()
        ],
    )  # fmt: skip
    publish_results(engine, EARLIER, results_of_quarter_before())
    publish_results(engine, PERIOD, results_of_quarter())
