"""A request in, the blocks that earlier requests of its conversation were given out, as they stand in the ledger.

Law: the same bytes stay in the same places, as long as whoever reads them now may read all that they are made of.
"""

from collections.abc import Callable, Sequence

from memory.conversation import same_words
from memory.cube import MemCube
from memory.ports import Vault
from memory.request import Request
from memory.turn import Injection


class Standing:
    """Reads what stands in the ledger."""

    def __init__(self, vault: Vault, is_withheld: Callable[[MemCube], bool] | None) -> None:
        """``is_withheld``: tells what the model that answers must not read; None: it may read all."""
        self._vault, self._is_withheld = vault, is_withheld

    def blocks(self, request: Request) -> tuple[dict[int, str], frozenset[str]]:
        """Return the blocks in front of its earlier messages, by position, and the memories in those of turns."""
        blocks: dict[int, str] = {}
        shown: set[str] = set()
        for turn in request.turns[:-1]:
            rows = request.rows.get(turn.hash, ())
            row = next((r for r in rows if same_words(r.answer, turn.answer)), None)
            if row is None or not row.injected.get("turn") or request.controls.as_of is not None:
                continue
            if self._is_left_out(request, row.injected.get("turn_ids", ())):
                continue
            if not self._still_shared(request, row.injected.get("shared", ())):
                continue
            if not self._may_stand(request, row.injected.get("turn_ids", ())):
                continue
            blocks[turn.position] = row.injected["turn"]
            shown.update(row.injected.get("turn_ids", ()))
        return blocks, frozenset(shown)

    def _may_stand(self, request: Request, cube_ids: Sequence[str]) -> bool:
        """True while the model that answers may read all of what was brought in before."""
        if self._is_withheld is None:
            return True
        return not any(map(self._is_withheld, self._vault.readable(request.scope, cube_ids)))

    def _is_left_out(self, request: Request, cube_ids: Sequence[str]) -> bool:
        """True when something of it is to be left out of this request."""
        case = request.case
        return bool(case.asked) and case.touches(cube_ids, self._vault.readable(request.scope, cube_ids))

    def _still_shared(self, request: Request, cube_ids: Sequence[str]) -> bool:
        """True while the user may read what others shared when it was brought in."""
        return not cube_ids or len(self._vault.readable(request.scope, cube_ids)) == len(set(cube_ids))

    def reused(self, request: Request) -> Injection | None:
        """Return the blocks of this very turn, when an earlier request of it had some."""
        rows = request.rows.get(request.turns[-1].hash, ())
        if not rows or not request.repeats:
            return None
        was = Injection.from_ledger(rows[0].injected)
        if not self._still_shared(request, was.shared_ids) or not self._may_stand(request, was.cube_ids):
            return None
        return None if self._is_left_out(request, was.cube_ids) else was
