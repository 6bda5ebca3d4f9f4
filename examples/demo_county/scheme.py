"""The assessment scheme of the demo county: the shipped defaults, its own indicators, and its anchors written out."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping
from importlib.resources import files
from pathlib import Path
from typing import Any

import polars as pl
import yaml

from examples.demo_county import vocabulary as words
from examples.demo_county.planted import ALLOWED_CAMPAIGN, ALLOWED_PLEDGE, GO_LIVE, ORGANISER_ID
from examples.demo_county.planted_false_data import SCORED_FOR_THE_RULES
from examples.demo_county.registers import BASELINE_PERIOD, OPEN_PERIODS
from scoring.burden.catalogue import default_parameters

HEADER = """\
# Scheme of the fictional Jichuan County for the demo. Nobody has to sign, so that the demo runs to the
# end by itself; the anchors are those of the baseline month and are not computed again.
"""

SCHEME_ID = "jichuan-demo-2026"
OWN_CHOICE = "Decision of the fictional county"
DECIDED_ON = dt.date(2026, 6, 30)
IN_FORCE_FROM, IN_FORCE_TO = dt.date(2026, 7, 1), dt.date(2027, 1, 1)
DUTY_LIST = "JC-TOWNSHIP"
BONUS_FEN = 180_000_000
ROOM_FOR_FARMLAND = ("township", "village_hill", "village_plain")

WEIGHTS: Mapping[str, tuple[float, str, str]] = {
    "DISPUTE": (0.15, "register", "受理的矛盾纠纷件数"),
    "APPEAL": (0.15, "register", "群众诉求件数"),
    "REPEAT": (0.1, "register", "群众诉求件数"),
    "RELIEF": (0.1, "verification", "符合条件的困难群众人数"),
    "WASTE": (0.1, "verification", "抽查的清运点次"),
    "CHRONIC": (0.1, "register", "在册患者人数"),
    "FARMLAND": (0.1, "verification", "抽查的地块数"),
    "JOBS": (0.05, "register", "常住人口千人"),
    "JOBKEEP": (0.1, "register", "新增就业人数"),
    "SKILLS": (0.05, "register", "常住人口千人"),
}
"""Weight of every indicator, where its values come from, and what stands below the line."""

BURDEN_ANCHORS: Mapping[str, tuple[float, float, float, float]] = {
    "BURDEN-DOCUMENT": (0.2, 0.08, 0.02, 0),
    "BURDEN-MEETING": (0.2, 0.08, 0.02, 0),
    "BURDEN-FORM": (0.2, 0.08, 0.02, 0),
    "BURDEN-INSPECTION": (0.1, 0.04, 0.01, 0),
    "BURDEN-OFF-LIST-TASK": (0.1, 0.04, 0.01, 0),
}
"""Minimum, floor, threshold and benchmark in events a month per bearing unit; of most kinds most impose none."""

SATISFACTION_ANCHORS = {"minimum": 0, "floor": 58, "achievement_threshold": 72, "benchmark": 84}
QUESTIONS = {"SERVE": "T-B02", "PLACE": "T-B04"}
"""The duty item each question of the residents' questionnaire is about."""


def write_scheme(path: Path, anchors: pl.DataFrame, members: Mapping[str, int], *, with_burden: bool = False) -> Path:
    """Write the scheme as YAML.

    Args:
        path: The file to write.
        anchors: ``indicator_id``, ``peer_group`` (null: every group), ``minimum``, ``floor``,
            ``threshold``, ``benchmark``.
        members: Number of units of every peer group.
        with_burden: Ask for the burden results as well, with the lists only the county itself can give.

    Returns:
        ``path``.
    """
    shipped = files("scoring").joinpath("schemes/default-2026.yaml").read_text(encoding="utf-8")
    scheme: dict[str, Any] = yaml.safe_load(shipped)
    scheme |= {
        "scheme_id": SCHEME_ID,
        "title": {"zh": f"{words.COUNTY_NAME}基层评部门方案（2026 年示例）", "en": "Jichuan County, demo scheme 2026"},
        "valid_from": IN_FORCE_FROM,
        "valid_to": IN_FORCE_TO,
        "status": "adopted",
        "adopted_on": DECIDED_ON,
        "document": OWN_CHOICE,
        "sign_off": {"people": _quantity(0, "people", "The demo publishes without a signature")},
        "indicators": _indicators(),
        "peer_groups": scheme["peer_groups"] | {"decided_on": DECIDED_ON, "groups": _groups(members)},
        "red_lines": scheme["red_lines"] | {"decided_on": DECIDED_ON} | _red_lines(),
        "instruments": _instruments(),
        "one_form": _one_form(),
    }
    if with_burden:
        scheme["burden"] = {"parameters": _burden_parameters()}
    else:
        del scheme["burden"]
    scheme["unit_points"] |= {
        "baseline": {"periods": dict.fromkeys(OPEN_PERIODS, BASELINE_PERIOD)},
        "decided_on": DECIDED_ON,
        "anchors": [*_stored(anchors), *_burden_anchors()],
    }
    scheme["satisfaction"] |= {"decided_on": DECIDED_ON, "anchors": [SATISFACTION_ANCHORS]}
    scheme["department_composite"] |= {
        "burden_indicators": list(BURDEN_ANCHORS),
        "response_indicators": [indicator.indicator_id for indicator in words.DEPARTMENT_INDICATORS],
    }
    scheme["bonus"]["total"] = _quantity(BONUS_FEN, "fen", OWN_CHOICE)
    text = yaml.safe_dump(scheme, allow_unicode=True, sort_keys=False, width=118)
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(HEADER + text, encoding="utf-8")
    return path


def _stored(anchors: pl.DataFrame) -> list[dict[str, Any]]:
    return anchors.rename({"threshold": "achievement_threshold"}).to_dicts()


def _burden_anchors() -> list[dict[str, Any]]:
    names = ("minimum", "floor", "achievement_threshold", "benchmark")
    return [
        {"indicator_id": indicator_id, **dict(zip(names, values, strict=True))}
        for indicator_id, values in BURDEN_ANCHORS.items()
    ]


def _indicators() -> dict[str, Any]:
    """Farmland is not asked of communities; what it weighs elsewhere, chronic illness weighs there."""
    entries = []
    for indicator in words.UNIT_INDICATORS:
        name = indicator.indicator_id
        weight, source, denominator = WEIGHTS[name]
        entry = {
            "indicator_id": name,
            "weight": weight,
            "duty_list_id": DUTY_LIST,
            "duty_role": "basic" if str(indicator.duty_id).startswith("T-B") else "cooperate",
            "source": source,
            "denominator": denominator,
        }
        if name in {"FARMLAND", "CHRONIC"}:
            entry["peer_groups"] = list(ROOM_FOR_FARMLAND)
        entries.append(entry)
        if name == "CHRONIC":
            more = round(weight + WEIGHTS["FARMLAND"][0], 6)
            entries.append(entry | {"weight": more, "peer_groups": ["community"]})
    return {"decided_on": DECIDED_ON, "reference": OWN_CHOICE, "entries": entries}


def _groups(members: Mapping[str, int]) -> list[dict[str, Any]]:
    return [
        {"peer_group": group, "members": _quantity(number, "units", OWN_CHOICE)}
        for group, number in sorted(members.items())
    ]


def _red_lines() -> dict[str, Any]:
    title = {"zh": "重大生产安全责任事故", "en": "Serious accident at work with established liability"}
    line = {"red_line_id": "work-safety", "title": title, "legal_basis": "《中华人民共和国安全生产法》"}
    return {"authorised": [line], "used": ["work-safety"]}


def _instruments() -> list[dict[str, Any]]:
    form = {"dont_know_option": True, "mandatory_free_text": False, "reference": OWN_CHOICE}
    questions = [
        {"item_id": item, "duty_list_id": DUTY_LIST, "duty_id": duty_id} for item, duty_id in QUESTIONS.items()
    ]
    return [
        {"instrument_id": words.RATING_INSTRUMENT, "respondent": "rater", **form},
        {"instrument_id": words.SURVEY_INSTRUMENT, "respondent": "respondent", **form, "questions": questions},
    ]


def _one_form() -> dict[str, Any]:
    """Units are asked for nothing: every figure comes from a register, a survey or a check on the spot."""
    register = {
        "register_name": f"{words.COUNTY_NAME}人口基础信息库",
        "data_element_ids": ["DE-HOUSEHOLDS", "DE-RESIDENTS"],
    }
    return {"reference": OWN_CHOICE, "connected_registers": [register], "asked_of_units": []}


def _burden_parameters() -> dict[str, Any]:
    """The lists only the place itself can give, in the units of the catalogue."""
    weighed = [indicator.indicator_id for indicator in words.UNIT_INDICATORS]
    lists = {
        "assessment.organiser": [f"county:{ORGANISER_ID}"],
        "assessment.scored_indicators": [*weighed, *SCORED_FOR_THE_RULES],
        "campaign.allowed": [ALLOWED_CAMPAIGN],
        "pledge.allowed": [ALLOWED_PLEDGE],
        "veto.allowed": [ALLOWED_PLEDGE],
        "form.go_live": [f"*:{GO_LIVE}"],
        "sign.allowed": ["一横", "四竖", "一标识"],
    }
    units = default_parameters()
    return {
        name: {"value": values, "unit": units[name].unit, "date": DECIDED_ON, "reference": OWN_CHOICE}
        for name, values in lists.items()
    }


def _quantity(value: float, unit: str, reference: str) -> dict[str, object]:
    return {"value": value, "unit": unit, "reference": reference}
