"""Saved sequences in, the one that shares most with a prompt out: what was computed waits beside the context.

The law: all states together stay below a size and a number of tokens, the least recently used going first; salts
never share.
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
import numpy.typing as npt

from adapters.prefix import common_prefix

State = npt.NDArray[np.uint8]
MOST_STATES: Final = 128  #: a prompt is compared with each


@dataclass(frozen=True, slots=True, eq=False)
class Parked:
    """A sequence outside of the context."""

    tokens: list[int]
    salt: str
    state: State


class ParkingLot:
    """The saved states of one context; used by the thread that owns it."""

    def __init__(self, size_bytes: int, most_tokens: int) -> None:
        self._size_bytes = size_bytes
        self._most_tokens = most_tokens
        self._parked: dict[int, Parked] = {}  # by identity, in order of use
        self.used_bytes = 0
        self.used_tokens = 0

    def __len__(self) -> int:
        return len(self._parked)

    def fits(self, size_bytes: int) -> bool:
        """Return True for a state that is small enough to be kept at all."""
        return size_bytes < self._size_bytes

    def add(self, parked: Parked) -> None:
        """Keep a state; those that it continues are dropped, and those used least recently if it must be."""
        for other in [other for other in self._of(parked.salt) if _continues(parked.tokens, other.tokens)]:
            self.remove(other)
        self._parked[id(parked)] = parked
        self.used_bytes += parked.state.nbytes
        self.used_tokens += len(parked.tokens)
        while self._is_over():
            self.remove(next(iter(self._parked.values())))

    def best(self, prompt: list[int], salt: str, *, whole: bool) -> tuple[Parked | None, int]:
        """Return the state that shares most with the prompt, and how much; ``whole``: only those it shares all of."""
        best: Parked | None = None
        length = 0
        for parked in self._of(salt):
            if parked.tokens[length : length + 1] != prompt[length : length + 1]:
                continue  # it shares no more than what was found: most share a system prompt and no more
            shared = common_prefix(parked.tokens, prompt)
            if shared > length and (shared == len(parked.tokens) or not whole):
                best, length = parked, shared
        return best, length

    def touch(self, parked: Parked) -> None:
        """Make it the most recently used, if it is still there."""
        if self._parked.pop(id(parked), None) is not None:
            self._parked[id(parked)] = parked

    def remove(self, parked: Parked) -> None:
        """Drop a state, if it is still there."""
        if self._parked.pop(id(parked), None) is not None:
            self.used_bytes -= parked.state.nbytes
            self.used_tokens -= len(parked.tokens)

    def forget(self, owned: Callable[[str], bool]) -> None:
        """Drop all states of the owners whose salts are ``owned``."""
        for parked in [parked for parked in self._parked.values() if owned(parked.salt)]:
            self.remove(parked)

    def _is_over(self) -> bool:
        return (
            self.used_bytes > self._size_bytes
            or self.used_tokens > self._most_tokens
            or len(self._parked) > MOST_STATES
        )

    def _of(self, salt: str) -> Iterator[Parked]:
        return (parked for parked in self._parked.values() if parked.salt == salt)


def _continues(tokens: Sequence[int], beginning: Sequence[int]) -> bool:
    last = len(beginning) - 1
    return last < len(tokens) and tokens[last] == beginning[last] and tokens[: last + 1] == beginning
