"""Names in, whose they are out: a cat and a brother may both be called Tom, and only the one is to be forgotten."""

import re
from collections.abc import Collection, Iterable

from memory.aliases import PREFIXES, synonyms
from memory.cube import FactKey
from memory.rules.deaths import living
from memory.rules.topics import Holds, topics
from memory.vault.said_names import same_name, spelt

_NEAR = r"(?:(?!\b(?:my|our|his|her|their|and|or)\b)[^.!?\n]){0,25}?"


def beings_of(facts: Iterable[FactKey]) -> frozenset[str]:
    """Return all words for those whom the facts name: "mother", "mum", "mom"."""
    return frozenset(being for fact in facts if _names_being(fact) for being in _beings(fact.attribute))


def names_another(fact: FactKey | None, beings: Collection[str]) -> bool:
    """True for a fact that says what somebody else than these beings is called."""
    if fact is None or not beings or not _names_being(fact):
        return False
    return not set(_beings(fact.attribute)) & set(beings)


def of_others(names: Iterable[str], known: Iterable[FactKey], beings: Collection[str]) -> set[str]:
    """Return those of the names that somebody else than these beings has too."""
    others = [fact.value for fact in known if names_another(fact, beings)]
    return {name for name in names if any(same_name(name, other) for other in others)}


def naming(names: Iterable[str], beings: Collection[str]) -> "re.Pattern[str]":
    """Return a pattern of what says that these beings have any of the names: "a cat called Tom", "Tom is my cat"."""
    who, called = "|".join(map(re.escape, sorted(beings))), "|".join(map(spelt, sorted(names)))
    return re.compile(
        rf"\b(?:{who})\b{_NEAR}(?<!\w)(?:{called})(?!\w)|"
        rf"(?<!\w)(?:{called})(?:,| is| was) (?:my|our|the user['\u2019]s) (?:\w+ )?(?:{who})\b",
        re.IGNORECASE,
    )


def _names_being(fact: FactKey) -> bool:
    return fact.subject == "user" and fact.attribute.startswith(PREFIXES)


def _beings(attribute: str) -> tuple[str, ...]:
    being = living(attribute.partition(":")[2])
    one = next((topic for topic in topics() if topic.holds is Holds.ONE and topic.names(attribute)), None)
    alike = () if one is None else tuple(name.partition(":")[2] for name in one.attributes)
    return (*synonyms(being), *synonyms(being.rpartition(" ")[2]), *alike)
