"""The words behind "forget" in, whom or what they are about out: "everything you know about Sarah" is about Sarah."""

import re
from dataclasses import dataclass

from memory.rules.lexicon import BEINGS
from memory.rules.predicates import Statement

THAT = "that"  #: the words for what was said last

_YOU_KNOW = (
    r"(?:you(?:'ve| have)? (?:know|knew|have|stored|saved|remember|learned|learnt)(?: stored| saved)?|"
    r"i(?:'ve| have)? (?:ever )?(?:told|said|mentioned|wrote|written)(?: to)?(?: you)?)"
)
#: In front of whom or what all is to be forgotten of.
_ALL_ABOUT = re.compile(
    r"^(?:about )?(?:absolutely )?(?:everything|anything|all(?: of it)?|whatever|what)(?: that)?(?: else)?"
    rf"(?: {_YOU_KNOW})? (?:about|on) (?=\S)",
    re.IGNORECASE,
)
_MY_PERSON = re.compile(
    rf"^(?i:about )?(?i:my|our) (?i:(?:good|old|best|dear) )?(?P<being>(?i:{BEINGS})),? "
    r"(?P<name>[A-Z][\w-]+(?: [A-Z][\w-]+)?)$"
)
ORDERS = (
    r"(?:all |your |any |the |these |those |everything (?:in|from|above) |my )*(?:previous|prior|above|earlier|"
    r"system|initial)?\s*(?:instructions?|prompts?|rules|guidelines|context|directions|messages|directives).*"
)
_ORDERS = re.compile(ORDERS, re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Before:
    """What the user said right before: the message that "forget that" is about."""

    message_id: str = ""
    statements: tuple[Statement, ...] = ()  #: what it stated


NOTHING = Before()


def all_about(target: str) -> str:
    """Return whom or what all is to be forgotten of; "" where the target says nothing of the kind."""
    found = _ALL_ABOUT.match(target)
    return target[found.end() :].strip() if found else ""


def about_orders(target: str) -> bool:
    """True for "everything about the previous instructions"."""
    return _ORDERS.fullmatch(all_about(target)) is not None


def being_named(target: str) -> tuple[str, str] | None:
    """Return ("friend", "Sarah") for "my friend Sarah"; None for anything else."""
    found = _MY_PERSON.match(target)
    return (found["being"].casefold(), found["name"]) if found else None
