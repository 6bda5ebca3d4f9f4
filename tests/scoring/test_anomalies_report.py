"""What leaves the scoring process about anomalies, and what flagged ballots do to the scores."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable
from fractions import Fraction
from functools import partial
from typing import Literal

import numpy as np
import polars as pl
import pytest
from polars.testing import assert_frame_equal

from scoring.anomalies import (
    AnomalyParameters,
    AnomalyResults,
    anomaly_results,
    answer_patterns,
    counted_ballots,
    huber_cells,
    scores_without,
)
from scoring.anomalies.residuals import residuals
from scoring.mixed_model import MixedModel, crossed_sums, fit
from scoring.sums import rating_sums, voter_cells
from scoring.tables.anomalies import ANOMALY

UNITS, RATERS, DEPARTMENTS, N_ITEMS = 12, 12, 8, 3
CLOSED_ON = dt.date(2026, 6, 30)
PARAMETERS = AnomalyParameters()
ITEMS = pl.DataFrame(
    {
        "instrument_id": "REV",
        "instrument_version": "1",
        "item_id": [f"Q{k}" for k in range(N_ITEMS)],
        "scale_min": "1",
        "scale_max": "5",
        "direction": "higher_better",
        "weight": "1",
        "dimension": "overall",
    }
).with_columns(pl.col("scale_min", "scale_max", "weight").cast(pl.Decimal(18, 6)))
NO_TRIGGERS = pl.DataFrame(
    schema={"rater_org_id": pl.String, "ratee_org_id": pl.String, "date": pl.Date, "kind": pl.String}
)
NO_EXCLUSIONS = pl.DataFrame(
    schema=dict.fromkeys(
        ["adjustment_id", "adj_kind", "decision", "decided_by_org_id", "rater_org_id", "ratee_org_id"], pl.String
    )
)


def honest(seed: int, units: int = UNITS) -> pl.DataFrame:
    """Rows of rating_event of 12 raters in each unit about 8 departments, 3 items on 1 to 5."""
    rng = np.random.default_rng(seed)
    shape = (units * RATERS, DEPARTMENTS, N_ITEMS)
    latent = (
        3.2
        + rng.normal(0, 0.4, shape[0])[:, None, None]
        + rng.normal(0, 0.4, DEPARTMENTS)[None, :, None]
        + rng.normal(0, 0.8, shape[:2])[:, :, None]
        + rng.normal(0, 0.6, shape)
    )
    rater, department, item = (axis.ravel() for axis in np.indices(shape))
    arrival = rng.integers(0, 20 * 24, shape[0])[rater]
    return pl.DataFrame(
        {
            "rater": rater,
            "rater_id": [f"r{k:04d}" for k in rater],
            "rater_org_id": [f"U{k // RATERS:02d}" for k in rater],
            "target_org_id": [f"D{k}" for k in department],
            "item_id": [f"Q{k}" for k in item],
            "score": np.clip(np.rint(latent), 1, 5).astype(np.int64).ravel(),
        }
    ).with_columns(
        submitted_at=pl.lit(dt.datetime(2026, 6, 1, tzinfo=dt.UTC)) + pl.duration(hours=pl.Series(arrival)),
        instrument_id=pl.lit("REV"),
        instrument_version=pl.lit("1"),
        status=pl.lit("answered"),
        target_kind=pl.lit("department"),
    )


def scored(rows: pl.DataFrame) -> pl.DataFrame:
    return rows.with_columns(score_raw=pl.col("score").cast(pl.Decimal(18, 6))).drop("score", "rater")


def run(
    rows: pl.DataFrame,
    *,
    level: Literal["person", "unit"] = "unit",
    triggers: pl.DataFrame | None = None,
    roster: pl.DataFrame | None = None,
    parameters: AnomalyParameters = PARAMETERS,
) -> tuple[AnomalyResults, dict[str, MixedModel]]:
    """All flags of the rows; the published score has units or persons as voters."""
    ratings = scored(rows)
    ballots = rating_sums(ratings.lazy(), ITEMS).ballots
    cells_of: Callable[[pl.DataFrame], pl.DataFrame] = partial(voter_cells, items=ITEMS, rater_level=level)
    models = {"all": fit(crossed_sums(cells_of(ballots)))}
    results = anomaly_results(
        answer_patterns(ratings.lazy(), ITEMS),
        ballots,
        cells_of,
        models,
        voter_cells(ballots, ITEMS, rater_level="person"),
        rows.select(org_id="rater_org_id", peer_group=pl.lit("village")).unique(),
        NO_TRIGGERS if triggers is None else triggers,
        parameters,
        period_id="2026H1",
        closed_on=CLOSED_ON,
        roster=roster,
    )
    return results, models


def only(table: pl.DataFrame, kind: str, flag: str) -> pl.DataFrame:
    return table.filter((pl.col("subject_kind") == kind) & (pl.col("flag") == flag)).drop("period_id", "subject_kind")


def straight(rows: pl.DataFrame, count: int, *, step: int = RATERS) -> pl.DataFrame:
    """The first rater of each of ``count`` units (every ``step``-th rater) gives everybody a 4."""
    chosen = (pl.col("rater") % step == 0) & (pl.col("rater") // step < count)
    return rows.with_columns(score=pl.when(chosen).then(4).otherwise("score"))


def commanded(rows: pl.DataFrame, unit: str) -> pl.DataFrame:
    return rows.with_columns(score=pl.when(pl.col("rater_org_id") == unit).then(5).otherwise("score"))


class TestWhatLeaves:
    def test_no_rater_and_no_pair_is_named(self) -> None:
        triggers = pl.DataFrame(
            {
                "rater_org_id": [f"U{k:02d}" for k in range(10)],
                "ratee_org_id": "D0",
                "date": dt.date(2026, 6, 1),
                "kind": "penalty",
            }
        )
        angry = (pl.col("target_org_id") == "D0") & (pl.col("rater_org_id") < "U07")
        rows = straight(honest(1), 11).with_columns(score=pl.when(angry).then(1).otherwise("score"))
        results, _ = run(commanded(rows, "U11"), triggers=triggers)
        assert results.raters["straight_line"].sum() >= 10
        assert results.pairs["retaliation"].sum() >= 5
        text = results.table.select(pl.concat_str(pl.col(pl.String), separator="|", ignore_nulls=True)).to_series()
        assert text.str.contains(r"r\d{4}").sum() == 0
        assert text.str.contains(r"U\d\d.*D\d|D\d.*U\d\d").sum() == 0
        assert results.table.schema == ANOMALY.schema

    def test_rater_flags_are_counts_and_small_ones_are_hidden(self) -> None:
        for count, shown in ((4, None), (6, 6)):
            results, _ = run(straight(honest(2), count))
            assert results.raters["straight_line"].sum() == count
            rows = only(results.table, "department", "straight_line")
            assert rows["org_id"].to_list() == [f"D{j}" for j in range(DEPARTMENTS)]
            assert rows["n_flagged"].to_list() == [shown] * DEPARTMENTS
            assert rows["n_examined"].to_list() == [UNITS * RATERS] * DEPARTMENTS
            codes = [None if shown else "SUPPRESSED_SMALL_N"] * DEPARTMENTS
            assert rows["reason_codes"].to_list() == codes
            # One straight liner in a unit of twelve is one of 1 to 4.
            assert only(results.table, "unit", "straight_line")["n_flagged"].to_list() == [None] * count

    def test_units_below_the_minimum_cell_have_no_counts_of_raters(self) -> None:
        rows = straight(honest(3), 6).filter((pl.col("rater_org_id") != "U00") | (pl.col("rater") < 9))
        results, _ = run(rows)
        assert "U00" not in only(results.table, "unit", "straight_line")["org_id"]

    def test_few_triggered_pairs_are_not_shown(self) -> None:
        for count, examined in ((4, []), (7, [7])):
            units = [f"U{k:02d}" for k in range(count)]
            triggers = pl.DataFrame(
                {"rater_org_id": units, "ratee_org_id": "D0", "date": dt.date(2026, 6, 1), "kind": "penalty"}
            )
            angry = (pl.col("target_org_id") == "D0") & pl.col("rater_org_id").is_in(units)
            results, _ = run(
                honest(4, units=30).with_columns(score=pl.when(angry).then(1).otherwise("score")), triggers=triggers
            )
            flagged = int(results.pairs["retaliation"].sum())
            assert flagged >= (5 if examined else 3)
            rows = only(results.table, "department", "retaliation")
            assert rows["n_examined"].to_list() == examined
            assert rows["n_flagged"].to_list() == [flagged] * len(examined)

    def test_a_unit_flag_keeps_its_evidence_from_ten_raters_on(self) -> None:
        for raters, shown in ((12, True), (9, False)):
            rows = commanded(honest(5), "U03").filter(
                (pl.col("rater_org_id") != "U03") | (pl.col("rater") % RATERS < raters)
            )
            results, _ = run(rows)
            (row,) = only(results.table, "unit", "identical_ballots").iter_rows(named=True)
            assert row["org_id"] == "U03"
            assert (row["n_flagged"], row["n_examined"]) == ((12, 12) if shown else (None, None))
            assert (row["evidence"] is not None, row["p_value"] is not None) == (shown, shown)
            assert row["reason_codes"] == (None if shown else "SUPPRESSED_SMALL_N")

    def test_a_roster_overrun_is_a_hard_error_code(self) -> None:
        rows = honest(6)
        roster = pl.DataFrame(
            {"org_id": [f"U{k:02d}" for k in range(UNITS)], "n_eligible_raters": [11] + [RATERS] * (UNITS - 1)}
        )
        results, _ = run(rows, roster=roster)
        (row,) = only(results.table, "unit", "ballots_over_roster").iter_rows(named=True)
        assert (row["org_id"], row["n_flagged"], row["n_examined"], row["threshold"]) == ("U00", 1, 12, 11.0)
        assert row["reason_codes"] == "BALLOTS_OVER_ROSTER"

    def test_row_order_changes_nothing(self) -> None:
        rows = commanded(straight(honest(7), 6), "U11")
        first, _ = run(rows)
        second, _ = run(rows.sample(fraction=1, shuffle=True, seed=1))
        assert_frame_equal(first.table, second.table, rel_tol=0, abs_tol=0)
        assert_frame_equal(first.flagged_ballots, second.flagged_ballots)

    def test_severity_of_persons_is_looked_at_where_units_vote(self) -> None:
        low = (pl.col("rater") % RATERS == 5) & (pl.col("rater") // RATERS < 6)
        harsh = honest(8, units=24).with_columns(score=pl.when(low).then(1).otherwise("score"))
        by_unit, _ = run(harsh)
        by_person, models = run(harsh, level="person")
        flagged = by_unit.voters.filter(pl.col("severity") & pl.col("voter_id").str.starts_with("r"))
        assert flagged["voter_id"].to_list() == [f"r{12 * k + 5:04d}" for k in range(6)]
        assert only(by_unit.table, "department", "severity")["n_flagged"].to_list() == [6] * DEPARTMENTS
        assert by_person.voters["fit"].unique().to_list() == list(models)
        assert not by_person.voters["voter_id"].str.starts_with("U").any()


class TestUnitsAsVoters:
    def test_a_harsh_unit_is_its_own_row(self) -> None:
        rows = honest(9, units=30).with_columns(
            score=pl.when((pl.col("rater_org_id") == "U07") & (pl.col("item_id") != "Q2")).then(1).otherwise("score")
        )
        results, models = run(rows)
        (row,) = only(results.table, "unit", "unit_severity").iter_rows(named=True)
        assert (row["org_id"], row["n_examined"]) == ("U07", DEPARTMENTS)
        assert row["statistic"] < 0
        assert row["p_value"] * 30 <= 0.01
        assert (
            "U07"
            in results.flagged_ballots.filter(flag="unit_severity").join(
                rows.select("rater_id", "rater_org_id").unique(), on="rater_id"
            )["rater_org_id"]
        )
        assert models["all"].voters == tuple(f"U{k:02d}" for k in range(30))


class TestProgramme:
    def test_bunching_of_turnout_is_about_nobody(self) -> None:
        """Twelve raters each; 10 reach four fifths. Forty units just reach it, three just miss it."""
        rows = honest(40, units=50)
        short = (
            pl.when(pl.col("rater_org_id") < "U40").then(10).when(pl.col("rater_org_id") < "U43").then(9).otherwise(4)
        )
        voted = rows.filter(pl.col("rater") % RATERS < short)
        roster = pl.DataFrame({"org_id": [f"U{k:02d}" for k in range(50)], "n_eligible_raters": [RATERS] * 50})
        parameters = AnomalyParameters(turnout_thresholds=(Fraction(3, 10), Fraction(4, 5)), step_raters=1)
        results, _ = run(voted, roster=roster, parameters=parameters)
        table = results.table.filter(subject_kind="programme")
        assert table.select("org_id", "flag", "n_flagged", "n_examined", "evidence").rows() == [
            ("*", "turnout_bunching", 40, 43, "turnout 0.8: 40/43")
        ]
        silent, _ = run(voted, parameters=parameters)
        assert silent.table.filter(subject_kind="programme").is_empty()


class TestTreatment:
    def test_the_published_score_keeps_flagged_ballots(self) -> None:
        """Defect: silently dropping what looks odd. Only a signed exclusion takes a ballot out."""
        rows = commanded(honest(10), "U03")
        ballots = rating_sums(scored(rows).lazy(), ITEMS).ballots
        kept, applied = counted_ballots(ballots, NO_EXCLUSIONS)
        assert_frame_equal(kept, ballots)
        assert applied.is_empty()
        results, models = run(rows)
        assert results.flagged_ballots.filter(flag="identical_ballots").height == RATERS * DEPARTMENTS
        assert results.scores["score"].to_list() == list(models["all"].score)
        total = results.scores["score_without"] + results.scores["score_difference"]
        assert total.to_list() == pytest.approx(list(models["all"].score))
        assert results.scores["score_without"].to_list() != pytest.approx(list(models["all"].score))

    def test_score_without_is_the_fit_without_the_flagged_units(self) -> None:
        units = [f"U{k:02d}" for k in range(5)]
        rows = honest(11, units=40)
        for unit in units:
            rows = commanded(rows, unit)
        results, _ = run(rows, parameters=AnomalyParameters(without=("identical_ballots",)))
        assert (
            results.units.filter(pl.col("flagged") & (pl.col("flag") == "identical_ballots"))["rater_org_id"].to_list()
            == units
        )
        ballots = rating_sums(scored(rows.filter(~pl.col("rater_org_id").is_in(units))).lazy(), ITEMS).ballots
        model = fit(crossed_sums(voter_cells(ballots, ITEMS, rater_level="unit")))
        table = only(results.table, "department", "any").sort("org_id")
        assert table["n_flagged"].to_list() == [5 * RATERS] * DEPARTMENTS
        assert table["score_without"].to_list() == pytest.approx(list(model.score), abs=1e-6)
        assert (table["score_difference"] > 0).all()

    def test_a_difference_of_one_unit_is_hidden(self) -> None:
        """Defect: with and without one unit of twelve gives that unit's ballots away, department by department."""
        results, models = run(
            commanded(honest(11), "U03"), parameters=AnomalyParameters(without=("identical_ballots",))
        )
        table = only(results.table, "department", "any")
        assert table["score_without"].is_null().all()
        assert table["n_flagged"].is_null().all()
        # Inside the process the difference is known.
        assert results.scores["score"].to_list() == list(models["all"].score)
        assert (results.scores["score_difference"] > 0).all()
        row = only(results.table, "unit", "agreement").row(0, named=True)
        assert (row["org_id"], row["n_flagged"], row["evidence"]) == ("U03", None, None)
        assert row["reason_codes"] == "WITHHELD_UNANIMOUS"

    def test_excluded_ballots_are_neither_examined_nor_scored(self) -> None:
        rows = commanded(honest(15), "U03")
        ratings = scored(rows)
        ballots = rating_sums(ratings.lazy(), ITEMS).ballots.filter(pl.col("rater_org_id") != "U03")
        cells_of = partial(voter_cells, items=ITEMS, rater_level="unit")
        results = anomaly_results(
            answer_patterns(ratings.lazy(), ITEMS),
            ballots,
            cells_of,
            {"all": fit(crossed_sums(cells_of(ballots)))},
            voter_cells(ballots, ITEMS, rater_level="person"),
            rows.select(org_id="rater_org_id", peer_group=pl.lit("village")).unique(),
            NO_TRIGGERS,
            PARAMETERS,
            period_id="2026H1",
            closed_on=CLOSED_ON,
        )
        assert "U03" not in results.units.filter(pl.col("flag") == "identical_ballots")["rater_org_id"]
        assert only(results.table, "department", "any")["n_examined"].to_list() == [11 * RATERS] * DEPARTMENTS

    def test_a_difference_of_few_raters_is_hidden(self) -> None:
        """Defect: two published scores whose populations differ by 1 to 9 raters give those raters away."""
        for count, hidden in ((9, True), (10, False), (0, False)):
            rows = straight(honest(12), count)
            results, _ = run(rows, parameters=AnomalyParameters(without=("straight_line",)))
            table = only(results.table, "department", "any")
            assert table["score_without"].is_null().to_list() == [hidden] * DEPARTMENTS
            assert table["n_flagged"].to_list() == [None if hidden else count] * DEPARTMENTS
            assert set(table["reason_codes"]) == {"SUPPRESSED_SMALL_N" if hidden else None}
            if count == 0:
                assert table["score_difference"].to_list() == pytest.approx([0.0] * DEPARTMENTS)

    def test_a_department_left_without_enough_raters_is_hidden(self) -> None:
        one_unit = honest(13).filter((pl.col("target_org_id") != "D0") | (pl.col("rater_org_id") < "U04"))
        results, _ = run(one_unit)
        row = only(results.table, "department", "any").filter(org_id="D0").row(0, named=True)
        assert (row["score_without"], row["n_examined"]) == (None, None)
        assert row["reason_codes"] == "SUPPRESSED_SMALL_N"
        assert "D0" not in results.table.filter(pl.col("flag") == "extreme_ballot")["org_id"]

    def test_without_any_ballot_left_the_score_is_null_and_not_zero(self) -> None:
        rows = honest(14)
        cells = voter_cells(rating_sums(scored(rows).lazy(), ITEMS).ballots, ITEMS, rater_level="unit")
        models = {"all": fit(crossed_sums(cells))}
        left = scores_without(cells.filter(pl.col("ratee_org_id") != "D0"), models)
        assert left.filter(pl.col("score_without").is_null())["ratee_org_id"].to_list() == ["D0"]
        assert scores_without(cells.clear(), models)["score_without"].is_null().all()


class TestExclusions:
    def ballots(self) -> pl.DataFrame:
        return rating_sums(scored(honest(20, units=3)).lazy(), ITEMS).ballots

    def excluded(self, **changes: str | None) -> pl.DataFrame:
        row: dict[str, str | None] = {
            "adjustment_id": "A1",
            "adj_kind": "exclusion",
            "decision": "upheld",
            "decided_by_org_id": "CG",
            "rater_org_id": "U01",
            "ratee_org_id": "D2",
        }
        return pl.DataFrame([row | changes], schema=NO_EXCLUSIONS.schema)

    def test_a_signed_exclusion_takes_out_its_pair_and_is_counted(self) -> None:
        ballots = self.ballots()
        kept, applied = counted_ballots(ballots, self.excluded())
        gone = ballots.join(kept, on=["rater_id", "ratee_org_id"], how="anti")
        assert set(gone.select("rater_org_id", "ratee_org_id").rows()) == {("U01", "D2")}
        assert applied.rows() == [("A1", RATERS)]

    def test_without_a_department_the_whole_unit_is_out(self) -> None:
        kept, applied = counted_ballots(self.ballots(), self.excluded(ratee_org_id=None))
        assert sorted(kept["rater_org_id"].unique()) == ["U00", "U02"]
        assert applied.rows() == [("A1", RATERS * DEPARTMENTS)]

    @pytest.mark.parametrize("changes", [{"decision": "pending"}, {"decision": "rejected"}, {"adj_kind": "appeal"}])
    def test_anything_else_takes_nothing_out(self, changes: dict[str, str]) -> None:
        ballots = self.ballots()
        kept, applied = counted_ballots(ballots, self.excluded(**changes))
        assert_frame_equal(kept, ballots)
        assert applied.is_empty()

    @pytest.mark.parametrize("changes", [{"decided_by_org_id": None}, {"rater_org_id": None}])
    def test_an_unsigned_exclusion_is_refused(self, changes: dict[str, None]) -> None:
        with pytest.raises(ValueError, match="signed decision: A1"):
            counted_ballots(self.ballots(), self.excluded(**changes))


def test_huber_weights_are_two_and_a_half_over_the_residual() -> None:
    rows = honest(30)
    spoiled = (pl.col("rater") == 7) & (pl.col("target_org_id") == "D3")
    worst = rows.group_by("target_org_id").agg(pl.col("score").mean()).sort("score")["target_org_id"][-1]
    rows = rows.with_columns(
        score=pl.when(spoiled | ((pl.col("rater") == 8) & (pl.col("target_org_id") == worst)))
        .then(1)
        .otherwise("score")
    )
    cells = voter_cells(rating_sums(scored(rows).lazy(), ITEMS).ballots, ITEMS, rater_level="person")
    models = {"all": fit(crossed_sums(cells))}
    changed = huber_cells(cells, models, PARAMETERS)
    assert_frame_equal(changed.drop("weight"), cells.drop("weight"))
    both = residuals(cells, models).join(changed, on=["voter_id", "ratee_org_id"])
    expected = [round(10_000 * min(1.0, 2.5 / abs(r))) for r in both["standardised"]]
    assert both["weight_right"].to_list() == expected
    assert 0 < (both["weight_right"] < 10_000).sum() < 0.05 * both.height
