"""The run report: numbers add up, both languages stand in it, and names from outside cannot break it."""

from __future__ import annotations

from expectations.catalogue import message
from tasks.load import Answer
from tasks.night import NightReport
from tasks.release import Released
from tasks.run_report import run_report

EMPTY = {"read": 0, "accepted": 0, "unchanged": 0, "rejected": 0, "held": 0, "skipped": 0}


def _answer(name: str, decision: str, codes: dict[str, int] | None = None, **balance: int) -> Answer:
    return Answer(name, "QY-CENTRE", "0" * 64, decision, EMPTY | balance, codes or {})


def test_sums_rows_by_decision_and_problems_by_code() -> None:
    answers = (
        _answer("a.csv", "accepted_with_rejects", {"E201": 2, "W302": 1}, read=12, accepted=9, rejected=2, skipped=1),
        _answer("b.csv", "accepted_with_rejects", {"E201": 1}, read=5, accepted=3, unchanged=1, rejected=1),
        _answer("c.csv", "refused", {"F105": 1}),
    )
    text = run_report("nightly", NightReport("run-1", answers))
    assert "| 部分接收 / accepted with rejects | 2 | 17 | 12 | 1 | 3 | 0 | 1 |" in text
    assert "| 退回 / refused | 1 | 0 | 0 | 0 | 0 | 0 | 0 |" in text
    assert f"| F105 | 1 | {message('F105').zh} | {message('F105').en} |" in text
    assert "| E201 | 3 |" in text
    assert "| W302 | 1 |" in text
    assert "没有到期的考核期 / no period was due" in text


def test_tells_releases_and_what_waits() -> None:
    made = Released("2026M03", "R-2026M03-002", "ab" * 32, "audited", is_new=True, findings=("one", "two"))
    text = run_report("backfill", NightReport("run-1", released=(made,), waiting=("QY-CENTRE/x.csv", "R-2026M03-002")))
    assert text.startswith("# 历史期补算 / Backfill\n")
    assert "| 2026M03 | R-2026M03-002 | 已核验 / audited | 是 / yes | abababababab | one; two |" in text
    assert text.endswith("- QY-CENTRE/x.csv\n- R-2026M03-002")


def test_an_empty_run_says_so() -> None:
    text = run_report("ingest", NightReport("run-1"))
    assert "没有收到文件 / no file was taken" in text
    assert text.endswith("## 等待处理 / Waiting for people\n\n无 / none")


def test_names_from_outside_cannot_break_the_report() -> None:
    text = run_report("nightly", NightReport("run-1", waiting=("a|b`c`<script>\n# d\\e",)))
    assert text.endswith("- a\\|b\\`c\\`&lt;script> # d\\\\e")
