"""Row conditions of expectations as Polars expressions, with the semantics of Great Expectations.

A condition is true where a row is unexpected. As in Great Expectations a missing value passes every
expectation about values; only ``expect_column_values_to_not_be_null`` fails it. In a float column NaN is
missing too. This module knows nothing of Great Expectations, so that the pipeline's first pass over a file
can use the same conditions without importing it.

Bounds and value sets come as JSON carries them (``0``, ``0.5``, ``"2026-01-01"``) and are turned into the
type of the column before anything is compared: a decimal or an integer never passes through a float.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import date, datetime
from decimal import ROUND_CEILING, ROUND_FLOOR, Decimal, localcontext
from functools import reduce
from operator import or_
from typing import Any
from zoneinfo import ZoneInfo

import polars as pl

from expectations.declaration import Expectation

Schema = Mapping[str, pl.DataType]
Arguments = Mapping[str, Any]


def unexpected_condition(kind: str, arguments: Arguments, schema: Schema) -> pl.Expr:
    """The expression that is true where a row is unexpected, false elsewhere and never null.

    Args:
        kind: Snake-case name of the expectation, one of ``MAP_KINDS``.
        arguments: Its keyword arguments; those that do not concern single rows (``mostly``) are not looked at.
        schema: Polars types of the rows' columns.

    Returns:
        A Boolean expression. For the kinds of ``UNIQUENESS_KINDS`` it looks at all rows of the frame it is
        evaluated on and must be evaluated on all of them.

    Raises:
        KeyError: The kind is not in ``MAP_KINDS``.
        polars.exceptions.ColumnNotFoundError: A column is not in the schema.
        TypeError: The column's type cannot be compared with what the expectation asks for.
        ValueError: A bound, value set or regular expression is not usable.
    """
    return _condition(kind)(arguments, schema)


def ignored_condition(kind: str, arguments: Arguments, schema: Schema) -> pl.Expr:
    """The expression that is true where a row is not looked at: missing values, or ``ignore_row_if`` says so.

    Great Expectations takes the share of unexpected rows among the others. Raises as ``unexpected_condition`` does.
    """
    _condition(kind)
    if kind in _NULLITY_KINDS:
        return pl.lit(value=False)
    if "column_list" in arguments:
        ignored = _ignored_rows(arguments.get("ignore_row_if"), _MULTICOLUMN_RULES)
        return ignored([_is_missing(name, schema) for name in arguments["column_list"]])
    if "column_A" in arguments:
        ignored = _ignored_rows(arguments.get("ignore_row_if"), _PAIR_RULES)
        return ignored([_is_missing(str(arguments[side]), schema) for side in ("column_A", "column_B")])
    return _is_missing(arguments["column"], schema)


def suspect_condition(expectations: Iterable[Expectation], schema: Schema) -> pl.Expr:
    """True where a row fails at least one of the expectations, uniqueness and table expectations left aside.

    One pass with this condition finds every row that a later row-level listing can name.
    """
    conditions = [
        unexpected_condition(expectation.kind, expectation.arguments, schema)
        for expectation in expectations
        if expectation.kind in MAP_KINDS and expectation.kind not in UNIQUENESS_KINDS
    ]
    return any_condition(conditions)


def any_condition(conditions: Sequence[pl.Expr]) -> pl.Expr:
    """True where at least one of the conditions is; false everywhere when there are none."""
    return reduce(or_, conditions) if conditions else pl.lit(value=False)


def key_columns(arguments: Arguments) -> list[str]:
    """Columns whose values a uniqueness expectation compares."""
    return [str(name) for name in arguments.get("column_list") or (arguments["column"],)]


def key_hash(columns: Sequence[str]) -> pl.Expr:
    """64-bit hash of the values of the columns of a row, equal for equal values.

    As many different hashes as rows proves that no row repeats another, at a quarter of the cost of comparing
    the values. Equal hashes prove nothing: they have to be confirmed on the values.
    """
    return pl.struct(columns).hash()


def _condition(kind: str) -> Callable[[Arguments, Schema], pl.Expr]:
    try:
        return _CONDITIONS[kind]
    except KeyError:
        raise KeyError(f"{kind} is not an expectation about rows that the Polars engine knows: {MAP_KINDS}") from None


def _null(arguments: Arguments, schema: Schema) -> pl.Expr:
    return ~_is_missing(arguments["column"], schema)


def _not_null(arguments: Arguments, schema: Schema) -> pl.Expr:
    return _is_missing(arguments["column"], schema)


def _in_set(arguments: Arguments, schema: Schema) -> pl.Expr:
    if arguments["value_set"] is None:
        return pl.lit(value=False)
    return ~_is_member(arguments, schema) & ~_is_missing(arguments["column"], schema)


def _not_in_set(arguments: Arguments, schema: Schema) -> pl.Expr:
    return _is_member(arguments, schema) & ~_is_missing(arguments["column"], schema)


def _is_member(arguments: Arguments, schema: Schema) -> pl.Expr:
    name, column_type = arguments["column"], _type_of(arguments["column"], schema)
    values = [_stored_value(value, column_type, name) for value in arguments["value_set"] or () if value is not None]
    known = pl.Series(values, dtype=column_type)
    return pl.col(name).is_in(known.implode()).fill_null(value=False)


def _match_regex(arguments: Arguments, schema: Schema) -> pl.Expr:
    pattern = arguments["regex"]
    try:
        pl.Series([""]).str.contains(pattern)
    except pl.exceptions.ComputeError as error:
        raise ValueError(f"regular expression {pattern!r} is not one that Polars can use: {error}") from error
    return (~_text_of(arguments["column"], schema).str.contains(pattern)).fill_null(value=False)


def _length_between(arguments: Arguments, schema: Schema) -> pl.Expr:
    length = _text_of(arguments["column"], schema).str.len_chars()
    return _outside(length, arguments, pl.Int64(), f"length of {arguments['column']}")


def _between(arguments: Arguments, schema: Schema) -> pl.Expr:
    name, column_type = arguments["column"], _type_of(arguments["column"], schema)
    if not (column_type.is_numeric() or isinstance(column_type, (pl.Date, pl.Datetime, pl.String))):
        raise TypeError(f"{name} is {column_type}, which has no bounds")
    value = pl.col(name).fill_nan(None) if column_type.is_float() else pl.col(name)
    return _outside(value, arguments, column_type, name)


def _greater(arguments: Arguments, schema: Schema) -> pl.Expr:
    left, right = str(arguments["column_A"]), str(arguments["column_B"])
    left_type, right_type = _type_of(left, schema), _type_of(right, schema)
    if left_type != right_type and not (left_type.is_numeric() and right_type.is_numeric()):
        raise TypeError(f"{left} is {left_type} and {right} is {right_type}: they have no order")
    either_missing = _is_missing(left, schema) | _is_missing(right, schema)
    greater = pl.col(left) >= pl.col(right) if arguments.get("or_equal") else pl.col(left) > pl.col(right)
    ignored = ignored_condition("expect_column_pair_values_a_to_be_greater_than_b", arguments, schema)
    return ~ignored & (either_missing | ~greater.fill_null(value=False))


def _unique(arguments: Arguments, schema: Schema) -> pl.Expr:
    return pl.col(arguments["column"]).is_duplicated() & ~_is_missing(arguments["column"], schema)


def _compound_unique(arguments: Arguments, schema: Schema) -> pl.Expr:
    # Whether a row is ignored depends on the compared values alone, so ignored rows repeat only each other and
    # can be left out after the comparison as well as before.
    ignored = ignored_condition("expect_compound_columns_to_be_unique", arguments, schema)
    return pl.struct(key_columns(arguments)).is_duplicated() & ~ignored


_NULLITY_KINDS = frozenset({"expect_column_values_to_be_null", "expect_column_values_to_not_be_null"})

_CONDITIONS: Mapping[str, Callable[[Arguments, Schema], pl.Expr]] = {
    "expect_column_values_to_be_null": _null,
    "expect_column_values_to_not_be_null": _not_null,
    "expect_column_values_to_be_in_set": _in_set,
    "expect_column_values_to_not_be_in_set": _not_in_set,
    "expect_column_values_to_match_regex": _match_regex,
    "expect_column_value_lengths_to_be_between": _length_between,
    "expect_column_values_to_be_between": _between,
    "expect_column_pair_values_a_to_be_greater_than_b": _greater,
    "expect_column_values_to_be_unique": _unique,
    "expect_compound_columns_to_be_unique": _compound_unique,
}

MAP_KINDS: tuple[str, ...] = tuple(_CONDITIONS)
"""Every expectation about rows that can be declared."""

UNIQUENESS_KINDS: frozenset[str] = frozenset(
    {"expect_column_values_to_be_unique", "expect_compound_columns_to_be_unique"}
)
"""Those of them whose condition looks at all rows at once."""


def _all(conditions: Sequence[pl.Expr]) -> pl.Expr:
    return pl.all_horizontal(conditions)


def _any(conditions: Sequence[pl.Expr]) -> pl.Expr:
    return pl.any_horizontal(conditions)


def _none(_: Sequence[pl.Expr]) -> pl.Expr:
    return pl.lit(value=False)


Rule = Callable[[Sequence[pl.Expr]], pl.Expr]

# The first of each is what Great Expectations takes when the argument is not given.
_PAIR_RULES: Mapping[str, Rule] = {"both_values_are_missing": _all, "either_value_is_missing": _any, "neither": _none}
_MULTICOLUMN_RULES: Mapping[str, Rule] = {
    "all_values_are_missing": _all,
    "any_value_is_missing": _any,
    "never": _none,
}


def _ignored_rows(name: str | None, rules: Mapping[str, Rule]) -> Rule:
    chosen = name or next(iter(rules))
    if chosen not in rules:
        raise ValueError(f"ignore_row_if is {chosen!r}; it can be one of {tuple(rules)}")
    return rules[chosen]


def _type_of(name: str, schema: Schema) -> pl.DataType:
    try:
        return schema[name]
    except KeyError:
        message = f"the rows have no column {name}; they have {tuple(schema)}"
        raise pl.exceptions.ColumnNotFoundError(message) from None


def _is_missing(name: str, schema: Schema) -> pl.Expr:
    column = pl.col(name)
    if _type_of(name, schema).is_float():
        return column.is_null() | column.is_nan().fill_null(value=False)
    return column.is_null()


def _text_of(name: str, schema: Schema) -> pl.Expr:
    column_type = _type_of(name, schema)
    if isinstance(column_type, pl.String):
        return pl.col(name)
    if column_type.is_integer():
        return pl.col(name).cast(pl.String)
    raise TypeError(f"{name} is {column_type}; only text and whole numbers can be looked at as text")


def _outside(value: pl.Expr, arguments: Arguments, value_type: pl.DataType, name: str) -> pl.Expr:
    """True where ``value`` is below ``min_value`` or above ``max_value``; a missing one is not."""
    lowest, highest = arguments.get("min_value"), arguments.get("max_value")
    if lowest is None and highest is None:
        raise ValueError(f"neither min_value nor max_value is given for {name}")
    strict_min, strict_max = bool(arguments.get("strict_min")), bool(arguments.get("strict_max"))
    beyond: list[pl.Expr] = []
    if lowest is not None:
        # Rounding a bound that the type cannot hold (0.5 for whole numbers) to the side on which no value of
        # the type lies between keeps the comparison exact.
        bound = _bound(lowest, value_type, name, ROUND_FLOOR if strict_min else ROUND_CEILING)
        beyond.append(value <= bound if strict_min else value < bound)
    if highest is not None:
        bound = _bound(highest, value_type, name, ROUND_CEILING if strict_max else ROUND_FLOOR)
        beyond.append(value >= bound if strict_max else value > bound)
    if lowest is not None and highest is not None:
        _refuse_crossed_bounds(lowest, highest, value_type, name)
    return any_condition(beyond).fill_null(value=False)


def _refuse_crossed_bounds(lowest: object, highest: object, value_type: pl.DataType, name: str) -> None:
    exact = pl.Decimal(38, 9) if value_type.is_numeric() else value_type
    if _plain_bound(lowest, exact, name, ROUND_FLOOR) > _plain_bound(highest, exact, name, ROUND_FLOOR):
        raise ValueError(f"min_value {lowest} of {name} is greater than max_value {highest}")


def _bound(value: object, value_type: pl.DataType, name: str, rounding: str) -> pl.Expr:
    return pl.lit(_plain_bound(value, value_type, name, rounding), dtype=_literal_type(value_type))


def _plain_bound(value: object, value_type: pl.DataType, name: str, rounding: str) -> Any:
    if value_type.is_integer():
        return _within(int(_at_scale(value, 0, name, rounding)), value_type, name)
    if isinstance(value_type, pl.Decimal):
        return _at_scale(value, value_type.scale, name, rounding)
    return _stored_value(value, value_type, name)


def _literal_type(value_type: pl.DataType) -> pl.DataType:
    # A bound may be wider than the column; only the scale has to be the same for an exact comparison.
    return pl.Decimal(38, value_type.scale) if isinstance(value_type, pl.Decimal) else value_type


def _stored_value(value: object, value_type: pl.DataType, name: str) -> Any:
    """A JSON-like value as the column stores it; TypeError or ValueError when the column cannot hold it."""
    if value_type.is_integer() or isinstance(value_type, pl.Decimal):
        scale = value_type.scale if isinstance(value_type, pl.Decimal) else 0
        stored = _at_scale(value, scale, name, ROUND_FLOOR)
        if stored != _number(value, name):
            raise ValueError(f"{name} is {value_type} and cannot hold {value}")
        return stored if scale else _within(int(stored), value_type, name)
    if value_type.is_float():
        return float(_number(value, name))
    if isinstance(value_type, pl.Datetime):
        return _instant(value, value_type, name)
    if isinstance(value_type, pl.Date):
        return _day(value, name)
    expected = {pl.Boolean: bool, pl.String: str}.get(type(value_type))
    if expected is None or not isinstance(value, expected):
        raise TypeError(f"{name} is {value_type} and cannot be compared with {value!r}")
    return value


def _number(value: object, name: str) -> Decimal:
    if isinstance(value, bool) or not isinstance(value, (int, float, Decimal)):
        raise TypeError(f"{name} is a number and cannot be compared with {value!r}")
    # The shortest text of a float is the number that was declared: 0.1 and not 0.1000000000000000055.
    number = Decimal(str(value))
    if not number.is_finite():
        raise ValueError(f"{value} is no bound for {name}")
    return number


def _at_scale(value: object, scale: int, name: str, rounding: str) -> Decimal:
    with localcontext(prec=80):
        return _number(value, name).quantize(Decimal(1).scaleb(-scale), rounding=rounding)


def _within(value: int, value_type: pl.DataType, name: str) -> int:
    try:
        pl.Series([value], dtype=value_type)
    except (TypeError, OverflowError) as error:
        raise ValueError(f"{name} is {value_type} and cannot hold {value}") from error
    return value


def _day(value: object, name: str) -> date:
    if isinstance(value, str):
        return date.fromisoformat(value)
    if isinstance(value, date) and not isinstance(value, datetime):
        return value
    raise TypeError(f"{name} is a date and cannot be compared with {value!r}")


def _instant(value: object, value_type: pl.Datetime, name: str) -> datetime:
    """The instant meant; a day is its midnight, and text without a zone is in the zone of the column."""
    if isinstance(value, str):
        value = datetime.fromisoformat(value)
    elif isinstance(value, date) and not isinstance(value, datetime):
        value = datetime(value.year, value.month, value.day)  # noqa: DTZ001 (the zone of the column follows)
    if not isinstance(value, datetime):
        raise TypeError(f"{name} is a timestamp and cannot be compared with {value!r}")
    if value_type.time_zone is None:
        if value.tzinfo is not None:
            raise TypeError(f"{name} has no time zone and cannot be compared with {value}")
        return value
    zone = ZoneInfo(value_type.time_zone)
    return value.astimezone(zone) if value.tzinfo is not None else value.replace(tzinfo=zone)
