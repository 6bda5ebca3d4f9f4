"""What fitting the rating model costs, and whether it finds a truth that was planted.

``--speed``: 27,000 grassroots units rate 40 departments on 5 items; the time from these 5.4 million rows to
a fitted model, as a ratio to bare Polars sums of the same rows in the same run.
``--memory``: 20 million ratings of 1,000 departments by a million raters; peak memory of the whole process,
rows included. ``--recovery``: programmes with planted rater severity; how often the 95% intervals cover the
planted score, and how well scores rank the departments. Exits non-zero beyond a limit.

    python -m benchmarks.rating_model --speed --memory --recovery
"""

from __future__ import annotations

import argparse
import math
import resource
import sys
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from decimal import Decimal
from statistics import NormalDist

import numpy as np
import numpy.typing as npt
import polars as pl
import scipy.stats

from scoring.crossed import crossed_sums
from scoring.mixed_model import MixedModel, fit
from scoring.sums import VALUE_SCALE, rating_sums, raw_units, voter_cells

Floats = npt.NDArray[np.float64]

MAX_RATIO = 5.0
MAX_GIGABYTES = 4.0
COVERAGE = (0.93, 0.97)

_SCALE_MAX = 5
_VALUE_PER_POINT = 100 * VALUE_SCALE // (_SCALE_MAX - 1)
_Z = NormalDist().inv_cdf(0.975)


@dataclass(frozen=True)
class Speed:
    """Seconds for one set of rows: bare sums, and two ways to a fitted model.

    ``ratings`` takes every rating as an observation; ``ballots`` is the way of a night, from rows over
    ballots and one vote per unit to the model.
    """

    rows: int
    bare: float
    ratings: float
    ballots: float

    @property
    def ratios(self) -> dict[str, float]:
        """Each way to the model over the bare sums."""
        return {"ratings": self.ratings / self.bare, "ballots": self.ballots / self.bare}


@dataclass(frozen=True)
class Recovery:
    """Averages over programmes: coverage of the 95% intervals, Spearman correlations with the planted scores."""

    programmes: int
    intervals: int
    coverage: float
    adjusted: float
    shrunken: float
    raw: float


def simulated_ratings(units: int, departments: int, items: int, seed: int) -> pl.DataFrame:
    """Every unit rates every department on every item, 1 to 5, in the columns of ``sums.rating_sums``."""
    generator = np.random.Generator(np.random.PCG64(seed))
    severity = generator.normal(0, 0.6, units)[:, None, None]
    level = generator.normal(3.3, 0.4, departments)[:, None]
    noise = generator.normal(0, 0.9, (units, departments, items))
    scores = np.clip(np.rint(severity + level + noise), 1, _SCALE_MAX).astype(np.int64)
    unit, department, item = (axis.ravel() for axis in np.indices(scores.shape, dtype=np.int32))
    names = [pl.Series([f"{letter}{number:05d}" for number in range(count)]) for letter, count in _names(scores)]
    codes = zip(names, (unit, department, item), strict=True)
    rater, ratee, question = (name.gather(pl.Series(code)) for name, code in codes)
    return pl.DataFrame({"rater_id": rater, "target_org_id": ratee, "item_id": question}).with_columns(
        instrument_id=pl.lit("REV"),
        instrument_version=pl.lit("1"),
        rater_org_id="rater_id",
        status=pl.lit("answered"),
        target_kind=pl.lit(None, pl.String),
        score_raw=pl.Series(scores.ravel()).cast(pl.Decimal(18, 6)),
    )


def _names(scores: npt.NDArray[np.int64]) -> list[tuple[str, int]]:
    return list(zip("UDI", scores.shape, strict=True))


def instrument_items(items: int) -> pl.DataFrame:
    """The items of the simulated instrument."""
    return pl.DataFrame(
        {
            "instrument_id": "REV",
            "instrument_version": "1",
            "item_id": [f"I{number:05d}" for number in range(items)],
            "scale_min": Decimal(1),
            "scale_max": Decimal(_SCALE_MAX),
            "direction": "higher_better",
            "weight": None,
        },
        schema_overrides=dict.fromkeys(("scale_min", "scale_max", "weight"), pl.Decimal(18, 6)),
    )


def speed(
    units: int = 27_000, departments: int = 40, items: int = 5, *, shuffled: bool = False, seed: int = 20_260_701
) -> Speed:
    """Fitting beside bare sums, by department and item and by rater and department, of the same rows.

    Rows lie in the order of the raters, which is the best case for a bare sum, or shuffled.
    """
    rows = simulated_ratings(units, departments, items, seed)
    if shuffled:
        rows = rows.sample(fraction=1.0, shuffle=True, seed=seed)
    cells = rows.select(
        "score_raw",
        voter_id="rater_id",
        ratee_org_id="target_org_id",
        value=(pl.col("score_raw").cast(pl.Int64) - 1) * _VALUE_PER_POINT,
        weight=pl.lit(VALUE_SCALE, pl.Int64),
    )
    instrument = instrument_items(items)

    def bare() -> object:
        value = rows.lazy().with_columns(value=raw_units("score_raw"))
        sums = (pl.col("value").sum(), pl.len().alias("n"))
        by_item = value.group_by("target_org_id", "item_id").agg(sums)
        by_rater = value.group_by("rater_id", "target_org_id").agg(sums)
        return pl.collect_all([by_item, by_rater], engine="streaming")

    def from_ratings() -> object:
        return fit(crossed_sums(cells))

    def from_ballots() -> object:
        sums = rating_sums(rows.lazy(), instrument)
        return fit(crossed_sums(voter_cells(sums.ballots, instrument, rater_level="unit")))

    return Speed(rows.height, *_best_seconds(bare, from_ratings, from_ballots))


def _best_seconds(*runs: Callable[[], object]) -> list[float]:
    """Shortest of five times of each, taken in turn so that a busy machine slows all of them alike."""
    best = [math.inf] * len(runs)
    for _ in range(5):
        for index, run in enumerate(runs):
            start = time.perf_counter()
            run()
            best[index] = min(best[index], time.perf_counter() - start)
    return best


def large_cells(raters: int, departments: int, per_rater: int, seed: int) -> pl.DataFrame:
    """Cells of raters who each rate ``per_rater`` departments on average, drawn without repetition."""
    generator = np.random.Generator(np.random.PCG64(seed))
    counts = generator.integers(per_rater // 2, per_rater * 3 // 2, raters, endpoint=True)
    rater = np.repeat(np.arange(raters, dtype=np.int32), counts)
    # A random start and a random stride coprime to the number of departments visit each at most once.
    strides = np.array([step for step in range(1, departments) if np.gcd(step, departments) == 1])
    place = np.arange(len(rater)) - np.repeat(np.cumsum(counts) - counts, counts)
    start, stride = generator.integers(0, departments, raters), generator.choice(strides, raters)
    department = ((start[rater] + place * stride[rater]) % departments).astype(np.int32)
    value = 60 + generator.normal(0, 8, raters)[rater] + generator.normal(0, 5, departments)[department]
    value += generator.normal(0, 12, len(rater))
    frame = pl.DataFrame({"rater": rater, "department": department, "value": np.rint(value * VALUE_SCALE)})
    del rater, place, department, value
    names = {
        "voter_id": ("rater", [f"R{number:07d}" for number in range(raters)]),
        "ratee_org_id": ("department", [f"D{number:04d}" for number in range(departments)]),
    }
    return frame.select(
        *(pl.lit(pl.Series(levels)).gather(code).alias(name) for name, (code, levels) in names.items()),
        pl.col("value").cast(pl.Int64),
        weight=pl.lit(VALUE_SCALE, pl.Int64),
    )


def peak_gigabytes() -> float:
    """Largest resident memory of this process so far."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024**2


def recovery(programmes: int = 200, seed: int = 20_260_702) -> Recovery:
    """Programmes of 250 units and 40 departments in which a unit deals with some departments only."""
    generator = np.random.Generator(np.random.PCG64(seed))
    covered, correlations = [], []
    for _ in range(programmes):
        cells, truth = planted_programme(generator)
        model = fit(crossed_sums(cells))
        covered.append(_covered(model, truth))
        raw = cells.group_by("ratee_org_id").agg(pl.col("value").mean()).sort("ratee_org_id")["value"].to_numpy()
        estimates = (model.score_adjusted, model.score, raw)
        correlations.append([scipy.stats.spearmanr(truth, estimate).statistic for estimate in estimates])
    hits = np.concatenate(covered)
    adjusted, shrunken, of_raw = np.mean(correlations, axis=0)
    return Recovery(programmes, len(hits), float(hits.mean()), float(adjusted), float(shrunken), float(of_raw))


def planted_programme(
    generator: np.random.Generator, units: int = 250, departments: int = 40, share: float = 0.12
) -> tuple[pl.DataFrame, Floats]:
    """Cells and the planted scores; severity has twice the standard deviation of the departments."""
    present = generator.random((units, departments)) < share
    present[np.arange(units), generator.integers(0, departments, units)] = True
    present[generator.integers(0, units, departments), np.arange(departments)] = True
    unit, department = np.nonzero(present)
    truth = 60 + generator.normal(0, 5, departments)
    value = truth[department] + generator.normal(0, 10, units)[unit] + generator.normal(0, 8, len(unit))
    cells = pl.DataFrame(
        {
            "voter_id": [f"U{code:03d}" for code in unit],
            "ratee_org_id": [f"D{code:02d}" for code in department],
            "value": np.rint(value * VALUE_SCALE).astype(np.int64),
            "weight": VALUE_SCALE,
        }
    )
    return cells, truth


def _covered(model: MixedModel, truth: Floats) -> npt.NDArray[np.bool_]:
    return np.abs(model.score - truth) <= _Z * np.sqrt(model.score_variance)


def report_speed() -> bool:
    """Print the time of fitting, and judge that of fitting the ratings themselves."""
    ratios = []
    for shuffled in (False, True):
        found = speed(shuffled=shuffled)
        order = "shuffled" if shuffled else "in the order of the raters"
        print(f"{found.rows:,} rows {order}: bare sums {found.bare:.2f} s")
        print(f"  fitting them: {found.ratings:.2f} s, ratio {found.ratios['ratings']:.2f} (limit {MAX_RATIO})")
        print(f"  ballots, votes of units, fit: {found.ballots:.2f} s, ratio {found.ratios['ballots']:.2f} (no limit)")
        ratios.append(found.ratios["ratings"])
    return max(ratios) < MAX_RATIO


def report_memory(raters: int = 1_000_000, departments: int = 1_000, per_rater: int = 20) -> bool:
    """Print and judge the memory of a large fit."""
    start = time.perf_counter()
    cells = large_cells(raters, departments, per_rater, seed=20_260_703)
    made, before = time.perf_counter(), peak_gigabytes()
    sums = crossed_sums(cells)
    rows = cells.height
    del cells
    summed = time.perf_counter()
    model = fit(sums)
    done, peak = time.perf_counter(), peak_gigabytes()
    print(f"{rows:,} ratings of {len(model.departments):,} departments by {len(model.voters):,} raters")
    print(f"rows made in {made - start:.1f} s ({before:.2f} GB), sums {summed - made:.1f} s, fit {done - summed:.1f} s")
    print(
        f"variances {model.vs:.2f} {model.vd:.2f} {model.v:.2f} (planted 64, 25, 144), {model.evaluations} evaluations"
    )
    print(f"peak memory {peak:.2f} GB (limit {MAX_GIGABYTES})")
    return peak < MAX_GIGABYTES


def report_recovery() -> bool:
    """Print and judge what was recovered."""
    found = recovery()
    print(f"{found.programmes} programmes, {found.intervals:,} intervals: coverage {found.coverage:.2%}")
    print(f"rank correlation: adjusted {found.adjusted:.4f}, shrunken {found.shrunken:.4f}, raw mean {found.raw:.4f}")
    return COVERAGE[0] <= found.coverage <= COVERAGE[1] and found.adjusted > found.raw


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the parts asked for, all of them when none is named."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    # Memory comes first: the peak of the process is the peak of its largest part.
    parts = {"memory": report_memory, "speed": report_speed, "recovery": report_recovery}
    for name, part in parts.items():
        parser.add_argument(f"--{name}", action="store_true", help=(part.__doc__ or "").strip())
    chosen = vars(parser.parse_args(arguments))
    asked = [name for name in parts if chosen[name]] or list(parts)
    failed = [name for name in asked if not parts[name]()]
    for name in failed:
        print(f"{name}: beyond its limit")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
