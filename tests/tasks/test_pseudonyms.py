"""Pseudonyms of rater tokens and the keys they hang on."""

from __future__ import annotations

import base64
import hashlib
import hmac
from pathlib import Path

import polars as pl
import pytest

from tasks.pseudonyms import Pseudonyms, assessment_year, key_of_year, passing_pseudonyms


def test_a_pseudonym_is_the_base32_of_a_keyed_hash() -> None:
    key = bytes(range(32))
    expected = base64.b32encode(hmac.new(key, "口令-1".encode(), hashlib.sha256).digest()).decode()[:26]
    assert Pseudonyms(key).of(pl.Series(["口令-1", None, "口令-1"])).to_list() == [expected, None, expected]


def test_another_key_gives_other_pseudonyms() -> None:
    tokens = pl.Series(["a", "b"])
    assert passing_pseudonyms().of(tokens).to_list() != passing_pseudonyms().of(tokens).to_list()


def test_a_key_is_made_once_and_closed_to_others(tmp_path: Path) -> None:
    first = key_of_year(tmp_path, 2026)
    assert key_of_year(tmp_path, 2026) == first
    assert key_of_year(tmp_path, 2027) != first
    assert (tmp_path / "rater-2026.key").stat().st_mode & 0o777 == 0o600
    assert [path.name for path in sorted(tmp_path.iterdir())] == ["rater-2026.key", "rater-2027.key"]


def test_a_key_others_can_read_is_refused(tmp_path: Path) -> None:
    key_of_year(tmp_path, 2026)
    (tmp_path / "rater-2026.key").chmod(0o644)
    with pytest.raises(PermissionError, match="chmod 600"):
        key_of_year(tmp_path, 2026)


def test_a_damaged_key_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "rater-2026.key"
    path.write_text("not a key")
    path.chmod(0o600)
    with pytest.raises(ValueError, match="key"):
        key_of_year(tmp_path, 2026)


@pytest.mark.parametrize(("period", "year"), [("2026M07", 2026), ("2025", 2025), ("C-试点", 2024), (None, 2024)])
def test_the_assessment_year_is_that_of_the_period(period: str | None, year: int) -> None:
    assert assessment_year(period, 2024) == year
