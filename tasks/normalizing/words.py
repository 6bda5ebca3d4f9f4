"""The words offices write where a value should stand, or around the data (INPUT.md 4.2)."""

from __future__ import annotations

import re

INVISIBLE = " \t\r\n\v\f\u3000\u00a0\ufeff\u200b\u200c\u200d\u200e\u200f\u2060\u2028\u2029\u180e"
"""Characters removed at both ends of a cell: white space, ideographic space, byte order marks, zero width."""

ERROR_CELLS = ("#REF!", "#DIV/0!", "#N/A", "#NAME?", "#NULL!", "#NUM!", "#VALUE!", "#GETTING_DATA", "#SPILL!", "#CALC!")

MISSING_WORDS = ("-", "—", "——", "--", "/", "\\", "无", "暂无", "NA", "N/A", "null", "None", "(空)")
"""Words that mean "no value"; 0 is never one of them."""

NONE_WORDS = ("无", "暂无")
"""Missing words that a count column must not use: none is written 0."""

TOTAL_WORDS = ("合计", "总计", "小计", "累计", "全县", "全市", "全国")

FOOTER_WORDS = ("注", "说明", "填表人", "填表单位", "审核人", "单位负责人", "填报日期", "填报单位", "制表")

TRUE_WORDS = ("是", "Y", "y", "yes", "Yes", "YES", "1", "true", "True", "TRUE", "√")
FALSE_WORDS = ("否", "N", "n", "no", "No", "NO", "0", "false", "False", "FALSE", "×")

PERSONAL_HEADER = re.compile(
    r"姓名|身份证|手机|电话|微信|openid|wechat|phone|mobile|idcard|(^|[^a-z])ip(地址|address)?([^a-z]|$)|^来自ip",
    re.IGNORECASE,
)
"""Headers that announce personal data; a file with one is refused (INPUT.md 4.2 rule 14)."""

CHINESE_DIGITS = {"〇": "0", "零": "0", "○": "0"} | {word: str(n) for n, word in enumerate("一二三四五六七八九", 1)}


def chinese_day_numbers() -> dict[str, str]:
    """Chinese words for 1 to 31, as they stand before 月 and 日, with their two-digit figures."""
    units = "一二三四五六七八九"
    words = {word: n for n, word in enumerate(units, 1)}
    words["十"] = 10
    words |= {f"十{unit}": 10 + n for n, unit in enumerate(units, 1)}
    words["二十"] = 20
    words |= {f"二十{unit}": 20 + n for n, unit in enumerate(units, 1)}
    words |= {"三十": 30, "三十一": 31}
    return {word: f"{n:02d}" for word, n in words.items()}
