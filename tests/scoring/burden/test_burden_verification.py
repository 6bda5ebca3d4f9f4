"""Verification: a committed, repeatable draw with exact probabilities, and error rates that count only answers."""

from __future__ import annotations

import hashlib
import itertools
from datetime import date
from typing import Any

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from scoring.burden.parameters import Parameters
from scoring.burden.verification import (
    DRAW_SCHEMA,
    POPULATION_SCHEMA,
    Draw,
    canonical,
    draw,
    error_rates,
    exact_interval,
    next_rate,
    performance_population,
)
from tests.support.burden_rows import parameters, records

NUMBERS: Parameters = parameters(
    verify__share_min=0.05, verify__rate_max=1.0, verify__error_max=0.05, verify__rate_step=2.0
)


def population(*strata: tuple[str, str, list[int]]) -> pl.DataFrame:
    """Facts by (source, indicator, risk of each)."""
    rows = [
        ("performance_fact", f'{{"indicator_id":"{indicator}","org_id":"V{n:03}"}}', source, indicator, risk)
        for source, indicator, risks in strata
        for n, risk in enumerate(risks)
    ]
    return pl.DataFrame(rows, schema=dict(POPULATION_SCHEMA), orient="row")


FACTS = population(("QY-D01", "WATER", [1] * 40), ("QY-D01", "ROAD", [1] * 10), ("QY-D02", "CLINIC", [3] + [1] * 19))


def answer(fact: str, outcome: str, draw_id: str, **columns: Any) -> dict[str, Any]:
    named = {"verification_id": f"K-{fact}", "dataset": "performance_fact", "verified_at": date(2026, 4, 1)}
    return {**named, "fact_key": fact, "outcome": outcome, "draw_id": draw_id, **columns}


def answered(drawn: Draw, outcomes: list[str]) -> pl.DataFrame:
    """Answers about the facts of a draw in the order of their keys, as many as there are outcomes."""
    keys = drawn.rows["fact_key"].to_list()
    given = [answer(key, outcome, drawn.draw_id) for key, outcome in zip(keys, outcomes, strict=False)]
    return records("verification_fact", *given)


def test_every_stratum_is_drawn_from_at_the_rate_of_its_source() -> None:
    drawn = draw(FACTS, {"QY-D01": 0.1, "QY-D02": 0.06}, seed=7)
    counts = drawn.rows.group_by("source_org_id", "indicator_id").agg(n=pl.len()).sort("indicator_id")
    # 10 % of 40 and of 10; 6 % of 20 is 1.2, rounded up.
    assert counts.rows() == [("QY-D02", "CLINIC", 2), ("QY-D01", "ROAD", 1), ("QY-D01", "WATER", 4)]
    assert drawn.sources.rows() == [("QY-D01", 50, 5, 0.1), ("QY-D02", 20, 2, 0.06)]
    water = drawn.rows.filter(pl.col("indicator_id") == "WATER")
    assert (water["probability_numerator"] / water["probability_denominator"]).unique().to_list() == [0.1]


def test_a_draw_repeats_and_does_not_depend_on_the_order_of_the_facts() -> None:
    drawn = draw(FACTS, {}, 7, rate=0.2)
    again = draw(FACTS.sample(fraction=1.0, shuffle=True, seed=3), {}, 7, rate=0.2)
    assert again.rows.equals(drawn.rows)
    assert again.commitment == drawn.commitment
    assert draw(FACTS, {}, 8, rate=0.2).commitment != drawn.commitment


def test_a_fact_more_in_one_stratum_changes_nothing_in_another() -> None:
    more = pl.concat([FACTS, population(("QY-D02", "CLINIC", [1] * 25))[20:]])
    kept = [draw(facts, {}, 7, rate=0.2).rows.filter(pl.col("source_org_id") == "QY-D01") for facts in (FACTS, more)]
    assert kept[0].equals(kept[1])


def test_the_commitment_is_the_digest_of_seed_and_list() -> None:
    drawn = draw(population(("QY-D01", "WATER", [1])), {}, 7, rate=0.05)
    text = (
        '{"seed":7,"columns":["dataset","fact_key","source_org_id","indicator_id","risk","n_stratum",'
        '"probability_numerator","probability_denominator"]}\n'
        '["performance_fact","{\\"indicator_id\\":\\"WATER\\",\\"org_id\\":\\"V000\\"}","QY-D01","WATER",1,1,1,1]'
    )
    assert canonical(7, drawn.rows) == text
    assert drawn.commitment == hashlib.sha256(text.encode()).hexdigest()
    assert drawn.draw_id == drawn.commitment[:16]
    assert canonical(8, drawn.rows) != text


def test_the_inclusion_probabilities_hold() -> None:
    # 2 of 5 with risks 4 1 1 1 1: the first is certain (2 * 4 / 8 = 1), the others share one place.
    risks = population(("QY-D01", "WATER", [4, 1, 1, 1, 1]))
    times = dict.fromkeys(range(5), 0)
    for seed in range(400):
        rows = draw(risks, {}, seed, rate=0.4).rows
        assert rows.height == 2
        for key, numerator, denominator in rows.select(
            "fact_key", "probability_numerator", "probability_denominator"
        ).iter_rows():
            unit = int(key[-5:-2])
            times[unit] += 1
            assert numerator / denominator == (1.0 if unit == 0 else 0.25)
    assert times[0] == 400
    # 100 expected of each, standard deviation 8.7.
    assert all(65 <= times[unit] <= 135 for unit in range(1, 5)), times


@settings(max_examples=60, deadline=None)
@given(
    risks=st.lists(st.integers(1, 50), min_size=1, max_size=30),
    rate=st.sampled_from([0.01, 0.05, 0.3, 0.5, 0.99, 1.0]),
    seed=st.integers(0, 10**9),
)
def test_the_size_is_fixed_and_no_fact_is_drawn_twice(risks: list[int], rate: float, seed: int) -> None:
    rows = draw(population(("QY-D01", "WATER", risks)), {}, seed, rate=rate).rows
    expected = -(-len(risks) * round(rate * 100) // 100)
    assert rows.height == rows["fact_key"].n_unique() == expected
    assert (rows["probability_numerator"] <= rows["probability_denominator"]).all()
    if rate == 1.0:
        assert (rows["probability_numerator"] == rows["probability_denominator"]).all()


def test_what_cannot_be_drawn_from_is_refused_by_name() -> None:
    twice = pl.concat([FACTS, FACTS[:1]])
    with pytest.raises(ValueError, match="occurs twice in the population"):
        draw(twice, {}, 7, rate=0.1)
    with pytest.raises(ValueError, match=r"rate of QY-D02 is None.*above 0 and at most 1"):
        draw(FACTS, {"QY-D01": 0.1}, 7)
    with pytest.raises(ValueError, match="rate of QY-D01 is 0"):
        draw(FACTS, {"QY-D01": 0.0}, 7, rate=0.1)
    with pytest.raises(ValueError, match="no risk above 0"):
        draw(population(("QY-D01", "WATER", [0])), {}, 7, rate=0.1)
    nothing = draw(FACTS.clear(), {}, 7)
    assert nothing.rows.schema == dict(DRAW_SCHEMA)
    assert nothing.rows.is_empty()


def test_facts_with_targets_and_signs_have_more_risk() -> None:
    common = {"period_id": "2026", "source_org_id": "QY-D01", "indicator_id": "WATER"}
    facts = records(
        "performance_fact",
        {**common, "org_id": "V001"},
        {**common, "org_id": "V002", "target_value": 90},
        {**common, "org_id": "V003", "target_value": 90},
    )
    flagged = pl.DataFrame({"indicator_id": ["WATER"], "org_id": ["V003"]})
    rows = performance_population(facts.lazy(), flagged)
    assert rows["risk"].to_list() == [1, 2, 8]
    assert rows["fact_key"][0] == '{"indicator_id":"WATER","org_id":"V001","period_id":"2026","source_org_id":"QY-D01"}'


# Error rates


# Clopper and Pearson's limits: 0 of 20 has 1 - .025^(1/20); 1 of 20 and 5 of 20 as tabulated in statistics books.
@pytest.mark.parametrize(
    ("errors", "checked", "low", "high"),
    [(0, 20, 0.0, 0.1684), (1, 20, 0.0013, 0.2487), (5, 20, 0.0866, 0.4910), (20, 20, 0.8316, 1.0)],
)
def test_the_interval_is_exact(errors: int, checked: int, low: float, high: float) -> None:
    assert exact_interval(errors, checked) == pytest.approx((low, high), abs=5e-5)


@pytest.mark.parametrize(("errors", "checked"), [(1, 0), (-1, 5), (6, 5)])
def test_an_impossible_share_is_refused(errors: int, checked: int) -> None:
    with pytest.raises(ValueError, match="is no share"):
        exact_interval(errors, checked)


def rates(drawn: Draw, verifications: pl.DataFrame) -> dict[str, Any]:
    return error_rates(drawn, verifications, NUMBERS, "2026").row(0, named=True)


WHOLE = draw(population(("QY-D01", "WATER", [1] * 20)), {}, 7, rate=1.0)


def test_what_is_not_verifiable_is_no_error_and_no_confirmation() -> None:
    found = rates(WHOLE, answered(WHOLE, ["differs"] * 2 + ["confirmed"] * 6 + ["not_verifiable"] * 10))
    counts = {name: found[name] for name in found if name.startswith("n_")}
    assert counts == {
        "n_population": 20, "n_drawn": 20, "n_checked": 8, "n_differs": 2, "n_not_verifiable": 10, "n_outstanding": 2,
    }  # fmt: skip
    assert found["error_rate"] == 0.25
    without = rates(WHOLE, answered(WHOLE, ["differs"] * 2 + ["confirmed"] * 6))
    assert (without["error_low"], without["error_high"]) == (found["error_low"], found["error_high"])


def test_nothing_verified_is_null_and_not_zero() -> None:
    found = rates(WHOLE, answered(WHOLE, ["not_verifiable"] * 20))
    assert found["error_rate"] is None
    assert found["error_high"] is None
    assert (found["reason_codes"], found["next_rate"]) == ("NOTHING_VERIFIED", 1.0)


def test_a_fact_weighs_one_over_its_probability() -> None:
    # Two of five: the certain one (weight 1) differs, the other (weight 4) does not: 1 / 5.
    drawn = draw(population(("QY-D01", "WATER", [4, 1, 1, 1, 1])), {}, 7, rate=0.4)
    found = rates(drawn, answered(drawn, ["differs", "confirmed"]))
    assert found["error_rate"] == 0.2
    # (1 + 4)^2 / (1 + 16) facts in effect; Clopper and Pearson with 0.2 of them.
    low, high = exact_interval(0.2 * 25 / 17, 25 / 17)
    assert (found["error_low"], found["error_high"]) == pytest.approx((low, high), abs=1e-6)


def test_the_last_answer_about_a_fact_counts_and_those_of_other_draws_do_not() -> None:
    key = WHOLE.rows["fact_key"][0]
    swapped = '{ "org_id": "V000", "indicator_id": "WATER" }'
    given = records(
        "verification_fact",
        answer(key, "differs", WHOLE.draw_id),
        answer(swapped, "confirmed", WHOLE.draw_id, verification_id="K2", verified_at=date(2026, 4, 2)),
        answer(WHOLE.rows["fact_key"][1], "differs", "another"),
        answer('{"org_id":"V999"}', "differs", WHOLE.draw_id, verification_id="K3"),
    )
    found = rates(WHOLE, given)
    assert (found["n_checked"], found["n_differs"], found["error_rate"]) == (1, 0, 0.0)
    with pytest.raises(ValueError, match="is no JSON"):
        rates(WHOLE, records("verification_fact", answer("V000", "differs", WHOLE.draw_id)))


@pytest.mark.parametrize(
    ("rate", "low", "high", "expected"),
    [
        (0.2, 0.0, 0.05, 0.1),
        (0.2, 0.0, 0.0501, 0.2),
        (0.2, 0.05, 0.3, 0.2),
        (0.2, 0.0501, 0.3, 0.4),
        (0.08, 0.0, 0.01, 0.05),
        (0.7, 0.5, 0.9, 1.0),
        (0.2, None, None, 0.2),
    ],
)
def test_the_interval_sets_the_next_rate(rate: float, low: float | None, high: float | None, expected: float) -> None:
    assert next_rate(rate, low, high, NUMBERS) == expected


def test_more_errors_never_lower_the_next_rate() -> None:
    following = [
        rates(WHOLE, answered(WHOLE, ["differs"] * n + ["confirmed"] * (20 - n)))["next_rate"] for n in range(21)
    ]
    assert all(later >= earlier for earlier, later in itertools.pairwise(following))
