"""What is taken in, under which name, and what is refused with which reason."""

import io
import zipfile
from pathlib import Path

import pytest

from arena.errors import WorkspaceError
from arena.knowledge import AlreadyThere
from rag.blocks import Unreadable
from rag.documents import scan
from rag.uploads import ARRIVING, LONGEST, safe_name, take_in
from tests.rag.test_documents import has_a_way_out
from tests.storage.conftest import without_privileges


def handed_in(folder: Path, *named: tuple[str, bytes]) -> list[tuple[str, Path]]:
    files = []
    for number, (name, data) in enumerate(named):
        path = folder / f"upload-{number}"
        path.write_bytes(data)
        files.append((name, path))
    return files


def names(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


@pytest.fixture
def documents(tmp_path: Path) -> Path:
    folder = tmp_path / "documents"
    (folder / "sub").mkdir(parents=True)
    (folder / "lamps.md").write_text("It glows.")
    (folder / "sub" / "works.md").write_text("They stand.")
    return folder


@pytest.mark.parametrize(
    ("given", "name"),
    [
        ("plan.md", "plan.md"),
        ("Über uns (neu).pdf", "Über uns (neu).pdf"),
        ("../../etc/passwd.txt", "passwd.txt"),
        ("C:\\Users\\ann\\plan.md", "plan.md"),
        ("/abs/plan.md/", "plan.md"),
        (".hidden.md", "hidden.md"),
        ("~$plan.docx", "plan.docx"),
        ("..md", "md"),
        ("a\u202eb\u200b\n\tc.md", "ab c.md"),
        ('<|im_start|> "x"?.md', "__im_start__ _x__.md"),
        ("con.md", "_con.md"),
        ("e\u0301.md", "\u00e9.md"),
        ("plan.md. ", "plan.md"),
    ],
)
def test_names_are_made_safe(given: str, name: str) -> None:
    assert safe_name(given) == name


@pytest.mark.parametrize("given", ["", "/", "...", " . ", "\u200b"])
def test_a_name_of_which_nothing_is_left_is_refused(given: str) -> None:
    with pytest.raises(Unreadable, match="rename it"):
        safe_name(given)


def test_a_long_name_is_cut_and_keeps_its_ending() -> None:
    name = safe_name("ü" * 400 + ".md")
    assert name.endswith("ü.md") and len(name.encode()) <= LONGEST


def test_files_are_taken_in_whole_and_nothing_is_left_beside_them(documents: Path, tmp_path: Path) -> None:
    (documents / f"{ARRIVING}killed").mkdir()
    added = take_in(documents, handed_in(tmp_path, ("../new.md", b"New."), ("b.txt", b"B.")), False, 50)
    assert added.names == ("new.md", "b.txt") and not added.refused and not added.notes
    assert (documents / "new.md").read_bytes() == b"New."
    assert names(documents) == ["b.txt", "lamps.md", "new.md", "sub"]


def test_what_is_no_document_is_refused_with_the_reason_and_the_rest_is_taken(documents: Path, tmp_path: Path) -> None:
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w") as archive:
        archive.writestr("oak.md", "The oak table.")
    given = handed_in(
        tmp_path,
        ("film.mov", b"x"),
        ("large.txt", b"x" * 1_100_000),
        ("empty.md", b""),
        ("picture.md", b"\x89PNG...."),
        ("cut.zip", packed.getvalue()[:40]),
        ("sub", b"x"),
        ("good.zip", packed.getvalue()),
        ("good.ZIP/good.zip", b"again"),
    )
    added = take_in(documents, given, False, 1)
    reasons = dict(added.refused)
    assert added.names == ("good.zip",)
    assert "unsupported ending '.mov'" in reasons["film.mov"]
    assert "the limit is 1 MB" in reasons["large.txt"]
    assert reasons["empty.md"].startswith("empty: ")
    assert "PNG" in reasons["picture.md"]
    assert "damaged" in reasons["cut.zip"]
    assert "a folder of this name" in reasons["sub"]
    assert "second file of this name" in reasons["good.ZIP/good.zip"]
    assert all(map(has_a_way_out, reasons.values()))
    assert [found.name for found in scan(documents, 1)] == ["good.zip", "lamps.md", "sub/works.md"]


def test_what_is_there_is_replaced_only_when_that_was_said(documents: Path, tmp_path: Path) -> None:
    given = handed_in(tmp_path, ("lamps.md", b"It is dark."), ("new.md", b"New."))
    with pytest.raises(AlreadyThere, match="lamps.md"):
        take_in(documents, given, False, 50)
    assert names(documents) == ["lamps.md", "sub"]
    assert (documents / "lamps.md").read_text() == "It glows."
    take_in(documents, given, True, 50)
    assert (documents / "lamps.md").read_text() == "It is dark."


def test_a_link_is_replaced_and_not_followed(documents: Path, tmp_path: Path) -> None:
    (tmp_path / "outside.md").write_text("Kept.")
    (documents / "link.md").symlink_to(tmp_path / "outside.md")
    take_in(documents, handed_in(tmp_path, ("link.md", b"New.")), True, 50)
    assert (tmp_path / "outside.md").read_text() == "Kept." and not (documents / "link.md").is_symlink()


def test_the_same_name_in_another_folder_is_told(documents: Path, tmp_path: Path) -> None:
    (note,) = take_in(documents, handed_in(tmp_path, ("Works.md", b"New.")), False, 50).notes
    assert note.startswith("sub/works.md has the same name as Works.md")


def test_a_disk_that_refuses_is_named(tmp_path_factory: pytest.TempPathFactory) -> None:
    folder = tmp_path_factory.mktemp("refusing")
    given = handed_in(folder, ("a.md", b"x"))
    (folder / "documents").mkdir()
    for part in (folder, *folder.parents):
        if part.owner() != "root" or part == folder:
            part.chmod(0o755)
    (folder / "documents").chmod(0o555)
    with without_privileges(), pytest.raises(WorkspaceError, match=r"does not take the files"):
        take_in(folder / "documents", given, False, 50)
