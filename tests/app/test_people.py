"""`python app.py user`, and the gate of a server, as the workspace and the environment choose it."""

import re
from pathlib import Path

import pytest
from typer.testing import CliRunner

from app import cli
from arena.errors import WorkspaceError
from arena.people import Person, Role
from arena.workspace import open_workspace
from commands.people import first_admin, gate, people_of
from tests.storage.examples import CHEAP, OTHER, PASSWORD
from ui.hub import NEEDED

PASSWORDS = f"{PASSWORD}\n{PASSWORD}\n"


@pytest.fixture(autouse=True)
def cheap(monkeypatch: pytest.MonkeyPatch) -> None:
    """Passwords take their time; not here."""
    monkeypatch.setattr("storage.people.Cost", lambda: CHEAP)


@pytest.fixture
def workspace(tmp_path: Path) -> Path:
    (tmp_path / "workspace.toml").write_text('[people]\nmode = "accounts"\n')
    return tmp_path


def user(workspace: Path, *arguments: str, typed: str = "") -> str:
    """What is printed; the exit code after a refusal is 1."""
    done = CliRunner().invoke(cli, ["user", *arguments, "--workspace", str(workspace)], input=typed)
    assert done.exit_code in (0, 1), done.output
    return ("refused: " if done.exit_code else "") + done.output


def made(output: str) -> str:
    (found,) = re.findall(r"shown only now[^:]*: (\S+)", output)
    return str(found)


def test_a_person_is_added_with_a_password_that_is_typed_and_not_shown(workspace: Path) -> None:
    said = user(workspace, "add", "Ada", "--role", "admin", typed=PASSWORDS)
    assert "Ada is added as admin." in said and PASSWORD not in said
    people = people_of(open_workspace(workspace))
    assert people.signed_in(people.sign_in("ada", PASSWORD)) == Person("Ada", Role.ADMIN)
    assert user(workspace, "add", "ADA", typed=PASSWORDS).startswith("refused: ")
    assert "has 5 characters; it takes 15" in user(workspace, "add", "Ben", typed="short\nshort\n")
    assert [person.name for person in people.all()] == ["Ada"]


def test_a_person_is_listed_changed_given_a_password_and_removed(workspace: Path) -> None:
    user(workspace, "add", "Ada", "--role", "admin", typed=PASSWORDS)
    password = made(user(workspace, "add", "Ben", "--generate"))
    people = people_of(open_workspace(workspace))
    assert people.signed_in(people.sign_in("Ben", password)).must_change
    listed = user(workspace, "list")
    assert re.search(r"admin +Ada\n", listed) and re.search(r"annotator +Ben +has to choose a password\n", listed)
    assert "Ben is visitor now." in user(workspace, "role", "ben", "visitor")
    token = people.sign_in("Ben", password)
    user(workspace, "password", "Ben", typed=f"{OTHER}\n{OTHER}\n")
    assert not people.signed_in(token).name and people.sign_in("Ben", OTHER)
    assert "last admin" in user(workspace, "remove", "Ada") and "last admin" in user(
        workspace, "role", "Ada", "visitor"
    )
    assert "Ben is removed" in user(workspace, "remove", "Ben")
    assert people.all() == [Person("Ada", Role.ADMIN)]


def test_where_nobody_signs_in_one_is_told_how_they_would(tmp_path: Path) -> None:
    assert '[people] mode = "accounts"' in user(tmp_path, "add", "Ada", "--generate")
    assert "refused: " in user(tmp_path / "missing", "list")


def test_the_first_start_makes_an_admin_and_prints_the_password_once(
    workspace: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    opened = gate(open_workspace(workspace), environment={})
    password = made(capsys.readouterr().out)
    people = opened.people
    assert people is not None and opened.rights is not None and opened.routes
    assert people.signed_in(people.sign_in("admin", password)) == Person("admin", Role.ADMIN, must_change=True)
    gate(open_workspace(workspace), environment={})
    assert capsys.readouterr().out == ""


def test_no_second_admin_is_made_in_place_of_somebody_of_that_name(
    workspace: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    people = people_of(open_workspace(workspace))
    people.add("Admin", PASSWORD, Role.ANNOTATOR)
    first_admin(people)
    assert "user role admin admin" in capsys.readouterr().err
    assert people.all() == [Person("Admin", Role.ANNOTATOR)]


def test_a_machine_of_ones_own_needs_nobody_and_a_space_its_own_people(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert gate(open_workspace(tmp_path), environment={}).rights is None
    assert capsys.readouterr().err == ""
    gate(open_workspace(tmp_path), "0.0.0.0", {})
    assert "whoever reaches this address may compare, and vote under any name" in capsys.readouterr().err
    not_set_up = gate(open_workspace(tmp_path), environment={"SPACE_ID": "acme/compare"})
    assert not_set_up.rights is not None and not_set_up.rights.signs_in and not not_set_up.rights.hub
    assert "hf_oauth: true" in capsys.readouterr().err
    environment = dict.fromkeys(NEEDED, "x") | {"SPACE_ID": "acme/compare", "SYSTEM": "spaces"}
    set_up = gate(open_workspace(tmp_path), environment=environment)
    assert set_up.rights is not None and set_up.rights.hub
    assert "Nobody is an admin yet" in capsys.readouterr().err
    (tmp_path / "workspace.toml").write_text('[people]\nmode = "hub"\n')
    with pytest.raises(WorkspaceError, match='use "accounts" here'):
        gate(open_workspace(tmp_path), environment={})
