"""A wish to forget in, the cubes that it names out, and what must not be found anywhere any more."""

import re
import sqlite3
from collections.abc import Sequence
from dataclasses import replace

from memory.aliases import PREFIXES
from memory.rules.deaths import ATTRIBUTE as DIED
from memory.rules.deaths import called_in, living
from memory.turn import Forget
from memory.vault.forgotten_names import ForgottenNames, forgotten_of
from memory.vault.known import KnownCube, about, facts_of, stated, with_text
from memory.vault.said_names import is_everyday, same_name, spelt
from memory.vault.scrub import Forgotten, holds
from memory.vault.words import content_terms, words

#: Words of "forget ..." itself, beside the stop words: they name nothing.
_WISH = frozenset(("forget", "delet", "eras", "remov", "memori", "fact", "user", "mention", "told", "tell"))
_DEATH = (
    r"(?:died|dies|die|dying|dead|death|deceased|pass(?:ed|es|ing)? (?:away|on)|put (?:down|to sleep)|euthani[sz]ed|"
    r"no longer (?:with us|alive)|buried|burial|funeral|grave|cremat\w+)"
)
_SAME_SENTENCE, _END = r"[^.!?\n]{0,80}?", r"[^.!?\n]{0,80}[.!?]\s+"
_ONE_NAME = re.compile(r"[A-Z][\w-]*")


def meant_by(connection: sqlite3.Connection, user: str, forget: Forget) -> tuple[list[KnownCube], Forgotten]:
    """Return the cubes that the wish names, and what must not be found anywhere any more.

    Where no fact holds the value, the target's words are looked for: it may have been told where no rule reads it.
    """
    if not forget.attributes:
        return _by_words(connection, user, forget.target)
    every = about(connection, user, forget.subject, forget.attributes)
    chosen = _of_value(every, forget) if forget.value else _named(every, forget.target)
    forgotten = forgotten_of(facts_of(chosen))
    if DIED in forget.attributes:
        return chosen, replace(forgotten, sayings=_sayings(_who_died(connection, user, forget, chosen)))
    of_name = all(name.startswith(PREFIXES) for name in forget.attributes)
    if forget.value and not chosen and not of_name and len(_sought(forget.target)) > 1:
        return _by_words(connection, user, forget.target)
    return chosen, forgotten


def _by_words(connection: sqlite3.Connection, user: str, target: str) -> tuple[list[KnownCube], Forgotten]:
    if _ONE_NAME.fullmatch(target.strip()) and is_everyday(target.strip()):
        name = ForgottenNames(names=(target.strip(),), by_sentence=True)
        return with_text(connection, user, name.states), name
    stems = _sought(target)
    if not stems:
        return [], Forgotten()
    return with_text(connection, user, lambda text: holds(text, stems)), Forgotten(stems=stems)


def _sought(target: str) -> tuple[str, ...]:
    return tuple(stem for stem in content_terms(target) if stem not in _WISH)


def _named(every: list[KnownCube], target: str) -> list[KnownCube]:
    """Return all, but of facts that hold many values only those that the target names, where it names any."""
    said = set(words(target))
    many = [each for each in every if each.fact is not None and not each.fact.single]
    named = [each for each in many if any(set(words(fact.value)) <= said for fact in facts_of([each]))]
    return [each for each in every if each not in many or each in named] if named else every


def _of_value(every: Sequence[KnownCube], forget: Forget) -> list[KnownCube]:
    """Return those that hold the value; where none does, those whose value is a part of it.

    Of facts that hold many values only the same one, where there is it: who does not like tea may like green tea.
    """
    value = forget.value
    if DIED in forget.attributes:
        return [each for each in every if any(_same_death(fact.value, value) for fact in facts_of([each]))]
    same = [each for each in every if any(same_name(fact.value, value) for fact in facts_of([each]))]
    said = set(words(value))
    holding = [each for each in every if any(said <= set(words(fact.value)) for fact in facts_of([each]))]
    if same:
        return [*same, *(each for each in holding if each not in same and each.fact is not None and each.fact.single)]
    return holding or [each for each in every if any(set(words(fact.value)) <= said for fact in facts_of([each]))]


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
