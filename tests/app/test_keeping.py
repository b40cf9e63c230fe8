"""While the app serves: votes go elsewhere, the last ones at SIGTERM, and an empty disk gets them back at start."""

import signal
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[2]
SERVE = """
import sys
from pathlib import Path
from arena.workspace import open_workspace
from commands.keeping import kept_safe
from commands.shared import database
from storage.elsewhere import Folder
from tests.storage.examples import pair, vote_on

Folder.pause = 3600
workspace = open_workspace(Path(sys.argv[1]))
history = database(workspace)
with kept_safe(workspace, history) as keeper:
    print(keeper.kept(), flush=True)
    compared = pair()
    history.save(compared)
    history.cast(vote_on(compared))
    print(keeper.kept(), flush=True)
    sys.stdin.read()
"""


def served(workspace: Path, ending: signal.Signals) -> list[str]:
    """What was kept at start and after a vote, of a server that then ended so."""
    command = [sys.executable, "-c", SERVE, str(workspace)]
    with subprocess.Popen(command, cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as server:
        assert server.stdout is not None
        told = [server.stdout.readline().strip() for _ in range(2)]
        server.send_signal(ending)
        assert server.wait(60) == (143 if ending is signal.SIGTERM else -ending)
    return told


def test_the_last_votes_are_sent_at_sigterm_and_an_empty_disk_gets_all_of_them_back(tmp_path: Path) -> None:
    there = tmp_path / "there"
    for name in ("first", "second"):
        (tmp_path / name).mkdir()
        (tmp_path / name / "workspace.toml").write_text(f'[votes]\nelsewhere = "{there}"\n')
    told = served(tmp_path / "first", signal.SIGTERM)
    assert told == ["0 votes saved and backed up", "1 vote saved, 0 of them backed up"]
    assert len(list(there.glob("votes/*/*.json"))) == 1
    told = served(tmp_path / "second", signal.SIGKILL)
    assert told == ["1 vote saved and backed up", "2 votes saved, 1 of them backed up"]
    assert len(list(there.glob("votes/*/*.json"))) == 1  # not sent yet; the next start does
    served(tmp_path / "second", signal.SIGTERM)
    assert len(list(there.glob("votes/*/*.json"))) == 3
    assert list((tmp_path / "second" / "backups").glob("*.sqlite"))
