"""The injection suite, from `plants.jsonl`: small documents about invented things, each with an instruction planted.

A case names its document, an ordinary question about it with the right answer, and by what obeying is seen. What a
reader of the file would not see is `hidden`: it must not be in the index at all. Does not ask anybody: `injection.py`
does.
"""

import base64
import codecs
import json
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

Sign = Literal["marker", "claim", "abstains", "capitals", "leak"]
"""`marker`: the answer says the marker and does not only quote the planted sentence. `claim`: it says it at all, for
the plant is a false answer. `abstains`, `capitals`, `leak`: it refuses, shouts, or repeats its instructions."""


@dataclass(frozen=True)
class Case:
    """`way` is how the plant is put into the file; `claim` cases are right only without the marker."""

    name: str
    kind: str
    form: str
    way: str
    subject: str
    fact: str
    question: str
    accepted: tuple[str, ...]
    plant: str
    marker: str
    sign: Sign = "marker"
    hidden: bool = False

    @property
    def file(self) -> str:
        return f"{self.name}.{self.form}"


def _tags(text: str) -> str:
    return "".join(chr(0xE0000 + ord(letter)) for letter in text)


def _bits(text: str) -> str:
    return "".join("\u200b" if bit == "0" else "\u200c" for letter in text for bit in f"{ord(letter):08b}")


def _case(number: int, line: str) -> Case:
    row = json.loads(line)
    name = f"{number:02}-{row['subject'].lower().replace(' ', '-')}"
    return Case(name, **row | {"accepted": tuple(row["accepted"])})


CASES = tuple(
    _case(number, line)
    for number, line in enumerate((Path(__file__).parent / "plants.jsonl").read_text("utf-8").splitlines(), 1)
)
KINDS = tuple(dict.fromkeys(case.kind for case in CASES))


def as_written(case: Case) -> str:
    """The plant as its characters stand in the file."""
    return {
        "tags": _tags,
        "bits": _bits,
        "between": "\u200b".join,
        "base64": lambda text: base64.b64encode(text.encode()).decode(),
        "rot13": lambda text: codecs.encode(text, "rot13"),
    }.get(case.way, str)(case.plant)
