"""Which sequences a context holds, for whom, and what of them a new prompt can reuse.

The law: running sequences plus what they may still grow to never exceed the cells; sequences of different salts never
share; finished ones stay until their cells or their id are needed, the least recently used going first.
"""

from collections.abc import Sequence
from itertools import count

from adapters.cells import CellLedger
from adapters.generation import SequenceContext

_BLOCK = 256  #: tokens compared at once, at C speed


def common_prefix(left: Sequence[int], right: Sequence[int]) -> int:
    """Return how many leading tokens are equal."""
    limit = min(len(left), len(right))
    start = 0
    while start < limit and left[start : start + _BLOCK] == right[start : start + _BLOCK]:
        start += _BLOCK
    end = min(start + _BLOCK, limit)
    while start < end and left[start] == right[start]:
        start += 1
    return min(start, limit)


class Resident:
    """One sequence of the context: the tokens that are computed, and the cells it may grow to while it runs."""

    __slots__ = ("id", "last_used", "running", "salt", "tokens", "up_to")

    def __init__(self, sequence_id: int, salt: str) -> None:
        self.id = sequence_id
        self.salt = salt
        self.tokens: list[int] = []
        self.running = True
        self.up_to = 0  #: tokens
        self.last_used = 0


class ResidentTable:
    """The sequences of one context; used by the thread that owns the context."""

    def __init__(self, context: SequenceContext) -> None:
        self._context = context
        self._cells = CellLedger()
        self._residents: dict[int, Resident] = {}
        self._free_ids = list(range(context.max_sequences - 1, -1, -1))
        self._clock = count(1)

    def __len__(self) -> int:
        return len(self._residents)

    @property
    def used_cells(self) -> int:
        """Cells that hold computed tokens; shared ones count once."""
        return self._cells.used

    @property
    def reserved_cells(self) -> int:
        """Cells that running sequences may still ask for."""
        return sum(max(0, r.up_to - len(r.tokens)) for r in self._residents.values() if r.running)

    @property
    def free_cells(self) -> int:
        """Cells neither used nor reserved."""
        return self._context.context_tokens - self._cells.used - self.reserved_cells

    def admit(self, prompt: list[int], up_to: int, salt: str) -> Resident | None:
        """Return a running sequence that already holds the longest reusable part of the prompt, or None: no room yet.

        At least the last token of the prompt is left to compute. Idle sequences are evicted as needed.
        """
        source, length = self._best_source(prompt, salt)
        if source is not None and self._can_move(source, length):
            return self._move(source, length, up_to)
        if not self._make_room(up_to - length, keep=source):
            if source is None or source.running:
                return None
            # Taken over instead of shared: the source's other tokens make the room.
            return self._move(source, length, up_to)
        resident = Resident(self._free_ids.pop(), salt)
        resident.up_to = up_to
        self._residents[resident.id] = resident
        if source is not None:
            self._context.fork(source.id, resident.id, length)
            self._cells.fork(source.id, resident.id, length)
            resident.tokens = prompt[:length]
            source.last_used = next(self._clock)
        return resident

    def extend(self, resident: Resident, tokens: Sequence[int]) -> None:
        """Record that these tokens are computed."""
        resident.tokens.extend(tokens)
        self._cells.grow(resident.id, len(tokens))

    def retire(self, resident: Resident) -> None:
        """Let a running sequence stay for reuse, evictable from now on."""
        resident.running = False
        resident.last_used = next(self._clock)
        if not resident.tokens:
            self._drop(resident)

    def evict_one(self, keep: Resident | None = None) -> bool:
        """Drop the least recently used idle sequence; False when there is none."""
        idle = [r for r in self._residents.values() if not r.running and r is not keep]
        if idle:
            self._drop(min(idle, key=lambda r: r.last_used))
        return bool(idle)

    def clear(self) -> None:
        """Forget all sequences; the context was reset."""
        self._residents.clear()
        self._cells.clear()
        self._free_ids = list(range(self._context.max_sequences - 1, -1, -1))

    def _best_source(self, prompt: list[int], salt: str) -> tuple[Resident | None, int]:
        best: Resident | None = None
        length = 0
        for resident in self._residents.values():
            if resident.salt != salt:
                continue
            shared = common_prefix(resident.tokens, prompt[:-1])
            if shared < length or not shared:
                continue
            usable = self._context.branch_point(resident.id, shared)
            # Of equals an idle one, which can be taken over without a copy.
            if usable > length or (usable == length > 0 and not resident.running):
                best, length = resident, usable
        return best, length

    def _can_move(self, source: Resident, length: int) -> bool:
        """True when taking the sequence over forgets nothing that another prompt could reuse."""
        return not source.running and length == len(source.tokens)

    def _move(self, source: Resident, length: int, up_to: int) -> Resident | None:
        before = source.up_to
        source.running, source.up_to = True, up_to
        self._cut(source, length)
        while self.free_cells < 0:
            if not self.evict_one(keep=source):
                source.running, source.up_to = False, before
                return None
        return source

    def _make_room(self, cells: int, keep: Resident | None) -> bool:
        while self.free_cells < cells or not self._free_ids:
            if not self.evict_one(keep=keep):
                return False
        return True

    def _cut(self, resident: Resident, length: int) -> None:
        if length < len(resident.tokens):
            self._context.truncate(resident.id, length)
            self._cells.truncate(resident.id, length)
            del resident.tokens[length:]

    def _drop(self, resident: Resident) -> None:
        self._context.truncate(resident.id, 0)
        self._cells.truncate(resident.id, 0)
        del self._residents[resident.id]
        self._free_ids.append(resident.id)
