"""The server beside a run: found, started, announced, and gone when its starter is."""

from __future__ import annotations

import json
import os
import sqlite3
import subprocess
import sys
from importlib.metadata import version
from pathlib import Path

import pytest

from flows import prefect_server as module
from flows.prefect_server import (
    PrefectServerError,
    announced,
    make_template,
    prefect_environment,
    prefect_home,
    prefect_server,
    wait_until_ready,
)
from warehouse.settings import Settings


@pytest.fixture
def settings(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Settings:
    for name in list(os.environ):
        if name.startswith("PREFECT_"):
            monkeypatch.delenv(name)
    return Settings(home=tmp_path / "home")


def test_environment_keeps_prefect_in_the_home_and_silent(settings: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("DO_NOT_TRACK", "GX_ANALYTICS_ENABLED", "NO_PROXY", "no_proxy"):
        monkeypatch.delenv(name, raising=False)
    found = prefect_environment(settings)
    assert found["PREFECT_HOME"] == str(settings.home.resolve() / "prefect")
    assert found["PREFECT_SERVER_ANALYTICS_ENABLED"] == "false"
    assert (found["DO_NOT_TRACK"], found["GX_ANALYTICS_ENABLED"]) == ("1", "false")
    assert found["PREFECT_LOGGING_TO_API_ENABLED"] == "false"
    assert Path(found["PREFECT_LOGGING_SETTINGS_PATH"]).is_file()
    assert found["NO_PROXY"] == found["no_proxy"] == "127.0.0.1,localhost"


def test_what_the_user_has_set_stays(settings: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PREFECT_HOME", "/srv/prefect")
    monkeypatch.setenv("NO_PROXY", "intranet.example,127.0.0.1")
    found = prefect_environment(settings)
    assert "PREFECT_HOME" not in found
    assert found["NO_PROXY"] == "intranet.example,127.0.0.1,localhost"


def test_a_given_server_is_used_and_none_started(settings: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PREFECT_API_URL", "http://prefect.example/api")
    monkeypatch.setattr(module.subprocess, "Popen", None)
    with prefect_server(settings) as url:
        assert url == "http://prefect.example/api"
        wait_until_ready(settings, url)


def test_an_announced_server_is_used_while_its_process_lives(
    settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    prefect_home(settings).mkdir(parents=True)
    with announced(settings, "http://127.0.0.1:4/api"):
        monkeypatch.setattr(module.subprocess, "Popen", None)
        with prefect_server(settings) as url:
            assert url == "http://127.0.0.1:4/api"
        known = prefect_home(settings) / "server.json"
        host, pid, _ = json.loads(known.read_text(encoding="utf-8"))["owner"].split(":")
        assert int(pid) == os.getpid()
        for text in ("", "[]", '{"url": "u"}', json.dumps({"url": "u", "owner": f"{host}:999999999:1"})):
            known.write_text(text, encoding="utf-8")
            assert module._running_server(settings) is None
    assert not known.exists()


def test_a_server_that_cannot_start_is_an_error_that_names_the_log(
    settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PREFECT_SERVER_DATABASE_CONNECTION_URL", "sqlite+aiosqlite:////nowhere/at/all/prefect.db")
    with pytest.raises(PrefectServerError, match=r"server\.log") as caught, prefect_server(settings) as url:
        wait_until_ready(settings, url)
    assert "未能启动" in str(caught.value)
    assert "unable to open database" in (prefect_home(settings) / "server.log").read_text(encoding="utf-8")


def test_template_is_a_migrated_and_empty_database_in_one_file() -> None:
    path = make_template()
    assert path == Path(sys.prefix) / "share" / "reverse-eval" / f"prefect-{version('prefect')}.sqlite"
    with sqlite3.connect(f"file:{path}?mode=ro&immutable=1", uri=True) as database:
        assert database.execute("SELECT count(*) FROM alembic_version").fetchone() == (1,)
        assert database.execute("SELECT count(*) FROM flow_run").fetchone() == (0,)


def test_an_existing_history_is_not_replaced_by_the_template(tmp_path: Path) -> None:
    make_template()
    module._copy_template(tmp_path)
    database = tmp_path / "prefect.db"
    assert database.stat().st_size > 500_000
    database.write_bytes(b"history")
    module._copy_template(tmp_path)
    assert database.read_bytes() == b"history"


def test_the_server_process_ends_with_its_pipe(settings: Settings) -> None:
    variables = module._server_environment(settings, with_services=False)
    server = subprocess.Popen(
        [sys.executable, "-P", "-m", "flows.prefect_server"], stdin=subprocess.PIPE, stdout=subprocess.PIPE,
        stderr=subprocess.PIPE, env=variables,
    )  # fmt: skip
    assert server.stdout is not None
    port = int(server.stdout.readline())
    wait_until_ready(settings, f"http://127.0.0.1:{port}/api")
    assert server.stdin is not None
    server.stdin.close()
    assert server.wait(10) == 0
