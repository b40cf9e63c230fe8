"""Whom the rates count for: a person wherever they are, else a page and its address."""

from types import SimpleNamespace
from typing import Any

import pytest

from arena.errors import NotAllowed
from arena.people import Person, Role
from tests.ui.pages import signed_in_by_header
from ui.limits import Limits, address
from ui.rights import open_to_all


class Clock:
    now = 0.0

    def __call__(self) -> float:
        return self.now


def request(who: str = "", host: str = "192.0.2.1", page: str = "p", **headers: str) -> Any:
    return SimpleNamespace(headers={"who": who} | headers, client=SimpleNamespace(host=host), session_hash=page)


def passed(limits: Limits, requests: Any) -> int:
    count = 0
    for each in requests:
        try:
            limits.prompt(each)
            count += 1
        except NotAllowed:
            pass
    return count


def test_a_person_is_the_same_on_every_page_and_at_every_address() -> None:
    limits = Limits(signed_in_by_header(), prompts_per_minute=3, clock=Clock())
    assert passed(limits, [request("Ada", f"192.0.2.{n}", f"p{n}") for n in range(5)]) == 3
    assert passed(limits, [request("ADA"), request("Ben")]) == 1


def test_who_did_not_sign_in_is_a_page_and_new_pages_do_not_help_for_long() -> None:
    limits = Limits(signed_in_by_header(), prompts_per_minute=3, clock=Clock())
    assert passed(limits, [request(page="one")] * 5) == 3
    assert passed(limits, [request(page=f"p{n}") for n in range(100)]) == 30 - 5
    assert passed(limits, [request(host="192.0.2.2")]) == 1


def test_prompts_and_votes_are_counted_apart_and_the_wait_is_told() -> None:
    clock = Clock()
    limits = Limits(signed_in_by_header(), prompts_per_minute=1, votes_per_minute=2, clock=clock)
    limits.prompt(request("Ada"))
    limits.vote(request("Ada"))
    limits.vote(request("Ada"))
    with pytest.raises(NotAllowed, match="Too many votes: 2 a minute are allowed. Wait 30 seconds, then try again."):
        limits.vote(request("Ada"))
    with pytest.raises(NotAllowed, match="Too many questions: 1 a minute are allowed. Wait 60 seconds"):
        limits.prompt(request("Ada"))
    clock.now = 60
    limits.prompt(request("Ada"))


def test_who_sits_at_this_machine_is_not_limited_and_an_admin_is() -> None:
    here = Limits(open_to_all(SimpleNamespace(server_name="127.0.0.1")), prompts_per_minute=1)
    assert passed(here, [request(host="127.0.0.1") for _ in range(5)]) == 0 + 1  # no host named: from elsewhere
    mine = SimpleNamespace(headers={"host": "localhost:7860"}, client=None, session_hash="p")
    assert passed(here, [mine] * 5) == 5
    from ui.rights import Rights

    admins = Rights(lambda _: Person("Ada", Role.ADMIN), signs_in=True)
    assert passed(Limits(admins, prompts_per_minute=1), [request()] * 5) == 1


@pytest.mark.parametrize(
    ("host", "place"),
    [
        ("192.0.2.1", "192.0.2.1"),
        ("2001:db8:1:2:3:4:5:6", "2001:db8:1:2::/64"),
        ("2001:db8:1:2::9", "2001:db8:1:2::/64"),
        ("::ffff:192.0.2.1", "192.0.2.1"),
        ("fe80::1%eth0", "fe80::/64"),
        ("testclient", "testclient"),
    ],
)
def test_addresses_of_one_household_are_one(host: str, place: str) -> None:
    assert address(SimpleNamespace(client=SimpleNamespace(host=host))) == place
    assert address(SimpleNamespace(client=None)) == address(object()) == ""
