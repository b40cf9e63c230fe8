"""Is the port free? Asked before anything slow is loaded, so that the answer comes at once."""

import errno
import socket

from arena.errors import ArenaError


def port_taken(host: str, port: int) -> ArenaError:
    """The one message about a taken port."""
    other = port + 1 if port < 65535 else port - 1
    return ArenaError(
        f"Port {port} on {host} is taken, perhaps by this app in another window: "
        f"stop that program, or choose another port with --port {other}."
    )


def check_port(host: str, port: int) -> None:
    """Raises `ArenaError` when nothing can listen on `port`."""
    if not 0 < port < 65536:
        raise ArenaError(f"There is no port {port}: choose one from 1 to 65535, for example --port 7860.")
    try:
        family, kind, protocol, _, address = socket.getaddrinfo(
            host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE
        )[0]
        with socket.socket(family, kind, protocol) as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            probe.bind(address)
    except socket.gaierror as error:
        raise _not_ours(host) from error
    except PermissionError as error:
        raise ArenaError(f"Port {port} needs administrator rights: choose one above 1023 with --port 7860.") from error
    except OSError as error:
        raise (_not_ours(host) if error.errno == errno.EADDRNOTAVAIL else port_taken(host, port)) from error


def _not_ours(host: str) -> ArenaError:
    return ArenaError(f"'{host}' is not an address of this machine: use --host 127.0.0.1 or 0.0.0.0.")
