"""Who belongs to the user, as statements: who is with them, is called otherwise, died, is told of in passing."""

import re
from collections.abc import Sequence
from dataclasses import replace

from memory.aliases import PREFIXES
from memory.cube import FactKey, SemanticType
from memory.rules.companions import companion
from memory.rules.deaths import ATTRIBUTE as DIED
from memory.rules.deaths import Death, death, late
from memory.rules.family import is_name_of, may_be_apposed
from memory.rules.lexicon import BEINGS
from memory.rules.possessives import read_possessive
from memory.rules.predicates import USER, Owner, Statement, read_predicate, told
from memory.rules.relative_clauses import Told
from memory.rules.renamed import renamed
from memory.rules.words import PERSON_NAME

_NAMED_ALONE = re.compile(rf"^(?i:my|our) (?P<being>(?i:{BEINGS})) (?P<name>{PERSON_NAME})$")


def who_is(being: str, name: str, clause: str) -> list[Statement]:
    """Return that the user's being has that name; one may have more of them."""
    named = told(USER, read_possessive(f"{being} is called {name}", "user", has=False), clause)
    return [replace(one, fact=replace(one.fact, single=False)) for one in named]


def who_died(rest: str, clause: str) -> list[Statement]:
    """Read "dog Rex passed away": that, and what she was called; of an animal that the user has it no more."""
    one = death(rest)
    if one is None:
        return []
    fact = FactKey(subject=one.being, attribute=DIED, value=one.value, single=False)
    told = Statement(fact=fact, text=one.line, semantic_type=SemanticType.FACT, clause=clause, whole=False)
    named = who_is(one.being, one.name, clause) if one.name else []
    if not one.animal:
        return [*named, told]
    had = [
        replace(who, fact=replace(who.fact, attribute=late(who.fact.attribute), profile=False), text=_had(one))
        for who in named
    ]
    return [*had, *(replace(who, negated=True) for who in named), told]


def who_is_renamed(rest: str, clause: str) -> list[Statement]:
    """Read "wife's name is not Anna, it is Hanna": the one is taken back, the other stands."""
    one = renamed(rest)
    if one is None:
        return []
    old, new = (
        told(USER, read_possessive(f"{one.being}{one.says} {name}", "user"), clause) if name else []
        for name in (one.old, one.new)
    )
    return [*(replace(each, negated=True) for each in old), *new]


def in_company(rest: str, clause: str, casual: bool) -> list[Statement]:
    """Read "live in Oslo with my girlfriend Ingrid": what is done, and what she is called."""
    beside = companion(rest)
    if beside is None:
        return []
    stated = read_predicate(USER, beside.rest, clause, casual=casual)
    return [
        replace(one, whole=one.whole and beside.whole and bool(stated))
        for one in (*stated, *who_is(beside.being, beside.name, clause))
    ]


def named_alone(clause: str, *, surely: bool = True) -> list[Statement]:
    """Read "my son Tom", one of a list: who he is; [] for anything else.

    ``surely``: not of a friend or a partner, who may be a program or a company.
    """
    found = _NAMED_ALONE.match(clause)
    if not found or not (may_be_apposed if surely else is_name_of)(found["being"].casefold(), found["name"]):
        return []
    return [replace(one, whole=False) for one in who_is(found["being"], found["name"], clause)]


def ends_with_name(stated: Sequence[Statement], clause: str) -> bool:
    """True where the last word of the clause says what somebody is called: "I live with my wife Anna"."""
    names = (one.fact.value for one in stated if one.fact.attribute.startswith(PREFIXES) and not one.negated)
    return clause.endswith(tuple(f" {name}" for name in names))


def told_more(told_of: Told, front: Sequence[Statement], clause: str, casual: bool) -> list[Statement]:
    """Read "have a brother, Karl, who lives in Linz": that, as ``front`` states it, and what is told of him."""
    if not any(one.fact.value == told_of.name and not one.negated for one in front):
        return []
    owner = Owner(subject=told_of.name.casefold(), shown=told_of.name)
    more = read_predicate(owner, told_of.rest, clause, casual=casual)
    return [replace(one, clause=clause, whole=one.whole and bool(more)) for one in (*front, *more)]


def _had(one: Death) -> str:
    article = "an" if one.being[0] in "aeiou" else "a"
    return f"The user had {article} {one.being} called {one.name}."
