"""A seeded generator of damaged and odd deliveries, made from sound files.

Every kind of damage is one clerks, spreadsheet programs or networks really do. The same seed, count and
base files give the same mutations, byte for byte.
"""

from __future__ import annotations

import csv
import io
import random
import re
import zipfile
from collections.abc import Callable, Iterable, Iterator, Mapping
from pathlib import PurePath

Mutation = Callable[[random.Random, str, bytes], tuple[str, bytes]]
Table = list[list[str]]

_FULL_WIDTH = str.maketrans("0123456789.%-", "０１２３４５６７８９．％－")
_FIXED_TIME = (2026, 1, 1, 0, 0, 0)


def mutations(seed: int, count: int, base_files: Mapping[str, bytes]) -> Iterator[tuple[str, bytes]]:
    """Yield ``count`` mutated files as (name, bytes).

    Args:
        seed: start of the random numbers.
        count: how many files to make.
        base_files: sound files by name; ``.csv`` in UTF-8 and ``.xlsx``.
    """
    generator = random.Random(seed)  # noqa: S311 - reproducible damage, no secret
    names = sorted(base_files)
    for number in range(count):
        name = generator.choice(names)
        content = base_files[name]
        suffix = PurePath(name).suffix
        kinds = WORKBOOK_MUTATIONS if suffix == ".xlsx" else TEXT_MUTATIONS
        # Each kind comes round in turn, so that a small count has them all.
        kind = (kinds + BYTE_MUTATIONS)[number % len(kinds + BYTE_MUTATIONS)]
        mutated_name, mutated = kind(generator, name, content)
        stem, dot, ending = mutated_name.rpartition(".")
        label = kind.__name__.removeprefix("_")
        yield f"{stem or ending}-{number:04}-{label}{dot}{ending if stem else ''}", mutated


def _truncated(generator: random.Random, name: str, content: bytes) -> tuple[str, bytes]:
    return name, content[: generator.randrange(len(content))]


def _bits_flipped(generator: random.Random, name: str, content: bytes) -> tuple[str, bytes]:
    damaged = bytearray(content)
    for _ in range(generator.randint(1, 20)):
        damaged[generator.randrange(len(damaged))] ^= 1 << generator.randrange(8)
    return name, bytes(damaged)


def _null_bytes(generator: random.Random, name: str, content: bytes) -> tuple[str, bytes]:
    at = generator.randrange(len(content))
    return name, content[:at] + b"\x00" * generator.randint(1, 5) + content[at:]


def _wrong_extension(generator: random.Random, name: str, content: bytes) -> tuple[str, bytes]:
    endings = [".xls", ".xlsx", ".csv", ".et", ".pdf", ".txt", ".parquet", ".jsonl", ""]
    return PurePath(name).stem + generator.choice(endings), content


def _piece_doubled(generator: random.Random, name: str, content: bytes) -> tuple[str, bytes]:
    start = generator.randrange(len(content))
    end = min(len(content), start + generator.randint(1, 2000))
    return name, content[:end] + content[start:end] + content[end:]


def _emptied(generator: random.Random, name: str, content: bytes) -> tuple[str, bytes]:
    return name, generator.choice([b"", b"\n\n\n", b" \r\n\t", b"\xef\xbb\xbf", b"\xff\xfe"])


def _reencoded(generator: random.Random, name: str, content: bytes) -> tuple[str, bytes]:
    encoding = generator.choice(["gb18030", "utf-16", "utf-16-be", "utf-8-sig", "big5", "shift_jis", "latin-1"])
    return name, content.decode("utf-8").encode(encoding, "replace")


def _quotes_broken(generator: random.Random, name: str, content: bytes) -> tuple[str, bytes]:
    text = content.decode("utf-8")
    for _ in range(generator.randint(1, 4)):
        at = generator.randrange(len(text))
        text = text[:at] + '"' + text[at:]
    return name, text.encode("utf-8")


def _marks_inside(generator: random.Random, name: str, content: bytes) -> tuple[str, bytes]:
    text = content.decode("utf-8")
    at = generator.randrange(len(text))
    return name, (text[:at] + "\ufeff" + text[at:]).encode("utf-8")


def _separators_changed(generator: random.Random, name: str, content: bytes) -> tuple[str, bytes]:
    return name, content.replace(b",", generator.choice([b";", b"\t", "，".encode(), b"|"]))


def _line_ends_changed(generator: random.Random, name: str, content: bytes) -> tuple[str, bytes]:
    text = content.replace(b"\r\n", b"\n")
    end = generator.choice([b"\r\n", b"\r", b"\n\n", b"\n\r"])
    return name, text.replace(b"\n", end)


def _cut_line_ends(generator: random.Random, name: str, content: bytes) -> tuple[str, bytes]:
    lines = content.splitlines(keepends=True)
    at = generator.randrange(len(lines))
    lines[at] = lines[at].rstrip(b"\r\n")
    return name, b"".join(lines)


def _huge_cell(generator: random.Random, name: str, content: bytes) -> tuple[str, bytes]:
    huge = "长" * generator.choice([32_767, 32_768, 200_000])
    return _edited(generator, name, content, lambda table, row, column: _set(table, row, column, huge))


def _full_width_digits(generator: random.Random, name: str, content: bytes) -> tuple[str, bytes]:
    return name, content.decode("utf-8").translate(_FULL_WIDTH).encode("utf-8")


def _error_values(generator: random.Random, name: str, content: bytes) -> tuple[str, bytes]:
    error = generator.choice(["#REF!", "#DIV/0!", "#N/A", "1.15E+17", "约10", "28.5%", "—"])
    return _edited(generator, name, content, lambda table, row, column: _set(table, row, column, error))


def _formula_text(generator: random.Random, name: str, content: bytes) -> tuple[str, bytes]:
    formula = generator.choice(["=1+1", '=HYPERLINK("http://example.invalid","x")', "@SUM(A1)", "+1", "-1+2"])
    return _edited(generator, name, content, lambda table, row, column: _set(table, row, column, formula))


def _line_break_in_cell(generator: random.Random, name: str, content: bytes) -> tuple[str, bytes]:
    return _edited(generator, name, content, lambda table, row, column: _set(table, row, column, '第一行\n第"二"行'))


def _columns_shuffled(generator: random.Random, name: str, content: bytes) -> tuple[str, bytes]:
    table = _parsed(content)
    order = list(range(max(map(len, table))))
    generator.shuffle(order)
    return name, _written([[line[place] for place in order if place < len(line)] for line in table])


def _column_dropped(generator: random.Random, name: str, content: bytes) -> tuple[str, bytes]:
    table = _parsed(content)
    dropped = generator.randrange(max(map(len, table)))
    return name, _written([line[:dropped] + line[dropped + 1 :] for line in table])


def _header_doubled(generator: random.Random, name: str, content: bytes) -> tuple[str, bytes]:
    table = _parsed(content)
    table[0][generator.randrange(len(table[0]))] = generator.choice(table[0])
    return name, _written(table)


def _ragged(generator: random.Random, name: str, content: bytes) -> tuple[str, bytes]:
    table = _parsed(content)
    for line in generator.sample(table, min(3, len(table))):
        if generator.random() < 0.5:
            line.append("多出来的")
        else:
            line.pop()
    return name, _written(table)


def _blank_rows(generator: random.Random, name: str, content: bytes) -> tuple[str, bytes]:
    table = _parsed(content)
    for _ in range(generator.randint(1, 5)):
        table.insert(generator.randrange(len(table) + 1), [])
    return name, _written(table)


def _total_rows(generator: random.Random, name: str, content: bytes) -> tuple[str, bytes]:
    table = _parsed(content)
    width = len(table[0])
    table.append(["合计"] + [str(generator.randrange(1000))] * (width - 1))
    table.append(["填表人：测试"] + [""] * (width - 1))
    table.insert(0, ["某县统计表"] + [""] * (width - 1))
    return name, _written(table)


def _rows_repeated(generator: random.Random, name: str, content: bytes) -> tuple[str, bytes]:
    table = _parsed(content)
    return name, _written(table + generator.choices(table[1:] or table, k=5))


def _markup(generator: random.Random, name: str, content: bytes) -> tuple[str, bytes]:
    stem = PurePath(name).stem
    body = content.decode("utf-8", "replace")[:2000]
    return stem + generator.choice([".xls", ".csv"]), f"<html><body><table>{body}</table></body></html>".encode()


def _edited(
    generator: random.Random, name: str, content: bytes, edit: Callable[[Table, int, int], None]
) -> tuple[str, bytes]:
    table = _parsed(content)
    row = generator.randrange(len(table))
    edit(table, row, generator.randrange(max(1, len(table[row]))))
    return name, _written(table)


def _set(table: Table, row: int, column: int, value: str) -> None:
    table[row] = [*table[row], ""] if not table[row] else table[row]
    table[row][column] = value


def _parsed(content: bytes) -> Table:
    return list(csv.reader(io.StringIO(content.decode("utf-8-sig"), newline="")))


def _written(table: Iterable[list[str]]) -> bytes:
    target = io.StringIO(newline="")
    csv.writer(target, lineterminator="\n").writerows(table)
    return target.getvalue().encode("utf-8")


def _part_dropped(generator: random.Random, name: str, content: bytes) -> tuple[str, bytes]:
    parts = _parts(content)
    parts.pop(generator.choice(sorted(parts)))
    return name, _packed(parts)


def _part_damaged(generator: random.Random, name: str, content: bytes) -> tuple[str, bytes]:
    parts = _parts(content)
    chosen = generator.choice(sorted(parts))
    _, parts[chosen] = generator.choice([_truncated, _bits_flipped, _null_bytes])(generator, "", parts[chosen] or b" ")
    return name, _packed(parts)


def _cells_merged(generator: random.Random, name: str, content: bytes) -> tuple[str, bytes]:
    first, last = generator.randint(1, 5), generator.randint(6, 9)
    merged = f'</sheetData><mergeCells count="1"><mergeCell ref="A{first}:C{last}"/></mergeCells>'
    return name, _sheet_edited(content, lambda xml: xml.replace("</sheetData>", merged))


def _cells_with_errors(generator: random.Random, name: str, content: bytes) -> tuple[str, bytes]:
    error = generator.choice(["#REF!", "#DIV/0!", "#N/A", "#NAME?"])
    cell = rf'<c \1 t="e"><v>{error}</v></c>'
    return name, _sheet_edited(
        content, lambda xml: re.sub(r'<c (r="[A-Z]+\d+")[^>]*><v>[^<]*</v></c>', cell, xml, count=3)
    )


def _cells_with_formulas(generator: random.Random, name: str, content: bytes) -> tuple[str, bytes]:
    cell = rf"<c \1><f>1+{generator.randrange(9)}</f><v>7</v></c>"
    return name, _sheet_edited(
        content, lambda xml: re.sub(r'<c (r="[A-Z]+\d+")[^>]*><v>[^<]*</v></c>', cell, xml, count=3)
    )


def _far_cell(generator: random.Random, name: str, content: bytes) -> tuple[str, bytes]:
    place = generator.choice(["XFD1048576", "A1048576", "XFD1", "IV9", "ZZZ99999999", "A0"])
    row = re.sub(r"\D", "", place)
    cell = f'<row r="{row}"><c r="{place}"><v>1</v></c></row></sheetData>'
    return name, _sheet_edited(content, lambda xml: xml.replace("</sheetData>", cell))


def _rows_moved_down(generator: random.Random, name: str, content: bytes) -> tuple[str, bytes]:
    by = generator.randint(1, 30)

    def moved(xml: str) -> str:
        xml = re.sub(r'<row r="(\d+)"', lambda found: f'<row r="{int(found[1]) + by}"', xml)
        return re.sub(r'<c r="([A-Z]+)(\d+)"', lambda found: f'<c r="{found[1]}{int(found[2]) + by}"', xml)

    return name, _sheet_edited(content, moved)


def _document_type(generator: random.Random, name: str, content: bytes) -> tuple[str, bytes]:
    definition = '<!DOCTYPE worksheet [<!ENTITY a "b">]>'
    return name, _sheet_edited(content, lambda xml: re.sub(r"(<\?xml[^>]*\?>)", rf"\1{definition}", xml, count=1))


def _sheet_edited(content: bytes, edit: Callable[[str], str]) -> bytes:
    parts = _parts(content)
    name = min(part for part in parts if part.startswith("xl/worksheets/sheet"))
    parts[name] = edit(parts[name].decode("utf-8")).encode("utf-8")
    return _packed(parts)


def _parts(content: bytes) -> dict[str, bytes]:
    with zipfile.ZipFile(io.BytesIO(content)) as archive:
        return {name: archive.read(name) for name in archive.namelist()}


def _packed(parts: Mapping[str, bytes]) -> bytes:
    target = io.BytesIO()
    with zipfile.ZipFile(target, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in parts.items():
            archive.writestr(zipfile.ZipInfo(name, _FIXED_TIME), content, zipfile.ZIP_DEFLATED)
    return target.getvalue()


BYTE_MUTATIONS: tuple[Mutation, ...] = (
    _truncated,
    _bits_flipped,
    _null_bytes,
    _wrong_extension,
    _piece_doubled,
    _emptied,
)
TEXT_MUTATIONS: tuple[Mutation, ...] = (
    _reencoded,
    _quotes_broken,
    _marks_inside,
    _separators_changed,
    _line_ends_changed,
    _cut_line_ends,
    _huge_cell,
    _full_width_digits,
    _error_values,
    _formula_text,
    _line_break_in_cell,
    _columns_shuffled,
    _column_dropped,
    _header_doubled,
    _ragged,
    _blank_rows,
    _total_rows,
    _rows_repeated,
    _markup,
)
WORKBOOK_MUTATIONS: tuple[Mutation, ...] = (
    _part_dropped,
    _part_damaged,
    _cells_merged,
    _cells_with_errors,
    _cells_with_formulas,
    _far_cell,
    _rows_moved_down,
    _document_type,
)
