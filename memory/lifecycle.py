"""A state and an event in, the next state out: the life of a MemCube as one table.

              activate            merge
    GENERATED ────────▸ ACTIVATED ─────▸ MERGED ──┐ merge
        │              ▴  │ ▴  │ ▴          │ ▴───┘
        │     activate │  │ │  │ │ thaw     │ freeze
        │              │  │ │  │ └────────┐ │
        │ archive      │  ▾ │  ▾ freeze   │ ▾
        └──────────▸ ARCHIVED ──────────▸ FROZEN
                       │        freeze
                       ▾ expire (also from GENERATED, ACTIVATED, MERGED)
                     EXPIRED

Every transition that exists is a line of TRANSITIONS; a pair that is missing is an error, never a silent no-op. The
states are those of arXiv 2507.03724, "MemLifecycle". Two of them are read strictly:

FROZEN: it can be read, and removed, because people may always erase what is theirs; nothing changes it, neither a
newer value nor its own end. Its only way out is a thaw by hand: without one, removing it would be the only remedy for
a freeze made by mistake, and that destroys more than a change does. EXPIRED has no way out: what is told again is a
new memory.

ARCHIVED is the state of what newer knowledge took the place of (``superseded_at`` says since when) and of what long was
of no use, or was put away by hand (``superseded_at`` is None). Only the latter come back into use.
"""

from collections.abc import Mapping
from datetime import datetime, timedelta
from enum import StrEnum

from memory.cube import MemCube, State
from memory.errors import Refused


class Event(StrEnum):
    """What happens to a memory."""

    ACTIVATE = "activate"  # comes into use, also again after it was archived
    MERGE = "merge"  # took in what another memory says
    ARCHIVE = "archive"  # newer knowledge took its place, or it is of no use; it stays in history
    EXPIRE = "expire"  # its time is over
    FREEZE = "freeze"  # must stay as it is
    THAW = "thaw"  # may change again


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
    (State.ARCHIVED, Event.ARCHIVE): State.ARCHIVED,  # superseded while it was of no use
    (State.ARCHIVED, Event.EXPIRE): State.EXPIRED,
    (State.ARCHIVED, Event.FREEZE): State.FROZEN,
    (State.FROZEN, Event.THAW): State.ACTIVATED,
}

_CONTENT = ("text", "fact", "tags", "entities", "pinned", "semantic_type", "ttl_s", "priority", "decays")

#: Which event a person brings about by asking for a state.
BY_HAND: Mapping[State, Event] = {
    State.ACTIVATED: Event.ACTIVATE,
    State.ARCHIVED: Event.ARCHIVE,
    State.FROZEN: Event.FREEZE,
}


def after(state: State, event: Event) -> State:
    """Return the next state.

    Raises: Refused: the event cannot happen in this state.
    """
    try:
        return TRANSITIONS[state, event]
    except KeyError:
        raise Refused(f"A memory that is {state} cannot {event}.", param="state", code="state_transition") from None


def wished(cube: MemCube, state: State) -> State:
    """Return the state in which a memory is when a person asks for one of BY_HAND.

    One that is in use already stays as it is when it is asked to be.
    Raises: Refused: no event leads there, or newer knowledge has taken the memory's place.
    """
    if state is cube.state:
        return state
    if state is State.ACTIVATED and cube.superseded_at is not None:
        raise Refused(
            "Newer knowledge took this memory's place. Write it anew, or undo the change that replaced it.",
            param="state",
            code="superseded",
        )
    if state is State.ACTIVATED and cube.state is State.MERGED:
        return cube.state
    thaws = state is State.ACTIVATED and cube.state is State.FROZEN
    return after(cube.state, Event.THAW if thaws else BY_HAND[state])


def thaws(old: MemCube, new: MemCube) -> bool:
    """True when the change does nothing but end a freeze: who thaws by mistake must not change by mistake too."""
    return (old.state, new.state) == (State.FROZEN, TRANSITIONS[State.FROZEN, Event.THAW]) and all(
        getattr(old, name) == getattr(new, name) for name in _CONTENT
    )


def check_change(old: State, new: State) -> None:
    """Accept a change of a memory's content that leaves it in ``new``.

    Raises: Refused: the memory is frozen or over, or no event leads there.
    """
    if old is State.FROZEN:
        raise Refused(
            "A frozen memory cannot be changed; it can be read, deleted or thawed (state: activated and nothing else).",
            param="state",
            code="frozen",
        )
    allowed = {to for (state, _), to in TRANSITIONS.items() if state is old}
    if (old is not new and new not in allowed) or old is State.EXPIRED:
        raise Refused(f"A memory that is {old} cannot become {new}.", param="state", code="state_transition")


def ended(cube: MemCube, at: datetime) -> bool:
    """True when the memory's time to live is over; a frozen one has none."""
    if cube.ttl_s is None or cube.state is State.FROZEN:
        return False
    return (at - cube.recorded_at) // timedelta(microseconds=1) >= int(cube.ttl_s * 1_000_000)
