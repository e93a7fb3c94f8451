"""What happened in requests in; receipts and use counts in the vault out, a moment later and many at once.

They are wanted soon, never at once: writing them one by one on the way of every request cost more than the recall.
Who asks for a receipt first waits for ``written``. A crash may lose the last fraction of a second of them; turns go
another way (``proxy/bookkeeping.py``) and lose nothing.
"""

import asyncio
import logging
from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import orjson

from memory.errors import Unavailable
from memory.ports import Receipts
from memory.turn import Scope

logger = logging.getLogger(__name__)

DELAY_S = 0.2
MAX_WAITING = 10_000  # with a vault that stays locked the oldest are dropped


@dataclass(frozen=True, slots=True)
class Note:
    """One request: its receipt is made when it is written, off the event loop."""

    scope: Scope
    request_id: str
    receipt: Callable[[], Mapping[str, Any]]
    cube_ids: Sequence[str]


class Notes:
    """Collects notes and writes them together."""

    def __init__(self, receipts: Receipts, used: Callable[[Scope, Sequence[str]], None]) -> None:
        self._receipts = receipts
        self._used = used
        self._waiting: list[Note] = []
        self._timer: asyncio.TimerHandle | None = None
        self._writing: asyncio.Task[None] | None = None

    def take(self, note: Note) -> None:
        """Keep a note; it is written within ``DELAY_S``."""
        self._waiting.append(note)
        if self._timer is None:
            self._timer = asyncio.get_running_loop().call_later(DELAY_S, self._begin)

    async def written(self) -> None:
        """Return when everything that was taken so far is in the vault, or the vault refused it for now."""
        if self._timer is not None:
            self._timer.cancel()
            self._begin()
        if self._writing is not None:
            await asyncio.shield(self._writing)

    def _begin(self) -> None:
        self._timer = None
        before = self._writing
        self._writing = asyncio.create_task(self._write_after(before))

    async def _write_after(self, before: asyncio.Task[None] | None) -> None:
        if before is not None:
            await before
        notes, self._waiting = self._waiting, []
        try:
            await asyncio.to_thread(self._write, notes)
        except Unavailable as fault:
            logger.warning("%d receipts wait for the vault: %s", len(notes), type(fault).__name__)
            self._waiting = [*notes, *self._waiting][-MAX_WAITING:]
        except Exception:
            logger.exception("%d receipts were not kept", len(notes))

    def _write(self, notes: Sequence[Note]) -> None:
        made = [(note.scope, note.request_id, receipt) for note in notes if (receipt := _made(note)) is not None]
        self._receipts.put_all(made)
        ids: defaultdict[Scope, list[str]] = defaultdict(list)
        for note in notes:
            ids[note.scope] += note.cube_ids
        for scope, used in ids.items():
            self._used(scope, used)


def _made(note: Note) -> str | None:
    """The receipt as JSON; None when it cannot be made, which must not cost the others theirs."""
    try:
        return orjson.dumps(note.receipt()).decode()
    except Exception:
        logger.exception("the receipt of request %s cannot be made and is left out", note.request_id)
        return None
