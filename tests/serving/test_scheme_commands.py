"""``scheme show`` and ``scheme lint``: what they print, and how they end."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
import yaml

from scoring.scheme import SHIPPED_SCHEMES, load_schemes, scheme_hash
from tests.serving.conftest import Called
from tests.serving.program import PERIOD, write_scheme

Call = Any


def changed(folder: Path, name: str, **sections: Any) -> Path:
    """The shipped scheme with sections replaced, under another id."""
    scheme = yaml.safe_load((SHIPPED_SCHEMES / "default-2026.yaml").read_text(encoding="utf-8"))
    scheme |= {"scheme_id": name, **sections}
    folder.mkdir(exist_ok=True)
    (folder / f"{name}.yaml").write_text(yaml.safe_dump(scheme, allow_unicode=True), encoding="utf-8")
    return folder


def document(said: Called) -> dict[str, Any]:
    loaded: dict[str, Any] = json.loads(said.out)
    return loaded


def test_show_as_of_needs_no_home(call: Call) -> None:
    said = call("scheme", "show", "--as-of", "2026-05-05", "--json")
    shown = document(said)
    (shipped,) = load_schemes(SHIPPED_SCHEMES)
    assert (said.code, shown["as_of"]) == (0, "2026-05-05")
    assert shown["scheme_hash"] == scheme_hash(shipped)
    assert shown["scheme"]["tracks"]["quality_share"]["value"] == "0.6"


@pytest.mark.parametrize("language", ["zh", "en"])
def test_show_prints_every_number_with_its_citation(call: Call, language: str) -> None:
    said = call("--lang", language, "scheme", "show", "--as-of", "2026-12-31")
    assert said.code == 0
    lines = said.out.splitlines()
    (line,) = [line for line in lines if line.strip().startswith("bonus.reserve_share")]
    assert "0.02" in line
    assert "share of the pool" in line
    assert "docs/method.md F3" in line
    assert any("rating.named_answers.基本满意.points" in line and "70" in line for line in lines)
    assert any("rating.named_answers.不了解" in line for line in lines)
    assert sum("latent.window_weights" in line for line in lines) == 3


def test_show_a_day_no_scheme_is_for(call: Call) -> None:
    said = call("scheme", "show", "--as-of", "2031-01-01")
    assert (said.code, "no scheme is in force on 2031-01-01" in said.err) == (1, True)


@pytest.mark.parametrize("words", [[], ["--as-of", "2026-05-05", "--period", PERIOD], ["--as-of", "5 May"]])
def test_show_wants_one_period_or_one_day(call: Call, words: list[str]) -> None:
    assert call("scheme", "show", *words).code == 2


def test_show_never_shows_a_draft_as_in_force(call: Call, tmp_path: Path) -> None:
    home = tmp_path / "home"
    home.mkdir()
    changed(home / "schemes", "plan-2026", status="draft")
    said = call("--home", home, "scheme", "show", "--as-of", "2026-05-05")
    assert (said.code, "only drafts are there for 2026-05-05: plan-2026" in said.err) == (1, True)


def test_show_and_lint_in_a_home(call: Call, published_home: Path) -> None:
    shown = document(call("--home", published_home, "scheme", "show", "-p", PERIOD, "--json"))
    assert (shown["period_id"], shown["scheme"]["scheme_id"]) == (PERIOD, "small-2026")
    assert call("--home", published_home, "scheme", "show", "-p", PERIOD).code == 0
    said = call("--home", published_home, "scheme", "lint", "--json")
    assert said.code == 0
    # The home's own registers are looked at: only duty lists were never delivered.
    unchecked = {finding["lint"]: finding["en"] for finding in document(said)["findings"]}
    assert set(unchecked) == {"L04", "L15", "L16", "L17", "L18"}
    assert "duty_items" in unchecked["L04"]


def test_lint_of_a_clean_folder(call: Call, tmp_path: Path) -> None:
    write_scheme(tmp_path)
    said = call("scheme", "lint", tmp_path)
    assert said.code == 0
    assert "valid schemes: 1 (small-2026)" in said.out
    assert "L16: no data given: effective_weight" in said.out


def test_lint_with_warnings_only_ends_well(call: Call, tmp_path: Path) -> None:
    few = {"value": 3, "unit": "assessments a year", "reference": "r"}
    shipped = yaml.safe_load((SHIPPED_SCHEMES / "default-2026.yaml").read_text(encoding="utf-8"))
    changed(tmp_path, "often-2026", conduct=shipped["conduct"] | {"assessments_per_year": few})
    said = call("scheme", "lint", tmp_path)
    assert said.code == 0
    assert "conduct.assessments_per_year" in said.out
    assert "warning" in said.out


def test_lint_lists_everything_of_every_file(call: Call, tmp_path: Path) -> None:
    days = {"value": 5, "unit": "days", "reference": "r"}
    appeals = yaml.safe_load((SHIPPED_SCHEMES / "default-2026.yaml").read_text(encoding="utf-8"))["appeals"]
    changed(tmp_path, "hasty-2026", appeals=appeals | {"window_days": days}, conduct=None)
    changed(tmp_path, "plan-2026", appeals=appeals | {"window_days": days}, status="draft")
    (tmp_path / "wrong.yaml").write_text("scheme_id: 1\n", encoding="utf-8")
    said = call("scheme", "lint", tmp_path, "--json")
    found = document(said)
    assert said.code == 1
    assert found["schemes"] == ["hasty-2026", "plan-2026"]
    assert {problem["file"] for problem in found["problems"]} == {"wrong.yaml"}
    errors = {(each["file"], each["lint"]) for each in found["findings"] if each["level"] == "error"}
    assert errors == {("hasty-2026.yaml", "L25"), ("plan-2026.yaml", "L25")}
    chinese = call("--lang", "zh", "scheme", "lint", tmp_path)
    assert chinese.code == 1
    for words in ("申诉期为 5 天", "wrong.yaml", "缺少这一项", "方案没有 conduct", "错误"):
        assert words in chinese.out
    assert "个方案有效" not in chinese.out


def test_lint_tells_a_refused_number_under_its_lint(call: Call, tmp_path: Path) -> None:
    cell = yaml.safe_load((SHIPPED_SCHEMES / "default-2026.yaml").read_text(encoding="utf-8"))["minimum_cell"]
    cell["min_units"]["value"] = 3
    changed(tmp_path, "tiny-2026", minimum_cell=cell)
    said = call("scheme", "lint", tmp_path, "--json")
    assert said.code == 1
    assert [problem["lint"] for problem in document(said)["problems"]] == ["L22"]


def test_lint_of_no_folder(call: Call, tmp_path: Path) -> None:
    assert call("scheme", "lint", tmp_path / "nowhere").code == 1
