"""Checks of ratings and survey answers against raters, items and the frame."""

from __future__ import annotations

import polars as pl

from expectations.datasets.shared import ANSWER_STATUS
from tasks.checking.references import Check, Known, Span, from_condition, on_day

SCALE = ("scale_min", "scale_max", "scale_step")
_NO_LINES = {"_index": pl.UInt32, "column": pl.String, "code": pl.String, "value": pl.String}


def _off_scale(score: pl.Expr) -> pl.Expr:
    below_or_above = (score < pl.col("scale_min")) | (score > pl.col("scale_max"))
    units = [(expr * 1_000_000).cast(pl.Int64) for expr in (score - pl.col("scale_min"), pl.col("scale_step"))]
    between_steps = (pl.col("scale_step") > 0) & (units[0] % units[1] != 0)
    return below_or_above.fill_null(value=False) | between_steps.fill_null(value=False)


def _item_key(rows: pl.LazyFrame | pl.DataFrame) -> list[str]:
    names = rows.collect_schema().names()
    return [name for name in ("instrument_id", "instrument_version", "item_id") if name in names]


def _scale_suspects(rows: pl.LazyFrame, known: Known, _span: Span | None) -> tuple[pl.LazyFrame, pl.Expr]:
    items = known.view("instrument_item")
    if items is None:
        return rows, pl.lit(value=False)
    key = _item_key(rows)
    scales = items.select(*key, *SCALE).unique()
    single = scales.filter(~pl.struct(key).is_duplicated()).with_columns(_scaled=pl.lit(value=True))
    rows = rows.join(single.lazy(), on=key, how="left")
    unclear = pl.col("_scaled").is_null() | _off_scale(pl.col("score_raw"))
    return rows, pl.col("score_raw").is_not_null() & unclear


def _scale_problems(rows: pl.DataFrame, known: Known) -> pl.DataFrame:
    items = known.view("instrument_item")
    if items is None:
        return pl.DataFrame(schema=_NO_LINES)
    key = _item_key(rows)
    scored = rows.filter(pl.col("score_raw").is_not_null())
    judged = scored.join(items.select(*key, *SCALE).unique(), on=key, how="inner")
    fits = judged.filter(~_off_scale(pl.col("score_raw"))).select("_index").unique()
    wrong = judged.join(fits, on="_index", how="anti").unique("_index", keep="first", maintain_order=True)
    shown = [pl.col(name).cast(pl.Float64).cast(pl.String) for name in SCALE]
    return wrong.select(
        "_index",
        column=pl.lit("score_raw"),
        code=pl.lit("E229"),
        value=pl.col("score_raw").cast(pl.Float64).cast(pl.String),
        expected=pl.concat_str(shown[0], pl.lit("–"), shown[1], pl.lit(" / "), shown[2], ignore_nulls=True),
    )


score_on_scale = Check(_scale_suspects, _scale_problems)

not_rating_itself = from_condition(pl.col("rater_org_id") == pl.col("target_org_id"), "target_org_id", "E226")

score_present_when_answered = from_condition(
    (pl.col("status") == "answered") & pl.col("score_raw").is_null(), "score_raw", "E238", detail="status = answered"
)

# A status that is not on the code list is told as such (E210) and contradicts nothing.
_UNSCORED = [code.value for code in ANSWER_STATUS if code.value != "answered"]
score_absent_unless_answered = from_condition(
    pl.col("status").is_in(_UNSCORED) & pl.col("score_raw").is_not_null(), "score_raw", "E239", detail="status"
)


def _unit_suspects(rows: pl.LazyFrame, known: Known, span: Span | None) -> tuple[pl.LazyFrame, pl.Expr]:
    raters = known.view("rater")
    if raters is None:
        return rows, pl.lit(value=False)
    if span is None:
        return rows, pl.lit(value=True)
    steady = raters.filter(
        (pl.col("valid_from") <= span.first) & (pl.col("valid_to").is_null() | (pl.col("valid_to") > span.last))
    ).select("rater_id", _rater_unit="rater_org_id")
    steady = steady.unique("rater_id", keep="none")
    rows = rows.join(steady.lazy(), on="rater_id", how="left")
    return rows, (pl.col("_rater_unit") != pl.col("rater_org_id")).fill_null(value=True)


def _unit_problems(rows: pl.DataFrame, known: Known) -> pl.DataFrame:
    raters = known.view("rater")
    if raters is None:
        return pl.DataFrame(schema=_NO_LINES)
    rows = rows.filter(pl.col("submitted_at").is_not_null() & pl.col("rater_org_id").is_not_null())
    registered = rows.join(raters.select("rater_id").unique(), on="rater_id", how="semi")
    posts = raters.select("rater_id", "rater_org_id", _from="valid_from", _to="valid_to")
    day = on_day("submitted_at", rows.schema)
    in_post = (
        registered.with_columns(_day=day)
        .join(posts, on=["rater_id", "rater_org_id"], how="inner")
        .filter((pl.col("_from") <= pl.col("_day")) & (pl.col("_to").is_null() | (pl.col("_to") > pl.col("_day"))))
    )
    wrong = registered.join(in_post, on="_index", how="anti")
    return wrong.select("_index", column=pl.lit("rater_org_id"), code=pl.lit("E228"), value="rater_org_id")


rater_belongs_to_unit = Check(_unit_suspects, _unit_problems)


def _frame_suspects(rows: pl.LazyFrame, known: Known, _span: Span | None) -> tuple[pl.LazyFrame, pl.Expr]:
    frame, orgs = known.view("rating_frame"), known.view("org_unit")
    if frame is not None and not frame.is_empty():
        return rows, pl.lit(value=True)
    if orgs is None:
        return rows, pl.lit(value=False)
    strangers = _strangers(orgs)
    conditions = [
        pl.col("target_org_id").is_in(targets.implode()) & pl.col("rater_org_id").is_in(outside.implode())
        for targets, outside in strangers
    ]
    return rows, pl.any_horizontal(pl.lit(value=False), *conditions)


def _strangers(orgs: pl.DataFrame) -> list[tuple[pl.Series, pl.Series]]:
    """Without a frame: pairs of (departments under one parent, organisations outside that parent's tree)."""
    rateable = orgs.filter(~pl.col("level").is_in(["village", "township"]) & pl.col("parent_org_id").is_not_null())
    found = []
    for (parent,), departments in rateable.group_by("parent_org_id", maintain_order=True):
        inside = _descendants(orgs, str(parent))
        outside = orgs.filter(~pl.col("org_id").is_in(inside.implode()))["org_id"].unique()
        if not outside.is_empty():
            found.append((departments["org_id"].unique(), outside))
    return found


def _descendants(orgs: pl.DataFrame, root: str) -> pl.Series:
    """The organisation and everything below it, by parent_org_id."""
    reached = pl.Series([root], dtype=pl.String)
    layer = reached
    while not layer.is_empty():
        below = orgs.filter(pl.col("parent_org_id").is_in(layer.implode()))["org_id"].unique()
        layer = below.filter(~below.is_in(reached.implode()))
        reached = pl.concat([reached, layer])
    return reached


def _frame_problems(rows: pl.DataFrame, known: Known) -> pl.DataFrame:
    frame, orgs = known.view("rating_frame"), known.view("org_unit")
    framed = pl.DataFrame(schema={"period_id": pl.String}) if frame is None else frame.select("period_id").unique()
    with_frame = rows.join(framed, on="period_id", how="semi")
    without = rows.join(framed, on="period_id", how="anti")
    wrong = []
    if frame is not None and not with_frame.is_empty():
        wrong.append(_outside_frame(with_frame, frame))
    if orgs is not None and not without.is_empty():
        for targets, outside in _strangers(orgs):
            wrong.append(
                without.filter(
                    pl.col("target_org_id").is_in(targets.implode()) & pl.col("rater_org_id").is_in(outside.implode())
                )
            )
    if not wrong:
        return pl.DataFrame(schema=_NO_LINES)
    return pl.concat(wrong).select("_index", column=pl.lit("target_org_id"), code=pl.lit("E235"), value="target_org_id")


def _outside_frame(rows: pl.DataFrame, frame: pl.DataFrame) -> pl.DataFrame:
    """Rows whose pair the frame excludes, does not list, or whose department is not assessed."""
    pairs = frame.select("period_id", "role", target_org_id="subject_org_id", rater_org_id="rater_org_id")
    excluded = pairs.filter(pl.col("role") == "excluded")
    assessed = pairs.filter(pl.col("role") == "assessed").select("period_id", "target_org_id").unique()
    allowed = pairs.filter(pl.col("role") == "may_rate")
    both, one = ["period_id", "target_org_id", "rater_org_id"], ["period_id", "target_org_id"]
    out = rows.join(excluded.filter(pl.col("rater_org_id").is_not_null()), on=both, how="semi")
    out_whole = rows.join(excluded.filter(pl.col("rater_org_id").is_null()), on=one, how="semi")
    restricted = rows.join(allowed.select(one).unique(), on=one, how="semi").join(allowed, on=both, how="anti")
    listed_periods = assessed.select("period_id").unique()
    unlisted = rows.join(listed_periods, on="period_id", how="semi").join(assessed, on=one, how="anti")
    return pl.concat([out, out_whole, restricted, unlisted]).unique("_index", keep="first", maintain_order=True)


target_in_frame = Check(_frame_suspects, _frame_problems)
