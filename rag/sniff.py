"""What bytes are, whatever the file is called, and text out of bytes. Does not parse any format."""

import codecs
import re

from rag.archives import open_zip, read_entry
from rag.blocks import Unreadable

ZIP = "a zip archive"
OLD_OFFICE = "an old or encrypted Office file"

MAGIC = {
    b"%PDF-": "a PDF",
    b"PK\x03\x04": ZIP,
    b"PK\x05\x06": ZIP,
    b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1": OLD_OFFICE,
    b"\x89PNG": "a PNG image",
    b"\xff\xd8\xff": "a JPEG image",
    b"GIF8": "a GIF image",
    b"\x1f\x8b": "a gzip archive",
    b"7z\xbc\xaf\x27\x1c": "a 7z archive",
    b"\x7fELF": "a program",
    b"{\\rtf": "an RTF file",
    b"SQLite format 3": "a database",
}
WANTED = {
    ".pdf": "a PDF",
    ".docx": "a Word document",
    ".pptx": "a PowerPoint presentation",
    ".xlsx": "an Excel workbook",
    ".epub": "an EPUB book",
    ".zip": ZIP,
}
OFFICE = {"word/": WANTED[".docx"], "ppt/": WANTED[".pptx"], "xl/": WANTED[".xlsx"]}
OLDER = {".docx": ".doc", ".pptx": ".ppt", ".xlsx": ".xls"}
BOMS = (
    (codecs.BOM_UTF8, "utf-8-sig"),
    (codecs.BOM_UTF32_LE, "utf-32"),
    (codecs.BOM_UTF32_BE, "utf-32"),
    (codecs.BOM_UTF16_LE, "utf-16"),
    (codecs.BOM_UTF16_BE, "utf-16"),
)
FOREIGN_SHARE = 0.3
"""Western European text has under 15 % accented letters; Cyrillic or Greek read as Windows-1252 has over 90 %."""


def what_it_is(data: bytes) -> str | None:
    """The kind of file its first bytes tell, None for text or unknown. Of a zip file, what is in it.

    Raises:
        Unreadable: a zip file that cannot be opened, or unpacks to too much.
    """
    # A PDF may have up to 1,024 bytes before its header (ISO 32000, annex H).
    if b"%PDF-" in data[:1024] and b"\x00" not in data[: data.index(b"%PDF-")]:
        return MAGIC[b"%PDF-"] if data.lstrip()[:5] == b"%PDF-" else None
    kind = next((kind for magic, kind in MAGIC.items() if data.startswith(magic)), None)
    return _packed(data) if kind == ZIP else kind


def _packed(data: bytes) -> str:
    """Office files and books are zip files; the names of their parts tell them apart."""
    with open_zip(data) as archive:
        names = archive.namelist()
        if "META-INF/container.xml" in names and "META-INF/MANIFEST.MF" not in names:
            return WANTED[".epub"]
        if "mimetype" in names and archive.getinfo("mimetype").file_size < 200:
            declared = read_entry(archive, "mimetype")
            if b"opendocument" in declared:
                return "an OpenDocument file"
            if b"epub" in declared:
                return WANTED[".epub"]
    if "[Content_Types].xml" not in names:
        return ZIP
    return next((kind for part, kind in OFFICE.items() if any(name.startswith(part) for name in names)), ZIP)


def check_content(ending: str, data: bytes) -> None:
    """Raises `Unreadable` when the file is empty, or its content is not what its ending says."""
    if not data.strip(b" \t\r\n\x0b\x0c\x00"):
        raise Unreadable("empty: copy it here again, or delete it")
    found = what_it_is(data)
    if found != WANTED.get(ending):
        raise Unreadable(_not_that(ending, found))
    page = re.match(rb"\s*(\xef\xbb\xbf)?\s*<(!doctype html|html[\s>])", data, re.I)
    if page and ending in (".txt", ".md", ".csv", ".tsv"):
        raise Unreadable(f"misnamed: ends in {ending} but is an HTML page; rename it to .html")


def _not_that(ending: str, found: str | None) -> str:
    if found == OLD_OFFICE and ending in OLDER:
        old = OLDER[ending]
        return f"encrypted, or an old {old} file named {ending}: remove the password or save it as {ending}"
    own = next((f"rename it to {name}" for name, kind in WANTED.items() if kind == found), "give it its own ending")
    return f"misnamed: ends in {ending} but is {found or 'something else'}; {own}"


def decoded(data: bytes, declared: str | None = None) -> str:
    """Text by byte-order mark, else UTF-8, else the `declared` encoding, else Windows-1252.

    Raises:
        Unreadable: bytes that are not text, or text in an encoding that cannot be told.
    """
    encoding = next((name for bom, name in BOMS if data.startswith(bom)), None)
    if encoding is None and b"\x00" in data:
        raise Unreadable("binary, or UTF-16 without a byte-order mark: save it as UTF-8")
    for name in (encoding,) if encoding else ("utf-8", declared, "cp1252"):
        try:
            text = data.decode(name) if name else None
        except (UnicodeDecodeError, LookupError):
            continue
        if text is not None:
            return _plausible(text, guessed=name == "cp1252")
    raise Unreadable(f"not valid {encoding or 'UTF-8 or Windows-1252'}: save it as UTF-8")


def _plausible(text: str, guessed: bool) -> str:
    controls = sum(character < " " and character not in "\t\n\r\f\x0b" for character in text[:100_000])
    if controls > max(2, 0.01 * len(text[:100_000])):
        raise Unreadable("binary: it holds control characters, not text; export it as text or PDF")
    letters = [character for character in text if character.isalpha()]
    if guessed and sum(character > "\x7f" for character in letters) > FOREIGN_SHARE * max(len(letters), 1):
        raise Unreadable("in an encoding that is neither UTF-8 nor Windows-1252: save it as UTF-8")
    return text.replace("\r\n", "\n").replace("\r", "\n")
