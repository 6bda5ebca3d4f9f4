"""The burden rules over the files of the demo county: they find what was planted, and nothing else.

The files are read with the standard library, openpyxl and Polars alone, and the pure rules run on them: no lake, no
database, no scheduler.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import date, timedelta

import openpyxl
import polars as pl
import pytest

from examples.demo_county import DemoCounty, generate
from expectations.datasets import DATASETS, dataset
from scoring.burden.admission import BREACHES, admission_breaches
from scoring.burden.catalogue import load_catalogue
from scoring.burden.duty_list_problems import DUTY_LIST_RULES, DutyRegister, duty_list_problems, duty_references
from scoring.burden.facts import prepare
from scoring.burden.false_data import FalseDataInputs, FalseDataResults, Limits, false_data_results
from scoring.burden.inputs import BurdenInputs, Window
from scoring.burden.parameters import Parameters
from scoring.burden.rules import RULES
from scoring.burden.runner import burden_flags
from scoring.burden.shifted import UnitMonths, shifted_burden
from scoring.scheme import load_schemes

PERIODS = ("2026M07", "2026M08", "2026M09")
KEY = ["code", "result_type", "subject_org_id", "period_id"]
LEVELS = {"village": 1, "township": 2, "county": 3}
READ = (
    "org_unit", "rater", "burden_fact", "duty_item", "task_admission", "resource_grant", "form_field", "indicator",
    "performance_fact", "verification_fact", "finding",
)  # fmt: skip

ROUNDED_BY_INSTRUCTION = frozenset({"POP-ROUND"})
EQUAL_BY_LAW = frozenset({"POST-1", "POST-2", "POST-3"})

NOT_CARRIED = {
    "FAL-07": ("next_period", "the month after the last open one is not in when a period is judged"),
    "FAL-09": ("independent_register", "no dataset of the contract holds a second register of the same figure"),
    "FAL-10": ("earlier_periods", "the county has one month before its open ones, not the same months a year before"),
    "FAL-11": ("cases", "no dataset of the contract holds single cases with their deadlines"),
    "FAL-13": ("linked_registers", "no dataset of the contract names the registers that move with an indicator"),
}
"""Patterns that cannot be measured: what is missing, and why."""

TOO_FEW = {
    "FAL-04": "a run of repeats takes twelve periods, and the county has four",
    "FAL-06": "a bump into a visit takes readings by day, and the county's are by month",
}
"""Patterns that are measured and never have enough in a county of four months."""


@dataclass(frozen=True)
class Night:
    """What the pure rules gave for one period."""

    inputs: BurdenInputs
    flags: pl.DataFrame
    breaches: pl.DataFrame
    problems: pl.DataFrame
    shifts: pl.DataFrame
    false_data: FalseDataResults


@pytest.fixture(scope="module")
def county(tmp_path_factory: pytest.TempPathFactory) -> DemoCounty:
    return generate(tmp_path_factory.mktemp("burden_county"))


@pytest.fixture(scope="module")
def parameters(county: DemoCounty) -> Parameters:
    (scheme,) = load_schemes(county.scheme_with_burden.parent)
    assert scheme.burden is not None
    return scheme.burden.values


@pytest.fixture(scope="module")
def data(county: DemoCounty) -> Mapping[str, pl.DataFrame]:
    return {name: delivered(county, name) for name in READ}


@pytest.fixture(scope="module")
def nights(data: Mapping[str, pl.DataFrame], parameters: Parameters) -> dict[str, Night]:
    return {period: one_night(period, data, parameters) for period in PERIODS}


@pytest.fixture(scope="module")
def found(nights: dict[str, Night]) -> pl.DataFrame:
    """Every breach, watch and list problem of the three months, keyed like the ledger."""
    parts = []
    for night in nights.values():
        flagged = night.flags.filter(pl.col("result_type").is_in(["breach", "watch"]))
        parts += [
            flagged.select(pl.col("form_code").alias("code"), *KEY[1:]),
            night.breaches.select(pl.col("breach").alias("code"), *KEY[1:]),
            night.problems.select(
                code="rule", result_type=pl.lit("problem"), subject_org_id="list_id", period_id="period_id"
            ),
            night.shifts.filter(pl.col("state") == "SHIFT").select(pl.col("pair").alias("code"), *KEY[1:]),
            night.false_data.table.filter(pl.col("state") == "FLAGGED").select(
                code="pattern_code", result_type=pl.lit("watch"), subject_org_id="subject_org_id", period_id="period_id"
            ),
        ]
    return pl.concat(parts).unique().sort(KEY)


def delivered(county: DemoCounty, name: str) -> pl.DataFrame:
    """A dataset as the lake would hold it, from its files."""
    paths = [path for path in sorted(county.inbox.rglob(f"{name}__*.csv")) if path != county.refused]
    parts = [pl.read_csv(path, infer_schema=False) for path in paths]
    if name == "burden_fact":
        parts.append(workbook(county))
    rows = pl.concat(parts, how="diagonal")
    schema = DATASETS[name].stored_schema
    return rows.select(typed(rows, column, dtype) for column, dtype in schema.items())


def typed(rows: pl.DataFrame, column: str, dtype: pl.DataType) -> pl.Expr:
    if column not in rows.columns:
        return pl.lit(None, dtype).alias(column)
    if dtype == pl.Date:
        return pl.col(column).str.to_date()
    if isinstance(dtype, pl.Datetime):
        return pl.col(column).str.to_datetime(time_unit="us", time_zone="UTC")
    return pl.col(column).cast(dtype)


def workbook(county: DemoCounty) -> pl.DataFrame:
    """The month that comes as a statistics form."""
    rows = list(openpyxl.load_workbook(county.spreadsheet).active.iter_rows(values_only=True))
    declared = dataset("burden_fact")
    names = {word: column for column in declared.all_columns for word in (column.zh, *column.aliases)}
    columns = [names[re.sub(r"\s", "", str(title))] for title in rows[3]]
    values: dict[str, list[str | None]] = {}
    for place, column in enumerate(columns):
        codes = {word: code.value for code in column.codes for word in (code.zh, *code.aliases)}
        values[column.name] = [as_stored(row[place], column.name, codes) for row in rows[4:-3]]
    return pl.DataFrame(values, schema=dict.fromkeys(values, pl.String()))


def as_stored(cell: object, column: str, codes: Mapping[str, str]) -> str | None:
    if cell is None or cell in ("—", "/"):
        return None
    text = unicodedata.normalize("NFKC", str(cell))
    if column == "duration_min":
        return str(round(float(text[:-2]) * (60 if text.endswith("小时") else 1)))
    if column == "similarity":
        return str(float(text.removesuffix("%")) / 100)
    if column == "start_date":
        year, month, day = (int(part) for part in re.findall(r"\d+", text))
        return date(year, month, day).isoformat()
    if column == "pages":
        return text.removesuffix("页")
    return codes.get(text, text)


def window_of(period: str) -> Window:
    month = int(period[-2:])
    return Window(period, date(2026, month, 1), date(2026, month + 1, 1))


def inputs_of(period: str, data: Mapping[str, pl.DataFrame], parameters: Parameters) -> BurdenInputs:
    window = window_of(period)
    organisations = data["org_unit"].with_columns(
        level_rank=pl.col("level").replace_strict(LEVELS, return_dtype=pl.Int8)
    )
    bearers = data["rater"].select(org_id="rater_org_id").unique().sort("org_id")
    burden = data["burden_fact"]
    first = burden["start_date"].min()
    assert isinstance(first, date)
    rows = burden.filter(pl.col("start_date") < window.end).lazy()
    duties, admissions = data["duty_item"], data["task_admission"]
    facts = prepare(rows, organisations, duties, admissions, bearers, parameters).collect()
    return BurdenInputs(
        window=window,
        facts=facts.lazy(),
        organisations=organisations,
        bearers=bearers.with_columns(unit_months=pl.lit(1, pl.Int64)),
        duties=duties,
        admissions=admissions,
        grants=data["resource_grant"],
        form_fields=data["form_field"],
        indicators=data["indicator"],
        performance=data["performance_fact"].filter(pl.col("period_id") <= period).lazy(),
        verifications=data["verification_fact"],
        findings=data["finding"],
        history_start=first.replace(day=1),
    )


def one_night(period: str, data: Mapping[str, pl.DataFrame], parameters: Parameters) -> Night:
    inputs = inputs_of(period, data, parameters)
    last_day = inputs.window.end - timedelta(days=1)
    register = DutyRegister(
        inputs.duties,
        inputs.organisations,
        inputs.admissions,
        last_day,
        parameters.words("certificate.forbidden"),
        duty_references(inputs.indicators, inputs.facts, last_day),
    )
    before = (inputs.window.start - timedelta(days=1)).replace(day=1)
    earlier = replace(inputs, window=Window(f"{period}-1M", before, inputs.window.start))
    exposure = UnitMonths(12 * inputs.bearers.height, 12 * inputs.bearers.height)
    return Night(
        inputs,
        burden_flags(inputs, parameters, RULES, load_catalogue().forms),
        admission_breaches(inputs, parameters),
        duty_list_problems(register, period),
        shifted_burden(inputs, parameters, exposure, shifted_burden(earlier, parameters, exposure)),
        too_good(inputs, parameters, ROUNDED_BY_INSTRUCTION, EQUAL_BY_LAW),
    )


def too_good(
    inputs: BurdenInputs, parameters: Parameters, rounded: frozenset[str], equal_by_law: frozenset[str]
) -> FalseDataResults:
    period = inputs.window.period_id
    kinds = pl.col("burden_kind").is_in(["inspection", "survey_visit"])
    visits = inputs.facts.filter(kinds).select(org_id="target_org_id", day="start_date").unique().sort("org_id", "day")
    judged = FalseDataInputs(
        period_id=period,
        periods=tuple(each for each in ("2026M06", *PERIODS) if each <= period),
        performance=inputs.performance.collect(),
        indicators=inputs.indicators,
        organisations=inputs.organisations,
        verifications=inputs.verifications,
        visits=visits.collect(),
        rounded=rounded,
        equal_by_law=equal_by_law,
    )
    return false_data_results(judged, Limits.of(parameters))


def keys(rows: pl.DataFrame) -> set[tuple[str, ...]]:
    return set(rows.select(KEY).iter_rows())


def test_rules_find_what_was_planted_and_nothing_else(county: DemoCounty, found: pl.DataFrame) -> None:
    planted = pl.read_csv(county.folder / "planted_burden.csv", infer_schema=False)
    assert planted.columns == [*KEY, "what"]
    assert planted["what"].null_count() == 0
    assert keys(found) - keys(planted) == set(), "found, but not planted"
    assert keys(planted) - keys(found) == set(), "planted, but not found"


def test_every_breach_and_watch_of_the_catalogue_is_planted(county: DemoCounty) -> None:
    planted = set(county.planted_burden.select("code", "result_type").iter_rows())
    wanted = {(form.code, result) for form in load_catalogue().forms for result in form.result if result != "load"}
    assert len(load_catalogue().forms) == 56
    assert wanted - planted == set()
    assert {(code, "breach") for code in BREACHES} - planted == set()
    assert {(rule, "problem") for rule in DUTY_LIST_RULES} - planted == set()
    codes = {code for code, _ in planted}
    assert {code for code in codes if code.startswith("SP-")} == {"SP-1", "SP-2", "SP-3"}
    assert {code for code in codes if code.startswith("FAL-")} == {"FAL-01", "FAL-02", "FAL-03", "FAL-05", "FAL-08"}


def test_the_form_that_is_a_load_only_has_its_load(nights: dict[str, Night]) -> None:
    for night in nights.values():
        surplus = night.flags.filter((pl.col("form_code") == "FRM-01") & (pl.col("n") > 0))
        # The younger app of the one department, and the younger of the two forms that ask for households.
        assert set(surplus["subject_org_id"]) == {"JC-NYJ", "JC-WJJ"}


def test_no_form_and_no_breach_of_the_gate_is_unmeasurable_for_everybody(nights: dict[str, Night]) -> None:
    for night in nights.values():
        for rows in (night.flags, night.breaches):
            unmeasured = rows.filter((pl.col("result_type") == "not_measurable") & (pl.col("subject_org_id") == "*"))
            assert unmeasured.height == 0, unmeasured


def test_patterns_that_cannot_be_measured_say_what_is_missing(nights: dict[str, Night]) -> None:
    for night in nights.values():
        table = night.false_data.table
        for code, (missing, _) in NOT_CARRIED.items():
            rows = table.filter(pl.col("pattern_code") == code)
            assert set(rows["state"]) == {"NOT_MEASURABLE"}
            assert set(rows["missing_columns"]) == {missing}
        for code in TOO_FEW:
            assert set(table.filter(pl.col("pattern_code") == code)["state"]) <= {"INSUFFICIENT_COUNTS"}
        judged = table.filter(~pl.col("pattern_code").is_in([*NOT_CARRIED, *TOO_FEW]))
        assert set(judged["pattern_code"]) <= {"FAL-01", "FAL-02", "FAL-03", "FAL-05", "FAL-08", "FAL-12"}


def test_village_is_never_a_subject(data: Mapping[str, pl.DataFrame], found: pl.DataFrame) -> None:
    villages = data["org_unit"].filter(pl.col("level") == "village")["org_id"]
    assert not set(found["subject_org_id"]) & set(villages)


def test_office_whose_documents_fell_without_a_rise_is_no_shift(nights: dict[str, Night]) -> None:
    for night in nights.values():
        rows = night.shifts.filter((pl.col("subject_org_id") == "JC-SGB") & (pl.col("pair") == "SP-1"))
        (row,) = rows.iter_rows(named=True)
        assert row["official_now"] < 0.5 * row["official_before"] + 12
        assert row["p_fall"] < 0.05
        assert row["informal_now"] == row["informal_before"] == 24
        assert row["state"] == "NO_EVIDENCE"


def test_no_sign_with_the_arms_exchanged(nights: dict[str, Night]) -> None:
    for night in nights.values():
        assert night.shifts["control_signal"].sum() == 0


def test_flood_month_is_a_watch_only_without_its_emergency(
    data: Mapping[str, pl.DataFrame], parameters: Parameters, nights: dict[str, Night]
) -> None:
    def watched(inputs: BurdenInputs) -> set[str]:
        rows = RULES["MTG-01"](inputs, parameters).collect()
        return set(rows.filter(pl.col("result_type") == "watch")["subject_org_id"])

    night = nights["2026M08"]
    assert watched(night.inputs) == {"JC-FGJ"}
    flood = (pl.col("issuer_org_id") == "JC-SLJ") & (pl.col("title") == "防汛会商")
    assert data["burden_fact"].filter(flood).height == 10
    ordinary = night.inputs.facts.with_columns(is_exempt=pl.col("is_exempt") & ~flood)
    # The planted overload of the other office is the heavier one still.
    assert watched(replace(night.inputs, facts=ordinary.filter(pl.col("issuer_org_id") != "JC-FGJ"))) == {"JC-SLJ"}


def test_rounding_and_equality_are_excused_by_the_dictionary_alone(
    parameters: Parameters, nights: dict[str, Night]
) -> None:
    def states(results: FalseDataResults) -> dict[tuple[str, str], set[str]]:
        rows = results.table.filter(pl.col("subject_org_id").is_in(["JC-GAJ", "JC-BB"]))
        cells = rows.group_by("pattern_code", "subject_org_id").agg(pl.col("state").unique())
        return {(code, subject): set(state) for code, subject, state in cells.iter_rows()}

    night = nights["2026M08"]
    with_dictionary = states(night.false_data)
    assert with_dictionary["FAL-02", "JC-GAJ"] == {"EXEMPT"}
    assert with_dictionary["FAL-08", "JC-BB"] == {"EXEMPT"}
    without = states(too_good(night.inputs, parameters, frozenset(), frozenset()))
    assert without["FAL-02", "JC-GAJ"] == {"FLAGGED"}
    assert without["FAL-08", "JC-BB"] == {"FLAGGED"}


def test_clerk_who_enters_twenty_villages_in_ten_minutes_is_not_among_the_copied(
    data: Mapping[str, pl.DataFrame], nights: dict[str, Night]
) -> None:
    entries = data["performance_fact"].filter(pl.col("entered_by_hash").is_not_null())
    clerk = entries.filter(pl.col("entered_by_hash") == "b2e1")
    first, last = clerk["entered_at"].min(), clerk["entered_at"].max()
    assert clerk["org_id"].n_unique() == 20
    assert last - first <= timedelta(minutes=10)  # type: ignore[operator]
    named = nights["2026M08"].false_data.units.filter(pl.col("pattern_code").is_in(["FAL-03", "FAL-05"]))
    assert set(named["org_id"]) == {"JC-T14-V01", "JC-T14-V02"}


def test_figures_on_both_sides_of_a_target_are_no_sign(nights: dict[str, Night]) -> None:
    table = nights["2026M08"].false_data.table.filter(pl.col("indicator_id") == "GRAIN-DRY")
    row = table.filter(pl.col("pattern_code") == "FAL-01").row(0, named=True)
    assert (row["n"], row["n_found"], row["state"]) == (42, 22, "NO_EVIDENCE")


def test_rows_are_few_and_canonical(county: DemoCounty) -> None:
    files = sorted(county.inbox.rglob("burden_fact__*.csv"))
    rows = [pl.read_csv(path, infer_schema=False) for path in files]
    assert sum(part.height for part in rows) < 12_000
    for part in rows:
        filled = part.unpivot().drop_nulls("value")["value"]
        assert filled.filter(filled.str.strip_chars() != filled).is_empty()
    planted = pl.read_csv(county.inbox / "JC-JCZX" / "burden_fact__JC-JCZX__2026__v01.csv", infer_schema=False)
    declared = dataset("burden_fact")
    for name in planted.columns:
        codes = {code.value for code in declared.column(name).codes}
        words = set(planted[name].drop_nulls().str.split(";").explode()) if codes else set()
        assert words <= codes, name
    key = ["burden_kind", "issuer_org_id", "source_ref", "target_org_id", "start_date"]
    assert not pl.concat([part.select(key) for part in rows]).is_duplicated().any()


def test_every_organisation_named_exists_on_the_day(data: Mapping[str, pl.DataFrame]) -> None:
    since = dict(data["org_unit"].select("org_id", "valid_from").iter_rows())
    burden = data["burden_fact"].select("issuer_org_id", "target_org_id", "start_date")
    for issuer, bearer, day in burden.iter_rows():
        assert since[issuer] <= day
        assert since[bearer] <= day
