"""The page of message codes: ``python -m expectations.derived.error_codes > docs/error-codes.md``."""

from __future__ import annotations

import sys
from collections.abc import Iterator

from expectations.catalogue import SEVERITY_LABELS, Message, catalogue

_FAMILIES = (
    ("F", "文件 / File", "整份文件退回，不读取任何一行。", "The whole file is refused; no row of it is read."),
    ("E", "数据行 / Row", "该行拒收或挂起，其余行照常入库。", "The row is rejected or held; the others go on."),
    ("W", "存疑 / Doubt", "该行照收，请核对。", "The row is taken; please check."),
    ("H", "挂起 / Held", "文件等待决定，未入库。", "The file waits for a decision; nothing is loaded."),
    ("I", "提示 / Information", "系统按规则整理了内容。", "A rule changed how a value is written."),
    ("A", "核验 / Audit", "结果未通过发布前核验，不予发布。", "A result failed the audit gate and is not released."),
)


def error_codes() -> str:
    """The whole page in Markdown, ending in a line break."""
    return "\n".join(_page()) + "\n"


def _page() -> Iterator[str]:
    yield "# 信息代码 / Message codes"
    yield ""
    yield "代码固定不变，不会改作他用。花括号中的内容在实际信息里换成具体的列名、数值或说明。"
    yield "本页由 `expectations/messages/catalogue.yaml` 生成："
    yield "`python -m expectations.derived.error_codes > docs/error-codes.md`。"
    yield ""
    yield "Codes are stable and never reused. Words in braces are filled in with the column, value or particulars."
    yield "Generated from `expectations/messages/catalogue.yaml`, not edited by hand."
    yield ""
    messages = catalogue()
    for letter, title, zh, en in _FAMILIES:
        yield f"## {letter}: {title}"
        yield ""
        yield f"{zh} / {en}"
        yield ""
        yield "| 代码 code | 后果 severity | 问题 problem | 如何修改 remedy |"
        yield "|---|---|---|---|"
        yield from (_row(message) for code, message in messages.items() if code.startswith(letter))
        yield ""


def _row(message: Message) -> str:
    label = SEVERITY_LABELS[message.severity]
    cells = (
        message.code,
        f"{label['zh']} {label['en']}",
        f"{message.zh}<br>{message.en}",
        f"{message.fix_zh}<br>{message.fix_en}",
    )
    return "| " + " | ".join(cell.replace("|", "\\|") for cell in cells) + " |"


if __name__ == "__main__":
    sys.stdout.write(error_codes())
