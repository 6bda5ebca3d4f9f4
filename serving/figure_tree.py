"""The figures of an explanation as lines of a tree: each with its weight, its contribution and its rule."""

from __future__ import annotations

from collections.abc import Mapping
from decimal import Decimal
from fractions import Fraction
from typing import Any

from rich.text import Text
from rich.tree import Tree

from serving.words import Words

Node = Mapping[str, Any]

HIDING_REASON = "SUPPRESSED_SMALL_N"


def add_node(parent: Tree, node: Node, words: Words) -> Tree:
    """Add a figure of ``warehouse.explained`` and everything it is made of.

    One line says what it is, its value, its weight among its siblings and what it contributes to the figure
    above; below stand its rule with the numbers it used, what was counted, reasons, adjustments and parts.
    """
    branch = leaf(parent, _line(node, words))
    for text in (_rule(node, words), _figures(node, words), _reasons(node, words)):
        if text:
            leaf(branch, text)
    for adjustment in node["adjustments"]:
        leaf(branch, _adjustment(adjustment, words))
    for part in node["parts"]:
        add_node(branch, part, words)
    return branch


def leaf(parent: Tree, text: str) -> Tree:
    """Add a line; what stands in a name is never taken for markup."""
    return parent.add(Text(text))


def exact(value: object) -> str:
    """A number with every decimal it has and no more; "-" for none, text as it is."""
    if value is None:
        return "-"
    if isinstance(value, bool) or not isinstance(value, int | float | Decimal):
        return str(value)
    return f"{Decimal(str(value)).normalize():f}"


def money(fen: int | float | None, words: Words) -> str:
    """Whole fen as an amount in yuan."""
    return "-" if fen is None else words("explain.money", amount=f"{Decimal(str(fen)).scaleb(-2):,.2f}")


def _line(node: Node, words: Words) -> str:
    label = " ".join(
        part for part in (_word(f"explain.node.{node['name']}", node["name"], words), node["subject"]) if part
    )
    parts = [f"{label}  {_value(node, words)}", _weight(node, words)]
    if node["contribution"] is not None:
        parts.append(words("explain.contribution", contribution=exact(node["contribution"])))
    elif node["weight"] is not None:
        parts.append(words("explain.not_used"))
    return " ".join(part for part in parts if part)


def _value(node: Node, words: Words) -> str:
    if node["value"] is None:
        is_hidden = any(reason["code"] == HIDING_REASON for reason in node["reasons"])
        return words("state.suppressed" if is_hidden else "state.missing")
    return money(node["value"], words) if node["unit"] == "fen" else exact(node["value"])


def _weight(node: Node, words: Words) -> str:
    """Nominal weight, the weight it had after reweighting if that is another, and the one it really carries."""
    if node["weight"] is None:
        return ""
    weight, used = exact(node["weight"]), node["used_weight"]
    is_same = used is None or used == node["weight"]
    said = words("explain.share", weight=weight) if is_same else words(
        "explain.share_used", weight=weight, used=exact(used)
    )  # fmt: skip
    effective = node["effective_weight"]
    return said if effective is None else f"{said} {words('explain.effective', effective=exact(effective))}"


def _rule(node: Node, words: Words) -> str:
    """The rule as a sentence with its numbers; "" for a figure that no rule made of others."""
    rule = node["rule"]
    if not rule:
        return ""
    numbers = {name: _number(name, value, words) for name, value in rule.items() if name != "name"}
    key = f"explain.rule.{rule['name']}"
    if rule.get("observed_weight") is not None:
        key = f"{key}_observed"
    return words(key, **numbers) if words.has(key) else str(rule["name"])


def _figures(node: Node, words: Words) -> str:
    shown = [
        f"{_word(f'explain.figure.{name}', name, words)} {_number(name, value, words)}"
        for name, value in node["figures"].items()
        if value is not None and words.has(f"explain.figure.{name}")
    ]
    return ("；" if words.language == "zh" else "; ").join(shown)


def _number(name: str, value: Any, words: Words) -> str:
    if name.endswith("_fen"):
        return money(value, words)
    if name == "unit_price" and value:
        return f"{value} ≈ {float(Fraction(value)):.6f}"
    return exact(value)


def _reasons(node: Node, words: Words) -> str:
    told = [reason[words.language] for reason in node["reasons"]]
    return words("explain.note", reason=("；" if words.language == "zh" else "; ").join(told)) if told else ""


def _adjustment(adjustment: Mapping[str, Any], words: Words) -> str:
    kind = _word(f"adj_kind.{adjustment['kind']}", adjustment["kind"], words)
    return words(
        "explain.adjustment", kind=kind, number=adjustment["adjustment_id"], what=adjustment["what"],
        before=exact(adjustment["before"]), after=exact(adjustment["after"]), decision=adjustment["decision"] or "-",
    )  # fmt: skip


def _word(key: str, name: str, words: Words) -> str:
    return words(key) if words.has(key) else name
