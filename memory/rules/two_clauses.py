"""Two clauses that say one thing in ("My email changed", "it is now kate@new.example"), one clause out.

Law: the parts are the user's own words; what is not foreseen stays two clauses.
"""

import re

from memory.rules.lexicon import BEINGS
from memory.rules.words import PERSON_NAME

_CHANGED = r"(?P<x>(?i:my|our) [\w' -]{2,40}?)(?:'s| has| have)?(?: just| recently)? (?:changed|been changed)"
_NOW = (
    r"(?:it(?:'s| is| will be)|they(?:'re| are)|(?:the|my) new (?:one|number|address) is)"
    r"(?: now| currently)? (?P<v>\S.*?)(?: now)?"
)
_AFTER_CHANGE = re.compile(rf"^{_CHANGED}$", re.IGNORECASE), re.compile(rf"^{_NOW}$", re.IGNORECASE)
_IN_ONE = re.compile(rf"^{_CHANGED}(?:,|;|:| -| and|, and) {_NOW}$", re.IGNORECASE)
_NOT_CALLED = re.compile(
    rf"^(?P<x>(?i:my|our) (?i:{BEINGS}))(?P<name>'s name)?(?: is not| isn't|'s not| is no longer)"
    rf"(?P<called> called| named)? (?P<old>{PERSON_NAME})$"
)
_CALLED = re.compile(
    r"^(?i:it|that|he|she|(?:his|her|its) name)(?i:'s| is)(?: now| actually| really)?(?P<called> called| named)? "
    rf"(?P<new>{PERSON_NAME})$"
)


def as_one(before: str, clause: str) -> str:
    """Return the two clauses as one, "" where they are not one."""
    changed, now = _AFTER_CHANGE[0].match(before), _AFTER_CHANGE[1].match(clause)
    if changed and now:
        return _is_now(changed["x"], now["v"])
    old, new = _NOT_CALLED.match(before), _CALLED.match(clause)
    if old and new and (old["name"] or old["called"]):
        says = "'s name is" if old["name"] else " is called"
        return f"{old['x']}{says} {new['new']}, not {old['old']}"
    return ""


def is_now(clause: str) -> str:
    """Return "My email is now V" for "My email changed, it is now V", "" for anything else."""
    found = _IN_ONE.match(clause)
    return _is_now(found["x"], found["v"]) if found else ""


def _is_now(what: str, value: str) -> str:
    several = what.endswith("s") and not what.endswith("ss")  # "My plans changed, it is now tomorrow"
    return "" if several else f"{what} is now {value}"
