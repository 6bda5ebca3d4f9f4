"""A large rating file with a known number of faulty rows at known places.

Everything but the planted rows is sound, and every planted row has exactly one fault, so that a
check of the file must name these rows, these codes and nothing else. The second row of a pair with
the same key and other content is planted together with the first: both must be rejected.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import polars as pl

PERIOD = "2026M07"
SUBMITTER = "MON-CENTRE"
ITEMS = 5
DEPARTMENTS = 40
RATERS_PER_UNIT = 2
FIRST_DATA_ROW = 2

TWELVE_KINDS = ("E201", "E204", "E206", "E208", "E209", "E210", "E214", "E221", "E227", "E228", "E229", "E231")
ALL_KINDS = (*TWELVE_KINDS, "E207", "E217", "E226", "E238")

FAULTY_COLUMN = {
    "E201": "target_org_id",
    "E204": "score_raw",
    "E206": "submitted_at",
    "E207": "submitted_at",
    "E208": "score_raw",
    "E209": "submitted_at",
    "E210": "status",
    "E214": "target_org_id",
    "E217": "score_raw",
    "E221": "target_org_id",
    "E226": "target_org_id",
    "E227": "rater_token",
    "E228": "rater_org_id",
    "E229": "score_raw",
    "E231": "rater_token",
    "E238": "score_raw",
}
"""Column on which each kind of fault is planted; a repeated key is planted on the whole key."""

FAULTY_TEXT: dict[str, str | None] = {
    "E201": None,
    "E204": "约5",
    "E206": "26-07-15 10:20:30",
    "E207": "1926-07-15 10:20:30",
    "E208": "#REF!",
    "E209": "上周三下午",
    "E210": "其他情况",
    "E217": "3.1234567",
    "E229": "7",
    "E238": None,
}
"""Cell written for the kinds whose wrong text does not depend on the row."""


@dataclass(frozen=True)
class Planted:
    """What lies where.

    Attributes:
        folder: Folder of all files.
        rating_event: The file with the planted rows.
        references: The files the ratings refer to, by dataset, to be loaded first.
        rows: Data rows of ``rating_event``, the header not counted.
        faults: One row per planted row, sorted: ``row`` (physical line, the header being 1),
            ``code`` and ``column``; also written to ``planted.csv``.
    """

    folder: Path
    rating_event: Path
    references: dict[str, Path]
    rows: int
    faults: pl.DataFrame


def write_million_ratings(
    folder: Path,
    rows: int = 1_000_000,
    bad: int = 10_000,
    seed: int = 20260715,
    kinds: Sequence[str] = TWELVE_KINDS,
) -> Planted:
    """Write the file, the datasets it refers to and the list of what was planted.

    Args:
        folder: Receives all files; made when missing.
        rows: Data rows of the rating file.
        bad: Rows that must be rejected; each pair with a repeated key counts two.
        seed: Seed of the generator; the same arguments give the same bytes.
        kinds: Codes to plant, shared out evenly, a subset of ``ALL_KINDS``.

    Returns:
        Paths and the planted faults.

    Raises:
        ValueError: ``bad`` is too large for ``rows`` or too small for an even share of pairs.
    """
    folder.mkdir(parents=True, exist_ok=True)
    counts = _share_out(bad, kinds)
    if bad > rows // 2:
        raise ValueError(f"{bad} faulty rows do not fit into {rows} rows")
    generator = np.random.default_rng(seed)
    raters = -(-rows // (DEPARTMENTS * ITEMS))
    references = _write_references(folder, raters)
    kind, repeats = _plant(rows, counts, kinds, generator)
    path = folder / f"rating_event__{SUBMITTER}__{PERIOD}__v01.csv"
    _rating_rows(kind, repeats, kinds, generator).write_csv(path)
    faults = (
        pl.DataFrame({"row": np.flatnonzero(kind >= 0) + FIRST_DATA_ROW, "kind": kind[kind >= 0]})
        .with_columns(pl.Series("code", list(kinds)).gather(pl.Series(kind[kind >= 0])))
        .with_columns(pl.col("code").replace_strict(FAULTY_COLUMN).alias("column"))
        .select("row", "code", "column")
    )
    faults.write_csv(folder / "planted.csv")
    return Planted(folder, path, references, rows, faults)


def _share_out(bad: int, kinds: Sequence[str]) -> list[int]:
    """Rows of each kind, summing to ``bad``, even for the kind that comes in pairs."""
    counts = [bad // len(kinds) + (index < bad % len(kinds)) for index in range(len(kinds))]
    if "E231" in kinds:
        pair = kinds.index("E231")
        if counts[pair] % 2:
            other = 0 if pair else 1
            if len(kinds) == 1:
                raise ValueError("rows with a repeated key come in pairs")
            counts[pair] -= 1
            counts[other] += 1
    return counts


def _plant(
    rows: int, counts: Sequence[int], kinds: Sequence[str], generator: np.random.Generator
) -> tuple[np.ndarray, np.ndarray]:
    """Draw the places.

    Returns:
        For every row the index of its kind (-1 when sound) and the row whose key it repeats (-1
        when none).
    """
    kind = np.full(rows, -1, dtype=np.int64)
    repeats = np.full(rows, -1, dtype=np.int64)
    left = np.asarray(counts)
    if "E226" in kinds:
        own = kinds.index("E226")
        kind[_one_row_per_rater(rows, counts[own], generator)] = own
        left = np.where(np.arange(len(kinds)) == own, 0, left)
    places = generator.choice(np.flatnonzero(kind < 0), size=left.sum(), replace=False)
    kind[places] = np.repeat(np.arange(len(kinds)), left)
    if "E231" in kinds:
        paired = places[kind[places] == kinds.index("E231")]
        repeats[paired[::2]] = paired[1::2]
    return kind, repeats


def _one_row_per_rater(rows: int, count: int, generator: np.random.Generator) -> np.ndarray:
    """Rows of different raters: two self-ratings of one rater on one item would share a key.

    Raises:
        ValueError: There are fewer raters with all their rows than rows wanted.
    """
    per_rater = DEPARTMENTS * ITEMS
    if count > rows // per_rater:
        raise ValueError(f"{count} faulty rows do not fit into the rows of {rows // per_rater} raters")
    raters = generator.choice(rows // per_rater, size=count, replace=False)
    return np.asarray(raters * per_rater + generator.integers(0, per_rater, count))


def _rating_rows(
    kind: np.ndarray, repeats: np.ndarray, kinds: Sequence[str], generator: np.random.Generator
) -> pl.DataFrame:
    """Sound rows in the order rater, department, item, with the planted cells put in."""
    rows = len(kind)
    position = np.where(repeats >= 0, repeats, np.arange(rows))
    score = generator.integers(1, 6, rows)
    # A repeated key has other content: the score differs from that of the row it repeats.
    second = repeats >= 0
    score[second] = score[repeats[second]] % 5 + 1
    rater = position // (DEPARTMENTS * ITEMS)
    units = _unit_ids(-(-rows // (DEPARTMENTS * ITEMS)))
    unit = rater // RATERS_PER_UNIT
    sound = pl.DataFrame(
        {
            "rater_token": _rater_tokens(int(rater.max()) + 1).gather(rater),
            "rater_org_id": units.gather(unit),
            "other_org_id": units.gather((unit + 1) % len(units)),
            "target_org_id": _department_ids().gather(position // ITEMS % DEPARTMENTS),
            "item_id": pl.Series([f"I{number}" for number in range(ITEMS)]).gather(position % ITEMS),
            "score_raw": pl.Series(score).cast(pl.String),
            "status": pl.repeat("answered", rows, eager=True),
            "ballot": position // ITEMS,
            "number": pl.int_range(rows, eager=True),
            "code": pl.Series([*kinds, None], dtype=pl.String).gather(np.where(kind >= 0, kind, len(kinds))),
        }
    )
    submitted_at = pl.lit("2026-07-06 08:00:00").str.to_datetime() + pl.duration(seconds=pl.col("ballot") % 1_900_000)
    return sound.with_columns(submitted_at.dt.strftime("%Y-%m-%dT%H:%M:%S+08:00").alias("submitted_at")).select(
        pl.lit(PERIOD).alias("period_id"),
        pl.lit("REV-DEPT").alias("instrument_id"),
        pl.lit("1").alias("instrument_version"),
        pl.when(_has("E227"))
        .then(pl.concat_str(pl.lit("X"), pl.col("rater_token").str.slice(1)))
        .otherwise("rater_token")
        .alias("rater_token"),
        pl.when(_has("E228")).then("other_org_id").otherwise("rater_org_id").alias("rater_org_id"),
        _target(),
        "item_id",
        _with_fault("status"),
        _with_fault("score_raw"),
        pl.concat_str(pl.lit("S"), "ballot").alias("submission_id"),
        _with_fault("submitted_at"),
    )


def _has(code: str) -> pl.Expr:
    return (pl.col("code") == code).fill_null(value=False)


def _target() -> pl.Expr:
    """The rated department; malformed and unknown ids are numbered, so that no two rows share a key."""
    return (
        pl.when(_has("E226"))
        .then("rater_org_id")
        .when(_has("E214"))
        .then(pl.concat_str(pl.lit("D#"), "number"))
        .when(_has("E221"))
        .then(pl.concat_str(pl.lit("Z-"), "number"))
        .otherwise(_with_fault("target_org_id"))
        .alias("target_org_id")
    )


def _with_fault(column: str) -> pl.Expr:
    """The sound text of a column, replaced where a fault with a fixed text is planted on it."""
    text = pl.col(column)
    for code, wrong in FAULTY_TEXT.items():
        if FAULTY_COLUMN[code] == column:
            text = pl.when(_has(code)).then(pl.lit(wrong, dtype=pl.String)).otherwise(text)
    return text.alias(column)


def _unit_ids(raters: int) -> pl.Series:
    return pl.Series("org_id", [f"V{number:05d}" for number in range(-(-raters // RATERS_PER_UNIT))])


def _rater_tokens(raters: int) -> pl.Series:
    return pl.Series("rater_token", [f"T{number:07d}" for number in range(raters)])


def _department_ids() -> pl.Series:
    return pl.Series("org_id", [f"D{number:02d}" for number in range(DEPARTMENTS)])


def _write_references(folder: Path, raters: int) -> dict[str, Path]:
    """Write organisations, raters, the period and the instrument; paths by dataset."""
    tables = {
        "org_unit": _org_units(raters),
        "rater": pl.DataFrame(
            {
                "rater_token": _rater_tokens(raters),
                "rater_org_id": _unit_ids(raters).gather(np.arange(raters) // RATERS_PER_UNIT),
            }
        ).with_columns(pl.lit("village_cadre").alias("rater_role"), pl.lit("2026-01-01").alias("valid_from")),
        "period": pl.DataFrame(
            {
                "period_id": [PERIOD],
                "kind": ["month"],
                "start_date": ["2026-07-01"],
                "end_date": ["2026-08-01"],
                "cutoff_at": ["2026-08-05T00:00:00+08:00"],
                "status": ["open"],
            }
        ),
        "instrument_item": _instrument_items(),
    }
    paths = {}
    for dataset, table in tables.items():
        paths[dataset] = folder / f"{dataset}__{SUBMITTER}__2026__v01.csv"
        table.write_csv(paths[dataset])
    return paths


def _org_units(raters: int) -> pl.DataFrame:
    """The county, its departments and the villages of the raters."""
    county = pl.DataFrame(
        {"org_id": ["COUNTY"], "org_name": ["样例县"], "org_kind": ["other"], "level": ["county"]}
    ).with_columns(pl.lit(None, dtype=pl.String).alias("parent_org_id"))
    rest = [
        (_department_ids(), "部门", "county_gov_dept", "county"),
        (_unit_ids(raters), "样例村", "village", "village"),
    ]
    below = [
        ids.to_frame().with_columns(
            pl.concat_str(pl.lit(name), "org_id").alias("org_name"),
            pl.lit(kind).alias("org_kind"),
            pl.lit(level).alias("level"),
            pl.lit("COUNTY").alias("parent_org_id"),
        )
        for ids, name, kind, level in rest
    ]
    return pl.concat([county, *below]).with_columns(pl.lit("2026-01-01").alias("valid_from"))


def _instrument_items() -> pl.DataFrame:
    """Five items on the scale 1 to 5, of equal weight."""
    constant = {
        "item_kind": "scale",
        "scale_min": "1",
        "scale_max": "5",
        "scale_step": "1",
        "direction": "higher_better",
        "weight": "0.2",
        "target_required": "true",
        "respondent": "rater",
    }
    number = pl.int_range(ITEMS, eager=True).alias("number").to_frame()
    return number.select(
        pl.lit("REV-DEPT").alias("instrument_id"),
        pl.lit("1").alias("instrument_version"),
        pl.concat_str(pl.lit("I"), "number").alias("item_id"),
        pl.concat_str(pl.lit("题项"), "number").alias("item_text"),
        pl.concat_str(pl.lit("维度"), "number").alias("dimension"),
        *(pl.lit(value).alias(name) for name, value in constant.items()),
    )
