"""Random programmes as the sums and the scheme of a night: the composition that runs, from facts to money."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from copy import deepcopy
from dataclasses import replace
from datetime import UTC, date, datetime
from decimal import Decimal
from fractions import Fraction
from functools import cache
from math import floor
from typing import Any

import polars as pl
import yaml

from expectations.datasets import DATASETS
from scoring.anomalies import answer_patterns
from scoring.bonus_pool import logistic_exchange
from scoring.burden_indicators import burden_indicators
from scoring.frame import Frame, build_frame
from scoring.rater_classes import channel_counts
from scoring.scheme import SHIPPED_SCHEMES, Scheme
from scoring.sums import answer_sums, rating_sums, raw_units
from scoring.unit_satisfaction import unit_answer_moments
from tasks.aggregate import FACT_COLUMNS, Sums
from tasks.scoring.incentives import incentive_tables
from tasks.scoring.units import UnitTables, unit_tables
from tests.support.fast_program import PERIOD, RED_LINE, YEARS, Stages, decimal, frame, inputs_of, named
from tests.support.random_program import LISTED_ADDERS, MILLION, Anchors, Policy, Program

BASELINE_PERIOD = YEARS[1]
START, END = date(2026, 1, 1), date(2027, 1, 1)
DRAWS = 1_000
"""As few draws as a scheme may ask for: what is drawn is tested elsewhere."""

Rating = tuple[str, str, str, int]
"""Rater, unit, department, and the score from 1 to 5."""

DUTIES = (5, 7, 20)
"""How many duty items units have."""


def sayable(program: Program) -> Program:
    """The programme with what a scheme and the lake can state: decimal shares, shares of so many duty items."""
    policy = program.scheme.policy
    said = replace(
        policy,
        quota=_two_places(policy.quota),
        reserve_share=_two_places(policy.reserve_share),
        exchange=None if policy.exchange is None else logistic_exchange(),
    )
    units = [replace(unit, list_score=_listed(program, unit.list_score)) for unit in program.units]
    return replace(program, units=tuple(units), scheme=replace(program.scheme, policy=said))


def _two_places(share: Fraction) -> Fraction:
    return Fraction(round(share * 100), 100)


def _duties(program: Program, score: int) -> tuple[int, int]:
    """Duty items fulfilled, and all of them, nearest to a score."""
    number = DUTIES[program.seed % len(DUTIES)]
    return round(Fraction(score * number, 100 * MILLION)), number


def _listed(program: Program, score: int | None) -> int | None:
    if score is None:
        return None
    fulfilled, number = _duties(program, score)
    return floor(Fraction(100 * MILLION * fulfilled, number) + Fraction(1, 2))


@cache
def _shipped() -> Mapping[str, Any]:
    content: Mapping[str, Any] = yaml.safe_load((SHIPPED_SCHEMES / "default-2026.yaml").read_text(encoding="utf-8"))
    return content


def scheme_of(program: Program, **sections: Any) -> Scheme:
    """The shipped scheme with the numbers of a sayable programme; ``sections`` replace whole entries of it."""
    content = deepcopy(dict(_shipped()))
    policy = program.scheme.policy
    content["scheme_id"] = f"program-{program.seed}"
    _set(content, policy, program)
    content["indicators"]["entries"] = [
        {"indicator_id": indicator.indicator_id, "weight": decimal(weight), "peer_groups": [named(program, group)]}
        for indicator in program.scheme.indicators
        for group in program.scheme.groups
        if (weight := indicator.weights.get(group, indicator.weights.get(None, 0)))
    ]
    content["unit_points"] |= {
        "scale": policy.scale,
        "anchors": [
            {"indicator_id": indicator_id, "peer_group": _group(program, name), **_places(anchors)}
            for (indicator_id, name), anchors in program.scheme.anchors.items()
        ],
    }
    content["satisfaction"]["anchors"] = [
        {"peer_group": _group(program, name), **_places(anchors)}
        for name, anchors in program.scheme.satisfaction_anchors.items()
    ]
    content["incentive"]["adders"] = [
        {"adder_id": name, "title": {"zh": name, "en": name}, "points": _cited(decimal(points))}
        for name, points in LISTED_ADDERS.items()
    ]
    line = {"red_line_id": RED_LINE, "title": {"zh": "红线", "en": "line"}, "legal_basis": "安全生产法"}
    content["red_lines"] |= {"authorised": [line], "used": [RED_LINE]}
    return Scheme.model_validate(content | sections)


def _set(content: dict[str, Any], policy: Policy, program: Program) -> None:
    """The plain numbers, each in the place of the shipped one."""
    weights = {("unit_score", name): decimal(policy.part_weights[column]) for name, column in _PARTS.items()}
    numbers: dict[tuple[str, str], Any] = weights | {
        ("unit_score", "min_observed_weight"): policy.min_observed_weight,
        ("unit_score", "min_parts"): policy.min_parts,
        ("tracks", "quality_share"): policy.quality_share,
        ("tracks", "latent_share"): policy.latent_share,
        ("tracks", "missing_track_cap"): decimal(policy.missing_track_cap),
        ("tracks", "cell_floor"): decimal(policy.cell_floor),
        ("satisfaction", "suppress_below"): 1,
        ("satisfaction", "flag_below"): 0,
        ("satisfaction", "shrink"): False,
        ("incentive", "max_adder"): decimal(policy.max_adder),
        ("incentive", "score_cap"): decimal(policy.score_cap),
        **{("tiers", f"cut_off_{tier}"): decimal(cut) for tier, cut in zip("abc", policy.cut_offs, strict=True)},
        ("tiers", "quota"): policy.quota,
        ("tiers", "min_probability"): Fraction(policy.min_probability),
        ("bonus", "total"): program.total_fen,
        ("bonus", "standard"): 1,
        ("bonus", "reserve_share"): policy.reserve_share,
        ("bonus", "cap_multiple"): policy.cap_multiple,
        ("bonus", "exchange"): "linear" if policy.exchange is None else "logistic",
        ("ranks", "draws"): DRAWS,
    }
    for (section, name), value in numbers.items():
        content[section][name]["value"] = _written(value)


_PARTS = {
    "satisfaction": "satisfaction_score",
    "results": "results_score",
    "duty_list": "list_score",
    "process": "process_score",
}


def _written(value: Any) -> Any:
    """A fraction as the decimal it is."""
    if not isinstance(value, Fraction):
        return value
    written = Decimal(value.numerator) / value.denominator
    assert Fraction(written) == value, "a scheme cannot state this number"
    return written


def _cited(value: Any) -> dict[str, Any]:
    return {"value": value, "unit": "points", "reference": "docs/method.md"}


def _group(program: Program, name: str | None) -> str | None:
    return None if name is None else named(program, name)


def _places(anchors: Anchors) -> dict[str, Decimal | None]:
    names = ("minimum", "floor", "achievement_threshold", "benchmark")
    return {name: decimal(getattr(anchors, name)) for name in names}


def rows_of(dataset: str, rows: Iterable[Mapping[str, Any]] = ()) -> pl.DataFrame:
    """Rows of a dataset as the lake has them; columns that are not given are null."""
    return pl.DataFrame(list(rows), schema=DATASETS[dataset].stored_schema)


def sums_of(program: Program, departments: Sequence[str] = (), raters: Sequence[tuple[str, str]] = ()) -> Sums:
    """What a night would read of a sayable programme; nobody has rated yet.

    Args:
        program: A programme after ``sayable``.
        departments: Departments of the frame.
        raters: Pseudonyms of raters with their units.
    """
    given = inputs_of([program])
    assessed = {named(program, unit.org_id): unit for unit in program.units}
    organisations = rows_of(
        "org_unit",
        [
            {"org_id": org_id, "org_name": f"{unit.org_id}村", "org_kind": "village", "level": "village",
             "peer_group": named(program, unit.peer_group), "staff": unit.base_fen, "valid_from": date(2020, 1, 1)}
            for org_id, unit in assessed.items()
        ] + [
            {"org_id": name, "org_name": f"{name}局", "org_kind": "county_gov_dept", "level": "county",
             "peer_group": "departments", "valid_from": date(2020, 1, 1)}
            for name in departments
        ],
    )  # fmt: skip
    posts = [
        {"rater_id": rater, "rater_org_id": unit, "rater_role": "village_secretary", "valid_from": date(2020, 1, 1)}
        for rater, unit in raters
    ]
    built = build_frame(
        rows_of("rating_frame"), organisations, rows_of("rater", posts), period_start=START, period_end=END
    )
    no_answers, no_burden = rows_of("survey_response").lazy(), rows_of("burden_fact").lazy()
    burden = burden_indicators(no_burden, built.assessed.clear(), n_bearers=0)
    return Sums(
        ratings=rating_sums(rows_of("rating_event").lazy(), items()),
        patterns=None,
        channels=channel_counts(rows_of("rating_event").lazy()),
        answers=answer_sums(no_answers, rows_of("instrument_item")),
        moments=_moments(program, unit_answer_moments(no_answers, rows_of("instrument_item"))),
        facts=pl.concat(
            [
                given.facts.select(pl.all(), period_id=pl.lit(PERIOD)).pipe(_delivered),
                given.baseline.select(pl.all(), period_id=pl.lit(BASELINE_PERIOD)).pipe(_delivered),
                given.window.pipe(_delivered),
            ]
        ),
        burden=burden,
        baseline_burden=burden,
        items=items(),
        survey_items=rows_of("instrument_item"),
        indicators=pl.concat([rows_of("indicator"), given.indicators], how="diagonal"),
        organisations=organisations.sort("org_id"),
        frame=_changed(built, [org_id for org_id, unit in assessed.items() if unit.changed]),
        adjustments=pl.concat([rows_of("adjustment"), given.adjustments], how="diagonal"),
        duty_results=_duty_results(program),
        findings=rows_of(
            "finding",
            [
                {"finding_id": org_id, "org_id": org_id, "found_at": date(2026, 5, 1), "category": RED_LINE,
                 "grade": "accountable", "bulletin_no": "青安〔2026〕1 号"}
                for org_id, unit in assessed.items() if unit.red_line
            ],
        ),
        carried_fen=program.carried_fen,
    )  # fmt: skip


def items() -> pl.DataFrame:
    """One question from 1 to 5."""
    item = {
        "instrument_id": "FORM", "instrument_version": "1", "item_id": "ALL", "item_kind": "scale",
        "scale_min": Decimal(1), "scale_max": Decimal(5), "direction": "higher_better", "weight": Decimal(1),
    }  # fmt: skip
    return rows_of("instrument_item", [item])


def with_ratings(sums: Sums, ratings: Iterable[Rating]) -> Sums:
    """The sums with these ratings in the place of those they had."""
    moment = datetime(2026, 6, 1, 9, tzinfo=UTC)
    rows = rows_of(
        "rating_event",
        [
            {"period_id": PERIOD, "instrument_id": "FORM", "instrument_version": "1", "rater_id": rater,
             "rater_org_id": unit, "target_org_id": department, "item_id": "ALL", "status": "answered",
             "score_raw": Decimal(score), "submission_id": rater, "submitted_at": moment, "channel": "web"}
            for rater, unit, department, score in ratings
        ],
    ).lazy()  # fmt: skip
    return replace(
        sums,
        ratings=rating_sums(rows, sums.items),
        patterns=answer_patterns(rows, sums.items),
        channels=channel_counts(rows),
    )


def _moments(program: Program, nothing: pl.DataFrame) -> pl.DataFrame:
    """Sums over one respondent per unit, of weight 100 millionths, whose answer is the mean to the millionth."""
    means = {named(program, unit.org_id): unit.satisfaction_mean for unit in program.units}
    rows = [
        {"org_id": org_id, "n": 1, "n_early": 1, "n_late": 0, "sum_w": 100, "sum_wy": mean, "sum_w2": 10_000,
         "sum_wy2": mean**2 // 100, "sum_w2y": 100 * mean, "sum_w2y2": mean**2, "sum_w_early": 100,
         "sum_wy_early": mean, "sum_w_late": 0, "sum_wy_late": 0}
        for org_id, mean in sorted(means.items()) if mean is not None
    ]  # fmt: skip
    return pl.DataFrame(rows, schema=nothing.schema)


def _changed(built: Frame, changed: Sequence[str]) -> Frame:
    """The frame, where some units may not earn improvement, as if they had been made of others."""
    same = ~pl.col("org_id").is_in(changed)
    assessed = built.assessed.with_columns(improvement=same, baseline_org_id=pl.when(same).then("baseline_org_id"))
    return replace(built, assessed=assessed)


def _delivered(facts: pl.DataFrame) -> pl.DataFrame:
    """Facts as they are read; these programs deliver no numerators."""
    return facts.with_columns(numerator=pl.lit(None, pl.Decimal(18, 6))).select(FACT_COLUMNS)


def _duty_results(program: Program) -> pl.DataFrame:
    counts = {
        named(program, unit.org_id): _duties(program, unit.list_score)
        for unit in program.units
        if unit.list_score is not None
    }
    return frame(
        (
            (org_id, f"DUTY{place}", place < fulfilled)
            for org_id, (fulfilled, number) in counts.items()
            for place in range(number)
        ),
        {"org_id": pl.String, "duty_id": pl.String, "fulfilled": pl.Boolean},
    )


def with_chances(units: UnitTables, program: Program) -> UnitTables:
    """The units with the programme's own chances of a place within the quota in the place of those drawn."""
    chances = frame(
        ((named(program, unit.org_id), unit.p_within_quota) for unit in program.units),
        {"org_id": pl.String, "p_within_quota": pl.Float64},
    )
    scores = units.scores.drop("p_within_quota").join(chances, on="org_id", maintain_order="left")
    return replace(units, scores=scores)


def run_night(program: Program) -> Stages:
    """The result tables of a sayable programme as a night makes them, in whole numbers."""
    scheme, sums = scheme_of(program), sums_of(program)
    units = with_chances(unit_tables(sums, scheme, PERIOD), program)
    money = incentive_tables(units, sums, scheme, PERIOD)
    parts = _whole(units.tables["unit_score"]).drop("rank", "p_within_quota")
    scores = _whole(money["incentive_score"])
    return Stages(
        points=_whole(units.tables["unit_indicator"]),
        units=parts,
        incentives=scores.join(parts.drop("differentiated_score"), on="org_id"),
        payments=money["bonus"],
        pools=money["bonus_pool"],
    )


def _whole(rows: pl.DataFrame) -> pl.DataFrame:
    """Decimal points as whole millionths."""
    points = [name for name, dtype in rows.schema.items() if dtype == pl.Decimal(18, 6)]
    return rows.with_columns(raw_units(name).alias(name) for name in points)
