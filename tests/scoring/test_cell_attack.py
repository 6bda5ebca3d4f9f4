"""The attacker's intervals against maximal flows in a graph, and what suppression must leave open."""

from __future__ import annotations

from collections import deque
from decimal import Decimal
from fractions import Fraction
from itertools import product
from typing import Literal

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from scoring.cell_attack import UnprotectableError, attack_intervals, protect
from scoring.sums import VALUE_SCALE, rating_sums, voter_cells

Counts = list[list[int]]


def long(counts: Counts) -> pl.DataFrame:
    rows = [(f"R{i}", f"C{j}", n) for i, row in enumerate(counts) for j, n in enumerate(row)]
    return pl.DataFrame(rows, schema={"r": pl.String, "c": pl.String, "n": pl.Int64}, orient="row")


def largest_flow(capacity: dict[tuple[str, str], float], source: str, sink: str) -> float:
    """Edmonds and Karp: shortest augmenting paths until there is none."""
    residual = dict(capacity)
    for tail, head in capacity:
        residual.setdefault((head, tail), 0)
    total = 0.0
    while True:
        before: dict[str, str] = {source: source}
        queue = deque([source])
        while queue and sink not in before:
            tail = queue.popleft()
            for (start, head), room in residual.items():
                if start == tail and room > 0 and head not in before:
                    before[head] = tail
                    queue.append(head)
        if sink not in before:
            return total
        path, node = [], sink
        while node != source:
            path.append((before[node], node))
            node = before[node]
        step = min(residual[edge] for edge in path)
        if step == float("inf"):
            return step
        for tail, head in path:
            residual[tail, head] -= step
            residual[head, tail] += step
        total += step


def interval_by_flow(counts: Counts, hidden: list[list[bool]], i: int, j: int) -> tuple[float, float]:
    """Bounds of one cell of a two-way table.

    With the margins fixed, what a cell gains must go round a cycle: down another cell of its row, up a
    cell of that column, and so on, so the most it can gain is a flow from its column to its row.
    """
    capacity: dict[tuple[str, str], float] = {}
    for a, b in product(range(len(counts)), range(len(counts[0]))):
        if hidden[a][b] and (a, b) != (i, j):
            capacity[f"r{a}", f"c{b}"] = float("inf")
            capacity[f"c{b}", f"r{a}"] = float(counts[a][b])
    up = largest_flow(capacity, f"c{j}", f"r{i}")
    down = min(float(counts[i][j]), largest_flow(capacity, f"r{i}", f"c{j}"))
    return counts[i][j] - down, counts[i][j] + up


def width_by_flow(counts: Counts, hidden: list[list[bool]], i: int, j: int) -> float:
    low, high = interval_by_flow(counts, hidden, i, j)
    return high - low


def table_of(rows: int, columns: int) -> st.SearchStrategy[Counts]:
    count = st.one_of(st.integers(0, 6), st.integers(0, 40))
    return st.lists(st.lists(count, min_size=columns, max_size=columns), min_size=rows, max_size=rows)


tables = st.tuples(st.integers(1, 3), st.integers(1, 3)).flatmap(lambda size: table_of(*size))


@settings(max_examples=80, deadline=None, derandomize=True)
@given(counts=tables, data=st.data())
def test_intervals_equal_maximal_flows(counts: Counts, data: st.DataObject) -> None:
    hidden = [[data.draw(st.booleans()) for _ in row] for row in counts]
    flat = pl.Series([each for row in hidden for each in row], dtype=pl.Boolean)
    found = attack_intervals(long(counts), flat, dimensions=["r", "c"]).rows()
    expected = [
        (f"R{i}", f"C{j}", *interval_by_flow(counts, hidden, i, j))
        for i, row in enumerate(hidden)
        for j, each in enumerate(row)
        if each
    ]
    assert found == expected


@settings(max_examples=200, deadline=None, derandomize=True)
@given(counts=tables, threshold=st.sampled_from([3, 5]), wider=st.sampled_from([0, 0, 4]))
def test_invariant_21_no_suppressed_count_can_be_worked_back(counts: Counts, threshold: int, wider: int) -> None:
    width, columns = threshold + wider, len(counts[0])
    everything = [[True] * columns for _ in counts]
    try:
        result = protect(long(counts), dimensions=["r", "c"], threshold=threshold, width=width)
    except UnprotectableError:
        small = [(i, j) for i, row in enumerate(counts) for j, n in enumerate(row) if 0 < n < threshold]
        assert any(width_by_flow(counts, everything, *cell) < width for cell in small)
        return
    states = result["cell_state"].to_list()
    hidden = [
        [state.startswith("suppressed") for state in states[i : i + columns]] for i in range(0, len(states), columns)
    ]
    for number, (state, n) in enumerate(zip(states, result["n"].to_list(), strict=True)):
        cell = divmod(number, columns)
        assert (state == "suppressed_primary") == (0 < n < threshold)
        if not state.startswith("suppressed"):
            assert state == ("shown" if n else "zero")
            assert result.select("low", "high").row(number) == (None, None)
            continue
        assert result.select("low", "high").row(number) == interval_by_flow(counts, hidden, *cell)
        reachable = width if state == "suppressed_primary" else min(width, width_by_flow(counts, everything, *cell))
        assert width_by_flow(counts, hidden, *cell) >= reachable


def test_a_table_without_small_counts_stays_as_it_is() -> None:
    result = protect(long([[9, 0], [7, 8]]), dimensions=["r", "c"], threshold=5, width=5)
    assert result["cell_state"].to_list() == ["shown", "zero", "shown", "shown"]


def test_one_small_count_takes_three_others_with_it() -> None:
    result = protect(long([[2, 9], [7, 8]]), dimensions=["r", "c"], threshold=5, width=5)
    assert result["cell_state"].to_list() == ["suppressed_primary", *["suppressed_secondary"] * 3]
    # The cell can lie between 0 and 9: at most what its row's or its column's other cell can give away.
    assert result.select("low", "high").row(0) == (0, 9)


def test_the_cheapest_of_two_ways_is_taken() -> None:
    result = protect(long([[2, 9, 90], [7, 8, 90], [6, 70, 80]]), dimensions=["r", "c"], threshold=5, width=5)
    kept = result.filter(pl.col("cell_state") == "shown")["n"].to_list()
    assert sorted(kept) == [6, 70, 80, 90, 90]


def test_further_cells_are_wide_as_well() -> None:
    # Widening the 1 alone would suppress the first two columns and leave the 3 and the 4 beside it 7 wide.
    counts = long([[3, 4, 6], [8, 1, 0], [4, 5, 8]])
    result = protect(counts, dimensions=["r", "c"], threshold=3, width=8)
    assert (result["high"] - result["low"]).drop_nulls().min() >= 8


def test_margins_that_give_a_count_away_stop_the_table() -> None:
    with pytest.raises(UnprotectableError, match="withheld"):
        protect(long([[3], [40]]), dimensions=["r", "c"], threshold=5, width=5)


def test_a_list_with_its_total_needs_a_second_cell() -> None:
    counts = pl.DataFrame({"r": ["甲", "乙", "丙"], "n": [2, 30, 8]})
    alone = attack_intervals(counts, pl.Series([True, False, False]), dimensions=["r"])
    assert alone.rows() == [("甲", 2, 2)]
    result = protect(counts, dimensions=["r"], threshold=5, width=5)
    assert result["cell_state"].to_list() == ["suppressed_primary", "shown", "suppressed_secondary"]
    assert result.select("low", "high").rows() == [(0, 10), (None, None), (0, 10)]


def all_tables(cells: list[tuple[int, int, int]], counts: list[int]) -> list[list[int]]:
    """Every table of whole numbers in these cells with the two-way margins of the given one, by trying."""
    margins = [[(0, y, z), (1, x, z), (2, x, y)] for x, y, z in cells]
    left: dict[tuple[int, int, int], int] = {}
    for names, n in zip(margins, counts, strict=True):
        for name in names:
            left[name] = left.get(name, 0) + n
    last = {name: number for number, names in enumerate(margins) for name in names}

    def extended(number: int, begun: list[int]) -> list[list[int]]:
        if number == len(cells):
            return [begun]
        found = []
        for n in range(min(left[name] for name in margins[number]) + 1):
            for name in margins[number]:
                left[name] -= n
            if all(left[name] == 0 for name in margins[number] if last[name] == number):
                found += extended(number + 1, [*begun, n])
            for name in margins[number]:
                left[name] += n
        return found

    return extended(0, [])


def test_with_three_dimensions_half_persons_do_not_count_as_protection() -> None:
    # Allowing fractions, the attacker would seem unsure of eleven bounds that whole persons leave no doubt about.
    text = (
        "000:1 001:0 002:1 012:1 013:1 020:0 021:1 022:0 031:0 032:0 033:1 100:0 101:1 110:1 112:0 121:0 122:1 130:1 "
        "132:1 210:1 213:1 220:1 221:1 230:1 231:1 232:1 233:0"
    )
    cells = [(int(each[0]), int(each[1]), int(each[2])) for each in text.split()]
    counts = [int(each[4:]) for each in text.split()]
    table = pl.DataFrame(
        [(*cell, n) for cell, n in zip(cells, counts, strict=True)], schema=["a", "b", "c", "n"], orient="row"
    )
    found = attack_intervals(table, pl.Series([True] * len(cells)), dimensions=["a", "b", "c"])
    tables = all_tables(cells, counts)
    assert counts in tables
    expected = [(min(values), max(values)) for values in zip(*tables, strict=True)]
    assert found.select("low", "high").rows() == expected


def test_wrong_tables_are_refused() -> None:
    twice = pl.concat([long([[1]]), long([[1]])])
    with pytest.raises(ValueError, match="twice"):
        attack_intervals(twice, pl.Series([True, True]), dimensions=["r", "c"])
    with pytest.raises(ValueError, match="negative"):
        protect(long([[-1]]), dimensions=["r", "c"], threshold=5, width=5)


ITEMS = pl.DataFrame(
    {
        "instrument_id": ["REV"],
        "instrument_version": ["1"],
        "item_id": ["SOLVE"],
        "scale_min": [Decimal(0)],
        "scale_max": [Decimal(100)],
        "direction": ["higher_better"],
        "weight": [Decimal(1)],
        "dimension": ["解决实际问题"],
    },
    schema_overrides=dict.fromkeys(("scale_min", "scale_max", "weight"), pl.Decimal(18, 6)),
)


def raw_means(ballots: list[tuple[int, int]], level: Literal["person", "unit"]) -> tuple[int, Fraction, Fraction]:
    """Voters of a department, its raw mean from all ballots (unit, value), and the mean without the first one."""
    rows = [
        (f"P{number}", f"V{unit}", department, Decimal(value))
        for department, kept in (("D-ALL", ballots), ("D-LESS", ballots[1:]))
        for number, (unit, value) in enumerate(kept, start=len(ballots) - len(kept))
    ]
    ratings = pl.DataFrame(
        rows,
        schema={
            "rater_id": pl.String,
            "rater_org_id": pl.String,
            "target_org_id": pl.String,
            "score_raw": pl.Decimal(18, 6),
        },
        orient="row",
    ).with_columns(
        instrument_id=pl.lit("REV"),
        instrument_version=pl.lit("1"),
        item_id=pl.lit("SOLVE"),
        status=pl.lit("answered"),
        target_kind=pl.lit("department"),
    )
    cells = voter_cells(rating_sums(ratings.lazy(), ITEMS).ballots, ITEMS, rater_level=level)
    means = {}
    for (department,), part in cells.group_by("ratee_org_id"):
        weighted = sum(w * x for w, x in part.select("weight", "value").iter_rows())
        means[department] = Fraction(weighted, part["weight"].sum() * VALUE_SCALE)
    return cells.filter(pl.col("ratee_org_id") == "D-ALL").height, means["D-ALL"], means["D-LESS"]


@pytest.mark.parametrize("level", ["person", "unit"])
@settings(max_examples=200, deadline=None, derandomize=True)
@given(ballots=st.lists(st.tuples(st.integers(0, 7), st.sampled_from([0, 30, 70, 100])), min_size=3, max_size=24))
def test_invariant_21_one_ballot_moves_a_raw_mean_by_at_most_its_share(
    level: Literal["person", "unit"], ballots: list[tuple[int, int]]
) -> None:
    voters, everybody, without = raw_means(ballots, level)
    if voters < 2:
        return
    # Values of voters are rounded to 10^-4.
    assert abs(everybody - without) <= Fraction(100, voters - 1) + Fraction(1, VALUE_SCALE)
