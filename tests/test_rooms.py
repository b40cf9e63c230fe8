"""The folders and the import contract name the same rooms."""

import configparser
from pathlib import Path

ROOT = Path(__file__).parent.parent
NOT_ROOMS = {"tests", "demo", "commands"}
WIRES = tuple(f"{word} {name}" for name in ("app", "wiring", "commands") for word in ("import", "from"))
ALLOWED = {"finetune/wiring.py": ["from wiring import Parts"]}
"""What wires that room's commands asks for the hybrid as the app composes it."""


def test_every_folder_with_code_is_a_room_of_the_contract() -> None:
    contract = configparser.ConfigParser()
    contract.read(ROOT / ".importlinter")
    declared = set(contract["importlinter"]["root_packages"].split())
    found = {path.parent.name for path in ROOT.glob("*/*.py")} - NOT_ROOMS
    assert {name for name in found if not name.startswith(".")} == declared


def test_no_room_imports_what_wires_the_rooms() -> None:
    for path in ROOT.glob("*/**/*.py"):
        if not {".venv", "tests", "commands"} & set(path.parts):
            lines = map(str.strip, path.read_text(encoding="utf-8").splitlines())
            found = [line for line in lines if line.startswith(WIRES)]
            assert found == ALLOWED.get(path.relative_to(ROOT).as_posix(), []), path
