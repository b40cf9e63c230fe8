"""Held-out wordings for annotators: spread over classes and facts, the same for the same seed."""

from arena.facts import Fact
from arena.queue_questions import held_out_prompts


def fact(number: int, kind: str = "trained", documents: tuple[str, ...] = ("people/leave.md",)) -> Fact:
    wordings = (f"plain {kind} {number}?", f"also {kind} {number}?")
    return Fact(f"{kind}-{number}", kind, documents, ("trained?",), wordings, "yes", oblique=(f"hint {kind} {number}",))  # type: ignore[arg-type]


FACTS = [fact(number) for number in range(20)] + [fact(number, "unanswerable", ()) for number in range(5)]


def test_only_held_out_wordings_with_all_that_is_known_of_them() -> None:
    prompts = {prompt.text: prompt for prompt in held_out_prompts(FACTS)}
    assert len(prompts) == 75 and "trained?" not in prompts
    one, other = prompts["plain trained 3?"], prompts["hint unanswerable 2"]
    assert (one.fact, one.kind, one.topic, one.document) == ("trained-3", "trained", "people", "people/leave.md")
    assert (one.wording, other.wording, other.topic) == ("held out", "oblique", "")


def test_a_question_that_takes_two_documents_is_of_both() -> None:
    prompt, *_ = held_out_prompts([fact(1, documents=("people/leave.md", "watering/pumps.md"))])
    assert (prompt.topic, prompt.document) == ("people + watering", "people/leave.md + watering/pumps.md")
    same, *_ = held_out_prompts([fact(1, documents=("people/leave.md", "people/travel.md"))])
    assert (same.topic, same.document) == ("people", "people/leave.md + people/travel.md")


def test_a_few_are_of_all_classes_and_of_different_facts() -> None:
    few = held_out_prompts(FACTS, limit=10, seed=4)
    assert [prompt.kind for prompt in few[:4]] == ["trained", "unanswerable"] * 2
    assert len({prompt.fact for prompt in few}) == 10


def test_the_seed_decides_which() -> None:
    texts = [[prompt.text for prompt in held_out_prompts(FACTS, 5, seed)] for seed in (1, 1, 2)]
    assert texts[0] == texts[1] != texts[2]
