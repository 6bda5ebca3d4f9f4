"""What is wrong with duty lists: rules DL-01 to DL-14 (burden catalogue, part 5.3).

Every rule is a function of the register, giving ``PROBLEM_SCHEMA`` without ``rule`` and ``level``; all problems are
reported at once. What an item says is looked at while it is in force on the day or later; how versions follow one
another is looked at over their whole history.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date
from functools import cached_property
from typing import Final, Literal

import polars as pl

from scoring.burden.duty_lists import (
    DUTY_KINDS,
    in_force,
    list_versions,
    normalised,
    scope,
    snapshots,
    unit_items,
    version_changes,
)
from scoring.burden.facts import NEVER_A_SUBJECT, SCOPES
from scoring.tables.duty_lists import DUTY_LIST_PROBLEM

Level = Literal["critical", "warning", "info"]

PROBLEM_SCHEMA: Final[Mapping[str, pl.DataType]] = {
    name: pl.String() for name in ("list_id", "list_version", "duty_id", "detail")
}
"""``duty_id`` is ``*`` for a problem of the whole list. ``detail``: the values that broke the rule, as
``column=value``."""

WHOLE_LIST: Final = "*"

TOWNSHIP_KINDS: Final = SCOPES["all_townships"]
VILLAGE_KINDS: Final = SCOPES["all_villages"]

PROFESSIONAL_MATTERS: Final = (
    "特种设备", "排污许可", "环境影响评价", "环保许可", "玻璃幕墙", "危险化学品", "燃气经营", "烟花爆竹经营",
    "建设工程质量", "消防验收", "食品生产许可", "药品经营", "辐射安全", "非煤矿山",
)  # fmt: skip
"""Words of matters that take a professional authority to inspect or license: no basic duty of a township."""

_CITATION: Final = r"《[^》]+》|[〔\[（(【][12][0-9]{3}[〕\]）)】]\s*[0-9]+\s*号"
"""A law, rule or document by its title, or a document by its number."""


@dataclass(frozen=True)
class DutyRegister:
    """The duty lists and what they are held against.

    Attributes:
        duties: ``duty_item``, all versions.
        organisations: org_id, org_kind, level_rank (Int8).
        admissions: ``task_admission``.
        day: The day the lists are judged on.
        certificates: The certificates no village or community issues (parameter ``certificate.forbidden``).
        references: ``duty_references``; empty when nothing points to duties.
        headlines: list_id, list_version, duty_kind, n: the totals a list was published with; empty when not given.
    """

    duties: pl.DataFrame
    organisations: pl.DataFrame
    admissions: pl.DataFrame
    day: date
    certificates: Sequence[str]
    references: pl.DataFrame = field(
        default_factory=lambda: pl.DataFrame(schema={"what": pl.String, "duty_id": pl.String, "day": pl.Date})
    )
    headlines: pl.DataFrame = field(
        default_factory=lambda: pl.DataFrame(
            schema={"list_id": pl.String, "list_version": pl.String, "duty_kind": pl.String, "n": pl.Int64}
        )
    )

    @cached_property
    def current(self) -> pl.DataFrame:
        """Items in force on the day or later, with ``scope`` and ``scope_kind`` filled in from the register."""
        kinds = self.organisations.select(scope_org_id="org_id", _kind="org_kind")
        lasting = pl.col("valid_to").is_null() | (pl.col("valid_to") > self.day)
        rows = self.duties.filter(lasting).with_columns(scope()).join(kinds, on="scope_org_id", how="left")
        own = pl.when(pl.col("scope_org_id").is_null()).then("scope_kind").otherwise("_kind")
        return rows.with_columns(scope_kind=own).drop("_kind")

    @cached_property
    def versions(self) -> pl.DataFrame:
        """See ``duty_lists.list_versions``."""
        return list_versions(self.duties)

    @cached_property
    def newest(self) -> pl.DataFrame:
        """The items of the version of each list that holds on the day, or comes first if none does yet."""
        begun = self.versions.filter((pl.col("start") <= self.day) | pl.col("old_version").is_null())
        return snapshots(self.duties, begun.group_by("list_id", maintain_order=True).last())


def problem(rows: pl.DataFrame, *parts: str, duty_id: str | None = None, detail: str | None = None) -> pl.DataFrame:
    """``PROBLEM_SCHEMA`` of the rows; ``detail`` is the given words and the named columns as column=value."""
    shown = [pl.format(f"{name}={{}}", pl.col(name).cast(pl.String).fill_null("")) for name in parts]
    words = [pl.lit(detail)] if detail else []
    return rows.select(
        "list_id",
        "list_version",
        pl.lit(duty_id).alias("duty_id") if duty_id else pl.col("duty_id"),
        detail=pl.concat_str([*words, *shown], separator="; "),
    )


def dl_01(register: DutyRegister) -> pl.DataFrame:
    """Validity of an item overlaps, or has a gap that nothing explains."""
    item = ["list_id", "duty_id"]
    rows = register.duties.sort(*item, "valid_from", "list_version").with_columns(
        next_from=pl.col("valid_from").shift(-1).over(item),
        next_reason=pl.col("change_reason").shift(-1).over(item),
    )
    open_end = pl.col("next_from").is_not_null() & pl.col("valid_to").is_null()
    overlap = rows.filter(open_end | (pl.col("next_from") < pl.col("valid_to")))
    blank = pl.col("next_reason").str.strip_chars().fill_null("") == ""
    gap = rows.filter((pl.col("next_from") > pl.col("valid_to")) & blank)
    parts = ("valid_from", "valid_to", "next_from")
    return pl.concat([problem(overlap, *parts, detail="overlap"), problem(gap, *parts, detail="gap")])


def dl_02(register: DutyRegister) -> pl.DataFrame:
    """The lead department is missing, not on the register, or not above the units of the list."""
    needing = [kind.code for kind in DUTY_KINDS.values() if kind.needs_lead]
    leads = register.organisations.select(lead_org_id="org_id", lead_rank="level_rank")
    own = register.organisations.select(scope="org_id", own_rank="level_rank")
    rows = (
        register.current.filter(pl.col("duty_kind").is_in(needing))
        .join(leads, on="lead_org_id", how="left")
        .join(own, on="scope", how="left")
        .with_columns(scope_rank=pl.coalesce("own_rank", _usual_rank()))
    )
    missing = rows.filter(pl.col("lead_org_id").is_null())
    unknown = rows.filter(pl.col("lead_org_id").is_not_null() & pl.col("lead_rank").is_null())
    not_above = rows.filter(pl.col("lead_rank") <= pl.col("scope_rank"))
    return pl.concat(
        [
            problem(missing, "duty_kind", detail="lead_org_id missing"),
            problem(unknown, "lead_org_id", detail="not on the register"),
            problem(not_above, "lead_org_id", "scope", detail="not above the unit"),
        ]
    )


def _usual_rank() -> pl.Expr:
    """Level of the units of a list that is for a kind: 1 for villages, 2 for townships, null for others."""
    village, township = (pl.col("scope_kind").is_in(kinds) for kinds in (VILLAGE_KINDS, TOWNSHIP_KINDS))
    return pl.when(village).then(1).when(township).then(2)


def dl_03(register: DutyRegister) -> pl.DataFrame:
    """One duty, or one name, stands in two kinds for the same units on the same day."""
    rows = register.current.with_columns(name=normalised("duty_name"), end=pl.col("valid_to").fill_null(date.max))
    found = []
    for same in ("duty_id", "name"):
        key = ["scope", same]
        doubtful = rows.filter(pl.col("duty_kind").n_unique().over(key) > 1)
        pairs = doubtful.join(doubtful, on=key, suffix="_other").filter(
            (pl.col("duty_kind") != pl.col("duty_kind_other"))
            & (pl.col("valid_from") < pl.col("end_other"))
            & (pl.col("valid_from_other") < pl.col("end"))
        )
        if same == "name":
            pairs = pairs.filter(pl.col("duty_id") != pl.col("duty_id_other"))
        else:
            pairs = pairs.with_columns(duty_id_other="duty_id")
        found.append(problem(pairs, "scope", "duty_kind", "duty_kind_other", "duty_id_other"))
    return pl.concat(found)


def dl_04(register: DutyRegister) -> pl.DataFrame:
    """A reclaimed item is on no list of the department that took it back."""
    rows = register.current.with_columns(name=normalised("duty_name"))
    own = rows.filter(
        pl.col("scope_org_id").is_not_null() & ~pl.col("scope_kind").is_in(TOWNSHIP_KINDS + VILLAGE_KINDS)
    )
    reclaimed = rows.filter((pl.col("duty_kind") == "reclaimed") & pl.col("lead_org_id").is_not_null())
    for same in ("duty_id", "name"):
        held = own.select(pl.col("scope_org_id").alias("lead_org_id"), same).unique()
        reclaimed = reclaimed.join(held, on=["lead_org_id", same], how="anti")
    keepers = own.select(lead_org_id="scope_org_id").unique()
    listed = reclaimed.join(keepers, on="lead_org_id", how="semi")
    unlisted = reclaimed.join(keepers, on="lead_org_id", how="anti").group_by("list_id", "list_version", "lead_org_id")
    counted = unlisted.agg(items=pl.len())
    none = "the department has no list of its own"
    return pl.concat(
        [problem(listed, "lead_org_id"), problem(counted, "lead_org_id", "items", duty_id=WHOLE_LIST, detail=none)]
    )


def dl_05(register: DutyRegister) -> pl.DataFrame:
    """A cooperating item does not say who does what, or says the same of both."""
    empty = [normalised(name).fill_null("") == "" for name in ("lead_duty", "local_duty")]
    same = normalised("lead_duty") == normalised("local_duty")
    rows = register.current.filter(pl.col("duty_kind") == "cooperate")
    broken = rows.filter(pl.any_horizontal(*empty) | same)
    return problem(broken, "lead_duty", "local_duty")


def dl_06(register: DutyRegister) -> pl.DataFrame:
    """A kind of village duty outside a village list, or of a township duty outside a township list.

    A department's own list, which reclaimed items point to, has basic duties only.
    """
    village = [kind.code for kind in DUTY_KINDS.values() if kind.is_village]
    wanted = (
        pl.when(pl.col("scope_kind").is_in(VILLAGE_KINDS))
        .then(pl.col("duty_kind").is_in(village))
        .when(pl.col("scope_kind").is_in(TOWNSHIP_KINDS))
        .then(~pl.col("duty_kind").is_in(village))
        .when(pl.col("scope_kind").is_not_null())
        .then(pl.col("duty_kind") == "basic")
    )
    return problem(register.current.filter(~wanted), "scope_kind", "duty_kind")


def dl_07(register: DutyRegister) -> pl.DataFrame:
    """The legal basis of an assisting duty or a certificate cites no law, party rule or numbered document."""
    rows = register.current.filter(pl.col("duty_kind").is_in(["village_assist", "no_certificate"]))
    cited = pl.col("legal_basis").str.contains(_CITATION).fill_null(value=False)
    return problem(rows.filter(~cited), "legal_basis")


def dl_08(register: DutyRegister) -> pl.DataFrame:
    """Numbers inside a version and kind are not 1 to n, or totals are not the list's headline numbers."""
    key = ["list_id", "list_version", "duty_kind"]
    counted = register.newest.group_by(key).agg(
        items=pl.len().cast(pl.Int64),
        numbers=pl.col("seq_no").drop_nulls().n_unique().cast(pl.Int64),
        first=pl.col("seq_no").min(),
        last=pl.col("seq_no").max(),
    )
    whole = (pl.col("numbers") == pl.col("items")) & (pl.col("first") == 1) & (pl.col("last") == pl.col("items"))
    gaps = counted.filter(~whole.fill_null(value=False))
    versions = register.newest.select("list_id", "list_version").unique()
    headlines = register.headlines.join(versions, on=["list_id", "list_version"], how="semi").rename({"n": "headline"})
    checked = versions.join(headlines.select("list_id", "list_version").unique(), on=["list_id", "list_version"])
    totals = counted.join(checked, on=["list_id", "list_version"]).join(headlines, on=key, how="full", coalesce=True)
    unequal = totals.filter(pl.col("items").fill_null(0) != pl.col("headline").fill_null(0))
    return pl.concat(
        [
            problem(gaps, "duty_kind", "items", "numbers", "first", "last", duty_id=WHOLE_LIST),
            problem(unequal, "duty_kind", "items", "headline", duty_id=WHOLE_LIST),
        ]
    )


def dl_09(register: DutyRegister) -> pl.DataFrame:
    """Two versions begin together, or a reclaimed item came back without an admission."""
    follows = register.versions.filter(pl.col("old_version").is_not_null())
    together = follows.filter(pl.col("old_start") == pl.col("start"))
    changes = version_changes(register.duties, follows, register.admissions).filter("lacks_admission")
    changes = changes.rename({"new_version": "list_version"})
    return pl.concat(
        [
            problem(together, "old_version", "start", duty_id=WHOLE_LIST, detail="two versions begin on one day"),
            problem(changes, "old_version", "old_duty_kind", "duty_kind", detail="no admission"),
        ]
    )


def dl_10(register: DutyRegister) -> pl.DataFrame:
    """A version is in force before the publication date its number gives."""
    digits = pl.col("list_version").str.replace_all(r"[^0-9]+", "-").str.strip_chars("-")
    published = pl.coalesce(
        digits.str.to_date("%Y-%m-%d", strict=False),
        pl.when(digits.str.contains(r"^[0-9]{8}$")).then(digits).str.to_date("%Y%m%d", strict=False),
    )
    rows = register.versions.with_columns(published=published)
    return problem(rows.filter(pl.col("start") < pl.col("published")), "start", "published", duty_id=WHOLE_LIST)


def dl_11(register: DutyRegister) -> pl.DataFrame:
    """A matter for a professional authority stands among a township's basic duties."""
    rows = register.current.filter((pl.col("duty_kind") == "basic") & pl.col("scope_kind").is_in(TOWNSHIP_KINDS))
    return problem(rows.filter(pl.col("duty_name").str.contains_any(list(PROFESSIONAL_MATTERS))), "duty_name")


def dl_12(register: DutyRegister) -> pl.DataFrame:
    """Cooperating items that do not say how the work is done or whom to turn to, as a share of a version."""
    rows = register.newest.filter(pl.col("duty_kind") == "cooperate")
    silent = pl.col("work_mode").str.strip_chars().fill_null("") == ""
    counted = rows.group_by("list_id", "list_version").agg(items=pl.len(), without_work_mode=silent.sum())
    return problem(counted.filter(pl.col("without_work_mode") > 0), "without_work_mode", "items", duty_id=WHOLE_LIST)


def dl_13(register: DutyRegister) -> pl.DataFrame:
    """The list of a village does not name every certificate of the national first batch."""
    wanted = pl.DataFrame({"certificate": register.certificates}, schema={"certificate": pl.String}).with_columns(
        name=normalised("certificate")
    )
    units = pl.concat(
        [
            pl.DataFrame({"org_id": NEVER_A_SUBJECT, "org_kind": NEVER_A_SUBJECT}),
            register.organisations.select("org_id", "org_kind").filter(
                pl.col("org_id").is_in(register.duties["scope_org_id"].drop_nulls().implode())
                & pl.col("org_kind").is_in(NEVER_A_SUBJECT)
            ),
        ]
    )
    items = unit_items(units, register.duties, register.day).with_columns(name=normalised("duty_name"))
    listed = items.filter(pl.col("duty_kind") == "no_certificate").select("org_id", listed="name")
    named = listed.join(wanted, how="cross").filter(pl.col("listed").str.contains(pl.col("name"), literal=True))
    holders = items.group_by("org_id").agg(pl.col("list_id", "list_version").sort_by("list_id", "list_version").first())
    missing = holders.join(wanted, how="cross").join(named, on=["org_id", "name"], how="anti")
    counted = missing.sort("certificate").group_by("list_id", "list_version", "org_id").agg("certificate")
    counted = counted.with_columns(
        missing=pl.col("certificate").list.len(), certificates=pl.col("certificate").list.join("、")
    )
    return problem(counted.rename({"org_id": "scope"}), "scope", "missing", "certificates", duty_id=WHOLE_LIST)


def dl_14(register: DutyRegister) -> pl.DataFrame:
    """An indicator, form, app or campaign points to a duty that is on no list on its day."""
    spans = register.duties.select("duty_id", "valid_from", "valid_to")
    held = register.references.join(spans, on="duty_id").filter(in_force(pl.col("day"))).select("what", "duty_id")
    lost = register.references.join(held, on=["what", "duty_id"], how="anti")
    known = register.duties.sort("valid_from", "list_id", "list_version").group_by("duty_id").agg(
        pl.col("list_id", "list_version").last()
    )  # fmt: skip
    rows = lost.join(known, on="duty_id", how="left").with_columns(
        pl.col("list_id", "list_version").fill_null(WHOLE_LIST)
    )
    return problem(rows, "what", "day")


@dataclass(frozen=True)
class DutyListRule:
    """One rule on duty lists: its number, how bad a problem is, what is asked, and how to find what breaks it."""

    rule: str
    level: Level
    zh: str
    en: str
    find: Callable[[DutyRegister], pl.DataFrame]


DUTY_LIST_RULES: Final[Mapping[str, DutyListRule]] = {
    rule.rule: rule
    for rule in (
        DutyListRule(
            "DL-01",
            "critical",
            "同一事项的有效期不得重叠，间断须写明变更原因",
            "validity of an item does not overlap and has no gap without a reason",
            dl_01,
        ),
        DutyListRule(
            "DL-02",
            "critical",
            "配合、收回、协助和不应承担事项须有在册且层级高于本单位的牵头部门",
            "cooperating, reclaimed, assisting and forbidden items name a lead on the register, above the unit",
            dl_02,
        ),
        DutyListRule(
            "DL-03",
            "critical",
            "同一单位同一天，一个事项或名称只能属于一类",
            "one duty, and one name, stands in one kind for a unit and day",
            dl_03,
        ),
        DutyListRule(
            "DL-04",
            "warning",
            "收回事项应列入承接部门自己的清单",
            "a reclaimed item is on the list of the department that took it back",
            dl_04,
        ),
        DutyListRule(
            "DL-05",
            "critical",
            "配合事项须分别写明牵头部门和基层的职责，两者不得相同",
            "a cooperating item says what the lead does and what the unit does, and they differ",
            dl_05,
        ),
        DutyListRule(
            "DL-06",
            "critical",
            "村级类别只用于村（社区），乡镇类别只用于乡镇（街道）",
            "village kinds are for villages and communities, township kinds for townships and subdistricts",
            dl_06,
        ),
        DutyListRule(
            "DL-07",
            "warning",
            "协助事项和不应出具的证明应引用法律、党内法规或有文号的文件",
            "assisting items and certificates cite a law, party rule or numbered document",
            dl_07,
        ),
        DutyListRule(
            "DL-08",
            "warning",
            "每一版每一类的序号应从 1 连续编号，总数与清单公布数一致",
            "numbers run from 1 without gap in each version and kind, and totals are those the list was published with",
            dl_08,
        ),
        DutyListRule(
            "DL-09",
            "critical",
            "每一版接续一个上一版；收回事项改为基本或配合须有准入",
            "every version follows one other; a reclaimed item comes back only by an admission",
            dl_09,
        ),
        DutyListRule(
            "DL-10",
            "warning",
            "清单生效不应早于公布",
            "a version is not in force before it is published",
            dl_10,
        ),
        DutyListRule(
            "DL-11",
            "warning",
            "专业性执法、许可事项不宜列为基本履职",
            "professional enforcement and licensing is no basic duty",
            dl_11,
        ),
        DutyListRule(
            "DL-12",
            "info",
            "配合事项宜写明工作方式",
            "a cooperating item says how the work is done",
            dl_12,
        ),
        DutyListRule(
            "DL-13",
            "warning",
            "村级清单应涵盖国家第一批 20 项不应出具的证明",
            "a village's list has the 20 certificates of the national first batch",
            dl_13,
        ),
        DutyListRule(
            "DL-14",
            "critical",
            "指标、报表、应用、创建活动所依据的事项须在清单上",
            "an indicator, form, app or campaign rests on a duty that is on a list",
            dl_14,
        ),
    )
}
"""Every rule by its number."""

POINTING_KINDS: Final = ("report_form", "app", "campaign")


def duty_references(indicators: pl.DataFrame, facts: pl.LazyFrame, day: date) -> pl.DataFrame:
    """What points to duty items: indicators in force, and the forms, apps and campaigns on record.

    Args:
        indicators: indicator_id, duty_id; the rows in force on the day.
        facts: Burden facts: burden_kind, issuer_org_id, source_ref, duty_id, start_date.
        day: The day indicators are held against the lists.

    Returns:
        what (kind and reference), duty_id, day (the last on which it was asked); sorted.
    """
    measured = indicators.filter(pl.col("duty_id").is_not_null()).select(
        pl.format("indicator {}", "indicator_id").alias("what"), "duty_id", day=pl.lit(day, pl.Date)
    )
    asked = (
        facts.filter(pl.col("burden_kind").is_in(POINTING_KINDS) & pl.col("duty_id").is_not_null())
        .group_by("burden_kind", "issuer_org_id", "source_ref", "duty_id")
        .agg(day=pl.col("start_date").max())
        .select(pl.format("{} {} {}", "burden_kind", "issuer_org_id", "source_ref").alias("what"), "duty_id", "day")
        .collect(engine="streaming")
    )
    return pl.concat([measured, asked]).unique().sort("what", "duty_id", "day")


def duty_list_problems(register: DutyRegister, period_id: str) -> pl.DataFrame:
    """All problems of all duty lists at once.

    Args:
        register: The lists and what they are held against.
        period_id: The period the result belongs to.

    Returns:
        ``DUTY_LIST_PROBLEM``, one row per problem.
    """
    found = [
        rule.find(register)
        .select(pl.col(name).cast(dtype) for name, dtype in PROBLEM_SCHEMA.items())
        .with_columns(rule=pl.lit(rule.rule), level=pl.lit(rule.level))
        for rule in DUTY_LIST_RULES.values()
    ]
    return DUTY_LIST_PROBLEM.conform(pl.concat(found).unique().with_columns(period_id=pl.lit(period_id)))
