"""What happened in requests in; receipts, use counts and what was read out of memory in the vault out, a moment later.

They are wanted soon, never at once: writing them one by one on the way of every request cost more than the recall, so
many are written together. Who asks for a receipt first waits for ``written``. What the vault refuses is tried again,
ever more rarely, until it takes it; with more waiting than a bound the oldest are dropped, and the log says how many. A
crash may lose what waits; turns go another way (``proxy/bookkeeping.py``) and lose nothing. Nothing here fails a
request.
"""

import asyncio
import logging
from collections import Counter, defaultdict, deque
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
MAX_RETRY_S = 10.0
MAX_WAITING = 10_000  # of each kind; with a vault that stays locked the oldest are dropped


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

    notes: deque[Note] = field(default_factory=deque)
    reads: deque[Read] = field(default_factory=deque)
    uses: deque[tuple[Scope, Sequence[str]]] = field(default_factory=deque)
    dropped: Counter[str] = field(default_factory=Counter)  #: what was too much since the last try, by kind

    def __bool__(self) -> bool:
        return bool(self.notes or self.reads or self.uses)

    def before(self, later: "_Batch") -> "_Batch":
        """Return both, this one first."""
        self.notes += later.notes
        self.reads += later.reads
        self.uses += later.uses
        self.dropped += later.dropped
        later.dropped = Counter()
        self.bound()
        return self

    def bound(self) -> None:
        """Drop the oldest of what is too much."""
        for name, kept in (("receipts", self.notes), ("lines of the audit log", self.reads), ("uses", self.uses)):
            while len(kept) > MAX_WAITING:
                kept.popleft()
                self.dropped[name] += 1

    def tell(self) -> None:
        """Say in the log what was dropped."""
        for name, count in self.dropped.items():
            logger.error("%d %s are lost: the vault refused them for too long", count, name)
        self.dropped.clear()

    def __str__(self) -> str:
        return f"{len(self.notes)} receipts, {len(self.reads)} lines of the audit log and {len(self.uses)} uses"


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
        self._delay_s = DELAY_S

    def take(self, note: Note) -> None:
        """Keep a note; it is written within ``DELAY_S``. What a chat brought in was read."""
        self._waiting.notes.append(note)
        self._waiting.bound()
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
        self._waiting.bound()
        self._soon()

    async def written(self) -> None:
        """Return when everything that was taken so far is in the vault, or the vault refused it for now."""
        if self._timer is not None:
            self._timer.cancel()
            self._begin()
        if self._writing is not None:
            await asyncio.shield(self._writing)

    async def finish(self, timeout_s: float) -> None:
        """Write what waits before the end; what the vault refuses for so long is lost, and the log says how much."""
        loop = asyncio.get_running_loop()
        end = loop.time() + timeout_s
        await self.written()
        while self._waiting and loop.time() < end:
            await asyncio.sleep(min(DELAY_S, end - loop.time()))
            await self.written()
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        if self._waiting:
            logger.error("%s are lost: the vault refused them until the end", self._waiting)

    def _soon(self) -> None:
        if self._timer is None:
            self._timer = asyncio.get_running_loop().call_later(self._delay_s, self._begin)

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
            logger.warning("%s wait for the vault: %s", batch, type(fault).__name__)
            self._waiting = batch.before(self._waiting)
            self._delay_s = min(2 * self._delay_s, MAX_RETRY_S)
            self._soon()
        except Exception:
            logger.exception("%s were not kept", batch)
        else:
            self._delay_s = DELAY_S
        batch.tell()
        self._waiting.tell()

    def _write(self, batch: _Batch) -> None:
        made = [(note.scope, note.request_id, receipt) for note in batch.notes if (receipt := _made(note)) is not None]
        with self._log.together() if self._log is not None else nullcontext():
            if made:
                self._receipts.put_all(made)
            if self._log is not None:
                self._log.audit.record(batch.reads)
        batch.uses += [(note.scope, note.cube_ids) for note in batch.notes if note.cube_ids]
        batch.notes.clear()
        batch.reads.clear()
        by_user: defaultdict[Scope, list[str]] = defaultdict(list)
        for scope, cube_ids in batch.uses:
            by_user[scope] += cube_ids
        done: set[Scope] = set()
        try:
            for scope, cube_ids in by_user.items():
                self._used(scope, cube_ids)
                done.add(scope)
        finally:
            batch.uses = deque(each for each in batch.uses if each[0] not in done)


def _made(note: Note) -> str | None:
    """The receipt as JSON; None when it cannot be made, which must not cost the others theirs."""
    try:
        return orjson.dumps(note.receipt()).decode()
    except Exception:
        logger.exception("the receipt of request %s cannot be made and is left out", note.request_id)
        return None
