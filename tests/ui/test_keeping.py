"""The line below a vote: saved, saved and backed up, or not known; and the one that counts all votes."""

from typing import Any

from arena.comparison import Choice, Vote
from arena.elsewhere import Kept
from arena.errors import StorageError
from arena.people import Role
from tests.ui.pages import REQUEST, everybody_is
from ui.keeping import Keeping
from ui.rights import Rights
from ui.session import Session


class FakeKeeper:
    """`arena.elsewhere.Keeper`: `there` are the votes that are elsewhere, of three."""

    def __init__(self, *there: str, trouble: str = "", broken: bool = False) -> None:
        self.there, self.trouble, self.broken = there, trouble, broken

    def kept(self) -> Kept:
        if self.broken:
            raise StorageError("locked")
        return Kept(3, len(self.there), self.trouble)

    def backed_up(self, vote_id: str) -> bool:
        if self.broken:
            raise StorageError("locked")
        return vote_id in self.there


ANNOTATORS = everybody_is(Role.ANNOTATOR)


def looked(keeper: FakeKeeper, session: Session | None, rights: Rights = ANNOTATORS) -> tuple[str, bool]:
    """The line, and whether it is looked at again."""
    return told(Keeping(keeper, rights).look(session, REQUEST))


def counted(keeper: FakeKeeper, rights: Rights = ANNOTATORS) -> tuple[str, bool]:
    """The same of all votes."""
    return told(Keeping(keeper, rights).count(REQUEST))


def told(values: list[Any]) -> tuple[str, bool]:
    line, timer = values
    return line, timer["active"] if isinstance(timer, dict) else timer.active


def voted() -> Session:
    session = Session()
    session.vote = Vote("c", "Ann", Choice.TIE, True, id="v1")
    return session


def test_without_a_vote_nothing_is_said_and_nobody_looks_again() -> None:
    assert looked(FakeKeeper(), None) == looked(FakeKeeper(), Session()) == ("", False)


def test_a_vote_is_saved_first_and_backed_up_later() -> None:
    line, again = looked(FakeKeeper("v2", trouble="no <network>"), voted())
    assert again and "Saved here, not yet backed up. 3 votes saved, 1 of them backed up" in line
    assert "no &lt;network&gt;" in line
    line, again = looked(FakeKeeper("v1"), voted())
    assert not again and "Saved and backed up." in line


def test_a_database_that_does_not_answer_is_told_and_asked_again() -> None:
    line, again = looked(FakeKeeper(broken=True), voted())
    assert again and "not known: locked" in line


def test_all_votes_are_counted_until_all_are_backed_up() -> None:
    line, again = counted(FakeKeeper("v1", trouble="no <network>"))
    assert again and "In all: 3 votes saved, 1 of them backed up; the rest is tried again (no &lt;network&gt;)." in line
    line, again = counted(FakeKeeper("v1", "v2", "v3"))
    assert not again and "In all: 3 votes saved and backed up." in line
    line, again = counted(FakeKeeper(broken=True))
    assert again and "not known: locked" in line


def test_where_nobody_has_voted_nothing_is_counted() -> None:
    class Unused(FakeKeeper):
        def kept(self) -> Kept:
            return Kept(0, 0)

    assert counted(Unused()) == ("", False)


def test_how_many_votes_there_are_is_told_to_nobody_who_may_not_vote_there() -> None:
    nobody, visitor = everybody_is(None, signs_in=True), everybody_is(Role.VISITOR, signs_in=True)
    for keeper in (FakeKeeper("v1"), FakeKeeper(broken=True)):
        assert looked(keeper, voted(), nobody) == counted(keeper, nobody) == counted(keeper, visitor) == ("", False)
    assert "Saved and backed up." in looked(FakeKeeper("v1"), voted(), visitor)[0]
