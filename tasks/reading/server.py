"""The process that reading processes are forked from.

It imports the readers once and uses none of them, so that each file gets a process of its own within
milliseconds. It speaks over one Unix socket: a request comes with a socket of its own, and the exit
status of the reading process goes back over that. When the other end of that socket closes, because
the caller gave up or died, the reading process is killed; when the main socket closes, so is everything.
"""

from __future__ import annotations

import contextlib
import gc
import json
import os
import resource
import selectors
import signal
import socket
import sys
import traceback
from collections.abc import Mapping
from pathlib import Path
from typing import Any, NoReturn

import polars as pl

from tasks.reading.convert import convert_request
from tasks.reading.wire import MEMORY_STATUS, NOISE_FILE, RESULT_FILE, STATUS, receive_request


def serve(main_socket: socket.socket) -> None:
    """Fork a reading process for every request until the caller closes ``main_socket``."""
    woken, wakes = socket.socketpair()
    woken.setblocking(False)
    wakes.setblocking(False)
    signal.set_wakeup_fd(wakes.fileno(), warn_on_full_buffer=False)
    signal.signal(signal.SIGCHLD, lambda *_: None)
    callers: dict[int, socket.socket] = {}
    with selectors.DefaultSelector() as selector:
        selector.register(main_socket, selectors.EVENT_READ)
        selector.register(woken, selectors.EVENT_READ)
        try:
            while True:
                for key, _ in selector.select():
                    if key.fileobj is main_socket:
                        _accept(main_socket, selector, callers)
                    elif key.fileobj is woken:
                        _reap(woken, selector, callers)
                    else:
                        # The caller never writes, so something to read means that it is gone.
                        selector.unregister(key.fileobj)
                        os.kill(key.data, signal.SIGKILL)
        except EOFError:
            for pid in callers:
                os.kill(pid, signal.SIGKILL)


def _accept(main_socket: socket.socket, selector: selectors.BaseSelector, callers: dict[int, socket.socket]) -> None:
    request, caller = receive_request(main_socket)
    pid = os.fork()
    if pid == 0:
        _become_reader(request, selector)
    callers[pid] = caller
    selector.register(caller, selectors.EVENT_READ, pid)


def _reap(woken: socket.socket, selector: selectors.BaseSelector, callers: dict[int, socket.socket]) -> None:
    with contextlib.suppress(BlockingIOError):
        while woken.recv(1024):
            pass
    with contextlib.suppress(ChildProcessError):
        while True:
            pid, status = os.waitpid(-1, os.WNOHANG)
            if pid == 0:
                return
            with callers.pop(pid) as caller, contextlib.suppress(OSError):
                with contextlib.suppress(KeyError):
                    selector.unregister(caller)
                caller.sendall(STATUS.pack(os.waitstatus_to_exitcode(status)))


def _become_reader(request: Mapping[str, Any], selector: selectors.BaseSelector) -> NoReturn:
    """Turn the forked process into a reader of one file; it never returns."""
    status = 1
    try:
        signal.set_wakeup_fd(-1)
        signal.signal(signal.SIGCHLD, signal.SIG_DFL)
        open_files = [key.fd for key in selector.get_map().values()]
        selector.close()
        for descriptor in open_files:
            os.close(descriptor)
        folder = Path(request["folder"])
        noise = os.open(folder / NOISE_FILE, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
        os.dup2(noise, 1)
        os.dup2(noise, 2)
        _start_threads()
        set_limits(request["memory_bytes"], request["limits"]["cpu_seconds"], request["limits"]["max_output_bytes"])
        status = _read(request, folder)
    finally:
        os._exit(status)


def _start_threads() -> None:
    """Let Polars start its threads while there is memory for them: they do not survive the fork."""
    pl.LazyFrame({"a": [1]}).select(pl.col("a").sum()).collect(engine="streaming")


def set_limits(memory_bytes: int, cpu_seconds: int, file_bytes: int) -> None:
    """Bound what this process may still take of the machine, and leave no core file behind.

    Memory counts beyond what the process holds already: the libraries alone reserve half a GiB of
    address space, and how much differs between machines.
    """
    for kind, most in (
        (resource.RLIMIT_AS, _address_space() + memory_bytes),
        (resource.RLIMIT_CPU, cpu_seconds),
        (resource.RLIMIT_FSIZE, file_bytes),
        (resource.RLIMIT_CORE, 0),
    ):
        _, hard = resource.getrlimit(kind)
        bounded = most if hard == resource.RLIM_INFINITY else min(most, hard)
        resource.setrlimit(kind, (bounded, bounded))


def _address_space() -> int:
    """Bytes of address space this process holds; 0 where the system does not say."""
    try:
        pages = int(Path("/proc/self/statm").read_text(encoding="ascii").split()[0])
    except OSError:
        return 0
    return pages * resource.getpagesize()


def _read(request: Mapping[str, Any], folder: Path) -> int:
    """Read the file and leave a result; exit status 0 means that there is one."""
    try:
        answer = convert_request(request)
    except MemoryError:
        return MEMORY_STATUS
    except BaseException:  # noqa: BLE001 - a reader written in Rust panics with a BaseException
        answer = {"failed": traceback.format_exc()}
    (folder / RESULT_FILE).write_text(json.dumps(answer), encoding="utf-8")
    return 0


def main() -> None:
    """Serve on the socket whose number is the first argument."""
    # What is imported now stays as it is; collecting it in every reader would copy its pages.
    gc.collect()
    gc.freeze()
    with socket.socket(fileno=int(sys.argv[1])) as main_socket:
        serve(main_socket)
