"""Makes a prompt fit the model's context: the oldest turns go first, then the lowest sentences. Says what went."""

from collections.abc import Sequence
from dataclasses import dataclass

from langchain_core.documents import Document
from langchain_core.language_models import BaseChatModel, BaseLanguageModel
from langchain_core.messages import BaseMessage, convert_to_messages

from arena.prompts import reader_messages, untrained_reader_messages
from arena.question import Turn
from rag.passages import chosen_of, sentences_of
from rag.settings import Settings

TEMPLATE_TOKENS = 16
"""More than any common chat template adds around one message."""
CHARACTERS_PER_TOKEN = 3
"""For models that cannot count; English has over 4, so this errs on the safe side."""


@dataclass(frozen=True)
class Prompt:
    """What the model is sent. `documents` are the passages whose sentences are still in it."""

    messages: tuple[BaseMessage, ...]
    documents: tuple[Document, ...]
    notes: tuple[str, ...] = ()


def fitted(
    model: BaseChatModel,
    settings: Settings,
    question: str,
    documents: Sequence[Document],
    history: Sequence[Turn],
    judged: bool = False,
) -> Prompt:
    """A prompt within `context_tokens` less `answer_tokens`, of the chosen sentences in `documents`. The question and
    one sentence always stay. `judged`: a judge chose the sentences."""
    room = settings.context_tokens - settings.answer_tokens
    turns, documents = list(history), chosen_of(documents)
    kept = list(documents)
    messages = _messages(settings, question, kept, turns, judged)
    while not (fits := _fits(model, messages, room)):
        if turns:
            turns = turns[1:]
        elif len(sentences_of(kept)) > 1:
            kept = _without_lowest(kept)
        else:
            break
        messages = _messages(settings, question, kept, turns, judged)
    notes = _notes(len(history) - len(turns), documents, kept)
    if not fits:
        notes.append(f"The question and one sentence take more than the {room} tokens that fit: ask a shorter one.")
    return Prompt(tuple(messages), tuple(kept), tuple(notes))


def _messages(
    settings: Settings, question: str, documents: Sequence[Document], turns: Sequence[Turn], judged: bool
) -> list[BaseMessage]:
    sentences = sentences_of(documents)
    if settings.generator == "reader":
        if len(sentences) > 1 and all(document.metadata.get("together") for document in documents):
            # In one line it quotes both. In two it mostly quoted one, often the one without the answer: of 78 training
            # questions of the demo 53 were right, in one line 73.
            sentences = [" ".join(sentences)]
        return convert_to_messages(reader_messages(question, sentences, turns, judged))
    return convert_to_messages(untrained_reader_messages(question, sentences, turns))


def _fits(model: BaseChatModel, messages: Sequence[BaseMessage], room: int) -> bool:
    characters = sum(len(str(message.text)) for message in messages)
    template = TEMPLATE_TOKENS * len(messages)
    # A token has at least one character (or byte of a rare one): most prompts need no counting.
    if all(str(message.text).isascii() for message in messages) and characters + template <= room:
        return True
    if type(model).get_token_ids is BaseLanguageModel.get_token_ids and model.custom_get_token_ids is None:
        # LangChain's default would download GPT-2's tokenizer.
        return characters / CHARACTERS_PER_TOKEN + template <= room
    return model.get_num_tokens_from_messages(list(messages)) <= room


def _without_lowest(documents: Sequence[Document]) -> list[Document]:
    lowest = max(sentence["rank"] for document in documents for sentence in document.metadata["sentences"])
    kept = []
    for document in documents:
        sentences = [sentence for sentence in document.metadata["sentences"] if sentence["rank"] != lowest]
        if sentences:
            metadata = {**document.metadata, "sentences": sentences}
            kept.append(Document(document.page_content, metadata=metadata, id=document.id))
    return kept


def _notes(turns: int, before: Sequence[Document], after: Sequence[Document]) -> list[str]:
    notes = []
    if turns:
        notes.append(f"Dropped the {turns} oldest turn{'s' if turns > 1 else ''} to fit the model's context.")
    if sentences := len(sentences_of(before)) - len(sentences_of(after)):
        passages = len(before) - len(after)
        also = f" and with them {passages} passage{'s' if passages > 1 else ''}" if passages else ""
        notes.append(
            f"Dropped the {sentences} lowest sentence{'s' if sentences > 1 else ''}{also} to fit the model's context."
        )
    return notes
