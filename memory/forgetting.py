"""A wish to forget in, the same wish with all the memories that it means out.

"Forget my phone" means "I'm writing this on my Pixel." too, though no rule read a fact there and no word is shared.
What is said of the topic that the wish names goes, where one value of it holds at a time: of topics that add up (pets,
hobbies) only what the words name goes, for "forget my cat" must leave the dog alone.
"""

from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from memory.cube import MemCube
from memory.embeddings import Embeddings
from memory.ports import Vault
from memory.ranking import DATE_WORDS
from memory.rules.stance import states
from memory.rules.topics import Holds, Topic
from memory.rules.words import content_words
from memory.topics import Label, Topics
from memory.turn import Forget, Scope

_MIN_LIKENESS = 0.42  #: of the wish to questions about a topic
_MIN_LEAD = 0.04  #: before the next topic
_MIN_SCORE, _MIN_MARGIN = 0.4, 0.05  #: of a statement: one that is forgotten by mistake cannot be brought back


class Forgetting:
    """Finds what a wish to forget means."""

    def __init__(self, vault: Vault, embeddings: Embeddings, topics: Topics) -> None:
        self._vault = vault
        self._embeddings = embeddings
        self._topics = topics

    def widened(self, scope: Scope, wish: Forget) -> Forget:
        """Return the wish with the attributes and the memories of its topic; as it is, where it names none.

        Costs an embedding, and a product over all of the user's memories. Raises: EngineDown.
        """
        of_things = all(attribute.startswith("thing:") for attribute in wish.attributes)
        if wish.everything or wish.value or (wish.subject != "user" and not of_things):
            return wish
        topic = self._topic(wish.target)
        if topic is None:
            return wish
        attributes = tuple(dict.fromkeys((*wish.attributes, *topic.attributes)))
        return replace(wish, attributes=attributes, cube_ids=tuple(self._about(scope, topic, wish.target)))

    def _topic(self, target: str) -> Topic | None:
        questions = [target, f"What is {target}?"] if target.casefold().startswith(("my ", "our ")) else [target]
        vectors = self._embeddings.embed(questions)
        if vectors is None:
            return None
        rankings = [ranking for vector in vectors if (ranking := self._topics.of_question(vector))]
        best = max(rankings, key=lambda ranking: ranking[0][1], default=[])
        if len(best) < 2 or best[0][1] < _MIN_LIKENESS or best[0][1] - best[1][1] < _MIN_LEAD:
            return None
        return best[0][0] if best[0][0].holds in (Holds.ONE, Holds.EACH) else None

    def _about(self, scope: Scope, topic: Topic, target: str) -> list[str]:
        ids, vectors = self._vault.vectors(scope, self._embeddings.model_id)
        rows = dict(zip(ids, vectors, strict=True))
        cubes = [cube for cube in self._vault.get_many(scope, ids) if states(cube)]
        if not cubes:
            return []
        labels = self._topics.of_memories(cubes, np.stack([rows[cube.id] for cube in cubes]))
        own = [cube for cube, label in zip(cubes, labels, strict=True) if label is not None and _is_sure(label, topic)]
        if topic.holds is Holds.ONE:
            return [cube.id for cube in own]
        return [cube.id for cube in _about_the_same(own, topic, target)]


def _is_sure(label: Label, topic: Topic) -> bool:
    return label.topic is topic and label.score >= _MIN_SCORE and label.margin >= _MIN_MARGIN


def _about_the_same(cubes: Sequence[MemCube], topic: Topic, target: str) -> list[MemCube]:
    """Return those that share most words with the wish, and what speaks of the same thing as they do.

    All of them, when the wish names nothing but the topic ("my deadline").
    """
    general = topic.words | DATE_WORDS
    wanted = set(content_words(target)) - general
    if not wanted:
        return list(cubes)
    spoken = {cube.id: {word for word in content_words(cube.text) if not word.isdigit()} - general for cube in cubes}
    most = max((len(wanted & words) for words in spoken.values()), default=0)
    first = [cube for cube in cubes if most and len(wanted & spoken[cube.id]) == most]
    things = {word for cube in first for word in spoken[cube.id]}
    return [cube for cube in cubes if cube in first or things & spoken[cube.id]]
