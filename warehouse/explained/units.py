"""A unit's figures, from its payment down to the facts they were made of."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from fractions import Fraction
from typing import Any

import polars as pl
from sqlalchemy import Engine

from scoring.scheme import Scheme
from warehouse.explained.indicators import ANCHORS, indicator_nodes, weighed
from warehouse.explained.node import contributions, node, told_reasons, used_weights
from warehouse.published import published_unit_satisfaction
from warehouse.releases import read_results

Row = Mapping[str, Any]

_TABLES = (
    "unit_indicator", "unit_cell", "unit_score", "effective_weight", "incentive_score", "bonus",
    "bonus_pool", "adjustment_applied",
)  # fmt: skip
_PARTS = (
    ("satisfaction", "satisfaction_score"),
    ("results", "results_score"),
    ("duty_list", "list_score"),
    ("process", "process_score"),
)


@dataclass(frozen=True)
class UnitRows:
    """The rows of one release about one unit, and the scheme they were made by."""

    org_id: str
    tables: Mapping[str, pl.DataFrame]
    scheme: Scheme

    @classmethod
    def read(cls, engine: Engine, release_id: str, org_id: str, scheme: Scheme) -> UnitRows:
        """The rows of a release; pools and effective weights are those of the unit's peer group."""
        frames = {name: read_results(engine, release_id, name) for name in _TABLES}
        frames["unit_satisfaction"] = published_unit_satisfaction(engine, release_id)
        own = {
            name: frame.filter(pl.col("org_id") == org_id)
            for name, frame in frames.items()
            if "org_id" in frame.columns
        }
        group = own["unit_score"]["peer_group"].to_list()
        others = {
            name: frame.filter(pl.col("peer_group").is_in(group)) for name, frame in frames.items() if name not in own
        }
        return cls(org_id, own | others, scheme)

    def one(self, name: str) -> dict[str, Any] | None:
        """The unit's only row of a table; None when it has none."""
        rows = self.tables[name]
        return rows.row(0, named=True) if rows.height else None

    def adjustments(self, indicator_id: str | None = None) -> list[dict[str, Any]]:
        """Adjustments applied to the unit, or to one of its indicators."""
        rows = self.tables["adjustment_applied"]
        if indicator_id is not None:
            rows = rows.filter(pl.col("what").str.contains(indicator_id, literal=True))
        return [
            {
                "adjustment_id": row["adjustment_id"], "kind": row["adj_kind"], "what": row["what"],
                "before": _float(row["before"]), "after": _float(row["after"]), "decision": row["decision_doc_no"],
            }
            for row in rows.iter_rows(named=True)
        ]  # fmt: skip


def unit_tree(rows: UnitRows) -> dict[str, Any] | None:
    """The tree from the payment, or the highest figure there is; None when the unit has no score at all."""
    score = rows.one("unit_score")
    if score is None:
        return None
    differentiated = _differentiated(rows, score)
    incentive = rows.one("incentive_score")
    if incentive is None:
        return differentiated
    scored = _incentive(rows, incentive, differentiated)
    bonus = rows.one("bonus")
    return scored if bonus is None else _bonus(rows, bonus, scored)


def _float(value: Decimal | None) -> float | None:
    return None if value is None else float(value)


def _bonus(rows: UnitRows, bonus: Row, incentive: Mapping[str, Any]) -> dict[str, Any]:
    pool = rows.one("bonus_pool") or {}
    shared = ("pool_fen", "reserve_fen", "paid_fen", "unspent_fen", "unit_price")
    return node(
        "bonus",
        bonus["paid_fen"],
        unit="fen",
        rule={"name": "bonus", "unit_price": pool.get("unit_price"), "cap_fen": bonus["cap_fen"]},
        figures={
            "base_fen": bonus["base_fen"], "factor": bonus["factor"], "cap_fen": bonus["cap_fen"],
            **{f"group_{name}": pool.get(name) for name in shared},
        },
        reasons=bonus["reason_codes"],
        parts=[incentive],
    )  # fmt: skip


def _incentive(rows: UnitRows, incentive: Row, differentiated: dict[str, Any]) -> dict[str, Any]:
    value, adder, base = incentive["incentive_score"], incentive["adder"], incentive["differentiated_score"]
    added = None if value is None else value - base
    differentiated["contribution"] = _float(base)
    return node(
        "incentive",
        value,
        rule={"name": "incentive", "cap": _point(rows.scheme.incentive, "score_cap")},
        figures={
            "tier": incentive["tier"], "tier_before_caps": incentive["tier_uncapped"], "rank": incentive["rank"],
            "probability_within_quota": incentive["p_within_quota"], "red_lines": incentive["red_line_id"],
        },
        reasons=incentive["reason_codes"],
        adjustments=[each for each in rows.adjustments() if each["kind"] == "adder"],
        parts=[differentiated, node("adder", adder, contribution=added)],
    )  # fmt: skip


def _point(section: Any, name: str) -> float | None:
    return None if section is None else float(getattr(section, name).value)


def _differentiated(rows: UnitRows, score: Row) -> dict[str, Any]:
    rules = rows.scheme.unit_score
    weights = rules.weights if rules else {}
    effective = {row["part"]: row["effective_weight"] for row in rows.tables["effective_weight"].iter_rows(named=True)}
    given = [(score[column], weights.get(name, Fraction(0))) for name, column in _PARTS]
    made = _part_nodes(rows, score)
    parts = [
        weighed(made[name], value, weight, used, part, effective.get(column))
        for (name, column), (value, weight), used, part in zip(
            _PARTS, given, used_weights(given), contributions(score["raw_score"], given), strict=True
        )
        if weight > 0 or value is not None
    ]
    figures = ("se", "peer_mean", "peer_median", "percentile", "rank", "rank_low", "rank_high", "n_ranked", "z")
    return node(
        "differentiated",
        score["differentiated_score"],
        rule={"name": "weighted_mean", "observed_weight": _float(score["observed_weight"])},
        figures={name: score[name] for name in figures},
        reasons=score["reason_codes"],
        parts=parts,
    )


def _part_nodes(rows: UnitRows, score: Row) -> dict[str, dict[str, Any]]:
    return {
        "satisfaction": _satisfaction(rows, score),
        "results": _results(rows, score),
        "duty_list": node(
            "duty_list",
            score["list_score"],
            rule={"name": "duty_list"},
            figures={name: score[name] for name in ("n_duties_fulfilled", "n_duties_verified")},
        ),
        "process": node(
            "process", score["process_score"], rule={"name": "weighted_mean"},
            parts=_indicators(rows, score["process_score"], pl.col("nature") == "process"),
        ),
    }  # fmt: skip


def _satisfaction(rows: UnitRows, score: Row) -> dict[str, Any]:
    found = rows.one("unit_satisfaction") or {}
    hidden = "SUPPRESSED_SMALL_N" in (found.get("reason_codes") or "").split(";")
    shown = (
        "satisfaction_mean", "mean_0_100", "se", "gamma", "eb_se", "ci_low", "ci_high", "n_respondents",
        "n_eff", "response_rate", "early_late_difference",
    )  # fmt: skip
    rules = rows.scheme.satisfaction
    anchors = _own([] if rules is None else list(rules.anchors), score["peer_group"])
    return node(
        "satisfaction",
        score["satisfaction_score"],
        rule={"name": "anchors", **{name: _float(getattr(anchors, name, None)) for name in ANCHORS}},
        figures={} if hidden else {name: found.get(name) for name in shown},
        reasons=found.get("reason_codes"),
    )


def _own(anchors: Sequence[Any], peer_group: str | None) -> Any:
    """The anchors of a peer group, else those of every group without its own."""
    by_group = {each.peer_group: each for each in anchors}
    return by_group.get(peer_group) or by_group.get(None)


def _results(rows: UnitRows, score: Row) -> dict[str, Any]:
    rules = rows.scheme.tracks
    latent = rules.latent_share.fraction if rules else Fraction(7, 20)
    given = [(score["visible_score"], 1 - latent), (score["latent_score"], latent)]
    shares = zip(
        ("visible", "latent"), given, used_weights(given), contributions(score["results_score"], given), strict=True
    )
    parts = [
        weighed(_dual_track(rows, kind, value), value, weight, used, part)
        for kind, (value, weight), used, part in shares
    ]
    return node("results", score["results_score"], rule={"name": "weighted_mean"}, parts=parts)


def _dual_track(rows: UnitRows, kind: str, value: Decimal | None) -> dict[str, Any]:
    rules = rows.scheme.tracks
    numbers = ("quality_share", "missing_track_cap", "cell_floor")
    cells = rows.tables["unit_cell"].filter(pl.col("achievement_kind") == kind).sort("track")
    return node(
        kind,
        value,
        rule={"name": "dual_track", **{name: _point(rules, name) for name in numbers}},
        parts=[_cell(rows, row) for row in cells.iter_rows(named=True)],
    )


def _cell(rows: UnitRows, cell: Row) -> dict[str, Any]:
    within = (
        (pl.col("achievement_kind") == cell["achievement_kind"])
        & (pl.col("track") == cell["track"])
        & (pl.col("nature") != "process")
    )
    return node(
        cell["track"],
        cell["cell_score"],
        rule={"name": "weighted_mean", "observed_weight": _float(cell["observed_weight"])},
        figures={"n_indicators": cell["n_indicators"], "n_scored": cell["n_scored"]},
        parts=_indicators(rows, cell["cell_score"], within),
    )


def _indicators(rows: UnitRows, mean: Decimal | None, chosen: pl.Expr) -> list[dict[str, Any]]:
    found = rows.tables["unit_indicator"].filter(chosen).sort("indicator_id").iter_rows(named=True)
    return indicator_nodes(((row, rows.adjustments(row["indicator_id"])) for row in found), mean)


def unit_facts(subject: Mapping[str, Any], points: pl.DataFrame, satisfaction: pl.DataFrame) -> dict[str, Any]:
    """Points on the ``cms`` scale and answers by item of a unit.

    Args:
        subject: org_id, org_name and peer_group.
        points: its rows of ``unit_points``.
        satisfaction: its rows of ``published_satisfaction``.
    """
    numbers = ("value", "achievement_threshold", "benchmark", "baseline_value")
    wholes = ("achievement", "improvement", "points")
    indicators = [
        {
            "indicator_id": row["indicator_id"], "baseline_period": row["baseline_period"],
            **{name: None if row[name] is None else float(row[name]) for name in numbers},
            **{name: row[name] for name in wholes}, "reasons": told_reasons(row["reason_codes"]),
        }
        for row in points.sort("indicator_id").iter_rows(named=True)
    ]  # fmt: skip
    items = [
        {
            "instrument_id": row["instrument_id"], "item_id": row["item_id"], "dimension": row["dimension"],
            "state": "suppressed" if row["is_suppressed"] else "shown",
            "mean_0_100": row["mean_0_100"], "mean_score": row["mean_score"], "n_answered": row["n_answered"],
            "reasons": told_reasons(row["reason_codes"]),
        }
        for row in satisfaction.sort("instrument_id", "item_id").iter_rows(named=True)
    ]  # fmt: skip
    return {
        "kind": "unit", **subject,
        "state": "shown", "indicators": indicators, "satisfaction": items, "reasons": [],
    }  # fmt: skip
