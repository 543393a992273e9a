"""The lines of a text file: its encoding, its byte order mark, its line ends, its compression."""

import codecs
import gzip
import zlib

from ebmjax.data.base import DataError, first_line

MARKS = {
    codecs.BOM_UTF32_LE: "utf-32",  # before UTF-16, whose mark is the first half of this one
    codecs.BOM_UTF32_BE: "utf-32",
    codecs.BOM_UTF16_LE: "utf-16",
    codecs.BOM_UTF16_BE: "utf-16",
}
"""Byte order mark at the start of a file -> its encoding; UTF-8 has a mark or none."""

GZIP = b"\x1f\x8b"
CONVERT = "`iconv -f ENCODING -t utf-8 OLD > NEW` converts it"


def lines_of(raw: bytes, name: str) -> list[str]:
    """The lines of a text in UTF-8, or in UTF-16 or UTF-32 with a byte order mark, perhaps compressed by gzip.

    Lines end with LF, CR LF, or, in files that have mostly these, CR. Byte order marks are left out, also those at
    places where files were joined. Raises DataError, beginning with `name`, for other encodings and damaged bytes.
    """
    try:
        raw = gzip.decompress(raw) if raw.startswith(GZIP) else raw
    except (OSError, EOFError, zlib.error) as error:
        raise DataError(f"{name}: not readable as gzip ({first_line(error)})") from None
    encoding = next((encoding for mark, encoding in MARKS.items() if raw.startswith(mark)), "utf-8")
    try:
        text = raw.decode(encoding)
    except UnicodeDecodeError as error:
        line = raw.count(b"\n", 0, error.start) + 1
        raise DataError(
            f"{name}: not readable as {encoding.upper()} text (line {line}); in another encoding, as latin1, {CONVERT}"
        ) from None
    if "\0" in text:
        raise DataError(f"{name}: no text, it has NUL characters; in UTF-16 without a byte order mark, {CONVERT}")
    text = text.replace("\ufeff", "").replace("\r\n", "\n")
    if text.count("\r") > text.count("\n"):
        text = text.replace("\r", "\n")
    return text.split("\n")
