"""The benchmark of the rating model: planted truth is recovered, and the large parts run in small."""

from __future__ import annotations

import numpy as np
import polars as pl
import pytest

from benchmarks import rating_model
from benchmarks.rating_model import Recovery, large_cells, recovery, simulated_ratings, speed


def test_planted_scores_are_covered_and_severity_adjustment_ranks_better() -> None:
    """50 programmes of 40 departments: the standard error of the coverage is half a point."""
    found = recovery(programmes=50, seed=11)
    assert found.intervals == 2_000
    assert 0.93 <= found.coverage <= 0.97
    assert found.adjusted > found.raw + 0.02
    assert found.adjusted > 0.9


def test_the_speed_of_a_small_province_is_measured_on_its_rows() -> None:
    found = speed(units=60, departments=5, items=3)
    assert found.rows == 900
    assert min(found.bare, found.ratings, found.ballots) > 0
    assert found.ratios == {"ratings": found.ratings / found.bare, "ballots": found.ballots / found.bare}


def test_simulated_ratings_are_complete_and_on_the_scale() -> None:
    rows = simulated_ratings(7, 4, 3, seed=1)
    assert rows.select("rater_id", "target_org_id", "item_id").n_unique() == 7 * 4 * 3
    assert set(rows["score_raw"].cast(pl.Int64)) <= {1, 2, 3, 4, 5}


def test_large_cells_name_a_pair_once() -> None:
    cells = large_cells(300, 50, 20, seed=1)
    assert not cells.select("voter_id", "ratee_org_id").is_duplicated().any()
    sizes = cells.group_by("voter_id").len()["len"]
    assert (sizes.min(), sizes.max()) == (10, 30)
    assert np.isclose(cells.height / 300, 20, atol=1.5)
    assert cells["ratee_org_id"].n_unique() == 50


@pytest.mark.parametrize(
    ("found", "code"),
    [
        (Recovery(1, 1, 0.95, 0.9, 0.9, 0.8), 0),
        (Recovery(1, 1, 0.92, 0.9, 0.9, 0.8), 1),
        (Recovery(1, 1, 0.98, 0.9, 0.9, 0.8), 1),
        (Recovery(1, 1, 0.95, 0.8, 0.9, 0.8), 1),
    ],
)
def test_beyond_a_limit_it_exits_with_an_error(
    found: Recovery, code: int, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(rating_model, "recovery", lambda: found)
    assert rating_model.main(["--recovery"]) == code
    assert ("beyond its limit" in capsys.readouterr().out) == bool(code)
