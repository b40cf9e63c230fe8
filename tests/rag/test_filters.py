"""A filter is applied before the search: it never leaves fewer than were asked for while there are more."""

import os
import zipfile
from dataclasses import replace
from datetime import date
from pathlib import Path

import numpy
import pytest
from typer.testing import CliRunner

from arena.errors import WorkspaceError
from rag.__main__ import application
from rag.embedder import SentenceEmbedder
from rag.filters import Filter, period
from rag.index import Index, open_or_build
from rag.passages import SentenceRetriever
from rag.retrieve import search
from rag.settings import Settings
from tests.rag.examples import ScriptedJudge

QUESTION = "How heavy is the glass lamp?"
MANY = 30


def documents(index: Index, places: tuple[int, ...]) -> list[str]:
    return [index.chunks[place].document for place in places]


@pytest.fixture(scope="module")
def crowded(tmp_path_factory: pytest.TempPathFactory, embedder: SentenceEmbedder) -> Index:
    """Many documents about the question, and behind them as many that have nothing to do with it."""
    folder = tmp_path_factory.mktemp("crowded") / "documents"
    (folder / "minutes").mkdir(parents=True)
    for number in range(MANY):
        (folder / f"lamp-{number}.md").write_text(f"The glass lamp number {number} weighs {number + 2} kilograms.")
        (folder / "minutes" / f"2026-{number % 12 + 1:02d}-{number % 28 + 1:02d}-{number}.txt").write_text(
            f"Meeting {number} was held in the canteen by team {number}."
        )
    return open_or_build(folder.parent, embedder)


@pytest.mark.parametrize(
    "where", [Filter(types=("txt",)), Filter(documents=("minutes",)), Filter(documents=("minutes/*-?*.txt",))]
)
def test_as_many_as_asked_for_are_found_though_others_are_nearer(crowded: Index, where: Filter) -> None:
    found = search(crowded, QUESTION, where=where)
    assert len(found.passages) == crowded.settings.passages
    assert len(found.sentences) == crowded.settings.sentences
    parents = tuple(crowded.sentences[place].chunk for place in found.sentences)
    assert all(name.startswith("minutes/") for name in documents(crowded, (*found.passages, *parents)))


def test_more_than_usual_are_found_too_and_all_when_there_are_no_more(crowded: Index) -> None:
    where = Filter(types=("txt",))
    asking = replace(crowded, settings=replace(Settings(), passages=MANY + 9, sentences=MANY + 9, bridges=0))
    found = search(asking, QUESTION, where=where)
    assert len(found.passages) == len(found.sentences) == MANY


def test_with_a_judge_only_what_the_filter_leaves_is_judged(crowded: Index) -> None:
    judge = ScriptedJudge()
    found = search(crowded, QUESTION, judge, Filter(types=("txt",)))
    assert found.sentences and len(judge.asked[0]) == crowded.settings.candidates
    assert not any("lamp" in text for texts in judge.asked for text in texts)


def test_a_filter_that_everything_passes_changes_nothing(index: Index) -> None:
    everything = Filter(since=date(1990, 1, 1))
    for question in (QUESTION, "In which town is the glass lamp made?", "!!!"):
        assert search(index, question, where=everything) == search(index, question)


def test_what_is_left_is_ranked_as_if_it_were_alone(crowded: Index) -> None:
    one = "minutes/2026-03-03-2.txt"
    found = search(crowded, QUESTION, where=Filter(documents=(one,)))
    assert documents(crowded, found.passages) == [one]
    assert all(numpy.isfinite(found.scores))


def test_nothing_is_found_where_nothing_matches(index: Index) -> None:
    assert search(index, QUESTION, where=Filter(types=("pdf",))).passages == ()
    assert search(index, QUESTION, ScriptedJudge(), Filter(types=("pdf",))).best == 0.0


def test_conditions_must_all_hold_and_names_any(index: Index) -> None:
    assert Filter(documents=("lamps.md", "*.html")).matching(index) == {"lamps.md", "works.html"}
    assert Filter(documents=("lamps.md", "*.html"), types=(".MD",)).matching(index) == {"lamps.md"}


def test_an_archive_is_a_folder_with_its_own_date(workspace: Path, embedder: SentenceEmbedder) -> None:
    packed = workspace / "documents" / "box.zip"
    with zipfile.ZipFile(packed, "w") as archive:
        archive.writestr("a.md", "The steel lamp weighs 7 kilograms.")
        archive.writestr("2020-05-06.txt", "The tin lamp weighs 8 kilograms.")
    os.utime(packed, (1_700_000_000, 1_700_000_000))  # 2023-11-14
    index = open_or_build(workspace, embedder)
    box = Filter(documents=("box.zip",))
    assert box.matching(index) == {"box.zip/a.md", "box.zip/2020-05-06.txt"}
    assert replace(box, until=date(2022, 1, 1)).matching(index) == {"box.zip/2020-05-06.txt"}
    assert replace(box, since=date(2023, 11, 1), until=date(2023, 11, 30)).matching(index) == {"box.zip/a.md"}


@pytest.mark.parametrize(
    ("name", "first", "last"),
    [
        ("minutes-2026-09-17.txt", date(2026, 9, 17), date(2026, 9, 17)),
        ("20260917 minutes.txt", date(2026, 9, 17), date(2026, 9, 17)),
        ("meeting_2026_02.docx", date(2026, 2, 1), date(2026, 2, 28)),
        ("2024-12/notes-2026.03.01.md", date(2026, 3, 1), date(2026, 3, 1)),
        ("2024-12/notes.md", date(2024, 12, 1), date(2024, 12, 31)),
        ("fernlight-2000.md", date(2023, 11, 14), date(2023, 11, 14)),
        ("part-2026-13-40.md", date(2023, 11, 14), date(2023, 11, 14)),
        ("2020-2025.md", date(2023, 11, 14), date(2023, 11, 14)),
    ],
)
def test_a_name_tells_a_day_or_a_month_and_else_the_file_does(
    tmp_path: Path, name: str, first: date, last: date
) -> None:
    file = tmp_path / "file.md"
    file.write_text("The lamp was made on 1999-01-01.")
    os.utime(file, (1_700_000_000, 1_700_000_000))
    assert period(name, file) == (first, last)


def test_front_matter_tells_the_date_where_the_name_does_not(tmp_path: Path) -> None:
    file = tmp_path / "lamps.md"
    file.write_text('---\ntitle: Lamps\nDate: "2025-04-30"\n---\n# Lamps\n')
    assert period("lamps.md", file) == (date(2025, 4, 30),) * 2
    assert period("lamps-2026-01-02.md", file) == (date(2026, 1, 2),) * 2
    file.write_text("---\ntitle: Lamps\n---\ndate: 2025-04-30\n---\n")
    assert period("lamps.md", file)[0] > date(2025, 4, 30)


def test_a_document_is_in_when_its_month_overlaps(crowded: Index) -> None:
    march = Filter(since=date(2026, 3, 1), until=date(2026, 3, 31)).matching(crowded)
    assert march == {"minutes/2026-03-03-2.txt", "minutes/2026-03-15-14.txt", "minutes/2026-03-27-26.txt"}


@pytest.mark.parametrize(
    ("conditions", "message"),
    [
        ({"types": ("exe",)}, "no type 'exe': use one of csv, docx"),
        ({"since": date(2026, 2, 1), "until": date(2026, 1, 1)}, "exchange the two dates"),
    ],
)
def test_conditions_that_make_no_sense_are_refused(conditions: dict, message: str) -> None:
    with pytest.raises(WorkspaceError, match=message):
        Filter(**conditions)


def test_a_name_that_is_nowhere_is_told_with_the_nearest(index: Index) -> None:
    with pytest.raises(WorkspaceError, match="No document is named 'lamp.md'. Did you mean lamps.md"):
        search(index, QUESTION, where=Filter(documents=("lamp.md",)))


def test_langchains_retriever_takes_a_filter_for_good_or_for_a_question(index: Index) -> None:
    holidays = Filter(documents=("holidays.txt",))
    found = SentenceRetriever(index=index, where=holidays).invoke(QUESTION)
    assert {document.metadata["document"] for document in found} == {"holidays.txt"}
    retriever = SentenceRetriever(index=index)
    assert retriever.invoke(QUESTION, where=holidays) == found
    assert retriever.invoke(QUESTION)[0].metadata["document"] == "lamps.md"


def test_search_from_the_command_line_takes_filters(workspace: Path) -> None:
    (workspace / "documents" / "old-2019-01-01.md").write_text("The tin lamp weighs 8 kilograms.")
    runner = CliRunner()

    def shown(*options: str) -> str:
        return runner.invoke(application, ["search", str(workspace), "weight of a lamp", *options]).output

    assert "holidays.txt" in shown("--document", "holidays.txt") and "lamps.md" not in shown("--type", "html")
    assert "old-2019-01-01.md" not in shown("--since", "2020-01-01")
    until = shown("--until", "2020-01-01")
    assert "old-2019-01-01.md" in until and "lamps.md" not in until
    assert "No document is of that name, type and date." in shown("--type", "pdf")
