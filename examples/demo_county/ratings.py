"""What the raters and the residents answered, drawn from known effects.

An opinion is a department's effect in the month, its strength in the item's dimension, the rater's
severity, the impression of this rater of this department, and noise; rounded to the scale 1 to 5.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
import polars as pl

from examples.demo_county import vocabulary as words
from examples.demo_county.registers import OPEN_PERIODS, County, random_words

MEAN_OPINION = 3.7
DEPARTMENT_SD = 0.40
DIMENSION_SD = 0.12
SEVERITY_SD = 0.45
IMPRESSION_SD = 0.30
NOISE_SD = 0.60
MONTHLY_CHANGE = 0.15
DEPARTMENTS_PER_RATER = (6, 12)
DONT_KNOW_SHARE = 0.03
LOW_CONTACT_SHARE = 0.62
SCALE = (1, 5)


@dataclass(frozen=True)
class Opinions:
    """The true effects behind the answers.

    Attributes:
        department: Effect of each department by month, (departments, months), in scale points.
        item: Strength of each department in each item, (departments, items).
        severity: Severity of each rater, in the order of the rater register; positive is lenient.
        no_contact: Probability that a rater had no dealings with a department, (departments,).
    """

    department: np.ndarray
    item: np.ndarray
    severity: np.ndarray
    no_contact: np.ndarray


def draw_opinions(raters: int, generator: np.random.Generator) -> Opinions:
    """Draw the true effects; one department gets better every month, one worse, one is hardly known."""
    ids = [department.org_id for department in words.DEPARTMENTS]
    department = np.repeat(generator.normal(0, DEPARTMENT_SD, (len(ids), 1)), len(OPEN_PERIODS), axis=1)
    change = MONTHLY_CHANGE * np.arange(len(OPEN_PERIODS))
    department[ids.index(words.IMPROVING_ID)] += change
    department[ids.index(words.DECLINING_ID)] -= change
    dimensions = [item.dimension for item in words.RATING_ITEMS]
    order = sorted(set(dimensions))
    strength = generator.normal(0, DIMENSION_SD, (len(ids), len(order)))
    no_contact = generator.uniform(0.02, 0.12, len(ids))
    no_contact[ids.index(words.LOW_CONTACT_ID)] = LOW_CONTACT_SHARE
    return Opinions(
        department=department,
        item=strength[:, [order.index(dimension) for dimension in dimensions]],
        severity=generator.normal(0, SEVERITY_SD, raters),
        no_contact=no_contact,
    )


def draw_ratings(county: County, opinions: Opinions, month: int, generator: np.random.Generator) -> pl.DataFrame:
    """Dataset ``rating_event`` of one open month, in the order the forms came in.

    Args:
        county: Its rater register names the raters.
        opinions: The true effects.
        month: Index into the open periods.
        generator: Source of chance.

    Returns:
        One row per rater, department and item, all values as text.
    """
    rater, department = _draw_ballots(county.raters.height, generator)
    impression = opinions.department[department, month] + opinions.severity[rater]
    impression = impression + generator.normal(0, IMPRESSION_SD, len(rater))
    opinion = MEAN_OPINION + impression[:, None] + opinions.item[department]
    score = np.clip(np.rint(opinion + generator.normal(0, NOISE_SD, opinion.shape)), *SCALE).astype(np.int64)
    no_contact = generator.random(len(rater)) < opinions.no_contact[department]
    dont_know = generator.random(score.shape) < DONT_KNOW_SHARE
    items = len(words.RATING_ITEMS)
    ballots = pl.DataFrame({"rater": np.repeat(rater, items), "no_contact": np.repeat(no_contact, items)})
    forms = _forms(county.raters, OPEN_PERIODS[month], generator)
    rows = ballots.with_columns(
        pl.Series("score", score.ravel()),
        pl.Series("dont_know", dont_know.ravel()),
        pl.Series("target_org_id", [entry.org_id for entry in words.DEPARTMENTS]).gather(np.repeat(department, items)),
        pl.Series("item_id", [item.item_id for item in words.RATING_ITEMS]).gather(np.tile(range(items), len(rater))),
        pl.Series("contact", np.repeat(generator.choice(4, len(rater), p=(0.1, 0.35, 0.4, 0.15)), items)),
    )
    return _as_rating_rows(forms[rows["rater"]].hstack(rows), OPEN_PERIODS[month])


def _draw_ballots(raters: int, generator: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
    """Who rates which departments: six to twelve different ones each."""
    low, high = DEPARTMENTS_PER_RATER
    counts = generator.integers(low, high + 1, raters)
    shuffled = np.argsort(generator.random((raters, len(words.DEPARTMENTS))), axis=1)
    chosen = np.arange(len(words.DEPARTMENTS)) < counts[:, None]
    return np.repeat(np.arange(raters), counts), shuffled[chosen]


def _forms(raters: pl.DataFrame, period_id: str, generator: np.random.Generator) -> pl.DataFrame:
    """One form per rater: its number, when and how it was handed in."""
    channels = pl.Series(["wechat", "web"]).gather((generator.random(raters.height) < 0.2).astype(np.int64))
    return raters.select("rater_token", "rater_org_id").with_columns(
        random_words(raters.height, 9, generator).alias("submission_id"),
        _moments(raters.height, period_id, 8, generator).alias("submitted_at"),
        channels.alias("channel"),
    )


def _moments(count: int, period_id: str, first_day: int, generator: np.random.Generator) -> pl.Series:
    """Random moments of a month between eight in the morning and nine at night, as ISO text."""
    drawn = pl.DataFrame(
        {
            "day": generator.integers(first_day, 29, count),
            "second": generator.integers(8 * 3600, 21 * 3600, count),
        }
    )
    first = pl.lit(f"{period_id[:4]}-{period_id[-2:]}-01 00:00:00").str.to_datetime()
    moment = first + pl.duration(days=pl.col("day") - 1, seconds="second")
    return drawn.select(moment.dt.strftime("%Y-%m-%dT%H:%M:%S+08:00")).to_series()


def _as_rating_rows(rows: pl.DataFrame, period_id: str) -> pl.DataFrame:
    """Give the answers the contract's columns, forms in the order of submission."""
    answered = ~pl.col("no_contact") & ~pl.col("dont_know")
    frequency = pl.lit(pl.Series(["yearly", "quarterly", "monthly", "weekly"])).gather(pl.col("contact"))
    return rows.sort("submitted_at", "submission_id", maintain_order=True).select(
        pl.lit(period_id).alias("period_id"),
        pl.lit(words.RATING_INSTRUMENT).alias("instrument_id"),
        pl.lit("1").alias("instrument_version"),
        "rater_token",
        "rater_org_id",
        "target_org_id",
        "item_id",
        pl.when(pl.col("no_contact"))
        .then(pl.lit("no_contact"))
        .when(pl.col("dont_know"))
        .then(pl.lit("dont_know"))
        .otherwise(pl.lit("answered"))
        .alias("status"),
        pl.when(answered).then(pl.col("score").cast(pl.String)).alias("score_raw"),
        pl.when(pl.col("no_contact")).then(pl.lit("none")).otherwise(frequency).alias("contact_freq"),
        "submission_id",
        "submitted_at",
        "channel",
    )


def expected_score(opinions: Opinions) -> np.ndarray:
    """What an average rater would give each department in each month, on the scale 0 to 100.

    The mean of the rounded and clipped opinion over severity, impression and noise, averaged over
    the five items (the four dimensions weigh .4, .2, .2, .2, and the first has two items).

    Returns:
        (departments, months)
    """
    spread = math.sqrt(SEVERITY_SD**2 + IMPRESSION_SD**2 + NOISE_SD**2)
    centre = MEAN_OPINION + opinions.department[:, :, None] + opinions.item[:, None, :]
    # E[score] = lowest + sum over the cuts of P(opinion above the cut).
    cuts = np.arange(SCALE[0], SCALE[1]) + 0.5
    above = [[0.5 * math.erfc((cut - value) / spread / math.sqrt(2)) for cut in cuts] for value in centre.ravel()]
    mean: np.ndarray = np.sum(above, axis=1).reshape(centre.shape).mean(axis=2)
    return np.asarray(100 * mean / (SCALE[1] - SCALE[0]))


def draw_survey(county: County, month: int, generator: np.random.Generator) -> pl.DataFrame:
    """Dataset ``survey_response`` of one month: 8 to 22 residents of every village and community."""
    period_id = OPEN_PERIODS[month]
    is_village = county.places["org_kind"].is_in(["village", "community"]).to_numpy()
    village = np.flatnonzero(is_village)
    respondents = np.repeat(village, generator.integers(8, 23, len(village)))
    items = len(words.SURVEY_ITEMS)
    mood = generator.normal(0, 0.5, len(respondents)) + 0.25 * county.quality[respondents]
    opinion = 3.9 + mood[:, None] + generator.normal(0, 0.6, (len(respondents), items))
    score = np.clip(np.rint(opinion), *SCALE).astype(np.int64).ravel()
    dont_know = generator.random(len(score)) < DONT_KNOW_SHARE
    weight = np.round(generator.uniform(0.7, 1.4, len(respondents)), 2)
    rows = pl.DataFrame(
        {
            "submission_id": random_words(len(respondents), 9, generator),
            "respondent_org_id": county.places["org_id"].gather(respondents),
            "weight": pl.Series(weight).cast(pl.String),
            "duration_s": generator.integers(35, 420, len(respondents)),
            "submitted_at": _moments(len(respondents), period_id, 3, generator),
        }
    )[np.repeat(np.arange(len(respondents)), items)].with_columns(
        pl.Series("item_id", [item.item_id for item in words.SURVEY_ITEMS]).gather(
            np.tile(range(items), len(respondents))
        ),
        pl.Series("score", score),
        pl.Series("dont_know", dont_know),
    )
    return rows.select(
        pl.lit("JC-SURVEY").alias("source_system"),
        pl.lit(f"SAT-{period_id}").alias("survey_id"),
        "submission_id",
        "item_id",
        pl.lit(period_id).alias("period_id"),
        pl.lit(words.SURVEY_INSTRUMENT).alias("instrument_id"),
        "respondent_org_id",
        pl.when(pl.col("dont_know")).then(pl.lit("dont_know")).otherwise(pl.lit("answered")).alias("status"),
        pl.when(~pl.col("dont_know")).then(pl.col("score").cast(pl.String)).alias("score_raw"),
        "weight",
        "submitted_at",
        "duration_s",
        pl.lit("phone").alias("channel"),
    )
