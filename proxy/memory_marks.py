"""Answers of the memory API in, the same with a watermark on every memory in them out.

It is done in one place, so that no route can forget it; and what was given away is noted there too.
"""

from typing import Any

import orjson
from starlette.responses import JSONResponse

from memory.watermark import ANSWERED, Watermarks


class MarkedResponse(JSONResponse):
    """An answer as JSON that knows which memories it gives away."""

    cube_ids: tuple[str, ...] = ()


def marking(watermarks: Watermarks) -> type[MarkedResponse]:
    """Return a class of answers that puts a ``watermark`` on everything whose ``object`` is a memory."""

    class Marked(MarkedResponse):
        def render(self, content: Any) -> bytes:
            found: dict[str, None] = {}
            _mark(content, watermarks, found)
            self.cube_ids = tuple(found)
            return orjson.dumps(content)

    return Marked


def _mark(value: Any, watermarks: Watermarks, found: dict[str, None]) -> None:
    if isinstance(value, dict):
        if value.get("object") == ANSWERED:
            value["watermark"] = watermarks.mark(value["id"], value["version"], value["content_hash"])
            found[value["id"]] = None
        for item in value.values():
            if isinstance(item, dict | list):
                _mark(item, watermarks, found)
    elif isinstance(value, list):
        for item in value:
            _mark(item, watermarks, found)
