"""Keyed pseudonyms of rater tokens (DESIGN.md "Settled").

Only ``HMAC-SHA256(key of the assessment year, token)``, base32, first 26 characters (130 bits), goes
past normalize. The key lies outside the stores; the warehouse never sees it.
"""

from __future__ import annotations

import base64
import contextlib
import hmac
import os
import re
from dataclasses import dataclass
from pathlib import Path

import polars as pl

PSEUDONYM_LENGTH = 26
KEY_BYTES = 32


@dataclass(frozen=True)
class Pseudonyms:
    """Turns tokens of one assessment year into pseudonyms with that year's key."""

    key: bytes

    def of(self, tokens: pl.Series) -> pl.Series:
        """Pseudonyms of a column of tokens; null stays null. Each distinct token is hashed once."""
        table = self.table(tokens.drop_nulls().unique())
        return tokens.replace_strict(table["token"], table["pseudonym"], default=None, return_dtype=pl.String)

    def table(self, distinct: pl.Series) -> pl.DataFrame:
        """``token`` and ``pseudonym`` of each distinct token."""
        hashed = [self._one(token) for token in distinct.to_list()]
        return pl.DataFrame(
            {"token": distinct, "pseudonym": hashed}, schema={"token": pl.String, "pseudonym": pl.String}
        )

    def _one(self, token: str) -> str:
        digest = hmac.digest(self.key, token.encode(), "sha256")
        return base64.b32encode(digest).decode()[:PSEUDONYM_LENGTH]


def passing_pseudonyms() -> Pseudonyms:
    """Pseudonyms under a key that is forgotten at once: for checking a file without a home."""
    return Pseudonyms(os.urandom(KEY_BYTES))


def key_of_year(folder: Path, year: int) -> bytes:
    """The key of an assessment year; made with mode 0600 when the year has none yet.

    Raises:
        PermissionError: the key file can be read by others.
        ValueError: the key file is not a key.
    """
    path = folder / f"rater-{year}.key"
    if not path.exists():
        _make_key(path)
    return _read_key(path)


def _make_key(path: Path) -> None:
    """Write a new key beside ``path`` and link it there whole; whoever links first wins."""
    draft = path.with_name(f".{path.name}.{os.getpid()}")
    descriptor = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    with os.fdopen(descriptor, "wb") as file:
        file.write(os.urandom(KEY_BYTES).hex().encode() + b"\n")
        file.flush()
        os.fsync(file.fileno())
    with contextlib.suppress(FileExistsError):
        path.hardlink_to(draft)
    draft.unlink()


def _read_key(path: Path) -> bytes:
    if path.stat().st_mode & 0o077:
        raise PermissionError(
            f"{path}: 口令密钥文件可被他人读取，请执行 chmod 600 / other users can read it, run chmod 600"
        )
    text = path.read_text(encoding="ascii").strip()
    if not re.fullmatch(r"[0-9a-f]{64}", text):
        raise ValueError(f"{path}: 不是有效的密钥文件 / not a key file")
    return bytes.fromhex(text)


def assessment_year(period_id: str | None, fallback: int) -> int:
    """The assessment year a file belongs to: the year of its period, else ``fallback``."""
    match = re.match(r"(\d{4})", period_id or "")
    return int(match.group(1)) if match else fallback
