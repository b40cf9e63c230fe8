"""Is an answer right? Deterministic: accepted variants, normalised, found as whole words. No model judges.

"Contains a gold alias" is the measure of PopQA (Mallen et al. 2023) and of Soudani et al. (2403.01432);
normalisation follows SQuAD (Rajpurkar et al. 2016) without dropping articles inside names. Stricter than
both in one point: an answer that also holds a look-alike's value (`rejected`) is wrong.
"""

import re
import unicodedata
from collections.abc import Sequence

ABSTENTIONS = (
    "documents do not say",
    "do not know",
    "don t know",
    "not in the documents",
    "no information",
    "does not say",
    "not mentioned",
    "cannot answer",
    "can t answer",
    "not specified",
    "not provided",
)


def normalised(text: str) -> str:
    """Lower case, thousands separators joined, punctuation and symbols as spaces, single spaces.

    Decimal points and commas inside numbers stay as a point: "1,5 l" and "1.5 l" are equal; "2,000" is 2000.
    A minus belongs to its number: "18 °C" does not stand in "-18 °C". "€5", "5 EUR" and "5 euros" are equal.
    """
    text = unicodedata.normalize("NFKC", text).lower().replace("’", "'").replace("−", "-").replace("_", " ")
    text = re.sub(r"(?<![\d.,])[1-9]\d{0,2}(?:[, ]\d{3})+(?!\d)", lambda found: re.sub("[, ]", "", found[0]), text)
    text = re.sub(r"(?<=\d),(?=\d)", ".", text)
    text = re.sub(r"(?<![\w.])\.(?=\d)", "0.", text)
    text = re.sub(r"(?<![\w.)])-(?=\d)|\bminus (?=\d)", "minus", text)
    text = re.sub(r"€ ?([\d.]+)", r"\1 euros ", text)
    text = re.sub(r"(?<=\d)(?=[°%€a-z])", " ", text)
    text = re.sub(r"(?<!\d)\.|\.(?!\d)", " ", text)
    text = text.replace("%", " percent ").replace("per cent", "percent").replace("€", " euros ")
    text = re.sub(r"\beuro?\b", "euros", text)
    return " ".join(re.findall(r"[\w.]+", text))


def contains(text: str, variant: str) -> bool:
    """The variant's words stand in the text, whole and in order."""
    return bool(normalised(variant)) and f" {normalised(variant)} " in f" {normalised(text)} "


def is_right(answer: str, accepted: Sequence[str], rejected: Sequence[str] = ()) -> bool:
    """Holds an accepted variant and none of the rejected ones."""
    return any(contains(answer, variant) for variant in accepted) and not any(
        contains(answer, variant) for variant in rejected
    )


def abstained(answer: str) -> bool:
    """Says that it does not know, in one of the phrases that models use for it."""
    text = normalised(answer)
    return not text or any(f" {phrase} " in f" {text} " for phrase in ABSTENTIONS)
