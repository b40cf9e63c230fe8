"""`python app.py user`: who may sign in. And the gate of a server: who somebody is, by the workspace's `[people]`."""

import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import typer

from arena.people import MIN_PASSWORD, Mode, People, PeopleSettings, Role, name_key, new_password
from arena.workspace import Workspace, open_workspace, settings_from
from commands.shared import WORKSPACE, address, said

if TYPE_CHECKING:
    from ui.rights import Rights

FIRST = "admin"
LOCAL = ("127.0.0.1", "localhost", "::1")
OPEN = (
    "Nobody signs in: whoever reaches this address may compare, and vote under any name. "
    '[people] mode = "accounts" in workspace.toml asks who they are.'
)

user = typer.Typer(no_args_is_help=True, help="Who may sign in, where workspace.toml says that people do.")
ROLE = typer.Option(Role.ANNOTATOR, help="What the person may do.")
GENERATE = typer.Option(False, "--generate", help="Make a password, print it once, and have its owner change it.")


def add_to(cli: typer.Typer) -> None:
    """Give the command line `user`."""
    cli.add_typer(user, name="user")


@dataclass(frozen=True)
class Gate:
    """What a server needs to know people by. Without `rights` nobody signs in; `routes` are the pages to sign in on."""

    settings: PeopleSettings
    rights: "Rights | None" = None
    people: People | None = None
    routes: Sequence[Any] = ()


def gate(workspace: Workspace, host: str = "127.0.0.1", environment: Mapping[str, str] = os.environ) -> Gate:
    """The gate of this workspace, for a server that listens to `host`, on this machine or on the Space that
    `environment` tells of. At the first start with accounts it makes an admin and prints the password.

    Raises:
        WorkspaceError: a setting that means nothing, or not here. StorageError: the database refuses.
    """
    settings = people_settings(workspace)
    mode = settings.on(space=bool(environment.get("SPACE_ID")))
    if mode is Mode.ACCOUNTS:
        return _accounts(workspace, settings)
    if mode is Mode.HUB:
        return _hub(settings, environment)
    if host not in LOCAL:
        typer.echo(OPEN, err=True)
    return Gate(settings)


def people_settings(workspace: Workspace) -> PeopleSettings:
    return settings_from(PeopleSettings, "people", workspace.table("people"))


def people_of(workspace: Workspace) -> People:
    """Those in the workspace's database."""
    from storage import open_people

    return open_people(address(workspace), people_settings(workspace).hours)


def _accounts(workspace: Workspace, settings: PeopleSettings) -> Gate:
    from ui.accounts import accounts
    from ui.sign_in import Doors

    people = people_of(workspace)
    first_admin(people)
    doors = Doors(people, workspace.name, settings.hours)
    return Gate(settings, accounts(people, settings), people, doors.routes())


def _hub(settings: PeopleSettings, environment: Mapping[str, str]) -> Gate:
    from ui.hub import can_sign_in, hub

    ready = can_sign_in(environment)
    if not ready:
        typer.echo("Nobody can sign in yet: put `hf_oauth: true` into the README's front matter.", err=True)
    elif not settings.admins:
        typer.echo('Nobody is an admin yet: put [people] admins = ["your-user-name"] into workspace.toml.', err=True)
    hosts = [host.strip() for host in environment.get("SPACE_HOST", "").split(",") if host.strip()]
    return Gate(settings, hub(settings, hosts, ready))


def first_admin(people: People) -> None:
    """Where nobody is an admin, makes one and prints the password, once."""
    everybody = people.all()
    if any(one.role is Role.ADMIN for one in everybody):
        return
    if any(name_key(one.name) == FIRST for one in everybody):
        typer.echo(f"Nobody is an admin: python app.py user role {FIRST} admin", err=True)
        return
    password = new_password()
    people.add(FIRST, password, Role.ADMIN, once=True)
    typer.echo(f"The first start made an admin. Name: {FIRST}   password, shown only now: {password}")


@user.command()
def add(
    name: str,
    role: Role = ROLE,
    generate: bool = GENERATE,
    workspace: Path = WORKSPACE,
) -> None:
    """Add a person. The password is asked for, without showing it."""

    def action() -> None:
        opened = open_workspace(workspace)
        people = people_of(opened)
        password = _password(generate)
        added = people.add(name, password, role, once=generate)
        _tell(f"{added.name} is added as {role}.", password if generate else "")
        if people_settings(opened).mode != Mode.ACCOUNTS:
            typer.echo(f'People sign in once {workspace / "workspace.toml"} says [people] mode = "accounts".')

    said(action)


@user.command("list")
def list_(workspace: Path = WORKSPACE) -> None:
    """Who there is, and in which role."""

    def action() -> None:
        everybody = people_of(open_workspace(workspace)).all()
        for person in everybody:
            typer.echo(f"{person.role or '':<10} {person.name}{'   has to choose a password' * person.must_change}")
        if not everybody:
            typer.echo("Nobody yet: python app.py user add NAME")

    said(action)


@user.command("role")
def change_role(name: str, role: Role, workspace: Path = WORKSPACE) -> None:
    """Change what a person may do, at once."""

    def action() -> None:
        changed = people_of(open_workspace(workspace)).change(name, role=role)
        typer.echo(f"{changed.name} is {role} now.")

    said(action)


@user.command("password")
def change_password(name: str, generate: bool = GENERATE, workspace: Path = WORKSPACE) -> None:
    """Give a person a new password. It ends all their sign-ins."""

    def action() -> None:
        people = people_of(open_workspace(workspace))
        password = _password(generate)
        changed = people.change(name, password=password, once=generate)
        _tell(f"{changed.name} has a new password; all sign-ins have ended.", password if generate else "")

    said(action)


@user.command()
def remove(name: str, workspace: Path = WORKSPACE) -> None:
    """Remove a person, with all sign-ins. What they voted stays."""

    def action() -> None:
        people_of(open_workspace(workspace)).remove(name)
        typer.echo(f"{name} is removed.")

    said(action)


def _password(generate: bool) -> str:
    if generate:
        return new_password()
    asked = f"Password, at least {MIN_PASSWORD} characters"
    return str(typer.prompt(asked, hide_input=True, confirmation_prompt="The same again"))


def _tell(what: str, password: str) -> None:
    typer.echo(what)
    if password:
        typer.echo(f"Password, shown only now, to be changed at the first sign-in: {password}")
