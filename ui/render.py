"""Answers, passages, timings, states and votes to HTML: pure functions of values, every text escaped.

Does not cover: which of it may be shown (ui/screen.py decides), components and events (the page files).
"""

from collections.abc import Mapping, Sequence
from datetime import datetime
from functools import lru_cache

from arena.answer import Answer, Timings
from arena.citations import Citation, Source, cite
from arena.comparison import Choice, Comparison, Vote
from arena.events import Passage
from arena.loading import State
from arena.question import Turn
from ui.cited import cited_html, mark_html
from ui.markdown import escaped, markdown_html, without_citations
from ui.settings import Label, Settings

NONE = "–"
_ENDINGS = {
    "stopped": "Stopped before the end.",
    "length": "Cut off at the length limit.",
    "repetition": "Ended early: it had begun to repeat itself.",
}
CHOICES = {
    Choice.LEFT: "A is better",
    Choice.TIE: "Tie",
    Choice.BOTH_BAD: "Both bad",
    Choice.RIGHT: "B is better",
}


def seconds(value: float | None) -> str:
    """A duration a person can compare at a glance."""
    if value is None:
        return NONE
    return f"{value:.2f} s" if value < 10 else f"{value:.1f} s"


def count(value: int) -> str:
    """A token count; endpoints that do not tell say 0."""
    return f"{value:,}" if value else NONE


def title_html(settings: Settings) -> str:
    """The page's heading: what this is, in one sentence."""
    return (
        "<h1>Fine-tuning or RAG?</h1>"
        f"<p>Ask one question about <strong>{escaped(settings.workspace)}</strong>. "
        "Two systems answer it side by side. You judge which answer is better.</p>"
    )


def footer_html(settings: Settings) -> str:
    """Who writes, how time is taken, which version."""
    lines = [escaped(settings.generator)] if settings.generator else []
    if settings.code_version:
        lines.append(f"Version {escaped(settings.code_version)}")
    return (
        "<details><summary>How the timings are taken</summary><p>Systems that share this machine answer one after "
        "the other, in random order, so that each is measured alone. <b>Queue</b> is the wait before its turn and is "
        "in none of the other times. <b>Retrieval</b>, <b>first token</b> (the first piece of text) and <b>total</b> "
        "count from its turn. <b>Speed</b> counts the tokens (word pieces) after the first. An answer marked "
        "<b>contended</b> shared the machine with other work, so its times are not comparable.</p></details>"
        f"<p>{' · '.join(lines)}</p>"
    )


def status_html(states: Mapping[str, State]) -> str:
    """One line: ready, or which parts are loading or failed, and why. What is ready meanwhile is not listed."""
    if all(state.status == "ready" for state in states.values()):
        return '<span class="part ready">Ready</span>'
    # Parts that wait for the same thing say the same.
    told = dict.fromkeys((state.status, state.detail or state.status) for state in states.values())
    waiting = [(status, text) for status, text in told if status != "ready"]
    return "".join(f'<span class="part {status}">{escaped(text)}</span>' for status, text in waiting)


def head_html(letter: str, label: Label | None, hidden: str = "hidden until you vote") -> str:
    """The top of a pane; without a label it is a hidden one, and says so in the words of `hidden`."""
    name = escaped(label.name if label else hidden)
    explanation = f"<p>{escaped(label.explanation)}</p>" if label and label.explanation else ""
    return (
        f'<h2><span class="letter">{letter}</span> <span class="{"name" if label else "name hidden-name"}">{name}'
        f"</span></h2>{explanation}"
    )


def question_html(question: str) -> str:
    """The question under comparison."""
    return f'<p class="question" dir="auto">{escaped(question)}</p>' if question else ""


def answer_html(answer: Answer, doing: str = "", hidden: bool = False) -> str:
    """The text of an answer. `doing` is what the contestant says while it is at work, "" once it is over;
    `hidden` leaves out everything that tells the sides apart but the text itself."""
    text = without_citations(answer.text) if hidden else answer.text
    parts = []
    if text:
        body = markdown_html(text) if hidden else cited_html(text, citations(answer), highlighted=True)
        parts.append(f'<div class="text{" writing" if doing else ""}" dir="auto">{body}</div>')
    elif doing:
        parts.append(working_html(doing))
    elif answer.failure is None and answer.reason not in _ENDINGS:
        parts.append('<p class="nothing">No text.</p>')
    if answer.failure is not None:
        parts.append(f'<p class="failure"><b>No answer.</b> {escaped(answer.failure.removeprefix("No answer: "))}</p>')
    if answer.reason in _ENDINGS and not hidden:
        parts.append(f'<p class="ending">{_ENDINGS[answer.reason]}</p>')
    return "".join(parts)


def citations(answer: Answer) -> tuple[Citation, ...]:
    """Where each sentence of a complete answer stands in the passages that were used; empty for one that looks nothing
    up. Worked out anew whenever it is shown: text and passages are what is stored."""
    if not answer.complete or answer.passages is None:
        return ()
    return _citations(answer.text, tuple(passage for passage in answer.passages if passage.used))


# A page is painted many times while the other side still writes.
_citations = lru_cache(maxsize=256)(cite)


def working_html(doing: str) -> str:
    """A place for text that is still to come."""
    return f'<div class="working"><p>{escaped(doing[:1].upper() + doing[1:])}…</p><span></span><span></span></div>'


def timings_html(timings: Timings) -> str:
    """The clock of one answer, split."""
    speed = timings.tokens_per_second
    cells = [
        ("Queue", seconds(timings.queue)),
        ("Retrieval", seconds(timings.retrieval)),
        ("First token", seconds(timings.first_token)),
        ("Total", seconds(timings.total)),
        ("Speed", f"{speed:.1f} tokens/s" if speed is not None else NONE),
        ("Prompt", f"{count(timings.prompt_tokens)} tokens" if timings.prompt_tokens else NONE),
        ("Answer", f"{count(timings.answer_tokens)} tokens" if timings.answer_tokens else NONE),
    ]
    body = "".join(f"<div><dt>{name}</dt><dd>{value}</dd></div>" for name, value in cells)
    mark = (
        '<p class="contended"><b>contended</b> Other work used the machine meanwhile: do not compare these times.</p>'
        if timings.contended
        else ""
    )
    return f'<dl class="timings">{body}</dl>{mark}'


def notes_html(notes: Sequence[str]) -> str:
    """What the reader of an answer should know."""
    return "".join(f'<p class="note">{escaped(note)}</p>' for note in notes)


def passages_html(passages: Sequence[Passage] | None, found: Sequence[Citation] = ()) -> str:
    """What retrieval found, best first: document, location, score, the sentences used, the whole on request, or at
    once where `found` has marks to show in it; and apart what was found and not used."""
    if passages is None:
        return ""
    if not passages:
        return '<div class="passages"><h3>Passages</h3><p class="nothing">Nothing was found in the documents.</p></div>'
    sources = {citation.source: citation.number for citation in found if citation.source and citation.number}
    used = [passage for passage in passages if passage.used]
    items = "".join(
        f"<li>{_passage_html(passage, {source: sources[source] for source in sources if source.passage == place})}</li>"
        for place, passage in enumerate(used)
    )
    shown = f"<ol>{items}</ol>" if used else '<p class="nothing">None of them was shown to the model.</p>'
    unused = _unused_html([passage for passage in passages if not passage.used])
    return f'<div class="passages"><h3>Passages from the documents</h3>{shown}{unused}</div>'


def _unused_html(passages: Sequence[Passage]) -> str:
    """What was found as well, folded: the model was shown nothing of it."""
    if not passages:
        return ""
    items = "".join(f"<li>{_passage_html(passage, {})}</li>" for passage in passages)
    return f'<details class="unused"><summary>Found and not used: {len(passages)}</summary><ol>{items}</ol></details>'


def _passage_html(passage: Passage, sources: Mapping[Source, int]) -> str:
    location = f" <span>{escaped(passage.location)}</span>" if passage.location else ""
    # What is marked in the open passage need not be said below it again.
    marked = {passage.text[source.start : source.end] for source in sources}
    unmarked = [sentence for sentence in passage.used if sentence not in marked]
    used = "".join(f'<q dir="auto">{escaped(sentence)}</q>' for sentence in unmarked)
    return (
        f"<details{' open' if sources else ''}><summary><b>{escaped(passage.document)}</b>{location} "
        f'<span class="score">· score {passage.score:.2f}</span></summary>'
        f'<div class="passage" dir="auto">{_highlighted(passage.text, sources)}</div></details>{used}'
    )


def _highlighted(text: str, sources: Mapping[Source, int]) -> str:
    """A passage's text with the sentences that support the answer marked and numbered."""
    parts, place = [], 0
    for source in sorted(sources, key=lambda each: each.start):
        start = max(source.start, place)
        parts.append(escaped(text[place:start]))
        if source.end > start:
            parts.append(f"<mark>{escaped(text[start : source.end])}{mark_html(sources[source])}</mark>")
        place = max(place, source.end)
    return "".join([*parts, escaped(text[place:])])


def details_html(answer: Answer) -> str:
    """Everything under an answer."""
    return timings_html(answer.timings) + notes_html(answer.notes) + passages_html(answer.passages, citations(answer))


def notice_html(text: str) -> str:
    """Something went wrong and what to do about it."""
    return f'<p class="notice">{escaped(text)}</p>' if text else ""


def earlier_html(turns: Sequence[tuple[str, Sequence[tuple[str, str]]]]) -> str:
    """The conversation before this question: (question, [(who, answer), ...]) each."""
    if not turns:
        return ""
    body = "".join(
        f'<p class="question" dir="auto">{escaped(question)}</p>'
        + "".join(
            f'<div class="said"><b>{escaped(who)}</b><div dir="auto">{markdown_html(text or NONE)}</div></div>'
            for who, text in said
        )
        for question, said in turns
    )
    plural = "question" if len(turns) == 1 else "questions"
    summary = f"<summary>Earlier in this conversation: {len(turns)} {plural}</summary>"
    return f'<details class="earlier">{summary}{body}</details>'


def histories_html(histories: Mapping[str, Sequence[Turn]], settings: Settings) -> str:
    """The turns that each contestant had seen before a stored comparison."""
    turns: dict[str, list[tuple[str, str]]] = {}
    for name, history in histories.items():
        for turn in history:
            turns.setdefault(turn.question, []).append((settings.label(name).name, turn.answer))
    return earlier_html(list(turns.items()))


def votes_html(votes: Sequence[Vote], names: tuple[str, str]) -> str:
    """The votes on a stored comparison; `names` are what stood left and right."""
    if not votes:
        return '<h3>Votes</h3><p class="nothing">No vote yet.</p>'
    items = []
    for vote in votes:
        meaning = {Choice.LEFT: f" ({names[0]})", Choice.RIGHT: f" ({names[1]})"}.get(vote.choice, "")
        how = "names hidden" if vote.blind else "names shown"
        reason = f' <q dir="auto">{escaped(vote.reason)}</q>' if vote.reason else ""
        items.append(
            f"<li><b>{CHOICES[vote.choice]}{escaped(meaning)}</b> by {escaped(vote.annotator)}, "
            f"{when(vote.cast_at)}, {how}{reason}</li>"
        )
    return f'<h3>Votes</h3><ul class="votes">{"".join(items)}</ul>'


def when(moment: datetime) -> str:
    """A stored moment, in UTC as it was stored."""
    return moment.strftime("%Y-%m-%d %H:%M UTC")


def recent_html(comparisons: Sequence[tuple[Comparison, str]], filtered: bool) -> str:
    """The list of comparisons, newest first, each with what may be said about its sides."""
    if not comparisons:
        text = "Nothing matches this text." if filtered else "No comparison yet: ask a question on the Compare page."
        return f'<p class="nothing">{text}</p>'
    items = "".join(
        f'<li><a href="?comparison={escaped(comparison.id)}" data-id="{escaped(comparison.id)}">'
        f'<span class="question" dir="auto">{escaped(comparison.question)}</span>'
        f"<small>{when(comparison.asked_at)} · {escaped(sides)}</small></a></li>"
        for comparison, sides in comparisons
    )
    return f'<ul class="recent">{items}</ul>'


def link_html(comparison_id: str) -> str:
    """The permalink."""
    return f'<a href="?comparison={escaped(comparison_id)}" target="_blank" rel="noopener">Link to this comparison</a>'
