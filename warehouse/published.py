"""What readers see of a published release: rounded, with the minimum cell applied, in closed lists of columns.

The primary rule of the scheme's minimum cell stands here: a department rated by too few people or units, or
by one unit for the most part, shows no score, interval, count or rank, and ranks are counted among those
shown. Everything beyond that rule (complementary cells, the smallest change between releases, homogeneous
cells, intervals at the lower end of the count band, the attack on sums) is disclosure control of its own
and not part of this module.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from decimal import Decimal
from typing import Any, Literal

import polars as pl
from sqlalchemy import Engine, RowMapping, func, select

from scoring.tables import DEPARTMENT_ITEM, DEPARTMENT_SCORE, REASONS, SATISFACTION_MEAN, UNIT_POINTS, ResultTable
from warehouse.owners import as_utc
from warehouse.releases import published_release, read_results, when
from warehouse.tables import ingest_file, program_period

What = Literal["departments", "items", "units", "satisfaction"]
WHATS: tuple[What, ...] = ("departments", "items", "units", "satisfaction")
SUPPRESSED = "SUPPRESSED_SMALL_N"
STATE = "_state"
"""Ending of the column that says of a value whether it is shown, suppressed or missing."""

COUNT_BANDS = ((5, "5-9"), (10, "10-19"), (20, "20-49"), (50, "50+"))
"""Counts are published as these bands, by their lower ends."""

RELIABILITY_BANDS = ((0.0, "insufficient"), (0.5, "indicative"), (0.7, "usable"), (0.85, "high"))
"""Reliability is published as these bands, by their lower ends."""

_TABLES: Mapping[What, ResultTable] = {
    "departments": DEPARTMENT_SCORE,
    "items": DEPARTMENT_ITEM,
    "units": UNIT_POINTS,
    "satisfaction": SATISFACTION_MEAN,
}


class NothingPublishedError(Exception):
    """The period has no published release; ``periods`` are those that have one."""

    def __init__(self, period_id: str, periods: Sequence[str], *, known: bool) -> None:
        super().__init__(period_id)
        self.period_id, self.periods, self.known = period_id, tuple(periods), known


class UnknownPeerGroupError(Exception):
    """No row of the release is in this peer group; ``peer_groups`` are those there are."""

    def __init__(self, peer_group: str, peer_groups: Sequence[str]) -> None:
        super().__init__(peer_group)
        self.peer_group, self.peer_groups = peer_group, tuple(peer_groups)


@dataclass(frozen=True)
class MinimumCell:
    """The smallest cell that may be published, as the release's own scheme says."""

    min_raters: int
    min_units: int
    max_unit_share: Decimal

    @classmethod
    def of(cls, manifest: Mapping[str, Any]) -> MinimumCell:
        """The rule a manifest carries."""
        rule = manifest["scheme"]["minimum_cell"]
        numbers = {name: Decimal(str(rule[name]["value"])) for name in ("min_raters", "min_units", "max_unit_share")}
        return cls(int(numbers["min_raters"]), int(numbers["min_units"]), numbers["max_unit_share"])

    def too_small(self) -> pl.Expr:
        """True for a row of ``department_score`` that may not be published."""
        share = pl.col("max_unit_share").fill_null(1.0)
        few = (pl.col("n_raters") < self.min_raters) | (pl.col("n_units") < self.min_units)
        return few.fill_null(value=True) | (share > float(self.max_unit_share))

    def document(self) -> dict[str, Any]:
        """The rule as JSON-able data."""
        share = float(self.max_unit_share)
        return {"min_raters": self.min_raters, "min_units": self.min_units, "max_unit_share": share}


@dataclass(frozen=True)
class Source:
    """Where published figures come from; it accompanies every output."""

    period_id: str
    release_id: str
    published_at: str | None
    data_as_of: str | None
    scheme_id: str
    scheme_hash: str
    result_hash: str
    manifest_hash: str

    def document(self) -> dict[str, Any]:
        """The source as JSON-able data."""
        return dict(self.__dict__)


@dataclass(frozen=True)
class Column:
    """One published column: its labels, the decimals it was rounded to, and whether it has a state."""

    name: str
    zh: str
    en: str
    decimals: int | None = None
    is_number: bool = False
    about_zh: str = ""
    about_en: str = ""

    def label(self, language: str) -> str:
        """The heading in one language."""
        return self.zh if language == "zh" else self.en

    def about(self, language: str) -> str:
        """What the column means, in one language."""
        return self.about_zh if language == "zh" else self.about_en


@dataclass(frozen=True)
class Ranking:
    """Published rows of one kind, sorted for reading.

    Every number has a column beside it, ``<name>_state``: shown, suppressed or missing.
    """

    what: What
    source: Source
    minimum_cell: MinimumCell
    columns: tuple[Column, ...]
    rows: pl.DataFrame

    @property
    def peer_groups(self) -> tuple[str | None, ...]:
        """Peer groups in the order of the rows; None is the group of those without one."""
        return tuple(self.rows["peer_group"].unique(maintain_order=True).to_list())

    def document(self) -> dict[str, Any]:
        """The ranking as JSON-able data."""
        return {
            "what": self.what,
            "source": self.source.document(),
            "minimum_cell": self.minimum_cell.document(),
            "columns": [{"name": each.name, "zh": each.zh, "en": each.en} for each in self.columns],
            "rows": [_plain(row) for row in self.rows.to_dicts()],
        }


def ranking(engine: Engine, period_id: str, what: What = "departments", peer_group: str | None = None) -> Ranking:
    """The published release of a period as readers may see it.

    Args:
        engine: the warehouse; a reading engine is enough.
        period_id: a period with a published release.
        what: departments with their ranks, their items, units by indicator, or satisfaction.
        peer_group: only this peer group; ranks are inside the group in either case.

    Raises:
        NothingPublishedError: the period is unknown or has no published release.
        UnknownPeerGroupError: nobody in the release is in that group.
    """
    release, manifest = published(engine, period_id)
    rule = MinimumCell.of(manifest)
    build = {"departments": _departments, "items": _items, "units": _units, "satisfaction": _satisfaction}[what]
    rows, columns = build(engine, str(release["release_id"]), rule)
    if peer_group is not None:
        found = rows["peer_group"].drop_nulls().unique().sort().to_list()
        if peer_group not in found:
            raise UnknownPeerGroupError(peer_group, found)
        rows = rows.filter(pl.col("peer_group") == peer_group)
    return Ranking(what, source_of(engine, release, manifest), rule, columns, rows)


def published(engine: Engine, period_id: str) -> tuple[RowMapping, dict[str, Any]]:
    """The published release of a period and its manifest.

    Raises:
        NothingPublishedError: the period is unknown or has no published release.
    """
    release = published_release(engine, period_id)
    if release is None:
        with engine.connect() as connection:
            periods = connection.execute(select(program_period.c.period_id)).scalars().all()
        has_release = [each for each in sorted(periods) if published_release(engine, each) is not None]
        raise NothingPublishedError(period_id, has_release, known=period_id in periods)
    return release, json.loads(release["manifest"])


def source_of(engine: Engine, release: RowMapping, manifest: Mapping[str, Any]) -> Source:
    """What accompanies every figure of a release; the data are as of the newest file it was made from."""
    files = [entry["sha256"] for entry in manifest["inputs"]]
    with engine.connect() as connection:
        newest = connection.execute(
            select(func.max(ingest_file.c.claimed_at)).where(ingest_file.c.sha256.in_(files))
        ).scalar_one()
    return Source(
        period_id=release["period_id"],
        release_id=release["release_id"],
        published_at=when(release, "published_at"),
        data_as_of=as_utc(newest).isoformat(timespec="seconds") if newest is not None else None,
        scheme_id=release["scheme_id"],
        scheme_hash=manifest["scheme_hash"],
        result_hash=release["result_hash"],
        manifest_hash=release["manifest_hash"],
    )


def count_band(name: str) -> pl.Expr:
    """The band a count is published as; null below the first band."""
    return _band(name, COUNT_BANDS)


def reliability_band(name: str) -> pl.Expr:
    """The band a reliability is published as; a negative estimate is in the lowest."""
    return _band(name, ((float("-inf"), "insufficient"), *RELIABILITY_BANDS[1:]))


def _band(name: str, bands: Sequence[tuple[float, str]]) -> pl.Expr:
    found: pl.Expr = pl.lit(None, pl.String)
    for lower, label in bands:
        found = pl.when(pl.col(name) >= lower).then(pl.lit(label)).otherwise(found)
    return found


def reasons_text(codes: str | None, language: str) -> str:
    """Reason codes joined by semicolons as a sentence in one language; "" for none."""
    known = [REASONS[code] for code in (codes or "").split(";") if code]
    return ("；" if language == "zh" else "; ").join(each.zh if language == "zh" else each.en for each in known)


def rounded(table: ResultTable, name: str) -> pl.Expr:
    """A float of a result rounded to the decimals it is published with, half to even."""
    value = pl.col(name).round(table.column(name).decimals or 0, mode="half_to_even")
    return pl.when(value == 0.0).then(0.0).otherwise(value).alias(name)


def published_departments(engine: Engine, release_id: str, rule: MinimumCell) -> pl.DataFrame:
    """Rows of ``department_score`` as published, plus ``is_suppressed`` and the rank among those shown."""
    table = DEPARTMENT_SCORE
    figures = ("score_shrunken", "score_raw_mean", "ci_low", "ci_high")
    rows = read_results(engine, release_id, table.name).with_columns(is_suppressed=rule.too_small())
    shown = pl.when(~pl.col("is_suppressed"))
    rows = rows.with_columns(shown.then(pl.col(name)).alias(name) for name in ("rank", "component"))
    return rows.with_columns(
        pl.col("rank").rank("min").over("peer_group", "component").cast(pl.Int64),
        *(shown.then(rounded(table, name)).alias(name) for name in figures),
        shown.then(reliability_band("reliability")).alias("reliability"),
        shown.then(count_band("n_raters")).alias("raters"),
        # Whether nobody or too few rated is not told apart, and no other reason is given.
        reason_codes=shown.then(pl.col("reason_codes")).otherwise(pl.lit(SUPPRESSED)),
    )


def published_items(engine: Engine, release_id: str, rule: MinimumCell) -> pl.DataFrame:
    """Rows of ``department_item`` as published, plus ``is_suppressed``: with their department or by themselves."""
    table = DEPARTMENT_ITEM
    departments = published_departments(engine, release_id, rule).select(
        "ratee_org_id", department_suppressed="is_suppressed"
    )
    rows = read_results(engine, release_id, table.name).join(departments, on="ratee_org_id", how="left")
    small = pl.col("department_suppressed").fill_null(value=True) | (pl.col("n_answered") < rule.min_raters)
    rows = rows.with_columns(is_suppressed=small)
    shown = pl.when(~pl.col("is_suppressed"))
    return rows.with_columns(
        shown.then(rounded(table, "score_raw_mean")).alias("score_raw_mean"),
        shown.then(count_band("n_answered")).alias("answered"),
        reason_codes=shown.then(pl.lit(None, pl.String)).otherwise(pl.lit(SUPPRESSED)),
    )


def published_satisfaction(engine: Engine, release_id: str, rule: MinimumCell) -> pl.DataFrame:
    """Rows of ``satisfaction_mean`` as published, plus ``is_suppressed``: too few respondents."""
    table = SATISFACTION_MEAN
    means = ("mean_score", "mean_0_100", "mean_weighted", "mean_weighted_0_100")
    rows = read_results(engine, release_id, table.name).with_columns(
        is_suppressed=pl.col("n_answered") < rule.min_raters
    )
    shown = pl.when(~pl.col("is_suppressed"))
    return rows.with_columns(
        *(shown.then(rounded(table, name)).alias(name) for name in means),
        shown.then(pl.col("n_answered")).alias("n_answered"),
        reason_codes=shown.then(pl.col("reason_codes")).otherwise(pl.lit(SUPPRESSED)),
    )


def _departments(engine: Engine, release_id: str, rule: MinimumCell) -> tuple[pl.DataFrame, tuple[Column, ...]]:
    rows = published_departments(engine, release_id, rule).rename({"score_shrunken": "score"})
    unranked = pl.col("rank").is_null()
    rows = rows.sort(
        pl.col("peer_group"), unranked, pl.when(~unranked).then(pl.col("component")), pl.col("rank"),
        pl.col("org_name"), pl.col("ratee_org_id"), nulls_last=True,
    )  # fmt: skip
    columns = (
        _column(DEPARTMENT_SCORE, "rank", is_number=True),
        _column(DEPARTMENT_SCORE, "org_name", zh="部门", en="department"),
        replace(_column(DEPARTMENT_SCORE, "score_shrunken", is_number=True, zh="得分", en="score"), name="score"),
        _column(DEPARTMENT_SCORE, "ci_low", is_number=True, zh="得分下限（95%）", en="score from (95%)"),
        _column(DEPARTMENT_SCORE, "ci_high", is_number=True, zh="得分上限（95%）", en="score to (95%)"),
        _banded(DEPARTMENT_SCORE, "reliability", "reliability", "信度", "reliability"),
        _banded(DEPARTMENT_SCORE, "n_raters", "raters", "评分人数（档）", "raters (band)"),
        _column(DEPARTMENT_SCORE, "reason_codes", zh="备注", en="note"),
        _column(DEPARTMENT_SCORE, "peer_group"),
        _column(DEPARTMENT_SCORE, "ratee_org_id"),
    )
    return _finished(rows, columns), columns


def _items(engine: Engine, release_id: str, rule: MinimumCell) -> tuple[pl.DataFrame, tuple[Column, ...]]:
    rows = published_items(engine, release_id, rule)
    columns = (
        _column(DEPARTMENT_ITEM, "org_name", zh="部门", en="department"),
        _column(DEPARTMENT_ITEM, "instrument_id"),
        _column(DEPARTMENT_ITEM, "item_id"),
        _column(DEPARTMENT_ITEM, "dimension"),
        _column(DEPARTMENT_ITEM, "score_raw_mean", is_number=True),
        _banded(DEPARTMENT_ITEM, "n_answered", "answered", "作答数（档）", "answered (band)"),
        _column(DEPARTMENT_SCORE, "reason_codes", zh="备注", en="note"),
        _column(DEPARTMENT_ITEM, "peer_group"),
        _column(DEPARTMENT_ITEM, "ratee_org_id"),
    )
    return _finished(rows.sort(_order("ratee_org_id"), nulls_last=True), columns), columns


def _units(engine: Engine, release_id: str, rule: MinimumCell) -> tuple[pl.DataFrame, tuple[Column, ...]]:
    del rule  # facts come from registers, not from raters
    rows = read_results(engine, release_id, UNIT_POINTS.name)
    numbers = ("value", "baseline_value", "achievement_threshold", "benchmark", "achievement", "improvement", "points")
    columns = (
        _column(UNIT_POINTS, "org_name", zh="单位", en="unit"),
        _column(UNIT_POINTS, "indicator_id"),
        *(_column(UNIT_POINTS, name, is_number=True) for name in numbers),
        _column(UNIT_POINTS, "baseline_period"),
        _column(UNIT_POINTS, "reason_codes", zh="备注", en="note"),
        _column(UNIT_POINTS, "peer_group"),
        _column(UNIT_POINTS, "org_id"),
    )
    rows = rows.with_columns(is_suppressed=pl.lit(value=False))
    return _finished(rows.sort(_order("org_id", "indicator_id"), nulls_last=True), columns), columns


def _satisfaction(engine: Engine, release_id: str, rule: MinimumCell) -> tuple[pl.DataFrame, tuple[Column, ...]]:
    rows = published_satisfaction(engine, release_id, rule)
    numbers = ("n_answered", "mean_score", "mean_0_100", "mean_weighted", "mean_weighted_0_100")
    columns = (
        _column(SATISFACTION_MEAN, "org_name", zh="单位", en="unit"),
        _column(SATISFACTION_MEAN, "instrument_id"),
        _column(SATISFACTION_MEAN, "item_id"),
        _column(SATISFACTION_MEAN, "dimension"),
        *(_column(SATISFACTION_MEAN, name, is_number=True) for name in numbers),
        _column(SATISFACTION_MEAN, "reason_codes", zh="备注", en="note"),
        _column(SATISFACTION_MEAN, "peer_group"),
        _column(SATISFACTION_MEAN, "org_id"),
    )
    return _finished(rows.sort(_order("org_id"), nulls_last=True), columns), columns


def _order(subject: str, *then: str) -> list[str]:
    rest = list(then) or ["instrument_id", "item_id"]
    return ["peer_group", "org_name", subject, *rest]


def _column(
    table: ResultTable, name: str, *, is_number: bool = False, zh: str | None = None, en: str | None = None
) -> Column:
    declared = table.column(name)
    return Column(
        name, zh or declared.zh, en or declared.en, declared.decimals, is_number, declared.description_zh,
        declared.description_en,
    )  # fmt: skip


def _banded(table: ResultTable, name: str, shown: str, zh: str, en: str) -> Column:
    """A column that shows the band of a declared one."""
    declared = table.column(name)
    about_zh, about_en = f"{declared.description_zh}按档公布。", f"{declared.description_en} Published as a band."
    return Column(shown, zh, en, None, is_number=True, about_zh=about_zh, about_en=about_en)


def _finished(rows: pl.DataFrame, columns: Sequence[Column]) -> pl.DataFrame:
    """The published columns, each number with its state."""
    return rows.select(pl.col(column.name) for column in columns).with_columns(_states(rows, columns))


def _states(rows: pl.DataFrame, columns: Sequence[Column]) -> list[pl.Series]:
    suppressed = pl.col("is_suppressed")
    expressions = [
        pl.when(suppressed).then(pl.lit("suppressed")).when(pl.col(column.name).is_null()).then(pl.lit("missing"))
        .otherwise(pl.lit("shown")).alias(f"{column.name}{STATE}")
        for column in columns
        if column.is_number
    ]  # fmt: skip
    return rows.select(expressions).get_columns()


def _plain(row: Mapping[str, Any]) -> dict[str, Any]:
    """A row with decimals as numbers."""
    return {name: float(value) if isinstance(value, Decimal) else value for name, value in row.items()}
