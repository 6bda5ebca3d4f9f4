"""The page about the catalogue, written from its data."""

from __future__ import annotations

import sys
from collections.abc import Iterator

from scoring.burden.catalogue import (
    Catalogue,
    Definition,
    Form,
    Need,
    Precedent,
    Provision,
    Source,
    bulletin,
    load_catalogue,
)

_UNCONFIRMED = "a bulletin not yet confirmed"

_GROUPS = {
    "DOC": "Documents",
    "MTG": "Meetings",
    "INS": "Inspections, visits, traces",
    "ASM": "Assessments, rankings, targets",
    "SEC": "Secondments",
    "APP": "Apps, groups, forced use",
    "FRM": "Forms and the one form",
    "DUT": "Duties, certificates, plaques",
    "CRE": "Campaigns and awards",
    "APN": "Levies",
}

_BASIS = {"rule": "", "quoted": " (quoted there)", "group": " (rules the matter; this wording is the project's own)"}

_INTRODUCTION = """\
# Catalogue of burden forms

Written from `scoring/burden/forms/`, `parameters.yaml` and `sources.yaml` by `scoring.burden.catalogue_page`.

A form gives up to three kinds of result, never mixed: a **load** says how much, a **breach** that a written rule was
broken, a **watch** is a statistical sign that people check and that changes no score. The subject is whoever imposed
something or keeps the register, never a village or community. A form whose columns are absent says NOT_MEASURABLE and
names them; it is never zero.

Numbers marked J are judgements of this project, to be replaced in a scheme (section `burden`). A notified case is
named here only after a second, independent page confirmed it; the others are counted.
"""


def catalogue_page(catalogue: Catalogue | None = None) -> str:
    """The page in Markdown: every form with rule, thresholds, needs and precedents, then parameters and sources."""
    shown = load_catalogue() if catalogue is None else catalogue
    lines = [_INTRODUCTION]
    group = ""
    for form in shown.forms:
        if form.group != group:
            group = form.group
            lines.append(f"## {_GROUPS.get(group, group)} ({group})\n")
        lines.extend(_form(form, shown))
    lines.extend(_parameters(shown))
    lines.extend(_sources(shown))
    return "\n".join(lines).rstrip() + "\n"


def _form(form: Form, catalogue: Catalogue) -> Iterator[str]:
    yield f"### {form.code} {form.name.zh} · {form.name.en}\n"
    yield f"{form.rule.en}\n"
    yield f"{form.rule.zh}\n"
    yield f"- Gives: {', '.join(form.result)} · counts against: {form.subject.replace('_', ' ')}"
    yield f"- Reads: {', '.join(f'`{name}`' for name in (*form.kinds, *form.datasets))}"
    for label, needs in (
        ("Needs in its rows", form.needs),
        ("The rows of its kinds have to use", form.register_needs),
        ("The register has to use", form.register_marks),
    ):
        if needs:
            yield f"- {label}: {', '.join(_need(need) for need in needs)}"
    for name in form.params:
        definition = catalogue.definitions[name]
        filled = "; not measurable while empty" if name in form.filled else ""
        yield f"- `{name}`: {_value(definition)} [{_mark(definition.source, catalogue)}]{filled}"
    if form.provision:
        yield f"- Rests on: {'; '.join(dict.fromkeys(_provision(each, catalogue) for each in form.provision))}"
    yield f"- Precedents: {_precedents(form.precedent, catalogue)}\n"


def _need(need: Need) -> str:
    return " or ".join(f"`{name}`" for name in need)


def _value(definition: Definition) -> str:
    value = definition.value
    if isinstance(value, tuple):
        text = "、".join(value) if value else "empty until the scheme fills it"
        return f"{text} ({definition.unit})"
    return f"{value:,} {definition.unit}" if isinstance(value, (int, float)) else f"{value} ({definition.unit})"


def _shown(source: Source) -> bool:
    return source.kind != "bulletin" or source.confirmed


def _mark(name: str, catalogue: Catalogue) -> str:
    return name if _shown(catalogue.sources[name]) else _UNCONFIRMED


def _provision(provision: Provision, catalogue: Catalogue) -> str:
    source = catalogue.sources[bulletin(provision.id)]
    cited = f"{provision.id} {source.title.zh}" if _shown(source) else _UNCONFIRMED
    return cited + _BASIS[provision.basis]


def _precedents(precedents: tuple[Precedent, ...], catalogue: Catalogue) -> str:
    confirmed = [each for each in precedents if each.confirmed]
    shown = [f"{each.id} ({_dated(catalogue.sources[bulletin(each.id)])})" for each in confirmed]
    waiting = len(precedents) - len(confirmed)
    if waiting:
        shown.append(f"{waiting} not yet confirmed")
    return "; ".join(shown) or "none notified"


def _dated(source: Source) -> str:
    return f"{source.title.en}, {source.date}" if source.date else source.title.en


def _parameters(catalogue: Catalogue) -> Iterator[str]:
    yield "## Parameters\n"
    yield "| parameter | default | mark | meaning |"
    yield "|---|---|---|---|"
    for name, definition in catalogue.definitions.items():
        mark = _mark(definition.source, catalogue)
        yield f"| `{name}` | {_value(definition)} | {mark} | {definition.reference} |"
    yield ""


def _sources(catalogue: Catalogue) -> Iterator[str]:
    yield "## Sources\n"
    yield "| mark | source | date | page |"
    yield "|---|---|---|---|"
    for name, source in catalogue.sources.items():
        if _shown(source):
            yield f"| {name} | {source.title.zh} · {source.title.en} | {source.date or ''} | {source.page or ''} |"
    waiting = sum(not _shown(source) for source in catalogue.sources.values())
    yield f"\n{waiting} bulletins are cited in the forms and wait for confirmation at their official address."


if __name__ == "__main__":
    sys.stdout.write(catalogue_page())
