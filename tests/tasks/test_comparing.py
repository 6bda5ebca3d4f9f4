"""Compare: what each row of a file means beside the rows that are there, one case at a time."""

from __future__ import annotations

from datetime import UTC, datetime

import polars as pl
import pytest

from expectations.common import BOOKKEEPING
from expectations.datasets import DATASETS
from tasks.comparing import Comparison, compare, vanished

FACT, PERIOD = DATASETS["performance_fact"], "2026M07"
SCHEMA = {**FACT.stored_schema, **BOOKKEEPING}


def facts(
    *rows: tuple[str, int, int | None], submitter: str = "D-FARM", version: int = 1, operation: str = "upsert"
) -> pl.DataFrame:
    """Facts of an indicator with revision and value, as they lie in the lake."""
    return pl.DataFrame(
        [
            {
                "indicator_id": indicator, "org_id": "V-01", "period_id": PERIOD, "source_org_id": "D-FARM",
                "unit": "点", "revision": revision, "record_op": operation, "_file_sha256": f"{submitter}-{version}",
                "_submitter_org_id": submitter, "_file_version": version, "_sheet": "", "_row": number,
                "_ingested_at": datetime(2026, 8, version, tzinfo=UTC), "_late": False,
            }
            for number, (indicator, revision, _) in enumerate(rows, start=2)
        ],
        schema={name: dtype for name, dtype in SCHEMA.items() if name != "value"},
    ).with_columns(pl.Series("value", [value for *_, value in rows], pl.Int64).cast(pl.Decimal(18, 6)))  # fmt: skip


def compared(
    rows: pl.DataFrame, existing: pl.DataFrame | None, submitter: str = "D-FARM", version: int = 2
) -> Comparison:
    there = None if existing is None else existing.lazy()
    return compare(rows.lazy().select("_sheet", "_row", *FACT.stored_schema), there, FACT, submitter, version)


def test_nothing_there_means_everything_is_new() -> None:
    for existing in (None, facts(), facts(("B", 1, 5))):
        found = compared(facts(("A", 1, 5)), existing)
        assert (found.unchanged, found.conflicting, found.overlapping, found.lines.height) == (0, 0, 0, 0)
        assert found.left_out.is_empty()


@pytest.mark.parametrize(
    ("case", "row", "submitter", "version", "code", "kept"),
    [
        ("the same again, same version", ("A", 2, 5), "D-FARM", 3, None, False),
        ("the same again, older version", ("A", 2, 5), "D-FARM", 2, None, False),
        ("the same again, newer version: decides which version is the newest", ("A", 2, 5), "D-FARM", 4, None, True),
        ("the same in a lower revision", ("A", 1, 5), "D-FARM", 9, None, False),
        ("the same in a higher revision", ("A", 3, 5), "D-FARM", 1, None, True),
        ("other content, same version, later file", ("A", 2, 6), "D-FARM", 3, "W310", True),
        ("other content, newer version", ("A", 2, 6), "D-FARM", 4, "W310", True),
        ("other content, older version", ("A", 2, 6), "D-FARM", 2, "W313", True),
        ("other content, lower revision", ("A", 1, 6), "D-FARM", 4, "W313", True),
        ("other content, higher revision", ("A", 3, 6), "D-FARM", 1, "W310", True),
        ("somebody else says the same", ("A", 2, 5), "D-ROAD", 1, None, True),
        ("somebody else contradicts", ("A", 2, 6), "D-ROAD", 1, "E230", True),
        ("somebody else knows better", ("A", 3, 6), "D-ROAD", 1, "W310", True),
        ("somebody else is behind", ("A", 1, 6), "D-ROAD", 9, "W313", True),
    ],
)
def test_a_row_beside_one_that_is_there(
    case: str, row: tuple[str, int, int], submitter: str, version: int, code: str | None, kept: bool
) -> None:
    found = compared(
        facts(row, submitter=submitter, version=version), facts(("A", 2, 5), version=3), submitter, version
    )
    assert found.lines["code"].to_list() == ([] if code is None else [code]), case
    assert found.left_out.rows() == ([] if kept else [("", 2)]), case
    assert (found.unchanged, found.conflicting) == (int(code is None), int(code == "E230")), case
    assert found.overlapping == int(kept), case


def test_a_conflict_names_the_other_submitter_and_the_key() -> None:
    found = compared(facts(("B", 1, 1), ("A", 1, 6), submitter="D-ROAD"), facts(("A", 1, 5)), "D-ROAD")
    assert found.lines.rows() == [("", 3, "E230", "D-FARM", f"A|V-01|{PERIOD}|D-FARM")]


def test_only_the_standing_row_of_each_submitter_is_compared_with() -> None:
    there = pl.concat(
        [facts(("A", 1, 5), version=1), facts(("A", 1, 6), version=2), facts(("A", 1, 7), submitter="D-ROAD")]
    )
    found = compared(facts(("A", 1, 5)), there, version=3)
    assert found.lines["code"].to_list() == ["E230"]
    found = compared(facts(("A", 1, 7)), there, version=3)
    assert found.lines["code"].to_list() == ["W310"]


def test_empty_parts_of_a_key_are_equal_to_each_other() -> None:
    survey = DATASETS["survey_response"]
    row = pl.DataFrame(
        [{
            "source_system": "web", "survey_id": "S", "submission_id": "1", "item_id": "Q", "period_id": PERIOD,
            "instrument_id": "LIFE", "status": "answered", "revision": 1, "record_op": "upsert", "_sheet": "",
            "_row": 2, "_file_sha256": "a", "_submitter_org_id": "X", "_file_version": 1, "_late": False,
            "_ingested_at": datetime(2026, 8, 1, tzinfo=UTC),
        }],
        schema={**survey.stored_schema, **BOOKKEEPING},
    )  # fmt: skip
    found = compare(row.lazy().select("_sheet", "_row", *survey.stored_schema), row.lazy(), survey, "X", 1)
    assert (found.unchanged, found.left_out.height) == (1, 1)


def test_what_a_full_delivery_no_longer_contains_becomes_voids_of_its_own_slice() -> None:
    there = pl.concat(
        [
            facts(("A", 1, 5), ("B", 4, 6), ("C", 1, 7)),
            facts(("D", 1, 8), submitter="D-ROAD"),
            facts(("E", 1, 9), version=2, operation="void"),
            facts(("E", 1, 9)),
        ]
    )
    present = facts(("A", 1, 5)).lazy().select(*FACT.natural_key)
    voids, before = vanished(there.lazy(), present, FACT, "D-FARM", [PERIOD])
    assert before == 3
    told = voids.sort("indicator_id").select("indicator_id", "revision", "record_op").rows()
    assert told == [("B", 4, "void"), ("C", 1, "void")]
    assert voids.schema == FACT.stored_schema
    assert vanished(there.lazy(), present, FACT, "D-FARM", ["2026M08"])[1] == 0
