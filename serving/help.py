"""Help and usage in the reader's language; commands and options carry keys, not sentences."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from inspect import Parameter, Signature, signature
from pathlib import Path
from textwrap import wrap
from typing import Annotated, Any

import typer
from typer.core import TyperCommand, TyperGroup

from serving.errors import CommandError
from serving.exit_codes import ExitCode
from serving.session import Session
from serving.words import Language, Words, display_width

_INDENT = 2
_GAP = 2


class Command(TyperCommand):
    """A command whose help texts are keys of ``words.yaml``."""

    def format_help(self, ctx: Any, formatter: Any) -> None:
        """Write usage, explanation, arguments and options."""
        words = _words(ctx)
        formatter.write(_head(self, ctx, words))
        formatter.write(_section(words("help.arguments"), _parameters(self, ctx, words, "argument")))
        formatter.write(_section(words("help.options"), _parameters(self, ctx, words, "option")))


class Group(TyperGroup):
    """A group of commands whose help texts are keys of ``words.yaml``."""

    def format_help(self, ctx: Any, formatter: Any) -> None:
        """Write usage, explanation, commands and options."""
        words = _words(ctx)
        rows = [(name, words(self.commands[name].help or "")) for name in self.list_commands(ctx)]
        formatter.write(_head(self, ctx, words))
        formatter.write(_section(words("help.commands"), [(name, text.splitlines()[0]) for name, text in rows]))
        formatter.write(_section(words("help.options"), _parameters(self, ctx, words, "option")))

    def resolve_command(self, ctx: Any, args: list[str]) -> Any:
        """The command an argument names; an unknown one is answered in the reader's language."""
        if args and not args[0].startswith("-") and args[0] not in self.commands:
            from difflib import get_close_matches

            similar = get_close_matches(args[0], list(self.commands), 1)
            key = "no_such_command_similar" if similar else "no_such_command"
            raise CommandError(key, ExitCode.USAGE, name=args[0], similar="".join(similar))
        return super().resolve_command(ctx, args)


def _words(ctx: Any) -> Words:
    session = ctx.find_root().obj
    return session.words if isinstance(session, Session) else Words("en")


def _head(command: Any, ctx: Any, words: Words) -> str:
    pieces = [words("help.usage_options")]
    pieces += [_names(each) for each in command.get_params(ctx) if each.param_type_name == "argument"]
    if isinstance(command, Group):
        pieces.append(words("help.usage_command"))
    return f"{words('help.usage')} {ctx.command_path} {' '.join(pieces)}\n\n{words(command.help or '')}\n"


def _parameters(command: Any, ctx: Any, words: Words, kind: str) -> list[tuple[str, str]]:
    found = []
    for parameter in command.get_params(ctx):
        if parameter.param_type_name != kind:
            continue
        key = getattr(parameter, "help", None) or ""
        text = words("option.help") if "--help" in parameter.opts else words(key)
        found.append((_names(parameter), text))
    return found


def _names(parameter: Any) -> str:
    value = str(parameter.metavar or parameter.name.upper())
    if parameter.param_type_name == "argument":
        return value
    names = ", ".join(sorted(parameter.opts, key=len))
    return names if parameter.is_flag else f"{names} {value}"


def _section(title: str, rows: Iterable[tuple[str, str]]) -> str:
    """A titled list in two columns; the second is wrapped by what it takes on a terminal."""
    rows = list(rows)
    if not rows:
        return ""
    first = max(display_width(name) for name, _ in rows)
    room = 100 - _INDENT - first - _GAP
    lines = [f"\n{title}"]
    for name, text in rows:
        chinese = display_width(text) > len(text)
        parts = wrap(text, room // 2 if chinese else room) or [""]
        lines.append(f"{'':{_INDENT}}{name}{'':{first - display_width(name) + _GAP}}{parts[0]}")
        lines += [f"{'':{_INDENT + first + _GAP}}{part}" for part in parts[1:]]
    return "\n".join(lines) + "\n"


AsJson = Annotated[bool, typer.Option("--json", help="option.json")]
Lang = Annotated[Language | None, typer.Option("--lang", help="option.lang", metavar="zh|en")]
Home = Annotated[Path | None, typer.Option("--home", help="option.home", metavar="PATH")]
Debug = Annotated[bool, typer.Option("--debug", help="option.debug")]

_COMMON: dict[str, tuple[Any, Any]] = {
    "as_json": (AsJson, False),
    "lang": (Lang, None),
    "home": (Home, None),
    "debug": (Debug, False),
}


def with_common_options(function: Callable[..., int | None]) -> Callable[..., None]:
    """A command for the parser from a function whose first parameter is the session.

    The command takes the common options besides its own, and exits with the code the function returns.
    """
    own = list(signature(function, eval_str=True).parameters.values())[1:]

    def command(ctx: typer.Context, **values: Any) -> None:
        session: Session = ctx.find_root().obj
        take_common_options(session, **{name: values.pop(name) for name in _COMMON})
        code = function(session, **values)
        raise typer.Exit(int(code or 0))

    common = [
        Parameter(name, Parameter.KEYWORD_ONLY, default=default, annotation=annotation)
        for name, (annotation, default) in _COMMON.items()
    ]
    named = [parameter.replace(kind=Parameter.KEYWORD_ONLY) for parameter in own]
    context = Parameter("ctx", Parameter.POSITIONAL_OR_KEYWORD, annotation=typer.Context)
    parameters = [context, *named, *common]
    command.__signature__ = Signature(parameters)  # type: ignore[attr-defined]
    command.__annotations__ = {parameter.name: parameter.annotation for parameter in parameters}
    command.__name__ = function.__name__
    return command


def take_common_options(
    session: Session, *, as_json: bool, lang: Language | None, home: Path | None, debug: bool
) -> None:
    """Apply the common options; they may stand before or after the command's name."""
    session.as_json = session.as_json or as_json
    session.debug = session.debug or debug
    session.home = home or session.home
    if lang is not None:
        session.language, session.words = lang, Words(lang)
