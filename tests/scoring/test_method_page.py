"""``docs/method.md`` against the code: what it names exists, and what cites it finds its place."""

from __future__ import annotations

import ast
import importlib
import re
from pathlib import Path

import pytest

from scoring.lints import LINTS
from scoring.tables import REASONS

ROOT = Path(__file__).parents[2]
PAGE = (ROOT / "docs/method.md").read_text(encoding="utf-8")
HEADINGS = [line.lstrip("# ") for line in PAGE.splitlines() if line.startswith("#")]

CITING = (
    ROOT / "scoring/schemes/default-2026.yaml",
    ROOT / "examples/demo_county/scheme.py",
    *sorted((ROOT / "tests/scoring/schemes").glob("*.yaml")),
)
_CITATION = re.compile(r"docs/method\.md(?P<place>.*?)(?= - |;|, after|\"|'|$)", flags=re.MULTILINE)
_DOCSTRING = re.compile(r"\bmethods? (?P<place>(?:\d+\.\d+|[A-G]\d)(?:(?:, | and | to |-| )(?:\d+\.\d+|[A-G]\d))*)")
_PLACE = re.compile(r"\d+\.\d+|[A-G]\d|L\d\d")


def has_place(place: str) -> bool:
    """Whether a section number, a label, a lint or the words of a heading stand on the page."""
    if re.fullmatch(r"\d+\.\d+", place):
        return any(heading.startswith(f"{place} ") for heading in HEADINGS)
    if re.fullmatch(r"[A-G]\d", place):
        return re.search(rf"^\*\*{place}\*\* ", PAGE, flags=re.MULTILINE) is not None
    if re.fullmatch(r"L\d\d", place):
        return f"\n| {place} |" in PAGE
    return any(place.lower() in heading.lower() for heading in HEADINGS)


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


def anchor(heading: str) -> str:
    return re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-")


def public_modules() -> list[str]:
    """Modules of ``scoring`` with a public function."""
    found = []
    for path in sorted((ROOT / "scoring").rglob("*.py")):
        functions = [node.name for node in ast.parse(path.read_text(encoding="utf-8")).body if _is_function(node)]
        if any(not name.startswith("_") for name in functions):
            found.append(".".join(path.relative_to(ROOT).with_suffix("").parts))
    return found


def _is_function(node: ast.stmt) -> bool:
    return isinstance(node, ast.FunctionDef)


NAMES = sorted(set(re.findall(r"`((?:scoring|tasks)(?:\.\w+)+)`", PAGE)))


@pytest.mark.parametrize("name", NAMES)
def test_every_name_on_the_page_exists(name: str) -> None:
    resolved(name)


def test_the_page_names_the_functions_of_every_room() -> None:
    assert len(NAMES) > 100
    modules = {getattr(resolved(name), "__module__", None) for name in NAMES} | {
        name.rpartition(".")[0] for name in NAMES
    }
    # Helpers that carry out no formula of their own.
    plumbing = {"scoring.scheme.values", "scoring.tables.declaration", "scoring.tables.reasons"}
    # The burden rooms have a page of their own, held against the code by its own test.
    burden = {module for module in public_modules() if module.startswith(("scoring.burden", "scoring.scheme.burden"))}
    lints = {module for module in public_modules() if module.startswith("scoring.lints.")}
    missing = set(public_modules()) - modules - plumbing - lints - burden
    assert not missing, sorted(missing)


@pytest.mark.parametrize("path", CITING, ids=lambda path: path.name)
def test_every_citation_finds_its_place(path: Path) -> None:
    for line in path.read_text(encoding="utf-8").splitlines():
        for found in _CITATION.finditer(line):
            place = found["place"].strip(" ,.")
            named = _PLACE.findall(place) or ([place] if place else [])
            missing = [each for each in named if not has_place(each)]
            assert not missing, f"{line.strip()}: {missing}"


def test_the_shipped_scheme_cites_the_page_often() -> None:
    text = CITING[0].read_text(encoding="utf-8")
    assert len(_CITATION.findall(text)) > 90


def test_every_section_a_docstring_cites_is_on_the_page() -> None:
    missing = set()
    for path in [*(ROOT / "scoring").rglob("*.py"), *(ROOT / "tasks").rglob("*.py")]:
        for found in _DOCSTRING.finditer(path.read_text(encoding="utf-8")):
            places = _PLACE.findall(found["place"])
            missing |= {f"{path.relative_to(ROOT)}: {each}" for each in places if not has_place(each)}
    assert not missing, sorted(missing)


def test_a_place_that_is_not_there_is_noticed() -> None:
    assert not any(map(has_place, ("2.11", "3.0", "A8", "G4", "L28", "minimum celll")))


def test_links_and_paths_lead_somewhere() -> None:
    anchors = {anchor(heading) for heading in HEADINGS}
    for target in re.findall(r"\]\(([^)]+)\)", PAGE):
        file, _, place = target.partition("#")
        if file:
            other = (ROOT / "docs" / file).read_text(encoding="utf-8").splitlines()
            assert not place or place in {anchor(line.lstrip("# ")) for line in other if line.startswith("#")}, target
        else:
            assert place in anchors, target
    for name in re.findall(r"`((?:tests|benchmarks|scoring|tasks|docs)/[\w./-]+)`", PAGE):
        assert (ROOT / name).exists(), name
    for name in re.findall(r"`python -m ([\w.]+)", PAGE):
        assert (ROOT / name.replace(".", "/")).with_suffix(".py").is_file(), name


def test_every_reason_code_and_every_lint_is_explained() -> None:
    rows = dict(re.findall(r"^\| `([A-Z_]+)` \| (.+) \|$", PAGE, flags=re.MULTILINE))
    assert rows == {reason.code: reason.en for reason in REASONS.values()}
    assert re.findall(r"^\| (L\d\d) \|", PAGE, flags=re.MULTILINE) == [lint.lint_id for lint in LINTS]


def test_reasons_in_the_text_are_declared() -> None:
    for code in set(re.findall(r"(?<![`\w])[A-Z]{2,}(?:_[A-Z]+)+(?![`\w])", PAGE)) - {"NO_SIGNIFICANT_DIFFERENCE"}:
        assert code in REASONS, code
