"""Two sites' votes and queues brought together: nothing is doubled, and nothing that a vote rests on is lost. In each
kind of database (`kept`), from a file."""

from collections.abc import Callable
from datetime import timedelta
from pathlib import Path

import pytest
import sqlalchemy as sa

from arena.annotation import Judgement
from arena.comparison import Choice
from storage import DatabaseHistory, DatabaseJudgements, DatabaseQueue, tables
from storage.exports import export, import_
from tests.storage.contents import ballot, everything, prompt, task
from tests.storage.examples import NOON, pair, vote_on

NewHistory = Callable[[], DatabaseHistory]


def test_of_two_sites_votes_the_newest_counts_and_the_history_keeps_both(
    kept: DatabaseHistory, another: NewHistory, tmp_path: Path
) -> None:
    compared, there = pair(), another()
    for site in (kept, there):
        site.save(compared)
    old = kept.cast(vote_on(compared, "Ann", Choice.LEFT, cast_at=NOON))
    new = there.cast(vote_on(compared, "Ann", Choice.TIE, cast_at=NOON + timedelta(hours=1)))
    own = there.cast(vote_on(compared, "Bo", Choice.RIGHT, cast_at=NOON))
    for source, target, name in ((there, kept, "there"), (kept, there, "here")):
        export(source.database, tmp_path / f"{name}.jsonl")
        import_(target.database, tmp_path / f"{name}.jsonl")
    for site in (kept, there):
        votes = {vote.annotator: vote.choice for vote in site.votes(compared.id)}
        assert votes == {"Ann": new.choice, "Bo": own.choice}
        said = sorted((cast.cast_at, cast.annotator, cast.choice) for cast in site.vote_history(compared.id))
        assert said == [(NOON, "Ann", old.choice), (NOON, "Bo", own.choice), (new.cast_at, "Ann", new.choice)]


def test_a_queue_that_two_sites_made_each_for_itself_becomes_one(
    kept: DatabaseHistory, another: NewHistory, tmp_path: Path
) -> None:
    there, compared = another(), pair()
    there.save(compared)
    with there.database.writing() as connection:
        connection.execute(sa.insert(tables.prompt), prompt("q", text="Question p1?"))
        connection.execute(sa.insert(tables.task), task("u", "q", compared.id))
        connection.execute(sa.insert(tables.ballot), ballot("c", "u", compared.id, annotator="Bo"))
    with kept.database.writing() as connection:
        connection.execute(sa.insert(tables.prompt), prompt("p1"))
        connection.execute(sa.insert(tables.task), task("t1", "p1", None))
    export(there.database, tmp_path / "there.csv")
    for _ in range(2):
        import_(kept.database, tmp_path / "there.csv")
    found = dict(everything(kept))
    assert (found["prompt"]["id"], found["task"]["id"], found["task"]["state"]) == ("p1", "t1", "ready")
    assert found["task"]["comparison"] == compared.id
    assert (found["ballot"]["task"], found["ballot"]["annotator"]) == ("t1", "Bo")
    assert [table for table, _ in everything(kept)].count("task") == 1


def test_a_ballot_follows_its_vote_to_what_was_said_last(
    kept: DatabaseHistory, another: NewHistory, tmp_path: Path
) -> None:
    compared, later = pair(), another()
    for site, choice in ((kept, Choice.LEFT), (later, Choice.TIE)):
        site.save(compared)
        with site.database.writing() as connection:
            connection.execute(sa.insert(tables.prompt), prompt("p1"))
            connection.execute(sa.insert(tables.task), task("t1", "p1", compared.id))
            judged = {"choice": choice.value, "hasty": site is kept}
            connection.execute(sa.insert(tables.ballot), ballot("b1", "t1", compared.id, **judged))
        cast_at = NOON + timedelta(hours=site is later)
        site.cast(vote_on(compared, "Ann", choice, ballot="b1", cast_at=cast_at))
        export(site.database, tmp_path / f"{choice}.jsonl")
    import_(kept.database, tmp_path / "tie.jsonl")
    import_(later.database, tmp_path / "left.jsonl")
    for site in (kept, later):
        found = dict(everything(site))
        assert (found["vote"]["choice"], found["ballot"]["choice"], found["ballot"]["hasty"]) == ("tie", "tie", False)


@pytest.mark.parametrize("same_pair", [False, True])
def test_who_judged_a_prompt_at_two_sites_has_both_ballots_with_their_votes(
    kept: DatabaseHistory, another: NewHistory, tmp_path: Path, same_pair: bool
) -> None:
    there, compared = another(), pair()
    made = {kept: compared, there: compared if same_pair else pair()}
    for number, (site, own) in enumerate(made.items()):
        name = "ab"[number]
        site.save(own)
        with site.database.writing() as connection:
            connection.execute(sa.insert(tables.prompt), prompt(f"p{name}", text="How long?"))
            connection.execute(sa.insert(tables.task), task(f"t{name}", f"p{name}", own.id))
            facts = {"swapped": site is there, "plain": site is there, "hasty": site is there}
            connection.execute(sa.insert(tables.ballot), ballot(name, f"t{name}", own.id, **facts))
        site.cast(vote_on(own, "Ann", ballot=name, cast_at=NOON + timedelta(hours=number)))
    export(there.database, tmp_path / "there.jsonl")
    for _ in range(2):
        import_(kept.database, tmp_path / "there.jsonl")
    found = DatabaseJudgements(kept.database).judgements()
    shown = zip(*(getattr(found, name).tolist() for name in ("queued", "plain", "hasty")), strict=True)
    assert sorted(shown) == [*([] if same_pair else [(True, False, False)]), (True, True, True)]
    assert [found.contestants[winner] for winner in found.winner] == ["fine-tuned"] * len(found)
    written = everything(kept)
    assert [row["ballot"] for table, row in written if table == "vote_history"] == ["a", "b"]
    assert [row["id"] for table, row in written if table == "ballot"] == ["a", "b"]
    assert not len(found.repeats.same) and DatabaseQueue(kept.database).status().votes == 1
    # The one from elsewhere is a vote like any other: it can be changed, and goes back where it came from.
    DatabaseQueue(kept.database).vote("b", "Ann", Judgement(Choice.TIE), change=True)
    export(kept.database, tmp_path / "here.jsonl")
    import_(there.database, tmp_path / "here.jsonl")
    latest = there.votes(made[there].id)
    assert [vote.choice for vote in latest] == [Choice.TIE]


def test_a_vote_from_elsewhere_takes_the_place_of_a_pair_that_was_not_judged_here(
    kept: DatabaseHistory, another: NewHistory, tmp_path: Path
) -> None:
    there, compared = another(), pair()
    for site, name, state in ((kept, "a", "skipped"), (there, "b", "voted")):
        site.save(compared)
        with site.database.writing() as connection:
            connection.execute(sa.insert(tables.prompt), prompt("p1"))
            connection.execute(sa.insert(tables.task), task("t1", "p1", compared.id))
            connection.execute(sa.insert(tables.ballot), ballot(name, "t1", compared.id, state=state))
    there.cast(vote_on(compared, "Ann", ballot="b"))
    export(there.database, tmp_path / "there.jsonl")
    for _ in range(2):
        import_(kept.database, tmp_path / "there.jsonl")
    assert everything(kept) == everything(there)


def test_a_pair_that_broke_off_here_is_replaced_by_a_whole_one(
    kept: DatabaseHistory, another: NewHistory, tmp_path: Path
) -> None:
    whole, there = pair(), another()
    there.save(whole)
    kept.save(whole.with_answers({}))
    export(there.database, tmp_path / "there.jsonl")
    merged = import_(kept.database, tmp_path / "there.jsonl")
    assert merged.changed["comparison"] == 1 and kept.get(whole.id) == whole
    kept.cast(vote_on(whole))
