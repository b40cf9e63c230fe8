"""The scripted app where people have accounts: `python -m tests.end_to_end.accounts_app PORT WORKSPACE`.

The workspace has an admin, Ada, an annotator, Ben, and Cleo, who has to choose a password; all of the same password.
"""

import sys
from pathlib import Path

from arena.people import Role
from arena.workspace import open_workspace
from commands.people import gate
from storage import DATABASE_FILE
from tests.end_to_end.scripted_app import main
from tests.storage.examples import PASSWORD, people_in

PEOPLE = {"Ada": Role.ADMIN, "Ben": Role.ANNOTATOR, "Cleo": Role.ANNOTATOR}


def prepare(folder: Path, more: str = "") -> Path:
    """A workspace with these people. `more`: lines of its [people]."""
    folder.mkdir(exist_ok=True)
    (folder / "workspace.toml").write_text(f'[people]\nmode = "accounts"\n{more}', encoding="utf-8")
    people = people_in(folder / DATABASE_FILE)
    for name, role in PEOPLE.items():
        people.add(name, PASSWORD, role, once=name == "Cleo")
    return folder


if __name__ == "__main__":
    main(int(sys.argv[1]), 0.0, entrance=gate(open_workspace(Path(sys.argv[2]))))
