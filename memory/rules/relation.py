"""A row of the relation table: one kind of fact, how people say it, how memory writes it down, how it is asked for."""

import re
from dataclasses import dataclass

from memory.cube import SemanticType


@dataclass(frozen=True, slots=True, kw_only=True)
class Phrase:
    """One way to say a relation."""

    pattern: "re.Pattern[str]"
    line: str
    kind: str  #: which values are believable: a key of ``memory.rules.kinds.BELIEVABLE``


@dataclass(frozen=True, slots=True, kw_only=True)
class Relation:
    """One kind of fact."""

    attribute: str
    predicates: tuple[Phrase, ...] = ()  #: after "I" or "Bob"
    possessives: tuple[Phrase, ...] = ()  #: after "my" or "Bob's"
    asked: "re.Pattern[str]"  #: how questions and "forget ..." name it, in the first person
    single: bool = True
    profile: bool = False
    semantic_type: SemanticType = SemanticType.FACT


_SLOT = re.compile(r"\{v(?::(\w+))?\}")


def phrases(kind: str, line: str, patterns: str) -> tuple[Phrase, ...]:
    """Return the phrases of ``patterns``, one per row; "pattern -> line" names another line, {v:kind} another kind."""
    found: list[Phrase] = []
    for row in patterns.strip().splitlines():
        pattern, _, own = row.strip().partition(" -> ")
        if pattern:
            slot = _SLOT.search(pattern)
            source = _SLOT.sub("(?P<v>.+?)", pattern)
            own_kind = slot[1] if slot and slot[1] else kind
            compiled = re.compile(rf"{source}$", re.IGNORECASE)
            found.append(Phrase(pattern=compiled, line=own.strip() or line, kind=own_kind))
    return tuple(found)


def relation(  # noqa: PLR0913 - one row of the table
    attribute: str,
    kind: str,
    line: str,
    says: str,
    has: str,
    asked: str,
    *,
    single: bool = True,
    profile: bool = False,
    preference: bool = False,
    event: bool = False,
) -> Relation:
    """Return a row of the table: ``says`` are predicates, ``has`` possessives, ``asked`` alternatives of a pattern."""
    semantic_type = SemanticType.PREFERENCE if preference else SemanticType.EVENT if event else SemanticType.FACT
    return Relation(
        attribute=attribute,
        predicates=phrases(kind, line, says),
        possessives=phrases(kind, line, has),
        asked=re.compile(rf"\b(?:{asked})\b", re.IGNORECASE),
        single=single,
        profile=profile,
        semantic_type=semantic_type,
    )
