"""A clause in ("I have a brother, Karl, who lives in Linz"), its two parts and whom the second one is about out."""

import re
from dataclasses import dataclass

from memory.rules.family import is_name_of
from memory.rules.lexicon import RELATIVE
from memory.rules.words import PERSON_NAME

_NAMED = (
    rf"\b(?i:my|our|an?|another) (?:[a-z]+ )?(?P<being>(?i:{RELATIVE})),? (?:called |named )?(?P<name>{PERSON_NAME})"
)
_FRONT = re.compile(rf"\b(?i:i|we)\b.*{_NAMED}$")
_WHO = re.compile(r"^who(?:'s)? ", re.IGNORECASE)
_WHOLE = re.compile(rf"^(?P<front>(?i:i|we)\b.*{_NAMED}),? (?i:who)(?P<rest>(?:'s)? [^,]+)$")


@dataclass(frozen=True, slots=True)
class Told:
    """Somebody who was named, and of whom more is told."""

    front: str  #: the clause up to the name
    name: str
    rest: str  #: what follows "who"


def goes_on(piece: str, behind: str) -> bool:
    """Return whether "who ..." behind a comma tells more of who is named right before it; else it asks."""
    found = _FRONT.search(piece) if _WHO.match(behind) else None
    return bool(found and is_name_of(found["being"].casefold(), found["name"]))


def told_of(clause: str) -> Told | None:
    """Return the parts of a clause that ends in what is told of somebody; None for any other."""
    found = _WHOLE.match(clause)
    if not found or not is_name_of(found["being"].casefold(), found["name"]):
        return None
    return Told(found["front"], found["name"], found["rest"])
