"""Red lines cap the tier and the bonus of the unit, only from the authorised list, and touch nothing else."""

from __future__ import annotations

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from scoring.bonus_pool import PoolRules, bonus_payments
from scoring.exact import POINT
from scoring.red_lines import RedLineError, apply_red_lines

AUTHORISED = pl.DataFrame(
    {"red_line_id": ["SAFETY", "DATA", "BLANK"], "legal_basis": ["安全生产法第二十一条", "统计法第三十七条", None]}
)


def units(tiers: list[str | None]) -> pl.DataFrame:
    number = range(len(tiers))
    return pl.DataFrame(
        {
            "org_id": [f"V{n}" for n in number],
            "peer_group": "山区",
            "raw_score": [(60 + n) * POINT for n in number],
            "differentiated_score": [(61 + n) * POINT for n in number],
            "incentive_score": [(62 + n) * POINT for n in number],
            "rank": [len(tiers) - n for n in number],
            "tier": tiers,
            "base_fen": 1_000_000,
        },
        schema_overrides={"tier": pl.String, "base_fen": pl.Int64, "peer_group": pl.String},
    )


def crossed(*rows: tuple[str, str, str | None]) -> pl.DataFrame:
    return pl.DataFrame(
        rows, schema={"org_id": pl.String, "red_line_id": pl.String, "decision_doc_no": pl.String}, orient="row"
    )


def test_the_tier_is_capped_and_the_scores_stay() -> None:
    before = units(["A", "B", "D", None, "A"])
    lines = crossed(
        ("V0", "SAFETY", "青安〔2026〕3 号"), ("V2", "DATA", "青统〔2026〕1 号"), ("V3", "DATA", "青统〔2026〕1 号")
    )
    after = apply_red_lines(before, lines, AUTHORISED)
    assert after["tier"].to_list() == ["C", "B", "D", None, "A"]
    assert after["red_line_id"].to_list() == ["SAFETY", None, "DATA", "DATA", None]
    assert after["bonus_allowed"].to_list() == [False, True, False, False, True]
    assert after["CAPPED_RED_LINE"].to_list() == [True, False, False, False, False]
    untouched = ["org_id", "raw_score", "differentiated_score", "incentive_score", "rank"]
    assert after.select(untouched).equals(before.select(untouched))


def test_two_lines_of_one_unit_are_both_named_once() -> None:
    lines = crossed(("V0", "SAFETY", "甲"), ("V0", "DATA", "乙"), ("V0", "SAFETY", "丙"))
    after = apply_red_lines(units(["A"]), lines, AUTHORISED)
    assert after["red_line_id"].to_list() == ["DATA;SAFETY"]


def test_an_unauthorised_red_line_is_refused_by_name() -> None:
    lines = crossed(("V0", "LATE_FORMS", "甲"), ("V1", "BLANK", "乙"), ("V1", "SAFETY", None), ("V7", "DATA", "丙"))
    with pytest.raises(RedLineError) as caught:
        apply_red_lines(units(["A", "B"]), lines, AUTHORISED)
    assert caught.value.problems == (
        "red line LATE_FORMS of V0 is not on the authorised list",
        "red line BLANK of V1 has no legal basis on the authorised list",
        "red line SAFETY of V1 has no decision document",
        "red line DATA of V7 is for a unit that is not assessed",
    )


def test_a_cap_that_is_no_tier_is_refused() -> None:
    with pytest.raises(ValueError, match="not a tier"):
        apply_red_lines(units(["A"]), crossed(), AUTHORISED, tier_cap="E")  # type: ignore[arg-type]


@settings(max_examples=200, deadline=None, derandomize=True)
@given(
    tiers=st.lists(st.sampled_from(["A", "B", "C", "D", None]), min_size=1, max_size=8),
    pool=st.integers(0, 10**9),
    data=st.data(),
)
def test_invariant_17_a_red_line_never_raises_a_tier_or_a_payment(
    tiers: list[str | None], pool: int, data: st.DataObject
) -> None:
    subject = data.draw(st.integers(0, len(tiers) - 1))
    before = apply_red_lines(units(tiers), crossed(), AUTHORISED)
    after = apply_red_lines(units(tiers), crossed((f"V{subject}", "SAFETY", "甲")), AUTHORISED)
    assert (before["tier"][subject] is None) == (after["tier"][subject] is None)
    if before["tier"][subject] is not None:
        assert after["tier"][subject] >= max(before["tier"][subject], "C"), "D sorts after C"
    others = pl.col("org_id") != f"V{subject}"
    assert after.filter(others).equals(before.filter(others))
    paid = [bonus_payments(frame, PoolRules(), total_fen=pool).units["paid_fen"] for frame in (before, after)]
    assert paid[1][subject] == 0 <= paid[0][subject]
