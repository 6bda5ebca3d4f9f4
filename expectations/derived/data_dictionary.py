"""The data dictionary page: ``python -m expectations.derived.data_dictionary > docs/data-dictionary.md``."""

from __future__ import annotations

import sys
from collections.abc import Iterable, Iterator, Sequence

from expectations.base import row_expectations
from expectations.checks import CHECKS
from expectations.common import CONTRACT_VERSION
from expectations.datasets import DATASETS
from expectations.declaration import Column, ColumnType, Dataset, Expectation, Reference
from expectations.derived.excel_template import allowed_values

TYPE_NAMES = {
    ColumnType.NAME: "文字 text",
    ColumnType.IDENTIFIER: "编码 identifier",
    ColumnType.CODE: "选项 code",
    ColumnType.INTEGER: "整数 integer",
    ColumnType.DECIMAL: "小数 decimal(18,6)",
    ColumnType.RATIO: "比率 ratio 0-1",
    ColumnType.DATE: "日期 date",
    ColumnType.TIMESTAMP: "时间 timestamp",
    ColumnType.BOOLEAN: "是否 boolean",
    ColumnType.JSON: "JSON",
    ColumnType.LIST: "列表 list `;`",
}

_MANIFEST_KEYS = (
    ("dataset", "数据集英文名", "Name of the dataset"),
    ("contract_version", f"合约版本，现为 {CONTRACT_VERSION}", f"Version of this contract, now {CONTRACT_VERSION}"),
    ("mapping", "映射编号；列名已符合本字典时不写", "Id of a mapping; left out when the headers are those below"),
    ("submitter_org_id", "报送单位的机构编码", "Organisation that delivers the file"),
    ("period_id", "考核期", "Assessment period"),
    (
        "mode",
        "delta（默认）只涉及文件中的行；full 替换该单位该期的全部行",
        "delta (default) touches the rows present; full replaces all rows of this submitter and period",
    ),
    ("encoding", "CSV 的编码：utf-8、utf-16 或 gb18030", "Encoding of a CSV: utf-8, utf-16 or gb18030"),
    ("sheet", "读取哪个工作表", "Which sheet to read"),
    ("rows", "数据行数，与实际不符则退回", "Number of data rows; the file is refused when it differs"),
    ("sha256", "文件的 SHA-256，与实际不符则退回", "SHA-256 of the file; the file is refused when it differs"),
    ("created_at", "文件生成时间", "When the file was made"),
    ("supersedes_sha256", "本文件所替代的文件", "The file this one replaces"),
    ("contact", "联系科室（不写个人）", "Office to ask; no person"),
)

_CELL_RULES = (
    (
        "空格、全角字符、不可见字符会自动整理，整理过的每一处都列在回执里。",
        "Spaces, full-width and invisible characters are tidied; every change is listed in the receipt.",
    ),
    (
        "空白、-、—、/、无、暂无、NA、null 视为没有值；0 从不视为没有值；计数列没有请填 0。",
        "Empty, -, —, /, 无, 暂无, NA and null mean no value; 0 never does; a count of none is written 0.",
    ),
    (
        "日期写成 2026-03-05、2026/3/5、20260305 或 2026年3月5日；年份四位，在 2000 至 2100 之间。",
        "Dates like 2026-03-05, 2026/3/5, 20260305 or 2026年3月5日; four-digit years from 2000 to 2100.",
    ),
    (
        "时间不带时区时按北京时间（Asia/Shanghai）。",
        "A time without a zone is taken as Asia/Shanghai.",
    ),
    (
        "比率填 0 到 1 之间的小数，或带 % 号：28.5% 即 0.285；填 28.5 会被拒收。",
        "A ratio is a number between 0 and 1 or has a % sign: 28.5% is 0.285; a bare 28.5 is rejected.",
    ),
    (
        "数字至多 6 位小数；“约10”“10+”“10-15”会被拒收；只有列出的单位可以写在数字后面。",
        "At most 6 decimal places; “约10”, “10+” and “10-15” are rejected; only the units listed may follow a number.",
    ),
    (
        "表头须在前 10 行内，列名用中文名、英文名或所列别名之一，次序不限。",
        "The header stands within the first 10 rows; a column goes by its Chinese name, its English name or an alias.",
    ),
    (
        "合计、小计行和填表人、审核人等落款行不作为数据。",
        "Total rows and footers are not taken as data.",
    ),
    (
        "文件中不得有姓名、身份证、手机、电话、微信、openid、IP 等列，否则整份退回。",
        "A file with columns of personal data, such as names, numbers or addresses of persons, is refused as a whole.",
    ),
)


def data_dictionary() -> str:
    """The whole page in Markdown, ending in a line break."""
    return "\n".join(_page()) + "\n"


def _page() -> Iterator[str]:
    yield "# 数据字典 / Data dictionary"
    yield ""
    yield f"合约版本 {CONTRACT_VERSION}。本页由声明生成，请勿手改：改 `expectations/datasets/` 后运行"
    yield "`python -m expectations.derived.data_dictionary > docs/data-dictionary.md`。"
    yield ""
    yield f"Contract version {CONTRACT_VERSION}. Generated from the declarations in `expectations/datasets/`, not"
    yield "edited by hand. What each error code means is in [error-codes.md](error-codes.md)."
    yield ""
    yield from _delivery()
    yield "## 数据集 / Datasets"
    yield ""
    yield from _table(
        ("数据集 dataset", "中文名 name", "文件名可用的别名 aliases", "业务键 natural key", "说明 description"),
        (_summary(dataset) for dataset in DATASETS.values()),
    )
    for dataset in DATASETS.values():
        yield from _section(dataset)


def _delivery() -> Iterator[str]:
    yield "## 怎样报送 / Delivery"
    yield ""
    yield "文件放入 `inbox/<报送单位编码>/`，命名为 `数据集__报送单位__考核期__v01.xlsx`（或 csv、tsv、xls、xlsb、ods、"
    yield "parquet、jsonl），例如 `burden_fact__NYJ__2026Q1__v01.xlsx`、`会议文件负担__NYJ__2026Q1__v01.xlsx`。"
    yield "文件名只是提示，识别文件靠内容的 SHA-256：同样的内容换个名字再报，不会重复入库。"
    yield ""
    yield "Put the file into `inbox/<submitter>/` and call it `dataset__submitter__period__v01.xlsx`. The name is a"
    yield "hint; a file is known by the SHA-256 of its content; the same content is not taken twice."
    yield ""
    yield "可另附清单 `<文件名>.manifest.yaml`，各项均可省略；与文件名矛盾则整份退回。"
    yield ""
    yield "A manifest `<file>.manifest.yaml` may come with it. Every key is optional; a file that contradicts its"
    yield "manifest is refused."
    yield ""
    yield from _table(("键 key", "含义", "meaning"), ((f"`{key}`", zh, en) for key, zh, en in _MANIFEST_KEYS))
    yield "填写规则 / Rules for cells:"
    yield ""
    for zh, en in _CELL_RULES:
        yield f"- {zh} / {en}"
    yield ""


def _summary(dataset: Dataset) -> Sequence[str]:
    key = ", ".join(f"`{dataset.column(name).name}`" for name in dataset.natural_key)
    return (
        f"[`{dataset.name}`](#{dataset.name})",
        f"{dataset.zh} / {dataset.en}",
        "、".join(dataset.aliases),
        key,
        f"{dataset.description_zh} / {dataset.description_en}",
    )


def _section(dataset: Dataset) -> Iterator[str]:
    yield f'<a id="{dataset.name}"></a>'
    yield ""
    yield f"## {dataset.name}：{dataset.zh} / {dataset.en}"
    yield ""
    yield f"{dataset.description_zh} / {dataset.description_en}"
    yield ""
    yield from _table(
        ("列 column", "中文名与别名 names", "类型 type", "必填 required", "含义 meaning", "可填内容 allowed"),
        (_row(column) for column in dataset.all_columns),
    )
    checks = [*_between_columns(dataset), *_references(dataset)]
    if checks:
        yield "行与行、列与列之间的检查 / Checks between columns and datasets:"
        yield ""
        yield from (f"- {check}" for check in checks)
        yield ""


def _row(column: Column) -> Sequence[str]:
    stored = f" → `{column.pseudonymised_as}`" if column.pseudonymised_as else ""
    unit = f" ({column.unit})" if column.unit else ""
    return (
        f"`{column.name}`{stored}",
        "、".join((f"**{column.zh}**", *column.aliases)),
        TYPE_NAMES[column.type] + unit,
        "是 yes" if column.required else "",
        f"{column.description_zh} / {column.description_en}",
        allowed_values(column),
    )


def _between_columns(dataset: Dataset) -> Iterator[str]:
    pair = "expect_column_pair_values_a_to_be_greater_than_b"
    for expectation in row_expectations(dataset):
        if expectation.kind == pair:
            yield _order_sentence(expectation)
        elif expectation.severity == "warning":
            yield _usual_sentence(expectation)
    for name in dataset.check_functions:
        check = CHECKS[name]
        yield f"{'/'.join(check.codes)}：{check.zh} / {check.en} (`{name}`)"


def _order_sentence(expectation: Expectation) -> str:
    sign = "≥" if expectation.arguments["or_equal"] else ">"
    later, earlier = expectation.arguments["column_A"], expectation.arguments["column_B"]
    return f"{expectation.code}：`{later}` {sign} `{earlier}`"


def _usual_sentence(expectation: Expectation) -> str:
    column = expectation.arguments["column"]
    if "value_set" in expectation.arguments:
        return f"{expectation.code}：`{column}` ∉ {{{', '.join(expectation.arguments['value_set'])}}}"
    low, high = expectation.arguments.get("min_value"), expectation.arguments.get("max_value")
    below = "" if low is None else f"{low} ≤ "
    above = "" if high is None else f" ≤ {high}"
    return f"{expectation.code}：{below}`{column}`{above}"


def _references(dataset: Dataset) -> Iterator[str]:
    for reference in dataset.references:
        yield _reference_sentence(dataset, reference)


def _reference_sentence(dataset: Dataset, reference: Reference) -> str:
    target = DATASETS[reference.dataset]
    here = ", ".join(f"`{dataset.column(name).name}`" for name in reference.columns)
    there = ", ".join(f"`{target.column(name).name}`" for name in reference.target_columns)
    codes = reference.code
    when = ""
    if reference.valid_on is not None:
        codes += f"/{reference.not_in_force_code}"
        when = f"，在 `{reference.valid_on}` 当日有效 / in force on `{reference.valid_on}`"
    return f"{codes}：{here} → [`{target.name}`](#{target.name}) {there}{when}"


def _table(head: Sequence[str], rows: Iterable[Sequence[str]]) -> Iterator[str]:
    yield "| " + " | ".join(head) + " |"
    yield "|" + "---|" * len(head)
    for row in rows:
        yield "| " + " | ".join(_cell(text) for text in row) + " |"
    yield ""


def _cell(text: str) -> str:
    """Text that cannot end a table cell or be taken for markup."""
    return text.replace("|", "\\|").replace("\n", " ")


if __name__ == "__main__":
    sys.stdout.write(data_dictionary())
