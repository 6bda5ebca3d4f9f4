"""Rules of aggregation that are no sums: the scheme's dimension weights, and what no scheme may break."""

from __future__ import annotations

from decimal import Decimal

import polars as pl
import pytest

from scoring.scheme import SHIPPED_SCHEMES, Scheme, SchemeError, load_schemes
from tasks.aggregate import dimension_weighted
from tasks.score import refuse_unsound
from tasks.snapshot import latent_window

NUMBER = pl.Decimal(18, 6)


def _default() -> Scheme:
    return load_schemes(SHIPPED_SCHEMES)[0]


def _items(*rows: tuple[str, str, str | None, int | None]) -> pl.DataFrame:
    whole = [(form, "1", item, name, low and Decimal(low), Decimal(9)) for form, item, name, low in rows]
    return pl.DataFrame(
        whole,
        schema={
            "instrument_id": pl.String, "instrument_version": pl.String, "item_id": pl.String,
            "dimension": pl.String, "scale_min": NUMBER, "weight": NUMBER,
        },
        orient="row",
    )  # fmt: skip


def test_a_dimension_shares_its_weight_among_its_items() -> None:
    items = _items(
        ("A", "1", "解决实际问题", 1), ("A", "2", "解决实际问题", 1), ("A", "3", "少折腾", 1), ("A", "4", None, None),
        ("B", "1", "解决实际问题", 1), ("B", "2", "无此维度", 1),
    )  # fmt: skip
    found = dimension_weighted(items, _default().rating)["weight"].to_list()
    # Form B has a dimension the scheme does not name, so all its items keep their own weight.
    assert found == [Decimal("0.2"), Decimal("0.2"), Decimal("0.2"), Decimal(9), Decimal(9), Decimal(9)]


def test_the_latent_window_ends_with_the_year_of_the_period() -> None:
    assert latent_window("2026Q1", _default()) == ("2024Q1", "2025Q1", "2026Q1")
    assert latent_window("C-SPRING", _default()) == ()


def test_a_scheme_with_a_bonus_that_breaks_a_rule_pays_nobody() -> None:
    default = _default()
    refuse_unsound(default)
    assert default.appeals is not None
    hurried = default.appeals.model_copy(
        update={"window_days": default.appeals.window_days.model_copy(update={"value": Decimal(3)})}
    )
    unsound = default.model_copy(update={"appeals": hurried})
    with pytest.raises(SchemeError) as caught:
        refuse_unsound(unsound)
    assert [problem.lint for problem in caught.value.problems] == ["L25"]
    refuse_unsound(unsound.model_copy(update={"incentive": None, "tiers": None, "bonus": None}))
