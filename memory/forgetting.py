"""A wish to forget in, the same wish with all the memories that it means out.

"Forget my phone" means "I'm writing this on my Pixel." too, though no rule read a fact there and no word is shared.
What is said of the topic that the wish names goes, where one value of it holds at a time: of topics that add up (pets,
hobbies) only what the words name goes, for "forget my cat" must leave the dog alone.

Of somebody who has two names, "Anna" and "my sister", a wish by the one means the other too. Where only the name is to
be forgotten, what else is known of them stays, told without it.
"""

import re
from collections.abc import Collection, Iterable, Iterator, Sequence
from dataclasses import replace

import numpy as np

from memory.aliases import Named, asked_of_both
from memory.cube import MemCube, Origin, SemanticType, Source
from memory.embeddings import Embeddings
from memory.ports import Vault
from memory.ranking import DATE_WORDS
from memory.rules.deaths import ATTRIBUTE as DIED
from memory.rules.deaths import late, living
from memory.rules.lexicon import ANIMALS, RELATIVES
from memory.rules.names import entities_in
from memory.rules.stance import SOMEBODY, states
from memory.rules.topics import Holds, Topic
from memory.rules.topics import topics as all_topics
from memory.rules.wishes import beings_unnamed
from memory.rules.words import content_words
from memory.topics import Label, Topics
from memory.trust import is_external
from memory.turn import Draft, Forget, Scope
from memory.vault.scrub import Forgotten
from memory.vault.words import stems, terms

_RELATION, _ANIMAL = "rel:", "pet:"
_PERSON = re.compile(r"(?:my|our) (\w+(?: \w+)?)", re.IGNORECASE)
_EARLIER = re.compile(r"\b(?:old|former|previous|earlier|ex|last)\b", re.IGNORECASE)  #: what holds now must stay
_MOST_KEPT, _PAGE = 256, 500
_MIN_LIKENESS = 0.42  #: of the wish to questions about a topic
_MIN_LEAD = 0.04  #: before the next topic
_MIN_SCORE, _MIN_MARGIN = 0.4, 0.05  #: of a statement: one that is forgotten by mistake cannot be brought back


class Forgetting:
    """Finds what a wish to forget means."""

    def __init__(self, vault: Vault, embeddings: Embeddings, topics: Topics) -> None:
        self._vault = vault
        self._embeddings = embeddings
        self._topics = topics

    def by_both_names(self, scope: Scope, wishes: Iterable[Forget]) -> Iterator[Forget]:
        """Yield the wishes, each once more by every other name of whom it is about: "my sister", "Anna"."""
        for wish in wishes:
            others = self._by_other_names(scope, wish)  # before the wish is fulfilled: it may take the names along
            yield wish
            yield from others

    def _by_other_names(self, scope: Scope, wish: Forget) -> list[Forget]:
        if wish.subject == "user":  # what an animal that died was called is no other name, and as much meant
            gone = tuple(late(name) for name in wish.attributes if name.startswith(_ANIMAL) and name != _ANIMAL)
            return [replace(wish, attributes=gone)] if gone else []
        known = self._vault.named(scope)
        also = {other for other, _ in asked_of_both([(wish.subject, name) for name in wish.attributes], known)}
        also = {living(other) for other in also - {wish.subject} if _are_one(wish.subject, other, known)}
        return [replace(wish, subject=other) for other in sorted(also)]

    def kept(self, scope: Scope, wish: Forget) -> list[Draft]:
        """Return what else is known of those whose name alone is to be forgotten, told without it.

        To be stored before the wish is fulfilled, which removes all that holds the name. What cannot be told without
        it is left out, and all of it where several have that name or are that to the user.
        """
        beings = beings_unnamed(wish)
        known = self._vault.named(scope) if beings else []
        alone = [who for who in known if who.being in beings and _is_alone(who, known)]
        names = self._names(scope, wish) if alone else frozenset()
        drafts: list[Draft] = []
        for who in alone:
            found, _ = self._vault.lexical(scope, who.name, limit=_MOST_KEPT)
            cubes = self._vault.get_many(scope, [cube_id for cube_id, _ in found])
            told = (_unnamed(cube, who, names) for cube in sorted(cubes, key=lambda cube: cube.valid_from))
            drafts += [draft for draft in told if draft is not None]
        return drafts

    def _names(self, scope: Scope, wish: Forget) -> frozenset[str]:
        """Return all that is to be forgotten, what held before included, and each word of it."""
        names: set[str] = set()
        last: str | None = None
        while True:
            page = self._vault.page(scope, limit=_PAGE, after=last, include_superseded=True)
            named = (
                c
                for c in page.cubes
                if c.fact and (c.fact.subject, c.fact.attribute in wish.attributes) == ("user", True)
            )
            versions = (version for cube in named for version in self._vault.history(scope, cube.id))
            names |= {version.fact.value for version in versions if version.fact is not None}
            if not page.has_more or not page.cubes:
                return frozenset(names | {word for name in names for word in name.split()})
            last = page.cubes[-1].id

    def widened(self, scope: Scope, wish: Forget) -> Forget:
        """Return the wish with the attributes and the memories of its topic; as it is, where it names none.

        Costs an embedding, and a product over all of the user's memories. Raises: EngineDown.
        """
        if wish.everything or wish.value or _EARLIER.search(wish.target):
            return wish
        person = _person(wish.target)
        for topic in person or (self._meant(wish.target) if _is_of_user(wish) else []):
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


def _is_alone(who: Named, known: Sequence[Named]) -> bool:
    """True where nobody else is called so, and nobody else is that to the user."""
    return sum(each.name.casefold() == who.name.casefold() or each.being == who.being for each in known) == 1


def _are_one(subject: str, other: str, known: Sequence[Named]) -> bool:
    """True for "sister" and "anna"; for "bob" and "friend" where there is one friend."""
    return subject in RELATIVES | ANIMALS or subject in dict(asked_of_both([(other, "")], known))


def _unnamed(cube: MemCube, who: Named, names: Collection[str]) -> Draft | None:
    """Return a fact about somebody told without their name; None for anything else, and where a name would stay."""
    fact, being = cube.fact, living(who.being)
    if fact is None or fact.subject not in (who.name.casefold(), being) or not cube.in_use or is_external(cube.trust):
        return None
    name = rf"(?<!\w){re.escape(who.name)}(?!\w)"
    text = re.sub(rf"\b(the user's {re.escape(being)}) {name}", r"\1", cube.text, flags=re.IGNORECASE)
    text = re.sub(name, f"the user's {being}", text, flags=re.IGNORECASE)
    text = text[:1].upper() + text[1:]
    value = f"{being} {DIED}" if fact.attribute == DIED else fact.value
    forgotten = Forgotten(values=tuple(names))
    if text == cube.text or forgotten.states(f"{text} {value}"):
        return None
    return Draft(
        text=text,
        semantic_type=cube.semantic_type,
        origin=Origin.INFERENCE,
        source=Source(conversation_id=cube.source.conversation_id),  # the turn that named them is no source of it
        trust=cube.trust,
        valid_from=cube.valid_from,
        valid_to=cube.valid_to,
        fact=replace(fact, subject=being, value=value),
        tags=tuple(tag for tag in cube.tags if not forgotten.states(tag)),
        entities=entities_in(text),
        pinned=cube.pinned,
        ttl_s=cube.ttl_s,
        decays=cube.decays,
        priority=cube.priority,
    )


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
