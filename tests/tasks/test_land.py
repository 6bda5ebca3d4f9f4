"""Finding deliveries, storing bytes once, and what a file claims to be."""

from __future__ import annotations

import hashlib
import os
import stat
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from tasks.land import (
    Delivery,
    DeliveryChangedError,
    Identity,
    LandedFile,
    Manifest,
    NameParts,
    check_declared_encoding,
    check_declared_rows,
    delivery_of,
    find_deliveries,
    identify,
    land,
    name_parts,
    parse_manifest,
    period_of,
)
from tasks.reading.errors import FileRefused
from tasks.reading.limits import Limits

ABC_SHA256 = "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"
"""SHA-256 of the three letters abc, from FIPS 180-2."""


def _refusal(code: str) -> pytest.RaisesExc[FileRefused]:
    return pytest.RaisesExc(FileRefused, check=lambda error: error.code == code)


def _soon() -> datetime:
    return datetime.now(UTC) + timedelta(seconds=60)


def test_finds_finished_files_in_order(tmp_path: Path) -> None:
    for name in (
        "CG-T02/b.csv",
        "CG-T01/z.xlsx",
        "CG-T01/sub/a.csv",
        "loose.csv",
        "CG-T01/~$z.xlsx",
        "CG-T01/.~z.xlsx",
        "CG-T01/.hidden.csv",
        "CG-T01/.trash/c.csv",
        "CG-T01/c.csv.part",
        "CG-T01/c.TMP",
        "CG-T01/z.xlsx.manifest.yaml",
    ):
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(b"abc")
    (tmp_path / "CG-T02" / "link.csv").symlink_to(tmp_path / "loose.csv")
    found = find_deliveries(tmp_path, _soon())
    assert [(delivery.submitter_org_id, delivery.name) for delivery in found] == [
        ("CG-T01", "a.csv"),
        ("CG-T01", "z.xlsx"),
        ("CG-T02", "b.csv"),
        (None, "loose.csv"),
    ]
    assert [delivery.size for delivery in found] == [3, 3, 3, 3]


def test_leaves_a_file_alone_until_it_is_quiet(tmp_path: Path) -> None:
    path = tmp_path / "CG-T01" / "a.csv"
    path.parent.mkdir()
    path.write_bytes(b"abc")
    # A copying program may give the file the modification time of its original.
    os.utime(path, (1_000_000_000, 1_000_000_000))
    now = datetime.now(UTC)
    assert find_deliveries(tmp_path, now) == []
    assert find_deliveries(tmp_path, now, quiet_seconds=0) or find_deliveries(tmp_path, _soon(), quiet_seconds=0)
    assert len(find_deliveries(tmp_path, now + timedelta(seconds=6))) == 1


def test_lands_under_the_hash_read_only(tmp_path: Path) -> None:
    source = tmp_path / "甲.csv"
    source.write_bytes(b"abc")
    landed = land(delivery_of(source, "CG-T01"), tmp_path / "landing")
    assert landed == LandedFile(ABC_SHA256, tmp_path / "landing" / "ba" / ABC_SHA256, 3, "甲.csv", "CG-T01", None)
    assert landed.path.read_bytes() == b"abc"
    assert stat.S_IMODE(landed.path.stat().st_mode) == 0o444
    assert [path.name for path in (tmp_path / "landing").iterdir()] == ["ba"]


def test_same_bytes_are_stored_once(tmp_path: Path) -> None:
    for name in ("a.csv", "b.csv"):
        (tmp_path / name).write_bytes(b"abc")
    first = land(delivery_of(tmp_path / "a.csv"), tmp_path / "landing")
    written = first.path.stat()
    second = land(delivery_of(tmp_path / "b.csv"), tmp_path / "landing")
    assert (second.sha256, second.path) == (first.sha256, first.path)
    assert (second.path.stat().st_ino, second.path.stat().st_mtime_ns) == (written.st_ino, written.st_mtime_ns)


def test_a_cut_object_is_replaced(tmp_path: Path) -> None:
    (tmp_path / "a.csv").write_bytes(b"abc")
    place = tmp_path / "landing" / "ba" / ABC_SHA256
    place.parent.mkdir(parents=True)
    place.write_bytes(b"a")
    assert land(delivery_of(tmp_path / "a.csv"), tmp_path / "landing").path.read_bytes() == b"abc"


def test_large_file_in_many_chunks(tmp_path: Path) -> None:
    content = os.urandom(1 << 20) * 17 + b"tail"
    (tmp_path / "a.csv").write_bytes(content)
    landed = land(delivery_of(tmp_path / "a.csv"), tmp_path / "landing")
    assert landed.sha256 == hashlib.sha256(content).hexdigest()
    assert landed.path.read_bytes() == content


@pytest.mark.parametrize(
    ("head", "size", "taken"), [(b"PK\x03\x04", 100, False), (b"a,b\n", 100, True), (b"a", 201, False)]
)
def test_size_limits_of_workbooks_and_text(tmp_path: Path, head: bytes, size: int, taken: bool) -> None:
    (tmp_path / "a").write_bytes(head.ljust(size, b"x"))
    limits = Limits(max_workbook_bytes=50, max_delimited_bytes=200)
    if taken:
        assert land(delivery_of(tmp_path / "a"), tmp_path / "landing", limits).size == size
    else:
        with _refusal("F106"):
            land(delivery_of(tmp_path / "a"), tmp_path / "landing", limits)
        assert list((tmp_path / "landing").iterdir()) == []


def test_a_file_still_being_written_is_left_for_later(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    source = tmp_path / "a.csv"
    source.write_bytes(b"abc")
    write = os.write

    def write_while_it_grows(descriptor: int, data: memoryview) -> int:
        if source.stat().st_size == 3:
            source.write_bytes(b"abcd")
        return write(descriptor, data)

    monkeypatch.setattr("tasks.land.os.write", write_while_it_grows)
    with pytest.raises(DeliveryChangedError):
        land(delivery_of(source), tmp_path / "landing")


def test_manifest_travels_with_the_file(tmp_path: Path) -> None:
    (tmp_path / "a.csv").write_bytes(b"abc")
    (tmp_path / "a.csv.manifest.yaml").write_text("dataset: burden_fact\nrows: 3\n", encoding="utf-8")
    landed = land(delivery_of(tmp_path / "a.csv"), tmp_path / "landing")
    assert parse_manifest(landed.manifest) == Manifest(dataset="burden_fact", rows=3)


@pytest.mark.parametrize(
    ("text", "word"),
    [
        (b"colour: red", "colour"),
        (b"rows: -1\nmode: half", "mode"),
        (b"- a\n- b", "manifest"),
        (b"a: [1", "line"),
        (b"\xff\xfe\x00", "decode"),
        (b"a: !!python/object/apply:os.getcwd []", "constructor"),
    ],
)
def test_mistakes_in_a_manifest_are_named(text: bytes, word: str) -> None:
    with _refusal("F119") as caught:
        parse_manifest(text)
    assert word in str(caught.value.values["detail"])


def test_all_mistakes_in_a_manifest_are_named_at_once() -> None:
    with _refusal("F119") as caught:
        parse_manifest(b"colour: red\nrows: -1\nmode: half\nsha256: abc\n")
    assert all(key in str(caught.value.values["detail"]) for key in ("colour", "rows", "mode", "sha256"))


def test_year_written_as_a_number_is_a_period() -> None:
    assert parse_manifest(b"period_id: 2026") == Manifest(period_id="2026")


@pytest.mark.parametrize(
    ("name", "parts"),
    [
        ("burden_fact__CG-NYJ__2026Q1__v01.xlsx", NameParts("burden_fact", "CG-NYJ", "2026Q1", 1)),
        ("会议文件负担__农业农村局__2026年1季度.xlsx", NameParts("会议文件负担", "农业农村局", "2026Q1", None)),
        ("org_unit__CG-NYJ__v12.csv", NameParts("org_unit", "CG-NYJ", "", 12)),
        ("period.csv", NameParts("period", "", "", None)),
        ("burden_fact__CG-NYJ__２０２６Q1__V3.csv", NameParts("burden_fact", "CG-NYJ", "2026Q1", 3)),
        ("随便起的名字", NameParts("随便起的名字", "", "", None)),
    ],
)
def test_name_is_taken_apart(name: str, parts: NameParts) -> None:
    assert name_parts(name) == parts


@pytest.mark.parametrize(
    ("word", "period"),
    [
        ("2026", "2026"),
        ("2026年", "2026"),
        ("2026年度", "2026"),
        ("2026年第四季度", "2026Q4"),
        ("2026年下半年", "2026H2"),
        ("2026年3月", "2026M03"),
        ("2026年13月", ""),
        ("上个月", ""),
        ("C-试点", "C-试点"),
    ],
)
def test_periods_in_words(word: str, period: str) -> None:
    assert period_of(word) == period


DELIVERY = Delivery(Path("x.csv"), "x.csv", 1, "CG-NYJ")
PARTS = NameParts("burden_fact", "CG-NYJ", "2026Q1", 2)


def test_claims_that_agree_are_the_identity() -> None:
    manifest = Manifest(dataset="burden_fact", period_id="2026Q1", mode="full", percent_scale=100, sheet="数据")
    assert identify(DELIVERY, manifest, PARTS) == Identity(
        "burden_fact", "CG-NYJ", "2026Q1", 2, mode="full", sheet="数据", percent_scale=100
    )
    assert identify(DELIVERY, None, NameParts("burden_fact")) == Identity("burden_fact", "CG-NYJ", None, 1)


@pytest.mark.parametrize(
    ("delivery", "manifest", "parts", "what"),
    [
        (DELIVERY, None, NameParts("burden_fact", "CG-JTJ", "2026Q1"), "submitter_org_id"),
        (DELIVERY, Manifest(submitter_org_id="CG-JTJ"), NameParts("burden_fact"), "submitter_org_id"),
        (DELIVERY, Manifest(period_id="2026Q2"), PARTS, "period_id"),
        (DELIVERY, Manifest(dataset="org_unit"), PARTS, "dataset"),
    ],
)
def test_contradictions_are_refused(delivery: Delivery, manifest: Manifest | None, parts: NameParts, what: str) -> None:
    with _refusal("F103") as caught:
        identify(delivery, manifest, parts)
    assert what in str(caught.value.values["detail"])


def test_unknown_dataset_and_submitter_are_refused() -> None:
    with _refusal("F101"):
        identify(DELIVERY, None, NameParts("随便起的名字"))
    with _refusal("F101"):
        identify(DELIVERY, Manifest(dataset="no_such_table"), PARTS)
    with _refusal("F122"):
        identify(Delivery(Path("x"), "x", 1), None, NameParts("burden_fact", "农业农村局"))


def test_names_of_submitters_are_looked_up() -> None:
    parts = NameParts("burden_fact", "农业农村局")
    assert (
        identify(Delivery(Path("x"), "x", 1), None, parts, submitters={"农业农村局": "CG-NYJ"}).submitter_org_id
        == "CG-NYJ"
    )
    with _refusal("F103"):
        identify(DELIVERY, None, parts, submitters={"农业农村局": "CG-ABC"})


def test_other_bytes_rows_or_encoding_than_declared_are_refused() -> None:
    landed = LandedFile(ABC_SHA256, Path("x"), 3, "x.csv", "CG-NYJ")
    assert identify(landed, Manifest(sha256=ABC_SHA256.upper(), rows=3), PARTS).declared_rows == 3
    with _refusal("F104"):
        identify(landed, Manifest(sha256="0" * 64), PARTS)
    identity = identify(landed, Manifest(rows=3, encoding="GBK"), PARTS)
    check_declared_rows(identity, 3)
    check_declared_encoding(identity, "gb18030")
    with _refusal("F104"):
        check_declared_rows(identity, 4)
    with _refusal("F104"):
        check_declared_encoding(identity, "utf-8")
