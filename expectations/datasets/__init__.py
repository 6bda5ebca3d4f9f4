"""The registry of the seventeen datasets of the input contract (INPUT.md 4.4)."""

from __future__ import annotations

import unicodedata
from collections.abc import Mapping
from functools import cache
from types import MappingProxyType

from expectations.datasets.adjustment import ADJUSTMENT
from expectations.datasets.burden_fact import BURDEN_FACT
from expectations.datasets.duty_item import DUTY_ITEM
from expectations.datasets.finding import FINDING
from expectations.datasets.form_field import FORM_FIELD
from expectations.datasets.indicator import INDICATOR
from expectations.datasets.instrument_item import INSTRUMENT_ITEM
from expectations.datasets.org_unit import ORG_UNIT
from expectations.datasets.performance_fact import PERFORMANCE_FACT
from expectations.datasets.period import PERIOD
from expectations.datasets.rater import RATER
from expectations.datasets.rating_event import RATING_EVENT
from expectations.datasets.rating_frame import RATING_FRAME
from expectations.datasets.resource_grant import RESOURCE_GRANT
from expectations.datasets.survey_response import SURVEY_RESPONSE
from expectations.datasets.task_admission import TASK_ADMISSION
from expectations.datasets.verification_fact import VERIFICATION_FACT
from expectations.declaration import Dataset

_IN_WAVE_ORDER = (
    ORG_UNIT,
    PERIOD,
    INSTRUMENT_ITEM,
    INDICATOR,
    RATER,
    DUTY_ITEM,
    RATING_FRAME,
    TASK_ADMISSION,
    FORM_FIELD,
    RATING_EVENT,
    SURVEY_RESPONSE,
    PERFORMANCE_FACT,
    BURDEN_FACT,
    ADJUSTMENT,
    RESOURCE_GRANT,
    VERIFICATION_FACT,
    FINDING,
)

DATASETS: Mapping[str, Dataset] = MappingProxyType({declared.name: declared for declared in _IN_WAVE_ORDER})
"""Every dataset by name, in the order a night loads them: a dataset refers to earlier waves only."""


def dataset(name: str) -> Dataset:
    """The dataset called ``name``.

    Raises:
        KeyError: there is no such dataset.
    """
    return DATASETS[name]


def find_dataset(word: str) -> Dataset | None:
    """The dataset a word in a file name means: its name, its Chinese label or an alias; None when unknown.

    Width, case, spaces and ``-`` instead of ``_`` make no difference.
    """
    name = _by_word().get(_folded(word))
    return None if name is None else DATASETS[name]


@cache
def _by_word() -> Mapping[str, str]:
    return {
        _folded(word): declared.name
        for declared in DATASETS.values()
        for word in (declared.name, declared.zh, *declared.aliases)
    }


def _folded(word: str) -> str:
    return "".join(unicodedata.normalize("NFKC", word).split()).lower().replace("-", "_")
