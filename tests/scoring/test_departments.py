"""Department rows: edge cases one by one, and the published fit of 1,128 departments."""

from __future__ import annotations

from fractions import Fraction
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from scoring.departments import DEFAULT_RANK_RULES, POOLED, DepartmentResults, RankRules, department_results
from scoring.scheme import SHIPPED_SCHEMES, RatingRules, load_schemes
from scoring.sums import rating_sums, voter_cells
from scoring.tables import DEPARTMENT_ITEM, DEPARTMENT_SCORE

ITEMS = pl.DataFrame({"instrument_id": ["REV"], "item_id": ["SOLVE"], "dimension": ["解决实际问题"]})
Cell = tuple[str, str, float]  # voter, department, value


def rules(**changes: Any) -> RatingRules:
    shipped = load_schemes(SHIPPED_SCHEMES)[0].rating.model_dump()
    for name, value in changes.items():
        shipped[name]["value"] = value
    return RatingRules.model_validate(shipped)


def cell_frame(cells: list[Cell]) -> pl.DataFrame:
    return pl.DataFrame(
        {
            "voter_id": [voter for voter, _, _ in cells],
            "ratee_org_id": [department for _, department, _ in cells],
            "rater_org_id": [f"V-{voter}" for voter, _, _ in cells],
            "value": [round(value * 10_000) for _, _, value in cells],
            "weight": 10_000,
            "n_raters": 1,
            "n_ballots": 1,
        },
        schema_overrides=dict.fromkeys(("voter_id", "ratee_org_id", "rater_org_id"), pl.String)
        | dict.fromkeys(("value", "weight", "n_raters", "n_ballots"), pl.Int64),
    )


def contact_frame(counts: dict[str, tuple[int, int]]) -> pl.DataFrame:
    """Item cells from (answered, don't know) by department."""
    return pl.DataFrame(
        [
            (department, "REV", "SOLVE", answered, unknown, 0, answered * 600_000)
            for department, (answered, unknown) in counts.items()
        ],
        schema={
            "ratee_org_id": pl.String,
            "instrument_id": pl.String,
            "item_id": pl.String,
            "n_answered": pl.Int64,
            "n_dont_know": pl.Int64,
            "n_other": pl.Int64,
            "sum_value": pl.Int64,
        },
        orient="row",
    )


def organisations(groups: dict[str, str | None]) -> pl.DataFrame:
    return pl.DataFrame(
        {"org_id": list(groups), "org_name": [f"{name}局" for name in groups], "peer_group": list(groups.values())},
        schema_overrides={"peer_group": pl.String},
    )


def score(
    cells: list[Cell],
    groups: dict[str, str | None],
    contact: dict[str, tuple[int, int]] | None = None,
    ranking: RankRules = DEFAULT_RANK_RULES,
    **changes: Any,
) -> dict[str, dict[str, Any]]:
    results = department_results(
        cell_frame(cells),
        contact_frame(contact or {}),
        ITEMS,
        organisations(groups),
        rules(**changes),
        period_id="2026M10",
        ranking=ranking,
    )
    assert dict(results.scores.schema) == DEPARTMENT_SCORE.schema
    assert dict(results.items.schema) == DEPARTMENT_ITEM.schema
    return {row["ratee_org_id"]: row for row in results.scores.to_dicts()}


def complete(departments: dict[str, float], voters: int = 6, seed: int = 1) -> list[Cell]:
    """Every voter rates every department around the given levels."""
    rng = np.random.default_rng(seed)
    severity = rng.normal(0, 4, voters)
    return [
        (f"U{voter}", name, float(np.round(level + severity[voter] + rng.normal(0, 3), 2)))
        for voter in range(voters)
        for name, level in departments.items()
    ]


RANK_COLUMNS = ("rank", "rank_low", "rank_high", "p_top", "p_bottom", "consequence")
THREE = {"CG-A": 80.0, "CG-B": 60.0, "CG-C": 40.0}
GOVERNMENT = dict.fromkeys(THREE, "政府")


def test_a_plain_case() -> None:
    cells = complete(THREE)
    rows = score(cells, GOVERNMENT, {"CG-A": (6, 2)})
    assert [rows[name]["rank"] for name in THREE] == [1, 2, 3]
    first = rows["CG-A"]
    raw = np.mean([value for _, department, value in cells if department == "CG-A"])
    overall = np.mean([value for _, _, value in cells])
    assert first["score_raw_mean"] == pytest.approx(raw, abs=1e-6)
    assert overall < first["score_shrunken"] < raw, "the score lies between the group's mean and the raw mean"
    assert first["effect"] == pytest.approx(first["score_shrunken"] - overall, abs=2e-6)
    assert first["ci_high"] - first["score_shrunken"] == pytest.approx(1.959964 * first["se"], abs=3e-6)
    assert first["score_shrunken"] - first["ci_low"] == pytest.approx(1.959964 * first["se"], abs=3e-6)
    assert first["score_adjusted"] == pytest.approx(raw, abs=1e-6), "everybody rated everybody: severity cancels"
    assert 0.9 < first["reliability"] < 1
    assert (first["n_raters"], first["n_units"], first["n_ballots"]) == (6, 6, 6)
    assert first["max_unit_share"] == pytest.approx(1 / 6, abs=1e-6)
    assert first["dk_share"] == 0.25
    assert (first["org_name"], first["peer_group"], first["reason_codes"]) == ("CG-A局", "政府", None)


def test_a_department_without_ratings_has_no_score() -> None:
    rows = score(complete(THREE), GOVERNMENT | {"CG-D": "政府"})
    silent = rows["CG-D"]
    assert silent["reason_codes"] == "NO_RATINGS"
    for name in (
        "score_raw_mean",
        "score_adjusted",
        "score_shrunken",
        "effect",
        "se",
        "ci_low",
        "reliability",
        "component",
        *RANK_COLUMNS,
    ):
        assert silent[name] is None, name
    assert (silent["n_raters"], silent["n_units"], silent["n_ballots"]) == (0, 0, 0)
    assert [rows[name]["rank"] for name in THREE] == [1, 2, 3]


def test_nobody_rated_at_all() -> None:
    rows = score([], GOVERNMENT)
    assert {row["reason_codes"] for row in rows.values()} == {"NO_RATINGS"}


def test_ratings_of_organisations_that_are_not_assessed_count_for_nothing() -> None:
    extra = complete(THREE | {"CG-X": 5.0})
    kept = [cell for cell in extra if cell[1] != "CG-X"]
    assert score(extra, GOVERNMENT) == score(kept, GOVERNMENT)


@pytest.mark.parametrize(("answered", "unknown", "low"), [(6, 6, False), (6, 7, True), (0, 3, True), (0, 0, False)])
def test_low_contact_is_above_one_half_and_not_ranked(answered: int, unknown: int, *, low: bool) -> None:
    rows = score(complete(THREE), GOVERNMENT, {"CG-A": (answered, unknown)})
    assert rows["CG-A"]["reason_codes"] == ("LOW_CONTACT" if low else None)
    assert [rows[name]["rank"] for name in THREE] == ([None, 1, 2] if low else [1, 2, 3])
    assert rows["CG-A"]["score_shrunken"] is not None


def test_identical_ratings_have_that_score_and_no_rank() -> None:
    rows = score([(f"U{n}", name, 66.6667) for n in range(4) for name in THREE], GOVERNMENT)
    for row in rows.values():
        assert row["score_shrunken"] == 66.6667
        assert (row["reliability"], row["rank"], row["se"], row["ci_low"]) == (None, None, None, None)
        assert row["reason_codes"] == "ZERO_VARIANCE"


def test_departments_that_cannot_be_told_apart_are_not_ranked() -> None:
    cells = [
        (f"U{n}", name, 60.0 + 5 * n + (3 if (n + k) % 2 else -3))
        for n in range(6)
        for k, name in enumerate(["CG-A", "CG-B"])
    ]
    rows = score(cells, {"CG-A": "政府", "CG-B": "政府"})
    for row in rows.values():
        assert row["reason_codes"] == "NOT_DISTINGUISHABLE"
        assert row["reliability"] is None
        assert [row[name] for name in RANK_COLUMNS] == [None] * 6
        assert row["score_shrunken"] == pytest.approx(72.5)
        assert row["se"] > 0


def test_equal_scores_share_the_better_rank() -> None:
    cells = complete({"CG-A": 80.0, "CG-C": 40.0})
    twins = cells + [(voter, "CG-B", value) for voter, department, value in cells if department == "CG-A"]
    rows = score(twins, GOVERNMENT)
    assert rows["CG-A"]["score_shrunken"] == rows["CG-B"]["score_shrunken"]
    assert [rows[name]["rank"] for name in THREE] == [1, 1, 3]


def test_ranks_stay_inside_the_peer_group() -> None:
    rows = score(complete(THREE | {"CG-D": 20.0}), GOVERNMENT | {"CG-B": "政法", "CG-D": "政法"})
    assert [rows[name]["rank"] for name in ("CG-A", "CG-B", "CG-C", "CG-D")] == [1, 1, 2, 2]


def test_without_a_peer_group_there_is_no_rank() -> None:
    rows = score(complete(THREE), GOVERNMENT | {"CG-B": None})
    assert rows["CG-B"]["reason_codes"] == "NO_PEER_GROUP"
    assert [rows[name]["rank"] for name in THREE] == [1, None, 2]


def test_unconnected_parts_of_a_group_are_ranked_apart_and_flagged() -> None:
    east = [(f"E{v}", d, x) for v, d, x in complete({"CG-A": 80.0, "CG-B": 60.0})]
    west = [(f"W{v}", d, x) for v, d, x in complete({"CG-C": 70.0, "CG-D": 40.0}, seed=2)]
    rows = score(east + west, GOVERNMENT | {"CG-D": "政府"})
    assert [rows[f"CG-{name}"]["component"] for name in "ABCD"] == [1, 1, 2, 2]
    assert [rows[f"CG-{name}"]["rank"] for name in "ABCD"] == [1, 2, 1, 2]
    assert {row["reason_codes"] for row in rows.values()} == {"DISCONNECTED"}


TEN = {f"CG-{n}": 90.0 - 8 * n for n in range(10)}
OFFICES: dict[str, str | None] = dict.fromkeys(TEN, "政府")


def test_clear_differences_have_consequences() -> None:
    """Ten departments eight points apart: two places at either end, and no doubt about who holds them."""
    rows = score(complete(TEN, voters=20), OFFICES)
    assert [rows[name]["rank"] for name in TEN] == list(range(1, 11))
    assert all(row["rank_low"] == row["rank"] == row["rank_high"] for row in rows.values())
    assert [rows[name]["p_top"] for name in TEN] == [1, 1, 0, 0, 0, 0, 0, 0, 0, 0]
    assert [rows[name]["p_bottom"] for name in TEN] == [0, 0, 0, 0, 0, 0, 0, 0, 1, 1]
    assert [rows[name]["consequence"] for name in TEN] == [
        *["TOP"] * 2, *["NO_SIGNIFICANT_DIFFERENCE"] * 6, *["BOTTOM"] * 2,
    ]  # fmt: skip


def test_a_last_place_that_is_not_certain_has_no_consequence() -> None:
    """Two departments share the last place but one: each is among the last two half of the time."""
    levels = TEN | {"CG-8": 30.0, "CG-7": 30.0}
    close = complete(levels | {"CG-9": 10.0}, voters=20)
    rows = score(close, OFFICES)
    assert rows["CG-9"]["consequence"] == "BOTTOM"
    for name in ("CG-7", "CG-8"):
        assert 0.0 < rows[name]["p_bottom"] < 1.0
        assert (rows[name]["rank_low"], rows[name]["rank_high"]) == (8, 9)
    assert rows["CG-7"]["p_bottom"] + rows["CG-8"]["p_bottom"] == pytest.approx(1, abs=1e-6)
    least = min(rows[name]["p_bottom"] for name in ("CG-7", "CG-8"))
    strict = score(close, OFFICES, ranking=RankRules(min_probability=Fraction(999, 1000)))
    lax = score(close, OFFICES, ranking=RankRules(min_probability=Fraction(least).limit_denominator(10_000)))
    assert {strict[name]["consequence"] for name in ("CG-7", "CG-8")} == {"NO_SIGNIFICANT_DIFFERENCE"}
    assert {lax[name]["consequence"] for name in ("CG-7", "CG-8")} == {"BOTTOM"}


def test_no_bottom_without_reliability() -> None:
    """The place is certain, yet nothing follows from it while the reliability is below the limit."""
    cells = complete(TEN, voters=20)
    reliability = score(cells, OFFICES)["CG-9"]["reliability"]
    below, above = Fraction(reliability) - Fraction(1, 10**5), Fraction(reliability) + Fraction(1, 10**5)
    assert (
        score(cells, OFFICES, ranking=RankRules(min_reliability_consequence=below))["CG-9"]["consequence"] == "BOTTOM"
    )
    doubtful = score(cells, OFFICES, ranking=RankRules(min_reliability_consequence=above))["CG-9"]
    assert (doubtful["p_bottom"], doubtful["rank"]) == (1.0, 10)
    assert doubtful["consequence"] == "NO_SIGNIFICANT_DIFFERENCE"


def test_insufficient_reliability_is_not_ranked() -> None:
    """Two thin departments beside eight that forty units rated; below .50 there is no rank, the others close up."""
    rng = np.random.default_rng(3)
    cells = [
        (f"U{voter}", name, 60.0 + 2 * (index % 4) + float(np.round(rng.normal(0, 9), 2)))
        for voter in range(40)
        for index, name in enumerate(TEN)
        if index > 1 or voter == index
    ]
    rows = score(cells, OFFICES)
    thin, rest = [rows[name] for name in ("CG-0", "CG-1")], [rows[f"CG-{n}"] for n in range(2, 10)]
    for row in thin:
        assert row["reliability"] < 0.5
        assert row["reason_codes"] == "INSUFFICIENT_RELIABILITY"
        assert row["score_shrunken"] is not None
        assert [row[name] for name in RANK_COLUMNS] == [None] * 6
    assert all(row["reliability"] >= 0.5 for row in rest)
    assert sorted(row["rank"] for row in rest) == list(range(1, 9))
    assert max(row["rank_high"] for row in rest) == 8
    shown = score(cells, OFFICES, ranking=RankRules(min_reliability_shown=Fraction(0)))
    assert sorted(row["rank"] for row in shown.values()) == list(range(1, 11))


def test_a_fit_without_errors_is_not_ranked() -> None:
    rows = score(complete(THREE, voters=20), GOVERNMENT, ranking=RankRules(max_exact_departments=2))
    for row in rows.values():
        assert row["reason_codes"] == "NO_ERROR_ESTIMATE"
        assert [row[name] for name in RANK_COLUMNS] == [None] * 6
        assert (row["se"], row["ci_low"], row["reliability"], row["conditional_sd"]) == (None,) * 4
        assert row["score_shrunken"] is not None
        assert row["score_adjusted"] is not None


def test_severity_is_removed_from_the_adjusted_mean() -> None:
    """One harsh unit rates CG-A only, a lenient one CG-C only; their other ratings say how harsh they are."""
    cells = [(v, d, x) for v, d, x in complete({"CG-A": 60.0, "CG-B": 60.0, "CG-C": 60.0, "CG-D": 60.0}, voters=30)]
    extra = [(f"H{n}", d, 30.0) for n in range(10) for d in ("CG-A", "CG-D")]
    extra += [(f"L{n}", d, 90.0) for n in range(10) for d in ("CG-C", "CG-D")]
    rows = score(cells + extra, GOVERNMENT | {"CG-D": "政府"})
    raw = {name: rows[name]["score_raw_mean"] for name in ("CG-A", "CG-C")}
    adjusted = {name: rows[name]["score_adjusted"] for name in ("CG-A", "CG-C")}
    assert raw["CG-C"] - raw["CG-A"] > 13
    assert abs(adjusted["CG-C"] - adjusted["CG-A"]) < 2


def test_a_rater_class_has_a_mean_of_its_own() -> None:
    """Townships rate 20 points lower and rate CG-B only: without the class, CG-B would pay for it."""
    rng = np.random.default_rng(6)
    rows = [
        (f"{kind}{voter}", name, 70.0 - 20 * (kind == "T") + float(np.round(rng.normal(0, 3), 2)))
        for kind, voters in (("V", 30), ("T", 30))
        for voter in range(voters)
        for name in THREE
        if kind == "V" or name == "CG-B" or voter < 2
    ]
    cells = cell_frame(rows).with_columns(rater_class=pl.col("voter_id").str.head(1))

    def spread(*fixed_effects: str) -> tuple[float, DepartmentResults]:
        results = department_results(
            cells, contact_frame({}), ITEMS, organisations(GOVERNMENT), rules(), period_id="2026M10",
            fixed_effects=fixed_effects,
        )  # fmt: skip
        scores = results.scores["score_shrunken"].to_list()
        return max(scores) - min(scores), results

    with_class, results = spread("rater_class")
    assert with_class < 2
    assert results.models[POOLED].fixed_effects == ("intercept", "rater_class=V")
    assert results.models[POOLED].beta[1] == pytest.approx(20, abs=2)
    cells = cells.with_columns(rater_class=pl.lit("V"))
    assert spread("rater_class")[1].models[POOLED].fixed_effects == ("intercept",), "one class is no effect"


def test_a_group_draws_the_same_ranks_whoever_else_is_rated() -> None:
    """Invariant 13 for the rank intervals: every group starts from the same seed."""
    rng = np.random.default_rng(2)
    levels = {f"CG-{n}": 60.0 + float(rng.normal(0, 3)) for n in range(12)}
    groups: dict[str, str | None] = {name: "政府" if n < 6 else "政法" for n, name in enumerate(levels)}
    cells = complete(levels, voters=8)
    both = score(cells, groups, min_departments_per_fit=4)
    alone = score([cell for cell in cells if groups[cell[1]] == "政法"], groups, min_departments_per_fit=4)
    for name, group in groups.items():
        if group == "政法":
            assert both[name] == alone[name]
            assert both[name]["rank_low"] is not None


@settings(max_examples=200, deadline=None, derandomize=True)
@given(seed=st.integers(0, 10_000), order=st.integers(0, 1_000))
def test_invariant_1_rows_and_names_change_no_department_row(seed: int, order: int) -> None:
    rng = np.random.default_rng(seed)
    levels = {f"CG-{n}": 60.0 + float(rng.normal(0, 6)) for n in range(6)}
    groups: dict[str, str | None] = {name: "政府" if n < 4 else "政法" for n, name in enumerate(levels)}
    cells = [cell for cell in complete(levels, voters=6, seed=seed) if rng.random() < 0.8]
    few = RankRules(draws=50)
    first = score(cells, groups, ranking=few)
    moved = np.random.default_rng(order)
    names = dict(zip(levels, moved.permutation([f"X-{n}" for n in range(6)]).tolist(), strict=True))
    shuffled = [(voter[::-1], names[department], value) for voter, department, value in cells]
    moved.shuffle(shuffled)
    second = score(shuffled, {names[name]: group for name, group in groups.items()}, ranking=few)
    for name, row in first.items():
        other = second[names[name]]
        for column, value in row.items():
            if isinstance(value, float):
                assert other[column] == pytest.approx(value, abs=2e-6), (name, column)
            elif column not in {"ratee_org_id", "org_name", "component"}:
                assert other[column] == value, (name, column)


def fits(groups: dict[str, str | None], **changes: Any) -> set[str]:
    cells = complete({name: 50.0 + 3 * index for index, name in enumerate(groups)})
    results = department_results(
        cell_frame(cells), contact_frame({}), ITEMS, organisations(groups), rules(**changes), period_id="2026M10"
    )
    return set(results.models)


def test_groups_too_small_for_a_fit_share_one() -> None:
    groups: dict[str, str | None] = {f"CG-{n:02d}": "政府" if n < 4 else "政法" if n < 7 else None for n in range(11)}
    assert fits(groups) == {POOLED}
    assert fits(groups, min_departments_per_fit=4) == {"政府", POOLED}
    assert fits(groups, min_departments_per_fit=3) == {"政府", "政法", POOLED}
    assert fits(groups, min_departments_per_fit=3, fit_by="all") == {POOLED}


def test_a_change_in_one_fitted_group_changes_no_other() -> None:
    """Invariant 13 for the scores."""
    groups: dict[str, str | None] = {f"CG-{n}": "政府" if n < 4 else "政法" for n in range(8)}
    cells = complete({name: 50.0 + 3 * index for index, name in enumerate(groups)})
    changed = [(v, d, x + 5.0 if d == "CG-7" and v == "U1" else x) for v, d, x in cells]
    before, after = (score(part, groups, min_departments_per_fit=4) for part in (cells, changed))
    assert all(before[name] == after[name] for name, group in groups.items() if group == "政府")
    assert before["CG-7"] != after["CG-7"]


def test_the_largest_unit_holds_its_share_of_the_weight() -> None:
    cells = cell_frame(complete({"CG-A": 70.0, "CG-B": 50.0}, voters=4)).with_columns(
        rater_org_id=pl.when(pl.col("voter_id").is_in(["U0", "U1"])).then(pl.lit("V-0")).otherwise("rater_org_id")
    )
    groups: dict[str, str | None] = {"CG-A": "政府", "CG-B": "政府"}
    scores = department_results(
        cells, contact_frame({}), ITEMS, organisations(groups), rules(), period_id="2026M10"
    ).scores
    assert scores["max_unit_share"].to_list() == [0.5, 0.5]
    assert scores["n_units"].to_list() == [3, 3]
    assert scores["n_raters"].to_list() == [4, 4]


def test_item_rows_carry_counts_and_means() -> None:
    results = department_results(
        cell_frame(complete(THREE)),
        contact_frame({"CG-A": (3, 1), "CG-B": (0, 2), "CG-X": (9, 9)}),
        ITEMS,
        organisations(GOVERNMENT),
        rules(),
        period_id="2026M10",
    )
    rows = results.items.select(
        "ratee_org_id", "item_id", "dimension", "n_answered", "n_dont_know", "score_raw_mean"
    ).rows()
    assert rows == [
        ("CG-A", "SOLVE", "解决实际问题", 3, 1, 60.0),
        ("CG-B", "SOLVE", "解决实际问题", 0, 2, None),
    ]


@pytest.mark.parametrize("level", ["person", "unit"])
def test_the_published_fit_of_1128_departments_is_reproduced(level: Any, realcases: Path) -> None:
    """R's lme4 on InstEval in the contract's columns, through the whole way from rows to scores."""
    case = realcases / "departments"
    ratings = pl.scan_csv(case / "rating_event__ETH__2026M10__v01.csv", infer_schema=False).with_columns(
        pl.col("score_raw").cast(pl.Decimal(18, 6)), rater_id="rater_token", target_kind=pl.lit(None, pl.String)
    )
    items = pl.read_csv(case / "instrument_item__ETH__2026M10__v01.csv", infer_schema=False).with_columns(
        pl.col("scale_min", "scale_max", "weight").cast(pl.Decimal(18, 6))
    )
    assessed = pl.read_csv(case / "org_unit__ETH__2026M10__v01.csv", infer_schema=False).filter(
        pl.col("org_id").str.starts_with("L")
    )
    sums = rating_sums(ratings, items)
    cells = voter_cells(sums.ballots, items, rater_level=level)
    few = RankRules(draws=50)
    scores = department_results(
        cells, sums.item_cells, items, assessed, rules(), period_id="2026M10", ranking=few
    ).scores
    expected = pl.read_csv(case / "expected" / "department_scores.csv").sort("org_id")
    assert scores["ratee_org_id"].to_list() == expected["org_id"].to_list()
    assert scores.height == 1_128
    assert scores["n_ballots"].to_list() == expected["n_ratings"].to_list()
    pairs = {"score_raw_mean": "raw_mean", "score_shrunken": "score", "effect": "effect", "conditional_sd": "effect_sd"}
    for ours, theirs in pairs.items():
        np.testing.assert_allclose(scores[ours], expected[theirs], atol=1e-4, rtol=0, err_msg=ours)
    assert scores["rank"].to_list() == expected["score"].rank("min", descending=True).to_list()
