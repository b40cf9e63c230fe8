"""Everything that can go wrong in words a person can act on. Each message carries the value and the way out.

Entry points (the page, the command line) catch `ArenaError` in one place and show its text; any other
exception is a bug and keeps its traceback.
"""


class ArenaError(Exception):
    """Base of all errors that are meant to be read by a user."""


class InvalidPrompt(ArenaError):
    """The prompt cannot be asked: empty, or over the limit."""


class ModelUnavailable(ArenaError):
    """No weights could be found, or an endpoint does not answer."""


class AdapterMismatch(ArenaError):
    """An adapter is missing, unreadable, or was trained on another base model."""


class IndexUnavailable(ArenaError):
    """The index could not be read or built."""


class WorkspaceError(ArenaError):
    """A workspace folder, its settings or its questions are missing or malformed."""


class StorageError(ArenaError):
    """The database refused: locked, read-only, full, or not a database."""


class VoteRefused(ArenaError):
    """The vote is not allowed: answers incomplete, a failure, or no such comparison."""


class NotAllowed(ArenaError):
    """The person may not do this: not signed in, no right to it, or too often."""


class ContestantFailed(ArenaError):
    """A contestant could not answer; the text is what the reader of its pane sees."""


class Stopped(ArenaError):
    """A long job was asked to stop and did, and can go on: no failure."""


class CollectionError(ArenaError):
    """A test collection for retrieval is missing files, or one of its lines is malformed."""


class ImportRefused(ArenaError):
    """A file to import is malformed, or does not fit what is here; nothing of it was taken."""
