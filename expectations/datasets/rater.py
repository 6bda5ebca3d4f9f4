"""rater: who may rate, by token, and for which grassroots unit (INPUT.md 4.3, 4.4)."""

from __future__ import annotations

from expectations.datasets.shared import later_than, org_column, org_reference, valid_from_column, valid_to_column
from expectations.declaration import Code, Column, ColumnType, Dataset

RATER_ROLE = (
    Code("village_secretary", "村书记", "village secretary", ("村党组织书记", "村支书", "社区书记", "书记")),
    Code("village_director", "村主任", "village director", ("村委会主任", "居委会主任", "主任")),
    Code("village_cadre", "村干部", "village cadre", ("村两委成员", "村两委")),
    Code("community_worker", "社区工作者", "community worker", ("社工", "社区专职工作者")),
    Code("grid_worker", "网格员", "grid worker", ("专职网格员",)),
    Code("township_leader", "乡镇领导", "township leader", ("乡镇班子成员", "街道领导")),
    Code("township_cadre", "乡镇干部", "township cadre", ("乡镇工作人员", "街道干部")),
    Code("deputy", "代表委员", "deputy", ("两代表一委员", "人大代表", "党代表", "政协委员")),
    Code("resident", "居民代表", "resident", ("群众代表", "村民代表", "居民")),
    Code("enterprise", "企业代表", "enterprise", ("企业", "市场主体")),
)


def rater_token_column() -> Column:
    """The token that arrives; only its keyed pseudonym is stored, as ``rater_id``."""
    return Column(
        "rater_token",
        ColumnType.IDENTIFIER,
        "评分口令",
        "rater token",
        "发给评分人的口令；读取后即换成不可逆的匿名编号，明细库和结果库只存编号；原文只在原件库和退回给报送单位的文件里。",
        "The token given to the rater; the lake and the warehouse hold only its keyed pseudonym; the token itself "
        "stands in the landed file and in what is sent back to the submitter.",
        required=True,
        aliases=("口令", "评分码", "评分令牌"),
        pseudonymised_as="rater_id",
    )


RATER = Dataset(
    name="rater",
    zh="评分人名册",
    en="raters",
    description_zh="基层单位中获准评分的人，只用口令代表，不含姓名和联系方式。",
    description_en="Persons of grassroots units allowed to rate, known by token only.",
    aliases=("评分人", "评价人名册", "测评人名册"),
    natural_key=("rater_id", "valid_from"),
    wave=1,
    columns=(
        rater_token_column(),
        org_column(
            "rater_org_id",
            "评分单位编码",
            "unit of the rater",
            "评分人所属的村、社区、乡镇或街道。",
            "Village, community, township or subdistrict the rater belongs to.",
            required=True,
            aliases=("评分人单位编码", "所属单位编码", "所在单位编码"),
        ),
        Column(
            "rater_role",
            ColumnType.CODE,
            "评分人身份",
            "rater role",
            "评分人的岗位；居民和企业代表仅在参评名册列入时有效。",
            "Post of the rater; residents and enterprises count only with an entry in the frame.",
            required=True,
            codes=RATER_ROLE,
            aliases=("身份", "岗位", "评分人类别"),
        ),
        Column(
            "cohort",
            ColumnType.IDENTIFIER,
            "批次",
            "cohort",
            "同一批发放口令的评分人。",
            "Raters who were given their tokens together.",
            max_length=64,
            aliases=("口令批次",),
        ),
        valid_from_column(),
        valid_to_column(),
    ),
    expectations=(later_than("valid_to", "valid_from"),),
    references=(org_reference("rater_org_id", valid_on="valid_from"),),
    check_functions=("validity_intervals_do_not_overlap",),
)
