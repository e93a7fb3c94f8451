"""A request in, the events of its choices out, each with the choice that it belongs to.

The law: the prompt is computed once. The first choice computes it; the others are queued when its first event shows
that it is there, and share it. All of them are queued before the first event is handed out, or none is.
"""

from collections import deque
from collections.abc import Callable
from dataclasses import replace
from functools import partial
from typing import Protocol

from adapters.generation import Event, GenerationRequest, Restored, Started
from adapters.jobs import Generation

_STEP = 0x9E3779B97F4A7C15  #: odd, so that no two choices get the same seed


class Queue(Protocol):
    """Where events wait on the event loop."""

    def deliver(self, event: Event) -> None: ...

    async def next(self, timeout_s: float | None = None) -> Event: ...


class Choices:
    """The generations of one request."""

    def __init__(
        self,
        submit: Callable[[GenerationRequest], Generation],
        cancel: Callable[[Generation], None],
        request: GenerationRequest,
        count: int,
        events: Queue,
    ) -> None:
        """Queue the first choice. ``request`` is that of one choice; its ``on_event`` is set here. Raises as submit."""
        self._submit = submit
        self._cancel = cancel
        self._request = request
        self._count = count
        self._events = events
        self._order: deque[int] = deque()  # whose event is next in the queue
        self._generations: list[Generation] = []
        self.restored: Restored | None = None  #: of the first choice, whose prompt is the others'; None: it still waits
        self._add()

    async def next(self, timeout_s: float | None = None) -> tuple[int, Event]:
        """Return the next event and its choice. Raises: as the queue, and with the first event as submit."""
        event = await self._events.next(timeout_s)
        while len(self._generations) < self._count:
            self._add()
        return self._order.popleft(), event

    def cancel(self) -> None:
        """End all of them; without effect on those that have ended."""
        for generation in self._generations:
            self._cancel(generation)

    def _add(self) -> None:
        index = len(self._generations)
        sampling = self._request.sampling
        if sampling.seed is not None:
            sampling = replace(sampling, seed=(sampling.seed + index * _STEP) % (1 << 64))
        on_event = partial(self._deliver, index)
        self._generations.append(self._submit(replace(self._request, sampling=sampling, on_event=on_event)))

    def _deliver(self, index: int, event: Event) -> None:
        if isinstance(event, Started):  # no part of the answer: the prompt is not computed yet
            self.restored = event.restored if index == 0 else self.restored
            return
        self._order.append(index)
        self._events.deliver(event)
