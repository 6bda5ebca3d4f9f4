"""Facts checked on the spot: the draw, the error rate of each source, and how much to draw next time.

The draw is committed before reports close: the manifest holds ``Draw.commitment``, a digest of the seed and the list.
Until then seed and list are secret, for whoever knows the seed knows what will be checked; afterwards both are shown
and anybody can repeat the draw. What could not be verified is missing: it is neither an error nor confirmed.

Rule for the next rate (``next_rate``): where even the upper end of the interval of a source's error rate is within
``verify.error_max`` its rate is divided by ``verify.rate_step``; where the lower end is beyond it the rate is
multiplied by it; otherwise it stays, and it never leaves ``verify.share_min`` to ``verify.rate_max``. A source whose
facts cannot be verified has a wide interval, so its rate never falls.
"""

from __future__ import annotations

import hashlib
import json
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from fractions import Fraction
from typing import Final

import numpy as np
import numpy.typing as npt
import polars as pl
import scipy.special

from scoring.burden.parameters import Parameters
from scoring.tables.admission import VERIFICATION_RATE

STRATUM: Final = ("source_org_id", "indicator_id")
FACT: Final = ("dataset", "fact_key")
POPULATION_SCHEMA: Final[Mapping[str, pl.DataType]] = {
    "dataset": pl.String(),
    "fact_key": pl.String(),
    "source_org_id": pl.String(),
    "indicator_id": pl.String(),
    "risk": pl.Int64(),
}
DRAW_SCHEMA: Final[Mapping[str, pl.DataType]] = {
    **POPULATION_SCHEMA,
    "n_stratum": pl.Int64(),
    "probability_numerator": pl.Int64(),
    "probability_denominator": pl.Int64(),
}

Integers = npt.NDArray[np.int64]


@dataclass(frozen=True)
class Draw:
    """A committed sample.

    Attributes:
        draw_id: First sixteen digits of the commitment.
        rows: ``DRAW_SCHEMA``, sorted by dataset and fact_key; the inclusion probability is exact, as numerator and
            denominator.
        sources: source_org_id, n_population, n_drawn, rate (Float64: the share asked for); one row per source.
        commitment: SHA-256 of ``canonical(seed, rows)``, 64 hexadecimal digits.
    """

    draw_id: str
    rows: pl.DataFrame
    sources: pl.DataFrame
    commitment: str


def canonical_key(**parts: str | pl.Expr) -> pl.Expr:
    """The natural key of a fact as canonical JSON: names in order, no spaces.

    Args:
        parts: Name in the key to the column, or an expression, that holds it.
    """
    columns = {name: pl.col(part) if isinstance(part, str) else part for name, part in parts.items()}
    parts_in_order = [columns[name].cast(pl.String).alias(name) for name in sorted(columns)]
    return pl.struct(parts_in_order).struct.json_encode()


def _typed(schema: Mapping[str, pl.DataType]) -> list[pl.Expr]:
    return [pl.col(name).cast(dtype) for name, dtype in schema.items()]


def performance_population(
    performance: pl.LazyFrame, flagged: pl.DataFrame | None = None, *, target_risk: int = 2, flagged_risk: int = 4
) -> pl.DataFrame:
    """Performance facts to draw from.

    Args:
        performance: indicator_id, org_id, period_id, source_org_id, target_value.
        flagged: indicator_id, org_id of values a watch points at; their risk is multiplied.
        target_risk: Risk of a fact with a target, where others have 1.
        flagged_risk: Factor for flagged facts.

    Returns:
        ``POPULATION_SCHEMA``, sorted.
    """
    signs = pl.DataFrame(schema={"indicator_id": pl.String, "org_id": pl.String}) if flagged is None else flagged
    return (
        performance.join(
            signs.lazy().select("indicator_id", "org_id", sign=pl.lit(value=True)).unique(),
            on=["indicator_id", "org_id"],
            how="left",
        )
        .select(
            "source_org_id",
            "indicator_id",
            dataset=pl.lit("performance_fact"),
            fact_key=canonical_key(
                indicator_id="indicator_id", org_id="org_id", period_id="period_id", source_org_id="source_org_id"
            ),
            risk=pl.when(pl.col("target_value").is_null()).then(1).otherwise(target_risk)
            * pl.when(pl.col("sign").is_null()).then(1).otherwise(flagged_risk),
        )
        .select(_typed(POPULATION_SCHEMA))
        .sort(FACT)
        .collect(engine="streaming")
    )


def draw(population: pl.DataFrame, rates: Mapping[str, float], seed: int, *, rate: float | None = None) -> Draw:
    """A stratified sample without replacement, proportional to risk.

    Strata are the source and the indicator. Of ``N`` facts of a stratum ``ceil(rate N)`` are drawn, at least one, with
    probability proportional to risk (certain where that would exceed one), by systematic selection from a random order
    of the stratum: the inclusion probabilities hold exactly. Strata have random numbers of their own, so that a fact
    more in one changes nothing in another.

    Args:
        population: ``POPULATION_SCHEMA``; ``risk`` is a positive whole number. Without rows nothing is drawn.
        rates: Share to draw of each source, above 0 and at most 1.
        seed: Secret until reports close.
        rate: Share for sources that ``rates`` does not name.

    Raises:
        ValueError: A fact occurs twice, has no positive risk or no stratum, or a source has no usable rate.
    """
    rows = population.select(_typed(POPULATION_SCHEMA)).sort(FACT)
    shares = _checked(rows, rates, rate)
    parts = []
    for stratum in rows.partition_by(STRATUM, maintain_order=True):
        source, indicator = stratum.select(STRATUM).row(0)
        size = _ceiling(shares[source] * stratum.height)
        parts.append(_drawn(stratum, size, _generator(seed, source, indicator)))
    chosen = pl.concat(parts).sort(FACT) if parts else pl.DataFrame(schema=dict(DRAW_SCHEMA))
    commitment = hashlib.sha256(canonical(seed, chosen).encode()).hexdigest()
    asked = pl.DataFrame(
        [(source, float(share)) for source, share in shares.items()],
        schema={"source_org_id": pl.String, "rate": pl.Float64},
        orient="row",
    )
    sources = (
        rows.group_by("source_org_id")
        .agg(n_population=pl.len().cast(pl.Int64))
        .join(chosen.group_by("source_org_id").agg(n_drawn=pl.len().cast(pl.Int64)), on="source_org_id", how="left")
        .join(asked, on="source_org_id")
        .sort("source_org_id")
    )
    return Draw(commitment[:16], chosen, sources, commitment)


def _checked(rows: pl.DataFrame, rates: Mapping[str, float], rate: float | None) -> dict[str, Fraction]:
    if rows.select(FACT).is_duplicated().any():
        twice = rows.filter(rows.select(FACT).is_duplicated())["fact_key"][0]
        raise ValueError(f"verification draw: the fact {twice} occurs twice in the population; give each fact once")
    bad = rows.filter((pl.col("risk") > 0).not_() | pl.any_horizontal(pl.all().is_null()))
    if bad.height:
        raise ValueError(
            f"verification draw: {bad['fact_key'][0]} has no source, no indicator or no risk above 0; "
            "give every fact a stratum and a positive whole risk"
        )
    shares = {}
    for source in rows["source_org_id"].unique().sort():
        given = rates.get(source, rate)
        if given is None or not 0 < given <= 1:
            raise ValueError(f"verification draw: the rate of {source} is {given}; it must be above 0 and at most 1")
        shares[source] = Fraction(str(given))
    return shares


def _ceiling(value: Fraction) -> int:
    return -(-value.numerator // value.denominator)


def _generator(seed: int, *names: str) -> np.random.Generator:
    digest = hashlib.sha256(json.dumps([seed, *names], ensure_ascii=False).encode()).digest()
    return np.random.Generator(np.random.PCG64(int.from_bytes(digest, "big")))


def _drawn(stratum: pl.DataFrame, size: int, generator: np.random.Generator) -> pl.DataFrame:
    """The rows of one stratum that are drawn, with their inclusion probabilities.

    Systematic selection in whole numbers: rows in random order cover ``size * risk`` of a line each, and those are
    drawn on which one of the points ``start, start + total, start + 2 total ...`` falls.
    """
    risk = stratum["risk"].to_numpy().astype(np.int64)
    certain, left = _certain(risk, size)
    order = generator.permutation(np.flatnonzero(~certain))
    numerator, denominator = np.ones(len(risk), np.int64), np.ones(len(risk), np.int64)
    taken = certain.copy()
    total = int(risk[order].sum())
    if left and total:
        start = int(generator.integers(total))
        ends = left * np.cumsum(risk[order])
        points_below = -((start - ends) // total)
        taken[order] = np.diff(points_below, prepend=0) > 0
        numerator[order], denominator[order] = left * risk[order], total
    return (
        stratum.with_columns(
            n_stratum=pl.lit(stratum.height, pl.Int64),
            probability_numerator=pl.Series(numerator),
            probability_denominator=pl.Series(denominator),
        )
        .filter(pl.Series(taken))
        .select(_typed(DRAW_SCHEMA))
    )


def _certain(risk: Integers, size: int) -> tuple[npt.NDArray[np.bool_], int]:
    """Rows so risky that they are drawn in any case, and how many places are left for the others."""
    certain = np.zeros(len(risk), np.bool_)
    while True:
        left = size - int(certain.sum())
        more = ~certain & (left * risk >= risk[~certain].sum())
        if left <= 0 or not more.any():
            return certain, max(left, 0)
        certain |= more


def canonical(seed: int, rows: pl.DataFrame) -> str:
    """The text a draw is committed to: the seed, then a line of JSON per drawn fact in order of the facts."""
    columns = list(DRAW_SCHEMA)
    lines = (
        json.dumps(row, ensure_ascii=False, separators=(",", ":"))
        for row in rows.select(columns).sort(FACT).iter_rows()
    )
    return "\n".join([json.dumps({"seed": seed, "columns": columns}, separators=(",", ":")), *lines])


def exact_interval(errors: float, checked: float, level: float = 0.95) -> tuple[float, float]:
    """Clopper and Pearson's interval of a share; with effective numbers that are not whole, Korn and Graubard's.

    Args:
        errors: From 0 to ``checked``.
        checked: More than 0.
        level: Confidence.

    Raises:
        ValueError: The numbers are impossible.
    """
    if not 0 <= errors <= checked or checked <= 0:
        raise ValueError(f"{errors} of {checked} is no share: errors lie between 0 and a number checked above 0")
    tail = (1 - level) / 2
    low = 0.0 if errors == 0 else float(scipy.special.betaincinv(errors, checked - errors + 1, tail))
    high = 1.0 if errors == checked else float(scipy.special.betaincinv(errors + 1, checked - errors, 1 - tail))
    return low, high


def next_rate(rate: float, low: float | None, high: float | None, parameters: Parameters) -> float:
    """The share to draw next time; see the module.

    Args:
        rate: The share drawn this time.
        low: Lower end of the interval of the error rate; None where nothing was verified.
        high: Upper end.
        parameters: verify.error_max, verify.rate_step, verify.share_min, verify.rate_max.
    """
    most, step = parameters.number("verify.error_max"), parameters.number("verify.rate_step")
    wanted = rate
    if low is not None and low > most:
        wanted = rate * step
    elif high is not None and high <= most:
        wanted = rate / step
    return min(max(wanted, parameters.number("verify.share_min")), parameters.number("verify.rate_max"))


def error_rates(
    drawn: Draw, verifications: pl.DataFrame, parameters: Parameters, period_id: str, *, draw_id: str | None = None
) -> pl.DataFrame:
    """Error rate of every source that was drawn from, with its exact interval and the next rate.

    A fact weighs one over its inclusion probability. The rate is the weighted share of facts that differ among those
    with an answer; its interval is Clopper and Pearson's with the effective number of facts
    ``(sum w)^2 / sum w^2`` in place of their number, which is that number where all weigh the same.

    Args:
        drawn: The draw.
        verifications: ``verification_fact``; of several of one fact the last one counts (verified_at, then
            verification_id). Rows of other draws, and of facts that were not drawn, are left out.
        parameters: See ``next_rate``.
        period_id: Period the rows are for.
        draw_id: Number under which the draw was given out, where that is not ``drawn.draw_id``.

    Returns:
        ``VERIFICATION_RATE``.
    """
    facts = drawn.rows.join(_answers(verifications, draw_id or drawn.draw_id), on=FACT, how="left").sort(FACT)
    rows = [
        source | _found(facts.filter(pl.col("source_org_id") == source["source_org_id"]), source["rate"], parameters)
        for source in drawn.sources.iter_rows(named=True)
    ]
    schema = {name: dtype for name, dtype in VERIFICATION_RATE.schema.items() if name != "period_id"}
    return VERIFICATION_RATE.conform(pl.DataFrame(rows, schema=schema).with_columns(period_id=pl.lit(period_id)))


def _answers(verifications: pl.DataFrame, draw_id: str) -> pl.DataFrame:
    """dataset, fact_key (canonical), outcome: the last answer about each fact of a draw."""
    given = verifications.filter(pl.col("draw_id") == draw_id)
    # One draw has thousands of facts, not millions; their keys may come with names in any order.
    keys = [_canonical(key) for key in given["fact_key"]]
    return (
        given.with_columns(fact_key=pl.Series(keys, dtype=pl.String))
        .sort("verified_at", "verification_id")
        .unique(FACT, keep="last", maintain_order=True)
        .select(*FACT, "outcome")
    )


def _canonical(key: str) -> str:
    try:
        parts = json.loads(key)
    except json.JSONDecodeError as error:
        raise ValueError(
            f"verification_fact: fact_key {key!r} is no JSON; give the key as it was drawn, "
            'such as {"indicator_id":"WATER","org_id":"V001"}'
        ) from error
    return json.dumps(parts, ensure_ascii=False, separators=(",", ":"), sort_keys=True)


def _found(facts: pl.DataFrame, rate: float, parameters: Parameters) -> dict[str, float | int | str | None]:
    """Counts, error rate, interval and next rate of the drawn facts of one source."""
    checked = facts.filter(pl.col("outcome").is_in(["confirmed", "differs"]))
    differs = (checked["outcome"] == "differs").to_list()
    weights = (checked["probability_denominator"] / checked["probability_numerator"]).to_list()
    share, low, high = _weighted_share(differs, weights) if differs else (None, None, None)
    return {
        "n_checked": checked.height,
        "n_differs": sum(differs),
        "n_not_verifiable": int((facts["outcome"] == "not_verifiable").sum()),
        "n_outstanding": facts["outcome"].null_count(),
        "error_rate": share,
        "error_low": low,
        "error_high": high,
        "next_rate": next_rate(rate, low, high, parameters),
        "reason_codes": None if differs else "NOTHING_VERIFIED",
    }


def _weighted_share(hits: Sequence[bool], weights: Sequence[float]) -> tuple[float, float, float]:
    """The weighted share of hits and its interval; sums do not depend on the order."""
    total = math.fsum(weights)
    share = math.fsum(weight for hit, weight in zip(hits, weights, strict=True) if hit) / total
    alike = len(set(weights)) == 1
    effective = float(len(weights)) if alike else total**2 / math.fsum(weight**2 for weight in weights)
    errors = float(sum(hits)) if alike else min(share * effective, effective)
    low, high = exact_interval(errors, effective)
    return share, low, high
