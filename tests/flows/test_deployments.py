"""What runs when: prefect.yaml, what is served, and that Prefect can load all of it."""

from __future__ import annotations

import contextlib
import json
import os
import signal
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from http import HTTPStatus
from importlib.metadata import packages_distributions
from pathlib import Path
from typing import Any

import psutil
import pytest
import yaml

from flows.prefect_server import prefect_home
from tests.support.small_county import small_county
from warehouse.settings import Settings

ROOT = Path(__file__).parents[2]
PARAMETERS = {
    "nightly": {"day": "日期 / Day"},
    "ingest": {"paths": "文件 / Files", "submitter": "报送单位 / Submitter"},
    "score": {"day": "日期 / Day"},
    "backfill": {"first": "起始考核期 / First period", "last": "截止考核期 / Last period"},
    "release": {"release_id": "发布版 / Release", "action": "操作 / Action"},
}
"""Every flow's parameters with the labels of Prefect's form."""
ONE_AFTER_ANOTHER = {"limit": 1, "collision_strategy": "ENQUEUE"}
QUICK = {
    "REVERSE_EVAL_QUIET_SECONDS": "0",
    "PREFECT_SERVER_API_PORT": "0",
    "PREFECT_RUNNER_POLL_FREQUENCY": "1",
}
"""Variables of a served process under test: any free port, no waiting for files, a look at the queue each second."""
START_SECONDS = 120
BUSY_TRIES = 30
HANGING_SECONDS = 120
"""A process that has not stopped by then never will."""


def _declared() -> dict[str, dict[str, Any]]:
    text = (ROOT / "prefect.yaml").read_text(encoding="utf-8")
    return {each["name"]: each for each in yaml.safe_load(text)["deployments"]}


def test_prefect_yaml_declares_every_flow_and_one_schedule() -> None:
    declared = _declared()
    assert set(declared) == set(PARAMETERS)
    assert declared["nightly"]["schedules"] == [{"cron": "0 2 * * *", "timezone": "Asia/Shanghai", "active": True}]
    assert [name for name, each in declared.items() if "schedules" in each] == ["nightly"]
    assert all(each["concurrency_limit"] == ONE_AFTER_ANOTHER for each in declared.values())


def test_entrypoints_load_as_prefect_loads_them(prefect: None) -> None:
    """In a process of its own, as Prefect does, because a path entrypoint changes where modules are looked for."""
    program = (
        "import json, sys\n"
        "from prefect.flows import load_flow_from_entrypoint\n"
        "for entrypoint in sys.argv[1:]:\n"
        "    flow = load_flow_from_entrypoint(entrypoint, use_placeholder_flow=False)\n"
        "    schema = flow.parameters.model_dump()\n"
        "    print(json.dumps([flow.name, flow.description, schema['properties'], schema.get('required')]))\n"
    )
    entrypoints = [each["entrypoint"] for each in _declared().values()]
    done = subprocess.run(
        [sys.executable, "-c", program, *entrypoints], cwd=ROOT, capture_output=True, text=True, check=True
    )
    loaded = {name: found for name, *found in map(json.loads, done.stdout.splitlines())}
    assert set(loaded) == set(PARAMETERS)
    for name, (description, properties, required) in loaded.items():
        assert len(description) > 100
        assert {each: found["title"] for each, found in properties.items()} == PARAMETERS[name]
        assert all(" / " in found["description"] for found in properties.values())
        assert required == {"backfill": ["first"], "release": ["release_id"]}.get(name, [])


def test_no_flow_file_shadows_another_module() -> None:
    """A path entrypoint puts flows/ first on the search path."""
    taken = sys.stdlib_module_names | set(packages_distributions()) - {"flows"}
    ours = {path.name for path in ROOT.iterdir() if path.is_dir()}
    names = {path.stem for path in (ROOT / "flows").glob("*.py")} - {"__init__"}
    assert not names & (taken | ours)


def test_flow_files_hold_one_flow_and_are_short() -> None:
    for name in PARAMETERS:
        text = (ROOT / "flows" / f"{name}.py").read_text(encoding="utf-8")
        assert text.count("@flow(") == 1
        assert len(text.splitlines()) < 60


def test_served_deployments_are_those_of_prefect_yaml(prefect: None) -> None:
    from flows.deployments import served_deployments

    declared = _declared()
    served = {each.name: each for each in served_deployments()}
    assert set(served) == {"nightly", "ingest", "backfill"}
    for name, each in served.items():
        assert each.entrypoint == f"flows.{name}.{name}"
        assert each.concurrency_limit == ONE_AFTER_ANOTHER["limit"]
        assert each.concurrency_options.collision_strategy == ONE_AFTER_ANOTHER["collision_strategy"]
        schedules = [
            {"cron": found.schedule.cron, "timezone": found.schedule.timezone, "active": found.active}
            for found in each.schedules
        ]
        assert schedules == declared[name].get("schedules", [])


class _BusyError(Exception):
    """The server asks to be tried again."""


@contextlib.contextmanager
def _busy() -> Iterator[None]:
    try:
        yield
    except urllib.error.HTTPError as error:
        if error.code == HTTPStatus.SERVICE_UNAVAILABLE:
            raise _BusyError from error
        raise


class Served:
    """``serve_all`` in a process of its own, with a small county in its home."""

    def __init__(self, settings: Settings) -> None:
        self.settings = settings
        self.out = settings.home / "out.txt"
        self.process: subprocess.Popen[bytes] | None = None
        self.url = ""

    def start(self, **variables: str) -> None:
        program = "import sys, pathlib; from warehouse.settings import Settings; from flows.local import serve_all; "
        program += "serve_all(Settings(home=pathlib.Path(sys.argv[1])))"
        unset = {"PREFECT_API_URL", "PREFECT_HOME"}
        environment = {key: value for key, value in os.environ.items() if key not in unset}
        with self.out.open("wb") as out:
            self.process = subprocess.Popen(
                [sys.executable, "-c", program, str(self.settings.home)],
                env={**environment, **QUICK, **variables},
                stdout=out,
                stderr=subprocess.STDOUT,
            )
        self._until(self._is_up)

    def _is_up(self) -> bool:
        known = json.loads((prefect_home(self.settings) / "server.json").read_text(encoding="utf-8"))
        assert self.process is not None
        if f":{self.process.pid}:" not in known["owner"]:
            return False
        self.url = known["url"]
        return len(self.post("/deployments/filter", {})) == 3

    def post(self, path: str, body: Any) -> Any:
        request = urllib.request.Request(  # noqa: S310 - our own server
            self.url + path, json.dumps(body).encode(), {"Content-Type": "application/json"}
        )
        opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
        for _ in range(BUSY_TRIES):
            # The server answers 503 while another connection holds its SQLite file, and every client tries again.
            with contextlib.suppress(_BusyError), _busy(), opener.open(request, timeout=30) as answer:
                return json.load(answer)
            time.sleep(1)
        raise AssertionError(self.out.read_text(encoding="utf-8"))

    def _until(self, holds: Any) -> None:
        end = time.monotonic() + START_SECONDS
        while time.monotonic() < end:
            assert self.process is not None
            assert self.process.poll() is None, self.out.read_text(encoding="utf-8")
            try:
                if holds():
                    return
            except (OSError, ValueError):
                pass
            time.sleep(0.3)
        raise AssertionError(self.out.read_text(encoding="utf-8"))

    def runs(self) -> list[dict[str, Any]]:
        return list(self.post("/flow_runs/filter", {"sort": "EXPECTED_START_TIME_ASC"}))

    def wait_for_run(self, run_id: str, *states: str) -> None:
        self._until(lambda: any(run["id"] == run_id and run["state_type"] in states for run in self.runs()))

    def trigger(self, name: str) -> str:
        found = self.post("/deployments/filter", {"deployments": {"name": {"any_": [name]}}})[0]
        return str(self.post(f"/deployments/{found['id']}/create_flow_run", {})["id"])

    def children(self) -> list[psutil.Process]:
        assert self.process is not None
        return psutil.Process(self.process.pid).children(recursive=True)


@pytest.fixture
def served(tmp_path: Path) -> Iterator[Served]:
    try:
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
    except OSError as error:
        pytest.skip(f"no port can be opened on this machine: {error}")
    settings = small_county(tmp_path / "home")
    for path in settings.inbox.rglob("rating_event__*v0[234].csv"):
        path.unlink()
    serving = Served(settings)
    yield serving
    if serving.process is not None and serving.process.poll() is None:
        for child in serving.children():
            child.kill()
        serving.process.kill()
        serving.process.wait()


@pytest.mark.trial
def test_serves_schedules_survives_a_kill_and_stops(served: Served) -> None:
    served.start(REVERSE_EVAL_CRASH_AT="loaded:3")
    deployments = {each["name"]: each for each in served.post("/deployments/filter", {})}
    (schedule,) = deployments["nightly"]["schedules"]
    assert (schedule["schedule"]["cron"], schedule["schedule"]["timezone"]) == ("0 2 * * *", "Asia/Shanghai")
    assert schedule["active"]
    assert deployments["ingest"]["schedules"] == deployments["backfill"]["schedules"] == []
    served._until(lambda: any(run["auto_scheduled"] for run in served.runs()))
    scheduled = next(run for run in served.runs() if run["auto_scheduled"])
    assert scheduled["expected_start_time"].endswith("T18:00:00Z")

    killed = served.trigger("nightly")
    served.wait_for_run(killed, "RUNNING", "CRASHED")
    assert served.process is not None
    children = served.children()
    for process in (served.process, *children):  # a power cut in the middle of a night
        process.kill()
    served.process.wait()
    psutil.wait_procs(children, timeout=10)

    served.start()
    served.wait_for_run(killed, "CRASHED")
    night = served.trigger("nightly")
    served.wait_for_run(night, "COMPLETED")
    children = served.children()
    assert children
    served.process.send_signal(signal.SIGTERM)
    assert served.process.wait(timeout=HANGING_SECONDS) == 0
    assert psutil.wait_procs(children, timeout=2)[1] == []
    assert not (prefect_home(served.settings) / "server.json").exists()
    assert "Traceback" not in served.out.read_text(encoding="utf-8")
