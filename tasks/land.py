"""Land: find deliveries, store their bytes once under their SHA-256, and say what they claim to be.

The name of a file and its manifest are claims; its identity is its hash. Claims that contradict each
other are refused, never weighed against each other (INPUT.md 4.1).
"""

from __future__ import annotations

import hashlib
import os
import re
import secrets
import unicodedata
from collections.abc import Iterator, Mapping
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path, PurePath
from typing import Annotated, Literal

import yaml
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from expectations.common import ORG_ID_PATTERN, PERIOD_ID_PATTERN
from expectations.datasets import find_dataset
from tasks.reading.detect import looks_like_workbook
from tasks.reading.errors import FileRefused, Words
from tasks.reading.limits import MEBIBYTE, Limits
from warehouse.durable import sync

Mode = Literal["delta", "full"]
_Word = Annotated[str, Field(min_length=1, max_length=200)]
_SHA256_PATTERN = r"^[0-9a-fA-F]{64}$"
MANIFEST_SUFFIX = ".manifest.yaml"
_UNFINISHED_PREFIXES = ("~$", ".~", ".")
_UNFINISHED_SUFFIXES = (".tmp", ".part", MANIFEST_SUFFIX)
_MAX_MANIFEST_BYTES = 64 * 1024
_CHUNK = 8 * MEBIBYTE
_VERSION = re.compile(r"v(\d{1,6})", re.IGNORECASE)
_CHINESE_PERIOD = re.compile(
    r"(?P<year>\d{4})年度?(?:(?:第)?(?P<quarter>[1-4一二三四])季度?|(?P<half>[上下])半年度?|(?P<month>\d{1,2})月(?:份)?)?"
)
_QUARTER_DIGITS = {"一": "1", "二": "2", "三": "3", "四": "4"}


class DeliveryChangedError(Exception):
    """The file changed while it was copied: it is still being written and belongs to the next run."""


@dataclass(frozen=True)
class Delivery:
    """A file handed in; ``submitter_org_id`` is the inbox folder it lay in, None when it lay in none."""

    path: Path
    name: str
    size: int
    submitter_org_id: str | None = None


@dataclass(frozen=True)
class LandedFile:
    """Stored bytes. ``manifest`` is the text of the manifest delivered beside the file, None without one."""

    sha256: str
    path: Path
    size: int
    name: str
    submitter_org_id: str | None = None
    manifest: bytes | None = None


class Manifest(BaseModel):
    """What a submitter states about a file; every key is optional, unknown keys are an error."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    dataset: _Word | None = None
    contract_version: Annotated[int, Field(ge=1)] | None = None
    mapping: _Word | None = None
    submitter_org_id: Annotated[str, Field(pattern=ORG_ID_PATTERN)] | None = None
    period_id: Annotated[str, Field(pattern=PERIOD_ID_PATTERN, coerce_numbers_to_str=True)] | None = None
    mode: Mode | None = None
    encoding: _Word | None = None
    sheet: str | int | None = None
    percent_scale: Literal[1, 100] | None = None
    rows: Annotated[int, Field(ge=0)] | None = None
    sha256: Annotated[str, Field(pattern=_SHA256_PATTERN)] | None = None
    created_at: datetime | None = None
    supersedes_sha256: Annotated[str, Field(pattern=_SHA256_PATTERN)] | None = None
    contact: _Word | None = None


@dataclass(frozen=True)
class NameParts:
    """What a file name says: ``{dataset}__{submitter}__{period}__v{NN}.{ext}``, each part only when it is there."""

    dataset_word: str = ""
    submitter: str = ""
    period_id: str = ""
    file_version: int | None = None


@dataclass(frozen=True)
class Identity:
    """What a file is, after name, folder and manifest have been found to agree.

    ``percent_scale`` is 100 when bare numbers of ratio columns are percentages. ``declared_rows`` is
    what the manifest promises; None when it promises nothing.
    """

    dataset: str
    submitter_org_id: str
    period_id: str | None
    file_version: int
    mode: Mode = "delta"
    sheet: str | int | None = None
    percent_scale: Literal[1, 100] = 1
    mapping: str | None = None
    contract_version: int | None = None
    encoding: str | None = None
    declared_rows: int | None = None
    created_at: datetime | None = None
    supersedes_sha256: str | None = None
    contact: str | None = None


def find_deliveries(inbox: Path, now: datetime, quiet_seconds: float = 5) -> list[Delivery]:
    """Files of the inbox that are complete, ordered by submitter and name.

    A file is complete when nothing about it has changed for ``quiet_seconds``. The change time of the
    file system decides, for a copying program may set any modification time it likes.

    Args:
        inbox: folder with one folder per submitter; files directly in it have no submitter of their own.
        now: the moment of looking, with a time zone.
        quiet_seconds: how long a file must have been left alone, in seconds.
    """
    found = []
    for path in _files_below(inbox):
        status = path.stat()
        if _is_delivery(path.name) and now.timestamp() - status.st_ctime >= quiet_seconds:
            parts = path.relative_to(inbox).parts
            found.append(Delivery(path, path.name, status.st_size, parts[0] if len(parts) > 1 else None))
    return sorted(found, key=lambda delivery: delivery.path.relative_to(inbox).as_posix())


def _files_below(folder: Path) -> Iterator[Path]:
    """Regular files below a folder; links are not followed, hidden folders not entered."""
    for parent, folders, names in os.walk(folder):
        folders[:] = sorted(name for name in folders if not name.startswith("."))
        for name in names:
            path = Path(parent, name)
            if path.is_file() and not path.is_symlink():
                yield path


def _is_delivery(name: str) -> bool:
    """Whether a name is one of a finished file, not of a lock, a part or a manifest."""
    return not name.startswith(_UNFINISHED_PREFIXES) and not name.lower().endswith(_UNFINISHED_SUFFIXES)


def delivery_of(path: Path, submitter: str | None = None) -> Delivery:
    """A file named on the command line as a delivery.

    Raises:
        FileNotFoundError: there is no such file.
    """
    return Delivery(path, path.name, path.stat().st_size, submitter)


def land(delivery: Delivery, landing: Path, limits: Limits | None = None) -> LandedFile:
    """Copy the bytes to ``landing/<first two>/<sha256>``, read-only, once.

    Raises:
        FileRefused: F106 too large; F119 a manifest too large to be one.
        DeliveryChangedError: the file was written to while it was copied.
        OSError: the landing area cannot be written, or the file cannot be read.
    """
    limits = limits or Limits()
    landing.mkdir(parents=True, exist_ok=True)
    temporary = landing / f".{secrets.token_hex(8)}.part"
    try:
        sha256, size = _copy(delivery.path, temporary, limits)
        path = _place(temporary, landing / sha256[:2] / sha256, size)
    finally:
        temporary.unlink(missing_ok=True)
    return LandedFile(sha256, path, size, delivery.name, delivery.submitter_org_id, _manifest_text(delivery.path))


def _copy(source: Path, target: Path, limits: Limits) -> tuple[str, int]:
    """Copy and hash; each chunk is hashed on a second thread while it is written."""
    digest = hashlib.sha256()
    size = 0
    hashed: Future[None] | None = None
    with source.open("rb", buffering=0) as reader, target.open("xb", buffering=0) as writer:
        before = os.fstat(reader.fileno())
        with ThreadPoolExecutor(1) as pool:
            while chunk := reader.read(_CHUNK):
                if size == 0:
                    most = limits.max_file_bytes(workbook=looks_like_workbook(chunk))
                    _check_size(before.st_size, most)
                size += len(chunk)
                _check_size(size, most)
                if hashed is not None:
                    hashed.result()
                hashed = pool.submit(digest.update, chunk)
                _write_all(writer.fileno(), chunk)
        after = os.fstat(reader.fileno())
        os.fchmod(writer.fileno(), 0o444)
        os.fsync(writer.fileno())
    if (before.st_size, before.st_mtime_ns) != (after.st_size, after.st_mtime_ns) or size != after.st_size:
        raise DeliveryChangedError(f"{source} changed while it was read")
    return digest.hexdigest(), size


def _write_all(descriptor: int, chunk: bytes) -> None:
    left = memoryview(chunk)
    while left:
        left = left[os.write(descriptor, left) :]


def _check_size(size: int, most: int) -> None:
    if size > most:
        raise FileRefused("F106", value=_size_text(size), expected=_size_text(most))


def _size_text(size: int) -> str:
    return f"{size / MEBIBYTE:,.1f} MiB"


def _place(temporary: Path, target: Path, size: int) -> Path:
    """Move a finished copy to its place; bytes that are there already are left as they are."""
    if not target.parent.is_dir():
        target.parent.mkdir(exist_ok=True)
        sync(target.parent.parent)
    if target.exists() and target.stat().st_size == size:
        return target
    # Missing, or cut short by a crash of an older kind of disk: the copy just hashed replaces it whole.
    temporary.replace(target)
    sync(target.parent)
    return target


def _manifest_text(path: Path) -> bytes | None:
    manifest = path.with_name(path.name + MANIFEST_SUFFIX)
    if not manifest.is_file():
        return None
    with manifest.open("rb") as file:
        text = file.read(_MAX_MANIFEST_BYTES + 1)
    if len(text) > _MAX_MANIFEST_BYTES:
        raise FileRefused("F119", detail=Words("文件过大", "it is too large to be one"))
    return text


def parse_manifest(text: bytes | None) -> Manifest | None:
    """The manifest in its YAML text; None stays None.

    Raises:
        FileRefused: F119 with every mistake in it.
    """
    if text is None:
        return None
    try:
        found = yaml.safe_load(text.decode("utf-8-sig"))
        return Manifest.model_validate({} if found is None else found)
    except ValidationError as error:
        mistakes = (f"{'.'.join(map(str, item['loc'])) or 'manifest'}: {item['msg']}" for item in error.errors())
        raise FileRefused("F119", detail="; ".join(mistakes)) from None
    except (yaml.YAMLError, UnicodeDecodeError, ValueError, RecursionError) as error:
        raise FileRefused("F119", detail=" ".join(str(error).split())) from None


def name_parts(name: str) -> NameParts:
    """Take a file name apart; parts that are missing or no period, version or word stay empty."""
    stem = unicodedata.normalize("NFKC", PurePath(name).stem)
    words = [word.strip() for word in stem.split("__")]
    version = None
    if len(words) > 1 and (found := _VERSION.fullmatch(words[-1])):
        version = int(found[1])
        words.pop()
    words += [""] * (3 - len(words))
    return NameParts(words[0], words[1], period_of(words[2]), version)


def period_of(word: str) -> str:
    """The ``period_id`` a word in a file name means; "" when it means none.

    >>> period_of("2026年1季度"), period_of("2026年上半年"), period_of("2026M03")
    ('2026Q1', '2026H1', '2026M03')
    """
    if re.fullmatch(PERIOD_ID_PATTERN, word):
        return word
    found = _CHINESE_PERIOD.fullmatch("".join(word.split()))
    if found is None:
        return ""
    year = found["year"]
    if quarter := found["quarter"]:
        return f"{year}Q{_QUARTER_DIGITS.get(quarter, quarter)}"
    if half := found["half"]:
        return f"{year}H{1 if half == '上' else 2}"
    if month := found["month"]:
        return f"{year}M{int(month):02}" if 1 <= int(month) <= 12 else ""
    return year


def identify(
    delivery: Delivery | LandedFile,
    manifest: Manifest | None,
    parts: NameParts,
    *,
    submitters: Mapping[str, str] | None = None,
) -> Identity:
    """What the file is, when its name, its inbox folder and its manifest agree.

    Args:
        delivery: the file; the folder it lay in names its submitter. Of a landed file the hash is checked too.
        manifest: what its manifest says, if it has one.
        parts: what its name says.
        submitters: ``org_id`` by the names organisations use for themselves in file names. A word that is
            neither in it nor an ``org_id`` says nothing.

    Raises:
        FileRefused: F101 no known dataset, F103 contradictions, F104 other bytes than the manifest
            describes, F122 no submitter.
    """
    stated = manifest or Manifest()
    if isinstance(delivery, LandedFile) and stated.sha256 and stated.sha256.lower() != delivery.sha256:
        raise FileRefused("F104", detail=f"sha256 {delivery.sha256[:12]}… ≠ {stated.sha256.lower()[:12]}…")
    in_name = _submitter_in_name(parts.submitter, submitters or {})
    dataset = _agreed("dataset", _dataset_of(parts.dataset_word), _dataset_of(stated.dataset or ""))
    if dataset is None or (stated.dataset and _dataset_of(stated.dataset) is None):
        raise FileRefused("F101", value=stated.dataset or delivery.name)
    submitter = _agreed("submitter_org_id", delivery.submitter_org_id, in_name, stated.submitter_org_id)
    if submitter is None:
        raise FileRefused("F122", value=delivery.name)
    return Identity(
        dataset=dataset,
        submitter_org_id=submitter,
        period_id=_agreed("period_id", parts.period_id or None, stated.period_id),
        file_version=parts.file_version or 1,
        mode=stated.mode or "delta",
        sheet=stated.sheet,
        percent_scale=stated.percent_scale or 1,
        mapping=stated.mapping,
        contract_version=stated.contract_version,
        encoding=stated.encoding,
        declared_rows=stated.rows,
        created_at=stated.created_at,
        supersedes_sha256=stated.supersedes_sha256,
        contact=stated.contact,
    )


def _dataset_of(word: str) -> str | None:
    found = find_dataset(word) if word else None
    return None if found is None else found.name


def _submitter_in_name(word: str, submitters: Mapping[str, str]) -> str | None:
    if word in submitters:
        return submitters[word]
    return word if re.fullmatch(ORG_ID_PATTERN, word) else None


def _agreed(what: str, *claims: str | None) -> str | None:
    """The one value all claims give; None when there is no claim."""
    found = list(dict.fromkeys(claim for claim in claims if claim))
    if len(found) > 1:
        raise FileRefused("F103", detail=f"{what}: {' ≠ '.join(found)}")
    return found[0] if found else None


def check_declared_rows(identity: Identity, rows: int) -> None:
    """Compare the data rows read with the number the manifest promises.

    Raises:
        FileRefused: F104.
    """
    if identity.declared_rows is not None and identity.declared_rows != rows:
        stated = identity.declared_rows
        raise FileRefused(
            "F104", detail=Words(f"清单写 {stated} 行，实有 {rows} 行", f"{stated} rows stated, {rows} found")
        )


def check_declared_encoding(identity: Identity, encoding: str) -> None:
    """Compare the encoding found with the one the manifest states; names of one encoding are equal.

    Raises:
        FileRefused: F104.
    """
    families = {"gbk": "gb18030", "gb2312": "gb18030", "cp936": "gb18030", "utf-8-sig": "utf-8", "utf8": "utf-8"}

    def family(name: str) -> str:
        plain = name.strip().lower().replace("_", "-")
        plain = families.get(plain, plain)
        return "utf-16" if plain.startswith("utf-16") else plain

    if identity.encoding and encoding and family(identity.encoding) != family(encoding):
        raise FileRefused("F104", detail=f"{identity.encoding} ≠ {encoding}")
