"""Duty lists: which holds for whom, what a version changed, and the fourteen rules on them, worked by hand."""

from __future__ import annotations

from datetime import date
from typing import Any

import polars as pl
import pytest

from expectations.datasets import DATASETS
from expectations.datasets.duty_item import DUTY_KIND
from scoring.burden.duty_list_problems import (
    DUTY_LIST_RULES,
    DutyRegister,
    duty_list_problems,
    duty_references,
)
from scoring.burden.duty_lists import (
    DUTY_KINDS,
    diff_versions,
    duty_check,
    headline_totals,
    lists_in_force,
    unit_items,
)
from scoring.tables.duty_lists import DUTY_LIST_PROBLEM
from tests.support.burden_rows import burden_frame, burden_row, organisations, records

DAY = date(2026, 3, 31)
FIRST, SECOND = date(2026, 1, 1), date(2026, 7, 1)
CERTIFICATES = ("亲属关系证明", "健在证明")

COUNTY = organisations(
    {"org_id": "QY-D01"},
    {"org_id": "QY-D02"},
    {"org_id": "QY-T01", "org_kind": "township", "level": "township", "parent_org_id": "QY-D01"},
    {"org_id": "QY-T02", "org_kind": "township", "level": "township"},
    {"org_id": "QY-V01", "org_kind": "village", "level": "village"},
    {"org_id": "QY-C01", "org_kind": "community", "level": "village"},
)


def item(duty_id: str, duty_kind: str = "basic", **columns: Any) -> dict[str, Any]:
    """One item of the township list, clean in every respect."""
    usual: dict[str, Any] = {
        "list_id": "QY-TOWN",
        "duty_id": duty_id,
        "scope_kind": "township",
        "duty_kind": duty_kind,
        "seq_no": 1,
        "duty_name": f"事项 {duty_id}",
        "list_version": "2026-1",
        "valid_from": FIRST,
    }
    if duty_kind in {"cooperate", "reclaimed", "village_assist", "forbidden"}:
        usual["lead_org_id"] = "QY-D01"
    if duty_kind == "cooperate":
        usual |= {"lead_duty": "制定方案、提供经费", "local_duty": "通知居民", "work_mode": "牵头部门派单"}
    if duty_kind in {"village_assist", "no_certificate"}:
        usual["legal_basis"] = "《社会救助暂行办法》"
    return usual | columns


def village(duty_id: str, duty_kind: str, **columns: Any) -> dict[str, Any]:
    return item(duty_id, duty_kind, list_id="QY-VILLAGE", scope_kind="village") | columns


def certificate(place: int, name: str, **columns: Any) -> dict[str, Any]:
    return village(f"N{place}", "no_certificate", duty_name=name, seq_no=place, **columns)


def own_list(duty_id: str, duty_kind: str = "basic", **columns: Any) -> dict[str, Any]:
    return item(duty_id, duty_kind, list_id="QY-T02-OWN", scope_kind=None, scope_org_id="QY-T02", **columns)


CLEAN = (
    item("B1"),
    item("C1", "cooperate"),
    item("R1", "reclaimed"),
    village("S1", "village_statutory"),
    village("A1", "village_assist"),
    village("F1", "forbidden"),
    certificate(1, "亲属关系证明"),
    certificate(2, "健在证明（本人）"),
    item("R1", "basic", list_id="QY-D01-OWN", scope_kind=None, scope_org_id="QY-D01"),
)


def duties(*rows: dict[str, Any]) -> pl.DataFrame:
    return records("duty_item", *rows)


def admission(admission_id: str = "ZR-1", **columns: Any) -> dict[str, Any]:
    usual = {"applicant_org_id": "QY-D02", "task_name": "种植补贴核实", "target_scope": "all_townships"}
    dates = {"requested_at": FIRST, "decided_at": date(2026, 2, 1), "valid_from": date(2026, 3, 1)}
    return {"admission_id": admission_id, "decision": "approved", "task_kind": "temp_task"} | usual | dates | columns


def problems(*rows: dict[str, Any], day: date = DAY, **given: Any) -> list[tuple[str, str, str, str]]:
    """rule, list_id, list_version, duty_id of every problem."""
    admissions = given.pop("admissions", records("task_admission"))
    register = DutyRegister(duties(*rows), COUNTY, admissions, day, CERTIFICATES, **given)
    found = duty_list_problems(register, "2026M03")
    return list(found.select("rule", "list_id", "list_version", "duty_id").iter_rows())


def broken(changed: str, **columns: Any) -> list[tuple[str, str, str, str]]:
    """Problems of the clean lists with one item changed (on every list that has it but a department's)."""
    rows = [row | columns if row["duty_id"] == changed and row["list_id"] != "QY-D01-OWN" else row for row in CLEAN]
    return problems(*rows)


def test_the_kinds_are_those_of_the_contract() -> None:
    assert set(DUTY_KINDS) == {code.value for code in DUTY_KIND}
    assert {code for code, kind in DUTY_KINDS.items() if not kind.may_be_asked} == {
        "reclaimed", "forbidden", "no_certificate",
    }  # fmt: skip


# Which list holds


def test_a_list_of_its_own_replaces_the_list_of_the_kind_for_the_days_it_is_in_force() -> None:
    listed = duties(*CLEAN, own_list("X1", valid_from=date(2026, 2, 1), valid_to=date(2026, 4, 1)))
    units = COUNTY.select("org_id", "org_kind")
    before = unit_items(units, listed, date(2026, 1, 31)).filter(org_id="QY-T02")
    during = unit_items(units, listed, date(2026, 2, 1)).filter(org_id="QY-T02")
    after = unit_items(units, listed, date(2026, 4, 1)).filter(org_id="QY-T02")
    assert during["duty_id"].to_list() == ["X1"]
    assert before["duty_id"].to_list() == after["duty_id"].to_list() == ["B1", "C1", "R1"]
    others = unit_items(units, listed, date(2026, 2, 1))
    assert set(others["org_id"]) == {"QY-D01", "QY-T01", "QY-T02", "QY-V01"}, "no list is for communities"


def test_the_list_that_holds_is_named_with_its_version_and_totals() -> None:
    later = item("B2", seq_no=2, list_version="2026-2", valid_from=date(2026, 3, 1))
    found = lists_in_force(COUNTY.filter(org_id="QY-T01"), duties(*CLEAN, later), DAY)
    assert found.rows() == [
        ("QY-T01", "QY-TOWN", "2026-2", date(2026, 3, 1), "basic", 2),
        ("QY-T01", "QY-TOWN", "2026-2", date(2026, 3, 1), "cooperate", 1),
        ("QY-T01", "QY-TOWN", "2026-2", date(2026, 3, 1), "reclaimed", 1),
    ]


def essay_lists() -> list[dict[str, Any]]:
    township = {"basic": 97, "cooperate": 112, "reclaimed": 93}
    in_village = {"village_statutory": 76, "village_assist": 65, "forbidden": 13, "no_certificate": 42}
    return [
        make(f"{kind}-{place}", kind, seq_no=place)
        for make, totals in ((item, township), (village, in_village))
        for kind, total in totals.items()
        for place in range(1, total + 1)
    ]


def test_the_essays_lists_have_their_headline_totals() -> None:
    """A town sorted 1,808 tasks into 97 basic, 112 cooperating and 93 reclaimed items; its villages have 196."""
    listed = duties(*essay_lists())
    totals = {(name, kind): n for name, _, kind, n in headline_totals(listed).iter_rows()}
    assert totals == {
        ("QY-TOWN", "basic"): 97,
        ("QY-TOWN", "cooperate"): 112,
        ("QY-TOWN", "reclaimed"): 93,
        ("QY-VILLAGE", "village_statutory"): 76,
        ("QY-VILLAGE", "village_assist"): 65,
        ("QY-VILLAGE", "forbidden"): 13,
        ("QY-VILLAGE", "no_certificate"): 42,
    }
    by_list = lists_in_force(COUNTY, listed, DAY).group_by("org_id").agg(pl.col("n").sum())
    assert dict(by_list.iter_rows()) == {"QY-T01": 302, "QY-T02": 302, "QY-V01": 196}


def test_totals_of_a_day_are_those_of_the_version_in_force() -> None:
    rows = [
        item("B1", valid_to=SECOND),
        item("B1", valid_from=SECOND, list_version="2026-2"),
        item("B2", seq_no=2, valid_from=SECOND, list_version="2026-2"),
    ]
    assert headline_totals(duties(*rows), day=date(2026, 6, 30)).rows() == [("QY-TOWN", "2026-1", "basic", 1)]
    assert headline_totals(duties(*rows), day=SECOND).rows() == [("QY-TOWN", "2026-2", "basic", 2)]


# What a version changed


def second(duty_id: str, duty_kind: str = "basic", **columns: Any) -> dict[str, Any]:
    return item(duty_id, duty_kind, valid_from=SECOND, list_version="2026-2") | columns


def changes(*new: dict[str, Any], admissions: pl.DataFrame | None = None) -> list[tuple[Any, ...]]:
    old = [item("B1"), item("C1", "cooperate"), item("R1", "reclaimed")]
    rows = [row | {"valid_to": SECOND} for row in old]
    found = diff_versions(duties(*rows, *new), "QY-TOWN", "2026-1", "2026-2", admissions=admissions)
    columns = ("change", "duty_id", "old_duty_kind", "duty_kind", "admission_id", "lacks_admission")
    return found.select(columns).rows()


def test_a_version_that_restates_everything_changes_nothing() -> None:
    assert changes(second("B1"), second("C1", "cooperate"), second("R1", "reclaimed")) == []


def test_added_removed_moved_and_reworded_items_are_told_apart() -> None:
    found = changes(
        second("B9"),
        second("B1", duty_name="受理群众诉求并答复"),
        second("C1", "basic"),
    )
    assert found == [
        ("added", "B9", None, "basic", None, False),
        ("removed", "R1", "reclaimed", None, None, False),
        ("moved", "C1", "cooperate", "basic", None, False),
        ("reworded", "B1", "basic", "basic", None, False),
        ("reworded", "C1", "cooperate", "basic", None, False),
        ("new_lead", "C1", "cooperate", "basic", None, False),
    ]


def test_spaces_and_punctuation_reword_nothing() -> None:
    assert changes(second("B1", duty_name="事项：B1 。"), second("C1", "cooperate"), second("R1", "reclaimed")) == []


def test_a_version_may_hold_only_what_changed() -> None:
    rows = [item("B1"), item("C1", "cooperate", valid_to=SECOND), second("C1", "basic"), item("R1", "reclaimed")]
    found = diff_versions(duties(*rows), "QY-TOWN", "2026-1", "2026-2")
    assert found.filter(change="moved")["duty_id"].to_list() == ["C1"]
    assert found.filter(pl.col("change").is_in(["added", "removed"])).is_empty()


@pytest.mark.parametrize("kind", ["basic", "cooperate"])
def test_a_reclaimed_item_comes_back_only_by_an_admission(kind: str) -> None:
    rest = (second("B1"), second("C1", "cooperate"))
    assert ("moved", "R1", "reclaimed", kind, None, True) in changes(*rest, second("R1", kind))
    named = second("R1", kind, change_reason="经清溪准入 ZR-7 同意下放")
    approved = records("task_admission", admission("ZR-7"))
    assert ("moved", "R1", "reclaimed", kind, "ZR-7", False) in changes(*rest, named, admissions=approved)
    about = records("task_admission", admission("ZR-8", task_kind="duty_change", duty_id="R1"))
    assert ("moved", "R1", "reclaimed", kind, "ZR-8", False) in changes(*rest, second("R1", kind), admissions=about)


@pytest.mark.parametrize(
    "columns",
    [{"decision": "rejected"}, {"decided_at": date(2026, 7, 2)}, {"decided_at": None}, {"admission_id": "ZR-9"}],
)
def test_a_refused_late_or_other_admission_brings_nothing_back(columns: dict[str, Any]) -> None:
    named = second("R1", change_reason="ZR-7")
    given = records("task_admission", admission("ZR-7") | columns)
    found = changes(second("B1"), second("C1", "cooperate"), named, admissions=given)
    assert ("moved", "R1", "reclaimed", "basic", None, True) in found


def test_a_reclaimed_item_under_a_new_number_is_still_a_move() -> None:
    again = second("B7", "basic", duty_name="事项 R1")
    found = changes(second("B1"), second("C1", "cooperate"), again)
    assert found == [("moved", "B7", "reclaimed", "basic", None, True)]
    same_kind = second("R7", "reclaimed", duty_name="事项 R1")
    assert changes(second("B1"), second("C1", "cooperate"), same_kind) == [
        ("renumbered", "R7", "reclaimed", "reclaimed", None, False)
    ]


def test_an_unknown_version_is_refused_with_those_there_are() -> None:
    with pytest.raises(ValueError, match="no version 2027-1: it has 2026-1; give"):
        diff_versions(duties(*CLEAN), "QY-TOWN", "2026-1", "2027-1")


# duty check


def check(unit: str, day: date, *rows: dict[str, Any], admitted: Any = (), **given: Any) -> list[dict[str, Any]]:
    return duty_check(unit, day, duties(*rows), records("task_admission", *admitted), COUNTY, **given).to_dicts()


def test_the_check_says_kind_lead_version_and_what_may_be_asked() -> None:
    found = {row["duty_id"]: row for row in check("QY-T01", DAY, *CLEAN)}
    assert {
        duty: (row["duty_kind"], row["lead_org_id"], row["may_be_asked"], row["scored"]) for duty, row in found.items()
    } == {
        "B1": ("basic", None, True, "yes"),
        "C1": ("cooperate", "QY-D01", True, "local_duty"),
        "R1": ("reclaimed", "QY-D01", False, "never"),
    }
    assert {(row["basis"], row["since_version"], row["since"]) for row in found.values()} == {("duty", "2026-1", FIRST)}


def test_since_reaches_back_over_versions_but_not_over_a_move_or_a_gap() -> None:
    rows = [
        item("B1", valid_to=date(2026, 2, 1)),
        item("B1", valid_from=date(2026, 2, 1), valid_to=date(2026, 3, 1), list_version="2026-2"),
        item("B1", "cooperate", valid_from=date(2026, 3, 1), list_version="2026-3"),
        item("B2", valid_to=date(2026, 2, 1)),
        item("B2", valid_from=date(2026, 2, 15), list_version="2026-2"),
    ]
    first = {row["duty_id"]: (row["since_version"], row["since"]) for row in check("QY-T01", date(2026, 2, 20), *rows)}
    assert first == {"B1": ("2026-1", FIRST), "B2": ("2026-2", date(2026, 2, 15))}
    later = {row["duty_id"]: (row["since_version"], row["since"]) for row in check("QY-T01", DAY, *rows)}
    assert later["B1"] == ("2026-3", date(2026, 3, 1))


def test_the_check_names_the_admissions_that_cover_the_unit_that_day() -> None:
    admitted = (
        admission("ZR-1", valid_to=date(2026, 4, 1), duty_id="C1"),
        admission("ZR-2", target_scope="QY-T02;QY-V01"),
        admission("ZR-3", decision="rejected"),
        admission("ZR-4", decision="exited", valid_to=date(2026, 3, 31)),
        admission("ZR-5", decision="exited", evaluated_at=date(2026, 4, 1)),
        admission("ZR-6", valid_from=None),
    )
    covered = [(row["admission_id"], row["lead_org_id"]) for row in check("QY-T01", DAY, admitted=admitted)]
    assert covered == [("ZR-5", "QY-D02"), ("ZR-1", "QY-D02")]
    assert check("QY-T01", date(2026, 4, 1), admitted=admitted) == []
    assert [row["admission_id"] for row in check("QY-V01", DAY, admitted=admitted)] == ["ZR-2"]
    one = check("QY-T01", DAY, *CLEAN, admitted=admitted, duty_id="C1")
    assert [(row["basis"], row["duty_id"]) for row in one] == [("admission", "C1"), ("duty", "C1")]


def test_a_unit_that_is_not_on_the_register_is_refused() -> None:
    with pytest.raises(ValueError, match="QY-T99 is not on the register that day: check the id"):
        check("QY-T99", DAY, *CLEAN)


# DL-01 to DL-14


def test_clean_lists_have_no_problem() -> None:
    assert problems(*CLEAN) == []


def test_every_rule_has_its_level() -> None:
    assert list(DUTY_LIST_RULES) == [f"DL-{number:02}" for number in range(1, 15)]
    levels = {"critical": (1, 2, 3, 5, 6, 9, 14), "warning": (4, 7, 8, 10, 11, 13), "info": (12,)}
    assert {rule.rule: rule.level for rule in DUTY_LIST_RULES.values()} == {
        f"DL-{number:02}": level for level, numbers in levels.items() for number in numbers
    }


def test_all_problems_come_at_once_in_the_declared_table() -> None:
    register = DutyRegister(
        duties(item("C1", "cooperate", lead_org_id=None, seq_no=2)), COUNTY, records("task_admission"), DAY, ()
    )
    found = duty_list_problems(register, "2026M03")
    assert found.schema == pl.Schema(DUTY_LIST_PROBLEM.schema)
    assert found.select("rule", "level", "duty_id", "detail").rows() == [
        ("DL-02", "critical", "C1", "lead_org_id missing; duty_kind=cooperate"),
        ("DL-08", "warning", "*", "duty_kind=cooperate; items=1; numbers=1; first=2; last=2"),
    ]


def test_dl_01_overlap_and_unexplained_gap() -> None:
    new = item("B1", list_version="2026-2", valid_from=date(2026, 2, 1))
    rest = [row for row in CLEAN if row["duty_id"] != "B1"]
    overlap = ("DL-01", "QY-TOWN", "2026-1", "B1")
    assert overlap in problems(*rest, item("B1"), new)
    assert overlap in problems(*rest, item("B1", valid_to=date(2026, 2, 2)), new)
    assert problems(*rest, item("B1", valid_to=date(2026, 2, 1)), new) == []
    assert problems(*rest, item("B1", valid_to=date(2026, 1, 31)), new) == [overlap]
    assert problems(*rest, item("B1", valid_to=date(2026, 1, 31)), new | {"change_reason": "机构改革后恢复"}) == []


@pytest.mark.parametrize("duty", ["C1", "R1", "A1", "F1"])
def test_dl_02_lead_missing_unknown_or_not_above_the_unit(duty: str) -> None:
    name = "QY-VILLAGE" if duty in {"A1", "F1"} else "QY-TOWN"
    row = ("DL-02", name, "2026-1", duty)
    peer = "QY-V01" if name == "QY-VILLAGE" else "QY-T01"
    for lead in (None, "QY-D99", peer):
        assert [each for each in broken(duty, lead_org_id=lead) if each[0] == "DL-02"] == [row]
    assert [each for each in broken("A1", lead_org_id="QY-T01") if each[0] == "DL-02"] == [], "above a village"


def test_dl_02_reads_the_level_of_the_unit_a_list_is_for() -> None:
    mine = own_list("X1", "cooperate", lead_org_id="QY-T01")
    assert ("DL-02", "QY-T02-OWN", "2026-1", "X1") in problems(*CLEAN, mine)
    assert problems(*CLEAN, mine | {"lead_org_id": "QY-D02"}) == []


def test_dl_03_one_kind_per_duty_and_per_name() -> None:
    twice = item("B1", "cooperate", list_id="QY-TOWN-EXTRA")
    found = problems(*CLEAN, twice)
    assert [each for each in found if each[0] == "DL-03"] == [
        ("DL-03", "QY-TOWN", "2026-1", "B1"),
        ("DL-03", "QY-TOWN-EXTRA", "2026-1", "B1"),
    ]
    renamed = broken("C1", duty_name="事项：B1")
    assert [each[3] for each in renamed if each[0] == "DL-03"] == ["B1", "C1"]
    successive = [item("B1", valid_to=SECOND), second("B1", "cooperate")]
    rest = [row for row in CLEAN if row["duty_id"] != "B1"]
    assert [each for each in problems(*rest, *successive) if each[0] == "DL-03"] == [], "one kind on each day"


def test_dl_03_leaves_lists_of_different_units_alone() -> None:
    assert [each for each in problems(*CLEAN, own_list("B1", "cooperate")) if each[0] == "DL-03"] == []


def test_dl_04_a_reclaimed_item_has_a_counterpart() -> None:
    assert broken("R1", duty_id="R2", duty_name="燃气检查") == [("DL-04", "QY-TOWN", "2026-1", "R2")]
    assert broken("R1", duty_id="R2", duty_name="事项 R1") == [], "the same name is a counterpart too"
    assert broken("R1", lead_org_id="QY-D02") == [("DL-04", "QY-TOWN", "2026-1", "*")], "one line for a missing list"


@pytest.mark.parametrize(
    "columns",
    [{"lead_duty": None}, {"local_duty": "  "}, {"lead_duty": "通知居民", "local_duty": "通知居民。"}],
)
def test_dl_05_a_cooperating_item_says_who_does_what(columns: dict[str, Any]) -> None:
    assert broken("C1", **columns) == [("DL-05", "QY-TOWN", "2026-1", "C1")]


def test_dl_06_village_and_township_kinds_stay_apart() -> None:
    assert ("DL-06", "QY-TOWN", "2026-1", "B1") in broken("B1", duty_kind="village_statutory")
    assert ("DL-06", "QY-VILLAGE", "2026-1", "S1") in broken("S1", duty_kind="basic")
    assert [each for each in broken("S1", scope_kind="community") if each[0] == "DL-06"] == []
    assert [each for each in broken("B1", scope_kind="subdistrict") if each[0] == "DL-06"] == []
    wrong = own_list("X1", "village_statutory")
    assert ("DL-06", "QY-T02-OWN", "2026-1", "X1") in problems(*CLEAN, wrong), "by the kind of the unit it is for"


@pytest.mark.parametrize(
    ("basis", "cited"),
    [
        ("《社会救助暂行办法》", True),
        ("清溪政发〔2026〕12号", True),
        ("民发[2020]20 号", True),
        ("上级要求", False),
        (None, False),
    ],
)
def test_dl_07_a_law_rule_or_numbered_document_is_cited(basis: str | None, cited: bool) -> None:
    for duty in ("A1", "N1"):
        assert broken(duty, legal_basis=basis) == ([] if cited else [("DL-07", "QY-VILLAGE", "2026-1", duty)])


@pytest.mark.parametrize("numbers", [(1, 1), (1, 3), (2, 3), (1, None)])
def test_dl_08_numbers_run_from_one_without_gap(numbers: tuple[int, int | None]) -> None:
    assert problems(*CLEAN, item("B2", seq_no=2)) == []
    rest = [row for row in CLEAN if row["duty_id"] != "B1"]
    listed = [item("B1", seq_no=numbers[0]), item("B2", seq_no=numbers[1])]
    assert problems(*rest, *listed) == [("DL-08", "QY-TOWN", "2026-1", "*")]


def test_dl_08_totals_are_the_headline_numbers() -> None:
    schema = {"list_id": pl.String, "list_version": pl.String, "duty_kind": pl.String, "n": pl.Int64}
    town = [("QY-TOWN", "2026-1", kind, n) for kind, n in (("basic", 97), ("cooperate", 112), ("reclaimed", 93))]

    def totals(rows: list[tuple[str, str, str, int]]) -> list[str]:
        headlines = pl.DataFrame(rows, schema=schema, orient="row")
        register = DutyRegister(duties(*essay_lists()), COUNTY, records("task_admission"), DAY, (), headlines=headlines)
        return duty_list_problems(register, "P").filter(rule="DL-08")["detail"].to_list()

    assert totals(town) == []
    assert totals([town[0], ("QY-TOWN", "2026-1", "cooperate", 111), town[2]]) == [
        "duty_kind=cooperate; items=112; headline=111"
    ]
    assert totals(town[:2]) == ["duty_kind=reclaimed; items=93; headline="]


def test_dl_09_versions_follow_one_another() -> None:
    rest = [row for row in CLEAN if row["duty_id"] != "C1"]
    assert problems(*rest, item("C1", "cooperate", list_version="2026-1B")) == [("DL-09", "QY-TOWN", "2026-1B", "*")]


def test_dl_09_a_reclaimed_item_comes_back_only_by_an_admission() -> None:
    rest = [row for row in CLEAN if row["duty_id"] != "R1"]
    moved = [item("R1", "reclaimed", valid_to=SECOND), second("R1", seq_no=2)]
    lacking = ("DL-09", "QY-TOWN", "2026-2", "R1")
    assert lacking in problems(*rest, *moved)
    admitted = records("task_admission", admission(task_kind="duty_change", duty_id="R1"))
    assert lacking not in problems(*rest, *moved, admissions=admitted)


@pytest.mark.parametrize(
    ("version", "early"),
    [("2026-01-01", False), ("2026-01-02", True), ("20260102", True), ("2026年1月2日", True), ("2026-1", False)],
)
def test_dl_10_not_in_force_before_publication(version: str, early: bool) -> None:
    found = [each for each in broken("S1", list_version=version) if each[0] == "DL-10"]
    assert found == ([("DL-10", "QY-VILLAGE", version, "*")] if early else [])


def test_dl_11_professional_enforcement_is_no_basic_duty() -> None:
    assert broken("B1", duty_name="特种设备安全检查") == [("DL-11", "QY-TOWN", "2026-1", "B1")]
    assert broken("C1", duty_name="特种设备安全检查") == []


def test_dl_12_cooperating_items_without_a_way_of_working() -> None:
    register = DutyRegister(
        duties(*CLEAN, item("C2", "cooperate", seq_no=2, work_mode=" ")), COUNTY, records("task_admission"), DAY, ()
    )
    found = duty_list_problems(register, "P")
    assert found.select("rule", "level", "detail").rows() == [("DL-12", "info", "without_work_mode=1; items=2")]


def test_dl_13_a_village_list_covers_the_national_batch() -> None:
    register = DutyRegister(duties(*CLEAN), COUNTY, records("task_admission"), DAY, (*CERTIFICATES, "死亡证明"))
    assert duty_list_problems(register, "P").select("rule", "list_id", "duty_id", "detail").rows() == [
        ("DL-13", "QY-VILLAGE", "*", "scope=village; missing=1; certificates=死亡证明")
    ]
    mine = item("S9", "village_statutory", list_id="QY-V01-OWN", scope_kind=None, scope_org_id="QY-V01")
    assert problems(*CLEAN, mine) == [("DL-13", "QY-V01-OWN", "2026-1", "*")], "a village's own list has them itself"


def test_dl_14_what_points_to_a_duty_that_is_gone() -> None:
    indicators = records(
        "indicator",
        {"indicator_id": "I-1", "duty_id": "B1"},
        {"indicator_id": "I-2", "duty_id": "B9"},
        {"indicator_id": "I-3"},
    )
    facts = burden_frame(
        [
            burden_row(burden_kind="report_form", source_ref="F-1", duty_id="B2", start_date=date(2026, 3, 1)),
            burden_row(burden_kind="report_form", source_ref="F-2", duty_id="B2", start_date=date(2026, 2, 28)),
            burden_row(burden_kind="meeting", source_ref="F-3", duty_id="B9"),
        ]
    )
    references = duty_references(indicators, facts, DAY)
    ended = item("B2", seq_no=2, valid_to=date(2026, 3, 1))
    found = problems(*CLEAN, ended, references=references)
    assert found == [("DL-14", "*", "*", "B9"), ("DL-14", "QY-TOWN", "2026-1", "B2")]
    assert references["what"].to_list() == [
        "indicator I-1", "indicator I-2", "report_form QY-D01 F-1", "report_form QY-D01 F-2",
    ]  # fmt: skip


def test_items_that_are_over_are_not_judged_on_what_they_say() -> None:
    gone = item("C9", "cooperate", lead_org_id="QY-D99", list_id="QY-OLD", valid_to=DAY)
    assert problems(*CLEAN, gone) == []


def test_the_schema_of_the_contract_is_enough() -> None:
    empty = pl.DataFrame(schema=DATASETS["duty_item"].stored_schema)
    register = DutyRegister(empty, COUNTY, records("task_admission"), DAY, CERTIFICATES)
    assert duty_list_problems(register, "P").is_empty()
