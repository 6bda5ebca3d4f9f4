"""From a published figure back to what it was made of; never to a rater.

Every number in an explanation is one that ``warehouse.published`` may show: a suppressed subject is
explained by the rule that suppresses it and by nothing else of its ratings. What a department lays on the grassroots
comes from registers and stands in either case.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from difflib import get_close_matches
from typing import Any

import polars as pl
from sqlalchemy import Engine

from scoring.scheme import Scheme
from scoring.tables import UNIT_POINTS, UNIT_SCORE
from warehouse.explained.burden import department_burden
from warehouse.explained.departments import ExplainedRelease, department_tree
from warehouse.explained.units import UnitRows, unit_facts, unit_tree
from warehouse.published import MinimumCell, published, published_departments, published_satisfaction, source_of
from warehouse.releases import read_results

_RATING_RULES = ("rater_level", "fit_by", "min_observed_weight", "unit_weight_prior", "max_dk_share")


class UnknownSubjectError(Exception):
    """Nobody of that id or name is in the release; ``similar`` are ids and names close to it."""

    def __init__(self, subject: str, similar: Sequence[str]) -> None:
        super().__init__(subject)
        self.subject, self.similar = subject, tuple(similar)


def explain(engine: Engine, period_id: str, subject: str) -> dict[str, Any]:
    """Explain the published figures of one department or unit.

    Args:
        engine: the warehouse; a reading engine is enough.
        period_id: a period with a published release.
        subject: an organisation id, or a name exactly as published.

    Returns:
        A tree of JSON-able data: ``kind`` is ``department`` or ``unit``, ``state`` is ``shown`` or
        ``suppressed``, ``source`` says which release it is. A unit's ``score`` is the tree from its
        highest figure down to its facts (see ``node.node``); a department's ``burden`` stands beside its figures
        (see ``burden.department_burden``).

    Raises:
        NothingPublishedError: the period is unknown or has no published release.
        UnknownSubjectError: nobody of that id or name is in the release.
    """
    row, manifest = published(engine, period_id)
    scheme = Scheme.model_validate(manifest["scheme"])
    release = ExplainedRelease(engine, str(row["release_id"]), manifest, MinimumCell.of(manifest), scheme)
    departments = published_departments(engine, release.release_id, release.rule)
    points = read_results(engine, release.release_id, UNIT_POINTS.name)
    satisfaction = published_satisfaction(engine, release.release_id, release.rule)
    scores = read_results(engine, release.release_id, UNIT_SCORE.name)
    frames = [departments.rename({"ratee_org_id": "org_id"}), scores, points, satisfaction]
    everybody = pl.concat([frame.select("org_id", "org_name", "peer_group") for frame in frames])
    org_id = _find(subject, everybody)
    source = source_of(engine, row, manifest).document()
    own = departments.filter(pl.col("ratee_org_id") == org_id)
    if own.height:
        tree = department_tree(release, own.row(0, named=True), departments)
        # Registers, not raters, say this: it stands for a department whose ratings are suppressed as well.
        tree["burden"] = department_burden(engine, release.release_id, scheme, org_id)
    else:
        named = everybody.filter(pl.col("org_id") == org_id).row(0, named=True)
        answers = satisfaction.filter(pl.col("org_id") == org_id)
        tree = unit_facts(named, points.filter(pl.col("org_id") == org_id), answers)
        tree["score"] = unit_tree(UnitRows.read(engine, release.release_id, org_id, scheme))
    return {**tree, "source": source, "scheme": _scheme(manifest)}


def _find(subject: str, everybody: pl.DataFrame) -> str:
    known = everybody.select("org_id", "org_name").unique(maintain_order=True)
    for column in ("org_id", "org_name"):
        found = known.filter(pl.col(column) == subject)["org_id"].unique(maintain_order=True)
        if found.len() == 1:
            return str(found[0])
    words = [str(word) for word in (*known["org_id"], *known["org_name"].drop_nulls())]
    close = [word for word in words if subject and subject in word] or get_close_matches(subject, words)
    raise UnknownSubjectError(subject, close[:3])


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
