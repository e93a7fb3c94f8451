"""Which sequences a context holds, for whom, and what of them a new prompt can reuse.

The law: running sequences plus what they may still grow to never exceed the cells; sequences of different salts never
share; finished ones stay until their cells or their id are needed or they are more than those that run, the least
recently used going first. Those that go are saved to memory and can come back: a token is compared with every cell in
use, so that idle ones slow everybody down. What is not exact is shared with nobody, nor is what is to be forgotten.
"""

import logging
from collections.abc import Callable, Sequence
from itertools import count
from typing import Final

from adapters.cells import CellLedger
from adapters.generation import SequenceContext
from adapters.parking import Parked, ParkingLot
from adapters.prefix import LEAST_SHARED, common_prefix
from adapters.prefix_cache import Tier
from adapters.recall import Recall
from memory.errors import Invalid

logger = logging.getLogger(__name__)
_FEW_CELLS: Final = 256  #: that many idle ones are no burden
_SAVED_BYTES_A_TURN: Final = 64 << 20  #: saving takes up to a millisecond for each MiB, and everybody waits


class Resident:
    """One sequence of the context: the tokens that are computed, and the cells it may grow to while it runs."""

    __slots__ = ("forgotten", "id", "last_used", "origin", "running", "salt", "tokens", "up_to")

    def __init__(self, sequence_id: int, salt: str) -> None:
        self.id = sequence_id
        self.salt = salt
        self.tokens: list[int] = []
        self.running = True
        self.up_to = 0  #: tokens
        self.last_used = 0
        self.origin = Tier.TEXT  #: where the tokens were that it had when it was admitted
        self.forgotten = False  #: nothing of it may stay when it has ended

    @property
    def shareable(self) -> bool:
        """True when others may take its tokens over."""
        return self.origin is not Tier.COLD and not self.forgotten


class ResidentTable:
    """The sequences of one context; used by the thread that owns the context."""

    def __init__(self, context: SequenceContext, parked_bytes: int = 0) -> None:
        """``parked_bytes``: what may be saved beside the context, and no more tokens than it has cells."""
        self.parked = ParkingLot(parked_bytes, context.context_tokens)
        self._context = context
        self._cells = CellLedger()
        self._residents: dict[int, Resident] = {}
        self._free_ids = list(range(context.max_sequences - 1, -1, -1))
        self._clock = count(1)
        self._may_save_bytes = _SAVED_BYTES_A_TURN

    def __len__(self) -> int:
        return len(self._residents)

    @property
    def running(self) -> int:
        """How many sequences belong to somebody who computes."""
        return sum(resident.running for resident in self._residents.values())

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

    def admit(self, prompt: list[int], up_to: int, salt: str, recall: Recall | None = None) -> Resident | None:
        """Return a running sequence that already holds the longest reusable part of the prompt, or None: no room yet.

        At least the last token of the prompt is left to compute. Idle sequences are evicted as needed. ``recall``: what
        is stored of the prompt beside what is resident and parked. Where the context fails, that is raised, and nothing
        is left of what was begun.
        """
        before = {resident for resident in self._residents.values() if resident.running}
        try:
            return self._admit(prompt, up_to, salt, recall)
        except Exception:
            for resident in [r for r in self._residents.values() if r.running and r not in before]:
                self._drop(resident)
            raise

    def _admit(self, prompt: list[int], up_to: int, salt: str, recall: Recall | None) -> Resident | None:
        resident = self._from_store(prompt, up_to, salt, recall) or self._from_parking(prompt, up_to, salt, recall)
        if resident is not None:
            return resident
        source, length = self._best_source(prompt, salt)
        if source is not None and self._can_move(source, length):
            return self._move(source, length, up_to)
        if not self._make_room(up_to - length, keep=source):
            if source is None or source.running:
                return None
            # Taken over instead of shared: the source's other tokens make the room.
            return self._move(source, length, up_to)
        resident = self._new(salt, up_to)
        if source is not None:
            resident.origin = Tier.RESIDENT
            self._share(source, resident, prompt, length)
        return resident

    def catch_up(self, resident: Resident, prompt: list[int]) -> None:
        """Let a sequence share what others have computed of its prompt since it was admitted."""
        source, length = self._best_source(prompt, resident.salt, besides=resident)
        if source is not None and length >= len(resident.tokens) + LEAST_SHARED:
            self._cut(resident, 0)
            self._share(source, resident, prompt, length)
            resident.origin = Tier.RESIDENT

    def extend(self, resident: Resident, tokens: Sequence[int]) -> None:
        """Record that these tokens are computed."""
        resident.tokens.extend(tokens)
        self._cells.grow(resident.id, len(tokens))

    def retire(self, resident: Resident) -> None:
        """Let a running sequence stay for reuse, evictable from now on."""
        resident.running = False
        resident.last_used = next(self._clock)
        if not resident.tokens or not resident.shareable:
            self._drop(resident)

    def forget(self, owned: Callable[[str], bool]) -> None:
        """Drop what is idle and parked of the owners whose salts are ``owned``, and what runs when it retires."""
        self.parked.forget(owned)
        for resident in [resident for resident in self._residents.values() if owned(resident.salt)]:
            resident.forgotten = True
            if not resident.running:
                self._drop(resident)

    def evict_one(self, keep: Resident | None = None) -> bool:
        """Park or drop the least recently used idle sequence; False when there is none."""
        idle = [r for r in self._residents.values() if not r.running and r is not keep]
        if idle:
            oldest = min(idle, key=lambda r: r.last_used)
            self._park(oldest)
            self._drop(oldest)
        return bool(idle)

    def begin_turn(self) -> None:
        """Allow as much to be saved as may be between two batches."""
        self._may_save_bytes = _SAVED_BYTES_A_TURN

    def make_way(self) -> None:
        """Park idle sequences until they are no more than those that run, which they would slow down."""
        running = sum(len(r.tokens) for r in self._residents.values() if r.running)
        if not running:
            return
        idle = sorted((r for r in self._residents.values() if not r.running), key=lambda r: r.last_used)
        excess = sum(len(r.tokens) for r in idle) - max(running, _FEW_CELLS)
        for resident in idle:
            if excess <= 0:
                return
            if self._park(resident):
                excess -= len(resident.tokens)
                self._drop(resident)

    def clear(self) -> None:
        """Forget all sequences; the context was reset."""
        self._residents.clear()
        self._cells.clear()
        self._free_ids = list(range(self._context.max_sequences - 1, -1, -1))

    def _share(self, source: Resident, resident: Resident, prompt: list[int], length: int) -> None:
        self._context.fork(source.id, resident.id, length)
        self._cells.fork(source.id, resident.id, length)
        resident.tokens = prompt[:length]
        source.last_used = next(self._clock)

    def _best_source(
        self, prompt: list[int], salt: str, besides: Resident | None = None
    ) -> tuple[Resident | None, int]:
        best: Resident | None = None
        length = 0
        prompt = prompt[:-1]
        for resident in self._residents.values():
            if resident.salt != salt or resident is besides or not resident.shareable:
                continue
            shared = common_prefix(resident.tokens, prompt)
            if shared < length or not shared:
                continue
            usable = self._context.branch_point(resident.id, shared)
            # Of equals an idle one, which can be taken over without a copy.
            if usable > length or (usable == length > 0 and not resident.running):
                best, length = resident, usable
        return best, length

    def _park(self, resident: Resident) -> bool:
        """Save an idle sequence; False when that is not worth it."""
        if len(resident.tokens) < LEAST_SHARED or not self.parked.fits(0):
            return False
        size_bytes = self._context.state_bytes(resident.id)
        if size_bytes > self._may_save_bytes or not self.parked.fits(size_bytes):
            return False
        try:
            state = self._context.save(resident.id)
        except Exception:
            logger.exception("an idle sequence could not be saved and is computed again when it is needed")
            return False
        self._may_save_bytes -= size_bytes
        self.parked.add(Parked(list(resident.tokens), resident.salt, state))
        return True

    def _from_store(self, prompt: list[int], up_to: int, salt: str, recall: Recall | None) -> Resident | None:
        """Return a running sequence with what is stored of the prompt, if that spares most and there is room."""
        while recall is not None and (match := recall.match) is not None:
            _, parked = self._best_parked(prompt, salt)
            if match.length <= parked or not self._is_worth(prompt, salt, match.length, len(match.tokens)):
                return None
            cells = max(up_to, len(match.tokens))
            if not self._may_have_room(cells) or not self._make_room(cells, keep=None):
                recall.give_up("no_room")
                return None
            resident = self._restored(salt, up_to, lambda sequence: recall.restore(self._context, sequence))
            if resident is not None:
                resident.origin = match.tier
                self._fill(resident, match.tokens, match.length)
                return resident
        return None

    def _from_parking(self, prompt: list[int], up_to: int, salt: str, recall: Recall | None) -> Resident | None:
        """Return a running sequence with what is parked of the prompt, if that spares most and there is room.

        Where the context refuses it, with what is stored: then that may spare most.
        """
        parked, length = self._best_parked(prompt, salt)
        if parked is None or not self._is_worth(prompt, salt, length, len(parked.tokens)):
            return None
        self.parked.touch(parked)
        if not self._make_room(max(up_to, len(parked.tokens)), keep=None):
            return None
        resident = self._restored(salt, up_to, lambda sequence: self._unpark(parked, sequence))
        if resident is None:
            self.parked.remove(parked)
            return self._from_store(prompt, up_to, salt, recall)
        resident.origin = Tier.RAM
        self._fill(resident, parked.tokens, length)
        if length == len(parked.tokens):
            self.parked.remove(parked)  # what continues it will be parked in its place
        return resident

    def _best_parked(self, prompt: list[int], salt: str) -> tuple[Parked | None, int]:
        return self.parked.best(prompt[:-1], salt, whole=not self._context.branches_anywhere)

    def _is_worth(self, prompt: list[int], salt: str, length: int, state_tokens: int) -> bool:
        """Return True when restoring so much is quicker than computing it behind what is resident."""
        _, resident = self._best_source(prompt, salt)
        return length >= max(resident + LEAST_SHARED, state_tokens // 4)

    def _unpark(self, parked: Parked, sequence: int) -> bool:
        try:
            self._context.restore(sequence, parked.state)
        except Invalid:
            return False
        except Exception:
            logger.exception("a saved sequence could not be restored and is computed again")
            self._context.truncate(sequence, 0)
            return False
        return True

    def _restored(self, salt: str, up_to: int, restore: Callable[[int], bool]) -> Resident | None:
        """Return a new sequence into which ``restore`` has brought a state; None when it could not."""
        resident = self._new(salt, up_to)
        if restore(resident.id):
            return resident
        del self._residents[resident.id]
        self._free_ids.append(resident.id)
        return None

    def _fill(self, resident: Resident, tokens: Sequence[int], length: int) -> None:
        """Enter the tokens of a restored state in the books, and cut those off that are not wanted."""
        self.extend(resident, tokens)
        self._cut(resident, length)

    def _new(self, salt: str, up_to: int) -> Resident:
        resident = Resident(self._free_ids.pop(), salt)
        resident.up_to = up_to
        self._residents[resident.id] = resident
        return resident

    def _can_move(self, source: Resident, length: int) -> bool:
        """True when taking the sequence over forgets nothing that another prompt could reuse."""
        return not source.running and length == len(source.tokens)

    def _move(self, source: Resident, length: int, up_to: int) -> Resident | None:
        before = source.up_to
        source.running, source.up_to, source.origin = True, up_to, Tier.RESIDENT
        self._cut(source, length)
        while self.free_cells < 0:
            if not self.evict_one(keep=source):
                source.running, source.up_to = False, before
                return None
        return source

    def _may_have_room(self, cells: int) -> bool:
        """Return False when there would not be so much room if everything idle went."""
        idle = sum(len(resident.tokens) for resident in self._residents.values() if not resident.running)
        return self.free_cells + idle >= cells

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
