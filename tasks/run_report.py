"""The report of a run for people: Markdown, every heading in Chinese and English."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence

from expectations.catalogue import catalogue
from tasks.load import Answer
from tasks.night import NightReport
from tasks.release import Released

DECISIONS = {
    "accepted": "接收 / accepted",
    "accepted_with_rejects": "部分接收 / accepted with rejects",
    "held": "挂起 / held",
    "refused": "退回 / refused",
    "duplicate": "重复 / duplicate",
}
ROW_OUTCOMES = {
    "read": "读取 / read",
    "accepted": "接收 / accepted",
    "unchanged": "未变 / unchanged",
    "rejected": "拒收 / rejected",
    "held": "挂起 / held",
    "skipped": "跳过 / skipped",
}
STATES = {
    "draft": "草稿 / draft",
    "audited": "已核验 / audited",
    "preview": "预览 / preview",
    "signed": "已签发 / signed",
    "published": "已发布 / published",
    "superseded": "已替代 / superseded",
    "withdrawn": "已撤回 / withdrawn",
}
KINDS = {
    "nightly": "夜间运行 / Nightly run",
    "ingest": "收件 / Ingest",
    "score": "评分 / Score",
    "backfill": "历史期补算 / Backfill",
    "release": "发布 / Release",
}
SHOWN_HASH = 12


def run_report(kind: str, report: NightReport) -> str:
    """What a run did, as Markdown: files by decision, problems by code, releases, and what waits for people."""
    return "\n\n".join(
        (
            f"# {KINDS.get(kind, kind)}",
            f"`run_id` {report.run_id}",
            "## 文件 / Files",
            _files(report.answers),
            "## 问题 / Problems",
            _problems(report.answers),
            "## 发布版 / Releases",
            _releases(report.released),
            "## 等待处理 / Waiting for people",
            "\n".join(f"- {_plain(name)}" for name in report.waiting) or "无 / none",
        )
    )


def _files(answers: Sequence[Answer]) -> str:
    if not answers:
        return "没有收到文件 / no file was taken"
    counts = Counter(answer.decision for answer in answers)
    rows: Counter[tuple[str, str]] = Counter()
    for answer in answers:
        rows.update({(answer.decision, outcome): answer.balance.get(outcome, 0) for outcome in ROW_OUTCOMES})
    known = [decision for decision in DECISIONS if decision in counts]
    return _table(
        ["决定 / Decision", "文件 / Files", *ROW_OUTCOMES.values()],
        [[DECISIONS[name], counts[name], *(rows[name, outcome] for outcome in ROW_OUTCOMES)] for name in known],
    )


def _problems(answers: Sequence[Answer]) -> str:
    counts: Counter[str] = Counter()
    for answer in answers:
        counts.update(answer.codes)
    if not counts:
        return "无 / none"
    return _table(
        ["代码 / Code", "次数 / Count", "含义", "Meaning"],
        [[code, count, *_meaning(code)] for code, count in sorted(counts.items())],
    )


def _meaning(code: str) -> tuple[str, str]:
    """The sentence of a code in both languages, with dots for what each place fills in."""
    entry = catalogue()[code]
    dots = dict.fromkeys(entry.placeholders(), "…")
    return entry.text("zh", **dots), entry.text("en", **dots)


def _releases(released: Sequence[Released]) -> str:
    if not released:
        return "没有到期的考核期 / no period was due"
    return _table(
        ["考核期 / Period", "发布版 / Release", "状态 / State", "新 / New", "结果 / Result hash", "核验 / Findings"],
        [
            [
                each.period_id,
                each.release_id,
                STATES.get(each.state, each.state),
                "是 / yes" if each.is_new else "否 / no",
                each.result_hash[:SHOWN_HASH],
                "; ".join(each.findings) or "–",
            ]
            for each in released
        ],
    )


def _table(header: Sequence[str], rows: Iterable[Sequence[object]]) -> str:
    lines = [header, ["---"] * len(header), *rows]
    return "\n".join(f"| {' | '.join(_plain(str(cell)) for cell in line)} |" for line in lines)


def _plain(text: str) -> str:
    """Text from outside, harmless in a Markdown table: no cell border, no markup, one line."""
    flat = " ".join(text.split())
    return flat.replace("&", "&amp;").replace("<", "&lt;").replace("\\", "\\\\").replace("|", "\\|").replace("`", "\\`")
