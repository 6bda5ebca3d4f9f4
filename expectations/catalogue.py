"""The catalogue of messages: one stable code, its sentence and its remedy in Chinese and English."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from string import Formatter
from typing import Literal

import yaml

Language = Literal["zh", "en"]
Severity = Literal["reject", "warning", "information", "hold", "refuse"]

SEVERITY_LABELS: Mapping[Severity, Mapping[Language, str]] = {
    "reject": {"zh": "拒收", "en": "reject"},
    "warning": {"zh": "警告", "en": "warning"},
    "information": {"zh": "提示", "en": "information"},
    "hold": {"zh": "挂起", "en": "hold"},
    "refuse": {"zh": "退回", "en": "refuse"},
}


@dataclass(frozen=True)
class Message:
    """One entry of the catalogue."""

    code: str
    zh: str
    en: str
    fix_zh: str
    fix_en: str

    @property
    def severity(self) -> Severity:
        """What the message means for the row or file, from its family."""
        if self.code in {"E102"} or self.code.startswith("F"):
            return "refuse"
        if self.code == "E230" or self.code.startswith(("H", "A")):
            return "hold"
        families: Mapping[str, Severity] = {"E": "reject", "W": "warning", "I": "information"}
        return families[self.code[0]]

    def placeholders(self) -> frozenset[str]:
        """Names in braces in either language."""
        texts = (self.zh, self.en, self.fix_zh, self.fix_en)
        return frozenset(name for text in texts for _, name, _, _ in Formatter().parse(text) if name)

    def text(self, language: Language, **values: object) -> str:
        """The sentence in one language; a value that was not given is left empty."""
        return self._fill(self.zh if language == "zh" else self.en, values)

    def fix(self, language: Language, **values: object) -> str:
        """The remedy in one language."""
        return self._fill(self.fix_zh if language == "zh" else self.fix_en, values)

    def _fill(self, template: str, values: Mapping[str, object]) -> str:
        known = dict.fromkeys(self.placeholders(), "") | {key: str(value) for key, value in values.items()}
        return template.format_map(known)


@cache
def catalogue() -> Mapping[str, Message]:
    """All messages by code, in the order of the file."""
    text = files("expectations").joinpath("messages/catalogue.yaml").read_text(encoding="utf-8")
    return {code: Message(code=code, **entry) for code, entry in yaml.safe_load(text).items()}


def message(code: str) -> Message:
    """The entry of one code; KeyError when the catalogue has none."""
    return catalogue()[code]
