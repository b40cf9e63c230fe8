"""Test collections are read in whichever of the usual layouts they come, or say what is wrong in which line."""

import gzip
import json
from pathlib import Path

import pytest

from arena.errors import CollectionError
from rag.collection import read_collection
from rag.collection_lines import Entry

CORPUS = [
    {"_id": "d1", "title": "Lamps", "text": "The brass lamp weighs four kilograms."},
    {"_id": "d2", "title": "Holidays", "text": "Employees have 31 days of holiday a year."},
    {"_id": "d3", "title": "", "text": "Why do cats purr?"},
    {"_id": "d4", "title": "Works in Aldergate", "text": ""},
]
QUERIES = [
    {"_id": "q1", "text": "weight of the lamp"},
    {"_id": "q2", "text": "reasons for purring of cats"},
    {"_id": "q3", "text": "a query that nobody judged"},
]
QRELS = "query-id\tcorpus-id\tscore\nq1\td1\t2\nq1\td2\t0\nq2\td3\t1\n"
CLASSIC = {
    "TINY.ALL": ".X\n1\t5\t1\n.I 1\n.T\nLamps\n.A\nBrunn, T.\n.W\nThe brass lamp weighs\nfour kilograms.\n.X\n1\t2\n"
    ".I 2\n.T\nHolidays\n.W\nEmployees have 31 days\n",
    "TINY.QRY": ".I 1\n.W\nweight of\nthe lamp\n.I 2\n.T\nHolidays\n.W\nhow many days off\n.B\n(JASIS)\n",
    "TINY.REL": "     1      1\t0\t0.000000\n     2      2\t0\t0.000000\n",
}
CRANFIELD = {
    "cran.all.1400": "".join(f".I {number}\n.T\n.A\nBrunn\n.W\ndocument {number} of lift .\n" for number in range(1, 6))
    + ".I 471\n.T\n.A\n.B\n.W\n",
    "cran.qry": "".join(f".I {name}\n.W\nquery of {name} .\n" for name in ("001", "002", "004", "365")),
    "cranqrel": "1 1 2\n1 2 3\n1 5 -1\n2 3 1\n3 4  4\n4 5 5\n",
    "cranqrel.readme": "The codes are defined by Cleverdon as follows:\n1. References which are a complete answer.\n",
}
TREC = {
    "documents/ft911_1": "<DOC>\n<DOCNO> FT911-1 </DOCNO>\n<PROFILE>_AN</PROFILE>\n<HEADLINE>\nBrass lamps\n"
    "</HEADLINE>\n<TEXT>\n<P>Four kilograms\n</P> &amp; no more.\n</TEXT>\n</DOC>\n\n"
    "<DOC><DOCNO>FT911-2</DOCNO><TEXT>On one line.</TEXT></DOC>\n",
    "documents/la01": "<doc>\n<docno>LA01</docno>\n<docid>7</docid>\n<p>No text tag here.</p>\n</doc>\n",
    "topics.301-303": "<top>\n\n<num> Number: 301\n<title> weight of lamps\n\n<desc> Description:\nHow heavy?\n\n"
    "<narr> Narrative:\nAny.\n\n</top>\n<top>\n<num> 302 </num>\n<title>\nworks in Aldergate\n</title>\n</top>\n"
    "<top>\n<num> Number: 0303\n<title>\n<desc> Description:\nWhere are the works?\n</top>\n",
    "qrels.301-303.txt": "301 0 FT911-1 2\n301 0 FT911-2 -1\n302 0 LA01 0\n303 0 LA01 1\n",
    "README.md": "# TREC\n\nDocuments look so:\n\n<DOC>\n<DOCNO>x</DOCNO>\n",
}
TABLES = {
    "collection.tsv": "0\tThe brass lamp weighs four kilograms.\n1\tA title\tA text\n2\thttps://a.example/\tPage\tBody\n",
    "queries.dev.tsv": "7\tapollo 11\n8\tlamps\n",
    "queries.train.tsv": "7\tof another part\n",
    "qrels.dev.tsv": "7\t0\t0\t1\n8\t0\t1\t1\n",
    "qrels.train.tsv": "7\t0\t2\t1\n",
}


def written(folder: Path, files: dict[str, str]) -> Path:
    for name, text in files.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(text)
    return folder


def write_beir(folder: Path) -> Path:
    (folder / "qrels").mkdir(parents=True)
    (folder / "corpus.jsonl").write_text("\n".join(map(json.dumps, CORPUS)))
    (folder / "queries.jsonl").write_text("\n".join(map(json.dumps, QUERIES)))
    (folder / "qrels" / "test.tsv").write_text(QRELS)
    return folder


@pytest.fixture
def beir(tmp_path: Path) -> Path:
    return write_beir(tmp_path / "tiny")


@pytest.fixture
def classic(tmp_path: Path) -> Path:
    return written(tmp_path / "classic", CLASSIC)


@pytest.fixture
def cranfield(tmp_path: Path) -> Path:
    return written(tmp_path / "cran", CRANFIELD)


@pytest.fixture
def trec(tmp_path: Path) -> Path:
    return written(tmp_path / "trec", TREC)


@pytest.fixture
def tables(tmp_path: Path) -> Path:
    return written(tmp_path / "marco", TABLES)


def test_a_beir_folder_is_read(beir: Path) -> None:
    read = read_collection(beir)
    assert read.documents[0] == Entry("d1", "Lamps", "The brass lamp weighs four kilograms.")
    assert (read.name, len(read.documents), read.asked, read.skips_own, read.notes) == ("tiny", 4, 3, True, ())
    assert read.queries == {"q1": "weight of the lamp", "q2": "reasons for purring of cats"}
    assert read.judgements == {"q1": {"d1": 2, "d2": 0}, "q2": {"d3": 1}}


def test_of_beirs_splits_test_is_taken_then_dev_then_the_only_one(beir: Path) -> None:
    (beir / "qrels" / "dev.tsv").write_text("query-id\tcorpus-id\tscore\nq3\td1\t1\n")
    (beir / "qrels" / "train.tsv").write_text("query-id\tcorpus-id\tscore\nq2\td1\t1\n")
    assert set(read_collection(beir).queries) == {"q1", "q2"}
    (beir / "qrels" / "test.tsv").unlink()
    assert set(read_collection(beir).queries) == {"q3"}
    (beir / "qrels" / "dev.tsv").unlink()
    assert set(read_collection(beir).queries) == {"q2"}
    (beir / "qrels" / "more.tsv").write_text("q2\td1\t1\n")
    with pytest.raises(CollectionError, match=r"has qrels/more.tsv and qrels/train.tsv: keep one for the judgements"):
        read_collection(beir)


def test_a_beir_folder_may_be_packed_and_say_id(beir: Path) -> None:
    for name in ("corpus.jsonl", "queries.jsonl"):
        text = (beir / name).read_text().replace('"_id"', '"id"')
        (beir / f"{name}.gz").write_bytes(gzip.compress(text.encode()))
        (beir / name).unlink()
    assert len(read_collection(beir).documents) == 4
    whole = (beir / "corpus.jsonl.gz").read_bytes()
    (beir / "corpus.jsonl.gz").write_bytes(whole[:-12])
    with pytest.raises(CollectionError, match=r"corpus.jsonl.gz is damaged .*get the file again"):
        read_collection(beir)


def test_a_classic_collection_is_read_without_authors_and_links(classic: Path) -> None:
    read = read_collection(classic)
    assert read.documents == (
        Entry("1", "Lamps", "The brass lamp weighs four kilograms."),
        Entry("2", "Holidays", "Employees have 31 days"),
    )
    assert read.queries == {"1": "weight of the lamp", "2": "how many days off"}
    assert read.judgements == {"1": {"1": 1}, "2": {"2": 1}}
    assert not read.skips_own and not read.notes


def test_judgements_of_trec_have_grades(classic: Path) -> None:
    (classic / "TINY.REL").write_text("1 0 1 3\n1 Q0 2 0\n")
    assert read_collection(classic).judgements == {"1": {"1": 3, "2": 0}}


@pytest.mark.parametrize(
    ("text", "grades"),
    [
        ("1 1 0 0.0\n", {"1": 1}),
        ("01 02  0 0\n", {"2": 1}),
        ("1 1\n", {"1": 1}),
        ("1 1 0\n1 2 0\n", {"1": 1, "2": 1}),
        ("1 1 4\n1 2 -1\n", {"1": 1, "2": 0}),
        ("1 1 1\n1 2 0\n", {"1": 1, "2": 0}),
    ],
    ids=["of CISI", "of CACM", "pairs", "a column of zeros", "codes of Cranfield", "yes and no"],
)
def test_each_way_to_write_classic_judgements_is_understood(classic: Path, text: str, grades: dict[str, int]) -> None:
    (classic / "TINY.REL").write_text(text)
    read = read_collection(classic)
    assert list(read.judgements.values()) == [grades] and list(read.queries.values()) == ["weight of the lamp"]


def test_files_are_told_by_their_names_when_their_endings_do_not(classic: Path) -> None:
    for old, new in (("TINY.ALL", "cacm.all"), ("TINY.QRY", "query.text"), ("TINY.REL", "qrels.text")):
        (classic / old).rename(classic / new)
    (classic / "README").write_text("The files are:\ncacm.all\n")
    assert len(read_collection(classic).judgements) == 2


def test_files_whose_names_say_nothing_are_told_by_their_content_and_size(classic: Path) -> None:
    for old, new in (("TINY.ALL", "b"), ("TINY.QRY", "c"), ("TINY.REL", "a")):
        (classic / old).rename(classic / new)
    assert read_collection(classic).queries == {"1": "weight of the lamp", "2": "how many days off"}
    (classic / "d").write_text(".I 1\n.W\nMore\n")
    with pytest.raises(CollectionError, match=r"has b, c and d: keep one for the documents.*end in \.ALL"):
        read_collection(classic)
    (classic / "b").rename(classic / "b.ALL")
    (classic / "c").rename(classic / "c.QRY")
    assert len(read_collection(classic).documents) == 2


def test_older_judgements_beside_the_current_ones_are_passed_over(classic: Path) -> None:
    (classic / "TINY.REL.OLD").write_text("1 2 0 0.0\n")
    assert read_collection(classic).judgements["1"] == {"1": 1}
    (classic / "TINY.REL").unlink()
    assert read_collection(classic).judgements["1"] == {"2": 1}


def test_cranfields_judgements_count_its_queries_by_place_and_of_its_codes_1_to_4_are_relevant(
    cranfield: Path,
) -> None:
    read = read_collection(cranfield)
    assert list(read.queries.items())[2:] == [("3", "query of 004 ."), ("4", "query of 365 .")]
    assert read.judgements == {"1": {"1": 1, "2": 1, "5": 0}, "2": {"3": 1}, "3": {"4": 1}, "4": {"5": 0}}
    assert read.notes == (
        "the judgements count the queries by their place in cran.qry",
        "1 document is empty (471) and cannot be found",
    )


def test_padded_numbers_are_the_same_numbers(cranfield: Path) -> None:
    (cranfield / "cranqrel").write_text("1 0001 2\n2 1 2\n4 3 1\n365 3 1\n")
    read = read_collection(cranfield)
    assert {query: text.split()[2] for query, text in read.queries.items()} == {
        "1": "001",
        "2": "002",
        "4": "004",
        "365": "365",
    }
    assert read.judgements["1"] == {"1": 1}
    assert len(read.notes) == 1


def test_documents_and_topics_of_trec_are_read(trec: Path) -> None:
    read = read_collection(trec)
    assert read.documents == (
        Entry("FT911-1", "Brass lamps", "Four kilograms & no more."),
        Entry("FT911-2", "", "On one line."),
        Entry("LA01", "", "No text tag here."),
    )
    assert read.queries == {"301": "weight of lamps", "302": "works in Aldergate", "303": "Where are the works?"}
    assert read.judgements == {"301": {"FT911-1": 2, "FT911-2": 0}, "302": {"LA01": 0}, "303": {"LA01": 1}}


COVID = (
    '<?xml version="1.0"?>\n<topics task="COVIDSearch Round 5" batch="301">\n  <topic number="301">\n'
    "    <query>weight of lamps</query>\n    <question>How heavy are lamps &amp; wicks?</question>\n  </topic>\n"
    '  <topic number="302"><description>works in Aldergate</description></topic>\n'
    "  <topic number='303'>Where are the works?</topic>\n</topics>\n"
)


def test_topics_as_trec_covid_has_them_are_read(trec: Path) -> None:
    (trec / "topics.301-303").unlink()
    (trec / "topics-rnd5.xml").write_text(COVID)
    read = read_collection(trec)
    assert read.queries == {"301": "weight of lamps", "302": "works in Aldergate", "303": "Where are the works?"}


def test_lines_that_are_not_utf_8_are_read_as_windows_1252_and_it_is_said(trec: Path, classic: Path) -> None:
    (trec / "documents" / "la01").write_bytes(b"<doc>\n<docno>LA01</docno>\nCaf\xe9 \x96 bar\nCaf\xc3\xa9\n</doc>\n")
    read = read_collection(trec)
    assert read.documents[-1] == Entry("LA01", "", "Café – bar Café")
    assert read.notes == ("1 line of la01 not in UTF-8: read as Windows-1252",)
    (classic / "TINY.ALL").write_bytes(b".I 1\n.W\nSm\xf8rrebr\xf8d\n\x81\xe9\n.I 2\n.W\nB\n")
    assert read_collection(classic).documents[0].text == "Smørrebrød \x81é"
    assert read_collection(classic).notes == ("2 lines of TINY.ALL not in UTF-8: read as Windows-1252",)


def test_tables_are_read_and_queries_are_of_the_judgements_part(tables: Path) -> None:
    read = read_collection(tables)
    assert read.documents == (
        Entry("0", "", "The brass lamp weighs four kilograms."),
        Entry("1", "A title", "A text"),
        Entry("2", "Page", "Body"),
    )
    assert read.queries == {"7": "apollo 11", "8": "lamps"}
    assert read.judgements == {"7": {"0": 1}, "8": {"1": 1}}


def test_tables_may_have_headers_and_judgements_three_columns_between_blanks(tables: Path) -> None:
    (tables / "collection.tsv").write_text("docid\ttext\n0\tThe brass lamp\n")
    (tables / "queries.dev.tsv").write_text("qid\tquery\n7\tlamps\n")
    (tables / "qrels.dev.tsv").write_text("query-id corpus-id score\n7 0 2.0\n")
    read = read_collection(tables)
    assert (len(read.documents), read.queries, read.judgements) == (1, {"7": "lamps"}, {"7": {"0": 2}})


def test_judgements_of_queries_that_are_not_there_are_left_out_and_counted(beir: Path) -> None:
    judgements = beir / "qrels" / "test.tsv"
    judgements.write_text("q1\td1\t1\nq9\td1\t1\n")
    read = read_collection(beir)
    assert read.judgements == {"q1": {"d1": 1}}
    assert read.notes == ("1 judgement names a query that is not there (q9): left out",)
    judgements.write_text("q1\td1\t1\nq9\td1\t1\nq9\td2\t1\nq8\td1\t1\n")
    assert read_collection(beir).notes == ("3 judgements name queries that are not there (q9): left out",)
    judgements.write_text("q9\td1\t1\n")
    with pytest.raises(CollectionError, match=r"test.tsv names no query of .* \(its first is q9, and theirs q1\)"):
        read_collection(beir)


def refuses(folder: Path, name: str, text: str | bytes, message: str) -> None:
    """That a collection is refused once this file of it holds this."""
    (folder / name).write_bytes(text.encode() if isinstance(text, str) else text)
    with pytest.raises(CollectionError, match=message):
        read_collection(folder)


@pytest.mark.parametrize(
    ("name", "text", "message"),
    [
        ("corpus.jsonl", '{"_id": "a", "text": "b"}\n{"_id": ', "corpus.jsonl, line 2: not JSON .*write one object"),
        ("corpus.jsonl", '["a"]', "line 1: JSON, but no object"),
        ("corpus.jsonl", '{"text": "b"}', 'line 1: no _id: each object needs an "_id"'),
        ("corpus.jsonl", '\n{"_id": "b"}', "line 2: no text"),
        ("corpus.jsonl", '{"_id": "b", "text": null}', "line 1: title or text is no string"),
        ("corpus.jsonl", '{"_id": "b", "text": ""}\n{"_id": "b", "text": ""}', "line 2: b was already in line 1"),
        ("corpus.jsonl", b'\xff\xfe{\0"\0', "corpus.jsonl, line 1: not UTF-8: save the file as UTF-8"),
        ("corpus.jsonl", "", "has nothing in it"),
        ("qrels/test.tsv", "query-id\tcorpus-id\tscore\nq1\td1\tx\t1\ty\n", "test.tsv, line 2: 5 columns: write query"),
        ("qrels/test.tsv", "q1\td1\tyes\n", "line 1: the grade is 'yes': write a whole number"),
        ("qrels/test.tsv", "q1\td1\t1\nq1\t\t1\n", "line 2: an empty column: write query, document and grade"),
    ],
)
def test_a_bad_line_of_beir_is_named_with_what_to_do(beir: Path, name: str, text: str | bytes, message: str) -> None:
    refuses(beir, name, text, message)


@pytest.mark.parametrize(
    ("name", "text", "message"),
    [
        ("TINY.ALL", ".I 1\nThe lamp", "TINY.ALL, line 2: text outside of a field: The lamp: begin each document with"),
        ("TINY.ALL", "*TEXT 017", "TINY.ALL, line 1: text outside of a field"),
        ("TINY.ALL", ".I 1\n.W\nA\n.I\n.W\nB", "line 4: .I without a name"),
        ("TINY.QRY", ".I 1\n.W\nA\n.I 2\n.W\n\n", "line 4: query 2 is empty: give it a text"),
        ("TINY.QRY", ".I 1\n.W\nA\n.I 1\n.W\nB", "TINY.QRY, line 4: 1 was already in line 1"),
        ("TINY.REL", "1 1\n7\n", "TINY.REL, line 2: only '7': write query, document and grade"),
        ("TINY.REL", "1 0 1 x\n", "line 1: the grade is 'x'"),
        ("TINY.REL", "1 268 288 304 308\n", "line 1: 5 columns"),
    ],
)
def test_a_bad_line_of_a_classic_one_is_named_too(classic: Path, name: str, text: str, message: str) -> None:
    refuses(classic, name, text, message)


@pytest.mark.parametrize(
    ("name", "text", "message"),
    [
        ("documents/la01", "<DOC>\n<TEXT>A</TEXT>\n</DOC>", "line 1: a <DOC> without a name: give it one, <DOCNO>"),
        ("documents/la01", "<DOC>\n<DOC>\n", "line 2: a <DOC> inside that of line 1: close that one with </DOC>"),
        ("documents/la01", "<DOC>\n<DOCNO>a</DOCNO>\n</DOC>\n</DOC>", "la01, line 4: </DOC> without a <DOC>"),
        ("documents/la01", "<DOC>\n<DOCNO>a</DOCNO>\n", "line 1: a <DOC> without its end: close it with </DOC>"),
        ("documents/la01", "<DOC><DOCNO>a</DOCNO></DOC>\nstray", "line 2: text outside of a <DOC>: stray: put it into"),
        ("documents/la01", "<DOC><DOCNO>FT911-2</DOCNO></DOC>", "line 1: FT911-2 was already in line 13 of ft911_1"),
        ("topics.301-303", "<top>\n<title> A\n</top>", "topics.301-303, line 1: a <top> without a number"),
        ("topics.301-303", "<top>\n<num> 301\n<title>\n</top>", "line 1: topic 301 asks nothing: give it a <title>"),
        ("qrels.301-303.txt", "301 0 FT911-1 1\n301 0 FT911-2 relevant\n", "line 2: the grade is 'relevant'"),
    ],
)
def test_a_bad_line_of_trec_is_named_too(trec: Path, name: str, text: str | bytes, message: str) -> None:
    refuses(trec, name, text, message)


@pytest.mark.parametrize(
    ("name", "text", "message"),
    [
        ("collection.tsv", "0\tA\n1 B\n", "collection.tsv, line 2: 1 columns: write name and text"),
        ("collection.tsv", "0\ta\tb\tc\td\n", "line 1: 5 columns: .*none inside the text"),
        ("queries.dev.tsv", "7\tA\n\tB\n", "queries.dev.tsv, line 2: no name before the first tab: write the query's"),
        ("collection.tsv", "0\tA\n0\tB\n", "line 2: 0 was already in line 1"),
    ],
)
def test_a_bad_line_of_a_table_is_named_too(tables: Path, name: str, text: str, message: str) -> None:
    refuses(tables, name, text, message)


def test_missing_files_are_named_with_every_layout(tmp_path: Path, classic: Path) -> None:
    with pytest.raises(CollectionError, match="There is no folder"):
        read_collection(tmp_path / "nowhere")
    (classic / "TINY.REL").unlink()
    with pytest.raises(CollectionError, match=r"has no judgements\. .*corpus.jsonl.*\*\.REL.*<top>.*qrels\.tsv"):
        read_collection(classic)
    (classic / "TINY.QRY").unlink()
    with pytest.raises(CollectionError, match=r"has no queries and no judgements\."):
        read_collection(classic)


def test_two_collections_in_a_folder_are_not_guessed_between(classic: Path) -> None:
    (classic / "OTHER.QRY").write_text("")
    with pytest.raises(CollectionError, match=r"OTHER.QRY and TINY.QRY: keep one for the queries"):
        read_collection(classic)
