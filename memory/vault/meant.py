"""A wish to forget in, the cubes that it names out, and what must not be found anywhere any more."""

import re
import sqlite3
from collections.abc import Sequence
from dataclasses import replace

from memory.aliases import PREFIXES
from memory.cube import FactKey, SemanticType
from memory.rules.deaths import ATTRIBUTE as DIED
from memory.rules.deaths import called_in, living
from memory.rules.wished import being_named
from memory.trust import is_external
from memory.turn import Forget
from memory.vault.bearers import beings_of, names_another, naming, of_others
from memory.vault.forgotten_names import ForgottenNames, forgotten_of, is_name, longer_names
from memory.vault.known import KnownCube, about, facts_of, is_called, stated, with_text
from memory.vault.last_said import said_in
from memory.vault.said_names import everyday_name, same_name, spelt, stands_for_name
from memory.vault.same_value import is_part, joined_digits, may_be_same, same_value
from memory.vault.scrub import holds
from memory.vault.spoken_of import mine, told_of
from memory.vault.words import content_terms, words

#: Words of "forget ..." itself, beside the stop words: they name nothing.
_WISH = frozenset(("forget", "delet", "eras", "remov", "memori", "fact", "user", "mention", "told", "tell"))
_DEATH = (
    r"(?:died|dies|die|dying|dead|death|deceased|pass(?:ed|es|ing)? (?:away|on)|put (?:down|to sleep)|euthani[sz]ed|"
    r"no longer (?:with us|alive)|buried|burial|funeral|grave|cremat\w+)"
)
_SAME_SENTENCE, _END = r"[^.!?\n]{0,80}?", r"[^.!?\n]{0,80}[.!?]\s+"

#: "That I hurt my knee" is told whole; "where Anna lives" would be found in whatever else is said of her.
_OF_SELF = re.compile(r"(?:about )?(?:the fact )?that (?:i|we|my|our)\b", re.IGNORECASE)


def meant_by(connection: sqlite3.Connection, user: str, forget: Forget) -> tuple[list[KnownCube], ForgottenNames]:
    """Return the cubes that the wish names, and what must not be found anywhere any more.

    Where no fact holds the value, the target's words are looked for: it may have been told where no rule reads it.
    """
    if forget.message_id:
        return said_in(connection, user, forget.message_id), ForgottenNames()
    if not forget.attributes:
        return _by_words(connection, user, forget.target)
    every = about(connection, user, forget.subject, forget.attributes)
    chosen = _of_value(every, forget) if forget.value else _named(every, forget.target)
    forgotten = _without_others(connection, user, chosen)
    if DIED in forget.attributes:
        return chosen, replace(forgotten, sayings=_sayings(_who_died(connection, user, forget, chosen)))
    of_name = all(name.startswith(PREFIXES) for name in forget.attributes)
    if forget.value and not chosen and not of_name and len(_sought(forget.target)) > 1:
        return _apart_from(every, *_by_words(connection, user, forget.target))
    if not forget.value and not chosen:
        return _unread(connection, user, forget.target)
    return chosen, forgotten


def _unread(connection: sqlite3.Connection, user: str, target: str) -> tuple[list[KnownCube], ForgottenNames]:
    """Return what tells of it where no rule read a fact: "I hurt my knee" for "my knee", "I earn" for "my salary"."""
    told = told_of(target)
    if told is not None:
        found, forgotten = _speaking(connection, user, told)
        unread = [each for each in found if not _is_read(each)]
        return unread, forgotten if unread else ForgottenNames()
    if _OF_SELF.match(target) and len(_sought(target)) > 1:
        return _by_words(connection, user, target)
    return [], ForgottenNames()


def _is_read(cube: KnownCube) -> bool:
    """True for a fact of a known kind about the user: it says something else."""
    fact = cube.fact if cube.stored.cube.semantic_type is not SemanticType.TURN else None
    return fact is not None and fact.subject == "user" and not fact.attribute.startswith("attr:")


def _apart_from(
    every: Sequence[KnownCube], found: list[KnownCube], forgotten: ForgottenNames
) -> tuple[list[KnownCube], ForgottenNames]:
    """Return what was found by words without what tells another value: "I live in New York." is not of York."""
    ids = {each.id for each in found}
    said = {source for each in every if each.id in ids for source in _sources(each)}
    if not said:
        return found, forgotten
    left = [each for each in found if not said & _sources(each)]
    return left, ForgottenNames(texts=tuple(cube.text for each in left for cube in each.versions))


def _sources(cube: KnownCube) -> set[str]:
    source = cube.stored.cube.source
    return {cube.id, *source.message_ids, *([source.turn_id] if source.turn_id else ())}


def _without_others(connection: sqlite3.Connection, user: str, chosen: Sequence[KnownCube]) -> ForgottenNames:
    """Return what the facts say; of a name that somebody else has too, only what says whose it is."""
    facts = facts_of(chosen)
    forgotten, beings = forgotten_of(facts), beings_of(facts)
    ages = {fact.value for fact in facts if fact.attribute == "age"}  # a car may be five years old, too
    forgotten = replace(forgotten, values=tuple(value for value in forgotten.values if value not in ages))
    known = stated(connection, user, "user", PREFIXES) if forgotten.names and beings else []
    others = [fact.value for fact in known if names_another(fact, beings)]
    forgotten = replace(forgotten, others=longer_names(forgotten.names, others))
    shared = of_others(forgotten.names, known, beings)
    if not shared:
        return forgotten
    own = tuple(name for name in forgotten.names if name not in shared)
    return replace(forgotten, names=own, spoken=naming(shared, beings))


def _by_words(connection: sqlite3.Connection, user: str, target: str) -> tuple[list[KnownCube], ForgottenNames]:
    everyday = everyday_name(target)
    if everyday and (not _sought(target) or stands_for_name(everyday) or is_called(connection, user, everyday)):
        name = ForgottenNames(names=(everyday,), by_sentence=True)
        return with_text(connection, user, name.states), name
    stems = _sought(target)
    by_stems = being_named(target) or (len(stems) > 1 and mine(target))  # "my marathon runs" is what holds both
    told = None if by_stems else told_of(target)
    if told is not None:
        return _speaking(connection, user, told)
    if not stems:
        return [], ForgottenNames()
    return with_text(connection, user, lambda text: holds(text, stems)), ForgottenNames(stems=stems)


def _speaking(
    connection: sqlite3.Connection, user: str, spoken: "re.Pattern[str]"
) -> tuple[list[KnownCube], ForgottenNames]:
    """Return what is told in such a sentence, but not in what the user handed over: that may be anybody's knee."""
    found = with_text(connection, user, lambda text: spoken.search(text) is not None)
    own = [each for each in found if not is_external(each.stored.cube.trust)]
    return own, ForgottenNames(spoken=spoken) if own else ForgottenNames()


def _sought(target: str) -> tuple[str, ...]:
    return tuple(stem for stem in content_terms(joined_digits(target)) if stem not in _WISH)


def _named(every: list[KnownCube], target: str) -> list[KnownCube]:
    """Return all, but of facts that hold many values only those that the target names, where it names any."""
    said = set(words(target))
    many = [each for each in every if each.fact is not None and not each.fact.single]
    named = [each for each in many if any(set(words(fact.value)) <= said for fact in facts_of([each]))]
    return [each for each in every if each not in many or each in named] if named else every


def _of_value(every: Sequence[KnownCube], forget: Forget) -> list[KnownCube]:
    """Return those that hold the value: of facts that hold one at a time those that may, of others the same one only.

    Where none is the same, one that says less or more behind a comma counts: "Porto" and "Porto, Portugal".
    """
    value = forget.value
    if DIED in forget.attributes:
        return [each for each in every if any(_same_death(fact.value, value) for fact in facts_of([each]))]
    facts = [(each, facts_of([each])) for each in every]
    same = [each for each, told in facts if any(_is_same(fact, value) for fact in told)]
    may_be = [each for each, told in facts if each not in same and any(_may_be_same(fact, value) for fact in told)]
    return [*same, *may_be] or [each for each, told in facts if any(is_part(fact.value, value) for fact in told)]


def _may_be_same(fact: FactKey, value: str) -> bool:
    return fact.single and not is_name(fact) and may_be_same(fact.value, value)


def _is_same(fact: FactKey, value: str) -> bool:
    return same_name(fact.value, value) or (not is_name(fact) and same_value(fact.value, value))


def _same_death(value: str, wished: str) -> bool:
    """True for whoever died in either of the words for it; one whose name was not said may be any."""
    one, other = called_in(value), called_in(wished)
    return not one or not other or same_name(one, other)


def _who_died(connection: sqlite3.Connection, user: str, forget: Forget, chosen: Sequence[KnownCube]) -> list[str]:
    """Return patterns of the words by which whoever died is spoken of."""
    being = living(forget.subject)
    mine = rf"(?:my|our|user's) (?:(?:late|old|dear|poor) )?{re.escape(being)}"
    attributes = [f"{prefix}{word}" for prefix in PREFIXES for word in (being, f"late {being}")]
    known = stated(connection, user, "user", attributes)
    wished = called_in(forget.value)
    if wished:
        another = any(not same_name(fact.value, wished) for fact in known)
        return [spelt(wished)] if another else [spelt(wished), mine]
    dead = {name for fact in facts_of(chosen) if (name := called_in(fact.value))}
    dead |= {fact.value for fact in known if fact.attribute.partition(":")[2] != being}
    return [*map(spelt, sorted(dead or {fact.value for fact in known})), mine]


def _sayings(who: Sequence[str]) -> "re.Pattern[str]":
    """Return a pattern of what tells the death: "Rex was sweet. He died.", "the day that my dog died"."""
    them = rf"(?<!\w)(?:{'|'.join(who)})(?!\w)"
    return re.compile(
        rf"{them}(?:{_SAME_SENTENCE}|{_END}(?:he|she|it)\b{_SAME_SENTENCE})\b{_DEATH}\b|"
        rf"\b{_DEATH}\b{_SAME_SENTENCE}{them}",
        re.IGNORECASE,
    )
