"""What every step of a run works with: settings, warehouse, lake and limits."""

from __future__ import annotations

import uuid
from collections.abc import Iterable
from dataclasses import dataclass, field, replace
from datetime import date, datetime
from zoneinfo import ZoneInfo

import polars as pl

from expectations.catalogue import Language
from expectations.datasets import DATASETS
from expectations.declaration import Dataset
from expectations.time_zone import TIME_ZONE
from tasks.checking.references import Known
from tasks.reading.limits import Limits
from warehouse.current_view import current_rows
from warehouse.database import Engine, migrate, writing_engine
from warehouse.lake import Lake
from warehouse.ledger import loaded_files
from warehouse.owners import utc_now
from warehouse.settings import Settings


@dataclass(frozen=True)
class Workspace:
    """A run's surroundings; made once per run by ``open_workspace``."""

    settings: Settings
    engine: Engine
    lake: Lake
    limits: Limits = field(default_factory=Limits)
    run_id: str = field(default_factory=lambda: str(uuid.uuid4()))
    language: Language = "zh"
    now: datetime | None = None
    views: dict[str, tuple[tuple[str, ...], pl.DataFrame]] = field(default_factory=dict, repr=False, compare=False)
    """Views already read, each with the files it was made of."""

    def moment(self) -> datetime:
        """The instant the run takes for now, in UTC."""
        return self.now or utc_now()

    def today(self) -> date:
        """The programme's day."""
        return self.moment().astimezone(ZoneInfo(TIME_ZONE)).date()

    def view(self, dataset: Dataset) -> pl.DataFrame:
        """The current view of a dataset that is small enough to hold in memory."""
        loaded = loaded_files(self.engine, dataset.name)
        made_of = tuple(file.sha256 for file in loaded)
        known = self.views.get(dataset.name)
        if known is None or known[0] != made_of:
            rows = current_rows(self.lake, dataset, loaded).select(list(dataset.stored_schema)).collect()
            known = self.views[dataset.name] = (made_of, rows)
        return known[1]

    def known_for(self, dataset: Dataset) -> Known:
        """Views of every dataset the checks of ``dataset`` look at."""
        return Known({name: self.view(DATASETS[name]) for name in referred_datasets(dataset)})

    def at(self, moment: datetime | None) -> Workspace:
        """The same surroundings at another moment."""
        return replace(self, now=moment)


def referred_datasets(dataset: Dataset) -> Iterable[str]:
    """Datasets whose rows decide whether a row of ``dataset`` is right."""
    names = {reference.dataset for reference in dataset.references}
    if "validity_intervals_do_not_overlap" in dataset.check_functions:
        names.add(dataset.name)
    if "target_in_frame" in dataset.check_functions:
        names |= {"rating_frame", "org_unit"}
    return sorted(names)


def open_workspace(settings: Settings, *, language: Language = "zh", now: datetime | None = None) -> Workspace:
    """Make the home where it is missing, bring the tables up to date and open the stores."""
    settings.make_folders()
    migrate(settings.database_url)
    return Workspace(settings, writing_engine(settings.database_url), Lake(settings.lake), language=language, now=now)
