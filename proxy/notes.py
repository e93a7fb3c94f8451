"""What happened in requests in; receipts, use counts and what was read out of memory in the vault out, a moment later.

They are wanted soon, never at once: writing them one by one on the way of every request cost more than the recall, so
many are written together. Who asks for a receipt first waits for ``written``. A crash may lose the last fraction of a
second of them; turns go another way (``proxy/bookkeeping.py``) and lose nothing. Nothing here fails a request.
"""

import asyncio
import logging
from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass, field
from typing import Any

import orjson

from memory.audit import AuditTrail, Read
from memory.change import Operation
from memory.errors import Unavailable
from memory.ports import Clock, Receipts
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


@dataclass(frozen=True, slots=True, kw_only=True)
class ReadLog:
    """Where it is written down what was read."""

    audit: AuditTrail
    clock: Clock
    together: Callable[[], AbstractContextManager[Any]]  #: one transaction around several writes


@dataclass(slots=True)
class _Batch:
    """What is written together; what is done leaves it, so that nothing is written twice."""

    notes: list[Note] = field(default_factory=list)
    reads: list[Read] = field(default_factory=list)
    uses: defaultdict[Scope, list[str]] = field(default_factory=lambda: defaultdict(list))

    def before(self, later: "_Batch") -> "_Batch":
        """Return both, this one first; of too much the oldest are dropped."""
        uses = defaultdict(list, self.uses)
        for scope, ids in later.uses.items():
            uses[scope] = uses[scope] + ids
        notes, reads = [*self.notes, *later.notes], [*self.reads, *later.reads]
        if len(reads) > MAX_WAITING:
            logger.error("%d lines of the audit log are lost: the vault stays locked", len(reads) - MAX_WAITING)
        return _Batch(notes[-MAX_WAITING:], reads[-MAX_WAITING:], uses)


class Notes:
    """Collects notes and writes them together. ``log`` None: what is read is not written down."""

    def __init__(
        self, receipts: Receipts, used: Callable[[Scope, Sequence[str]], None], log: ReadLog | None = None
    ) -> None:
        self._receipts = receipts
        self._used = used
        self._log = log
        self._waiting = _Batch()
        self._timer: asyncio.TimerHandle | None = None
        self._writing: asyncio.Task[None] | None = None

    def take(self, note: Note) -> None:
        """Keep a note; it is written within ``DELAY_S``. What a chat brought in was read."""
        self._waiting.notes.append(note)
        if note.cube_ids:
            self.read(note.scope, Operation.RECALL, note.cube_ids, note=note.request_id)
        self._soon()

    def read(
        self,
        scope: Scope,
        operation: Operation,
        cube_ids: Sequence[str] = (),
        *,
        note: str = "",
        everything: bool = False,
    ) -> None:
        """Keep that these memories, or all of this user, were given to the caller: a line of the audit log.

        ``note`` goes into the line's digest only.
        """
        if self._log is None:
            return
        self._waiting.reads.append(
            Read(
                scope=scope,
                operation=operation,
                at=self._log.clock(),
                cube_ids=tuple(cube_ids),
                note=note,
                everything=everything,
            )
        )
        self._soon()

    async def written(self) -> None:
        """Return when everything that was taken so far is in the vault, or the vault refused it for now."""
        if self._timer is not None:
            self._timer.cancel()
            self._begin()
        if self._writing is not None:
            await asyncio.shield(self._writing)

    def _soon(self) -> None:
        if self._timer is None:
            self._timer = asyncio.get_running_loop().call_later(DELAY_S, self._begin)

    def _begin(self) -> None:
        self._timer = None
        before = self._writing
        self._writing = asyncio.create_task(self._write_after(before))

    async def _write_after(self, before: asyncio.Task[None] | None) -> None:
        if before is not None:
            await before
        batch, self._waiting = self._waiting, _Batch()
        try:
            await asyncio.to_thread(self._write, batch)
        except Unavailable as fault:
            logger.warning("%d receipts wait for the vault: %s", len(batch.notes), type(fault).__name__)
            self._waiting = batch.before(self._waiting)
        except Exception:
            logger.exception(
                "%d receipts and %d lines of the audit log were not kept", len(batch.notes), len(batch.reads)
            )

    def _write(self, batch: _Batch) -> None:
        made = [(note.scope, note.request_id, receipt) for note in batch.notes if (receipt := _made(note)) is not None]
        with self._log.together() if self._log is not None else nullcontext():
            if made:
                self._receipts.put_all(made)
            if self._log is not None:
                self._log.audit.record(batch.reads)
        for note in batch.notes:
            batch.uses[note.scope] += note.cube_ids
        batch.notes, batch.reads = [], []
        for scope in list(batch.uses):
            self._used(scope, batch.uses[scope])
            del batch.uses[scope]


def _made(note: Note) -> str | None:
    """The receipt as JSON; None when it cannot be made, which must not cost the others theirs."""
    try:
        return orjson.dumps(note.receipt()).decode()
    except Exception:
        logger.exception("the receipt of request %s cannot be made and is left out", note.request_id)
        return None
