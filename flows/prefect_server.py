"""Prefect's own server, started beside a run and stopped with it.

We start it, rather than let Prefect do so: Prefect would first import the whole server into the process
of the run, would give up after 20 seconds, which the migrations of a new database need on a slow machine,
and would let the server write to our terminal and take our Ctrl-C.
"""

from __future__ import annotations

import gc
import http.client
import inspect
import json
import os
import shutil
import socket
import subprocess
import sys
import tempfile
import threading
from collections.abc import Iterator, Mapping
from contextlib import closing, contextmanager, suppress
from importlib.metadata import version
from importlib.resources import files
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from warehouse.owners import is_dead, this_process
from warehouse.settings import Settings

if TYPE_CHECKING:
    import uvicorn

LOOPBACK = "127.0.0.1"
API_URL = "PREFECT_API_URL"
LOGGING = "PREFECT_LOGGING_SETTINGS_PATH"
START_SECONDS = 180.0
STOP_SECONDS = 8.0
WITH_SERVICES = "--with-services"
NOT_NEEDED_BY_ONE_RUN = (
    "CANCELLATION_CLEANUP", "CLEANUP_RECONCILER", "EVENT_PERSISTER", "FOREMAN", "LATE_RUNS", "PAUSE_EXPIRATIONS",
    "REPOSSESSOR", "SCHEDULER", "TRIGGERS",
)  # fmt: skip
"""Services of a lasting server; a run alone needs only the one that records its task runs."""


class PrefectServerError(Exception):
    """Prefect's server did not start."""

    def __init__(self, log: Path) -> None:
        super().__init__(f"Prefect 服务未能启动，原因见 {log} / Prefect's server did not start; the reason is in {log}")


def prefect_home(settings: Settings) -> Path:
    """Where Prefect keeps its run history: losing it loses nothing of ours."""
    return settings.home.resolve() / "prefect"


def prefect_environment(settings: Settings) -> dict[str, str]:
    """Variables that must stand before Prefect is imported, without those the user has set.

    Everything of Prefect's lies in the home, nothing is reported to anybody, its log goes to a file, and
    calls to our own machine do not go through an office proxy.
    """
    wanted = {
        "PREFECT_HOME": str(prefect_home(settings)),
        "PREFECT_SERVER_ANALYTICS_ENABLED": "false",
        "PREFECT_SERVER_UI_SHOW_PROMOTIONAL_CONTENT": "false",
        "DO_NOT_TRACK": "1",
        "GX_ANALYTICS_ENABLED": "false",
        LOGGING: str(files("flows").joinpath("prefect_logging.yaml")),
        "PREFECT_LOGGING_TO_API_ENABLED": "false",
    }
    missing = {name: value for name, value in wanted.items() if name not in os.environ}
    return missing | {name: _with_loopback(os.environ.get(name)) for name in ("NO_PROXY", "no_proxy")}


def _with_loopback(hosts: str | None) -> str:
    known = [host for host in (hosts or "").split(",") if host]
    return ",".join(dict.fromkeys([*known, LOOPBACK, "localhost"]))


@contextmanager
def prefect_server(settings: Settings, *, with_services: bool = False) -> Iterator[str]:
    """The address of a Prefect API: the one in ``PREFECT_API_URL``, this home's running one, or a new one's.

    A server that was started here ends with the block, and with this process however it ends. It is
    starting while the block begins: ``wait_until_ready`` before the first call.

    Args:
        settings: The home that holds Prefect's database.
        with_services: With scheduler, automations and pages, as a lasting server needs them.

    Raises:
        PrefectServerError: the server ended before it opened its port.
    """
    given = os.environ.get(API_URL) or _running_server(settings)
    if given:
        yield given
        return
    folder = prefect_home(settings)
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    with (folder / "server.log").open("wb") as log:
        server = subprocess.Popen(  # noqa: S603 - our own words
            [sys.executable, "-P", "-m", "flows.prefect_server", *([WITH_SERVICES] if with_services else [])],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=log,
            env=_server_environment(settings, with_services=with_services),
            start_new_session=True,  # Ctrl-C on the terminal is for us; we end the server when we are done
        )
    try:
        yield f"http://{LOOPBACK}:{_port_of(server, folder / 'server.log')}/api"
    finally:
        _stop(server)


def _server_environment(settings: Settings, *, with_services: bool) -> dict[str, str]:
    """Variables of the server process: as ours, but it logs to its stderr, which is a file."""
    variables = {**os.environ, **prefect_environment(settings), "NO_COLOR": "1"}
    del variables[LOGGING]
    if with_services:
        return {"PREFECT_SERVER_SERVICES_DB_VACUUM_ENABLED": "events,flow_runs", **variables}
    unneeded = {f"PREFECT_SERVER_SERVICES_{name}_ENABLED": "false" for name in NOT_NEEDED_BY_ONE_RUN}
    return {**variables, **unneeded, "PREFECT_SERVER_REGISTER_BLOCKS_ON_START": "false"}


def _port_of(server: subprocess.Popen[bytes], log: Path) -> int:
    assert server.stdout is not None  # noqa: S101 - it was asked for
    line = server.stdout.readline().strip()
    if not line.isdigit():
        raise PrefectServerError(log)
    return int(line)


def _stop(server: subprocess.Popen[bytes]) -> None:
    """Close the pipe the server lives on, and wait for it; one that hangs is killed."""
    for pipe in (server.stdin, server.stdout):
        if pipe is not None:
            pipe.close()
    try:
        server.wait(STOP_SECONDS)
    except subprocess.TimeoutExpired:
        server.kill()
        server.wait()


def wait_until_ready(settings: Settings, url: str) -> None:
    """Wait for a server on this machine to answer; its port is open from the start, so one request waits.

    Raises:
        PrefectServerError: it ended or did not answer in ``START_SECONDS``.
    """
    parts = urlsplit(url)
    if parts.hostname != LOOPBACK:
        return
    with closing(http.client.HTTPConnection(LOOPBACK, parts.port, timeout=START_SECONDS)) as connection:
        try:
            connection.request("GET", f"{parts.path}/health")
            answered = connection.getresponse().status
        except OSError as error:
            raise PrefectServerError(prefect_home(settings) / "server.log") from error
    if answered != http.client.OK:
        raise PrefectServerError(prefect_home(settings) / "server.log")


@contextmanager
def announced(settings: Settings, url: str) -> Iterator[None]:
    """Let other runs of this home use a lasting server while the block runs."""
    path = prefect_home(settings) / "server.json"
    path.write_text(json.dumps({"url": url, "owner": this_process()}), encoding="utf-8")
    try:
        yield
    finally:
        path.unlink(missing_ok=True)


def _running_server(settings: Settings) -> str | None:
    """The lasting server of this home, when the process that announced it lives."""
    try:
        known: Mapping[str, str] = json.loads((prefect_home(settings) / "server.json").read_text(encoding="utf-8"))
        return None if is_dead(known["owner"]) else known["url"]
    except (OSError, ValueError, KeyError, TypeError):
        return None


def _template() -> Path:
    """A migrated and empty database of this installation: migrating takes 9 s of CPU, copying none."""
    return Path(sys.prefix) / "share" / "reverse-eval" / f"prefect-{version('prefect')}.sqlite"


def _copy_template(home: Path) -> None:
    database = home / "prefect.db"
    if not database.exists() and _template().exists():
        home.mkdir(mode=0o700, parents=True, exist_ok=True)
        shutil.copyfile(_template(), database.with_suffix(".new"))
        database.with_suffix(".new").replace(database)


def make_template() -> Path:
    """Migrate an empty database once for the installation; part of its setup, and of the first run without it.

    Raises:
        OSError: the installation cannot be written to.
        CalledProcessError: Prefect could not make the database.
    """
    target = _template()
    if target.exists():
        return target
    target.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=target.parent, prefix=".making-") as folder:
        variables = {name: value for name, value in os.environ.items() if name != LOGGING} | {"PREFECT_HOME": folder}
        command = [sys.executable, "-P", "-m", "prefect", "server", "database", "upgrade", "-y"]
        subprocess.run(command, env=variables, check=True, capture_output=True)  # noqa: S603 - our own words
        made = Path(folder, "prefect.db")
        _merge_log(made)
        made.replace(target)
    return target


def _merge_log(database: Path) -> None:
    """Bring SQLite's write-ahead log into the file, so that the file alone is the database."""
    import sqlite3

    with closing(sqlite3.connect(database)) as connection:
        connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")


def serve_api(*, with_services: bool) -> None:
    """Serve Prefect's API until standard input ends: the body of the server process.

    The port is opened and told before anything is imported, so that whoever started us can go on. Standard
    input is a pipe held by that process: when it dies, in whatever way, the pipe ends and so do we.
    """
    listening = _listen(with_services=with_services)
    print(listening.getsockname()[1], flush=True)  # noqa: T201 - the answer to whoever started us
    _prepare_database()
    gc.disable()  # the import makes millions of objects and no garbage: a quarter of its time
    import uvicorn
    from prefect.server.api.server import create_app

    app = create_app(final=True, ephemeral=not with_services)
    _let_scheduler_insert_runs()
    gc.enable()
    server = uvicorn.Server(
        uvicorn.Config(app, log_level="error", access_log=False, lifespan="on", timeout_graceful_shutdown=1)
    )
    threading.Thread(target=_end_with_parent, args=(server,), name="end with parent", daemon=True).start()
    server.run(sockets=[listening])
    os._exit(0)  # all is stopped and written; taking the interpreter apart would last longer than the shutdown


def _let_scheduler_insert_runs() -> None:
    """Let Prefect's scheduler work with SQLAlchemy 2.1.

    It inserts future runs in bulk with the key ``state``, which is a hybrid attribute. SQLAlchemy 2.0
    passed over it; 2.1 raises unless the attribute says what to do, and no scheduled run is ever made.
    """
    from prefect.server.database.orm_models import FlowRun

    state: Any = inspect.getattr_static(FlowRun, "state")
    if state.bulk_dml_setter is None:
        state.bulk_dml_setter = lambda _cls, _mapping, _value: None


def _listen(*, with_services: bool) -> socket.socket:
    """A listening socket of the loopback; a lasting server takes Prefect's usual port when it is free."""
    listening = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
    listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        listening.bind((LOOPBACK, int(os.environ.get("PREFECT_SERVER_API_PORT", "4200")) if with_services else 0))
    except OSError:
        listening.bind((LOOPBACK, 0))
    listening.listen()
    return listening


def _prepare_database() -> None:
    chosen = ("PREFECT_SERVER_DATABASE_CONNECTION_URL", "PREFECT_API_DATABASE_CONNECTION_URL")
    if any(name in os.environ for name in chosen):
        return
    with suppress(OSError, subprocess.CalledProcessError):  # without a template the server migrates by itself
        make_template()
    _copy_template(Path(os.environ["PREFECT_HOME"]))


def _end_with_parent(server: uvicorn.Server) -> None:
    sys.stdin.buffer.read()
    server.should_exit = True


if __name__ == "__main__":
    if sys.argv[1:] == ["--make-template"]:
        make_template()
    else:
        serve_api(with_services=WITH_SERVICES in sys.argv)
