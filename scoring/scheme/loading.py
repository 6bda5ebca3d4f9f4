"""Schemes from files: every mistake of every file at once, and the scheme of a day."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import polars as pl
import yaml
from pydantic import ValidationError

from scoring.scheme.whole import Scheme

SHIPPED_SCHEMES = Path(__file__).parent.parent / "schemes"
"""Folder of the schemes that come with the project."""

_LOADER = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
"""The C loader, where the installation has it, reads long lists of anchors ten times as fast."""


@dataclass(frozen=True)
class SchemeProblem:
    """One thing wrong with a scheme: the file, the place in it, and the sentence in both languages.

    ``lint`` is the rule of method 3.10 that the mistake breaks, empty where it is of another kind.
    """

    file: str
    where: str
    zh: str
    en: str
    lint: str = ""


class SchemeError(ValueError):
    """Schemes that cannot be used; ``problems`` lists everything that is wrong, not the first thing."""

    def __init__(self, problems: Sequence[SchemeProblem]) -> None:
        self.problems = tuple(problems)
        super().__init__("\n".join(f"{p.file} {p.where}: {p.en} / {p.zh}" for p in problems))


@dataclass(frozen=True)
class SchemeFolder:
    """What a folder holds: the schemes that could be read with their file names, and everything that is wrong."""

    schemes: tuple[tuple[str, Scheme], ...]
    problems: tuple[SchemeProblem, ...]


def read_folder(folder: Path) -> SchemeFolder:
    """Every ``*.yaml`` scheme of a folder, drafts included, sorted by ``valid_from`` and id.

    ``unit_points.anchors_file`` may name a CSV beside the file (indicator_id, peer_group, minimum,
    floor, achievement_threshold, benchmark) in place of the list ``anchors``.
    """
    problems: list[SchemeProblem] = []
    schemes: list[tuple[str, Scheme]] = []
    for path in sorted(folder.glob("*.yaml")):
        try:
            schemes.append((path.name, _read(path)))
        except SchemeError as error:
            problems.extend(error.problems)
    problems.extend(_overlaps(schemes))
    if not schemes and not problems:
        problems.append(
            SchemeProblem(str(folder), "", "目录中没有考核方案（*.yaml）", "the folder holds no scheme (*.yaml)")
        )
    schemes.sort(key=lambda entry: (entry[1].valid_from, entry[1].scheme_id))
    return SchemeFolder(tuple(schemes), tuple(problems))


def load_schemes(folder: Path) -> tuple[Scheme, ...]:
    """Every scheme of a folder, as ``read_folder`` reads them.

    Raises:
        SchemeError: A file cannot be read, a value is not allowed, an id occurs twice or two
            schemes that are no drafts are in force on one day. Lists every problem of every file.
    """
    found = read_folder(folder)
    if found.problems:
        raise SchemeError(found.problems)
    return tuple(scheme for _, scheme in found.schemes)


def scheme_as_of(schemes: Iterable[Scheme], date: dt.date) -> Scheme:
    """The scheme in force on ``date``; a draft is in force on no day.

    Raises:
        SchemeError: None is in force on that day, or more than one, or only drafts.
    """
    known = tuple(schemes)
    of_the_day = [scheme for scheme in known if scheme.in_force(date)]
    found = [scheme for scheme in of_the_day if not scheme.is_draft]
    if len(found) == 1:
        return found[0]
    names = ", ".join(scheme.scheme_id for scheme in found or of_the_day)
    if found:
        zh, en = f"{date} 有多个考核方案有效：{names}", f"several schemes are in force on {date}: {names}"
    elif of_the_day:
        zh = f"{date} 只有草案：{names}；通过后写明 status: adopted、adopted_on 和 document"
        en = f"only drafts are there for {date}: {names}; once adopted, say status: adopted, adopted_on and document"
    else:
        zh, en = f"{date} 没有有效的考核方案", f"no scheme is in force on {date}"
        if known:
            told = ", ".join(f"{each.scheme_id} {each.valid_from}/{each.valid_to or ''}" for each in known)
            zh, en = f"{zh}；现有方案及有效期：{told}", f"{en}; there are, with their days: {told}"
    raise SchemeError([SchemeProblem("", str(date), zh, en)])


def _read(path: Path) -> Scheme:
    try:
        content = yaml.load(path.read_text(encoding="utf-8"), Loader=_LOADER)  # noqa: S506 - both are safe loaders
    except (yaml.YAMLError, ValueError) as error:  # a date that does not exist is a ValueError, and so is bad UTF-8
        raise SchemeError(
            [SchemeProblem(path.name, "", f"不是有效的 YAML：{error}", f"not valid YAML: {error}")]
        ) from error
    problems: list[SchemeProblem] = []
    if isinstance(content, dict) and isinstance(content.get("unit_points"), dict):
        content["unit_points"] = _with_anchors(path, content["unit_points"], problems)
    try:
        scheme = Scheme.model_validate(content)
    except ValidationError as error:
        problems.extend(_problem(path.name, detail) for detail in error.errors(include_url=False))
        raise SchemeError(problems) from error
    if problems:
        raise SchemeError(problems)
    return scheme


def _with_anchors(path: Path, rules: dict[str, Any], problems: list[SchemeProblem]) -> dict[str, Any]:
    """The rules with the rows of ``anchors_file`` in place of its name."""
    name = rules.get("anchors_file")
    if name is None:
        return rules
    rest = {key: value for key, value in rules.items() if key != "anchors_file"}
    where = "unit_points.anchors_file"
    if "anchors" in rest:
        problems.append(
            SchemeProblem(path.name, where, "anchors 与 anchors_file 只能写一个", "give either anchors or anchors_file")
        )
        return rest
    if Path(str(name)).name != str(name):
        problems.append(
            SchemeProblem(path.name, where, "锚点文件须与方案在同一目录", "the file must lie beside the scheme")
        )
        return rest
    try:
        rows = pl.read_csv(path.parent / str(name), infer_schema=False).to_dicts()
    except (OSError, pl.exceptions.PolarsError) as error:
        problems.append(SchemeProblem(path.name, where, f"无法读取 {name}：{error}", f"cannot read {name}: {error}"))
        return rest
    return rest | {"anchors": rows}


_SENTENCES: Mapping[str, tuple[str, str]] = {
    "missing": ("缺少这一项", "is missing"),
    "extra_forbidden": ("没有这一项，可能拼写有误", "is not known; it may be misspelt"),
    "literal_error": ("应为 {expected}", "must be {expected}"),
    "greater_than": ("应大于 {gt}", "must be above {gt}"),
    "greater_than_equal": ("不得小于 {ge}", "must not be below {ge}"),
    "less_than": ("应小于 {lt}", "must be below {lt}"),
    "less_than_equal": ("不得大于 {le}", "must not be above {le}"),
    "multiple_of": ("应为整数", "must be a whole number"),
    "bool_parsing": ("应为 yes 或 no", "must be yes or no"),
    "bool_type": ("应为 yes 或 no", "must be yes or no"),
    "decimal_parsing": ("应为数字", "must be a number"),
    "decimal_type": ("应为数字", "must be a number"),
    "finite_number": ("应为有限的数", "must be a finite number"),
    "string_type": ("应为文字", "must be text"),
    "string_too_short": ("不能为空", "must not be empty"),
    "too_short": ("不能为空", "must not be empty"),
    "string_pattern_mismatch": ("只能写成 {pattern}", "must match {pattern}"),
    "date_from_datetime_parsing": ("应为日期，如 2026-01-01", "must be a date like 2026-01-01"),
    "date_parsing": ("应为日期，如 2026-01-01", "must be a date like 2026-01-01"),
    "date_type": ("应为日期，如 2026-01-01", "must be a date like 2026-01-01"),
    "model_type": ("应为若干项的组合", "must be a group of entries"),
    "mapping_type": ("应为若干项的组合", "must be a group of entries"),
    "tuple_type": ("应为列表", "must be a list"),
}

_ID_SENTENCE = ("只能用小写字母、数字和连字符", "takes lower-case letters, digits and hyphens")


def _problem(file: str, detail: Any) -> SchemeProblem:
    where = ".".join(str(part) for part in detail["loc"])
    kind = detail["type"]
    if kind == "value_error":
        zh, en, lint = (*str(detail["ctx"]["error"]).split("|"), "", "")[:3]
        return SchemeProblem(file, where, zh, en or zh, lint)
    plain = detail["msg"].replace("{", "{{").replace("}", "}}")
    zh, en = _ID_SENTENCE if where == "scheme_id" else _SENTENCES.get(kind, ("不符合要求：" + plain, plain))
    values = {key: str(value) for key, value in detail.get("ctx", {}).items()}
    found = "" if kind in {"missing", "extra_forbidden"} else str(detail["input"])[:60]
    zh_found, en_found = (f"，现为 {found}", f", found {found}") if found else ("", "")
    return SchemeProblem(file, where, zh.format_map(values) + zh_found, en.format_map(values) + en_found)


def _overlaps(schemes: Sequence[tuple[str, Scheme]]) -> list[SchemeProblem]:
    problems: list[SchemeProblem] = []
    for index, (file, scheme) in enumerate(schemes):
        for other_file, other in schemes[:index]:
            if scheme.scheme_id == other.scheme_id:
                problems.append(
                    SchemeProblem(
                        file,
                        "scheme_id",
                        f"与 {other_file} 的编号相同：{other.scheme_id}",
                        f"{other_file} has the same id: {other.scheme_id}",
                    )
                )
            if scheme.is_draft or other.is_draft:
                continue
            later = max(scheme.valid_from, other.valid_from)
            if scheme.in_force(later) and other.in_force(later):
                problems.append(
                    SchemeProblem(
                        file,
                        "valid_from",
                        f"自 {later} 起与 {other_file} 同时有效",
                        f"is in force together with {other_file} from {later}",
                    )
                )
    return problems
