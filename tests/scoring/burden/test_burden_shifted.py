"""The shifted-burden watch on small counties worked out by hand."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date
from math import comb, erf, log, sqrt
from typing import Any

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from scoring.burden.inputs import BurdenInputs, Window
from scoring.burden.parameters import Parameter, Parameters
from scoring.burden.shifted import PAIRS, UnitMonths, control_rate, shifted_burden, substitution_low, years
from scoring.tables.burden_watch import BURDEN_SHIFT

WINDOW = Window("2026-12", date(2026, 12, 1), date(2027, 1, 1))
LEVELS = {"PRO": 5, "AGR": 3, "WAT": 3, "EDU": 3, "HQ": 3, "TOWN": 2, "HILL": 2, "V1": 1}
ORGANISATIONS = pl.DataFrame(
    {
        "org_id": list(LEVELS),
        "level_rank": list(LEVELS.values()),
        "parent_org_id": [None, "COUNTY", "COUNTY", "COUNTY", "AGR", "COUNTY", "OTHER", "TOWN"],
        "peer_group": [None, "county", "county", "county", "county", "town", "town", "village"],
    },
    schema_overrides={"level_rank": pl.Int8},
)
EQUAL = UnitMonths(2_400, 2_400)
FACT = {
    "burden_kind": pl.String,
    "burden_subkind": pl.String,
    "measure": pl.String,
    "issuer_org_id": pl.String,
    "target_org_id": pl.String,
    "source_ref": pl.String,
    "doc_no": pl.String,
    "title": pl.String,
    "start_date": pl.Date,
    "quantity": pl.Int64,
    "channel": pl.String,
    "plan_no": pl.String,
    "matter": pl.String,
    "parent_source_ref": pl.String,
    "origin_org_id": pl.String,
    "subject_org_id": pl.String,
    "is_exempt": pl.Boolean,
    "is_duplicate": pl.Boolean,
    "issuer_kind": pl.String,
    "issuer_level_rank": pl.Int8,
    "feature_list": pl.List(pl.String),
    "minutes": pl.Int64,
}


def parameters(**changed: float | tuple[str, ...]) -> Parameters:
    values: dict[str, float | tuple[str, ...]] = {
        "share_min": 0.3,
        "fdr": 0.05,
        "draws": 2_000,
        "official_min": 30,
        "informal_min": 15,
        "history_months": 24,
    }
    named = {f"shift.{name}": value for name, value in (values | changed).items() if name != "campaign_allowed"}
    named["campaign.allowed"] = changed.get("campaign_allowed", ())
    return Parameters({name: Parameter(name, value, "", "J") for name, value in named.items()})


def fact(kind: str, day: date, reference: str, **given: Any) -> dict[str, Any]:
    issuer = given.get("issuer_org_id", "AGR")
    row = {
        "burden_kind": kind,
        "measure": "flow",
        "issuer_org_id": issuer,
        "target_org_id": "V1",
        "source_ref": reference,
        "title": reference,
        "start_date": day,
        "subject_org_id": issuer,
        "is_exempt": False,
        "is_duplicate": False,
        "issuer_kind": "county_gov_dept",
        "issuer_level_rank": LEVELS.get(issuer, 3),
        "feature_list": [],
        "minutes": 60,
    }
    return dict.fromkeys(FACT) | row | given


def spread(kind: str, before: int, now: int, **given: Any) -> list[dict[str, Any]]:
    """Events spread evenly over the months of 2025 and of 2026, each with a reference of its own."""
    name = "/".join(str(value) for value in (kind, *given.values()))
    return [
        fact(kind, date(year, 1 + k % 12, 1 + k // 12 % 28), f"{name}/{year}/{k}", **given)
        for year, n in ((2025, before), (2026, now))
        for k in range(n)
    ]


def county(
    rows: Sequence[dict[str, Any]], window: Window = WINDOW, since: date | None = date(2025, 1, 1)
) -> BurdenInputs:
    empty = pl.DataFrame()
    return BurdenInputs(
        window=window,
        facts=pl.LazyFrame(rows, schema=FACT),
        organisations=ORGANISATIONS,
        bearers=empty,
        duties=empty,
        admissions=empty,
        grants=empty,
        form_fields=empty,
        indicators=empty,
        performance=empty.lazy(),
        verifications=empty,
        findings=empty,
        history_start=since,
    )


def run(rows: Sequence[dict[str, Any]], previous: pl.DataFrame | None = None, **given: Any) -> pl.DataFrame:
    unit_months = given.pop("unit_months", EQUAL)
    inputs = county(rows, given.pop("window", WINDOW), given.pop("since", date(2025, 1, 1)))
    table = shifted_burden(inputs, parameters(**given), unit_months, previous)
    assert table.schema == BURDEN_SHIFT.schema
    return table


def row(table: pl.DataFrame, pair: str = "SP-1", subject: str = "AGR") -> dict[str, Any]:
    (found,) = table.filter((pl.col("pair") == pair) & (pl.col("subject_org_id") == subject)).to_dicts()
    return found


def counted(found: dict[str, Any]) -> tuple[int, ...]:
    names = ("official_before", "official_now", "informal_before", "informal_now")
    return tuple(found[name] for name in names)


def at_most(successes: int, trials: int) -> float:
    return sum(comb(trials, k) for k in range(successes + 1)) / 2**trials


def earlier(table: pl.DataFrame) -> pl.DataFrame:
    """The same table as the run of the month before."""
    return table.with_columns(period_id=pl.lit("2026-11"))


CLEAR = spread("document", 120, 60) + spread("work_reminder", 20, 60)


def test_a_shift_is_shown_when_it_repeats() -> None:
    first = run(CLEAR)
    assert (row(first)["state"], row(first)["signal"]) == ("NO_EVIDENCE", 1)
    second = run(CLEAR, earlier(first))
    found = row(second)
    assert (found["state"], found["signal"], found["result_type"]) == ("SHIFT", 1, "watch")
    assert counted(found) == (120, 60, 20, 60)
    assert set(second["result_type"]) == {"watch"}


def test_a_sign_of_another_pair_or_without_a_sign_before_does_not_count_as_repeated() -> None:
    other = earlier(run(spread("meeting", 120, 60) + spread("video_conf", 20, 60)))
    assert row(other, "SP-2")["signal"] == 1
    assert row(run(CLEAR, other))["state"] == "NO_EVIDENCE"


def test_the_earlier_run_must_be_of_another_period() -> None:
    with pytest.raises(ValueError, match="same period"):
        run(CLEAR, run(CLEAR))


def test_figures_of_one_pair_by_hand() -> None:
    """60 to 40 documents of 60 minutes, 10 to 30 reminders of 30: 1200 minutes less, 600 more."""
    found = row(run(spread("document", 60, 40) + spread("work_reminder", 10, 30, minutes=30)))
    assert counted(found) == (60, 40, 10, 30)
    assert found["dispersion"] == 1.0
    assert found["p_fall"] == pytest.approx(at_most(40, 100), abs=1e-6)
    assert found["p_rise"] == pytest.approx(at_most(10, 40), abs=1e-6)
    assert f"{found['p_value']:.3f}" == "0.028"
    assert found["p_fall_two_sided"] == pytest.approx(2 * at_most(40, 100), abs=2e-6)
    assert found["q_value"] == found["p_value"]
    assert (found["official_minutes_before"], found["official_minutes_now"]) == (3_600, 2_400)
    assert (found["informal_minutes_before"], found["informal_minutes_now"]) == (300, 900)
    assert found["substitution_share"] == 0.5
    assert found["minutes_per_unit_month_before"] == pytest.approx(3_900 / 2_400)
    assert found["minutes_per_unit_month_now"] == pytest.approx(3_300 / 2_400)
    assert (found["unit_months_before"], found["unit_months_now"], found["n_bearers"]) == (2_400, 2_400, 1)


def test_exposure_enters_tests_and_size() -> None:
    """Twice the unit-months now: 60 to 40 is 60 to 20 a unit-month, and 15 to 30 reminders is no rise."""
    found = row(run(spread("document", 60, 40) + spread("work_reminder", 15, 30), unit_months=UnitMonths(1_200, 2_400)))
    chances = [comb(100, k) * 2**k / 3**100 for k in range(41)]
    assert found["p_fall"] == pytest.approx(sum(chances), abs=1e-6)
    assert found["p_rise"] > 0.5
    assert found["substitution_share"] == 0.0
    assert found["minutes_per_unit_month_now"] == pytest.approx(70 * 60 / 2_400)


@pytest.mark.parametrize("months", [(0, 1), (-5, 10)])
def test_unit_months_have_to_be_positive(months: tuple[int, int]) -> None:
    with pytest.raises(ValueError, match="both have to be positive"):
        UnitMonths(*months)


def test_dispersion_is_pooled_over_peers_arms_and_months_and_makes_the_test_normal() -> None:
    """A peer with 24 documents in one January and none in the next: (24 - 0)^2 / 24 = 24.

    The 60 to 40 documents fall by 5 to 4 in four months and by 5 to 3 in eight: 4/9 + 8/2 over 12; the 15 to 39
    reminders rise by 2 to 4 in three and 1 to 3 in nine: 3 x 4/6 + 9 x 4/4. Other peer groups have no part in it.
    """
    own = spread("document", 60, 40) + spread("work_reminder", 15, 39)
    peer = [fact("document", date(2025, 1, 9), f"W{k}", issuer_org_id="WAT") for k in range(24)]
    far = [fact("document", date(2025, 1, 9), f"P{k}", issuer_org_id="PRO") for k in range(400)]
    found = row(run(own + peer + far))
    phi = (24 + 4 * 1 / 9 + 8 * 4 / 8 + 3 * 4 / 6 + 9 * 4 / 4) / (1 + 12 + 12)
    assert found["dispersion"] == pytest.approx(phi, abs=1e-6)
    z = log(60 / 40) / sqrt(phi * (1 / 60 + 1 / 40))
    assert found["p_fall"] == pytest.approx(0.5 - 0.5 * erf(z / sqrt(2)), abs=1e-6)


@pytest.mark.parametrize(
    ("official", "informal", "state"),
    [
        ((15, 15), (5, 10), "NO_EVIDENCE"),
        ((15, 14), (5, 10), "INSUFFICIENT_COUNTS"),
        ((15, 15), (5, 9), "INSUFFICIENT_COUNTS"),
    ],
)
def test_too_few_events_are_said_plainly(official: tuple[int, int], informal: tuple[int, int], state: str) -> None:
    found = row(run(spread("document", *official) + spread("work_reminder", *informal)))
    assert found["state"] == state
    assert (found["p_value"] is None) == (state == "INSUFFICIENT_COUNTS")
    assert found["signal"] == 0


@pytest.mark.parametrize(
    ("since", "state"),
    [
        (date(2025, 1, 1), "NO_EVIDENCE"),
        (date(2025, 1, 2), "INSUFFICIENT_HISTORY"),
        (None, "INSUFFICIENT_HISTORY"),
    ],
)
def test_less_than_24_months_are_no_history(since: date | None, state: str) -> None:
    found = row(run(CLEAR, since=since))
    assert found["state"] == state
    assert counted(found) == (120, 60, 20, 60)
    assert (found["p_value"] is None) == (state == "INSUFFICIENT_HISTORY")


def test_a_small_substitution_is_no_sign() -> None:
    """Reminders rise as clearly as before, but take a minute where documents took sixty."""
    found = row(run(spread("document", 120, 60) + spread("work_reminder", 20, 60, minutes=1)))
    assert found["q_value"] < 0.001
    assert found["substitution_low"] < found["substitution_share"] == pytest.approx(40 / 3_600, abs=1e-6)
    assert found["signal"] == 0


def test_documents_that_fell_without_an_informal_rise_are_no_sign() -> None:
    found = row(run(spread("document", 120, 60) + spread("work_reminder", 40, 40)))
    assert (found["state"], found["signal"], found["substitution_share"]) == ("NO_EVIDENCE", 0, 0.0)


def test_minutes_that_did_not_fall_have_no_share() -> None:
    found = row(run(spread("document", 60, 60) + spread("work_reminder", 20, 60)))
    assert (found["substitution_share"], found["substitution_low"], found["signal"]) == (None, None, 0)


def test_false_discoveries_are_held_over_departments_and_pairs() -> None:
    """One p-value of .028 alone is a sign; beside two tests without one its q-value is three times that."""
    weak = spread("document", 60, 40) + spread("work_reminder", 10, 30)
    quiet = spread("meeting", 30, 30) + spread("video_conf", 10, 10)
    flat = spread("inspection", 30, 30, issuer_org_id="WAT") + spread("survey_visit", 10, 10, issuer_org_id="WAT")
    assert row(run(weak))["signal"] == 1
    found = row(run(weak + quiet + flat))
    assert found["q_value"] == pytest.approx(3 * found["p_value"], abs=2e-6)
    assert found["signal"] == 0


def test_the_control_is_the_same_test_with_the_arms_exchanged() -> None:
    turned = run(spread("document", 20, 60) + spread("work_reminder", 120, 60))
    found = row(turned)
    assert (found["signal"], found["control_signal"]) == (0, 1)
    assert found["control_p_value"] == row(run(CLEAR))["p_value"]
    assert control_rate(turned).filter(pl.col("pair").is_in(["*", "SP-1", "SP-2"])).rows() == [
        ("*", 1, 1, 1.0),
        ("SP-1", 1, 1, 1.0),
        ("SP-2", 0, 0, None),
    ]
    assert row(run(CLEAR))["control_signal"] == 0


EXEMPT_FLOOD = spread("video_conf", 10, 70, is_exempt=True)


def test_exempt_rows_and_duplicates_do_not_count() -> None:
    """A flood year with many emergency meetings online, and a register that repeats rows."""
    rows = spread("meeting", 120, 60) + spread("video_conf", 20, 20) + EXEMPT_FLOOD
    rows += spread("video_conf", 0, 80, is_duplicate=True)
    assert counted(row(run(rows), "SP-2")) == (120, 60, 20, 20)


def test_events_outside_the_24_months_do_not_count() -> None:
    outside = [fact("document", day, f"O{day}") for day in (date(2024, 12, 31), date(2027, 1, 1))]
    assert counted(row(run(CLEAR + outside))) == (120, 60, 20, 60)


def test_one_notice_to_many_villages_is_one_event_and_all_its_minutes() -> None:
    notice = [fact("document", date(2026, 3, 1), "N", target_org_id=f"V{k}", minutes=5) for k in range(260)]
    found = row(run(CLEAR + notice))
    assert counted(found) == (120, 61, 20, 60)
    assert found["official_minutes_now"] == 60 * 60 + 260 * 5
    assert found["n_bearers"] == 260


def test_villages_and_townships_are_no_subjects() -> None:
    rows = [spread("document", 60, 30, issuer_org_id=who) for who in ("V1", "TOWN", "AGR", "PRO")]
    rows.append(spread("document", 60, 30, issuer_org_id="V1", subject_org_id=None))
    assert set(run([fact for part in rows for fact in part])["subject_org_id"]) == {"AGR", "PRO"}


def test_every_pair_is_told_for_a_department_with_any_event() -> None:
    table = run(CLEAR)
    assert table["pair"].to_list() == sorted(pair.code for pair in PAIRS)
    assert set(table.filter(pl.col("pair") != "SP-1")["state"]) == {"INSUFFICIENT_COUNTS"}


def test_nothing_recorded_nothing_told() -> None:
    assert run([]).height == 0


DAY = {2025: date(2025, 6, 1), 2026: date(2026, 6, 1)}


@pytest.mark.parametrize(
    ("pair", "official", "informal", "neither"),
    [
        ("SP-1", {"kind": "document"}, {"kind": "work_reminder"}, {"kind": "temp_task", "channel": "paper"}),
        ("SP-1", {"kind": "document"}, {"kind": "temp_task", "channel": "chat_group"}, {"kind": "temp_task"}),
        ("SP-2", {"kind": "meeting"}, {"kind": "video_conf"}, {"kind": "check_in"}),
        ("SP-3", {"kind": "inspection"}, {"kind": "survey_visit"}, {"kind": "assessment"}),
        ("SP-4", {"kind": "report_form"}, {"kind": "report_form", "channel": "email"}, {"kind": "check_in"}),
        (
            "SP-4",
            {"kind": "report_form", "channel": "form_platform"},
            {"kind": "report_form", "channel": "chat_group"},
            {"kind": "document", "channel": "app"},
        ),
        (
            "SP-5",
            {"kind": "work_group", "measure": "stock"},
            {"kind": "app", "measure": "stock", "feature_list": ["points_rank", "check_in"]},
            {"kind": "app", "measure": "stock", "feature_list": ["usage_target"]},
        ),
        ("SP-6", {"kind": "assessment"}, {"kind": "usage_ranking"}, {"kind": "campaign"}),
        ("SP-7", {"kind": "campaign", "plan_no": "L1"}, {"kind": "campaign"}, {"kind": "sign"}),
        (
            "SP-7",
            {"kind": "campaign", "plan_no": "L1"},
            {"kind": "campaign", "plan_no": "L1", "issuer_kind": "other"},
            {"kind": "sign"},
        ),
        (
            "SP-8",
            {"kind": "secondment", "burden_subkind": "借调"},
            {"kind": "secondment", "burden_subkind": "跟班学习（6个月）"},
            {"kind": "temp_task", "burden_subkind": "专班"},
        ),
        (
            "SP-9",
            {"kind": "document"},
            {"kind": "document", "issuer_kind": "coordinating_body", "issuer_org_id": "HQ", "subject_org_id": "AGR"},
            {"kind": "meeting", "issuer_kind": "coordinating_body", "issuer_org_id": "HQ", "subject_org_id": "AGR"},
        ),
    ],
)
def test_what_belongs_to_each_arm(
    pair: str, official: dict[str, Any], informal: dict[str, Any], neither: dict[str, Any]
) -> None:
    """Four official events then and three now, one informal then and two now, and others that are neither."""
    rows = [
        fact(
            given["kind"],
            DAY[year],
            f"{name}{year}{k}",
            **{key: value for key, value in given.items() if key != "kind"},
        )
        for name, given, numbers in (("o", official, (4, 3)), ("i", informal, (1, 2)), ("n", neither, (5, 6)))
        for year, n in zip(DAY, numbers, strict=True)
        for k in range(n)
    ]
    assert counted(row(run(rows), pair)) == (4, 3, 1, 2)


def test_campaigns_are_official_while_the_list_names_them() -> None:
    rows = [fact("campaign", day, f"{plan}{day}", plan_no=plan) for day in DAY.values() for plan in ("L1", "L2", None)]
    assert counted(row(run(rows, campaign_allowed=("L1",)), "SP-7")) == (1, 1, 2, 2)
    assert counted(row(run(rows), "SP-7")) == (2, 2, 1, 1)


def test_a_cascade_is_charged_to_the_department_whose_matter_it_carries() -> None:
    """TOWN is in the county of AGR and WAT; HILL is elsewhere; flood control is both departments' matter."""
    own = [
        fact("document", DAY[2025], "A1", matter="orchard survey"),
        fact("meeting", DAY[2026], "A2", matter="flood control"),
        fact("meeting", DAY[2026], "W1", matter="flood control", issuer_org_id="WAT"),
        fact("document", DAY[2026], "A3"),
    ]
    town = [
        fact("meeting", DAY[2026], "T1", matter="orchard survey", issuer_org_id="TOWN", target_org_id="V1"),
        fact("meeting", DAY[2026], "T2", matter="orchard survey", issuer_org_id="TOWN", target_org_id="V2"),
        fact("meeting", DAY[2026], "T3", matter="flood control", issuer_org_id="TOWN"),
        fact("document", DAY[2026], "T4", matter="flood control", issuer_org_id="TOWN", origin_org_id="WAT"),
        fact("document", DAY[2026], "T5", issuer_org_id="TOWN", origin_org_id="WAT", subject_org_id="WAT"),
        fact("document", DAY[2026], "T6", matter="market day", issuer_org_id="TOWN"),
        fact("document", DAY[2026], "H1", matter="orchard survey", issuer_org_id="HILL"),
    ]
    table = run(own + town)
    assert counted(row(table, "SP-10")) == (1, 1, 0, 2)
    assert counted(row(table, "SP-10", "WAT")) == (0, 1, 0, 2)
    assert row(table, "SP-10")["n_bearers"] == 2
    # The relay that passed a demand on unchanged is no further document of its origin.
    assert counted(row(table, "SP-9", "WAT")) == (0, 0, 0, 0)


def test_a_stock_counts_on_its_last_day_of_each_year_and_is_never_summed() -> None:
    days = {date(2025, 6, 30): 40, date(2025, 12, 31): 36, date(2026, 6, 30): 30, date(2026, 12, 30): 20}
    groups = [
        fact("work_group", day, f"G{k}", measure="stock", target_org_id=f"V{k % 2}")
        for day, n in days.items()
        for k in range(n)
    ]
    apps = [
        fact("app", day, f"A{k}", measure="stock", feature_list=["check_in"])
        for day, n in zip(days, (2, 4, 9, 12), strict=True)
        for k in range(n)
    ]
    none_left = fact("work_group", date(2026, 12, 30), "G-none", measure="stock", quantity=0)
    gone = [fact("work_group", date(2026, 12, 31), "G-gone", measure="stock", quantity=0, issuer_org_id="WAT")]
    gone.append(fact("work_group", date(2026, 6, 30), "G-was", measure="stock", issuer_org_id="WAT"))
    gone.append(fact("document", date(2026, 6, 30), "W1", issuer_org_id="WAT"))
    table = run([*groups, *apps, *gone, none_left])
    assert counted(row(table, "SP-5", "WAT")) == (0, 0, 0, 0)
    found = row(table, "SP-5")
    assert counted(found) == (36, 20, 4, 12)
    assert found["official_minutes_before"] == 36 * 60
    # One cell per arm: 16^2 / 56 + 8^2 / 16 over two degrees of freedom.
    assert found["dispersion"] == pytest.approx((256 / 56 + 4) / 2, abs=1e-6)


def test_the_two_years_end_with_the_period_whatever_its_length() -> None:
    now, before = years(Window("2026-H1", date(2026, 1, 1), date(2026, 7, 1)))
    assert (now.start, now.end, before.start, before.end) == (
        date(2025, 7, 1),
        date(2026, 7, 1),
        date(2024, 7, 1),
        date(2025, 7, 1),
    )


def test_months_are_counted_from_the_day_the_period_ends_on() -> None:
    """Period to 15 June: 20 June of either year is in the month from 15 May, not in that of 10 May."""
    window = Window("P", date(2026, 5, 15), date(2026, 6, 15))
    days = [date(2024, 6, 20)] * 9 + [date(2025, 6, 20)] * 1 + [date(2025, 6, 10)] * 8 + [date(2026, 6, 10)] * 2
    rows = [fact("document", day, f"D{k}") for k, day in enumerate(days)]
    found = row(run(rows, window=window, since=date(2024, 6, 15)))
    assert counted(found)[:2] == (17, 3)
    assert found["dispersion"] == pytest.approx((64 / 10 + 36 / 10) / 2, abs=1e-6)


def test_the_lower_bound_is_a_tenth_of_the_draws() -> None:
    """100 to 50 events of 60 minutes, 10 to 60 informal ones of 60: share 1, by the delta method sd .29."""
    events = pl.DataFrame(
        {
            "is_official": [False, False, True, True],
            "is_now": [False, True, False, True],
            "minutes": [60] * 4,
            "n": [10, 60, 100, 50],
        }
    )
    low = substitution_low(events, EQUAL, draws=2_000, seed=7)
    assert low is not None
    # P(rise - t fall < 0) = .1 with rise ~ (50, sd sqrt 70), fall ~ (50, sd sqrt 150): t = .694.
    assert low == pytest.approx(0.694, abs=0.03)
    assert low == substitution_low(events, EQUAL, draws=2_000, seed=7)
    assert low != substitution_low(events, EQUAL, draws=2_000, seed=8)


def test_the_lower_bound_is_of_minutes_per_unit_month() -> None:
    """Twice the unit-months now: 100 to 100 is 100 to 50 (sd 5), 10 to 120 is 10 to 60 (sd sqrt 30): t = .734."""
    events = pl.DataFrame(
        {
            "is_official": [False, False, True, True],
            "is_now": [False, True, False, True],
            "minutes": [60] * 4,
            "n": [10, 120, 100, 100],
        }
    )
    low = substitution_low(events, UnitMonths(1_200, 2_400), draws=2_000, seed=7)
    assert low == pytest.approx(0.734, abs=0.03)


def test_the_lower_bound_is_none_where_minutes_may_not_have_fallen() -> None:
    events = pl.DataFrame(
        {"is_official": [True, True, False], "is_now": [False, True, True], "minutes": [60] * 3, "n": [10, 9, 50]}
    )
    assert substitution_low(events, EQUAL, draws=500, seed=1) is None


@settings(max_examples=15, deadline=None)
@given(st.data())
def test_splitting_a_notice_and_mixing_rows_change_no_test(data: st.DataObject) -> None:
    """One row becomes two rows of the same event with its minutes shared out; then all rows are mixed."""
    chosen = data.draw(st.sets(st.integers(0, len(CLEAR) - 1), min_size=1, max_size=20))
    rows = []
    for place, given_row in enumerate(CLEAR):
        if place not in chosen:
            rows.append(given_row)
            continue
        part = data.draw(st.integers(0, given_row["minutes"]))
        rows.append(given_row | {"minutes": part})
        rows.append(given_row | {"minutes": given_row["minutes"] - part, "target_org_id": f"X{place}"})
    data.draw(st.randoms()).shuffle(rows)
    assert run(rows).drop("n_bearers").equals(run(CLEAR).drop("n_bearers"))


def test_a_bound_does_not_depend_on_what_else_is_tested() -> None:
    beside = spread("meeting", 120, 60, issuer_org_id="EDU") + spread("video_conf", 20, 60, issuer_org_id="EDU")
    assert row(run(CLEAR))["substitution_low"] == row(run(CLEAR + beside))["substitution_low"]
