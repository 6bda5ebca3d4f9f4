"""All rules of a period, each streamed over the facts, and what could not be measured said plainly."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Final

import polars as pl

from scoring.burden.catalogue import Form, Need
from scoring.burden.flags import FLAG_SCHEMA, Rule
from scoring.burden.inputs import BurdenInputs, within
from scoring.burden.parameters import Parameters
from scoring.tables.burden_flags import BURDEN_FLAG

WHOLE_REGISTER: Final = "*"
"""Subject of a form that cannot be measured for anybody."""

NO_PARAMETER: Final = "*"
"""Parameter of a row that is held against none."""

NOT_MEASURABLE: Final = "not_measurable"
"""Result type of a form whose data are absent; its reason code is the same word in capitals."""

BURDEN_FACTS: Final = "burden_fact"
"""What is missing where the register has no row in the window at all."""

_NEVER_A_SUBJECT: Final = ("village", "community")


def burden_flags(
    inputs: BurdenInputs,
    parameters: Parameters,
    rules: Mapping[str, Rule],
    forms: Sequence[Form],
    *,
    bearers_floor: int = 5,
) -> pl.DataFrame:
    """Every rule of the forms over one window (burden catalogue, parts 1 to 3).

    A form is not measurable for a subject where all its rows of the form's kinds lack a needed column, and
    for the whole register (subject ``*``) where there is no row of any kind, no row uses a column the
    register has to keep, a needed dataset is empty or a list the place has to give is. What a rule gave for such a
    subject is dropped. Rows without a subject count against nobody and are dropped too: what a village
    sends on has none.

    Each rule reads the facts for itself, and only the columns and kinds it needs: give them as a scan of prepared
    facts written once, not as the plan that prepares them.

    Args:
        inputs: Facts and registers of the window.
        parameters: All parameters.
        rules: Rule by code of its form.
        forms: The forms that are applied, each with a rule.
        bearers_floor: With fewer bearing units than this a row has the reason FEW_BEARERS: it goes to
            the program office, not to the department.

    Returns:
        ``BURDEN_FLAG``, sorted by its key.

    Raises:
        ValueError: A form has no rule.
        RuntimeError: A rule gives a village or community as subject, a result its form does not
            declare, or two rows of one key.
    """
    lacking = [form.code for form in forms if form.code not in rules]
    if lacking:
        raise ValueError(f"no rule for {', '.join(lacking)}; give one or switch the form off in the scheme")
    plans = [_coded(rules[form.code](inputs, parameters), form.code) for form in forms]
    used, performance, *found = (
        # One after another: collected together, fifty plans keep their sorts and joins in memory at once, which on
        # 300,000 facts took 3.5 times the memory and half as much time again.
        plan.collect(engine="streaming")
        for plan in (_use_of_columns(inputs, forms), inputs.performance.head(1), *plans)
    )
    rows = pl.concat([_no_rows(), *found]).filter(pl.col("subject_org_id").is_not_null())
    _refuse_wrong_rows(rows, inputs.organisations, forms)
    absent = pl.concat(
        [
            _absent_for_everybody(inputs, parameters, forms, used, performance),
            _absent_for_subjects(forms, used),
        ]
    )
    measured = _measured(rows, absent).with_columns(reason_codes=_few_bearers(bearers_floor))
    unmeasured = _not_measurable(absent)
    return BURDEN_FLAG.conform(
        pl.concat([measured, unmeasured], how="diagonal").with_columns(period_id=pl.lit(inputs.window.period_id))
    )


def _coded(rows: pl.LazyFrame, code: str) -> pl.LazyFrame:
    names = list(FLAG_SCHEMA)
    return rows.select(
        form_code=pl.lit(code), **{name: pl.col(name).cast(dtype) for name, dtype in FLAG_SCHEMA.items()}
    ).select("form_code", *names)


def _no_rows() -> pl.DataFrame:
    return pl.DataFrame(schema={"form_code": pl.String(), **FLAG_SCHEMA})


def _use_of_columns(inputs: BurdenInputs, forms: Sequence[Form]) -> pl.LazyFrame:
    """``subject_org_id``, ``burden_kind``, ``n_rows`` and per needed column how many rows carry it, in the window."""
    columns = sorted({name for form in forms for need in _needs_of_columns(form) for name in need})
    return (
        inputs.facts.filter(within(inputs.window))
        .group_by("subject_org_id", "burden_kind")
        .agg(pl.len().cast(pl.Int64).alias("n_rows"), pl.col(columns).count().cast(pl.Int64))
    )


def _needs_of_columns(form: Form) -> tuple[Need, ...]:
    return (*form.needs, *form.register_needs, *form.register_marks)


def _absent_for_everybody(
    inputs: BurdenInputs,
    parameters: Parameters,
    forms: Sequence[Form],
    used: pl.DataFrame,
    performance: pl.DataFrame,
) -> pl.DataFrame:
    datasets = {
        "duties": inputs.duties,
        "admissions": inputs.admissions,
        "grants": inputs.grants,
        "form_fields": inputs.form_fields,
        "indicators": inputs.indicators,
        "performance": performance,
        "verifications": inputs.verifications,
        "findings": inputs.findings,
    }
    empty = {name for name, frame in datasets.items() if frame.is_empty()}
    totals = used.group_by("burden_kind").agg(pl.exclude("subject_org_id").sum())
    carried = {kind: row for row in totals.iter_rows(named=True) if (kind := row["burden_kind"]) is not None}
    absent = [
        (form.code, WHOLE_REGISTER, missing)
        for form in forms
        for missing in _missing_in_register(form, carried, empty, parameters)
    ]
    return _absences(absent)


def _missing_in_register(
    form: Form, carried: Mapping[str, Mapping[str, int]], empty: set[str], parameters: Parameters
) -> Iterator[str]:
    yield from (name for name in form.datasets if name in empty)
    yield from (name for name in form.filled if not parameters.words(name))
    if not form.kinds:
        return
    if not carried:
        # What reads other datasets beside the facts is still measured from those.
        if all(name in empty for name in form.datasets_read):
            yield BURDEN_FACTS
        return
    own = [carried[kind] for kind in form.kinds if kind in carried]
    # Without a row of its kinds there is nothing a column could be missing from.
    if own:
        yield from (_named(need) for need in form.register_needs if not _carries(own, need))
        yield from (_named(need) for need in form.register_marks if not _carries(list(carried.values()), need))


def _carries(rows: Sequence[Mapping[str, int]], need: Need) -> bool:
    return any(row[column] > 0 for row in rows for column in need)


def _named(need: Need) -> str:
    return "|".join(need)


def _absent_for_subjects(forms: Sequence[Form], used: pl.DataFrame) -> pl.DataFrame:
    """Form, subject and each need that no row of the subject's carries, of the form's kinds."""
    asked = pl.DataFrame(
        [
            (form.code, kind, _named(need), column)
            for form in forms
            for kind in form.kinds
            for need in form.needs
            for column in need
        ],
        schema=dict.fromkeys(["form_code", "burden_kind", "missing", "column"], pl.String()),
        orient="row",
    )
    columns = sorted(set(asked["column"]))
    if not columns:
        return _absences([])
    return (
        used.filter(pl.col("subject_org_id").is_not_null())
        .unpivot(columns, index=["subject_org_id", "burden_kind"], variable_name="column", value_name="n_carrying")
        .join(asked, on=["burden_kind", "column"])
        .group_by("form_code", "subject_org_id", "missing")
        .agg(pl.col("n_carrying").sum())
        .filter(pl.col("n_carrying") == 0)
        .select("form_code", "subject_org_id", "missing")
    )


def _absences(rows: Sequence[tuple[str, str, str]]) -> pl.DataFrame:
    return pl.DataFrame(
        rows, schema=dict.fromkeys(["form_code", "subject_org_id", "missing"], pl.String()), orient="row"
    )


def _measured(rows: pl.DataFrame, absent: pl.DataFrame) -> pl.DataFrame:
    everybody = absent.filter(pl.col("subject_org_id") == WHOLE_REGISTER)
    return (
        rows.with_columns(pl.col("param_id").fill_null(NO_PARAMETER), missing_columns=pl.lit(None, pl.String()))
        .join(everybody, on="form_code", how="anti")
        .join(absent, on=["form_code", "subject_org_id"], how="anti")
    )


def _not_measurable(absent: pl.DataFrame) -> pl.DataFrame:
    """One row per form and subject; where nobody can be measured, single subjects are not listed."""
    everybody = absent.filter(pl.col("subject_org_id") == WHOLE_REGISTER)
    single = absent.filter(pl.col("subject_org_id") != WHOLE_REGISTER).join(everybody, on="form_code", how="anti")
    numbers = {name: pl.lit(None, dtype) for name, dtype in FLAG_SCHEMA.items() if dtype in (pl.Int64(), pl.Float64())}
    return (
        pl.concat([everybody, single])
        .group_by("form_code", "subject_org_id")
        .agg(missing_columns=pl.col("missing").unique().sort().str.join(";"))
        .with_columns(
            result_type=pl.lit(NOT_MEASURABLE),
            param_id=pl.lit(NO_PARAMETER),
            evidence_refs=pl.lit(None, pl.String()),
            reason_codes=pl.lit("NOT_MEASURABLE"),
            **numbers,
        )
    )


def _few_bearers(floor: int) -> pl.Expr:
    # A row about no bearing unit tells nobody's secret.
    return pl.when(pl.col("n_bearers").is_between(1, floor - 1)).then(pl.lit("FEW_BEARERS"))


def _refuse_wrong_rows(rows: pl.DataFrame, organisations: pl.DataFrame, forms: Sequence[Form]) -> None:
    villages = organisations.filter(pl.col("org_kind").is_in(_NEVER_A_SUBJECT))["org_id"]
    _refuse(rows.filter(pl.col("subject_org_id").is_in(villages.to_list())), "a village or community as subject")
    declared = pl.DataFrame(
        [(form.code, result) for form in forms for result in form.result],
        schema={"form_code": pl.String(), "result_type": pl.String()},
        orient="row",
    )
    undeclared = rows.join(declared, on=["form_code", "result_type"], how="anti")
    _refuse(undeclared, "a result its form does not declare")
    key = [name for name in BURDEN_FLAG.key if name != "period_id"]
    _refuse(rows.filter(rows.select(key).is_duplicated()), "two rows of one key")


def _refuse(wrong: pl.DataFrame, what: str) -> None:
    if wrong.height:
        key = ["form_code", "subject_org_id", "result_type", "param_id"]
        first = wrong.select(key).unique().sort(key).head(5).rows()
        named = "; ".join(" ".join(str(part) for part in row if part is not None) for row in first)
        raise RuntimeError(f"a rule gives {what}: {named}")
