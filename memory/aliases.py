"""A question and who is who among its user's people and animals in, the question with both names of each out.

"My sister" and "Anna" are one person to whoever once said so, and two to words and to vectors: what was told of the one
is not found by the other. Law: only what names one being without doubt is added, and nothing is taken away.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache, partial

from memory.rules.lexicon import BEINGS, SAME_RELATIVES
from memory.rules.topics import Holds, topics
from memory.rules.words import content_words

PREFIXES = ("rel:", "pet:")  #: of attributes that say what a being of the user's is called

#: Of "my sister-in-law", "my cats" and "my dog food" only what is named is meant.
_MENTION = re.compile(
    rf"\b(?:my|our) (?P<being>{BEINGS})\b(?!-|\s(?:food|sitter|walker|toy|bed|park|show)s?\b)", re.IGNORECASE
)
_PLACE = r"(?<!\bin )(?<!\bat )"  # "in Paris", "in Python": not the daughter, not the dog


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
    same: dict[str, frozenset[str]] = {}  #: by being; empty: it is called nothing else, or both names stand there

    def with_name(mention: re.Match[str]) -> str:
        being = mention["being"].casefold()
        if being in same:
            return mention[0]
        name = _name_of(being, known)
        wanted = bool(name) and not _says(query, name)
        same[being] = frozenset(content_words(f"{being} {name}")) if wanted else frozenset()
        return f"{mention[0]} {name}" if wanted else mention[0]

    def with_being(being: str, found: re.Match[str]) -> str:
        same[being] = frozenset(content_words(f"{being} {found[0]}"))
        return f"my {being} {found[0]}"

    text = _MENTION.sub(with_name, query)
    for name in entities:
        being = _being_of(name, known)
        if being and being not in same and not _says(query, being):
            text = re.sub(rf"{_PLACE}\b{re.escape(name)}\b", partial(with_being, being), text, count=1)
    return Expanded(text, tuple(filter(None, same.values())))


def asked_of_both(asked: Sequence[tuple[str, str]], known: Sequence[Named]) -> tuple[tuple[str, str], ...]:
    """Return the (subject, attribute) pairs, and behind them the same of each subject by its other name."""
    both = (
        (_name_of(subject, known).casefold() or _being_of(subject, known), attribute) for subject, attribute in asked
    )
    return tuple(dict.fromkeys([*asked, *(pair for pair in both if pair[0])]))


def synonyms(being: str) -> tuple[str, ...]:
    """Return all words for the same relative: "mother", "mum" and "mom"; the word itself where there is no other."""
    return next((group for group in SAME_RELATIVES if being in group), (being,))


def _says(text: str, words: str) -> bool:
    return re.search(rf"\b{re.escape(words)}\b", text, re.IGNORECASE) is not None


def _name_of(being: str, known: Sequence[Named]) -> str:
    """Return what the being is called; "" where nobody knows, or the user has several."""
    for same in ((being,), _same().get(being, ())):
        names = {each.name for each in known if each.being in same}
        if names:
            return names.pop() if len(names) == 1 else ""
    return ""


def _being_of(name: str, known: Sequence[Named]) -> str:
    """Return what whoever is called so is to the user; "" where nobody is, or several are."""
    beings = {each.being for each in known if each.name.casefold() == name.casefold()}
    return beings.pop() if len(beings) == 1 else ""


@cache
def _same() -> dict[str, tuple[str, ...]]:
    """By word, the words for whom one has only one of: a boss is a manager, a wife a partner."""
    of_topics = (
        tuple(attribute.removeprefix("rel:") for attribute in topic.attributes if attribute.startswith("rel:"))
        for topic in topics()
        if topic.holds is Holds.ONE
    )
    return {word: group for group in (*SAME_RELATIVES, *of_topics) for word in group}
