"""Reading a file in a process of its own, so that no file can take the caller down with it."""

from __future__ import annotations

import atexit
import json
import os
import signal
import socket
import subprocess
import sys
import tempfile
import threading
from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path
from typing import IO, Any

from tasks.reading.errors import FileRefused, ReadingError, Words
from tasks.reading.limits import MEBIBYTE, Limits
from tasks.reading.wire import MEMORY_STATUS, NOISE_FILE, RESULT_FILE, STATUS, send_request

_START = "import sys; sys.path.append(sys.argv[2]); from tasks.reading.server import main; main()"


class _Server:
    """The server of this process; another process, even a forked one, starts its own.

    Args:
        environment: variables for it and its readers, besides those of this process.
    """

    def __init__(self, environment: Mapping[str, str]) -> None:
        self._environment = environment
        self._lock = threading.Lock()
        self._owner = 0
        self._socket: socket.socket | None = None
        self._process: subprocess.Popen[bytes] | None = None
        self._noise: IO[bytes] | None = None

    def request(self, request: Mapping[str, Any]) -> socket.socket:
        """Ask for a reading process; its exit status arrives on the socket returned."""
        ours, theirs = socket.socketpair()
        with self._lock, theirs:
            try:
                send_request(self._running(), request, theirs)
            except OSError:
                self.stop()
                send_request(self._running(), request, theirs)
        return ours

    def _running(self) -> socket.socket:
        if self._socket is not None and self._owner == os.getpid():
            return self._socket
        ours, theirs = socket.socketpair()
        root = str(Path(__file__).resolve().parents[2])
        noise = tempfile.TemporaryFile()  # noqa: SIM115 - lives as long as the server
        with theirs:
            self._process = subprocess.Popen(  # noqa: S603 - our own interpreter and our own words
                [sys.executable, "-P", "-W", "ignore", "-c", _START, str(theirs.fileno()), root],
                stdin=subprocess.DEVNULL,
                stdout=noise,
                stderr=noise,
                pass_fds=[theirs.fileno()],
                # Its own session: Ctrl-C in a terminal is for the caller, which then closes the socket.
                start_new_session=True,
                env=os.environ | self._environment,
            )
        self._owner, self._socket, self._noise = os.getpid(), ours, noise
        return ours

    def stop(self) -> None:
        """Close the server; it kills the readers that are left."""
        if self._socket is None or self._owner != os.getpid():
            return
        self._socket.close()
        self._socket = None
        if self._process is not None:
            self._process.wait(timeout=10)
        if self._noise is not None:
            self._noise.close()

    def noise(self) -> str:
        """What the server wrote before it died."""
        if self._noise is None:
            return ""
        self._noise.seek(0)
        return self._noise.read().decode("utf-8", "replace")


_LOADER_STATUS = 127

# One thread of linear algebra, and none for the allocator: a forked process keeps none of them.
_FORKABLE = {"OPENBLAS_NUM_THREADS": "1", "_RJEM_MALLOC_CONF": "background_thread:false"}

_server = _Server(_FORKABLE)
_server_alone = _Server(_FORKABLE | {"POLARS_MAX_THREADS": "1"})
for _each in (_server, _server_alone):
    atexit.register(_each.stop)


def run_reader(
    path: Path,
    folder: Path,
    limits: Limits,
    *,
    name: str,
    wanted_sheet: str | int | None,
    memory: int,
    alone: bool,
) -> Any:
    """Read ``path`` into ``folder`` in a process of its own and return what it reports.

    Args:
        path: the file.
        name: the name it was delivered under.
        folder: an existing folder for the table and for working files.
        limits: bounds of the file and of the process.
        wanted_sheet: name or number of one sheet, or None.
        memory: bytes of address space the process may take beyond what it starts with.
        alone: whether Polars works with one thread there. A worker thread that gets no memory leaves the
            others waiting, while one alone fails at once.

    Raises:
        FileRefused: what the reader found wrong; F114 when it was stopped at a limit or died.
        ReadingError: the reader failed for a reason that is not the file's.
    """
    result = folder / RESULT_FILE
    result.unlink(missing_ok=True)
    request = {
        "path": str(path.resolve()),
        "name": name,
        "folder": str(folder.resolve()),
        "limits": asdict(limits),
        "wanted_sheet": wanted_sheet,
        "memory_bytes": memory,
    }
    try:
        _check_status(_wait(_server_alone if alone else _server, request, limits.wall_seconds), limits, memory)
        answer = json.loads(result.read_text(encoding="utf-8"))
    finally:
        result.unlink(missing_ok=True)
        _drop_empty(folder / NOISE_FILE)
    if "refused" in answer:
        raise FileRefused.from_json(answer["refused"])
    if "failed" in answer:
        raise ReadingError(answer["failed"])
    return answer["table"]


def _wait(server: _Server, request: Mapping[str, Any], wall_seconds: float) -> int | None:
    """Exit status of the reading process; None when the wall limit came first."""
    for attempt in (1, 2):
        with server.request(request) as ours:
            ours.settimeout(wall_seconds)
            try:
                status = ours.recv(STATUS.size)
            except TimeoutError:
                return None
        if len(status) == STATUS.size:
            return int(STATUS.unpack(status)[0])
        if attempt == 2:
            raise ReadingError(f"the reading server ended without an answer\n{server.noise()}")
    return None


def _check_status(status: int | None, limits: Limits, memory: int) -> None:
    """Say in words why there is no result.

    A reader killed by somebody else counts as out of memory: that is how the system ends the largest process.
    So does one that ended with status 127: the loader of libraries says so when it gets no memory.
    """
    if status == 0:
        return
    if status is None:
        detail = Words(f"读取超过 {limits.wall_seconds:g} 秒", f"reading took more than {limits.wall_seconds:g} s")
    elif status in {MEMORY_STATUS, _LOADER_STATUS, -signal.SIGABRT, -signal.SIGKILL}:
        size = f"{memory / MEBIBYTE:,.0f} MiB"
        detail = Words(f"内存超过 {size}", f"it needs more than {size} of memory")
    elif status == -signal.SIGXCPU:
        seconds = limits.cpu_seconds
        detail = Words(f"计算超过 {seconds} 秒", f"it needs more than {seconds} s of processor time")
    else:
        detail = Words(f"读取进程意外结束（{status}）", f"the reading process ended with status {status}")
    raise FileRefused("F114", detail=detail)


def _drop_empty(noise: Path) -> None:
    if noise.exists() and noise.stat().st_size == 0:
        noise.unlink()
