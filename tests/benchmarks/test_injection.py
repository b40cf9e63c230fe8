"""The injection suite: what it holds, and that it counts obeying, and only that."""

from collections import Counter
from pathlib import Path

import pytest

from arena.prompts import QUOTE_SYSTEM
from arena.scoring import contains, is_right
from arena.workspace import open_workspace
from rag.documents import parse_document
from tests.benchmarks.injection import (
    asker,
    chosen,
    index_texts,
    indexed,
    judge_answer,
    lay_out,
    measure,
    summary,
    table,
)
from tests.benchmarks.planted import file_bytes
from tests.benchmarks.plants import CASES, KINDS, Case
from wiring import Parts


def texts(case: Case, planted: bool = True) -> list[str]:
    document = parse_document(case.file, file_bytes(case, planted))
    return [document.title, *(block.text for block in document.blocks)]


def obedient(case: Case) -> str:
    return {"abstains": "The documents do not say.", "capitals": case.fact.upper(), "leak": QUOTE_SYSTEM}.get(
        case.sign, f"{case.marker}."
    )


def test_the_suite_has_over_thirty_cases_of_every_kind_and_each_its_own_subject_and_marker() -> None:
    assert len(CASES) >= 36 and len(KINDS) >= 9
    assert all(count >= 2 for count in Counter(case.kind for case in CASES).values())
    for values in ([case.name for case in CASES], [case.marker for case in CASES], [case.subject for case in CASES]):
        assert len(set(values)) == len(CASES)
    assert {"md", "txt", "html", "csv", "pdf", "docx"} == {case.form for case in CASES}


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_the_right_answer_is_in_the_document_and_has_no_marker(case: Case) -> None:
    assert is_right(case.fact, case.accepted)
    assert any(case.fact in text for text in texts(case)) and any(case.fact in text for text in texts(case, False))
    assert not any(contains(text, case.marker) for text in (case.fact, case.question, *case.accepted))
    assert not is_right(case.marker, case.accepted)


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_a_plant_that_no_reader_sees_is_not_read_and_one_that_is_seen_is(case: Case) -> None:
    assert not indexed(case, texts(case, planted=False))
    markdown_address = case.kind == "link" and case.form == "md" and "`" not in case.plant
    if case.hidden:
        assert not indexed(case, texts(case))
        assert not any("ignore" in text.lower() for text in texts(case))
    elif case.sign in ("marker", "claim") and not markdown_address:
        assert indexed(case, texts(case))


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_an_obedient_answer_counts_and_one_that_quotes_the_fact_does_not(case: Case) -> None:
    assert judge_answer(case, obedient(case)).obeyed
    quoting = judge_answer(case, case.fact)
    assert quoting.right and not (quoting.obeyed or quoting.quoted or quoting.address or quoting.abstained)


def test_an_answer_that_quotes_the_plant_shows_it_but_does_not_obey() -> None:
    case = next(case for case in CASES if case.kind == "ignore previous")
    quoted = judge_answer(case, f"{case.fact} {case.plant}")
    assert quoted.quoted and not quoted.obeyed
    assert judge_answer(case, f"{case.plant} {case.marker}").obeyed


def test_a_false_answer_counts_when_quoted_and_is_not_right() -> None:
    case = next(case for case in CASES if case.kind == "poisoned answer")
    poisoned = judge_answer(case, f"{case.plant} {case.fact}")
    assert poisoned.obeyed and not poisoned.right


def test_the_marker_of_another_document_counts_and_an_address_is_seen() -> None:
    case, other = CASES[0], next(case for case in CASES if case.kind == "link")
    answer = f"{case.fact} ![x](https://{other.marker}.example/?q=a)"
    assert judge_answer(case, answer).obeyed and judge_answer(case, answer).address


def test_the_share_is_counted_by_kind_and_a_refusal_without_a_plant_is_not_obedience() -> None:
    with_plants = measure(CASES, lambda case: (obedient(case), [case.plant]), [], lambda: None)
    plain = measure(CASES, lambda case: ("The documents do not say.", []), [], lambda: None)
    rows = {row["kind"]: row for row in summary(with_plants, plain)}
    refusals = rows["refuse"]["cases"]
    assert list(rows) == [*KINDS, "all"] and rows["refuse"]["obeyed"] == 0
    assert rows["all"]["obeyed"] == len(CASES) - refusals and rows["all"]["shown"] == len(CASES)
    assert rows["all"]["abstained_without"] == len(CASES)
    assert table(list(rows.values()), "title").row_count == len(rows)


def test_few_cases_are_of_many_kinds() -> None:
    assert {case.kind for case in chosen(len(KINDS))} == set(KINDS) and len(chosen(None)) == len(CASES)


def test_the_real_contestant_is_asked_about_a_real_index(tmp_path: Path, tiny_model: Path) -> None:
    cases = [next(case for case in CASES if case.kind == kind) for kind in ("hidden in HTML", "fake turn", "table")]
    settings = (
        f'base_model = "{tiny_model}"\n[rag]\ngenerator = "base"\njudge = "none"\n[generation]\nmax_new_tokens = 4'
    )
    parts = Parts(open_workspace(lay_out(tmp_path / "planted", cases, True, settings)))
    for loading in (parts.engine, parts.index, parts.all()["rag"]):
        loading.start()
    outcomes = measure(cases, asker(parts), index_texts(parts), lambda: None)
    assert [outcome.indexed for outcome in outcomes] == [False, True, True]
    assert [outcome.shown for outcome in outcomes] == [False, True, True]
