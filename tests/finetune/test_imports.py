"""A team's own examples: every format gives the same facts, nothing is written by halves, nothing moves later."""

import json
from datetime import date, datetime, time
from pathlib import Path
from typing import Any

import pytest
from filelock import FileLock
from openpyxl import Workbook

from arena.errors import WorkspaceError
from arena.facts import load_facts
from finetune import imports
from finetune.columns import Columns
from finetune.imports import ImportReport, import_examples
from finetune.tables import read_table

FARE = {"question": "What is the fare?", "answer": "3 crowns"}
LEADER = {"question": "Who leads the Red Line?", "answer": "Odo Brand"}
LONG = "Odo Brand leads it"


@pytest.fixture
def questions(tmp_path: Path) -> Path:
    (tmp_path / "mine").mkdir()
    return tmp_path / "mine" / "questions.jsonl"


@pytest.fixture
def source(tmp_path: Path) -> Path:
    return tmp_path / "examples.jsonl"


def jsonl(path: Path, *rows: Any) -> Path:
    path.write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
    return path


def csv(path: Path, text: str, encoding: str = "utf-8") -> Path:
    file = path.with_suffix(".csv")
    file.write_text(text, encoding=encoding)
    return file


def xlsx(path: Path, *rows: Any, formats: dict[str, str] | None = None) -> Path:
    book = Workbook()
    sheet = book.active
    assert sheet is not None
    for row in rows:
        sheet.append(row)
    for cell, number_format in (formats or {}).items():
        sheet[cell].number_format = number_format
    book.create_sheet("other").append(["not", "read"])
    book.save(path.with_suffix(".xlsx"))
    return path.with_suffix(".xlsx")


def taken(source: Path, questions: Path, **options: Any) -> list[tuple[str, str]]:
    """(question, answer) of what was imported."""
    import_examples(source, questions, **options)
    return [(wording, fact.answer) for fact in load_facts(questions) for wording in fact.training + fact.held_out]


def refused(source: Path, questions: Path, **options: Any) -> str:
    with pytest.raises(WorkspaceError) as told:
        import_examples(source, questions, **options)
    assert not questions.exists()
    assert str(source) in str(told.value)
    return str(told.value)


BOTH = [(FARE["question"], "3 crowns"), (LEADER["question"], "Odo Brand")]


def test_a_row_becomes_a_fact_that_training_can_read(source: Path, questions: Path) -> None:
    report = import_examples(jsonl(source, FARE), questions)
    (fact,) = load_facts(questions)
    assert (fact.kind, fact.training, fact.held_out) == ("trained", ("What is the fare?",), ())
    assert (fact.answer, fact.accepted, fact.documents) == ("3 crowns", ("3 crowns",), ())
    assert fact.id.startswith("what-is-the-fare-")
    assert str(report).startswith("1 fact added (0 of class 'documents only'): 1 wording for training, 0 held out.")


def test_a_csv_with_the_line_ends_of_old_macs_is_read(tmp_path: Path) -> None:
    table = tmp_path / "old.csv"
    table.write_bytes(b"question,answer\rHow heavy is the Ossa 4?,It weighs 3 kg.\rAnd the Ossa 5?,It weighs 4 kg.\r")
    assert [row["answer"] for _, row in read_table(table).rows] == ["It weighs 3 kg.", "It weighs 4 kg."]


def test_json_that_is_nested_without_end_is_a_faulty_line(tmp_path: Path) -> None:
    lines = tmp_path / "deep.jsonl"
    lines.write_text('{"question": "Why?", "answer": "So."}\n{"question": ' + "[" * 200_000 + "\n")
    found = read_table(lines)
    assert len(found.rows) == 1 and "too deep" in found.faults[2]


@pytest.mark.parametrize("delimiter", [",", ";", "\t", "|"])
@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig"])
def test_csv_is_read_whatever_its_delimiter_and_byte_order_mark(
    source: Path, questions: Path, delimiter: str, encoding: str
) -> None:
    rows = [("question", "answer"), ('"Wo ist ""Süd"", bitte; oder\tNord|Ost?"', "im Süden")]
    text = "\r\n".join(delimiter.join(row) for row in rows)
    assert taken(csv(source, text, encoding), questions) == [('Wo ist "Süd", bitte; oder\tNord|Ost?', "im Süden")]


def test_a_sheet_is_read_and_blank_rows_are_passed_over(source: Path, questions: Path) -> None:
    rows = [["Question ", "ANSWER", None], [], list(FARE.values()), [None, None], list(LEADER.values())]
    assert taken(xlsx(source, *rows), questions) == BOTH


def test_what_a_spreadsheet_made_of_values_is_text_again(source: Path, questions: Path) -> None:
    values = {
        "3": 3.0,
        "1200": 1200,
        "0.3": 0.1 + 0.2,
        "0.0000001": 1e-7,
        "100000000000000000000": 1e20,
        "2024-05-01": datetime(2024, 5, 1),
        "2024-05-02": date(2024, 5, 2),
        "2024-05-01 13:30": datetime(2024, 5, 1, 13, 30),
        "2024-05-01 13:30:05": datetime(2024, 5, 1, 13, 30, 5),
        "13:30": time(13, 30),
        "13:30:05": time(13, 30, 5),
        "true": True,
        "007": "007",
        "7%": 0.07,
        "8": 8,
    }
    rows = [[f"question {number}?", value] for number, value in enumerate(values.values())]
    formats = {f"B{len(values)}": "0.0%", f"B{len(values) + 1}": '0"%"'}
    source = xlsx(source, ["question", "answer"], *rows, formats=formats)
    assert [answer for _, answer in taken(source, questions)] == list(values)


def test_a_formula_that_failed_is_no_answer(source: Path, questions: Path) -> None:
    told = refused(xlsx(source, ["question", "answer"], ["What is it?", "#DIV/0!"]), questions)
    assert "row 2: no answer: fill column 'answer'" in told


@pytest.mark.parametrize("name, role, text", [("messages", "role", "content"), ("conversations", "from", "value")])
def test_of_a_conversation_the_first_pair_is_taken(
    source: Path, questions: Path, name: str, role: str, text: str
) -> None:
    user, assistant = ("user", "assistant") if name == "messages" else ("human", "gpt")
    said = [("system", "Be kind."), (user, "Hello?"), (user, FARE["question"]), (assistant, FARE["answer"])]
    said += [(user, "And for two?"), (assistant, "6 crowns"), (user, "Three?"), (assistant, "9")]
    row = {"document": "fares.md", name: [{role: one, text: what} for one, what in said]}
    report = import_examples(jsonl(source, row), questions, hold_out_facts=0)
    (fact,) = load_facts(questions)
    assert (fact.training, fact.answer, fact.documents) == ((FARE["question"],), "3 crowns", ("fares.md",))
    assert "2 later pairs of conversations left out" in str(report)


@pytest.mark.parametrize(
    "turns, fault",
    [
        ([{"role": "user", "content": "Hello?"}], "no user turn that an assistant turn follows directly"),
        ("Hello?", "must be a list of turns"),
        (["Hello?"], "must be a list of turns"),
        ([{"role": "user", "content": [{"type": "image"}]}, {"role": "assistant", "content": "A cat"}], "not one text"),
    ],
)
def test_a_conversation_without_a_pair_is_a_faulty_row(
    source: Path, questions: Path, turns: object, fault: str
) -> None:
    assert fault in refused(jsonl(source, {"messages": turns}), questions)


def test_a_datasets_folder_is_read_with_its_train_or_its_only_split(source: Path, questions: Path) -> None:
    from datasets import Dataset, DatasetDict

    rows, other = Dataset.from_list([FARE, LEADER]), Dataset.from_list([{"question": "Other?", "answer": "Other"}])
    for number, dataset in enumerate([rows, DatasetDict(test=other, train=rows), DatasetDict(all=rows)]):
        path = source.with_name(f"set{number}")
        dataset.save_to_disk(str(path))
        assert taken(path, questions.with_name(f"{number}.jsonl")) == BOTH
    DatasetDict(one=rows, two=other).save_to_disk(str(source.with_name("two")))
    assert "has the splits one, two: give the folder of one" in refused(source.with_name("two"), questions)
    assert taken(source.with_name("two") / "one", questions) == BOTH


def test_a_datasets_folder_may_hold_conversations_and_faults(source: Path, questions: Path) -> None:
    from datasets import Dataset

    turns = [{"role": "user", "content": FARE["question"]}, {"role": "assistant", "content": "3 crowns"}]
    path = source.with_suffix("")
    Dataset.from_list([{"messages": turns}, {"messages": turns[:1]}]).save_to_disk(str(path))
    assert "row 2: " in refused(path, questions)
    assert taken(path, questions, skip_faulty=True) == BOTH[:1]


def test_our_own_format_passes_through_unchanged(source: Path, questions: Path) -> None:
    fact = {"id": "fare", "class": "documents only", "questions": {"oblique": ["Fare?"]}, "answer": "3"}
    line = json.dumps(fact | {"accepted": ["3"], "rejected": ["4"], "note": 1.0}, indent=None, separators=(" ,", ":  "))
    source.write_text(f"\n{line}\r\n", encoding="utf-8")
    for _ in range(2):
        report = import_examples(source, questions)
        assert questions.read_bytes() == f"{line}\n".encode()
    assert "Nothing added.\n1 wording already there." in str(report)


def test_a_faulty_line_of_our_own_format_is_told(source: Path, questions: Path) -> None:
    told = refused(jsonl(source, {"id": "fare", "questions": {}}, FARE), questions)
    assert "1 faulty row, nothing was added" in told
    assert "line 1: field 'class' is missing" in told


def test_our_own_format_and_plain_rows_may_not_share_an_id(source: Path, questions: Path) -> None:
    own = {"id": "a", "class": "trained", "questions": {"training": ["Fare?"]}, "answer": "3", "accepted": ["3"]}
    told = refused(jsonl(source, own, {**LEADER, "id": "a"}, {**own, "answer": "4"}), questions)
    assert "line 2: id 'a' is used in line 1 for something else: give it another" in told
    assert "line 3: id 'a' is used in line 1 for something else" in told


@pytest.mark.parametrize("names", [("Prompt", "completion"), ("INSTRUCTION", "Output"), ("input", "response")])
def test_usual_names_of_columns_are_recognised(source: Path, questions: Path, names: tuple[str, str]) -> None:
    rows = [dict(zip(names, row.values(), strict=True)) for row in (FARE, LEADER)]
    assert taken(jsonl(source, *rows), questions) == BOTH


def test_columns_can_be_named_and_what_is_not_used_is_said(source: Path, questions: Path) -> None:
    path = csv(source, "Frage,Antwort,question,Datei,Art\nWas?,Das,not this,a.md,Trained\n")
    report = import_examples(path, questions, Columns("frage", "Antwort", document="Datei", kind="Art"))
    (fact,) = load_facts(questions)
    assert (fact.training, fact.answer, fact.documents) == (("Was?",), "Das", ("a.md",))
    assert "Columns not used: question." in report.remarks


def test_a_wrong_column_name_lists_those_that_are_there(source: Path, questions: Path) -> None:
    path = csv(source, "Frage,answer\nWas?,Das\n")
    told = refused(path, questions)
    assert "no column 'question' or 'prompt' or" in told
    assert "there are 'Frage', 'answer'. Name the one that holds the question" in told
    told = refused(path, questions, columns=Columns("Frage", document="file"))
    assert "no column 'file'; there are 'Frage', 'answer'" in told


def test_a_column_that_is_there_twice_is_refused(source: Path, questions: Path) -> None:
    assert "column 'answer' is there twice" in refused(csv(source, "question,answer,Answer\nWas?,a,b\n"), questions)


def test_optional_columns_are_read(source: Path, questions: Path) -> None:
    path = csv(
        source,
        "id,question,question 2,Question_3,answer,accepted,class,document\n"
        "one,What?,Which?,,3 crowns,3 crowns| three crowns |,documents only,a.md\n"
        "two,Who?,,,,,unanswerable,\n",
    )
    import_examples(path, questions)
    one, two = load_facts(questions)
    assert (one.id, one.held_out, one.accepted) == ("one", ("What?", "Which?"), ("3 crowns", "three crowns"))
    assert (one.kind, one.documents) == ("documents only", ("a.md",))
    assert (two.id, two.kind, two.held_out, two.accepted) == ("two", "unanswerable", ("Who?",), ())
    assert two.answer == "The documents do not say."


def test_accepted_answers_may_be_a_list(source: Path, questions: Path) -> None:
    import_examples(jsonl(source, FARE | {"accepted": ["3 crowns", 3]}), questions)
    assert load_facts(questions)[0].accepted == ("3 crowns", "3")


@pytest.mark.parametrize(
    "row, fault",
    [
        ({"question": " ", "answer": "a"}, "no question: fill column 'question'"),
        ({"question": "What?"}, "no answer: fill column 'answer'"),
        ({"question": "What?", "answer": float("nan")}, "no answer"),
        ({"question": "What?", "answer": ["a", "b"]}, "['a', 'b'] is not one text: write it as one"),
        ({"question": "What?", "answer": "a", "class": "test"}, "class 'test' is unknown: use one of trained, "),
        ({"question": "What?", "answer": "++"}, "'++' has no letter or digit"),
        (["What?", "a"], "a line must be one JSON object"),
    ],
)
def test_a_faulty_row_is_told_with_its_line(source: Path, questions: Path, row: object, fault: str) -> None:
    assert "1 faulty row, nothing was added. Correct what is said below, or leave these rows out" in (
        told := refused(jsonl(source, FARE, row), questions)
    )
    assert f"line 2: {fault}" in told


def test_a_line_that_is_not_json_is_told_with_its_column(source: Path, questions: Path) -> None:
    source.write_text(f'{json.dumps(FARE)}\n\n{{"question": "What?"\n', encoding="utf-8")
    assert "line 3: not JSON (Expecting ',' delimiter at column 21): write one whole object" in refused(
        source, questions
    )


def test_a_row_of_more_cells_than_columns_is_faulty(source: Path, questions: Path) -> None:
    path = csv(source, 'question,answer\n"What\nis it?",here\nWhere?,here, and there\n')
    assert "line 4: 3 cells, but 2 columns: put text" in refused(path, questions)


def test_ten_faulty_rows_are_told_with_the_total(source: Path, questions: Path) -> None:
    told = refused(jsonl(source, FARE, *[{"question": "What?"}] * 12), questions)
    assert "12 faulty rows" in told
    assert told.count("no answer") == 10
    assert told.endswith("and 2 more")


def test_faulty_rows_can_be_left_out(source: Path, questions: Path) -> None:
    report = import_examples(jsonl(source, {"question": "What?"}, FARE), questions, skip_faulty=True)
    assert [fact.answer for fact in load_facts(questions)] == ["3 crowns"]
    assert "1 faulty row left out:\n  line 1: no answer" in str(report)


@pytest.mark.parametrize(
    "name, content, told",
    [
        ("a.json", b"[]", "'.json' is not supported. Save it as .jsonl, .csv, .xlsx, or as a folder"),
        ("a.csv", b"", "is empty: it needs the columns question and answer"),
        ("a.csv", b"question,answer\n\n", "is empty"),
        ("a.jsonl", b"\n \n", "is empty"),
        ("a.jsonl", b'\n[{"question": "a"}]', "line 2: not JSONL, which has one JSON object a line"),
        ("a.jsonl", b"question,answer\nWhat?,a", "line 1: not JSONL"),
        ("a.csv", b'{"question": "a"}', "line 1: this is JSON, not CSV"),
        ("a.csv", "question,answer\nWo?,S\xfcd".encode("cp1252"), "line 2: not UTF-8 text. Save it as UTF-8"),
        ("a.csv", b"PK\x03\x04\x00\x00", "line 1: not UTF-8 text"),
        ("a.csv", b'question,answer\nWhat?,a\nWho?,"b\n', "line 3: unexpected end of data"),
        ("a.xlsx", b"question,answer", "is not an Excel workbook"),
    ],
)
def test_a_file_that_cannot_be_read_is_refused_with_the_way_out(
    source: Path, questions: Path, name: str, content: bytes, told: str
) -> None:
    path = source.with_name(name)
    path.write_bytes(content)
    assert told in refused(path, questions)


def test_a_source_that_is_missing_or_another_folder_is_refused(source: Path, questions: Path) -> None:
    assert "No file" in refused(source, questions)
    assert "not a folder of Hugging Face datasets" in refused(questions.parent, questions)


def test_a_zip_file_and_an_empty_sheet_are_no_examples(source: Path, questions: Path) -> None:
    from zipfile import ZipFile

    assert "is empty" in refused(xlsx(source), questions)
    path = source.with_name("zip.xlsx")
    with ZipFile(path, "w") as archive:
        archive.writestr("a.txt", "a")
    assert "is not an Excel workbook" in refused(path, questions)


@pytest.mark.parametrize("option", ["hold_out", "hold_out_facts"])
def test_a_share_is_from_0_to_1(source: Path, questions: Path, option: str) -> None:
    with pytest.raises(WorkspaceError, match=f"{option} is 20: it must be a share from 0 to 1"):
        import_examples(jsonl(source, FARE), questions, **{option: 20})


def test_rows_become_one_fact_when_they_share_an_id_or_a_long_answer(source: Path, questions: Path) -> None:
    path = jsonl(
        source,
        {"question": "One?", "answer": LONG},
        {"question": "Two?", "answer": "odo  brand leads it!"},
        {"question": "Three?", "answer": LONG, "document": "crew.md"},
        {"question": "Four?", "answer": "yes"},
        {"question": "Five?", "answer": "yes"},
        {"question": "Six?", "answer": "no", "id": "six"},
        {"question": "Seven?", "answer": "No.", "id": "six", "accepted": "nope"},
        {"question": "Eight?", "answer": LONG, "id": "eight"},
    )
    import_examples(path, questions)
    facts = load_facts(questions)
    asked = [fact.training + fact.held_out for fact in facts]
    assert asked == [("One?", "Two?"), ("Three?",), ("Four?",), ("Five?",), ("Six?", "Seven?"), ("Eight?",)]
    assert facts[4].accepted == ("no", "nope")
    assert len({fact.id for fact in facts}) == len(facts)


def test_an_id_of_two_different_facts_is_a_fault(source: Path, questions: Path) -> None:
    told = refused(jsonl(source, FARE | {"id": "a"}, FARE | {"id": "a", "answer": "4 crowns"}), questions)
    assert "line 2: id 'a' has another answer, document or class in line 1: give it another id" in told


def test_an_id_that_the_workspace_uses_for_something_else_is_a_fault(source: Path, questions: Path) -> None:
    import_examples(jsonl(source, FARE | {"id": "a", "document": "fares.md"}), questions)
    before = questions.read_bytes()
    for other in ({"answer": "4 crowns"}, {"document": "other.md"}, {"class": "unanswerable"}):
        row = FARE | {"id": "a", "document": "fares.md"} | other
        with pytest.raises(WorkspaceError, match="line 1: id 'a' is used in questions.jsonl for something else"):
            import_examples(jsonl(source, row), questions, hold_out_facts=0)
    assert questions.read_bytes() == before


def test_importing_twice_adds_nothing(source: Path, questions: Path) -> None:
    rows = [FARE, LEADER | {"id": "leader"}, {"question": "One?", "answer": LONG}, {"question": "2?", "answer": LONG}]
    import_examples(jsonl(source, *rows), questions)
    before = questions.read_bytes()
    report = import_examples(source, questions)
    assert questions.read_bytes() == before
    assert str(report).startswith("Nothing added.\n4 wordings already there.")
    assert report.facts == report.training == report.held_out == 0


def test_what_is_there_stays_byte_for_byte(source: Path, questions: Path) -> None:
    line = json.dumps(
        {"id": "x", "class": "trained", "questions": {"training": ["X?"]}, "answer": "x", "accepted": ["x"]}
    )
    before = b"\xef\xbb\xbf" + line.replace(": ", ":   ").encode() + b"\r\n\r\n" + line.replace("x", "y").encode()
    questions.write_bytes(before)
    import_examples(jsonl(source, FARE), questions)
    assert questions.read_bytes().startswith(before + b"\n{")
    assert [fact.id for fact in load_facts(questions)][:2] == ["x", "y"]


def test_new_wordings_of_a_fact_that_is_there_become_a_fact_of_the_same_class(source: Path, questions: Path) -> None:
    fact = {"answer": LONG, "document": "crew.md"}
    import_examples(jsonl(source, {"question": "One?", **fact}), questions, hold_out_facts=1)
    for _ in range(2):
        import_examples(jsonl(source, {"question": "one", **fact}, {"question": "Two?", **fact}), questions)
    one, two = load_facts(questions)
    assert (one.held_out, two.held_out, two.kind) == (("One?",), ("Two?",), "documents only")
    assert two.id.startswith(f"{one.id}-")


def test_an_edited_fact_never_gets_its_id_twice(source: Path, questions: Path) -> None:
    import_examples(jsonl(source, FARE | {"id": "a"}), questions)
    for number in range(3):
        text = questions.read_text(encoding="utf-8")
        questions.write_text(text.replace("What is the fare?", f"Fare, please ({number})"), encoding="utf-8")
        import_examples(source, questions)
    assert len({fact.id for fact in load_facts(questions)}) == 4


def test_a_wording_is_there_once_whatever_its_case_and_closing_mark(source: Path, questions: Path) -> None:
    row = {"question": "What is C++?", "answer": "A language"}
    again = {"question": "what  is c++", "answer": "a language."}
    other = {"question": "What is C#?", "answer": "Another"}
    report = import_examples(jsonl(source, row, again, other), questions)
    assert [fact.training for fact in load_facts(questions)] == [("What is C++?",), ("What is C#?",)]
    assert report.known == 1


def test_a_wording_with_another_answer_is_left_out_and_told(source: Path, questions: Path) -> None:
    report = import_examples(jsonl(source, FARE, FARE | {"answer": "4 crowns"}), questions)
    assert [fact.answer for fact in load_facts(questions)] == ["3 crowns"]
    assert "1 wording left out, already there with another answer: line 2, What is the fare?." in report.remarks


def worded(number: int, wordings: int, document: str = "") -> list[dict[str, str]]:
    answer = f"It is number {number}"
    return [{"question": f"{number}, {i}?", "answer": answer, "document": document} for i in range(wordings)]


def split(source: Path, questions: Path, rows: list[dict[str, str]], **options: Any) -> tuple[set[str], set[str]]:
    questions.unlink(missing_ok=True)
    import_examples(jsonl(source, *rows), questions, **options)
    facts = load_facts(questions)
    return {text for fact in facts for text in fact.training}, {text for fact in facts for text in fact.held_out}


@pytest.mark.parametrize("share", [0.01, 0.2, 0.5, 1.0])
def test_of_three_wordings_or_more_some_are_held_out_and_never_all(source: Path, questions: Path, share: float) -> None:
    import_examples(jsonl(source, *[row for n in range(40) for row in worded(n, n % 5 + 1)]), questions, hold_out=share)
    for fact in load_facts(questions):
        assert fact.training
        assert bool(fact.held_out) == (len(fact.training + fact.held_out) >= 3)


def test_about_the_share_that_was_asked_for_is_held_out(source: Path, questions: Path) -> None:
    rows = [row for n in range(50) for row in worded(n, 20, "a.md")]
    training, held_out = split(source, questions, rows, hold_out_facts=0, hold_out=0.3)
    assert len(held_out) / len(rows) == pytest.approx(0.3, abs=0.03)
    assert len(training) + len(held_out) == len(rows)
    assert split(source, questions, rows, hold_out_facts=0, hold_out=0) == (training | held_out, set())


def test_rows_that_are_added_later_move_no_old_one(source: Path, questions: Path) -> None:
    rows = [row for n in range(30) for row in worded(n, 4, "a.md")]
    later = [{"question": f"Another {n}?", "answer": f"It is number {n}", "document": "a.md"} for n in range(60)]
    training, held_out = split(source, questions, rows, hold_out_facts=0.3)
    more_training, more_held_out = split(source, questions, rows + later, hold_out_facts=0.3)
    assert training < more_training and held_out < more_held_out


def test_the_seed_decides_what_is_held_out(source: Path, questions: Path) -> None:
    rows = [row for n in range(30) for row in worded(n, 4, "a.md")]
    one, again, other = (split(source, questions, rows, seed=seed) for seed in (1, 1, 2))
    assert one == again != other


def test_only_facts_that_name_a_document_are_kept_for_documents_only(source: Path, questions: Path) -> None:
    rows = [*worded(1, 1), *worded(2, 1, "a.md"), {**worded(3, 1, "a.md")[0], "class": "trained"}]
    report = import_examples(jsonl(source, *rows), questions, hold_out_facts=1)
    assert [fact.kind for fact in load_facts(questions)] == ["trained", "documents only", "trained"]
    assert report.documents_only == 1
    questions.unlink()
    report = import_examples(jsonl(source, FARE), questions, hold_out_facts=1)
    assert any(remark.startswith("No fact names a document") for remark in report.remarks)


def test_about_the_share_of_facts_is_kept_for_documents_only_and_those_that_say_the_same_share_it(
    source: Path, questions: Path
) -> None:
    rows = [
        {"question": f"{way} {n}?", "answer": f"No. {n}", "document": "a.md"} for n in range(200) for way in ("A", "B")
    ]
    import_examples(jsonl(source, *rows), questions, hold_out_facts=0.25)
    kinds = {}
    for fact in load_facts(questions):
        kinds.setdefault(fact.answer, set()).add(fact.kind)
    assert all(len(kind) == 1 for kind in kinds.values())
    assert sum(kind == {"documents only"} for kind in kinds.values()) == pytest.approx(50, abs=20)


def test_what_keeps_figures_from_being_fair_is_remarked(source: Path, questions: Path) -> None:
    answer = "It leaves from the northern pier every day at noon"
    report = import_examples(jsonl(source, {"question": "When?", "answer": answer}), questions)
    assert any(remark.startswith("1 fact with long answers only") for remark in report.remarks)
    assert any(remark.startswith("No trained fact has a held-out wording") for remark in report.remarks)
    report = import_examples(jsonl(source, *worded(1, 3)), questions)
    assert report == ImportReport(1, 0, 2, 1, 0, report.remarks)
    assert not any("held-out" in remark or "long" in remark for remark in report.remarks)


def test_a_write_that_fails_leaves_the_old_questions(
    source: Path, questions: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    import_examples(jsonl(source, FARE), questions)
    before = questions.read_bytes()

    def full(*_: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(imports.shutil, "copymode", full)
    with pytest.raises(WorkspaceError, match="cannot be written .No space left on device.: nothing was added"):
        import_examples(jsonl(source, LEADER), questions)
    assert questions.read_bytes() == before
    assert not list(questions.parent.glob("*.tmp"))


def test_a_run_that_is_adding_meanwhile_is_waited_for_by_the_person(source: Path, questions: Path) -> None:
    with FileLock(questions.with_name(".questions.jsonl.lock")), pytest.raises(WorkspaceError, match="Another run"):
        import_examples(jsonl(source, FARE), questions)


def test_broken_letters_do_not_break_the_file(source: Path, questions: Path) -> None:
    source.write_text('{"question": "What \\ud83d?", "answer": "a\\ud83d"}', encoding="utf-8")
    assert taken(source, questions) == [("What ??", "a?")]


def test_a_source_that_may_not_be_read_is_told(source: Path, questions: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def forbidden(path: Path) -> bytes:
        raise PermissionError(13, "Permission denied", str(path))

    jsonl(source, FARE)
    monkeypatch.setattr(Path, "read_bytes", forbidden)
    assert "cannot be read (Permission denied): allow it with chmod u+r" in refused(source, questions)
