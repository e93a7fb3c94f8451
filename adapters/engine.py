"""Prompts in, pieces of text and stored prefixes out: continuous batching of many jobs over one model context.

The law: one thread owns the context and everything that touches it runs there; a request holds only cells that were
reserved for it; no stream waits for more than one chunk of another's prompt; a cancelled request computes nothing
after the batch under way; an idle build delays nobody by more than one chunk.
"""

import logging
import threading
import time
from collections import deque
from collections.abc import Callable
from concurrent.futures import Future
from dataclasses import dataclass
from typing import Generic, TypeVar

from adapters.batching import BatchScheduler
from adapters.building import Build, IdleBuilds
from adapters.generation import BuildRequest, GenerationRequest, SequenceContext
from adapters.jobs import Generation, Job
from adapters.prefix_cache import PrefixCache, StoredPrefix
from adapters.waiting_line import WaitingLine
from memory.errors import EngineDown, Invalid, QueueFull, Unavailable

C = TypeVar("C", bound=SequenceContext)
T = TypeVar("T")
logger = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True, kw_only=True)
class EngineLoad:
    """How busy an engine is."""

    running: int
    waiting: int
    building: int  #: prefixes that are computed while nothing else is to be done
    sequences: int  #: held by those that run and for those that may come back
    max_sequences: int
    used_cells: int
    context_tokens: int
    parked_bytes: int  #: of saved sequences, beside the context


class Engine(Generic[C]):
    """The batching engine. ``load`` makes the context, in the engine's own thread.

    ``parked_bytes``: how much of what was computed may wait in memory beside the context. ``prefix_cache`` makes what
    stores computed prefixes, in the engine's thread too; whoever made it closes it, after the engine.
    """

    def __init__(
        self,
        load: Callable[[], C],
        *,
        max_request_tokens: int | None = None,
        queue_limit: int = 64,
        stall_s: float = 0.25,
        parked_bytes: int = 256 << 20,
        prefix_cache: Callable[[C], PrefixCache] | None = None,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._load = load
        self._max_request_tokens = max_request_tokens
        self._queue_limit = queue_limit
        self._stall_s = stall_s
        self._parked_bytes = parked_bytes
        self._new_prefix_cache = prefix_cache
        self._clock = clock
        self._wake = threading.Condition()
        self._waiting = WaitingLine[Job]()
        self._idle = IdleBuilds(queue_limit)
        self._calls: deque[Callable[[C], None]] = deque()
        self._closing = False
        self._failure: Exception | None = None
        self._scheduler: BatchScheduler | None = None
        self._context: C | None = None
        self._prefix_cache: PrefixCache | None = None
        self._refused: tuple[Job | None, int] = (None, 0)  # who did not fit, and how many had ended by then
        self.ready: Future[C] = Future()
        self._thread = threading.Thread(target=self._run, name="engine", daemon=True)

    # -- called from any thread ---------------------------------------------------------------------------------

    def start(self) -> "Future[C]":
        """Start loading and return a future of the context, which fails with what went wrong."""
        self._thread.start()
        return self.ready

    @property
    def alive(self) -> bool:
        """True while the engine can answer."""
        return self._context is not None and self._failure is None and not self._closing

    @property
    def failure(self) -> Exception | None:
        """What ended the engine, if it was not closed."""
        return self._failure

    @property
    def max_request_tokens(self) -> int:
        """The most tokens, prompt and answer together, of one request."""
        context = self._require()
        return min(self._max_request_tokens or context.context_tokens, context.context_tokens)

    @property
    def prefix_cache(self) -> PrefixCache | None:
        """What stores computed prefixes, to be used within ``call``; None before the load and without one."""
        return self._prefix_cache

    def limit_request_tokens(self, limit: int) -> None:
        """Set the most tokens of one request, for a loader that learns it from the model."""
        self._max_request_tokens = limit

    def submit(self, request: GenerationRequest) -> Generation:
        """Queue a request and return its handle.

        Raises: Invalid (``context_length_exceeded``) when the prompt can never fit, QueueFull, EngineDown.
        """
        limit = self.max_request_tokens
        prompt_tokens = len(request.prompt)
        if not prompt_tokens:
            raise Invalid("The prompt is empty.", param="messages")
        if prompt_tokens >= limit:
            raise Invalid(
                f"This model takes {limit} tokens, prompt and answer together, but the prompt alone has "
                f"{prompt_tokens}. Shorten the messages.",
                param="messages",
                code="context_length_exceeded",
            )
        generation = Generation(request, max(1, min(request.max_tokens, limit - prompt_tokens)))
        self._queue(generation)
        return generation

    def build(self, request: BuildRequest) -> "Future[StoredPrefix]":
        """Compute a prefix and store it. To cancel the future stops that.

        The future fails with Invalid when the prefix is too short or too long or nothing is stored here, and with
        QueueFull and EngineDown. It may be matched once the future is done, and be on disk a little later.
        """
        build = Build(request)
        build.future.add_done_callback(lambda _: self.cancel(build))
        try:
            self.call(lambda _: self._take_build(build))
        except EngineDown as error:
            build.fail(error)
        return build.future

    def _queue(self, job: Job) -> None:
        with self._wake:
            if not self.alive:
                raise EngineDown("The engine has stopped.", retry_after_s=1.0)
            if self._is_full():
                raise QueueFull(
                    f"{self._queue_limit} requests are waiting already. Try again in a moment.",
                    code="rate_limit_exceeded",
                    retry_after_s=1.0,
                )
            self._waiting.append(job.salt, job)
            self._wake.notify()

    def _is_full(self) -> bool:
        """True when more would wait than is allowed; a burst that is about to be admitted does not count as waiting."""
        served, waiting = self._places(self._scheduler) if self._scheduler else (0, 0)
        return served + waiting >= self._queue_limit + self._require().max_sequences

    def _places(self, scheduler: BatchScheduler) -> tuple[int, int]:
        """Return how many are served and how many wait; who is being admitted is in both lists, and served."""
        with self._wake:
            running = list(scheduler.running)
            waiting = len(self._waiting) - (self._waiting.first() in running)
        return sum(not job.idle for job in running), waiting

    def cancel(self, job: Job) -> None:
        """Stop a generation; no event follows, except those already on their way. A build: by its future."""
        with self._wake:
            job.cancelled = True
            self._waiting.remove(job.salt, job)
            self._wake.notify()

    def call(self, function: Callable[[C], T]) -> "Future[T]":
        """Run a function of the context between two batches, in the thread that owns it."""
        future: Future[T] = Future()

        def run(context: C) -> None:
            if not future.set_running_or_notify_cancel():
                return
            try:
                future.set_result(function(context))
            except Exception as error:  # noqa: BLE001  # handed to whoever waits for the future
                future.set_exception(error)

        with self._wake:
            if not self.alive:
                raise EngineDown("The engine has stopped.")
            self._calls.append(run)
            self._wake.notify()
        return future

    def forget(self, owned: Callable[[str], bool]) -> None:
        """Keep nothing of what was, is or waits to be computed for the owners whose salts are ``owned``.

        To be used within ``call``. Answers under way go on; builds are their callers', who cancel them first.
        """
        if self._scheduler is not None:
            self._scheduler.forget(owned)
        with self._wake:
            for job in self._waiting:
                job.forgotten = job.forgotten or owned(job.salt)

    def load_now(self) -> EngineLoad:
        """Return how busy the engine is; a snapshot that may be one batch old."""
        scheduler = self._scheduler
        if scheduler is None:
            raise EngineDown("The model is still being loaded.", retry_after_s=1.0)
        served, waiting = self._places(scheduler)
        return EngineLoad(
            running=served,
            waiting=waiting,
            building=len(self._idle),
            sequences=len(scheduler.table),
            max_sequences=self._require().max_sequences,
            used_cells=scheduler.table.used_cells,
            context_tokens=self._require().context_tokens,
            parked_bytes=scheduler.table.parked.used_bytes,
        )

    def close(self, timeout_s: float = 10.0) -> None:
        """Fail what is left, free the context and end the thread."""
        with self._wake:
            self._closing = True
            self._wake.notify()
        if self._thread.is_alive():
            self._thread.join(timeout_s)

    def wait(self) -> Exception | None:
        """Block until the engine's thread has ended and return why, if it failed."""
        self._thread.join()
        return self._failure

    def _require(self) -> C:
        if self._context is None:
            raise EngineDown("The model is still being loaded.", retry_after_s=1.0)
        return self._context

    # -- the engine's thread ------------------------------------------------------------------------------------

    def _run(self) -> None:
        try:
            context, scheduler = self._begin()
        except Exception as error:  # noqa: BLE001  # handed to whoever waits for the future
            self._failure = error
            self.ready.set_exception(error)
            return
        self.ready.set_result(context)
        try:
            while self._take_in(context, scheduler):
                scheduler.step()
        except Exception as error:
            logger.exception("the engine has stopped")
            self._failure = error
        finally:
            with self._wake:
                self._closing = True
                calls = list(self._calls)
            for call in calls:
                call(context)
            with self._wake:
                left = [*scheduler.running, *self._waiting.drain(), *self._idle.drain()]
            scheduler.fail(left, EngineDown("The engine has stopped.", retry_after_s=1.0))
            context.close()

    def _begin(self) -> tuple[C, BatchScheduler]:
        context = self._load()
        try:
            if self._new_prefix_cache is not None:
                self._prefix_cache = self._new_prefix_cache(context)
            scheduler = BatchScheduler(context, self._stall_s, self._clock, self._parked_bytes, self._prefix_cache)
        except Exception:
            context.close()
            raise
        self._scheduler, self._context = scheduler, context
        return context, scheduler

    def _take_build(self, build: Build) -> None:
        """Take a build in: at once if it is stored already, else into its line."""
        try:
            if not self.alive or self._scheduler is None:
                raise EngineDown("The engine has stopped.", retry_after_s=1.0)
            if build.cancelled or not self._scheduler.prepare(build, self.max_request_tokens):
                return
            if build.idle:
                self._idle.add(build)
            else:
                self._queue(build)
        except Unavailable as error:
            build.fail(error)

    def _take_in(self, context: C, scheduler: BatchScheduler) -> bool:
        """Wait for work, run the calls, admit who fits; False when it is time to end."""
        with self._wake:
            while not (self._closing or scheduler.running or self._calls or len(self._waiting) or len(self._idle)):
                self._wake.wait()
            if self._closing:
                return False
            calls = list(self._calls)
            self._calls.clear()
        for call in calls:
            call(context)
            self._refused = (None, 0)
        scheduler.drop_cancelled()
        self._admit(scheduler)
        if not scheduler.running:
            self._idle.start_next(scheduler.admit)
        return True

    def _admit(self, scheduler: BatchScheduler) -> None:
        """Start those whose turn it is for as long as they fit; without the lock, since others wait for it."""
        while True:
            with self._wake:
                job = self._waiting.first()
            # Who did not fit does not fit before somebody has ended.
            if job is None or self._refused == (job, scheduler.ended):
                return
            scheduler.pause_idle()
            if not job.cancelled and not scheduler.admit(job):
                self._refused = (job, scheduler.ended)
                return
            with self._wake:
                self._waiting.pop(job)
