"""One step of continuous batching: who is in the next batch, and what comes out of it.

The law: used by the engine's thread only. Every generation with a drawn token is in every batch; prompts fill the rest
in fair shares, first between salts; a prompt that begins as another one under way does waits for that beginning; what
was computed for a generation that ends, for whatever reason, stays for reuse.
"""

import logging
from collections.abc import Callable, Iterable
from functools import partial
from typing import Any

from adapters.generation import (
    NO_TOKEN,
    CellsExhausted,
    Event,
    Failed,
    Finished,
    FinishReason,
    GenerationRequest,
    Piece,
    SequenceContext,
    Span,
    Usage,
)
from adapters.prefill_pace import PrefillPace, shares_by_owner
from adapters.prefix import common_prefix
from adapters.residents import LEAST_SHARED, Resident, ResidentTable
from adapters.text_stream import TextStream
from adapters.token_scores import ScoreLine
from memory.errors import EngineDown, Invalid

logger = logging.getLogger(__name__)
_MOST_FAILURES = 3  #: failed batches in a row after which the context is given up


class Generation:
    """A request in the engine, from its submission to its last event."""

    def __init__(self, request: GenerationRequest, max_tokens: int) -> None:
        self.request = request
        self.prompt = list(request.prompt)
        self.max_tokens = max_tokens
        self.text = TextStream(request.stop)
        self.scores = ScoreLine() if request.sampling.top_logprobs is not None else None
        self.cancelled = False
        self.resident: Resident | None = None
        self.sampler: Any = None
        self.drawn: int | None = None  #: the latest token, not yet computed
        self.completion_tokens = 0
        self.cached_tokens = 0
        self.leader: Generation | None = None  #: computes the first ``led`` tokens of the same prompt
        self.led = 0
        self._unsent: list[Event] = []

    def emit(self, event: Event) -> None:
        """Add an event to what is handed over after the batch."""
        self._unsent.append(event)

    def take_events(self) -> list[Event]:
        """Return the events since the last call."""
        events, self._unsent = self._unsent, []
        return events

    def read(self, token: int, data: bytes) -> None:
        """Take in the token's bytes, and hand on what of the answer has become certain."""
        grammar = self.request.sampling.grammar
        if grammar is not None:
            data = grammar.shown.get(token, data)
        if self.scores is not None:
            self.scores.push(data, self.sampler.score)
        self.show(self.text.push(data))

    def show(self, text: str) -> None:
        """Hand on the next piece of the answer."""
        if text:
            self.emit(Piece(text, self.scores.take(text) if self.scores is not None else ()))

    def usage(self) -> Usage:
        """Return the tokens spent so far."""
        return Usage(
            prompt_tokens=len(self.prompt), completion_tokens=self.completion_tokens, cached_tokens=self.cached_tokens
        )


def hand_over(generations: Iterable[Generation]) -> None:
    """Bring new events to the requests' owners: one call for all that post to the same place.

    Waking an event loop costs as much as computing a token of a small model. An owner that is gone is cancelled.
    """
    outboxes: dict[Any, list[tuple[Generation, list[Event]]]] = {}
    for generation in generations:
        events = generation.take_events()
        if events:
            outboxes.setdefault(generation.request.post, []).append((generation, events))
    for post, outbox in outboxes.items():
        try:
            if post is None:
                _deliver(outbox)
            else:
                post(partial(_deliver, outbox))
        except Exception:
            logger.exception("events could not be delivered; their generations are cancelled")
            for generation, _ in outbox:
                generation.cancelled = True


def _deliver(outbox: list[tuple[Generation, list[Event]]]) -> None:
    for generation, events in outbox:
        try:
            for event in events:
                generation.request.on_event(event)
        except Exception:
            logger.exception("an event could not be delivered; the generation is cancelled")
            generation.cancelled = True


class BatchScheduler:
    """Runs the generations of one context, batch by batch."""

    def __init__(
        self, context: SequenceContext, stall_s: float, clock: Callable[[], float], parked_bytes: int = 0
    ) -> None:
        self.running: list[Generation] = []
        self.ended = 0  #: generations, in all
        self.table = ResidentTable(context, parked_bytes)
        self._context = context
        self._clock = clock
        self._pace = PrefillPace(context.batch_tokens, stall_s)
        self._turn = 0
        self._failures = 0

    def admit(self, generation: Generation) -> bool:
        """Start a generation if its cells and a sequence can be had now."""
        request, prompt = generation.request, generation.prompt
        resident = self.table.admit(prompt, len(prompt) + generation.max_tokens, request.cache_salt)
        if resident is None:
            return False
        generation.resident = resident
        generation.cached_tokens = len(resident.tokens)
        self._find_leader(generation)
        self.running.append(generation)
        try:
            generation.sampler = self._context.new_sampler(request.sampling, prompt)
        except Exception as error:
            logger.exception("no sampler could be made")
            self.fail([generation], error)
            self._retire(generation)
        self.table.make_way()
        return True

    def drop_cancelled(self) -> None:
        """End the generations that nobody waits for any more."""
        for generation in [g for g in self.running if g.cancelled]:
            self._retire(generation)

    def step(self) -> None:
        """Compute one batch and hand out what it brought."""
        self.table.begin_turn()
        batch = self._plan()
        if not batch:
            return
        started = self._clock()
        try:
            self._context.decode([span for _, span in batch])
        except CellsExhausted as error:
            self._yield_room(error)
            return
        except Exception as error:
            logger.exception("a batch failed")
            self._start_over(error)
            return
        self._failures = 0
        self._pace.observe(sum(len(span.tokens) for _, span in batch), self._clock() - started)
        for index, (generation, span) in enumerate(batch):
            if generation.resident is not None:
                self.table.extend(generation.resident, span.tokens)
            if span.wants_logits and not generation.cancelled:
                self._take(generation, self._context.sample(index, generation.sampler))
        hand_over(generation for generation, _ in batch)

    def fail(self, generations: Iterable[Generation], error: Exception) -> None:
        """Tell their owners that these generations cannot go on."""
        failed = [generation for generation in generations if not generation.cancelled]
        for generation in failed:
            generation.emit(Failed(error))
        hand_over(failed)

    def _plan(self) -> list[tuple[Generation, Span]]:
        batch: list[tuple[Generation, Span]] = []
        prefilling: list[tuple[Generation, Resident]] = []
        for generation in self.running:
            resident = generation.resident
            if resident is None:
                continue
            if generation.drawn is None:
                if self._may_compute(generation, resident):
                    prefilling.append((generation, resident))
            else:
                batch.append((generation, Span(resident.id, len(resident.tokens), [generation.drawn], True)))
        self._turn += 1
        shares = shares_by_owner(
            [len(generation.prompt) - len(resident.tokens) for generation, resident in prefilling],
            [generation.request.cache_salt for generation, _ in prefilling],
            self._pace.chunk_tokens(len(batch)),
            self._turn,
        )
        for (generation, resident), share in zip(prefilling, shares, strict=True):
            start = len(resident.tokens)
            if share:
                tokens = generation.prompt[start : start + share]
                batch.append((generation, Span(resident.id, start, tokens, start + share == len(generation.prompt))))
        return batch

    def _find_leader(self, generation: Generation) -> None:
        """Let a prompt wait for one that begins alike and is being computed: a burst of them costs as much as one."""
        if not self._context.branches_anywhere:
            return
        best = generation.cached_tokens + LEAST_SHARED
        for other in self.running:
            if other.drawn is None and other.request.cache_salt == generation.request.cache_salt:
                shared = common_prefix(other.prompt, generation.prompt[:-1])
                if shared >= best:
                    best, generation.leader, generation.led = shared, other, shared

    def _may_compute(self, generation: Generation, resident: Resident) -> bool:
        """Return False while the generation waits for its leader; then take over what that has computed."""
        leader, generation.leader = generation.leader, None
        if leader is None:
            return True
        if leader.resident is not None and len(leader.resident.tokens) < generation.led:
            generation.leader = leader
            return False
        self.table.catch_up(resident, generation.prompt)
        generation.cached_tokens = len(resident.tokens)
        return True

    def _take(self, generation: Generation, token: int) -> None:
        if token == NO_TOKEN:
            self.fail([generation], Invalid("This model has no tokens for what the answer's format demands next."))
            self._retire(generation)
            return
        generation.completion_tokens += 1
        if self._context.is_end(token):
            self._finish(generation, FinishReason.STOP)
            return
        generation.read(token, self._context.piece(token))
        if generation.text.stopped:
            self._finish(generation, FinishReason.STOP)
        elif generation.completion_tokens >= generation.max_tokens:
            self._finish(generation, FinishReason.LENGTH)
        else:
            generation.drawn = token

    def _finish(self, generation: Generation, reason: FinishReason) -> None:
        generation.show(generation.text.finish())
        generation.emit(Finished(reason, generation.usage()))
        self._retire(generation)

    def _retire(self, generation: Generation) -> None:
        self.running.remove(generation)
        self.ended += 1
        resident, generation.resident, generation.sampler = generation.resident, None, None
        if resident is not None:
            self.table.retire(resident)
            self.table.make_way()

    def _yield_room(self, error: CellsExhausted) -> None:
        """Make room by what is idle, else by the newest generation. Rare: by the books there is room."""
        if self.table.evict_one():
            return
        newest = self.running[-1]
        logger.warning("the context ran out of cells: the newest of %d generations fails", len(self.running))
        self.fail([newest], error)
        self._retire(newest)

    def _start_over(self, error: Exception) -> None:
        """Fail everybody and begin with an empty context; raises when that has happened too often in a row."""
        failed, self.running[:] = list(self.running), []
        self.ended += len(failed)
        self.table.clear()
        self._failures += 1
        self.fail(failed, EngineDown("The engine failed while computing this answer. Try again.", retry_after_s=1.0))
        if self._failures >= _MOST_FAILURES:
            raise EngineDown(f"{self._failures} batches in a row failed") from error
        self._context.reset()
