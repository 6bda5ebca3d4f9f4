"""A run from the command line: nothing of Prefect's on the terminal, nothing left behind."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path

import psutil
import pytest
from sqlalchemy import select

from flows.local import RunFailedError
from flows.prefect_server import prefect_home
from tests.support.small_county import small_county
from warehouse.database import reading_engine
from warehouse.runs import last_run
from warehouse.settings import Settings
from warehouse.tables import lock

PROGRAM = """
import sys, pathlib, tasks.ingest, tasks.score
from warehouse.settings import Settings
from flows.local import run_flow

home, what = pathlib.Path(sys.argv[1]), sys.argv[2]

def broken(*_):
    raise ZeroDivisionError("the matrix is singular")

def slow(*_):
    import time
    print("waiting", flush=True)
    time.sleep(600)

if what == "broken":
    tasks.score.score = broken
elif what == "slow":
    tasks.ingest.recover = slow
try:
    report = run_flow("nightly", Settings(home=home, quiet_seconds=0), lambda *done: print(*done, file=sys.stderr))
except KeyboardInterrupt:
    sys.exit(130)
except Exception as error:
    print(error.text("en"), file=sys.stderr)
    sys.exit(1)
print(len(report.answers), len(report.released))
"""


def _command(settings: Settings, what: str) -> list[str]:
    return [sys.executable, "-c", PROGRAM, str(settings.home), what]


def _run(settings: Settings, what: str) -> subprocess.CompletedProcess[str]:
    command = _command(settings, what)
    return subprocess.run(command, env=_environment(), capture_output=True, text=True, check=False)


def _environment() -> dict[str, str]:
    ours = ("PREFECT_", "REVERSE_EVAL_", "GX_", "DO_NOT_TRACK")
    return {name: value for name, value in os.environ.items() if not name.startswith(ours)}


def _servers_of(settings: Settings) -> list[psutil.Process]:
    home = str(prefect_home(settings))
    found = []
    for process in psutil.process_iter(["cmdline"]):
        try:
            if "flows.prefect_server" in (process.info["cmdline"] or []) and process.environ()["PREFECT_HOME"] == home:
                found.append(process)
        except (psutil.Error, KeyError):
            continue
    return found


def _assert_nothing_is_left(settings: Settings, state: str) -> None:
    engine = reading_engine(settings.database_url)
    last = last_run(engine)
    assert last is not None
    assert last["state"] == state
    with engine.connect() as connection:
        assert connection.execute(select(lock)).all() == []
    assert _servers_of(settings) == []


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    small = small_county(tmp_path / "home")
    for path in small.inbox.rglob("rating_event__*v0[234].csv"):
        path.unlink()
    return small


@pytest.mark.trial
def test_says_nothing_but_our_progress_whether_it_succeeds_or_fails(settings: Settings) -> None:
    failed = subprocess.run(
        _command(settings, "broken"), env=_environment(), capture_output=True, text=True, check=False
    )
    assert failed.returncode == 1
    assert failed.stdout == ""
    *progress, sentence = failed.stderr.splitlines()
    assert sentence == (
        "The run failed in step “score”: the matrix is singular"
        f" (ZeroDivisionError; details in {prefect_home(settings) / 'prefect.log'})."
    )
    assert {line.rsplit(" ", 2)[0] for line in progress} == {"land", "read", "check and load"}
    _assert_nothing_is_left(settings, "failed")
    assert "ZeroDivisionError" in (prefect_home(settings) / "prefect.log").read_text(encoding="utf-8")

    sound = _run(settings, "sound")
    assert (sound.returncode, sound.stdout) == (0, "0 2\n")
    assert sound.stderr.splitlines() == ["score and release 1 2", "score and release 2 2"]
    _assert_nothing_is_left(settings, "succeeded")


@pytest.mark.trial
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGKILL])
def test_leaves_nothing_when_it_is_stopped(tmp_path: Path, number: signal.Signals) -> None:
    settings = Settings(home=tmp_path)
    process = subprocess.Popen(
        _command(settings, "slow"), env=_environment(), stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
        start_new_session=True,
    )  # fmt: skip
    assert process.stdout is not None
    assert process.stderr is not None
    assert process.stdout.readline() == "waiting\n"
    servers = _servers_of(settings)
    assert len(servers) == 1
    if number == signal.SIGINT:
        os.killpg(process.pid, number)  # as a terminal does
    else:
        process.send_signal(number)
    assert process.wait(30) == {signal.SIGINT: 130}.get(number, -number)
    assert "Traceback" not in process.stderr.read()
    assert psutil.wait_procs(servers, timeout=10)[1] == []
    if number != signal.SIGKILL:
        _assert_nothing_is_left(settings, "failed")


def test_a_failure_is_one_sentence_in_each_language() -> None:
    error = RunFailedError("nightly", None, ValueError("two\nlines"), "/home/prefect.log")
    assert error.text("en") == "The run failed in step “nightly”: two lines (ValueError; details in /home/prefect.log)."
    assert error.text("zh") == "运行在步骤“nightly”失败：two lines（ValueError，详见 /home/prefect.log）。"
    assert str(error) == f"{error.text('zh')} / {error.text('en')}"
    assert "KeyError" in RunFailedError("nightly", None, KeyError(), "").text("en")


def test_importing_it_imports_neither_prefect_nor_polars() -> None:
    program = "import flows.local, sys; print(sorted({'prefect', 'polars', 'sqlalchemy'} & set(sys.modules)))"
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert done.stdout == "[]\n"
