"""A department's figures, from its composite down to the items it was rated on."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from decimal import ROUND_HALF_EVEN, Decimal
from fractions import Fraction
from typing import Any

import polars as pl
from sqlalchemy import Engine

from scoring.scheme import Scheme
from scoring.tables import DEPARTMENT_SCORE
from warehouse.explained.indicators import indicator_nodes
from warehouse.explained.node import contributions, node, told_reasons, used_weights
from warehouse.published import COMPOSITE_DECIMALS, MinimumCell, published_composites, published_items
from warehouse.releases import read_results

POOLED = "*"
"""Name of the fit shared by peer groups too small for their own."""

_PARTS = (
    ("reverse_rating", "reverse_rating_score"),
    ("burden", "burden_score"),
    ("response", "response_score"),
)


@dataclass(frozen=True)
class ExplainedRelease:
    """A published release being explained."""

    engine: Engine
    release_id: str
    manifest: Mapping[str, Any]
    rule: MinimumCell
    scheme: Scheme


def department_tree(release: ExplainedRelease, row: Mapping[str, Any], departments: pl.DataFrame) -> dict[str, Any]:
    """What a department's figures are made of; a suppressed one is explained by the rule and nothing else.

    Args:
        release: the release.
        row: its row of ``published_departments``.
        departments: every row of it.
    """
    head = {
        "kind": "department", "org_id": row["ratee_org_id"], "org_name": row["org_name"],
        "peer_group": row["peer_group"], "reasons": told_reasons(row["reason_codes"]),
    }  # fmt: skip
    if row["is_suppressed"]:
        return {**head, "state": "suppressed", "minimum_cell": release.rule.document()}
    group = departments.filter(pl.col("peer_group") == row["peer_group"])
    fit, model = _model(release.manifest, row["peer_group"], departments)
    return {
        **head,
        "state": "shown",
        "rank": row["rank"],
        "ranked": group["rank"].drop_nulls().len(),
        "score": _score(row["score_shrunken"], model),
        "raw_mean": row["score_raw_mean"],
        "adjusted_mean": row["score_adjusted"],
        "rank_interval": {"low": row["rank_low"], "high": row["rank_high"]},
        "probability": {"top": row["p_top"], "bottom": row["p_bottom"]},
        "consequence": row["consequence"],
        "composite": _composite(release, str(row["ratee_org_id"]), departments),
        "interval": {"level": 0.95, "low": row["ci_low"], "high": row["ci_high"]},
        "reliability": row["reliability"],
        "raters": row["raters"],
        "model": {"fit": fit, **{name: _rounded(model.get(name), 2) for name in ("vs", "vd", "v")}},
        "items": _items(release, str(row["ratee_org_id"])),
    }


def _model(
    manifest: Mapping[str, Any], peer_group: str | None, departments: pl.DataFrame
) -> tuple[str, Mapping[str, Any]]:
    """The fit a peer group belongs to; its overall mean is withheld beside a suppressed department.

    The effects of one fit sum to zero, so the mean and the shown scores would give the hidden one.
    """
    models = manifest["models"]
    fit = peer_group if peer_group in models else POOLED
    alone = [name for name in models if name != POOLED]
    groups = pl.col("peer_group")
    members = departments.filter(groups == fit if fit in alone else ~groups.is_in(alone).fill_null(value=False))
    model = dict(models.get(fit, {}))
    if members["is_suppressed"].any():
        model.pop("overall_mean", None)
    return str(fit), model


def _score(score: float | None, model: Mapping[str, Any]) -> dict[str, Any]:
    """The score as overall mean plus effect, all three rounded and still adding up."""
    decimals = DEPARTMENT_SCORE.column("score_shrunken").decimals or 0
    mean = _rounded(model.get("overall_mean"), decimals)
    if mean is None or score is None:
        return {"value": score, "overall_mean": None, "effect": None}
    return {"value": score, "overall_mean": mean, "effect": float(Decimal(str(score)) - Decimal(str(mean)))}


def _rounded(value: float | None, decimals: int) -> float | None:
    return None if value is None else round(value, decimals)


def _items(release: ExplainedRelease, org_id: str) -> list[dict[str, Any]]:
    rows = published_items(release.engine, release.release_id, release.rule).filter(pl.col("ratee_org_id") == org_id)
    return [
        {
            "instrument_id": row["instrument_id"], "item_id": row["item_id"], "dimension": row["dimension"],
            "state": "suppressed" if row["is_suppressed"] else "shown", "raw_mean": row["score_raw_mean"],
            "answered": row["answered"],
        }
        for row in rows.sort("instrument_id", "item_id").iter_rows(named=True)
    ]  # fmt: skip


def _composite(release: ExplainedRelease, org_id: str, departments: pl.DataFrame) -> dict[str, Any] | None:
    """The composite of a department that is shown; None when the scheme has none.

    Its part from the ratings is published rounded, so everything here is, and still adds up.
    """
    rows = read_results(release.engine, release.release_id, "department_composite")
    rows = rows.filter(pl.col("ratee_org_id") == org_id)
    rules = release.scheme.department_composite
    if rows.is_empty() or rules is None:
        return None
    row = rows.row(0, named=True)
    ranks = published_composites(release.engine, release.release_id, departments)
    total = _tenths(row["composite_score"])
    indicators = read_results(release.engine, release.release_id, "department_indicator")
    own = indicators.filter(pl.col("ratee_org_id") == org_id).sort("indicator_id")
    given = [(row[column], rules.weights.get(name, Fraction(0))) for name, column in _PARTS]
    shares = contributions(total, given, COMPOSITE_DECIMALS)
    parts = [
        node(
            name,
            _tenths(value),
            weight=weight,
            used_weight=used,
            contribution=share,
            rule={"name": "weighted_mean"} if name != "reverse_rating" else None,
            parts=_made_of(own.filter(pl.col("part") == name), _tenths(value)),
        )
        for (name, _), (value, weight), used, share in zip(_PARTS, given, used_weights(given), shares, strict=True)
    ]
    figures = {
        "rank": ranks.filter(pl.col("ratee_org_id") == org_id)["composite_rank"].item(),
        "n_ranked": _ranked_beside(ranks, departments, row["peer_group"]),
    }
    observed = Decimal(row["observed_weight"]) if row["observed_weight"] is not None else None
    rule = {"name": "weighted_mean", "observed_weight": None if observed is None else float(observed)}
    return node("composite", total, rule=rule, figures=figures, reasons=row["reason_codes"], parts=parts)


def _made_of(indicators: pl.DataFrame, mean: Decimal | None) -> list[dict[str, Any]]:
    """The indicators of one part of a composite; none for the ratings, which ``items`` explains."""
    return indicator_nodes(((row, ()) for row in indicators.iter_rows(named=True)), mean, COMPOSITE_DECIMALS)


def _tenths(value: Decimal | None) -> Decimal | None:
    return None if value is None else value.quantize(Decimal(1).scaleb(-COMPOSITE_DECIMALS), ROUND_HALF_EVEN)


def _ranked_beside(ranks: pl.DataFrame, departments: pl.DataFrame, peer_group: str | None) -> int:
    """How many departments of a peer group have a composite rank that is shown."""
    members = departments.filter(pl.col("peer_group") == peer_group)["ratee_org_id"].implode()
    return ranks.filter(pl.col("ratee_org_id").is_in(members))["composite_rank"].count()
