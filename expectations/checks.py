"""What the checks mean that no expectation on a single row can state.

The declarations name them, ``tasks.checking`` carries them out, the data dictionary explains them with
these sentences. Rows that void others are exempt, and so is a row whose own cells a check cannot read.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType


@dataclass(frozen=True)
class Check:
    """One check: its codes, the column an error is reported on, and its rule in Chinese and English."""

    name: str
    codes: tuple[str, ...]
    column: str
    zh: str
    en: str


_CHECKS = (
    Check(
        "credit_code_check_digit",
        ("E237",),
        "uscc",
        "统一社会信用代码末位须为前 17 位的校验码（GB 32100-2015）",
        "the last character of the credit code is the check digit of the 17 before it (GB 32100-2015)",
    ),
    Check(
        "validity_intervals_do_not_overlap",
        ("E236",),
        "valid_from",
        "业务键除生效日期外相同的各行，有效期 [生效日期, 失效日期) 互不重叠；失效日期为空视为无限",
        "rows that share the natural key but for valid_from have validities [valid_from, valid_to) that do not "
        "overlap; an empty valid_to never ends",
    ),
    Check(
        "host_given_for_coordinating_body",
        ("E238",),
        "host_org_id",
        "议事协调机构须填牵头单位编码",
        "a coordinating body names its host organisation",
    ),
    Check(
        "scheme_given_with_division_code",
        ("E238",),
        "division_scheme",
        "填了区划代码须同时填区划代码版本",
        "a division code comes with its scheme",
    ),
    Check(
        "predecessor_shares_match_predecessors",
        ("E239",),
        "predecessor_shares",
        "填了前身份额时，份额与前身机构编码个数相同，合计与 1 之差不超过 0.000001",
        "shares, where given, are as many as the predecessors and sum to 1 within 0.000001",
    ),
    Check(
        "scale_given_for_scale_item",
        ("E238",),
        "scale_min",
        "量表题须填最低分和最高分",
        "a scale item has a lowest and a highest score",
    ),
    Check(
        "codes_given_for_choice_item",
        ("E238",),
        "codes",
        "单选题和多选题须填选项",
        "a single or multiple choice item has answer codes",
    ),
    Check(
        "scope_given",
        ("E238",),
        "scope_org_id",
        "适用机构编码和适用机构类型至少填一项",
        "at least one of scope_org_id and scope_kind is given",
    ),
    Check(
        "lead_given_for_duty_kind",
        ("E238",),
        "lead_org_id",
        "配合履职和上级收回须填牵头部门编码",
        "a cooperating or reclaimed duty names its lead department",
    ),
    Check(
        "reason_given_when_excluded",
        ("E238",),
        "reason",
        "“不纳入”行须填原因",
        "an excluded row gives its reason",
    ),
    Check(
        "rater_given_when_may_rate",
        ("E238",),
        "rater_org_id",
        "“可评分”行须填评分单位编码",
        "a may-rate row names the unit of the rater",
    ),
    Check(
        "rater_belongs_to_unit",
        ("E228",),
        "rater_org_id",
        "提交当日，评分人在评分人名册中属于该评分单位",
        "on the day of submission the register of raters has the rater in that unit",
    ),
    Check(
        "not_rating_itself",
        ("E226",),
        "target_org_id",
        "被评部门不是评分单位自己",
        "the ratee is not the unit of the rater",
    ),
    Check(
        "score_on_scale",
        ("E229",),
        "score_raw",
        "分值在题项的最低分与最高分之间；题项有间隔时，与最低分之差是间隔的整数倍",
        "a score lies between the lowest and highest of its item and, where the item has a step, a whole number of "
        "steps above the lowest",
    ),
    Check(
        "score_present_when_answered",
        ("E238",),
        "score_raw",
        "已作答须有分值",
        "an answered item has a score",
    ),
    Check(
        "score_absent_unless_answered",
        ("E239",),
        "score_raw",
        "作答状态不是已作答时不得有分值",
        "there is no score unless the item was answered",
    ),
    Check(
        "target_in_frame",
        ("E235", "W314"),
        "target_org_id",
        "本考核期有参评名册时：名册列出被考核部门的，被评部门须在其中；有“可评分”行的部门只由所列单位评；"
        "部门或这一对单位不得有“不纳入”行。没有名册时，只评自己上级序列中或没有上级的部门，并给出 W314 一次",
        "where the period has a frame: a ratee must be among those assessed, if any are listed; a ratee with may-rate "
        "rows is rated by those units only; neither it nor the pair may be excluded. Without a frame a unit rates the "
        "departments of its own line of parents or without one, and W314 is given once",
    ),
    Check(
        "answer_present_when_answered",
        ("E238",),
        "score_raw",
        "已作答时，分值、选项代码、文字答案至少有一项",
        "an answered item has a score, an answer code or a text",
    ),
    Check(
        "respondent_place_given",
        ("E238",),
        "respondent_org_id",
        "受访地编码和区划代码至少填一项",
        "at least one of respondent_org_id and division_code is given",
    ),
    Check(
        "target_given_when_item_requires_it",
        ("E238",),
        "target_org_id",
        "题项要求针对部门时须填评价对象编码",
        "an item that needs a ratee has one",
    ),
    Check(
        "unit_is_the_indicators",
        ("E234",),
        "unit",
        "计量单位与数据日期当日有效的指标版本相同；当日没有有效版本时不检查",
        "the unit is that of the version of the indicator in force on as_of; not checked when none is",
    ),
    Check(
        "value_is_numerator_over_denominator",
        ("E233",),
        "value",
        "指标值、分子、分母都有且分母不为 0 时，指标值与分子除以分母之差不超过 0.000001",
        "where all three are given and the denominator is not 0, value differs from numerator/denominator by at "
        "most 0.000001",
    ),
    Check(
        "value_within_indicator_limits",
        ("E215",),
        "value",
        "指标值在当日有效的指标版本的最小可能值与最大可能值之间",
        "the value lies between the smallest and largest possible value of the version in force on as_of",
    ),
    Check(
        "bearer_given",
        ("E238",),
        "target_org_id",
        "承担单位编码和承担范围至少填一项",
        "at least one of target_org_id and target_scope is given",
    ),
    Check(
        "unit_fits_burden_kind",
        ("E234",),
        "unit",
        "计量单位是该负担类别规定的单位",
        "the unit is the one its burden kind is counted in",
    ),
    Check(
        "decision_complete_when_decided",
        ("E238",),
        "decided_at",
        "结论为成立、部分成立或不成立时，须填处理日期和处理单位编码",
        "a decision upheld, partly upheld or rejected has its date and the organisation that decided",
    ),
)

CHECKS: Mapping[str, Check] = MappingProxyType({check.name: check for check in _CHECKS})
"""Every check a dataset may declare, by name."""
