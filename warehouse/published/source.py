"""The published release of a period, and what accompanies every figure of it."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Engine, RowMapping, func, select

from warehouse.owners import as_utc
from warehouse.releases import published_release, when
from warehouse.tables import ingest_file, program_period


class NothingPublishedError(Exception):
    """The period has no published release; ``periods`` are those that have one."""

    def __init__(self, period_id: str, periods: Sequence[str], *, known: bool) -> None:
        super().__init__(period_id)
        self.period_id, self.periods, self.known = period_id, tuple(periods), known


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
