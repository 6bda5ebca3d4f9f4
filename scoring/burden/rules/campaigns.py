"""Campaigns, awards and levies: CRE-01 to CRE-04, APN-01 and APN-02 (burden catalogue, part 3.9).

Each apportionment is judged by one rule: one that charges a fee by CRE-03, one to buy, subscribe or insure by APN-01,
every other one by APN-02. An amount of 0 says that nothing was levied; one that is not given does not excuse a levy.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

import polars as pl

from scoring.burden.flags import Rule
from scoring.burden.inputs import BurdenInputs
from scoring.burden.parameters import Parameters
from scoring.burden.rules.breaches import demands
from scoring.burden.rules.counting import (
    LEVEL_RANKS,
    load_per_subject,
    named_on,
    per_subject,
    rows_of,
    together,
    with_subject_level,
    without_repeats,
)

STANDARDS_WORDS: Final = ("达标", "standards")
"""Sub-kinds and titles with such a word are of a campaign that sets standards."""

GRASSROOTS: Final = ("township", "subdistrict", "village", "community")

PURCHASE_WORDS: Final = (
    "购买", "采购", "订阅", "征订", "订购", "认购", "保险", "投保", "报刊", "purchase", "buy", "subscri", "insur",
)  # fmt: skip
"""Sub-kinds, matters and titles with such a word are of an apportionment to buy, subscribe or insure."""


def cre_01(inputs: BurdenInputs, parameters: Parameters) -> pl.LazyFrame:
    """CRE-01, off-list campaign: one that ``campaign.allowed`` names under none of its numbers and names."""
    allowed = parameters.words("campaign.allowed")
    return per_subject(rows_of(inputs, "campaign"), ~named_on(allowed), param_id="campaign.allowed")


def cre_02(inputs: BurdenInputs, parameters: Parameters) -> pl.LazyFrame:
    """CRE-02, campaign of the wrong level, or one that sets standards for townships and villages."""
    ranks = [LEVEL_RANKS[level] for level in parameters.words("campaign.issuer_levels")]
    rows = with_subject_level(rows_of(inputs, "campaign"), inputs)
    sets_standards = _mentions(STANDARDS_WORDS, "burden_subkind", "title")
    to_grassroots = pl.col("bearer_kind").is_in(GRASSROOTS).fill_null(value=False)
    wrong_level = ~pl.col("subject_level_rank").is_in(ranks)
    return per_subject(rows, wrong_level | (sets_standards & to_grassroots), param_id="campaign.issuer_levels")


def cre_03(inputs: BurdenInputs, parameters: Parameters) -> pl.LazyFrame:  # noqa: ARG001
    """CRE-03, campaign fees: a campaign with an amount or a fee, or an apportionment of a fee; value in yuan."""
    rows = rows_of(inputs, "campaign", "apportionment").filter(
        (pl.col("burden_kind") == "campaign") | demands("fee"),
    )
    amount = _yuan()
    charges = (amount > 0).fill_null(value=False) | (demands("fee") & (amount != 0).fill_null(value=True))
    return per_subject(rows, charges, threshold=0, value=amount.sum())


def cre_04(inputs: BurdenInputs, parameters: Parameters) -> pl.LazyFrame:
    """CRE-04, renamed campaign (watch): off the list, and much like an earlier one of its issuer that is off the list.

    Likeness is 2 n / (a + b) of the characters (Chinese) and words of the two titles, years and numbers left out; the
    same title again is no new name. The earlier campaign was last seen before the new one was first, by the same
    subject in one of the same units; no longer on ``campaign.allowed``, it has left the list or never was on it.
    """
    like = parameters.number("campaign.title_overlap")
    off_list = ~named_on(parameters.words("campaign.allowed"))
    campaigns = without_repeats(
        inputs.facts.filter(pl.col("burden_kind") == "campaign", pl.col("start_date") < inputs.window.end)
    ).filter(~pl.col("is_exempt"), off_list)
    named = campaigns.with_columns(words=_title_words()).filter(pl.col("words") != "")
    place = ["subject_org_id", "target_org_id"]
    seen = named.group_by("subject_org_id", "words").agg(
        first_seen=pl.col("start_date").min(), last_seen=pl.col("start_date").max()
    )
    earlier = named.select(*place, old_words="words").unique()
    earlier_seen = seen.select("subject_org_id", old_words="words", old_last="last_seen")
    renamed = (
        named.select(*place, "words")
        .unique()
        .join(earlier, on=place)
        .filter(pl.col("words") != pl.col("old_words"))
        .join(seen, on=["subject_org_id", "words"])
        .join(earlier_seen, on=["subject_org_id", "old_words"])
        .filter(pl.col("old_last") < pl.col("first_seen"))
        .group_by("subject_org_id", "words")
        .agg(overlap=_likeness("words", "old_words").max())
    )
    new = rows_of(inputs, "campaign").filter(off_list).with_columns(words=_title_words())
    return per_subject(
        new.join(renamed, on=["subject_org_id", "words"], how="left"),
        (pl.col("overlap").round(9) >= like).fill_null(value=False),
        result_type="watch",
        param_id="campaign.title_overlap",
        threshold=like,
        value=pl.col("overlap").max(),
    )


def _title_words() -> pl.Expr:
    """Chinese characters and words of a title, each once, sorted and joined; years, numbers and ordinals left out."""
    title = pl.col("title").str.normalize("NFKC").str.to_lowercase().str.replace_all(r"第?\d+(年度?|届|期|批|次)?", " ")
    return title.str.extract_all(r"\p{Han}|[\p{Latin}]+").list.unique().list.sort().list.join(" ")


def _likeness(left: str, right: str) -> pl.Expr:
    """Twice the words two joined lists share over the words of both."""
    one, other = pl.col(left).str.split(" "), pl.col(right).str.split(" ")
    return 2 * one.list.set_intersection(other).list.len() / (one.list.len() + other.list.len())


def apn_01(inputs: BurdenInputs, parameters: Parameters) -> pl.LazyFrame:  # noqa: ARG001
    """APN-01, purchase quotas: each apportionment to buy, subscribe or insure.

    Loads: yuan per unit (``apportionment.yuan_per_unit``) and per head of the units' staff
    (``apportionment.yuan_per_head``; units whose staff is not known are left out).
    """
    rows = _apportionments(inputs).filter(_is_purchase())
    staff = inputs.organisations.lazy().select("staff", target_org_id="org_id").filter(pl.col("staff") > 0)
    with_staff = rows.join(staff, on="target_org_id")
    unit = pl.col("target_org_id").n_unique()
    heads = pl.struct("target_org_id", "staff").unique().struct.field("staff").sum()
    return together(
        per_subject(rows, _is_levied(), value=_yuan().sum()),
        load_per_subject(rows, _yuan().sum() / unit, param_id="apportionment.yuan_per_unit"),
        load_per_subject(with_staff, _yuan().sum() / heads, param_id="apportionment.yuan_per_head"),
    )


def apn_02(inputs: BurdenInputs, parameters: Parameters) -> pl.LazyFrame:  # noqa: ARG001
    """APN-02, levies for events: each apportionment that is no fee and nothing to buy; value in yuan."""
    return per_subject(_apportionments(inputs).filter(~_is_purchase()), _is_levied(), value=_yuan().sum())


def _apportionments(inputs: BurdenInputs) -> pl.LazyFrame:
    return rows_of(inputs, "apportionment").filter(~demands("fee"))


def _is_purchase() -> pl.Expr:
    return _mentions(PURCHASE_WORDS, "burden_subkind", "matter", "title")


def _is_levied() -> pl.Expr:
    return (_yuan() != 0).fill_null(value=True)


def _yuan() -> pl.Expr:
    return pl.col("amount_yuan").cast(pl.Decimal(38, 6))


def _mentions(words: tuple[str, ...], *columns: str) -> pl.Expr:
    """True where one of the columns contains one of the words."""
    texts = [pl.col(column).fill_null("").str.to_lowercase() for column in columns]
    return pl.any_horizontal(text.str.contains(word, literal=True) for text in texts for word in words)


RULES: Mapping[str, Rule] = {
    "CRE-01": cre_01,
    "CRE-02": cre_02,
    "CRE-03": cre_03,
    "CRE-04": cre_04,
    "APN-01": apn_01,
    "APN-02": apn_02,
}
