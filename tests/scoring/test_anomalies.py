"""The anomaly flags: published p-values, hand-worked cases and slow oracles in plain Python."""

from __future__ import annotations

import datetime as dt
import itertools
import math
from collections import Counter, defaultdict
from fractions import Fraction
from statistics import NormalDist, mean, variance
from typing import Any

import numpy as np
import numpy.typing as npt
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from polars.testing import assert_frame_equal

from scoring.agreement import r_wg
from scoring.anomalies.answer_patterns import AnswerPatterns, answer_patterns
from scoring.anomalies.false_discovery import benjamini_hochberg, ordered_sums
from scoring.anomalies.organiser import turnout_jumps
from scoring.anomalies.pair import pair_flags, pair_residuals
from scoring.anomalies.parameters import AnomalyParameters
from scoring.anomalies.rater import extreme_ballots, rater_flags, voter_flags
from scoring.anomalies.residuals import residuals
from scoring.anomalies.unit import (
    agreement,
    agreement_cells,
    arrival_bursts,
    ballots_over_roster,
    identical_ballots,
    poisson_tail,
    shared_devices,
)
from scoring.mixed_model import crossed_sums, fit, model_at

Floats = npt.NDArray[np.float64]
PARAMETERS = AnomalyParameters()
START = dt.datetime(2026, 6, 1, 8, tzinfo=dt.UTC)


def items_of(count: int, *, lower_better: bool = False) -> pl.DataFrame:
    """Items Q00, Q01, ... on 1 to 5."""
    return pl.DataFrame(
        {
            "instrument_id": "REV",
            "instrument_version": "1",
            "item_id": [f"Q{k:02d}" for k in range(count)],
            "scale_min": "1",
            "scale_max": "5",
            "direction": "lower_better" if lower_better else "higher_better",
            "weight": "1",
            "dimension": "overall",
        }
    ).with_columns(pl.col("scale_min", "scale_max", "weight").cast(pl.Decimal(18, 6)))


def ratings_of(rows: list[dict[str, Any]]) -> pl.DataFrame:
    """Rows of rating_event from rater, unit, department, item and score, with what else a row names."""
    defaults = {
        "instrument_id": "REV",
        "instrument_version": "1",
        "status": "answered",
        "target_kind": "department",
        "submitted_at": START,
        "submission_id": None,
        "duration_s": None,
        "device_hash": None,
    }
    schema = {
        "rater_id": pl.String,
        "rater_org_id": pl.String,
        "target_org_id": pl.String,
        "item_id": pl.String,
        "score_raw": pl.Int64,
        **dict.fromkeys(defaults, pl.String),
        "submitted_at": pl.Datetime("us", "UTC"),
        "duration_s": pl.Int64,
    }
    complete = [defaults | row for row in rows]
    return pl.DataFrame(complete, schema=schema).with_columns(pl.col("score_raw").cast(pl.Decimal(18, 6)))


def answers(rater: str, scores: dict[str, list[int | None]], unit: str = "U1", **more: Any) -> list[dict[str, Any]]:
    """All answers of a rater: department to the scores of Q00, Q01, ...; None is a don't know."""
    return [
        {
            "rater_id": rater,
            "rater_org_id": unit,
            "target_org_id": department,
            "item_id": f"Q{k:02d}",
            "score_raw": score,
            "status": "dont_know" if score is None else "answered",
            **more,
        }
        for department, row in scores.items()
        for k, score in enumerate(row)
    ]


def patterns_of(rows: list[dict[str, Any]], n_items: int = 5) -> AnswerPatterns:
    return answer_patterns(ratings_of(rows).lazy(), items_of(n_items))


def group_of(*units: str) -> pl.DataFrame:
    return pl.DataFrame({"org_id": units, "peer_group": "village"})


class TestFalseDiscovery:
    def test_published_example(self) -> None:
        """Benjamini and Hochberg 1995, section 3.2: at 5 % the first four of fifteen are discoveries."""
        published = [
            0.0001, 0.0004, 0.0019, 0.0095, 0.0201, 0.0278, 0.0298, 0.0344,
            0.0459, 0.3240, 0.4262, 0.5719, 0.6528, 0.7590, 1.0000,
        ]  # fmt: skip
        shuffled = np.random.default_rng(3).permutation(15)
        q_values = benjamini_hochberg(np.array(published)[shuffled])
        assert sorted(np.array(published)[shuffled][q_values <= 0.05]) == published[:4]
        assert q_values[list(shuffled).index(3)] == pytest.approx(0.0095 * 15 / 4)

    @settings(max_examples=200, derandomize=True)
    @given(st.lists(st.one_of(st.none(), st.integers(0, 20)), max_size=12))
    def test_step_up_by_definition(self, twentieths: list[int | None]) -> None:
        p_values = [math.nan if t is None else t / 20 for t in twentieths]
        tested = sorted(p for p in p_values if not math.isnan(p))
        m = len(tested)
        for p, q in zip(p_values, benjamini_hochberg(np.array(p_values, dtype=float)), strict=True):
            if math.isnan(p):
                assert math.isnan(q)
            else:
                assert q == pytest.approx(min(t * m / (k + 1) for k, t in enumerate(tested) if t >= p))

    def test_sums_do_not_depend_on_row_order(self) -> None:
        rng = np.random.default_rng(4)
        rows = pl.DataFrame({"g": [f"g{k}" for k in rng.integers(0, 7, 900)], "x": rng.normal(0, 1e8, 900)})
        sums = ordered_sums(rows, ["g"], ["x"])
        for seed in range(5):
            assert_frame_equal(
                ordered_sums(rows.sample(fraction=1, shuffle=True, seed=seed), ["g"], ["x"]), sums, rel_tol=0, abs_tol=0
            )
        slow = {group: math.fsum(part["x"]) for (group,), part in rows.partition_by("g", as_dict=True).items()}
        assert dict(zip(sums["g"], sums["x"], strict=True)) == pytest.approx(slow)
        assert sums["n"].sum() == 900


class TestAnswerPatterns:
    @settings(max_examples=100, derandomize=True, deadline=None)
    @given(st.integers(0, 2**32 - 1))
    def test_agrees_with_plain_python(self, seed: int) -> None:
        rng = np.random.default_rng(seed)
        rows = [
            row
            for rater in range(4)
            for department in range(3)
            for row in answers(
                f"r{rater}",
                {f"D{department}": [int(s) if s else None for s in rng.integers(0, 4, 3)]},
                submitted_at=START + dt.timedelta(minutes=int(rng.integers(5))),
            )
        ]
        patterns = answer_patterns(ratings_of(rows).sample(fraction=1, shuffle=True, seed=seed).lazy(), items_of(3))
        given_answers = [row for row in rows if row["score_raw"] is not None]
        by_ballot: dict[tuple[str, str], dict[str, int]] = defaultdict(dict)
        by_rater: dict[str, list[tuple[Any, ...]]] = defaultdict(list)
        for row in given_answers:
            by_ballot[row["rater_id"], row["target_org_id"]][row["item_id"]] = row["score_raw"]
            by_rater[row["rater_id"]].append(
                (row["submitted_at"], row["target_org_id"], row["item_id"], row["score_raw"])
            )
        ballots = patterns.ballots
        assert list(zip(ballots["rater_id"], ballots["ratee_org_id"], strict=True)) == sorted(by_ballot)
        for left, right in itertools.combinations(ballots.iter_rows(named=True), 2):
            same = (
                by_ballot[left["rater_id"], left["ratee_org_id"]] == by_ballot[right["rater_id"], right["ratee_org_id"]]
            )
            assert (left["vector"] == right["vector"]) is same
        for row in ballots.iter_rows(named=True):
            scores = by_ballot[row["rater_id"], row["ratee_org_id"]].values()
            values = [(score - 1) * 250_000 for score in scores]
            assert (row["low"], row["high"], row["sum_value"]) == (min(values), max(values), sum(values))
        runs = {
            rater: max(len(list(run)) for _, run in itertools.groupby(sorted(rows), key=lambda row: row[3]))
            for rater, rows in by_rater.items()
        }
        assert dict(zip(patterns.raters["rater_id"], patterns.raters["longest_run"], strict=True)) == runs

    def test_vignettes_and_missing_answers_are_left_out(self) -> None:
        rows = answers("r1", {"D1": [3, None]}) + answers("r1", {"D9": [5, 5]}, target_kind="vignette")
        patterns = patterns_of(rows)
        assert patterns.ballots.select("ratee_org_id", "n_items").rows() == [("D1", 1)]
        assert patterns.raters["n_answers"].to_list() == [1]

    def test_seconds_are_per_answer_over_all_submissions(self) -> None:
        rows = (
            answers("r1", {"D1": [1, 2]}, submission_id="a", duration_s=10)
            + answers("r1", {"D2": [1, 2, 3]}, submission_id="b", duration_s=5)
            + answers("r1", {"D3": [1, 2, 3]}, submission_id="c")
            + answers("r2", {"D1": [1]})
        )
        assert patterns_of(rows).raters["seconds_per_item"].to_list() == [3.0, None]

    def test_optional_columns_may_be_absent(self) -> None:
        rows = ratings_of(answers("r1", {"D1": [1, 2]})).drop(
            "submitted_at", "submission_id", "duration_s", "device_hash"
        )
        patterns = answer_patterns(rows.lazy(), items_of(2))
        assert patterns.raters.select("n_answers", "first_at", "seconds_per_item").rows() == [(2, None, None)]
        assert patterns.devices.is_empty()

    def test_lower_is_better_turns_the_scale(self) -> None:
        patterns = answer_patterns(ratings_of(answers("r1", {"D1": [1, 2]})).lazy(), items_of(2, lower_better=True))
        assert patterns.ballots.select("low", "high").rows() == [(750_000, 1_000_000)]


class TestRaterFlags:
    def test_a_straight_line_needs_five_equal_answers(self) -> None:
        rows = (
            answers("five", {"D1": [3, 3, 3], "D2": [3, 3]})
            + answers("four", {"D1": [3, 3, 3, 3]})
            + answers("bent", {"D1": [3, 3, 3, 3, 3], "D2": [4]})
        )
        flags = rater_flags(patterns_of(rows).raters, PARAMETERS)
        assert flags.filter("straight_line")["rater_id"].to_list() == ["five"]

    @pytest.mark.parametrize(
        ("run", "others", "flagged"), [(10, 10, True), (9, 3, False), (10, 11, False), (12, 12, True)]
    )
    def test_a_long_run_is_ten_answers_and_half_of_all(self, run: int, others: int, flagged: bool) -> None:
        scores: list[int | None] = [4] * run + [(1, 2)[k % 2] for k in range(others)]
        flags = rater_flags(patterns_of(answers("r1", {"D1": scores}), len(scores)).raters, PARAMETERS)
        assert flags["long_run"].to_list() == [flagged]

    def test_less_than_two_seconds_an_answer_is_too_fast(self) -> None:
        rows = [
            row
            for rater, seconds in (("a", 9), ("b", 10), ("c", None))
            for row in answers(rater, {"D1": [1, 2, 3, 4, 5]}, submission_id=rater, duration_s=seconds)
        ]
        assert rater_flags(patterns_of(rows).raters, PARAMETERS)["too_fast"].to_list() == [True, False, None]

    def test_extreme_ballots_are_all_top_or_all_bottom(self) -> None:
        scores = {"D1": [5, 5], "D2": [1, 1], "D3": [5, 1], "D4": [5, None], "D5": [3, 3]}
        flags = extreme_ballots(patterns_of(answers("r1", scores)).ballots)
        assert flags.filter("extreme_ballot")["ratee_org_id"].to_list() == ["D1", "D2"]


def crossed_cells(seed: int, q: int = 200, d: int = 20, harsh: int = 0) -> pl.DataFrame:
    """A complete design with severity SD 6, residual SD 8; the first ``harsh`` voters are 40 points harsher."""
    rng = np.random.default_rng(seed)
    severity = rng.normal(0, 6, q)
    severity[:harsh] -= 40
    y = 60 + severity[:, None] + rng.normal(0, 5, d) + rng.normal(0, 8, (q, d))
    return pl.DataFrame(
        {
            "voter_id": [f"r{v:04d}" for v in range(q) for _ in range(d)],
            "rater_org_id": [f"U{v // 10:02d}" for v in range(q) for _ in range(d)],
            "ratee_org_id": [f"D{j:02d}" for _ in range(q) for j in range(d)],
            "value": np.rint(y * 10_000).astype(np.int64).ravel(),
            "weight": 10_000,
        }
    )


class TestVoterFlags:
    def test_residuals_by_hand(self) -> None:
        """Complete design, variances given: effects are shrunken mean differences (method 3.9, invariant 5)."""
        cells = crossed_cells(1, q=6, d=4)
        models = {"all": model_at(crossed_sums(cells), "REML", 0.5, 0.25)}
        y = cells["value"].to_numpy().reshape(6, 4) / 10_000
        s = 0.5 / (0.5 + 1 / 4) * (y.mean(1) - y.mean())
        d = 0.25 / (0.25 + 1 / 6) * (y.mean(0) - y.mean())
        expected = y - y.mean() - s[:, None] - d[None, :]
        found = residuals(cells.sample(fraction=1, shuffle=True, seed=1), models)
        assert found["residual"].to_numpy() == pytest.approx(expected.ravel(), abs=1e-8)
        interaction = y - y.mean(1, keepdims=True) - y.mean(0) + y.mean()
        between = 4 * ((y.mean(1) - y.mean()) ** 2).sum() / 3.0 + 6 * ((y.mean(0) - y.mean()) ** 2).sum() / 2.5
        v = ((interaction**2).sum() + between) / 23
        assert found["standardised"].to_numpy() == pytest.approx(expected.ravel() / math.sqrt(v), abs=1e-7)

    def test_fixed_effects_are_explained(self) -> None:
        cells = crossed_cells(2).with_columns(mode=pl.int_range(pl.len()) % 2)
        shifted = cells.with_columns(value=pl.col("value") + 300_000 * pl.col("mode"))
        plain, moved = (residuals(df, {"all": fit(crossed_sums(df, ["mode"]))})["residual"] for df in (cells, shifted))
        assert (plain - moved).abs().max() == pytest.approx(0, abs=1e-5)

    def test_honest_severities_spread_like_a_normal_and_are_not_flagged(self) -> None:
        cells = crossed_cells(3)
        models = {"all": fit(crossed_sums(cells))}
        flags = voter_flags(residuals(cells, models), models, PARAMETERS)
        assert flags["z"].std() == pytest.approx(1, abs=0.1)
        assert flags["severity"].sum() == 0
        p_values = [2 * NormalDist().cdf(-abs(z)) for z in flags["z"]]
        assert flags["p_value"].to_list() == pytest.approx(p_values)

    def test_harsh_raters_cannot_hide_behind_the_variance_they_cause(self) -> None:
        cells = crossed_cells(4, harsh=14)
        models = {"all": fit(crossed_sums(cells))}
        flags = voter_flags(residuals(cells, models), models, PARAMETERS)
        assert flags.filter("severity")["voter_id"].to_list() == [f"r{k:04d}" for k in range(14)]

    def test_misfit_is_noise_or_mimicry_over_ten_departments(self) -> None:
        cells = crossed_cells(5)
        models = {"all": fit(crossed_sums(cells))}
        rows = residuals(cells, models).with_columns(
            standardised=pl.when(pl.col("voter_id") == "r0000")
            .then(pl.col("standardised") * 0 + 1.5)
            .when(pl.col("voter_id") == "r0001")
            .then(0.6)
            .when(pl.col("voter_id") == "r0002")
            .then(1.0)
            .when(pl.col("voter_id") == "r0003")
            .then(9.0)
            .otherwise("standardised")
        )
        few = rows.filter((pl.col("voter_id") != "r0003") | (pl.col("ratee_org_id") < "D09"))
        flags = voter_flags(few, models, PARAMETERS)
        own = flags.filter(pl.col("voter_id").is_in(["r0000", "r0001", "r0002", "r0003"]))
        assert own["mean_square"].to_list() == pytest.approx([2.25, 0.36, 1.0, 81.0])
        assert own["misfit"].to_list() == [True, True, False, False]

    def test_a_fit_without_spread_flags_nobody(self) -> None:
        cells = crossed_cells(6).with_columns(value=pl.lit(500_000, pl.Int64))
        models = {"all": fit(crossed_sums(cells))}
        rows = residuals(cells, models)
        assert rows.is_empty()
        assert voter_flags(rows, models, PARAMETERS).is_empty()


class TestPairFlags:
    def residual_cells(self) -> pl.DataFrame:
        """Residuals of units U1 to U3 about D1: (-2, -2, -2) together -3.46; 3.2; -3.1."""
        return pl.DataFrame(
            {
                "fit": "all",
                "voter_id": ["a", "b", "c", "d", "e"],
                "rater_org_id": ["U1", "U1", "U1", "U2", "U3"],
                "ratee_org_id": "D1",
                "weight": 10_000,
                "residual": [-20.0, -20.0, -20.0, 32.0, -31.0],
                "standardised": [-2.0, -2.0, -2.0, 3.2, -3.1],
            }
        )

    def flags(self, *triggers: tuple[str, str, dt.date, str]) -> dict[str, tuple[bool, bool]]:
        schema = {"rater_org_id": pl.String, "ratee_org_id": pl.String, "date": pl.Date, "kind": pl.String}
        rated_on = pl.DataFrame({"rater_org_id": ["U1"], "ratee_org_id": ["D1"], "date": [dt.date(2026, 6, 1)]})
        rows = pair_flags(
            self.residual_cells(),
            pl.DataFrame(list(triggers), schema=schema, orient="row"),
            rated_on,
            PARAMETERS,
            closed_on=dt.date(2026, 6, 30),
        )
        return {unit: (low, high) for unit, low, high in rows.select("rater_org_id", "retaliation", "favour").rows()}

    def test_several_raters_count_together(self) -> None:
        pairs = pair_residuals(self.residual_cells())
        assert pairs["standardised"].to_list() == pytest.approx([-6 / math.sqrt(3), 3.2, -3.1])

    def test_weights_of_voters_count(self) -> None:
        rows = (
            self.residual_cells()
            .head(2)
            .with_columns(weight=pl.Series([10_000, 2_500]), standardised=pl.Series([1.0, 2.0]))
        )
        # sqrt(w) r summed, over the root of the weights: (1 * 1 + 0.5 * 2) / sqrt(1.25)
        assert pair_residuals(rows)["standardised"].to_list() == pytest.approx([2 / math.sqrt(1.25)])

    def test_no_flag_without_a_trigger(self) -> None:
        assert set(self.flags().values()) == {(False, False)}

    def test_trigger_counts_for_ninety_days_before_the_rating(self) -> None:
        for days, flagged in ((-1, False), (0, True), (90, True), (91, False)):
            date = dt.date(2026, 6, 1) - dt.timedelta(days=days)
            assert self.flags(("U1", "D1", date, "penalty"))["U1"] == (flagged, False)

    def test_pairs_without_a_date_count_from_the_closing_day(self) -> None:
        for date, flagged in ((dt.date(2026, 4, 1), True), (dt.date(2026, 3, 31), False)):
            assert self.flags(("U3", "D1", date, "refusal"))["U3"] == (flagged, False)

    def test_harm_and_favour_are_mirror_images(self) -> None:
        date = dt.date(2026, 5, 20)
        flags = self.flags(
            ("U1", "D1", date, "favour"),
            ("U2", "D1", date, "favour"),
            ("U3", "D1", date, "penalty"),
            ("U3", "D2", date, "penalty"),
        )
        assert flags == {"U1": (False, False), "U2": (False, True), "U3": (True, False)}

    def test_another_departments_trigger_is_no_trigger(self) -> None:
        assert self.flags(("U1", "D2", dt.date(2026, 5, 20), "penalty"))["U1"] == (False, False)

    def test_unknown_kinds_are_refused(self) -> None:
        with pytest.raises(ValueError, match="unknown kinds of trigger: quarrel"):
            self.flags(("U1", "D1", dt.date(2026, 5, 20), "quarrel"))


def one_item(scores: dict[str, dict[str, list[int]]]) -> AnswerPatterns:
    """Unit to department to one score per rater."""
    rows = [
        row
        for unit, departments in scores.items()
        for department, values in departments.items()
        for k, score in enumerate(values)
        for row in answers(f"{unit}-{k}", {department: [score]}, unit)
    ]
    return patterns_of(rows, 1)


class TestUnitFlags:
    def test_poisson_tail_by_summation(self) -> None:
        for observed, rate in itertools.product(range(8), (0.1, 1.0, 4.5)):
            below = sum(math.exp(-rate) * rate**k / math.factorial(k) for k in range(observed))
            assert poisson_tail(np.array([float(observed)]), np.array([rate]))[0] == pytest.approx(1 - below)

    def test_identical_ballots_by_hand(self) -> None:
        """Unit A: 6 of 6 give D1 a 2; elsewhere 1 of 24 does; D2 has too few raters elsewhere."""
        others = [2, *([3] * 12), *([4] * 11)]
        scores = {
            "A": {"D1": [2] * 6, "D2": [5] * 6},
            "B": {"D1": others[:12], "D2": [1] * 4},
            "C": {"D1": others[12:]},
        }
        found = identical_ballots(one_item(scores).ballots, group_of("A", "B", "C"), PARAMETERS)
        mean_count = 6 * (1 + 1) / (24 + 1)
        tail = 1 - sum(math.exp(-mean_count) * mean_count**k / math.factorial(k) for k in range(6))
        row = found.filter(pl.col("rater_org_id") == "A").row(0, named=True)
        assert (row["n_flagged"], row["n_examined"], row["statistic"]) == (6, 6, 1.0)
        assert row["expected"] == pytest.approx(mean_count)
        assert row["p_value"] == pytest.approx(3 * tail)

    def test_peer_groups_do_not_mix(self) -> None:
        scores = {"A": {"D1": [2] * 6}, "B": {"D1": [3] * 30}}
        apart = pl.DataFrame({"org_id": ["A", "B"], "peer_group": ["village", "street"]})
        assert identical_ballots(one_item(scores).ballots, apart, PARAMETERS).is_empty()
        assert "A" in identical_ballots(one_item(scores).ballots, group_of("A", "B"), PARAMETERS)["rater_org_id"]

    @settings(max_examples=100, derandomize=True, deadline=None)
    @given(st.integers(0, 2**32 - 1))
    def test_agreement_cells_agree_with_plain_python(self, seed: int) -> None:
        rng = np.random.default_rng(seed)
        votes = {
            unit: {d: rng.choice([1, 4, 5, 5, 5], rng.integers(1, 9)).tolist() for d in ("D1", "D2")}
            for unit in ("A", "B", "C", "E", "F", "G")
        }
        ballots = one_item(votes).ballots
        parameters = AnomalyParameters(min_other_raters=5)
        found = {
            row[:2]: row
            for row in agreement_cells(ballots, group_of(*votes), parameters)
            .select("rater_org_id", "ratee_org_id", "n", "mean", "r_wg", "agreed", "chance")
            .iter_rows()
        }
        oracle = r_wg(
            pl.DataFrame(
                [(f"{u}/{d}", s) for u, ds in votes.items() for d, scores in ds.items() for s in scores],
                schema=["group_id", "value"],
                orient="row",
            ),
            5,
        )
        published = dict(zip(oracle["group_id"], oracle["r_wg"], strict=True))
        for (unit, departments), department in itertools.product(votes.items(), ("D1", "D2")):
            scores = departments[department]
            rest = [s for u, ds in votes.items() if u != unit for s in ds[department]]
            if len(scores) < 5 or len(rest) < 5:
                assert (unit, department) not in found
                continue
            _, _, n, average, agreement_found, agreed, chance = found[unit, department]
            assert (n, average) == (len(scores), pytest.approx(25 * (mean(scores) - 1)))
            assert agreement_found == pytest.approx(published[f"{unit}/{department}"])
            assert agreed is (variance(scores) < 0.04 and (average <= 5 or average >= 95))
            shares = [(rest.count(s) + 1) / (len(rest) + 1) for s in (5, 1)]
            assert chance == pytest.approx(min(1.0, shares[0] ** n + shares[1] ** n))

    def test_agreement_needs_an_extreme_mean(self) -> None:
        honest = {f"B{k}": {f"D{j}": [1 + (k + i + j) % 5 for i in range(6)] for j in range(6)} for k in range(8)}
        for value, flagged in ((5, True), (4, False), (1, True)):
            scores = honest | {"A": {f"D{j}": [value] * 6 for j in range(6)}}
            found = agreement(one_item(scores).ballots, group_of(*scores), PARAMETERS)
            assert found.filter("flagged")["rater_org_id"].to_list() == (["A"] if flagged else [])

    def test_arrival_bursts_count_raters_not_ballots(self) -> None:
        """One sitting with forty ballots is one arrival; six raters in one hour are six."""
        rows = [
            row
            for unit, raters in {"A": 6, "B": 30, "C": 6}.items()
            for k in range(raters)
            for row in answers(
                f"{unit}{k}",
                {f"D{j}": [3] for j in range(5)},
                unit,
                submitted_at=START + dt.timedelta(hours=0 if unit == "A" else 1 + k),
            )
        ]
        found = arrival_bursts(patterns_of(rows, 1).raters, group_of("A", "B", "C"), PARAMETERS)
        row = found.filter(pl.col("rater_org_id") == "A").row(0, named=True)
        rate = 6 * 1 / (36 + 31)
        tail = 1 - sum(math.exp(-rate) * rate**k / math.factorial(k) for k in range(6))
        assert (row["n_flagged"], row["n_examined"]) == (6, 6)
        assert row["p_value"] == pytest.approx(31 * tail)
        assert found.filter("flagged")["rater_org_id"].to_list() == ["A"]

    def test_more_raters_than_the_roster_is_an_error_and_not_a_test(self) -> None:
        scores = {"A": {"D1": [1, 2, 3]}, "B": {"D1": [1, 2, 3]}, "C": {"D1": [1]}}
        roster = pl.DataFrame({"org_id": ["A", "B"], "n_eligible_raters": [3, 2]})
        found = ballots_over_roster(one_item(scores).raters, roster)
        columns = ["rater_org_id", "n_flagged", "n_examined", "expected", "p_value", "flagged"]
        assert found.select(columns).rows() == [
            ("A", 0, 3, 3.0, None, False),
            ("B", 1, 3, 2.0, None, True),
            ("C", 1, 1, 0.0, None, True),
        ]

    def test_shared_devices_are_counted_over_units(self) -> None:
        devices = dict(zip("abcdefghi", "xxxxyzzz ", strict=True))
        rows = [
            row
            for (rater, device), unit in zip(devices.items(), "AABBBCCCC", strict=True)
            for row in answers(rater, {"D1": [1, 2], "D2": [3, 4]}, unit, device_hash=device.strip() or None)
        ]
        found = shared_devices(patterns_of(rows).devices, PARAMETERS)
        assert found.select("rater_org_id", "n_flagged", "n_examined", "statistic", "flagged").rows() == [
            ("A", 2, 2, 4.0, True),
            ("B", 2, 3, 4.0, True),
            ("C", 0, 3, 3.0, False),
        ]


class TestOrganiserFlags:
    def test_jumps_by_hand(self) -> None:
        """Rosters of 10 and 15 at 4/5: 8 and 12 raters just reach it, whatever the size."""
        turnout = pl.DataFrame(
            [
                *[("reached", 8, 10, 60.0)] * 9,
                *[("reached", 12, 15, 66.0)] * 9,
                *[("missed", 11, 15, 50.0)] * 2,
                *[("missed", 7, 10, 54.0)] * 3,
                *[("beyond", 9, 10, None)] * 4,
                *[("below", 6, 10, None)] * 4,
                *[("far", 2, 10, 0.0)] * 50,
            ],
            schema=["org_id", "n_raters", "n_eligible_raters", "mean"],
            orient="row",
        )
        parameters = AnomalyParameters(turnout_thresholds=(Fraction(4, 5),), step_raters=1)
        bunching, jump = turnout_jumps(turnout, parameters).iter_rows(named=True)
        z = (1.5 * (18 - 5) - 0.5 * (4 - 4)) / math.sqrt(2.25 * 23 + 0.25 * 8)
        assert (bunching["n_flagged"], bunching["n_examined"]) == (18, 31)
        assert bunching["statistic"] == pytest.approx(z)
        assert bunching["p_value"] == pytest.approx(1 - NormalDist().cdf(z))
        above, below = [60.0] * 9 + [66.0] * 9, [50.0] * 2 + [54.0] * 3
        t = (mean(above) - mean(below)) / math.sqrt(variance(above) / 18 + variance(below) / 5)
        assert jump["statistic"] == pytest.approx(t)
        assert jump["p_value"] == pytest.approx(2 * (1 - NormalDist().cdf(t)), abs=1e-12)

    def test_a_straight_slope_is_no_jump(self) -> None:
        counts = {8: 40, 7: 30, 9: 50, 6: 20}
        rows = [(n, 10, 60.0) for n, count in counts.items() for _ in range(count)]
        turnout = pl.DataFrame(rows, schema=["n_raters", "n_eligible_raters", "mean"], orient="row")
        parameters = AnomalyParameters(turnout_thresholds=(Fraction(4, 5),), step_raters=1)
        assert turnout_jumps(turnout, parameters)["statistic"].to_list() == [0.0, None]

    def test_no_thresholds_no_rows(self) -> None:
        turnout = pl.DataFrame({"n_raters": [1], "n_eligible_raters": [2], "mean": [1.0]})
        assert turnout_jumps(turnout, PARAMETERS).is_empty()


def test_equal_votes_are_counted_once_per_rater() -> None:
    """A guard of the helper: the patterns hold one ballot per rater and department."""
    patterns = one_item({"A": {"D1": [1, 2], "D2": [3]}})
    assert Counter(patterns.ballots["ratee_org_id"]) == {"D1": 2, "D2": 1}
