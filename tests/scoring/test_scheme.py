"""Schemes: what loads, what is refused and in which words, and what the hash depends on."""

from __future__ import annotations

import datetime as dt
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
import yaml

from scoring.scheme import SHIPPED_SCHEMES, SchemeError, load_schemes, scheme_as_of, scheme_hash

DEFAULT = (SHIPPED_SCHEMES / "default-2026.yaml").read_text(encoding="utf-8")


def content() -> dict[str, Any]:
    loaded: dict[str, Any] = yaml.safe_load(DEFAULT)
    return loaded


def folder(tmp_path: Path, *schemes: dict[str, Any]) -> Path:
    for number, scheme in enumerate(schemes):
        (tmp_path / f"scheme-{number}.yaml").write_text(yaml.safe_dump(scheme, allow_unicode=True), encoding="utf-8")
    return tmp_path


def problems(path: Path) -> list[tuple[str, str, str]]:
    with pytest.raises(SchemeError) as caught:
        load_schemes(path)
    assert all(problem.zh and problem.en for problem in caught.value.problems)
    return [(problem.where, problem.zh, problem.en) for problem in caught.value.problems]


def test_the_shipped_default_is_the_settled_policy() -> None:
    (scheme,) = load_schemes(SHIPPED_SCHEMES)
    assert scheme.scheme_id == "default-2026"
    assert scheme.sign_off.people.number == 2
    cell = scheme.minimum_cell
    assert (cell.min_raters.number, cell.min_units.number, cell.max_unit_share.value) == (10, 5, Decimal("0.5"))
    rating = scheme.rating
    assert (rating.rater_level.value, rating.fit_by.value) == ("unit", "peer_group")
    numbers = (
        rating.min_observed_weight,
        rating.unit_weight_prior,
        rating.max_dk_share,
        rating.min_departments_per_fit,
    )
    assert [number.value for number in numbers] == [Decimal("0.5"), 2, Decimal("0.5"), 10]


def test_every_number_of_the_shipped_scheme_names_unit_and_source() -> None:
    def walk(node: Any, path: str) -> None:
        if isinstance(node, dict):
            if "value" in node:
                assert node.get("reference"), path
                assert isinstance(node["value"], str) or node.get("unit"), path
                return
            for key, child in node.items():
                walk(child, f"{path}.{key}")
        else:
            assert not isinstance(node, (int, float)) or isinstance(node, bool), f"{path} is a bare number"

    walk(content(), "")


def test_all_problems_are_told_at_once_in_both_languages(tmp_path: Path) -> None:
    first, second = content(), content()
    first["minimum_cell"]["min_raters"]["value"] = 4
    first["minimum_cell"]["max_unit_share"]["value"] = 0.6
    first["sign_off"]["people"]["value"] = 3
    del first["title"]["zh"]
    first["raiting"] = {}
    second["scheme_id"] = "Other Scheme"
    second["rating"]["rater_level"]["value"] = "village"
    second["rating"]["max_dk_share"]["value"] = 1.5
    second["rating"]["min_departments_per_fit"]["value"] = 2.5
    second["rating"]["unit_weight_prior"]["value"] = "zwei"
    found = {where: (zh, en) for where, zh, en in problems(folder(tmp_path, first, second))}
    assert found["minimum_cell.min_raters"][0].startswith("不得小于 5")
    assert "must not be below 5" in found["minimum_cell.min_raters"][1]
    assert "must not be above 0.5" in found["minimum_cell.max_unit_share"][1]
    assert "must not be above 2" in found["sign_off.people"][1]
    assert found["title.zh"] == ("缺少这一项", "is missing")
    assert "misspelt" in found["raiting"][1]
    assert "lower-case" in found["scheme_id"][1]
    assert found["rating.rater_level.value"][1] == "must be 'person' or 'unit', found village"
    assert "must not be above 1" in found["rating.max_dk_share.value"][1]
    assert "whole number" in found["rating.min_departments_per_fit.value"][1]
    assert "must be a number" in found["rating.unit_weight_prior.value"][1]
    assert len(found) == 10


def test_floors_hold_for_units_too(tmp_path: Path) -> None:
    scheme = content()
    scheme["minimum_cell"]["min_units"]["value"] = 4
    assert [where for where, _, _ in problems(folder(tmp_path, scheme))] == ["minimum_cell.min_units"]


def test_dates_must_be_in_order(tmp_path: Path) -> None:
    scheme = content() | {"valid_to": dt.date(2026, 1, 1)}
    assert "valid_to must be after valid_from" in problems(folder(tmp_path, scheme))[0][2]


def test_two_schemes_may_not_hold_on_one_day(tmp_path: Path) -> None:
    later = content() | {"scheme_id": "own-2026", "valid_from": dt.date(2026, 7, 1), "valid_to": None}
    ((where, zh, en),) = problems(folder(tmp_path, content(), later))
    assert where == "valid_from"
    assert "2026-07-01" in zh
    assert "from 2026-07-01" in en


def test_one_id_is_one_scheme(tmp_path: Path) -> None:
    later = content() | {"valid_from": dt.date(2027, 1, 1), "valid_to": None}
    assert [where for where, _, _ in problems(folder(tmp_path, content(), later))] == ["scheme_id"]


def test_the_scheme_of_a_day(tmp_path: Path) -> None:
    later = content() | {"scheme_id": "own-2027", "valid_from": dt.date(2027, 1, 1), "valid_to": None}
    schemes = load_schemes(folder(tmp_path, later, content()))
    assert [scheme.scheme_id for scheme in schemes] == ["default-2026", "own-2027"]
    assert scheme_as_of(schemes, dt.date(2026, 12, 31)).scheme_id == "default-2026"
    assert scheme_as_of(schemes, dt.date(2027, 1, 1)).scheme_id == "own-2027"
    with pytest.raises(SchemeError, match=r"no scheme is in force on 2025-12-31.*2025-12-31 没有"):
        scheme_as_of(schemes, dt.date(2025, 12, 31))


def test_an_empty_folder_and_broken_yaml_are_told(tmp_path: Path) -> None:
    assert "holds no scheme" in problems(tmp_path)[0][2]
    (tmp_path / "broken.yaml").write_text("a: [1", encoding="utf-8")
    assert "not valid YAML" in problems(tmp_path)[0][2]
    (tmp_path / "broken.yaml").write_text("just text", encoding="utf-8")
    assert "group of entries" in problems(tmp_path)[0][2]


def test_anchors_beside_the_file_equal_anchors_in_it(tmp_path: Path) -> None:
    inline, beside = content(), content()
    rows = [("ROADS", "山区", "60.5", "90"), ("ROADS", None, "65", "95.25")]
    names = ("indicator_id", "peer_group", "achievement_threshold", "benchmark")
    inline["unit_points"]["anchors"] = [dict(zip(names, row, strict=True)) for row in reversed(rows)]
    del beside["unit_points"]["anchors"]
    beside["unit_points"]["anchors_file"] = "anchors.csv"
    for name in ("inline", "beside"):
        (tmp_path / name).mkdir()
    text = "\n".join([",".join(names), *(",".join(part or "" for part in row) for row in rows)])
    (tmp_path / "beside" / "anchors.csv").write_text(text + "\n", encoding="utf-8")
    (first,), (second,) = (
        load_schemes(folder(tmp_path / name, body)) for name, body in (("inline", inline), ("beside", beside))
    )
    assert scheme_hash(first) == scheme_hash(second)
    assert second.unit_points is not None
    assert second.unit_points.anchor_frame().sort("peer_group").rows() == [
        ("ROADS", None, Decimal(65), Decimal("95.25")),
        ("ROADS", "山区", Decimal("60.5"), Decimal(90)),
    ]


def test_bad_anchors_are_told(tmp_path: Path) -> None:
    twice, missing, outside, both, fine_grained = (content() for _ in range(5))
    anchor = {"indicator_id": "ROADS", "achievement_threshold": 60, "benchmark": 90}
    twice["unit_points"]["anchors"] = [anchor, anchor]
    fine_grained["unit_points"]["anchors"] = [anchor | {"benchmark": "0.1234567"}]
    for scheme, name in ((missing, "absent.csv"), (outside, "../anchors.csv"), (both, "anchors.csv")):
        scheme["unit_points"]["anchors_file"] = name
    for scheme in (missing, outside):
        del scheme["unit_points"]["anchors"]
    found = " ".join(en for _, _, en in problems(folder(tmp_path, twice, missing, outside, both, fine_grained)))
    for words in (
        "given twice",
        "cannot read absent.csv",
        "must lie beside",
        "either anchors or",
        "at most 12 whole digits",
    ):
        assert words in found


def test_the_hash_follows_content_and_nothing_else(tmp_path: Path) -> None:
    plain, respelt, changed = content(), content(), content()
    respelt["rating"]["max_dk_share"]["value"] = "0.50"
    changed["rating"]["max_dk_share"]["value"] = 0.51
    hashes = []
    for number, scheme in enumerate((plain, respelt, changed)):
        (tmp_path / str(number)).mkdir()
        hashes.append(scheme_hash(load_schemes(folder(tmp_path / str(number), scheme))[0]))
    assert hashes[0] == hashes[1]
    assert hashes[0] != hashes[2]
    assert len(hashes[0]) == 64


def test_the_baseline_is_named_or_counted_back(tmp_path: Path) -> None:
    scheme = content()
    scheme["unit_points"]["baseline"]["periods"] = {"2026Q2": "2024Q2"}
    rules = load_schemes(folder(tmp_path, scheme))[0].unit_points
    assert rules is not None
    found = [rules.baseline.of(period) for period in ("2026Q2", "2026Q3", "2026", "2026M01", "C-spring")]
    assert found == ["2024Q2", "2025Q3", "2025", "2025M01", None]


def test_a_date_that_does_not_exist_names_its_file(tmp_path: Path) -> None:
    (tmp_path / "mine.yaml").write_text(
        DEFAULT.replace("valid_to: 2027-01-01", "valid_to: 2027-13-01"), encoding="utf-8"
    )
    with pytest.raises(SchemeError) as caught:
        load_schemes(tmp_path)
    (problem,) = caught.value.problems
    assert problem.file == "mine.yaml"
    assert "month must be in 1..12" in problem.en
