"""Hospital Value-Based Purchasing FY2024: every published figure recomputed from the published rates."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path

import polars as pl

from benchmarks.reference.row import Row
from scoring.hospital_value import (
    domain_scores,
    exchange_slope,
    patient_domain,
    printed_score,
    total_scores,
)
from scoring.points import unit_points

FILES = "CMS Hospital Value-Based Purchasing FY2024 files"
FACILITY = "Facility ID"
PATIENT = "person_and_community_engagement"
LOWER_BETTER = ("COMP-HIP-KNEE", "HAI-1", "HAI-2", "HAI-3", "HAI-4", "HAI-5", "HAI-6", "MSPB-1")
MIN_MEASURES = {"clinical_outcomes": 2, "safety": 2, "efficiency_and_cost_reduction": 1}
DOMAIN_COLUMNS = {
    "clinical_outcomes": "Unweighted Normalized Clinical Outcomes Domain Score",
    PATIENT: "Unweighted Person And Community Engagement Domain Score",
    "safety": "Unweighted Normalized Safety Domain Score",
    "efficiency_and_cost_reduction": "Unweighted Normalized Efficiency And Cost Reduction Domain Score",
}
WEIGHTS = dict.fromkeys(DOMAIN_COLUMNS, Fraction(1, 4))
PUBLISHED_SLOPE = 4.4254
DECIMAL = pl.Decimal(18, 6)

_FIELDS = {
    "Floor": "floor",
    "Achievement Threshold": "achievement_threshold",
    "Benchmark": "benchmark",
    "Baseline Rate": "baseline_value",
    "Performance Rate": "value",
    "Achievement Points": "achievement",
    "Improvement Points": "improvement",
    "Measure Score": "points",
    "Dimension Score": "points",
}
_WHOLE = ("achievement", "improvement", "points")


@dataclass(frozen=True)
class Hospitals:
    """The published files as one row per hospital and measure, and one per hospital.

    ``measures``: org_id, domain, indicator_id, floor, achievement_threshold, benchmark,
    baseline_value, value (Decimal, percentages as numbers), achievement, improvement, points
    (Int64); null where not published. ``hospitals``: one row per hospital with the remaining
    columns as text.
    """

    measures: pl.DataFrame
    hospitals: pl.DataFrame


def published_hospitals(reference: Path) -> Hospitals:
    """Reads the five files of the folder ``cms``."""
    parts = []
    hospitals = _read(reference, "tps")
    for domain in DOMAIN_COLUMNS:
        table = _read(reference, domain)
        parts.append(_measures(table, domain))
        extra = [name for name in table.columns if name.startswith(("Hcahps", "Combined"))]
        hospitals = hospitals.join(table.select(FACILITY, *extra), on=FACILITY, how="left")
    return Hospitals(pl.concat(parts, how="diagonal"), hospitals.rename({FACILITY: "org_id"}))


def _read(reference: Path, name: str) -> pl.DataFrame:
    return pl.read_csv(
        reference / "cms" / f"hvbp_{name}.csv.gz", infer_schema=False, null_values=["Not Available", "N/A"]
    )


def _measures(table: pl.DataFrame, domain: str) -> pl.DataFrame:
    pattern = re.compile(f"(.+) ({'|'.join(_FIELDS)})")
    by_measure: dict[str, list[pl.Expr]] = {}
    for column in table.columns:
        match = pattern.fullmatch(column)
        if match and match[1] != "Combined SSI":
            name = _FIELDS[match[2]]
            text = pl.col(column).str.replace(r"( out of \d+|%)$", "").str.strip_chars()
            expression = text.cast(pl.Int64) if name in _WHOLE else text.cast(DECIMAL)
            by_measure.setdefault(match[1], []).append(expression.alias(name))
    rows = [
        table.select(org_id=FACILITY, domain=pl.lit(domain), indicator_id=pl.lit(measure)).with_columns(
            table.select(expressions)
        )
        for measure, expressions in by_measure.items()
    ]
    return pl.concat(rows, how="diagonal")


def points_of(hospitals: Hospitals) -> pl.DataFrame:
    """``points.unit_points`` of every published measure, as one frame of org_id, indicator_id and points."""
    measures = hospitals.measures
    key = ["indicator_id", "org_id"]
    orgs = measures.select("org_id").unique().with_columns(org_name="org_id", peer_group=pl.lit(None, pl.String))
    lower = pl.col("indicator_id").is_in(LOWER_BETTER)
    indicators = measures.select("indicator_id").unique()
    anchors = measures.select("indicator_id", "achievement_threshold", "benchmark").drop_nulls().unique()
    return unit_points(
        measures.select(*key, "value"),
        measures.select(*key, value="baseline_value").drop_nulls(),
        anchors.with_columns(peer_group=pl.lit(None, pl.String)),
        indicators.with_columns(
            direction=pl.when(lower).then(pl.lit("lower_better")).otherwise(pl.lit("higher_better"))
        ),
        orgs,
        period_id="2022",
        baseline_period="2019",
    )


def rows(reference: Path) -> Iterator[Row]:
    """One row per published kind of figure; the difference is the number of mismatches."""
    hospitals = published_hospitals(reference)
    points = points_of(hospitals)
    yield from _point_rows(hospitals, points)
    patient = _patient(hospitals, points)
    yield _patient_row(hospitals, patient)
    domains = _domains(hospitals, points, patient)
    yield _domain_row(hospitals, domains)
    totals = total_scores(domains, WEIGHTS)
    yield _total_row(hospitals, totals)
    yield _slope_row(totals)


def _point_rows(hospitals: Hospitals, points: pl.DataFrame) -> Iterator[Row]:
    joined = hospitals.measures.join(points, on=["org_id", "indicator_id"], how="left", suffix="_got")
    names = {"achievement": "achievement points", "improvement": "improvement points", "points": "measure scores"}
    for column, what in names.items():
        yield _mismatches(what, joined, column, f"{column}_got")


def _mismatches(what: str, joined: pl.DataFrame, published: str, got: str) -> Row:
    compared = joined.filter(pl.col(published).is_not_null())
    wrong = compared.filter(pl.col(published).ne_missing(pl.col(got))).height
    return Row(f"{what}: mismatches", FILES, compared.height, wrong, 0)


def _patient(hospitals: Hospitals, points: pl.DataFrame) -> pl.DataFrame:
    dimensions = hospitals.measures.filter((pl.col("domain") == PATIENT) & pl.col("value").is_not_null())
    own = dimensions.select("org_id", "indicator_id").join(points, on=["org_id", "indicator_id"], how="left")
    return patient_domain(dimensions, own.select("org_id", "points"))


def _patient_row(hospitals: Hospitals, patient: pl.DataFrame) -> Row:
    published = hospitals.hospitals.select(
        "org_id",
        base=pl.col("Hcahps Base Score").cast(pl.Int64),
        extra=pl.col("Hcahps Consistency Score").cast(pl.Int64),
    ).drop_nulls()
    joined = published.join(patient, on="org_id", how="left")
    same = pl.col("base").eq_missing(pl.col("base_points")) & pl.col("extra").eq_missing(pl.col("consistency_points"))
    wrong = joined.filter(~same).height
    return Row("HCAHPS base and consistency points: mismatches", FILES, joined.height, wrong, 0)


def _domains(hospitals: Hospitals, points: pl.DataFrame, patient: pl.DataFrame) -> pl.DataFrame:
    scored = points.join(hospitals.measures.select("org_id", "indicator_id", "domain"), on=["org_id", "indicator_id"])
    surgical = pl.col("indicator_id").is_in(["HAI-3", "HAI-4"])
    # Two surgical-site measures count as one, weighed by predicted infections the files do not hold.
    combined = hospitals.hospitals.select(
        "org_id",
        domain=pl.lit("safety"),
        points=pl.col("Combined SSI Measure Score").str.replace(r" out of \d+$", "").cast(pl.Int64),
    )
    own = scored.filter((pl.col("domain") != PATIENT) & ~surgical).select("org_id", "domain", "points")
    return pl.concat(
        [
            domain_scores(pl.concat([own, combined]), MIN_MEASURES).select("org_id", "domain", "domain_score"),
            patient.select("org_id", "domain_score", domain=pl.lit(PATIENT)).select("org_id", "domain", "domain_score"),
        ]
    )


def _printed(column: str) -> pl.Expr:
    """A published score as whole units of 10^-12 points."""
    return pl.col(column).cast(pl.Decimal(38, 12)).to_physical().cast(pl.Int64)


def _domain_row(hospitals: Hospitals, domains: pl.DataFrame) -> Row:
    parts = [
        hospitals.hospitals.select("org_id", domain=pl.lit(domain), published=_printed(column))
        for domain, column in DOMAIN_COLUMNS.items()
    ]
    joined = pl.concat(parts).join(domains, on=["org_id", "domain"], how="left")
    joined = joined.with_columns(printed=printed_score("domain_score"))
    return _mismatches("domain scores", joined, "published", "printed")


def _total_row(hospitals: Hospitals, totals: pl.DataFrame) -> Row:
    published = hospitals.hospitals.select("org_id", published=_printed("Total Performance Score"))
    return _mismatches(
        "total performance scores", published.join(totals, on="org_id", how="left"), "published", "total_score"
    )


def _slope_row(totals: pl.DataFrame) -> Row:
    scored = totals.drop_nulls("total_score").with_columns(base=pl.lit(1, pl.Int64))
    slope = exchange_slope(scored)
    return Row(
        "linear exchange slope, equal bases",
        "100 / mean(TPS) of the same files",
        scored.height,
        abs(float(slope) - PUBLISHED_SLOPE),
        1e-4,
    )
