"""A fact in ("attr:email"), what else people call the same out ("attr:email address"), where it is news.

A new address takes the place of the old one under whatever name that was told.
"""

import re
from dataclasses import replace

from memory.cube import FactKey
from memory.rules.lexicon import listing

_SAME = (
    listing("email, email address, e-mail, e-mail address, mail address"),
    listing("phone number, phone, telephone number, telephone, number"),
    listing("mobile number, mobile, mobile phone number, cell number, cell phone number"),
)
_NEWS = re.compile(r"\b(?:new|now|changed)\b", re.IGNORECASE)


def replaced_by(fact: FactKey, clause: str) -> list[FactKey]:
    """Return the facts that are out of date when the clause tells a new value of this one; none has a value."""
    prefix, _, noun = fact.attribute.partition(":")
    same = next((words for words in _SAME if noun in words), frozenset[str]())
    if prefix != "attr" or not _NEWS.search(clause):
        return []
    return [replace(fact, attribute=f"{prefix}:{word}", value="") for word in sorted(same - {noun})]
