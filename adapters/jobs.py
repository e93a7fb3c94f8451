"""What holds a sequence of the context, from its submission to its last event.

The law: a job is changed in the engine's thread only, but for ``cancelled``, which anybody may set.
"""

import logging
from abc import ABC, abstractmethod
from collections.abc import Iterable, Sequence
from functools import partial
from typing import Any

from adapters.generation import Event, Failed, GenerationRequest, Piece, Restored, Started, Usage
from adapters.residents import Resident
from adapters.text_stream import TextStream
from adapters.token_scores import ScoreLine

logger = logging.getLogger(__name__)


class Job(ABC):
    """Tokens to compute, and how far that has come."""

    idle = False  #: runs only while nothing else does
    exact = False  #: takes nothing over that was compressed with loss

    def __init__(self, prompt: list[int], salt: str, salts: Sequence[str], up_to: int) -> None:
        """``salts``: of whose stored prefixes it may be restored, of others' than ``salt`` only in full.

        ``up_to``: tokens, with what it may generate.
        """
        self.prompt = prompt
        self.salt = salt
        self.salts = salts
        self.up_to = up_to
        self.cancelled = False  #: nobody waits for it any more
        self.forgotten = False  #: nothing that is computed for it may stay
        self.resident: Resident | None = None
        self.drawn: int | None = None  #: the latest token, not yet computed
        self.cached_tokens = 0
        self.leader: Job | None = None  #: computes the first ``led`` tokens of the same prompt
        self.led = 0

    @property
    def wanted(self) -> list[int]:
        """Return what may be taken over from others, and behind it one token that may not."""
        return self.prompt

    @property
    def stop(self) -> int:
        """Return how many tokens are to be computed now, counted from the first of the prompt."""
        return len(self.prompt)

    @abstractmethod
    def begin(self, restored: Restored) -> None:
        """Take note that it has a sequence, and what of it was restored."""

    @abstractmethod
    def fail(self, error: Exception) -> None:
        """Tell its owner that it cannot go on."""

    def release(self) -> Resident | None:
        """Let go of its sequence and return it."""
        resident, self.resident, self.leader = self.resident, None, None
        return resident


class Generation(Job):
    """A prompt to continue."""

    def __init__(self, request: GenerationRequest, max_tokens: int) -> None:
        prompt = list(request.prompt)
        owners = (request.cache_salt, request.shared_salt) if request.shared_salt else (request.cache_salt,)
        salts = owners if request.use_activation else ()
        super().__init__(prompt, request.cache_salt, salts, len(prompt) + max_tokens)
        self.request = request
        self.max_tokens = max_tokens
        self.text = TextStream(request.stop)
        self.scores = ScoreLine() if request.sampling.top_logprobs is not None else None
        self.sampler: Any = None
        self.completion_tokens = 0
        self._unsent: list[Event] = []

    def begin(self, restored: Restored) -> None:
        """Say that it has begun."""
        self.emit(Started(self.cached_tokens, restored))

    def fail(self, error: Exception) -> None:
        """End with an error."""
        self.emit(Failed(error))

    def release(self) -> Resident | None:
        """Let go of its sequence and its sampler."""
        self.sampler = None
        return super().release()

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
