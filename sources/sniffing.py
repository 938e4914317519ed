"""What a file really is, whatever its name says: told by its first bytes."""
import gzip
import io
import zipfile
import zlib
from dataclasses import dataclass
from pathlib import PurePosixPath

from sources.findings import advise, refuse

_OTHERS = (
    (b"%PDF", "PDF"), (b"\x89PNG", "PNG"), (b"\xff\xd8\xff", "JPEG"), (b"Rar!", "RAR"), (b"7z\xbc\xaf", "7z"), (b"GIF8", "GIF"),
    (b"BZh", "bzip2"), (b"\xfd7zXZ", "xz"), (b"\x28\xb5\x2f\xfd", "zstd"), (b"SQLite format 3", "SQLite"), (b"{\\rtf", "RTF"),
    (b"\x7fELF", "ELF"), (b"MZ", "EXE"),
)
_EXCEL_PARTS = ("xl/workbook.xml", "xl/workbook.bin")
_CFB = b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1"
_STREAM = "EncryptedPackage".encode("utf-16-le")
_ARCHIVES = (b"PK\x03\x04", b"PK\x05\x06", b"\x1f\x8b", b"Rar!", b"7z\xbc\xaf")


@dataclass(frozen=True)
class Content:
    """One table file, unpacked: `kind` is workbook, parquet, html, jsonl or text; `member` its name inside an archive."""

    kind: str
    data: bytes
    member: str | None = None


def contents(data: bytes, name: str) -> list[Content]:
    """The table files in some bytes: one, or the members of a zip. One level is unpacked, never two.

    Raises RefusedInput: E04 (no reader fits), E05 (empty, truncated), E06 (encrypted, nested, unsafe names).
    """
    if not data.strip(b"\x00 \t\r\n\xef\xbb\xbf\xff\xfe"):
        raise refuse("E05", name, advise("empty"), n=len(data))
    if data[:2] == b"\x1f\x8b":
        inner = _gunzip(data, name)
        if not inner.strip():
            raise refuse("E05", name, advise("empty"), n=len(data))
        if inner.startswith(_ARCHIVES) and not _is_workbook(inner):
            raise refuse("E06", name, advise("archive"))
        return [Content(_kind(inner, name), inner)]
    if data[:4] in (b"PK\x03\x04", b"PK\x05\x06") and not _is_workbook(data):
        return _members(data, name)
    return [Content(_kind(data, name), data)]


def _gunzip(data: bytes, name: str) -> bytes:
    try:
        return gzip.decompress(data)
    except (EOFError, zlib.error, gzip.BadGzipFile) as e:
        raise refuse("E05", name, advise("truncated"), n=len(data)) from e


def _names(data: bytes) -> list[str] | None:
    """The names in a zip; None where its directory, which stands at its end, cannot be read."""
    try:
        with zipfile.ZipFile(io.BytesIO(data)) as archive:
            return archive.namelist()
    except (zipfile.BadZipFile, ValueError, OSError, NotImplementedError):
        return None


def _is_workbook(data: bytes) -> bool:
    names = (_names(data) if data[:2] == b"PK" else None) or []
    return ("[Content_Types].xml" in names or "mimetype" in names or any(p in names for p in _EXCEL_PARTS))


def _members(data: bytes, name: str) -> list[Content]:
    if _names(data) is None:
        raise refuse("E05", name, advise("truncated"), n=len(data))
    out = []
    with zipfile.ZipFile(io.BytesIO(data)) as archive:
        for entry in sorted(archive.infolist(), key=lambda e: e.filename):
            path = PurePosixPath(entry.filename.replace("\\", "/"))
            if path.is_absolute() or ".." in path.parts or ":" in path.parts[0] or entry.flag_bits & 1:
                raise refuse("E06", name, advise("archive"))
            if entry.is_dir() or path.parts[0] == "__MACOSX" or path.name.startswith("."):
                continue
            try:
                inner = archive.read(entry)
            except (zipfile.BadZipFile, zlib.error, EOFError, NotImplementedError) as e:
                raise refuse("E05", name, advise("truncated"), sheet=path.name, n=len(data)) from e
            if inner.startswith(_ARCHIVES) and not _is_workbook(inner):
                raise refuse("E06", name, advise("archive"), sheet=path.name)
            if not inner.strip():
                raise refuse("E05", name, advise("empty"), sheet=path.name, n=len(inner))
            out.append(Content(_kind(inner, name), inner, path.name))
    if not out:
        raise refuse("E05", name, advise("empty"), n=len(data))
    return out


def _kind(data: bytes, name: str) -> str:
    if data[:2] == b"PK":
        names = _names(data) or []
        if any(p in names for p in _EXCEL_PARTS) or "content.xml" in names:
            return "workbook"
        raise refuse("E04", name, advise("no_reader"), kind="Office document")
    if data.startswith(_CFB):
        if _STREAM in data:
            raise refuse("E06", name, advise("password"))
        return "workbook"
    if data[:4] == b"PAR1":
        if data[-4:] != b"PAR1":
            raise refuse("E05", name, advise("truncated"), n=len(data))
        return "parquet"
    for magic, kind in _OTHERS:
        if data.startswith(magic):
            raise refuse("E04", name, advise("no_reader"), kind=kind)
    head = data[:4096].lstrip(b"\xef\xbb\xbf \t\r\n").lower()
    if head.startswith(b"mime-version:"):
        raise refuse("E04", name, advise("no_reader"), kind="MHTML")
    if head.startswith((b"<?xml", b"<workbook")) and b"schemas-microsoft-com:office:spreadsheet" in head and b"<html" not in head:
        return "spreadsheet_xml"
    if head.startswith((b"<html", b"<!doctype html", b"<table", b"<head", b"<body", b"<meta", b"<style", b"<div")) or b"<table" in head:
        return "html"
    if head.startswith(b"<?xml"):
        raise refuse("E04", name, advise("no_reader"), kind="XML")
    if head.startswith(b"{") or (head.startswith(b"[") and head[1:].lstrip()[:1] in (b"{", b"]")):
        return "jsonl"
    if b"\x00" in data[:4096] and data[:2] not in (b"\xff\xfe", b"\xfe\xff"):
        raise refuse("E01", name, advise("encoding"))
    return "text"
