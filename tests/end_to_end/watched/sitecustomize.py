"""Python imports this by itself in a process that has its folder on PYTHONPATH: nothing but this machine is reached,
and whoever is asked for is written to $ASKED_FOR, after a first line that tells that somebody watches."""

import os
import socket
from pathlib import Path
from typing import Any

ASKED_FOR = Path(os.environ["ASKED_FOR"])
HERE = ("localhost", "127.0.0.1", "::1", "0.0.0.0", "::", "", None)
_connect, _look_up = socket.socket.connect, socket.getaddrinfo


def refuse(host: Any) -> None:
    with ASKED_FOR.open("a") as out:
        out.write(f"{host}\n")
    raise OSError(101, f"Network is unreachable: {host}")


def connect(self: socket.socket, address: Any) -> None:
    if self.family in (socket.AF_INET, socket.AF_INET6) and address[0] not in HERE:
        refuse(address[0])
    _connect(self, address)


def look_up(host: Any, *arguments: Any, **named: Any) -> Any:
    if host not in HERE:
        refuse(host)
    return _look_up(host, *arguments, **named)


socket.socket.connect = connect  # type: ignore[method-assign]
socket.getaddrinfo = look_up
with ASKED_FOR.open("a") as out:
    out.write("watching\n")
