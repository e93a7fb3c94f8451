"""A user in, the outline of their current memories out: read once, then kept in step with what is written.

Like the vector index a cache of the vault: bounded by bytes, the least used user first; the vault gives it back.
"""

import threading
from collections import OrderedDict
from collections.abc import Sequence
from typing import Protocol

from memory.outline import Entry, Outline
from memory.turn import Scope

_BYTES_PER_ENTRY = 600  # a tuple of Python objects, and its share of the columns
_MOST_WAITING = 1_000  # changes; with more it is cheaper to read all again


class OutlineSource(Protocol):
    """The part of the vault that outlines come from."""

    def outline(self, scope: Scope, cube_ids: Sequence[str] | None = None) -> list[Entry]:
        """Return the outlines of the user's current memories (of these), in order of arrival."""
        ...


class _Held:
    """One user's outline, and the memories that changed since it was read."""

    def __init__(self, outline: Outline, size: tuple[int, int] | None) -> None:
        self.outline = outline
        self.size = size  #: of the word index when all was read: cubes and words
        self.waiting: set[str] = set()


class Outlines:
    """Keeps outlines. Its methods are called with the user's lock of ``Embeddings`` held, one user at a time."""

    def __init__(self, source: OutlineSource, *, budget_bytes: int = 128 * 2**20) -> None:
        self._source = source
        self._budget_bytes = budget_bytes
        self._held: OrderedDict[str, _Held] = OrderedDict()
        self._entries = 0
        self._lock = threading.Lock()

    def of(self, scope: Scope, size: tuple[int, int] | None = None) -> Outline:
        """Return the user's outline as it is now; the first time it is read, then only what changed.

        ``size``: cubes and words of the user's word index. Where they are others than those at hand, another process
        wrote, and all is read again.
        """
        with self._lock:
            held = self._held.get(scope.user)
        if held is not None and held.waiting:
            more = self._source.outline(scope, sorted(held.waiting))
            held = _Held(held.outline.changed(frozenset(held.waiting), more), held.size)
        if held is None or (size is not None and size not in (_size(held.outline), held.size)):
            held = _Held(Outline(self._source.outline(scope)), size)
        self._hold(scope.user, held)
        return held.outline

    def changed(self, scope: Scope, cube_ids: Sequence[str]) -> None:
        """Read these anew when the outline is next asked for; they may be gone, new or other than they were."""
        with self._lock:
            held = self._held.get(scope.user)
            if held is not None:
                held.waiting.update(cube_ids)
                if len(held.waiting) > _MOST_WAITING:
                    self._drop(scope.user)

    def drop(self, scope: Scope) -> None:
        """Forget the user's outline."""
        with self._lock:
            self._drop(scope.user)

    def _hold(self, user: str, held: _Held) -> None:
        with self._lock:
            if self._held.get(user) is held:
                self._held.move_to_end(user)
                return
            self._drop(user)
            self._held[user] = held
            self._entries += len(held.outline)
            while self._entries * _BYTES_PER_ENTRY > self._budget_bytes and len(self._held) > 1:
                self._drop(next(iter(self._held)))

    def _drop(self, user: str) -> None:
        held = self._held.pop(user, None)
        if held is not None:
            self._entries -= len(held.outline)


def _size(outline: Outline) -> tuple[int, int]:
    return len(outline), outline.total_words
