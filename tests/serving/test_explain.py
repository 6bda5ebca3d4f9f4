from __future__ import annotations

import json
import sqlite3
from collections.abc import Callable
from pathlib import Path
from typing import Any

import polars as pl
import pytest

from tests.serving.program import NAMES, PERIOD, RATERS_OF_SUPPRESSED, SUPPRESSED
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
    assert set(tree) == allowed
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
