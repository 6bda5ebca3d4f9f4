"""What must not matter does not matter: the order of files and rows, threads, hash seeds, time zones, keys."""

from __future__ import annotations

import os
import random
import shutil
import subprocess
import sys
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from itertools import permutations
from pathlib import Path

import polars as pl
import pytest
from hypothesis import given, seed, settings
from hypothesis import strategies as st

from expectations.common import BOOKKEEPING
from expectations.datasets import DATASETS
from tasks.comparing import compare
from tasks.land import delivery_of
from tasks.night import no_progress, run
from tasks.release import verify_release
from tasks.workspace import Workspace
from tests.support import world
from tests.support.world import BEFORE_CUTOFF, csv_bytes, deliver, name_of, open_home, rating, run_night, view_of
from warehouse.current_view import conflicting_keys, current_rows
from warehouse.lake import LakeFile
from warehouse.ledger import LoadedFile

pytestmark = pytest.mark.trial

SEED = 20260731
ROOT = Path(__file__).resolve().parents[2]


def shuffled(content: bytes) -> bytes:
    """The same rows of a CSV file in another order."""
    header, *lines = content.decode().splitlines()
    random.Random(SEED).shuffle(lines)  # noqa: S311 - reproducible, no secret
    return "\n".join([header, *lines, ""]).encode()


def home_by_person(folder: Path) -> Workspace:
    """A home whose scheme counts every rater, so that results are fitted to rows named by pseudonyms."""
    workspace = open_home(folder)
    (workspace.settings.schemes / "trial.yaml").write_text(world.scheme_text(rater_level="person"), encoding="utf-8")
    return workspace


@pytest.fixture(scope="module")
def published(tmp_path_factory: pytest.TempPathFactory) -> tuple[str, Mapping[str, pl.DataFrame]]:
    """Release hash and views of the plain night."""
    home = tmp_path_factory.mktemp("order") / "home"
    workspace = home_by_person(home)
    deliver(workspace, world.everything())
    report = run_night(home)
    assert [released.state for released in report.released] == ["published"]
    assert verify_release(workspace, report.released[0].release_id).holds
    views = {name: view_of(workspace, name) for name in DATASETS}
    assert {name: view.height for name, view in views.items() if view.height} == {
        "org_unit": 22, "period": 1, "instrument_item": 6, "indicator": 3, "rater": 30, "rating_event": 600,
        "performance_fact": 36, "survey_response": 96,
    }  # fmt: skip
    return report.released[0].result_hash, views


@pytest.mark.parametrize("threads", [1, 2])
def test_threads_hash_seeds_time_zones_and_keys_do_not_matter(
    published: tuple[str, Mapping[str, pl.DataFrame]], tmp_path: Path, threads: int
) -> None:
    """Rows shuffled and files written in reverse besides, and another key of the pseudonyms."""
    workspace = home_by_person(tmp_path)
    key = workspace.settings.keys / "rater-2026.key"
    key.write_text(f"{threads:02x}" * 32, encoding="ascii")
    deliver(workspace, dict(reversed([(place, shuffled(content)) for place, content in world.everything().items()])))
    done = subprocess.run(
        [sys.executable, "-W", "ignore", "-m", "tests.support.one_night", str(tmp_path)],
        cwd=ROOT, capture_output=True, text=True, check=False,
        env=os.environ | {
            "POLARS_MAX_THREADS": str(threads), "OMP_NUM_THREADS": str(threads), "PYTHONHASHSEED": str(threads),
            "TZ": "Pacific/Chatham" if threads == 1 else "America/St_Johns",
        },
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    assert done.stdout.strip() == published[0]


@pytest.mark.parametrize("number", range(3))
def test_files_listed_in_any_order_and_taken_on_any_night_give_the_same_release(
    published: tuple[str, Mapping[str, pl.DataFrame]], tmp_path: Path, number: int
) -> None:
    """Three orders of the observations, one file a run, the registers first."""
    files = list(world.observations().items())
    random.Random(SEED + number).shuffle(files)  # noqa: S311 - reproducible, no secret
    workspace = home_by_person(tmp_path / "home")
    for place, content in [*world.references().items(), *files]:
        path = tmp_path / "sent" / place
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(shuffled(content) if number else content)
    registers = [delivery_of(tmp_path / "sent" / place) for place in world.references()]
    random.Random(SEED + number).shuffle(registers)  # noqa: S311 - reproducible, no secret
    take(tmp_path / "home", registers)
    for place, _ in files:
        take(tmp_path / "home", [delivery_of(tmp_path / "sent" / place)])
    report = run_night(tmp_path / "home")
    assert [released.result_hash for released in report.released] == [published[0]]
    for name, view in published[1].items():
        assert view_of(workspace, name).equals(view), name


def take(home: Path, deliveries: Sequence[object]) -> None:
    """Ingest files given by path, before the cutoff of the period."""
    workspace = open_home(home, now=BEFORE_CUTOFF)
    run(workspace, "ingest", None, no_progress, from_inbox=False, deliveries=deliveries, scores=False)  # type: ignore[arg-type]
    workspace.engine.dispose()


def test_corrections_conflicts_and_voids_in_any_order_give_the_same_view(tmp_path: Path) -> None:
    """The whole way, six orders of four files about three ratings."""
    first, second, third = (("token-00", "V-01", "D-FARM", item) for item in world.ITEMS[:3])
    other = "D-ROAD"
    files = {
        name_of("rating_event"): [rating(*first, 1), rating(*second, 2), rating(*third, 3)],
        name_of("rating_event", version=2): [rating(*first, 4), rating(*second, 2, record_op="void")],
        name_of("rating_event", other): [rating(*first, 5), rating(*third, 3)],
        name_of("rating_event", other, version=2): [rating(*first, 2, revision=2)],
    }
    expected = [("GUIDE", None), ("SOLVE", 2), ("SPEED", 3)]
    orders = random.Random(SEED).sample(list(permutations(files)), 6)  # noqa: S311 - reproducible, no secret
    template = tmp_path / "template"
    deliver(open_home(template), world.references())
    run_night(template, now=BEFORE_CUTOFF)
    for number, order in enumerate(orders):
        home = copy_of(template, tmp_path / f"order-{number}")
        for place in order:
            deliver(open_home(home), {place: csv_bytes(files[place])})
            run_night(home, now=BEFORE_CUTOFF)
        view = view_of(open_home(home), "rating_event")
        found = {item: int(score) for item, score in view.select("item_id", "score_raw").iter_rows()}
        assert [(item, found.get(item)) for item, _ in expected] == expected, order


def copy_of(template: Path, home: Path) -> Path:
    """Another home in the same state."""
    shutil.copytree(template, home)
    return home


# Below, the same contract on the two functions that decide it, for many more files and orders.

FACT = DATASETS["performance_fact"]
KEYS = ("A", "B", "C")


class MemoryLake:
    """The rows of loaded files as a lake would show them."""

    def __init__(self) -> None:
        self.parts: dict[str, pl.DataFrame] = {}

    def add(self, sha256: str, rows: pl.DataFrame) -> None:
        if rows.height:
            self.parts[sha256] = rows

    def files(self, _dataset: str, _version: int | None = None) -> list[LakeFile]:
        return [LakeFile(Path(sha256), sha256, world.PERIOD, rows.height) for sha256, rows in self.parts.items()]

    def scan(self, _dataset: str, files: Sequence[LakeFile]) -> pl.LazyFrame:
        return pl.concat([pl.DataFrame(schema=SCHEMA), *(self.parts[file.sha256] for file in files)]).lazy()


SCHEMA = {**FACT.stored_schema, **BOOKKEEPING}

Said = tuple[str, int, str, str]
"""What a row says: its key, revision, record_op and value."""
File = tuple[str, int, tuple[Said, ...]]
"""A file: submitter, version and rows."""


def stored(file: File, moment: int) -> pl.DataFrame:
    """The rows of a file as they would lie in the lake."""
    submitter, version, rows = file
    return pl.DataFrame(
        [
            {
                "indicator_id": key, "org_id": "V-01", "period_id": world.PERIOD, "source_org_id": "D-FARM",
                "value": value, "unit": "点", "revision": revision, "record_op": operation,
                "_file_sha256": f"{submitter}-{version}", "_submitter_org_id": submitter, "_file_version": version,
                "_sheet": "", "_row": number, "_ingested_at": datetime(2026, 8, 1, 0, moment, tzinfo=UTC),
                "_late": False,
            }
            for number, (key, revision, operation, value) in enumerate(rows, start=2)
        ],
        schema={**SCHEMA, "value": pl.String},
    ).with_columns(pl.col("value").cast(pl.Decimal(18, 6)))  # fmt: skip


def loaded_in(order: Sequence[File]) -> tuple[MemoryLake, list[LoadedFile]]:
    """Load files one after another, as the load step does."""
    lake, loaded = MemoryLake(), []
    for moment, file in enumerate(order):
        rows = stored(file, moment)
        existing = lake.scan("", lake.files("")) if loaded else None
        found = compare(rows.lazy().select("_sheet", "_row", *FACT.stored_schema), existing, FACT, file[0], file[1])
        kept = rows.join(found.left_out, on=["_sheet", "_row"], how="anti")
        lake.add(f"{file[0]}-{file[1]}", kept)
        at = datetime(2026, 8, 1, 0, moment, tzinfo=UTC)
        loaded.append(
            LoadedFile(f"{file[0]}-{file[1]}", file[0], file[1], at, (world.PERIOD,), kept.height, found.overlapping)
        )
    return lake, loaded


def expected_view(files: Sequence[File]) -> tuple[dict[str, str], set[str]]:
    """Values in force and keys in conflict, from the rules of INPUT.md 4.5 in plain words."""
    values: dict[str, str] = {}
    conflicts: set[str] = set()
    for key in KEYS:
        standing: dict[str, tuple[int, int, str, str]] = {}
        for submitter, version, rows in files:
            for said, revision, operation, value in rows:
                if said == key:
                    standing[submitter] = max(
                        standing.get(submitter, (0, 0, "", "")), (revision, version, operation, value)
                    )
        if not standing:
            continue
        highest = max(row[0] for row in standing.values())
        contents = {row[2:] for row in standing.values() if row[0] == highest}
        if len(contents) > 1:
            conflicts.add(key)
        elif (content := contents.pop())[0] == "upsert":
            values[key] = content[1]
    return values, conflicts


@st.composite
def file_sets(draw: st.DrawFn) -> list[File]:
    """Two to four files of two submitters, each version of a submitter once, keys once in a file."""
    names = draw(
        st.lists(
            st.tuples(st.sampled_from(["D-FARM", "D-ROAD"]), st.integers(1, 3)), min_size=2, max_size=4, unique=True
        )
    )
    row = st.tuples(st.integers(1, 2), st.sampled_from(["upsert", "upsert", "void"]), st.sampled_from(["1", "2"]))
    files = []
    for submitter, version in names:
        keys = draw(st.lists(st.sampled_from(KEYS), min_size=1, max_size=3, unique=True))
        files.append((submitter, version, tuple((key, *draw(row)) for key in keys)))
    return files


def view_in(order: Sequence[File]) -> tuple[dict[str, str], set[str]]:
    """Values in force and keys in conflict after loading files in an order."""
    lake, loaded = loaded_in(order)
    view = current_rows(lake, FACT, loaded).collect()  # type: ignore[arg-type]
    assert not view.select(FACT.natural_key).is_duplicated().any()
    values = {key: str(int(value)) for key, value in view.select("indicator_id", "value").iter_rows()}
    return values, set(conflicting_keys(lake, FACT, loaded)["indicator_id"])  # type: ignore[arg-type]


@seed(SEED)
@settings(max_examples=40, deadline=None, database=None)
@given(file_sets())
def test_every_order_of_a_set_of_files_gives_the_view_the_rules_say(files: list[File]) -> None:
    expected = expected_view(files)
    for order in permutations(files):
        assert view_in(order) == expected, order


def test_five_files_with_everything_in_them_in_all_orders() -> None:
    """Versions, revisions, a void, a conflict, its resolution and a repetition; 120 orders."""
    files: list[File] = [
        ("D-FARM", 1, (("A", 1, "upsert", "1"), ("B", 1, "upsert", "1"), ("C", 2, "upsert", "1"))),
        ("D-FARM", 2, (("A", 1, "upsert", "2"), ("B", 1, "void", "1"))),
        ("D-FARM", 3, (("A", 1, "upsert", "1"), ("C", 1, "upsert", "5"))),
        ("D-ROAD", 1, (("A", 1, "upsert", "1"), ("C", 2, "upsert", "2"))),
        ("D-ROAD", 2, (("C", 3, "upsert", "9"),)),
    ]
    assert expected_view(files) == ({"A": "1", "C": "9"}, set())
    assert expected_view(files[:4]) == ({"A": "1"}, {"C"})
    for order in permutations(files):
        assert view_in(order) == ({"A": "1", "C": "9"}, set()), order


def test_of_two_files_of_one_version_the_newer_one_stands() -> None:
    """Without version numbers only the time of arrival can tell which of two files is the correction."""
    first = ("D-FARM", 1, (("A", 1, "upsert", "1"),))
    lake, loaded = loaded_in([first])
    again = stored(("D-FARM", 1, (("A", 1, "upsert", "2"),)), 5).with_columns(_file_sha256=pl.lit("later"))
    found = compare(
        again.lazy().select("_sheet", "_row", *FACT.stored_schema), lake.scan("", lake.files("")), FACT, "D-FARM", 1
    )
    assert found.lines["code"].to_list() == ["W310"]
    lake.add("later", again)
    at = datetime(2026, 8, 1, 0, 5, tzinfo=UTC)
    loaded.append(LoadedFile("later", "D-FARM", 1, at, (world.PERIOD,), 1, found.overlapping))
    view = current_rows(lake, FACT, loaded).collect()  # type: ignore[arg-type]
    assert view["value"].cast(pl.Int64).to_list() == [2]
