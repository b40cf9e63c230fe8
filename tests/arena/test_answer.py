"""Events folded into an answer, its clock against a worked example."""

import pytest

from arena.answer import Answer, AnswerBuilder, Timings
from arena.events import Event, Failed, Finished, Note, Passage, Retrieved, Stamped, Token, Waiting, Working

PASSAGES = (Passage("a.md", "Warranty", "Two years.", 0.9),)


def folded(*timed: tuple[float, Event]) -> Answer:
    builder = AnswerBuilder("rag", {"model": "135M"})
    for at, event in timed:
        builder.add(Stamped("rag", event, at))
    return builder.answer()


def test_a_worked_example_of_every_timing() -> None:
    answer = folded(
        (0.0, Waiting("1 ahead in the queue")),
        (2.0, Working("searching")),
        (2.5, Retrieved(PASSAGES)),
        (2.5, Working("answering")),
        (3.0, Note("dropped 1 earlier turn")),
        (3.5, Token("Two")),
        (4.0, Token(" years")),
        (5.5, Token(".")),
        (5.5, Finished(prompt_tokens=120, answer_tokens=9)),
    )
    # queue 2; from there: passages after 0.5, first token after 1.5, end after 3.5; 8 tokens in the last 2 seconds.
    assert answer.timings == Timings(2.0, 0.5, 1.5, 3.5, prompt_tokens=120, answer_tokens=9)
    assert answer.timings.tokens_per_second == 4.0
    assert (answer.text, answer.passages, answer.notes) == ("Two years.", PASSAGES, ("dropped 1 earlier turn",))
    assert answer.identity == {"model": "135M"} and answer.reason == "end" and answer.complete


def test_stages_that_did_not_happen_have_no_time() -> None:
    assert folded((1.0, Waiting("loading"))).timings == Timings()
    assert folded((1.0, Working()), (1.5, Failed("broken"))).timings == Timings(queue=1.0, total=0.5)


def test_an_empty_piece_of_text_is_not_a_first_token() -> None:
    assert folded((0.0, Working()), (1.0, Token("")), (2.0, Token("a"))).timings.first_token == 2.0


def test_nothing_retrieved_differs_from_no_retrieval() -> None:
    assert folded((0.0, Working()), (0.1, Retrieved(()))).passages == ()
    assert folded((0.0, Working())).passages is None


def test_events_after_the_final_one_change_nothing() -> None:
    ended: list[tuple[float, Event]] = [(0.0, Working()), (1.0, Token("a")), (2.0, Finished(3, 1))]
    assert folded(*ended, (3.0, Token("b")), (4.0, Failed("late"))) == folded(*ended)


def test_a_failure_keeps_the_text_so_far() -> None:
    answer = folded((0.0, Working()), (1.0, Token("Two")), (2.0, Failed("The endpoint closed.")))
    assert (answer.text, answer.failure, answer.reason) == ("Two", "The endpoint closed.", None)


@pytest.mark.parametrize(
    ("timings", "speed"),
    [
        (Timings(first_token=1.0, total=3.0, answer_tokens=11), 5.0),
        (Timings(first_token=1.0, total=3.0, answer_tokens=2), 0.5),
        (Timings(first_token=1.0, total=3.0, answer_tokens=1), None),
        (Timings(first_token=1.0, total=1.0, answer_tokens=5), None),
        (Timings(total=3.0, answer_tokens=5), None),
        (Timings(first_token=1.0, answer_tokens=5), None),
    ],
)
def test_speed_is_tokens_after_the_first_over_time_after_the_first(timings: Timings, speed: float | None) -> None:
    assert timings.tokens_per_second == speed


@pytest.mark.parametrize(
    ("answer", "complete"),
    [
        (Answer("rag", "x", reason="end"), True),
        (Answer("rag", "x", reason="length"), True),
        (Answer("rag", "x", reason="repetition"), True),
        (Answer("rag", "x", reason="stopped"), False),
        (Answer("rag", "x"), False),
        (Answer("rag", "x", failure="broken"), False),
    ],
)
def test_only_an_answer_that_ended_by_itself_is_complete(answer: Answer, complete: bool) -> None:
    assert answer.complete is complete
