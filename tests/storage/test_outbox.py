"""Each vote goes elsewhere, once by what it says, through failures and kills, and all come back into an empty database.

In each kind of database. The places: a folder on this machine, a fake of the one interface that fails when told to, and
the Hub's two, whose client is replaced by one that takes only the calls that the real one has. The Hub itself is not
asked.
"""

import fnmatch
import json
import re
import signal
import subprocess
import sys
import threading
from collections import Counter
from collections.abc import Callable, Collection, Iterator, Mapping
from dataclasses import asdict
from datetime import timedelta
from pathlib import Path
from typing import Any
from unittest.mock import create_autospec

import numpy as np
import pytest
import sqlalchemy as sa
from huggingface_hub import HfApi

from arena.annotation import Judgement, QueuedPrompt, Reason, Source
from arena.comparison import Choice, Comparison
from arena.errors import StorageError
from arena.judgements import RIGHT
from storage import DatabaseHistory, DatabaseJudgements, DatabaseQueue, open_history, outbox, tables
from storage.elsewhere import Folder, HubBucket, HubDataset, elsewhere_at, is_elsewhere, place_of
from storage.outbox import Outbox, restore
from tests.storage.contents import ballot, everything, prompt, task
from tests.storage.examples import NOON, full_pair, pair, vote_on, without_nul

ROOT = Path(__file__).parents[2]
ABOUT = {"kind": "trained", "topic": "lamps", "document": "guide.pdf", "wording": "held out"}


class FakeElsewhere:
    """Files in memory. The next `failures` puts raise; `put_once` is set by the first that does not."""

    pause = 0.01

    def __init__(self, failures: int = 0) -> None:
        self.files: dict[str, bytes] = {}
        self.failures, self.puts = failures, 0
        self.put_once = threading.Event()

    def put(self, files: Mapping[str, bytes]) -> None:
        self.puts += 1
        if self.failures:
            self.failures -= 1
            raise OSError("the network is down")
        self.files |= files
        self.put_once.set()

    def names(self) -> Collection[str]:
        return list(self.files)

    def get(self, names: Collection[str]) -> Iterator[tuple[str, bytes]]:
        return ((name, self.files[name]) for name in names)


class FakeHub:
    """What the Hub's client would do, in a folder, for the methods that its real signatures let through."""

    def __init__(self, folder: Path) -> None:
        self.kept = Folder(folder)
        self.api = create_autospec(HfApi, instance=True)
        self.api.create_commit.side_effect = self._commit
        self.api.list_repo_files.side_effect = lambda *_, **__: [*self.kept.names(), "README.md"]
        self.api.snapshot_download.side_effect = lambda *_, allow_patterns, local_dir, **__: self._copy(
            [(name, Path(local_dir) / name) for name in fnmatch.filter(self.kept.names(), allow_patterns)]
        )
        self.api.batch_bucket_files.side_effect = lambda _, add: self.kept.put({name: data for data, name in add})
        self.api.list_bucket_tree.side_effect = lambda *_, **__: [Entry(name) for name in self.kept.names()]
        self.api.download_bucket_files.side_effect = lambda _, files: self._copy(files)

    def _commit(self, _: str, operations: list[Any], **__: Any) -> None:
        self.kept.put({each.path_in_repo: each.path_or_fileobj for each in operations})

    def _copy(self, files: list[tuple[str, Path]]) -> None:
        for name, path in files:
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes((self.kept.path / name).read_bytes())


class Entry:
    def __init__(self, path: str) -> None:
        self.path = path


Place = FakeElsewhere | Folder | HubDataset


@pytest.fixture
def history(kept: DatabaseHistory) -> DatabaseHistory:
    """In each kind of database."""
    return kept


@pytest.fixture
def again(history: DatabaseHistory, tmp_path: Path, request: pytest.FixtureRequest) -> Iterator[DatabaseHistory]:
    """Another database of the same kind, empty: what there is after a disk was lost."""
    server = history.engine.dialect.name == "postgresql"
    opened = open_history(request.getfixturevalue("new_server_database")() if server else tmp_path / "again.sqlite")
    yield opened
    opened.database.close()


@pytest.fixture(params=["fake", "folder", "dataset", "bucket"])
def there(request: pytest.FixtureRequest, tmp_path: Path) -> Place:
    folder = tmp_path / "elsewhere"
    makers: dict[str, Callable[[], Place]] = {
        "fake": FakeElsewhere,
        "folder": lambda: Folder(folder),
        "dataset": lambda: HubDataset("ann/votes", FakeHub(folder).api),
        "bucket": lambda: HubBucket("ann/votes", FakeHub(folder).api),
    }
    return makers[request.param]()


def voted(history: DatabaseHistory) -> Comparison:
    """Two people's votes, one of them changed: three casts."""
    compared = pair("Voted on?", asked_by="Ann")
    history.save(compared)
    history.save(full_pair())
    history.cast(vote_on(compared, "Ann", Choice.LEFT, reasons=("wrong",), cast_at=NOON))
    history.cast(vote_on(compared, "Bo", Choice.TIE, cast_at=NOON + timedelta(minutes=1)))
    history.cast(vote_on(compared, "Ann", Choice.RIGHT, correct_answer="3 kg", cast_at=NOON + timedelta(minutes=2)))
    return compared


def voted_in_the_queue(history: DatabaseHistory, sending: Outbox) -> None:
    """A swapped, plain ballot of a question that much is known of, judged in haste three times; each cast is sent
    before the next."""
    queue = DatabaseQueue(history.database)
    queue.add([QueuedPrompt("How long?", Source.QUESTIONS, fact="f", **ABOUT)], [("fine-tuned", "rag")])
    waiting, text = queue.next_task() or pytest.fail("nothing waits")
    queue.answered(waiting.id, pair(text))
    showing = queue.claim("Ann") or pytest.fail("nothing to judge")
    with history.database.writing() as connection:
        connection.execute(sa.update(tables.ballot).values(swapped=True, plain=True))
    for number, choice in enumerate((Choice.TIE, Choice.RIGHT, Choice.LEFT)):
        said = Judgement(choice, (Reason.WRONG,), seconds=0.5 + number, hasty=True)
        queue.vote(showing.ballot.id, "Ann", said, change=number > 0)
        assert sending.send() == 1


def test_every_vote_is_sent_with_all_that_it_takes_to_have_it_again(
    history: DatabaseHistory, there: Place, again: DatabaseHistory
) -> None:
    compared = voted(history)
    sending = Outbox(history.database, there)
    assert str(sending.kept()) == "3 votes saved, 0 of them backed up"
    assert not sending.backed_up(history.votes(compared.id)[0].id)
    assert sending.send() == 3 and sending.send() == 0
    assert str(sending.kept()) == "3 votes saved and backed up" and len(there.names()) == 3
    assert sending.backed_up(history.votes(compared.id)[0].id)

    assert restore(again.database, there, print) == 3
    assert again.get(compared.id) == compared
    assert list(again.votes(compared.id)) == list(history.votes(compared.id))
    assert list(again.vote_history(compared.id)) == list(history.vote_history(compared.id))
    assert Outbox(again.database, there).send() == 0  # what came from there is not sent again


def test_the_statistics_know_the_same_of_a_queue_vote_after_the_disk_was_lost(
    history: DatabaseHistory, again: DatabaseHistory
) -> None:
    there = FakeElsewhere()
    voted_in_the_queue(history, Outbox(history.database, there))
    before = DatabaseJudgements(history.database).judgements()
    assert (before.outcome.tolist(), before.plain.tolist(), before.hasty.tolist()) == ([RIGHT], [True], [True])
    assert (before.kinds[before.kind[0]], before.topics[before.topic[0]]) == ("trained", "lamps")
    assert (before.documents[before.document[0]], before.wordings[before.wording[0]]) == ("guide.pdf", "held out")

    assert restore(again.database, there, print) == 3
    np.testing.assert_equal(asdict(DatabaseJudgements(again.database).judgements()), asdict(before))
    assert everything(again) == everything(history)


def test_the_queue_goes_on_where_its_votes_came_back(history: DatabaseHistory, again: DatabaseHistory) -> None:
    there = FakeElsewhere()
    voted_in_the_queue(history, Outbox(history.database, there))
    restore(again.database, there, print)
    queue = DatabaseQueue(again.database)
    assert queue.add([QueuedPrompt("How long?", Source.QUESTIONS)], [("fine-tuned", "rag")]).known == ["How long?"]
    assert (queue.progress("Ann").done, queue.progress("Ann").votes, queue.claim("Ann")) == (1, 1, None)
    assert queue.claim("Ben") is not None


def test_files_from_before_ballots_were_sent_come_in_without_them(
    history: DatabaseHistory, again: DatabaseHistory
) -> None:
    there = FakeElsewhere()
    voted_in_the_queue(history, Outbox(history.database, there))
    for name, content in there.files.items():
        held = json.loads(content)
        held["records"] = [each for each in held["records"] if each["table"] not in ("prompt", "task", "ballot")]
        there.files[name] = json.dumps(held).encode()
    assert restore(again.database, there, print) == 3
    ((compared, votes),) = again.voted()
    assert list(votes) == list(history.votes(compared.id))
    assert len(DatabaseJudgements(again.database).judgements()) == 1


def test_a_ballot_on_another_pair_than_its_tasks_brings_both_pairs(
    history: DatabaseHistory, again: DatabaseHistory
) -> None:
    """As an import leaves it, where two sites answered the same prompt each for itself."""
    of_task, shown, there = pair("Why?"), pair("Why?"), FakeElsewhere()
    for compared in (of_task, shown):
        history.save(compared)
    with history.database.writing() as connection:
        connection.execute(sa.insert(tables.prompt), prompt("p1", text="Why?"))
        connection.execute(sa.insert(tables.task), task("t1", "p1", of_task.id))
        connection.execute(sa.insert(tables.ballot), ballot("b1", "t1", shown.id))
    history.cast(vote_on(shown, choice=Choice.BOTH_BAD, ballot="b1"))
    Outbox(history.database, there).send()
    assert restore(again.database, there, print) == 1
    assert everything(again) == everything(history)


def test_votes_of_both_kinds_of_database_are_sent_and_restored(history: DatabaseHistory, tmp_path: Path) -> None:
    there = FakeElsewhere()
    compared = without_nul(full_pair())
    whole = compared.with_answers({name: pair().answers["rag"] for name in ("rag", "fine-tuned")})
    history.save(whole)
    history.cast(vote_on(whole))
    assert Outbox(history.database, there).send() == 1
    file = open_history(tmp_path / "file.sqlite")
    restore(file.database, there, print)
    assert list(file.votes(whole.id)) == list(history.votes(whole.id))
    assert restore(history.database, there, print) == 0  # something is here already


def test_what_failed_is_tried_again_until_it_is_there(
    history: DatabaseHistory, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(outbox, "wait_exponential_jitter", lambda **_: lambda state: 0.01)
    voted(history)
    there = FakeElsewhere(failures=3)
    sending = Outbox(history.database, there).start()
    assert there.put_once.wait(20)
    assert sending.close() == 0
    assert there.puts == 4 and len(there.files) == 3 and sending.kept().trouble == ""


def test_while_it_fails_the_reason_is_told_and_the_vote_stays_saved(history: DatabaseHistory) -> None:
    compared = voted(history)
    there = FakeElsewhere(failures=10**9)
    sending = Outbox(history.database, there).start()
    while not sending.kept().trouble:
        threading.Event().wait(0.01)
    assert str(sending.kept()) == ("3 votes saved, 0 of them backed up; the rest is tried again (the network is down)")
    assert sending.close(seconds=1) == 3 and len(history.votes(compared.id)) == 2


def test_at_the_end_what_waits_is_sent_at_once(history: DatabaseHistory) -> None:
    there = FakeElsewhere()
    there.pause = 3600
    sending = Outbox(history.database, there).start()
    voted(history)
    assert sending.close() == 0 and len(there.files) == 3


SENDER = """
import sys
from storage import open_history
from storage.elsewhere import Folder
from storage.outbox import Outbox
from pathlib import Path
class Told(Folder):
    def put(self, files):
        super().put(files)
        print("put", flush=True)
        sys.stdin.read()
Outbox(open_history(sys.argv[1]).database, Told(Path(sys.argv[2]))).send()
"""


def test_killed_between_sending_and_noting_it_is_sent_again_and_there_once(
    history: DatabaseHistory, place: str, again: DatabaseHistory, tmp_path: Path
) -> None:
    compared = voted(history)
    command = [sys.executable, "-c", SENDER, place, str(tmp_path / "there")]
    with subprocess.Popen(command, cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as sender:
        assert sender.stdout is not None and sender.stdout.readline() == "put\n"
        sender.send_signal(signal.SIGKILL)
    there = Folder(tmp_path / "there")
    sending = Outbox(history.database, there)
    assert sending.kept().elsewhere == 0 and len(there.names()) == 3
    assert sending.send() == 3 and len(there.names()) == 3
    restore(again.database, there, print)
    assert list(again.vote_history(compared.id)) == list(history.vote_history(compared.id))


def test_a_file_that_broke_off_is_told_and_the_others_come(history: DatabaseHistory, again: DatabaseHistory) -> None:
    voted(history)
    there = FakeElsewhere()
    Outbox(history.database, there).send()
    there.files["votes/torn.json"] = b'{"format": 1, "rec'
    said: list[str] = []
    assert restore(again.database, there, said.append) == 3
    assert said[0].startswith("Not restored: votes/torn.json is no vote")


def test_a_vote_is_in_the_outbox_from_the_moment_it_is_saved(history: DatabaseHistory) -> None:
    compared = pair()
    history.save(compared)
    saved = history.cast(vote_on(compared))
    there = FakeElsewhere()
    Outbox(history.database, there).send()
    (content,) = there.files.values()
    tables = [record["table"] for record in json.loads(content)["records"]]
    assert tables == ["comparison", "answer", "answer", "vote", "vote_history"]
    assert re.fullmatch(rf"votes/[0-9a-f]{{2}}/{saved.id}-\w+\.json", next(iter(there.files)))


def test_a_hundred_thousand_votes_stay_below_what_the_hub_takes_in_one_folder() -> None:
    folders = Counter(place_of(f"{number:x}").rpartition("/")[0] for number in range(100_000))
    assert len(folders) == 256 and max(folders.values()) < 1_000


def test_files_that_earlier_versions_put_side_by_side_come_back_and_nothing_comes_twice(
    history: DatabaseHistory, there: Place, again: DatabaseHistory
) -> None:
    compared = voted(history)
    Outbox(history.database, there).send()
    spread = dict(there.get(there.names()))
    before = {f"votes/{name.rpartition('/')[2]}": content for name, content in spread.items()}
    there.put(before)
    assert len(there.names()) == 6 and restore(again.database, there, print) == 3
    assert list(again.vote_history(compared.id)) == list(history.vote_history(compared.id))


def test_what_an_earlier_version_sent_comes_back_alone(
    history: DatabaseHistory, again: DatabaseHistory, tmp_path: Path
) -> None:
    voted(history)
    sent = FakeElsewhere()
    Outbox(history.database, sent).send()
    flat = Folder(tmp_path / "flat")
    flat.put({f"votes/{name.rpartition('/')[2]}": content for name, content in sent.files.items()})
    assert is_elsewhere(str(flat)) and restore(again.database, flat, print) == 3


def test_a_dataset_is_made_private_and_asked_once_for_many_votes(history: DatabaseHistory, tmp_path: Path) -> None:
    voted(history)
    hub = FakeHub(tmp_path / "hub")
    Outbox(history.database, HubDataset("ann/votes", hub.api)).send()
    hub.api.create_repo.assert_called_once_with("ann/votes", repo_type="dataset", private=True, exist_ok=True)
    assert hub.api.create_commit.call_count == 1


@pytest.mark.parametrize("address", ["hf://datasets/votes", "hf://buckets/a/b/c", "s3://bucket/votes"])
def test_an_address_that_is_none_is_refused_with_the_forms(address: str) -> None:
    with pytest.raises(StorageError, match=f"votes.elsewhere is '{address}': use"):
        elsewhere_at(address)


def test_an_address_names_its_kind(tmp_path: Path) -> None:
    assert [str(elsewhere_at(text)) for text in (str(tmp_path), "hf://datasets/a/b", "hf://buckets/a/b/")] == [
        *(str(tmp_path), "hf://datasets/a/b", "hf://buckets/a/b")
    ]
