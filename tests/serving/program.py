"""A small fictional programme whose ranking is known in advance, and the files that make it.

Six villages of three raters each rate six departments. In the group 经济 the true order is D1, D2, D3, D4,
D5, but D3 is rated by four people of two villages only, so that its place must not show.
"""

from __future__ import annotations

from pathlib import Path

import yaml

from scoring.scheme import SHIPPED_SCHEMES

PERIOD = "2026Q1"
VILLAGES = tuple(f"V{number}" for number in range(1, 7))
NAMES = {"D1": "清溪县水利局", "D2": "清溪县交通局", "D3": "清溪县商务局", "D4": "=1+1局", "D5": "清溪县林业局"}
BASES = {"D1": 90, "D2": 75, "D3": 60, "D4": 45, "D5": 20, "D6": 50}
SUPPRESSED = "D3"
RATERS_OF_SUPPRESSED = ("TKV1A", "TKV1B", "TKV2A", "TKV2B")
ORDER_SHOWN = ("D1", "D2", "D4", "D5")


def _csv(path: Path, lines: list[str]) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("\n".join(lines) + "\n", encoding="utf-8")
    return path


def organisations(folder: Path) -> Path:
    lines = ["org_id,org_name,org_kind,peer_group,level,parent_org_id,valid_from"]
    lines += ["COUNTY,清溪县,other,,county,,2026-01-01", "T1,清溪镇,township,township,township,COUNTY,2026-01-01"]
    lines += [f"{village},{village} 村,village,village,village,T1,2026-01-01" for village in VILLAGES]
    lines += [f"{org},{NAMES[org]},county_gov_dept,经济,county,COUNTY,2026-01-01" for org in NAMES]
    lines += ["D6,清溪县司法局,county_gov_dept,政法,county,COUNTY,2026-01-01"]
    return _csv(folder / "org_unit__COUNTY__2026__v01.csv", lines)


def periods(folder: Path) -> Path:
    lines = ["period_id,kind,start_date,end_date,cutoff_at,status"]
    lines += [f"{PERIOD},quarter,2026-01-01,2026-04-01,2026-04-05T00:00:00+08:00,open"]
    lines += ["2026Q2,quarter,2026-04-01,2026-07-01,2099-07-05T00:00:00+08:00,open"]
    return _csv(folder / "period__COUNTY__2026__v01.csv", lines)


def raters(folder: Path) -> Path:
    lines = ["rater_token,rater_org_id,rater_role,valid_from"]
    lines += [f"TK{village}{letter},{village},village_secretary,2026-01-01" for village in VILLAGES for letter in "ABC"]
    return _csv(folder / "rater__COUNTY__2026__v01.csv", lines)


def instruments(folder: Path) -> Path:
    lines = [
        (
            "instrument_id,instrument_version,item_id,item_text,dimension,item_kind,scale_min,scale_max,scale_step,"
            "direction,weight,target_required,respondent"
        )
    ]
    scale = "scale,0,100,1,higher_better,0.5,true,rater"
    lines += [f"REV,1,{item},{item} 题,指导服务,{scale}" for item in ("HELP", "REPLY")]
    lines += ["SAT,1,PLACE,居住环境,生活环境,scale,1,5,1,higher_better,1,false,respondent"]
    return _csv(folder / "instrument_item__COUNTY__2026__v01.csv", lines)


def indicators(folder: Path) -> Path:
    lines = ["indicator_id,valid_from,name,unit,direction,min,max", "GREEN,2026-01-01,绿化率,比率,higher_better,0,1"]
    return _csv(folder / "indicator__COUNTY__2026__v01.csv", lines)


def rating_lines() -> list[str]:
    """Header and rows of the ratings; the noise is a fixed pattern, not a draw."""
    lines = [
        (
            "period_id,instrument_id,instrument_version,rater_token,rater_org_id,target_org_id,item_id,status,score_raw,"
            "submission_id,submitted_at"
        )
    ]
    for place, village in enumerate(VILLAGES):
        for seat, letter in enumerate("ABC"):
            token = f"TK{village}{letter}"
            for number, (org, base) in enumerate(BASES.items()):
                if org == SUPPRESSED and token not in RATERS_OF_SUPPRESSED:
                    continue
                noise = (place * 7 + seat * 5 + number * 3) % 9 - 4
                lines += [
                    f"{PERIOD},REV,1,{token},{village},{org},{item},answered,{base + noise + shift},S{token}{org},"
                    "2026-03-10T09:00:00+08:00"
                    for item, shift in (("HELP", 0), ("REPLY", 2))
                ]
    return lines


def ratings(folder: Path) -> Path:
    return _csv(folder / f"rating_event__COUNTY__{PERIOD}__v01.csv", rating_lines())


def survey(folder: Path) -> Path:
    """Twelve answers about V1 and three about V2, which are too few."""
    lines = [
        (
            "source_system,survey_id,submission_id,item_id,period_id,instrument_id,respondent_org_id,status,score_raw,"
            "submitted_at"
        )
    ]
    for village, count in (("V1", 12), ("V2", 3)):
        lines += [
            f"PHONE,SAT1,J{village}{number},PLACE,{PERIOD},SAT,{village},answered,{4 + number % 2},"
            "2026-03-11T09:00:00+08:00"
            for number in range(count)
        ]
    return _csv(folder / f"survey_response__COUNTY__{PERIOD}__v01.csv", lines)


def facts(folder: Path) -> Path:
    lines = ["indicator_id,org_id,period_id,source_org_id,value,unit,as_of"]
    values = {"V1": "0.9", "V2": "0.5", "V3": "0.1"}
    lines += [f"GREEN,{village},{PERIOD},D5,{value},比率,2026-03-31" for village, value in values.items()]
    return _csv(folder / f"performance_fact__COUNTY__{PERIOD}__v01.csv", lines)


def write_files(folder: Path) -> list[Path]:
    writers = (organisations, periods, raters, instruments, indicators, ratings, survey, facts)
    return [write(folder) for write in writers]


def write_scheme(folder: Path, people: int = 0) -> Path:
    """The shipped scheme with one fit, anchors for the one indicator and so many signatures."""
    scheme = yaml.safe_load((SHIPPED_SCHEMES / "default-2026.yaml").read_text(encoding="utf-8"))
    scheme["scheme_id"] = "small-2026"
    scheme["sign_off"]["people"]["value"] = people
    scheme["rating"]["rater_level"]["value"] = "person"
    scheme["rating"]["fit_by"]["value"] = "all"
    anchor = {"indicator_id": "GREEN", "achievement_threshold": 0.4, "benchmark": 0.8}
    scheme["unit_points"] |= {"scale": "cms", "decided_on": "2025-12-01", "anchors": [anchor]}
    path = folder / "small.yaml"
    path.write_text(yaml.safe_dump(scheme, allow_unicode=True), encoding="utf-8")
    return path


def rating_file(folder: Path, name: str, changes: dict[int, tuple[str, str]]) -> Path:
    """The ratings with some lines changed: line number to (old, new)."""
    lines = rating_lines()
    for number, (old, new) in changes.items():
        assert old in lines[number]
        lines[number] = lines[number].replace(old, new)
    return _csv(folder / name, lines)
