"""Who may change things here: start a training, add and delete documents. Asked on the server, whatever is shown."""

from collections.abc import Callable, Mapping
from typing import Protocol
from urllib.parse import urlsplit

THIS_MACHINE = ("127.0.0.1", "localhost", "::1")
FORWARDED = ("forwarded", "x-forwarded-for", "x-forwarded-host", "x-real-ip")


class Asked(Protocol):
    """Gradio's request and Starlette's both are."""

    @property
    def headers(self) -> Mapping[str, str]: ...


Allowed = Callable[[Asked], bool]


def this_machine_only(server: object) -> Allowed:
    """Allows whoever sits at this machine, when the server listens to nobody else. `server` has a `server_name` once it
    listens: the address. A proxy in front of it would let others in: its headers are looked for."""

    def allowed(request: Asked) -> bool:
        headers = request.headers
        host = headers.get("host", "")
        return (
            str(getattr(server, "server_name", "")) in THIS_MACHINE
            # Or another site's name had been pointed at this address.
            and urlsplit(f"//{host}").hostname in THIS_MACHINE
            # Or a page of another site asks, in the browser of whoever sits here.
            and urlsplit(headers.get("origin", f"http://{host}")).netloc == host
            and not any(header in headers for header in FORWARDED)
        )

    return allowed
