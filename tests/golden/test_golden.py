"""Golden cases: folders a policy officer can read, each worked out by hand in its ``why.md``.

A folder holds the inputs as small CSV files, the parameters that differ from the defaults, the expected
figures and, in Chinese and English, why they are what they are.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from decimal import ROUND_HALF_UP, Decimal
from fractions import Fraction
from pathlib import Path
from typing import Any

import polars as pl
import pytest
import yaml

from expectations.datasets import DATASETS
from scoring.adjustments import ExemptionRules, apply_exemptions, correct_facts
from scoring.anchored_points import anchored_points
from scoring.bonus_pool import BonusResults, PoolRules, appeal_payments, bonus_payments
from scoring.composite import CompositeRules, composite
from scoring.departments import department_results
from scoring.exact import POINT
from scoring.frame import build_frame
from scoring.months import months_weighted
from scoring.red_lines import apply_red_lines
from scoring.scheme import SHIPPED_SCHEMES, load_schemes
from scoring.sums import RAW_SCALE, rating_sums, raw_units, voter_cells
from scoring.tiers import TierRules, tiers
from scoring.tracks import TrackRules, applicable, cell_scores, results_scores
from warehouse.published import MinimumCell

HERE = Path(__file__).parent
CASES = sorted(path.name for path in HERE.iterdir() if (path / "why.md").is_file())

Figures = dict[tuple[str, str], Any]
NUMBER = pl.Decimal(18, 6)


class Case:
    """The files of one folder."""

    def __init__(self, name: str) -> None:
        self.folder = HERE / name

    def table(self, name: str, **types: pl.DataType) -> pl.DataFrame:
        """A CSV file as text, the columns named in ``types`` cast; empty cells are null."""
        rows = pl.read_csv(self.folder / f"{name}.csv", infer_schema=False)
        return rows.with_columns(
            pl.col(column).str.to_date() if dtype == pl.Date() else pl.col(column).cast(dtype)
            for column, dtype in types.items()
        )

    def points(self, name: str, *columns: str, **types: pl.DataType) -> pl.DataFrame:
        """A CSV file whose ``columns`` are points, as whole millionths."""
        rows = self.table(name, **dict.fromkeys(columns, NUMBER), **types)
        return rows.with_columns(raw_units(column).alias(column) for column in columns)

    @property
    def parameters(self) -> dict[str, Any]:
        """What the case sets other than the defaults."""
        found: dict[str, Any] = yaml.safe_load((self.folder / "parameters.yaml").read_text(encoding="utf-8"))
        return found

    def share(self, name: str) -> Fraction:
        """A parameter that is a share."""
        return Fraction(self.parameters[name])


def figures(rows: pl.DataFrame, subject: str, *names: str, points: tuple[str, ...] = ()) -> Figures:
    """Columns of a frame as figures; ``points`` are whole millionths and become points."""
    shown = rows.with_columns((pl.col(name).cast(pl.Decimal(38, 6)) / POINT).alias(name) for name in points)
    long = shown.select(pl.col(subject).alias("_subject"), *names, *points)
    return {(row["_subject"], name): row[name] for row in long.to_dicts() for name in (*names, *points)}


# One function per folder: from its files to its figures


def rated(case: Case, low: int, high: int) -> pl.DataFrame:
    """Department scores from one answer of one rater per unit and department, on the shipped default scheme."""
    answers = case.table("ratings", answer=NUMBER)
    organisations = case.table("organisations")
    items = pl.DataFrame(
        {
            "instrument_id": "REV", "instrument_version": "1", "item_id": "Q1", "direction": "higher_better",
            "scale_min": low, "scale_max": high, "weight": 1, "dimension": "解决实际问题",
        }
    ).with_columns(pl.col("scale_min", "scale_max", "weight").cast(NUMBER))  # fmt: skip
    ratings = answers.select(
        pl.lit("REV").alias("instrument_id"),
        pl.lit("1").alias("instrument_version"),
        pl.lit("Q1").alias("item_id"),
        rater_id="unit",
        rater_org_id="unit",
        target_org_id="department",
        status=pl.lit("answered"),
        score_raw="answer",
        target_kind=pl.lit("org"),
    )
    sums = rating_sums(ratings.lazy(), items)
    rules = load_schemes(SHIPPED_SCHEMES)[0].rating
    cells = voter_cells(sums.ballots, items, rater_level=rules.rater_level.value)
    return department_results(cells, sums.item_cells, items, organisations, rules, period_id="2026").scores


DEPARTMENT_FIGURES = (
    "score_raw_mean", "score_adjusted", "score_shrunken", "reliability", "rank", "consequence", "n_raters", "n_units",
    "reason_codes",
)  # fmt: skip


def lenient_village(case: Case) -> Figures:
    return figures(rated(case, 1, 5), "ratee_org_id", *DEPARTMENT_FIGURES)


def lenient_villages_rate_one_department(case: Case) -> Figures:
    return figures(rated(case, 0, 100), "ratee_org_id", *DEPARTMENT_FIGURES)


def department_with_four_raters(case: Case) -> Figures:
    given = case.parameters
    cell = MinimumCell(given["min_raters"], given["min_units"], Decimal(given["max_unit_share"]))
    scores = rated(case, 1, 5).with_columns(published=~cell.too_small())
    return figures(scores, "ratee_org_id", "published", *DEPARTMENT_FIGURES)


def unit_merged_mid_year(case: Case) -> Figures:
    given = case.parameters
    schema = DATASETS["org_unit"].stored_schema
    organisations = case.table("organisations", valid_from=pl.Date(), valid_to=pl.Date())
    raters = pl.DataFrame(schema=DATASETS["rater"].stored_schema)
    frame = build_frame(
        pl.DataFrame(schema=DATASETS["rating_frame"].stored_schema),
        pl.concat([organisations, pl.DataFrame(schema=schema)], how="diagonal_relaxed").select(list(schema)),
        raters,
        period_start=given["period_start"],
        period_end=given["period_end"],
    )
    values = case.points("facts", "value")
    whole = months_weighted(values, frame.lineage, value="value", by=["indicator_id"])
    assessed = frame.assessed.select("org_id", "org_name", "peer_group", changed=~pl.col("improvement"))
    points = anchored_points(
        whole.with_columns((pl.col("value").cast(pl.Decimal(38, 6)) / RAW_SCALE).cast(NUMBER)),
        case.table("baseline_facts", value=NUMBER),
        anchors(case),
        directions(case),
        assessed,
    )
    found = figures(points, "org_id", "value", "reason_codes", points=("level", "improvement", "score100"))
    return found | figures(frame.assessed, "org_id", points=("months",))


def anchors(case: Case) -> pl.DataFrame:
    names = ("minimum", "floor", "achievement_threshold", "benchmark")
    return case.table("anchors", **dict.fromkeys(names, NUMBER))


def directions(case: Case) -> pl.DataFrame:
    given = case.parameters["directions"]
    return pl.DataFrame({"indicator_id": list(given), "direction": list(given.values())})


def exemption(case: Case) -> Figures:
    scores = case.points("scores", "score100", "weight")
    rows = case.table("adjustments", decided_value=NUMBER).with_columns(target_table=pl.lit("unit_indicator"))
    result = apply_exemptions(scores, rows, ExemptionRules(falsified=case.table("falsified")))
    lifted = {
        (unit, indicator): None if score is None else Decimal(score) / POINT
        for unit, indicator, score in result.scores.select("org_id", "indicator_id", "score100").iter_rows()
    }
    return (
        lifted
        | figures(result.steps, "adjustment_id", "reason_codes")
        | figures(result.review, "org_id", "needs_review")
    )


def tiered(units: pl.DataFrame, quota: Fraction, *, satisfaction: pl.Expr | None = None) -> pl.DataFrame:
    """Tiers where the error of the scores is not known, so that the rank decides about the quota."""
    has = pl.lit(value=True) if satisfaction is None else satisfaction
    given = units.with_columns(
        p_within_quota=pl.lit(None, pl.Float64()), has_satisfaction=has, pooled_periods=pl.lit(value=False)
    )
    return tiers(given, TierRules(quota=quota))


def paid(units: pl.DataFrame, case: Case) -> BonusResults:
    allowed = pl.col("bonus_allowed") if "bonus_allowed" in units.columns else pl.lit(value=True)
    columns = ["org_id", "peer_group", "base_fen", "incentive_score"]
    return bonus_payments(
        units.select(*columns, bonus_allowed=allowed),
        PoolRules(reserve_share=case.share("reserve")),
        total_fen=case.parameters["total_fen"],
    )


def red_line(case: Case) -> Figures:
    units = tiered(case.points("units", "incentive_score", base_fen=pl.Int64()), case.share("quota"))
    capped = apply_red_lines(units, case.table("red_lines"), case.table("authorised"))
    money = paid(capped, case)
    return (
        figures(capped, "org_id", "tier", "tier_uncapped", "rank", points=("incentive_score",))
        | figures(money.units, "org_id", "paid_fen")
        | figures(money.pools, "peer_group", "paid_fen", "reserve_fen")
    )


def tie_at_the_quota(case: Case) -> Figures:
    return figures(tiered(case.points("units", "incentive_score"), case.share("quota")), "org_id", "tier", "rank")


def missing_track(case: Case) -> Figures:
    weights = case.points("indicators", "weight").with_columns(peer_group=pl.lit(None, pl.String()))
    organisations = case.table("organisations")
    cells = cell_scores(case.points("scores", "score100"), applicable(organisations, weights))
    results = results_scores(cells, TrackRules())
    return figures(results, "org_id", "MISSING_TRACK", points=("visible_score", "results_score"))


def late_correction(case: Case) -> Figures:
    organisations = case.table("organisations", base_fen=pl.Int64())
    rows = case.table("adjustments", decided_value=NUMBER, decided_at=pl.Date())
    facts = case.table("facts", value=NUMBER)
    corrected = correct_facts(facts, rows)
    before, after = (_scores_of(case, table, organisations) for table in (facts, corrected.facts))
    published = paid(before, case)
    changed = after.filter(pl.col("org_id").is_in(rows["org_id"].implode()))
    rules = PoolRules(reserve_share=case.share("reserve"))
    final = appeal_payments(
        published.units,
        published.pools,
        changed.select("org_id", "base_fen", "incentive_score", bonus_allowed=pl.lit(value=True)),
        rules,
    )
    steps = figures(corrected.steps, "adjustment_id", "before", "after")
    scores = figures(after.rename({"incentive_score": "corrected_score"}), "org_id", points=("corrected_score",))
    return steps | scores | _money(published, "published") | _money(final, "corrected")


def _scores_of(case: Case, facts: pl.DataFrame, organisations: pl.DataFrame) -> pl.DataFrame:
    """The one indicator is the whole incentive score here."""
    points = anchored_points(
        facts.drop("period_id"), facts.clear().drop("period_id"), anchors(case), directions(case), organisations
    )
    scores = points.select("org_id", incentive_score="score100")
    return organisations.join(scores, on="org_id")


def _money(results: BonusResults, when: str) -> Figures:
    units = results.units.rename({"paid_fen": f"{when}_fen"})
    pools = results.pools.rename({"reserve_fen": f"{when}_reserve_fen"})
    return figures(units, "org_id", f"{when}_fen") | figures(pools, "peer_group", f"{when}_reserve_fen")


def missing_satisfaction(case: Case) -> Figures:
    given = case.parameters
    weights = {name: Fraction(weight) for name, weight in given["weights"].items()}
    rules = CompositeRules(weights, case.share("min_observed_weight"), given["min_parts"])
    scored = composite(case.points("parts", *weights), rules)
    units = scored.with_columns(incentive_score="raw_score")
    result = tiered(units, case.share("quota"), satisfaction=pl.col("satisfaction_score").is_not_null())
    return figures(result, "org_id", "tier", "tier_uncapped", "rank", points=("raw_score",))


def insufficient_evidence(case: Case) -> Figures:
    units = tiered(case.points("units", "incentive_score", base_fen=pl.Int64()), case.share("quota"))
    money = paid(units, case)
    return (
        figures(units, "org_id", "tier")
        | figures(money.units, "org_id", "paid_fen", "reason_codes")
        | figures(money.pools, "peer_group", "paid_fen", "reserve_fen")
    )


RUNS: dict[str, Callable[[Case], Figures]] = {
    run.__name__.replace("_", "-"): run
    for run in (
        lenient_village,
        lenient_villages_rate_one_department,
        department_with_four_raters,
        unit_merged_mid_year,
        exemption,
        red_line,
        tie_at_the_quota,
        missing_track,
        late_correction,
        missing_satisfaction,
        insufficient_evidence,
    )
}


# The figures against the ones worked out by hand


def expected(name: str) -> Iterator[tuple[str, str, str]]:
    yield from Case(name).table("expected").fill_null("").iter_rows()


def as_written(value: Any, like: str) -> str:
    """A figure as ``expected.csv`` writes it: with as many decimal places, yes or no, empty for none."""
    if value is None:
        return ""
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, int | str):
        return str(value)
    places = Decimal(1).scaleb(-len(like.partition(".")[2]))
    return str(Decimal(value).quantize(places, ROUND_HALF_UP))


@pytest.mark.parametrize("name", CASES)
def test_the_figures_are_those_worked_out_by_hand(name: str) -> None:
    found = RUNS[name](Case(name))
    wanted = {(subject, figure): value for subject, figure, value in expected(name)}
    assert {key: as_written(found[key], value) for key, value in wanted.items()} == wanted


@pytest.mark.parametrize("name", CASES)
def test_every_expected_figure_stands_in_the_explanation_in_both_languages(name: str) -> None:
    why = (HERE / name / "why.md").read_text(encoding="utf-8")
    chinese, english = why.split("## What this shows")
    assert "## 手算" in chinese
    for _, _, value in expected(name):
        assert value in chinese, value
    assert len(english.split()) > 40
    figures_named = {value for _, _, value in expected(name) if "." in value}
    assert any(value in english for value in figures_named) or not figures_named


def test_every_case_is_run_and_there_are_at_least_eight() -> None:
    assert sorted(RUNS) == CASES
    assert len(CASES) >= 8
