"""The registers of the county: organisations, raters, periods, instruments, indicators, duties, admissions."""

from __future__ import annotations

import calendar
import itertools
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import polars as pl

from examples.demo_county import vocabulary as words

BASELINE_PERIOD = "2026M06"
OPEN_PERIODS = ("2026M07", "2026M08", "2026M09")
VALID_FROM = "2026-01-01"
ORGANISATIONS_FROM = "2024-01-01"
"""Registers of burden reach two years back, and so do the organisations they name."""
SUBDISTRICTS, TOWNS, TOWNSHIPS = 3, 7, 8
VILLAGES = 260


@dataclass(frozen=True)
class County:
    """Everybody there is.

    Attributes:
        organisations: Dataset ``org_unit``.
        raters: Dataset ``rater``.
        places: Villages, communities, townships and subdistricts in the order of ``quality``, with
            ``org_id``, ``org_kind``, ``parent_org_id``, ``peer_group`` and ``population``.
        quality: True standing of each place, mean 0 and standard deviation 1: it moves residents'
            satisfaction and results.
    """

    organisations: pl.DataFrame
    raters: pl.DataFrame
    places: pl.DataFrame
    quality: np.ndarray


def draw_county(generator: np.random.Generator) -> County:
    """Draw 18 townships and subdistricts, 260 villages and communities, and their raters."""
    places = _places(generator)
    return County(
        organisations=pl.concat([_county_bodies(generator), places], how="diagonal").with_columns(
            pl.lit(ORGANISATIONS_FROM).alias("valid_from")
        ),
        raters=_raters(places, generator),
        places=places.select("org_id", "org_kind", "parent_org_id", "peer_group", "population"),
        quality=generator.standard_normal(places.height),
    )


def _county_bodies(generator: np.random.Generator) -> pl.DataFrame:
    """The county, its 34 departments and the two bodies that run the assessment and are not rated."""
    departments = words.DEPARTMENTS
    staff = generator.integers(18, 90, len(departments))
    rated = pl.DataFrame(
        {
            "org_id": [department.org_id for department in departments],
            "org_name": [words.COUNTY_NAME + department.name.removeprefix("县") for department in departments],
            "short_name": [department.name for department in departments],
            "org_kind": [department.org_kind for department in departments],
            "peer_group": [department.peer_group for department in departments],
            "staff": staff,
        }
    )
    others = pl.DataFrame(
        {
            "org_id": [words.COUNTY_ID, words.PROGRAMME_ID, words.MONITOR_ID],
            "org_name": [
                words.COUNTY_NAME,
                f"{words.COUNTY_NAME}整治形式主义为基层减负工作专班",
                f"{words.COUNTY_NAME}基层治理监测中心",
            ],
            "short_name": [words.COUNTY_NAME, "县减负专班", "县监测中心"],
            "org_kind": ["other", "coordinating_body", "other"],
            "host_org_id": [None, words.COUNTY_OFFICE_ID, None],
        }
    )
    return pl.concat([others, rated], how="diagonal").with_columns(
        pl.lit("county").alias("level"),
        pl.when(pl.col("org_id") != words.COUNTY_ID).then(pl.lit(words.COUNTY_ID)).alias("parent_org_id"),
    )


def _places(generator: np.random.Generator) -> pl.DataFrame:
    """Townships first, then their villages and communities, township by township."""
    count = SUBDISTRICTS + TOWNS + TOWNSHIPS
    stems = ["".join(pair) for pair in itertools.product(words.FIRST_SYLLABLES, words.SECOND_SYLLABLES)]
    stems = [stems[index] for index in generator.permutation(len(stems))]
    suffixes = ["街道"] * SUBDISTRICTS + ["镇"] * TOWNS + ["乡"] * TOWNSHIPS
    ids = [f"JC-T{number:02d}" for number in range(1, count + 1)]
    sizes = [VILLAGES // count + (number < VILLAGES % count) for number in range(count)]
    townships = pl.DataFrame(
        {
            "org_id": ids,
            "org_name": [stem + suffix for stem, suffix in zip(stems, suffixes, strict=False)],
            "org_kind": ["subdistrict" if suffix == "街道" else "township" for suffix in suffixes],
            "level": ["township"] * count,
            "parent_org_id": [words.COUNTY_ID] * count,
            "peer_group": ["township"] * count,
        }
    )
    rows = [
        _village(ids[number], place, stems[count + offset], suffixes[number], hill=number % 3 == 0)
        for offset, (number, place) in enumerate(
            (number, place) for number in range(count) for place in range(1, sizes[number] + 1)
        )
    ]
    villages = pl.DataFrame(rows, orient="row")
    population = generator.integers(620, 3_900, villages.height)
    villages = villages.with_columns(
        pl.Series("population", population),
        pl.Series("households", np.rint(population / 3.1).astype(np.int64)),
        pl.Series("staff", generator.integers(4, 10, villages.height)),
    )
    below = villages.group_by("parent_org_id").agg(pl.col("population", "households").sum())
    townships = townships.join(
        below, left_on="org_id", right_on="parent_org_id", how="left", maintain_order="left"
    ).with_columns(pl.Series("staff", generator.integers(38, 96, count)))
    return pl.concat([townships, villages], how="diagonal").with_columns(pl.col("org_name").alias("short_name"))


def _village(township_id: str, place: int, stem: str, suffix: str, *, hill: bool) -> dict[str, str]:
    """One village, or a community in a subdistrict and in the seat of a town."""
    is_community = suffix == "街道" or (suffix == "镇" and place <= 2)
    return {
        "org_id": f"{township_id}-{'C' if is_community else 'V'}{place:02d}",
        "org_name": stem + ("社区" if is_community else "村"),
        "org_kind": "community" if is_community else "village",
        "level": "village",
        "parent_org_id": township_id,
        "peer_group": "community" if is_community else "village_hill" if hill else "village_plain",
    }


def _raters(places: pl.DataFrame, generator: np.random.Generator) -> pl.DataFrame:
    """Two to four raters in a village or community, three to six in a township or subdistrict."""
    is_township = (places["level"] == "township").to_numpy()
    sizes = np.where(is_township, generator.integers(3, 7, places.height), generator.integers(2, 5, places.height))
    place = np.repeat(np.arange(places.height), sizes)
    order = np.arange(len(place)) - np.repeat(np.cumsum(sizes) - sizes, sizes)
    return (
        places.select("org_id", "org_kind", "level")[place]
        .with_columns(pl.Series("order", order), rater_token=random_words(len(place), 10, generator))
        .with_columns(_rater_role().alias("rater_role"))
        .select(
            "rater_token",
            pl.col("org_id").alias("rater_org_id"),
            "rater_role",
            pl.lit("2026-1").alias("cohort"),
            pl.lit(VALID_FROM).alias("valid_from"),
        )
    )


def _rater_role() -> pl.Expr:
    """The post of a rater by the kind of the unit and the place in its list."""
    order = pl.col("order")
    return (
        pl.when(pl.col("level") == "township")
        .then(pl.when(order < 2).then(pl.lit("township_leader")).otherwise(pl.lit("township_cadre")))
        .when(order == 0)
        .then(pl.lit("village_secretary"))
        .when(pl.col("org_kind") == "community")
        .then(pl.when(order < 3).then(pl.lit("community_worker")).otherwise(pl.lit("grid_worker")))
        .when(order == 1)
        .then(pl.lit("village_director"))
        .otherwise(pl.when(order == 2).then(pl.lit("village_cadre")).otherwise(pl.lit("grid_worker")))
    )


def random_words(count: int, length: int, generator: np.random.Generator) -> pl.Series:
    """``count`` different random words over the legible characters.

    Raises:
        RuntimeError: The draw repeated a word; with ten letters this does not happen.
    """
    letters = np.array(list(words.LEGIBLE_CHARACTERS))
    drawn = letters[generator.integers(0, len(letters), (count, length))]
    result = pl.Series(drawn.view(f"<U{length}").ravel().tolist(), dtype=pl.String)
    if result.n_unique() != count:
        raise RuntimeError("a random word was drawn twice")
    return result


def periods() -> pl.DataFrame:
    """Dataset ``period``: the published baseline month and three open months."""
    months = (BASELINE_PERIOD, *OPEN_PERIODS)
    numbers = [int(month[-2:]) for month in months]
    return pl.DataFrame(
        {
            "period_id": months,
            "kind": ["month"] * len(months),
            "start_date": [f"2026-{number:02d}-01" for number in numbers],
            "end_date": [f"2026-{number + 1:02d}-01" for number in numbers],
            "cutoff_at": [f"2026-{number + 1:02d}-05T00:00:00+08:00" for number in numbers],
            "publish_at": [f"2026-{number + 1:02d}-15T09:00:00+08:00" for number in numbers],
            "status": ["published" if month == BASELINE_PERIOD else "open" for month in months],
        }
    )


def last_day(period_id: str) -> str:
    """The last day of a month as ISO text."""
    month = int(period_id[-2:])
    return f"2026-{month:02d}-{calendar.monthrange(2026, month)[1]:02d}"


def instrument_items() -> pl.DataFrame:
    """Dataset ``instrument_item``: the rating form of the raters and the questionnaire of the residents."""
    answered = [
        {"code": str(score), "label": label, "score": score, "status": "answered"}
        for score, label in words.ANSWER_LABELS.items()
    ]
    unscored = [
        {"code": "8", "label": "不了解", "score": None, "status": "dont_know"},
        {"code": "9", "label": "无往来", "score": None, "status": "no_contact"},
    ]
    forms = (
        (words.RATING_INSTRUMENT, words.RATING_ITEMS, "rater", [*answered, *unscored]),
        (words.SURVEY_INSTRUMENT, words.SURVEY_ITEMS, "respondent", [*answered, unscored[0]]),
    )
    return pl.DataFrame(
        [
            {
                "instrument_id": instrument_id,
                "instrument_version": "1",
                "item_id": item.item_id,
                "item_text": item.text,
                "dimension": item.dimension,
                "item_kind": "scale",
                "scale_min": "1",
                "scale_max": "5",
                "scale_step": "1",
                "direction": "higher_better",
                "codes": json.dumps(codes, ensure_ascii=False, separators=(",", ":")),
                "weight": f"{1 / len(items):g}",
                "target_required": "true" if respondent == "rater" else "false",
                "respondent": respondent,
            }
            for instrument_id, items, respondent, codes in forms
            for item in items
        ]
    )


def indicators() -> pl.DataFrame:
    """Dataset ``indicator``: ten of places and two of departments."""
    return pl.DataFrame(
        [
            {
                "indicator_id": indicator.indicator_id,
                "valid_from": VALID_FROM,
                "name": indicator.name,
                "unit": indicator.unit,
                "direction": indicator.direction,
                "agg": "ratio" if indicator.cases else "mean",
                "min": "0",
                "max": "1" if indicator.cases else "100",
                "duty_id": indicator.duty_id,
                "domain": indicator.domain,
                "track": indicator.track,
                "nature": indicator.nature,
                "achievement_kind": indicator.achievement_kind,
                "source_register": f"{indicator.name}登记",
                "min_cases": "5" if indicator.cases else "0",
            }
            for indicator in (*words.UNIT_INDICATORS, *words.DEPARTMENT_INDICATORS)
        ],
        infer_schema_length=None,
    )


def duty_items(planted: Sequence[Mapping[str, str | None]] = ()) -> pl.DataFrame:
    """Dataset ``duty_item``: one list for each kind of grassroots unit.

    Args:
        planted: Further rows, with numbers of their own.
    """
    basic = [
        _row(duty_id=duty, duty_kind="basic", category=category, duty_name=name, legal_basis=basis)
        for duty, category, name, basis in (*words.BASIC_DUTIES, words.PROFESSIONAL_DUTY)
    ]
    cooperate = [
        _row(duty_id=duty, duty_kind="cooperate", category=category, duty_name=name, lead_org_id=lead)
        | _row(lead_duty=lead_duty, local_duty=local_duty, work_mode="牵头部门派单，乡镇配合")
        for duty, category, name, lead, lead_duty, local_duty in words.COOPERATE_DUTIES
    ]
    reclaimed = [
        _row(duty_id=duty, duty_kind="reclaimed", category=category, duty_name=name, lead_org_id=lead)
        | _row(work_mode=work_mode)
        for duty, category, name, lead, work_mode in words.RECLAIMED_DUTIES
    ]
    village = [
        _row(duty_id=duty, duty_kind=kind, category=category, duty_name=name, lead_org_id=lead, legal_basis=basis)
        | _row(local_duty="按规定协助" if kind == "village_assist" else None)
        for duty, kind, category, name, lead, basis in words.VILLAGE_DUTIES
    ]
    village += [
        _row(duty_id=duty, duty_kind="village_assist", category=category, duty_name=name, lead_org_id=lead)
        | _row(local_duty="按规定协助", legal_basis="《村（社区）协助政府工作事项指引》")
        for duty, category, name, lead in words.ASSISTED_BY_VILLAGES
    ]
    township = [*basic, *cooperate, *reclaimed]
    items = {"township": township, "subdistrict": township, "village": village, "community": village}
    rows = [
        _row(list_id=f"JC-{kind.upper()}", scope_kind=kind, list_version="2026-1", valid_from=VALID_FROM) | duty
        for kind, duties in items.items()
        for duty in duties
    ]
    number = pl.int_range(pl.len()).over("list_id", "duty_kind") + 1
    lists = pl.DataFrame(rows, infer_schema_length=None).with_columns(number.cast(pl.String).alias("seq_no"))
    if not planted:
        return lists
    return pl.concat([lists, pl.DataFrame(list(planted), infer_schema_length=None)], how="diagonal")


def _row(**cells: str | None) -> dict[str, str | None]:
    return cells


def task_admissions(others: Sequence[Mapping[str, Any]] = ()) -> pl.DataFrame:
    """Dataset ``task_admission``: two tasks that went through every step, one turned down, one that has left.

    Args:
        others: Further rows.
    """
    base = {"applicant_org_id": "JC-NYJ", "target_scope": "all_townships", "approval_level": "county"}
    base |= {"justification_doc_no": "霁论〔2026〕2号", "heard_units": "6", "approval_form": "joint_decision"}
    rows = [
        base
        | {"admission_id": "ZR-2026-001", "task_name": "种植补贴核实", "task_kind": "temp_task"}
        | {
            "requested_at": "2026-05-06",
            "review": "consistency_passed",
            "review_at": "2026-05-13",
            "decision": "approved",
        }
        | {"decided_at": "2026-05-20", "decided_by_org_id": words.PROGRAMME_ID, "legal_basis": "县级补贴实施方案"}
        | {"funding_yuan": "180000", "staff_fte": "2", "publicised_from": "2026-05-21"}
        | {"publicised_to": "2026-05-28", "valid_from": "2026-07-01", "valid_to": "2026-10-01", "duty_id": "T-C02"},
        base
        | {"admission_id": "ZR-2026-002", "task_name": "防汛转移演练", "task_kind": "temp_task"}
        | {"applicant_org_id": "JC-YJJ", "requested_at": "2026-05-11", "review": "consistency_passed"}
        | {"decision": "approved", "decided_at": "2026-05-25", "decided_by_org_id": words.PROGRAMME_ID}
        | {"funding_yuan": "60000", "publicised_from": "2026-05-26", "publicised_to": "2026-06-02"}
        | {"valid_from": "2026-07-01", "valid_to": "2026-09-01", "duty_id": "T-C04"},
        base
        | {"admission_id": "ZR-2026-003", "task_name": "消防通道整治台账", "task_kind": "report_form"}
        | {"applicant_org_id": "JC-XFD", "requested_at": "2026-06-08", "review": "consistency_failed"}
        | {"decision": "rejected", "decided_at": "2026-06-22", "decided_by_org_id": words.PROGRAMME_ID},
        base
        | {"admission_id": "ZR-2026-004", "task_name": "养老服务摸底", "task_kind": "report_form"}
        | {"applicant_org_id": "JC-MZJ", "requested_at": "2026-02-09", "review": "consistency_passed"}
        | {"decision": "exited", "decided_at": "2026-02-24", "decided_by_org_id": words.PROGRAMME_ID}
        | {"publicised_from": "2026-02-25", "publicised_to": "2026-03-05", "valid_from": "2026-03-09"}
        | {"valid_to": "2026-08-01", "exit_reason": "阶段性任务已完成", "duty_id": "T-C06"},
    ]
    texts = [{name: None if cell is None else str(cell) for name, cell in row.items()} for row in (*rows, *others)]
    columns = dict.fromkeys(name for row in texts for name in row)
    return pl.DataFrame([{name: row.get(name) for name in columns} for row in texts], infer_schema_length=None)
