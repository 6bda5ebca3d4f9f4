"""A night that is killed anywhere leaves the state before or after, and the next one finishes by itself.

The nights run in processes forked from a warm one and die by SIGKILL, at named points and at random
moments. After every death the state is judged as readers see it; after the next whole night everything
must equal an undisturbed run.
"""

from __future__ import annotations

import hashlib
import json
import random
import shutil
import sys
import time
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import polars as pl
import pytest

from expectations.datasets import DATASETS
from scoring.tables import RESULT_TABLES
from tasks.workspace import Workspace
from tests.support import world
from tests.support.forked_nights import ForkedNights, Outcome
from tests.support.world import all_rows, deliver, lake_rows, leftovers, name_of, open_home, ratings, signature
from warehouse.crash_points import CRASH_POINTS
from warehouse.current_view import current_rows
from warehouse.ledger import loaded_files
from warehouse.releases import chain_faults, published_release, read_results, result_hash

pytestmark = pytest.mark.trial

SEED = 20261122
RANDOM_KILLS = 10
RELAYS = (
    ("claimed:2", "read:1", "checked:1", "staged:1", "appended:1"),
    ("landed:3", "quarantined:2", "linked:1", "loaded:1", "scored:1"),
    ("staged:1", "linked:1", "appended:1", "loaded:1", "receipted:1"),
    ("receipted:1", "receipted:1", "receipted:1", "drafted:1", "publishing:1"),
    ("claimed:3", "landed:2", "checked:2", "linked:2", "receipted:1"),
    ("read:1", "quarantined:1", "quarantined:1", "quarantined:1", "appended:3"),
    ("loaded:1", "loaded:1", "loaded:1", "scored:1", "drafted:1"),
)
RATED, BAD, CORRECTED = 120, 3, 10


def first_ratings() -> list[world.Row]:
    """A hundred and twenty ratings, three of them for a department that does not exist."""
    rows = [dict(row) for row in ratings()[:RATED]]
    for number in range(BAD):
        rows[number * 40]["target_org_id"] = f"D-NOWHERE-{number}"
    return rows


def corrected_ratings() -> list[world.Row]:
    """Ten of them again with another score, in a newer version of the file."""
    return [{**row, "score_raw": 1 + int(str(row["score_raw"])) % 5} for row in first_ratings()[1 : 1 + CORRECTED]]


def night_files() -> dict[str, bytes]:
    """What the disturbed night takes: the period, ratings, their correction, and a renamed duplicate."""
    first = world.csv_bytes(first_ratings())
    return {
        name_of("period", version=2, period_id="2026"): world.csv_bytes([world.period()]),
        name_of("rating_event"): first,
        name_of("rating_event", version=2): world.csv_bytes(corrected_ratings()),
        name_of("rating_event", version=3): first,
    }


def expected_scores(loaded: Sequence[str]) -> Counter[int]:
    """How often each score stands in the view when these files are loaded, counted by hand."""
    scores: dict[tuple[object, ...], int] = {}
    for name, rows in (("v01.csv", first_ratings()), ("v02.csv", corrected_ratings())):
        if any(each.endswith(name) for each in loaded):
            for row in rows:
                if row["target_org_id"] in world.DEPARTMENTS:
                    key = (row["rater_token"], row["target_org_id"], row["item_id"])
                    scores[key] = int(str(row["score_raw"]))
    return Counter(scores.values())


@dataclass
class Tally:
    """What was done, for the report at the end."""

    kills: int = 0
    points: Counter[str] = field(default_factory=Counter)
    phases: set[object] = field(default_factory=set)


@dataclass(frozen=True)
class Trial:
    """The warm process, the home every trial starts from, and what an undisturbed night makes of it."""

    nights: ForkedNights
    template: Path
    folder: Path
    undisturbed: Mapping[str, Any]
    passed: Mapping[str, int]
    results: str
    tally: Tally

    def home(self, name: str) -> Path:
        """A fresh copy of the starting home."""
        home = self.folder / name
        shutil.copytree(self.template, home)
        return home

    def killed(self, home: Path, **how: Any) -> Outcome:
        """Run a night that is meant to die, and count it when it does."""
        outcome = self.nights.night(home, **how)
        if outcome.killed:
            self.tally.kills += 1
            self.tally.points[str(how.get("crash_at") or "random").partition(":")[0]] += 1
        return outcome

    def finish(self, home: Path) -> list[str]:
        """The next night, undisturbed: what is not as it should be after it."""
        outcome = self.nights.night(home)
        if outcome.status != 0:
            return [f"the next night failed: {outcome.error[-2000:]}"]
        workspace = open_home(home)
        try:
            found = signature(workspace) | {"documents": documents(workspace)}
            faults = [
                f"{part}: {found[part]} != {self.undisturbed[part]}"
                for part in found
                if found[part] != self.undisturbed[part]
            ]
            return [
                *faults,
                *reader_faults(workspace, self.results),
                *(f"left behind: {each}" for each in leftovers(workspace)),
            ]
        finally:
            workspace.engine.dispose()

    def faults_of(self, home: Path) -> list[str]:
        """What readers must never see, in a home whose night died."""
        workspace = open_home(home)
        try:
            return reader_faults(workspace, self.results)
        finally:
            workspace.engine.dispose()


def documents(workspace: Workspace) -> str:
    """Hash of all receipts without what differs from run to run."""
    told = [
        {key: value for key, value in document.items() if key not in {"run_id", "recorded_at", "first_taken"}}
        for document in world.receipts(workspace)
    ]
    return hashlib.sha256(json.dumps(told, sort_keys=True).encode()).hexdigest()


def reader_faults(workspace: Workspace, results: str) -> list[str]:
    """Half files, doubled rows, half releases, broken chains and accepted rows before their rejects."""
    return [*_file_faults(workspace), *_view_faults(workspace), *_release_faults(workspace, results)]


def _file_faults(workspace: Workspace) -> Iterator[str]:
    """Every loaded file is in the lake whole and once, and its rejected rows are in the quarantine."""
    for sha256, dataset, receipt in all_rows(
        workspace, "select sha256, dataset, receipt from ingest_file where state = 'loaded'"
    ):
        document = json.loads(receipt)
        rows = sum(file.rows for file in workspace.lake.files(dataset) if file.sha256 == sha256)
        if rows != document["rows_stored"]:
            yield f"{document['name']}: {rows} rows in the lake, {document['rows_stored']} were stored"
        quarantine = workspace.settings.quarantine / f"{sha256}.parquet"
        rejected = pl.read_parquet(quarantine).height if quarantine.exists() else 0
        if rejected != document["balance"]["rejected"]:
            yield f"{document['name']}: {rejected} rows in the quarantine"


def _view_faults(workspace: Workspace) -> Iterator[str]:
    """The view shows exactly the rows of loaded files."""
    loaded = loaded_files(workspace.engine, "rating_event")
    known = {file.sha256 for file in loaded}
    names = [name for sha256, name in all_rows(workspace, "select sha256, name from ingest_file") if sha256 in known]
    view = current_rows(workspace.lake, DATASETS["rating_event"], loaded).collect()
    found = Counter(int(score) for score in view["score_raw"])
    if found != expected_scores(names):
        yield f"scores in view with {names}: {found} != {expected_scores(names)}"
    if view.select(DATASETS["rating_event"].natural_key).is_duplicated().any():
        yield "a key shows twice"
    for name, rows in lake_rows(workspace).items():
        scanned = workspace.lake.scan(name, workspace.lake.files(name)).select(pl.len()).collect().item()
        if scanned != rows:
            yield f"{name}: the table says {rows} rows and holds {scanned}"


def _release_faults(workspace: Workspace, results: str) -> Iterator[str]:
    """Readers see no release or the whole right one."""
    yield from chain_faults(workspace.engine)
    published = published_release(workspace.engine, world.PERIOD)
    if published is None:
        return
    tables = {name: read_results(workspace.engine, published["release_id"], name) for name in RESULT_TABLES}
    if result_hash(tables) != published["result_hash"] or published["result_hash"] != results:
        yield "the published results are not those of the undisturbed run"
    if published["state"] != "published" or published["published_at"] is None:
        yield f"readers see a release in state {published['state']}"
    if all_rows(workspace, "select status from program_period") != [("published",)]:
        yield "a release is published and its period is not"


@pytest.fixture(scope="module")
def trial(tmp_path_factory: pytest.TempPathFactory, request: pytest.FixtureRequest) -> Iterator[Trial]:
    """The home every trial starts from: registers taken, the night's files in the inbox."""
    folder = tmp_path_factory.mktemp("kills")
    started = time.monotonic()
    tally = Tally()
    with ForkedNights(folder) as nights:
        template, whole = folder / "template", folder / "whole"
        registers = {place: content for place, content in world.references().items() if "period__" not in place}
        workspace = open_home(template)
        deliver(workspace, registers)
        assert nights.night(template).status == 0
        deliver(workspace, night_files())
        workspace.engine.dispose()
        shutil.copytree(template, whole)
        outcome = nights.night(whole)
        assert outcome.status == 0, outcome.error
        workspace = open_home(whole)
        results = world.result_hash_of(workspace)
        assert results is not None
        assert leftovers(workspace) == []
        undisturbed = signature(workspace) | {"documents": documents(workspace)}
        assert list(reader_faults(workspace, results)) == []
        workspace.engine.dispose()
        yield Trial(nights, template, folder, undisturbed, outcome.passed, results, tally)
    _report(request, tally, time.monotonic() - started)


def _report(request: pytest.FixtureRequest, tally: Tally, seconds: float) -> None:
    capture = request.config.pluginmanager.getplugin("capturemanager")
    points = ", ".join(f"{name} {count}" for name, count in sorted(tally.points.items()))
    with capture.global_and_fixture_disabled():
        sys.stdout.write(f"\n{tally.kills} kills in {seconds:.0f} s, seed {SEED}: {points}\n")


def test_every_point_is_passed_by_an_undisturbed_night(trial: Trial) -> None:
    assert set(trial.passed) == set(CRASH_POINTS)


def test_a_death_at_any_point_is_made_good_by_the_next_night(trial: Trial) -> None:
    """Every point, the first and the last time it is passed."""
    places = [f"{name}:{count}" for name in CRASH_POINTS for count in sorted({1, trial.passed[name]})]
    assert len(places) > len(CRASH_POINTS)
    for place in places:
        home = trial.home(place.replace(":", "-"))
        assert trial.killed(home, crash_at=place).killed, place
        assert trial.faults_of(home) == [], place
        assert trial.finish(home) == [], place
        shutil.rmtree(home)
    trial.tally.phases.add("every place")


@pytest.mark.parametrize("deaths", RELAYS, ids=[" ".join(deaths) for deaths in RELAYS])
def test_deaths_during_recovery_are_made_good_too(trial: Trial, deaths: Sequence[str]) -> None:
    """Five nights in a row die, each while it makes good what the one before left."""
    home = trial.home("relay")
    for place in deaths:
        assert trial.killed(home, crash_at=place).killed, place
        assert trial.faults_of(home) == [], place
    assert trial.finish(home) == []
    shutil.rmtree(home)
    trial.tally.phases.add(deaths)


def test_deaths_at_random_moments_are_made_good(trial: Trial) -> None:
    generator = random.Random(SEED + 1)  # noqa: S311 - reproducible, no secret
    home = trial.home("measure")
    seconds = trial.nights.night(home).seconds
    for number in range(RANDOM_KILLS):
        home = trial.home(f"random-{number}")
        moment = generator.uniform(0.02, 0.6) * seconds
        trial.killed(home, kill_after=moment)
        assert trial.faults_of(home) == [], moment
        assert trial.finish(home) == [], moment
        shutil.rmtree(home)
    trial.tally.phases.add("random")


def test_a_ledger_written_before_the_lake_would_be_noticed(trial: Trial) -> None:
    """The judge itself on trial: a program that is broken on purpose must be caught."""
    home = trial.home("ledger-first")
    assert trial.nights.night(home, crash_at="loaded:2", fault="ledger_before_append").killed
    assert any("0 rows in the lake, 117 were stored" in fault for fault in trial.faults_of(home))


def test_an_append_that_can_happen_twice_would_be_noticed(trial: Trial) -> None:
    home = trial.home("append-twice")
    assert trial.nights.night(home, crash_at="appended:2", fault="append_without_transaction").killed
    assert trial.nights.night(home, fault="append_without_transaction").status == 0
    assert any("234 rows in the lake, 117 were stored" in fault for fault in trial.faults_of(home))


def test_a_pointer_moved_before_its_release_is_complete_would_be_noticed(trial: Trial) -> None:
    home = trial.home("pointer-first")
    assert trial.nights.night(home, crash_at="publishing:1", fault="pointer_before_results").killed
    assert "readers see a release in state audited" in trial.faults_of(home)


def test_there_were_at_least_sixty_deaths_and_each_point_saw_one(trial: Trial, request: pytest.FixtureRequest) -> None:
    chosen = {item.name.partition("[")[0] for item in request.session.items if item.path == request.path}
    if not chosen.issuperset(name for name in globals() if name.startswith("test_")):
        pytest.skip("counts the deaths of the whole module, of which only some tests were asked for")
    assert trial.tally.phases == {"every place", *RELAYS, "random"}, "the module was split over processes: loadfile"
    assert trial.tally.kills >= 60
    assert set(CRASH_POINTS) <= set(trial.tally.points)
