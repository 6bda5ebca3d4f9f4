"""Checks within one row of organisations, lists, items, burdens and decisions."""

from __future__ import annotations

import polars as pl

from tasks.checking.references import Check, Known, always_exact, from_condition

_CREDIT_CODE_ALPHABET = "0123456789ABCDEFGHJKLMNPQRTUWXY"
_MODULUS = 31


def _check_digit() -> pl.Expr:
    """Check digit of a credit code (GB 32100-2015): (31 - sum of digit x 3^i mod 31) mod 31."""
    value = pl.col("uscc")
    letters = list(_CREDIT_CODE_ALPHABET)
    places = list(range(len(letters)))
    weighted = pl.sum_horizontal(
        value.str.slice(place, 1).replace_strict(letters, places, default=None, return_dtype=pl.Int64)
        * pow(3, place, _MODULUS)
        for place in range(17)
    )
    return (_MODULUS - weighted % _MODULUS) % _MODULUS


def _credit_code_problems(rows: pl.DataFrame, _known: Known) -> pl.DataFrame:
    given = rows.filter(pl.col("uscc").str.len_chars() == 18)
    last = pl.col("uscc").str.slice(17, 1)
    digit = last.replace_strict(list(_CREDIT_CODE_ALPHABET), list(range(31)), default=-1, return_dtype=pl.Int64)
    wrong = given.filter(digit != _check_digit())
    return wrong.select("_index", column=pl.lit("uscc"), code=pl.lit("E237"), value="uscc")


credit_code_check_digit = always_exact(_credit_code_problems)


def needed(column: str, because: pl.Expr, detail: str) -> Check:
    """E238 where ``column`` is empty although ``because`` holds."""
    return from_condition(because & pl.col(column).is_null(), column, "E238", detail=detail)


host_given_for_coordinating_body = needed(
    "host_org_id", pl.col("org_kind") == "coordinating_body", "org_kind = coordinating_body"
)
scheme_given_with_division_code = needed("division_scheme", pl.col("division_code").is_not_null(), "division_code")

_PARTS = pl.col("predecessor_org_ids").str.split(";").list.len()
_SHARES = pl.col("predecessor_shares").str.split(";").list.eval(pl.element().cast(pl.Float64, strict=False))
_SUM = _SHARES.list.sum()
predecessor_shares_match_predecessors = from_condition(
    pl.col("predecessor_shares").is_not_null()
    & ((_SHARES.list.len() != _PARTS).fill_null(value=True) | ((_SUM - 1).abs() > 1e-6) | _SUM.is_null()),
    "predecessor_shares",
    "E239",
    detail="predecessor_org_ids",
)

scale_given_for_scale_item = from_condition(
    (pl.col("item_kind") == "scale")
    & (pl.col("scale_min").is_null() | pl.col("scale_max").is_null() | pl.col("direction").is_null()),
    "scale_min",
    "E238",
    detail="item_kind = scale",
)
codes_given_for_choice_item = needed("codes", pl.col("item_kind").is_in(["choice", "multi"]), "item_kind = choice")

scope_given = from_condition(
    pl.col("scope_org_id").is_null() & pl.col("scope_kind").is_null(), "scope_org_id", "E238", detail="scope_kind"
)
lead_given_for_duty_kind = needed(
    "lead_org_id", pl.col("duty_kind").is_in(["cooperate", "reclaimed"]), "duty_kind = cooperate / reclaimed"
)
reason_given_when_excluded = needed("reason", pl.col("role") == "excluded", "role = excluded")
rater_given_when_may_rate = needed("rater_org_id", pl.col("role") == "may_rate", "role = may_rate")
bearer_given = from_condition(
    pl.col("target_org_id").is_null() & pl.col("target_scope").is_null(), "target_org_id", "E238", detail="target_scope"
)
decision_complete_when_decided = from_condition(
    pl.col("decision").is_in(["upheld", "partly", "rejected"])
    & (pl.col("decided_at").is_null() | pl.col("decided_by_org_id").is_null()),
    "decided_at",
    "E238",
    detail="decision",
)
answer_present_when_answered = from_condition(
    (pl.col("status") == "answered")
    & pl.col("score_raw").is_null()
    & pl.col("answer_code").is_null()
    & pl.col("answer_text").is_null(),
    "score_raw",
    "E238",
    detail="status = answered",
)
respondent_place_given = from_condition(
    pl.col("respondent_org_id").is_null() & pl.col("division_code").is_null(),
    "respondent_org_id",
    "E238",
    detail="division_code",
)
