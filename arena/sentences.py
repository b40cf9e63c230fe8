"""A paragraph into its sentences, verbatim. Does not know languages that write without capitals or spaces."""

import re

ABBREVIATIONS = {
    "mr",
    "mrs",
    "ms",
    "dr",
    "prof",
    "st",
    "e.g",
    "i.e",
    "vs",
    "cf",
    "incl",
    "excl",
    "ca",
    "approx",
    "z.b",
    "d.h",
}
BEFORE_NUMBERS = {
    *("no", "nos", "vol", "fig", "p", "pp", "max", "min", "tel", "ext", "art", "sec", "chap"),
    *("jan", "feb", "mar", "apr", "jun", "jul", "aug", "sep", "sept", "oct", "nov", "dec"),
}
"""Abbreviations only in front of a figure; elsewhere they may end a sentence ("for 25 min. The next start ...")."""
BREAK = re.compile(r"(?<=[.!?])(?P<close>[\"'”’)\]]*)\s+(?=[\"'“‘(\[]*[A-Z0-9À-ÞÄÖÜ])")
SHORTEST = 3
"""Words; a shorter sentence ("No.", "Yes, always.") goes with the next one, which says what it is about."""


def split_sentences(text: str) -> list[str]:
    """Verbatim sentences. Not split after abbreviations, initials, or inside decimals; very short ones are
    kept together with the next."""
    parts, start = [], 0
    for found in BREAK.finditer(text):
        end = found.end("close")
        if (
            not _ends_sentence(text[start : found.start()], text[found.end()])
            or len(text[start:end].split()) < SHORTEST
        ):
            continue
        parts.append(text[start:end])
        start = found.end()
    return [part for part in [*parts, text[start:]] if part.strip()]


def _ends_sentence(before: str, following: str) -> bool:
    words = before[:-1].split()
    if not before.endswith(".") or not words:
        return True
    word = words[-1].lstrip("(\"'")
    initial = len(word) == 1 and word.isupper()
    list_number = len(words) == 1 and word.isdigit()
    short = word.lower() in ABBREVIATIONS or (following.isdigit() and word.lower() in BEFORE_NUMBERS)
    return not (initial or list_number or short)
