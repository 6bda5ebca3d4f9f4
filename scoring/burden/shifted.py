"""Shifted burden: official counts of a department fall while informal ones rise (burden catalogue, part 7).

A watch: a statistical sign for people to check, which changes no score. Twelve months ending with the period are
held against the twelve before, for each department and each of ten pairs of kinds. Tests count events, because
the rows of one notice are not independent; the size counts minutes.
"""

from __future__ import annotations

import calendar
import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from typing import Final

import numpy as np
import polars as pl

from scoring.burden.count_tests import (
    Floats,
    Integers,
    benjamini_hochberg,
    pair_tests,
    pearson_dispersion,
)
from scoring.burden.facts import EVENT
from scoring.burden.inputs import BurdenInputs, Window, within
from scoring.burden.parameters import Parameters
from scoring.tables.burden_watch import BURDEN_SHIFT

MONTHS: Final = 12
LOWER_TAIL: Final = 0.10
"""The lower 90 % bound of the substitution share is one-sided: a tenth of the draws lie below it."""

DEPARTMENT_RANK: Final = 3
"""Departments are organisations of county level or above; townships and villages are no subjects of this watch."""

TOWNSHIP_RANK: Final = 2

INFORMAL_SECONDMENT: Final = ("跟班学习", "专班", "交流锻炼", "learning", "task force", "task_force")
"""Ways of secondment that go by another name (SEC-01)."""

FRONT_KINDS: Final = ("other",)
"""Kinds of organisation an association, company or institute is registered as."""

_TASK_KINDS: Final = (
    "document",
    "work_reminder",
    "meeting",
    "video_conf",
    "report_form",
    "inspection",
    "survey_visit",
    "consultation",
    "temp_task",
)
_LIST_NAMES: Final = ("source_ref", "doc_no", "plan_no", "matter", "title")
"""Columns under which an entry of the list of allowed campaigns may be named."""

_INFORMAL_CHANNELS: Final = ("app", "email", "chat_group")
_NEVER: Final = pl.lit(value=False)


@dataclass(frozen=True)
class Rows:
    """Which prepared rows belong to an arm; every condition that is given has to hold.

    ``measure``: flow or stock. ``channels``: one of these; ``without_channels``: none of these (unknown is none).
    ``feature``: a code of part 1.5. ``ways``: the sub-kind holds one of these words; ``without_ways``: none.
    ``issuer_kinds`` and ``without_issuer_kinds``: kind of the issuer. ``issuer_rank``: its level. ``is_listed``: the
    list of allowed campaigns names it (where that list is empty: it has a plan number). ``has_matter``:
    the matter is named.
    """

    kinds: tuple[str, ...]
    measure: str | None = None
    channels: tuple[str, ...] = ()
    without_channels: tuple[str, ...] = ()
    feature: str | None = None
    ways: tuple[str, ...] = ()
    without_ways: tuple[str, ...] = ()
    issuer_kinds: tuple[str, ...] = ()
    without_issuer_kinds: tuple[str, ...] = ()
    issuer_rank: int | None = None
    is_listed: bool | None = None
    has_matter: bool = False

    def holds(self, allowed: Sequence[str]) -> pl.Expr:
        """True for the rows; ``allowed`` is the list of allowed campaigns."""
        named = pl.any_horizontal(pl.col(name).is_in(list(allowed)).fill_null(value=False) for name in _LIST_NAMES)
        listed = named if allowed else pl.col("plan_no").is_not_null()
        conditions = [
            (True, pl.col("burden_kind").is_in(list(self.kinds))),
            (self.measure, pl.col("measure") == pl.lit(self.measure)),
            (self.channels, pl.col("channel").is_in(list(self.channels))),
            (self.without_channels, ~pl.col("channel").fill_null("").is_in(list(self.without_channels))),
            (self.feature, pl.col("feature_list").list.contains(self.feature)),
            (self.ways, _says_one_of(self.ways)),
            (self.without_ways, ~_says_one_of(self.without_ways)),
            (self.issuer_kinds, pl.col("issuer_kind").is_in(list(self.issuer_kinds))),
            (self.without_issuer_kinds, ~pl.col("issuer_kind").fill_null("").is_in(list(self.without_issuer_kinds))),
            (self.issuer_rank, pl.col("issuer_level_rank") == pl.lit(self.issuer_rank)),
            (self.is_listed is not None, listed.fill_null(value=False) == pl.lit(self.is_listed)),
            (self.has_matter, pl.col("matter").is_not_null()),
        ]
        return pl.all_horizontal(condition.fill_null(value=False) for given, condition in conditions if given)


def _says_one_of(words: Sequence[str]) -> pl.Expr:
    return pl.col("burden_subkind").fill_null("").str.contains_any(list(words))


Arm = tuple[Rows, ...]
"""Rows that belong to one of these."""


@dataclass(frozen=True)
class Pair:
    """An official kind that may fall while an informal kind rises.

    ``is_cascade``: the informal rows are the townships', charged to the department whose matter they carry.
    """

    code: str
    official: Arm
    informal: Arm
    is_cascade: bool = False


PAIRS: Final = (
    Pair(
        "SP-1",
        (Rows(("document",)),),
        (Rows(("work_reminder",)), Rows(("temp_task",), channels=("chat_group",))),
    ),
    Pair("SP-2", (Rows(("meeting",)),), (Rows(("video_conf",)),)),
    Pair("SP-3", (Rows(("inspection",)),), (Rows(("survey_visit",)),)),
    Pair(
        "SP-4",
        (Rows(("report_form",), without_channels=_INFORMAL_CHANNELS),),
        (Rows(("report_form",), channels=_INFORMAL_CHANNELS),),
    ),
    Pair("SP-5", (Rows(("work_group",)),), (Rows(("app",), feature="check_in"),)),
    Pair("SP-6", (Rows(("assessment",)),), (Rows(("usage_ranking",)),)),
    Pair(
        "SP-7",
        (Rows(("campaign",), without_issuer_kinds=FRONT_KINDS, is_listed=True),),
        (Rows(("campaign",), is_listed=False), Rows(("campaign",), issuer_kinds=FRONT_KINDS)),
    ),
    Pair(
        "SP-8",
        (Rows(("secondment",), without_ways=INFORMAL_SECONDMENT),),
        (Rows(("secondment",), ways=INFORMAL_SECONDMENT),),
    ),
    Pair(
        "SP-9",
        (Rows(("document",), without_issuer_kinds=("coordinating_body",)),),
        (Rows(("document",), issuer_kinds=("coordinating_body",)),),
    ),
    Pair(
        "SP-10",
        (Rows(_TASK_KINDS, measure="flow", issuer_rank=DEPARTMENT_RANK, has_matter=True),),
        (Rows(_TASK_KINDS, measure="flow", issuer_rank=TOWNSHIP_RANK),),
        is_cascade=True,
    ),
)
"""SP-1 to SP-10 (burden catalogue, part 7)."""


@dataclass(frozen=True)
class UnitMonths:
    """Months of the bearing units in the twelve months before (``before``) and in the last twelve (``now``).

    Raises:
        ValueError: One of them is not positive.
    """

    before: int
    now: int

    def __post_init__(self) -> None:
        if self.before <= 0 or self.now <= 0:
            raise ValueError(
                f"unit-months of the shifted-burden watch are {self.before} and {self.now}: both have to be positive; "
                "give the months of all bearing units of the frame in each of the two years"
            )


def years(window: Window) -> tuple[Window, Window]:
    """The twelve months ending with a period, and the twelve before them: now, before."""
    start = Window(window.period_id, window.end, window.end).years_before().start
    now = Window(window.period_id, start, window.end)
    return now, now.years_before()


def shifted_burden(
    inputs: BurdenInputs,
    parameters: Parameters,
    unit_months: UnitMonths,
    previous: pl.DataFrame | None = None,
    pairs: Sequence[Pair] = PAIRS,
) -> pl.DataFrame:
    """Every department and pair with its counts, tests, size and state (burden catalogue, part 7).

    Events of both kinds in the last twelve months are held against the twelve before; see
    ``count_tests.pair_tests`` for the p-values, ``substitution_low`` for the size. A sign needs a q-value of at most
    ``shift.fdr`` over departments and pairs, and a lower bound of the substitution share above
    ``shift.share_min``; it is a SHIFT when the run of the month before gave the same sign. The control is the same
    test with the arms exchanged. Exempt rows, duplicates and unchanged relays are not counted.

    Args:
        inputs: Window, facts (24 months back), organisations and history_start are read.
        parameters: shift.* and, where there is one, campaign.allowed.
        unit_months: Exposure of the two years.
        previous: ``BURDEN_SHIFT`` of the run a month earlier; None when there was none, and then nothing is shown.
        pairs: The pairs.

    Returns:
        ``tables.burden_watch.BURDEN_SHIFT``.

    Raises:
        ValueError: ``previous`` is of the same period.
    """
    _refuse_same_period(inputs.window, previous)
    departments = _departments(inputs.organisations)
    arms, bearers = _arm_events(inputs, parameters, pairs, departments)
    counts = _counts(arms, bearers, departments, pairs, unit_months)
    if not _has_history(inputs, parameters.whole("shift.history_months")):
        judged = counts.with_columns(state=pl.lit("INSUFFICIENT_HISTORY"), signal=pl.lit(0, pl.Int64))
    else:
        sign = _judged(counts, arms, unit_months, parameters)
        control = _judged(_exchanged(counts), _exchanged_arms(arms), unit_months, parameters)
        control = control.select(*_KEY, control_p_value="p_value", control_signal="signal")
        judged = _with_state(sign.join(control, on=_KEY, how="left"), previous)
    columns = {name: pl.lit(None, dtype) for name, dtype in BURDEN_SHIFT.schema.items() if name not in judged.columns}
    return BURDEN_SHIFT.conform(
        judged.with_columns(**columns).with_columns(
            pl.col("signal").fill_null(0),
            period_id=pl.lit(inputs.window.period_id),
            result_type=pl.lit("watch"),
        )
    )


def control_rate(table: pl.DataFrame) -> pl.DataFrame:
    """How often the test with the arms exchanged gave a sign: an estimate of the false rate on these very data.

    Args:
        table: ``BURDEN_SHIFT``.

    Returns:
        pair, n_tested, n_signals and rate (null where none was tested), sorted, with a row ``*`` for all pairs.
    """
    tested = pl.col("control_signal").is_not_null().sum().cast(pl.Int64)
    signals = pl.col("control_signal").sum().cast(pl.Int64)
    by_pair = table.group_by("pair").agg(n_tested=tested, n_signals=signals)
    whole = table.select(pair=pl.lit("*"), n_tested=tested, n_signals=signals)
    rate = pl.when(pl.col("n_tested") > 0).then(pl.col("n_signals") / pl.col("n_tested"))
    return pl.concat([by_pair, whole]).unique().with_columns(rate=rate).sort("pair")


_KEY: Final = ["pair", "subject_org_id"]
_COUNTS: Final = ("official_before", "official_now", "informal_before", "informal_now")


def _refuse_same_period(window: Window, previous: pl.DataFrame | None) -> None:
    if previous is not None and (previous["period_id"] == window.period_id).any():
        raise ValueError(
            f"shifted-burden watch of {window.period_id}: the earlier run is of the same period, so that nothing could "
            "repeat; give the table of the month before, or none"
        )


def _departments(organisations: pl.DataFrame) -> pl.DataFrame:
    """Subjects of the watch: subject_org_id, peer_group, parent_org_id."""
    return organisations.filter(pl.col("level_rank") >= DEPARTMENT_RANK).select(
        "peer_group", "parent_org_id", subject_org_id="org_id"
    )


def _has_history(inputs: BurdenInputs, months: int) -> bool:
    end = inputs.window.end
    year, month = divmod(12 * end.year + end.month - 1 - months, 12)
    first = date(year, month + 1, min(end.day, calendar.monthrange(year, month + 1)[1]))
    return inputs.history_start is not None and inputs.history_start <= first


def _rows(inputs: BurdenInputs, pairs: Sequence[Pair]) -> pl.LazyFrame:
    """Countable rows of both years: is_now, month (0 to 11) and event added; of stocks the last count day only."""
    now, before = years(inputs.window)
    day = pl.col("start_date")
    block = 12 * day.dt.year().cast(pl.Int32) + day.dt.month().cast(pl.Int32)
    block -= (day.dt.day().cast(pl.Int32) < now.end.day).cast(pl.Int32)
    first = 12 * now.start.year + now.start.month
    month = (block - pl.when(day >= now.start).then(first).otherwise(first - MONTHS)).clip(0, MONTHS - 1)
    is_stock = (pl.col("measure") == "stock").fill_null(value=False)
    kinds = sorted({kind for pair in pairs for rows in (*pair.official, *pair.informal) for kind in rows.kinds})
    rows = inputs.facts.filter(
        pl.col("burden_kind").is_in(kinds)
        & within(Window(now.period_id, before.start, now.end))
        & ~pl.col("is_exempt").fill_null(value=False)
        & ~pl.col("is_duplicate").fill_null(value=False)
    ).with_columns(
        is_now=day >= now.start,
        # Stocks have no months: one cell holds their count of each year.
        month=pl.when(is_stock).then(MONTHS - 1).otherwise(month).cast(pl.Int8),
        is_stock=is_stock,
        is_relay=_is_relay(),
    )
    count_day = ["issuer_org_id", "burden_kind", "target_org_id", "is_now"]
    stocks = rows.filter("is_stock")
    last = stocks.group_by(count_day).agg(last_day=day.max())
    counted = stocks.join(last, on=count_day, nulls_equal=True).filter(day == pl.col("last_day")).drop("last_day")
    # A stock of none on its last count day is none, whatever was counted before.
    return pl.concat([rows.filter(~pl.col("is_stock")), counted]).filter(pl.col("quantity").fill_null(1) > 0)


def _is_relay() -> pl.Expr:
    """A demand passed on unchanged: it counts against its origin, whose own event is already there."""
    origin, issuer = pl.col("origin_org_id"), pl.col("issuer_org_id")
    passed_on = origin.is_not_null() & (origin != issuer) & (pl.col("subject_org_id") != issuer)
    return passed_on.fill_null(value=False)


def _holds(arm: Arm, allowed: Sequence[str]) -> pl.Expr:
    return pl.any_horizontal(rows.holds(allowed) for rows in arm)


def _arm_events(
    inputs: BurdenInputs, parameters: Parameters, pairs: Sequence[Pair], departments: pl.DataFrame
) -> tuple[pl.DataFrame, pl.DataFrame]:
    """Events of the arms, and the bearing units of the pairs; the facts are read in one pass.

    Returns:
        subject_org_id, pair, is_official, is_now, month, minutes (Int64): one row per event of an arm and year, in no
        particular order; and pair, subject_org_id, n_bearers.
    """
    allowed = parameters.words("campaign.allowed") if "campaign.allowed" in parameters else ()
    marks = _marks(pairs, allowed)
    rows = _rows(inputs, pairs).with_columns(**marks).filter(pl.any_horizontal(list(marks)))
    marked = pl.col(list(marks)).any()
    events, bearers, chained = pl.collect_all(
        [
            rows.group_by("subject_org_id", _event_key(), "is_now").agg(
                marked, pl.col(_CHAIN).min(), month=pl.col("month").min(), minutes=pl.col("minutes").sum()
            ),
            rows.group_by("subject_org_id", "target_org_id").agg(marked),
            rows.filter(_in_cascade(pairs)).group_by("subject_org_id", *_CHAIN, "target_org_id").agg(marked),
        ],
        engine="streaming",
    )
    known = departments.select("subject_org_id")
    arms, units = [], []
    for pair in pairs:
        owners = _owners(events, pair, departments, inputs.organisations)
        official, informal = _official(events, pair), _informal(events, pair, owners)
        for is_official, part in ((True, official), (False, informal)):
            columns = part.select("subject_org_id", "is_now", "month", "minutes", pair=pl.lit(pair.code))
            arms.append(columns.with_columns(is_official=pl.lit(is_official)))
        both = (_official(bearers, pair), _informal(chained if pair.is_cascade else bearers, pair, owners))
        units.append(
            pl.concat([part.select("subject_org_id", "target_org_id", pair=pl.lit(pair.code)) for part in both])
        )
    n_bearers = pl.col("target_org_id").drop_nulls().n_unique().cast(pl.Int64)
    return (
        pl.concat(arms).join(known, on="subject_org_id", how="semi"),
        pl.concat(units).group_by(_KEY).agg(n_bearers=n_bearers),
    )


_CHAIN: Final = ["issuer_org_id", "origin_org_id", "matter"]
_CHARGED: Final = ("subject_org_id", "origin_org_id")


def _marks(pairs: Sequence[Pair], allowed: Sequence[str]) -> dict[str, pl.Expr]:
    """Whether a row belongs to each arm; of relays only those of a cascade do."""
    own = ~pl.col("is_relay")
    marks = {}
    for pair in pairs:
        informal = _holds(pair.informal, allowed)
        marks[f"{pair.code}/official"] = _holds(pair.official, allowed) & own
        marks[f"{pair.code}/informal"] = informal if pair.is_cascade else informal & own
    return marks


def _in_cascade(pairs: Sequence[Pair]) -> pl.Expr:
    return pl.any_horizontal(_NEVER, *(pl.col(f"{pair.code}/informal") for pair in pairs if pair.is_cascade))


def _event_key() -> pl.Expr:
    # One 64-bit key instead of three strings; the seeds differ so that swapping two parts does not give the same.
    first, second, third = (pl.col(name).hash(seed) for seed, name in enumerate(EVENT))
    return (first ^ second ^ third).alias("event")


def _official(rows: pl.DataFrame, pair: Pair) -> pl.DataFrame:
    return rows.filter(f"{pair.code}/official")


def _informal(rows: pl.DataFrame, pair: Pair, owners: pl.DataFrame) -> pl.DataFrame:
    """Rows of the informal arm; an event with rows of both arms is official.

    Those of a cascade are charged to their origin, or else to the one department of the county with the same matter.
    """
    found = rows.filter(pl.col(f"{pair.code}/informal") & ~pl.col(f"{pair.code}/official"))
    if not pair.is_cascade:
        return found
    other = [pl.when(pl.col(name) != pl.col("issuer_org_id")).then(pl.col(name)) for name in _CHARGED]
    return (
        found.join(owners, on=["issuer_org_id", "matter"], how="left")
        .with_columns(subject_org_id=pl.coalesce(*other, "owner"))
        .drop_nulls("subject_org_id")
    )


def _owners(events: pl.DataFrame, pair: Pair, departments: pl.DataFrame, organisations: pl.DataFrame) -> pl.DataFrame:
    """issuer_org_id, matter, owner: the one department under the township's county that issued on the matter."""
    county = pl.col("parent_org_id")
    owned = (
        _official(events, pair)
        .select("subject_org_id", "matter")
        .drop_nulls("matter")
        .unique()
        .join(departments.filter(county.is_not_null()), on="subject_org_id")
        .group_by(county, "matter")
        .agg(owner=pl.col("subject_org_id").min(), n_owners=pl.len())
        .filter(pl.col("n_owners") == 1)
    )
    townships = organisations.filter(pl.col("level_rank") == TOWNSHIP_RANK)
    return (
        townships.select(county, issuer_org_id="org_id")
        .join(owned, on="parent_org_id")
        .select("issuer_org_id", "matter", "owner")
    )


def _counts(
    arms: pl.DataFrame,
    bearers: pl.DataFrame,
    departments: pl.DataFrame,
    pairs: Sequence[Pair],
    unit_months: UnitMonths,
) -> pl.DataFrame:
    """Events, minutes and dispersion of every department with any event, for every pair, noughts included."""
    cells = {
        f"{arm}_{when}": (pl.col("is_official") == is_official) & (pl.col("is_now") == is_now)
        for arm, is_official in (("official", True), ("informal", False))
        for when, is_now in (("before", False), ("now", True))
    }
    sums = arms.group_by(_KEY).agg(
        *(holds.sum().cast(pl.Int64).alias(name) for name, holds in cells.items()),
        *(pl.col("minutes").filter(holds).sum().alias(_minutes(name)) for name, holds in cells.items()),
    )
    grid = (
        arms.select("subject_org_id").unique().join(pl.DataFrame({"pair": [pair.code for pair in pairs]}), how="cross")
    )
    peers = departments.select("subject_org_id", "peer_group")
    names = [*cells, *(_minutes(name) for name in cells)]
    return (
        grid.join(sums, on=_KEY, how="left")
        .join(bearers, on=_KEY, how="left")
        .with_columns(pl.col(*names, "n_bearers").fill_null(0))
        .join(peers, on="subject_org_id", how="left")
        .join(_dispersion(arms, peers), on=["pair", "peer_group"], how="left", nulls_equal=True)
        .with_columns(
            pl.col("dispersion").fill_null(1.0),
            unit_months_before=pl.lit(unit_months.before, pl.Int64),
            unit_months_now=pl.lit(unit_months.now, pl.Int64),
        )
        .with_columns(
            minutes_per_unit_month_before=_per_unit_month("before"),
            minutes_per_unit_month_now=_per_unit_month("now"),
            substitution_share=_substitution_share(unit_months),
        )
        .sort(_KEY)
    )


def _minutes(cell: str) -> str:
    arm, when = cell.split("_")
    return f"{arm}_minutes_{when}"


def _per_unit_month(when: str) -> pl.Expr:
    return (pl.col(f"official_minutes_{when}") + pl.col(f"informal_minutes_{when}")) / pl.col(f"unit_months_{when}")


def _substitution_share(unit_months: UnitMonths) -> pl.Expr:
    """Rise of informal over fall of official minutes, both per unit-month; null where official ones did not fall."""
    at = (unit_months.now, unit_months.before)
    fall = pl.col("official_minutes_before") * at[0] - pl.col("official_minutes_now") * at[1]
    rise = pl.col("informal_minutes_now") * at[1] - pl.col("informal_minutes_before") * at[0]
    return pl.when(fall > 0).then(rise / fall)


def _dispersion(arms: pl.DataFrame, peers: pl.DataFrame) -> pl.DataFrame:
    """Pair, peer_group, dispersion: 24 months about the means of department, arm and calendar month."""
    cell = ["subject_org_id", "is_official", "month"]
    is_now = pl.col("is_now")
    months = (
        arms.join(peers, on="subject_org_id", how="left")
        .group_by("pair", "peer_group", *cell)
        .agg(before=(~is_now).sum().cast(pl.Int64), now=is_now.sum().cast(pl.Int64))
        .unpivot(["before", "now"], index=["pair", "peer_group", *cell], value_name="n")
    )
    return pearson_dispersion(months, group=["pair", "peer_group"], cell=cell).drop("degrees_of_freedom")


def _exchanged(counts: pl.DataFrame) -> pl.DataFrame:
    """The arms by one another's name: what was official is looked at as informal."""
    names = [name for name in counts.columns if name.startswith(("official", "informal"))]
    return counts.rename({name: _other(name) for name in names})


def _other(name: str) -> str:
    return name.replace("official", "informal") if name.startswith("official") else name.replace("informal", "official")


def _exchanged_arms(arms: pl.DataFrame) -> pl.DataFrame:
    return arms.with_columns(~pl.col("is_official"))


def _judged(counts: pl.DataFrame, arms: pl.DataFrame, unit_months: UnitMonths, parameters: Parameters) -> pl.DataFrame:
    """P-values, q-values, bounds and signs; null where there are too few events to test."""
    fdr = parameters.number("shift.fdr")
    tested = counts.filter(_has_counts(parameters))
    a, b, c, d = (tested[name].to_numpy() for name in _COUNTS)
    tests = pair_tests((a, b), (c, d), unit_months.before, unit_months.now, tested["dispersion"].to_numpy())
    found = tested.select(_KEY).with_columns(
        pl.Series("p_fall", tests.fall),
        pl.Series("p_rise", tests.rise),
        pl.Series("p_fall_two_sided", tests.fall_two_sided),
        pl.Series("p_rise_two_sided", tests.rise_two_sided),
        pl.Series("p_value", tests.both),
        pl.Series("q_value", benjamini_hochberg(tests.both)),
    )
    # A q-value is never below its p-value, so that no other test can give a sign.
    small = found.filter(pl.col("p_value") <= fdr).select(_KEY)
    bounds = _bounds(arms.join(small, on=_KEY, how="semi"), unit_months, parameters)
    is_sign = (pl.col("q_value") <= fdr) & (pl.col("substitution_low") > parameters.number("shift.share_min"))
    signs = found.join(bounds, on=_KEY, how="left").with_columns(signal=is_sign.fill_null(value=False).cast(pl.Int64))
    return counts.join(signs, on=_KEY, how="left")


def _has_counts(parameters: Parameters) -> pl.Expr:
    a, b, c, d = (pl.col(name) for name in _COUNTS)
    return (a + b >= parameters.whole("shift.official_min")) & (c + d >= parameters.whole("shift.informal_min"))


def _with_state(signs: pl.DataFrame, previous: pl.DataFrame | None) -> pl.DataFrame:
    """The state of every test; a sign is a SHIFT when the run before gave it too."""
    earlier = BURDEN_SHIFT.empty() if previous is None else previous
    repeated = earlier.filter(pl.col("signal") == 1).select(*_KEY, repeated=pl.lit(value=True))
    is_shift = (pl.col("signal") == 1) & pl.col("repeated").fill_null(value=False)
    state = (
        pl.when(pl.col("p_value").is_null())
        .then(pl.lit("INSUFFICIENT_COUNTS"))
        .when(is_shift)
        .then(pl.lit("SHIFT"))
        .otherwise(pl.lit("NO_EVIDENCE"))
    )
    return signs.join(repeated, on=_KEY, how="left").with_columns(state=state)


def _bounds(arms: pl.DataFrame, unit_months: UnitMonths, parameters: Parameters) -> pl.DataFrame:
    """Pair, subject_org_id and substitution_low (null: below every share) of the tests whose events are given."""
    values = (
        arms.group_by(*_KEY, "is_official", "is_now", "minutes")
        .agg(n=pl.len().cast(pl.Int64))
        .sort(*_KEY, "is_official", "is_now", "minutes")
    )
    draws = parameters.whole("shift.draws")
    found = []
    for key, events in values.partition_by(_KEY, as_dict=True, maintain_order=True).items():
        low = substitution_low(events, unit_months, draws=draws, seed=_seed(*map(str, key)))
        found.append({"pair": key[0], "subject_org_id": key[1], "substitution_low": low})
    schema = {"pair": pl.String(), "subject_org_id": pl.String(), "substitution_low": pl.Float64()}
    return pl.DataFrame(found, schema=schema)


def _seed(pair: str, subject: str) -> int:
    """A seed of its own for each test, so that a bound does not depend on what else is tested."""
    return int.from_bytes(hashlib.sha256(f"shifted burden/{pair}/{subject}".encode()).digest()[:8], "big")


def substitution_low(events: pl.DataFrame, unit_months: UnitMonths, *, draws: int, seed: int) -> float | None:
    """Lower 90 % bound of the substitution share, by a seeded bootstrap over events.

    Every event is drawn a Poisson(1) number of times, ``draws`` times over; the bound is the share a tenth of the
    draws do not exceed. A draw in which official minutes did not fall counts as below every share. Equal events
    are drawn together, as a Poisson number of their count: the same law at a fraction of the cost.

    Args:
        events: is_official, is_now, minutes and ``n``, the number of such events; sorted, so that the draws do
            not depend on the order of rows.
        unit_months: Exposure of the two years.
        draws: Number of draws.
        seed: Seed of the generator.

    Returns:
        The bound; None when it lies below every share.
    """
    official, is_now = events["is_official"].to_numpy(), events["is_now"].to_numpy()
    n, minutes = events["n"].to_numpy(), events["minutes"].to_numpy()
    # Minutes of either year over its unit-months, times both: whole numbers.
    weighted: Integers = minutes * np.where(is_now, unit_months.before, unit_months.now)
    signed: Integers = np.where(is_now == official, -weighted, weighted)
    parts = np.stack([np.where(official, 0, signed), np.where(official, signed, 0)], axis=1)
    generator = np.random.default_rng(seed)
    size = max(1, _DRAWN_AT_ONCE // max(1, len(n)))
    blocks = [generator.poisson(n, (min(size, draws - start), len(n))) @ parts for start in range(0, draws, size)]
    rise, fall = np.concatenate(blocks).T
    share: Floats = np.where(fall > 0, rise / np.where(fall > 0, fall, 1), -np.inf)
    low = float(np.sort(share)[max(0, int(np.ceil(LOWER_TAIL * draws)) - 1)])
    return None if np.isneginf(low) else low


_DRAWN_AT_ONCE = 4_000_000
