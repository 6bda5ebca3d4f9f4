"""The assessment scheme of the demo county, with its anchors written out."""

from __future__ import annotations

import datetime as dt
from pathlib import Path

import polars as pl
import yaml

from examples.demo_county import vocabulary as words
from examples.demo_county.registers import BASELINE_PERIOD, OPEN_PERIODS

HEADER = """\
# Scheme of the fictional Jichuan County for the demo. Nobody has to sign, so that the demo runs to the
# end by itself; the anchors are those of the baseline month and are not computed again.
"""

SCHEME_ID = "jichuan-demo-2026"
OWN_CHOICE = "Decision of the fictional county"


def write_scheme(path: Path, anchors: pl.DataFrame) -> Path:
    """Write the scheme as YAML.

    Args:
        path: The file to write.
        anchors: ``indicator_id``, ``peer_group`` (null: every group), ``threshold``, ``benchmark``.

    Returns:
        ``path``.
    """
    scheme = {
        "scheme_id": SCHEME_ID,
        "title": {"zh": f"{words.COUNTY_NAME}基层评部门方案（2026 年示例）", "en": "Jichuan County, demo scheme 2026"},
        "valid_from": dt.date(2026, 1, 1),
        "valid_to": dt.date(2027, 1, 1),
        "sign_off": {"people": _quantity(0, "people", "The demo publishes without a signature")},
        "minimum_cell": {
            "min_raters": _quantity(10, "raters", OWN_CHOICE),
            "min_units": _quantity(5, "grassroots units", OWN_CHOICE),
            "max_unit_share": _quantity(0.5, "share of the weight", OWN_CHOICE),
        },
        "rating": {
            "rater_level": {"value": "unit", "reference": OWN_CHOICE},
            "fit_by": {"value": "peer_group", "reference": OWN_CHOICE},
            "min_departments_per_fit": _quantity(10, "departments", OWN_CHOICE),
            "min_observed_weight": _quantity(0.5, "share of the instrument's weight", OWN_CHOICE),
            "unit_weight_prior": _quantity(2, "persons", OWN_CHOICE),
            "max_dk_share": _quantity(0.5, "share of answered and don't-know ratings", OWN_CHOICE),
        },
        "unit_points": {
            "scale": "cms",
            "reference": "42 CFR 412.160 to 412.165, achievement and improvement points",
            "baseline": {"periods": dict.fromkeys(OPEN_PERIODS, BASELINE_PERIOD)},
            "anchors": [
                {
                    "indicator_id": row["indicator_id"],
                    "peer_group": row["peer_group"],
                    "achievement_threshold": row["threshold"],
                    "benchmark": row["benchmark"],
                }
                for row in anchors.iter_rows(named=True)
            ],
        },
    }
    text = yaml.safe_dump(scheme, allow_unicode=True, sort_keys=False, width=118)
    path.write_text(HEADER + text, encoding="utf-8")
    return path


def _quantity(value: float, unit: str, reference: str) -> dict[str, object]:
    return {"value": value, "unit": unit, "reference": reference}
