"""An explanation as a tree on a terminal."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from rich.text import Text
from rich.tree import Tree

from serving.burden_tree import add_burden
from serving.figure_tree import add_node, leaf
from serving.tables import moment
from serving.words import Words


def tree(document: Mapping[str, Any], words: Words) -> Tree:
    """The tree of ``warehouse.explained.explain`` in the reader's language."""
    source = document["source"]
    name = document["org_name"] or document["org_id"]
    root = Tree(Text(f"{name} ({document['org_id']})  {source['period_id']}  {source['release_id']}", style="bold"))
    if document["state"] == "suppressed":
        rule = document["minimum_cell"]
        leaf(root, words("explain.suppressed"))
        share = f"{rule['max_unit_share']:.0%}"
        leaf(root, words("explain.minimum_cell", raters=rule["min_raters"], units=rule["min_units"], share=share))
    elif document["kind"] == "department":
        _department(root, document, words)
    else:
        _unit(root, document, words)
    if "burden" in document:
        add_burden(root, document["burden"], words)
    _citation(root, document, words)
    return root


def _reason(reasons: list[dict[str, str]], words: Words) -> str:
    return (
        "；".join(each["zh"] for each in reasons)
        if words.language == "zh"
        else "; ".join(each["en"] for each in reasons)
    )


def _department(root: Tree, document: Mapping[str, Any], words: Words) -> None:
    group = document["peer_group"] or words("ranking.no_group")
    if document["rank"] is None:
        leaf(root, words("explain.no_rank", group=group, reason=_reason(document["reasons"], words)))
    else:
        leaf(root, words("explain.rank", group=group, rank=document["rank"], ranked=document["ranked"]))
    _standing(root, document, words)
    score = document["score"]
    hidden = score["value"] is None
    branch = leaf(
        root, words("explain.score_hidden") if hidden else words("explain.score", score=_number(score["value"], 1))
    )
    if score["overall_mean"] is not None:
        sign = "+" if score["effect"] >= 0 else "−"
        effect = f"{sign} {abs(score['effect']):.1f}"
        leaf(
            branch,
            words("explain.sum", mean=f"{score['overall_mean']:.1f}", effect=effect, score=f"{score['value']:.1f}"),
        )
    interval = document["interval"]
    if interval["low"] is not None:
        leaf(branch, words("explain.interval", low=f"{interval['low']:.1f}", high=f"{interval['high']:.1f}"))
    leaf(branch, words("explain.reliability", band=_band("reliability", document["reliability"], words)))
    leaf(branch, words("explain.raters", band=_band("band", document["raters"], words)))
    if not hidden:
        leaf(branch, words("explain.adjusted_mean", mean=_number(document["adjusted_mean"], 1)))
        leaf(branch, words("explain.raw_mean", mean=_number(document["raw_mean"], 1)))
    model = document["model"]
    fit = words("explain.pooled") if model["fit"] == "*" else model["fit"]
    leaf(branch, words("explain.model", fit=fit, **{name: _number(model[name], 2) for name in ("vs", "vd", "v")}))
    if document["composite"] is not None:
        add_node(root, document["composite"], words)
    items = leaf(root, words("explain.items"))
    for item in document["items"]:
        label = " ".join(part for part in (item["item_id"], item["dimension"]) if part)
        if item["state"] == "suppressed":
            leaf(items, f"{label}  {words('state.suppressed')}")
        else:
            band = _band("band", item["answered"], words)
            leaf(items, words("explain.item", item=label, mean=_number(item["raw_mean"], 1), band=band))
    if document["reasons"]:
        leaf(root, words("explain.missing", reason=_reason(document["reasons"], words)))
    leaf(root, words("explain.never_imputed"))


def _standing(root: Tree, document: Mapping[str, Any], words: Words) -> None:
    """Rank range, probabilities and what may follow from them."""
    interval, probability = document["rank_interval"], document["probability"]
    if interval["low"] is not None:
        leaf(root, words("explain.rank_interval", low=interval["low"], high=interval["high"]))
    if probability["top"] is not None:
        shares = {name: f"{probability[name]:.0%}" for name in ("top", "bottom")}
        leaf(root, words("explain.probability", **shares))
    if document["consequence"]:
        found = words(f"consequence.{document['consequence']}")
        leaf(root, words("explain.consequence", consequence=found))


def _unit(root: Tree, document: Mapping[str, Any], words: Words) -> None:
    leaf(root, words("explain.group", group=document["peer_group"] or words("ranking.no_group")))
    if document["score"] is not None:
        add_node(root, document["score"], words)
    if document["indicators"] or document["score"] is None:
        _whole_points(root, document, words)
    satisfaction = leaf(root, words("explain.satisfaction"))
    for each in document["satisfaction"]:
        label = " ".join(part for part in (each["item_id"], each["dimension"]) if part)
        if each["state"] == "suppressed":
            leaf(satisfaction, f"{label}  {words('state.suppressed')}")
        else:
            mean = _number(each["mean_0_100"], 1)
            leaf(satisfaction, words("explain.answered", item=label, mean=mean, count=f"{each['n_answered']:,}"))
    if not document["satisfaction"]:
        leaf(satisfaction, words("explain.nothing"))


def _whole_points(root: Tree, document: Mapping[str, Any], words: Words) -> None:
    indicators = leaf(root, words("explain.indicators"))
    for each in document["indicators"]:
        branch = leaf(
            indicators, words("explain.points", indicator=each["indicator_id"], points=_whole(each["points"], words))
        )
        baseline = (
            "-" if each["baseline_value"] is None else f"{_plain(each['baseline_value'])} ({each['baseline_period']})"
        )
        leaf(branch, words("explain.value", value=_plain(each["value"]), baseline=baseline))
        leaf(
            branch,
            words(
                "explain.anchors", threshold=_plain(each["achievement_threshold"]), benchmark=_plain(each["benchmark"])
            ),
        )
        parts = {name: _whole(each[name], words) for name in ("achievement", "improvement")}
        leaf(branch, words("explain.better_of", **parts))
        if each["reasons"]:
            leaf(branch, _reason(each["reasons"], words))
    if not document["indicators"]:
        leaf(indicators, words("explain.nothing"))


def _citation(root: Tree, document: Mapping[str, Any], words: Words) -> None:
    scheme, source = document["scheme"], document["source"]
    title = scheme["title"][words.language]
    branch = leaf(
        root, words("explain.scheme", scheme=scheme["scheme_id"], title=title, hash=scheme["scheme_hash"][:12])
    )
    if document["kind"] == "department" and document["state"] == "shown":
        for rule in scheme["rules"]:
            unit = f" {rule['unit']}" if rule["unit"] else ""
            leaf(branch, f"{rule['rule']} = {rule['value']}{unit}  [{rule['reference']}]")
    published = moment(source["published_at"])
    data = moment(source["data_as_of"])
    leaf(root, words("explain.source", published=published, data=data, hash=source["result_hash"][:12]))


def _band(kind: str, band: str | None, words: Words) -> str:
    return words(f"{kind}.{band}") if band else words("state.missing")


def _number(value: float | None, decimals: int) -> str:
    return "-" if value is None else f"{value:.{decimals}f}"


def _whole(value: int | None, words: Words) -> str:
    return words("state.missing") if value is None else str(value)


def _plain(value: float | None) -> str:
    return "-" if value is None else f"{value:g}"
