"""A wish to forget in, the same wish with all the memories that it means out.

"Forget my phone" means "I'm writing this on my Pixel." too, though no rule read a fact there and no word is shared.
What is said of the topic that the wish names goes, where one value of it holds at a time: of topics that add up (pets,
hobbies) only what the words name goes, for "forget my cat" must leave the dog alone.

Of somebody who has two names, "Anna" and "my sister", a wish by the one means the other too. Where only the name is to
be forgotten, what else is known of them stays, told without it.
"""

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace

import numpy as np

from memory.aliases import PREFIXES, Named, asked_of_both, synonyms
from memory.cube import MemCube, SemanticType
from memory.embeddings import Embeddings
from memory.errors import EngineDown
from memory.leftovers import rest_of, rest_without_age
from memory.ports import Clock, Vault, Written
from memory.ranking import DATE_WORDS
from memory.rules.deaths import ATTRIBUTE as DIED
from memory.rules.deaths import late, living
from memory.rules.lexicon import RELATIVES
from memory.rules.stance import SOMEBODY, states
from memory.rules.topics import Holds, Topic
from memory.rules.topics import topics as all_topics
from memory.rules.wished import being_named
from memory.rules.words import content_words
from memory.told_otherwise import as_told
from memory.topics import Label, Topics
from memory.turn import Draft, Forget, Scope
from memory.unnaming import is_alone, left_s, unnamed, unnamed_by
from memory.vault.forgotten_names import ForgottenNames, forgotten_of, is_name
from memory.vault.said_names import same_name
from memory.vault.words import stems, terms

_RELATION, _ANIMAL = PREFIXES
_PERSON = re.compile(r"(?:my|our) (\w+(?: \w+)?)", re.IGNORECASE)
_AND = re.compile(r"\s*,\s*(?:and\s+)?|\s+(?:and|or|&)\s+")
_EARLIER = re.compile(r"\b(?:old|former|previous|earlier|ex|last)\b", re.IGNORECASE)  #: what holds now must stay
_MOST_KEPT = 256
_MIN_LIKENESS = 0.42  #: of the wish to questions about a topic
_MIN_LEAD = 0.04  #: before the next topic
_MIN_SCORE, _MIN_MARGIN = 0.4, 0.05  #: of a statement: one that is forgotten by mistake cannot be brought back


@dataclass(frozen=True, slots=True, kw_only=True)
class Meant:
    """All that the wishes of a turn come to."""

    wishes: tuple[Forget, ...]  #: to be fulfilled in one change
    kept: tuple[Draft, ...]  #: to be stored before
    fault: EngineDown | None = None  #: not all was found: the wishes are to be read again


class Forgetting:
    """Finds what a wish to forget means."""

    def __init__(self, vault: Vault, embeddings: Embeddings, topics: Topics, clock: Clock) -> None:
        self._vault = vault
        self._embeddings = embeddings
        self._topics = topics
        self._clock = clock

    def meant(self, scope: Scope, wishes: Iterable[Forget]) -> Meant:
        """Return what is to be stored and what is to be forgotten, all of it as things stand before either.

        Raises: EngineDown: nothing may be forgotten yet, for the wishes could not be read again afterwards.
        """
        known = self._vault.named(scope)
        told = as_told(self._vault, scope, wishes)
        apart = [each for wish in told for each in _of_each(wish, known)]
        every = [each for wish in apart for each in self._by_all_names(scope, wish, known)]
        gone, by_words = self._gone(scope, every), any(not wish.attributes for wish in every)
        found: list[Forget] = []
        fault: EngineDown | None = None
        for wish in every:
            try:
                found.append(self.widened(scope, wish))
            except EngineDown as error:
                if by_words or gone.states(wish.target):
                    raise
                found.append(wish)
                fault = error
        kept = (*self._kept(scope, every, known, gone), *self._rests(scope, every, known, gone))
        return Meant(wishes=tuple(found), kept=kept, fault=fault)

    def fulfil(self, scope: Scope, wishes: Sequence[Forget]) -> Written:
        """Forget all that is meant or nothing.

        Each takes its words out of the turn of the others too, which could not be understood any more.
        """
        with self._vault.at_once():
            gone = [self._vault.forget(scope, wish).removed for wish in wishes]
        return Written(removed=tuple(cube_id for ids in gone for cube_id in ids))

    def _by_all_names(self, scope: Scope, wish: Forget, known: Sequence[Named]) -> list[Forget]:
        """Return the wish by every name of whom it is about, "my sister" and "Anna"; [] where it names what is not."""
        if wish.subject != "user":
            return [wish, *(replace(wish, subject=other) for other in sorted(_other_names(wish.subject, known)))]
        attributes = tuple(dict.fromkeys(same for each in wish.attributes for same in _same(each)))
        if not wish.value or not all(attribute.startswith(PREFIXES) for attribute in attributes):
            return [replace(wish, attributes=attributes)]
        called = {attribute: self._vault.stated(scope, "user", [attribute]) for attribute in attributes}
        meant = tuple(
            attribute for attribute, facts in called.items() if any(same_name(fact.value, wish.value) for fact in facts)
        )
        return [replace(wish, attributes=meant)] if meant else []

    def _gone(self, scope: Scope, wishes: Iterable[Forget]) -> ForgottenNames:
        """Return the values that the wishes name, those that held before included, and each word of a name."""
        facts = [
            fact
            for wish in wishes
            for fact in self._vault.stated(scope, wish.subject, wish.attributes)
            if not (wish.value and is_name(fact)) or same_name(fact.value, wish.value)
        ]
        gone = forgotten_of(facts)
        words = (word for name in gone.names for word in name.split())
        return replace(gone, names=tuple(dict.fromkeys((*gone.names, *words))))

    def _kept(
        self, scope: Scope, wishes: Sequence[Forget], known: Sequence[Named], gone: ForgottenNames
    ) -> list[Draft]:
        """Return what else is known of those whose name alone is to be forgotten, told without it.

        What cannot be told without it is left out, and all of it where several have that name or are that to the user.
        """
        drafts: list[Draft] = []
        for who in unnamed_by(wishes, known):
            found, _ = self._vault.lexical(scope, who.name, limit=_MOST_KEPT)
            cubes = self._vault.get_many(scope, [cube_id for cube_id, _ in found])
            another = living(who.being) != who.being and any(each.being == living(who.being) for each in known)
            for cube in sorted(cubes, key=lambda cube: cube.valid_from):
                draft = unnamed(cube, who, gone)
                if draft is None or draft.fact is None or (another and draft.fact.attribute != DIED):
                    continue  # what was true of an animal that died is not to be taken for the next one's
                ttl_s = left_s(cube, self._clock())
                if ttl_s is None or ttl_s > 0:
                    drafts.append(replace(draft, ttl_s=ttl_s))
        return drafts

    def _rests(
        self, scope: Scope, wishes: Sequence[Forget], known: Sequence[Named], gone: ForgottenNames
    ) -> list[Draft]:
        """Return what stays of the turns that name whom the wishes are about: what they tell of others."""
        targets = {wish.target for wish in wishes}
        if {wish.attributes for wish in wishes} == {("age",)} and len(targets) == 1:
            (target,) = targets
            aged, _ = self._vault.lexical(scope, target, limit=_MOST_KEPT)
            said = self._vault.get_many(scope, [cube_id for cube_id, _ in aged])
            return [draft for cube in said if (draft := rest_without_age(cube, target)) is not None]
        attributes = {attribute for wish in wishes for attribute in wish.attributes}
        beings = {living(each.partition(":")[2]) for each in attributes if each.startswith(PREFIXES)} - {""}
        if not beings or any(wish.everything or not wish.attributes for wish in wishes):
            return []
        found = {cube_id for name in gone.names for cube_id, _ in self._vault.lexical(scope, name, limit=_MOST_KEPT)[0]}
        cubes = sorted(self._vault.get_many(scope, sorted(found)), key=lambda cube: cube.valid_from)
        same = {word for being in beings for word in synonyms(being)}
        shared = any(
            same_name(each.name, name) and living(each.being) not in same for each in known for name in gone.names
        )
        rests = (rest_of(cube, same, gone, shared=shared) for cube in cubes)
        return [draft for draft in rests if draft is not None]

    def widened(self, scope: Scope, wish: Forget) -> Forget:
        """Return the wish with the attributes and the memories of its topic; as it is, where it names none.

        Costs an embedding, and a product over all of the user's memories. Raises: EngineDown.
        """
        if wish.everything or wish.value or wish.message_id or _EARLIER.search(wish.target):
            return wish
        person = _person(wish.target)
        for topic in person or (self._meant(wish.target) if _is_of_user(wish) else []):
            if topic.apart:
                continue  # who was born when, where and how old they are: what the words name is exact already
            wanted = _things(wish.target, topic)
            attributes = () if wanted else topic.attributes
            wish = replace(
                wish,
                attributes=tuple(dict.fromkeys((*wish.attributes, *attributes))),
                cube_ids=tuple(dict.fromkeys((*wish.cube_ids, *self._about(scope, wish.target, topic, wanted)))),
            )
        return wish

    def _meant(self, target: str) -> list[Topic]:
        """Return the topic that the words name, and those that the same words may name as well."""
        questions = [target, f"What is {target}?"] if target.casefold().startswith(("my ", "our ")) else [target]
        vectors = self._embeddings.embed(questions)
        if vectors is None:
            return []
        rankings = [ranking for vector in vectors if (ranking := self._topics.of_question(vector))]
        best = max(rankings, key=lambda ranking: ranking[0][1], default=[])
        if not best or best[0][1] < _MIN_LIKENESS:
            return []
        named = best[0][0]
        other = next((likeness for topic, likeness in best[1:] if topic.name not in named.also), 0.0)
        if not (named.holds in (Holds.ONE, Holds.EACH) or _names_all(target, named)) or best[0][1] - other < _MIN_LEAD:
            return []
        also = [topic for topic, likeness in best[1:] if topic.name in named.also and likeness >= _MIN_LIKENESS]
        return [named, *also]

    def _about(self, scope: Scope, target: str, topic: Topic, wanted: frozenset[str]) -> list[str]:
        ids, vectors = self._vault.vectors(scope, self._embeddings.model_id)
        rows = dict(zip(ids, vectors, strict=True))
        cubes = [cube for cube in self._vault.get_many(scope, ids) if states(cube) and _holds_alone(cube)]
        if not cubes:
            return []
        labels = self._topics.of_memories(cubes, np.stack([rows[cube.id] for cube in cubes]))
        own = [
            cube
            for cube, label in zip(cubes, labels, strict=True)
            if (label is not None and _is_sure(label, topic, cube.text, target)) or _mentions(cube.text, topic)
        ]
        shared = {cube.id: len(wanted & set(content_words(cube.text))) for cube in own}
        most = max(shared.values(), default=0)
        return [cube.id for cube in own if not wanted or (most and shared[cube.id] == most)]


def _same(attribute: str) -> tuple[str, ...]:
    """Return the attributes that hold what the same being may be called: "rel:mum" and "rel:mother"."""
    prefix, colon, being = attribute.partition(":")
    if attribute in PREFIXES or not attribute.startswith(PREFIXES):
        return (attribute,)
    same = tuple(f"{prefix}{colon}{word}" for word in synonyms(being))
    return (*same, late(attribute)) if prefix + colon == _ANIMAL and living(being) == being else same


def _of_each(wish: Forget, known: Sequence[Named]) -> list[Forget]:
    """Return a wish for each of those who are named in it, "Anna and Tom", where all are known: a band is one thing.

    "My friend Sarah" is Sarah where nobody else is called so.
    """
    being, name = being_named(wish.target) or ("", "")
    if name and not wish.attributes and all(_is(each, being) for each in known if same_name(each.name, name)):
        return [replace(wish, target=name)]
    names = _AND.split(wish.target)
    if wish.attributes or wish.everything or len(names) < 2:
        return [wish]
    if not all(any(same_name(each.name, name) for each in known) for name in names):
        return [wish]
    return [replace(wish, target=name, subject=name.casefold()) for name in names]


def _is(who: Named, being: str) -> bool:
    """True for whoever is that to the user, living or dead."""
    return living(who.being) in synonyms(being)


def _other_names(subject: str, known: Sequence[Named]) -> set[str]:
    """Return what else facts about the subject may be under; of somebody whom a name tells apart, that too."""
    living_known = [Named(living(each.being), each.name) for each in known]
    spelt = {subject, *(each.name.casefold() for each in known if same_name(each.name, subject))}
    called = {name for one in spelt for name, _ in asked_of_both([(one, "")], living_known)}
    bearers = [who for who in living_known if who.name.casefold() in called]
    if not all(is_alone(who, living_known) for who in bearers):
        called = spelt
    return {word for name in called for word in synonyms(name)} - {subject}


def _person(target: str) -> list[Topic]:
    """Return the topic of the one person that the user has of a kind: "my partner", not "the job of my partner"."""
    named = _PERSON.fullmatch(target.strip())
    attribute = f"{_RELATION}{named[1].casefold()}" if named else ""
    return [topic for topic in all_topics() if topic.holds is Holds.ONE and attribute in topic.attributes]


def _is_of_user(wish: Forget) -> bool:
    """True for what is the user's own: "the deadline of my tax return" is, "the birthday of my sister" is not."""
    if SOMEBODY.search(wish.target):
        return False
    if wish.subject == "user":
        return True
    of_things = bool(wish.attributes) and all(attribute.startswith("thing:") for attribute in wish.attributes)
    return of_things and wish.subject not in RELATIVES


def _names_all(target: str, topic: Topic) -> bool:
    """True for "my allergy" and "my pets": the topic itself is named, so all of it is meant, though it adds up."""
    return set(stems(content_words(target))) <= set(terms(topic.name))


def _mentions(text: str, topic: Topic) -> bool:
    """True where the person whom the topic is about is mentioned, whatever else is said: "dinner with my partner"."""
    people = [name.removeprefix(_RELATION) for name in topic.attributes if name.startswith(_RELATION)]
    return bool(people) and re.search(rf"\b(?:my|our) (?:{'|'.join(people)})\b", text, re.IGNORECASE) is not None


def _holds_alone(cube: MemCube) -> bool:
    """False for a fact beside which others of its kind hold: it goes by its value only."""
    return cube.fact is None or cube.semantic_type is SemanticType.TURN or cube.fact.single


def _things(target: str, topic: Topic) -> frozenset[str]:
    """Return the words of the wish that name one thing of the topic; none in "my deadline" or "where I live"."""
    general = topic.words | DATE_WORDS | {word for text in topic.asked for word in content_words(text)}
    return frozenset(content_words(target)) - general


def _is_sure(label: Label, topic: Topic, text: str, target: str) -> bool:
    """True for what is surely about the topic; the wish's own words leave no doubt: "in Omaha, where I live"."""
    sure = label.score >= _MIN_SCORE and label.margin >= _MIN_MARGIN
    return label.topic is topic and (sure or target.strip().casefold() in text.casefold())
