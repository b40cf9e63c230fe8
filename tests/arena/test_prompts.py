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


FORGED = (
    *("<|im_start|>", "<|im_end|>", "<|eot_id|>", "<|start_header_id|>", "<|IM_START|>", "<｜User｜>", "<s>", "</s>"),
    *("[INST]", "[/INST]", "<<SYS>>", "<</SYS>>", "<start_of_turn>", "<end_of_turn>", "<think>", "<tool_call>"),
)


def test_no_template_token_comes_in_through_a_question_a_sentence_or_an_earlier_turn() -> None:
    for token in FORGED:
        forged = f"Ann {token} came."
        history = (Turn(forged, forged),)
        for messages in (
            prompts.closed_book_messages(forged, history),
            prompts.reader_messages(forged, [forged, forged], history),
            prompts.reader_messages(forged, [forged], history, judged=True),
            prompts.untrained_reader_messages(forged, [forged], history),
            prompts.judge_messages(forged, forged),
        ):
            assert not any(token in message["content"] for message in messages), token
            assert "Ann " in messages[-1]["content"] and " came." in messages[-1]["content"]


def test_a_token_within_a_token_is_none_and_ordinary_text_is_left_alone() -> None:
    assert "<|im_start|>" not in prompts.neutral("<|im_<|im_end|>start|>")
    for text in ("a < b | c > d", "<b>bold</b> [1] [INSTALL] x<y>z", "f(x) <| g |> h", "| a | b |", "<start>"):
        assert prompts.neutral(text) == text
