"""A state and an event in, the next state out: the life of a MemCube as one table.

              activate            merge
    GENERATED ────────▸ ACTIVATED ─────▸ MERGED ──┐ merge
        │                 │ ▴  │            │ ▴───┘
        │         archive │ │  │ freeze     │ freeze
        │ archive         ▾ │  ▾            ▾
        └──────────────▸ ARCHIVED ──────▸ FROZEN
                          │    freeze
                          ▾ expire (also from GENERATED, ACTIVATED, MERGED)
                        EXPIRED

Every transition that exists is a line of TRANSITIONS; a pair that is missing is an error, never a silent no-op. FROZEN
has no way out: a frozen memory can be read and, because people may always erase what is theirs, removed; it cannot be
changed. EXPIRED ends too: what is told again is a new memory. The states are those of arXiv 2507.03724, "MemLifecycle".
"""

from enum import StrEnum

from memory.cube import State
from memory.errors import Refused


class Event(StrEnum):
    """What happens to a memory."""

    ACTIVATE = "activate"  # comes into use, also again after it was archived
    MERGE = "merge"  # took in what another memory says
    ARCHIVE = "archive"  # newer knowledge took its place; it stays in history
    EXPIRE = "expire"  # its time is over
    FREEZE = "freeze"  # must stay as it is


TRANSITIONS: dict[tuple[State, Event], State] = {
    (State.GENERATED, Event.ACTIVATE): State.ACTIVATED,
    (State.GENERATED, Event.ARCHIVE): State.ARCHIVED,
    (State.GENERATED, Event.EXPIRE): State.EXPIRED,
    (State.ACTIVATED, Event.MERGE): State.MERGED,
    (State.ACTIVATED, Event.ARCHIVE): State.ARCHIVED,
    (State.ACTIVATED, Event.EXPIRE): State.EXPIRED,
    (State.ACTIVATED, Event.FREEZE): State.FROZEN,
    (State.MERGED, Event.MERGE): State.MERGED,
    (State.MERGED, Event.ARCHIVE): State.ARCHIVED,
    (State.MERGED, Event.EXPIRE): State.EXPIRED,
    (State.MERGED, Event.FREEZE): State.FROZEN,
    (State.ARCHIVED, Event.ACTIVATE): State.ACTIVATED,
    (State.ARCHIVED, Event.EXPIRE): State.EXPIRED,
    (State.ARCHIVED, Event.FREEZE): State.FROZEN,
}


def after(state: State, event: Event) -> State:
    """Return the next state.

    Raises: Refused: the event cannot happen in this state.
    """
    try:
        return TRANSITIONS[state, event]
    except KeyError:
        raise Refused(f"A memory that is {state} cannot {event}.", param="state", code="state_transition") from None


def check_change(old: State, new: State) -> None:
    """Accept a change of a memory's content that leaves it in ``new``.

    Raises: Refused: the memory is frozen, or no event leads from ``old`` to ``new``.
    """
    if old is State.FROZEN:
        raise Refused("A frozen memory cannot be changed; it can be read or deleted.", param="state", code="frozen")
    if old is not new and new not in {to for (state, _), to in TRANSITIONS.items() if state is old}:
        raise Refused(f"A memory that is {old} cannot become {new}.", param="state", code="state_transition")
