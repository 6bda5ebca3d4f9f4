"""The burden account: rows, events, minutes, persons, pages and money by department, unit and kind.

A load says how much was laid on the grassroots and judges nothing. Everything is a sum of whole numbers over one
streaming pass, so the account depends neither on the order of the rows nor on the machine, and the totals by
department, by unit and by kind are the same numbers.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date
from functools import reduce
from typing import Final

import polars as pl

from scoring.burden.facts import EVENT
from scoring.burden.inputs import BurdenInputs, Window, within
from scoring.burden.registers import told_by_bearers
from scoring.sums import divide_half_up, raw_units
from scoring.tables.burden_account import BURDEN_ACCOUNT

ALL: Final = "*"
"""Stands in a key for everything that is summed over."""

NOBODY: Final = "-"
"""Stands in a key where no subject answers or no bearer is recorded, so that totals lose nothing."""

CLASSES: Final = ("streamlined", "other", "exempt_legal", "exempt_emergency")
"""Classes in the order in which an event whose rows differ takes its one class; rows without a class are other."""

BY: Final = {
    "department": ("subject_org_id", "counted_class"),
    "kind": ("burden_kind", "counted_class"),
    "department_kind": ("subject_org_id", "burden_kind", "counted_class"),
    "unit": ("bearer_org_id",),
    "unit_kind": ("bearer_org_id", "burden_kind"),
}
"""What each way of summing up keeps apart; the measure is kept apart in all of them."""

_PARTS: Final = ("subject_org_id", "bearer_org_id", "burden_kind", "measure", "counted_class")
_SUMS: Final = ("n_rows", "n_duplicates", "quantity", "minutes", "n_untimed", "persons", "pages", "amount_fen")
_BEFORE: Final = ("n_rows", "n_events", "quantity", "minutes")
_CHANGES: Final = ("n_events", "quantity", "minutes")
_OF_UNIT: Final = pl.col("by").is_in([by for by, parts in BY.items() if "bearer_org_id" in parts])
_WHEN: Final = {"now": "", "before": "_before"}
_FLOW: Final = pl.col("measure") == "flow"


def burden_account(inputs: BurdenInputs, compare: Window | None = None, *, floor_units: int = 5) -> pl.DataFrame:
    """The account of the window, beside that of another.

    * Flows are summed over the window. A stock is what stood there on the last count day in the window, per issuer,
      kind and bearer: it is never summed over time and has no minutes.
    * Duplicates (``dup_of``) are counted in ``n_duplicates`` and nowhere else.
    * An event counts once for its subject and kind; where its rows are of several classes, in the first of
      ``CLASSES``. For a unit, the events that reached it are counted.
    * Hours per unit-month are ``minutes / 60 / UM`` with the unit-months of all bearing units, or of the one unit.

    Args:
        inputs: Facts of the window and of the one it is compared with; ``bearers``; ``history_start``.
        compare: What to compare with; the same days a year earlier if not given. Where the facts are known to begin
            later than it does, figures and changes are null: nobody can say what was there.
        floor_units: Bearing units that must stand behind rows of bearers before a department may see a figure
            (``register.floor_units``).

    Returns:
        ``BURDEN_ACCOUNT``: cells by department and class, by kind and class, by both, by unit and by unit and kind.

    Raises:
        ValueError: The window is empty.
    """
    before = compare or inputs.window.years_before()
    for window in (inputs.window, before):
        if window.start >= window.end:
            raise ValueError(f"burden account: {window.period_id} has no days; end is the first day after the window")
    known = inputs.history_start is None or inputs.history_start <= before.start
    rows = inputs.facts.filter(within(inputs.window) | (within(before) if known else pl.lit(value=False)))
    slim = rows.select(_columns(inputs.window, before if known else None))
    counted = pl.concat([*_unit_cells(slim), *_department_cells(slim)])
    return _finished(counted, inputs, before, known=known, floor_units=floor_units)


def windows_within(window: Window, months: int = 1) -> tuple[Window, ...]:
    """The months (or quarters, with ``months=3``) a window of whole calendar months is made of.

    Raises:
        ValueError: The window does not begin and end with a calendar month, or is not a whole number of parts.
    """
    first, end = _month(window.start), _month(window.end)
    if window.start.day != 1 or window.end.day != 1 or (end - first) % months:
        raise ValueError(
            f"{window.period_id} runs from {window.start} to {window.end}, which is not a whole number of parts of"
            f" {months} calendar months; give a month, quarter or year"
        )
    starts = range(first, end, months)
    return tuple(Window(_name(start, months), _first_day(start), _first_day(start + months)) for start in starts)


def _month(day: date) -> int:
    return day.year * 12 + day.month - 1


def _first_day(month: int) -> date:
    return date(month // 12, month % 12 + 1, 1)


def _name(month: int, months: int) -> str:
    year, start = month // 12, month % 12
    short = {1: f"{year}M{start + 1:02d}", 3: f"{year}Q{start // 3 + 1}", 6: f"{year}H{start // 6 + 1}", 12: f"{year}"}
    return short.get(months, f"{year}M{start + 1:02d}+{months}")


def _unit_cells(slim: pl.LazyFrame) -> list[pl.DataFrame]:
    """Cells of flows and last stocks by unit."""
    units = [by for by in BY if _is_of_unit(by)]
    flows, stocks = pl.collect_all([_cells(slim.filter(_FLOW), units), slim.filter(~_FLOW)], engine="streaming")
    return [flows, _cells(_last(stocks), units).collect()]


def _department_cells(slim: pl.LazyFrame) -> list[pl.DataFrame]:
    """Cells of flows and last stocks by department and by kind.

    A pass of its own: the cells of departments and those of units are never in memory at once.
    """
    others = [by for by in BY if not _is_of_unit(by)]
    flows = slim.filter(_FLOW)
    cells, events, stocks = pl.collect_all(
        [_cells(flows, others), _events(flows), slim.filter(~_FLOW)], engine="streaming"
    )
    last = _last(stocks)
    return [
        _with_events(cells, events, others),
        _with_events(_cells(last, others).collect(), _events(last).collect(), others),
    ]


def _is_of_unit(by: str) -> bool:
    return "bearer_org_id" in BY[by]


def _last(stocks: pl.DataFrame) -> pl.LazyFrame:
    """Stocks on the last count day of their issuer, kind and bearer, in the window and in the one before."""
    days = [
        pl.col("start_date").filter(pl.col(when) & (pl.col("n_duplicates") == 0)).max().over("place").alias(f"_{when}")
        for when in _WHEN
    ]
    last = [
        (pl.col(when) & (pl.col("start_date") == pl.col(f"_{when}"))).fill_null(value=False).alias(when)
        for when in _WHEN
    ]
    return stocks.with_columns(days).with_columns(last).filter(pl.any_horizontal(*_WHEN)).lazy()


def _columns(window: Window, before: Window | None) -> list[pl.Expr]:
    """What the account reads of a row: whom and what it is about, and its counts, a duplicate's apart."""
    counts = pl.when(~pl.col("is_duplicate"))
    timed = pl.when(~pl.col("is_duplicate") & _FLOW)
    fen = divide_half_up(raw_units("amount_yuan"), pl.lit(10_000, pl.Int64))
    known_class = pl.when(pl.col("counted_class").is_in(CLASSES))
    return [
        within(window).alias("now"),
        (within(before) if before else pl.lit(value=False)).alias("before"),
        pl.col("burden_kind", "measure", "start_date"),
        _key(*EVENT).alias("event"),
        _key("issuer_org_id", "burden_kind", "target_org_id").alias("place"),
        pl.col("target_org_id").hash(1).alias("bearer"),
        pl.col("subject_org_id").fill_null(NOBODY),
        pl.col("target_org_id").fill_null(NOBODY).alias("bearer_org_id"),
        known_class.then("counted_class").otherwise(pl.lit("other")).alias("counted_class"),
        pl.col("target_org_id").is_not_null().alias("_borne"),
        told_by_bearers().alias("_told"),
        counts.then(1).otherwise(0).cast(pl.Int64).alias("n_rows"),
        counts.then(0).otherwise(1).cast(pl.Int64).alias("n_duplicates"),
        counts.then(pl.col("quantity").fill_null(1)).otherwise(0).cast(pl.Int64).alias("quantity"),
        timed.then(pl.col("minutes").fill_null(0)).otherwise(0).cast(pl.Int64).alias("minutes"),
        timed.then(pl.col("minutes").is_null()).otherwise(pl.lit(value=False)).cast(pl.Int64).alias("n_untimed"),
        counts.then(pl.col("persons", "pages").fill_null(0)).otherwise(0).cast(pl.Int64).name.keep(),
        counts.then(fen.fill_null(0)).otherwise(0).cast(pl.Int64).alias("amount_fen"),
    ]


def _key(*names: str) -> pl.Expr:
    """Several texts as one number of 64 bits; the seeds differ so that swapping two parts does not give the same."""
    return reduce(lambda key, more: key ^ more, (pl.col(name).hash(seed) for seed, name in enumerate(names, start=1)))


def _keyed(by: str) -> list[pl.Expr]:
    kept = {*BY[by], "measure"}
    return [(pl.col(name) if name in kept else pl.lit(ALL)).alias(name) for name in _PARTS]


def _cells(rows: pl.LazyFrame, ways: Sequence[str]) -> pl.LazyFrame:
    """Sums of each way of summing up, for the window and (``_before``) the one before."""
    return pl.concat(
        rows.group_by(_keyed(by)).agg(_aggregates(of_unit=_is_of_unit(by))).select(pl.lit(by).alias("by"), pl.all())
        for by in ways
    )


def _aggregates(*, of_unit: bool) -> list[pl.Expr]:
    aggregates = []
    for when, suffix in _WHEN.items():
        counted = pl.col(when) & (pl.col("n_duplicates") == 0)
        told = pl.col(when) & pl.col("_told")
        aggregates += [
            *(pl.col(name).filter(pl.col(when)).sum().alias(f"{name}{suffix}") for name in _SUMS),
            (_distinct("event", counted) if of_unit else pl.lit(0, pl.Int64)).alias(f"n_events{suffix}"),
            _bearers(counted, of_unit=of_unit).alias(f"n_bearers{suffix}"),
            _bearers(told, of_unit=of_unit).alias(f"_told{suffix}"),
            told.any().alias(f"_any_told{suffix}"),
        ]
    return aggregates


def _distinct(name: str, which: pl.Expr) -> pl.Expr:
    return pl.col(name).filter(which).n_unique().cast(pl.Int64)


def _bearers(which: pl.Expr, *, of_unit: bool) -> pl.Expr:
    borne = which & pl.col("_borne")
    return borne.any().cast(pl.Int64) if of_unit else _distinct("bearer", borne)


def _events(rows: pl.LazyFrame) -> pl.LazyFrame:
    """Events once each, with the place of their class in ``CLASSES`` in the window and in the one before."""
    order = pl.col("counted_class").replace_strict(list(CLASSES), list(range(len(CLASSES))), return_dtype=pl.Int8)
    return (
        rows.filter(pl.col("n_duplicates") == 0)
        .group_by("event", "measure")
        .agg(
            pl.col("subject_org_id", "burden_kind").min(),
            *(order.filter(pl.col(when)).min().alias(when) for when in _WHEN),
        )
    )


def _with_events(cells: pl.DataFrame, events: pl.DataFrame, ways: Sequence[str]) -> pl.DataFrame:
    """Cells with their events; a class may have rows and no event, which is counted in another class then."""
    for when, suffix in _WHEN.items():
        classed = pl.col(when).replace_strict(list(range(len(CLASSES))), list(CLASSES), return_dtype=pl.String)
        named = events.drop_nulls(when).with_columns(counted_class=classed, bearer_org_id=pl.lit(ALL))
        counted = pl.concat(
            named.group_by(_keyed(by)).agg(_n=pl.len().cast(pl.Int64)).with_columns(by=pl.lit(by)) for by in ways
        )
        cells = (
            cells.join(counted, on=["by", *_PARTS], how="left")
            .with_columns(pl.col("_n").fill_null(0).alias(f"n_events{suffix}"))
            .drop("_n")
        )
    return cells


def _finished(
    counted: pl.DataFrame, inputs: BurdenInputs, before: Window, *, known: bool, floor_units: int
) -> pl.DataFrame:
    units = inputs.bearers.select(bearer_org_id="org_id", unit_months="unit_months")
    total = int(units["unit_months"].sum())
    minutes = [pl.when(_FLOW).then(name).alias(name) for name in ("minutes", "minutes_before")]
    earlier = [pl.when(pl.lit(known)).then(f"{name}_before").alias(f"{name}_before") for name in _BEFORE]
    changes = [
        (
            (pl.col(name) - pl.col(f"{name}_before")) / pl.when(pl.col(f"{name}_before") > 0).then(f"{name}_before")
        ).alias(f"{name}_change")
        for name in _CHANGES
    ]
    hours = pl.col("minutes") / (60 * pl.when(pl.col("unit_months") > 0).then("unit_months"))
    framed = (
        counted.join(units, on="bearer_org_id", how="left")
        .with_columns(pl.when(_OF_UNIT).then("unit_months").otherwise(pl.lit(total)).alias("unit_months"), *minutes)
        .with_columns(*earlier)
        .with_columns(*changes, hours_per_unit_month=hours)
        .with_columns(_shown(floor_units))
    )
    return BURDEN_ACCOUNT.conform(
        framed.with_columns(
            period_id=pl.lit(inputs.window.period_id),
            compare_period_id=pl.lit(before.period_id),
        )
    )


def _shown(floor_units: int) -> pl.Expr:
    """Whether a department may see the cell.

    A cell with rows that bearers told needs enough units behind those rows. The total of a department is hidden as
    soon as one of its kinds is, for the difference of the total and the other kinds would show it.
    """
    enough = [~pl.col(f"_any_told{suffix}") | (pl.col(f"_told{suffix}") >= floor_units) for suffix in ("", "_before")]
    alone = pl.all_horizontal(enough)
    by = pl.col("by")
    hidden = (
        (by.is_in(["department_kind", "department"]) & ~alone).any().over("subject_org_id", "measure", "counted_class")
    )
    return (alone & ~((by == "department") & hidden)).alias("shown_to_department")
