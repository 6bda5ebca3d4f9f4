"""The catalogue of recognised forms as data: one entry per form, read, checked and shown.

A rule is a small function; what it is called, what it reads, which numbers it is held against and where
they come from stand in YAML beside it (``forms/``, ``parameters.yaml``, ``sources.yaml``), so that a rule,
its number and its citation change together (burden catalogue, part 1.2).
"""

from __future__ import annotations

import datetime as dt
from collections import Counter
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from functools import cache
from pathlib import Path
from typing import Annotated, Any, Final, Literal, Protocol, TypeVar, get_args

import yaml
from pydantic import (
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    StrictBool,
    StrictFloat,
    StrictInt,
    StrictStr,
    ValidationError,
)

from scoring.burden.parameters import Parameter, Parameters, Value

_LOADER = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
"""The C loader, where the installation has it, is ten times as fast."""

SHIPPED_CATALOGUE: Final = Path(__file__).parent
"""Folder of the catalogue that comes with the project: ``forms/*.yaml``, ``parameters.yaml``, ``sources.yaml``."""

GROUP_FILES: Final[Mapping[str, str]] = {
    "DOC": "documents",
    "MTG": "meetings",
    "INS": "inspections",
    "ASM": "assessments",
    "SEC": "secondments",
    "APP": "apps",
    "FRM": "forms",
    "DUT": "duties",
    "CRE": "campaigns",
    "APN": "campaigns",
}
"""First letters of a code to the stem of its file in ``forms/`` and of the module of its rules."""

ResultType = Literal["load", "breach", "watch"]
Dataset = Literal[
    "duties", "admissions", "grants", "form_fields", "indicators", "performance", "verifications", "findings"
]


class CatalogueError(ValueError):
    """A catalogue that cannot be used; ``problems`` lists everything that is wrong, not the first thing."""

    def __init__(self, problems: Sequence[str]) -> None:
        self.problems = tuple(problems)
        super().__init__("\n".join(problems))


class Entry(BaseModel):
    """A part of the catalogue: never changed after reading, and a field it does not know is a mistake."""

    model_config = ConfigDict(frozen=True, extra="forbid")


Text = Annotated[StrictStr, Field(min_length=1)]
Name = Annotated[StrictStr, Field(pattern=r"^[a-z0-9_]+(\.[a-z0-9_]+)?$")]
Need = Annotated[
    tuple[Name, ...],
    BeforeValidator(lambda given: (given,) if isinstance(given, str) else given),
    Field(min_length=1),
]
"""A column, or several of which one is enough."""

Day = Annotated[
    Annotated[str, Field(pattern=r"^\d{4}(-\d{2}(-\d{2})?)?$")],
    BeforeValidator(lambda given: given.isoformat() if isinstance(given, dt.date) else given),
]


class Words(Entry):
    """Text for people in both languages."""

    zh: Text
    en: Text


class Source(Entry):
    """What the catalogue cites.

    ``kind``: rule, local (a local rule or practice), bulletin (a notified case, issued by ``title``), essay
    or judgement. ``confirmed``: the text was read and, for a bulletin, a second independent page confirms
    case and date.
    """

    kind: Literal["rule", "local", "bulletin", "essay", "judgement"]
    title: Words
    confirmed: StrictBool
    date: Day | None = None
    page: Text | None = None


class Definition(Entry):
    """A parameter with its default: ``source`` is the mark of the source, ``reference`` says what it means.

    ``used_by`` names the part of the project that reads a parameter no form reads; ``norm`` means that it
    is shown and read by nothing.
    """

    value: StrictInt | StrictFloat | StrictStr | tuple[StrictStr, ...]
    unit: Text
    source: Text
    reference: Text
    used_by: Text | None = None


class Provision(Entry):
    """The rule a form rests on.

    ``basis``: ``rule`` (the source states it), ``quoted`` (a notice quotes it), or ``group`` (the source
    rules the matter as a whole; this wording of it is the project's own).
    """

    id: Text
    basis: Literal["rule", "quoted", "group"]


class Precedent(Entry):
    """A notified case: the bulletin, ``#`` and the number of the case in it."""

    id: Text
    confirmed: StrictBool


class Form(Entry):
    """One recognised form.

    Attributes:
        code: Stable, never reused.
        slug: Name in file names and addresses.
        name: Name for people.
        kinds: Kinds of burden it reads; none where it reads other datasets only.
        result: What the rule can give.
        needs: Columns without which a row says nothing. Where all rows of a subject lack one, the form is not
            measurable for it.
        register_needs: Columns whose null counts against the issuer (no plan number: outside the plan). Some
            row of the form's kinds has to carry them, or the register does not keep them.
        register_marks: Columns whose null means that there is nothing (no features). Some row of any kind has
            to carry them.
        datasets: Datasets beside the burden facts without which the form is not measurable.
        optional: Columns and datasets that only a part of the rule reads; without them that part is silent.
        params: Parameters it is held against.
        filled: Those of them that are lists of the place and say nothing while they are empty.
        rule: The rule in one sentence.
        provision: What it rests on.
        precedent: Notified cases.
        subject: Whom it counts against; never a village or community.
    """

    code: Annotated[StrictStr, Field(pattern=r"^[A-Z]{3}-\d{2}$")]
    slug: Annotated[StrictStr, Field(pattern=r"^[a-z][a-z0-9_]*$")]
    name: Words
    kinds: tuple[Name, ...]
    result: Annotated[tuple[ResultType, ...], Field(min_length=1)]
    needs: tuple[Need, ...] = ()
    register_needs: tuple[Need, ...] = ()
    register_marks: tuple[Need, ...] = ()
    datasets: tuple[Dataset, ...] = ()
    optional: tuple[Name, ...] = ()
    params: tuple[Name, ...]
    filled: tuple[Name, ...] = ()
    rule: Words
    provision: tuple[Provision, ...]
    precedent: tuple[Precedent, ...]
    subject: Literal[
        "issuer",
        "forwarder",
        "level_that_added",
        "target_setter",
        "register_keeper",
        "lead_department",
        "applicant",
    ]

    @property
    def group(self) -> str:
        """First letters of the code."""
        return self.code.partition("-")[0]

    @property
    def cited(self) -> tuple[str, ...]:
        """Every source and case the form names."""
        return (*(each.id for each in self.provision), *(each.id for each in self.precedent))

    @property
    def columns(self) -> frozenset[str]:
        """Every column of a burden fact the form names."""
        needed = (*self.needs, *self.register_needs, *self.register_marks)
        return frozenset(column for need in needed for column in need) | self.optional_columns

    @property
    def datasets_read(self) -> frozenset[str]:
        """Every dataset beside the burden facts that the form or a part of it reads."""
        return frozenset((*self.datasets, *self.optional)) & set(get_args(Dataset))

    @property
    def optional_columns(self) -> frozenset[str]:
        """Columns among ``optional``."""
        return frozenset(self.optional) - set(get_args(Dataset))


@dataclass(frozen=True)
class Catalogue:
    """All forms in the order of their files, all parameters and sources by name."""

    forms: tuple[Form, ...]
    definitions: Mapping[str, Definition]
    sources: Mapping[str, Source]

    def form(self, code: str) -> Form:
        """The form of a code; KeyError when there is none."""
        for form in self.forms:
            if form.code == code:
                return form
        raise KeyError(f"the catalogue has no form {code}")


@cache
def load_catalogue() -> Catalogue:
    """The catalogue that comes with the project, read once."""
    return read_catalogue(SHIPPED_CATALOGUE)


def read_catalogue(folder: Path) -> Catalogue:
    """The catalogue of a folder, in the order of ``GROUP_FILES``.

    Raises:
        CatalogueError: An entry cannot be read or breaks a lint; lists every problem of every file.
    """
    problems: list[str] = []
    definitions = _named(folder / "parameters.yaml", Definition, problems)
    sources = _named(folder / "sources.yaml", Source, problems)
    forms: list[Form] = []
    for stem in dict.fromkeys(GROUP_FILES.values()):
        path = folder / "forms" / f"{stem}.yaml"
        for place, content in enumerate(_content(path, list, problems), start=1):
            where = content.get("code", f"entry {place}") if isinstance(content, dict) else f"entry {place}"
            form = _checked(Form, content, f"{path.name} {where}", problems)
            if form is not None:
                forms.append(form)
                if GROUP_FILES.get(form.group) != stem:
                    problems.append(f"{path.name} {form.code}: does not belong into this file")
    catalogue = Catalogue(tuple(forms), definitions, sources)
    problems.extend(catalogue_problems(catalogue))
    if problems:
        raise CatalogueError(problems)
    return catalogue


def _content(path: Path, kind: type, problems: list[str]) -> Any:
    try:
        content = yaml.load(path.read_text(encoding="utf-8"), Loader=_LOADER)  # noqa: S506 - both are safe loaders
    except (OSError, yaml.YAMLError, ValueError) as error:
        problems.append(f"{path.name}: cannot be read: {error}")
        return kind()
    if not isinstance(content, kind):
        problems.append(f"{path.name}: must be a {kind.__name__} of entries")
        return kind()
    return content


EntryT = TypeVar("EntryT", bound=Entry)


def _named(path: Path, model: type[EntryT], problems: list[str]) -> dict[str, EntryT]:
    entries = {}
    for name, content in _content(path, dict, problems).items():
        entry = _checked(model, content, f"{path.name} {name}", problems)
        if entry is not None:
            entries[str(name)] = entry
    return entries


def _checked(model: type[EntryT], content: object, where: str, problems: list[str]) -> EntryT | None:
    try:
        return model.model_validate(content)
    except ValidationError as error:
        for detail in error.errors(include_url=False):
            field = ".".join(str(part) for part in detail["loc"])
            problems.append(f"{where}: {field}: {detail['msg']}")
        return None


def catalogue_problems(catalogue: Catalogue) -> tuple[str, ...]:
    """Everything wrong between the entries of a catalogue, in order.

    A code or slug given twice, a parameter or source that is not there or never used, a form without
    precedent or provision, a breach without a provision, a text in the wrong language, a precedent whose
    state of proof is not its bulletin's.
    """
    return (
        *_repeated(catalogue.forms),
        *(problem for form in catalogue.forms for problem in _form_problems(form, catalogue)),
        *(problem for form in catalogue.forms for problem in _citation_problems(form, catalogue)),
        *_reference_problems(catalogue),
        *_language_problems(catalogue),
    )


def contract_problems(catalogue: Catalogue, kinds: Collection[str], columns: Collection[str]) -> tuple[str, ...]:
    """What the catalogue names and the contract of burden facts does not have.

    Args:
        catalogue: The catalogue.
        kinds: The codes of ``burden_kind``.
        columns: The columns of a burden fact.
    """
    problems = []
    for form in catalogue.forms:
        problems += [f"{form.code}: unknown burden kind {kind}" for kind in form.kinds if kind not in kinds]
        problems += [f"{form.code}: unknown column {name}" for name in sorted(form.columns - set(columns))]
    tariff = {name.partition(".")[2] for name in catalogue.definitions if name.startswith("minutes.")} - {"field"}
    problems += [f"minutes.{kind}: unknown burden kind" for kind in sorted(tariff - set(kinds))]
    problems += [f"minutes.{kind}: the tariff lacks this kind" for kind in sorted(set(kinds) - tariff)]
    return tuple(problems)


def _repeated(forms: Sequence[Form]) -> Iterator[str]:
    for what in ("code", "slug"):
        for value, times in Counter(getattr(form, what) for form in forms).items():
            if times > 1:
                yield f"the {what} {value} is given {times} times"


def _form_problems(form: Form, catalogue: Catalogue) -> Iterator[str]:
    for name in form.params:
        if name not in catalogue.definitions:
            yield f"{form.code}: unknown parameter {name}"
    for name in sorted(set(form.filled) - set(form.params)):
        yield f"{form.code}: {name} must be filled, but is no parameter of the form"
    if not form.kinds and not form.datasets:
        yield f"{form.code}: reads neither a kind of burden nor a dataset"
    if not form.provision and not form.precedent:
        yield f"{form.code}: has neither a precedent nor a provision"
    if "breach" in form.result and not form.provision:
        yield f"{form.code}: gives a breach, but cites no provision"


def _citation_problems(form: Form, catalogue: Catalogue) -> Iterator[str]:
    for cited in form.cited:
        if bulletin(cited) not in catalogue.sources:
            yield f"{form.code}: unknown source {cited}"
    for precedent in form.precedent:
        source = catalogue.sources.get(bulletin(precedent.id))
        if source is not None and source.kind != "bulletin":
            yield f"{form.code}: the precedent {precedent.id} is no bulletin"
        elif source is not None and precedent.confirmed != source.confirmed:
            yield f"{form.code}: {precedent.id} says confirmed {precedent.confirmed}, its bulletin {source.confirmed}"


def _reference_problems(catalogue: Catalogue) -> Iterator[str]:
    used = {name for form in catalogue.forms for name in form.params}
    for name, definition in catalogue.definitions.items():
        if name not in used and definition.used_by is None:
            yield f"parameter {name} is never used"
        if definition.source not in catalogue.sources:
            yield f"parameter {name}: unknown source {definition.source}"
    cited = {definition.source for definition in catalogue.definitions.values()}
    cited |= {bulletin(each) for form in catalogue.forms for each in form.cited}
    for name in sorted(set(catalogue.sources) - cited):
        yield f"source {name} is never cited"


def _language_problems(catalogue: Catalogue) -> Iterator[str]:
    texts = [(f"{form.code} {what}", getattr(form, what)) for form in catalogue.forms for what in ("name", "rule")]
    texts += [(f"source {name}", source.title) for name, source in catalogue.sources.items()]
    for where, words in texts:
        if not _has_chinese(words.zh):
            yield f"{where}: zh is not Chinese: {words.zh}"
        if _has_chinese(words.en):
            yield f"{where}: en is not English: {words.en}"


def _has_chinese(text: str) -> bool:
    return any("\u4e00" <= character <= "\u9fff" for character in text)


def bulletin(cited: str) -> str:
    """The source of a citation: what stands before the number of the case."""
    return cited.partition("#")[0]


def default_parameters() -> Parameters:
    """Every parameter with its default."""
    return Parameters(
        {
            name: Parameter(name, definition.value, definition.unit, definition.source)
            for name, definition in load_catalogue().definitions.items()
        }
    )


class Replacement(Protocol):
    """What a scheme puts in place of a default, with the unit it is counted in and where it comes from."""

    @property
    def value(self) -> Decimal | float | str | tuple[str, ...]: ...  # noqa: D102

    @property
    def unit(self) -> str: ...  # noqa: D102

    @property
    def reference(self) -> str: ...  # noqa: D102


def with_overrides(parameters: Parameters, overrides: Mapping[str, Replacement]) -> Parameters:
    """The parameters with the values of a scheme in place of those it names.

    Raises:
        ValueError: A name is unknown, or a value is not of the parameter's kind or unit. Names every
            such parameter.
    """
    problems = override_problems(parameters, overrides)
    if problems:
        raise ValueError("; ".join(en for _, en in problems))
    replaced = {
        name: Parameter(name, _value_like(parameters[name].value, given.value), given.unit, given.reference)
        for name, given in overrides.items()
    }
    return Parameters({**parameters, **replaced})


def override_problems(parameters: Parameters, overrides: Mapping[str, Replacement]) -> tuple[tuple[str, str], ...]:
    """What is wrong with replaced values, in Chinese and English, in the order of the names."""
    found = ((name, _override_problem(parameters, name, overrides[name])) for name in sorted(overrides))
    return tuple((f"{name}：{said[0]}", f"{name}: {said[1]}") for name, said in found if said is not None)


def _override_problem(parameters: Parameters, name: str, given: Replacement) -> tuple[str, str] | None:
    if name not in parameters:
        return "没有这个参数", "there is no such parameter"
    default = parameters[name]
    if given.unit != default.unit:
        return f"计量单位应为 {default.unit}", f"is counted in {default.unit}, not in {given.unit}"
    if isinstance(default.value, tuple):
        return None if isinstance(given.value, (str, tuple)) else ("应为列表", "must be a list of words")
    if isinstance(default.value, str):
        return None if isinstance(given.value, str) else ("应为一个词", "must be one word")
    return _number_problem(default, given.value)


def _number_problem(default: Parameter, value: object) -> tuple[str, str] | None:
    if isinstance(value, bool) or not isinstance(value, (int, float, Decimal)):
        return "应为数字", "must be a number"
    if not Decimal(str(value)).is_finite() or value < 0:
        return "不得为负", "must not be below 0"
    if isinstance(default.value, int) and value != int(value):
        return "应为整数", "must be a whole number"
    if default.unit.startswith("share") and value > 1:
        return "份额不得大于 1", "is a share and must not be above 1"
    return None


def _value_like(default: Value, given: Decimal | float | str | tuple[str, ...]) -> Value:
    if isinstance(default, tuple):
        return (given,) if isinstance(given, str) else given  # type: ignore[return-value]
    if isinstance(default, str):
        return str(given)
    return int(given) if isinstance(default, int) else float(given)  # type: ignore[arg-type]
