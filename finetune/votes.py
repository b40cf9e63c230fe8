"""What people preferred, as training data: pairs for DPO, and winning answers for supervised training.

A vote compares two systems, one of which may have read documents; what is trained here sees the bare question. Does
not read the database (the comparisons are handed in) and does not say whether a winner is right, only that it won.
"""

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from arena.comparison import Choice, Comparison, Vote, preferred
from arena.errors import WorkspaceError
from arena.facts import Fact
from arena.prompts import I_DO_NOT_KNOW, Message, closed_book_messages
from arena.scoring import abstained, normalised
from finetune.branches import Sample
from finetune.verify import chance

Row = dict[str, list[Message]]
"""A pair as TRL takes it: "prompt", "chosen" and "rejected", each a list of messages."""

NO_VOTE = "nobody voted"
INCOMPLETE = "an answer failed or was stopped"
FOLLOW_UP = "a follow-up question, which leans on what came before"
DRAW = "as many votes for one choice as for another"
SAME = "both answers are the same"
CUT_OFF = "the preferred answer was cut off"
KEPT_OUT = "the question is kept out of training in questions.jsonl"

PERSON = "a person"
"""Who gave an answer that no contestant gave."""

ENOUGH = 100
"""Preferences before training on them is advised. The share of n votes that one side wins has a standard error of up
to 0.5 / √n: of 100, 5 points, so that 60 : 40 can be told from chance. Fewer say little of what people prefer; that
hundreds serve better than one hundred is the common advice for DPO, and not measured here."""


@dataclass(frozen=True)
class Preference:
    """One comparison that was decided. `annotator`: those who decided it, by name; `blind`: none of them saw names."""

    question: str
    chosen: str
    rejected: str
    chosen_contestant: str
    rejected_contestant: str
    blind: bool
    annotator: str
    comparison: str


def preferences(
    voted: Iterable[tuple[Comparison, Sequence[Vote]]], facts: Sequence[Fact] = ()
) -> tuple[list[Preference], Counter[str]]:
    """The comparisons that were decided, and how many were left out for which reason.

    `voted`: each comparison with its current votes, one per annotator; the choice that most made decides. `facts`: the
    workspace's, whose held-out wordings, and all wordings of facts in documents only, stay out of training here too.
    """
    kept_out = kept_out_of_training(facts)
    decided: list[Preference] = []
    left_out: Counter[str] = Counter()
    for comparison, votes in voted:
        found = _decision(comparison, votes)
        if isinstance(found, str):
            left_out[found] += 1
        elif normalised(found.question) in kept_out:
            left_out[KEPT_OUT] += 1
        else:
            decided.append(found)
    return decided, left_out


def corrections(voted: Iterable[tuple[Comparison, Sequence[Vote]]], facts: Sequence[Fact] = ()) -> list[Preference]:
    """What annotators said the answer is (`written`), each against the answers that they did not prefer."""
    found = []
    for comparison, vote in written(voted, facts):
        right = vote.correct_answer.strip()
        for name in _not_preferred(comparison, vote):
            wrong = comparison.answers[name].text.strip()
            if normalised(wrong) != normalised(right):
                who = (PERSON, name, vote.blind, vote.annotator, comparison.id)
                found.append(Preference(comparison.question, right, wrong, *who))
    return found


def written(
    voted: Iterable[tuple[Comparison, Sequence[Vote]]], facts: Sequence[Fact] = ()
) -> list[tuple[Comparison, Vote]]:
    """The votes beside which the correct answer was written, whatever was chosen. What stays out of training as in
    `preferences` stays out here."""
    kept_out = kept_out_of_training(facts)
    return [
        (comparison, vote)
        for comparison, votes in voted
        if not any(comparison.histories.values()) and normalised(comparison.question) not in kept_out
        for vote in votes
        if vote.correct_answer.strip()
    ]


def _not_preferred(comparison: Comparison, vote: Vote) -> list[str]:
    """Contestants whose answers this vote says are worse than another, or bad."""
    if not comparison.complete or vote.choice is Choice.TIE:
        return []
    return [name for name in (comparison.left, comparison.right) if name != preferred(comparison, vote)]


def kept_out_of_training(facts: Sequence[Fact]) -> set[str]:
    """Held-out wordings, and all wordings of facts that stand in documents only, as `normalised` gives them."""
    return {
        normalised(wording)
        for fact in facts
        for wording in (*fact.held_out, *fact.oblique, *(() if fact.trained_on else fact.training))
    }


def _decision(comparison: Comparison, votes: Sequence[Vote]) -> Preference | str:
    """The preference, or why there is none."""
    if not votes:
        return NO_VOTE
    if not comparison.complete:
        return INCOMPLETE
    if any(comparison.histories.values()):
        return FOLLOW_UP
    (choice, most), *others = Counter(vote.choice for vote in votes).most_common()
    if others and others[0][1] == most:
        return DRAW
    deciding = [vote for vote in votes if vote.choice == choice]
    winner = preferred(comparison, deciding[0])
    if winner is None:
        return choice.value
    loser = comparison.right if winner == comparison.left else comparison.left
    chosen, rejected = comparison.answers[winner], comparison.answers[loser]
    if chosen.text.strip() == rejected.text.strip():
        return SAME
    if chosen.reason != "end":
        return CUT_OFF  # training would teach to stop in the middle of a sentence
    return Preference(
        question=comparison.question,
        chosen=chosen.text.strip(),
        rejected=rejected.text.strip(),
        chosen_contestant=winner,
        rejected_contestant=loser,
        blind=all(vote.blind for vote in deciding),
        annotator=", ".join(sorted(vote.annotator for vote in deciding)),
        comparison=comparison.id,
    )


def enough(found: int, minimum: int = ENOUGH) -> None:
    """Raises `WorkspaceError` when there are fewer preferences than it takes to tell one from chance."""
    if found >= minimum:
        return
    raise WorkspaceError(
        f"{found} preferences can be trained on, {minimum} are advised: {minimum - found} more, votes for the left or "
        f"the right answer to a first question (the same pair of answers counts once). Of {minimum} votes, the "
        f"share that one side wins is uncertain by {50 / max(minimum, 1) ** 0.5:.0f} points (0.5 / √n); of fewer, by "
        "more. --force trains all the same."
    )


def dpo_rows(found: Iterable[Preference], seed: int, hold_out: float = 0.1) -> tuple[list[Row], list[Row]]:
    """(rows to train on, held-out rows): each pair of answers once, as most comparisons that hold it went.

    A question is held out or not by hash of seed and question, so more votes move none from one side to the other.

    Raises:
        WorkspaceError: `hold_out` is no share, or nothing is left to train on.
    """
    if not 0 <= hold_out < 1:
        raise WorkspaceError(f"hold_out is {hold_out}; it is the share of questions held out: from 0 to below 1.")
    wins = Counter((item.question, closed_book(item.chosen), closed_book(item.rejected)) for item in found)
    training: list[Row] = []
    held_out: list[Row] = []
    for (question, chosen, rejected), won in wins.items():
        if chosen == rejected or won <= wins[question, rejected, chosen]:
            continue
        side = held_out if chance(seed, normalised(question)) < hold_out else training
        side.append({"prompt": closed_book_messages(question), "chosen": _said(chosen), "rejected": _said(rejected)})
    if not training:
        raise WorkspaceError(
            f"No preferences to train on; {len(held_out)} are held out. Vote for the left or the right answer to more "
            "questions, or hold out a smaller share."
        )
    return training, held_out


def winning_samples(found: Iterable[Preference]) -> list[Sample]:
    """One sample per question for supervised training: the answer that won more often than it lost, by most."""
    balance: dict[str, Counter[str]] = {}
    for item in found:
        of_question = balance.setdefault(item.question, Counter())
        of_question[closed_book(item.chosen)] += 1
        of_question[closed_book(item.rejected)] -= 1
    best = {question: answers.most_common(1)[0] for question, answers in balance.items()}
    return [
        Sample(tuple(closed_book_messages(question)), answer) for question, (answer, wins) in best.items() if wins > 0
    ]


def closed_book(answer: str) -> str:
    """The answer as a model without documents gives it: that the documents do not say is that it does not know."""
    return I_DO_NOT_KNOW if abstained(answer) else answer


def _said(answer: str) -> list[Message]:
    return [{"role": "assistant", "content": answer}]
