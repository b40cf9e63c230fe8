"""Where votes are sent to: a folder (a mounted volume), or a dataset or bucket on the Hugging Face Hub.

The Hub takes at most 10,000 files in one folder (https://huggingface.co/docs/hub/storage-limits), so that votes are
spread over 256: `votes/3f/NAME.json`. Earlier versions put them side by side, `votes/NAME.json`; both are found. The
Hub's client is imported when it is first asked. Its token is the client's own matter (HF_TOKEN).
"""

import hashlib
import os
import tempfile
from collections.abc import Collection, Iterator, Mapping
from pathlib import Path
from typing import Any

from arena.elsewhere import Elsewhere
from arena.errors import StorageError

PREFIX = "votes/"
ENDING = ".json"
DATASET = "hf://datasets/"
BUCKET = "hf://buckets/"
FORMS = f'a folder, "{DATASET}owner/name" or "{BUCKET}owner/name"'


def elsewhere_at(address: str) -> Elsewhere:
    """The place that `[votes] elsewhere` names. Raises `StorageError`: not one of the forms."""
    for start, kind in ((DATASET, HubDataset), (BUCKET, HubBucket)):
        if address.startswith(start):
            name = address.removeprefix(start).strip("/")
            if name.count("/") != 1:
                raise StorageError(f"votes.elsewhere is '{address}': use {start}owner/name.")
            return kind(name)
    if "://" in address:
        raise StorageError(f"votes.elsewhere is '{address}': use {FORMS}.")
    return Folder(Path(address))


def place_of(name: str) -> str:
    """Where the file of this name is put, the same each time."""
    return f"{PREFIX}{hashlib.sha256(name.encode()).hexdigest()[:2]}/{name}{ENDING}"


def each_once(names: Collection[str]) -> list[str]:
    """Without those that an earlier version put side by side, and that were sent again to a folder of their own."""
    in_order = sorted(names, key=lambda name: (name.count("/"), name))
    return sorted({name.rpartition("/")[2]: name for name in in_order}.values())


def is_elsewhere(address: str) -> bool:
    """Whether votes were sent there: an address on the Hub, or a folder of such files."""
    return address.startswith((DATASET, BUCKET)) or bool(Folder(Path(address)).names())


class Folder:
    """Files in a folder that outlives this machine's disk, or is on another one."""

    pause = 0.5

    def __init__(self, path: Path) -> None:
        self.path = path

    def __str__(self) -> str:
        return str(self.path)

    def put(self, files: Mapping[str, bytes]) -> None:
        for name, content in files.items():
            target = self.path / name
            target.parent.mkdir(parents=True, exist_ok=True)
            with tempfile.NamedTemporaryFile(dir=target.parent, prefix=".", delete=False) as half:
                half.write(content)
                half.flush()
                os.fsync(half.fileno())
            Path(half.name).replace(target)

    def names(self) -> Collection[str]:
        found = (self.path / PREFIX).rglob(f"*{ENDING}")
        return [path.relative_to(self.path).as_posix() for path in found if not path.name.startswith(".")]

    def get(self, names: Collection[str]) -> Iterator[tuple[str, bytes]]:
        for name in names:
            yield name, (self.path / name).read_bytes()


class HubDataset:
    """A dataset on the Hub, made private where there is none. Every put is one commit, of which the Hub takes some
    hundred an hour."""

    pause = 30.0

    def __init__(self, name: str, api: Any = None) -> None:
        self.name, self._api, self._made = name, api, False

    def __str__(self) -> str:
        return f"{DATASET}{self.name}"

    @property
    def api(self) -> Any:
        if self._api is None:
            from huggingface_hub import HfApi

            self._api = HfApi()
        if not self._made:
            self._make()
            self._made = True
        return self._api

    def _make(self) -> None:
        self._api.create_repo(self.name, repo_type="dataset", private=True, exist_ok=True)

    def put(self, files: Mapping[str, bytes]) -> None:
        from huggingface_hub import CommitOperationAdd

        added = [CommitOperationAdd(name, content) for name, content in files.items()]
        self.api.create_commit(self.name, added, commit_message=f"{len(files)} votes", repo_type="dataset")

    def names(self) -> Collection[str]:
        return [name for name in self.api.list_repo_files(self.name, repo_type="dataset") if _ours(name)]

    def get(self, names: Collection[str]) -> Iterator[tuple[str, bytes]]:
        with tempfile.TemporaryDirectory() as folder:
            # One pattern: each file is held against each of them.
            ours = f"{PREFIX}*{ENDING}"
            self.api.snapshot_download(self.name, repo_type="dataset", allow_patterns=ours, local_dir=folder)
            yield from Folder(Path(folder)).get(names)


class HubBucket(HubDataset):
    """A storage bucket on the Hub: files without commits."""

    pause = 2.0

    def __str__(self) -> str:
        return f"{BUCKET}{self.name}"

    def _make(self) -> None:
        self._api.create_bucket(self.name, private=True, exist_ok=True)

    def put(self, files: Mapping[str, bytes]) -> None:
        self.api.batch_bucket_files(self.name, add=[(content, name) for name, content in files.items()])

    def names(self) -> Collection[str]:
        listed = self.api.list_bucket_tree(self.name, PREFIX.rstrip("/"), recursive=True)
        return [entry.path for entry in listed if _ours(entry.path)]

    def get(self, names: Collection[str]) -> Iterator[tuple[str, bytes]]:
        with tempfile.TemporaryDirectory() as folder:
            files = [(name, Path(folder) / name) for name in names]
            for parent in {path.parent for _, path in files}:
                parent.mkdir(parents=True, exist_ok=True)
            self.api.download_bucket_files(self.name, files)
            yield from Folder(Path(folder)).get(names)


def _ours(name: str) -> bool:
    return name.startswith(PREFIX) and name.endswith(ENDING)
