"""A clause about several beings of one kind in ("My brothers Karl and Jan live in Graz"), a clause for each out.

Law: every one of them is called by a name that is surely one, or the clause stays whole.
"""

import re

from memory.rules.family import is_name_of
from memory.rules.lexicon import alternatives
from memory.rules.plurals import SINGULAR
from memory.rules.values import listed
from memory.rules.words import PERSON_NAME

_THEM = (
    r"(?i:my|our) (?:(?i:two|three|four|five|both|little|older|younger|lovely|dear) )*"
    rf"(?P<beings>(?i:{alternatives(SINGULAR)})),? "
    rf"(?P<names>{PERSON_NAME}(?:, {PERSON_NAME})*,? (?:and|&) {PERSON_NAME})"
)
_FIRST = re.compile(rf"^{_THEM},?(?P<rest> \S.*)$")
_ALONE = re.compile(rf"^{_THEM}$")
_LAST = re.compile(rf"^(?P<front>.+ with ){_THEM}$")


def alone(clause: str) -> list[str]:
    """Return "my kid Tom" and "my kid Mia" for "my kids Tom and Mia"; [] for any other clause."""
    found = _ALONE.match(clause)
    return _each(found) if found else []


def apart(clause: str) -> list[tuple[str, str]]:
    """Return ("my brother Karl", "my brother Karl live in Graz") and the same of Jan; [] for any other clause."""
    found = _FIRST.match(clause)
    return [(one, f"{one}{found['rest']}") for one in _each(found)] if found else []


def at_the_end(clause: str) -> list[str]:
    """Return "I live in Ulm with my kid Tom" and "my kid Mia" for "I live in Ulm with my kids Tom and Mia"; or []."""
    found = _LAST.match(clause)
    each = _each(found) if found else []
    return [f"{found['front']}{each[0]}", *each[1:]] if found and each else []


def _each(found: "re.Match[str]") -> list[str]:
    being, names = SINGULAR[found["beings"].casefold()], listed(found["names"])
    known = len(names) > 1 and all(is_name_of(being, name) for name in names)
    return [f"my {being} {name}" for name in names] if known else []
