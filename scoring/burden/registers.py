"""Two registers of the same burden: what issuers record against what bearers receive (burden catalogue, part 1.4).

A row of one register is the same imposition as a row of another when issuer, kind and bearer agree, a document
number or source reference of the one is a document number or source reference of the other, and they began within
three days of each other. (The catalogue names reference, bearer and day; issuer and kind are what makes an event
one, and a register number alone may be used by two issuers.)
"""

from __future__ import annotations

from datetime import timedelta
from typing import Final

import polars as pl

from scoring.burden.flags import flags
from scoring.burden.inputs import Window, within
from scoring.burden.parameters import Parameters
from scoring.sums import divide_half_up
from scoring.tables.burden_account import REGISTER_COMPLETENESS

ISSUER: Final = "issuer_register"
RECEIVING: Final = "receiving_register"

_STANDING: Final = {"issuer_register": 0, "platform_log": 0, RECEIVING: 1, "monitoring_unit": 2, "hotline": 3}
"""Which row of one imposition is kept: the one with the smallest number. Rows that do not say stand first."""

Z: Final = 1.959963984540054
"""The standard normal quantile of .975."""

_SAME: Final = ("issuer_org_id", "burden_kind", "target_org_id")
NATURAL_KEY: Final = (*_SAME, "source_ref", "start_date")


def one_truth(rows: pl.LazyFrame, match_days: int = 3) -> pl.LazyFrame:
    """Rows with every imposition once: the issuer's where it recorded it, else the bearer's, else who else told.

    A row of the receiving register that matches a row of the issuer (or of a platform's log) is left out, one that
    matches none stays and counts like any other. Rows of monitoring units and of the hotline are likewise left
    out where the issuer or the bearer recorded the same. ``facts.prepare`` calls this after scopes are expanded to
    bearers and before anything is counted, so no rule and no account meets one imposition twice. What is left out is
    counted by ``register_completeness``, which therefore reads the rows of ``facts.expand``.

    Args:
        rows: Rows of burden_fact with bearers filled in; lazy, not sorted, matched by 64-bit keys in a streaming pass.
        match_days: Days the two may lie apart (``register.match_days``).

    Returns:
        The rows kept, with the columns given, in no particular order.
    """
    told = _references(rows).filter(pl.col("standing") > 0)
    known = _references(rows).filter(pl.col("standing") < max(_STANDING.values()))
    again = (
        told.join(known, on="key", suffix="_known")
        .filter((pl.col("standing_known") < pl.col("standing")) & _within(match_days))
        .select("row")
        .unique()
    )
    return rows.with_columns(_row=_row_key()).join(again, left_on="_row", right_on="row", how="anti").drop("_row")


def _references(rows: pl.LazyFrame) -> pl.LazyFrame:
    """``key`` of issuer, kind, bearer and each reference of a row, with the row's day, standing and own key."""
    # Seeds differ so that swapping two parts does not give the same key.
    same = pl.lit(0, pl.UInt64)
    for seed, name in enumerate(_SAME, start=1):
        same ^= pl.col(name).hash(seed)
    references = [
        rows.filter(pl.col(name).is_not_null()).select(
            key=same ^ pl.col(name).hash(7),
            row=_row_key(),
            day=pl.col("start_date"),
            standing=_standing(),
        )
        for name in ("source_ref", "doc_no")
    ]
    return pl.concat(references)


def _row_key() -> pl.Expr:
    """A row as one number: 64 bits of its natural key, bearer included, and of who reported it."""
    key = _standing().hash(10)
    for seed, name in enumerate(NATURAL_KEY, start=11):
        key ^= pl.col(name).hash(seed)
    return key


def _standing() -> pl.Expr:
    return (
        pl.col("reported_by")
        .replace_strict(list(_STANDING), list(_STANDING.values()), default=0, return_dtype=pl.Int8)
        .fill_null(0)
    )


def _within(days: int) -> pl.Expr:
    return (pl.col("day") - pl.col("day_known")).dt.total_days().abs() <= days


def told_by_bearers() -> pl.Expr:
    """Whether a row comes from a bearer, a monitoring unit or the hotline, whom its single rows would give away."""
    return _standing() > 0


def register_completeness(rows: pl.LazyFrame, window: Window, parameters: Parameters) -> pl.DataFrame:
    """How much of what bearers recorded each issuer recorded as well, and how much neither may have recorded.

    Completeness is matched rows over all rows of the receiving register, with Wilson's 95% interval. The total,
    recorded or not, is Chapman's ``(n1 + 1)(n2 + 1)/(m + 1) - 1`` with its normal 95% interval, only where both
    registers and what they share have at least ``register.matched_min`` rows. An issuer whose completeness is below
    ``register.completeness_min`` is scored on the receiving register.

    Args:
        rows: Rows of ``facts.expand``, before one truth is made of them; rows that do not say who reported them are
            taken for the issuer's. Duplicates are left out.
        window: Rows that began in it are counted; their double may lie just outside.
        parameters: ``register.match_days``, ``register.completeness_min``, ``register.matched_min``,
            ``register.floor_units``.

    Returns:
        ``REGISTER_COMPLETENESS``: one row per issuer that either register names. Completeness is null where bearers
        recorded nothing: then nobody can say.
    """
    days = parameters.whole("register.match_days")
    clean = rows.filter(pl.col("dup_of").is_null() & _kept_by_register())
    counted = clean.filter(within(window)).select(
        "issuer_org_id", "target_org_id", row=_row_key(), standing=_standing()
    )
    margin = timedelta(days=days)
    near = clean.filter(within(Window(window.period_id, window.start - margin, window.end + margin)))
    pairs = (
        _references(near)
        .filter(pl.col("standing") == 1)
        .join(_references(near).filter(pl.col("standing") == 0), on="key", suffix="_known")
        .filter(_within(days))
    )
    matched = pl.concat([pairs.select("row"), pairs.select(row="row_known")]).unique().with_columns(_matched=pl.lit(1))
    theirs, own = pl.col("standing") == 1, pl.col("standing") == 0
    found = pl.col("_matched").is_not_null()
    cells = (
        counted.join(matched, on="row", how="left")
        .group_by("issuer_org_id")
        .agg(
            n_issuer=own.sum().cast(pl.Int64),
            n_receiving=theirs.sum().cast(pl.Int64),
            n_matched=(theirs & found).sum().cast(pl.Int64),
            n_both=pl.min_horizontal((theirs & found).sum(), (own & found).sum()).cast(pl.Int64),
            n_bearers=pl.col("target_org_id").filter(theirs).drop_nulls().n_unique().cast(pl.Int64),
        )
        .collect(engine="streaming")
    )
    return REGISTER_COMPLETENESS.conform(_judged(cells, parameters).with_columns(period_id=pl.lit(window.period_id)))


def register_gaps(completeness: pl.DataFrame, answering: pl.DataFrame, parameters: Parameters) -> pl.LazyFrame:
    """Registers that are too incomplete: a breach of whoever keeps them, never of the units that recorded more.

    Only where at least ``register.floor_units`` bearing units stand behind the receiving register: fewer could be
    told by name.

    Args:
        completeness: ``register_completeness``.
        answering: ``facts.answering``: who answers for each issuer.
        parameters: ``register.completeness_min``.

    Returns:
        ``FLAG_SCHEMA``: ``n`` rows the issuer's register lacks of ``denominator`` the bearers recorded, ``value`` the
        completeness. No evidence is listed: it would name who recorded it.
    """
    least = parameters.number("register.completeness_min")
    keepers = completeness.lazy().join(answering.lazy(), left_on="issuer_org_id", right_on="org_id", how="left")
    known = pl.col("issuer_org_id").is_in(answering["org_id"].implode())
    found = (
        keepers.with_columns(subject_org_id=pl.when(known).then("answers").otherwise("issuer_org_id"))
        .filter(
            (pl.col("scored_register") == RECEIVING) & pl.col("shown_to_department"),
            pl.col("subject_org_id").is_not_null(),
        )
        .sort("issuer_org_id")
    )
    return flags(
        found,
        result_type="breach",
        param_id="register.completeness_min",
        n=pl.col("n_receiving") - pl.col("n_matched"),
        denominator=pl.col("n_receiving"),
        value=pl.col("completeness"),
        threshold=least,
    )


def _kept_by_register() -> pl.Expr:
    """Rows of the two registers that are held against each other; logs and third parties belong to neither."""
    return pl.col("reported_by").is_null() | pl.col("reported_by").is_in([ISSUER, RECEIVING])


def _judged(cells: pl.DataFrame, parameters: Parameters) -> pl.DataFrame:
    low, high = wilson("n_matched", "n_receiving")
    least, floor = parameters.number("register.completeness_min"), parameters.whole("register.floor_units")
    share = pl.col("n_matched") / pl.when(pl.col("n_receiving") > 0).then("n_receiving")
    total, total_low, total_high = chapman(
        "n_issuer", "n_receiving", "n_both", parameters.whole("register.matched_min")
    )
    short = (share < least).fill_null(value=False)
    return cells.with_columns(
        completeness=share,
        completeness_low=low,
        completeness_high=high,
        hidden_total=total,
        hidden_low=total_low,
        hidden_high=total_high,
        scored_register=pl.when(short).then(pl.lit(RECEIVING)).otherwise(pl.lit(ISSUER)),
        shown_to_department=pl.col("n_bearers") >= floor,
    )


def wilson(cases: str, trials: str) -> tuple[pl.Expr, pl.Expr]:
    """Wilson's 95% interval of a share: ``(p + z^2/2n -+ z sqrt(p(1-p)/n + z^2/4n^2)) / (1 + z^2/n)``."""
    n = pl.when(pl.col(trials) > 0).then(trials).cast(pl.Float64)
    p = pl.col(cases) / n
    middle, spread = p + Z**2 / (2 * n), Z * (p * (1 - p) / n + Z**2 / (4 * n**2)).sqrt()
    scale = 1 + Z**2 / n
    return ((middle - spread) / scale).clip(0, 1), ((middle + spread) / scale).clip(0, 1)


def chapman(first: str, second: str, both: str, at_least: int) -> tuple[pl.Expr, pl.Expr, pl.Expr]:
    """Chapman's total of two registers with its 95% interval, in whole numbers; null below ``at_least``.

    ``N = (n1 + 1)(n2 + 1)/(m + 1) - 1``, half up, with ``V = (n1 + 1)(n2 + 1)(n1 - m)(n2 - m) / ((m + 1)^2 (m + 2))``
    (Seber). The interval is widened to whole numbers and never begins below what the registers hold together.
    """
    n1, n2, m = (pl.col(name).cast(pl.Int64) for name in (first, second, both))
    enough = pl.when(pl.min_horizontal(n1, n2, m) >= at_least)
    product = (n1 + 1) * (n2 + 1)
    total = divide_half_up(product - (m + 1), m + 1)
    exact = product / (m + 1) - 1
    # In floats: the product of four counts may be larger than 64 bits hold.
    spread = Z * ((product.cast(pl.Float64) * (n1 - m) * (n2 - m)) / ((m + 1) ** 2 * (m + 2))).sqrt()
    low = pl.max_horizontal((exact - spread).floor().cast(pl.Int64), n1 + n2 - m)
    return enough.then(total), enough.then(low), enough.then((exact + spread).ceil().cast(pl.Int64))
