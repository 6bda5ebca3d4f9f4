"""``reverse-eval``: what people type. Data goes to standard output, everything else to standard error."""

from __future__ import annotations

import contextlib
import sys
import traceback
from collections.abc import Callable, Sequence
from io import TextIOWrapper

import typer
from typer.main import get_command

from serving.commands import burden, everyone, files, home, releases, results, runs, schemes
from serving.errors import read_error
from serving.exit_codes import ExitCode
from serving.help import AsJson, Command, Debug, Group, Home, Lang, take_common_options, with_common_options
from serving.session import Session, json_text

NAME = "reverse-eval"
INTERRUPTED = 130

_COMMANDS: dict[str, Callable[..., int | None]] = {
    "demo": home.demo,
    "check": files.check,
    "status": everyone.status,
    "doctor": everyone.doctor,
    "version": everyone.version,
    "init": home.init,
    "ingest": runs.ingest,
    "nightly": runs.nightly,
    "schedule": runs.schedule,
    "rejects": files.rejects,
    "accept": files.accept,
    "reopen": files.reopen,
    "rankings": results.rankings,
    "explain": results.explain,
    "burden": burden.burden,
    "findings": burden.findings,
}
_GROUPS: dict[str, dict[str, Callable[..., int | None]]] = {
    "release": {
        "list": releases.list_releases,
        "show": releases.show,
        "verify": releases.verify,
        "sign": releases.sign,
        "publish": releases.publish,
    },
    "scheme": {"show": schemes.show, "lint": schemes.lint},
    "duty": {
        "check": burden.duty_check,
        "diff": burden.duty_diff,
        "problems": burden.duty_problems,
        "off-list": burden.off_list,
    },
    "admission": {
        "breaches": burden.admission_breaches,
        "coverage": burden.admission_coverage,
        "resources": burden.admission_resources,
        "staffing": burden.admission_staffing,
    },
    "forms": {"overlaps": burden.overlaps},
    "watch": {"list": burden.watch_list},
}


def _common(
    ctx: typer.Context, as_json: AsJson = False, lang: Lang = None, home: Home = None, debug: Debug = False
) -> None:
    """Options before the command's name; a group without a command tells what there is."""
    take_common_options(ctx.find_root().obj, as_json=as_json, lang=lang, home=home, debug=debug)
    if ctx.invoked_subcommand is None:
        sys.stdout.write(ctx.get_help() + "\n")


def application() -> typer.Typer:
    """The parser with every command."""
    app = _group("help.reverse_eval")
    for name, function in _COMMANDS.items():
        app.command(name, cls=Command, help=f"help.{name}")(with_common_options(function))
    for group, commands in _GROUPS.items():
        below = _group(f"help.{group}")
        for name, function in commands.items():
            below.command(name, cls=Command, help=f"help.{group}_{name}")(with_common_options(function))
        app.add_typer(below, name=group)
    return app


def _group(key: str) -> typer.Typer:
    return typer.Typer(
        cls=Group, help=key, callback=_common, invoke_without_command=True, add_completion=False, rich_markup_mode=None,
        pretty_exceptions_enable=False, context_settings={"help_option_names": ["-h", "--help"]},
    )  # fmt: skip


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command; returns its exit code."""
    given = list(sys.argv[1:] if arguments is None else arguments)
    _speak_unicode()
    session = Session.begin(given)
    try:
        command = get_command(application())
        return int(command.main(args=given, prog_name=NAME, standalone_mode=False, obj=session) or 0)
    except (KeyboardInterrupt, typer.Abort):
        session.remark("error.interrupted")
        return INTERRUPTED
    except BrokenPipeError:
        # The reader of a pipe has seen enough; a second complaint at exit helps nobody.
        with contextlib.suppress(OSError):
            sys.stdout.close()
        return int(ExitCode.OK)
    except Exception as error:  # noqa: BLE001 - whatever went wrong is told as one sentence
        return _complain(session, error)


def _complain(session: Session, error: Exception) -> int:
    code, sentence = read_error(error, session.words)
    if session.debug:
        traceback.print_exception(error)
    if session.as_json:
        sys.stdout.write(json_text({"error": type(error).__name__, "message": sentence, "exit_code": int(code)}))
    sys.stderr.write(f"{NAME}: {sentence}\n")
    return int(code)


def _speak_unicode() -> None:
    """Never fail on a character the terminal cannot show."""
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, TextIOWrapper):
            stream.reconfigure(errors="replace")


if __name__ == "__main__":
    sys.exit(main())
