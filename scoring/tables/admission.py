"""Results about the gate for new tasks: admissions, reviews, resources, findings and verification.

Days are text (YYYY-MM-DD).
"""

from __future__ import annotations

from scoring.tables.columns import ORG, ORG_NAME, PEER_GROUP, PERIOD, REASON_CODES
from scoring.tables.declaration import ResultColumn, ResultTable, count, decimal, number, text

SUBJECT = text(
    "subject_org_id",
    "责任单位编码",
    "subject id",
    "承担责任的单位，不会是村或社区；没有写明单位时为 *。",
    "Organisation it counts against, never a village; * where none is named.",
)


def _counted(name: str, zh: str, en: str, about_zh: str, about_en: str) -> ResultColumn:
    return count(name, zh, en, about_zh, about_en, nullable=True)


ADMISSION_BREACH = ResultTable(
    name="admission_breach",
    zh="任务准入违规",
    en="breaches of task admission",
    columns=(
        PERIOD,
        text(
            "admission_id",
            "准入编号",
            "admission",
            "准入登记编号；没有申请的负担为 *。",
            "Number of the admission; * for burdens that were never requested.",
        ),
        text(
            "breach",
            "违规代码",
            "breach",
            "步骤和字母，如 2b；order 为日期顺序颠倒。",
            "Step and letter, such as 2b; order where two dates are in the wrong order.",
        ),
        text(
            "detail",
            "细目",
            "detail",
            "同一代码内的区分，如资源类型或颠倒的两个日期；没有时为 -。",
            "Tells rows of one code apart, such as the resource or the two dates; - where nothing does.",
        ),
        SUBJECT,
        text(
            "subject_role",
            "责任身份",
            "role",
            "applicant（申请部门）、approver（审批单位）或 issuer（实际派发单位）；无法核对的行为空。",
            "applicant, approver, or issuer (who imposed it); empty on a row that could not be looked at.",
            nullable=True,
        ),
        text(
            "result_type",
            "结果类别",
            "kind of result",
            "breach（违规）或 not_measurable（缺少数据，无法核对）。",
            "breach, or not_measurable where the data to look at it are missing.",
        ),
        text("step", "准入步骤", "step", "ADM-1 至 ADM-9，或 ORDER。", "ADM-1 to ADM-9, or ORDER."),
        text(
            "breach_on",
            "违规日期",
            "broken on",
            "规定被违反的日期，决定计入哪个考核期。",
            "Day on which the rule was broken; it decides the period the row belongs to.",
            nullable=True,
        ),
        number("value", "实际值", "value", "实际的数值。", "What was found.", decimals=2),
        number("threshold", "规定值", "threshold", "规定的界限。", "What it is held against.", decimals=2),
        _counted(
            "days",
            "相差天数",
            "days",
            "早于、晚于或短于规定的天数；规定按工作日计的为工作日。",
            "Days too early, late or short; working days where the rule counts working days.",
        ),
        _counted("n", "事件数", "events", "涉及的事件数。", "Events concerned."),
        _counted("n_bearers", "承担单位数", "bearing units", "涉及的基层单位数。", "Bearing units concerned."),
        text(
            "evidence_refs",
            "依据",
            "evidence",
            "登记中的日期和数值，或派发单位登记的编号。",
            "Entries of the register, or source references of the issuer's register.",
            nullable=True,
        ),
        text(
            "missing_columns",
            "缺少的数据",
            "missing data",
            "无法核对时缺少的列或数据集。",
            "Column or dataset that is missing where it could not be looked at.",
            nullable=True,
        ),
        REASON_CODES,
    ),
    key=("period_id", "admission_id", "breach", "detail", "subject_org_id"),
)
"""One row per breach of an admission, or of a subject that asked for none."""

CONSISTENCY_COVERAGE = ResultTable(
    name="consistency_coverage",
    zh="一致性评估覆盖",
    en="coverage of the consistency review",
    columns=(
        PERIOD,
        SUBJECT,
        count(
            "n_events",
            "应评估事件数",
            "events",
            "布置任务、报表、考核或会议的事件数。",
            "Events that set a task, form, assessment or meeting.",
        ),
        count(
            "n_reviewed",
            "已评估事件数",
            "reviewed",
            "印发前已通过一致性评估的事件数。",
            "Of these, with a passed review dated before issue.",
        ),
        number("coverage", "覆盖率", "coverage", "已评估占应评估的比例。", "Reviewed over events.", decimals=2),
        _counted(
            "n_contradicted",
            "评估通过而登记不符数",
            "contradicted",
            "已评估事件中，登记本身回答了“否”的必答题的事件数。",
            "Reviewed events for which the registers answer a bold question with no.",
        ),
        count("n_passed", "通过评估数", "passed reviews", "考核期内通过的评估数。", "Reviews passed in the period."),
        count("n_drawn", "抽取复评数", "drawn", "抽取盲评复核的评估数。", "Drawn for blind re-scoring."),
        count("n_rescored", "已复评数", "re-scored", "已有复评结论的数量。", "Of these, with a result."),
        count("n_overturned", "被推翻数", "overturned", "复评推翻原结论的数量。", "Overturned by the re-scoring."),
        number(
            "overturned_share",
            "推翻率",
            "share overturned",
            "被推翻占已复评的比例。",
            "Overturned over re-scored.",
            decimals=2,
        ),
        number("overturned_low", "推翻率下限", "low", "95% 精确区间的下限。", "Low end, exact 95%.", decimals=2),
        number("overturned_high", "推翻率上限", "high", "95% 精确区间的上限。", "High end, exact 95%.", decimals=2),
        REASON_CODES,
    ),
    key=("period_id", "subject_org_id"),
)
"""One row per organisation that set a task or passed a review."""

RESOURCE_RATIO = ResultTable(
    name="resource_ratio",
    zh="资源随事下达",
    en="resources that follow tasks",
    columns=(
        PERIOD,
        text("admission_id", "准入编号", "admission", "准入登记编号。", "Number of the admission."),
        text(
            "receiving_org_id",
            "接收单位编码",
            "receiving unit",
            "接收资源的单位；* 为全部接收单位合计。",
            "Unit that receives; * for all of them together.",
        ),
        text(
            "kind",
            "资源类型",
            "kind of resource",
            "funding_yuan、staff_fte、authority、equipment 或 training_days。",
            "funding_yuan, staff_fte, authority, equipment or training_days.",
        ),
        SUBJECT,
        decimal(
            "promised",
            "承诺数量",
            "promised",
            "准入时承诺的数量；单个接收单位为平均份额；权限和设备以有无计，有为 1。",
            "Promised at admission; for one receiver an equal share; powers and equipment count as 1 where promised.",
        ),
        decimal("granted", "按期下达", "granted in time", "到期时已下达的数量。", "Granted by the day it was due."),
        decimal("granted_later", "逾期下达", "granted later", "到期后下达的数量。", "Granted after that day."),
        number("ratio", "兑现率", "ratio", "按期下达占承诺的比例。", "Granted in time over promised.", decimals=2),
        number(
            "threshold", "规定比例", "threshold", "兑现率的下限。", "Least ratio that keeps the promise.", decimals=2
        ),
        text("due_on", "到期日", "due on", "承诺到期的日期（含当日）。", "Last day for the grant.", nullable=True),
        text(
            "state",
            "兑现状态",
            "state",
            "met 已兑现，short 未足额，not_due 未到期，not_promised 未承诺，not_measurable 没有下达登记。",
            "met, short, not_due, not_promised, or not_measurable where no grants are recorded.",
        ),
        REASON_CODES,
    ),
    key=("period_id", "admission_id", "receiving_org_id", "kind"),
)
"""One row per admission, kind of resource and receiver, and one for all receivers together."""

STAFFING_NORM = ResultTable(
    name="staffing_norm",
    zh="社区工作者配备",
    en="community workers against the norm",
    columns=(
        PERIOD,
        ORG,
        ORG_NAME,
        PEER_GROUP,
        _counted("staff", "社区工作者数", "community workers", "在岗社区工作者。", "Community workers in post."),
        _counted("urban_population", "城镇常住人口", "urban residents", "城镇常住人口。", "Urban permanent residents."),
        number(
            "per_10000",
            "每万人配备数",
            "per 10,000",
            "每万名城镇常住人口的社区工作者数。",
            "Community workers per 10,000 urban permanent residents.",
            decimals=1,
        ),
        number(
            "norm", "配备标准", "norm", "每万人应配备数。", "Workers per 10,000 that the norm asks for.", decimals=1
        ),
        _counted("needed", "应配备数", "needed", "按标准应配备的人数，向上取整。", "Workers the norm asks for."),
        _counted("missing", "缺额", "missing", "低于标准的人数。", "Workers short of the norm."),
        REASON_CODES,
    ),
    key=("period_id", "org_id"),
)
"""One row per community, and per township with communities."""

FINDING_COUNT = ResultTable(
    name="finding_count",
    zh="核查通报与回头看",
    en="findings and re-checks",
    columns=(
        PERIOD,
        SUBJECT,
        count("n_found", "新增问题数", "found", "考核期内发现的问题数。", "Findings of the period."),
        count("n_open", "未整改数", "open", "期末未整改的问题数。", "Open at the end of the period."),
        count("n_mended", "已整改待复核数", "mended", "期末已整改、尚未回头看。", "Mended, not yet re-checked."),
        count("n_rechecked", "已回头看数", "re-checked", "期末已通过回头看。", "Re-checked and found mended."),
        count("n_relapsed", "反弹数", "relapsed", "期末已反弹。", "Relapsed."),
        count("n_overdue", "逾期未回头看数", "overdue", "超过期限仍未回头看。", "Not re-checked within the limit."),
        _counted(
            "most_days_overdue", "最长逾期天数", "most days overdue", "逾期最久的天数。", "Days of the longest overdue."
        ),
        text(
            "overdue_findings",
            "逾期问题编号",
            "overdue findings",
            "逾期的问题编号，最多二十个。",
            "Numbers of the overdue ones, twenty at most.",
            nullable=True,
        ),
    ),
    key=("period_id", "subject_org_id"),
)
"""One row per organisation with a finding up to the end of the period."""

MONITORING_POINT = ResultTable(
    name="monitoring_point",
    zh="减负监测点",
    en="monitoring points",
    columns=(
        PERIOD,
        ORG,
        ORG_NAME,
        PEER_GROUP,
        count(
            "n_own_rows",
            "自行登记数",
            "own rows",
            "监测点或承担单位自行登记的负担记录数。",
            "Rows of its receiving register or reported as a monitoring unit.",
        ),
        _counted(
            "n_issuer_rows", "派发登记数", "issuers' rows", "派发单位登记给它的记录数。", "Rows issuers recorded on it."
        ),
        _counted("n_matched", "相互印证数", "matched", "两方登记一致的记录数。", "Rows found in both registers."),
        number(
            "matched_share",
            "印证率",
            "matched share",
            "派发单位的记录中，它自己的登记也有的比例。",
            "Share of the issuers' rows that its own register has too.",
            decimals=2,
        ),
        number(
            "threshold", "可信下限", "threshold", "印证率的下限。", "Least share of a trusted register.", decimals=2
        ),
        text(
            "state",
            "登记状态",
            "state",
            "trusted 可信，not_trusted 不可信，unknown 无从印证。",
            "trusted, not_trusted, or unknown where nothing can be matched.",
        ),
        count(
            "n_findings", "相关问题数", "findings", "对其上级单位的问题数。", "Findings about the township above it."
        ),
        count("n_rechecked", "已回头看数", "re-checked", "其中已回头看的数量。", "Of these, re-checked."),
        REASON_CODES,
    ),
    key=("period_id", "org_id"),
)
"""One row per unit that keeps a register of what it receives."""

VERIFICATION_RATE = ResultTable(
    name="verification_rate",
    zh="核验差错率",
    en="error rates found by verification",
    columns=(
        PERIOD,
        text(
            "source_org_id",
            "来源单位编码",
            "source id",
            "数据出自其登记的单位。",
            "Organisation whose register the facts come from.",
        ),
        count("n_population", "总体数", "facts", "可供抽取的数据条数。", "Facts it could be drawn from."),
        count("n_drawn", "抽取数", "drawn", "抽中的条数。", "Facts drawn."),
        count("n_checked", "已核验数", "checked", "有“属实”或“不符”结论的条数。", "Confirmed or found to differ."),
        count("n_differs", "不符数", "differing", "与实地不符的条数。", "Found to differ."),
        count(
            "n_not_verifiable",
            "无法核实数",
            "not verifiable",
            "无法核实，既不算属实也不算不符。",
            "Could not be verified: neither confirmed nor an error.",
        ),
        count("n_outstanding", "尚未核验数", "outstanding", "尚无结论的条数。", "Without a result as yet."),
        number(
            "error_rate",
            "差错率",
            "error rate",
            "按入样概率加权的不符比例。",
            "Share of differing facts, weighted by one over the inclusion probability.",
            decimals=3,
        ),
        number(
            "error_low", "差错率下限", "low", "95% 精确区间的下限。", "Low end of the exact 95% interval.", decimals=3
        ),
        number(
            "error_high",
            "差错率上限",
            "high",
            "95% 精确区间的上限。",
            "High end of the exact 95% interval.",
            decimals=3,
        ),
        number("rate", "本次抽取率", "rate", "本次的抽取率。", "Share drawn this time.", decimals=3),
        number("next_rate", "下次抽取率", "next rate", "下次的抽取率。", "Share to draw next time.", decimals=3),
        REASON_CODES,
    ),
    key=("period_id", "source_org_id"),
)
"""One row per source that was drawn from."""
