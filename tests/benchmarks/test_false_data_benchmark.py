"""The benchmark of too-good data: plants are planted, and the gate is a gate."""

from __future__ import annotations

from collections import Counter

import polars as pl
import pytest

from benchmarks import false_data
from benchmarks.false_data import DEPARTMENTS, PLANTED, Outcome, bunched, copied, county, flags, inflated, is_found


def test_a_clean_county_raises_nothing_and_every_plant_is_found() -> None:
    clean = county(1)
    assert flags(clean).is_empty()
    for name, plant in PLANTED.items():
        assert is_found(plant, clean, 1), name


def test_what_is_planted_is_what_is_said() -> None:
    clean = county(2)
    now = (pl.col("period_id") == clean.period_id) & (pl.col("indicator_id") == f"{DEPARTMENTS[0]}-trees")
    before = clean.performance.filter(now)
    more = inflated(clean, 2).performance.filter(now)
    ratio = (more["value"].sum() or 0) / (before["value"].sum() or 1)
    assert float(ratio) == pytest.approx(1.1, abs=0.001)
    lifted = bunched(clean, 2).performance.filter(now)
    changed = lifted.filter(lifted["value"] != before["value"])
    assert 0.2 <= changed.height / before.height <= 0.4
    assert (changed["value"] >= changed["target_value"]).all()
    assert (changed["value"] <= changed["target_value"] * pl.Series([1.01]).cast(pl.Decimal(18, 6))).all()
    alike = copied(clean, 2).performance
    moved = alike.filter(alike["value"] != clean.performance["value"])
    assert moved["org_id"].n_unique() == false_data.VILLAGES // 10
    assert moved["source_org_id"].unique().to_list() == [DEPARTMENTS[0]]


def test_counties_are_the_same_every_time_and_differ_by_seed() -> None:
    assert county(3).performance.equals(county(3).performance)
    assert not county(3).performance.equals(county(4).performance)


@pytest.mark.parametrize(("false_flags", "code"), [(2, 0), (3, 1)])
def test_beyond_the_gate_it_exits_with_an_error(
    false_flags: int, code: int, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    seen = Outcome(20, Counter({"FAL-02": false_flags}), Counter(dict.fromkeys(PLANTED, 18)))
    monkeypatch.setattr(false_data, "outcome", lambda _: seen)
    assert false_data.main([]) == code
    printed = capsys.readouterr().out
    assert ("beyond the gate" in printed) == bool(code)
    assert "| 18/20 | 0.90 | 0.68-0.99 |" in printed
