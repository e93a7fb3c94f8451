"""One step of continuous batching: who is in the next batch, and what comes out of it.

The law: used by the engine's thread only. Every generation with a drawn token is in every batch; prompts fill the rest
in fair shares; what was computed for a generation that ends, for whatever reason, stays for reuse.
"""

import logging
from collections.abc import Callable, Iterable
from typing import Any

from adapters.generation import (
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
from adapters.prefill_pace import PrefillPace, fair_shares
from adapters.residents import Resident, ResidentTable
from adapters.text_stream import TextStream
from memory.errors import EngineDown

logger = logging.getLogger(__name__)
_MOST_FAILURES = 3  #: failed batches in a row after which the context is given up


class Generation:
    """A request in the engine, from its submission to its last event."""

    def __init__(self, request: GenerationRequest, max_tokens: int) -> None:
        self.request = request
        self.prompt = list(request.prompt)
        self.max_tokens = max_tokens
        self.text = TextStream(request.stop)
        self.cancelled = False
        self.resident: Resident | None = None
        self.sampler: Any = None
        self.drawn: int | None = None  #: the latest token, not yet computed
        self.completion_tokens = 0
        self.cached_tokens = 0

    def emit(self, event: Event) -> None:
        """Hand an event to the request's owner; one that is gone cancels the generation."""
        try:
            self.request.on_event(event)
        except Exception:
            logger.exception("an event could not be delivered; the generation is cancelled")
            self.cancelled = True

    def usage(self) -> Usage:
        """Return the tokens spent so far."""
        return Usage(
            prompt_tokens=len(self.prompt), completion_tokens=self.completion_tokens, cached_tokens=self.cached_tokens
        )


class BatchScheduler:
    """Runs the generations of one context, batch by batch."""

    def __init__(self, context: SequenceContext, stall_s: float, clock: Callable[[], float]) -> None:
        self.running: list[Generation] = []
        self.table = ResidentTable(context)
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
        self.running.append(generation)
        try:
            generation.sampler = self._context.new_sampler(request.sampling, prompt)
        except Exception as error:
            logger.exception("no sampler could be made")
            self.fail([generation], error)
            self._retire(generation)
        return True

    def drop_cancelled(self) -> None:
        """End the generations that nobody waits for any more."""
        for generation in [g for g in self.running if g.cancelled]:
            self._retire(generation)

    def step(self) -> None:
        """Compute one batch and hand out what it brought."""
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

    def fail(self, generations: Iterable[Generation], error: Exception) -> None:
        """Tell their owners that these generations cannot go on."""
        for generation in generations:
            if not generation.cancelled:
                generation.emit(Failed(error))

    def _plan(self) -> list[tuple[Generation, Span]]:
        batch: list[tuple[Generation, Span]] = []
        prefilling: list[tuple[Generation, Resident]] = []
        for generation in self.running:
            resident = generation.resident
            if resident is None:
                continue
            if generation.drawn is None:
                prefilling.append((generation, resident))
            else:
                batch.append((generation, Span(resident.id, len(resident.tokens), [generation.drawn], True)))
        wanted = [len(generation.prompt) - len(resident.tokens) for generation, resident in prefilling]
        self._turn += 1
        for (generation, resident), share in zip(
            prefilling, fair_shares(wanted, self._pace.chunk_tokens(len(batch)), self._turn), strict=True
        ):
            start = len(resident.tokens)
            if share:
                tokens = generation.prompt[start : start + share]
                batch.append((generation, Span(resident.id, start, tokens, start + share == len(generation.prompt))))
        return batch

    def _take(self, generation: Generation, token: int) -> None:
        generation.completion_tokens += 1
        if self._context.is_end(token):
            self._finish(generation, FinishReason.STOP)
            return
        text = generation.text.push(self._context.piece(token))
        if text:
            generation.emit(Piece(text))
        if generation.text.stopped:
            self._finish(generation, FinishReason.STOP)
        elif generation.completion_tokens >= generation.max_tokens:
            self._finish(generation, FinishReason.LENGTH)
        else:
            generation.drawn = token

    def _finish(self, generation: Generation, reason: FinishReason) -> None:
        held = generation.text.finish()
        if held:
            generation.emit(Piece(held))
        generation.emit(Finished(reason, generation.usage()))
        self._retire(generation)

    def _retire(self, generation: Generation) -> None:
        self.running.remove(generation)
        resident, generation.resident, generation.sampler = generation.resident, None, None
        if resident is not None:
            self.table.retire(resident)

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
        self.table.clear()
        self._failures += 1
        self.fail(failed, EngineDown("The engine failed while computing this answer. Try again.", retry_after_s=1.0))
        if self._failures >= _MOST_FAILURES:
            raise EngineDown(f"{self._failures} batches in a row failed") from error
        self._context.reset()
