"""The name of a place in the write path in, the sudden death of this process there out: for crash tests only.

A failpoint kills with SIGKILL, as a power cut of the process would: no ``finally``, no rollback, no flush. Without a
choice none is ever armed. ``memos serve --failpoint NAME:HIT`` arms one for the HIT-th time that it is reached.
"""

import os
import signal
from collections import Counter
from collections.abc import Callable

from memory.errors import Invalid

#: Every place at which a write may be cut off, in the order in which a turn meets them.
NAMES = (
    "write.begun",  # a transaction holds the lock, nothing is written
    "write.changed",  # memories are changed, neither journal nor audit log knows
    "write.recorded",  # journal and audit log are written, nothing is committed
    "write.committed",  # committed, and nobody was told
    "checkpoint.before",  # the log is about to be moved into the database
    "checkpoint.after",
    "rebuild.before",  # the file is about to be rewritten without what was removed
    "rebuild.after",
    "spool.written",  # a spooled turn is whole, under its first name
    "spool.named",  # it has its name
    "turn.claimed",  # rows are leased, none is read
    "turn.written",  # a row's memories are stored, the next row is not begun
)


def _die() -> None:
    os.kill(os.getpid(), signal.SIGKILL)


class Failpoints:
    """Where this process dies. ``die`` is for those who want to see it coming."""

    def __init__(self, name: str = "", hit: int = 1, *, die: Callable[[], None] = _die) -> None:
        """Raises: Invalid: there is no such failpoint."""
        if name and name not in NAMES:
            raise Invalid(f"There is no failpoint {name!r}; there are {', '.join(NAMES)}.", param="failpoint")
        if hit < 1:
            raise Invalid("A failpoint is hit for the first time at 1.", param="failpoint")
        self._name = name
        self._hit = hit
        self._die = die
        self.passed: Counter[str] = Counter()  #: how often each was reached

    @classmethod
    def parse(cls, text: str) -> "Failpoints":
        """Return what ``NAME:HIT`` or ``NAME`` arms. Raises: Invalid."""
        name, _, hit = text.partition(":")
        if hit and not hit.isdigit():
            raise Invalid(f"{text!r} is no failpoint: write it as NAME:HIT.", param="failpoint")
        return cls(name, int(hit or 1))

    def reach(self, name: str) -> None:
        """Die here if this is the place and the time."""
        self.passed[name] += 1
        if name == self._name and self.passed[name] == self._hit:
            self._die()
