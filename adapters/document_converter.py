"""A PDF or HTML file on standard input, its words as Markdown on standard output, as one JSON object.

A program of its own, run by ``adapters/documents.py`` for one file and bounded by the system in time and memory: what
a hostile file does to a parser ends with the process. It needs nothing of the project and opens no connection.
"""

import contextlib
import io
import json
import re
import sys
from collections.abc import Iterator
from typing import Any

import pypdf
from bs4 import BeautifulSoup
from bs4.element import Comment
from markdownify import MarkdownConverter
from pypdf.errors import LimitReachedError

resource: Any = None  # not on Windows: there the time limit alone holds
with contextlib.suppress(ImportError):
    import resource

_UNSEEN = ("script", "style", "noscript", "template", "svg", "iframe", "object", "embed", "canvas", "head", "nav")
_HYPHEN = re.compile(r"(?<=[^\W\d_])[-\u00ad]\n(?=[a-z])")
_OPEN_END = re.compile(r"[\w,;\-]$")
_MANY_BREAKS = re.compile(r"\n{3,}")


class ConversionError(Exception):
    """The file cannot be converted, and why."""


def main() -> None:
    """Convert what stands on standard input."""
    media_type, max_pages, max_chars, cpu_s, memory_mb = sys.argv[1], *map(int, sys.argv[2:6])
    _limit(cpu_s, memory_mb << 20)
    content = sys.stdin.buffer.read()
    try:
        if media_type == "application/pdf":
            title, text = _pdf(content, max_pages, max_chars)
        else:
            title, text = _html(content)
        if len(text) > max_chars:
            raise ConversionError(f"it has more than {max_chars} characters")
        answer = {"title": title, "text": text}
    except ConversionError as error:
        answer = {"error": str(error)}
    except (MemoryError, RecursionError, LimitReachedError):
        answer = {"error": "it takes too much memory, or is nested too deeply"}
    except Exception as error:  # noqa: BLE001  the file's fault: parsers of broken files raise anything
        answer = {"error": f"it is damaged ({type(error).__name__})"}
    json.dump(answer, sys.stdout)


def _limit(cpu_s: int, memory_bytes: int) -> None:
    """Let the system end this process when it takes more; it writes no file."""
    if resource is not None:
        resource.setrlimit(resource.RLIMIT_CPU, (cpu_s, cpu_s + 1))
        resource.setrlimit(resource.RLIMIT_AS, (memory_bytes, memory_bytes))
        resource.setrlimit(resource.RLIMIT_FSIZE, (0, 0))


def _pdf(content: bytes, max_pages: int, max_chars: int) -> tuple[str, str]:
    reader = pypdf.PdfReader(io.BytesIO(content))
    if reader.is_encrypted and not reader.decrypt(""):
        raise ConversionError("it is encrypted")
    pages = len(reader.pages)
    if pages > max_pages:
        raise ConversionError(f"it has {pages} pages, and one may have {max_pages}")
    text = _joined(_bounded((page.extract_text() for page in reader.pages), max_chars))
    if not text.strip():
        raise ConversionError("there is no text in it; pages that are pictures are not read")
    return _pdf_title(reader), text


def _bounded(pages: Iterator[str], max_chars: int) -> Iterator[str]:
    taken = 0
    for page in pages:
        taken += len(page)
        if taken > max_chars:
            raise ConversionError(f"it has more than {max_chars} characters")
        yield page


def _pdf_title(reader: pypdf.PdfReader) -> str:
    try:
        return str((reader.metadata and reader.metadata.title) or "")
    except Exception:  # noqa: BLE001  a title is no reason to fail
        return ""


def _joined(pages: Iterator[str]) -> str:
    """Return the pages as one text: a sentence that goes on overleaf is one."""
    text = ""
    for page in pages:
        words = _HYPHEN.sub("", page.replace("\r", "")).strip()
        if words:
            text += ("\n" if _OPEN_END.search(text) and words[:1].islower() else "\n\n" if text else "") + words
    return text


def _html(content: bytes) -> tuple[str, str]:
    soup = BeautifulSoup(content, "html.parser")
    title = soup.title.get_text(" ", strip=True) if soup.title else ""
    for element in soup.find_all(_UNSEEN):
        element.decompose()
    for comment in soup.find_all(string=lambda found: isinstance(found, Comment)):
        comment.extract()
    body = soup.body or soup
    text = MarkdownConverter(heading_style="ATX", strip=["a", "img"], escape_misc=False, bullets="-").convert_soup(body)
    return title, _MANY_BREAKS.sub("\n\n", text).strip()


if __name__ == "__main__":
    main()
