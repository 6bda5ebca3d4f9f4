"""A small fictional programme with everything a scheme may have: tracks, satisfaction, adders, red lines and money.

The ratings are those of ``tests.serving.program``. Four villages of the plain and two of the hills are scored
on five indicators. V2 has three respondents, which are too few. V2 also has an adder, V3 an exemption, V4 a
red line, V5 lacks one track, and V6 has no facts at all.
"""

from __future__ import annotations

import json
from pathlib import Path

import yaml

from scoring.scheme import SHIPPED_SCHEMES
from tests.serving import program
from tests.serving.program import PERIOD, VILLAGES

GROUPS = {"V1": "plain", "V2": "plain", "V3": "plain", "V4": "plain", "V5": "hill", "V6": "hill"}
STAFF = {"V1": 7, "V2": 5, "V3": 6, "V4": 8, "V5": 5, "V6": 4}
TOTAL_FEN = 1_000_003
FEW_ANSWERS = "V2"
WITH_ADDER, WITH_EXEMPTION, WITH_RED_LINE, WITHOUT_TRACK, WITHOUT_FACTS = "V2", "V3", "V4", "V5", "V6"

INDICATORS = {
    "GREEN": ("visible", "quality", "outcome", 0.4),
    "ROADS": ("visible", "quantity", "output", 0.2),
    "WATER": ("visible", "quality", "outcome", 0.1),
    "SOIL": ("latent", "quality", "outcome", 0.2),
    "FILES": ("visible", "quantity", "process", 0.1),
}
"""Achievement kind, track, nature and weight."""

VALUES = {
    "V1": {"GREEN": 0.83, "ROADS": 0.71, "WATER": 0.62, "SOIL": 0.77, "FILES": 0.9},
    "V2": {"GREEN": 0.67, "ROADS": 0.59, "WATER": 0.81, "SOIL": 0.49, "FILES": 0.7},
    "V3": {"GREEN": 0.31, "ROADS": 0.88, "WATER": 0.43, "SOIL": 0.66, "FILES": 0.4},
    "V4": {"GREEN": 0.91, "ROADS": 0.79, "WATER": 0.74, "SOIL": 0.85, "FILES": 0.8},
    "V5": {"GREEN": 0.73, "WATER": 0.57, "SOIL": 0.61, "FILES": 0.6},
    "V6": {},
}
BASELINE_GAIN = 0.13
BASELINE_PERIOD = "2025Q1"
EARLIEST_PERIOD = "2024Q1"


def _write(folder: Path, dataset: str, lines: list[str], period: str = PERIOD) -> Path:
    return program._csv(folder / f"{dataset}__COUNTY__{period}__v01.csv", lines)


def organisations(folder: Path) -> Path:
    lines = ["org_id,org_name,org_kind,peer_group,level,parent_org_id,valid_from,staff,population"]
    lines += ["COUNTY,清溪县,other,,county,,2024-01-01,,", "T1,清溪镇,other,,township,COUNTY,2024-01-01,,"]
    lines += [
        f"{village},{village} 村,village,{GROUPS[village]},village,T1,2024-01-01,{STAFF[village]},900"
        for village in VILLAGES
    ]
    names = program.NAMES | {"D6": "清溪县司法局"}
    lines += [
        f"{org},{name},county_gov_dept,{'政法' if org == 'D6' else '经济'},county,COUNTY,2024-01-01,20,"
        for org, name in names.items()
    ]
    return _write(folder, "org_unit", lines, "2026")


def periods(folder: Path) -> Path:
    lines = ["period_id,kind,start_date,end_date,cutoff_at,status"]
    lines += [
        f"{year}Q1,quarter,{year}-01-01,{year}-04-01,{year}-04-05T00:00:00+08:00,{status}"
        for year, status in ((2024, "published"), (2025, "published"), (2026, "open"))
    ]
    return _write(folder, "period", lines, "2026")


def indicators(folder: Path) -> Path:
    lines = ["indicator_id,valid_from,name,unit,direction,min,max,achievement_kind,track,nature"]
    lines += [
        f"{name},2024-01-01,{name},比率,higher_better,0,1,{kind},{track},{nature}"
        for name, (kind, track, nature, _) in INDICATORS.items()
    ]
    return _write(folder, "indicator", lines, "2026")


def facts(folder: Path, period: str = PERIOD, less: float = 0.0) -> Path:
    lines = ["indicator_id,org_id,period_id,source_org_id,value,unit,as_of"]
    lines += [
        f"{name},{village},{period},D5,{value - less:.2f},比率,{period[:4]}-03-31"
        for village, values in VALUES.items()
        for name, value in values.items()
    ]
    return _write(folder, "performance_fact", lines, period)


def survey(folder: Path) -> Path:
    """Twelve or more respondents of every village, three of V2; answers by a fixed pattern."""
    lines = [
        (
            "source_system,survey_id,submission_id,item_id,period_id,instrument_id,respondent_org_id,status,score_raw,"
            "submitted_at"
        )
    ]
    for place, village in enumerate(VILLAGES):
        count = 3 if village == FEW_ANSWERS else 12 + place
        lines += [
            f"PHONE,SAT1,J{village}{number},PLACE,{PERIOD},SAT,{village},answered,"
            f"{1 + (number * 3 + place * 2) % 5},2026-03-11T09:00:00+08:00"
            for number in range(count)
        ]
    return _write(folder, "survey_response", lines)


def duties(folder: Path) -> Path:
    """Five duties of each village as verified; the later villages have fewer fulfilled."""
    lines = ["verification_id,draw_id,dataset,fact_key,outcome,verifier_org_id,verified_at"]
    for place, village in enumerate(VILLAGES):
        for number in range(5):
            key = json.dumps({"org_id": village, "duty_id": f"DUTY{number}"}).replace('"', '""')
            outcome = "differs" if number < place // 2 else "confirmed"
            lines.append(f'{village}-{number},DRAW,duty_item,"{key}",{outcome},D6,2026-03-20')
    return _write(folder, "verification_fact", lines)


def adjustments(folder: Path) -> Path:
    lines = [
        (
            "adjustment_id,adj_kind,target_table,target_key,org_id,period_id,filed_by_org_id,filed_at,grounds,decision,"
            "decided_value,decided_at,decided_by_org_id,decision_doc_no"
        )
    ]
    keys = (
        ("ADD-1", "adder", "incentive_score", {"adder_id": "innovation-adopted"}, WITH_ADDER, "2"),
        ("EX-1", "exemption", "unit_indicator", {"indicator_id": "GREEN"}, WITH_EXEMPTION, ""),
    )
    for number, kind, table, key, village, value in keys:
        text = json.dumps(key).replace('"', '""')
        lines.append(
            f'{number},{kind},{table},"{text}",{village},{PERIOD},{village},2026-03-20,改革试点,upheld,{value},2026-03-25,'
            f"COUNTY,清考〔2026〕{number}号"
        )
    return _write(folder, "adjustment", lines)


def findings(folder: Path) -> Path:
    lines = ["finding_id,org_id,found_at,category,grade,bulletin_no"]
    lines += [f"F1,{WITH_RED_LINE},2026-02-10,work-safety,accountable,清通〔2026〕3号"]
    return _write(folder, "finding", lines)


def write_files(folder: Path) -> list[Path]:
    own = [organisations, periods, indicators, survey, duties, adjustments, findings]
    shared = [program.raters, program.instruments, program.ratings]
    files = [write(folder) for write in (*own, *shared)]
    earlier = [facts(folder, BASELINE_PERIOD, BASELINE_GAIN), facts(folder, EARLIEST_PERIOD, 2 * BASELINE_GAIN)]
    return [*files, facts(folder), *earlier]


def write_scheme(folder: Path) -> Path:
    """The shipped scheme with the programme's indicators and anchors, a red line, process weight and money."""
    scheme = yaml.safe_load((SHIPPED_SCHEMES / "default-2026.yaml").read_text(encoding="utf-8"))
    scheme["scheme_id"] = "awards-2026"
    scheme["sign_off"]["people"]["value"] = 0
    scheme["rating"]["rater_level"]["value"] = "person"
    scheme["rating"]["fit_by"]["value"] = "all"
    anchors = {"minimum": 0, "floor": 0.35, "achievement_threshold": 0.6, "benchmark": 0.9}
    scheme["unit_points"] |= {
        "decided_on": "2025-12-01",
        "anchors": [{"indicator_id": name, **anchors} for name in INDICATORS],
    }
    duty = {"duty_list_id": "QX", "duty_role": "village_statutory", "source": "register", "denominator": "在册户数"}
    scheme["indicators"]["entries"] = [
        {"indicator_id": name, "weight": weight, **duty} for name, (_, _, _, weight) in INDICATORS.items()
    ]
    scheme["satisfaction"] |= {
        "decided_on": "2025-12-01",
        "anchors": [{"minimum": 0, "floor": 30, "achievement_threshold": 45, "benchmark": 90}],
    }
    scheme["unit_score"]["results"]["value"] = 0.45
    scheme["unit_score"]["process"]["value"] = 0.05
    line = {
        "red_line_id": "work-safety", "title": {"zh": "重大生产安全责任事故", "en": "Serious accident at work"},
        "legal_basis": "《中华人民共和国安全生产法》",
    }  # fmt: skip
    scheme["red_lines"] |= {"authorised": [line], "used": ["work-safety"]}
    scheme["bonus"]["total"]["value"] = TOTAL_FEN
    path = folder / "awards.yaml"
    path.write_text(yaml.safe_dump(scheme, allow_unicode=True), encoding="utf-8")
    return path
