"""Sums of the crossed model: exact order, kept products, dummy columns."""

from __future__ import annotations

import numpy as np
import polars as pl
import pytest

from scoring.crossed import crossed_sums, dummy_columns
from scoring.mixed_model import model_at
from tests.support.crossed_cells import Dense, cells_of, random_cells


@pytest.mark.parametrize("wide", [False, True])
def test_rows_in_any_order_give_the_same_bytes(*, wide: bool) -> None:
    """``wide``: values too far apart for a row to fit into one whole number."""
    cells = random_cells(3, q=20, d=9)
    cells = pl.concat(
        [cells, cells.with_columns(pl.col("value") + 30_000), cells.with_columns(mode=1 - pl.col("mode"))]
    )
    if wide:
        cells = cells.with_columns(weight=pl.col("weight") * 10**9, value=pl.col("value") * 10**4)
    first = crossed_sums(cells, ("mode",))
    for seed in range(5):
        second = crossed_sums(cells.sample(fraction=1.0, shuffle=True, seed=seed), ("mode",))
        for name in ("by_voter", "by_department", "total", "voter_counts"):
            assert getattr(first, name).tobytes() == getattr(second, name).tobytes(), name
        for name in ("log_weights", "shift", "n"):
            assert getattr(first, name) == getattr(second, name), name


@pytest.mark.parametrize("kept", [False, True])
def test_products_kept_by_weight_sum_are_the_products(*, kept: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("scoring.crossed._SMALL_GRAMS", 10**6 if kept else 0)
    monkeypatch.setattr("scoring.crossed._LARGEST_GRAMS", 0.0)
    cells = random_cells(7, q=25, d=6)
    sums, dense = crossed_sums(cells, ("mode",)), Dense.of(cells, ("mode",))
    assert (sums._grams is not None) == kept
    a = 1 / (1 + 0.3 * sums.voter_counts)
    f = dense.zs.T @ (dense.weight[:, None] * np.column_stack([dense.zd, dense.x, dense.y - sums.shift]))
    np.testing.assert_allclose(sums.weighted_cross(a), f.T @ (f * a[:, None]), rtol=1e-12, atol=1e-9)
    assert model_at(sums, "REML", 0.3, 0.6).deviance == pytest.approx(dense.deviance(0.3, 0.6, "REML"), abs=1e-8)


def test_dummies_are_one_column_per_level_but_the_first() -> None:
    cells = pl.DataFrame({"rater_class": ["村", "镇", None, "村"], "channel": ["app", "app", "paper", "app"]})
    coded, names = dummy_columns(cells, ["rater_class"])
    assert names == ("rater_class=村", "rater_class=镇")
    assert coded["rater_class=村"].to_list() == [1, 0, 0, 1]
    assert coded["rater_class=镇"].to_list() == [0, 1, 0, 0]


def test_levels_that_others_determine_get_no_column() -> None:
    cells = pl.DataFrame({"rater_class": ["a", "b", "c", "a"], "channel": ["x", "y", "y", "x"], "one": ["z"] * 4})
    assert dummy_columns(cells, ["rater_class", "channel", "one"])[1] == ("rater_class=b", "rater_class=c")
    assert dummy_columns(cells, [])[1] == ()


def test_which_level_is_left_out_changes_no_score() -> None:
    cells = random_cells(9, q=20, d=6).with_columns(
        channel=pl.col("mode").replace_strict({0: "app", 1: "paper"}),
        other=pl.col("mode").replace_strict({0: "z", 1: "a"}),
    )
    scores = [
        model_at(crossed_sums(*dummy_columns(cells, [name])), "REML", 0.5, 0.9).score for name in ("channel", "other")
    ]
    np.testing.assert_allclose(scores[0], scores[1], atol=1e-9)


def test_components_are_those_of_the_whole_graph() -> None:
    """Against a search over the graph, on sparse random designs."""
    for seed in range(30):
        rng = np.random.default_rng(seed)
        voter, department = rng.integers(0, 25, 30), rng.integers(0, 20, 30)
        sums = crossed_sums(cells_of(voter, department, np.arange(30.0)))
        neighbours: dict[tuple[str, str], set[tuple[str, str]]] = {}
        for v, d in zip(voter, department, strict=True):
            ends = ("voter", f"U{v:03d}"), ("department", f"CG-{d:03d}")
            neighbours.setdefault(ends[0], set()).add(ends[1])
            neighbours.setdefault(ends[1], set()).add(ends[0])
        number: dict[tuple[str, str], int] = {}
        for name in sums.departments:
            if ("department", name) in number:
                continue
            part, waiting = max(number.values(), default=0) + 1, [("department", name)]
            while waiting:
                node = waiting.pop()
                if node not in number:
                    number[node] = part
                    waiting.extend(neighbours[node])
        assert sums.department_component.tolist() == [number["department", name] for name in sums.departments]
        assert sums.voter_component.tolist() == [number["voter", name] for name in sums.voters]
