"""What the caller and the reading server say to each other, and how."""

from __future__ import annotations

import json
import socket
import struct
from collections.abc import Mapping
from typing import Any

_LENGTH = struct.Struct("!I")
STATUS = struct.Struct("!i")
"""Exit status of a reading process, the only answer; negative for a signal."""
RESULT_FILE = "result.json"
NOISE_FILE = "reader.log"
MEMORY_STATUS = 77
"""Exit status of a reader that ran out of memory in Python code."""


def send_request(main_socket: socket.socket, request: Mapping[str, Any], caller: socket.socket) -> None:
    """Send a request and the server's end of the caller's own socket."""
    body = json.dumps(request).encode("utf-8")
    socket.send_fds(main_socket, [_LENGTH.pack(len(body))], [caller.fileno()])
    main_socket.sendall(body)


def receive_request(main_socket: socket.socket) -> tuple[Mapping[str, Any], socket.socket]:
    """The next request and the socket to answer it on.

    Raises:
        EOFError: the caller has closed the main socket.
    """
    head, descriptors, _, _ = socket.recv_fds(main_socket, _LENGTH.size, 1)
    if len(head) < _LENGTH.size or not descriptors:
        raise EOFError
    (left,) = _LENGTH.unpack(head)
    body = bytearray()
    while len(body) < left:
        piece = main_socket.recv(left - len(body))
        if not piece:
            raise EOFError
        body += piece
    return json.loads(body), socket.socket(fileno=descriptors[0])
