"""What an explanation says of the burden a department lays on the grassroots, as lines of a tree."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from rich.tree import Tree

from serving.code_names import code_name
from serving.figure_tree import exact, leaf
from serving.words import Words

Part = Mapping[str, Any]


def add_burden(root: Tree, burden: Part, words: Words) -> None:
    """Add ``warehouse.explained.burden.department_burden``: account, forms, gate, watches, what is not measurable."""
    branch = leaf(root, words("explain.burden"))
    if not any(burden.values()):
        leaf(branch, words("explain.burden_nothing"))
        return
    _account(branch, burden["account"], words)
    for form in burden["forms"]:
        _form(branch, form, words)
    _admission(branch, burden["admission"], words)
    _watches(branch, burden, words)
    if burden["not_measurable"]:
        _not_measurable(branch, burden["not_measurable"], words)


def _not_measurable(branch: Tree, forms: list[Part], words: Words) -> None:
    """Forms without data of this department by what is missing, those nobody can be measured on by their codes."""
    below = leaf(branch, words("explain.burden_not_measurable"))
    for each in forms:
        if not each["is_whole_register"]:
            said = {"code": each["code"], "name": each["name"][words.language]}
            leaf(below, words("explain.burden_missing", missing=words.listed(each["missing"]), **said))
    codes = [each["code"] for each in forms if each["is_whole_register"]]
    if codes:
        leaf(below, words("explain.burden_unmeasured", codes=words.listed(codes)))


def _account(branch: Tree, rows: list[Part], words: Words) -> None:
    if not rows:
        return
    below = leaf(branch, words("explain.burden_account"))
    for row in rows:
        named = {name: code_name(name, row[name], words) for name in ("burden_kind", "measure", "counted_class")}
        values = {
            "kind": named["burden_kind"], "measure": named["measure"], "counted": named["counted_class"],
            "events": row["n_events"], "quantity": row["quantity"], "change": _change(row, words),
        }  # fmt: skip
        if row["measure"] == "stock":
            leaf(below, words("explain.burden_stock", **values))
        else:
            leaf(below, words("explain.burden_kind", hours=_number(row["hours_per_unit_month"], 2), **values))


def _change(row: Part, words: Words) -> str:
    """The change in words: a year before that is missing or zero gives no percentage."""
    if row["quantity_before"] is None:
        return words("change_note.no_before")
    if row["quantity_change"] is None:
        return words("change_note.zero_before")
    change = f"{row['quantity_change']:+.2%}"
    return words("explain.burden_change", period=row["compare_period_id"], change=change)


def _form(branch: Tree, form: Part, words: Words) -> None:
    below = leaf(branch, words("explain.burden_form", code=form["code"], name=form["name"][words.language]))
    leaf(below, words("explain.burden_rule", rule=form["rule"][words.language]))
    sources = [f"{each['id']} {each['title'][words.language]}" for each in form["provision"]]
    if sources:
        leaf(below, words("explain.burden_provision", sources=words.listed(sources)))
    cases = [f"{each['id']} {each['title'][words.language]}" for each in form["precedent"]]
    if cases:
        leaf(below, words("explain.burden_precedent", cases=words.listed(cases)))
    for result in form["results"]:
        _result(below, result, words)


def _result(branch: Tree, result: Part, words: Words) -> None:
    kind = words(f"result_type.{result['result_type']}")
    below = leaf(branch, words("explain.burden_result", type=kind, figures=words.listed(_figures(result, words))))
    parameter = result["parameter"]
    if parameter is not None and parameter["mark"] is None:
        leaf(below, words("explain.burden_part", name=parameter["name"]))
    elif parameter is not None:
        value = parameter["value"]
        listed = words.listed([str(each) for each in value]) if isinstance(value, list) else exact(value)
        said = {name: parameter[name] for name in ("name", "unit", "mark")}
        leaf(
            below,
            words("explain.burden_parameter", value=listed, source=parameter["source"][words.language], **said),
        )
    if result["is_few_bearers"]:
        leaf(below, words("explain.burden_few"))
    elif result["evidence"]:
        leaf(below, words("explain.burden_evidence", refs=words.listed(result["evidence"])))


def _figures(result: Part, words: Words) -> list[str]:
    found = []
    if result["value"] is not None:
        found.append(words("explain.burden_value", value=_number(result["value"], 4)))
    if result["threshold"] is not None:
        found.append(words("explain.burden_threshold", threshold=_number(result["threshold"], 4)))
    if result["n"] is not None and result["denominator"] is not None:
        found.append(words("explain.burden_count", n=result["n"], denominator=result["denominator"]))
    elif result["n"] is not None:
        found.append(words("explain.burden_found", n=result["n"]))
    if result["n_bearers"] is not None:
        found.append(words("explain.burden_bearers", count=result["n_bearers"]))
    return found


def _admission(branch: Tree, breaches: list[Part], words: Words) -> None:
    if not breaches:
        return
    below = leaf(branch, words("explain.burden_admission"))
    for each in breaches:
        said = words(
            "explain.burden_breach", breach=each["breach"], text=each["text"][words.language],
            admission=each["admission_id"],
        )  # fmt: skip
        more = [words(f"result_type.{each['result_type']}")]
        if each["n"] is not None:
            more.append(words("explain.burden_found", n=each["n"]))
        if each["days"] is not None:
            more.append(words("explain.burden_days", days=each["days"]))
        more += [words(f"explain.burden_{name}", **{name: _number(each[name], 2)})
                 for name in ("value", "threshold") if each[name] is not None]  # fmt: skip
        line = leaf(below, words("explain.burden_result", type=said, figures=words.listed(more)))
        if each["evidence"]:
            leaf(line, words("explain.burden_evidence", refs=words.listed(each["evidence"])))


def _watches(branch: Tree, burden: Part, words: Words) -> None:
    if not burden["shifts"] and not burden["false_data"]:
        return
    below = leaf(branch, words("explain.burden_watches"))
    for each in burden["shifts"]:
        line = _watch(below, each["pair"], each["state"], words)
        counts = {
            "before": each["official_before"], "now": each["official_now"],
            "informal_before": each["informal_before"], "informal_now": each["informal_now"],
        }  # fmt: skip
        leaf(line, words("explain.burden_shift", **counts))
    for each in burden["false_data"]:
        indicator = "" if each["indicator_id"] == "*" else f" {each['indicator_id']}"
        line = _watch(below, each["pattern_code"], each["state"], words, indicator)
        if each["evidence"]:
            leaf(line, each["evidence"])


def _watch(branch: Tree, code: str, state: str, words: Words, more: str = "") -> Tree:
    sign = code_name("code", code, words) + more
    return leaf(branch, words("explain.burden_watch", sign=sign, state=code_name("state", state, words)))


def _number(value: float | None, decimals: int) -> str:
    return "-" if value is None else f"{value:.{decimals}f}".rstrip("0").rstrip(".") if decimals else f"{value:.0f}"
