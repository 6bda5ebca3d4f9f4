"""Lints: a good scheme passes all of them, and one deliberately bad scheme breaks each.

``schemes/good.yaml`` says what the fictional county adds to the shipped default; ``schemes/bad-L*.yaml``
say what is changed for the worse and what must then be found, with place, figure and remedy.
"""

from __future__ import annotations

import copy
import datetime as dt
import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import polars as pl
import pytest
import yaml

from scoring.lints import LINTS, Finding, lint_scheme
from scoring.scheme import SHIPPED_SCHEMES, load_schemes, read_folder

SCHEMES = Path(__file__).parent / "schemes"
IDS = [f"L{number:02d}" for number in range(1, 28)]
NAMES = ("indicator_id", "peer_group", "adder_id", "instrument_id", "data_element_id", "register_name")
CHINESE = re.compile(r"[一-鿿]")


def read(name: str) -> dict[str, Any]:
    loaded: dict[str, Any] = yaml.safe_load((SCHEMES / name).read_text(encoding="utf-8"))
    return loaded


def merged(below: Any, above: Any) -> Any:
    if isinstance(below, dict) and isinstance(above, dict):
        return below | {key: merged(below.get(key), value) for key, value in above.items()}
    return above


@cache
def _good() -> dict[str, Any]:
    default = yaml.safe_load((SHIPPED_SCHEMES / "default-2026.yaml").read_text(encoding="utf-8"))
    whole: dict[str, Any] = merged(default, read("good.yaml"))
    return whole


def good() -> dict[str, Any]:
    return copy.deepcopy(_good())


def changed(scheme: Mapping[str, Any], change: Mapping[str, Any]) -> dict[str, Any]:
    """The scheme with values replaced at dotted places; an entry of a list is named by its id, ``+`` adds one."""
    result: dict[str, Any] = copy.deepcopy(dict(scheme))
    for place, value in change.items():
        *path, last = place.split(".")
        node: Any = result
        for step in path:
            node = node[step] if isinstance(node, dict) else named(node, step)
        if last == "+":
            node.append(value)
        else:
            assert last in node or last in {"title", "within_powers"}, f"{place} changes nothing"
            node[last] = value
    return result


def named(entries: list[dict[str, Any]], name: str) -> dict[str, Any]:
    (found,) = [entry for entry in entries if name in {entry.get(key) for key in NAMES}]
    return found


def indicators() -> pl.DataFrame:
    return pl.read_csv(SCHEMES / "indicator.csv")


def duty_items() -> pl.DataFrame:
    return pl.read_csv(SCHEMES / "duty_item.csv")


def harmless_results() -> dict[str, pl.DataFrame]:
    weights = {"peer_group": ["plain"], "part": ["results"], "weight": [0.5], "effective_weight": [0.55]}
    scores = {"indicator_id": ["DISPUTE"] * 5, "score100": [100, 100, 100, 100, 99]}
    return {"effective_weight": pl.DataFrame(weights), "unit_indicator": pl.DataFrame(scores)}


@dataclass(frozen=True)
class Linted:
    """Findings, and what the reader said before."""

    findings: tuple[Finding, ...]

    def of(self, lint: str) -> list[Finding]:
        return [finding for finding in self.findings if finding.lint == lint and finding.level != "not_checked"]

    @property
    def broken(self) -> set[str]:
        return {finding.lint for finding in self.findings if finding.level != "not_checked"}


def linted(tmp_path: Path, scheme: Mapping[str, Any], **data: Any) -> Linted:
    """Reads the scheme from a file, then runs the lints with all data unless told otherwise."""
    text = json.dumps(scheme, ensure_ascii=False, default=str)  # JSON is YAML, and is written faster
    (tmp_path / "scheme.yaml").write_text(text, encoding="utf-8")
    found = read_folder(tmp_path)
    told = [Finding(each.lint, "error", each.where, each.zh, each.en) for each in found.problems]
    assert not [finding for finding in told if not finding.lint], told
    given: dict[str, Any] = {
        "indicators": indicators(),
        "duty_items": duty_items(),
        "results": harmless_results(),
    }
    for _, whole in found.schemes:
        told.extend(lint_scheme(whole, **(given | data)))
    return Linted(tuple(told))


def test_the_good_scheme_breaks_nothing_and_everything_is_checked(tmp_path: Path) -> None:
    assert linted(tmp_path, good()).findings == ()


def test_the_shipped_scheme_breaks_nothing() -> None:
    (scheme,) = load_schemes(SHIPPED_SCHEMES)
    assert {finding.level for finding in lint_scheme(scheme)} == {"not_checked"}


def test_every_lint_of_the_method_is_there_once_with_a_bad_scheme() -> None:
    assert [lint.lint_id for lint in LINTS] == IDS
    assert sorted(path.stem for path in SCHEMES.glob("bad-*.yaml")) == [f"bad-{name}" for name in IDS]
    for lint in LINTS:
        assert CHINESE.search(lint.zh), lint.lint_id
        assert not CHINESE.search(lint.en), lint.lint_id


@pytest.mark.parametrize("lint", IDS)
def test_a_bad_scheme_breaks_its_lint_and_no_other(tmp_path: Path, lint: str) -> None:
    bad = read(f"bad-{lint}.yaml")
    data = {"results": {name: pl.DataFrame(rows) for name, rows in bad["results"].items()}} if "results" in bad else {}
    found = linted(tmp_path, changed(good(), bad["change"]), **data)
    assert found.broken == {lint}
    wanted = bad["finds"]
    first = next(finding for finding in found.of(lint) if finding.where == wanted["where"])
    assert first.level == wanted["level"]
    assert wanted["zh"] in first.zh
    assert wanted["en"] in first.en
    for finding in found.of(lint):
        assert CHINESE.search(finding.zh), finding
        # What the scheme itself says is quoted as it is.
        assert not CHINESE.search(re.sub(r'"[^"]*"', "", finding.en)), finding


@pytest.mark.parametrize(("satisfaction", "results", "level"), [(0.25, 0.35, None), (0.25, 0.349999, "warning"),
                         (0.25, 0.25, "warning"), (0.25, 0.249999, "error")])  # fmt: skip
def test_l01_warns_below_sixty_percent_and_fails_below_half(
    tmp_path: Path, satisfaction: float, results: float, level: str | None
) -> None:
    rest = round(1 - satisfaction - results, 6)
    change = {"unit_score.satisfaction.value": satisfaction, "unit_score.results.value": results}
    found = linted(tmp_path, changed(good(), change | {"unit_score.duty_list.value": rest}))
    assert [finding.level for finding in found.findings] == ([level] if level else [])


def test_l02_a_single_process_indicator_may_weigh_five_percent(tmp_path: Path) -> None:
    bad = read("bad-L02.yaml")["change"]
    half = {"unit_score.duty_list.value": 0.1, "unit_score.process.value": 0.05}
    assert linted(tmp_path, changed(good(), bad | half)).broken == set()
    more = {"unit_score.duty_list.value": 0.09, "unit_score.process.value": 0.06}
    found = linted(tmp_path, changed(good(), bad | more))
    assert {finding.where for finding in found.of("L02")} == {"indicators.entries.TRAIL"}
    assert "0.06" in found.of("L02")[0].en


def test_l03_reads_the_name_in_the_dataset_too(tmp_path: Path) -> None:
    renamed = indicators().with_columns(
        name=pl.when(pl.col("indicator_id") == "JOBS").then(pl.lit("召开会议次数")).otherwise("name")
    )
    found = linted(tmp_path, good(), indicators=renamed)
    assert [finding.where for finding in found.of("L03")] == ["indicators.entries.JOBS"]


@pytest.mark.parametrize(
    ("duty", "words"),
    [("T-B09", "is not on list TOWN as of 2026-01-01"), ("T-NONE", "is not on list"), ("T-R01", "was reclaimed"),
     ("T-C01", "is cooperate on the list and basic in the scheme"), (None, "names no duty item")],
)  # fmt: skip
def test_l04_looks_the_duty_up_in_the_dated_list(tmp_path: Path, duty: str | None, words: str) -> None:
    moved = indicators().with_columns(
        duty_id=pl.when(pl.col("indicator_id") == "DISPUTE").then(pl.lit(duty)).otherwise("duty_id")
    )
    found = linted(tmp_path, good(), indicators=moved)
    assert found.broken == {"L04"}
    assert words in found.of("L04")[0].en


def test_l04_wants_list_and_role_without_any_data(tmp_path: Path) -> None:
    found = linted(
        tmp_path,
        changed(good(), {"indicators.entries.DISPUTE.duty_list_id": None}),
        indicators=None,
        duty_items=None,
    )
    assert [finding.where for finding in found.of("L04")] == ["indicators.entries.DISPUTE"]


def test_l05_wants_a_source(tmp_path: Path) -> None:
    found = linted(tmp_path, changed(good(), {"indicators.entries.DISPUTE.source": None}))
    assert "names no source" in found.of("L05")[0].en
    bare = indicators().with_columns(source_register=pl.lit(None, dtype=pl.String))
    # LAND comes from verification; from registers come HEALTH twice, DISPUTE, REPEAT, JOBS and JOBKEEP.
    assert len(linted(tmp_path, good(), indicators=bare).of("L05")) == 6


def test_l06_a_group_without_latent_indicator_has_no_latent_weight(tmp_path: Path) -> None:
    visible = indicators().with_columns(achievement_kind=pl.lit("visible"))
    found = linted(tmp_path, good(), indicators=visible)
    assert {finding.zh.partition("没有")[0] for finding in found.of("L06")} == {
        "可比组 plain",
        "可比组 hill",
        "可比组 street",
    }


def test_l07_a_quantity_indicator_needs_a_quality_twin(tmp_path: Path) -> None:
    apart = indicators().with_columns(
        duty_id=pl.when(pl.col("indicator_id") == "JOBKEEP").then(pl.lit("T-C02")).otherwise("duty_id")
    )
    found = linted(tmp_path, good(), indicators=apart)
    assert [(finding.level, finding.where) for finding in found.of("L07")] == [("warning", "indicators.entries.JOBS")]


def test_l08_counts_indicators_of_a_group(tmp_path: Path) -> None:
    def entries(number: int) -> list[dict[str, Any]]:
        plain = good()["indicators"]["entries"][0] | {"weight": round(1 / number, 6)}
        return [plain | {"indicator_id": f"I{index}"} for index in range(number)]

    def lints_of(number: int) -> list[Finding]:
        scheme = changed(good(), {"indicators.entries": entries(number)})
        return linted(tmp_path, scheme, indicators=None).of("L08")

    assert lints_of(25) == []
    assert {finding.en.split(" has ")[1] for finding in lints_of(26)} == {
        "26 indicators, at most 25 are asked; merge or drop some"
    }


@pytest.mark.parametrize(
    "where", ["indicators.decided_on", "peer_groups.decided_on", "red_lines.decided_on", "satisfaction.decided_on"]
)
def test_l09_holds_for_everything_that_is_settled_before(tmp_path: Path, where: str) -> None:
    on_the_day = linted(tmp_path, changed(good(), {where: dt.date(2026, 1, 1)}))
    assert [finding.where for finding in on_the_day.of("L09")] == [where]
    assert linted(tmp_path, changed(good(), {where: dt.date(2025, 12, 31)})).broken == set()
    later = linted(tmp_path, changed(good(), {where: dt.date(2026, 1, 1)}), period_start=dt.date(2026, 4, 1))
    assert later.broken == set()


def test_l09_anchors_without_a_date_are_told(tmp_path: Path) -> None:
    scheme = good()
    del scheme["unit_points"]["decided_on"]
    assert "no date of decision" in linted(tmp_path, scheme).of("L09")[0].en


def test_l10_a_parent_must_be_a_group(tmp_path: Path) -> None:
    found = linted(tmp_path, changed(good(), {"peer_groups.groups.street.parent": "village"}))
    assert "L10" in found.broken
    assert "the parent village is not among" in found.of("L10")[0].en
    smaller = linted(tmp_path, changed(good(), {"peer_groups.min_members.value": 5}))
    assert [finding.where for finding in smaller.of("L10")] == ["peer_groups.min_members"]


@pytest.mark.parametrize(
    ("place", "value", "where"),
    [
        ("bonus.total.value", -1, "bonus.total"),
        ("bonus.pay_floor.value", -1, "bonus.pay_floor"),
        ("incentive.max_adder.value", -1, "incentive.max_adder"),
        ("bonus.clawback.value", "allowed", "bonus.clawback"),
    ],
)
def test_l12_negative_money_and_clawback(tmp_path: Path, place: str, value: Any, where: str) -> None:
    found = linted(tmp_path, changed(good(), {place: value}))
    assert [finding.where for finding in found.of("L12")] == [where]


@pytest.mark.parametrize(
    ("change", "where"),
    [
        ({"tiers.cut_off_b.value": 85}, "tiers"),
        ({"tiers.quota.value": 0}, "tiers.quota"),
        ({"tiers.quota.value": 0.1}, "tiers.quota"),
        ({"incentive.score_cap.value": 84}, "incentive.score_cap"),
        ({"incentive.max_adder.value": 1}, "incentive.adders.innovation-adopted"),
        ({"bonus.cap_multiple.value": 0.9}, "bonus.cap_multiple"),
        ({"bonus.pay_floor.value": 80000001}, "bonus.pay_floor"),
        ({"bonus.standard.value": 0}, "bonus.standard"),
        ({"bonus.reserve_share.value": 1}, "bonus.reserve_share"),
        ({"exemptions.reduced.value": 76}, "exemptions"),
        ({"tracks.cell_floor.value": 0}, "tracks.cell_floor"),
        ({"tracks.latent_share.value": 0.51}, "tracks.latent_share"),
        ({"unit_score.min_parts.value": 4}, "unit_score.min_parts"),
        ({"satisfaction.trim_low.value": 1.5}, "satisfaction.trim_low"),
        ({"satisfaction.flag_below.value": 9}, "satisfaction.flag_below"),
        ({"ranks.top_share.value": 0.9}, "ranks"),
        ({"ranks.level.value": 1}, "ranks.level"),
        ({"consequence.min_reliability_shown.value": 0.8}, "consequence.min_reliability_shown"),
        ({"unit_points.anchors.DISPUTE.floor": 0.9}, "unit_points.anchors.DISPUTE"),
        ({"satisfaction.anchors": [{"minimum": 0, "floor": 80, "achievement_threshold": 75, "benchmark": 90}]},
         "satisfaction.anchors"),
    ],
)  # fmt: skip
def test_l13_what_cannot_work_together(tmp_path: Path, change: dict[str, Any], where: str) -> None:
    found = linted(tmp_path, changed(good(), change))
    assert {finding.where for finding in found.of("L13")} >= {where}
    assert found.broken == {"L13"}


def test_l13_anchors_follow_the_direction_of_the_indicator(tmp_path: Path) -> None:
    falling = {"minimum": 1, "floor": 0.9, "achievement_threshold": 0.8, "benchmark": 0.7}
    change = {f"unit_points.anchors.DISPUTE.{name}": value for name, value in falling.items()}
    assert linted(tmp_path, changed(good(), change)).broken == {"L13"}
    # Without the dataset nobody knows the direction, and one way is as good as the other.
    assert linted(tmp_path, changed(good(), change), indicators=None).broken == set()


@pytest.mark.parametrize("column", ["direction", "min_cases", "unit"])
def test_l14_looks_into_the_dataset(tmp_path: Path, column: str) -> None:
    keep = pl.when(pl.col("indicator_id") != "JOBS").then(column)
    found = linted(tmp_path, good(), indicators=indicators().with_columns(keep.alias(column)))
    assert [finding.where for finding in found.of("L14")] == ["indicators.entries.JOBS"]
    assert column in found.of("L14")[0].en


def test_l15_a_forbidden_duty_is_beyond_the_units_powers(tmp_path: Path) -> None:
    moved = indicators().with_columns(
        duty_id=pl.when(pl.col("indicator_id") == "DISPUTE").then(pl.lit("T-F01")).otherwise("duty_id")
    )
    found = linted(tmp_path, good(), indicators=moved)
    assert found.broken == {"L15"}
    assert "T-F01 is forbidden" in found.of("L15")[0].en


def test_l16_and_l17_allow_what_is_just_inside(tmp_path: Path) -> None:
    weights = pl.DataFrame({"peer_group": ["p"], "part": ["results"], "weight": [0.5], "effective_weight": [0.599]})
    scores = pl.DataFrame({"indicator_id": ["D"] * 5, "score100": [100, 100, 100, 100, None]})
    # Four of four units that have a score are at full points: the missing one is no zero.
    found = linted(tmp_path, good(), results={"effective_weight": weights, "unit_indicator": scores})
    assert found.broken == {"L17"}
    assert "4 of 4 units" in found.of("L17")[0].en


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"instruments.SAT.questions": []}, "lists no question"),
        ({"instruments.SAT.questions": [{"item_id": "MOOD"}]}, "names no duty item"),
        ({"instruments.SAT.questions": [{"item_id": "X", "duty_list_id": "TOWN", "duty_id": "T-B09"}]},
         "is no duty of the unit"),
    ],
)  # fmt: skip
def test_l18_every_question_has_a_duty_of_today(tmp_path: Path, change: dict[str, Any], words: str) -> None:
    assert words in linted(tmp_path, changed(good(), change)).of("L18")[0].en


def test_l20_free_text_is_optional(tmp_path: Path) -> None:
    found = linted(tmp_path, changed(good(), {"instruments.SAT.mandatory_free_text": True}))
    assert [finding.where for finding in found.of("L20")] == ["instruments.SAT.mandatory_free_text"]


def test_l22_four_units_are_refused_when_the_scheme_is_read(tmp_path: Path) -> None:
    found = linted(tmp_path, changed(good(), {"minimum_cell.min_units.value": 4}))
    assert [finding.where for finding in found.of("L22")] == ["minimum_cell.min_units"]
    survey = linted(tmp_path, changed(good(), {"satisfaction.suppress_below.value": 9}))
    assert [finding.where for finding in survey.of("L22")] == ["satisfaction.suppress_below"]


def test_l23_and_l26_every_switch_counts(tmp_path: Path) -> None:
    switches = {
        "own_ratings_score_the_rater": "L23",
        "ratings_visible_to_ratee": "L23",
        "public_ranking": "L26",
        "names_individuals": "L26",
    }
    for name, lint in switches.items():
        found = linted(tmp_path, changed(good(), {f"conduct.{name}.value": True}))
        assert [(finding.lint, finding.where) for finding in found.findings] == [(lint, f"conduct.{name}")]


def l24_cases() -> Iterator[tuple[dict[str, Any], str, str]]:
    yield {"unit_score.duty_list.value": 0.2}, "unit_score", "sum to 1.05"
    yield {"department_composite.burden.value": 0.3}, "department_composite", "sum to 1.05"
    yield {"rating.dimension_weights": [{"dimension": "d", "weight": {"value": 0.9, "unit": "u", "reference": "r"}}]}, \
        "rating.dimension_weights", "sum to 0.9"  # fmt: skip
    yield {"department_composite.response_indicators": ["REQ-TYME", "REQ-TIME"]}, \
        "department_composite.response_indicators.REQ-TYME", "has no REQ-TYME"  # fmt: skip
    yield {"indicators.entries.DISPUTE.indicator_id": "OLD"}, "indicators.entries.OLD", "has no OLD"
    yield {"indicators.entries.DISPUTE.indicator_id": "OLD"}, "unit_points.anchors.DISPUTE", "which has no weight"
    yield {"indicators.entries.DISPUTE.indicator_id": "OLD"}, "indicators.entries.OLD", "no anchors for"
    yield {"tracks": None}, "unit_score.results", "has no tracks"
    yield {"satisfaction": None}, "unit_score.satisfaction", "has no satisfaction"
    yield {"unit_score.process.value": 0.01, "unit_score.duty_list.value": 0.14}, "unit_score.process", "never used"


@pytest.mark.parametrize(("change", "where", "words"), list(l24_cases()))
def test_l24_weights_that_do_not_work(tmp_path: Path, change: dict[str, Any], where: str, words: str) -> None:
    found = linted(tmp_path, changed(good(), change))
    assert [finding for finding in found.of("L24") if finding.where == where and words in finding.en], found.of("L24")


def test_l24_a_process_indicator_without_process_weight_is_unused(tmp_path: Path) -> None:
    change = {name: value for name, value in read("bad-L02.yaml")["change"].items() if "unit_score" not in name}
    found = linted(tmp_path, changed(good(), change))
    assert [finding.where for finding in found.findings] == ["unit_score.process"]
    assert "TRAIL" in found.of("L24")[0].en


def test_l24_sums_are_exact_to_a_billionth(tmp_path: Path) -> None:
    inside = {"unit_score.duty_list.value": "0.1500000005"}
    outside = {"unit_score.duty_list.value": "0.150000002"}
    assert linted(tmp_path, changed(good(), inside)).broken == set()
    assert linted(tmp_path, changed(good(), outside)).broken == {"L24"}


def test_l24_groups_nobody_froze_are_checked_too(tmp_path: Path) -> None:
    scheme = good()
    scheme["peer_groups"]["groups"] = []
    found = linted(tmp_path, scheme)
    # A group no indicator names has DISPUTE, REPEAT, JOBS and JOBKEEP alone: .25 + .25 + .1 + .1.
    assert [finding.en for finding in found.of("L24") if "sum to" in finding.en] == [
        "the indicator weights of every other peer group sum to 0.7, they must sum to 1; change them"
    ]


def test_without_data_the_lints_say_what_they_could_not_check(tmp_path: Path) -> None:
    found = linted(tmp_path, good(), indicators=None, duty_items=None, results=None)
    assert found.broken == set()
    unchecked = {finding.lint: finding.en for finding in found.findings}
    assert set(unchecked) == {"L02", "L03", "L04", "L05", "L06", "L07", "L14", "L15", "L16", "L17", "L18", "L24"}
    assert "indicators, duty_items" in unchecked["L04"]


def test_absent_sections_are_named(tmp_path: Path) -> None:
    scheme = good()
    for name in ("tracks", "appeals", "one_form"):
        del scheme[name]
    found = linted(tmp_path, scheme)
    unchecked = {finding.lint: finding.en for finding in found.findings if finding.level == "not_checked"}
    assert unchecked["L25"].startswith("the scheme has no appeals")
    assert unchecked["L27"].startswith("the scheme has no one_form")
    assert unchecked["L13"].startswith("the scheme has no tracks")
    assert set(unchecked) == {"L06", "L07", "L13", "L25", "L27"}


def test_a_draft_is_linted_like_any_other(tmp_path: Path) -> None:
    draft = changed(good(), {"status": "draft", "appeals.window_days.value": 10})
    assert linted(tmp_path, draft).broken == {"L25"}
