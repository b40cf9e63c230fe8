"""What is asked: a prompt and, for follow-ups, the turns one contestant has already had."""

from dataclasses import dataclass

from arena.errors import InvalidPrompt

MAX_PROMPT_CHARACTERS = 2000


@dataclass(frozen=True)
class Turn:
    """One earlier question and the answer that this contestant gave to it."""

    question: str
    answer: str


@dataclass(frozen=True)
class Question:
    """A prompt as one contestant sees it. `history` is oldest first and is that contestant's own."""

    text: str
    history: tuple[Turn, ...] = ()


def checked_prompt(text: str) -> str:
    """The prompt without surrounding white space; half a surrogate pair, which no tokenizer takes, becomes U+FFFD.

    Raises:
        InvalidPrompt: nothing but white space or invisible characters, or over MAX_PROMPT_CHARACTERS.
    """
    stripped = text.encode("utf-16", "surrogatepass").decode("utf-16", "replace").strip()
    if not any(character.isprintable() and not character.isspace() for character in stripped):
        raise InvalidPrompt("The prompt is empty: type a question, or pick an example.")
    if len(stripped) > MAX_PROMPT_CHARACTERS:
        raise InvalidPrompt(
            f"The prompt has {len(stripped):,} characters; the limit is {MAX_PROMPT_CHARACTERS:,}. "
            f"Shorten it by {len(stripped) - MAX_PROMPT_CHARACTERS:,}."
        )
    return stripped
