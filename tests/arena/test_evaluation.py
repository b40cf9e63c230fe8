"""Asking a workspace's questions: what counts, and what survives a kill."""

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from arena.evaluation import HELD_OUT, Asked, Notebook, measure_accuracy, questions, tally
from arena.facts import Fact

WEIGHT = Fact("weight", "trained", (), ("How heavy?", "Weight?"), ("Mass?",), "It is 3 kg.", ("3 kg",), ("4 kg",))
PRICE = Fact("price", "documents only", (), ("Price?",), ("How dear?",), "5 euros.", ("5 euros",))
COLOUR = Fact("colour", "unanswerable", (), (), ("Colour?",), "I do not know.")
PRACTISED = Fact("taste", "unanswerable", (), ("Taste?",), ("Flavour?",), "I do not know.")
FACTS = (WEIGHT, PRICE, COLOUR, PRACTISED)


def asked() -> list[Asked]:
    return questions(FACTS)


class Answering:
    """Answers from a table, and remembers what it was asked."""

    def __init__(self, **answers: str) -> None:
        self.answers, self.asked = answers, list[str]()

    def __call__(self, texts: Sequence[str]) -> Sequence[str]:
        self.asked += texts
        return [self.answers.get(text.rstrip("?").replace(" ", "_"), "No idea") for text in texts]


def test_unanswerable_questions_that_were_practised_are_not_asked() -> None:
    assert [(item.text, item.split) for item in asked()] == [
        ("How heavy?", "trained wording"),
        ("Mass?", "held-out wording"),
        ("How dear?", "documents only"),
        ("Colour?", "unanswerable"),
    ]


def test_oblique_wordings_are_counted_apart() -> None:
    facts = [replace(fact, oblique=("Hm?",)) for fact in (WEIGHT, PRICE)]
    assert [item.split for item in questions(facts) if item.text == "Hm?"] == [
        "held-out, oblique",
        "documents only, oblique",
    ]
    assert set(HELD_OUT) == {item.split for item in questions(facts)} - {"trained wording"}


def test_a_limit_counts_facts_of_each_class() -> None:
    assert {
        item.fact.id for item in questions((WEIGHT, *FACTS[1:], Fact("x", "trained", (), ("X?",), (), "x")), 1)
    } == {
        "weight",
        "price",
        "colour",
    }


def test_a_limit_is_spread_over_the_facts() -> None:
    many = [Fact(str(number), "trained", (), ("Q?",), (), "x", ("x",)) for number in range(10)]
    assert [item.fact.id for item in questions(many, 3)] == ["0", "3", "6"]


def test_right_wrong_and_abstained_are_counted_by_kind_of_question(tmp_path: Path) -> None:
    notebook = Notebook(tmp_path / "answers.jsonl")
    batch = Answering(How_heavy="It weighs 3 kg.", Mass="3 kg, not 4 kg.", Colour="I do not know.")
    assert list(measure_accuracy(asked(), "rag", {}, batch, notebook))[-1] == 4
    row = tally(asked(), "rag", {}, notebook, [2.0, 1.0, 4.0])
    assert row.counts == {
        "trained wording": (1, 1),
        "held-out wording": (0, 1),  # it holds a look-alike's value too
        "documents only": (0, 1),
        "unanswerable": (1, 1),
    }
    assert row.median_latency == 2.0
    assert row.share("trained wording", "unanswerable") == 1.0


def test_a_second_run_asks_only_what_is_missing_and_what_changed(tmp_path: Path) -> None:
    path, first, second, other = tmp_path / "answers.jsonl", Answering(), Answering(), Answering()
    list(measure_accuracy(asked()[:2], "rag", {"index": "a"}, first, Notebook(path)))
    list(measure_accuracy(asked(), "rag", {"index": "a"}, second, Notebook(path)))
    list(measure_accuracy(asked(), "rag", {"index": "b"}, other, Notebook(path)))
    assert (len(first.asked), len(second.asked), len(other.asked)) == (2, 2, 4)


def test_what_a_notebook_holds_is_answered_from_it(tmp_path: Path) -> None:
    notebook, batch = Notebook(tmp_path / "answers.jsonl"), Answering(How_heavy="3 kg.")
    notebook.put("hybrid", {"index": "a"}, "Mass?", "4 kg.")
    answers = notebook.answering("hybrid", {"index": "a"}, batch)
    assert answers(["Mass?", "How heavy?", "How heavy?"]) == ["4 kg.", "3 kg.", "3 kg."]
    again = Notebook(tmp_path / "answers.jsonl").answering("hybrid", {"index": "a"}, batch)
    assert again(["How heavy?"]) == ["3 kg."] and batch.asked == ["How heavy?"]
    assert notebook.answering("hybrid", {"index": "b"}, batch)(["How heavy?"]) == ["3 kg."] and len(batch.asked) == 2


def test_a_line_torn_by_a_kill_costs_that_answer_only(tmp_path: Path) -> None:
    path = tmp_path / "answers.jsonl"
    Notebook(path).put("rag", {}, "kept?", "yes\u2028still")
    Notebook(path).put("rag", {}, "torn?", "yes")
    path.write_text(path.read_text(encoding="utf-8")[:-9], encoding="utf-8")
    Notebook(path).put("rag", {}, "next?", "no")
    found = Notebook(path)
    assert [found.get("rag", {}, text) for text in ("kept?", "torn?", "next?")] == ["yes\u2028still", None, "no"]
