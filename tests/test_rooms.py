"""The folders and the import contract name the same rooms."""

import configparser
from pathlib import Path

ROOT = Path(__file__).parent.parent
NOT_ROOMS = {"tests", "demo", "commands"}
WIRES = tuple(f"{word} {name}" for name in ("app", "wiring", "commands") for word in ("import", "from"))


def test_every_folder_with_code_is_a_room_of_the_contract() -> None:
    contract = configparser.ConfigParser()
    contract.read(ROOT / ".importlinter")
    declared = set(contract["importlinter"]["root_packages"].split())
    found = {path.parent.name for path in ROOT.glob("*/*.py")} - NOT_ROOMS
    assert {name for name in found if not name.startswith(".")} == declared


def test_no_room_imports_what_wires_the_rooms() -> None:
    for path in ROOT.glob("*/**/*.py"):
        if not {".venv", "tests", "commands"} & set(path.parts):
            lines = path.read_text(encoding="utf-8").splitlines()
            assert not any(line.strip().startswith(WIRES) for line in lines), path
