"""A chat's messages in, the same messages with memory in them out, or without: memory never fails a chat.

Recall runs in threads of its own, so that a slow store cannot hold up the bookkeeping of other chats. What comes late
or not at all leaves the request as it was, with the reason beside it.
"""

import asyncio
import logging
import time
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, replace
from typing import Any, Protocol

from memory.errors import Invalid, Unavailable
from memory.turn import Controls, Injection, Mode, Prepared, Scope
from proxy.restored import Restored

logger = logging.getLogger(__name__)

RECALL_THREADS = 8
_HEADER_PREFIX = "x-memory"
_NAMING_TIMEOUT_S = 30.0


class Before(Protocol):
    """The reading half of the pipeline."""

    def before(self, messages: list[dict[str, Any]], scope: Scope, controls: Controls) -> Prepared:
        """Return the messages to send; with a mode that does not read, only name the turn."""
        ...


class Unsettled(Protocol):
    """Who knows what is still on its way into memory."""

    def pending(self, scope: Scope) -> int: ...

    async def settled(self, scope: Scope, *, timeout_s: float) -> bool: ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Recalled:
    """What recall made of a request."""

    prepared: Prepared | None  #: None: not even the turn could be named
    status: str  #: on | degraded | read-only | write-only
    reason: str = ""  #: why it is degraded
    lookup_ms: float = 0.0
    restored: Restored | None = None  #: what our own engine need not compute; None: it did not say
    naming: "asyncio.Task[Prepared | None] | None" = None  #: under way, where recall came too late to name the turn

    async def named(self) -> "Recalled":
        """Return the same with the turn named, once that is known: without its names a turn cannot be kept."""
        if self.naming is None:
            return self
        return replace(self, prepared=await self.naming, naming=None)

    def let_go(self) -> None:
        """Give up what is still under way, for a turn that is not to be kept."""
        if self.naming is not None:
            self.naming.cancel()

    def without(self, reason: str) -> "Recalled":
        """Return the same turn with nothing brought in."""
        prepared = self.prepared and replace(self.prepared, injection=Injection(), changed=False)
        return replace(self, prepared=prepared, status="degraded", reason=reason)


class Recaller:
    """Runs ``before`` inside its time budget."""

    def __init__(self, pipeline: Before, background: Unsettled, *, timeout_s: float, settle_timeout_s: float) -> None:
        self._pipeline = pipeline
        self._background = background
        self._timeout_s = timeout_s
        self._settle_timeout_s = settle_timeout_s
        self._threads = ThreadPoolExecutor(RECALL_THREADS, thread_name_prefix="recall")
        self._naming = ThreadPoolExecutor(1, thread_name_prefix="naming")
        self._running = 0

    async def recall(self, messages: list[dict[str, Any]], scope: Scope, controls: Controls) -> Recalled:
        """Return the messages with memory, or why there is none.

        Raises: Invalid: a header of the caller names something that does not exist.
        """
        started = time.perf_counter()
        reason = ""
        prepared: Prepared | None = None
        try:
            prepared, settled = await self._looked_up(messages, scope, controls)
            reason = "" if settled else "what was said before is still being written"
        except TimeoutError:
            reason = "the lookup took too long"
        except Unavailable as fault:
            reason = str(fault)
        except Exception as error:
            if isinstance(error, Invalid) and (error.param or "").lower().startswith(_HEADER_PREFIX):
                raise
            logger.exception("recall failed; the chat goes on without memory")
            reason = f"recall failed ({type(error).__name__})"
        naming = None
        if prepared is None and controls.mode.writes:
            naming = asyncio.create_task(self._named(messages, scope, controls))
        lookup_ms = 1000 * (time.perf_counter() - started)
        status = "degraded" if reason else controls.mode.value
        return Recalled(prepared=prepared, status=status, reason=reason, lookup_ms=lookup_ms, naming=naming)

    def close(self) -> None:
        """Let the threads end; those that hang are left behind."""
        self._threads.shutdown(wait=False, cancel_futures=True)
        self._naming.shutdown(wait=False, cancel_futures=True)

    async def _looked_up(
        self, messages: list[dict[str, Any]], scope: Scope, controls: Controls
    ) -> tuple[Prepared | None, bool]:
        """The prepared messages, and whether all that was said before could be found."""
        prepared = await self._in_time(lambda: self._look(messages, scope, controls))
        if prepared is not None:
            return prepared, True
        settled = await self._background.settled(scope, timeout_s=self._settle_timeout_s)
        return await self._in_time(lambda: self._pipeline.before(messages, scope, controls)), settled

    def _look(self, messages: list[dict[str, Any]], scope: Scope, controls: Controls) -> Prepared | None:
        """One visit to a thread in the usual case that nothing of this user waits; else None."""
        if controls.mode.reads and self._settle_timeout_s > 0 and self._background.pending(scope):
            return None
        return self._pipeline.before(messages, scope, controls)

    async def _in_time(self, call: Callable[[], Prepared | None]) -> Prepared | None:
        if self._running >= 4 * RECALL_THREADS:
            raise Unavailable("memory has more lookups waiting than it can do in time")
        self._running += 1
        future = self._threads.submit(call)
        future.add_done_callback(self._count_down(asyncio.get_running_loop()))
        async with asyncio.timeout(self._timeout_s):
            return await asyncio.wrap_future(future)

    def _count_down(self, loop: asyncio.AbstractEventLoop) -> Callable[[Future[Any]], None]:
        def done() -> None:
            self._running -= 1

        def on_thread(_future: Future[Any]) -> None:
            if not loop.is_closed():
                loop.call_soon_threadsafe(done)

        return on_thread

    async def _named(self, messages: list[dict[str, Any]], scope: Scope, controls: Controls) -> Prepared | None:
        """The turn's names without any recall: what was said is kept even when memory cannot be read.

        The model answers meanwhile, so this may take far longer than a lookup.
        """
        loop = asyncio.get_running_loop()
        only_write = replace(controls, mode=Mode.WRITE_ONLY)
        try:
            async with asyncio.timeout(_NAMING_TIMEOUT_S):
                return await loop.run_in_executor(self._naming, self._pipeline.before, messages, scope, only_write)
        except Exception:
            logger.exception("the turn cannot be named and is not kept")
            return None
