"""A store that was touched: whatever byte of a release or its inputs changes, verification names the place."""

from __future__ import annotations

import random
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest
from sqlalchemy import text

from tasks.release import NOT_COMPUTED, verify_release
from tasks.workspace import Workspace
from tests.support import world
from tests.support.world import deliver, open_home, run_night

SEED, FLIPS = 20260807, 8
RELEASE = f"R-{world.PERIOD}-001"


@pytest.fixture(scope="module")
def template(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A home with a published release that verifies."""
    home = tmp_path_factory.mktemp("tampering") / "home"
    workspace = open_home(home)
    deliver(workspace, world.everything())
    run_night(home)
    found = verify_release(workspace, RELEASE)
    assert found.holds
    assert (found.faults, found.differing_tables) == ((), ())
    workspace.engine.dispose()
    return home


@pytest.fixture
def month(template: Path, tmp_path: Path) -> Iterator[Workspace]:
    """A copy to touch."""
    shutil.copytree(template, tmp_path / "home")
    workspace = open_home(tmp_path / "home")
    yield workspace
    workspace.engine.dispose()


def test_any_flipped_bit_of_any_lake_file_is_named(month: Workspace) -> None:
    generator = random.Random(SEED)  # noqa: S311 - reproducible, no secret
    for dataset in ("rating_event", "performance_fact", "survey_response", "org_unit", "instrument_item", "indicator"):
        for file in month.lake.files(dataset):
            sound = file.path.read_bytes()
            for _ in range(FLIPS):
                damaged = bytearray(sound)
                damaged[generator.randrange(len(damaged))] ^= 1 << generator.randrange(8)
                file.path.unlink()
                file.path.write_bytes(damaged)
                found = verify_release(month, RELEASE)
                assert found.faults == (f"lake/{dataset}/{file.path.name}",)
                assert (found.holds, found.recomputed_hash) == (False, NOT_COMPUTED)
            file.path.write_bytes(sound)
    assert verify_release(month, RELEASE).holds


def test_a_lake_file_or_a_delivery_that_is_gone_is_named(month: Workspace) -> None:
    first, second = month.lake.files("rating_event")
    first.path.unlink()
    assert verify_release(month, RELEASE).faults == (f"lake/rating_event/{first.path.name}",)
    with month.engine.begin() as connection:
        connection.execute(text("update ingest_file set state = 'held' where sha256 = :it"), {"it": second.sha256})
    names = {f"lake/rating_event/{file.path.name}" for file in (first, second)}
    assert set(verify_release(month, RELEASE).faults) == names


@pytest.mark.parametrize(
    ("statement", "tables"),
    [
        (
            "update result_department_score set score_shrunken = score_shrunken + 0.0001 where rank = 1",
            {"department_score"},
        ),
        ("update result_department_item set n_answered = n_answered + 1 where item_id = 'FAIR'", {"department_item"}),
        ("delete from result_unit_points where org_id = 'V-01'", {"unit_points"}),
        ("update result_satisfaction_mean set org_id = 'V-99' where org_id = 'V-01'", {"satisfaction_mean"}),
    ],
)
def test_a_stored_result_that_was_touched_is_named(month: Workspace, statement: str, tables: set[str]) -> None:
    with month.engine.begin() as connection:
        assert connection.execute(text(statement)).rowcount > 0
    found = verify_release(month, RELEASE)
    assert (found.holds, set(found.differing_tables)) == (False, tables)
    assert found.recomputed_hash == found.result_hash != found.stored_hash


def test_any_flipped_bit_of_a_manifest_is_named_and_nothing_is_computed_from_it(month: Workspace) -> None:
    generator = random.Random(SEED + 1)  # noqa: S311 - reproducible, no secret
    (sound,) = world.all_rows(month, "select manifest from release")[0]
    for _ in range(FLIPS * 4):
        damaged = bytearray(sound.encode())
        damaged[generator.randrange(len(damaged))] ^= 1 << generator.randrange(7)
        with month.engine.begin() as connection:
            connection.execute(text("update release set manifest = :it"), {"it": damaged.decode(errors="replace")})
        found = verify_release(month, RELEASE)
        assert found.faults == (f"{RELEASE}: manifest_hash",)
        assert not found.holds
