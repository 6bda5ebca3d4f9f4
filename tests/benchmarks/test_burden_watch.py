"""The benchmark of the shifted-burden watch in small: what it simulates, what it finds, and when it fails."""

from __future__ import annotations

import numpy as np
import pytest

from benchmarks import burden_watch
from benchmarks.burden_watch import (
    OFFICIAL_MINUTES,
    PAIRS,
    CleanYear,
    Power,
    clean_county,
    clean_year,
    facts,
    is_found,
    negative_binomial,
    planted,
)


def test_a_clean_county_is_not_flagged_and_the_control_is_run() -> None:
    found = clean_year(1, departments=2)
    assert found.flagged == 0
    assert found.control_tested >= 12 * len(PAIRS)


def test_a_large_planted_shift_is_found() -> None:
    assert is_found(1, 240, 0.75, departments=12)


def test_a_small_planted_shift_among_few_departments_is_not() -> None:
    assert not is_found(1, 60, 0.25, departments=3)


def test_monthly_numbers_have_the_season_and_the_dispersion_they_are_given() -> None:
    """A thousand departments: yearly mean 120, January 1.3/12.4 of it, variance three times the mean."""
    rng = np.random.default_rng(5)
    numbers = np.array([negative_binomial(120, 3.0, rng) for _ in range(1_000)])
    assert numbers.shape == (1_000, 36)
    assert numbers.sum(axis=1).mean() / 3 == pytest.approx(120, rel=0.02)
    january = numbers[:, ::12]
    assert january.mean() == pytest.approx(120 * 1.3 / 12.4, rel=0.04)
    assert january.var() / january.mean() == pytest.approx(3, rel=0.15)


def test_what_is_planted_moves_minutes_of_one_department_in_the_last_year_only() -> None:
    rng = np.random.default_rng(3)
    clean = clean_county(2, rng)
    county = planted(clean, 20_000, 0.5, rng)
    *rest, official, informal = county
    assert rest == [series for series in clean if (series.department, series.arms) != (0, PAIRS[0])]
    years = official.numbers.reshape(3, 12).sum(axis=1)
    assert years[2] / years[1] == pytest.approx(0.5, abs=0.05)
    moved = informal.numbers.reshape(3, 12).sum(axis=1)
    lost, gained = (years[1] - years[2]) * np.mean(OFFICIAL_MINUTES), (moved[2] - moved[1]) * 20
    assert gained / lost == pytest.approx(1, abs=0.1)


def test_every_event_becomes_one_row_in_its_month() -> None:
    rng = np.random.default_rng(3)
    county = clean_county(1, rng)
    rows = facts(county, rng)
    assert rows.height == sum(int(series.numbers.sum()) for series in county)
    assert rows.select("issuer_org_id", "burden_kind", "source_ref").n_unique() == rows.height
    first = rows.filter(rows["start_date"].dt.strftime("%Y-%m") == "2024-01")
    assert first.height == sum(int(series.numbers[0]) for series in county)


def test_power_comes_with_its_interval() -> None:
    """9 of 10: Clopper and Pearson .555 to .997."""
    low, high = Power(60, 0.5, 10, 9).interval
    assert (round(low, 3), round(high, 3)) == (0.555, 0.997)


@pytest.mark.parametrize(("flagged", "code"), [((0, 1), 0), ((1, 1), 1)])
def test_beyond_the_gate_it_exits_with_an_error(
    flagged: tuple[int, int], code: int, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    years = {seed: CleanYear(number, 3, 100, 1) for seed, number in enumerate(flagged, start=1)}
    monkeypatch.setattr(burden_watch, "clean_year", lambda seed, _: years[seed])
    monkeypatch.setattr(burden_watch, "powers", lambda counties, _: [Power(60, 0.25, counties, 1)])
    assert burden_watch.main(["--counties", "2"]) == code
    printed = capsys.readouterr().out
    assert "| 60 | 25% | 2 | 0.50 | 0.01 to 0.99 |" in printed
    assert ("beyond the limit" in printed) == bool(code)
