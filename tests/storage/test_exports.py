"""Exports hold everything and come back as they were; imports double nothing; a spreadsheet computes nothing. What
depends on the database is tested on each kind of it (`kept`), what depends on the files on one."""

import csv
import json
import zipfile
from collections.abc import Callable
from pathlib import Path

import pytest
import sqlalchemy as sa
from pyarrow import parquet

from arena.errors import ImportRefused, StorageError
from arena.question import Turn
from storage import DatabaseHistory, records, tables
from storage.cells import FORMULAS, defused, restored
from storage.exports import export, import_
from tests.storage.contents import FORMULA, everything, fill
from tests.storage.examples import answered, pair, vote_on

LIVE = [
    *("ok;=1+1;", 'ok;"=1+1"', ";=1", "ok;'=1", "ok;''=1;'", "a, b;", 'a;"', "\t\t=1\t", "a;\t+1"),
    *("; =1;-", "';'", '"\n"', "one\n-1\r\n=1\r@x\n", "kept\n\n'quoted' and; so\n", "fullwidth;＝1"),
    *('";"=1+1";"', 'x\n"=1"', ",;=1", "ok;\n"),
]
"""Texts in which another separator than ours would find a formula, or that look like guarded ones."""
FORMS = ["one.csv", "one.jsonl", "one.parquet", "all.zip", "folder"]
NewHistory = Callable[[], DatabaseHistory]


@pytest.mark.parametrize(
    ("form", "ending"),
    [(name, name[3:]) for name in FORMS[:3]]
    + [("all.zip", ".parquet"), ("all.zip", ".csv"), ("folder", ".jsonl"), ("folder", ".csv")],
)
def test_what_is_exported_and_imported_is_the_same(
    kept: DatabaseHistory, another: NewHistory, tmp_path: Path, form: str, ending: str
) -> None:
    fill(kept)
    counts = export(kept.database, tmp_path / form, ending)
    assert counts == {
        **{"comparison": 3, "answer": 6, "passage": 2, "vote": 2, "vote_history": 3},
        **{"prompt": 2, "task": 2, "ballot": 1},
    }
    there = another()
    merged = import_(there.database, tmp_path / form)
    assert everything(there) == everything(kept) and merged.added["vote_history"] == 3 and not merged.kept
    export(there.database, tmp_path / f"again-{form}", ending)
    if form.startswith("one"):
        assert (tmp_path / form).read_bytes() == (tmp_path / f"again-{form}").read_bytes()


def test_an_export_crosses_from_one_kind_of_database_to_the_other(
    kept: DatabaseHistory, another: NewHistory, tmp_path: Path
) -> None:
    here = another()
    fill(here)
    export(here.database, tmp_path / "one.parquet")
    import_(kept.database, tmp_path / "one.parquet")
    assert not import_(kept.database, tmp_path / "one.parquet").added
    export(kept.database, tmp_path / "two.parquet")
    back = another()
    import_(back.database, tmp_path / "two.parquet")
    written = repr(everything(here))
    if kept.engine.dialect.name == "postgresql":
        written = written.replace("\\x00", "\ufffd")
    assert repr(everything(back)) == written


def test_no_password_leaves_with_an_export(history: DatabaseHistory, tmp_path: Path) -> None:
    fill(history)
    export(history.database, tmp_path / "one.jsonl")
    text = (tmp_path / "one.jsonl").read_text()
    assert "secret" not in text and "sign_in" not in text and '"ann"' not in text and '"Ann"' in text


@pytest.mark.parametrize("form", ["one.parquet", "folder"])
def test_importing_again_doubles_nothing(kept: DatabaseHistory, tmp_path: Path, form: str) -> None:
    fill(kept)
    export(kept.database, tmp_path / form)
    before = everything(kept)
    for _ in range(2):
        merged = import_(kept.database, tmp_path / form)
        assert not merged.added and not merged.changed and merged.kept["vote"] == 2
    assert everything(kept) == before


def test_accounts_and_sign_ins_stay_where_they_are(kept: DatabaseHistory, another: NewHistory, tmp_path: Path) -> None:
    fill(kept)
    there = another()
    export(kept.database, tmp_path / "folder", ".csv")
    import_(there.database, tmp_path / "folder")
    assert not {"person.csv", "sign_in.csv"} & {path.name for path in (tmp_path / "folder").iterdir()}
    with there.database.reading() as connection:
        assert not connection.execute(sa.select(tables.person)).all()


@pytest.mark.parametrize("start", FORMULAS)
def test_no_cell_that_people_wrote_can_begin_a_formula(start: str) -> None:
    assert defused(f"{start}1+1") == f"'{start}1+1" and restored(defused(f"{start}1+1")) == f"{start}1+1"
    assert restored(defused(f"'{start}")) == f"'{start}" and defused("a=1") == "a=1"


def test_no_csv_of_an_export_has_a_cell_that_begins_a_formula(history: DatabaseHistory, tmp_path: Path) -> None:
    fill(history)
    export(history.database, tmp_path / "folder")
    export(history.database, tmp_path / "one.csv")
    texts = []
    for path in (*tmp_path.glob("folder/**/*.csv"), tmp_path / "one.csv"):
        with path.open(encoding="utf-8-sig", newline="") as file:
            texts += [cell for row in csv.reader(file) for cell in row]
    assert f"'{FORMULA}" in texts
    numbers = [cell for cell in texts if cell.startswith(FORMULAS)]
    assert numbers and all(float(cell) < 0 for cell in numbers)  # a score, which no person wrote


@pytest.mark.parametrize("separator", [",", ";", "\t"])
def test_whatever_separates_cells_none_begins_a_formula_and_the_import_is_exact(
    history: DatabaseHistory, another: NewHistory, tmp_path: Path, separator: str
) -> None:
    for number, text in enumerate(LIVE):
        compared = pair(text, number, asked_by=text, histories={"rag": (Turn(text, text),)})
        answers = {name: answered(name, text) for name in ("rag", "fine-tuned")}
        history.save(compared.with_answers(answers))
        history.cast(vote_on(compared, text, reason=text, reasons=(text,), correct_answer=text))
    export(history.database, tmp_path / "folder")
    export(history.database, tmp_path / "one.csv")
    for path in (*tmp_path.glob("folder/**/*.csv"), tmp_path / "one.csv"):
        with path.open(encoding="utf-8-sig", newline="") as file:
            begun = [cell for row in csv.reader(file, delimiter=separator) for cell in row if cell.startswith(FORMULAS)]
        assert not begun, path
    for form in ("folder", "one.csv"):
        there = another()
        import_(there.database, tmp_path / form)
        assert everything(there) == everything(history)


def test_votes_csv_reads_as_a_sentence(history: DatabaseHistory, tmp_path: Path) -> None:
    fill(history)
    export(history.database, tmp_path / "all.zip")
    with zipfile.ZipFile(tmp_path / "all.zip") as packed:
        rows = list(csv.DictReader(packed.read("votes.csv").decode("utf-8-sig").splitlines(True)))
        assert json.loads(packed.read("about.json"))["rows"]["vote"] == 2
    assert len(rows) == 4  # two votes, two pairs without any
    bo = next(row for row in rows if row["annotator"].startswith("Bo"))
    assert (bo["preferred"], bo["left"], bo["right_answer"], bo["names_hidden"]) == (
        "rag",
        "fine-tuned",
        "Two years.",
        "true",
    )


def test_with_pseudonyms_no_name_is_left_and_the_same_person_stays_one(
    kept: DatabaseHistory, another: NewHistory, tmp_path: Path
) -> None:
    voted = fill(kept)
    for form in ("one.jsonl", "folder"):
        export(kept.database, tmp_path / form, ".jsonl", key=b"k" * 32)
    texts = [path.read_text() for path in (tmp_path / "one.jsonl", *tmp_path.glob("folder/**/*.jsonl"))]
    assert not any('"Ann"' in text or '"+Ann"' in text or "Bo\\u000b" in text for text in texts)
    there = another()
    for form in ("one.jsonl", "folder"):
        import_(there.database, tmp_path / form)
    assert len(there.votes(voted.id)) == 2 and len(there.vote_history(voted.id)) == 3
    export(kept.database, tmp_path / "other.jsonl", key=b"j" * 32)
    assert (tmp_path / "other.jsonl").read_text() != (tmp_path / "one.jsonl").read_text()


@pytest.mark.parametrize(
    ("name", "right", "wrong", "message"),
    [
        ("one.jsonl", '"choice": "right"', '"choice": "neither"', "choice is 'neither'; use one of left, right, tie"),
        ("one.jsonl", '"blind": true', '"blind": "yes"', "blind is 'yes'; it must be true or false"),
        ("one.jsonl", '"score": 0.3', '"score": true, "was": 0.3', "score is True; it must be a number"),
        ("one.jsonl", '{"table"', '{"table', "is not JSON .*Export anew"),
        ("one.jsonl", '"asked_at"', '"when"', "there is no column 'asked_at', which comparison has"),
        ("one.jsonl", '"table": "vote"', '"table": "poll"', "table is 'poll'; there are comparison, answer"),
        ("one.csv", "2026-03-01T12:00:00.123456+00:00", "yesterday", "asked_at is 'yesterday'; it must be a moment"),
        ("one.csv", "true", "perhaps", "blind is 'perhaps'; it must be true or false"),
        ("one.csv", "comparison,", "comparison,,", "cells, but .* columns"),
    ],
)
def test_a_faulty_line_is_named_with_what_is_wanted_and_nothing_is_taken(
    history: DatabaseHistory, another: NewHistory, tmp_path: Path, name: str, right: str, wrong: str, message: str
) -> None:
    fill(history)
    path = tmp_path / name
    export(history.database, path)
    before, found, after = path.read_bytes().decode().partition(right)
    assert found
    if name.endswith(".csv") and right.endswith(","):  # not in the heading
        heading, _, rest = (before + found + after).partition("\r\n")
        before, found, after = rest.partition(right)
        before = f"{heading}\r\n{before}"
    path.write_bytes((before + wrong + after).encode())
    there = another()
    with pytest.raises(ImportRefused, match=f"{path}, line {before.count(chr(10)) + 1}.*{message}"):
        import_(there.database, path)
    assert everything(there) == []


def test_what_points_to_nothing_is_refused(history: DatabaseHistory, another: NewHistory, tmp_path: Path) -> None:
    fill(history)
    path = tmp_path / "one.jsonl"
    export(history.database, path)
    path.write_text("".join(line for line in path.open() if '"table": "comparison"' not in line))
    with pytest.raises(ImportRefused, match="comparison is .*, which is neither in the file nor here"):
        import_(another().database, path)


@pytest.mark.parametrize("name", ["notes.txt", "empty", "torn.zip", "torn.parquet", "missing.csv"])
def test_what_is_no_export_is_refused_in_words(history: DatabaseHistory, tmp_path: Path, name: str) -> None:
    path = tmp_path / name
    if name == "empty":
        path.mkdir()
    elif name != "missing.csv":
        path.write_text("hello")
    with pytest.raises(ImportRefused, match=str(path)):
        import_(history.database, path)


def test_a_zip_that_is_damaged_inside_is_refused_in_words(history: DatabaseHistory, tmp_path: Path) -> None:
    fill(history)
    path = tmp_path / "all.zip"
    export(history.database, path, ".jsonl")
    with zipfile.ZipFile(path) as packed:
        begin = packed.getinfo("about.json").header_offset + 30 + len("about.json")
    whole = path.read_bytes()
    path.write_bytes(whole[:begin] + b"\xff" * 8 + whole[begin + 8 :])
    with pytest.raises(ImportRefused, match="cannot be unpacked"):
        import_(history.database, path)


@pytest.mark.parametrize(
    ("right", "wrong", "message"),
    [
        ('"state": "ready"', '"state": "done"', "state is 'done'; use one of waiting, ready, failed"),
        ('"state": "voted"', '"state": "won"', "state is 'won'; use one of reserved, voted"),
        ('"choice": "both bad", "skip_reason"', '"choice": "", "skip_reason"', "choice is ''; use one of left, right"),
        ('"reasons": ["wrong"], "reason"', '"reasons": ["nice"], "reason"', "'nice' is no reason; use some of correct"),
        ('"reasons": ["wrong", "made up"]', '"reasons": [["wrong"]]', "reasons is .* must be a list of texts"),
    ],
)
def test_what_no_page_could_read_is_not_taken(
    history: DatabaseHistory, another: NewHistory, tmp_path: Path, right: str, wrong: str, message: str
) -> None:
    fill(history)
    path = tmp_path / "one.jsonl"
    export(history.database, path)
    text = path.read_text()
    assert right in text
    path.write_text(text.replace(right, wrong, 1))
    with pytest.raises(ImportRefused, match=message):
        import_(another().database, path)


def test_an_export_replaces_its_like_and_nothing_else(history: DatabaseHistory, tmp_path: Path) -> None:
    fill(history)
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / "letter.txt").write_text("dear")
    with pytest.raises(StorageError, match="has other things in it"):
        export(history.database, tmp_path / "mine")
    with pytest.raises(StorageError, match="unknown ending"):
        export(history.database, tmp_path / "votes.xls")
    for _ in range(2):
        export(history.database, tmp_path / "folder", ".parquet")
    assert parquet.read_table(tmp_path / "folder" / "tables" / "vote.parquet").num_rows == 2
    assert sorted(path.name for path in tmp_path.iterdir() if "sqlite" not in path.name) == ["folder", "mine"]


def test_an_empty_database_makes_an_export_that_can_be_imported(
    kept: DatabaseHistory, another: NewHistory, tmp_path: Path
) -> None:
    for form in ("one.csv", "folder"):
        assert not export(kept.database, tmp_path / form)
        assert not import_(another().database, tmp_path / form).added


def test_columns_of_one_name_hold_one_kind_of_value_or_one_file_could_not_hold_all_tables() -> None:
    kinds: dict[str, set[str]] = {}
    for table in records.EXPORTED:
        for name, (kind, _) in records.columns(table).items():
            kinds.setdefault(name, set()).add(kind)
    assert {name: found for name, found in kinds.items() if len(found) > 1} == {}
