"""What the Annotate page says: progress, a pair, past pairs, the keys. Values to HTML, every text escaped.

Nothing here names a contestant, or a document.
"""

from arena.annotation import Reason, Showing, SkipReason
from arena.answer import Answer
from arena.comparison import Choice
from arena.marks import marked
from arena.queue import Progress
from ui.bench import Bench, chosen, said, shown_texts
from ui.cited import cited_html
from ui.markdown import escaped
from ui.plain import Plain
from ui.render import citations, when
from ui.results_words import counted

VOTES = {
    Choice.LEFT: "A is better",
    Choice.RIGHT: "B is better",
    Choice.TIE: "Tie",
    Choice.BOTH_BAD: "Both bad",
}
VOTE_KEYS = dict(zip(VOTES, "1234", strict=True))
REASON_KEYS = dict(zip(Reason, "cgolwmte", strict=True))
REASONS = [(str(reason).capitalize(), reason.value) for reason in Reason]
SKIPS = {
    SkipReason.NOT_MY_FIELD: "Not my field",
    SkipReason.UNCLEAR: "Question unclear",
    SkipReason.UNREADABLE: "Cannot be read",
    SkipReason.IMPROPER: "Offensive or private",
    SkipReason.OTHER: "Another reason",
    SkipReason.CANNOT_TELL: "Cannot tell",
}
ACTION_KEYS = {
    "u": ("annotate_undo", "open the last one again; your vote stays until you give another"),
    "s": ("annotate_skip", f"skip, then 1 to {len(SKIPS)} for why"),
    "r": ("annotate_rest", "show the rest of a folded answer"),
    "n": ("annotate_note", "type a note (Esc leaves the box)"),
    "a": ("annotate_correct", "type the correct answer"),
    "k": ("annotate_keep", "keep an opened pair as it is"),
    "?": ("annotate_help_open", "show or hide these keys"),
}
NO_TEXT = '<p class="nothing">No text.</p>'
HINT = (
    "<p>Tie: one is as good as the other. Both bad: neither would help whoever asked. Where you cannot tell, skip.</p>"
)
"""What newcomers hesitated about."""


def vote_id(choice: Choice) -> str:
    """The element of a vote's button."""
    return f"annotate_{choice.name.lower()}"


def progress_html(progress: Progress) -> str:
    """How far this person and everybody are, with a bar."""
    if not progress.wanted:
        return ""
    mine = progress.done + progress.open
    preparing = f" · {_in_preparation(progress)}" if progress.preparing else ""
    return (
        f'<progress aria-label="Your pairs" max="{max(mine, 1)}" value="{progress.done}"></progress>'
        f"<p><b>{progress.done} of {mine}</b> for you · {progress.votes} of {progress.wanted} in all{preparing}</p>"
    )


def _in_preparation(progress: Progress) -> str:
    return f"{counted(progress.preparing, 'pair is', 'pairs are')} being prepared"


def pair_html(bench: Bench) -> str:
    """The question and both answers, made alike on a plain ballot, else as written and with the numbers of what they
    cite; "" while there is no pair. What was chosen on an opened pair is marked for the style sheet."""
    showing = bench.on_screen
    if showing is None:
        return ""
    shown = shown_texts(showing)
    if showing.ballot.plain:
        bodies = [_alike_html(plain) for plain in shown]
    else:
        bodies = [_written_html(answer) for answer in _answers(showing)]
    panes = "".join(map(_pane_html, "AB", bodies))
    opened = f' data-opened="{vote_id(choice) if (choice := chosen(showing)) else ""}"' if bench.opened else ""
    return (
        f'<p class="question" dir="auto">{escaped(showing.comparison.question)}</p>'
        f'<div class="pair"{opened}>{panes}</div>'
        + (
            '<p><button type="button" id="annotate_rest">An answer goes on: show all of it</button></p>'
            * _folded(*shown)
        )
    )


def _folded(left: Plain, right: Plain) -> bool:
    return bool(left.rest or right.rest)


def _answers(showing: Showing) -> tuple[Answer, Answer]:
    """As they stand on the page."""
    compared = showing.comparison
    left, right = compared.answers[compared.left], compared.answers[compared.right]
    return (right, left) if showing.ballot.swapped else (left, right)


def _alike_html(shown: Plain) -> str:
    rest = f'<p class="rest">{escaped(shown.rest)}</p>' if shown.rest else ""
    return (f"<p>{escaped(shown.text)}</p>" if shown.text else NO_TEXT) + rest


def _written_html(answer: Answer) -> str:
    """With a number behind each sentence that has a source, and nothing else of what was looked up: what is true is for
    the reader to judge. The results count these marks (storage/marks.py)."""
    marks = marked(answer.text, citations(answer))
    return _under_a_heading(cited_html(answer.text, marks)) if answer.text else NO_TEXT


def _pane_html(letter: str, body: str) -> str:
    return (
        f'<div class="pane"><h2><span class="letter">{letter}</span> Answer {letter}</h2>'
        f'<div class="text" dir="auto">{body}</div></div>'
    )


def _under_a_heading(markup: str) -> str:
    """Headings in an answer one level below "Answer A"."""
    return markup.replace("<h4>", "<h3>").replace("</h4>", "</h3>")


def past_html(bench: Bench) -> str:
    """This person's last pairs, each a button that opens it."""
    if not bench.past:
        return '<p class="nothing">Nothing yet: what you vote on appears here and can be changed.</p>'
    return f'<ol class="past">{"".join(_past_item(showing, bench.past_mark(showing)) for showing in bench.past)}</ol>'


def _past_item(showing: Showing, mark: str) -> str:
    ballot = showing.ballot
    facts = [said(showing), when(ballot.closed_at) if ballot.closed_at else ""]
    facts += ["note"] * bool(ballot.reason) + ["correct answer given"] * bool(ballot.correct_answer)
    return (
        f'<li><button type="button" data-mark="{mark}"><bdi>{escaped(showing.comparison.question)}</bdi></button>'
        f"<small>{escaped(' · '.join(facts))}</small></li>"
    )


def empty_html(bench: Bench, admin: bool) -> str:
    """What to do while there is no pair; "" while there is one."""
    if bench.on_screen is not None:
        return ""
    progress = bench.progress
    if progress.preparing:
        text = f"{_in_preparation(progress)}. They appear here by themselves, as soon as both answers are there."
        return _empty("Answers are on their way", text)
    if progress.done:
        return _empty("Done, thank you", f"You have judged all {progress.done} pairs that there were for you.")
    if progress.wanted and progress.votes >= progress.wanted:
        return _empty("Done", "Every pair has been judged by enough people.")
    if admin:
        return _empty("Nothing to judge yet", "Open “Fill the queue” below.")
    return _empty("Nothing to judge yet", "Come back when somebody has filled the queue.")


def _empty(title: str, text: str) -> str:
    return (
        f'<div class="empty"><h2>{title}</h2><p>{escaped(text)}</p>'
        '<p class="nothing">This page looks again by itself.</p></div>'
    )


def help_html() -> str:
    """The keys, in a dialog. ui/annotate.js obeys this list: there is no other."""
    votes = "".join(_key(key, VOTES[choice], press=vote_id(choice)) for choice, key in VOTE_KEYS.items())
    reasons = "".join(_key(key, str(reason), reason=reason.value) for reason, key in REASON_KEYS.items())
    actions = "".join(_key(key, what, press=element) for key, (element, what) in ACTION_KEYS.items())
    return (
        '<dialog id="annotate_help" aria-labelledby="annotate_help_title">'
        '<form method="dialog"><button>Close</button></form><h2 id="annotate_help_title">Keys</h2>'
        f"<h3>Vote, and on to the next pair</h3><ul>{votes}</ul>"
        f"<h3>Why (before you vote, as many as fit)</h3><ul>{reasons}</ul><h3>Else</h3><ul>{actions}</ul>"
        "<h3>What else is measured</h3><p>A small number behind a sentence says that the documents have it. Every "
        "second pair is shown without formatting and such numbers. Now and then a pair comes twice, its sides swapped, "
        "to see how steady judgements are. A choice that was quicker than reading is marked as that, and "
        "counts.</p></dialog>"
    )


def _key(key: str, what: str, press: str = "", reason: str = "") -> str:
    does = f'data-press="{press}"' if press else f'data-reason="{escaped(reason)}"'
    return f"<li><kbd {does}>{escaped(key)}</kbd> {escaped(what)}</li>"
