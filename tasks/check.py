"""Check: which rows of a file may go on, which may not, and why.

The work is the same for the nightly run and for the clerk's own ``reverse-eval check``: text table in,
staged rows and problems out. Great Expectations judges every row through the Polars engine; references
and repeated keys are judged beside it.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path

import polars as pl

from expectations.base import row_expectations
from expectations.common import CONTRACT_VERSION
from expectations.declaration import Dataset
from expectations.engine.conditions import key_hash, suspect_condition
from tasks.checking.references import (
    Known,
    Span,
    problem_lines,
    reference_problems,
    reference_suspects,
    unknown_datasets,
)
from tasks.checking.registry import checks_of
from tasks.checking.repeats import repeated_hashes, resolve_repeats
from tasks.checking.totals import total_lines
from tasks.checking.values import Distinct, distinct_texts, doubtful_cells, span_of
from tasks.normalize import (
    MASK,
    Normalized,
    Source,
    find_source,
    normalize_suspects,
    plain_rows,
    token_column,
)
from tasks.normalizing.cell_rules import Options
from tasks.pseudonyms import Pseudonyms

ORDER_OF_SUITE = 100
ORDER_OF_REPEATS = 9_000
ROWS_PER_GROUP = 262_144


@dataclass(frozen=True)
class Stamp:
    """What every row of a file gets written beside it (INPUT.md 4.4)."""

    sha256: str
    submitter_org_id: str
    file_version: int
    recorded_at: datetime
    late_periods: tuple[str, ...] = ()

    def columns(self, dataset: Dataset) -> list[pl.Expr]:
        """The bookkeeping columns other than the position."""
        late = pl.col(dataset.partition_by).is_in(self.late_periods) if dataset.partition_by else pl.lit(value=False)
        return [
            pl.lit(self.sha256).alias("_file_sha256"),
            pl.lit(self.submitter_org_id).alias("_submitter_org_id"),
            pl.lit(self.file_version, pl.Int32).alias("_file_version"),
            pl.lit(self.recorded_at).cast(pl.Datetime("us", "UTC")).alias("_ingested_at"),
            late.fill_null(value=False).alias("_late"),
            pl.lit(None, pl.String).alias("_mapping_id"),
            pl.lit(CONTRACT_VERSION, pl.Int32).alias("_contract_version"),
        ]


@dataclass(frozen=True)
class StagedRows:
    """Rows of one partition in a Parquet file, bookkeeping included, the partition column left out."""

    path: Path
    partition: str | None
    rows: int

    def scan(self, dataset: Dataset) -> pl.LazyFrame:
        """The rows with the partition column put back."""
        rows = pl.scan_parquet(self.path)
        if dataset.partition_by:
            rows = rows.with_columns(pl.lit(self.partition, pl.String).alias(dataset.partition_by))
        return rows


@dataclass(frozen=True)
class FileToCheck:
    """A file that was read, and what to check it against."""

    text: pl.LazyFrame
    sheets: tuple[str, ...]
    delimited: bool
    dataset: Dataset
    known: Known
    pseudonyms: Pseudonyms
    stamp: Stamp
    options: Options = field(default_factory=Options)


@dataclass(frozen=True)
class Checked:
    """The outcome of a check.

    ``plain`` are the plain lane's rows as they will lie in the lake, one Parquet file per partition;
    ``repaired`` are the accepted suspects with ``_index``, ``_sheet``, ``_row`` and every stored column.
    ``problems`` has one line per problem with the text as delivered, ``rejected`` one row per rejected
    row as delivered (contract names), ``rejected_keys`` the natural keys of those rows as values, and
    ``unread`` the titles of columns that were not read.
    """

    source: Source
    plain: tuple[StagedRows, ...]
    repaired: pl.DataFrame
    rejected: pl.DataFrame
    problems: pl.DataFrame
    changes: pl.DataFrame
    skipped: Mapping[str, int]
    identical: int
    rows_read: int
    unread: tuple[str, ...]
    unknown_datasets: tuple[str, ...]
    periods: tuple[str, ...]
    gate: tuple[tuple[str, int, int], ...]
    rejected_keys: pl.DataFrame

    @property
    def data_rows(self) -> int:
        """Rows read that are data."""
        return self.rows_read - sum(self.skipped.values())

    def accepted(self, dataset: Dataset) -> pl.LazyFrame:
        """Every row that may be loaded: position and values under stored names."""
        columns = ["_sheet", "_row", *dataset.stored_schema]
        parts = [part.scan(dataset).select(columns) for part in self.plain]
        return pl.concat([*parts, self.repaired.lazy().select(columns)])


def check(file: FileToCheck, folder: Path) -> Checked:
    """Judge every row of a file.

    Args:
        file: the text table and its context.
        folder: where staged rows are written.

    Raises:
        FileRefused: the header does not fit the dataset, or there are personal columns.
    """
    source = find_source(file.text, file.sheets, file.dataset, delimited=file.delimited)
    distinct = distinct_texts(source, file.dataset)
    span = span_of(distinct, source, file.dataset)
    plain = _plain(source, file, distinct, span)
    flags = _flags(plain, file, span)
    suspects, normalized = _suspects(flags, source, file)
    staged = _write_plain(plain, suspects, _partitions(distinct, file.dataset), folder, file)
    _expect_all_rows(staged, flags.height - suspects.len())
    problems, gate = _judge(normalized, staged, file)
    rejecting = problems.filter(pl.col("code").str.starts_with("E"))
    valid = normalized.rows.filter(~pl.col("_index").is_in(rejecting["_index"].unique().implode()))
    identical, contradicting = resolve_repeats(
        valid, file.dataset.natural_key, [column.stored_name for column in file.dataset.all_columns]
    )
    totals = total_lines(normalized, [part.scan(file.dataset) for part in staged], file.dataset)
    problems = problem_lines([problems, _repeat_lines(identical, "W311"), _repeat_lines(contradicting, "E231"), totals])
    out = pl.concat([identical["_index"], contradicting["_index"]])
    repaired = valid.filter(~pl.col("_index").is_in(out.implode())).drop("_cell_problems")
    return _result(file, source, staged, repaired, problems, normalized, identical.height, flags.height, gate)


def _plain(source: Source, file: FileToCheck, distinct: Distinct, span: Span | None) -> pl.LazyFrame:
    token = token_column(file.dataset)
    tokens = distinct.of(token.name) if token is not None else None
    table = None if tokens is None else file.pseudonyms.table(tokens.drop_nulls())
    doubt = doubtful_cells(source, file.dataset, distinct, row_expectations(file.dataset), file.known, span)
    return plain_rows(source, file.dataset, table, doubt)


def _partitions(distinct: Distinct, dataset: Dataset) -> tuple[str | None, ...]:
    texts = distinct.of(dataset.partition_by) if dataset.partition_by else None
    return (None,) if texts is None else tuple(texts.drop_nulls().sort())


def _flags(plain: pl.LazyFrame, file: FileToCheck, span: Span | None) -> pl.DataFrame:
    """``_index``, ``_good`` and ``_key_hash`` of every row, in one streaming pass."""
    dataset = file.dataset
    between_columns = [each for each in row_expectations(dataset) if len(each.columns) > 1]
    doubtful = suspect_condition(between_columns, dataset.stored_schema) if between_columns else pl.lit(value=False)
    rows = reference_suspects(plain, dataset, file.known, span, checks_of(dataset))
    return rows.select(
        "_index",
        (pl.col("_plain") & ~pl.col("_suspect") & ~doubtful).fill_null(value=False).alias("_good"),
        key_hash(dataset.natural_key).alias("_key_hash"),
    ).collect(engine="streaming")


def _suspects(flags: pl.DataFrame, source: Source, file: FileToCheck) -> tuple[pl.Series, Normalized]:
    """Rows for the cell rules: whatever is not plainly good, and whatever repeats a key."""
    good = flags["_good"]
    index = flags.filter(~good)["_index"]
    normalized = normalize_suspects(_rows(source, index), source, file.dataset, file.pseudonyms, file.options)
    hashes = normalized.rows.select(key_hash(file.dataset.natural_key)).to_series()
    repeated = repeated_hashes(flags.filter(good)["_key_hash"], hashes)
    contested = flags.filter(good & pl.col("_key_hash").is_in(repeated.implode()))["_index"]
    if contested.is_empty():
        return index, normalized
    more = normalize_suspects(_rows(source, contested), source, file.dataset, file.pseudonyms, file.options)
    both = Normalized(
        pl.concat([normalized.rows, more.rows]),
        pl.concat([normalized.problems, more.problems]),
        pl.concat([normalized.changes, more.changes]),
        normalized.skipped,
        normalized.totals,
    )
    return pl.concat([index, contested]), both


def _rows(source: Source, index: pl.Series) -> pl.DataFrame:
    if index.is_empty():
        return source.rows.clear().collect()
    return source.rows.filter(pl.col("_index").is_in(index.implode())).collect(engine="streaming")


def _write_plain(
    plain: pl.LazyFrame, suspects: pl.Series, partitions: Sequence[str | None], folder: Path, file: FileToCheck
) -> tuple[StagedRows, ...]:
    """Write the rows that need no second look, one Parquet file per partition."""
    kept = plain if suspects.is_empty() else plain.filter(~pl.col("_index").is_in(suspects.implode()))
    staged: list[StagedRows] = []
    for number, partition in enumerate(partitions):
        path = folder / f"plain-{number}.parquet"
        key = file.dataset.partition_by
        rows = kept.filter(pl.col(key) == partition) if key and len(partitions) > 1 else kept
        write_rows(rows, file.dataset, file.stamp, path)
        count = pl.scan_parquet(path).select(pl.len()).collect().item()
        staged.append(StagedRows(path, partition, count))
    return tuple(part for part in staged if part.rows)


def write_rows(rows: pl.LazyFrame, dataset: Dataset, stamp: Stamp, path: Path) -> None:
    """Write rows as they lie in the lake: stored columns and bookkeeping, without the partition column."""
    values = [name for name in dataset.stored_schema if name != dataset.partition_by]
    rows.select(*values, "_sheet", "_row", *stamp.columns(dataset)).sink_parquet(
        path, compression="zstd", compression_level=1, row_group_size=ROWS_PER_GROUP
    )


def _expect_all_rows(staged: Sequence[StagedRows], expected: int) -> None:
    found = sum(part.rows for part in staged)
    if found != expected:
        raise RuntimeError(f"{found} plain rows were staged, {expected} were expected")


def _judge(
    normalized: Normalized, staged: Sequence[StagedRows], file: FileToCheck
) -> tuple[pl.DataFrame, tuple[tuple[str, int, int], ...]]:
    """Problems of the suspects, and the gate's counts over all rows of the file."""
    rows = normalized.rows
    is_void = pl.col("record_op") == "void"
    upserts, voids = rows.filter(~is_void.fill_null(value=False)), rows.filter(is_void)
    suite_lines, gate = _run_suite(upserts, staged, file.dataset, void=False)
    void_lines = _run_suite(voids, (), file.dataset, void=True)[0] if voids.height else suite_lines.clear()
    own = normalized.problems.select("_index", "column").unique()
    suite = pl.concat([suite_lines, void_lines]).join(own, on=["_index", "column"], how="anti")
    values = _delivered_values(suite, rows)
    references = reference_problems(upserts, file.dataset, file.known, checks_of(file.dataset))
    references = references.join(
        pl.concat([own, suite.select("_index", "column")]).unique(), on=["_index", "column"], how="anti"
    )
    return problem_lines([normalized.problems, values, references]), gate


def _run_suite(
    candidates: pl.DataFrame, staged: Sequence[StagedRows], dataset: Dataset, *, void: bool
) -> tuple[pl.DataFrame, tuple[tuple[str, int, int], ...]]:
    from expectations.gate import validate

    expectations = row_expectations(dataset, void=void)
    absent = [pl.lit(0, pl.UInt32).alias("_index"), pl.lit(None, pl.String).alias("_cell_problems")]
    parts = [part.scan(dataset).with_columns(absent).select(candidates.columns) for part in staged]
    rows = pl.concat([*parts, candidates.lazy()])
    result = validate(
        rows, expectations, suite_name=dataset.name, candidates=candidates,
        positions=("_index",),
    )  # fmt: skip
    lines = result.failures.filter(pl.col("code") != "").select(
        "_index", "column", "code", order=pl.col("order").cast(pl.Int32) + ORDER_OF_SUITE
    )
    gate = tuple(
        (f"{outcome.expectation.kind}({', '.join(outcome.expectation.columns)})", outcome.evaluated, outcome.unexpected)
        for outcome in result.outcomes
    )
    return lines, gate


def _delivered_values(lines: pl.DataFrame, rows: pl.DataFrame) -> pl.DataFrame:
    """Add to each line of the suite the value it judged."""
    parts = [lines.clear().with_columns(value=pl.lit(None, pl.String))]
    for (column,), group in lines.group_by("column", maintain_order=True):
        values = rows.select("_index", value=pl.col(str(column)).cast(pl.String))
        parts.append(group.join(values, on="_index", how="left"))
    return pl.concat(parts)


def _repeat_lines(found: pl.DataFrame, code: str) -> pl.DataFrame:
    return found.with_columns(code=pl.lit(code), order=pl.lit(ORDER_OF_REPEATS))


def business_key(dataset: Dataset) -> pl.Expr:
    """The natural key as text; a rater's pseudonym never stands beside a department."""
    token = token_column(dataset)
    hidden = token.stored_name if token is not None else None
    parts = [
        pl.lit("*") if name == hidden else pl.col(name).cast(pl.String).fill_null("") for name in dataset.natural_key
    ]
    return pl.concat_str(parts, separator="|")


def _result(
    file: FileToCheck, source: Source, staged: tuple[StagedRows, ...], repaired: pl.DataFrame, problems: pl.DataFrame,
    normalized: Normalized, identical: int, rows_read: int, gate: Sequence[tuple[str, int, int]],
) -> Checked:  # fmt: skip
    rejected_index = problems.filter(pl.col("code").str.starts_with("E"))["_index"].unique()
    token = token_column(file.dataset)
    if token is not None:
        masked = pl.when(pl.col("column") == token.stored_name).then(pl.lit(MASK)).otherwise(pl.col("value"))
        problems = problems.with_columns(value=masked)
    key = business_key(file.dataset)
    keys = normalized.rows.select("_index", "_sheet", "_row", business_key=key)
    if not normalized.totals.is_empty():
        unnamed = normalized.totals.select("_index", "_sheet", "_row", business_key=pl.lit(None, pl.String))
        keys = pl.concat([keys, unnamed])
    problems = problems.join(keys, on="_index", how="left").sort("_index", "order")
    periods: tuple[str, ...] = ()
    if file.dataset.partition_by:
        found = {part.partition for part in staged} | set(repaired[file.dataset.partition_by])
        periods = tuple(sorted(period for period in found if period is not None))
    return Checked(
        source=source, plain=staged, repaired=repaired,
        rejected=_rows(source, rejected_index), problems=problems, changes=normalized.changes,
        skipped=normalized.skipped, identical=identical, rows_read=rows_read,
        unread=tuple(title for header in source.headers for title in header.unknown),
        rejected_keys=normalized.rows.filter(pl.col("_index").is_in(rejected_index.implode())).select(
            file.dataset.natural_key
        ),
        unknown_datasets=unknown_datasets(file.dataset, file.known), periods=periods, gate=tuple(gate),
    )  # fmt: skip
