"""What the burden rules read, brought together from the lake as of a snapshot (docs/burden.md part 1)."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from tempfile import TemporaryDirectory

import polars as pl

from scoring.burden.facts import expand, prepare
from scoring.burden.inputs import BurdenInputs, Window
from scoring.frame import Frame
from scoring.scheme import Scheme
from tasks.snapshot import Snapshot, current, first_and_end, in_force, periods_read
from tasks.workspace import Workspace

LEVEL_RANK: Mapping[str, int] = {
    "village": 1,
    "township": 2,
    "county": 3,
    "prefecture": 4,
    "province": 5,
    "central": 6,
}
MONTHS_READ = 25
"""Two years and the month before them: the shifted-burden watch repeats the run of the month before."""


@dataclass(frozen=True)
class BurdenData:
    """Inputs of the rules, and the rows as both registers delivered them (``facts.expand``).

    ``history`` are the periods whose facts are among ``inputs.performance``, oldest first. The prepared rows lie in a
    file that goes with this object: some sixty rules and watches read them, and prepare them once.
    """

    inputs: BurdenInputs
    delivered: pl.LazyFrame
    history: tuple[str, ...]
    _folder: TemporaryDirectory[str]


def burden_data(workspace: Workspace, snapshot: Snapshot, scheme: Scheme, frame: Frame) -> BurdenData | None:
    """The registers of a period; None when the scheme has no section ``burden`` or no burden was ever recorded."""
    if scheme.burden is None or not snapshot.files["burden_fact"]:
        return None
    first_day, end = first_and_end(snapshot.period)
    recorded = current(workspace, snapshot, "burden_fact").filter(pl.col("start_date") < end)
    rows = recorded.filter(pl.col("start_date") >= _months_before(end, MONTHS_READ))
    organisations = _organisations(workspace, snapshot, end)
    bearers = _bearers(frame, first_day, end)
    duties, admissions = (current(workspace, snapshot, name).collect() for name in ("duty_item", "task_admission"))
    parameters = scheme.burden.values
    folder = TemporaryDirectory(prefix="reverse-eval-burden-")
    prepared = Path(folder.name) / "prepared.parquet"
    prepare(rows, organisations, duties, admissions, bearers, parameters).sink_parquet(prepared)
    history = (*reversed(snapshot.history), snapshot.period_id)
    read = dict.fromkeys((*history, *periods_read(snapshot.period_id, scheme)))
    inputs = BurdenInputs(
        window=Window(snapshot.period_id, first_day, end),
        facts=pl.scan_parquet(prepared),
        organisations=organisations,
        bearers=bearers,
        duties=duties,
        admissions=admissions,
        grants=current(workspace, snapshot, "resource_grant").collect(),
        form_fields=current(workspace, snapshot, "form_field").collect(),
        indicators=in_force(current(workspace, snapshot, "indicator").collect(), ["indicator_id"], end),
        performance=pl.concat([current(workspace, snapshot, "performance_fact", period) for period in read]),
        verifications=current(workspace, snapshot, "verification_fact").collect(),
        findings=current(workspace, snapshot, "finding").collect(),
        history_start=_history_start(recorded),
    )
    return BurdenData(inputs, expand(rows, organisations, bearers), history, folder)


def _months_before(day: date, months: int) -> date:
    whole = day.year * 12 + day.month - 1 - months
    return date(whole // 12, whole % 12 + 1, 1)


def _history_start(rows: pl.LazyFrame) -> date | None:
    """The first month with a fact: a register is taken as kept from its first entry on."""
    first: date | None = rows.select(pl.col("start_date").min()).collect(engine="streaming").item()
    return None if first is None else first.replace(day=1)


def _organisations(workspace: Workspace, snapshot: Snapshot, end: date) -> pl.DataFrame:
    rows = in_force(current(workspace, snapshot, "org_unit").collect(), ["org_id"], end)
    return rows.with_columns(level_rank=pl.col("level").replace_strict(LEVEL_RANK, return_dtype=pl.Int8))


def _bearers(frame: Frame, first_day: date, end: date) -> pl.DataFrame:
    """Units of the frame with the months of the period, at least one."""
    months = max((end.year - first_day.year) * 12 + end.month - first_day.month, 1)
    units = frame.units.select(org_id="rater_org_id").unique().sort("org_id")
    return units.with_columns(unit_months=pl.lit(months, pl.Int64))
