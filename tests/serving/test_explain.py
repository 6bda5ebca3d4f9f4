from __future__ import annotations

import json
import sqlite3
from collections.abc import Callable, Iterator
from decimal import Decimal
from fractions import Fraction
from pathlib import Path
from typing import Any

import polars as pl
import pytest

from serving.words import Words
from tests.serving.awards_program import (
    BASELINE_PERIOD,
    FEW_ANSWERS,
    GROUPS,
    WITH_ADDER,
    WITH_EXEMPTION,
    WITH_RED_LINE,
    WITHOUT_FACTS,
    WITHOUT_TRACK,
)
from tests.serving.program import NAMES, PERIOD, RATERS_OF_SUPPRESSED, SUPPRESSED
from warehouse.database import reading_engine
from warehouse.explained import explain
from warehouse.explained.departments import _model, _score

Call = Callable[..., Any]


def _tree(call: Call, home: Path, subject: str) -> dict[str, Any]:
    said = call("--home", home, "explain", subject, "-p", PERIOD, "--json")
    assert said.code == 0
    found: dict[str, Any] = json.loads(said.out)
    return found


def test_the_score_is_the_published_figure_and_gives_no_hidden_one_away(call: Call, published_home: Path) -> None:
    ranking = json.loads(call("--home", published_home, "rankings", "-p", PERIOD, "--json").out)["rows"]
    published = {row["ratee_org_id"]: row["score"] for row in ranking if row["score"] is not None}
    assert len(published) == 5
    for org_id, figure in published.items():
        score = _tree(call, published_home, org_id)["score"]
        assert score["value"] == figure
        # One department of this fit is suppressed: with the mean its score would follow by subtraction.
        assert (score["overall_mean"], score["effect"]) == (None, None)
    shown = json.loads(call("--home", published_home, "release", "show", f"R-{PERIOD}-001", "--json").out)
    assert "models" not in shown["manifest"]


def test_mean_and_effect_add_up_to_the_published_figure() -> None:
    model = {"vs": 1.0, "overall_mean": 58.449}
    assert _score(77.6, model) == {"value": 77.6, "overall_mean": 58.4, "effect": 19.2}
    assert _score(None, model) == {"value": None, "overall_mean": None, "effect": None}


def test_the_mean_of_a_fit_is_shown_only_without_a_suppressed_department() -> None:
    manifest = {"models": {"g1": {"overall_mean": 50.0}, "*": {"overall_mean": 60.0}}}
    rows = pl.DataFrame({"peer_group": ["g1", "g2", None], "is_suppressed": [False, False, True]})
    assert _model(manifest, "g1", rows) == ("g1", {"overall_mean": 50.0})
    assert _model(manifest, "g2", rows) == ("*", {})


def test_a_department_is_found_by_name(call: Call, published_home: Path) -> None:
    tree = _tree(call, published_home, NAMES["D2"])
    assert (tree["org_id"], tree["rank"], tree["ranked"]) == ("D2", 2, 4)
    assert {item["item_id"] for item in tree["items"]} == {"HELP", "REPLY"}
    assert tree["scheme"]["rules"]
    assert all(rule["reference"] for rule in tree["scheme"]["rules"])
    assert tree["source"]["release_id"] == f"R-{PERIOD}-001"


def test_a_suppressed_department_explains_only_that(call: Call, published_home: Path) -> None:
    tree = _tree(call, published_home, SUPPRESSED)
    allowed = {"kind", "org_id", "org_name", "peer_group", "reasons", "state", "minimum_cell", "source", "scheme"}
    # What it laid on the grassroots stands in registers and tells nothing of who rated it.
    assert set(tree) == {*allowed, "burden"}
    assert [reason["code"] for reason in tree["reasons"]] == ["SUPPRESSED_SMALL_N"]
    shown = call("--home", published_home, "explain", SUPPRESSED, "-p", PERIOD, "--lang", "zh")
    assert "不公布" in shown.out
    assert "得分" not in shown.out


def test_no_explanation_names_a_rater(call: Call, published_home: Path) -> None:
    for subject in ("D1", "V1", SUPPRESSED):
        for form in (["--json"], []):
            out = call("--home", published_home, "explain", subject, "-p", PERIOD, *form).out
            assert not any(token in out for token in RATERS_OF_SUPPRESSED)
            assert "rater_id" not in out


def test_a_unit_shows_its_points_and_satisfaction(call: Call, published_home: Path) -> None:
    tree = _tree(call, published_home, "V2")
    indicator = tree["indicators"][0]
    figures = ("value", "achievement_threshold", "benchmark", "achievement", "improvement", "points")
    assert [indicator[name] for name in figures] == [0.5, 0.4, 0.8, 3, None, 3]
    assert [reason["code"] for reason in indicator["reasons"]] == ["NO_BASELINE"]
    assert tree["satisfaction"][0]["state"] == "suppressed"
    assert tree["satisfaction"][0]["mean_score"] is None
    assert _tree(call, published_home, "V1")["satisfaction"][0]["mean_0_100"] == 87.5


@pytest.mark.parametrize("subject", ["D1", "V1", "V2"])
@pytest.mark.parametrize("language", ["zh", "en"])
def test_trees_are_complete_in_both_languages(call: Call, published_home: Path, subject: str, language: str) -> None:
    said = call("--home", published_home, "explain", subject, "-p", PERIOD, "--lang", language)
    assert said.code == 0
    assert "{" not in said.out
    assert ("考核方案" if language == "zh" else "Scheme") in said.out


def test_an_unknown_subject_is_answered_with_similar_ones(call: Call, published_home: Path) -> None:
    said = call("--home", published_home, "explain", "水利局", "-p", PERIOD)
    assert (said.code, NAMES["D1"] in said.err) == (1, True)


def test_a_department_that_is_not_ranked_says_why(call: Call, home: Path) -> None:
    with sqlite3.connect(home / "warehouse.sqlite") as connection:
        connection.execute(
            "UPDATE result_department_score SET rank = NULL, reason_codes = 'LOW_CONTACT' WHERE ratee_org_id = 'D2'"
        )
    said = call("--home", home, "explain", "D2", "-p", PERIOD)
    assert "too many don't-know answers" in said.out


MILLIONTH = Fraction(1, 10**6)


def _nodes(node: dict[str, Any]) -> Iterator[dict[str, Any]]:
    yield node
    for part in node["parts"]:
        yield from _nodes(part)


def _find(node: dict[str, Any], name: str, subject: str | None = None) -> dict[str, Any]:
    return next(each for each in _nodes(node) if (each["name"], each["subject"]) == (name, subject))


@pytest.fixture(scope="module")
def documents(awards_home: Path) -> dict[str, dict[str, Any]]:
    engine = reading_engine(f"sqlite:///{awards_home / 'warehouse.sqlite'}")
    return {subject: explain(engine, PERIOD, subject) for subject in (*GROUPS, "D1", "D6")}


def _added(node: dict[str, Any]) -> Decimal:
    return sum(
        (Decimal(str(part["contribution"])) for part in node["parts"] if part["contribution"] is not None), Decimal()
    )


@pytest.mark.parametrize("unit", GROUPS)
def test_contributions_add_up_exactly_to_every_weighted_mean(documents: dict[str, Any], unit: str) -> None:
    means = [node for node in _nodes(documents[unit]["score"]) if (node["rule"] or {}).get("name") == "weighted_mean"]
    assert means
    for node in means:
        if node["value"] is None:
            assert all(part["contribution"] is None for part in node["parts"])
            continue
        assert _added(node) == Decimal(str(node["value"]))
        seen = [part for part in node["parts"] if part["value"] is not None]
        total = sum(Fraction(str(part["weight"])) for part in seen)
        for part in seen:
            share = Fraction(str(part["weight"])) * Fraction(str(part["value"])) / total
            assert abs(share - Fraction(str(part["contribution"]))) <= MILLIONTH


def test_the_duty_list_says_what_was_counted(documents: dict[str, Any]) -> None:
    told = {unit: _find(documents[unit]["score"], "duty_list")["figures"] for unit in GROUPS}
    assert {unit: figures["n_duties_verified"] for unit, figures in told.items()} == dict.fromkeys(GROUPS, 5)
    for unit, figures in told.items():
        score = _find(documents[unit]["score"], "duty_list")["value"]
        assert score == 20 * figures["n_duties_fulfilled"]
    assert len({figures["n_duties_fulfilled"] for figures in told.values()}) > 1


@pytest.mark.parametrize("unit", GROUPS)
def test_the_incentive_score_is_what_its_parts_contribute(documents: dict[str, Any], unit: str) -> None:
    node = _find(documents[unit]["score"], "incentive")
    if unit == WITHOUT_FACTS:
        assert node["value"] is None
    else:
        assert _added(node) == Decimal(str(node["value"]))
    added = _find(documents[unit]["score"], "adder")["value"]
    assert added == (2 if unit == WITH_ADDER else 0)


@pytest.mark.parametrize("unit", GROUPS)
def test_the_money_follows_from_the_numbers_of_its_rule(documents: dict[str, Any], unit: str) -> None:
    node = documents[unit]["score"]
    figures = node["figures"]
    due = figures["base_fen"] * Fraction(str(figures["factor"])) / 100 * Fraction(node["rule"]["unit_price"])
    assert node["unit"] == "fen"
    if unit == WITH_RED_LINE:
        assert (node["value"], [reason["code"] for reason in node["reasons"]]) == (0, ["NO_BONUS_RED_LINE"])
    else:
        # Whole fen by the largest remainder: less than one away from what is due.
        assert abs(node["value"] - due) < 1


def test_the_root_is_the_published_figure(call: Call, awards_home: Path, documents: dict[str, Any]) -> None:
    def published(what: str) -> dict[str, dict[str, Any]]:
        said = call("--home", awards_home, "rankings", "-p", PERIOD, "-w", what, "--json")
        return {row["org_id"]: row for row in json.loads(said.out)["rows"]}

    awards, units, indicators = published("awards"), published("units"), published("indicators")
    assert indicators
    for unit in GROUPS:
        tree = documents[unit]["score"]
        assert (tree["name"], tree["value"]) == ("bonus", awards[unit]["paid_fen"])
        for name, column in (("incentive", "incentive_score"), ("differentiated", "differentiated_score")):
            assert _find(tree, name)["value"] == units[unit][column]
        for name in ("satisfaction", "results", "visible", "latent", "process"):
            assert _find(tree, name)["value"] == units[unit][f"{name}_score"]
        assert _find(tree, "incentive")["figures"]["tier"] == awards[unit]["tier"]


def test_an_indicator_is_the_better_of_its_parts_unless_adjusted(documents: dict[str, Any]) -> None:
    for unit in GROUPS:
        for node in _nodes(documents[unit]["score"]):
            if node["name"] == "indicator" and node["value"] is not None:
                best = max(part["value"] for part in node["parts"] if part["value"] is not None)
                after = [each["after"] for each in node["adjustments"]]
                assert node["value"] == (after[-1] if after else best)
    exempted = _find(documents[WITH_EXEMPTION]["score"], "indicator", "GREEN")
    assert [each["adjustment_id"] for each in exempted["adjustments"]] == ["EX-1"]
    assert exempted["figures"]["baseline_period"] == BASELINE_PERIOD


def test_what_was_missing_and_capped_is_said(documents: dict[str, Any]) -> None:
    def codes(unit: str, name: str) -> set[str]:
        return {reason["code"] for reason in _find(documents[unit]["score"], name)["reasons"]}

    assert codes(WITHOUT_TRACK, "differentiated") >= {"MISSING_TRACK"}
    assert codes(WITH_RED_LINE, "incentive") >= {"CAPPED_RED_LINE"}
    assert codes(FEW_ANSWERS, "differentiated") >= {"NO_SATISFACTION", "MISSING_PART"}
    assert codes(WITHOUT_FACTS, "bonus") == {"MEDIAN_FACTOR"}
    hidden = _find(documents[FEW_ANSWERS]["score"], "satisfaction")
    assert (hidden["value"], hidden["figures"]) == (None, {})
    # What is shown of the others is rounded as in the ranking.
    shown = _find(documents["V1"]["score"], "satisfaction")["figures"]
    assert (shown["se"], shown["ci_low"]) == (round(shown["se"], 2), round(shown["ci_low"], 1))


def test_every_word_of_a_tree_is_in_both_languages(documents: dict[str, Any]) -> None:
    words = Words("en")
    for document in documents.values():
        tree = document["score"] if document["kind"] == "unit" else document["composite"]
        for node in _nodes(tree) if tree else ():
            assert words.has(f"explain.node.{node['name']}")
            assert not node["rule"] or words.has(f"explain.rule.{node['rule']['name']}")
            told = {name for name in node["figures"] if words.has(f"explain.figure.{name}")}
            # The price is told with the rule.
            assert set(node["figures"]) - told <= {"group_unit_price"}


@pytest.mark.parametrize(("language", "paid", "adder"), [("zh", "元", "加分"), ("en", "CNY", "Adder")])
def test_a_unit_tree_reads_from_the_money_down(
    call: Call, awards_home: Path, documents: dict[str, Any], language: str, paid: str, adder: str
) -> None:
    said = call("--home", awards_home, "explain", WITH_ADDER, "-p", PERIOD, "--lang", language)
    assert (said.code, "{" in said.out) == (0, False)
    fen = documents[WITH_ADDER]["score"]["value"]
    line = next(line for line in said.out.splitlines() if f"{fen // 100:,}.{fen % 100:02}" in line)
    assert paid in line
    assert f"{adder}  2 " in said.out
    score = _find(documents[WITH_ADDER]["score"], "differentiated")["value"]
    assert f"{score}" in said.out
    assert "0.45" in said.out


def test_a_department_says_what_may_follow(call: Call, published_home: Path) -> None:
    tree = _tree(call, published_home, "D1")
    assert 1 <= tree["rank_interval"]["low"] <= tree["rank"] <= tree["rank_interval"]["high"]
    said = call("--home", published_home, "explain", "D1", "-p", PERIOD, "--lang", "en").out
    assert f"{tree['probability']['top']:.0%}" in said
    assert f"Severity removed, not shrunken: {tree['adjusted_mean']:.1f}" in said
    assert tree["adjusted_mean"] == round(tree["adjusted_mean"], 1)
    consequence = {"TOP": "top", "BOTTOM": "bottom", "NO_SIGNIFICANT_DIFFERENCE": "no significant difference"}
    assert f"Consequence: {consequence[tree['consequence']]}" in said


def test_a_department_too_unreliable_to_show_a_score_says_so(call: Call, home: Path) -> None:
    with sqlite3.connect(home / "warehouse.sqlite") as connection:
        connection.execute(
            "UPDATE result_department_score SET rank = NULL, rank_low = NULL, rank_high = NULL, p_top = NULL,"
            " p_bottom = NULL, consequence = NULL, reason_codes = 'INSUFFICIENT_RELIABILITY' WHERE ratee_org_id = 'D6'"
        )
        stored = connection.execute(
            "SELECT score_shrunken FROM result_department_score WHERE ratee_org_id = 'D6'"
        ).fetchone()[0]
    tree = _tree(call, home, "D6")
    assert (tree["score"]["value"], tree["raw_mean"], tree["adjusted_mean"]) == (None, None, None)
    for language, said, mean in (("zh", "得分不显示", "原始均分（未"), ("en", "The score is not shown", "Raw mean")):
        out = call("--home", home, "explain", "D6", "-p", PERIOD, "--lang", language).out
        assert said in out
        assert not any(text in out for text in (f"{stored:.1f}", mean))


def test_no_explanation_of_a_scored_unit_holds_a_rater(
    call: Call, awards_home: Path, documents: dict[str, Any], raters: frozenset[str]
) -> None:
    text = json.dumps(documents, ensure_ascii=False)
    text += "".join(call("--home", awards_home, "explain", subject, "-p", PERIOD).out for subject in ("V1", "D1"))
    assert not [rater for rater in raters if rater in text]
