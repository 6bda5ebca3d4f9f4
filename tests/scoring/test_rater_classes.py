"""Class weights and channels of voters, worked by hand."""

from __future__ import annotations

import polars as pl

from scoring.rater_classes import channel_counts, with_channel, with_rater_class

CELLS = pl.DataFrame(
    {"voter_id": ["T1", "V1", "V2"], "rater_org_id": ["T1", "V1", "V2"], "weight": [6_000, 5_000, 5_000]},
    schema_overrides={"weight": pl.Int64},
)
UNITS = pl.DataFrame({"rater_org_id": ["V1", "T1", "V2"], "org_kind": ["village", "township", "community"]})


def test_the_first_class_that_fits_weighs_its_voters() -> None:
    classes = [("village", ["village"], 500_000), ("place", ["village", "community"], 2_000_000)]
    found = with_rater_class(CELLS, UNITS, classes)
    assert found["rater_class"].to_list() == ["other", "village", "place"]
    assert found["weight"].to_list() == [6_000, 2_500, 10_000]


def test_a_class_without_kinds_takes_everybody_and_weight_zero_counts_nothing() -> None:
    found = with_rater_class(CELLS, UNITS, [("village", ["village"], 0), ("rest", [], 1_000_000)])
    assert found.select("voter_id", "rater_class", "weight").rows() == [("T1", "rest", 6_000), ("V2", "rest", 5_000)]


def test_a_voter_has_the_channel_most_answers_came_through() -> None:
    answers = [
        ("r1", "V1", "web", "answered"), ("r1", "V1", "paper", "answered"), ("r2", "V1", "paper", "answered"),
        ("r3", "V2", None, "answered"), ("r4", "T1", "web", "answered"), ("r4", "T1", "paper", "answered"),
        ("r4", "T1", "wechat", "skipped"), ("r4", "T1", "wechat", "skipped"),
    ]  # fmt: skip
    names = ["rater_id", "rater_org_id", "channel", "status"]
    counts = channel_counts(pl.LazyFrame(answers, schema=names, orient="row"))
    found = with_channel(CELLS, counts, voter="rater_org_id")
    assert found.select("voter_id", "channel").rows() == [("T1", "paper"), ("V1", "paper"), ("V2", "unknown")]
