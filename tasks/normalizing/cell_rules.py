"""The numbered cell rules of INPUT.md 4.2, applied to one column of text at a time.

Every rule is an expression over the whole column. The result says for each cell the stored value,
the code of the rule that refused it (or null), what would have been right, and which rule changed
the value without refusing it.
"""

from __future__ import annotations

import difflib
import json
from collections.abc import Callable
from dataclasses import dataclass

import polars as pl

from expectations.declaration import Column, ColumnType
from expectations.time_zone import TIME_ZONE
from tasks.normalizing.header import matching_key
from tasks.normalizing.words import (
    CHINESE_DIGITS,
    ERROR_CELLS,
    FALSE_WORDS,
    INVISIBLE,
    MISSING_WORDS,
    NONE_WORDS,
    TRUE_WORDS,
    chinese_day_numbers,
)

_NUMBER = r"[+-]?(?:[0-9]{1,3}(?:,[0-9]{3})+|[0-9]+)(?:\.[0-9]+)?"
_SCIENTIFIC = r"^[+-]?[0-9]+(\.[0-9]+)?[eE][+-]?[0-9]+$"
_DATE = r"^([0-9]{4})[-/.年]([0-9]{1,2})[-/.月]([0-9]{1,2})日?$"
_DATE_AT_MIDNIGHT = r"^([0-9]{4}-[0-9]{2}-[0-9]{2})[T ]00:00(:00(\.0+)?)?$"
_TIMESTAMP = (
    r"^([0-9]{4})[-/.年]([0-9]{1,2})[-/.月]([0-9]{1,2})日?"
    r"(?:[T\s]*([0-9]{1,2})[:时]([0-9]{1,2})(?:[:分]([0-9]{1,2})(?:\.([0-9]{1,6})[0-9]*)?秒?)?分?)?"
    r"\s*(Z|[+-][0-9]{2}:?[0-9]{2})?$"
)
_DOCUMENT_NUMBER = r"^(.+?)[\[(【〔]\s*([0-9]{4})\s*[\])】〕]\s*([0-9]+)\s*号$"
_CONTROL = r"[\x00-\x08\x0b\x0c\x0e-\x1f]"
_SUGGESTIONS_AT_MOST = 200


@dataclass(frozen=True)
class Options:
    """What a manifest may say about cells: ``percent_scale`` 100 when ratios are given as percentages."""

    percent_scale: int = 1
    assume_year: int | None = None


def apply_cell_rules(column: Column, text: pl.Series, options: Options) -> pl.DataFrame:
    """Turn one column of text into values.

    Args:
        column: the declared column.
        text: cells as read; null where empty.
        options: what the manifest says.

    Returns:
        One row per cell: ``value`` (the column's Polars type), ``problem`` (error code or null),
        ``expected`` (what would be right, may be null), ``change`` (information code or null) and
        ``given`` (the trimmed and folded text the rules judged).
    """
    folds = column.type not in (ColumnType.NAME, ColumnType.JSON)
    cells = (
        pl.DataFrame({"text": text.cast(pl.String)})
        .with_columns(trimmed=pl.col("text").str.strip_chars(INVISIBLE))
        .with_columns(given=_folded(pl.col("trimmed")) if folds else pl.col("trimmed"))
    )
    problem, change = pl.lit(None, pl.String), pl.lit(None, pl.String)
    is_error = pl.col("trimmed").str.to_uppercase().is_in(ERROR_CELLS)
    is_missing = pl.col("given").is_null() | (pl.col("given") == "") | pl.col("given").is_in(MISSING_WORDS)
    is_none_word = pl.lit(column.is_count) & pl.col("given").is_in(NONE_WORDS)
    cells = cells.with_columns(
        live=pl.when(~is_missing & ~is_error).then(pl.col("given")),
        problem=pl.when(is_error).then(pl.lit("E208")).when(is_none_word).then(pl.lit("E212")).otherwise(problem),
        expected=pl.lit(None, pl.String),
        change=pl.when(is_missing & (pl.col("text") != "") & ~is_none_word)
        .then(pl.lit("I508"))
        .when(pl.col("given") != pl.col("trimmed"))
        .then(pl.lit("I502"))
        .when(pl.col("trimmed") != pl.col("text"))
        .then(pl.lit("I501"))
        .otherwise(change),
    )
    judged = _RULES[column.type](column, cells, options)
    return judged.select(
        _with_default(column, pl.col("value"), pl.col("problem")),
        "problem",
        "expected",
        change=pl.when(pl.col("problem").is_null()).then(pl.col("change")),
        given="given",
    )


def _with_default(column: Column, value: pl.Expr, problem: pl.Expr) -> pl.Expr:
    if column.default is None:
        return value
    default = pl.lit(column.default).cast(column.polars_type)
    return pl.when(value.is_null() & problem.is_null()).then(default).otherwise(value).alias("value")


def _folded(text: pl.Expr) -> pl.Expr:
    return text.str.normalize("NFKC").str.strip_chars(INVISIBLE)


def _refuse(cells: pl.DataFrame, *cases: tuple[pl.Expr, str]) -> pl.DataFrame:
    """Give each live cell without a value the code of the first case it meets."""
    unresolved = pl.col("live").is_not_null() & pl.col("value").is_null() & pl.col("problem").is_null()
    code = pl.lit(None, pl.String)
    for condition, name in reversed(cases):
        code = pl.when(condition).then(pl.lit(name)).otherwise(code)
    return cells.with_columns(problem=pl.when(unresolved).then(code).otherwise(pl.col("problem")))


def _changed(cells: pl.DataFrame, code: str, where: pl.Expr) -> pl.DataFrame:
    keep = pl.col("change").is_not_null() | ~where.fill_null(value=False)
    return cells.with_columns(change=pl.when(keep).then(pl.col("change")).otherwise(pl.lit(code)))


def _number_parts(column: Column, cells: pl.DataFrame) -> pl.DataFrame:
    """Split ``live`` into ``figure`` (plain digits) and ``factor`` (from a listed unit suffix)."""
    suffixes = sorted(column.unit_suffixes, key=len, reverse=True)
    pattern = rf"^({_NUMBER})\s*({'|'.join(suffixes)})?$" if suffixes else rf"^({_NUMBER})()$"
    factors = {"": 1, **column.unit_suffixes}
    return cells.with_columns(
        figure=pl.col("live").str.extract(pattern, 1).str.replace_all(",", "").str.strip_prefix("+"),
        suffix=pl.col("live").str.extract(pattern, 2).fill_null(""),
    ).with_columns(
        factor=pl.col("suffix").replace_strict(list(factors), list(factors.values()), default=1, return_dtype=pl.Int64)
    )


def _scaled(cells: pl.DataFrame, digits: int) -> pl.DataFrame:
    """``scaled`` = figure x 10**digits as an integer; null when it has more decimals or 13 whole digits."""
    fraction = pl.col("figure").str.extract(r"\.([0-9]*?)0*$", 1).fill_null("")
    whole = pl.col("figure").str.extract(r"^-?([0-9]+)", 1).str.strip_chars_start("0")
    padded = fraction.str.pad_end(digits, "0")
    fits = (fraction.str.len_chars() <= digits) & (whole.str.len_chars() <= 18 - digits)
    sign = pl.when(pl.col("figure").str.starts_with("-")).then(-1).otherwise(1)
    number = pl.concat_str(pl.lit("0"), whole, padded).cast(pl.Int64, strict=False) * sign
    return cells.with_columns(scaled=pl.when(fits).then(number))


def _integer(column: Column, cells: pl.DataFrame, _options: Options) -> pl.DataFrame:
    cells = _scaled(_number_parts(column, cells), digits=0 if not column.unit_suffixes else 3)
    unit = 1 if not column.unit_suffixes else 1000
    product = pl.col("scaled") * pl.col("factor")
    cells = cells.with_columns(
        value=pl.when((product % unit == 0) & (pl.col("live").str.len_chars() < 24)).then(product // unit)
    )
    cells = _refuse(
        cells,
        (pl.col("live").str.contains(_SCIENTIFIC) | pl.col("figure").is_not_null(), "E203"),
        (pl.lit(value=True), "E204"),
    )
    cells = _changed(cells, "I503", pl.col("value").is_not_null() & (pl.col("suffix") != ""))
    rewritten = pl.col("value").is_not_null() & (pl.col("value").cast(pl.String) != pl.col("live"))
    return _changed(cells, "I507", rewritten)


def _decimal(column: Column, cells: pl.DataFrame, _options: Options) -> pl.DataFrame:
    cells = _scaled(_number_parts(column, cells), digits=6)
    fits = (pl.col("scaled").abs() < 10**18 // pl.col("factor")) & pl.col("scaled").is_not_null()
    cells = cells.with_columns(value=pl.when(fits).then(_micro(pl.col("scaled") * pl.col("factor"))))
    cells = _refuse(cells, (pl.col("figure").is_not_null(), "E217"), (pl.lit(value=True), "E204"))
    cells = _changed(cells, "I503", pl.col("value").is_not_null() & (pl.col("suffix") != ""))
    return _changed(cells, "I507", pl.col("value").is_not_null() & ~pl.col("live").str.contains(r"^-?[0-9.]+$"))


def _micro(scaled: pl.Expr) -> pl.Expr:
    """Millionths as decimal(18,6), exactly: written out and read back as text."""
    sign = pl.when(scaled < 0).then(pl.lit("-")).otherwise(pl.lit(""))
    magnitude = scaled.abs()
    whole = (magnitude // 1_000_000).cast(pl.String)
    fraction = (magnitude % 1_000_000).cast(pl.String).str.zfill(6)
    return pl.concat_str(sign, whole, pl.lit("."), fraction).cast(pl.Decimal(18, 6), strict=False)


def _ratio(_column: Column, cells: pl.DataFrame, options: Options) -> pl.DataFrame:
    cells = cells.with_columns(
        percent=pl.col("live").str.extract(rf"^({_NUMBER})\s*%$", 1),
        bare=pl.col("live").str.extract(rf"^({_NUMBER})$", 1),
    ).with_columns(
        figure=pl.coalesce("percent", "bare").str.replace_all(",", "").str.strip_prefix("+"),
        divisor=pl.when(pl.col("percent").is_not_null()).then(100).otherwise(options.percent_scale),
    )
    cells = _scaled(cells, digits=6)
    exact = pl.col("scaled") % pl.col("divisor") == 0
    share = pl.when(exact).then(pl.col("scaled") // pl.col("divisor"))
    cells = cells.with_columns(value=pl.when(share.is_between(0, 1_000_000)).then(_micro(share)))
    as_percent = pl.col("scaled").is_between(1_000_000, 100_000_000) & (pl.col("divisor") == 1)
    number = pl.col("scaled").cast(pl.Float64) / 1_000_000
    advice = pl.concat_str(
        (number / 100).round(6).cast(pl.String), pl.lit(" 或 / or "), number.cast(pl.String), pl.lit("%")
    )
    cells = _refuse(
        cells,
        (as_percent, "E205"),
        (pl.col("figure").is_not_null() & (pl.col("scaled").is_null() | ~exact), "E217"),
        (pl.col("figure").is_not_null(), "E215"),
        (pl.lit(value=True), "E204"),
    ).with_columns(
        expected=pl.when(pl.col("problem") == "E205")
        .then(advice)
        .when(pl.col("problem") == "E215")
        .then(pl.lit("0–1"))
        .otherwise(pl.col("expected"))
    )
    return _changed(cells, "I504", pl.col("value").is_not_null() & (pl.col("divisor") == 100))


def _chinese_date(text: pl.Expr) -> pl.Expr:
    """二〇二六年三月五日 as 2026年03月05日; other text unchanged."""
    words = chinese_day_numbers()
    year = text.str.extract(r"^([〇零○一二三四五六七八九]{4})年", 1)
    digits = year.str.replace_many(list(CHINESE_DIGITS), list(CHINESE_DIGITS.values()))
    month = text.str.extract(r"年([一二三四五六七八九十]+)月", 1).replace_strict(words, default=None)
    day = text.str.extract(r"月([一二三四五六七八九十]+)日$", 1).replace_strict(words, default=None)
    written = pl.concat_str(digits, pl.lit("年"), month, pl.lit("月"), day, pl.lit("日"))
    return pl.coalesce(written, text)


def _date(_column: Column, cells: pl.DataFrame, options: Options) -> pl.DataFrame:
    text = _chinese_date(pl.col("live"))
    text = pl.coalesce(text.str.extract(_DATE_AT_MIDNIGHT, 1), text)
    compact = text.str.replace(r"^([0-9]{4})([0-9]{2})([0-9]{2})$", "$1-$2-$3")
    if options.assume_year is not None:
        compact = compact.str.replace(r"^([0-9]{1,2})月([0-9]{1,2})日$", f"{options.assume_year}年$1月$2日")
    cells = cells.with_columns(written=compact).with_columns(
        year=pl.col("written").str.extract(_DATE, 1),
        month=pl.col("written").str.extract(_DATE, 2).str.zfill(2),
        day=pl.col("written").str.extract(_DATE, 3).str.zfill(2),
    )
    iso = pl.concat_str("year", pl.lit("-"), "month", pl.lit("-"), "day")
    cells = cells.with_columns(parsed=iso.str.to_date("%Y-%m-%d", strict=False))
    in_range = pl.col("parsed").dt.year().is_between(2000, 2100)
    cells = cells.with_columns(value=pl.when(in_range).then(pl.col("parsed")))
    cells = _refuse_date(cells)
    return _changed(cells, "I505", pl.col("value").is_not_null() & (pl.col("value").cast(pl.String) != pl.col("live")))


def _refuse_date(cells: pl.DataFrame) -> pl.DataFrame:
    two_digits = pl.col("live").str.contains(r"^'?[0-9]{2}[-/.年][0-9]{1,2}[-/.月][0-9]{1,2}")
    return _refuse(cells, (two_digits, "E206"), (pl.col("parsed").is_not_null(), "E207"), (pl.lit(value=True), "E209"))


def _timestamp(_column: Column, cells: pl.DataFrame, _options: Options) -> pl.DataFrame:
    cells = cells.with_columns(parts=_chinese_date(pl.col("live")).str.extract_groups(_TIMESTAMP))
    part = [pl.col("parts").struct.field(str(index)) for index in range(1, 9)]
    date = pl.concat_str(part[0], pl.lit("-"), part[1].str.zfill(2), pl.lit("-"), part[2].str.zfill(2))
    clock = [part[index].fill_null("0").str.zfill(2) for index in (3, 4, 5)]
    time = pl.concat_str(clock[0], pl.lit(":"), clock[1], pl.lit(":"), clock[2])
    fraction = part[6].fill_null("0").str.pad_end(6, "0")
    zone = part[7].fill_null("+08:00").replace("Z", "+00:00").str.replace(r"^([+-][0-9]{2})([0-9]{2})$", "$1:$2")
    written = pl.concat_str(date, pl.lit("T"), time, pl.lit("."), fraction, zone)
    parsed = written.str.to_datetime("%Y-%m-%dT%H:%M:%S%.6f%:z", time_unit="us", time_zone="UTC", strict=False)
    cells = cells.with_columns(parsed=parsed)
    local_year = pl.col("parsed").dt.convert_time_zone(TIME_ZONE).dt.year()
    cells = cells.with_columns(value=pl.when(local_year.is_between(2000, 2100)).then(pl.col("parsed")))
    cells = _refuse_date(cells)
    canonical = pl.col("live").str.contains(r"^[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2}\+08:00$")
    return _changed(cells, "I505", pl.col("value").is_not_null() & ~canonical)


def _code(column: Column, cells: pl.DataFrame, _options: Options) -> pl.DataFrame:
    words: dict[str, str] = {}
    for code in column.codes:
        for word in (code.value, code.zh, code.en, *code.aliases):
            words.setdefault(matching_key(word), code.value)
    given = cells.get_column("live").drop_nulls().unique().to_list()
    known = {text: words[key] for text in given if (key := matching_key(text)) in words}
    advice = {text: _nearest(text, column) for text in given[:_SUGGESTIONS_AT_MOST] if text not in known}
    cells = cells.with_columns(
        value=pl.col("live").replace(known),  # an unknown word stays: the suite's in_set refuses it
        expected=pl.col("live").replace_strict(advice, default=None, return_dtype=pl.String),
    )
    return _changed(cells, "I506", pl.col("value") != pl.col("live"))


def _nearest(text: str, column: Column) -> str | None:
    labels = [word for code in column.codes for word in (code.value, code.zh, *code.aliases)]
    close = difflib.get_close_matches(text, labels, n=1, cutoff=0.5)
    return close[0] if close else None


def _boolean(_column: Column, cells: pl.DataFrame, _options: Options) -> pl.DataFrame:
    live = pl.col("live")
    truth = pl.when(live.is_in(TRUE_WORDS)).then(statement=True).when(live.is_in(FALSE_WORDS)).then(statement=False)
    cells = _refuse(cells.with_columns(value=truth), (pl.lit(value=True), "E211"))
    return _changed(cells, "I506", pl.col("value").is_not_null() & ~live.is_in(["true", "false"]))


def _json(_column: Column, cells: pl.DataFrame, _options: Options) -> pl.DataFrame:
    given = cells.get_column("live").drop_nulls().unique().to_list()
    valid = [text for text in given if _is_json(text)]
    return _refuse(
        cells.with_columns(value=pl.when(pl.col("live").is_in(valid)).then(pl.col("live"))),
        (pl.lit(value=True), "E216"),
    )


def _is_json(text: str) -> bool:
    try:
        json.loads(text)
    except (ValueError, RecursionError):
        return False
    return True


def _list(_column: Column, cells: pl.DataFrame, _options: Options) -> pl.DataFrame:
    parts = pl.col("live").str.replace_all(r"\s*[;、]\s*", ";").str.strip_chars(";")
    return _changed(cells.with_columns(value=parts), "I507", parts != pl.col("live"))


def _name(_column: Column, cells: pl.DataFrame, _options: Options) -> pl.DataFrame:
    clean = ~pl.col("live").str.contains(_CONTROL)
    return _refuse(cells.with_columns(value=pl.when(clean).then(pl.col("live"))), (pl.lit(value=True), "E219"))


def _identifier(column: Column, cells: pl.DataFrame, _options: Options) -> pl.DataFrame:
    live = pl.col("live")
    if column.name.endswith("doc_no"):
        live = live.str.replace(_DOCUMENT_NUMBER, "${1}〔${2}〕${3}号")
    damaged = live.str.contains(r"^[0-9](\.[0-9]+)?[eE]\+?[0-9]+$")
    clean = ~live.str.contains(_CONTROL) & ~damaged
    cells = _refuse(
        cells.with_columns(value=pl.when(clean).then(live)), (damaged, "E203"), (pl.lit(value=True), "E219")
    )
    return _changed(cells, "I507", pl.col("value") != pl.col("live"))


_RULES: dict[ColumnType, Callable[[Column, pl.DataFrame, Options], pl.DataFrame]] = {
    ColumnType.NAME: _name,
    ColumnType.IDENTIFIER: _identifier,
    ColumnType.CODE: _code,
    ColumnType.INTEGER: _integer,
    ColumnType.DECIMAL: _decimal,
    ColumnType.RATIO: _ratio,
    ColumnType.DATE: _date,
    ColumnType.TIMESTAMP: _timestamp,
    ColumnType.BOOLEAN: _boolean,
    ColumnType.JSON: _json,
    ColumnType.LIST: _list,
}
