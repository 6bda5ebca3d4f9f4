"""Integer sums against a slow oracle in exact fractions, and what must not change them."""

from __future__ import annotations

import hashlib
import os
import subprocess
import sys
from collections import defaultdict
from collections.abc import Sequence
from decimal import Decimal
from fractions import Fraction
from math import floor
from pathlib import Path
from typing import Any, Literal

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from scoring.sums import answer_sums, item_scales, merge, merge_answers, rating_sums, voter_cells

DECIMAL = pl.Decimal(18, 6)
RATING_SCHEMA = {
    "period_id": pl.String,
    "instrument_id": pl.String,
    "instrument_version": pl.String,
    "item_id": pl.String,
    "rater_id": pl.String,
    "rater_org_id": pl.String,
    "target_org_id": pl.String,
    "status": pl.String,
    "score_raw": DECIMAL,
    "target_kind": pl.String,
}
ITEM_SCHEMA = {
    "instrument_id": pl.String,
    "instrument_version": pl.String,
    "item_id": pl.String,
    "scale_min": DECIMAL,
    "scale_max": DECIMAL,
    "direction": pl.String,
    "weight": DECIMAL,
    "dimension": pl.String,
}
ITEMS = pl.DataFrame(
    [
        ("REV", "1", "SOLVE", Decimal(1), Decimal(5), "higher_better", Decimal("0.4"), "解决实际问题"),
        ("REV", "1", "MATCH", Decimal(1), Decimal(4), "higher_better", Decimal("0.2"), "权责与资源匹配"),
        ("REV", "1", "GUIDE", Decimal(0), Decimal(10), "higher_better", Decimal("0.2"), "指导服务"),
        ("REV", "1", "BURDEN", Decimal(1), Decimal(7), "lower_better", Decimal("0.2"), "少折腾"),
    ],
    schema=ITEM_SCHEMA,
    orient="row",
)
SCALES = {row["item_id"]: row for row in ITEMS.to_dicts()}
Answer = tuple[str, str, str, str, Decimal | None]  # rater, department, item, status, score


def unit_of(rater: str) -> str:
    return f"V{int(rater[1:]) // 3}"


def frame(answers: Sequence[Answer]) -> pl.DataFrame:
    rows = [
        ("2026M10", "REV", "1", item, rater, unit_of(rater), department, status, score, None)
        for rater, department, item, status, score in answers
    ]
    return pl.DataFrame(rows, schema=RATING_SCHEMA, orient="row")


def half_up(x: Fraction) -> int:
    return floor(x + Fraction(1, 2))


def value_of(item: str, score: Decimal) -> int:
    """The 0-100 value in 10^-4, from the definition."""
    scale = SCALES[item]
    share = Fraction(score - scale["scale_min"]) / Fraction(scale["scale_max"] - scale["scale_min"])
    return half_up(10_000 * 100 * (1 - share if scale["direction"] == "lower_better" else share))


def oracle_cells(answers: Sequence[Answer], level: str) -> list[tuple[str, str, int, int, int]]:
    """voter, department, value, weight, persons: by hand, ballot by ballot."""
    ballots: dict[tuple[str, str], list[tuple[Fraction, int]]] = defaultdict(list)
    for rater, department, item, _, score in answers:
        if score is not None:
            ballots[rater, department].append((Fraction(SCALES[item]["weight"]), value_of(item, score)))
    persons: dict[tuple[str, str], int] = {}
    for key, parts in ballots.items():
        weight = sum(w for w, _ in parts)
        if weight >= Fraction(1, 2):
            persons[key] = half_up(sum(w * y for w, y in parts) / weight)
    if level == "person":
        return sorted((rater, department, y, 10_000, 1) for (rater, department), y in persons.items())
    units: dict[tuple[str, str], list[int]] = defaultdict(list)
    for (rater, department), y in persons.items():
        units[unit_of(rater), department].append(y)
    return sorted(
        (
            unit,
            department,
            half_up(Fraction(sum(ys), len(ys))),
            half_up(Fraction(10_000 * len(ys), len(ys) + 2)),
            len(ys),
        )
        for (unit, department), ys in units.items()
    )


def got_cells(ballots: pl.DataFrame, level: Literal["person", "unit"]) -> list[tuple[Any, ...]]:
    cells = voter_cells(ballots, ITEMS, rater_level=level)
    return cells.select("voter_id", "ratee_org_id", "value", "weight", "n_raters").sort(pl.all()).rows()


@st.composite
def answer_lists(draw: st.DrawFn) -> list[Answer]:
    keys = draw(
        st.lists(
            st.tuples(
                st.integers(0, 7).map("R{}".format),
                st.sampled_from(["CG-A", "CG-B", "CG-C"]),
                st.sampled_from(sorted(SCALES)),
            ),
            min_size=1,
            max_size=60,
            unique=True,
        )
    )
    answers: list[Answer] = []
    for rater, department, item in keys:
        status = draw(st.sampled_from(["answered"] * 5 + ["dont_know", "no_contact", "skipped", "not_applicable"]))
        low, high = int(SCALES[item]["scale_min"]), int(SCALES[item]["scale_max"])
        score = Decimal(draw(st.integers(low * 1000, high * 1000))).scaleb(-3) if status == "answered" else None
        answers.append((rater, department, item, status, score))
    return answers


@settings(max_examples=80, deadline=None)
@given(answers=answer_lists())
def test_cells_equal_exact_fractions(answers: list[Answer]) -> None:
    sums = rating_sums(frame(answers).lazy(), ITEMS)
    assert got_cells(sums.ballots, "person") == oracle_cells(answers, "person")
    assert got_cells(sums.ballots, "unit") == oracle_cells(answers, "unit")


@settings(max_examples=80, deadline=None)
@given(answers=answer_lists())
def test_item_cells_equal_plain_counting(answers: list[Answer]) -> None:
    expected: dict[tuple[str, str], list[int]] = defaultdict(lambda: [0, 0, 0, 0])
    for _, department, item, status, score in answers:
        cell = expected[department, item]
        cell[0] += status == "answered"
        cell[1] += status in {"dont_know", "no_contact"}
        cell[2] += status in {"skipped", "not_applicable"}
        cell[3] += value_of(item, score) if score is not None else 0
    cells = rating_sums(frame(answers).lazy(), ITEMS).item_cells
    assert cells.drop("instrument_id").rows() == sorted((*key, *numbers) for key, numbers in expected.items())


@settings(max_examples=40, deadline=None)
@given(answers=answer_lists(), seed=st.integers(0, 10_000), parts=st.integers(1, 4))
def test_parts_add_up_to_the_whole_in_any_order(answers: list[Answer], seed: int, parts: int) -> None:
    whole = frame(answers)
    shuffled = whole.sample(fraction=1.0, shuffle=True, seed=seed).with_row_index()
    pieces = [shuffled.filter(pl.col("index") % parts == part).drop("index") for part in range(parts)]
    merged = merge(*(rating_sums(piece.lazy(), ITEMS) for piece in pieces))
    direct = rating_sums(whole.lazy(), ITEMS)
    assert merged.item_cells.equals(direct.item_cells)
    for level in ("person", "unit"):
        assert got_cells(merged.ballots, level) == got_cells(direct.ballots, level)


def test_a_ballot_counts_from_half_of_the_weight() -> None:
    half = [("R0", "CG-A", "SOLVE", "answered", Decimal(4)), ("R0", "CG-A", "MATCH", "answered", Decimal(4))]
    less = [("R0", "CG-B", "SOLVE", "answered", Decimal(4)), ("R0", "CG-B", "MATCH", "dont_know", None)]
    cells = got_cells(rating_sums(frame([*half, *less]).lazy(), ITEMS).ballots, "person")
    # (0.4 x 75 + 0.2 x 100) / 0.6 = 83.3333; the other ballot answers 0.4 of 1 and does not count.
    assert cells == [("R0", "CG-A", 833_333, 10_000, 1)]
    exact = ITEMS.with_columns(weight=pl.Series(["0.5", "0.2", "0.2", "0.1"]).cast(DECIMAL))
    both = voter_cells(rating_sums(frame([*half, *less]).lazy(), exact).ballots, exact, rater_level="person")
    assert both["ratee_org_id"].sort().to_list() == ["CG-A", "CG-B"], "exactly half is enough"
    strict = voter_cells(
        rating_sums(frame([*half, *less]).lazy(), exact).ballots,
        exact,
        rater_level="person",
        min_observed_weight=Fraction(3, 5),
    )
    assert strict["ratee_org_id"].to_list() == ["CG-A"]


def test_a_unit_is_one_vote_that_grows_with_its_persons() -> None:
    answers: list[Answer] = [
        (f"R{n}", "CG-A", "SOLVE", "answered", Decimal(score)) for n, score in enumerate((5, 5, 4, 1))
    ]
    items = ITEMS.filter(pl.col("item_id") == "SOLVE")
    ballots = rating_sums(frame(answers).lazy(), items).ballots
    cells = voter_cells(ballots, items, rater_level="unit").sort("voter_id")
    # V0 holds R0-R2: mean of 100, 100, 75, weight 3/5; V1 holds R3 alone: 0, weight 1/3.
    assert cells.select("voter_id", "value", "weight", "n_raters").rows() == [
        ("V0", 916_667, 6_000, 3),
        ("V1", 0, 3_333, 1),
    ]
    flat = voter_cells(ballots, items, rater_level="unit", unit_weight_prior=Fraction(0))
    assert flat["weight"].to_list() == [10_000, 10_000]


def test_vignettes_are_left_out() -> None:
    ratings = frame([("R0", "CG-A", "SOLVE", "answered", Decimal(5)), ("R0", "CG-Z", "SOLVE", "answered", Decimal(1))])
    ratings = ratings.with_columns(target_kind=pl.Series(["department", "vignette"]))
    sums = rating_sums(ratings.lazy(), ITEMS)
    assert sums.item_cells["ratee_org_id"].to_list() == ["CG-A"]
    assert sums.ballots["ratee_org_id"].to_list() == ["CG-A"]


def test_a_person_with_two_instruments_has_the_mean_of_both() -> None:
    items = pl.concat(
        [
            ITEMS.filter(pl.col("item_id") == "SOLVE"),
            ITEMS.filter(pl.col("item_id") == "SOLVE").with_columns(instrument_id=pl.lit("REV2")),
        ]
    )
    ratings = frame([("R0", "CG-A", "SOLVE", "answered", Decimal(5)), ("R0", "CG-A", "SOLVE", "answered", Decimal(2))])
    ratings = ratings.with_columns(instrument_id=pl.Series(["REV", "REV2"]))
    sums = rating_sums(ratings.lazy(), items)
    assert sums.item_cells.select("instrument_id", "sum_value").rows() == [("REV", 1_000_000), ("REV2", 250_000)]
    cells = voter_cells(sums.ballots, items, rater_level="person")
    assert cells.select("value", "weight", "n_raters", "n_ballots").rows() == [(625_000, 10_000, 1, 2)]


def test_the_same_opinions_on_another_scale_give_the_same_values() -> None:
    """Invariant 2: 1-5 against 1-10 mapped linearly."""
    items = ITEMS.filter(pl.col("item_id") == "SOLVE")
    ten = items.with_columns(scale_max=pl.lit(Decimal(10), DECIMAL))
    scores = [Decimal(n).scaleb(-2) for n in range(100, 501, 20)]
    five = frame([(f"R{n}", "CG-A", "SOLVE", "answered", score) for n, score in enumerate(scores)])
    stretched = frame(
        [(f"R{n}", "CG-A", "SOLVE", "answered", 1 + (score - 1) * Decimal("2.25")) for n, score in enumerate(scores)]
    )
    first = voter_cells(rating_sums(five.lazy(), items).ballots, items, rater_level="person")
    second = voter_cells(rating_sums(stretched.lazy(), ten).ballots, ten, rater_level="person")
    assert first.sort("voter_id").equals(second.sort("voter_id"))


def signature(shuffle_seed: int) -> str:
    """Hash of every sum over 40,000 ratings in an order given by the seed."""
    n = pl.col("n")
    ratings = pl.DataFrame({"n": range(40_000)}).select(
        instrument_id=pl.lit("REV"),
        instrument_version=pl.lit("1"),
        item_id=(n % 4).replace_strict(dict(enumerate(sorted(SCALES)))),
        rater_id=pl.format("R{}", n // 40),
        rater_org_id=pl.format("V{}", n // 120),
        target_org_id=pl.format("CG-{}", n // 4 % 10),
        status=pl.lit("answered"),
        score_raw=(1 + n * 7919 % 3000 / 1000).cast(DECIMAL),
        target_kind=pl.lit(None, pl.String),
    )
    sums = rating_sums(ratings.sample(fraction=1.0, shuffle=True, seed=shuffle_seed).lazy(), ITEMS)
    cells = [
        voter_cells(sums.ballots, ITEMS, rater_level=level).sort("voter_id", "ratee_org_id")
        for level in ("person", "unit")
    ]
    text = "".join(part.write_csv() for part in (sums.item_cells, *cells))
    return hashlib.sha256(text.encode()).hexdigest()


def test_threads_and_row_order_change_nothing() -> None:
    signatures = {
        subprocess.run(
            [sys.executable, "-c", f"from tests.scoring.test_sums import signature; print(signature({seed}))"],
            env=os.environ | {"POLARS_MAX_THREADS": str(threads)},
            cwd=Path(__file__).parents[2],
            capture_output=True,
            text=True,
            check=True,
        ).stdout
        for threads, seed in ((1, 4), (2, 5), (3, 6))
    }
    assert len(signatures) == 1
    assert len(signatures.pop().strip()) == 64


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"scale_max": Decimal(1)}, "scale_max must be greater.*REV/1/SOLVE"),
        ({"scale_max": Decimal(2_000_000)}, "wider than"),
        ({"weight": Decimal(-1)}, "weight is negative"),
    ],
)
def test_impossible_items_are_refused(change: dict[str, Decimal], message: str) -> None:
    items = ITEMS.filter(pl.col("item_id") == "SOLVE").with_columns(
        **{k: pl.lit(v, DECIMAL) for k, v in change.items()}
    )
    with pytest.raises(ValueError, match=message):
        item_scales(items)


def test_an_item_given_twice_is_refused() -> None:
    with pytest.raises(ValueError, match="occurs twice"):
        item_scales(pl.concat([ITEMS, ITEMS]))


def test_a_rating_of_an_unknown_item_is_refused() -> None:
    with pytest.raises(ValueError, match="not in the instrument table"):
        rating_sums(
            frame([("R0", "CG-A", "SOLVE", "answered", Decimal(5))]).lazy(), ITEMS.filter(pl.col("item_id") != "SOLVE")
        )


def test_no_ratings_and_no_answers_give_empty_sums() -> None:
    sums = rating_sums(frame([]).lazy(), ITEMS)
    assert sums.item_cells.is_empty()
    cells = voter_cells(sums.ballots, ITEMS, rater_level="unit")
    assert cells.is_empty()
    assert cells.schema["value"] == cells.schema["weight"] == pl.Int64
    assert answer_sums(pl.LazyFrame(schema=ANSWER_SCHEMA), ITEMS).is_empty()
    assert rating_sums(frame([]).lazy(), ITEMS.clear()).item_cells.is_empty()


def test_nothing_to_merge_is_refused() -> None:
    with pytest.raises(ValueError, match="nothing"):
        merge()
    with pytest.raises(ValueError, match="nothing"):
        merge_answers()


ANSWER_SCHEMA = {
    "instrument_id": pl.String,
    "item_id": pl.String,
    "respondent_org_id": pl.String,
    "target_org_id": pl.String,
    "status": pl.String,
    "score_raw": DECIMAL,
    "weight": DECIMAL,
}


@settings(max_examples=60, deadline=None)
@given(
    rows=st.lists(
        st.tuples(
            st.sampled_from(["V1", "V2"]),
            st.sampled_from([None, "CG-A"]),
            st.sampled_from(["SOLVE", "BURDEN"]),
            st.sampled_from(["answered", "answered", "dont_know", "refused"]),
            st.integers(1000, 5000),
            st.one_of(st.none(), st.integers(1, 10**12)),
        ),
        min_size=1,
        max_size=40,
    ),
    cut=st.integers(1, 39),
)
def test_answer_sums_are_exact_however_large_the_weights(rows: list[tuple[Any, ...]], cut: int) -> None:
    answers = [
        (
            "REV",
            item,
            place,
            target,
            status,
            Decimal(score).scaleb(-3) if status == "answered" else None,
            None if weight is None else Decimal(weight).scaleb(-2),
        )
        for place, target, item, status, score, weight in rows
    ]
    expected: dict[tuple[str, str, str], list[int]] = defaultdict(lambda: [0] * 8)
    for _, item, place, target, status, score, weight in answers:
        cell = expected[target or place, "REV", item]
        cell[0] += status == "answered"
        cell[1] += status == "dont_know"
        cell[2] += status == "refused"
        if score is not None:
            w = 1_000_000 if weight is None else int(weight * 1_000_000)
            s, y = int(score * 1_000_000), value_of(item, score)
            for position, amount in enumerate((s, y, w, w * s, w * y), start=3):
                cell[position] += amount
    data = pl.DataFrame(answers, schema=ANSWER_SCHEMA, orient="row")
    result = answer_sums(data.lazy(), ITEMS)
    assert result.rows() == sorted((*key, *numbers) for key, numbers in expected.items())
    pieces = [answer_sums(piece.lazy(), ITEMS) for piece in (data.head(cut), data.tail(-cut)) if piece.height]
    assert merge_answers(*pieces).equals(result)


def test_answers_need_one_version_per_instrument() -> None:
    data = pl.DataFrame(
        [("REV", "SOLVE", "V1", None, "answered", Decimal(5), None)], schema=ANSWER_SCHEMA, orient="row"
    )
    with pytest.raises(ValueError, match="more than one version"):
        answer_sums(data.lazy(), pl.concat([ITEMS, ITEMS.with_columns(instrument_version=pl.lit("2"))]))
    with pytest.raises(ValueError, match="not in the instrument table"):
        answer_sums(data.lazy(), ITEMS.filter(pl.col("item_id") != "SOLVE"))
