"""Satisfaction means: a hand-worked case and a published survey."""

from __future__ import annotations

from decimal import Decimal
from pathlib import Path

import polars as pl

from scoring.satisfaction import satisfaction_means
from scoring.sums import answer_sums
from scoring.tables import SATISFACTION_MEAN

DECIMAL = pl.Decimal(18, 6)
ITEMS = pl.DataFrame(
    [
        ("SAT", "1", "ROADS", Decimal(1), Decimal(5), "higher_better", None, "基础设施"),
        ("SAT", "1", "WAIT", Decimal(0), Decimal(10), "lower_better", None, "办事"),
        ("SAT", "1", "AGE", None, None, "higher_better", None, None),
    ],
    schema={
        "instrument_id": pl.String,
        "instrument_version": pl.String,
        "item_id": pl.String,
        "scale_min": DECIMAL,
        "scale_max": DECIMAL,
        "direction": pl.String,
        "weight": DECIMAL,
        "dimension": pl.String,
    },
    orient="row",
)


def test_means_by_hand() -> None:
    answers = [
        ("ROADS", "V1", None, "answered", 5, "2"),
        ("ROADS", "V1", None, "answered", 2, "1"),
        ("ROADS", "V1", None, "dont_know", None, "9"),
        ("WAIT", "V1", "CG-A", "answered", 3, None),
        ("WAIT", "V2", None, "refused", None, None),
        ("AGE", "V1", None, "answered", 40, None),
        ("ROADS", "V9", None, "answered", 1, None),
    ]
    responses = pl.LazyFrame(
        [
            (
                "SAT",
                item,
                place,
                target,
                status,
                None if score is None else Decimal(score),
                None if weight is None else Decimal(weight),
            )
            for item, place, target, status, score, weight in answers
        ],
        schema={
            "instrument_id": pl.String,
            "item_id": pl.String,
            "respondent_org_id": pl.String,
            "target_org_id": pl.String,
            "status": pl.String,
            "score_raw": DECIMAL,
            "weight": DECIMAL,
        },
        orient="row",
    )
    organisations = pl.DataFrame(
        {
            "org_id": ["V1", "V2", "CG-A"],
            "org_name": ["柳河村", "石桥村", "农业农村局"],
            "peer_group": ["平原", "山区", "政府"],
        }
    )
    older = ITEMS.with_columns(instrument_version=pl.lit("0"), dimension=pl.lit("旧"), scale_min=pl.lit(None, DECIMAL))
    result = satisfaction_means(
        answer_sums(responses, ITEMS), pl.concat([ITEMS, older]), organisations, period_id="2026Q3"
    )
    assert dict(result.schema) == SATISFACTION_MEAN.schema
    numbers = [
        "n_answered",
        "n_dont_know",
        "n_other",
        "sum_score",
        "mean_score",
        "mean_0_100",
        "mean_weighted",
        "mean_weighted_0_100",
    ]
    assert result.select("org_id", "item_id", "dimension", *numbers, "reason_codes").rows() == [
        ("CG-A", "WAIT", "办事", 1, 0, 0, Decimal(3), 3.0, 70.0, 3.0, 70.0, None),
        ("V1", "AGE", None, 1, 0, 0, Decimal(40), 40.0, None, 40.0, None, None),
        ("V1", "ROADS", "基础设施", 2, 1, 0, Decimal(7), 3.5, 62.5, 4.0, 75.0, None),
        ("V2", "WAIT", "办事", 0, 0, 1, Decimal(0), None, None, None, None, "NO_ANSWERS"),
    ]


def test_published_survey_counts_sums_and_means_are_reproduced(realcases: Path) -> None:
    """Kansas City resident survey 2021: 16 items by six council districts, 0 differences."""
    case = realcases / "satisfaction"
    items = pl.read_csv(case / "instrument_item__KCMO__2021Q3__v01.csv", infer_schema=False).with_columns(
        pl.col("scale_min", "scale_max", "weight").cast(DECIMAL)
    )
    responses = pl.scan_csv(case / "survey_response__KCMO__2021Q3__v01.csv", infer_schema=False).with_columns(
        pl.col("score_raw", "weight").cast(DECIMAL)
    )
    organisations = pl.read_csv(case / "org_unit__KCMO__2021Q3__v01.csv", infer_schema=False)
    result = satisfaction_means(answer_sums(responses, items), items, organisations, period_id="2021Q3")
    expected = pl.read_csv(case / "expected" / "item_means.csv").sort("org_id", "item_id")
    assert result.height == expected.height == 96
    got = result.select("org_id", "item_id", "n_answered", pl.col("sum_score").cast(pl.Int64), mean_1_to_5="mean_score")
    assert got.equals(expected)


def test_sums_keep_half_points() -> None:
    scores = [Decimal("1.5"), Decimal(3)]
    responses = pl.LazyFrame(
        {
            "instrument_id": "SAT", "item_id": "ROADS", "respondent_org_id": "V1",
            "target_org_id": pl.Series([None, None], dtype=pl.String), "status": "answered",
            "score_raw": pl.Series(scores, dtype=DECIMAL), "weight": pl.Series([None, None], dtype=DECIMAL),
        }
    )  # fmt: skip
    organisations = pl.DataFrame({"org_id": ["V1"], "org_name": ["青石村"], "peer_group": ["village"]})
    found = satisfaction_means(answer_sums(responses, ITEMS), ITEMS, organisations, period_id="2026Q1")
    assert found["sum_score"].to_list() == [Decimal("4.5")]
