"""Rows in, JSON lines out, and the other way round: an export is never whole in memory."""

import tempfile
from collections.abc import AsyncIterator, Iterable, Iterator
from typing import IO, Any

import orjson
from anyio import to_thread

from memory.errors import Invalid

_EXPORT_CHUNK_BYTES = 64 * 1024
_IN_MEMORY_BYTES = 4 * 1024 * 1024


def json_lines(rows: Iterable[dict[str, Any]]) -> Iterator[bytes]:
    """Yield the rows as lines, many to a chunk: each chunk costs a change of thread."""
    chunk = bytearray()
    for row in rows:
        chunk += orjson.dumps(row, option=orjson.OPT_APPEND_NEWLINE)
        if len(chunk) >= _EXPORT_CHUNK_BYTES:
            yield bytes(chunk)
            chunk.clear()
    yield bytes(chunk)


async def spooled(body: AsyncIterator[bytes]) -> IO[bytes]:
    """Return the whole body in a file without a name, at its beginning; small ones stay in memory.

    An import is one transaction, which must not be held open for as long as a client takes to send.
    """
    file = tempfile.SpooledTemporaryFile(max_size=_IN_MEMORY_BYTES)  # noqa: SIM115  the caller closes it
    async for chunk in body:
        if len(chunk) + file.tell() > _IN_MEMORY_BYTES:
            await to_thread.run_sync(file.write, chunk)
        else:
            file.write(chunk)
    file.seek(0)
    return file


def rows_of(file: IO[bytes]) -> Iterator[dict[str, Any]]:
    """Yield the rows of a file of JSON lines.

    Raises: Invalid: a line is not a JSON object.
    """
    for number, line in enumerate(file, start=1):
        if not line.strip():
            continue
        try:
            row = orjson.loads(line)
        except orjson.JSONDecodeError as error:
            raise Invalid(f"Line {number} of the import is not JSON: {error}.") from None
        if not isinstance(row, dict):
            raise Invalid(f"Line {number} of the import is not a JSON object.")
        yield row
