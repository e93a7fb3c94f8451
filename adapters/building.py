"""Prefixes to compute in, activation memories out.

The law: what is stored is exactly what computing the prefix from its first token gives; whatever of it is resident,
parked or stored already is taken over. Idle builds run one at a time, and only while nothing else does.
"""

import logging
from collections.abc import Callable, Sequence
from concurrent.futures import Future

from adapters.generation import NO_TOKEN, BuildRequest, Restored, SequenceContext
from adapters.jobs import Job
from adapters.prefix import LEAST_SHARED
from adapters.prefix_cache import Boundary, PrefixCache, StoredPrefix
from adapters.waiting_line import WaitingLine
from memory.errors import Invalid, QueueFull, Unavailable

logger = logging.getLogger(__name__)


class Build(Job):
    """One prefix on its way to the store; whoever waits for it may cancel ``future``.

    Where states cannot be cut, the computing stops at every boundary that is not stored yet, and its state is saved.
    """

    exact = True

    def __init__(self, request: BuildRequest) -> None:
        boundaries = _worth_storing(request.boundaries)
        owners = tuple(dict.fromkeys(boundary.salt for boundary in boundaries))
        owner = boundaries[-1].salt if boundaries else ""
        super().__init__(list(request.tokens), owner, owners, len(request.tokens))
        self.idle = request.idle
        self.future: Future[StoredPrefix] = Future()
        self._labels = request.labels
        self._boundaries = boundaries
        self._stops: list[Boundary] = []
        self._cuts = False  #: the state of the whole gives those of its parts
        self._restored_tokens = 0
        self._computed_tokens = 0
        self._computed_s = 0.0

    def prepare(self, context: SequenceContext, cache: PrefixCache, limit: int) -> bool:
        """Find out where to stop; False when nothing is left to do, since it is stored. Raises: Invalid."""
        self._check(limit)
        stored = cache.find(self.prompt, self.salt)
        if stored is not None:
            self.finish(stored)
            return False
        self._cuts = context.branches_anywhere and context.codec.slices
        self._stops = [b for b in self._boundaries if cache.find(self.prompt[: b.length], b.salt) is None]
        if self._cuts:
            self._stops = self._stops[-1:]
        return True

    @property
    def wanted(self) -> list[int]:
        """Return the tokens to the next stop: behind it no state could be saved there."""
        return [*self.prompt[: self.stop], NO_TOKEN]

    @property
    def stop(self) -> int:
        """Return the next length at which a state is saved."""
        return self._stops[0].length

    def begin(self, restored: Restored) -> None:
        """Take note of what the store held already."""
        self._restored_tokens = restored.tokens

    def count(self, tokens: int, duration_s: float) -> None:
        """Take in what computing so many of its tokens took."""
        self._computed_tokens += tokens
        self._computed_s += duration_s

    def store(self, context: SequenceContext, cache: PrefixCache, s_per_token: float) -> bool:
        """Save and store what is computed up to the stop; True when that was the last.

        ``s_per_token``: of other prompts, for tokens that were taken over and not computed.
        """
        if self.resident is None:
            raise ValueError("a build stores while it holds a sequence")
        boundary = self._stops[0]
        last = len(self._stops) == 1
        stored = cache.keep(
            self.prompt[: boundary.length],
            self._boundaries if self._cuts else [boundary],
            context.save(self.resident.id),
            build_s=self._cost_s(boundary.length, cache, s_per_token),
            labels=self._labels if last else {},
        )
        if last:
            self.finish(stored)
        else:
            del self._stops[0]
        return last

    def finish(self, stored: StoredPrefix) -> None:
        """Hand over what was built."""
        if not self.future.done() and self.future.set_running_or_notify_cancel():
            self.future.set_result(stored)

    def fail(self, error: Exception) -> None:
        """Tell whoever waits that there will be nothing."""
        if not self.future.done() and self.future.set_running_or_notify_cancel():
            self.future.set_exception(error)

    def _cost_s(self, length: int, cache: PrefixCache, s_per_token: float) -> float:
        """Return what computing the part that is new in the store takes, at the pace measured here if there is one."""
        held = 0
        if self._cuts:
            parents = [b.length for b in self._boundaries[:-1] if cache.find(self.prompt[: b.length], b.salt)]
            held = max([self._restored_tokens, *parents])
        if self._computed_tokens >= LEAST_SHARED or (self._computed_tokens and not s_per_token):
            s_per_token = self._computed_s / self._computed_tokens
        return s_per_token * max(0, length - held)

    def _check(self, limit: int) -> None:
        length = len(self.prompt)
        if not LEAST_SHARED <= length < limit:
            raise Invalid(
                f"A prefix of {LEAST_SHARED} to {limit - 1} tokens can be stored by this engine, but this one has "
                f"{length}.",
                param="messages",
                code="context_length_exceeded" if length >= limit else "prefix_too_short",
            )
        if not self._boundaries or self._boundaries[-1].length != length:
            raise Invalid("The last boundary of a prefix is its end.", param="boundaries")


def _worth_storing(boundaries: Sequence[Boundary]) -> list[Boundary]:
    """Return the boundaries without those before which there is too little, or nothing before the next one."""
    kept = list(boundaries[-1:])
    for boundary in reversed(boundaries[:-1]):
        if LEAST_SHARED <= boundary.length < kept[0].length:
            kept.insert(0, boundary)
    return kept


class IdleBuilds:
    """Builds that wait until nobody else is served; used in the engine's thread.

    One that is interrupted stays first: what it has computed is a sequence like others that nobody uses at the moment.
    """

    def __init__(self, most: int) -> None:
        self._most = most
        self._line = WaitingLine[Build]()

    def __len__(self) -> int:
        return len(self._line)

    def add(self, build: Build) -> None:
        """Queue a build. Raises: QueueFull."""
        if len(self._line) >= self._most:
            for other in self._line.drain():
                if not other.future.done():
                    self._line.append(other.salt, other)
        if len(self._line) >= self._most:
            raise QueueFull(f"{self._most} prefixes wait to be computed already.", retry_after_s=10.0)
        self._line.append(build.salt, build)

    def start_next(self, admit: Callable[[Build], bool]) -> None:
        """Start the first that is not over; called while nothing runs."""
        while (build := self._line.first()) is not None:
            if not build.future.done() and not admit(build):
                build.fail(Unavailable("The context has no room for this prefix.", retry_after_s=10.0))
            if not build.future.done():
                return
            self._line.pop(build)

    def drain(self) -> list[Build]:
        """Take out all of them."""
        return self._line.drain()
