"""What the sections of a scheme are made of: cited numbers, cited choices, and lists without repeats."""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from decimal import Decimal
from fractions import Fraction
from typing import Annotated, Generic, TypeVar

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field


class Model(BaseModel):
    """A part of a scheme: never changed after reading, and an entry it does not know is a mistake."""

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
Sha256 = Annotated[str, Field(pattern=r"^[0-9a-f]{64}$")]


class Title(Model):
    """A name for people."""

    zh: Text
    en: Text


class Quantity(Model):
    """A number of policy with its unit and where it comes from."""

    value: ExactDecimal
    unit: Text
    reference: Text

    @property
    def fraction(self) -> Fraction:
        """The value exactly."""
        return Fraction(self.value)


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


class Points(Quantity):
    """Points of the 0-100 scale, six decimal places at most."""

    value: SixPlaces

    @property
    def micropoints(self) -> int:
        """The value in millionths of a point, exactly."""
        return int(self.value * 1_000_000)


ChoiceT = TypeVar("ChoiceT")


class Choice(Model, Generic[ChoiceT]):
    """A decision of policy that is not a number, with where it comes from."""

    value: ChoiceT
    reference: Text


QuantityT = TypeVar("QuantityT", bound=Quantity)


def at_least(floor: Decimal | int, lint: str = "") -> AfterValidator:
    """No value below ``floor``; ``lint`` is the id of the rule of method 3.10 that says so."""

    def check(quantity: QuantityT) -> QuantityT:
        if quantity.value < floor:
            raise ValueError(f"不得小于 {floor}|must not be below {floor}|{lint}")
        return quantity

    return AfterValidator(check)


def at_most(ceiling: Decimal | int, lint: str = "") -> AfterValidator:
    """No value above ``ceiling``; ``lint`` as in ``at_least``."""

    def check(quantity: QuantityT) -> QuantityT:
        if quantity.value > ceiling:
            raise ValueError(f"不得大于 {ceiling}|must not be above {ceiling}|{lint}")
        return quantity

    return AfterValidator(check)


ModelT = TypeVar("ModelT", bound=Model)


def _identity(entry: Model, names: Sequence[str]) -> tuple[str, ...]:
    values = (getattr(entry, name) for name in names)
    return tuple("+".join(value) if isinstance(value, tuple) else str(value or "") for value in values)


def each_once(*names: str, zh: str, en: str) -> AfterValidator:
    """Entries that differ in ``names``, sorted by them: the order they were written in means nothing.

    ``zh`` and ``en`` say what occurs twice; ``{}`` stands for the entry.
    """

    def check(entries: tuple[ModelT, ...]) -> tuple[ModelT, ...]:
        ordered = sorted(entries, key=lambda entry: _identity(entry, names))
        for before, entry in itertools.pairwise(ordered):
            if _identity(before, names) == _identity(entry, names):
                name = "/".join(part for part in _identity(entry, names) if part)
                raise ValueError(f"{zh.format(name)}|{en.format(name)}")
        return tuple(ordered)

    return AfterValidator(check)


def _ids_once(ids: tuple[str, ...]) -> tuple[str, ...]:
    if len(set(ids)) < len(ids):
        repeated = sorted({name for name in ids if ids.count(name) > 1})
        raise ValueError(f"重复：{'、'.join(repeated)}|given twice: {', '.join(repeated)}")
    return tuple(sorted(ids))


Ids = Annotated[tuple[Text, ...], AfterValidator(_ids_once)]
"""Ids, each once; their order means nothing."""
