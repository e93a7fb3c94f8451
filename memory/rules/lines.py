"""A memory line in, the fact that it states out: for memories that are written or changed by hand."""

import re

from memory.cube import FactKey
from memory.rules.sentences import clauses
from memory.rules.statements import read_statements

_THIRD_PERSON = (
    (re.compile(r"^The user's\b"), "My"),
    (re.compile(r"^The user is\b"), "I am"),
    (re.compile(r"^The user was\b"), "I was"),
    (re.compile(r"^The user has\b"), "I have"),
    (re.compile(r"^The user (do|go)es\b"), r"I \1"),
    (re.compile(r"^The user (\w+)ies\b"), r"I \1y"),
    (re.compile(r"^The user (\w+[^s])s\b"), r"I \1"),
    (re.compile(r"^The user\b"), "I"),
)


def first_person(line: str) -> str:
    """Return the line as the user would say it: "The user lives in Lisbon." becomes "I live in Lisbon."."""
    for pattern, replacement in _THIRD_PERSON:
        changed, count = pattern.subn(replacement, line, count=1)
        if count:
            return changed
    return line


def fact_of(line: str) -> FactKey | None:
    """Return the fact that a line states; None when it states none, or several."""
    stated = read_statements(clauses(first_person(line)))
    return stated[0].fact if len(stated) == 1 and not stated[0].negated else None
