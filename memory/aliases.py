"""A question and who is who among its user's people and animals in, the question with both names of each out.

"My sister" and "Anna" are one person to whoever once said so, and two to words and to vectors: what was told of the one
is not found by the other. Law: only what names one being without doubt is added, and nothing is taken away.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass

from memory.rules.lexicon import BEINGS, SAME_RELATIVES
from memory.rules.topics import Holds, topics
from memory.rules.words import content_words

PREFIXES = ("rel:", "pet:")  #: of attributes that say what a being of the user's is called

_MENTION = re.compile(rf"\b(?:my|our) (?P<being>{BEINGS})\b", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Named:
    """A being of the user's: what it is to them, and what it is called."""

    being: str  #: "sister", "cat"; case-folded
    name: str  #: as it was told


@dataclass(frozen=True, slots=True)
class Expanded:
    """A query that calls beings by both names."""

    query: str
    same: tuple[frozenset[str], ...] = ()  #: folded words that stand for one being: together they say no more than one

    @property
    def concepts(self) -> tuple[frozenset[str], ...]:
        """The content words, in order; those that stand for one being are one."""
        of_word = {word: group for group in self.same for word in group}
        return tuple(dict.fromkeys(of_word.get(word, frozenset([word])) for word in content_words(self.query)))


def names_beings(text: str, entities: Sequence[str]) -> bool:
    """Return False where a text surely names nobody: then there is nothing to look up."""
    return bool(entities) or _MENTION.search(text) is not None


def expanded(query: str, entities: Sequence[str], known: Sequence[Named]) -> Expanded:
    """Return the query with "my sister" and with "Anna" as "my sister Anna", each once.

    ``entities`` are the names in the query: "Will" is none in "Will it rain?".
    """
    text, same = query, list[frozenset[str]]()
    for mention in _MENTION.finditer(query):
        being = mention["being"].casefold()
        name = _name_of(being, known)
        if name and not _says(query, name):
            text = text.replace(mention[0], f"{mention[0]} {name}", 1)
            same.append(frozenset(content_words(f"{being} {name}")))
    for name in entities:
        beings = _beings_of(name, known)
        if len(beings) == 1 and not _says(query, beings[0]):
            text = re.sub(rf"\b{re.escape(name)}\b", lambda found: f"my {beings[0]} {found[0]}", text, count=1)  # noqa: B023
            same.append(frozenset(content_words(f"{beings[0]} {name}")))
    return Expanded(text, tuple(same))


def asked_of_both(asked: Sequence[tuple[str, str]], known: Sequence[Named]) -> tuple[tuple[str, str], ...]:
    """Return the (subject, attribute) pairs, and behind them the same of each subject by its other name."""
    more: list[tuple[str, str]] = []
    for subject, attribute in asked:
        name = _name_of(subject, known)
        others = [name.casefold()] if name else _beings_of(subject, known)
        more += [(other, attribute) for other in others]
    return tuple(dict.fromkeys([*asked, *more]))


def _says(text: str, words: str) -> bool:
    return re.search(rf"\b{re.escape(words)}\b", text, re.IGNORECASE) is not None


def _name_of(being: str, known: Sequence[Named]) -> str:
    """Return what the being is called; "" where nobody knows, or the user has several."""
    for same in ({being}, _same(being)):
        names = {each.name for each in known if each.being in same}
        if names:
            return names.pop() if len(names) == 1 else ""
    return ""


def _beings_of(name: str, known: Sequence[Named]) -> list[str]:
    return list(dict.fromkeys(each.being for each in known if each.name.casefold() == name.casefold()))


def _same(being: str) -> set[str]:
    """Return the words for whom one has only one of: a boss is a manager, a wife a partner."""
    groups = [set(group) for group in SAME_RELATIVES]
    groups += [
        {attribute.removeprefix("rel:") for attribute in topic.attributes if attribute.startswith("rel:")}
        for topic in topics()
        if topic.holds is Holds.ONE
    ]
    return set().union(*(group for group in groups if being in group))
