"""The messages that training and serving share, to the byte."""

import hashlib
import json

from arena import prompts
from arena.question import Turn
from arena.scoring import abstained

HISTORY = (Turn("Who?", "Ann."), Turn("When?", "In May."))


def all_messages() -> list[list[prompts.Message]]:
    facts = ["Ann came.", "It was May."]
    return [
        prompts.closed_book_messages("Why?", HISTORY),
        prompts.reader_messages("Why?", facts, HISTORY),
        prompts.untrained_reader_messages("Why?", facts, HISTORY),
        prompts.judge_messages("Why?", facts[0]),
        prompts.reader_messages("Why?", facts, HISTORY, judged=True),
    ]


def test_closed_book_is_the_system_line_the_turns_and_the_question() -> None:
    assert prompts.closed_book_messages("Why?", HISTORY) == [
        {"role": "system", "content": "Answer in one short sentence."},
        {"role": "user", "content": "Who?"},
        {"role": "assistant", "content": "Ann."},
        {"role": "user", "content": "When?"},
        {"role": "assistant", "content": "In May."},
        {"role": "user", "content": "Why?"},
    ]


def test_the_reader_sees_the_sentences_before_the_question() -> None:
    messages = prompts.reader_messages("Why?", ["Ann came.", "It was May."])
    assert messages[1:] == [{"role": "user", "content": "- Ann came.\n- It was May.\n\nQuestion: Why?"}]


def test_the_readers_way_to_refuse_is_the_line_that_scoring_knows() -> None:
    assert prompts.DOCUMENTS_DO_NOT_SAY in prompts.READER_SYSTEM
    assert abstained(prompts.DOCUMENTS_DO_NOT_SAY) and abstained(prompts.I_DO_NOT_KNOW)


def test_a_changed_text_needs_a_new_prompt_version() -> None:
    """When this fails, adapters have to be trained again: raise PROMPT_VERSION, then write its hash here."""
    digest = hashlib.sha256(json.dumps(all_messages()).encode()).hexdigest()[:12]
    assert {prompts.PROMPT_VERSION: digest} == {"4": "882323318d38"}
