"""The exact messages each kind of model sees, in one place: training and serving must agree to the byte.

`PROMPT_VERSION` is stored with every answer; change it with any text below, and train the adapters again.
What people, documents and models said is put in by `neutral`, so that it cannot open a turn of its own; instructions in
plain words stay what they are. Does not cover: chat templates, which belong to the model's tokenizer.
"""

import re
from collections.abc import Sequence

from arena.question import Turn

PROMPT_VERSION = "4"

CLOSED_BOOK_SYSTEM = "Answer in one short sentence."
"""The fine-tuned model and the base control. Short: it is paid for in every prompt token."""

READER_SYSTEM = "Quote the sentence that answers the question. If none does, say: The documents do not say."

QUOTE_SYSTEM = "Quote the sentence that answers the question."
"""The reader after a judge: whether to refuse is decided. Told that it may refuse, it refused 13 of 56 sentences that
held the answer; told only to quote, none, and quoted all 56 (demo, one sentence each)."""

JUDGE_SYSTEM = "Does the sentence answer the question?"
JUDGEMENTS = ("Yes", "No")
"""What a judge says; the chance of the first against the second is one of the two signs that its score is made of."""

UNTRAINED_SYSTEM = "You answer from the given facts only."

DOCUMENTS_DO_NOT_SAY = "The documents do not say."
I_DO_NOT_KNOW = "I do not know."

Message = dict[str, str]

_TEMPLATE_TOKEN = re.compile(
    r"[<＜][|｜][^<>＜＞|｜\s]{1,40}[|｜][>＞]"  # ChatML, Llama 3, Phi, Command R, Granite; DeepSeek with wide bars
    r"|</?s>|<(?:bos|eos|pad|unk|mask|sep|cls)>|</?(?:start|end)_of_(?:turn|image|utterance)>"  # Gemma, Idefics
    r"|\[g?MASK\]|<[se]op>"  # ChatGLM
    r"|\[/?(?:INST|SYSTEM_PROMPT|AVAILABLE_TOOLS|TOOL_(?:RESULTS|CALLS|CONTENT|ARGS))\]|<</?SYS>>"  # Mistral, Llama 2
    r"|</?(?:think|tool_(?:call|response)s?|function_calls?)>",
    re.IGNORECASE,
)


def neutral(text: str) -> str:
    """The text with a space in every chat template's tokens, of any common family of models: which model reads it is
    not known here, and servers take such tokens in a message for the template's. Other text stays as it is, to the
    byte."""
    return _TEMPLATE_TOKEN.sub(lambda token: f"{token[0][0]} {token[0][1:]}", text)


def closed_book_messages(question: str, history: Sequence[Turn] = ()) -> list[Message]:
    """What a model without documents sees."""
    return [*_opening(CLOSED_BOOK_SYSTEM, history), {"role": "user", "content": neutral(question)}]


def reader_messages(
    question: str, sentences: Sequence[str], history: Sequence[Turn] = (), judged: bool = False
) -> list[Message]:
    """What the reader adapter sees: the sentences first, so that several questions can share them in training.
    `judged`: a judge has found the answer in them, so refusing is not offered."""
    facts = neutral("\n".join(f"- {sentence}" for sentence in sentences))
    opening = _opening(QUOTE_SYSTEM if judged else READER_SYSTEM, history)
    return [*opening, {"role": "user", "content": f"{facts}\n\nQuestion: {neutral(question)}"}]


def judge_messages(question: str, sentence: str) -> list[Message]:
    """What the reader adapter sees when it judges one sentence. The sentence first: reading on, the model also tells
    how likely it finds the question after such a sentence, in the same pass; and in training all questions about a
    sentence share what is computed for it."""
    return [
        {"role": "system", "content": JUDGE_SYSTEM},
        {"role": "user", "content": f"Sentence: {neutral(sentence)}\nQuestion: {neutral(question)}"},
    ]


def untrained_reader_messages(question: str, sentences: Sequence[str], history: Sequence[Turn] = ()) -> list[Message]:
    """What an untrained small model reads best among the prompts tried: facts and a plain request."""
    facts = neutral(" ".join(sentences))
    request = f"Facts: {facts}\nUsing only these facts, answer in one short sentence: {neutral(question)}"
    return [*_opening(UNTRAINED_SYSTEM, history), {"role": "user", "content": request}]


def _opening(system: str, history: Sequence[Turn]) -> list[Message]:
    messages: list[Message] = [{"role": "system", "content": system}]
    for turn in history:
        asked, answered = neutral(turn.question), neutral(turn.answer)
        messages += [{"role": "user", "content": asked}, {"role": "assistant", "content": answered}]
    return messages
