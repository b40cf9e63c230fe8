"""Fills the annotators' queue: what the `queue` commands and the Annotate page both do.

Does not cover: who may, and what is said about it.
"""

from collections.abc import Collection, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from arena.annotation import QueuedPrompt, Source, for_annotators
from arena.errors import WorkspaceError
from arena.facts import load_facts
from arena.ports import History
from arena.prompt_file import read_prompts
from arena.question import checked_prompt
from arena.queue import Added, Queue, Terms
from arena.queue_questions import held_out_prompts
from arena.workspace import Workspace

PAIR = "fine-tuned,rag"
IN_A_TERMINAL = "command line"
"""Who asks and adds there."""
_PAGE = 200
NEWEST = 20_000
"""Comparisons that are looked through for what visitors asked."""
BATCH = 500
"""Prompts that are added at once: as long as it takes, no vote is written."""


@dataclass(frozen=True)
class QueueFiller:
    """Implements `arena.queue.Filler` for a workspace. `history` is the one in its database; `contestants` are those
    that can be asked."""

    workspace: Workspace
    queue: Queue
    history: History
    contestants: Collection[str]

    def import_file(self, file: Path, terms: Terms, name: str = "") -> Added:
        read = read_prompts(file, terms.added_by, name)
        return replace(self._add(read.prompts, terms), repeated=read.repeated)

    def questions(self, terms: Terms, limit: int = 0, seed: int = 0) -> Added:
        path = self.workspace.questions
        prompts = held_out_prompts(load_facts(path), limit, seed, terms.added_by)
        if not prompts:
            raise WorkspaceError(f"{path} holds no held-out wordings: add some (docs/own-documents.md).")
        return self._add(prompts, terms)

    def visitors(self, terms: Terms, limit: int) -> Added:
        """Follow-up questions are left out: alone they say little. Who asked is not kept."""
        texts = self._asked(limit)
        if not texts:
            raise WorkspaceError("No visitor has asked anything yet: queue questions or import some instead.")
        return self._add([QueuedPrompt(text, Source.VISITORS, added_by=terms.added_by) for text in texts], terms)

    def _add(self, prompts: Sequence[QueuedPrompt], terms: Terms) -> Added:
        pairs, done = self._pairs(terms), Added(0, 0)
        for start in range(0, len(prompts), BATCH):
            more = self.queue.add(prompts[start : start + BATCH], pairs, terms.wanted)
            done = Added(done.prompts + more.prompts, done.tasks + more.tasks, [*done.known, *more.known])
        return done

    def _pairs(self, terms: Terms) -> list[tuple[str, str]]:
        """Raises `WorkspaceError`: none, not two contestants, or not of this workspace."""
        pairs = []
        for names in terms.pairs:
            if len(names) != 2 or names[0] == names[1]:
                raise WorkspaceError(f"'{','.join(names)}' is not a pair: name two contestants, like {PAIR}.")
            for name in names:
                if name not in self.contestants:
                    known = ", ".join(self.contestants)
                    raise WorkspaceError(f"No contestant '{name}' in this workspace: there are {known}.")
            pairs.append((names[0], names[1]))
        if not pairs:
            raise WorkspaceError(f"No pair of contestants to ask: name one, like {PAIR}.")
        return pairs

    def _asked(self, limit: int) -> list[str]:
        """Distinct first questions of conversations, newest first, of the newest comparisons."""
        texts: dict[str, None] = {}
        offset = 0
        while len(texts) < limit and offset < NEWEST and (found := self.history.recent(limit=_PAGE, offset=offset)):
            offset += _PAGE
            for one in found:
                follows = any(one.histories.values())
                if not follows and not for_annotators(one) and one.asked_by != IN_A_TERMINAL:
                    texts.setdefault(checked_prompt(one.question))
        return list(texts)[:limit]
