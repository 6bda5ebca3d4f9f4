"""Satisfaction of units against exact fractions, closed forms and the general survey estimator."""

from __future__ import annotations

import csv
import datetime as dt
import math
from collections import defaultdict
from collections.abc import Sequence
from decimal import Decimal
from fractions import Fraction
from math import floor
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from scoring.shrinkage import fay_herriot
from scoring.survey_design import LonelyRule, Stage, mean, survey_design
from scoring.tables.satisfaction import UNIT_SATISFACTION
from scoring.unit_satisfaction import SatisfactionParameters, unit_answer_moments, unit_satisfaction

DECIMAL = pl.Decimal(18, 6)
ITEMS = pl.DataFrame(
    [
        ("SAT", "1", "ROADS", Decimal(1), Decimal(5), "higher_better", Decimal("0.6")),
        ("SAT", "1", "WAIT", Decimal(0), Decimal(10), "lower_better", Decimal("0.3")),
        ("SAT", "1", "AGE", None, None, "higher_better", None),
    ],
    schema={
        "instrument_id": pl.String,
        "instrument_version": pl.String,
        "item_id": pl.String,
        "scale_min": DECIMAL,
        "scale_max": DECIMAL,
        "direction": pl.String,
        "weight": DECIMAL,
    },
    orient="row",
)
PARAMETERS = SatisfactionParameters(suppress_below=10, flag_below=30)
START = dt.datetime(2026, 7, 1, 8, tzinfo=dt.UTC)


def answer(
    respondent: str,
    place: str,
    score: float | str | None,
    *,
    item: str = "ROADS",
    weight: str | None = None,
    stratum: str | None = None,
    hour: int = 0,
    target: str | None = None,
    status: str = "answered",
) -> dict[str, Any]:
    return {
        "source_system": "poll",
        "survey_id": "S1",
        "submission_id": respondent,
        "instrument_id": "SAT",
        "item_id": item,
        "respondent_org_id": place,
        "target_org_id": target,
        "status": status,
        "score_raw": None if score is None else Decimal(str(score)),
        "weight": None if weight is None else Decimal(weight),
        "stratum": stratum,
        "submitted_at": START + dt.timedelta(hours=hour),
    }


def responses(rows: Sequence[dict[str, Any]]) -> pl.LazyFrame:
    schema: dict[str, Any] = dict.fromkeys(answer("", "", 1), pl.String)
    schema |= {"score_raw": DECIMAL, "weight": DECIMAL, "submitted_at": pl.Datetime("us", "UTC")}
    return pl.LazyFrame(list(rows), schema=schema)


def units(*org_ids: str, group: str | None = "平原", n_eligible: int | None = 100) -> pl.DataFrame:
    return pl.DataFrame(
        {
            "org_id": list(org_ids),
            "org_name": [f"{org_id} 村" for org_id in org_ids],
            "peer_group": [group] * len(org_ids),
            "n_eligible": [n_eligible] * len(org_ids),
        },
        schema={"org_id": pl.String, "org_name": pl.String, "peer_group": pl.String, "n_eligible": pl.Int64},
    )


def results(
    rows: Sequence[dict[str, Any]],
    organisations: pl.DataFrame,
    parameters: SatisfactionParameters = PARAMETERS,
) -> dict[str, dict[str, Any]]:
    found = unit_satisfaction(
        unit_answer_moments(responses(rows), ITEMS), organisations, period_id="2026Q3", parameters=parameters
    )
    assert dict(found.schema) == UNIT_SATISFACTION.schema
    return {row["org_id"]: row for row in found.iter_rows(named=True)}


def village(name: str, scores: Sequence[int], **kwargs: Any) -> list[dict[str, Any]]:
    return [answer(f"{name}{i:03}", name, score, hour=i, **kwargs) for i, score in enumerate(scores)]


def test_a_respondent_is_one_mean_of_the_own_answers() -> None:
    rows = [
        answer("a", "V1", 5, weight="2"),
        answer("a", "V1", 10, item="WAIT", weight="2"),
        answer("b", "V1", 2, hour=1),
        answer("b", "V1", None, item="WAIT", status="dont_know", hour=1),
        answer("c", "V1", None, status="refused", hour=2),
        answer("d", "V1", 40, item="AGE", hour=3),
        answer("e", "V1", 3, target="CG-A", hour=4),
    ]
    moments = unit_answer_moments(responses(rows), ITEMS)
    # a: (0.6 * 100 + 0.3 * 0) / 0.9 = 66.6667; b: 25. Ages are no satisfaction, the refusal no answer.
    w, y = (2_000_000, 1_000_000), (666_667, 250_000)
    assert moments.rows() == [
        (
            "CG-A",
            None,
            1,
            1,
            0,
            10**6,
            5 * 10**11,
            10**12,
            25 * 10**16,
            5 * 10**17,
            25 * 10**22,
            10**6,
            5 * 10**11,
            0,
            0,
        ),
        (
            "V1",
            None,
            2,
            1,
            1,
            sum(w),
            sum(a * b for a, b in zip(w, y, strict=True)),
            sum(a * a for a in w),
            sum(a * b * b for a, b in zip(w, y, strict=True)),
            sum(a * a * b for a, b in zip(w, y, strict=True)),
            sum(a * a * b * b for a, b in zip(w, y, strict=True)),
            w[0],
            w[0] * y[0],
            w[1],
            w[1] * y[1],
        ),
    ]


def test_top_two_counts_the_two_best_points_of_the_scale() -> None:
    rows = [answer(f"r{score}", "V1", score) for score in range(1, 6)]
    rows += [answer(f"w{score}", "V2", score, item="WAIT") for score in (0, 1, 2, 10)]
    moments = unit_answer_moments(responses(rows), ITEMS, statistic="top_two")
    assert dict(moments.select("org_id", pl.col("sum_wy") / 10**12).iter_rows()) == {"V1": 2.0, "V2": 2.0}


def half_up(x: Fraction) -> int:
    return floor(x + Fraction(1, 2))


def slow_variance(people: list[tuple[str, int, int]], rule: LonelyRule) -> Fraction | None:
    """Taylor variance of a weighted mean over strata of respondents, in exact fractions: (stratum, w, y)."""
    size = Fraction(sum(w for _, w, _ in people))
    average = sum(w * y for _, w, y in people) / size
    strata: dict[str, list[Fraction]] = defaultdict(list)
    for stratum, w, y in people:
        strata[stratum].append(w * (y - average) / size)
    variance, kept = Fraction(0), 0
    for parts in strata.values():
        n = len(parts)
        if n > 1:
            centre = sum(parts) / n
            variance += Fraction(n, n - 1) * sum((u - centre) ** 2 for u in parts)
            kept += 1
        elif rule == "adjust":
            variance += parts[0] ** 2
    if rule == "average":
        return variance * len(strata) / kept if kept else None
    return variance


person = st.tuples(st.sampled_from("xyz"), st.integers(1, 9_000_000), st.integers(1, 5))


@given(
    st.lists(st.lists(person, min_size=2, max_size=12), min_size=1, max_size=3),
    st.sampled_from(["adjust", "remove", "average"]),
)
@settings(max_examples=100, derandomize=True, deadline=None)
def test_means_and_errors_agree_with_exact_fractions_and_the_general_estimator(
    places: list[list[tuple[str, int, int]]], rule: LonelyRule
) -> None:
    rows = [
        answer(f"{p}-{i}", f"V{p}", score, stratum=stratum, weight=str(Decimal(w) / 10**6), hour=i)
        for p, people in enumerate(places)
        for i, (stratum, w, score) in enumerate(people)
    ]
    parameters = SatisfactionParameters(suppress_below=0, flag_below=0, shrink=False, lonely_psu=rule)
    found = results(rows, units(*[f"V{p}" for p in range(len(places))]), parameters)
    for p, people in enumerate(places):
        row = found[f"V{p}"]
        exact = [(stratum, w, 250_000 * (score - 1)) for stratum, w, score in people]
        average = Fraction(sum(w * y for _, w, y in exact), sum(w for _, w, _ in exact)) / 10_000
        assert row["mean_0_100"] == pytest.approx(float(average), abs=1e-6)
        # Rounded once, half up, from a float: at most one millionth from the exact value.
        assert abs(int(row["satisfaction_mean"] * 10**6) - half_up(average * 10**6)) <= 1
        sample = pl.DataFrame(exact, schema=["h", "w", "y"], orient="row")
        design = survey_design(sample, weight="w", stages=[Stage(stratum="h")], lonely_psu=rule)
        general = mean(design, sample["y"].cast(pl.Float64).to_numpy()).se / 10_000
        variance = slow_variance(exact, rule)
        if variance is None:
            assert row["se"] is None
            continue
        assert row["se"] == pytest.approx(math.sqrt(variance) / 10_000, abs=1e-6)
        assert row["se"] == pytest.approx(general, abs=1e-5)
        weights = np.array([w for _, w, _ in exact], dtype=float)
        assert row["n_eff"] == pytest.approx(weights.sum() ** 2 / (weights**2).sum(), abs=1e-6)


def test_large_samples_keep_their_own_error_and_small_ones_take_the_groups() -> None:
    """By hand, psi: V1 has 40 respondents of its own variance, V2 and V3 the pooled one over n."""
    people = {"V1": [1, 5] * 20, "V2": [4] * 12, "V3": [2, 3] * 10}
    found = results([row for name, scores in people.items() for row in village(name, scores)], units(*people))
    # Variances of persons: 2500 * 40/39, 0 and 156.25 * 20/19, so the pooled sum of squares is 100,000 + 3,125.
    pooled = (2500 * 40 + 156.25 * 20) / (39 + 11 + 19)
    psi = np.array([2500 / 39, pooled / 12, pooled / 20])
    fit = fay_herriot(np.array([50.0, 75.0, 37.5]), psi)
    for i, name in enumerate(people):
        assert found[name]["gamma"] == pytest.approx(fit.gamma[i], abs=1e-6)
        assert float(found[name]["satisfaction_mean"]) == pytest.approx(fit.estimate[i], abs=1e-6)
        assert found[name]["eb_se"] == pytest.approx(fit.se[i], abs=1e-6)
        half_width = 1.959963985 * fit.se[i]
        assert found[name]["ci_high"] - found[name]["ci_low"] == pytest.approx(2 * half_width, abs=1e-5)
    # Twelve people who all agree are not without error.
    assert found["V2"]["se"] == 0.0
    assert found["V2"]["eb_se"] > 1
    assert [found[name]["reason_codes"] for name in people] == [None, "SMALL_SAMPLE", "SMALL_SAMPLE"]


def test_many_who_all_agree_are_not_certain() -> None:
    people = {"V1": [1, 5] * 20, "V2": [4] * 40, "V3": [2, 3] * 20}
    found = results([row for name, scores in people.items() for row in village(name, scores)], units(*people))
    pooled = (2500 * 40 + 156.25 * 40) / (3 * 39)
    fit = fay_herriot(np.array([50.0, 75.0, 37.5]), np.array([2500 / 39, pooled / 40, 156.25 / 39]))
    assert found["V2"]["se"] == 0.0
    assert found["V2"]["eb_se"] == pytest.approx(fit.se[1], abs=1e-6)
    assert found["V2"]["gamma"] == pytest.approx(fit.gamma[1], abs=1e-6)


def test_few_respondents_are_marked_and_their_mean_moves_to_the_group() -> None:
    people = {"V1": [5] * 3, "V2": [1, 2, 3, 4, 5] * 12, "V3": [2, 3, 4] * 20, "V4": [1, 2, 3, 3] * 15}
    found = results([row for name, scores in people.items() for row in village(name, scores)], units(*people, "V5"))
    assert found["V1"]["reason_codes"] == "SUPPRESSED_SMALL_N"
    assert found["V1"]["mean_0_100"] == 100.0
    assert float(found["V1"]["satisfaction_mean"]) < 90
    assert found["V1"]["gamma"] < found["V3"]["gamma"]
    empty = found["V5"]
    assert empty["reason_codes"] == "NO_ANSWERS"
    assert empty["n_respondents"] == 0
    for name in ("mean_0_100", "se", "gamma", "satisfaction_mean", "eb_se", "n_eff", "early_late_difference"):
        assert empty[name] is None
    assert empty["response_rate"] == 0.0


def test_a_missing_unit_never_gets_the_mean_of_its_group() -> None:
    found = results(village("V1", [3, 4] * 10) + village("V2", [2, 4] * 10), units("V1", "V2", "V3"))
    assert found["V3"]["satisfaction_mean"] is None
    assert float(found["V1"]["satisfaction_mean"]) > 0


def test_a_unit_without_peers_keeps_its_own_mean() -> None:
    alone = results(village("V1", [3, 4] * 20), units("V1"))["V1"]
    assert (alone["gamma"], alone["mean_0_100"], float(alone["satisfaction_mean"])) == (1.0, 62.5, 62.5)
    assert alone["eb_se"] == alone["se"]
    assert alone["reason_codes"] == "NOT_SHRUNKEN"
    rows = village("V1", [3, 4] * 20) + village("V2", [5] * 40)
    loose = results(rows, units("V1", "V2", group=None))
    assert loose["V2"]["reason_codes"] == "NO_PEER_GROUP;NOT_SHRUNKEN"
    assert [float(loose[name]["satisfaction_mean"]) for name in ("V1", "V2")] == [62.5, 100.0]


def test_one_answer_alone_has_no_error() -> None:
    row = results(village("V1", [4]), units("V1"))["V1"]
    assert (row["mean_0_100"], row["se"], row["eb_se"], row["ci_low"]) == (75.0, None, None, None)


def test_peers_of_another_group_change_nothing() -> None:
    plains = {"V1": [1, 5] * 20, "V2": [4, 3] * 16, "V3": [2, 3] * 10}
    rows = [row for name, scores in plains.items() for row in village(name, scores)]
    before = results(rows, pl.concat([units(*plains), units("H1", group="山区")]))
    after = results(
        rows + village("H1", [1, 1, 1, 5] * 9) + village("H2", [5] * 40),
        pl.concat([units(*plains), units("H1", "H2", group="山区")]),
    )
    assert {name: after[name] for name in plains} == {name: before[name] for name in plains}


def test_early_less_late_and_the_response_rate() -> None:
    rows = [
        answer(f"r{i}", "V1", score, hour=i, weight=w) for i, (score, w) in enumerate([(5, "3"), (1, "1"), (2, "1")])
    ]
    found = results(rows, units("V1", n_eligible=12))["V1"]
    # Median moment is the second: early (3 * 100 + 0)/4 = 75, late 25.
    assert found["early_late_difference"] == 50.0
    assert found["response_rate"] == 0.25
    together = [answer(f"r{i}", "V1", 3) for i in range(4)]
    assert results(together, units("V1"))["V1"]["early_late_difference"] is None
    assert "MORE_ANSWERS_THAN_ELIGIBLE" in results(together, units("V1", n_eligible=3))["V1"]["reason_codes"]
    assert results(together, units("V1", n_eligible=3))["V1"]["response_rate"] is None
    unknown = results(together, units("V1").drop("n_eligible"))["V1"]
    assert unknown["response_rate"] is None
    assert "NO_ELIGIBLE_COUNT" in unknown["reason_codes"]


def test_calibrated_weights_replace_the_answers_own() -> None:
    rows = [answer("a", "V1", 5, weight="9"), answer("b", "V1", 1)]
    weights = pl.DataFrame(
        {
            "source_system": ["poll"] * 2,
            "survey_id": ["S1"] * 2,
            "submission_id": ["a", "b"],
            "weight": [Decimal(1), Decimal(3)],
        },
        schema_overrides={"weight": DECIMAL},
    )
    moments = unit_answer_moments(responses(rows), ITEMS, weights=weights)
    assert moments.select(pl.col("sum_wy") / pl.col("sum_w") / 10_000).item() == 25.0
    with pytest.raises(ValueError, match="no calibrated weight"):
        unit_answer_moments(responses(rows), ITEMS, weights=weights.head(1))


def test_sums_that_would_overflow_are_refused() -> None:
    fitting = [answer(f"r{i}", "V1", 5, weight="1000000") for i in range(100)]
    assert unit_answer_moments(responses(fitting), ITEMS)["sum_w2y2"].item() == 100 * 10**36
    with pytest.raises(ValueError, match="too large"):
        unit_answer_moments(responses([answer(f"r{i}", "V1", 5, weight="1000000") for i in range(171)]), ITEMS)


def test_an_unknown_item_is_refused_and_so_are_two_versions() -> None:
    with pytest.raises(ValueError, match="not in the instrument table"):
        unit_answer_moments(responses([answer("a", "V1", 5, item="PARKS")]), ITEMS)
    both = pl.concat([ITEMS, ITEMS.with_columns(instrument_version=pl.lit("2"))])
    with pytest.raises(ValueError, match="more than one version"):
        unit_answer_moments(responses([answer("a", "V1", 5)]), both)


def test_the_order_of_rows_and_the_names_of_respondents_change_nothing() -> None:
    generator = np.random.Generator(np.random.PCG64(5))
    draws = generator.integers([1, 0, 0, 1], [6, 2, 10, 401], (100, 4))
    rows = [
        answer(
            f"r{i}", f"V{i % 4 + 1}", int(score), stratum="xy"[half], hour=int(hour), weight=str(Decimal(int(w)) / 100)
        )
        for i, (score, half, hour, w) in enumerate(draws)
    ]
    plain = results(rows, units("V1", "V2", "V3", "V4"))
    renamed = [rows[i] | {"submission_id": rows[i]["submission_id"][::-1] + "q"} for i in generator.permutation(100)]
    assert results(renamed, units("V4", "V2", "V1", "V3")) == plain


def test_no_units_give_an_empty_table() -> None:
    moments = unit_answer_moments(responses(village("V1", [3, 4])), ITEMS)
    empty = unit_satisfaction(moments, units(), period_id="2026Q3", parameters=PARAMETERS)
    assert (empty.height, dict(empty.schema)) == (0, UNIT_SATISFACTION.schema)
    nobody = unit_satisfaction(moments.clear(), units("V1"), period_id="2026Q3", parameters=PARAMETERS)
    assert nobody["reason_codes"].to_list() == ["NO_ANSWERS"]


def test_districts_of_a_published_survey_agree_with_plain_arithmetic(realcases: Path) -> None:
    """Kansas City resident survey 2021: six districts, each respondent one mean of the own answers."""
    case = realcases / "satisfaction"
    people: dict[str, dict[str, list[int]]] = defaultdict(lambda: defaultdict(list))
    with (case / "survey_response__KCMO__2021Q3__v01.csv").open(encoding="utf-8", newline="") as file:
        for row in csv.DictReader(file):
            if row["status"] == "answered":
                people[row["respondent_org_id"]][row["submission_id"]].append(int(row["score_raw"]))
    items = pl.read_csv(case / "instrument_item__KCMO__2021Q3__v01.csv", infer_schema=False).with_columns(
        pl.col("scale_min", "scale_max", "weight").cast(DECIMAL)
    )
    rows = pl.scan_csv(case / "survey_response__KCMO__2021Q3__v01.csv", infer_schema=False).with_columns(
        pl.col("score_raw", "weight").cast(DECIMAL),
        pl.col("submitted_at").str.to_datetime(time_unit="us", time_zone="UTC"),
        stratum=pl.lit(None, pl.String),
    )
    organisations = pl.read_csv(case / "org_unit__KCMO__2021Q3__v01.csv", infer_schema=False)
    found = unit_satisfaction(
        unit_answer_moments(rows, items), organisations, period_id="2021Q3", parameters=PARAMETERS
    )
    assert found.height == 6
    exact: list[tuple[float, float]] = []
    for unit in found.iter_rows(named=True):
        values = [
            half_up(Fraction(sum(25 * (score - 1) for score in scores), len(scores)) * 10_000)
            for scores in people[unit["org_id"]].values()
        ]
        n = len(values)
        centre = Fraction(sum(values), n)
        variance = sum((y - centre) ** 2 for y in values) / (n - 1) / n / 10**8
        exact.append((float(centre) / 10_000, float(variance)))
        assert (unit["n_respondents"], unit["n_eff"]) == (n, n)
        assert unit["mean_0_100"] == pytest.approx(exact[-1][0], abs=1e-6)
        assert unit["se"] == pytest.approx(math.sqrt(variance), abs=1e-6)
    # The districts spread less than chance would have them: all get the precision-weighted mean.
    pooled = sum(y / psi for y, psi in exact) / sum(1 / psi for _, psi in exact)
    assert sum((y - pooled) ** 2 / psi for y, psi in exact) < 5
    assert found["satisfaction_mean"].cast(pl.Float64).to_list() == pytest.approx([pooled] * 6, abs=1e-6)
    assert found["reason_codes"].unique().to_list() == ["MEANS_NOT_DISTINGUISHABLE;NO_ELIGIBLE_COUNT"]
