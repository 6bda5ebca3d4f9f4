"""Three-year windows and the credit of successive office holders."""

from __future__ import annotations

from decimal import Decimal
from fractions import Fraction
from math import floor

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from scoring.latent import credit_shares, latent_values

DECIMAL = pl.Decimal(18, 6)
YEARS = ("2024", "2025", "2026")
INDICATORS = pl.DataFrame({"indicator_id": ["I1"], "min_cases": [10]})


def facts(values: dict[str, Decimal | None], denominators: dict[str, int] | None = None) -> pl.DataFrame:
    cases = denominators or {}
    return pl.DataFrame(
        {
            "indicator_id": "I1",
            "org_id": "V1",
            "period_id": list(values),
            "value": pl.Series(list(values.values()), dtype=DECIMAL),
            "denominator": pl.Series([cases.get(year) for year in values], dtype=DECIMAL),
        }
    )


def window(values: dict[str, Decimal | None], denominators: dict[str, int] | None = None) -> dict[str, object]:
    rows = latent_values(facts(values, denominators), INDICATORS, years=YEARS)
    assert rows.height == 1
    return rows.row(0, named=True)


amount = st.integers(-(10**9), 10**9).map(lambda n: Decimal(n).scaleb(-6))


@settings(max_examples=200, deadline=None, derandomize=True)
@given(st.dictionaries(st.sampled_from(YEARS), amount, min_size=1))
def test_the_window_is_the_mean_by_sixths_reweighted(values: dict[str, Decimal]) -> None:
    weights = {"2024": 1, "2025": 2, "2026": 3}
    whole = sum(weights[year] for year in values)
    row = window(dict(values))
    exact = sum((weights[year] * Fraction(value) for year, value in values.items()), Fraction(0)) / whole
    expected = Decimal(floor(exact * 10**6 + Fraction(1, 2))).scaleb(-6)
    assert row["value"] == (expected if whole >= 3 else None)
    assert row["baseline_value"] == values.get("2024")
    assert row["n_years"] == len(values)


def test_a_missing_year_is_reweighted_and_named_and_never_zero() -> None:
    row = window({"2025": Decimal(40), "2026": Decimal(60)})
    assert (row["value"], row["reason_codes"]) == (Decimal(52), "MISSING_YEAR")
    null = window({"2024": None, "2025": Decimal(40), "2026": Decimal(60)})
    assert (null["value"], null["baseline_value"]) == (Decimal(52), None)


def test_the_oldest_year_alone_is_not_enough() -> None:
    row = window({"2024": Decimal(40)})
    assert (row["value"], row["reason_codes"]) == (None, "MISSING_YEAR;TOO_FEW_YEARS")
    assert window({"2026": Decimal(40)})["value"] == Decimal(40)


def test_a_year_of_too_few_cases_is_a_missing_year() -> None:
    row = window({"2024": Decimal(0), "2025": Decimal(40), "2026": Decimal(60)}, {"2024": 9, "2025": 10, "2026": 99})
    assert (row["value"], row["baseline_value"], row["n_years"]) == (Decimal(52), None, 2)


def test_years_outside_the_window_do_not_count() -> None:
    row = window({"2023": Decimal(99), "2024": Decimal(1), "2025": Decimal(1), "2026": Decimal(1)})
    assert (row["value"], row["n_years"], row["reason_codes"]) == (Decimal(1), 3, None)


def test_a_window_that_makes_no_sense_is_refused() -> None:
    rows = facts({"2026": Decimal(1)})
    for years, weights in ((YEARS, (1, 2)), (YEARS, (0, 2, 3)), (("2026", "2026"), (1, 2)), ((), ())):
        with pytest.raises(ValueError, match="one weight"):
            latent_values(rows, INDICATORS, years=years, weights=weights)
    with pytest.raises(ValueError, match="two values"):
        latent_values(pl.concat([rows, rows]), INDICATORS, years=YEARS)


def earned(values: list[int | None]) -> pl.DataFrame:
    orgs = [f"V{number}" for number in range(len(values))]
    return pl.DataFrame(
        {"indicator_id": "I1", "org_id": orgs, "score100": values}, schema_overrides={"score100": pl.Int64}
    )


def posts(months: dict[str, list[int]]) -> pl.DataFrame:
    rows = [(org, f"h{number}", part) for org, parts in months.items() for number, part in enumerate(parts)]
    return pl.DataFrame(rows, schema={"org_id": pl.String, "holder_id": pl.String, "months": pl.Int64}, orient="row")


@settings(max_examples=200, deadline=None, derandomize=True)
@given(
    values=st.lists(st.integers(0, 105_000_000), min_size=1, max_size=4),
    months=st.lists(st.integers(0, 36_000_000), min_size=1, max_size=6).filter(any),
)
def test_the_credits_of_all_holders_add_up_exactly(values: list[int], months: list[int]) -> None:
    units = earned(values)
    found = credit_shares(units, posts(dict.fromkeys(units["org_id"], months)))
    sums = found.group_by("org_id").agg(pl.col("credit").sum()).sort("org_id")["credit"].to_list()
    assert sums == values
    whole = sum(months)
    for row in found.iter_rows(named=True):
        exact = Fraction(values[int(row["org_id"][1:])] * row["months"], whole)
        assert floor(exact) <= row["credit"] <= floor(exact) + 1
    ordered = found.sort("org_id", "months", "credit")
    # Longer in post never earns less.
    assert ordered.filter(pl.col("credit").diff().over("org_id") < 0).height == 0


def test_a_predecessors_groundwork_is_neither_lost_nor_stolen() -> None:
    found = credit_shares(earned([90_000_000]), posts({"V0": [30, 6]}))
    assert found["credit"].to_list() == [75_000_000, 15_000_000]


def test_left_over_units_go_to_the_largest_fraction_then_the_smaller_id() -> None:
    assert credit_shares(earned([100]), posts({"V0": [4, 4, 4]}))["credit"].to_list() == [34, 33, 33]
    # 100 * 5/11 = 45.45..., 100 * 3/11 = 27.27... twice.
    assert credit_shares(earned([100]), posts({"V0": [3, 3, 5]}))["credit"].to_list() == [27, 27, 46]


def test_a_missing_score_is_missing_for_every_holder() -> None:
    assert credit_shares(earned([None]), posts({"V0": [6, 6]}))["credit"].to_list() == [None, None]


def test_months_outside_any_post_and_negative_ones_are_refused_or_left_out() -> None:
    assert credit_shares(earned([7]), posts({"V0": [0]})).height == 0
    with pytest.raises(ValueError, match="not negative"):
        credit_shares(earned([7]), posts({"V0": [-1]}))
    with pytest.raises(ValueError, match="not negative"):
        credit_shares(earned([-7]), posts({"V0": [1]}))
    with pytest.raises(ValueError, match="twice"):
        credit_shares(earned([7]), pl.concat([posts({"V0": [1]})] * 2))
