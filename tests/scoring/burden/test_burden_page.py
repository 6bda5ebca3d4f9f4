"""``docs/burden.md`` against the code: what it names exists, what exists stands on it, and its figures come out."""

from __future__ import annotations

import ast
import importlib
import re
from collections.abc import Iterator
from itertools import takewhile
from pathlib import Path

import pytest

from benchmarks import burden_watch, false_data
from expectations.datasets.burden_fact import FEATURES
from expectations.datasets.duty_item import DUTY_KIND
from scoring.burden import shifted, slack
from scoring.burden.admission import BREACHES
from scoring.burden.catalogue import bulletin, default_parameters, load_catalogue
from scoring.burden.catalogue_page import catalogue_page
from scoring.burden.consistency_review import FAILED, PASSED, QUESTIONS, UNDECIDED
from scoring.burden.count_tests import pair_tests
from scoring.burden.duty_list_problems import DUTY_LIST_RULES
from scoring.burden.duty_lists import CHANGES, DUTY_KINDS
from scoring.burden.duty_matching import GROUNDS
from scoring.burden.false_data import PATTERN_CODES, PATTERN_FAMILIES
from scoring.burden.false_data import pattern as false_data_pattern
from scoring.burden.false_data.binomial import count_needed, power
from scoring.burden.false_data.repeats import run_needed
from scoring.burden.findings import STATES as FINDING_STATES
from scoring.burden.shifted import PAIRS
from scoring.tables import BURDEN_TABLES, REASONS

ROOT = Path(__file__).parents[3]
PAGE = (ROOT / "docs/burden.md").read_text(encoding="utf-8")
FLAT = re.sub(r"\s+", " ", PAGE)
CATALOGUE = load_catalogue()
FORM_CODES = {form.code for form in CATALOGUE.forms}

WIRED_LATER = "What the night does not carry out"
"""Begins the sentence that names functions no task calls."""


def headings(text: str) -> list[str]:
    return [line.lstrip("# ") for line in text.splitlines() if line.startswith("#")]


def anchor(heading: str) -> str:
    return re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-")


def rows(first_column: str) -> list[tuple[str, ...]]:
    """Cells of the one table whose first column has this heading; what a command printed is no table of the page."""
    lines = re.sub(r"^```$.*?^```$", "", PAGE, flags=re.MULTILINE | re.DOTALL).splitlines()
    heads = [
        place
        for place, line in enumerate(lines)
        if line.startswith(f"| {first_column} |") and lines[place + 1].startswith("|---")
    ]
    assert len(heads) == 1, f"{len(heads)} tables begin with the column {first_column}"
    return [_cells(row) for row in takewhile(lambda line: line.startswith("|"), lines[heads[0] + 2 :])]


def _cells(row: str) -> tuple[str, ...]:
    return tuple(cell.strip() for cell in row.strip("|").split(" | "))


def resolved(name: str) -> object:
    """The object of a dotted name; a function goes before the module of its name."""
    first, *rest = name.split(".")
    found: object = importlib.import_module(first)
    path = first
    for part in rest:
        path = f"{path}.{part}"
        if not hasattr(found, part):
            importlib.import_module(path)
        found = getattr(found, part)
    return found


def names_in(text: str) -> list[str]:
    return sorted(set(re.findall(r"`((?:scoring|tasks)(?:\.\w+)+)`", text)))


def sources(*folders: str) -> Iterator[tuple[Path, str]]:
    for folder in folders:
        for path in sorted((ROOT / folder).rglob("*.py")):
            yield path.relative_to(ROOT), path.read_text(encoding="utf-8")


# What the page names exists


@pytest.mark.parametrize("name", names_in(PAGE))
def test_every_name_on_the_page_exists(name: str) -> None:
    resolved(name)


def test_the_page_names_every_module_about_burden() -> None:
    named = names_in(PAGE)
    modules = {getattr(resolved(name), "__module__", None) for name in named} | {
        name.rpartition(".")[0] for name in named
    }
    modules |= {path.removesuffix(".py").replace("/", ".") for path in re.findall(r"`(scoring/[\w/]+\.py)`", PAGE)}
    # What rules of several groups share stands in their docstrings.
    plumbing = {"scoring.burden.rules.counting"}
    public = set()
    for path, text in sources("scoring/burden"):
        functions = [node.name for node in ast.parse(text).body if isinstance(node, ast.FunctionDef)]
        if any(not name.startswith("_") for name in functions):
            public.add(".".join(path.with_suffix("").parts))
    assert not public - modules - plumbing, sorted(public - modules - plumbing)


def test_links_paths_and_commands_lead_somewhere() -> None:
    places = {"": PAGE, "burden-catalogue.md": catalogue_page()}
    anchors = {file: {anchor(heading) for heading in headings(text)} for file, text in places.items()}
    links = re.findall(r"\]\(([^)]+)\)", PAGE)
    assert len(links) > 20
    for target in links:
        file, _, place = target.partition("#")
        assert not place or place in anchors[file], target
    for name in re.findall(r"`((?:tests|benchmarks|scoring|tasks|docs)/[\w./-]+)`", PAGE):
        assert (ROOT / name).exists(), name
    for name in re.findall(r"`python -m ([\w.]+)", PAGE):
        assert (ROOT / name.replace(".", "/")).with_suffix(".py").is_file(), name


def test_the_catalogue_the_page_links_to_is_the_one_of_the_code() -> None:
    page = ROOT / "docs/burden-catalogue.md"
    assert page.is_file(), "write docs/burden-catalogue.md from scoring.burden.catalogue_page.catalogue_page"
    assert page.read_text(encoding="utf-8") == catalogue_page(), "docs/burden-catalogue.md is not what the code says"


def test_every_group_of_the_catalogue_is_linked() -> None:
    linked = set(re.findall(r"burden-catalogue\.md#[\w-]+-([a-z]{3})\)", PAGE))
    assert linked == {form.group.lower() for form in CATALOGUE.forms}


def test_every_part_a_docstring_cites_is_on_the_page() -> None:
    cited, missing = 0, set()
    for path, text in sources("scoring", "tasks", "warehouse", "serving", "benchmarks"):
        for found in re.finditer(r"(?:burden catalogue,\s+|docs/burden\.md )parts? ([\d., and to]*\d)", text):
            for part in re.findall(r"\d+(?:\.\d+)?", found[1]):
                cited += 1
                start = f"{part} " if "." in part else f"{part}. "
                if not any(heading.startswith(start) for heading in headings(PAGE)):
                    missing.add(f"{path}: part {part}")
    assert cited > 40
    assert not missing, sorted(missing)


def test_parameters_have_the_defaults_the_page_says() -> None:
    defaults = default_parameters()
    prefixes = "|".join(sorted({name.partition(".")[0] for name in defaults}))
    wrong = []
    for name, value in re.findall(rf"`((?:{prefixes})\.[a-z0-9_]+)`(?: \(([\w.]+)\))?", FLAT):
        if name not in defaults:
            wrong.append(name)
        elif value and str(defaults[name].value) != value:
            wrong.append(f"{name}: {value} is {defaults[name].value}")
    assert not wrong, wrong


@pytest.mark.parametrize(
    ("pattern", "known"),
    [
        (r"\b(?:DOC|MTG|INS|ASM|SEC|APP|FRM|DUT|CRE|APN)-\d+\b", FORM_CODES),
        (r"\bDL-\d+\b", set(DUTY_LIST_RULES)),
        (r"\bSP-\d+\b", {pair.code for pair in PAIRS}),
        (r"\bFAL-\d+\b", set(PATTERN_CODES)),
        (r"\bADM-\d+\b", {breach.step for breach in BREACHES.values()}),
        (r"(?<![\w.^])[1-9][a-f]\b", set(BREACHES)),
    ],
)
def test_codes_in_the_text_exist(pattern: str, known: set[str]) -> None:
    assert set(re.findall(pattern, PAGE)) <= known


def test_no_bulletin_is_named_that_waits_for_confirmation_and_no_source_that_is_not_listed() -> None:
    waiting = {name for name, source in CATALOGUE.sources.items() if source.kind == "bulletin" and not source.confirmed}
    assert not [name for name in waiting if re.search(rf"\b{re.escape(name)}\b", PAGE)]
    for question in rows("question"):
        marks = [mark for mark in question[3].split(", ") if mark and mark != "a bulletin not yet confirmed"]
        assert all(mark in CATALOGUE.sources for mark in marks), question


# What the code has stands on the page


def test_every_form_stands_in_the_catalogue() -> None:
    assert set(re.findall(r"^### ([A-Z]{3}-\d\d) ", catalogue_page(), flags=re.MULTILINE)) == FORM_CODES


def test_every_breach_of_the_gate_with_its_sentence() -> None:
    assert rows("breach") == [(each.code, each.step, each.en, each.zh) for each in BREACHES.values()]
    steps = dict.fromkeys(each.step for each in BREACHES.values() if each.step != "ORDER")
    assert [row[0] for row in rows("step")] == list(steps)


def test_every_rule_on_duty_lists() -> None:
    assert rows("rule") == [(each.rule, each.level, each.en, each.zh) for each in DUTY_LIST_RULES.values()]


def test_every_kind_of_duty_and_ground_to_decline() -> None:
    labels = {code.value: code.zh for code in DUTY_KIND}
    lead = {True: "yes", False: "no"}
    assert rows("kind") == [
        (f"`{each.code}`", labels[each.code], each.asked_en, each.asked_zh, lead[each.needs_lead], each.scored)
        for each in DUTY_KINDS.values()
    ]
    assert rows("ground") == [(f"`{code}`", en, zh) for code, (zh, en) in GROUNDS.items()]
    assert all(change in PAGE for change in CHANGES)


def test_every_question_of_the_review() -> None:
    shown = [
        (f"**{each.number}**" if each.is_bold else str(each.number), each.en, each.zh, each.checked_against)
        for each in QUESTIONS
    ]
    assert [(*row[:3], tuple(re.findall(r"`([^`]+)`", row[4]))) for row in rows("question")] == shown
    for question, row in zip(QUESTIONS, rows("question"), strict=True):
        hidden = [mark for mark in question.follows if mark not in row[3].split(", ")]
        unnamed = {mark for mark in hidden if mark in CATALOGUE.sources and CATALOGUE.sources[mark].confirmed}
        assert not unnamed, question.number
        assert ("not yet confirmed" in row[3]) == any(bulletin(mark) in CATALOGUE.sources for mark in hidden)
    assert [each.number for each in QUESTIONS if each.good == "no"] == [2]
    assert all(verdict in PAGE for verdict in (FAILED, PASSED, UNDECIDED))


def test_every_feature_and_every_list_the_place_has_to_give() -> None:
    assert rows("feature") == [(f"`{code.value}`", code.en, code.zh) for code in FEATURES]
    filled = {form.code: ", ".join(f"`{name}`" for name in form.filled) for form in CATALOGUE.forms if form.filled}
    assert rows("form") == list(filled.items())


def test_every_pair_and_every_pattern() -> None:
    assert [row[0] for row in rows("pair")] == [pair.code for pair in PAIRS]
    patterns = rows("code")
    assert [row[0] for row in patterns] == list(PATTERN_CODES)
    for code, *_, function, _, _, needs in patterns:
        assert code in str(resolved(function.strip("`")).__doc__), code
        assert needs.startswith("`false_data."), code
    for family in set(PATTERN_FAMILIES.values()):
        assert re.search(rf"different families \([^)]*\b{family}\b", FLAT), family


def _literals(module: object, *, least: int) -> set[str]:
    """Words in capitals that a module uses as text: its states."""
    tree = ast.parse(Path(str(module.__file__)).read_text(encoding="utf-8"))  # type: ignore[attr-defined]
    texts = {node.value for node in ast.walk(tree) if isinstance(node, ast.Constant) and isinstance(node.value, str)}
    found = {text for text in texts if re.fullmatch(r"[A-Z]{5,}|[A-Z]+_[A-Z]+", text)}
    assert len(found) >= least, found
    return found


def states(section: str) -> set[str]:
    """First cells in capitals of the tables of states that follow some words."""
    after = PAGE[PAGE.index(section) :]
    return set(re.findall(r"^\| ([A-Z_]+) \|", after[after.index("| state |") :].split("\n\n")[0], flags=re.MULTILINE))


def test_every_state() -> None:
    assert states("A **sign** needs") == _literals(shifted, least=4)
    assert states("**Slack**") == _literals(slack, least=4)
    shown = re.search(r"States: (FLAGGED.*?EXEMPT)", FLAT)
    assert shown is not None
    assert tuple(re.findall(r"\b[A-Z]+(?:_[A-Z]+)?\b", shown[1])) == false_data_pattern.STATES
    assert f"{', '.join(FINDING_STATES[:1])}, mended" in FLAT
    assert all(state in FLAT for state in FINDING_STATES)


def test_words_in_capitals_are_reasons_or_states() -> None:
    known = {*REASONS, *_literals(shifted, least=4), *_literals(slack, least=4), *false_data_pattern.STATES}
    words = set(re.findall(r"(?<![`\w])[A-Z]{2,}(?:_[A-Z]+)+(?![`\w])", PAGE))
    assert words <= known, words - known


def test_every_table_of_results() -> None:
    named = re.findall(r"`(\w+)`", " ".join(row[0] for row in rows("table")))
    assert sorted(named) == sorted(BURDEN_TABLES)


# Figures come out


def test_what_counts_can_show() -> None:
    for label, *shown in rows("official, informal"):
        a, b, c, d = map(int, re.findall(r"\d+", label))
        both = pair_tests(([a] * 3, [b] * 3), ([c] * 3, [d] * 3), 1, 1, [1.0, 2.0, 3.0]).both
        figures = ["<.001" if p < 0.0005 else f"{p:.3f}".removeprefix("0") for p in both]
        assert shown == figures, label


def test_power_and_counts_needed_of_too_good_data() -> None:
    figures = {row[0]: row[1] for row in rows("pattern")}
    for name, chance, share in (
        ("FAL-01, power at 80 % above the target", 0.5, 0.8),
        ("FAL-01, power at 70 % above the target", 0.5, 0.7),
        ("FAL-02, power at 40 % heaped", 0.2, 0.4),
        ("FAL-02, power at 30 % heaped", 0.2, 0.3),
    ):
        for n, shown in re.findall(r"n (\d+): ([\d.]+)", figures.pop(name)):
            assert f"{power(int(n), chance, share, 0.001):.2f}".removeprefix("0") == shown, name
    for rate, run in re.findall(r"q (\.\d): (\d)", figures.pop("FAL-04, run needed in 12 periods")):
        assert run_needed(12, float(rate), 0.001) == int(run)
    for name, chance in (("FAL-08, hits needed at a rate of .05", 0.05), ("FAL-09, units above needed", 0.5)):
        for found, n in re.findall(r"(\d+) of (\d+)", figures.pop(name)):
            assert count_needed(int(n), chance, 0.001) == int(found)
    assert not figures


def test_the_benchmarks_are_the_ones_described() -> None:
    assert f"above {burden_watch.MAX_FLAGS} departments flagged per clean county-year" in FLAT
    assert f"counties of {burden_watch.DEPARTMENTS} departments with seven pairs" in FLAT
    assert len(burden_watch.PAIRS) == 7
    assert f"\n| {burden_watch.COUNTIES} | 0.000 |" in PAGE
    assert f"above {false_data.FALSE_FLAGS_MOST} false flags per county and period" in FLAT
    assert f"counties of {false_data.VILLAGES} villages" in FLAT
    for name, plant in false_data.PLANTED.items():
        assert f"| {name} | {plant.code} | " in PAGE
    printed = PAGE[PAGE.index("| pattern | false flags |") :].split("\n\n")[0]
    assert re.findall(r"^\| (FAL-\d\d) \|", printed, flags=re.MULTILINE) == list(PATTERN_CODES)


# Limits are still limits


def test_what_the_night_does_not_carry_out_is_called_by_no_task() -> None:
    sentence = PAGE[PAGE.index(WIRED_LATER) :].split("\n\n")[0]
    idle = {name.rpartition(".")[2] for name in names_in(sentence)}
    assert idle
    called = {
        str(path): node.func.id
        for path, text in sources("tasks")
        for node in ast.walk(ast.parse(text))
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id in idle
    }
    assert not called, f"the page says that no task calls these: {called}"


def test_what_the_night_hands_to_the_patterns() -> None:
    handed = re.search(r"hands to the patterns of too-good data: ([^.]*)\.", FLAT)
    assert handed is not None
    text = (ROOT / "tasks/scoring/burden.py").read_text(encoding="utf-8")
    (call,) = (
        node
        for node in ast.walk(ast.parse(text))
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id == "FalseDataInputs"
    )
    given = {keyword.arg for keyword in call.keywords} - {"period_id", "periods"}
    assert set(re.findall(r"`(\w+)`", handed[1])) == given
