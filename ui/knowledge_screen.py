"""What the Knowledge page says of documents, indexing, passages and a search: values to HTML, every text escaped."""

from collections import Counter
from collections.abc import Sequence

from arena.knowledge import Added, AlreadyThere, Chunk, Document, DocumentState, Found, Indexing, Limits
from ui.markdown import escaped

NOT_HERE = (
    '<p class="note">You can look and search. Documents are added and deleted only in a browser on the machine that '
    "the app runs on, and only when nobody else can reach the app.</p>"
)
REPLACE = "Replace documents of the same name"
MOST_LISTED = 300
MOST_CHUNKS = 200
MOST_TEXT = 300_000
"""Characters: more of a document would hold up the browser."""
STATES: dict[DocumentState, str] = {
    "indexed": "Indexed",
    "new": "New, not indexed yet",
    "changed": "Changed since it was indexed",
    "deleted": "Deleted, still in the index",
    "skipped": "Left out",
}


def limits_html(limits: Limits) -> str:
    """What may be uploaded, under the box for it."""
    return (
        f"<p>{escaped(' '.join(limits.endings))}, up to {limits.megabytes} MB each. What is in a .zip becomes "
        "documents of their own.</p>"
    )


def indexing_html(state: Indexing) -> str:
    """How far indexing is, with a bar, or how it ended."""
    if state.status == "working":
        doing = escaped(state.doing[:1].upper() + state.doing[1:]) or "Indexing"
        if not state.of:
            return f'<p class="indexing">{doing}</p><progress aria-label="Indexing"></progress>'
        return (
            f'<p class="indexing">{doing}: {state.done:,} of {state.of:,}</p>'
            f'<progress aria-label="Indexing" max="{state.of}" value="{state.done}"></progress>'
            '<p class="nothing">Answers meanwhile come from the index as it was, and are marked contended.</p>'
        )
    if state.status == "failed":
        return f'<p class="failure"><b>Not indexed.</b> {escaped(state.text)}</p>'
    return f'<p class="nothing">{escaped(state.text)}</p>' if state.text else ""


def added_html(added: Added) -> str:
    """What became of an upload."""
    parts = [f"Added: {', '.join(added.names)}."] if added.names else ["Nothing was added."]
    listed = "".join(f"<li><b>{escaped(name)}</b>: {escaped(reason)}</li>" for name, reason in added.refused)
    refused = f"<p>Not taken:</p><ul>{listed}</ul>" if listed else ""
    return "".join(f"<p>{escaped(text)}</p>" for text in [*parts, *added.notes]) + refused


def already_there(error: AlreadyThere) -> str:
    """Why nothing was added, and what to do."""
    names = ", ".join(error.names)
    return (
        f'There already: {names}. Nothing was added. Tick "{REPLACE}" and press Add again, or take '
        f"{'it' if len(error.names) == 1 else 'them'} out of the selection."
    )


def list_html(documents: Sequence[Document], text: str, may_open: bool) -> str:
    """The documents whose name holds `text`. `may_open`: their names are buttons."""
    if not documents:
        way_out = "add the first ones above." if may_open else "whoever runs the app has to add some."
        return f'<p class="nothing">There are no documents yet: {way_out}</p>'
    wanted = text.strip().casefold()
    found = [one for one in documents if wanted in one.name.casefold() or wanted in STATES[one.state].casefold()]
    counts = Counter(one.state for one in documents)
    told = ", ".join(
        f"{counts[state]:,} {words.split(',')[0].lower()}" for state, words in STATES.items() if counts[state]
    )
    summary = f'<p class="nothing">{told}.</p>'
    if not found:
        return f'{summary}<p class="nothing">No name holds this text: empty the box to see all.</p>'
    rows = "".join(_row_html(one, may_open) for one in found[:MOST_LISTED])
    more = len(found) - MOST_LISTED
    left = f'<p class="nothing">and {more:,} more: narrow them down with Find.</p>' if more > 0 else ""
    head = _heads_html("Name", "State", numbers=("Passages", "Size"))
    return (
        f'{summary}<div class="shelf"><table class="listed" role="table" aria-label="Documents">'
        f'<thead role="rowgroup"><tr role="row">{head}</tr></thead><tbody role="rowgroup">{rows}</tbody>'
        f"</table></div>{left}"
    )


def _row_html(document: Document, may_open: bool) -> str:
    name = f'<bdi dir="auto">{escaped(document.name)}</bdi>'
    if may_open:
        name = f'<button type="button" data-name="{escaped(document.name)}">{name}</button>'
    state = STATES[document.state] + (f": {escaped(document.reason)}" if document.reason else "")
    passages = "–" if document.passages is None else f"{document.passages:,}"
    cells = [
        ("", f'<span class="state {document.state}">{state}</span>'),
        (' data-label="passages" class="number"', passages),
        (' class="number"', size(document.size)),
    ]
    rest = "".join(f'<td role="cell"{attributes}>{value}</td>' for attributes, value in cells)
    return f'<tr role="row"><th role="rowheader" scope="row">{name}</th>{rest}</tr>'


def _heads_html(*texts: str, numbers: Sequence[str]) -> str:
    head = "".join(f'<th role="columnheader" scope="col">{name}</th>' for name in texts)
    return head + "".join(f'<th role="columnheader" scope="col" class="number">{name}</th>' for name in numbers)


def size(number: int) -> str:
    """Of a file, as short as it can be compared."""
    return f"{number / 1_000_000:.1f} MB" if number >= 1_000_000 else f"{number / 1000:.1f} kB"


def document_html(document: Document, chunks: Sequence[Chunk], text: str = "") -> str:
    """One document and its passages, in reading order, and its whole text with them marked."""
    head = f'<h2><bdi dir="auto">{escaped(document.name)}</bdi></h2>'
    state = f"<p>{STATES[document.state]}{f': {escaped(document.reason)}' if document.reason else ''}."
    if not chunks:
        return f'{head}{state}</p><p class="nothing">There are no passages of it in the index.</p>'
    if document.state == "changed":
        state += " These are the passages of what was there before."
    items = "".join(
        f'<li><p class="where"><b dir="auto">{escaped(chunk.headings)}</b> <span dir="auto">'
        f"{escaped(_where(chunk))}</span></p>"
        f'<div class="passage" dir="auto">{escaped(chunk.text)}</div></li>'
        for chunk in chunks[:MOST_CHUNKS]
    )
    more = f" The first {MOST_CHUNKS} are shown." if len(chunks) > MOST_CHUNKS else ""
    count = f"{len(chunks):,} passage{'' if len(chunks) == 1 else 's'} in the index.{more}"
    return (
        f'{head}{state} {count}</p><div class="chunks" role="region" aria-label="Passages" tabindex="0">'
        f"<ol>{items}</ol></div>{_whole_html(text, chunks)}"
    )


def _whole_html(text: str, chunks: Sequence[Chunk]) -> str:
    """A document's text, folded, with each passage marked and numbered; what is between them is no passage."""
    if not text:
        return ""
    shown, place = text[:MOST_TEXT], 0
    parts: list[str] = []
    for number, chunk in enumerate(chunks, 1):
        if chunk.end > len(shown):
            break
        parts.append(escaped(shown[place : chunk.start]))
        parts.append(f"<mark>{escaped(shown[chunk.start : chunk.end])}<sup>{number}</sup></mark>")
        place = chunk.end
    parts.append(escaped(shown[place:]))
    cut = f'<p class="nothing">The first {MOST_TEXT:,} characters are shown.</p>' if len(text) > MOST_TEXT else ""
    return (
        "<details><summary>The whole text, with its passages marked</summary>"
        f'<div class="passage" dir="auto">{"".join(parts)}</div>{cut}</details>'
    )


def _where(chunk: Chunk) -> str:
    """What the location tells beyond the headings: as a rule the page."""
    first, _, rest = chunk.location.partition(", ")
    if chunk.headings.endswith(chunk.location):
        return ""
    return first if rest and chunk.headings.endswith(rest) else chunk.location


def deletion_html(document: Document, beside: int) -> str:
    """What deleting would do. `beside`: how many other documents are in the same archive."""
    file = escaped(document.file)
    if not beside:
        return f"<p>Delete <b>{file}</b> for good? No answer will use it any more.</p>"
    others = f"{beside} other document{'' if beside == 1 else 's'}"
    return (
        f"<p><b>{escaped(document.name)}</b> is inside <b>{file}</b>. Delete all of {file} for good, with {others}? "
        "No answer will use them any more.</p>"
    )


def found_html(found: Found, narrowed: bool = False) -> str:
    """Passages with their three scores side by side, and the sentences that would be put before the model. `narrowed`:
    only some documents were searched."""
    if not found.passages and narrowed:
        return '<p class="nothing">No document is of that name, type and date: leave one of them out.</p>'
    if not found.passages:
        return '<p class="nothing">There are no passages to search: add documents first.</p>'
    rows = "".join(
        '<tr role="row"><th role="rowheader" scope="row"><details>'
        f'<summary><bdi dir="auto"><b>{escaped(one.document)}</b> <span>{escaped(one.location)}</span></bdi></summary>'
        f'<div class="passage" dir="auto">{escaped(one.text)}</div></details></th>'
        + "".join(
            f'<td role="cell" class="number" data-label="{label}">{value:.3f}</td>'
            for label, value in (("dense", one.dense), ("BM25", one.words), ("fused", one.fused))
        )
        + "</tr>"
        for one in found.passages
    )
    head = _heads_html("Passage", numbers=("Dense", "BM25", "Fused"))
    return (
        '<h3>Passages, best first</h3><p class="nothing">Dense: how near in meaning (a cosine). BM25: how many of the '
        "question's words, and how rare. Fused: both, stretched to 0 to 1 within this search; it decides the order.</p>"
        '<table class="listed" role="table" aria-label="Passages found"><thead role="rowgroup"><tr role="row">'
        f'{head}</tr></thead><tbody role="rowgroup">{rows}</tbody></table>{_chosen_html(found)}'
    )


def _chosen_html(found: Found) -> str:
    best = max((one.score for one in found.sentences), default=0.0)
    who = "by the judge" if found.judged else "by the search alone"
    asked = (
        f"RAG's model would be shown these, chosen {who}."
        if best >= found.needed
        else f"RAG's model would not be asked: the best, {who}, is under {found.needed:.2f}."
    )
    items = "".join(
        f'<li><q dir="auto">{escaped(one.text)}</q><p class="where"><span dir="auto">{escaped(one.document)}, '
        f'{escaped(one.location)}</span> <span class="score">· score {one.score:.2f}</span></p></li>'
        for one in found.sentences
    )
    return f'<h3>Chosen sentences</h3><p class="nothing">{asked}</p><ol class="chosen">{items}</ol>'
