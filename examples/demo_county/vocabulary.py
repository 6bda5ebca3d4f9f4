"""The invented words of Jichuan County (霁川县): departments, syllables of place names, items, indicators.

No division of this name exists, and none of the place names that the syllables form is that of a
township or village in the national list. Names of departments are the generic ones.
"""

from __future__ import annotations

from dataclasses import dataclass

COUNTY_ID = "JC-COUNTY"
COUNTY_NAME = "霁川县"
PROGRAMME_ID = "JC-JFB"
MONITOR_ID = "JC-JCZX"
COUNTY_OFFICE_ID = "JC-XWB"
STAFFING_OFFICE_ID = "JC-BB"

FIRST_SYLLABLES = "霁溯暮漪葭杳岫棹籁澹沄翊霭琤璟钤"
SECOND_SYLLABLES = "溪坪垭坞浦甸埠湾崖岔渡坡滩沟塘屯垅岗"

LEGIBLE_CHARACTERS = "ABCDEFGHJKMNPQRSTUVWXYZ23456789"
"""Letters and figures that are not mistaken for one another on paper."""


@dataclass(frozen=True)
class Department:
    """A county department: its id, name without the county's, the sign in its document numbers, group and kind."""

    org_id: str
    name: str
    sign: str
    peer_group: str
    org_kind: str


DEPARTMENTS = (
    Department("JC-XWB", "县委办公室", "办", "party_mass", "county_party_dept"),
    Department("JC-ZZB", "县委组织部", "组", "party_mass", "county_party_dept"),
    Department("JC-XCB", "县委宣传部", "宣", "party_mass", "county_party_dept"),
    Department("JC-TZB", "县委统战部", "统", "party_mass", "county_party_dept"),
    Department("JC-SGB", "县委社会工作部", "社工", "party_mass", "county_party_dept"),
    Department("JC-BB", "县委机构编制委员会办公室", "编办", "party_mass", "county_party_dept"),
    Department("JC-ZGH", "县总工会", "工", "party_mass", "mass_org"),
    Department("JC-TXW", "共青团县委员会", "团", "party_mass", "mass_org"),
    Department("JC-FL", "县妇女联合会", "妇", "party_mass", "mass_org"),
    Department("JC-ZFB", "县人民政府办公室", "政办", "government", "county_gov_dept"),
    Department("JC-FGJ", "县发展和改革局", "发改", "government", "county_gov_dept"),
    Department("JC-JYJ", "县教育局", "教", "government", "county_gov_dept"),
    Department("JC-MZJ", "县民政局", "民", "government", "county_gov_dept"),
    Department("JC-CZJ", "县财政局", "财", "government", "county_gov_dept"),
    Department("JC-RSJ", "县人力资源和社会保障局", "人社", "government", "county_gov_dept"),
    Department("JC-ZRJ", "县自然资源和规划局", "自然", "government", "county_gov_dept"),
    Department("JC-ZJJ", "县住房和城乡建设局", "建", "government", "county_gov_dept"),
    Department("JC-JTJ", "县交通运输局", "交", "government", "county_gov_dept"),
    Department("JC-SLJ", "县水利局", "水", "government", "county_gov_dept"),
    Department("JC-NYJ", "县农业农村局", "农", "government", "county_gov_dept"),
    Department("JC-WLJ", "县文化和旅游局", "文旅", "government", "county_gov_dept"),
    Department("JC-WJJ", "县卫生健康局", "卫", "government", "county_gov_dept"),
    Department("JC-YJJ", "县应急管理局", "应急", "government", "county_gov_dept"),
    Department("JC-ZFW", "县委政法委员会", "政法", "politics_law", "county_party_dept"),
    Department("JC-GAJ", "县公安局", "公", "politics_law", "county_gov_dept"),
    Department("JC-SFJ", "县司法局", "司", "politics_law", "county_gov_dept"),
    Department("JC-XFJ", "县信访局", "信", "politics_law", "county_gov_dept"),
    Department("JC-ZZZX", "县社会治安综合治理中心", "综治", "politics_law", "public_institution"),
    Department("JC-SWJ", "县税务局", "税", "vertical", "vertical_agency"),
    Department("JC-QXJ", "县气象局", "气", "vertical", "vertical_agency"),
    Department("JC-HBJ", "县生态环境分局", "环", "vertical", "vertical_agency"),
    Department("JC-YCJ", "县烟草专卖局", "烟", "vertical", "vertical_agency"),
    Department("JC-XFD", "县消防救援大队", "消", "vertical", "vertical_agency"),
    Department("JC-DCD", "县统计调查队", "调", "vertical", "vertical_agency"),
)

LOW_CONTACT_ID = "JC-YCJ"
IMPROVING_ID = "JC-MZJ"
DECLINING_ID = "JC-YJJ"


@dataclass(frozen=True)
class Item:
    """One item of an instrument on the scale 1 to 5."""

    item_id: str
    dimension: str
    text: str


RATING_INSTRUMENT = "REV-DEPT"
RATING_ITEMS = (
    Item("SOLVE", "解决实际问题", "本期该部门帮助本单位解决了实际问题。"),
    Item("REPLY", "解决实际问题", "本单位反映的困难和请求，该部门及时答复并落实。"),
    Item("MATCH", "权责与资源匹配", "该部门交办任务时，权限、经费和人员随事而转。"),
    Item("GUIDE", "指导服务", "该部门的指导服务管用、好懂、不推诿。"),
    Item("BURDEN", "少折腾", "该部门的文件、会议、报表、检查和清单外任务少而必要。"),
)

SURVEY_INSTRUMENT = "CIT-SAT"
SURVEY_ITEMS = (
    Item("SERVE", "办事服务", "您对本村（社区）办事服务是否满意？"),
    Item("PLACE", "生活环境", "您对本村（社区）的环境和设施是否满意？"),
)

ANSWER_LABELS = {5: "非常满意", 4: "满意", 3: "一般", 2: "不满意", 1: "非常不满意"}


@dataclass(frozen=True)
class Indicator:
    """One indicator: who keeps its register, how it is counted and how its values are drawn.

    ``mean`` and ``spread`` are of the unit's underlying value in the baseline period, ``cases`` the
    mean denominator of a village (None for a value that is no ratio).
    """

    indicator_id: str
    name: str
    source_org_id: str
    unit: str
    direction: str
    track: str
    nature: str
    achievement_kind: str
    domain: str
    duty_id: str | None
    mean: float
    spread: float
    cases: int | None


RATIO_UNIT = "比率"
UNIT_INDICATORS = (
    Indicator("DISPUTE", "矛盾纠纷就地化解率", "JC-SFJ", RATIO_UNIT, "higher_better", "quality", "outcome", "visible",
              "平安", "T-B01", 0.86, 0.06, 24),
    Indicator("APPEAL", "群众诉求确认解决率", "JC-XFJ", RATIO_UNIT, "higher_better", "quality", "outcome", "visible",
              "民生", "T-B02", 0.82, 0.07, 40),
    Indicator("REPEAT", "重复投诉率", "JC-XFJ", RATIO_UNIT, "lower_better", "quality", "outcome", "visible",
              "民生", "T-B02", 0.14, 0.05, 40),
    Indicator("RELIEF", "困难群众救助到位率", "JC-MZJ", RATIO_UNIT, "higher_better", "quality", "outcome", "visible",
              "民生", "T-B03", 0.90, 0.05, 30),
    Indicator("WASTE", "生活垃圾规范清运率", "JC-ZJJ", RATIO_UNIT, "higher_better", "quality", "output", "visible",
              "环境", "T-B04", 0.88, 0.06, 60),
    Indicator("CHRONIC", "慢性病规范管理率", "JC-WJJ", RATIO_UNIT, "higher_better", "quality", "outcome", "latent",
              "健康", "T-C01", 0.74, 0.08, 90),
    Indicator("FARMLAND", "高标准农田管护完好率", "JC-NYJ", RATIO_UNIT, "higher_better", "quality", "outcome",
              "latent", "农业", "T-C02", 0.80, 0.08, 50),
    Indicator("JOBS", "每千人新增就业人数", "JC-RSJ", "人/千人", "higher_better", "quantity", "output", "visible",
              "就业", "T-C03", 4.2, 1.3, None),
    Indicator("JOBKEEP", "新增就业半年稳定率", "JC-RSJ", RATIO_UNIT, "higher_better", "quality", "outcome", "visible",
              "就业", "T-C03", 0.78, 0.07, 25),
    Indicator("SKILLS", "每千人新增技能人才数", "JC-RSJ", "人/千人", "higher_better", "quantity", "outcome", "latent",
              "就业", "T-C03", 6.5, 1.8, None),
)  # fmt: skip
DEPARTMENT_INDICATORS = (
    Indicator("REQ-TIME", "基层请求按时办结率", MONITOR_ID, RATIO_UNIT, "higher_better", "quality", "outcome",
              "visible", "回应基层", None, 0.88, 0.07, 60),
    Indicator("REQ-DONE", "基层请求确认解决率", MONITOR_ID, RATIO_UNIT, "higher_better", "quality", "outcome",
              "visible", "回应基层", None, 0.76, 0.09, 60),
)  # fmt: skip


@dataclass(frozen=True)
class BurdenKind:
    """One kind of burden: unit of measure, flow or stock, share of events and register prefix."""

    code: str
    zh: str
    unit: str
    measure: str
    share: float
    prefix: str


BURDEN_KINDS = (
    BurdenKind("meeting", "会议", "次", "flow", 0.20, "HY"),
    BurdenKind("video_conf", "视频会议", "次", "flow", 0.10, "SP"),
    BurdenKind("document", "文件", "件", "flow", 0.22, "WJ"),
    BurdenKind("work_reminder", "工作提示", "条", "flow", 0.08, "TS"),
    BurdenKind("report_form", "报表", "张次", "flow", 0.18, "BB"),
    BurdenKind("inspection", "督查检查", "次", "flow", 0.08, "DC"),
    BurdenKind("temp_task", "临时任务", "项", "flow", 0.06, "RW"),
    BurdenKind("secondment", "借调", "人日", "flow", 0.03, "JD"),
    BurdenKind("work_group", "政务工作群", "个", "stock", 0.05, "QZ"),
)

MATTERS = (
    "秋粮收购", "安全生产排查", "防汛备汛", "人居环境整治", "参保缴费动员", "反诈宣传", "森林防火", "养老服务摸底",
    "就业帮扶", "河道巡查", "校园周边治理", "农田管护", "燃气安全", "矛盾纠纷排查", "健康体检组织", "经济普查",
    "文明实践活动", "危房排查", "种植补贴核实", "消防通道整治",
)  # fmt: skip

DUTY_OF_MATTER = {
    "秋粮收购": "T-C02", "安全生产排查": "T-C05", "防汛备汛": "T-C04", "人居环境整治": "T-B04", "参保缴费动员": "T-B03",
    "反诈宣传": "T-B01", "森林防火": "T-C05", "养老服务摸底": "T-C06", "就业帮扶": "T-C03", "河道巡查": "T-C04",
    "校园周边治理": "T-B01", "农田管护": "T-C02", "燃气安全": "T-C05", "矛盾纠纷排查": "T-B01", "健康体检组织": "T-C01",
    "经济普查": "T-B02", "文明实践活动": "T-B05", "危房排查": "T-B03", "种植补贴核实": "T-C02", "消防通道整治": "T-C05",
}  # fmt: skip
"""The duty of the townships that each matter belongs to."""

BASIC_DUTIES = (
    ("T-B01", "平安", "就地受理、调解本辖区矛盾纠纷", "《中华人民共和国人民调解法》"),
    ("T-B02", "民生", "受理并答复群众诉求", "乡镇（街道）履职事项清单"),
    ("T-B03", "民生", "困难群众主动发现和救助申请受理", "《社会救助暂行办法》"),
    ("T-B04", "环境", "组织生活垃圾日常清运", "乡镇（街道）履职事项清单"),
    ("T-B05", "党建", "指导村（社区）党组织建设", "《中国共产党农村基层组织工作条例》"),
    ("T-B06", "民生", "老年人、留守儿童日常关爱", "乡镇（街道）履职事项清单"),
)
PROFESSIONAL_DUTY = ("T-B07", "平安", "烟花爆竹经营检查", "乡镇（街道）履职事项清单")
"""A matter for a professional authority that stands among the townships' basic duties: not checked by outcome."""
COOPERATE_DUTIES = (
    ("T-C01", "健康", "慢性病健康管理", "JC-WJJ", "制定方案、提供诊疗和药品", "通知居民、提供场地"),
    ("T-C02", "农业", "高标准农田管护", "JC-NYJ", "规划、资金和验收", "日常巡看、报告损坏"),
    ("T-C03", "就业", "就业帮扶", "JC-RSJ", "岗位归集、培训补贴", "摸清意愿、转介求职者"),
    ("T-C04", "平安", "防汛抢险", "JC-SLJ", "预警、队伍和物资", "转移群众、报告险情"),
    ("T-C05", "平安", "消防安全宣传", "JC-XFD", "培训和执法检查", "张贴提示、劝阻占用通道"),
    ("T-C06", "民生", "养老服务机构监管", "JC-MZJ", "许可、检查和处罚", "发现问题及时报告"),
)
RECLAIMED_DUTIES = (
    ("T-R01", "平安", "燃气经营专业检查", "JC-ZJJ", "由牵头部门执法队伍承担，乡镇不再开展"),
    ("T-R02", "环境", "工业污染源监测", "JC-HBJ", "由牵头部门专业机构承担，乡镇不再开展"),
    ("T-R03", "农业", "种子经营执法", "JC-NYJ", "由牵头部门执法队伍承担，乡镇不再开展"),
    ("T-R04", "经济", "税源信息采集录入", "JC-SWJ", "由牵头部门通过数据共享取得，乡镇不再填报"),
)
VILLAGE_DUTIES = (
    (
        "V-S01",
        "village_statutory",
        "自治",
        "召集村民（居民）会议并执行决定",
        None,
        "《中华人民共和国村民委员会组织法》",
    ),
    ("V-S02", "village_statutory", "自治", "管理集体资产并公开账目", None, "《中华人民共和国村民委员会组织法》"),
    ("V-A01", "village_assist", "民生", "协助开展救助对象核实", "JC-MZJ", "《社会救助暂行办法》"),
    ("V-A02", "village_assist", "健康", "协助开展公共卫生宣传", "JC-WJJ", "《基本医疗卫生与健康促进法》"),
    ("V-F01", "forbidden", "平安", "承担行政处罚和强制执行", "JC-SFJ", None),
    ("V-F02", "forbidden", "经济", "承担招商引资任务指标", "JC-FGJ", None),
    ("V-N01", "no_certificate", "民生", "亲属关系证明", "JC-GAJ", "不应由基层群众性自治组织出具证明事项清单"),
    ("V-N02", "no_certificate", "民生", "居民就业状况证明", "JC-RSJ", "不应由基层群众性自治组织出具证明事项清单"),
)

ASSISTED_BY_VILLAGES = tuple(
    (duty, category, f"协助做好：{name}", lead)
    for duty, category, name, lead in (
        ("T-B01", "平安", "矛盾纠纷就地化解", "JC-SFJ"),
        ("T-B02", "民生", "群众诉求答复", "JC-XFJ"),
        ("T-B03", "民生", "困难群众救助", "JC-MZJ"),
        ("T-B04", "环境", "生活垃圾清运", "JC-ZJJ"),
        ("T-C01", "健康", "慢性病健康管理", "JC-WJJ"),
        ("T-C02", "农业", "高标准农田管护", "JC-NYJ"),
        ("T-C03", "就业", "就业帮扶", "JC-RSJ"),
    )
)
"""Duties of the townships that villages assist with and are assessed on."""

OWN_VILLAGE_DUTIES = tuple(duty for duty in VILLAGE_DUTIES if duty[1] in ("village_statutory", "village_assist"))
"""The duties a village answers for; what is forbidden to it cannot be fulfilled."""
