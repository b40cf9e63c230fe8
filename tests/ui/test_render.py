"""Values to HTML: figures, sources and votes, every text escaped."""

from dataclasses import replace

import pytest

from arena.answer import Answer, Timings
from arena.citations import cite
from arena.comparison import Choice, Comparison, Vote
from arena.events import Passage
from arena.loading import State
from ui import render
from ui.cited import cited_html
from ui.settings import Label, Settings

EVIL = "<img src=http://evil.example/x.png onerror=alert(1)>"
SHOWN = "&lt;img src=http://evil.example/x.png onerror=alert(1)&gt;"


def test_the_clock_is_shown_split_with_every_part() -> None:
    markup = render.timings_html(Timings(0.5, 0.25, 1.0, 3.0, prompt_tokens=1312, answer_tokens=41))
    for text in ("0.50 s", "0.25 s", "1.00 s", "3.00 s", "20.0 tokens/s", "1,312 tokens", "41 tokens"):
        assert f">{text}<" in markup
    assert "contended" not in markup


def test_what_did_not_happen_is_a_dash_not_a_zero() -> None:
    assert render.timings_html(Timings()).count(f"<dd>{render.NONE}</dd>") == 7


def test_contended_times_are_marked() -> None:
    assert "do not compare" in render.timings_html(Timings(contended=True))


def test_passages_show_document_location_score_and_the_sentences_used() -> None:
    passage = Passage("manual.pdf", "page 3", "Whole text. The key.", 0.8312, ("The key.",))
    markup = render.passages_html([passage])
    for text in ("manual.pdf", "page 3", "score 0.83", "Whole text.", '<q dir="auto">The key.</q>'):
        assert text in markup


def test_no_retrieval_and_nothing_found_look_different() -> None:
    assert render.passages_html(None) == ""
    assert "Nothing was found" in render.passages_html(())


def test_every_untrusted_text_is_escaped() -> None:
    comparison = Comparison(EVIL, "fine-tuned", "rag", False)
    settings = Settings(workspace=EVIL, generator=EVIL, code_version=EVIL)
    pieces = [
        render.passages_html([Passage(EVIL, EVIL, EVIL, 1.0, (EVIL,))]),
        render.notes_html([EVIL]),
        render.notice_html(EVIL),
        render.question_html(EVIL),
        render.answer_html(Answer("x", failure=EVIL)),
        render.working_html(EVIL),
        render.head_html("A", Label(EVIL, EVIL)),
        render.status_html({EVIL: State("loading", EVIL)}),
        render.title_html(settings) + render.footer_html(settings),
        render.votes_html([Vote("c", EVIL, Choice.LEFT, True, EVIL)], (EVIL, EVIL)),
        render.recent_html([(comparison, EVIL)], False),
        render.earlier_html([(EVIL, [(EVIL, EVIL)])]),
    ]
    for piece in pieces:
        assert SHOWN in piece
        assert "<img" not in piece and "{" not in piece


LOADS = "![x](http://evil.example/x.png) <http://evil.example> [a](http://evil.example) &lt;img src=x&gt; " + EVIL


def test_nothing_of_a_passage_a_citation_or_a_name_is_a_link_or_loads() -> None:
    passage = Passage(f"{LOADS}.md", LOADS, f"It draws 11 watts. {LOADS}", 1.0, (f"It draws 11 watts. {LOADS}",))
    answer = Answer("rag", text="It draws 11 watts.", passages=(passage,), notes=(LOADS,), reason="end")
    markup = render.details_html(answer)
    assert "<mark>" in markup and "![x](http://evil.example/x.png)" in markup and "&amp;lt;img src=x&amp;gt;" in markup
    assert not any(tag in markup for tag in ("<a", "<img", 'src="', "href="))


def test_an_answer_loads_nothing_whoever_sees_it() -> None:
    answer = Answer("rag", text=LOADS, passages=(), reason="end")
    earlier = render.earlier_html([("q", [("RAG", LOADS)])])
    for markup in (render.answer_html(answer), render.answer_html(answer, hidden=True), earlier):
        assert "<img" not in markup and 'rel="noopener noreferrer nofollow"' in markup


def test_a_mark_in_an_address_is_not_shown() -> None:
    answer = replace(CITED, text="See [it](http://a.example/It_draws_11_watts.) now. [b](http://a.example/a. b)")
    assert "%EE%80" not in render.answer_html(answer)


def test_right_to_left_text_sets_its_own_direction() -> None:
    assert 'dir="auto"' in render.answer_html(Answer("x", text="مرحبا", reason="end"))
    assert 'dir="auto"' in render.question_html("مرحبا")


def test_a_hidden_answer_shows_its_text_and_nothing_else() -> None:
    answer = Answer("rag", text="It is 11 W [1].", reason="length", notes=("dropped",))
    assert render.answer_html(answer, hidden=True) == '<div class="text" dir="auto"><p>It is 11 W.</p>\n</div>'


def test_endings_are_explained() -> None:
    assert "length limit" in render.answer_html(Answer("x", text="a", reason="length"))
    assert "repeat itself" in render.answer_html(Answer("x", text="a", reason="repetition"))
    assert "Stopped" in render.answer_html(Answer("x", reason="stopped"))


def test_the_state_is_one_word_once_everything_is_there() -> None:
    ready = State("ready", "index: ready")
    assert ">Ready<" in render.status_html({"index": ready})
    loading = render.status_html({"index": ready, "models": State("loading", "loading base model…")})
    assert "loading base model…" in loading and "ready" not in loading.lower()
    base = State("loading", "loading base model…")
    assert render.status_html({"index": base, "models": base, "database": ready}).count("base model") == 1


def test_votes_say_how_they_were_cast() -> None:
    vote = Vote("c", "ann", Choice.RIGHT, True, "shorter")
    markup = render.votes_html([vote], ("Fine-tuned", "RAG"))
    assert "B is better (RAG)" in markup and "names hidden" in markup and "shorter" in markup


CITED = Answer(
    "rag",
    text="It draws 11 watts. It flies high.",
    passages=(
        Passage("a.md", "", "A <b>new</b> one is here. It draws 11 watts.", 1.0, ("It draws 11 watts.",)),
        Passage("b.md", "", "Other.", 0.5, ("Other.",)),
    ),
    reason="end",
)


def test_each_sentence_names_its_source_or_says_that_there_is_none() -> None:
    body, details = render.answer_html(CITED), render.details_html(CITED)
    mark = '<sup class="cite" aria-label="source 1">1</sup>'
    assert f'<span class="cited">It draws 11 watts.</span>{mark} It flies high. <small' in body
    assert body.count("not found in the passages") == 1
    assert '<mark>It draws 11 watts.<sup class="cite" aria-label="source 1">1</sup></mark>' in details
    assert details.count("<details open>") == 1 and details.count("<details>") == 1 and "<b>new" not in details


def test_passages_that_were_not_used_are_shown_as_such_and_cited_for_nothing() -> None:
    used, other = CITED.passages or ()
    details = render.details_html(replace(CITED, passages=(replace(other, used=("Other.",)), replace(used, used=()))))
    shown, unused = details.split('<details class="unused">')
    assert "Found and not used: 1" in unused and "a.md" in unused and "<mark>" not in details
    assert "b.md" in shown and "b.md" not in unused
    assert "Found and not used" not in render.details_html(CITED)
    refused = render.passages_html([replace(used, used=())])
    assert "None of them was shown to the model." in refused and "Found and not used: 1" in refused


def test_no_marks_while_hidden_unfinished_or_without_retrieval() -> None:
    shown = [
        render.answer_html(CITED, hidden=True),
        render.answer_html(replace(CITED, reason=None), doing="writing"),
        render.answer_html(replace(CITED, passages=None)),
        render.answer_html(replace(CITED, text="The documents do not say.")),
    ]
    assert not any("cite" in markup or "not found" in markup for markup in shown)


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("It draws **11** watts.", '<span class="cited">It draws <strong>11</strong> watts.</span><sup'),
        ("- It draws 11 watts.", '<li><span class="cited">It draws 11 watts.</span><sup'),
        ("**It draws 11 watts. It flies.**", '<strong><span class="cited">It draws 11 watts.</span><sup'),
        ("**It** draws 11 watts.", '<span class="cited"><strong>It</strong> draws 11 watts.</span><sup'),
        ("**It draws 11 watts.**", '<strong><span class="cited">It draws 11 watts.</span><sup'),
        ("It draws **11 watts**", '<span class="cited">It draws <strong>11 watts</strong></span><sup'),
        ("_It_ draws 11 watts.", "<em>It</em> draws 11 watts.<sup"),
        (r"\*It draws 11 watts.\*", "*It draws 11 watts.*<sup"),
        ("It draws 11 watts_", "11 watts_</span><sup"),
        ("# It draws 11 watts.", '<h4><span class="cited">It draws 11 watts.</span><sup'),
        ("It draws *11 watts. It* flies.", "It draws <em>11 watts.<sup"),  # not a whole element
    ],
)
def test_a_sentence_with_a_source_is_marked_on_both_sides(text: str, shown: str) -> None:
    body = render.answer_html(replace(CITED, text=text))
    assert shown in body and body.count("<span") == body.count("</span>")
    assert "cited" not in cited_html(text, render.citations(replace(CITED, text=text)))


def test_what_is_marked_breaks_no_link() -> None:
    text = "It draws [11 watts](https://example.org/a)."
    body = render.answer_html(replace(CITED, text=text))
    assert 'href="https://example.org/a"' in body and not set(body) & set("\ue000\ue001\ue002\ue003")


def test_an_answer_cannot_forge_a_mark() -> None:
    assert "cited" not in render.answer_html(replace(CITED, text="It flies \ue002away\ue003."))
    assert "<sup" not in render.answer_html(replace(CITED, text="It flies &#xE000;7&#57345; away."))
    assert "cited" not in render.answer_html(replace(CITED, text="It flies &#xe002;away&#x0E003;."))
    assert "<sup" not in render.answer_html(replace(CITED, text=f"It flies &#xE000;{'9' * 5000}&#xE001; away."))
    assert "<sup" not in render.answer_html(replace(CITED, text="It flies \ue0001\ue001 away."))


def test_a_used_sentence_that_is_marked_in_its_passage_is_not_said_again() -> None:
    passage = Passage("a.md", "", "It rains. The Ossa 4 weighs 3 kg.", 0.5, ("The Ossa 4 weighs 3 kg.", "It rains."))
    found = cite("The Ossa 4 weighs 3 kg.", [passage])
    html = render.passages_html([passage], found)
    assert html.count("The Ossa 4 weighs 3 kg.") == 1
    assert '<q dir="auto">It rains.</q>' in html


def test_marks_leave_tables_code_and_links_whole() -> None:
    passage = Passage("a.md", "", "The Ossa 4 weighs 3 kg.", 0.5, ("The Ossa 4 weighs 3 kg.",))
    table = "| Item | Weight |\n|---|---|\n| Ossa 4 | 3 kg |\n\nThe Ossa 4 weighs 3 kg."
    html = cited_html(table, cite(table, [passage]))
    assert "<table>" in html and html.count('class="cite"') == 1
    code = "Look:\n\n```python\nprint(1)\n```\n\nThe Ossa 4 weighs 3 kg."
    html = cited_html(code, cite(code, [passage]))
    assert "<small" not in html.partition("<code")[2].partition("</code>")[0] and 'class="cite"' in html
