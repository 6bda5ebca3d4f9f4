"""What is generated from the declarations: schemas, pages and the workbook a clerk fills in."""

from __future__ import annotations

import datetime as dt
import json
import unicodedata
from pathlib import Path

import openpyxl
import polars as pl
import pytest
from openpyxl.worksheet.worksheet import Worksheet

from expectations.catalogue import catalogue
from expectations.datasets import DATASETS, dataset
from expectations.declaration import Column, ColumnType, Dataset
from expectations.derived.data_dictionary import data_dictionary
from expectations.derived.delta_schema import delta_fields, delta_type
from expectations.derived.error_codes import error_codes
from expectations.derived.excel_template import plain_number, write_template
from expectations.derived.polars_schema import lake_schema
from expectations.derived.table_schema import table_schema

DOCS = Path(__file__).parents[2] / "docs"

each_dataset = pytest.mark.parametrize("declared", DATASETS.values(), ids=DATASETS)


def template_of(declared: Dataset, folder: Path) -> openpyxl.Workbook:
    path = folder / f"{declared.name}.xlsx"
    write_template(declared, path)
    return openpyxl.load_workbook(path)


def drop_downs(sheet: Worksheet) -> dict[str, str]:
    """Formula of each drop-down list by the header above it."""
    found = {}
    for rule in sheet.data_validations.dataValidation:
        [area] = rule.sqref.ranges
        assert (rule.type, area.min_row, area.max_row) == ("list", 2, 1_048_576)
        found[str(sheet.cell(1, area.min_col).value)] = str(rule.formula1)
    return found


def test_lake_schema_of_periods_is_spelled_out() -> None:
    utc = pl.Datetime("us", "UTC")
    assert lake_schema(dataset("period")) == pl.Schema(
        {
            "period_id": pl.String(),
            "kind": pl.String(),
            "start_date": pl.Date(),
            "end_date": pl.Date(),
            "cutoff_at": utc,
            "publish_at": utc,
            "status": pl.String(),
            "result_version": pl.Int64(),
            "record_op": pl.String(),
            "revision": pl.Int64(),
            "source_ref": pl.String(),
            "note": pl.String(),
            "_file_sha256": pl.String(),
            "_submitter_org_id": pl.String(),
            "_file_version": pl.Int32(),
            "_sheet": pl.String(),
            "_row": pl.Int32(),
            "_ingested_at": utc,
            "_late": pl.Boolean(),
            "_mapping_id": pl.String(),
            "_contract_version": pl.Int32(),
        }
    )


def test_delta_fields_of_ratings_are_spelled_out_where_it_matters() -> None:
    fields = {field["name"]: (field["type"], field["nullable"]) for field in delta_fields(dataset("rating_event"))}
    assert fields["period_id"] == ("string", False)
    assert fields["rater_id"] == ("string", False)
    assert fields["score_raw"] == ("decimal(18,6)", True)
    assert fields["submitted_at"] == ("timestamp", True)
    assert fields["revision"] == ("long", True)
    assert fields["_row"] == ("integer", False)
    assert fields["_late"] == ("boolean", False)
    assert "rater_token" not in fields


def test_a_key_column_that_may_be_empty_is_nullable_in_the_lake() -> None:
    nullable = {field["name"]: field["nullable"] for field in delta_fields(dataset("survey_response"))}
    assert nullable["target_org_id"]
    assert not nullable["submission_id"]


@each_dataset
def test_delta_fields_can_be_written_as_json_in_the_order_of_the_frame(declared: Dataset) -> None:
    fields = delta_fields(declared)
    assert [field["name"] for field in fields] == list(lake_schema(declared))
    assert json.loads(json.dumps(fields)) == fields


def test_delta_takes_the_fields_and_a_frame_of_the_lake_schema(tmp_path: Path) -> None:
    """The names of types are Delta's own, and a void row with its key alone fits in."""
    deltalake = pytest.importorskip("deltalake", reason="the lake's library is not installed")
    for declared in DATASETS.values():
        description = {"type": "struct", "fields": [{**field, "metadata": {}} for field in delta_fields(declared)]}
        table = str(tmp_path / declared.name)
        deltalake.DeltaTable.create(table, schema=deltalake.Schema.from_json(json.dumps(description)))
        void = pl.DataFrame(
            [
                pl.Series(name, [None if field["nullable"] else _something(polars_type)], dtype=polars_type)
                for (name, polars_type), field in zip(
                    lake_schema(declared).items(), delta_fields(declared), strict=True
                )
            ]
        )
        void.write_delta(table, mode="append")
        assert pl.read_delta(table).height == 1


def _something(polars_type: pl.DataType) -> object:
    return pl.Series([0]).cast(polars_type).item()


def test_a_type_delta_cannot_hold_is_refused() -> None:
    with pytest.raises(ValueError, match="UInt64"):
        delta_type(pl.UInt64())


@each_dataset
def test_table_schema_has_what_data_package_2_asks_for(declared: Dataset) -> None:
    schema = table_schema(declared)
    assert schema["$schema"] == "https://datapackage.org/profiles/2.0/tableschema.json"
    assert schema["fieldsMatch"] == "partial"
    assert {"value": "", "label": "空白"} in schema["missingValues"]
    assert [field["name"] for field in schema["fields"]] == [column.name for column in declared.all_columns]
    names = {field["name"] for field in schema["fields"]}
    known_types = {"string", "integer", "number", "date", "datetime", "boolean", "any", "list"}
    for field in schema["fields"]:
        assert field["type"] in known_types
        assert field["title"]
        assert isinstance(field["constraints"]["required"], bool)
    [key] = [schema[word] for word in ("primaryKey",) if word in schema] or schema["uniqueKeys"]
    assert set(key) <= names
    for foreign in schema.get("foreignKeys", []):
        assert set(foreign["fields"]) <= names
        target = foreign["reference"].get("resource", declared.name)
        assert set(foreign["reference"]["fields"]) <= {column.name for column in dataset(target).all_columns}
    assert json.loads(json.dumps(schema)) == schema


def test_table_schema_of_raters_speaks_of_what_is_delivered() -> None:
    schema = table_schema(dataset("rater"))
    fields = {field["name"]: field for field in schema["fields"]}
    assert schema["primaryKey"] == ["rater_token", "valid_from"]
    assert "rater_id" not in fields
    assert fields["rater_role"]["categories"][0] == {"value": "village_secretary", "label": "村书记"}
    assert schema["foreignKeys"] == [
        {"fields": ["rater_org_id"], "reference": {"resource": "org_unit", "fields": ["org_id"]}}
    ]


def test_table_schema_tells_counts_and_empty_keys_apart() -> None:
    schema = table_schema(dataset("burden_fact"))
    fields = {field["name"]: field for field in schema["fields"]}
    refused = [entry["value"] for entry in fields["quantity"]["missingValues"]]
    assert "无" in [entry["value"] for entry in schema["missingValues"]]
    assert "无" not in refused
    assert "missingValues" not in fields["duration_min"]
    assert "primaryKey" not in schema
    assert schema["uniqueKeys"] == [["burden_kind", "issuer_org_id", "source_ref", "target_org_id", "start_date"]]


def test_table_schema_leaves_the_resource_out_when_it_refers_to_itself() -> None:
    parents = [key for key in table_schema(dataset("org_unit"))["foreignKeys"] if key["fields"] == ["parent_org_id"]]
    assert parents == [{"fields": ["parent_org_id"], "reference": {"fields": ["org_id"]}}]


@each_dataset
def test_template_has_the_headers_of_the_declaration(declared: Dataset, tmp_path: Path) -> None:
    workbook = template_of(declared, tmp_path)
    assert workbook.sheetnames == ["数据", "说明", "代码"]
    assert workbook["代码"].sheet_state == "hidden"
    sheet = workbook["数据"]
    assert workbook.active is sheet
    assert sheet.max_row == 1
    assert sheet.freeze_panes == "A2"
    headers = [str(cell.value) for cell in sheet[1]]
    assert headers == [column.zh for column in declared.all_columns]
    for cell, column in zip(sheet[1], declared.all_columns, strict=True):
        assert column.description_zh in cell.comment.text
        assert (cell.fill.fgColor.rgb == "FFFFE699") == column.required


@each_dataset
def test_template_offers_every_code_and_boolean_as_a_list(declared: Dataset, tmp_path: Path) -> None:
    workbook = template_of(declared, tmp_path)
    offered = drop_downs(workbook["数据"])
    wanted = [column for column in declared.all_columns if column.type in (ColumnType.CODE, ColumnType.BOOLEAN)]
    assert sorted(offered) == sorted(column.zh for column in wanted)
    for column in wanted:
        if column.type is ColumnType.BOOLEAN:
            assert offered[column.zh] == '"是,否"'
            continue
        sheet, cells = offered[column.zh].replace("'", "").replace("$", "").split("!")
        assert [cell.value for (cell,) in workbook[sheet][cells]] == [code.zh for code in column.codes]


@pytest.mark.parametrize(
    ("name", "column", "number_format"),
    [
        ("org_unit", "org_id", "@"),
        ("org_unit", "division_code", "@"),
        ("org_unit", "valid_from", "yyyy-mm-dd"),
        ("rating_event", "submitted_at", "yyyy-mm-dd hh:mm:ss"),
        ("rating_event", "score_raw", "General"),
        ("adjustment", "target_key", "@"),
    ],
)
def test_template_cells_keep_what_is_typed(name: str, column: str, number_format: str, tmp_path: Path) -> None:
    """A division code of twelve digits must not become a float, a period must not become a date."""
    sheet = template_of(dataset(name), tmp_path)["数据"]
    [letter] = [cell.column_letter for cell in sheet[1] if cell.value == dataset(name).column(column).zh]
    dimensions = sheet.column_dimensions
    [width] = [
        each for each in dimensions.values() if each.min <= openpyxl.utils.column_index_from_string(letter) <= each.max
    ]
    assert width.number_format == number_format


@each_dataset
def test_template_explains_every_column(declared: Dataset, tmp_path: Path) -> None:
    sheet = template_of(declared, tmp_path)["说明"]
    rows = {str(row[1]): row for row in sheet.iter_rows(min_row=5, values_only=True)}
    assert list(rows) == [column.name for column in declared.all_columns]
    for column in declared.all_columns:
        title, _, meaning, kind, unit, required, allowed = rows[column.name]
        assert (title, meaning) == (column.zh, column.description_zh)
        assert kind
        assert required == ("是" if column.required else "否")
        assert (unit or None) == column.unit
        for code in column.codes:
            assert f"{code.zh}（{code.value}）" in str(allowed)


def test_template_bytes_depend_on_the_declaration_only(tmp_path: Path) -> None:
    first, second = tmp_path / "first.xlsx", tmp_path / "second.xlsx"
    write_template(dataset("burden_fact"), first)
    write_template(dataset("burden_fact"), second)
    assert first.read_bytes() == second.read_bytes()
    properties = openpyxl.load_workbook(first).properties
    assert properties.created == properties.modified == dt.datetime(2026, 1, 1)  # noqa: DTZ001 (a workbook has no zone)


def test_template_says_where_it_could_not_be_written(tmp_path: Path) -> None:
    with pytest.raises(OSError, match=r"absent.+period\.xlsx"):
        write_template(dataset("period"), tmp_path / "absent" / "period.xlsx")


@each_dataset
def test_template_headers_are_the_words_headers_are_matched_by(declared: Dataset, tmp_path: Path) -> None:
    """No mark for required columns, no line break: the header a clerk sends back is the column's own label."""

    def known(column: Column) -> set[str]:
        return {unicodedata.normalize("NFKC", word) for word in (column.zh, *column.aliases)}

    sheet = template_of(declared, tmp_path)["数据"]
    for cell, column in zip(sheet[1], declared.all_columns, strict=True):
        assert unicodedata.normalize("NFKC", str(cell.value)) in known(column)


@pytest.mark.parametrize(
    ("number", "text"), [(0.000001, "0.000001"), (1_000_000, "1000000"), (0, "0"), (0.5, "0.5"), (100, "100")]
)
def test_limits_are_written_plainly(number: float, text: str) -> None:
    assert plain_number(number) == text


def test_the_data_dictionary_in_docs_is_current() -> None:
    page = (DOCS / "data-dictionary.md").read_text(encoding="utf-8")
    assert page == data_dictionary(), (
        "docs/data-dictionary.md is not what the declarations say; regenerate it with: "
        "python -m expectations.derived.data_dictionary > docs/data-dictionary.md"
    )


def test_the_page_of_codes_in_docs_is_current() -> None:
    page = (DOCS / "error-codes.md").read_text(encoding="utf-8")
    assert page == error_codes(), (
        "docs/error-codes.md is not what the catalogue says; regenerate it with: "
        "python -m expectations.derived.error_codes > docs/error-codes.md"
    )


@each_dataset
def test_the_data_dictionary_describes_every_column(declared: Dataset) -> None:
    page = data_dictionary()
    section = page.split(f"## {declared.name}：", 1)[1].split("\n<a id=", 1)[0]
    for column in declared.all_columns:
        assert f"| `{column.name}`" in section
        assert f"**{column.zh}**" in section
        for code in column.codes:
            assert f"{code.zh}（{code.value}）" in section


def test_markdown_tables_have_as_many_cells_as_their_head() -> None:
    for page in (data_dictionary(), error_codes()):
        width = 0
        for line in page.splitlines():
            if not line.startswith("|"):
                width = 0
                continue
            cells = line.replace("\\|", "").count("|")
            width = width or cells
            assert cells == width, line


def test_the_page_of_codes_has_every_code() -> None:
    page = error_codes()
    missing = [code for code in catalogue() if f"\n| {code} |" not in page]
    assert missing == []
