"""What readers see of a published release: rounded, with the minimum cell applied, in closed lists of columns.

The primary rule of the scheme's minimum cell stands here: a department rated by too few people or units, or
by one unit for the most part, shows no score, interval, count or rank, and ranks are counted among those
shown; satisfaction of a unit with too few respondents is not shown. Everything beyond that rule
(complementary cells, the smallest change between releases, homogeneous cells, intervals at the lower end of
the count band, the attack on sums) is disclosure control of its own and not part of this package.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import Any, Literal

import polars as pl
from sqlalchemy import Engine

from scoring.burden.catalogue import default_parameters
from scoring.scheme import Scheme
from warehouse.published import burden, departments, records, units
from warehouse.published.burden import (
    ACCOUNT_WHATS,
    BURDEN_WHATS,
    SIGNS,
    BurdenWhat,
    UnknownOrganisationError,
    find_organisation,
    organisation_names,
)
from warehouse.published.columns import STATE, Column, View
from warehouse.published.departments import (
    COMPOSITE_DECIMALS,
    published_composites,
    published_departments,
    published_items,
)
from warehouse.published.disclosure import (
    COUNT_BANDS,
    RELIABILITY_BANDS,
    SUPPRESSED,
    UNRELIABLE,
    MinimumCell,
    count_band,
    reasons_text,
    reliability_band,
    rounded,
)
from warehouse.published.source import NothingPublishedError, Source, published, source_of
from warehouse.published.units import published_satisfaction, published_unit_satisfaction

What = Literal[
    "departments", "items", "units", "indicators", "satisfaction", "awards", "turnout", "adjustments", "anomalies"
]

_VIEWS: Mapping[What, Callable[[Engine, str, MinimumCell], View]] = {
    "departments": departments.departments,
    "items": departments.items,
    "units": units.units,
    "indicators": units.indicators,
    "satisfaction": units.satisfaction,
    "awards": units.awards,
    "turnout": records.turnout,
    "adjustments": records.adjustments,
    "anomalies": records.anomalies,
}
WHATS: tuple[What, ...] = tuple(_VIEWS)


class UnknownPeerGroupError(Exception):
    """No row of the release is in this peer group; ``peer_groups`` are those there are."""

    def __init__(self, peer_group: str, peer_groups: Sequence[str]) -> None:
        super().__init__(peer_group)
        self.peer_group, self.peer_groups = peer_group, tuple(peer_groups)


@dataclass(frozen=True)
class Ranking:
    """Published rows of one kind, sorted for reading.

    Every number has a column beside it, ``<name>_state``: shown, suppressed or missing. ``by_group``: each
    peer group is a table of its own; ranks are never counted across groups.
    """

    what: What | BurdenWhat
    source: Source
    minimum_cell: MinimumCell
    columns: tuple[Column, ...]
    rows: pl.DataFrame
    by_group: bool = True

    @property
    def parts(self) -> tuple[tuple[str | None, pl.DataFrame], ...]:
        """Peer group and rows of each table, in the order of the rows; one part, of no group, if not ``by_group``.

        Among groups, None is the group of those without one.
        """
        if not self.by_group:
            return ((None, self.rows),)
        groups = self.rows["peer_group"].unique(maintain_order=True).to_list()
        group = pl.col("peer_group")
        return tuple((each, self.rows.filter(group.eq_missing(pl.lit(each, pl.String)))) for each in groups)

    def document(self) -> dict[str, Any]:
        """The ranking as JSON-able data; money is whole fen."""
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
        what: departments with their ranks, their items, units with theirs, units by indicator, satisfaction,
            awards, turnout, adjustments or anomalies.
        peer_group: only this peer group; ranks are inside the group in either case.

    Raises:
        NothingPublishedError: the period is unknown or has no published release.
        UnknownPeerGroupError: nobody in the release is in that group.
    """
    release, manifest = published(engine, period_id)
    rule = MinimumCell.of(manifest)
    view = _VIEWS[what](engine, str(release["release_id"]), rule)
    rows = view.rows
    if peer_group is not None:
        found = rows["peer_group"].drop_nulls().unique().sort().to_list()
        if peer_group not in found:
            raise UnknownPeerGroupError(peer_group, found)
        rows = rows.filter(pl.col("peer_group") == peer_group)
    return Ranking(what, source_of(engine, release, manifest), rule, view.columns, rows, view.by_group)


def burden_ranking(
    engine: Engine, period_id: str, what: BurdenWhat, *, compare: str | None = None,
    organisation: tuple[str, str] | None = None, form_code: str | None = None,
) -> Ranking:  # fmt: skip
    """Burden of the published release of a period, as the programme office may see it.

    Args:
        engine: the warehouse; a reading engine is enough.
        period_id: a period with a published release.
        what: account by department, unit or kind, forms, registers, lists, the gate, forms asked for twice,
            findings, monitoring points, verification or watches.
        compare: for the account, the published period to compare with; a year earlier when None.
        organisation: column of ids and the one organisation wanted, by id or name; of the account the column is
            the one it is kept by.
        form_code: for the forms, only this one.

    Raises:
        NothingPublishedError: a period is unknown or has no published release.
        UnknownOrganisationError: nobody in the release has that id or name.
    """
    release, manifest = published(engine, period_id)
    release_id = str(release["release_id"])
    if what in ACCOUNT_WHATS:
        other = None if compare is None else (compare, str(published(engine, compare)[0]["release_id"]))
        wanted = None if organisation is None else organisation[1]
        view = burden.burden_account(engine, release_id, what, subject=wanted, compare=other)
        rows = view.rows
    else:
        if what in burden.FLOOR_VIEWS:
            view = burden.FLOOR_VIEWS[what](engine, release_id, _floor(manifest))
        else:
            view = burden.VIEWS[what](engine, release_id)
        names = organisation_names(engine, release_id)
        rows = view.rows if organisation is None else burden.only_organisation(view, names, *organisation)
    if form_code is not None:
        rows = rows.filter(pl.col("form_code") == form_code)
    source = source_of(engine, release, manifest)
    return Ranking(what, source, MinimumCell.of(manifest), view.columns, rows, view.by_group)


def _floor(manifest: Mapping[str, Any]) -> int:
    """Bearing units behind a cell that a department may see."""
    rules = Scheme.model_validate(manifest["scheme"]).burden
    return (default_parameters() if rules is None else rules.values).whole("register.floor_units")


def _plain(row: Mapping[str, Any]) -> dict[str, Any]:
    """A row with decimals as numbers."""
    return {name: float(value) if isinstance(value, Decimal) else value for name, value in row.items()}


__all__ = [
    "ACCOUNT_WHATS",
    "BURDEN_WHATS",
    "COMPOSITE_DECIMALS",
    "COUNT_BANDS",
    "RELIABILITY_BANDS",
    "SIGNS",
    "STATE",
    "SUPPRESSED",
    "UNRELIABLE",
    "WHATS",
    "BurdenWhat",
    "Column",
    "MinimumCell",
    "NothingPublishedError",
    "Ranking",
    "Source",
    "UnknownOrganisationError",
    "UnknownPeerGroupError",
    "What",
    "burden_ranking",
    "count_band",
    "find_organisation",
    "organisation_names",
    "published",
    "published_composites",
    "published_departments",
    "published_items",
    "published_satisfaction",
    "published_unit_satisfaction",
    "ranking",
    "reasons_text",
    "reliability_band",
    "rounded",
    "source_of",
]
