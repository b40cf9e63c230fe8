"""Who may change things: this machine only."""

from types import SimpleNamespace

import pytest

from ui.rights import this_machine_only

HERE = {"host": "localhost:7860"}


@pytest.mark.parametrize(
    ("listening", "headers", "may"),
    [
        ("127.0.0.1", HERE, True),
        ("127.0.0.1", {"host": "127.0.0.1:7860"}, True),
        ("::1", {"host": "[::1]:7860"}, True),
        ("127.0.0.1", HERE | {"origin": "http://localhost:7860"}, True),
        ("0.0.0.0", HERE, False),
        ("", HERE, False),
        ("127.0.0.1", {"host": "evil.example:7860"}, False),
        ("127.0.0.1", {}, False),
        ("127.0.0.1", HERE | {"x-forwarded-for": "203.0.113.9"}, False),
        ("127.0.0.1", HERE | {"origin": "https://evil.example"}, False),
        ("127.0.0.1", HERE | {"origin": "http://localhost:3000"}, False),
        ("127.0.0.1", HERE | {"origin": "null"}, False),
    ],
)
def test_only_this_machine_may_and_only_from_the_apps_own_pages(
    listening: str, headers: dict[str, str], may: bool
) -> None:
    assert this_machine_only(SimpleNamespace(server_name=listening))(SimpleNamespace(headers=headers)) is may


def test_before_it_listens_nobody_may() -> None:
    assert not this_machine_only(object())(SimpleNamespace(headers=HERE))
