"""Errors as people read them: what was given, why it does not work, what to do next."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from serving.exit_codes import ExitCode
from serving.words import Words

_LOCKED = ("LockedByAnotherRunError", "OvertakenError")


class CommandError(Exception):
    """A command cannot do what was asked; ``key`` names the sentence ``error.<key>``."""

    def __init__(self, key: str, code: ExitCode = ExitCode.ERROR, **values: object) -> None:
        super().__init__(key, values)
        self.key, self.code, self.values = key, code, values

    def text(self, words: Words) -> str:
        """The sentence."""
        return words(f"error.{self.key}", **self.values)


def read_error(error: Exception, words: Words) -> tuple[ExitCode, str]:
    """The exit code and the sentence for an error, whatever raised it."""
    if isinstance(error, CommandError):
        return error.code, error.text(words)
    if hasattr(error, "format_message"):  # the argument parser's own errors
        return ExitCode(getattr(error, "exit_code", ExitCode.USAGE)), _usage_error(error, words)
    # Errors of other rooms are known by name, so that telling one does not import its room.
    name = type(error).__name__
    tell = _TOLD.get(name, _other)
    return ExitCode.LOCKED if name in _LOCKED else ExitCode.ERROR, tell(error, words)


def _usage_error(error: Exception, words: Words) -> str:
    name = type(error).__name__
    option = getattr(error, "option_name", None)
    if name == "NoSuchOption":
        return words("usage.no_such_option", option=option)
    parameter = getattr(error, "param", None)
    if name == "MissingParameter" and parameter is not None:
        return words("usage.missing", name=_name_of(parameter))
    message = str(getattr(error, "message", error))
    if name == "BadParameter" and parameter is not None:
        return words("usage.bad_value", name=_name_of(parameter), detail=message)
    return words("usage.other", detail=message)


def _name_of(parameter: object) -> str:
    options = getattr(parameter, "opts", [])
    if options and str(options[0]).startswith("-"):
        return str(options[0])
    return str(getattr(parameter, "metavar", None) or getattr(parameter, "name", "")).upper()


def _locked(error: Exception, words: Words) -> str:
    owner = getattr(error, "owner", None) or (error.args[0] if error.args else "-")
    host, _, rest = str(owner).partition(":")
    since = getattr(error, "since", None)
    began = since.isoformat(timespec="seconds") if since is not None else "-"
    return words("error.locked", host=host, process=rest.partition(":")[0], since=began)


def _in_both_languages(error: Exception, words: Words) -> str:
    return words.one_of(str(error))


def _run_failed(error: Exception, words: Words) -> str:
    text: str = error.text(words.language)  # type: ignore[attr-defined]
    return text


def _peer_group(error: Exception, words: Words) -> str:
    return words("error.unknown_peer_group", group=error, groups=words.listed(getattr(error, "peer_groups", ())))


def _subject(error: Exception, words: Words) -> str:
    similar = getattr(error, "similar", ())
    key = "error.unknown_subject_similar" if similar else "error.unknown_subject"
    return words(key, subject=error, similar=words.listed(similar))


def _nothing_published(error: Exception, words: Words) -> str:
    periods = getattr(error, "periods", ())
    key = "error.nothing_published" if getattr(error, "known", False) else "error.unknown_period"
    text = words(key, period=error)
    return text + words("error.published_periods", periods=words.listed(periods)) if periods else text


def _unknown_file(error: Exception, words: Words) -> str:
    matches = getattr(error, "matches", ())
    key = "error.several_files" if matches else "error.unknown_file"
    return words(key, file=error, matches=words.listed(matches))


def _scheme(error: Exception, words: Words) -> str:
    problems = getattr(error, "problems", ())
    lines = [f"{each.file} {each.where}: {each.zh if words.language == 'zh' else each.en}" for each in problems]
    return words("error.scheme", detail="\n  ".join(["", *lines]))


def _other(error: Exception, words: Words) -> str:
    if isinstance(error, FileNotFoundError | IsADirectoryError | NotADirectoryError):
        return words("error.no_such_file", path=error.filename or error)
    if isinstance(error, PermissionError):
        return words.one_of(str(error)) if error.filename is None else words("error.permission", path=error.filename)
    if type(error).__module__.startswith("sqlalchemy"):
        return words("error.database", detail=str(getattr(error, "orig", None) or error).splitlines()[0])
    detail = str(error).splitlines()[0] if str(error) else ""
    return words("error.unexpected", kind=type(error).__name__, detail=detail)


_TOLD: Mapping[str, Callable[[Exception, Words], str]] = {
    **dict.fromkeys(_LOCKED, _locked),
    "ReleaseStateError": _in_both_languages,
    "PrefectServerError": _in_both_languages,
    "RunFailedError": _run_failed,
    "NothingPublishedError": _nothing_published,
    "UnknownPeerGroupError": _peer_group,
    "UnknownSubjectError": _subject,
    "UnknownFileError": _unknown_file,
    "SchemeError": _scheme,
}
