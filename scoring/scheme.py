"""Schemes: every policy number, dated and cited, read from YAML.

A number of policy is never written in code: code asks for the scheme as of a date. What code does
hold are the floors no scheme may go below, because they protect the people who rate.
"""

from __future__ import annotations

import datetime as dt
import hashlib
import json
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from fractions import Fraction
from pathlib import Path
from typing import Annotated, Any, Literal, Self, TypeVar

import polars as pl
import yaml
from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field, ValidationError, model_validator

FLOOR_RATERS = 5
"""No scheme may publish a cell of fewer raters."""

FLOOR_UNITS = 5
"""No scheme may publish a cell of fewer grassroots units."""

CEILING_UNIT_SHARE = Decimal("0.5")
"""No scheme may publish a cell of which one unit holds more than this share of the weight."""

SHIPPED_SCHEMES = Path(__file__).parent / "schemes"
"""Folder of the schemes that come with the project."""

_YEAR = re.compile(r"^\d{4}")


@dataclass(frozen=True)
class SchemeProblem:
    """One thing wrong with a scheme: the file, the place in it, and the sentence in both languages."""

    file: str
    where: str
    zh: str
    en: str


class SchemeError(ValueError):
    """Schemes that cannot be used; ``problems`` lists everything that is wrong, not the first thing."""

    def __init__(self, problems: Sequence[SchemeProblem]) -> None:
        self.problems = tuple(problems)
        super().__init__("\n".join(f"{p.file} {p.where}: {p.en} / {p.zh}" for p in problems))


class _Model(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


def _exact(value: object) -> object:
    """YAML floats become the decimal that was written, not its binary neighbour."""
    return Decimal(str(value)) if isinstance(value, float) else value


ExactDecimal = Annotated[Decimal, BeforeValidator(_exact)]


def _six_places(value: Decimal) -> Decimal:
    exponent = value.as_tuple().exponent
    if not isinstance(exponent, int) or exponent < -6 or abs(value) >= 10**12:
        raise ValueError("最多 12 位整数、6 位小数|at most 12 whole digits and 6 decimal places")
    return value


SixPlaces = Annotated[ExactDecimal, AfterValidator(_six_places)]
Text = Annotated[str, Field(min_length=1)]


class Quantity(_Model):
    """A number of policy with its unit and where it comes from."""

    value: ExactDecimal
    unit: Text
    reference: Text

    @property
    def fraction(self) -> Fraction:
        """The value exactly."""
        return Fraction(self.value)


QuantityT = TypeVar("QuantityT", bound=Quantity)


def _at_least(quantity: QuantityT, floor: Decimal) -> QuantityT:
    if quantity.value < floor:
        raise ValueError(f"不得小于 {floor}|must not be below {floor}")
    return quantity


def _at_most(quantity: QuantityT, ceiling: Decimal) -> QuantityT:
    if quantity.value > ceiling:
        raise ValueError(f"不得大于 {ceiling}|must not be above {ceiling}")
    return quantity


class Share(Quantity):
    """A share between 0 and 1."""

    value: Annotated[ExactDecimal, Field(ge=0, le=1)]


class Count(Quantity):
    """A whole number, 0 or more."""

    value: Annotated[ExactDecimal, Field(ge=0, multiple_of=1)]

    @property
    def number(self) -> int:
        """The value as an int."""
        return int(self.value)


class RaterLevel(_Model):
    """Whether one person or one unit is one vote."""

    value: Literal["person", "unit"]
    reference: Text


class FitBy(_Model):
    """Whether each peer group of departments is fitted by itself or all together."""

    value: Literal["peer_group", "all"]
    reference: Text


class RatingRules(_Model):
    """How ballots become department scores."""

    rater_level: RaterLevel
    fit_by: FitBy
    min_departments_per_fit: Count
    min_observed_weight: Share
    unit_weight_prior: Annotated[Quantity, AfterValidator(lambda q: _at_least(q, Decimal(0)))]
    max_dk_share: Share


class MinimumCell(_Model):
    """The smallest cell that may be published."""

    min_raters: Annotated[Count, AfterValidator(lambda q: _at_least(q, Decimal(FLOOR_RATERS)))]
    min_units: Annotated[Count, AfterValidator(lambda q: _at_least(q, Decimal(FLOOR_UNITS)))]
    max_unit_share: Annotated[Share, AfterValidator(lambda q: _at_most(q, CEILING_UNIT_SHARE))]


class SignOff(_Model):
    """How many people must approve a release."""

    people: Annotated[Count, AfterValidator(lambda q: _at_most(q, Decimal(2)))]


class Anchor(_Model):
    """The stored values that map an indicator to points, for one peer group or (null) for all others."""

    indicator_id: Text
    peer_group: Text | None = None
    achievement_threshold: SixPlaces
    benchmark: SixPlaces


class Baseline(_Model):
    """Which earlier period improvement is measured from: named, or so many years before."""

    periods: Mapping[str, Text] = Field(default_factory=dict)
    years_before: Count | None = None

    def of(self, period_id: str) -> str | None:
        """The baseline period of ``period_id``; None when the scheme names none."""
        named = self.periods.get(period_id)
        if named is not None or self.years_before is None:
            return named
        year = _YEAR.match(period_id)
        if year is None:
            return None
        return f"{int(year.group()) - self.years_before.number:04d}{period_id[4:]}"


class UnitPointRules(_Model):
    """How performance facts of units become points."""

    scale: Literal["cms"]
    reference: Text
    baseline: Baseline
    anchors: tuple[Anchor, ...] = ()

    @model_validator(mode="after")
    def _one_anchor_each(self) -> Self:
        seen: set[tuple[str, str | None]] = set()
        for anchor in self.anchors:
            key = (anchor.indicator_id, anchor.peer_group)
            if key in seen:
                name = "/".join(part for part in key if part)
                raise ValueError(f"锚点重复：{name}|the anchors of {name} are given twice")
            seen.add(key)
        return self

    def anchor_frame(self) -> pl.DataFrame:
        """Anchors as a frame: indicator_id, peer_group, achievement_threshold, benchmark."""
        schema = {
            "indicator_id": pl.String(),
            "peer_group": pl.String(),
            "achievement_threshold": pl.Decimal(18, 6),
            "benchmark": pl.Decimal(18, 6),
        }
        return pl.DataFrame([anchor.model_dump() for anchor in self.anchors], schema=schema)


class Title(_Model):
    """Name of the scheme for people."""

    zh: Text
    en: Text


class Scheme(_Model):
    """One dated, cited scheme; in force on days from ``valid_from`` to before ``valid_to``."""

    scheme_id: Annotated[str, Field(pattern=r"^[a-z0-9][a-z0-9-]{1,63}$")]
    title: Title
    valid_from: dt.date
    valid_to: dt.date | None = None
    sign_off: SignOff
    minimum_cell: MinimumCell
    rating: RatingRules
    unit_points: UnitPointRules | None = None

    @model_validator(mode="after")
    def _dates_in_order(self) -> Self:
        if self.valid_to is not None and self.valid_to <= self.valid_from:
            raise ValueError("valid_to 应晚于 valid_from|valid_to must be after valid_from")
        return self

    def in_force(self, date: dt.date) -> bool:
        """Whether the scheme holds on ``date``."""
        return self.valid_from <= date and (self.valid_to is None or date < self.valid_to)


def load_schemes(folder: Path) -> tuple[Scheme, ...]:
    """Every ``*.yaml`` scheme of a folder, sorted by ``valid_from`` and id.

    ``unit_points.anchors_file`` may name a CSV beside the file (indicator_id, peer_group,
    achievement_threshold, benchmark) in place of the list ``anchors``.

    Raises:
        SchemeError: A file cannot be read, a value is not allowed, an id occurs twice or two
            schemes are in force on one day. Lists every problem of every file.
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
    if problems:
        raise SchemeError(problems)
    return tuple(sorted((scheme for _, scheme in schemes), key=lambda scheme: (scheme.valid_from, scheme.scheme_id)))


def scheme_as_of(schemes: Iterable[Scheme], date: dt.date) -> Scheme:
    """The scheme in force on ``date``.

    Raises:
        SchemeError: None is in force on that day, or more than one.
    """
    found = [scheme for scheme in schemes if scheme.in_force(date)]
    if len(found) == 1:
        return found[0]
    names = ", ".join(scheme.scheme_id for scheme in found)
    if found:
        problem = SchemeProblem(
            "", str(date), f"{date} 有多个考核方案有效：{names}", f"several schemes are in force on {date}: {names}"
        )
    else:
        problem = SchemeProblem("", str(date), f"{date} 没有有效的考核方案", f"no scheme is in force on {date}")
    raise SchemeError([problem])


def scheme_hash(scheme: Scheme) -> str:
    """SHA-256 (hexadecimal) of the scheme's canonical JSON, anchors included, in whatever order they were listed."""
    content = scheme.model_dump(mode="python")
    if content["unit_points"]:
        anchors = content["unit_points"]["anchors"]
        content["unit_points"]["anchors"] = sorted(
            anchors, key=lambda anchor: (anchor["indicator_id"], anchor["peer_group"] or "")
        )
    text = json.dumps(_canonical(content), ensure_ascii=False, sort_keys=True, separators=(",", ":"))
    return hashlib.sha256(text.encode("utf-8")).hexdigest()


def _canonical(value: Any) -> Any:
    if isinstance(value, Mapping):
        return {str(key): _canonical(item) for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [_canonical(item) for item in value]
    if isinstance(value, Decimal):
        # 0.5 and 0.50 are one number; normalize() alone would write 10 as 1E+1.
        return format(value.normalize(), "f")
    if isinstance(value, dt.date):
        return value.isoformat()
    return value


def _read(path: Path) -> Scheme:
    try:
        content = yaml.safe_load(path.read_text(encoding="utf-8"))
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
    "greater_than_equal": ("不得小于 {ge}", "must not be below {ge}"),
    "less_than_equal": ("不得大于 {le}", "must not be above {le}"),
    "multiple_of": ("应为整数", "must be a whole number"),
    "decimal_parsing": ("应为数字", "must be a number"),
    "decimal_type": ("应为数字", "must be a number"),
    "finite_number": ("应为有限的数", "must be a finite number"),
    "string_type": ("应为文字", "must be text"),
    "string_too_short": ("不能为空", "must not be empty"),
    "string_pattern_mismatch": ("只能用小写字母、数字和连字符", "takes lower-case letters, digits and hyphens"),
    "date_from_datetime_parsing": ("应为日期，如 2026-01-01", "must be a date like 2026-01-01"),
    "date_parsing": ("应为日期，如 2026-01-01", "must be a date like 2026-01-01"),
    "date_type": ("应为日期，如 2026-01-01", "must be a date like 2026-01-01"),
    "model_type": ("应为若干项的组合", "must be a group of entries"),
    "mapping_type": ("应为若干项的组合", "must be a group of entries"),
    "tuple_type": ("应为列表", "must be a list"),
}


def _problem(file: str, detail: Any) -> SchemeProblem:
    where = ".".join(str(part) for part in detail["loc"])
    kind = detail["type"]
    if kind == "value_error":
        zh, _, en = str(detail["ctx"]["error"]).partition("|")
        return SchemeProblem(file, where, zh, en or zh)
    zh, en = _SENTENCES.get(kind, ("不符合要求：" + detail["msg"].replace("{", "{{").replace("}", "}}"), detail["msg"]))
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
