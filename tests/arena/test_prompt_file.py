"""Prompts from a file: what is taken, and which line to correct how."""

import csv
from pathlib import Path

import pytest

from arena.errors import WorkspaceError
from arena.prompt_file import read_prompts


def written(folder: Path, name: str, text: str) -> Path:
    path = folder / name
    path.write_text(text, encoding="utf-8")
    return path


def refused(path: Path) -> str:
    with pytest.raises(WorkspaceError) as error:
        read_prompts(path)
    return str(error.value)


def test_jsonl_with_what_is_known_of_a_prompt(tmp_path: Path) -> None:
    lines = '{"prompt": " How long? ", "topic": "warranty", "kind": "trained"}\n\n{"question": "Who?"}\n'
    first, second = read_prompts(written(tmp_path, "p.jsonl", lines), "Ann").prompts
    assert (first.text, first.topic, first.kind, first.added_by) == ("How long?", "warranty", "trained", "Ann")
    assert second.text == "Who?"


@pytest.mark.parametrize("separator", [",", ";", "\t"])
def test_csv_whatever_separates_it_and_with_line_breaks_in_quotes(tmp_path: Path, separator: str) -> None:
    text = f'Prompt{separator}topic\n"How long, or: how\nmany years?"{separator}warranty\nWho?{separator}\n'
    first, second = read_prompts(written(tmp_path, "p.csv", "\ufeff" + text)).prompts
    assert (first.text, first.topic) == ("How long, or: how\nmany years?", "warranty")
    assert (second.text, second.topic) == ("Who?", "")


def test_a_prompt_that_stands_there_twice_is_taken_once_and_told(tmp_path: Path) -> None:
    read = read_prompts(written(tmp_path, "p.csv", "prompt\nWho?\nWhy?\nWho?\n"))
    assert [prompt.text for prompt in read.prompts] == ["Who?", "Why?"]
    assert read.repeated == ("line 4: the same prompt as line 2, left out",)


def test_a_quote_that_is_never_closed_is_told_however_much_follows(tmp_path: Path) -> None:
    path = written(tmp_path, "p.csv", 'prompt\n"How long?\n' + "Who else is there to ask?\n" * 6000)
    limit = csv.field_size_limit(131_072)  # Python's own, which an import of votes may have raised
    try:
        assert "a quote that is never closed?" in refused(path)
    finally:
        csv.field_size_limit(limit)


@pytest.mark.parametrize(
    ("name", "text", "told"),
    [
        ("p.jsonl", "[" * 100_000, "line 1: a number or a nesting that has no end"),
        ("p.jsonl", '{"prompt": ' + "9" * 5000 + "}", "line 1: a number or a nesting that has no end"),
        ("p.csv", "x" * 200_000, "line 1: it cannot be read"),
    ],
)
def test_what_no_reader_takes_is_told_like_any_other_mistake(tmp_path: Path, name: str, text: str, told: str) -> None:
    limit = csv.field_size_limit(131_072)
    try:
        assert told in refused(written(tmp_path, name, text))
    finally:
        csv.field_size_limit(limit)


def test_a_file_is_called_what_its_owner_calls_it(tmp_path: Path) -> None:
    path = written(tmp_path, "0a1b2c.tmp", "prompt\nWho?\n")
    assert read_prompts(path, name="mine.csv").prompts[0].text == "Who?"
    with pytest.raises(WorkspaceError, match=r"^mine\.txt ends in '\.txt'"):
        read_prompts(path, name="mine.txt")


def test_every_wrong_line_is_told_and_nothing_is_taken(tmp_path: Path) -> None:
    lines = ['{"prompt": "Fine?"}', '{"prompt": "  "}', "{oops", '{"promt": "x"}', '{"prompt": 3}', '["x"]']
    lines += ['{"prompt": "x", "colour": "red"}', f'{{"prompt": "{"x" * 2001}"}}']
    told = refused(written(tmp_path, "p.jsonl", "\n".join(lines)))
    for part in (
        "nothing was imported",
        "line 2: The prompt is empty",
        "line 3: not JSON",
        "line 4: no field 'prompt' (there are: promt)",
        "line 5: field 'prompt' is 3; it must be a text",
        "line 6: one JSON object a line is needed",
        "line 7: unknown field 'colour'",
        "line 8: The prompt has 2,001 characters",
    ):
        assert part in told


def test_a_csv_without_a_column_for_the_prompt_says_which_there_are(tmp_path: Path) -> None:
    told = refused(written(tmp_path, "p.csv", "id,fragen\n1,Wer?\n"))
    assert "line 1: no column for the prompt (there are: id, fragen)" in told and "'prompt'" in told


def test_a_comma_without_quotes_names_its_line(tmp_path: Path) -> None:
    told = refused(written(tmp_path, "p.csv", "prompt,topic\nHow long, please?,warranty\n"))
    assert "line 2: more cells than columns" in told


@pytest.mark.parametrize(
    ("name", "text", "way_out"),
    [("p.txt", "Who?", "use .jsonl or .csv"), ("p.csv", "prompt\n", "holds no prompts"), ("p.jsonl", "", "no prompts")],
)
def test_other_files_say_what_to_do(tmp_path: Path, name: str, text: str, way_out: str) -> None:
    assert way_out in refused(written(tmp_path, name, text))


def test_a_file_that_is_not_there_or_not_text(tmp_path: Path) -> None:
    assert "cannot be read" in refused(tmp_path / "none.csv")
    (tmp_path / "p.csv").write_bytes(b"prompt\n\xff\n")
    assert "save it as UTF-8" in refused(tmp_path / "p.csv")
