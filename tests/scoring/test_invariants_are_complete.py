"""Every invariant of method 3.9 has a property test named after its number that tries at least 200 examples."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from pathlib import Path

TESTS = Path(__file__).parents[1]
INVARIANTS = range(1, 25)
EXAMPLES = 200

_NAME = re.compile(r"^test_invariant_0*(\d+)_\w")


def named_after_invariants() -> Iterator[tuple[int, str, int]]:
    """Number, where it stands, and how many examples the test tries; 0 where it is no property test."""
    for path in sorted(TESTS.rglob("test_*.py")):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.FunctionDef) and (match := _NAME.match(node.name)):
                yield int(match[1]), f"{path.relative_to(TESTS)}::{node.name}", examples(node)


def examples(function: ast.FunctionDef) -> int:
    calls = [each for each in function.decorator_list if isinstance(each, ast.Call)]
    if not any(ast.unparse(call.func) in {"given", "hypothesis.given"} for call in calls):
        return 0
    tried = [
        ast.literal_eval(keyword.value)
        for call in calls
        if ast.unparse(call.func) in {"settings", "hypothesis.settings"}
        for keyword in call.keywords
        if keyword.arg == "max_examples"
    ]
    return int(min(tried, default=0))


def test_every_invariant_has_a_property_test_of_its_number() -> None:
    found = list(named_after_invariants())
    most = {number: max((n for each, _, n in found if each == number), default=0) for number in INVARIANTS}
    assert {number: n for number, n in most.items() if n < EXAMPLES} == {}
    assert {number for number, _, _ in found} == set(INVARIANTS)


def test_no_property_test_of_an_invariant_tries_fewer_examples() -> None:
    assert [(where, n) for _, where, n in named_after_invariants() if 0 < n < EXAMPLES] == []
