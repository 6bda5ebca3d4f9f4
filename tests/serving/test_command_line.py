from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from string import Formatter
from typing import Any

import pytest
import yaml
from typer.main import get_command

import serving
from serving.command_line import application, main
from serving.exit_codes import ExitCode, code_of_decisions
from serving.session import Session
from serving.words import Words, display_width, language_of
from tests.serving.program import PERIOD

Call = Callable[..., Any]
SERVING = Path(serving.__file__).parent
TEXTS: dict[str, dict[str, str]] = yaml.safe_load((SERVING / "words.yaml").read_text(encoding="utf-8"))


def _commands() -> Iterator[tuple[str, ...]]:
    root = get_command(application())
    for name, command in root.commands.items():  # type: ignore[attr-defined]
        yield (name,)
        for below in getattr(command, "commands", {}):
            yield (name, below)


COMMANDS = [(), *_commands()]


@pytest.mark.parametrize("language", ["zh", "en"])
@pytest.mark.parametrize("command", COMMANDS, ids=lambda command: " ".join(command) or "reverse-eval")
def test_help_is_complete_in_both_languages(call: Call, command: tuple[str, ...], language: str) -> None:
    said = call("--lang", language, *command, "--help")
    assert (said.code, said.err) == (0, "")
    assert not re.search(r"\b(help|option)\.[a-z_]+", said.out)
    assert said.out.startswith("用法：" if language == "zh" else "Usage:")
    assert ("--json" in said.out, "--lang" in said.out, "--home" in said.out) == (True, True, True)
    explained = [line for line in said.out.splitlines() if re.match(r"  -{1,2}\w", line)]
    assert all(re.search(r"\S  +\S", line.strip()) for line in explained)


def test_the_commands_are_those_of_the_design() -> None:
    names = {" ".join(command) for command in COMMANDS}
    assert {
        "demo", "check", "status", "doctor", "version", "init", "ingest", "nightly", "schedule", "rejects", "accept",
        "reopen", "rankings", "explain", "release list", "release show", "release verify", "release sign",
        "release publish", "scheme show", "scheme lint",
    } <= names  # fmt: skip


def test_every_sentence_has_both_languages_and_the_same_values() -> None:
    for key, entry in TEXTS.items():
        assert set(entry) == {"zh", "en"}, key
        assert all(entry.values()), key
        values = [{name for _, name, _, _ in Formatter().parse(entry[language]) if name} for language in ("zh", "en")]
        assert values[0] == values[1], key
        assert not re.search(r"[一-鿿]", entry["en"]), key


def test_every_sentence_asked_for_by_name_is_there() -> None:
    source = "\n".join(path.read_text(encoding="utf-8") for path in SERVING.rglob("*.py"))
    asked = set(re.findall(r"(?:words|remark)\(\s*\"([a-z_]+\.[a-z_]+)\"", source))
    asked |= set(re.findall(r"help=\"([a-z_]+\.[a-z_]+)\"", source))
    asked |= {f"error.{key}" for key in re.findall(r"CommandError\(\s*\"([a-z_]+)\"", source)}
    asked |= {f"doctor.{key}" for key in re.findall(r"\.found\(\"[a-z]+\", \"?[a-z]+\"?, \"([a-z_]+)\"", source)}
    assert len(asked) > 100
    assert asked <= set(TEXTS)


@pytest.mark.parametrize(
    ("given", "environment", "expected"),
    [
        ([], {}, "en"),
        ([], {"LANG": "zh_CN.UTF-8"}, "zh"),
        ([], {"LANG": "de_DE.UTF-8"}, "en"),
        ([], {"LC_ALL": "en_GB.UTF-8", "LANG": "zh_CN.UTF-8"}, "en"),
        ([], {"REVERSE_EVAL_LANG": "zh", "LC_ALL": "en_GB.UTF-8"}, "zh"),
        (["status", "--lang", "en"], {"REVERSE_EVAL_LANG": "zh"}, "en"),
        (["--lang=zh", "status"], {"LANG": "en_US.UTF-8"}, "zh"),
    ],
)
def test_language(given: list[str], environment: dict[str, str], expected: str) -> None:
    assert language_of(given, environment) == expected


def test_half_of_a_sentence_in_both_languages() -> None:
    text = "R-1: 只有草稿可以核验 / only a draft can be audited"
    assert Words("zh").one_of(text) == "R-1：只有草稿可以核验"
    assert Words("en").one_of(text) == "R-1: only a draft can be audited"
    assert Words("zh").one_of("plain") == "plain"


def test_display_width() -> None:
    assert display_width("第 1 位a") == 8


@pytest.mark.parametrize(
    ("decisions", "code"),
    [
        ([], 0),
        (["accepted", "duplicate"], 0),
        (["duplicate", "duplicate"], 6),
        (["accepted", "accepted_with_rejects", "duplicate"], 3),
        (["held", "accepted_with_rejects"], 4),
        (["held", "refused", "accepted"], 5),
    ],
)
def test_the_worst_decision_gives_the_code(decisions: list[str], code: int) -> None:
    assert code_of_decisions(decisions) == code


@pytest.mark.parametrize(
    "words",
    [["nothing"], ["rankings"], ["rankings", "--perod", "x"], ["release", "nothing"], ["nightly", "--date", "soon"]],
)
@pytest.mark.parametrize("language", ["zh", "en"])
def test_usage_errors(call: Call, words: list[str], language: str) -> None:
    said = call("--lang", language, *words)
    assert (said.code, said.out) == (ExitCode.USAGE, "")
    assert said.err.count("\n") == 1
    assert "Traceback" not in said.err


def test_a_mistyped_command_is_answered_with_the_nearest(call: Call) -> None:
    assert "rankings" in call("rankigns").err


def test_options_may_stand_before_or_after_the_command(call: Call, published_home: Path) -> None:
    before = call("--home", published_home, "--json", "release", "list")
    after = call("release", "list", "--json", "--home", published_home)
    assert json.loads(before.out) == json.loads(after.out)
    assert json.loads(before.out)["releases"][0]["period_id"] == PERIOD


@pytest.mark.parametrize("language", ["zh", "en"])
def test_without_a_home_the_next_step_is_named(call: Call, tmp_path: Path, language: str) -> None:
    for words in (["status"], ["rankings", "-p", PERIOD], ["rejects"], ["release", "list"]):
        said = call("--lang", language, "--home", tmp_path / "nowhere", *words)
        assert said.code == ExitCode.ERROR
        assert "reverse-eval init" in said.err
        assert not (tmp_path / "nowhere").exists()


def test_an_error_is_a_document_too(call: Call, tmp_path: Path) -> None:
    said = call("--home", tmp_path / "nowhere", "status", "--json")
    assert json.loads(said.out)["exit_code"] == said.code == 1


def test_a_stack_trace_only_on_demand(call: Call, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    def broken(_session: Session) -> None:
        raise ZeroDivisionError("division by zero")

    monkeypatch.setattr(Session, "settings", broken)
    plain = call("status")
    assert (plain.code, "Traceback" in plain.err) == (1, False)
    assert "ZeroDivisionError" in plain.err
    assert "Traceback" in call("status", "--debug").err


def test_a_setting_that_is_not_allowed_is_named(call: Call, tmp_path: Path) -> None:
    (tmp_path / "reverse-eval.toml").write_text("hold_reject_rate = 2\n", encoding="utf-8")
    said = call("--home", tmp_path, "status")
    assert (said.code, "hold_reject_rate" in said.err) == (1, True)
    (tmp_path / "reverse-eval.toml").write_text("hold_reject_rate = = 2\n", encoding="utf-8")
    assert "reverse-eval.toml" in call("--home", tmp_path, "status").err


HEAVY = ("prefect", "great_expectations", "pandas", "scipy")


@pytest.mark.parametrize(
    "words",
    [
        ["--help"], ["version"], ["status"], ["rankings", "-p", PERIOD], ["explain", "D1", "-p", PERIOD], ["rejects"],
        ["doctor"], ["release", "list"], ["release", "show", f"R-{PERIOD}-001"],
        ["rankings", "-p", PERIOD, "-o", "x.xlsx"],
    ],
    ids=" ".join,
)  # fmt: skip
def test_reading_imports_neither_scheduler_nor_gate(published_home: Path, tmp_path: Path, words: list[str]) -> None:
    script = (
        "import sys; from serving.command_line import main; code = main(sys.argv[1:]);"
        f"loaded = [name for name in {HEAVY!r} if name in sys.modules];"
        "sys.exit(99 if loaded else code)"
    )
    command = [sys.executable, "-c", script, "--home", str(published_home), *words]
    done = subprocess.run(command, capture_output=True, text=True, check=False, cwd=tmp_path, env=_environment())
    assert done.returncode in (0, 8), done.stderr
    assert "Traceback" not in done.stderr


def _environment(**more: str) -> dict[str, str]:
    return {**os.environ, "PYTHONPATH": str(SERVING.parent), "LANG": "C.UTF-8", **more}


def test_no_colour_when_asked(published_home: Path) -> None:
    command = [sys.executable, "-m", "serving.command_line", "--home", str(published_home), "rankings", "-p", PERIOD]
    for more in ({"NO_COLOR": "1", "FORCE_COLOR": ""}, {}):
        done = subprocess.run(command, capture_output=True, check=True, env=_environment(**more))
        assert b"\x1b[" not in done.stdout + done.stderr


def test_a_reader_that_has_seen_enough_is_no_error(published_home: Path) -> None:
    command = f"{sys.executable} -m serving.command_line --home {published_home} rankings -p {PERIOD} --json"
    done = subprocess.run(
        ["bash", "-c", f"{command} | head -c 10"], capture_output=True, check=False, env=_environment()
    )
    assert (len(done.stdout), done.stderr) == (10, b"")


def test_the_installed_command_is_this_one() -> None:
    text = (SERVING.parent / "pyproject.toml").read_text(encoding="utf-8")
    assert 'reverse-eval = "serving.command_line:main"' in text
    assert main(["version"]) == 0
