"""What the registers hold: results of places and departments, and the burden that departments laid on townships."""

from __future__ import annotations

import numpy as np
import polars as pl

from examples.demo_county import vocabulary as words
from examples.demo_county.planted import FORM_CATALOGUE_ID, SECONDMENT_ID
from examples.demo_county.registers import BASELINE_PERIOD, OPEN_PERIODS, County, last_day

FACT_PERIODS = (BASELINE_PERIOD, *OPEN_PERIODS)
TOWNSHIP_CASES = 10
EVENTS_PER_MONTH = 46
PERFORMANCE_COLUMNS = (
    "indicator_id", "org_id", "period_id", "source_org_id", "value", "unit", "numerator", "denominator", "as_of",
    "status",
)  # fmt: skip
UNCLEAR_SHARE = 0.04
"""Share of the checked duty items whose outcome cannot be told."""

PLANNED = ("document", "meeting", "video_conf", "inspection")
ON_LIST = ("report_form", "inspection")
ADMITTED = {"report_form": FORM_CATALOGUE_ID, "secondment": SECONDMENT_ID}

KEPT_FREE = (6, 12, 19)
"""Days of a month on which the register's own meetings and inspections leave room for the planted ones."""

IMPROVEMENT_PER_MONTH = (0.12, 0.25)
"""Mean and standard deviation of a place's monthly change, in standard deviations of the indicator."""


def draw_performance(county: County, generator: np.random.Generator) -> pl.DataFrame:
    """Dataset ``performance_fact`` of the baseline month and the three open months.

    A village with fewer cases scatters more around the same underlying value; farmland is not
    asked of communities.
    """
    places = county.places
    facts = [_indicator_facts(indicator, places, county.quality, generator) for indicator in words.UNIT_INDICATORS]
    departments = pl.DataFrame(
        {"org_id": [department.org_id for department in words.DEPARTMENTS], "org_kind": ["department"] * 34}
    )
    standing = generator.standard_normal(departments.height)
    facts += [
        _indicator_facts(indicator, departments, standing, generator) for indicator in words.DEPARTMENT_INDICATORS
    ]
    return pl.concat(facts).filter((pl.col("indicator_id") != "FARMLAND") | (pl.col("org_kind") != "community"))


def _indicator_facts(
    indicator: words.Indicator, places: pl.DataFrame, standing: np.ndarray, generator: np.random.Generator
) -> pl.DataFrame:
    """The facts of one indicator for every place and month."""
    better = 1 if indicator.direction == "higher_better" else -1
    own = 0.6 * standing + 0.8 * generator.standard_normal(places.height)
    trend = generator.normal(*IMPROVEMENT_PER_MONTH, places.height)
    month = np.arange(len(FACT_PERIODS))
    underlying = indicator.mean + better * indicator.spread * (own[:, None] + trend[:, None] * month)
    rows = pl.DataFrame(
        {
            "org_id": places["org_id"].gather(np.repeat(np.arange(places.height), len(month))),
            "org_kind": places["org_kind"].gather(np.repeat(np.arange(places.height), len(month))),
            "period_id": pl.Series(FACT_PERIODS).gather(np.tile(month, places.height)),
        }
    )
    if indicator.cases is None:
        observed = np.clip(underlying + generator.normal(0, indicator.spread / 4, underlying.shape), 0, None)
        values = pl.DataFrame({"value": np.round(observed.ravel(), 2)}).with_columns(
            pl.lit(None, dtype=pl.Int64).alias("numerator"), pl.lit(None, dtype=pl.Int64).alias("denominator")
        )
    else:
        is_large = places["org_kind"].is_in(["township", "subdistrict"]).to_numpy()
        cases = np.where(is_large, indicator.cases * TOWNSHIP_CASES, indicator.cases)
        denominator = np.maximum(generator.poisson(cases[:, None], underlying.shape), 6)
        numerator = generator.binomial(denominator, np.clip(underlying, 0.02, 0.99))
        values = pl.DataFrame(
            {
                "value": np.round(numerator / denominator, 6).ravel(),
                "numerator": numerator.ravel(),
                "denominator": denominator.ravel(),
            }
        )
    last_days = {period: last_day(period) for period in FACT_PERIODS}
    return rows.hstack(values).with_columns(
        pl.lit(indicator.indicator_id).alias("indicator_id"),
        pl.lit(indicator.source_org_id).alias("source_org_id"),
        pl.lit(indicator.unit).alias("unit"),
        pl.col("period_id").replace_strict(last_days).alias("as_of"),
        pl.lit("reported").alias("status"),
    )


def baseline_anchors(performance: pl.DataFrame, places: pl.DataFrame) -> pl.DataFrame:
    """Anchors of every indicator and peer group in the baseline month.

    The minimum is the worst possible value, the floor what nineteen of twenty reach, the threshold the
    median, the benchmark the mean of the best tenth (42 CFR 412.160). They are inputs of the scheme:
    computed here once, when the fictional county drew up its scheme.

    A department has the anchors of all departments, because its own group is small.

    Args:
        performance: The facts of :func:`draw_performance`.
        places: ``org_id`` and ``peer_group`` of the assessed places; whoever is not among them has
            no group.

    Returns:
        ``indicator_id``, ``peer_group``, ``minimum``, ``floor``, ``threshold``, ``benchmark``, rounded to
        four places.
    """
    higher = {
        indicator.indicator_id: indicator.direction == "higher_better"
        for indicator in (*words.UNIT_INDICATORS, *words.DEPARTMENT_INDICATORS)
    }
    ranked = (
        performance.filter(pl.col("period_id") == BASELINE_PERIOD)
        .join(places, on="org_id", how="left")
        .with_columns(pl.col("indicator_id").replace_strict(higher).alias("higher"))
        .with_columns(pl.when("higher").then(pl.col("value")).otherwise(-pl.col("value")).alias("goodness"))
    )
    best = pl.col("goodness").top_k((pl.len() / 10).ceil().cast(pl.Int64)).mean()
    sign = pl.when(pl.col("higher").first()).then(1.0).otherwise(-1.0)
    return (
        ranked.group_by("indicator_id", "peer_group")
        .agg(
            pl.when(pl.col("higher").first()).then(0.0).otherwise(1.0).alias("minimum"),
            (sign * pl.col("goodness").quantile(0.05, "lower")).round(4).alias("floor"),
            pl.col("value").median().round(4).alias("threshold"),
            (sign * best).round(4).alias("benchmark"),
        )
        .sort("indicator_id", "peer_group")
    )


def draw_verifications(county: County, period_id: str, generator: np.random.Generator) -> pl.DataFrame:
    """Dataset ``verification_fact`` of one month: duty items of every place, checked by their outcome.

    Better places have more duties fulfilled; now and then an outcome cannot be verified.
    """
    duties = {
        kind: [duty[0] for duty in (words.BASIC_DUTIES if is_township else words.OWN_VILLAGE_DUTIES)]
        for kind, is_township in (("township", True), ("subdistrict", True), ("village", False), ("community", False))
    }
    rows = county.places.with_columns(quality=pl.Series(county.quality)).with_columns(
        duty_id=pl.col("org_kind").replace_strict(duties, return_dtype=pl.List(pl.String))
    )
    rows = rows.explode("duty_id", empty_as_null=True, keep_nulls=False)
    chance = 1.0 / (1.0 + np.exp(-1.6 - 0.6 * rows["quality"].to_numpy()))
    draw = generator.random(rows.height)
    unclear = generator.random(rows.height) < UNCLEAR_SHARE
    outcome = np.where(unclear, "not_verifiable", np.where(draw < chance, "confirmed", "differs"))
    return rows.select(
        verification_id=pl.format("DUTY-{}-{}-{}", pl.lit(period_id), "org_id", "duty_id"),
        draw_id=pl.lit(f"DUTY-{period_id}"),
        dataset=pl.lit("duty_item"),
        fact_key=pl.concat_str(pl.lit('{"org_id":"'), "org_id", pl.lit('","duty_id":"'), "duty_id", pl.lit('"}')),
        outcome=pl.Series(outcome),
        verifier_org_id=pl.lit(words.COUNTY_OFFICE_ID),
        verified_at=pl.lit(last_day(period_id)),
    )


def draw_burden(
    county: County, zeal: np.ndarray, period_id: str, first_number: int, generator: np.random.Generator
) -> pl.DataFrame:
    """Dataset ``burden_fact`` of one month as the issuers' register has it.

    Everything is planned, on a duty list or admitted and on a day of its own, but for temporary tasks: those name no
    duty and no admission, and are what units may decline.

    Args:
        county: Its townships and subdistricts bear the burden.
        zeal: Relative frequency with which each department imposes, (departments,).
        period_id: The month.
        first_number: Running number of the first event.
        generator: Source of chance.

    Returns:
        One row per event and bearer, sorted by day and event.
    """
    kinds, departments = words.BURDEN_KINDS, words.DEPARTMENTS
    kind = generator.choice(len(kinds), EVENTS_PER_MONTH, p=[entry.share for entry in kinds])
    issuer = generator.choice(len(departments), EVENTS_PER_MONTH, p=zeal / zeal.sum())
    day = np.sort(generator.integers(1, 29, EVENTS_PER_MONTH))
    matter = generator.integers(0, len(words.MATTERS), EVENTS_PER_MONTH)
    hours = generator.integers(1, 8, EVENTS_PER_MONTH)
    number = first_number + np.arange(EVENTS_PER_MONTH)
    similarity = np.round(generator.uniform(0.05, 0.6, EVENTS_PER_MONTH), 3)
    events = pl.DataFrame(
        [
            _event(kinds[kind[index]], departments[issuer[index]], words.MATTERS[matter[index]], int(number[index]))
            | {
                "start_date": f"{period_id[:4]}-{period_id[-2:]}-{day[index]:02d}",
                "minutes": int(hours[index]) * 30,
                "similarity": float(similarity[index]),
            }
            for index in range(EVENTS_PER_MONTH)
        ],
        infer_schema_length=None,
    )
    events = _apart(events, period_id)
    townships = county.places.filter(pl.col("org_kind").is_in(["township", "subdistrict"]))["org_id"]
    chosen = generator.random((EVENTS_PER_MONTH, len(townships))) < generator.uniform(0.25, 0.9, (EVENTS_PER_MONTH, 1))
    event, bearer = np.nonzero(chosen)
    return _burden_rows(events[event], townships.gather(bearer), generator)


def _apart(events: pl.DataFrame, period_id: str) -> pl.DataFrame:
    """Meetings on days of their own, and inspections likewise, so that no unit has two on one day."""
    days = pl.Series([f"{period_id[:4]}-{period_id[-2:]}-{day:02d}" for day in range(1, 29) if day not in KEPT_FREE])
    for kinds in (["meeting", "video_conf"], ["inspection"]):
        one = pl.col("burden_kind").is_in(kinds)
        if events.filter(one).height:
            place = ((one.cum_sum() - 1).cast(pl.Int64) * len(days) // one.sum()).clip(0, len(days) - 1)
            events = events.with_columns(
                start_date=pl.when(one).then(pl.lit(days).gather(place)).otherwise("start_date")
            )
    return events


def _event(kind: words.BurdenKind, department: words.Department, matter: str, number: int) -> dict[str, object]:
    """One imposition as its issuer would enter it."""
    doc_no = f"霁{department.sign}发〔2026〕{number}号" if kind.code == "document" else None
    titles: dict[str, str] = {
        "meeting": f"{matter}工作部署会",
        "video_conf": f"{matter}视频调度会",
        "document": f"关于做好{matter}工作的通知",
        "work_reminder": f"{matter}工作提示",
        "report_form": f"{matter}情况统计表",
        "inspection": f"{matter}专项检查",
        "temp_task": f"{matter}临时任务",
        "secondment": f"{matter}工作抽调",
        "work_group": f"{matter}工作群",
    }
    return {
        "burden_kind": kind.code,
        "measure": kind.measure,
        "issuer_org_id": department.org_id,
        "source_ref": doc_no or f"{kind.prefix}-2026-{number:04d}",
        "unit": kind.unit,
        "title": titles[kind.code],
        "matter": matter,
        "doc_no": doc_no,
        "plan_no": f"霁计〔2026〕{number}号" if kind.code in PLANNED else None,
        "duty_id": words.DUTY_OF_MATTER[matter] if kind.code in ON_LIST else None,
        "admission_id": ADMITTED.get(kind.code),
        "channel": "form_platform" if kind.code == "report_form" else None,
    }


def _burden_rows(events: pl.DataFrame, bearers: pl.Series, generator: np.random.Generator) -> pl.DataFrame:
    """One row per event and bearer; only meetings have a length, only documents pages and similarity."""
    kind = pl.col("burden_kind")
    is_meeting = kind.is_in(["meeting", "video_conf"])
    counts = pl.DataFrame(
        {
            "persons": generator.integers(1, 6, events.height),
            "forms": generator.integers(1, 4, events.height),
            "person_days": generator.integers(5, 21, events.height),
            "length": generator.integers(2, 15, events.height),
        }
    )
    return (
        events.hstack(counts)
        .with_columns(bearers.alias("target_org_id"))
        .select(
            "burden_kind",
            "measure",
            "issuer_org_id",
            "target_org_id",
            "source_ref",
            "start_date",
            pl.when(kind == "report_form")
            .then("forms")
            .when(kind == "secondment")
            .then("person_days")
            .otherwise(1)
            .alias("quantity"),
            "unit",
            pl.when(is_meeting).then("minutes").alias("duration_min"),
            pl.when(is_meeting | (kind == "inspection")).then("persons").alias("persons"),
            pl.when(kind == "document").then("length").alias("pages"),
            "title",
            "matter",
            "doc_no",
            "plan_no",
            "channel",
            "duty_id",
            "admission_id",
            pl.when(kind == "document").then("similarity").alias("similarity"),
            pl.when(kind.is_in(["document", "report_form"])).then(pl.lit("streamlined")).alias("counted_class"),
            pl.lit("issuer_register").alias("reported_by"),
        )
    )


def running_number(month: int) -> int:
    """The first running number of a month's events, so that numbers never repeat over the year."""
    return 100 + month * EVENTS_PER_MONTH
