"""Schemes: what loads, what is refused and in which words, and what the hash depends on."""

from __future__ import annotations

import copy
import datetime as dt
import json
from decimal import Decimal
from fractions import Fraction
from pathlib import Path
from typing import Any

import pytest
import yaml

from scoring.scheme import (
    SHIPPED_SCHEMES,
    Scheme,
    SchemeError,
    load_schemes,
    read_folder,
    scheme_as_of,
    scheme_hash,
)

DEFAULT = (SHIPPED_SCHEMES / "default-2026.yaml").read_text(encoding="utf-8")
_LOADED = yaml.safe_load(DEFAULT)


def content() -> dict[str, Any]:
    loaded: dict[str, Any] = copy.deepcopy(_LOADED)
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
                assert isinstance(node["value"], (str, bool, list)) or node.get("unit"), path
                return
            for key, child in node.items():
                walk(child, f"{path}.{key}")
        elif isinstance(node, list):
            for number, child in enumerate(node):
                walk(child, f"{path}.{number}")
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
    rows = [("ROADS", "山区", "0", "40", "60.5", "90"), ("ROADS", None, "0", "45", "65", "95.25")]
    names = ("indicator_id", "peer_group", "minimum", "floor", "achievement_threshold", "benchmark")
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
        ("ROADS", None, 0, 45, 65, Decimal("95.25")),
        ("ROADS", "山区", 0, 40, Decimal("60.5"), 90),
    ]


def test_bad_anchors_are_told(tmp_path: Path) -> None:
    twice, missing, outside, both, fine_grained, short = (content() for _ in range(6))
    anchor = {"indicator_id": "ROADS", "minimum": 0, "floor": 50, "achievement_threshold": 60, "benchmark": 90}
    twice["unit_points"]["anchors"] = [anchor, anchor]
    short["unit_points"]["anchors"] = [{"indicator_id": "ROADS", "achievement_threshold": 60, "benchmark": 90}]
    fine_grained["unit_points"]["anchors"] = [anchor | {"benchmark": "0.1234567"}]
    for scheme, name in ((missing, "absent.csv"), (outside, "../anchors.csv"), (both, "anchors.csv")):
        scheme["unit_points"]["anchors_file"] = name
    for scheme in (missing, outside):
        del scheme["unit_points"]["anchors"]
    found = " ".join(en for _, _, en in problems(folder(tmp_path, twice, missing, outside, both, fine_grained, short)))
    for words in (
        "given twice",
        "cannot read absent.csv",
        "must lie beside",
        "either anchors or",
        "at most 12 whole digits",
        "need minimum and floor: ROADS",
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


def test_the_shipped_default_states_the_numbers_of_the_method() -> None:
    """Method 2.5 to 3.7; each section is there and its number is the printed one."""
    (scheme,) = load_schemes(SHIPPED_SCHEMES)
    shown = yaml.safe_load(DEFAULT)

    def value(place: str) -> Any:
        node = shown
        for step in place.split("."):
            node = node[step]
        return node["value"]

    printed = {
        "ranks.draws": 10000, "ranks.level": 0.95, "ranks.top_share": 0.2, "ranks.bottom_share": 0.2,
        "consequence.min_reliability": 0.7, "consequence.min_probability": 0.8,
        "consequence.min_reliability_shown": 0.5, "department_composite.reverse_rating": 0.5,
        "department_composite.burden": 0.25, "department_composite.response": 0.25,
        "department_composite.min_observed_weight": 0.6, "satisfaction.suppress_below": 10,
        "satisfaction.flag_below": 30, "satisfaction.trim_low": 0.3, "satisfaction.trim_high": 5,
        "unit_points.max_yearly_movement": 5, "tracks.quality_share": 0.6, "tracks.missing_track_cap": 80,
        "tracks.cell_floor": 1, "tracks.latent_share": 0.35, "unit_score.satisfaction": 0.35,
        "unit_score.results": 0.5, "unit_score.duty_list": 0.15, "unit_score.process": 0,
        "unit_score.min_observed_weight": 0.6, "unit_score.min_parts": 2, "peer_groups.min_members": 10,
        "incentive.score_cap": 105, "incentive.max_adder": 5, "tiers.cut_off_a": 85, "tiers.cut_off_b": 75,
        "tiers.cut_off_c": 60, "tiers.quota": 0.2, "tiers.min_probability": 0.5, "tiers.without_satisfaction_cap": "B",
        "tiers.pooled_periods": 3, "bonus.reserve_share": 0.02, "bonus.cap_multiple": 3, "bonus.exchange": "linear",
        "red_lines.tier_cap": "C", "exemptions.neutral": 75, "exemptions.reduced": 60, "exemptions.review_share": 0.2,
        "appeals.window_days": 30,
    }  # fmt: skip
    assert {place: value(place) for place in printed} == printed
    assert scheme.rating.answers == {"满意": 100, "基本满意": 70, "不满意": 30, "不了解": None}
    assert scheme.rating.dimensions == {
        "解决实际问题": Fraction(2, 5),
        "权责与资源匹配": Fraction(1, 5),
        "指导服务": Fraction(1, 5),
        "少折腾": Fraction(1, 5),
    }
    assert scheme.latent is not None
    assert scheme.latent.shares == (Fraction(1, 6), Fraction(2, 6), Fraction(3, 6))
    assert scheme.tracks is not None
    assert scheme.tracks.missing_track_cap.micropoints == 80_000_000
    assert all(getattr(scheme, name) is not None for name in type(scheme).model_fields)


DRAFT = {"status": "draft", "adopted_on": None, "document": None}


def test_a_draft_scheme_never_reaches_a_payment(tmp_path: Path) -> None:
    schemes = load_schemes(folder(tmp_path, content() | DRAFT))
    assert [scheme.is_draft for scheme in schemes] == [True]
    with pytest.raises(SchemeError, match=r"only drafts are there for 2026-05-05: default-2026.*2026-05-05 只有草案"):
        scheme_as_of(schemes, dt.date(2026, 5, 5))


def test_a_draft_may_lie_beside_the_scheme_in_force(tmp_path: Path) -> None:
    draft = content() | DRAFT | {"scheme_id": "own-2026"}
    draft["bonus"]["total"]["value"] = 100
    schemes = load_schemes(folder(tmp_path, draft, content()))
    assert [scheme.scheme_id for scheme in schemes] == ["default-2026", "own-2026"]
    assert scheme_as_of(schemes, dt.date(2026, 5, 5)).scheme_id == "default-2026"


@pytest.mark.parametrize("section", ["incentive", "tiers", "bonus"])
def test_a_scheme_with_consequences_says_whether_it_is_adopted(tmp_path: Path, section: str) -> None:
    scheme = content()
    for name in ("status", "incentive", "tiers", "bonus"):
        if name != section:
            del scheme[name]
    assert "says its status" in problems(folder(tmp_path, scheme))[0][2]


@pytest.mark.parametrize("missing", ["adopted_on", "document"])
def test_adopted_means_on_a_day_by_a_document(tmp_path: Path, missing: str) -> None:
    scheme = content()
    del scheme[missing]
    assert "names adopted_on and its document" in problems(folder(tmp_path, scheme))[0][2]


FIRST_VERSION = ("scheme_id", "title", "valid_from", "valid_to", "sign_off", "minimum_cell")
FIRST_RATING = (
    "rater_level", "fit_by", "min_departments_per_fit", "min_observed_weight", "unit_weight_prior", "max_dk_share",
)  # fmt: skip


def test_a_scheme_of_the_first_version_is_read_and_keeps_its_hash(tmp_path: Path) -> None:
    scheme = {name: value for name, value in content().items() if name in FIRST_VERSION}
    scheme["rating"] = {name: content()["rating"][name] for name in FIRST_RATING}
    reference = "42 CFR 412.160 to 412.165, Hospital Value-Based Purchasing, achievement and improvement points"
    baseline = content()["unit_points"]["baseline"]
    scheme["unit_points"] = {"scale": "cms", "reference": reference, "baseline": baseline, "anchors": []}
    (read,) = load_schemes(folder(tmp_path, scheme))
    assert not read.is_draft
    # Written down from version 0.1.0, whose releases state it.
    assert scheme_hash(read) == "8a0062201320a82c435ba385ca723c3b9f3488cdee2285b13275b6fa342938a4"


def test_a_manifest_gives_back_the_same_scheme() -> None:
    (scheme,) = load_schemes(SHIPPED_SCHEMES)
    again = Scheme.model_validate(json.loads(json.dumps(scheme.model_dump(mode="json"))))
    assert again == scheme
    assert scheme_hash(again) == scheme_hash(scheme)


def places(node: Any, path: tuple[str, ...] = ()) -> list[tuple[str, ...]]:
    """Where the shipped scheme states a number."""
    if isinstance(node, dict):
        if isinstance(node.get("value"), (int, float)) and not isinstance(node["value"], bool):
            return [path]
        return [place for key, child in node.items() for place in places(child, (*path, key))]
    if isinstance(node, list):
        return [place for number, child in enumerate(node) for place in places(child, (*path, number))]
    return []


def test_the_hash_covers_every_number() -> None:
    before = scheme_hash(Scheme.model_validate(content()))
    seen = {before}
    everywhere = places(content())
    assert len(everywhere) > 70
    for place in everywhere:
        scheme = content()
        node: Any = scheme
        for step in place:
            node = node[step]
        node["reference"] += "."
        seen.add(scheme_hash(Scheme.model_validate(scheme)))
    assert len(seen) == len(everywhere) + 1


def test_the_order_of_entries_means_nothing() -> None:
    turned = content()
    turned["incentive"]["adders"].reverse()
    turned["rating"]["named_answers"].reverse()
    turned["rating"]["dimension_weights"].reverse()
    assert scheme_hash(Scheme.model_validate(turned)) == scheme_hash(Scheme.model_validate(content()))
    older_first = content()
    older_first["latent"]["window_weights"].reverse()
    assert scheme_hash(Scheme.model_validate(older_first)) != scheme_hash(Scheme.model_validate(content()))


def test_money_is_whole_fen(tmp_path: Path) -> None:
    scheme = content()
    scheme["bonus"]["total"] = {"value": 100.5, "unit": "fen", "reference": "r"}
    scheme["bonus"]["pay_floor"] = {"value": 1, "unit": "yuan", "reference": "r"}
    found = {where: en for where, _, en in problems(folder(tmp_path, scheme))}
    assert found["bonus.total.value"] == "must be a whole number, found 100.5"
    assert "must be 'fen' or 'fen per head'" in found["bonus.pay_floor.unit"]


def test_lists_refuse_repeats_and_unknown_words(tmp_path: Path) -> None:
    scheme = content()
    entry = {"indicator_id": "ROADS", "weight": 0.5}
    scheme["indicators"]["entries"] = [entry, entry | {"peer_groups": ["hill"]}]
    scheme["rating"]["named_answers"].append({"label": "满意", "points": None})
    scheme["appeals"]["grounds"]["value"] = ["bad_mood"]
    scheme["department_composite"] |= {"burden_indicators": ["X"], "response_indicators": ["X"]}
    scheme["satisfaction"]["raking"] = [
        {"column": "age", "targets": [{"category": "old", "share": {"value": 0.9, "unit": "share", "reference": "r"}}]}
    ]
    found = {where: en for where, _, en in problems(folder(tmp_path, scheme))}
    assert found["indicators"] == "given twice for peer group hill: ROADS"
    assert found["rating.named_answers"] == "the answer 满意 is given twice"
    assert "wrong_fact" in found["appeals.grounds.value.0"]
    assert found["department_composite"] == "indicators belong to both parts: X"
    assert found["satisfaction.raking.0"] == "the targets must sum to 1, found 0.9"


def test_weights_as_whole_millionths() -> None:
    scheme = content()
    scheme["indicators"]["entries"] = [
        {"indicator_id": "B", "weight": 0.333333, "peer_groups": ["hill", "plain"]},
        {"indicator_id": "A", "weight": "0.1"},
    ]
    rules = Scheme.model_validate(scheme).indicators
    assert rules is not None
    assert rules.weight_frame().rows() == [("A", None, 100_000), ("B", "hill", 333_333), ("B", "plain", 333_333)]
    assert [entry.indicator_id for entry in rules.entries if entry.applies_to(None)] == ["A"]


def test_a_broken_file_does_not_hide_the_others(tmp_path: Path) -> None:
    folder(tmp_path, content())
    (tmp_path / "broken.yaml").write_text("a: [1", encoding="utf-8")
    found = read_folder(tmp_path)
    assert [name for name, _ in found.schemes] == ["scheme-0.yaml"]
    assert [problem.file for problem in found.problems] == ["broken.yaml"]
