"""Rows in, JSON lines out, and the other way round: an export is never whole in memory."""

from collections.abc import AsyncIterator, Iterable, Iterator
from typing import Any

import orjson

from memory.errors import Invalid

_EXPORT_CHUNK_BYTES = 64 * 1024
_IMPORT_BATCH_ROWS = 500
_MAX_LINE_BYTES = 16 * 1024 * 1024


def json_lines(rows: Iterable[dict[str, Any]]) -> Iterator[bytes]:
    """Yield the rows as lines, many to a chunk: each chunk costs a change of thread."""
    chunk = bytearray()
    for row in rows:
        chunk += orjson.dumps(row, option=orjson.OPT_APPEND_NEWLINE)
        if len(chunk) >= _EXPORT_CHUNK_BYTES:
            yield bytes(chunk)
            chunk.clear()
    yield bytes(chunk)


async def row_batches(body: AsyncIterator[bytes]) -> AsyncIterator[list[dict[str, Any]]]:
    """Yield the rows of a body in lists of at most 500, while it is still coming.

    Raises: Invalid: a line is too long or not a JSON object; the batches before it were already given out.
    """
    rows: list[dict[str, Any]] = []
    number = 0
    async for line in _lines(body):
        number += 1
        if line.strip():
            rows.append(_row(line, number))
        if len(rows) >= _IMPORT_BATCH_ROWS:
            yield rows
            rows = []
    if rows:
        yield rows


async def _lines(body: AsyncIterator[bytes]) -> AsyncIterator[bytes]:
    rest = b""
    async for chunk in body:
        *lines, rest = (rest + chunk).split(b"\n")
        for line in lines:
            yield line
        if len(rest) > _MAX_LINE_BYTES:
            raise Invalid(f"A line of the import is longer than {_MAX_LINE_BYTES} bytes.")
    if rest:
        yield rest


def _row(line: bytes, number: int) -> dict[str, Any]:
    try:
        row = orjson.loads(line)
    except orjson.JSONDecodeError as error:
        raise Invalid(f"Line {number} of the import is not JSON: {error}. Sending the whole again is safe.") from None
    if not isinstance(row, dict):
        raise Invalid(f"Line {number} of the import is not a JSON object. Sending the whole again is safe.")
    return row
