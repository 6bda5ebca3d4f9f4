"""A thousand damaged and odd files through the whole ingest: every one ends in a receipt that adds up."""

from __future__ import annotations

import sys
from collections import Counter
from pathlib import Path, PurePath

import pytest

from expectations.catalogue import catalogue
from tasks.night import ingest
from tests.support import world
from tests.support.mutations import mutations
from tests.support.small_files import xlsx_bytes

DECISIONS = {"accepted", "accepted_with_rejects", "held", "refused", "duplicate"}
PER_SEED = 250


def base_files() -> dict[str, bytes]:
    """A few sound deliveries of the small world: ratings, facts and answers, as text and as workbooks."""
    sound = {name: content for name, content in world.observations().items() if name.endswith(".csv")}
    shortened = {name: b"\r\n".join(content.splitlines()[:25]) + b"\r\n" for name, content in sound.items()}
    name, content = next((name, content) for name, content in shortened.items() if "/rating_event" in name)
    rows = [line.split(",") for line in content.decode("utf-8-sig").splitlines()]
    return shortened | {str(PurePath(name).with_suffix(".xlsx")): xlsx_bytes(rows)}


@pytest.mark.trial
@pytest.mark.parametrize("seed", [20260701, 20260702, 20260703, 20260704])
def test_every_damaged_file_ends_in_a_receipt_whose_balance_holds(
    seed: int, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    workspace = world.open_home(tmp_path / "home")
    world.deliver(workspace, world.references())
    world.run_night(tmp_path / "home")
    delivered = {}
    for number, (name, content) in enumerate(mutations(seed, PER_SEED, base_files())):
        stem = "__".join(name.split("__")[:3])
        delivered[f"{stem}__v{number + 1:04d}{PurePath(name).suffix}"] = content
    world.deliver(workspace, delivered)
    report = world.run_night(tmp_path / "home")
    outcomes = Counter(answer.decision for answer in report.answers)
    with capsys.disabled():
        sys.stdout.write(f"\nseed {seed}: {dict(outcomes)}\n")
    assert sum(outcomes.values()) == PER_SEED
    assert set(outcomes) <= DECISIONS
    assert {"accepted", "refused", "held"} <= set(outcomes)
    for answer in report.answers:
        parts = answer.balance
        assert parts["read"] == sum(count for name, count in parts.items() if name != "read"), answer
        assert set(answer.codes) <= set(catalogue()), answer
    assert world.balance_faults(world.receipts(workspace)) == []
    assert world.leftovers(workspace) == []
    assert ingest(workspace, []) == []  # the parent works on, and nothing is left to do
