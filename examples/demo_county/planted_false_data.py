"""Registers with figures too good to be true, and registers beside them that only look so.

None of these indicators is weighed by the scheme, so that no score rests on them.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
import polars as pl

from examples.demo_county import vocabulary as words
from examples.demo_county.facts import PERFORMANCE_COLUMNS
from examples.demo_county.planted import PERIODS, Ledger, village
from examples.demo_county.registers import VALID_FROM, last_day

JULY, AUGUST, SEPTEMBER = PERIODS

ROUNDED_BY_INSTRUCTION: Final = ("POP-ROUND",)
EQUAL_BY_LAW: Final = ("POST-1", "POST-2", "POST-3")
"""What the data dictionary of the county says; no column of the contract carries it."""

SCORED_FOR_THE_RULES: Final = ("RANKED", "SAT-ONE", "SAT-TWO", "TAXINFO", "UNSEEN")
"""Indicators some office scores the grassroots by without the scheme; see ``scheme.write_scheme``."""

EXTRA_COLUMNS: Final = ("target_value", "target_set_by", "entered_at", "entered_by_hash")
TARGET: Final = 500
COPIED_COLUMNS: Final = 6
ENTERED_TOGETHER: Final = 20

Fact = dict[str, Any]


@dataclass(frozen=True)
class Register:
    """An indicator beside the scheme."""

    indicator_id: str
    name: str
    keeper: str
    unit: str
    duty_id: str | None = None
    nature: str = "outcome"
    source_register: str | None = None


REGISTERS: Final = (
    Register("GRAIN", "粮食亩产", "JC-NYJ", "公斤"),
    Register("GRAIN-DRY", "旱地亩产", "JC-DCD", "公斤"),
    Register("TREES", "新植树木株数", "JC-ZRJ", "株"),
    Register("POP-ROUND", "常住人口（按百取整）", "JC-GAJ", "人"),
    *(Register(f"PLAN-{n}", f"第{n}项培训人数", "JC-RSJ", "人次") for n in (1, 2, 3)),
    *(Register(f"POST-{n}", f"第{n}类核定岗位数", "JC-BB", "个") for n in (1, 2, 3)),
    *(Register(f"SURVEY-{n}", f"入户调查第{n}项", "JC-DCD", "户") for n in range(1, COPIED_COLUMNS + 1)),
    Register("RANKED", "党建考评得分", "JC-ZZB", "分", "T-B05", source_register="乡镇工作排名"),
    Register("SAT-ONE", "关爱服务满意度", "JC-XFJ", "分", "T-B06", "satisfaction", "入户走访登记"),
    Register("SAT-TWO", "关爱服务第三方满意度", "JC-SGB", "分", "T-B06", "satisfaction", "第三方测评登记"),
    Register("TAXINFO", "税源信息采集率", "JC-SWJ", "分", "T-R04"),
    Register("UNSEEN", "纠纷回访办结率", "JC-ZFW", "分", "T-B01"),
)  # fmt: skip


def planted_indicators() -> pl.DataFrame:
    """Their rows of dataset ``indicator``."""
    return pl.DataFrame(
        [
            {
                "indicator_id": register.indicator_id,
                "valid_from": VALID_FROM,
                "name": register.name,
                "unit": register.unit,
                "direction": "higher_better",
                "agg": "mean" if register.unit == "分" else "sum",
                "min": "0",
                "max": "1000000",
                "duty_id": register.duty_id,
                "domain": "登记",
                "track": "quantity",
                "nature": register.nature,
                "achievement_kind": "visible",
                "source_register": register.source_register or f"{register.name}登记",
                "min_cases": "0",
            }
            for register in REGISTERS
        ],
        infer_schema_length=None,
    )


def draw_planted_facts(ledger: Ledger, generator: np.random.Generator) -> pl.DataFrame:
    """Their facts with targets and entries, and what the patterns have to find in them.

    Args:
        ledger: Receives the expectations.
        generator: Source of chance.

    Returns:
        Dataset ``performance_fact`` of the open months.
    """
    facts = [
        *_bunched(ledger, generator),
        *_heaped(ledger, generator),
        *_copied(ledger, generator),
        *_exact(ledger, generator),
        *_scored(ledger, generator),
    ]
    keepers = {register.indicator_id: register for register in REGISTERS}
    rows = [
        dict.fromkeys((*PERFORMANCE_COLUMNS, *EXTRA_COLUMNS))
        | fact
        | {
            "source_org_id": keepers[fact["indicator_id"]].keeper,
            "unit": keepers[fact["indicator_id"]].unit,
            "as_of": last_day(fact["period_id"]),
            "status": "reported",
        }
        for fact in facts
    ]
    return pl.DataFrame(rows, infer_schema_length=None).sort("period_id", "indicator_id", "org_id")


def _fact(indicator: str, org_id: str, period_id: str, value: int, **cells: Any) -> Fact:
    return {"indicator_id": indicator, "org_id": org_id, "period_id": period_id, "value": value, **cells}


def _bunched(ledger: Ledger, generator: np.random.Generator) -> Iterator[Fact]:
    """FAL-01: forty values just above the target and three below; beside it as many on either side."""
    for indicator, setter, above, below in (("GRAIN", "JC-FGJ", 40, 3), ("GRAIN-DRY", "JC-CZJ", 22, 20)):
        values = [*generator.integers(TARGET, TARGET + 5, above), *generator.integers(TARGET - 5, TARGET, below)]
        for number, value in enumerate(values):
            yield _fact(indicator, village(number), AUGUST, int(value), target_value=TARGET, target_set_by=setter)
    ledger.expect("FAL-01/watch", "JC-FGJ", AUGUST, "四十个村刚好压线，三个村差一点")


def _heaped(ledger: Ledger, generator: np.random.Generator) -> Iterator[Fact]:
    """FAL-02: invented numbers end in 0 and 5; a population register is rounded by instruction."""
    for number in range(112):
        place = _southern(number)
        trees = int(generator.integers(100, 900))
        yield _fact("TREES", place, AUGUST, trees - trees % 5 if number % 3 else trees)
        yield _fact("POP-ROUND", place, AUGUST, int(generator.integers(6, 40)) * 100)
    ledger.expect("FAL-02/watch", "JC-ZRJ", AUGUST, "三分之二以上的株数以零和五结尾")


def _southern(number: int) -> str:
    """The ``number``-th of the 112 villages of the eight southern townships."""
    township, place = divmod(number, 14)
    return f"JC-T{11 + township:02d}-V{place + 1:02d}"


def _copied(ledger: Ledger, generator: np.random.Generator) -> Iterator[Fact]:
    """FAL-03 and FAL-05: two villages with one and the same answers, entered at one sitting.

    One township clerk enters twenty villages in ten minutes, each with figures of its own: that is the normal case.
    """
    places = [f"JC-T{township}-V{place:02d}" for township in (14, 15, 17) for place in range(1, 15)]
    values = generator.integers(10, 99, (len(places), COPIED_COLUMNS))
    values[1] = values[0]
    for number, place in enumerate(places):
        if number < 2:
            hand, clock = "a1f0", f"09:0{number}"
        elif number < 2 + ENTERED_TOGETHER:
            hand, clock = "b2e1", f"10:{(number - 2) // 2:02d}"
        else:
            hand, clock = f"c{number:03d}", "14:30"
        entry = {"entered_at": f"2026-08-31T{clock}:00+08:00", "entered_by_hash": hand}
        for column in range(COPIED_COLUMNS):
            yield _fact(f"SURVEY-{column + 1}", place, AUGUST, int(values[number, column]), **entry)
    ledger.expect("FAL-03/watch FAL-05/watch", "JC-DCD", AUGUST, "两个村六项数字完全相同，同一人同时录入")


def _exact(ledger: Ledger, generator: np.random.Generator) -> Iterator[Fact]:
    """FAL-08: totals that meet the plan to the last digit month after month; posts are equal by law."""
    places = [f"JC-T{number:02d}" for number in range(1, 7)]
    for period_id in PERIODS:
        for indicator in ("PLAN-1", "PLAN-2", "PLAN-3"):
            targets = generator.integers(30, 60, len(places))
            moved = generator.integers(1, 9, len(places) // 2)
            values = targets + np.concatenate([moved, -moved])
            yield from _targeted(indicator, places, period_id, values, targets, "JC-RSJ")
        for indicator in EQUAL_BY_LAW:
            posts = generator.integers(30, 60, len(places))
            yield from _targeted(indicator, places, period_id, posts, posts, "JC-BB")
    ledger.expect("FAL-08/watch", "JC-RSJ", (AUGUST, SEPTEMBER), "培训人数的合计月月与计划分毫不差")


def _targeted(
    indicator: str, places: Sequence[str], period_id: str, values: np.ndarray, targets: np.ndarray, setter: str
) -> Iterator[Fact]:
    for place, value, target in zip(places, values, targets, strict=True):
        yield _fact(indicator, place, period_id, int(value), target_value=int(target), target_set_by=setter)


def _scored(ledger: Ledger, generator: np.random.Generator) -> Iterator[Fact]:
    """What offices score townships by beside the scheme: ASM-06, ASM-07 and ASM-09."""
    for indicator in SCORED_FOR_THE_RULES:
        for number in range(1, 7):
            yield _fact(indicator, f"JC-T{number:02d}", JULY, int(generator.integers(60, 99)))
    ledger.expect("ASM-06", "JC-ZZB", JULY, "指标取自另一项排名")
    ledger.expect("ASM-06/watch", "JC-SGB", JULY, "第三方满意度重复已计分的满意度")
    ledger.expect("ASM-07", "JC-SWJ", JULY, "按已收回的税源采集考核乡镇")
    ledger.expect("ASM-09", "JC-ZFW", JULY, "计分数据无一核验")


def planted_checks(performance: pl.DataFrame) -> pl.DataFrame:
    """Checks on the spot of facts that move points: one in fifteen of every keeper's, but for the one that has none.

    Args:
        performance: Facts of the scheme's indicators and of those above.

    Returns:
        Dataset ``verification_fact``.
    """
    weighed = [indicator.indicator_id for indicator in words.UNIT_INDICATORS]
    scored = [name for name in SCORED_FOR_THE_RULES if name != "UNSEEN"]
    key = ["indicator_id", "org_id", "period_id", "source_org_id"]
    rows = performance.filter(pl.col("indicator_id").is_in([*weighed, *scored]), pl.col("period_id").is_in(PERIODS))
    chosen = rows.sort(key).filter(pl.int_range(pl.len()).over("indicator_id", "period_id") % 15 == 0)
    parts = [pl.format('"{}":"{}"', pl.lit(name), pl.col(name)) for name in key]
    return chosen.select(
        verification_id=pl.format("FACT-{}-{}-{}", "period_id", "org_id", "indicator_id"),
        draw_id=pl.format("FACT-{}", "period_id"),
        dataset=pl.lit("performance_fact"),
        fact_key=pl.concat_str(pl.lit("{"), pl.concat_str(parts, separator=","), pl.lit("}")),
        outcome=pl.lit("confirmed"),
        verifier_org_id=pl.lit(words.COUNTY_OFFICE_ID),
        verified_at="as_of",
    )
