"""A fictional county, 霁川县, with known true values and the files its offices send.

18 townships and subdistricts, 260 villages and communities, 34 county departments in four peer
groups, a baseline month and three open months. The files are of the kinds that arrive in practice,
good and bad; what was planted is written beside them.

    python -m examples.demo_county FOLDER [--seed N]
"""

from __future__ import annotations

import shutil
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import polars as pl

from examples.demo_county import vocabulary as words
from examples.demo_county.delivery import (
    CHINESE_RATING_HEADERS,
    CHINESE_RATING_WORDS,
    in_chinese,
    write_burden_sheet,
    write_csv,
)
from examples.demo_county.facts import (
    FACT_PERIODS,
    PERFORMANCE_COLUMNS,
    baseline_anchors,
    draw_burden,
    draw_performance,
    draw_verifications,
    running_number,
)
from examples.demo_county.faults import plant_faults
from examples.demo_county.planted import PERIODS, Ledger
from examples.demo_county.planted_admissions import grants, plant_admissions, standing_admissions
from examples.demo_county.planted_false_data import (
    EXTRA_COLUMNS,
    draw_planted_facts,
    planted_checks,
    planted_indicators,
)
from examples.demo_county.planted_forms import plant_forms
from examples.demo_county.planted_registers import findings, form_fields, planted_duties
from examples.demo_county.planted_shifts import plant_shifts
from examples.demo_county.ratings import Opinions, draw_opinions, draw_ratings, draw_survey, expected_score
from examples.demo_county.registers import (
    BASELINE_PERIOD,
    OPEN_PERIODS,
    County,
    draw_county,
    duty_items,
    indicators,
    instrument_items,
    periods,
    task_admissions,
)
from examples.demo_county.scheme import write_scheme

SEED = 20260901
PAPER_TOWNSHIPS = ("JC-T13", "JC-T14", "JC-T15", "JC-T16", "JC-T17", "JC-T18")
"""Townships that rate on paper; the programme office types their forms in."""

OWN_REGISTERS = ("JC-NYJ", "JC-WJJ")
"""Departments that deliver their facts themselves; the monitoring centre delivers the others'."""

SURVEY_TEAM_ID = "JC-DCD"
"""Delivers the registers beside the scheme."""

CORRECTED_FACTS = 6
PERSONAL_SUBMITTER = "JC-T05"


@dataclass(frozen=True)
class DemoCounty:
    """Where everything lies and what is true.

    Attributes:
        folder: Root of the demo.
        inbox: What arrives before the first publication, one folder per submitter.
        later: What arrives afterwards, in the same layout, to be moved into the inbox.
        scheme: The assessment scheme of the county.
        scheme_with_burden: The same scheme with a section ``burden``, which the quick demo leaves out.
        truth: True values (also ``truth.csv``): ``kind`` (department_effect, department_score,
            rater_severity, place_quality), ``period_id``, ``subject`` and ``value``.
        planted: Rows that must be rejected (also ``planted.csv``): ``file`` (relative to
            ``folder``), ``row``, ``column``, ``code`` and ``value``.
        planted_burden: What the burden rules must find, and nothing beside it (also ``planted_burden.csv``):
            ``code`` of the form, breach of the gate, pair, pattern or rule on lists, ``result_type`` (breach, watch,
            or problem of a duty list), ``subject_org_id`` (of a list its id), ``period_id`` and ``what``. Complete for
            ``SEED``; under another seed what is drawn at random may hide a statistical sign.
        organisations: Dataset ``org_unit`` as delivered.
        refused: The file with a personal column, to be refused as a whole.
        duplicate: The file whose bytes were delivered before under another name.
        correction: The correction under ``later``.
        spreadsheet: The statistics form in a workbook.
        gb18030: The ratings in GB18030 with Chinese headers and name.
    """

    folder: Path
    inbox: Path
    later: Path
    scheme: Path
    scheme_with_burden: Path
    truth: pl.DataFrame
    planted: pl.DataFrame
    planted_burden: pl.DataFrame
    organisations: pl.DataFrame
    refused: Path
    duplicate: Path
    correction: Path
    spreadsheet: Path
    gb18030: Path


def generate(folder: Path, seed: int = SEED) -> DemoCounty:
    """Draw the county and write its inbox, its scheme and the true values.

    Args:
        folder: Receives ``inbox/``, ``later/``, ``scheme.yaml``, ``truth.csv`` and ``planted.csv``.
        seed: Seed of every draw; the same seed gives the same bytes.

    Returns:
        Paths and true values.

    Raises:
        OSError: The folder cannot be written.
    """
    # A stream of its own for every part: a change in one leaves the draws of the others alone.
    streams = [np.random.default_rng(child) for child in np.random.SeedSequence(seed).spawn(8)]
    inbox, later = folder / "inbox", folder / "later"
    county = draw_county(streams[0])
    opinions = draw_opinions(county.raters.height, streams[1])
    performance = draw_performance(county, streams[2])
    ledger = Ledger()
    gb18030, planted = _write_ratings(folder, county, opinions, streams[3])
    duplicate = _write_surveys(inbox, county, streams[4])
    correction = _write_performance(inbox, later, performance)
    spreadsheet = _write_burden(inbox, county, opinions, ledger, streams[5])
    planted_facts = _write_planted(inbox, county, ledger, streams[7])
    checks = planted_checks(pl.concat([performance, planted_facts], how="diagonal_relaxed"))
    _write_verifications(inbox, county, checks, streams[6])
    anchors = baseline_anchors(performance, county.places.select("org_id", "peer_group"))
    members = dict(county.places["peer_group"].value_counts().iter_rows())
    scheme = write_scheme(folder / "scheme.yaml", anchors, members)
    with_burden = write_scheme(folder / "with-burden" / "scheme.yaml", anchors, members, with_burden=True)
    truth = _truth(county, opinions)
    write_csv(folder / "truth.csv", truth)
    write_csv(folder / "planted.csv", planted)
    planted_burden = ledger.table()
    write_csv(folder / "planted_burden.csv", planted_burden)
    return DemoCounty(
        folder=folder,
        inbox=inbox,
        later=later,
        scheme=scheme,
        scheme_with_burden=with_burden,
        truth=truth,
        planted=planted,
        planted_burden=planted_burden,
        organisations=county.organisations,
        refused=_write_personal_file(inbox, county),
        duplicate=duplicate,
        correction=correction,
        spreadsheet=spreadsheet,
        gb18030=gb18030,
    )


def _file(root: Path, dataset: str, submitter: str, period_id: str, version: int = 1) -> Path:
    return root / submitter / f"{dataset}__{submitter}__{period_id}__v{version:02d}.csv"


def _write_planted(inbox: Path, county: County, ledger: Ledger, generator: np.random.Generator) -> pl.DataFrame:
    """Write every register, with what was planted in it; returns the planted facts."""
    admitted = [*standing_admissions(), *plant_admissions(ledger)]
    duties = duty_items(planted_duties(ledger))
    admissions, fields = task_admissions(admitted), form_fields(ledger)
    plant_forms(ledger, county.organisations)
    plant_shifts(ledger)
    facts = draw_planted_facts(ledger, generator)
    kept_by_programme = {
        "org_unit": county.organisations,
        "rater": county.raters,
        "period": periods(),
        "instrument_item": instrument_items(),
        "indicator": pl.concat([indicators(), planted_indicators()], how="diagonal_relaxed"),
        "task_admission": admissions,
        "resource_grant": grants(admissions),
        "form_field": fields,
        "finding": findings(),
    }
    for dataset, rows in kept_by_programme.items():
        write_csv(_file(inbox, dataset, words.PROGRAMME_ID, "2026"), rows)
    write_csv(_file(inbox, "duty_item", words.STAFFING_OFFICE_ID, "2026"), duties)
    write_csv(_file(inbox, "burden_fact", words.MONITOR_ID, "2026"), ledger.burden())
    for period_id in PERIODS:
        rows = facts.filter(pl.col("period_id") == period_id).select(*PERFORMANCE_COLUMNS, *EXTRA_COLUMNS)
        write_csv(_file(inbox, "performance_fact", SURVEY_TEAM_ID, period_id), rows)
    return facts


def _write_ratings(
    folder: Path, county: County, opinions: Opinions, generator: np.random.Generator
) -> tuple[Path, pl.DataFrame]:
    """Write three months of ratings from two submitters; one file in GB18030, one with faults."""
    inbox = folder / "inbox"
    gb18030 = inbox / words.PROGRAMME_ID / f"基层评分__{words.PROGRAMME_ID}__{OPEN_PERIODS[0]}__v01.csv"
    planted = pl.DataFrame()
    for month, period_id in enumerate(OPEN_PERIODS):
        rows = draw_ratings(county, opinions, month, generator)
        on_paper = pl.col("rater_org_id").str.slice(0, len(PAPER_TOWNSHIPS[0])).is_in(PAPER_TOWNSHIPS)
        paper = rows.filter(on_paper).with_columns(pl.lit("paper").alias("channel"))
        online = rows.filter(~on_paper)
        if month == 0:
            write_csv(gb18030, in_chinese(paper, CHINESE_RATING_HEADERS, CHINESE_RATING_WORDS), "gb18030")
        else:
            write_csv(_file(inbox, "rating_event", words.PROGRAMME_ID, period_id), paper)
        path = _file(inbox, "rating_event", words.MONITOR_ID, period_id)
        if month == 1:
            online, faults = plant_faults(online, generator)
            planted = faults.select(pl.lit(path.relative_to(folder).as_posix()).alias("file"), pl.all())
        write_csv(path, online)
    return gb18030, planted


def _write_surveys(inbox: Path, county: County, generator: np.random.Generator) -> Path:
    """Write three months of residents' answers; the second is sent twice under two names."""
    duplicate = _file(inbox, "survey_response", words.MONITOR_ID, OPEN_PERIODS[1], version=2)
    for month, period_id in enumerate(OPEN_PERIODS):
        path = write_csv(
            _file(inbox, "survey_response", words.MONITOR_ID, period_id), draw_survey(county, month, generator)
        )
        if month == 1:
            shutil.copyfile(path, duplicate)
    return duplicate


def _write_performance(inbox: Path, later: Path, performance: pl.DataFrame) -> Path:
    """Write the facts by submitter and month, and a correction of one file; returns the correction."""
    submitter = (
        pl.when(pl.col("source_org_id").is_in(OWN_REGISTERS)).then("source_org_id").otherwise(pl.lit(words.MONITOR_ID))
    )
    correction = _file(later, "performance_fact", OWN_REGISTERS[0], OPEN_PERIODS[0], version=2)
    for period_id in FACT_PERIODS:
        for sender in (*OWN_REGISTERS, words.MONITOR_ID):
            rows = performance.filter((pl.col("period_id") == period_id) & (submitter == sender)).select(
                # One layout for every register: who sets no targets leaves those columns empty.
                *PERFORMANCE_COLUMNS,
                *(pl.lit(None, pl.String).alias(name) for name in EXTRA_COLUMNS),
            )
            write_csv(_file(inbox, "performance_fact", sender, period_id), rows)
            if sender == OWN_REGISTERS[0] and period_id == OPEN_PERIODS[0]:
                write_csv(correction, _corrected(rows))
    return correction


def _corrected(rows: pl.DataFrame) -> pl.DataFrame:
    """The same file with a few figures put right after a check on the spot."""
    numerator = pl.when(pl.int_range(pl.len()) < CORRECTED_FACTS).then(
        (pl.col("numerator") * 0.9).floor().cast(pl.Int64)
    )
    changed = rows.with_columns(numerator.otherwise(pl.col("numerator")).alias("numerator"))
    return changed.with_columns(
        pl.when(pl.int_range(pl.len()) < CORRECTED_FACTS)
        .then((pl.col("numerator") / pl.col("denominator")).round(6))
        .otherwise(pl.col("value"))
        .alias("value"),
        pl.when(pl.int_range(pl.len()) < CORRECTED_FACTS)
        .then(pl.lit("verified"))
        .otherwise(pl.col("status"))
        .alias("status"),
    )


def _write_burden(
    inbox: Path, county: County, opinions: Opinions, ledger: Ledger, generator: np.random.Generator
) -> Path:
    """Write the issuers' register of four months, the last but one as a statistics form; returns the form."""
    # Departments that bother the grassroots more are rated lower.
    zeal = np.exp(-1.2 * opinions.department[:, 0]) * generator.gamma(4.0, 0.25, len(words.DEPARTMENTS))
    form = _file(inbox, "burden_fact", words.COUNTY_OFFICE_ID, OPEN_PERIODS[1]).with_suffix(".xlsx")
    for month, period_id in enumerate((BASELINE_PERIOD, *OPEN_PERIODS)):
        rows = draw_burden(county, zeal, period_id, running_number(month), generator)
        if period_id in PERIODS:
            for office in rows.filter(pl.col("burden_kind") == "temp_task")["issuer_org_id"].unique().sort():
                ledger.expect("DUT-01 DOC-11 1a", office, period_id, "临时任务不在清单上，没有准入和评估")
        if period_id == OPEN_PERIODS[1]:
            title = f"{words.COUNTY_NAME}2026年8月会议文件等负担情况统计表"
            write_burden_sheet(form, rows, title, f"{words.COUNTY_NAME}委办公室", "单位：次、件、张次、人日等")
        else:
            write_csv(_file(inbox, "burden_fact", words.COUNTY_OFFICE_ID, period_id), rows)
    return form


def _write_verifications(inbox: Path, county: County, checks: pl.DataFrame, generator: np.random.Generator) -> None:
    """Write what the county office found when it checked duty items and facts, all months in one register."""
    rows = pl.concat([*(draw_verifications(county, period_id, generator) for period_id in OPEN_PERIODS), checks])
    write_csv(_file(inbox, "verification_fact", words.COUNTY_OFFICE_ID, "2026"), rows)


def _write_personal_file(inbox: Path, county: County) -> Path:
    """Write a list of raters that a township sent with a column of names, which nobody may keep."""
    path = _file(inbox, "rater", PERSONAL_SUBMITTER, "2026")
    rows = county.raters.filter(pl.col("rater_org_id") == PERSONAL_SUBMITTER).with_columns(
        pl.lit("某同志").alias("姓名")
    )
    return write_csv(path, rows)


def _truth(county: County, opinions: Opinions) -> pl.DataFrame:
    """The values behind the draws, one row each."""
    departments = [department.org_id for department in words.DEPARTMENTS]
    by_month = {"department_effect": opinions.department, "department_score": expected_score(opinions)}
    parts = [
        pl.DataFrame({"subject": departments, "value": values[:, month]}).select(
            pl.lit(kind).alias("kind"), pl.lit(period_id).alias("period_id"), "subject", "value"
        )
        for kind, values in by_month.items()
        for month, period_id in enumerate(OPEN_PERIODS)
    ]
    fixed = {
        "rater_severity": (county.raters["rater_token"], opinions.severity),
        "place_quality": (county.places["org_id"], county.quality),
    }
    parts += [
        pl.DataFrame({"subject": subject, "value": value}).select(
            pl.lit(kind).alias("kind"), pl.lit(None, dtype=pl.String).alias("period_id"), "subject", "value"
        )
        for kind, (subject, value) in fixed.items()
    ]
    return pl.concat(parts).with_columns(pl.col("value").round(6))
