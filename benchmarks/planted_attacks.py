"""Power and false-flag rate of the anomaly flags, by attacks planted on real ratings.

The ratings are lme4's InstEval (73,421 ratings of 1,128 lecturers by 2,972 students). Raters are grouped
into units of about 23 who rated many of the same departments, by seeded bisection, because the data have no
units; arrival times are drawn, because they have none either. Every repetition has its own seed.

``python -m benchmarks.planted_attacks [REFERENCE]`` prints one line per attack and flag.
"""

from __future__ import annotations

import argparse
import datetime as dt
import os
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from fractions import Fraction
from functools import cache
from pathlib import Path

import numpy as np
import numpy.typing as npt
import polars as pl
import scipy.sparse
import scipy.sparse.linalg
from threadpoolctl import threadpool_limits  # type: ignore[import-untyped]

from scoring.anomalies import AnomalyParameters, AnswerPatterns, answer_patterns, huber_cells
from scoring.anomalies.organiser import turnout_jumps
from scoring.anomalies.pair import pair_flags
from scoring.anomalies.rater import rater_flags, voter_flags
from scoring.anomalies.residuals import residuals
from scoring.anomalies.unit import agreement, arrival_bursts, ballots_over_roster, identical_ballots
from scoring.mixed_model import MixedModel, crossed_sums, fit
from scoring.sums import VALUE_SCALE

REPETITIONS = 20
UNIT_SIZE = 25
PARAMETERS = AnomalyParameters()
FIRST_DAY = dt.datetime(2026, 6, 1, tzinfo=dt.UTC)
CLOSED_ON = dt.date(2026, 6, 14)
ITEMS = pl.DataFrame(
    {
        "instrument_id": ["REV"],
        "instrument_version": ["1"],
        "item_id": ["Y"],
        "scale_min": ["1"],
        "scale_max": ["5"],
        "direction": ["higher_better"],
        "weight": ["1"],
        "dimension": ["overall"],
    }
).with_columns(pl.col("scale_min", "scale_max", "weight").cast(pl.Decimal(18, 6)))

Integers = npt.NDArray[np.int64]


@dataclass(frozen=True)
class Rate:
    """How often a flag was raised: on planted subjects (power) and on clean ones (false flags)."""

    attack: str
    flag: str
    subject: str
    planted: int
    found: int
    clean: int
    false: int

    @property
    def power(self) -> float:
        """Share of planted subjects found."""
        return self.found / self.planted if self.planted else float("nan")

    @property
    def false_flag_rate(self) -> float:
        """Share of clean subjects flagged."""
        return self.false / self.clean if self.clean else float("nan")


@dataclass(frozen=True)
class Program:
    """Ratings with units and arrival times: rater_id, rater_org_id, ratee_org_id, y (1-5), at."""

    rows: pl.DataFrame

    @property
    def units(self) -> pl.DataFrame:
        """Every unit, all in one peer group."""
        return self.rows.select(org_id="rater_org_id", peer_group=pl.lit("village")).unique().sort("org_id")

    def patterns(self) -> AnswerPatterns:
        """What the flags read."""
        ratings = self.rows.select(
            "rater_id",
            "rater_org_id",
            target_org_id="ratee_org_id",
            score_raw=pl.col("y").cast(pl.Decimal(18, 6)),
            submitted_at="at",
            instrument_id=pl.lit("REV"),
            instrument_version=pl.lit("1"),
            item_id=pl.lit("Y"),
            status=pl.lit("answered"),
            target_kind=pl.lit("department"),
        )
        return answer_patterns(ratings.lazy(), ITEMS)

    def cells(self, *, by_unit: bool = False) -> pl.DataFrame:
        """Voter cells with persons or units as voters, ``n / (n + 2)`` the weight of a unit."""
        value = (pl.col("y") - 1) * (25 * VALUE_SCALE)
        if not by_unit:
            return self.rows.select(
                "rater_org_id",
                "ratee_org_id",
                voter_id="rater_id",
                value=value.cast(pl.Int64),
                weight=pl.lit(VALUE_SCALE, pl.Int64),
            )
        n = pl.len().cast(pl.Int64)
        return self.rows.group_by("rater_org_id", "ratee_org_id").agg(
            value=value.sum().cast(pl.Int64) // n,
            weight=VALUE_SCALE * n // (n + 2),
            voter_id=pl.col("rater_org_id").first(),
        )


@cache
def instructors(reference: Path) -> pl.DataFrame:
    """InstEval: rater and department numbers from 0 and the rating."""
    source = pl.read_csv(reference / "insteval" / "insteval.csv.gz")
    return source.select(
        rater=pl.col("s").rank("dense").cast(pl.Int64) - 1,
        department=pl.col("d").rank("dense").cast(pl.Int64) - 1,
        y=pl.col("y").cast(pl.Int64),
    )


def grouped(incidence: scipy.sparse.csr_array, rng: np.random.Generator) -> Integers:
    """A unit number for each rater: halves by the second singular vector until nobody has over ``UNIT_SIZE``."""
    unit = np.empty(incidence.shape[0], dtype=np.int64)
    parts, count = [rng.permutation(incidence.shape[0])], 0
    while parts:
        part = parts.pop()
        if len(part) <= UNIT_SIZE:
            unit[part] = count
            count += 1
            continue
        rows = incidence[part]
        rows = rows[:, np.flatnonzero(rows.sum(axis=0) > 0)]
        scaled = _scaled(rows)
        with threadpool_limits(limits=1):
            left, values, _ = scipy.sparse.linalg.svds(scaled, k=2, v0=rng.random(min(scaled.shape)))
        # Rounded, so that raters of the same departments are ties whatever the last bits say.
        order = part[np.argsort(left[:, np.argmin(values)].round(9), kind="stable")]
        parts += [order[: len(order) // 2], order[len(order) // 2 :]]
    return unit


def _scaled(rows: scipy.sparse.csr_array) -> scipy.sparse.csr_array:
    left = scipy.sparse.diags_array(1.0 / np.sqrt(rows.sum(axis=1)))
    right = scipy.sparse.diags_array(1.0 / np.sqrt(rows.sum(axis=0)))
    return scipy.sparse.csr_array(left @ rows @ right)


def honest(reference: Path, seed: int) -> Program:
    """The real ratings in seeded units; every rater arrives in a working hour of fourteen days."""
    rng = np.random.default_rng(seed)
    source = instructors(reference)
    rater, department = source["rater"].to_numpy(), source["department"].to_numpy()
    incidence = scipy.sparse.csr_array((np.ones(len(rater)), (rater, department)))
    unit = grouped(incidence, rng)
    day, hour, second = (rng.integers(0, high, incidence.shape[0]) for high in (14, 10, 3600))
    start = 86_400 * day + 3_600 * (8 + hour) + second
    return Program(
        source.with_columns(unit=pl.Series(unit[rater]), start=pl.Series(start[rater])).select(
            "y",
            rater_id=pl.format("r{}", "rater"),
            rater_org_id=pl.format("U{}", pl.col("unit").cast(pl.String).str.zfill(3)),
            ratee_org_id=pl.format("D{}", pl.col("department").cast(pl.String).str.zfill(4)),
            at=pl.lit(FIRST_DAY) + pl.duration(seconds="start"),
        )
    )


def _some(values: pl.Series, count: int, rng: np.random.Generator) -> list[str]:
    return sorted(rng.choice(values.unique().sort().to_numpy(), count, replace=False).tolist())


def _hour(rng: np.random.Generator) -> dt.datetime:
    return FIRST_DAY + dt.timedelta(days=int(rng.integers(14)), hours=8 + int(rng.integers(10)))


def stuffed(program: Program, seed: int, *, share: float = 0.1) -> tuple[Program, list[str]]:
    """In a tenth of the units every rater gets an invented twin that gives everybody the highest rating.

    The twins of a unit arrive within one hour. About a tenth of the ballots are added in all.
    """
    rng = np.random.default_rng(seed)
    names = program.units["org_id"]
    chosen = _some(names, round(share * len(names)), rng)
    hours = pl.DataFrame({"rater_org_id": chosen, "hour": [_hour(rng) for _ in chosen]})
    twins = (
        program.rows.join(hours, on="rater_org_id")
        .with_columns(
            y=pl.lit(5, pl.Int64),
            rater_id=pl.format("x{}", "rater_id"),
            at=pl.col("hour") + pl.duration(minutes=pl.col("at").dt.minute()),
        )
        .select(program.rows.columns)
    )
    return Program(pl.concat([program.rows, twins])), chosen


def commanded(program: Program, seed: int, value: int, *, obedient: float = 1.0) -> tuple[Program, list[str]]:
    """In one unit the obedient share of the raters give every department the same rating."""
    rng = np.random.default_rng(seed)
    (unit,) = _some(program.units["org_id"], 1, rng)
    raters = program.rows.filter(pl.col("rater_org_id") == unit)["rater_id"].unique()
    followers = _some(raters, round(obedient * len(raters)), rng)
    y = pl.when(pl.col("rater_id").is_in(followers)).then(pl.lit(value, pl.Int64)).otherwise("y")
    return Program(program.rows.with_columns(y=y)), [unit]


def burst(program: Program, seed: int, *, together: float) -> tuple[Program, list[str]]:
    """In one unit the given share of the raters arrive within the same hour; their ratings stay."""
    rng = np.random.default_rng(seed)
    (unit,) = _some(program.units["org_id"], 1, rng)
    raters = program.rows.filter(pl.col("rater_org_id") == unit)["rater_id"].unique()
    moved = _some(raters, round(together * len(raters)), rng)
    moment = pl.lit(_hour(rng)) + pl.duration(minutes=pl.col("at").dt.minute())
    return Program(
        program.rows.with_columns(at=pl.when(pl.col("rater_id").is_in(moved)).then(moment).otherwise("at"))
    ), [unit]


def retaliating(program: Program, seed: int, *, share: float = 0.05) -> tuple[Program, pl.DataFrame]:
    """Pairs of a unit and a department with a twentieth of the ballots give the lowest rating, after a penalty.

    As many other pairs had a penalty and took it well. Returns rater_org_id, ratee_org_id, planted, n.
    """
    rng = np.random.default_rng(seed)
    pair = ["rater_org_id", "ratee_org_id"]
    pairs = program.rows.group_by(pair).agg(n=pl.len()).sort(pair)
    mixed = pairs[rng.permutation(pairs.height)]
    reached = mixed["n"].cum_sum() <= 2 * share * program.rows.height
    logged = mixed.filter(reached).with_row_index().with_columns(planted=pl.col("index") % 2 == 0).drop("index")
    hit = program.rows.join(
        logged.filter("planted").select(*pair, "planted"), on=pair, how="left", maintain_order="left"
    )
    y = pl.when(pl.col("planted").fill_null(value=False)).then(pl.lit(1, pl.Int64)).otherwise("y")
    return Program(hit.with_columns(y=y).select(program.rows.columns)), logged


def model_of(cells: pl.DataFrame) -> dict[str, MixedModel]:
    """One fit of all departments."""
    return {"*": fit(crossed_sums(cells))}


def _rate(
    attack: str, flag: str, subject: str, flagged: pl.Series, planted: pl.Series, total: int | None = None
) -> Rate:
    """Counts over the examined subjects; ``total`` planted subjects where some could not be examined."""
    n_planted = int(planted.sum())
    return Rate(
        attack,
        flag,
        subject,
        n_planted if total is None else total,
        int((flagged & planted).sum()),
        len(planted) - n_planted,
        int((flagged & ~planted).sum()),
    )


def unit_rates(attack: str, program: Program, chosen: list[str], roster: pl.DataFrame) -> Iterator[Rate]:
    """Rates of the flags about units."""
    patterns = program.patterns()
    tests = {
        "identical_ballots": identical_ballots(patterns.ballots, program.units, PARAMETERS),
        "agreement": agreement(patterns.ballots, program.units, PARAMETERS),
        "arrival_burst": arrival_bursts(patterns.raters, program.units, PARAMETERS),
        "ballots_over_roster": ballots_over_roster(patterns.raters, roster),
    }
    for flag, rows in tests.items():
        yield _rate(attack, flag, "unit", rows["flagged"], rows["rater_org_id"].is_in(chosen), len(chosen))


def rater_rates(attack: str, program: Program, planted: Callable[[pl.Expr], pl.Expr]) -> Iterator[Rate]:
    """Rates of the flags about raters; ``planted`` says of a rater id whether it is one."""
    flags = rater_flags(program.patterns().raters, PARAMETERS)
    cells = program.cells()
    models = model_of(cells)
    voters = voter_flags(residuals(cells, models), models, PARAMETERS)
    for rows, name, kinds in (
        (flags, "rater_id", ("straight_line", "long_run")),
        (voters, "voter_id", ("severity", "misfit")),
    ):
        truth = rows.select(planted(pl.col(name)).alias("truth"))["truth"]
        for flag in kinds:
            yield _rate(attack, flag, "rater", rows[flag], truth)


def _retaliation_flags(cells: pl.DataFrame, logged: pl.DataFrame) -> pl.DataFrame:
    triggers = logged.select(
        "rater_org_id", "ratee_org_id", date=pl.lit(CLOSED_ON - dt.timedelta(days=30)), kind=pl.lit("penalty")
    )
    undated = pl.DataFrame(schema={"rater_org_id": pl.String, "ratee_org_id": pl.String, "date": pl.Date})
    models = model_of(cells)
    return pair_flags(residuals(cells, models), triggers, undated, PARAMETERS, closed_on=CLOSED_ON)


def pair_rates(program: Program, logged: pl.DataFrame, levels: Sequence[str] = ("persons", "units")) -> Iterator[Rate]:
    """Rates of retaliation over pairs with a trigger, with persons and with units as voters."""
    for level in levels:
        flags = _retaliation_flags(program.cells(by_unit=level == "units"), logged)
        rows = flags.join(logged, on=["rater_org_id", "ratee_org_id"])
        for low, high, size in ((1, 4, "1-4 raters"), (5, 9, "5-9 raters"), (10, UNIT_SIZE, "10 raters and more")):
            part = rows.filter(pl.col("n").is_between(low, high))
            label = f"pairs of {size}, {level} vote"
            yield _rate("retaliation", "retaliation", label, part["retaliation"], part["planted"])


def turnout_rates(seed: int) -> Iterator[Rate]:
    """Rates of the turnout flags over simulated units, since no public ratings come with rosters.

    300 units of 12 to 40 raters each turn out with their own chance (mean .78). Planted: where turnout fell
    short of .80 by at most four raters, the organiser tops it up in two of three units with ballots that
    raise the unit's mean by 8 points.
    """
    rng = np.random.default_rng(seed)
    eligible = rng.integers(12, 41, 300)
    raters = rng.binomial(eligible, rng.beta(8, 2.25, 300))
    mean = 70 + rng.normal(0, 6, 300)
    needed = -(-eligible * 4 // 5)
    topped = (raters < needed) & (raters >= needed - 4) & (rng.random(300) < 2 / 3)
    parameters = replace(PARAMETERS, turnout_thresholds=(Fraction(4, 5),))
    for planted in (False, True):
        hit = topped & planted
        jumps = turnout_jumps(
            pl.DataFrame(
                {
                    "org_id": [f"U{k:03d}" for k in range(300)],
                    "n_raters": np.where(hit, needed, raters),
                    "n_eligible_raters": eligible,
                    "mean": mean + 8 * hit,
                }
            ),
            parameters,
        )
        for flag, p_value in jumps.select("flag", "p_value").iter_rows():
            found = int(p_value is not None and p_value <= float(PARAMETERS.false_discovery_rate))
            counts = (1, found, 0, 0) if planted else (0, 0, 1, found)
            yield Rate("topped-up turnout", flag, "programme", *counts)


def roster_of(program: Program) -> pl.DataFrame:
    """Each unit's raters before anything is planted: org_id, n_eligible_raters."""
    return program.rows.group_by(org_id="rater_org_id").agg(n_eligible_raters=pl.col("rater_id").n_unique())


def repetition(reference: Path, seed: int) -> Iterator[Rate]:
    """All attacks of one seed, each planted by itself on the same units."""
    program = honest(reference, seed)
    roster = roster_of(program)
    yield from unit_rates("none", program, [], roster)
    for share in (0.02, 0.1):
        attacked, chosen = stuffed(program, seed, share=share)
        name = f"stuffing {share:.0%}"
        yield from unit_rates(name, attacked, chosen, roster)
        yield from rater_rates(name, attacked, lambda rater: rater.str.starts_with("x"))
    for value, obedient in ((5, 1.0), (4, 1.0), (1, 1.0), (5, 0.5)):
        attacked, chosen = commanded(program, seed, value, obedient=obedient)
        name = f"command unit, {obedient:.0%} rate {value}"
        yield from (rate for rate in unit_rates(name, attacked, chosen, roster) if rate.flag in _COMMAND_FLAGS)
    for together in (1.0, 0.5, 0.25):
        attacked, chosen = burst(program, seed, together=together)
        name = f"burst of {together:.0%}"
        yield from (rate for rate in unit_rates(name, attacked, chosen, roster) if rate.flag == "arrival_burst")
    yield from pair_rates(*retaliating(program, seed))
    yield from turnout_rates(seed)


_COMMAND_FLAGS = ("identical_ballots", "agreement")


def pooled(rates: list[Rate]) -> list[Rate]:
    """Counts added over the repetitions, in the order the attacks came."""
    sums: dict[tuple[str, str, str], Rate] = {}
    for rate in rates:
        key = (rate.attack, rate.flag, rate.subject)
        before = sums.get(key, Rate(*key, 0, 0, 0, 0))
        sums[key] = Rate(
            *key,
            before.planted + rate.planted,
            before.found + rate.found,
            before.clean + rate.clean,
            before.false + rate.false,
        )
    return list(sums.values())


@dataclass(frozen=True)
class Influence:
    """Root mean square distance (points) of the scores under attack from those of the honest ratings."""

    attack: str
    raw_mean: float
    published: float
    huber: float
    without: float


def influence(attack: str, program: Program, attacked: Program, kept: pl.DataFrame) -> Influence:
    """How far an attack moves the scores: as published, with Huber weights, and fitted to the ``kept`` cells."""
    clean, cells = program.cells(), attacked.cells()
    truth = _scores(model_of(clean))
    models = model_of(cells)
    robust = model_of(huber_cells(cells, models, PARAMETERS))
    means = [part.group_by("ratee_org_id").agg(score=pl.col("value").mean() / VALUE_SCALE) for part in (clean, cells)]
    return Influence(
        attack,
        _distance(means[0], means[1]),
        *(_distance(truth, _scores(other)) for other in (models, robust, model_of(kept))),
    )


def influences(reference: Path, seed: int) -> Iterator[Influence]:
    """The two attacks on ballots: straight lines left out after stuffing, flagged pairs after retaliation."""
    program = honest(reference, seed)
    attacked, _ = stuffed(program, seed)
    lines = rater_flags(attacked.patterns().raters, PARAMETERS).filter("straight_line")["rater_id"]
    kept = attacked.cells().filter(~pl.col("voter_id").is_in(lines.implode()))
    yield influence("stuffing 10%", program, attacked, kept)
    attacked, logged = retaliating(program, seed)
    pairs = _retaliation_flags(attacked.cells(), logged).filter("retaliation")
    kept = attacked.cells().join(pairs, on=["rater_org_id", "ratee_org_id"], how="anti")
    yield influence("retaliation 5%", program, attacked, kept)


def _scores(models: dict[str, MixedModel]) -> pl.DataFrame:
    model = models["*"]
    return pl.DataFrame({"ratee_org_id": model.departments, "score": model.score})


def _distance(left: pl.DataFrame, right: pl.DataFrame) -> float:
    both = left.join(right, on="ratee_org_id")
    return float(np.sqrt(np.mean((both["score"] - both["score_right"]).to_numpy() ** 2)))


def main() -> None:
    """Print power and false-flag rate per attack and flag, then what the attacks do to the scores."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("reference", nargs="?", default=os.environ.get("REFERENCE", "../shared/data/reference"))
    parser.add_argument("--repetitions", type=int, default=REPETITIONS)
    arguments = parser.parse_args()
    reference = Path(arguments.reference)
    rates = [rate for seed in range(1, arguments.repetitions + 1) for rate in repetition(reference, seed)]
    program = honest(reference, 1)
    honest_rates = rater_rates("none", program, lambda rater: rater.str.starts_with("x"))
    print("| attack | flag | subject | planted | power | clean | false-flag rate |")
    print("|---|---|---|---|---|---|---|")
    for rate in [*honest_rates, *pooled(rates)]:
        power = f"{rate.power:.3f}" if rate.planted else "-"
        false = f"{rate.false_flag_rate:.4f}" if rate.clean else "-"
        print(f"| {rate.attack} | {rate.flag} | {rate.subject} | {rate.planted} | {power} | {rate.clean} | {false} |")
    print("\n| attack | raw mean | published | Huber weights | without flagged |")
    print("|---|---|---|---|---|")
    for row in influences(reference, 1):
        print(f"| {row.attack} | {row.raw_mean:.3f} | {row.published:.3f} | {row.huber:.3f} | {row.without:.3f} |")


if __name__ == "__main__":
    main()
