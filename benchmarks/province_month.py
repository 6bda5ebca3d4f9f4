"""One month of a province, and what the bare sums over it cost.

27,000 grassroots units rate 40 departments on 5 items: 5.4 million rating rows in the contract's
columns, one hundredth of them faulty in six ways. ``floor`` does with a bare Polars script what any
pipeline must do at the least: read every cell as text, apply the six rules and the composite key,
write the rejected rows with line and reason and the accepted rows apart, sum by department and
item and by rater and department, and put the cells into SQLite. Everything a pipeline adds is
stated as a ratio to that floor, measured beside it on the same machine.

    python -m benchmarks.province_month --units 27000 --folder /tmp/province --json
"""

from __future__ import annotations

import argparse
import json
import os
import shutil
import sqlite3
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np
import polars as pl
import psutil

from benchmarks.province_pipeline import APART

PERIOD = "2026M07"
INSTRUMENT = "REV"
SCALE_MAX = 5
RATER_BATCH = 3_000
STATUS_CODES = ("answered", "dont_know", "not_applicable", "no_contact", "skipped", "refused")
FAULTS = ("status", "scale", "number", "target", "rater", "duplicate")
KEY = ("period_id", "instrument_id", "rater_token", "target_org_id", "item_id")
LAYOUT_VERSION = 2


@dataclass(frozen=True)
class Province:
    """Where the generated month lies and how it was drawn.

    ``bad_rows`` counts the rows that must be rejected; a pair with the same key counts two.
    """

    folder: Path
    rating_event: Path
    rows: int
    bad_rows: int


@dataclass(frozen=True)
class StepTime:
    """Wall time, processor time and peak memory of one whole process with its children."""

    name: str
    seconds: float
    cpu_seconds: float
    peak_mb: float
    exit_code: int


def generate(
    folder: Path,
    *,
    units: int = 27_000,
    departments: int = 40,
    items: int = 5,
    bad_share: float = 0.01,
    seed: int = 20260701,
) -> Province:
    """Write the month into ``folder`` unless the same month already lies there.

    Args:
        folder: Receives one CSV per dataset, named as the input contract wants, and
            ``parameters.json``.
        units: Grassroots units, each with one rater.
        departments: Rated departments; every rater rates all of them.
        items: Items of the instrument.
        bad_share: Share of faulty rows, spread evenly over the six kinds.
        seed: Seed of the generator; the same parameters give the same bytes.

    Returns:
        The paths and counts of the month.
    """
    rows = units * departments * items
    per_kind = round(rows * bad_share / len(FAULTS) / 2) * 2
    province = Province(folder, folder / f"rating_event__PROGRAMME__{PERIOD}__v01.csv", rows, per_kind * len(FAULTS))
    parameters = {
        "layout_version": LAYOUT_VERSION,
        "units": units,
        "departments": departments,
        "items": items,
        "bad_share": bad_share,
        "seed": seed,
    }
    marker = folder / "parameters.json"
    if marker.exists() and json.loads(marker.read_text(encoding="utf-8")) == parameters:
        return province
    folder.mkdir(parents=True, exist_ok=True)
    marker.unlink(missing_ok=True)
    _write_reference(folder, units, departments, items)
    _write_ratings(province, (units, departments, items), per_kind, np.random.default_rng(seed))
    marker.write_text(json.dumps(parameters, indent=1), encoding="utf-8")
    return province


def _unit_ids(units: int) -> pl.Series:
    return pl.Series("org_id", [f"U{number:05d}" for number in range(units)])


def _rater_tokens(units: int) -> pl.Series:
    return pl.Series("rater_token", [f"T{number:07d}" for number in range(units)])


def _department_ids(departments: int) -> pl.Series:
    return pl.Series("org_id", [f"D{number:02d}" for number in range(departments)])


def _write_reference(folder: Path, units: int, departments: int, items: int) -> None:
    """Write the datasets a rating refers to."""
    valid_from = pl.lit("2026-01-01").alias("valid_from")
    villages = (
        _unit_ids(units)
        .to_frame()
        .with_columns(
            pl.concat_str(pl.lit("村"), "org_id").alias("org_name"),
            pl.lit("village").alias("org_kind"),
            pl.lit("village").alias("level"),
            pl.lit(None, dtype=pl.String).alias("peer_group"),
            valid_from,
        )
    )
    rated = (
        _department_ids(departments)
        .to_frame()
        .with_columns(
            pl.concat_str(pl.lit("部门"), "org_id").alias("org_name"),
            pl.lit("county_gov_dept").alias("org_kind"),
            pl.lit("county").alias("level"),
            pl.lit("government").alias("peer_group"),
            valid_from,
        )
    )
    tables = {
        "org_unit": pl.concat([villages, rated]),
        "rater": _rater_tokens(units)
        .to_frame()
        .with_columns(
            _unit_ids(units).alias("rater_org_id"), pl.lit("village_secretary").alias("rater_role"), valid_from
        ),
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
        "instrument_item": _instrument(items),
    }
    for dataset, table in tables.items():
        table.write_csv(folder / f"{dataset}__PROGRAMME__2026__v01.csv")


def _instrument(items: int) -> pl.DataFrame:
    """One row per item, all on the scale 1 to 5 with equal weight."""
    return pl.DataFrame(
        {
            "instrument_id": [INSTRUMENT] * items,
            "instrument_version": ["1"] * items,
            "item_id": [f"I{number}" for number in range(items)],
            "item_text": [f"题项 {number}" for number in range(items)],
            "dimension": [f"维度 {number}" for number in range(items)],
            "item_kind": ["scale"] * items,
            "scale_min": [1] * items,
            "scale_max": [SCALE_MAX] * items,
            "scale_step": [1] * items,
            "direction": ["higher_better"] * items,
            "weight": [f"{1 / items:.6f}"] * items,
            "target_required": ["true"] * items,
            "respondent": ["rater"] * items,
        }
    )


def _plan_faults(rows: int, per_kind: int, generator: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
    """Positions and kinds of the faulty rows.

    Returns:
        ``kind`` of every row (-1 for a sound one) and, for the second row of each pair with the
        same key, the position of the row it repeats (-1 elsewhere). Pairs are kept within one
        ballot's neighbourhood by choosing the row just before as the first of the pair.
    """
    kind = np.full(rows, -1, dtype=np.int8)
    repeats = np.full(rows, -1, dtype=np.int64)
    pairs = per_kind // 2
    # Pairs stand on disjoint couples (2k, 2k+1), so that no row belongs to two of them.
    couples = generator.choice(rows // 2, size=pairs, replace=False)
    kind[couples * 2] = kind[couples * 2 + 1] = FAULTS.index("duplicate")
    repeats[couples * 2 + 1] = couples * 2
    free = np.flatnonzero(kind == -1)
    singles = generator.choice(free, size=per_kind * (len(FAULTS) - 1), replace=False)
    kind[singles] = np.repeat(np.arange(len(FAULTS) - 1), per_kind)
    return kind, repeats


def _write_ratings(
    province: Province, shape: tuple[int, int, int], per_kind: int, generator: np.random.Generator
) -> None:
    """Write the rating rows in batches, so that the generator needs little memory at any size."""
    units, departments, items = shape
    kind, repeats = _plan_faults(province.rows, per_kind, generator)
    department_effect = generator.normal(0, 0.35, departments)
    severity = generator.normal(0, 0.4, units)
    per_rater = departments * items
    # Couples must not be cut by a batch.
    batch = RATER_BATCH + (RATER_BATCH * per_rater) % 2
    with province.rating_event.open("wb") as file:
        for start in range(0, units, batch):
            stop = min(start + batch, units)
            window = slice(start * per_rater, stop * per_rater)
            position = np.arange(window.start, window.stop)
            source = np.where(repeats[window] >= 0, repeats[window], position)
            mean = 3.6 + severity[source // per_rater] + department_effect[source // items % departments]
            score = np.clip(np.rint(mean + generator.normal(0, 0.7, len(position))), 1, SCALE_MAX).astype(np.int64)
            # The second row of a pair differs from the first in its score only.
            second = np.flatnonzero(repeats[window] >= 0)
            score[second] = score[second - 1] % SCALE_MAX + 1
            rows = _rating_rows(source, score, kind[window], shape)
            rows.write_csv(file, include_header=start == 0)


def _rating_rows(source: np.ndarray, score: np.ndarray, kind: np.ndarray, shape: tuple[int, int, int]) -> pl.DataFrame:
    """Turn row numbers and scores into contract columns and put the faults in."""
    units, departments, items = shape
    per_rater = departments * items
    rater = source // per_rater
    rows = pl.DataFrame(
        {
            "rater_token": _rater_tokens(units).gather(rater),
            "rater_org_id": _unit_ids(units).gather(rater),
            "target_org_id": _department_ids(departments).gather(source // items % departments),
            "item": source % items,
            "score": score,
            "kind": kind,
            "second": source // items % 40_000,
        }
    )
    fault = {name: pl.col("kind") == number for number, name in enumerate(FAULTS)}
    return rows.select(
        pl.lit(PERIOD).alias("period_id"),
        pl.lit(INSTRUMENT).alias("instrument_id"),
        pl.lit("1").alias("instrument_version"),
        pl.when(fault["rater"])
        .then(pl.concat_str(pl.lit("X"), "rater_token"))
        .otherwise("rater_token")
        .alias("rater_token"),
        "rater_org_id",
        pl.when(fault["target"]).then(None).otherwise("target_org_id").alias("target_org_id"),
        pl.concat_str(pl.lit("I"), "item").alias("item_id"),
        pl.when(fault["status"]).then(pl.lit("done")).otherwise(pl.lit("answered")).alias("status"),
        pl.when(fault["scale"])
        .then(pl.lit("7"))
        .when(fault["number"])
        .then(pl.lit("约4"))
        .otherwise(pl.col("score").cast(pl.String))
        .alias("score_raw"),
        pl.concat_str(pl.lit("S"), pl.col("rater_token").str.slice(1)).alias("submission_id"),
        (pl.lit("2026-07-10 08:00:00").str.to_datetime() + pl.duration(seconds="second"))
        .dt.strftime("%Y-%m-%dT%H:%M:%S+08:00")
        .alias("submitted_at"),
    )


def floor(csv: Path, out: Path) -> dict[str, int]:
    """Do the same sums with a bare Polars script: the least that any pipeline can cost.

    Args:
        csv: The rating file of :func:`generate`; the reference files lie beside it.
        out: Folder that receives ``rejects.csv`` (row, reason and the cells), ``accepted.parquet``,
            ``voter_department.parquet`` and ``cells.sqlite``.

    Returns:
        Counts of rows read, accepted and rejected, of department-item cells and of
        rater-department sums.
    """
    out.mkdir(parents=True, exist_ok=True)
    raters = pl.read_csv(csv.parent / "rater__PROGRAMME__2026__v01.csv", columns=["rater_token"])["rater_token"]
    score = pl.col("score_raw").cast(pl.Float64, strict=False)
    reasons = {
        "status": ~pl.col("status").is_in(STATUS_CODES),
        "number": score.is_null(),
        "scale": ~score.is_between(1, SCALE_MAX),
        "target": pl.col("target_org_id").is_null(),
        "rater": ~pl.col("rater_token").is_in(raters.implode()),
    }
    scan = pl.scan_csv(csv, infer_schema=False, row_index_name="row", row_index_offset=2)
    judged = scan.with_columns(
        pl.any_horizontal(expression.fill_null(value=True) for expression in reasons.values()).alias("faulty"),
        pl.struct(KEY).hash().alias("key"),
    )
    sound = pl.col("faulty").not_()
    # Equal keys stand side by side once sorted: cheaper than counting 5 million groups of one.
    keys = judged.filter(sound).select("key").collect(engine="streaming")["key"].sort()
    repeated = pl.col("key").is_in(keys.filter(keys == keys.shift(1)).unique().implode())
    named = pl.coalesce(pl.when(expression).then(pl.lit(name)) for name, expression in reasons.items())
    accepted = judged.filter(sound & ~repeated).drop("faulty", "key").with_columns(score.cast(pl.Int64))
    rejected = judged.filter(~sound | repeated).with_columns(named.fill_null("duplicate").alias("reason"))
    pl.collect_all(
        [
            accepted.sink_parquet(out / "accepted.parquet", lazy=True),
            rejected.drop("faulty", "key").sink_csv(out / "rejects.csv", lazy=True),
        ],
        engine="streaming",
    )
    return _sum_and_store(out)


def _sum_and_store(out: Path) -> dict[str, int]:
    """Sum the accepted rows of the floor and put the department-item cells into SQLite."""
    stored = pl.scan_parquet(out / "accepted.parquet")
    sums = (
        pl.len().alias("n"),
        pl.col("score_raw").sum().alias("total"),
        (pl.col("score_raw") ** 2).sum().alias("squares"),
    )
    cells, voters = pl.collect_all(
        [
            stored.group_by("target_org_id", "item_id").agg(*sums).sort("target_org_id", "item_id"),
            stored.group_by("rater_token", "target_org_id").agg(*sums[:2]),
        ],
        engine="streaming",
    )
    voters.write_parquet(out / "voter_department.parquet")
    database = out / "cells.sqlite"
    database.unlink(missing_ok=True)
    connection = sqlite3.connect(database)
    with connection:
        connection.execute("CREATE TABLE cell (target_org_id TEXT, item_id TEXT, n INT, total INT, squares INT)")
        connection.executemany("INSERT INTO cell VALUES (?, ?, ?, ?, ?)", cells.iter_rows())
    connection.close()
    rejected = pl.scan_csv(out / "rejects.csv", infer_schema=False).select(pl.len()).collect().item()
    accepted = int(cells["n"].sum())
    return {
        "rows": accepted + rejected,
        "accepted": accepted,
        "rejected": rejected,
        "cells": cells.height,
        "voter_department_sums": voters.height,
    }


def measure(name: str, command: Sequence[str], environment: dict[str, str] | None = None) -> StepTime:
    """Run a command as a whole process and measure it.

    Peak memory is the largest sum of resident memory over the process and its children, sampled
    every 20 ms. The operating system's own figure is not used: on Linux a new process starts with
    the peak of the one that made it.

    Args:
        name: What the table calls the step.
        command: The command line; its output goes to stderr.
        environment: Variables to set on top of those of this process.

    Returns:
        Wall and processor seconds, peak megabytes (2**20 bytes) and the exit code.
    """
    started = time.perf_counter()
    child = subprocess.Popen(command, stdout=sys.stderr, env=os.environ | (environment or {}))
    peak = [0]
    finished = threading.Event()
    sampler = threading.Thread(target=_sample_memory, args=(child.pid, peak, finished))
    sampler.start()
    _, status, usage = os.wait4(child.pid, 0)
    seconds = time.perf_counter() - started
    finished.set()
    sampler.join()
    child.returncode = os.waitstatus_to_exitcode(status)
    cpu_seconds = usage.ru_utime + usage.ru_stime
    return StepTime(name, seconds, cpu_seconds, peak[0] / 2**20, child.returncode)


def _sample_memory(pid: int, peak: list[int], finished: threading.Event) -> None:
    """Keep the largest resident memory of a process tree in ``peak[0]`` until told to stop."""
    while not finished.wait(0.02):
        try:
            root = psutil.Process(pid)
            tree = [root, *root.children(recursive=True)]
            peak[0] = max(peak[0], sum(process.memory_info().rss for process in tree))
        except psutil.Error:
            continue


def median_of(runs: Sequence[StepTime]) -> StepTime:
    """The median times and the largest memory of several runs of one step."""
    worst_exit = max(runs, key=lambda run: abs(run.exit_code)).exit_code
    return StepTime(
        runs[0].name,
        statistics.median(run.seconds for run in runs),
        statistics.median(run.cpu_seconds for run in runs),
        max(run.peak_mb for run in runs),
        worst_exit,
    )


def floor_command(province: Province, out: Path) -> list[str]:
    """The command line that runs :func:`floor` in a process of its own."""
    return [sys.executable, "-m", "benchmarks.province_month", "--floor", str(province.rating_event), str(out)]


def measure_pipeline(province: Province, out: Path) -> tuple[list[StepTime], float, int]:
    """Run the pipeline in a process of its own: its steps, start-up seconds, and rows rejected.

    The first step is the whole way from land to release, without the start-up.
    """
    target = out.with_suffix(".json")
    command = [sys.executable, "-m", "benchmarks.province_pipeline", str(province.folder), str(out), str(target)]
    whole = measure("pipeline, whole process", command)
    if whole.exit_code:
        raise SystemExit(f"the pipeline ended with {whole.exit_code}")
    found = json.loads(target.read_text(encoding="utf-8"))
    steps = [StepTime(name, **figures, exit_code=0) for name, figures in found["steps"].items()]
    way = [step for step in steps if not step.name.endswith(APART)]
    seconds, cpu = sum(step.seconds for step in way), sum(step.cpu_seconds for step in way)
    total = StepTime("land to release", seconds, cpu, whole.peak_mb, whole.exit_code)
    shutil.rmtree(out, ignore_errors=True)
    target.unlink()
    return [total, *steps], found["start_up"], found["rejected"]


def report(steps: Sequence[StepTime], *, as_json: bool) -> str:
    """A table of the steps with their ratio to the first, which is the floor."""
    base = steps[0]
    ratios = [(step.seconds / base.seconds, step.cpu_seconds / base.cpu_seconds) for step in steps]
    if as_json:
        rows = zip(steps, ratios, strict=True)
        return json.dumps([asdict(step) | {"ratio": wall, "cpu_ratio": cpu} for step, (wall, cpu) in rows], indent=1)
    width = max(len(step.name) for step in steps)
    lines = [f"{'step':<{width}}  {'seconds':>8}  {'cpu s':>6}  {'peak MB':>8}  {'ratio':>6}  {'cpu ratio':>9}"]
    lines.extend(
        f"{step.name:<{width}}  {step.seconds:>8.2f}  {step.cpu_seconds:>6.2f}  {step.peak_mb:>8.0f}"
        f"  {wall:>6.2f}  {cpu:>9.2f}"
        for step, (wall, cpu) in zip(steps, ratios, strict=True)
    )
    return "\n".join(lines)


def main(arguments: Sequence[str] | None = None) -> int:
    """Generate the month, measure every step and print the report."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--units", type=int, default=27_000)
    parser.add_argument("--departments", type=int, default=40)
    parser.add_argument("--items", type=int, default=5)
    parser.add_argument("--folder", type=Path, default=Path(tempfile.gettempdir()) / "reverse-eval-province-month")
    parser.add_argument("--repeat", type=int, default=1, help="runs of each step; the median time counts")
    parser.add_argument("--json", action="store_true")
    parser.add_argument("--floor", nargs=2, type=Path, metavar=("CSV", "OUT"), help="run the floor alone")
    options = parser.parse_args(arguments)
    if options.floor:
        print(json.dumps(floor(*options.floor)))
        return 0
    name = f"{options.units}x{options.departments}x{options.items}"
    province = generate(
        options.folder / name, units=options.units, departments=options.departments, items=options.items
    )
    size = province.rating_event.stat().st_size / 2**20
    print(f"{province.rows} rows, {province.bad_rows} faulty, {size:.0f} MB", file=sys.stderr)
    floors, pipelines, start_ups = [], [], []
    for _ in range(options.repeat):
        floors.append(measure("floor: bare Polars", floor_command(province, options.folder / f"{name}-floor")))
        steps, start_up, rejected = measure_pipeline(province, options.folder / f"{name}-home")
        pipelines.append(steps)
        start_ups.append(start_up)
    shutil.rmtree(options.folder / f"{name}-floor", ignore_errors=True)
    medians = [median_of(runs) for runs in zip(*pipelines, strict=True)]
    print(report([median_of(floors), *medians], as_json=options.json))
    print(f"start-up, apart: {statistics.median(start_ups):.1f} s; {rejected} rows rejected", file=sys.stderr)
    return 0 if rejected == province.bad_rows else 1


if __name__ == "__main__":
    sys.exit(main())
