"""The demo county, read back with the standard library and openpyxl only."""

from __future__ import annotations

import csv
import hashlib
import io
import math
import re
import statistics
import unicodedata
from collections import Counter, defaultdict
from pathlib import Path

import openpyxl
import polars as pl
import pytest

from examples.demo_county import DemoCounty, generate
from expectations.datasets import dataset, find_dataset
from scoring.lints import lint_scheme
from scoring.scheme import load_schemes

SEED = 20260901
MONTHS = ("2026M07", "2026M08", "2026M09")
STATUSES = {"answered", "dont_know", "not_applicable", "no_contact", "skipped", "refused"}
REAL_NAMES = (
    *("北京", "上海", "天津", "重庆", "湖北", "湖南", "四川", "江苏", "浙江", "广东", "山东", "河南", "云南", "贵州"),
    *("武汉", "成都", "广安", "濮阳", "宜春", "杨浦", "扬中", "长春", "海口", "张三", "李四", "王五", "云岭"),
)


@pytest.fixture(scope="module")
def county(tmp_path_factory: pytest.TempPathFactory) -> DemoCounty:
    return generate(tmp_path_factory.mktemp("county"), SEED)


def hashes(folder: Path) -> dict[str, str]:
    return {
        path.relative_to(folder).as_posix(): hashlib.sha256(path.read_bytes()).hexdigest()
        for path in sorted(folder.rglob("*"))
        if path.is_file()
    }


def read(path: Path, encoding: str = "utf-8") -> list[dict[str, str]]:
    return list(csv.DictReader(io.StringIO(path.read_bytes().decode(encoding))))


def only(county: DemoCounty, name: str) -> list[dict[str, str]]:
    (path,) = county.inbox.rglob(name)
    return read(path)


def data_files(county: DemoCounty) -> list[Path]:
    return [path for root in (county.inbox, county.later) for path in sorted(root.rglob("*")) if path.is_file()]


def sheet_rows(county: DemoCounty) -> list[tuple[object, ...]]:
    return list(openpyxl.load_workbook(county.spreadsheet).active.iter_rows(values_only=True))


def all_text(county: DemoCounty) -> str:
    cells = [str(cell) for row in sheet_rows(county) for cell in row if cell is not None]
    texts = [
        path.read_bytes().decode("gb18030" if path == county.gb18030 else "utf-8")
        for path in data_files(county)
        if path.suffix == ".csv"
    ]
    return "\n".join([*texts, *cells, county.scheme.read_text(encoding="utf-8")])


def test_same_seed_gives_the_same_bytes_and_another_seed_does_not(county: DemoCounty, tmp_path: Path) -> None:
    assert hashes(generate(tmp_path / "again", SEED).folder) == hashes(county.folder)
    other = hashes(generate(tmp_path / "other", SEED + 1).folder)
    same = {name for name, digest in hashes(county.folder).items() if other[name] == digest}
    assert not {name for name in same if "rating_event" in name or "performance_fact" in name or "truth" in name}


def test_number_of_organisations(county: DemoCounty) -> None:
    organisations = only(county, "org_unit__*.csv")
    kinds = Counter(row["org_kind"] for row in organisations)
    assert kinds["township"] + kinds["subdistrict"] == 18
    assert kinds["village"] + kinds["community"] == 260
    groups = Counter(row["peer_group"] for row in organisations if row["level"] == "county" and row["peer_group"])
    assert sum(groups.values()) == 34
    assert set(groups) == {"party_mass", "government", "politics_law", "vertical"}
    assert min(groups.values()) >= 5
    names = [row["org_name"] for row in organisations]
    assert len(set(names)) == len(names)


def test_every_parent_and_rater_unit_is_on_the_register(county: DemoCounty) -> None:
    organisations = only(county, "org_unit__*.csv")
    ids = {row["org_id"] for row in organisations}
    assert {row["parent_org_id"] for row in organisations if row["parent_org_id"]} <= ids
    level = {row["org_id"]: row["level"] for row in organisations}
    raters = Counter(row["rater_org_id"] for row in only(county, "rater__JC-JFB__*.csv"))
    assert set(raters) == {org_id for org_id, value in level.items() if value in {"village", "township"}}
    assert all(3 <= count <= 6 for org_id, count in raters.items() if level[org_id] == "township")
    assert all(2 <= count <= 4 for org_id, count in raters.items() if level[org_id] == "village")


def test_no_real_name(county: DemoCounty) -> None:
    text = all_text(county)
    assert not [name for name in REAL_NAMES if name in text]
    assert not re.search(r"(?<!\d)1[3-9]\d{9}(?!\d)", text), "looks like a mobile number"
    assert not re.search(r"(?<!\d)\d{17}[\dX](?!\d)", text), "looks like an identity number"


def test_size_of_the_whole_delivery(county: DemoCounty) -> None:
    assert sum(path.stat().st_size for path in data_files(county)) < 40_000_000
    counts = dict.fromkeys(MONTHS, 0)
    for path in data_files(county):
        if "rating_event" in path.name or path == county.gb18030:
            rows = read(path, "gb18030" if path == county.gb18030 else "utf-8")
            counts[path.name.split("__")[2]] += len(rows)
    assert all(30_000 < count < 50_000 for count in counts.values()), counts


def test_each_submitter_sends_from_its_own_folder_under_a_name_the_contract_knows(county: DemoCounty) -> None:
    for path in data_files(county):
        word, submitter, period, version = path.stem.split("__")
        assert path.parent.name == submitter
        assert find_dataset(word) is not None, word
        assert re.fullmatch(r"2026(M0[6-9])?", period)
        assert re.fullmatch(r"v0[12]", version)


def test_every_header_is_known_to_its_dataset_except_the_personal_one(county: DemoCounty) -> None:
    unknown = set()
    for path in data_files(county):
        if path.suffix == ".xlsx":
            headers = [str(title) for title in sheet_rows(county)[3]]
        else:
            headers = list(read(path, "gb18030" if path == county.gb18030 else "utf-8")[0])
        declared = find_dataset(path.name.split("__")[0])
        assert declared is not None
        words = {word for column in declared.all_columns for word in (column.name, column.zh, *column.aliases)}
        unknown |= {(path.name, title) for title in headers if re.sub(r"\s", "", title) not in words}
    assert unknown == {(county.refused.name, "姓名")}


def test_gb18030_file_has_chinese_headers_and_words(county: DemoCounty) -> None:
    assert county.gb18030.name.startswith("基层评分__")
    with pytest.raises(UnicodeDecodeError):
        county.gb18030.read_bytes().decode("utf-8")
    rows = read(county.gb18030, "gb18030")
    assert {"考核期", "评分口令", "被评部门编码", "作答状态", "分值"} <= set(rows[0])
    assert {row["作答状态"] for row in rows} == {"已作答", "不了解", "无往来"}
    assert all((row["分值"] != "") == (row["作答状态"] == "已作答") for row in rows)


def minutes(cell: str) -> float:
    text = unicodedata.normalize("NFKC", cell)
    number = float(re.sub(r"(小时|分钟)$", "", text))
    return number * 60 if text.endswith("小时") else number


def test_spreadsheet_is_a_form_with_titles_total_and_footer(county: DemoCounty) -> None:
    rows = sheet_rows(county)
    assert str(rows[0][0]).endswith("统计表")
    assert str(rows[2][0]).startswith("单位：")
    header = [str(title) for title in rows[3]]
    data, total, footer = rows[4:-3], rows[-3], rows[-2:]
    assert total[0] == "合计"
    assert [str(row[0])[:5] for row in footer] == ["填表单位：", "填报日期："]
    assert any("\n" in title for title in header)

    def column(title: str) -> list[object]:
        return [row[header.index(title)] for row in data]

    quantity = [int(unicodedata.normalize("NFKC", str(cell))) for cell in column("数量")]
    assert total[header.index("数量")] == sum(quantity)
    assert total[header.index("参加人数")] == sum(int(str(cell)) for cell in column("参加人数") if cell is not None)
    assert any(re.search("[０-９]", str(cell)) for cell in column("数量"))
    lengths = [str(cell) for cell in column("会议时长") if cell is not None]
    assert any(length.endswith("小时") and "." in length for length in lengths)
    assert all(minutes(length) % 30 == 0 for length in lengths)
    assert any(re.fullmatch(r"\d+\.\d%", str(cell)) for cell in column("与上级文件相似度"))
    assert all(re.fullmatch(r"2026年8月\d{1,2}日", str(cell)) for cell in column("发生日期"))


def test_burden_units_are_those_of_their_kind(county: DemoCounty) -> None:
    labels = {code.value: code.zh for code in dataset("burden_fact").column("burden_kind").codes}
    unit_of = {"meeting": "次", "document": "件", "report_form": "张次", "secondment": "人日", "work_group": "个"}
    seen: dict[str, set[str]] = defaultdict(set)
    for path in county.inbox.rglob("burden_fact__*.csv"):
        for row in read(path):
            seen[row["burden_kind"]].add(row["unit"])
            assert row["source_ref"]
    assert {kind: seen[kind] for kind in unit_of} == {kind: {unit} for kind, unit in unit_of.items()}
    header = [str(title) for title in sheet_rows(county)[3]]
    kinds = {str(row[header.index("负担类别")]) for row in sheet_rows(county)[4:-3]}
    assert kinds <= {labels[kind] for kind in seen}


def test_one_file_is_sent_twice_under_two_names(county: DemoCounty) -> None:
    digests = Counter(hashlib.sha256(path.read_bytes()).hexdigest() for path in data_files(county))
    assert sorted(digests.values())[-2:] == [1, 2]
    first = county.duplicate.with_name(county.duplicate.name.replace("__v02", "__v01"))
    assert first.read_bytes() == county.duplicate.read_bytes()


def test_file_with_names_is_tiny_and_tells_none(county: DemoCounty) -> None:
    rows = read(county.refused)
    assert {row["姓名"] for row in rows} == {"某同志"}
    assert 0 < len(rows) < 10


def test_correction_changes_a_few_rows_of_a_delivered_file(county: DemoCounty) -> None:
    first = county.inbox / county.correction.relative_to(county.later)
    before = read(first.with_name(first.name.replace("__v02", "__v01")))
    after = read(county.correction)
    changed = [(old, new) for old, new in zip(before, after, strict=True) if old != new]
    assert 1 <= len(changed) <= 10
    for old, new in changed:
        assert [old[name] for name in ("indicator_id", "org_id", "period_id")] == [
            new[name] for name in ("indicator_id", "org_id", "period_id")
        ]
        assert float(new["value"]) == pytest.approx(int(new["numerator"]) / int(new["denominator"]), abs=1e-6)
        assert float(new["value"]) < float(old["value"])


def found_faults(rows: list[dict[str, str]], raters: dict[str, str], organisations: set[str]) -> dict[int, set[str]]:
    """The faults of every physical row, found without the code under test."""
    faults: dict[int, set[str]] = defaultdict(set)
    keys: dict[tuple[str, ...], list[int]] = defaultdict(list)
    for line, row in enumerate(rows, start=2):
        score, answered = row["score_raw"], row["status"] == "answered"
        keys[row["rater_token"], row["target_org_id"], row["item_id"]].append(line)
        conditions = {
            "E201": row["target_org_id"] == "",
            "E204": score.startswith("约"),
            "E206": re.fullmatch(r"\d\d-.*", row["submitted_at"]) is not None,
            "E208": score.startswith("#"),
            "E210": row["status"] not in STATUSES,
            "E221": row["target_org_id"] not in {*organisations, ""},
            "E227": row["rater_token"] not in raters,
            "E228": raters.get(row["rater_token"], row["rater_org_id"]) != row["rater_org_id"],
            "E229": score.isdigit() and not 1 <= int(score) <= 5,
            "E238": answered and score == "",
        }
        faults[line] |= {code for code, failed in conditions.items() if failed}
    for lines in keys.values():
        if len({tuple(rows[line - 2].values()) for line in lines}) > 1:
            for line in lines:
                faults[line].add("E231")
    return {line: codes for line, codes in faults.items() if codes}


def test_planted_rows_are_exactly_the_faulty_rows_of_the_file(county: DemoCounty) -> None:
    planted = read(county.folder / "planted.csv")
    (file,) = {row["file"] for row in planted}
    rows = read(county.folder / file)
    raters = {row["rater_token"]: row["rater_org_id"] for row in only(county, "rater__JC-JFB__*.csv")}
    organisations = {row["org_id"] for row in only(county, "org_unit__*.csv")}
    expected = {int(row["row"]): {row["code"]} for row in planted}
    assert found_faults(rows, raters, organisations) == expected
    assert len(planted) == 40
    assert len({row["code"] for row in planted}) >= 8
    assert len(planted) < 0.05 * len(rows)
    lines = (county.folder / file).read_bytes().decode("utf-8").splitlines()
    header = lines[0].split(",")
    for row in planted:
        assert lines[int(row["row"]) - 1].split(",")[header.index(row["column"])] == row["value"]


def test_the_other_rating_files_have_no_fault(county: DemoCounty) -> None:
    raters = {row["rater_token"]: row["rater_org_id"] for row in only(county, "rater__JC-JFB__*.csv")}
    organisations = {row["org_id"] for row in only(county, "org_unit__*.csv")}
    faulty = {row["file"] for row in read(county.folder / "planted.csv")}
    for path in county.inbox.rglob("rating_event__*.csv"):
        if path.relative_to(county.folder).as_posix() not in faulty:
            assert found_faults(read(path), raters, organisations) == {}, path.name


def test_raters_rate_six_to_twelve_departments_a_month(county: DemoCounty) -> None:
    rated: dict[str, set[str]] = defaultdict(set)
    for path in county.inbox.rglob("rating_event__*__2026M09__*.csv"):
        for row in read(path):
            rated[row["rater_token"]].add(row["target_org_id"])
            assert row["submitted_at"].startswith("2026-09-")
    counts = [len(departments) for departments in rated.values()]
    assert (min(counts), max(counts)) == (6, 12)
    assert len(counts) == len(only(county, "rater__JC-JFB__*.csv"))


def test_truth_is_what_the_ratings_show(county: DemoCounty) -> None:
    truth = {
        row["subject"]: float(row["value"])
        for row in read(county.folder / "truth.csv")
        if row["kind"] == "department_score" and row["period_id"] == "2026M09"
    }
    scores: dict[str, list[float]] = defaultdict(list)
    asked: Counter[str] = Counter()
    for path in county.inbox.rglob("rating_event__*__2026M09__*.csv"):
        for row in read(path):
            asked[row["target_org_id"]] += 1
            if row["score_raw"]:
                scores[row["target_org_id"]].append(25 * (float(row["score_raw"]) - 1))
    assert set(scores) == set(truth)
    # A mean of about 200 ballots of five items has a standard error below 1.6 points, of 80 below 2.5.
    gaps = {department: statistics.mean(values) - truth[department] for department, values in scores.items()}
    assert max(abs(gap) for gap in gaps.values()) < 8, gaps
    assert statistics.correlation([statistics.mean(scores[name]) for name in truth], list(truth.values())) > 0.95
    unknown = {department for department, count in asked.items() if len(scores[department]) < count / 2}
    assert unknown == {"JC-YCJ"}


def test_ratios_are_numerator_over_denominator(county: DemoCounty) -> None:
    units = {row["indicator_id"]: row["unit"] for row in only(county, "indicator__*.csv")}
    seen = set()
    for path in county.inbox.rglob("performance_fact__*.csv"):
        for row in read(path):
            seen.add((row["indicator_id"], row["period_id"]))
            assert row["unit"] == units[row["indicator_id"]]
            if row["denominator"]:
                quotient = int(row["numerator"]) / int(row["denominator"])
                assert float(row["value"]) == pytest.approx(quotient, abs=1e-6)
    # Registers beside the scheme have the months they need; what is weighed and what departments answer for has all.
    beside = {
        row["indicator_id"] for path in county.inbox.rglob("performance_fact__JC-DCD__*.csv") for row in read(path)
    }
    every_month = {
        (indicator, period) for indicator in units for period in ("2026M06", *MONTHS) if indicator not in beside
    }
    assert {(indicator, period) for indicator, period in seen if indicator not in beside} == every_month
    assert beside <= set(units)


def test_scheme_is_valid_and_covers_every_month_indicator_and_group(county: DemoCounty) -> None:
    (scheme,) = load_schemes(county.folder)
    assert scheme.sign_off.people.number == 0
    assert scheme.unit_points is not None
    assert {scheme.unit_points.baseline.of(month) for month in MONTHS} == {"2026M06"}
    groups = {row["org_id"]: row["peer_group"] for row in only(county, "org_unit__*.csv") if row["level"] != "county"}
    values: dict[tuple[str, str | None], list[float]] = defaultdict(list)
    for path in county.inbox.rglob("performance_fact__*__2026M06__*.csv"):
        for row in read(path):
            values[row["indicator_id"], groups.get(row["org_id"])].append(float(row["value"]))
    lower_better = {
        row["indicator_id"] for row in only(county, "indicator__*.csv") if row["direction"] == "lower_better"
    }
    assert lower_better
    anchors = {(anchor.indicator_id, anchor.peer_group): anchor for anchor in scheme.unit_points.anchors}
    composite = scheme.department_composite
    assert composite is not None
    assert set(anchors) == set(values) | {(name, None) for name in composite.burden_indicators}
    for key, in_group in values.items():
        anchor = anchors[key]
        assert anchor.minimum is not None
        assert anchor.floor is not None
        worst = sorted(in_group, reverse=key[0] in lower_better)
        assert float(anchor.floor) == pytest.approx(worst[int(0.05 * (len(worst) - 1))], abs=1e-4)
        order = [anchor.minimum, anchor.floor, anchor.achievement_threshold, anchor.benchmark]
        assert order == sorted(order, reverse=key[0] in lower_better)
        best = sorted(in_group, reverse=key[0] not in lower_better)[: math.ceil(len(in_group) / 10)]
        assert float(anchor.achievement_threshold) == pytest.approx(statistics.median(in_group), abs=1e-4)
        assert float(anchor.benchmark) == pytest.approx(statistics.mean(best), abs=1e-4)
        assert (anchor.benchmark < anchor.achievement_threshold) == (key[0] in lower_better)


def test_scheme_keeps_every_policy_rule(county: DemoCounty) -> None:
    (scheme,) = load_schemes(county.folder)
    given = {
        name: pl.read_csv(next(county.inbox.rglob(f"{name}__*.csv")), infer_schema=False)
        for name in ("indicator", "duty_item")
    }
    found = lint_scheme(scheme, indicators=given["indicator"], duty_items=given["duty_item"])
    # Results of a last period do not exist yet; everything else is checked and in order.
    assert {(finding.lint, finding.level) for finding in found} == {("L16", "not_checked"), ("L17", "not_checked")}


def test_the_demo_fills_all_four_cells_of_the_dual_track(county: DemoCounty) -> None:
    (scheme,) = load_schemes(county.folder)
    assert scheme.indicators is not None
    weighed = {entry.indicator_id for entry in scheme.indicators.entries}
    rows = [row for row in only(county, "indicator__*.csv") if row["indicator_id"] in weighed]
    assert len({(row["achievement_kind"], row["track"]) for row in rows}) == 4
