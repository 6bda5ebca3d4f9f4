"""The mistakes a careless export makes, put into a rating file at known rows."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import polars as pl

from examples.demo_county import vocabulary as words

FIRST_DATA_ROW = 2
ROWS_PER_KIND = 4

CELL_FAULTS: dict[str, tuple[str, str | None]] = {
    "E201": ("target_org_id", None),
    "E204": ("score_raw", "约4"),
    "E206": ("submitted_at", "26-08-19 10:15:00"),
    "E208": ("score_raw", "#REF!"),
    "E210": ("status", "已完成"),
    "E221": ("target_org_id", "JC-XXJ"),
    "E227": ("rater_token", "TEST{number:06d}"),
    "E229": ("score_raw", "6"),
    "E238": ("score_raw", None),
}
"""For each kind of mistake the column and the text that stands in it (nothing for an empty cell).

Test tokens are numbered, so that no two of their rows have the same key.
"""

REPEATED_KEY = "E231"


def plant_faults(rows: pl.DataFrame, generator: np.random.Generator) -> tuple[pl.DataFrame, pl.DataFrame]:
    """Spoil 40 rows of a rating file in ten ways, each row in one way only.

    Args:
        rows: Dataset ``rating_event`` with whole ballots standing together.
        generator: Source of chance.

    Returns:
        The spoilt rows and one line per spoilt row: ``row`` (physical, the header being 1),
        ``column``, ``code`` and ``value`` as it stands in the file. A repeated key with other
        content spoils two rows.
    """
    items = len(words.RATING_ITEMS)
    answered = (rows["status"] == "answered").to_numpy().reshape(-1, items)
    whole = np.flatnonzero(answered.all(axis=1)) * items
    pairs = ROWS_PER_KIND // 2
    # One ballot of a rater at most: two rows that lost their department must not share a key.
    drawn = generator.permutation(whole)
    _, first_of_rater = np.unique(rows["rater_token"].gather(drawn).to_numpy(), return_index=True)
    places = drawn[np.sort(first_of_rater)][: ROWS_PER_KIND * len(CELL_FAULTS) + pairs]
    spoilt, planted = rows, []
    for number, (code, (column, text)) in enumerate(CELL_FAULTS.items()):
        chosen = np.sort(places[number * ROWS_PER_KIND : (number + 1) * ROWS_PER_KIND])
        texts = [None if text is None else text.format(number=index) for index in range(1, len(chosen) + 1)]
        spoilt = _overwrite(spoilt, column, chosen, texts)
        planted.append(_lines(chosen, column, code, pl.Series(texts, dtype=pl.String)))
    first = np.sort(places[-pairs:])
    second = first + 1
    other_score = [str(int(score) % 5 + 1) for score in rows["score_raw"].gather(first)]
    spoilt = _overwrite(spoilt, "item_id", second, rows["item_id"].gather(first).to_list())
    spoilt = _overwrite(spoilt, "score_raw", second, other_score)
    both = np.sort(np.concatenate([first, second]))
    planted.append(_lines(both, "rater_token", REPEATED_KEY, rows["rater_token"].gather(both)))
    return spoilt, pl.concat(planted).sort("row")


def _overwrite(rows: pl.DataFrame, column: str, places: np.ndarray, texts: Sequence[str | None]) -> pl.DataFrame:
    new = pl.DataFrame(
        {"place": pl.Series(places, dtype=pl.UInt32), "new": pl.Series(texts, dtype=pl.String)}
    ).with_columns(pl.lit(value=True).alias("hit"))
    joined = rows.with_row_index("place").join(new, on="place", how="left", maintain_order="left")
    return joined.with_columns(
        pl.when(pl.col("hit").is_not_null()).then(pl.col("new")).otherwise(pl.col(column)).alias(column)
    ).select(rows.columns)


def _lines(places: np.ndarray, column: str, code: str, values: pl.Series) -> pl.DataFrame:
    return pl.DataFrame({"row": places + FIRST_DATA_ROW, "value": values}).select(
        pl.col("row").cast(pl.Int64), pl.lit(column).alias("column"), pl.lit(code).alias("code"), "value"
    )
