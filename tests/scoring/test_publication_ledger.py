"""Differencing: what is published beside what was published before never leaves a few respondents over."""

from __future__ import annotations

from collections.abc import Mapping
from fractions import Fraction
from itertools import combinations

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from scoring.publication_ledger import (
    PUBLISHED_COLUMNS,
    LedgerRules,
    differences,
    differencing,
    ledger_rows,
    publishable,
)

Table = Mapping[str, frozenset[int]]

NOTHING = pl.DataFrame(schema=dict.fromkeys(PUBLISHED_COLUMNS, pl.String))
RULES = LedgerRules(k=4, min_raters=3, min_units=2, max_unit_share=Fraction(1, 2))


def populations(table: Table) -> pl.DataFrame:
    rows = [(cell, f"P{person:02}") for cell, people in table.items() for person in people]
    return pl.DataFrame(rows, schema={"cell": pl.String, "respondent_id": pl.String}, orient="row")


def ledger(releases: Mapping[str, Table]) -> pl.DataFrame:
    parts = [populations(table).select(pl.lit(name).alias("release_id"), pl.all()) for name, table in releases.items()]
    return pl.concat([NOTHING, *parts])


def with_units(table: Table) -> pl.DataFrame:
    """Persons 0-4 are of unit U0, 5-9 of U1 and so on, each of weight 1."""
    unit = (pl.col("respondent_id").str.slice(1).cast(pl.Int64) // 5).cast(pl.String)
    return populations(table).with_columns(unit_id="U" + unit, weight=pl.lit(1, pl.Int64))


def people(*spans: tuple[int, int]) -> frozenset[int]:
    return frozenset(person for first, end in spans for person in range(first, end))


def allowed(decided: pl.DataFrame) -> list[str]:
    return decided.filter("may_publish")["cell"].to_list()


def test_a_population_one_person_larger_is_not_published() -> None:
    """The total of 11 less the published total of 10 is what one person said."""
    before = ledger({"R1": {"water": people((0, 10))}})
    again = differencing(populations({"water": people((0, 11))}), before, k=10)
    assert again.rows() == [("water", 11, 1, False)]
    far = differencing(populations({"water": people((0, 20))}), before, k=10)
    assert far.rows() == [("water", 20, 10, True)]
    same = differencing(populations({"water": people((0, 10))}), before, k=10)
    assert same.rows() == [("water", 10, None, True)]


def test_one_person_in_the_place_of_another_is_a_difference_of_two() -> None:
    before = ledger({"R1": {"water": people((0, 10))}})
    found = differences(populations({"water": people((1, 11))}), before)
    assert found.rows() == [("water", "R1", "water", 2)]


def test_any_earlier_release_counts_not_only_the_last() -> None:
    before = ledger({"R1": {"all": people((0, 30))}, "R2": {"all": people((0, 50))}})
    found = differencing(populations({"hills": people((0, 28)), "plain": people((30, 50))}), before, k=5)
    assert found.rows() == [("hills", 28, 2, False), ("plain", 20, 30, True)]


def test_of_two_new_populations_too_close_together_the_larger_is_published() -> None:
    table = {"all but one": people((0, 11)), "everybody": people((0, 12)), "others": people((20, 32))}
    found = differencing(populations(table), NOTHING, k=10)
    assert found.rows() == [("all but one", 11, 1, False), ("everybody", 12, None, True), ("others", 12, None, True)]
    equal = differencing(populations({"b": people((0, 10)), "a": people((1, 11))}), NOTHING, k=10)
    assert allowed(equal) == ["a"]


def test_a_cell_that_is_not_published_bars_no_other() -> None:
    """Of three nested populations the middle one is too close to the largest, and so does not bar the smallest."""
    table = {"a": people((0, 14)), "b": people((0, 12)), "c": people((0, 10))}
    assert allowed(differencing(populations(table), NOTHING, k=4)) == ["a", "c"]
    small = {"a": people((0, 12)), "b": people((0, 12), (20, 23))}
    rules = LedgerRules(k=10, min_raters=13, min_units=2)
    assert allowed(publishable(with_units(small), NOTHING, rules)) == ["b"]


@pytest.mark.parametrize(
    ("cell", "reason"),
    [
        pytest.param(people((0, 3), (5, 8), (10, 12), (15, 16), (20, 21)), None, id="ten persons of five units"),
        pytest.param(people((0, 3), (5, 8), (10, 11), (15, 16), (20, 21)), "SUPPRESSED_SMALL_N", id="nine persons"),
        pytest.param(people((0, 5), (5, 10), (10, 12), (15, 17)), "SUPPRESSED_SMALL_N", id="four units"),
        pytest.param(people((0, 5), (5, 7), (10, 11), (15, 16), (20, 21)), None, id="one unit with half"),
    ],
)
def test_the_minimum_cell_is_ten_persons_of_five_units(cell: frozenset[int], reason: str | None) -> None:
    found = publishable(with_units({"water": cell}), NOTHING, LedgerRules())
    assert found["reason_codes"].to_list() == [reason]
    assert found["may_publish"].to_list() == [reason is None]


def test_no_unit_holds_more_than_half_of_the_weight() -> None:
    rows = with_units({"water": people((0, 5), (5, 7), (10, 11), (15, 16), (20, 21))})
    heavier = rows.with_columns(weight=pl.when(pl.col("respondent_id") == "P00").then(2).otherwise(1).cast(pl.Int64))
    assert publishable(rows, NOTHING, LedgerRules())["may_publish"].to_list() == [True]
    assert publishable(heavier, NOTHING, LedgerRules())["reason_codes"].to_list() == ["SUPPRESSED_SMALL_N"]


def test_a_population_too_close_to_a_published_one_says_so() -> None:
    everybody = people((0, 25))
    before = ledger({"R1": {"all": everybody}})
    found = publishable(with_units({"hills": everybody - {24}, "tiny": people((0, 3))}), before, LedgerRules())
    assert found.select("cell", "smallest_difference", "may_publish", "reason_codes").rows() == [
        ("hills", 1, False, "SUPPRESSED_DIFFERENCE"),
        ("tiny", None, False, "SUPPRESSED_SMALL_N"),
    ]


def test_wrong_populations_are_refused() -> None:
    rows = with_units({"water": people((0, 3))})
    with pytest.raises(ValueError, match="respondent_id"):
        differences(rows.with_columns(respondent_id=pl.lit(None, pl.String)), NOTHING)
    with pytest.raises(ValueError, match="twice"):
        publishable(pl.concat([rows, rows.head(1)]), NOTHING, RULES)
    with pytest.raises(TypeError, match="whole"):
        publishable(rows.with_columns(pl.col("weight").cast(pl.Float64)), NOTHING, RULES)
    with pytest.raises(ValueError, match="unit_id"):
        publishable(rows.with_columns(unit_id=pl.lit(None, pl.String)), NOTHING, RULES)
    with pytest.raises(ValueError, match="twice the fewest"):
        LedgerRules(k=21, min_raters=10)


def test_an_empty_table_publishes_nothing() -> None:
    assert differencing(populations({}), NOTHING, k=3).is_empty()
    assert publishable(with_units({}), NOTHING, RULES).is_empty()


def slow_differencing(table: Table, published: list[frozenset[int]], k: int) -> dict[str, tuple[int | None, bool]]:
    """Smallest non-zero difference and whether it may be published, with sets and one cell after another."""

    def apart(one: frozenset[int], others: list[frozenset[int]]) -> list[int]:
        return [len(one ^ other) for other in others if one & other and one != other]

    kept: list[str] = []
    for cell in sorted(table, key=lambda name: (-len(table[name]), name)):
        if all(d >= k for d in apart(table[cell], [*published, *(table[name] for name in kept)])):
            kept.append(cell)
    beside = [*published, *(table[name] for name in kept)]
    return {cell: (min(apart(table[cell], beside), default=None), cell in kept) for cell in table}


CELL = st.one_of(
    st.frozensets(st.integers(0, 24), min_size=1, max_size=12),
    st.builds(lambda first, length: people((first, first + length)), st.integers(0, 12), st.integers(1, 12)),
)
TABLE: st.SearchStrategy[Table] = st.dictionaries(st.sampled_from("ABCDEF"), CELL, max_size=6)


@settings(max_examples=200, deadline=None, derandomize=True)
@given(table=TABLE, earlier=st.lists(TABLE, max_size=3), k=st.integers(1, 8))
def test_the_frames_decide_as_sets_of_people_do(table: Table, earlier: list[Table], k: int) -> None:
    releases = {f"R{number}": each for number, each in enumerate(earlier)}
    found = differencing(populations(table), ledger(releases), k=k)
    published = [cell for each in earlier for cell in each.values()]
    expected = slow_differencing(table, published, k)
    assert {cell: (smallest, may) for cell, _, smallest, may in found.iter_rows()} == expected
    assert found["cell"].to_list() == sorted(table)
    assert dict(found.select("cell", "n_respondents").rows()) == {cell: len(who) for cell, who in table.items()}


def released(tables: list[Table]) -> tuple[pl.DataFrame, list[pl.DataFrame]]:
    """Tables released one after another: the ledger they leave, and what was decided about each."""
    entries, decisions = NOTHING, []
    for number, table in enumerate(tables):
        rows = with_units(table)
        decisions.append(publishable(rows, entries, RULES))
        entries = pl.concat([entries, ledger_rows(rows, decisions[-1], release_id=f"R{number}")])
    return entries, decisions


@settings(max_examples=200, deadline=None, derandomize=True)
@given(tables=st.lists(TABLE, min_size=2, max_size=3))
def test_invariant_22_no_two_published_populations_differ_by_a_few_respondents(tables: list[Table]) -> None:
    entries, _ = released(tables)
    parts = entries.group_by("release_id", "cell").agg("respondent_id")["respondent_id"].to_list()
    sets = [set(part) for part in parts]
    assert all(len(one ^ other) not in range(1, RULES.k) for one, other in combinations(sets, 2))
    assert all(len(each) >= RULES.min_raters for each in sets)


@settings(max_examples=200, deadline=None, derandomize=True)
@given(tables=st.lists(TABLE, min_size=1, max_size=2), seed=st.integers(0, 2**31))
def test_invariant_22_running_again_gives_the_same_suppression(tables: list[Table], seed: int) -> None:
    entries, decisions = released(tables)
    last = with_units(tables[-1])
    # Before the last release is recorded, in another order of rows; and again when it is.
    before = entries.filter(pl.col("release_id") != f"R{len(tables) - 1}")
    for beside in (before, entries):
        new, published = (rows.sample(fraction=1, shuffle=True, seed=seed) for rows in (last, beside))
        assert publishable(new, published, RULES).equals(decisions[-1])
