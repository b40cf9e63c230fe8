"""The pages for signing in, over a real database: who gets in, who is kept waiting, and where one comes out."""

import shutil
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest
from starlette.applications import Starlette
from starlette.testclient import TestClient

from arena.errors import StorageError
from arena.limits import Attempts
from arena.people import NOBODY, PeopleSettings, Person, Role
from tests.storage.examples import OTHER, PASSWORD, people_in
from ui.accounts import COOKIE, accounts
from ui.sign_in import Doors, back_of

SITE = "http://arena.example"


class House:
    """The pages of a house with people in it, and a browser before them. Ada is an admin; Cleo has to choose a
    password."""

    def __init__(self, database: Path, site: str = SITE) -> None:
        self.people = people_in(database)
        self.now = 0.0
        doors = Doors(self.people, "<b>Fernlight</b>", 12, Attempts(lambda: self.now))
        self.app = Starlette(routes=doors.routes())
        self.browser = TestClient(self.app, base_url=site, follow_redirects=False)

    def sign_in(self, name: str = "Ada", password: str = PASSWORD, **more: Any) -> Any:
        headers = more.pop("headers", {"Origin": str(self.browser.base_url).rstrip("/")})
        form = {"name": name, "password": password} | more
        return self.browser.post("/sign-in", data=form, headers=headers)

    @property
    def person(self) -> Person:
        return self.people.signed_in(self.browser.cookies.get(COOKIE, ""))


@pytest.fixture(scope="module")
def inhabited(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Made once; each test has a copy."""
    path = tmp_path_factory.mktemp("inhabited") / "arena.sqlite"
    people = people_in(path)
    people.add("Ada", PASSWORD, Role.ADMIN)
    people.add("Cleo", PASSWORD, Role.ANNOTATOR, once=True)
    return path


@pytest.fixture
def database(inhabited: Path, tmp_path: Path) -> Path:
    return Path(shutil.copy(inhabited, tmp_path / "arena.sqlite"))


@pytest.fixture
def house(database: Path) -> House:
    return House(database)


def test_a_form_lets_in_and_the_cookie_is_out_of_scripts_reach(house: House) -> None:
    page = house.browser.get("/sign-in")
    assert page.status_code == 200 and page.headers["cache-control"] == "no-store"
    assert "&lt;b&gt;Fernlight" in page.text and "<script" not in page.text
    answer = house.sign_in("ADA")
    assert answer.status_code == 303 and answer.headers["location"] == "./"
    cookie = answer.headers["set-cookie"]
    for said in ("HttpOnly", "SameSite=lax", "Max-Age=43200", "Path=/"):
        assert said in cookie
    assert "Secure" not in cookie and house.person == Person("Ada", Role.ADMIN)


@pytest.mark.parametrize("way", ["scheme", "proxy"])
def test_over_https_the_cookie_stays_there(database: Path, way: str) -> None:
    house = House(database, SITE if way == "proxy" else SITE.replace("http:", "https:"))
    headers = {"X-Forwarded-Proto": "https"} if way == "proxy" else {}
    assert "Secure" in house.sign_in(headers=headers).headers["set-cookie"]


def test_a_wrong_password_is_told_and_the_name_is_kept(house: House) -> None:
    for name in ("Ada", 'nobody" autofocus onfocus="x'):
        answer = house.sign_in(name, OTHER)
        assert answer.status_code == 401 and "set-cookie" not in answer.headers
        assert "do not belong together" in answer.text and OTHER not in answer.text and 'onfocus="x' not in answer.text
    assert "value='Ada'" in house.sign_in("Ada", OTHER).text


def test_however_a_name_is_padded_it_is_one_name_to_guess_at(house: House) -> None:
    for spaces in (0, 99, 98):  # the same person to the database
        assert house.sign_in(" " * spaces + "Ada", "wrong wrong wrong").status_code == 401
    assert "Too many wrong attempts" in house.sign_in(" " * 200 + "Ada", "wrong wrong wrong").text


def test_who_guesses_waits_and_so_does_the_right_password_meanwhile(house: House) -> None:
    for _ in range(3):
        assert "do not belong" in house.sign_in("Ada", OTHER).text
    assert "Too many wrong attempts: wait 1 second, then try again." in house.sign_in("ada", PASSWORD).text
    house.now += 1
    assert house.sign_in("Ada", OTHER).status_code == 401
    assert "wait 2 seconds" in house.sign_in("Ada", PASSWORD).text
    house.now += 2
    assert house.sign_in("Ada", PASSWORD).status_code == 303


@pytest.mark.parametrize("origin", ["https://evil.example", "http://arena.example:81", "null", "http://["])
@pytest.mark.parametrize("path", ["/sign-in", "/sign-out", "/password"])
def test_a_form_of_another_sites_page_does_nothing(house: House, path: str, origin: str) -> None:
    house.sign_in()
    form = {"name": "Cleo", "password": PASSWORD, "new": OTHER, "again": OTHER}
    answer = house.browser.post(path, data=form, headers={"Origin": origin})
    assert answer.status_code == 403 and "nothing was done" in answer.text
    assert house.person.name == "Ada"
    house.people.sign_in("Ada", PASSWORD)


BACKS = [
    ("comparison=ab12", "./?comparison=ab12"),
    ("?comparison=ab12&tab=history", "./?comparison=ab12&tab=history"),
    ("//evil.example", "./?//evil.example"),
    ("https://evil.example/", "./?https://evil.example/"),
    ("/\\evil.example", "./?/%5Cevil.example"),
    ("a\r\nSet-Cookie: x=y", "./"),
    ("x" * 2000, "./"),
    ("a#b", "./"),
]


@pytest.mark.parametrize(("back", "to"), BACKS)
def test_afterwards_one_is_back_where_one_was_and_never_elsewhere(house: House, back: str, to: str) -> None:
    answer = house.sign_in(back=back)
    assert answer.headers["location"] == to
    assert urlsplit(str(answer.next_request.url)).netloc == "arena.example"
    assert urlsplit(str(answer.next_request.url)).path == "/"


def test_the_way_back_goes_through_the_form(house: House) -> None:
    page = house.browser.get("/sign-in", params={"back": "tab=history&q='><script>"})
    assert "value='tab=history&amp;q=&#x27;&gt;&lt;script&gt;'" in page.text


def test_signing_out_ends_the_sign_in_and_takes_the_cookie(house: House) -> None:
    house.sign_in()
    token = house.browser.cookies[COOKIE]
    assert house.browser.get("/sign-out").status_code == 405
    answer = house.browser.post("/sign-out", headers={"Origin": SITE})
    assert answer.status_code == 303 and answer.headers["location"] == "./"
    assert house.people.signed_in(token) == NOBODY and COOKIE not in house.browser.cookies


def test_signing_in_again_ends_the_sign_in_before(house: House) -> None:
    house.sign_in()
    token = house.browser.cookies[COOKIE]
    house.sign_in()
    assert house.people.signed_in(token) == NOBODY and house.person.name == "Ada"


def test_a_password_that_others_have_seen_is_changed_first(house: House) -> None:
    assert house.sign_in("Cleo").headers["location"] == "password"
    answer = house.sign_in("Cleo", back="tab=history")
    assert answer.headers["location"] == "password?back=tab%3Dhistory"
    page = house.browser.get("/password?back=tab%3Dhistory")
    assert "made by somebody else" in page.text and "Cleo" in page.text
    old = house.browser.cookies[COOKIE]
    form = {"password": PASSWORD, "new": OTHER, "again": OTHER, "back": "tab=history"}
    answer = house.browser.post("/password", data=form, headers={"Origin": SITE})
    assert answer.status_code == 303 and answer.headers["location"] == "./?tab=history"
    assert house.people.signed_in(old) == NOBODY
    assert house.person == Person("Cleo", Role.ANNOTATOR)
    house.people.sign_in("Cleo", OTHER)


@pytest.mark.parametrize(
    ("form", "said"),
    [
        ({"password": OTHER, "new": OTHER + "!", "again": OTHER + "!"}, "The present password does not do"),
        ({"password": PASSWORD, "new": OTHER, "again": OTHER + "!"}, "not the same"),
        ({"password": PASSWORD, "new": PASSWORD, "again": PASSWORD}, "choose another"),
        ({"password": PASSWORD, "new": "short", "again": "short"}, "has 5 characters; it takes 15"),
        ({}, "choose another"),
    ],
)
def test_a_password_is_not_changed_for_who_does_not_know_it_or_does_not_mean_it(
    house: House, form: dict[str, str], said: str
) -> None:
    house.sign_in("Cleo")
    answer = house.browser.post("/password", data=form, headers={"Origin": SITE})
    assert answer.status_code == 401 and said in answer.text
    assert house.person.must_change
    house.people.sign_in("Cleo", PASSWORD)


def test_guessing_the_present_password_is_slowed_too(house: House) -> None:
    house.sign_in()
    form = {"password": "wrong wrong wrong", "new": OTHER, "again": OTHER}
    said = [house.browser.post("/password", data=form, headers={"Origin": SITE}).text for _ in range(4)]
    assert "wait 1 second" in said[3]


def test_who_is_not_signed_in_is_sent_to_sign_in_instead(house: House) -> None:
    answer = house.browser.get("/password?back=tab%3Dhistory")
    assert (answer.status_code, answer.headers["location"]) == (303, "sign-in?back=tab%3Dhistory")
    form = {"password": PASSWORD, "new": OTHER, "again": OTHER}
    assert "has ended" in house.browser.post("/password", data=form, headers={"Origin": SITE}).text


def test_a_form_that_is_too_large_is_not_read(house: House) -> None:
    assert house.sign_in("A" * 20_000).status_code == 413
    chunks = house.browser.post("/sign-in", content=iter([b"name=Ada"]), headers={"Origin": SITE})
    assert chunks.status_code == 413


def test_a_database_in_trouble_is_said(house: House, monkeypatch: pytest.MonkeyPatch) -> None:
    house.sign_in()

    def locked(*arguments: Any) -> Any:
        raise StorageError("The database is locked: close the other program.")

    for name in ("sign_in", "signed_in", "sign_out"):
        monkeypatch.setattr(house.people, name, locked)
    assert "database is locked" in house.sign_in().text
    assert "database is locked" in house.browser.get("/password").text
    assert "still signed in: The database is locked" in house.browser.post("/sign-out", headers={"Origin": SITE}).text
    rights = accounts(house.people, PeopleSettings())
    request: Any = type("Request", (), {"headers": {"host": "arena.example", "cookie": f"{COOKIE}=x"}})
    assert not rights.may(request, Role.VISITOR)


@pytest.mark.parametrize(
    "cookie", ["", "arena", "arena=", "other=1; arena=x", "=;;=", "arena=" + "x" * 9000, "arena=\u00e9"]
)
def test_a_cookie_of_nothing_is_nobody(house: House, cookie: str) -> None:
    rights = accounts(house.people, PeopleSettings())
    request: Any = type("Request", (), {"headers": {"host": "arena.example", "cookie": cookie}})
    assert rights.person(request) == Person() and not rights.may(request, Role.ANNOTATOR)


def test_only_text_is_taken_for_a_way_back() -> None:
    assert back_of({"back": 7}) == back_of({}) == ""
