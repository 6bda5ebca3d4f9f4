"""From a published figure back to what it was made of; never to a rater.

Every number in an explanation is one that ``warehouse.published`` may show: a suppressed subject is
explained by the rule that suppresses it and by nothing else.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from difflib import get_close_matches
from typing import Any

import polars as pl
from sqlalchemy import Engine

from scoring.tables import DEPARTMENT_SCORE, REASONS, UNIT_POINTS
from warehouse.published import (
    MinimumCell,
    published,
    published_departments,
    published_items,
    published_satisfaction,
    source_of,
)
from warehouse.releases import read_results

POOLED = "*"
"""Name of the fit shared by peer groups too small for their own."""

_RATING_RULES = ("rater_level", "fit_by", "min_observed_weight", "unit_weight_prior", "max_dk_share")


class UnknownSubjectError(Exception):
    """Nobody of that id or name is in the release; ``similar`` are ids and names close to it."""

    def __init__(self, subject: str, similar: Sequence[str]) -> None:
        super().__init__(subject)
        self.subject, self.similar = subject, tuple(similar)


@dataclass(frozen=True)
class _Release:
    """A published release being explained."""

    engine: Engine
    release_id: str
    manifest: Mapping[str, Any]
    rule: MinimumCell


def explain(engine: Engine, period_id: str, subject: str) -> dict[str, Any]:
    """Explain the published figures of one department or unit.

    Args:
        engine: the warehouse; a reading engine is enough.
        period_id: a period with a published release.
        subject: an organisation id, or a name exactly as published.

    Returns:
        A tree of JSON-able data: ``kind`` is ``department`` or ``unit``, ``state`` is ``shown`` or
        ``suppressed``, ``source`` says which release it is.

    Raises:
        NothingPublishedError: the period is unknown or has no published release.
        UnknownSubjectError: nobody of that id or name is in the release.
    """
    row, manifest = published(engine, period_id)
    release = _Release(engine, str(row["release_id"]), manifest, MinimumCell.of(manifest))
    departments = published_departments(engine, release.release_id, release.rule)
    points = read_results(engine, release.release_id, UNIT_POINTS.name)
    satisfaction = published_satisfaction(engine, release.release_id, release.rule)
    org_id = _find(subject, departments, points, satisfaction)
    source = source_of(engine, row, manifest).document()
    own = departments.filter(pl.col("ratee_org_id") == org_id)
    if own.height:
        tree = _department(release, own.row(0, named=True), departments)
    else:
        tree = _unit(points.filter(pl.col("org_id") == org_id), satisfaction.filter(pl.col("org_id") == org_id))
    return {**tree, "source": source, "scheme": _scheme(manifest)}


def _find(subject: str, departments: pl.DataFrame, points: pl.DataFrame, satisfaction: pl.DataFrame) -> str:
    everybody = pl.concat(
        [
            departments.select(org_id="ratee_org_id", org_name="org_name"),
            points.select("org_id", "org_name"),
            satisfaction.select("org_id", "org_name"),
        ]
    ).unique(maintain_order=True)
    for column in ("org_id", "org_name"):
        found = everybody.filter(pl.col(column) == subject)["org_id"].unique(maintain_order=True)
        if found.len() == 1:
            return str(found[0])
    words = [str(word) for word in (*everybody["org_id"], *everybody["org_name"].drop_nulls())]
    close = [word for word in words if subject and subject in word] or get_close_matches(subject, words)
    raise UnknownSubjectError(subject, close[:3])


def _department(release: _Release, row: Mapping[str, Any], departments: pl.DataFrame) -> dict[str, Any]:
    head = {
        "kind": "department", "org_id": row["ratee_org_id"], "org_name": row["org_name"],
        "peer_group": row["peer_group"], "reasons": _reasons(row["reason_codes"]),
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


def _score(score: float, model: Mapping[str, Any]) -> dict[str, Any]:
    """The score as overall mean plus effect, all three rounded and still adding up."""
    decimals = DEPARTMENT_SCORE.column("score_shrunken").decimals or 0
    mean = _rounded(model.get("overall_mean"), decimals)
    if mean is None:
        return {"value": score, "overall_mean": None, "effect": None}
    return {"value": score, "overall_mean": mean, "effect": float(Decimal(str(score)) - Decimal(str(mean)))}


def _rounded(value: float | None, decimals: int) -> float | None:
    return None if value is None else round(value, decimals)


def _items(release: _Release, org_id: str) -> list[dict[str, Any]]:
    rows = published_items(release.engine, release.release_id, release.rule).filter(pl.col("ratee_org_id") == org_id)
    return [
        {
            "instrument_id": row["instrument_id"], "item_id": row["item_id"], "dimension": row["dimension"],
            "state": "suppressed" if row["is_suppressed"] else "shown", "raw_mean": row["score_raw_mean"],
            "answered": row["answered"],
        }
        for row in rows.sort("instrument_id", "item_id").iter_rows(named=True)
    ]  # fmt: skip


def _unit(points: pl.DataFrame, satisfaction: pl.DataFrame) -> dict[str, Any]:
    first = (points if points.height else satisfaction).row(0, named=True)
    numbers = ("value", "achievement_threshold", "benchmark", "baseline_value")
    wholes = ("achievement", "improvement", "points")
    indicators = [
        {
            "indicator_id": row["indicator_id"], "baseline_period": row["baseline_period"],
            **{name: None if row[name] is None else float(row[name]) for name in numbers},
            **{name: row[name] for name in wholes}, "reasons": _reasons(row["reason_codes"]),
        }
        for row in points.sort("indicator_id").iter_rows(named=True)
    ]  # fmt: skip
    items = [
        {
            "instrument_id": row["instrument_id"], "item_id": row["item_id"], "dimension": row["dimension"],
            "state": "suppressed" if row["is_suppressed"] else "shown",
            "mean_0_100": row["mean_0_100"], "mean_score": row["mean_score"], "n_answered": row["n_answered"],
            "reasons": _reasons(row["reason_codes"]),
        }
        for row in satisfaction.sort("instrument_id", "item_id").iter_rows(named=True)
    ]  # fmt: skip
    return {
        "kind": "unit", "org_id": first["org_id"], "org_name": first["org_name"], "peer_group": first["peer_group"],
        "state": "shown", "indicators": indicators, "satisfaction": items, "reasons": [],
    }  # fmt: skip


def _reasons(codes: str | None) -> list[dict[str, str]]:
    known = [REASONS[code] for code in (codes or "").split(";") if code]
    return [{"code": each.code, "zh": each.zh, "en": each.en} for each in known]


def _scheme(manifest: Mapping[str, Any]) -> dict[str, Any]:
    """The scheme with the rules a score rests on, each with its unit and citation."""
    scheme = manifest["scheme"]
    rules = [
        {"rule": name, **{part: scheme["rating"][name].get(part) for part in ("value", "unit", "reference")}}
        for name in _RATING_RULES
    ]
    return {
        "scheme_id": scheme["scheme_id"], "title": scheme["title"], "scheme_hash": manifest["scheme_hash"],
        "rules": rules,
    }  # fmt: skip
