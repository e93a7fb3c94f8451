"""Requests that wait, one line per salt: in each line first come first served, the lines taken in turn.

The law: whoever is first in turn and does not fit yet is waited for, so that nobody is overtaken for ever.
"""

from collections import OrderedDict, deque
from collections.abc import Iterator
from typing import Generic, TypeVar

T = TypeVar("T")


class WaitingLine(Generic[T]):
    """A bounded-by-its-user queue with a fair order between salts; not thread-safe by itself."""

    def __init__(self) -> None:
        self._lines: OrderedDict[str, deque[T]] = OrderedDict()

    def __len__(self) -> int:
        return sum(len(line) for line in self._lines.values())

    def __iter__(self) -> Iterator[T]:
        return (item for line in self._lines.values() for item in line)

    def append(self, salt: str, item: T) -> None:
        """Put the item at the end of its salt's line."""
        self._lines.setdefault(salt, deque()).append(item)

    def remove(self, salt: str, item: T) -> None:
        """Take the item out, if it still waits."""
        line = self._lines.get(salt)
        if line is not None and item in line:
            line.remove(item)
            if not line:
                del self._lines[salt]

    def first(self) -> T | None:
        """Return whose turn it is; he stays first until ``pop``."""
        return next(iter(self._lines.values()))[0] if self._lines else None

    def pop(self, item: T) -> None:
        """Take out the first, if it is still this one, and give the turn to the next salt."""
        if self._lines and self.first() is item:
            salt, line = next(iter(self._lines.items()))
            line.popleft()
            if line:
                self._lines.move_to_end(salt)
            else:
                del self._lines[salt]

    def drain(self) -> list[T]:
        """Take out all items."""
        items = list(self)
        self._lines.clear()
        return items
