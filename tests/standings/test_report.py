"""The report: headline, groups, ranking, effects, people, speed. Figures from simulated votes with a known truth."""

from dataclasses import replace
from datetime import timedelta

import numpy as np
import pytest

from arena.judgements import BOTH_BAD, LEFT, RIGHT, TIE, Filters, Repeats
from standings.intervals import wilson
from standings.report import report
from tests.standings.examples import DAY, judgements, timed

ALL = Filters()


def outcomes(left: int, right: int, ties: int = 0, bad: int = 0) -> np.ndarray:
    """That many of each, mixed."""
    every = [LEFT] * left + [RIGHT] * right + [TIE] * ties + [BOTH_BAD] * bad
    return np.random.default_rng(0).permutation(every)


def test_no_votes_are_no_headline() -> None:
    assert report(judgements([]), ALL).headline.state == "no votes"


def test_a_clear_lead_in_enough_votes_is_ahead() -> None:
    votes = judgements(outcomes(40, 110, 20, 10), annotator=np.arange(180) % 6)
    found = report(votes, ALL).headline
    assert (found.state, found.leader, found.other) == ("ahead", "rag", "fine-tuned")
    assert (found.votes, found.people, found.prompts) == (180, 6, 180)
    assert found.rate is not None and found.rate.votes == 150
    assert found.rate.share == pytest.approx(110 / 150) and 0.5 < found.rate.low < found.rate.share


def test_a_lead_that_one_look_would_believe_but_many_looks_would_not_is_undecided() -> None:
    votes = judgements(outcomes(40, 62), annotator=np.arange(102))
    found = report(votes, ALL)
    assert found.wilson is not None and found.wilson.high < 0.5
    assert found.sign_test is not None and found.sign_test < 0.05
    assert found.headline.state == "undecided"
    assert found.headline.further is not None and 20 < found.headline.further < 1000


def test_further_votes_count_ties_too() -> None:
    plain = report(judgements(outcomes(45, 55), annotator=np.arange(100)), ALL).headline.further
    tied = report(judgements(outcomes(45, 55, ties=100), annotator=np.arange(200)), ALL).headline.further
    assert plain is not None and tied == pytest.approx(2 * plain, rel=0.1)


def test_equals_after_thousands_of_votes_are_called_equal() -> None:
    votes = judgements(outcomes(2000, 2010), annotator=np.arange(4010) % 400)
    assert report(votes, ALL).headline.state == "equal"


def test_one_person_and_one_prompt_say_nothing_certain() -> None:
    votes = judgements(outcomes(0, 30), prompt=0)
    assert report(votes, ALL).headline.state == "undecided"


def test_votes_of_ties_alone_have_no_rate() -> None:
    found = report(judgements(outcomes(0, 0, 3, 2)), ALL)
    assert found.headline.state == "undecided" and found.headline.rate is None
    assert found.ties is not None and found.ties.share == 0.6


def test_ties_and_both_bad_allow_for_votes_that_resemble_each_other() -> None:
    prompt = np.arange(120) // 6
    said = np.select([prompt % 4 == 0, prompt % 4 == 1], [TIE, BOTH_BAD], LEFT)
    found = report(judgements(said, prompt=prompt, annotator=np.arange(120) % 6), ALL)
    for rate in (found.ties, found.both_bad):
        alone = wilson(30, 120)
        assert rate is not None and alone is not None and (rate.share, rate.votes) == (0.25, 120)
        # Six votes on a prompt all say the same: as sure as 20 votes, not as 120.
        assert rate.high - rate.low > 2 * (alone.high - alone.low)


def test_wilson_and_the_sign_test_are_the_published_ones() -> None:
    # Newcombe (1998), doi:10.1002/(SICI)1097-0258(19980430)17:8<857::AID-SIM777>3.0.CO;2-E, table I: 81 of 263.
    found = report(judgements(outcomes(182, 81)), replace(ALL, pair=("rag", "fine-tuned")))
    assert found.wilson is not None
    assert (found.wilson.low, found.wilson.high) == pytest.approx((0.2553, 0.3662), abs=5e-5)
    # 8 of 10: 2 (1 + 10 + 45) / 1024.
    assert report(judgements(outcomes(8, 2)), ALL).sign_test == pytest.approx(112 / 1024)


def test_only_votes_with_hidden_names_count_unless_asked_and_both_are_compared() -> None:
    votes = judgements(outcomes(10, 30), blind=np.arange(40) < 30)
    assert report(votes, ALL).headline.votes == 30
    assert report(votes, replace(ALL, votes="open")).headline.votes == 10
    assert report(votes, replace(ALL, votes="all")).headline.votes == 40
    assert [split.votes for split in report(votes, ALL).groups["names"]] == [30, 10]


def test_pairs_as_written_and_made_alike_stand_beside_each_other() -> None:
    generator = np.random.default_rng(12)
    count = 4000
    queued, plain = np.arange(count) % 4 > 0, generator.random(count) < 0.5
    said = np.where(generator.random(count) < np.where(plain, 0.5, 0.7), RIGHT, LEFT)
    votes = judgements(said, queued=queued, plain=plain & queued, annotator=np.arange(count) % 25)
    written, alike = report(votes, replace(ALL, pair=("rag", "fine-tuned"))).groups["form"]
    assert (written.name, alike.name) == ("as written", "made alike")
    assert written.votes + alike.votes == 3000 and alike.votes == np.count_nonzero(plain & queued)
    assert written.rate is not None and alike.rate is not None and written.rate.low > alike.rate.high
    assert written.rate.share == pytest.approx(0.7, abs=0.05) and alike.rate.share == pytest.approx(0.5, abs=0.05)


@pytest.mark.parametrize("pair", [("rag", "gone"), ("gone", "rag"), ("rag", "rag"), ("rag", "base")])
def test_a_pair_without_votes_shows_no_other_pairs_figures(pair: tuple[str, ...]) -> None:
    found = report(judgements(outcomes(10, 30)), replace(ALL, pair=pair))
    assert found.headline.state == "no votes" and (found.total is None or not found.total.votes)
    assert found.all_votes == 40 and [each for each, _ in found.options.pairs] == [("fine-tuned", "rag")]


def test_swapped_sides_are_unswapped_for_whom_they_are_about() -> None:
    votes = judgements([LEFT, LEFT], left=[0, 1], right=[1, 0])
    found = report(votes, replace(ALL, pair=("fine-tuned", "rag")))
    assert found.total is not None and (found.total.wins, found.total.losses) == (1, 1)


def test_groups_hold_every_vote_once_and_their_own_rate() -> None:
    kind = np.arange(90) % 3
    said = np.where(kind == 1, LEFT, RIGHT)
    found = report(judgements(said, kind=kind, annotator=np.arange(90) % 5), replace(ALL, pair=("rag", "fine-tuned")))
    splits = {split.name: split for split in found.groups["class"]}
    assert sum(split.votes for split in splits.values()) == 90
    assert (splits["trained"].wins, splits["documents only"].wins, splits["not stated"].wins) == (0, 30, 30)


def test_filters_leave_out_what_they_name() -> None:
    days = DAY.timestamp() + 86_400 * np.arange(10)
    votes = judgements(outcomes(5, 5), cast_at=days, hasty=np.arange(10) == 0, kind=[1] * 4 + [2] * 6)
    last = (DAY + timedelta(days=2)).date().isoformat()
    assert report(votes, replace(ALL, until=last)).headline.votes == 3
    assert report(votes, replace(ALL, since=last)).headline.votes == 8
    assert report(votes, replace(ALL, kind="trained")).headline.votes == 4
    assert report(votes, replace(ALL, hasty=False)).headline.votes == 9
    assert report(votes, replace(ALL, kind="unheard of")).headline.state == "no votes"


def test_second_showings_and_contended_answers_are_those_of_the_view() -> None:
    votes = judgements(outcomes(20, 20), comparison=np.arange(40) // 2, annotator=np.arange(40) % 2, kind=[1, 2] * 20)
    again = Repeats(np.array([0, 1, 1], np.int32), np.array([0, 0, 3], np.int32), np.array([True, True, False]))
    votes = replace(votes, repeats=again, contended=timed({0: [1.0], 1: [1.0, 2.0]}))
    both, one = (report(votes, replace(ALL, kind=kind)) for kind in ("", "documents only"))
    assert {each.name: each.repeats for each in both.annotators} == {"person1": 1, "person2": 2}
    assert {each.name: (each.repeated, each.repeats) for each in one.annotators} == {"person2": (1, 2)}
    assert both.contended == 3
    tomorrow = (DAY + timedelta(days=1)).date().isoformat()
    assert report(votes, replace(ALL, since=tomorrow)).contended == 0
    assert report(votes, replace(ALL, versions=("rag-2",))).contended == 1


def test_several_versions_are_named_and_one_can_be_chosen() -> None:
    votes = judgements(outcomes(20, 20), right_version=[1] * 30 + [3] * 10)
    assert {version.id for version in report(votes, ALL).mixed} == {"rag-1", "rag-2"}
    chosen = report(votes, replace(ALL, versions=("rag-2",)))
    assert not chosen.mixed and chosen.headline.votes == 10
    assert {split.name for split in report(votes, replace(ALL, pair=("rag", "fine-tuned"))).groups["version"]} == {
        "rag-1",
        "rag-2",
    }


def test_three_contestants_are_ranked_on_one_scale() -> None:
    generator = np.random.default_rng(8)
    pairs = np.array([(0, 1), (1, 2), (0, 2)])[generator.integers(3, size=900)]
    strength = np.array([0.0, 0.8, -0.8])
    odds = strength[pairs[:, 0]] - strength[pairs[:, 1]]
    said = np.where(generator.random(900) < 1 / (1 + np.exp(-odds)), LEFT, RIGHT)
    votes = judgements(said, left=pairs[:, 0], right=pairs[:, 1], annotator=np.arange(900) % 9)
    ranked = report(votes, ALL).ranking
    assert [each.contestant for each in ranked.strengths] == ["rag", "fine-tuned", "base"]
    # Against the mean of the other two: 0.8 - (0 - 0.8) / 2.
    assert ranked.strengths[0].low < 1 / (1 + np.exp(-1.2)) < ranked.strengths[0].high
    assert sum(each.votes for each in ranked.strengths) == 2 * 900


def test_the_model_finds_the_side_the_length_and_the_citations_that_moved_votes() -> None:
    generator = np.random.default_rng(9)
    count = 4000
    left = generator.integers(2, size=count)
    lengths = generator.integers(50, 400, (2, count))
    cited = generator.integers(2, size=count)
    citations = np.where(left == 1, cited, 0), np.where(left == 0, cited, 0)
    odds = 0.4 + 0.5 * np.log2((lengths[0] + 1) / (lengths[1] + 1)) + 0.3 * (citations[0] - citations[1])
    odds = odds + np.where(left == 1, 0.7, -0.7)
    said = np.where(generator.random(count) < 1 / (1 + np.exp(-odds)), LEFT, RIGHT)
    votes = judgements(
        said,
        left=left,
        right=1 - left,
        left_length=lengths[0],
        right_length=lengths[1],
        left_citations=citations[0],
        right_citations=citations[1],
        annotator=np.arange(count) % 25,
    )
    found = report(votes, replace(ALL, pair=("rag", "fine-tuned"))).effects
    for effect, truth in zip(found, (0.7, 0.4, 0.5, 0.3), strict=True):
        assert effect.rate is not None and effect.rate.votes == count
        assert effect.rate.low < 1 / (1 + np.exp(-truth)) < effect.rate.high, effect.name
    assert all(effect.p is not None and effect.p < 0.01 for effect in found)


def test_what_does_not_vary_is_said_instead_of_guessed() -> None:
    votes = judgements(outcomes(40, 60), annotator=np.arange(100) % 5)
    notes = {effect.name: effect.note for effect in report(votes, ALL).effects if effect.rate is None}
    assert notes["Twice the length"] == "does not vary in these votes"


def test_too_few_votes_make_no_model() -> None:
    assert "30" in report(judgements(outcomes(5, 5)), ALL).effects[0].note


def test_annotators_agree_with_each_other_and_with_themselves() -> None:
    said = [LEFT, LEFT, RIGHT, RIGHT, LEFT, RIGHT]
    pair = [0, 0, 1, 1, 2, 2]
    votes = judgements(said, comparison=pair, prompt=pair, annotator=[0, 1] * 3, hasty=[True] + [False] * 5)
    again = Repeats(np.array([0, 0, 1], np.int32), np.array([0, 1, 0], np.int32), np.array([True, False, True]))
    votes = replace(votes, repeats=again)
    first, second = report(votes, ALL).annotators
    assert (first.name, first.agreement, first.compared) == ("person1", pytest.approx(2 / 3), 3)
    assert (first.repeated, first.repeats, second.repeated, second.repeats) == (1, 2, 1, 1)
    assert (first.hasty, second.hasty, first.left) == (1, 0, pytest.approx(2 / 3))
    assert (first.rate, first.paired, first.seconds, first.clocked) == (pytest.approx(2 / 3), 3, 20.0, 3)
    found = report(votes, ALL).alpha
    assert found is not None and (found.pairs, found.votes) == (3, 6)
    # Coincidences: 4 of 6 agree; of 15 pairs of the six values 9 differ.
    assert found.alpha == pytest.approx(1 - (2 / 6) / (9 / 15))


def test_speed_compares_medians_of_the_pair_alone() -> None:
    votes = replace(judgements(outcomes(5, 9)), timed=timed({0: [1, 1, 1, 1, 9], 1: [2] * 6, 2: [0.1] * 9}))
    found = report(votes, ALL)
    speed = found.headline.speed
    assert speed is not None
    assert (speed.faster, speed.slower, speed.times, speed.answers) == ("fine-tuned", "rag", 2.0, 11)
    assert [each.contestant for each in found.latencies] == ["base", "fine-tuned", "rag"]
    assert found.latencies[1].total is not None and found.latencies[1].total[2] == 1.0


def test_few_timed_answers_make_no_sentence_about_speed() -> None:
    votes = replace(judgements(outcomes(5, 9)), timed=timed({0: [1.0] * 4, 1: [2.0] * 50}))
    assert report(votes, ALL).headline.speed is None


def test_reasons_are_counted_by_what_was_chosen() -> None:
    votes = judgements([LEFT, RIGHT, BOTH_BAD], reasons=[0b01, 0b11, 0b10])
    assert report(votes, ALL).reasons == {
        "fine-tuned": {"correct": 1},
        "rag": {"correct": 1, "clear": 1},
        "both bad": {"clear": 1},
    }
