"""What `list`, `delete`, `verify` and `search` say and do, and that they read workspace.toml as the app does."""

import os
import re
import shutil
import subprocess
import sys
import tempfile
import zipfile
from pathlib import Path

import numpy
import pytest
from typer.testing import CliRunner

from arena.errors import WorkspaceError
from rag import store
from rag.__main__ import application
from rag.embedder import SentenceEmbedder
from rag.index import open_or_build
from rag.parts import Part
from rag.progress import lines
from rag.settings import Settings
from rag.upkeep import Row, delete, faults, file_named, listing
from tests.rag.bags import Bags
from tests.rag.test_documents import has_a_way_out
from tests.rag.test_hidden import pages
from tests.storage.conftest import without_privileges

ROOT = Path(__file__).parents[2]


def run(*words: object, said: str | None = None) -> tuple[int, str]:
    """The exit code and all output of a command."""
    done = CliRunner().invoke(application, [str(word) for word in words], input=said)
    return done.exit_code, done.output + (f"\n{done.exception}" if isinstance(done.exception, WorkspaceError) else "")


@pytest.fixture
def boxed(workspace: Path, embedder: SentenceEmbedder) -> Path:
    """An indexed workspace with an archive, and files that are left out."""
    with zipfile.ZipFile(workspace / "documents" / "box.zip", "w") as archive:
        archive.writestr("oak.md", "The oak table weighs 30 kilograms.")
        archive.writestr("photo.jpg", "no text")
    (workspace / "documents" / "empty.txt").write_bytes(b"")
    (workspace / "documents" / "film.mov").write_bytes(b"x" * 2_500_000)
    open_or_build(workspace, embedder)
    return workspace


def test_the_list_tells_the_state_of_each_document(boxed: Path) -> None:
    documents = boxed / "documents"
    (documents / "holidays.txt").unlink()
    (documents / "works.html").write_text("<p>The works moved to Elmgate.</p>")
    (documents / "new.md").write_text("It is new.")
    rows = {row.name: row for row in listing(boxed, Settings())}
    assert {name: row.state for name, row in rows.items()} == {
        "box.zip/oak.md": "indexed",
        "box.zip/photo.jpg": "skipped",
        "empty.txt": "skipped",
        "film.mov": "skipped",
        "holidays.txt": "deleted",
        "lamps.md": "indexed",
        "new.md": "new",
        "works.html": "changed",
    }
    assert rows["box.zip/oak.md"] == Row("box.zip/oak.md", "indexed", 34, 1)
    assert (rows["lamps.md"].chunks, rows["new.md"].chunks) == (2, None)
    assert "unsupported ending '.mov'" in rows["film.mov"].reason
    code, output = run("list", boxed)
    assert code == 0
    assert re.search(r"^indexed +2 passages +0\.3 kB  lamps\.md$", output, re.M)
    assert "skipped  empty.txt: empty" in output
    assert f"Bring the index up to date: python -m rag index {boxed}" in output


def test_what_was_not_read_of_a_document_is_said_wherever_it_is_listed(
    workspace: Path, embedder: SentenceEmbedder
) -> None:
    documents = workspace / "documents"
    (documents / "manual.pdf").write_bytes(pages("text", "scan"))
    report = open_or_build(workspace, embedder).report
    assert "read in part manual.pdf: page 2 is a picture" in str(report)
    (documents / "sub").mkdir()
    (documents / "manual.pdf").rename(documents / "sub" / "manual.pdf")
    report = open_or_build(workspace, embedder).report
    assert "read in part sub/manual.pdf: page 2 is a picture" in str(report) and report.embedded == 0
    (row,) = [row for row in listing(workspace, Settings()) if row.name == "sub/manual.pdf"]
    assert row.state == "indexed" and has_a_way_out(row.reason)
    assert "sub/manual.pdf: page 2 is a picture" in run("list", workspace)[1]
    (documents / "sub" / "manual.pdf").write_bytes(pages("text", "text"))
    (row,) = [row for row in listing(workspace, Settings()) if row.name == "sub/manual.pdf"]
    assert row.state == "changed" and row.reason == ""


def test_the_list_of_a_workspace_without_index_or_documents_says_what_to_do(workspace: Path) -> None:
    assert {row.state for row in listing(workspace, Settings())} == {"new"}
    shutil.rmtree(workspace / "documents")
    assert "put some into" in run("list", workspace)[1]


def test_deleting_removes_the_file_and_what_is_in_it(boxed: Path, embedder: SentenceEmbedder) -> None:
    code, output = run("delete", boxed, "box.zip", "--yes")
    assert (code, output) == (0, "box.zip deleted, and 1 document of it from the index.\n")
    assert not (boxed / "documents" / "box.zip").exists()
    assert len(list((boxed / "index" / store.PARTS).iterdir())) == 3
    index = open_or_build(boxed, embedder)
    assert index.report.status == "reused"
    assert not [chunk for chunk in index.chunks if chunk.document.startswith("box.zip")]


def test_deleting_asks_first(boxed: Path) -> None:
    for said in ("n\n", None):
        code, output = run("delete", boxed, "lamps.md", said=said)
        assert code == 1
        assert "for good?" in output
        assert (boxed / "documents" / "lamps.md").exists()
    assert run("delete", boxed, boxed / "documents" / "lamps.md", said="y\n")[0] == 0
    assert "lamps.md" not in {row.name for row in listing(boxed, Settings())}


def test_a_document_in_an_archive_is_not_deleted(boxed: Path) -> None:
    code, output = run("delete", boxed, "box.zip/oak.md", "--yes")
    assert code == 1
    assert "box.zip/oak.md is inside box.zip, and an archive is not changed" in output
    assert f"`python -m rag delete {boxed} box.zip`" in output
    assert (boxed / "documents" / "box.zip").exists()


@pytest.mark.parametrize("name", ["lamp.md", "../workspace.toml", "/etc/hosts", "", ".", "..", "documents", "\0"])
def test_what_is_no_document_is_not_deleted(name: str, boxed: Path) -> None:
    (boxed / "workspace.toml").write_text("")
    with pytest.raises(WorkspaceError, match="There is no file '.*rag list") as refused:
        file_named(boxed, name)
    assert name != "lamp.md" or "Did you mean lamps.md?" in str(refused.value)
    assert (boxed / "workspace.toml").exists()


def test_a_file_that_is_gone_already_leaves_the_index(boxed: Path) -> None:
    (boxed / "documents" / "lamps.md").unlink()
    assert delete(boxed, file_named(boxed, "lamps.md"), lambda: None).endswith("1 document of it from the index.")
    assert "lamps.md" not in {row.name for row in listing(boxed, Settings())}


def test_a_file_that_was_left_out_and_a_workspace_without_index_can_be_deleted_from(boxed: Path) -> None:
    assert delete(boxed, "film.mov", lambda: None) == "film.mov deleted, and 0 documents of it from the index."
    shutil.rmtree(boxed / "index")
    assert delete(boxed, "lamps.md", lambda: None) == "lamps.md deleted; there is no index."
    assert not (boxed / "index").exists()


def test_a_disk_that_refuses_to_delete_is_named() -> None:
    with tempfile.TemporaryDirectory() as name:
        documents = Path(name) / "documents"
        documents.mkdir()
        Path(name).chmod(0o755)
        (documents / "a.md").write_text("It glows.")
        documents.chmod(0o555)
        with without_privileges(), pytest.raises(WorkspaceError, match=r"cannot be deleted .*chmod u\+w"):
            delete(Path(name), "a.md", lambda: None)


def test_a_folder_that_cannot_be_looked_into_is_listed_and_its_files_stay_in_the_index() -> None:
    with tempfile.TemporaryDirectory() as name:
        workspace, folder = Path(name), Path(name) / "documents" / "sub"
        folder.mkdir(parents=True)
        workspace.chmod(0o755)
        for path in (folder / "lamp.md", folder.parent / "oak.md", folder.parent / "wick.md"):
            path.write_text(f"It tells of {path.stem}.")
        open_or_build(workspace, Bags())
        assert open_or_build(workspace, Bags()).report.status == "reused"  # loads what nobody else may read
        (folder.parent / "oak.md").unlink()
        folder.chmod(0)
        with without_privileges():
            rows = {row.name: row for row in listing(workspace, Settings())}
            index = open_or_build(workspace, Bags())
        folder.chmod(0o755)
    assert {name: row.state for name, row in rows.items()} == {
        "oak.md": "deleted",
        "sub": "skipped",
        "sub/lamp.md": "indexed",
        "wick.md": "indexed",
    }
    assert has_a_way_out(rows["sub"].reason) and "Permission denied" in rows["sub"].reason
    assert [chunk.document for chunk in index.chunks] == ["sub/lamp.md", "wick.md"]
    assert [item.name for item in index.report.skipped] == ["sub"]


def test_documents_that_cannot_be_looked_into_are_not_taken_for_none() -> None:
    with tempfile.TemporaryDirectory() as name:
        documents = Path(name) / "documents"
        documents.mkdir(mode=0)
        Path(name).chmod(0o755)
        with without_privileges(), pytest.raises(WorkspaceError, match=r"cannot be looked into .*chmod u\+rx"):
            listing(Path(name), Settings())


def test_a_sound_index_is_verified(boxed: Path, embedder: SentenceEmbedder) -> None:
    assert faults(boxed, embedder, Settings()) == []
    code, output = run("verify", boxed)
    assert code == 0 and "The index is sound: 4 documents.\n" in output


def test_verifying_names_what_is_wrong_and_the_way_out_repairs_it(boxed: Path, embedder: SentenceEmbedder) -> None:
    manifest = store.load(boxed / "index")
    assert isinstance(manifest, store.Manifest)
    keys = {held.name: held.part for held in manifest.documents}
    store.part_path(boxed / "index", keys["lamps.md"]).unlink()
    path = store.part_path(boxed / "index", keys["holidays.txt"])
    path.write_bytes(path.read_bytes()[:-30])
    (boxed / "documents" / "works.html").unlink()
    (boxed / "documents" / "new.md").write_text("It is new.")
    code, output = run("verify", boxed)
    assert code == 1
    for said in ("lamps.md: .* is missing", "holidays.txt: .* was damaged", "works.html: deleted", "new.md: new since"):
        assert re.search(said, output)
    assert f"Way out: python -m rag index {boxed}\n" in output
    assert run("index", boxed)[0] == 0
    assert run("verify", boxed)[0] == 0


@pytest.mark.parametrize(("spoilt", "said"), [("vectors", "length 2.000"), ("rows", "for 2 passages"), ("count", "9")])
def test_verifying_sees_a_part_that_was_written_wrongly(
    spoilt: str, said: str, boxed: Path, embedder: SentenceEmbedder
) -> None:
    manifest = store.load(boxed / "index")
    assert isinstance(manifest, store.Manifest)
    key = next(held.part for held in manifest.documents if held.name == "lamps.md")
    loaded = store.load_part(boxed / "index", key)
    assert isinstance(loaded, tuple)
    good, stamp = loaded
    bad = {
        "vectors": Part(good.chunks, good.vectors * numpy.float32(2), good.sentence_vectors),
        "rows": Part(good.chunks, good.vectors[:1], good.sentence_vectors),
        "count": good,
    }[spoilt]
    stamp = store.Stamp.of(bad.packed(), bad) if spoilt != "count" else store.Stamp(stamp.checksum, 9)
    with store.Writer(boxed / "index", lambda: None) as writer:
        writer.part(key, bad.packed())
        writer.commit(store.Manifest(manifest.shape, manifest.files, manifest.parts | {key: stamp}))
    (fault,) = faults(boxed, embedder, Settings())
    assert fault.startswith("lamps.md: ") and said in fault
    run("index", boxed)
    assert faults(boxed, embedder, Settings()) == []


def test_verifying_names_other_settings_and_a_missing_index(boxed: Path, embedder: SentenceEmbedder) -> None:
    (fault,) = faults(boxed, embedder, Settings(chunk_tokens=60))
    assert "made with other settings" in fault
    shutil.rmtree(boxed / "index")
    assert faults(boxed, embedder, Settings()) == [f"no index in {boxed / 'index'}: there was none"]


def test_a_search_shows_meaning_words_and_both(boxed: Path) -> None:
    code, output = run("search", boxed, "How heavy is the glass lamp?")
    assert code == 0
    head, first = output.split("Best passages:\n")[1].splitlines()[:2]
    assert head.split() == ["dense", "BM25", "fused"]
    dense, words, fused, *place = first.split()
    assert (float(fused), place) == (1.0, ["lamps.md,", "Glass", "lamp"])
    assert 0.5 < float(dense) < 1 and float(words) > 1


def test_a_search_without_documents_says_so(tmp_path: Path) -> None:
    assert "No documents: put some into" in run("search", tmp_path, "anything")[1]


@pytest.mark.parametrize("command", ["index", "list", "verify", "search"])
def test_each_command_reads_the_settings_of_the_workspace(command: str, boxed: Path) -> None:
    (boxed / "workspace.toml").write_text("[rag]\nchunk_token = 60\n")
    code, output = run(command, boxed, *["a question"][: command == "search"])
    assert code == 1 and "rag.chunk_token is not a setting" in output
    (boxed / "workspace.toml").write_text("[rag]\nchunk_tokens = 20\nsentences = 2\n")
    code, output = run(command, boxed, *["a question"][: command == "search"])
    assert code == (command == "verify")
    if command in ("index", "search"):
        manifest = store.load(boxed / "index")
        assert isinstance(manifest, store.Manifest) and ", 20, " in manifest.shape
    if command == "search":
        assert len(re.findall(r"^\d\.\d{3}  ", output, re.M)) == 2


def test_where_no_bar_can_be_seen_progress_is_told_in_lines_with_the_time_left() -> None:
    said: list[str] = []
    now = [0.0]
    tell = lines(said.append, lambda: now[0])
    for seconds, done in ((0, 0), (5, 10), (10, 20), (12, 30), (30, 60), (200, 400)):
        now[0] = seconds
        tell("embedding", done, 400)
    now[0] = 300
    tell("waiting", 0, 1)
    assert said == ["embedding: 400", "embedding: 20 of 400, 3:10 left", "embedding: 60 of 400, 2:50 left", "waiting"]


def test_the_command_line_tells_its_progress(workspace: Path) -> None:
    command = [sys.executable, "-B", "-m", "rag", "index", str(workspace)]
    environment = os.environ | {"OMP_NUM_THREADS": "1"}
    done = subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True, check=True)
    assert re.findall("^(?:reading|embedding) .*", done.stderr, re.M) == [
        "reading documents: 3",
        "embedding passages and sentences: 22",
    ]
    assert "3 documents, 3 of them embedded anew" in done.stdout


def test_a_file_whose_name_has_invisible_characters_is_told_from_its_twin_and_deleted(
    workspace: Path, embedder: SentenceEmbedder
) -> None:
    odd = workspace / "documents" / "lamp\u200bs.md"
    odd.write_text("# Lamps\n\nThe Orra lamp weighs 4 kg.\n", encoding="utf-8")
    index = open_or_build(workspace, embedder)
    (name,) = {chunk.document for chunk in index.chunks} - {"lamps.md", "holidays.txt", "works.html"}
    assert name.startswith("lamps~") and name.endswith(".md")
    assert index.present() is index
    delete(workspace, name, lambda: None)
    assert not odd.exists() and (workspace / "documents" / "lamps.md").exists()
    assert {chunk.document for chunk in index.present().chunks} == {"lamps.md", "holidays.txt", "works.html"}
