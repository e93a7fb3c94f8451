"""People with memories of their own, and the chats of an hour: who asks what, and when.

Each person's memories hold a word that nobody else's hold, the canary: where it turns up, that person's memories were
read. The same seed gives the same people and the same hour.
"""

import itertools
import random
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import NamedTuple

from activation_models import single_words

HOUR_S = 3600.0
WORDS_BETWEEN = 14  #: canaries of a person whose memories are repeated
_SYLLABLES = [consonant + vowel for consonant in "bdfgklmnprstvz" for vowel in "aeiou"]
_TASTES = (
    "likes {}", "plays the {}", "lives in {}", "works as a {}", "was born in {}", "is learning {}", "has a {}",
)  # fmt: skip
_THINGS = (
    ("jazz", "chess", "rain", "pizza"),
    ("guitar", "piano", "violin", "drums"),
    ("Lisbon", "Bergen", "Ghent", "Porto", "Graz"),
    ("nurse", "baker", "teacher", "gardener"),
    ("Madrid", "Oslo", "Turin", "Leeds"),
    ("Spanish", "Greek", "Welsh", "Danish"),
    ("red car", "grey cat", "boat", "big garden"),
)
ASKING = ("What is my dog called?", "What is my dog's name?", "Do you know my dog's name?")


@dataclass(frozen=True)
class Person:
    """Somebody, and what is pinned about them."""

    number: int
    canary: str
    memories: tuple[str, ...]


class Arrival(NamedTuple):
    """A chat that somebody begins."""

    at_s: float  #: of the hour
    person: int
    question: str


def canaries(count: int, seed: int) -> list[str]:
    """Return different words of eight letters, of which none is hidden in others that follow each other."""
    drawn = random.Random(f"canaries {seed}")
    found: dict[str, None] = {}
    while len(found) < count:
        found["".join(drawn.sample(_SYLLABLES, 4)).capitalize()] = None
    return list(found)


def repeated_people(count: int, tokens: int, seed: int, memories: int = 4) -> list[Person]:
    """Return people whose memories are about so many tokens of words, their canary in every line of them.

    For a model that repeats what it has read: any ``WINDOW_TOKENS`` of its answer hold a canary.
    """
    words = list(single_words())
    people = []
    for number, canary in enumerate(canaries(count, seed)):
        drawn = random.Random(f"memories {seed} {number}")
        lines = max(1, tokens // (WORDS_BETWEEN + 6) // memories)
        texts = tuple(
            " ".join(f"{canary} {' '.join(drawn.choices(words, k=WORDS_BETWEEN))}" for _ in range(lines))
            for _ in range(memories)
        )
        people.append(Person(number, canary, texts))
    return people


WINDOW_TOKENS = 60  #: two lines and the beginning of a new memory


def told_people(count: int, seed: int) -> list[Person]:
    """Return people of whom something is known that the embedded model understands: their dog has the canary's name."""
    people = []
    for number, canary in enumerate(canaries(count, seed)):
        drawn = random.Random(f"facts {seed} {number}")
        facts = [
            f"The user {taste.format(drawn.choice(things))}." for taste, things in zip(_TASTES, _THINGS, strict=True)
        ]
        people.append(Person(number, canary, (*facts, f"The user has a dog called {canary}.")))
    return people


def hour(people: int, chats: int, seed: int, *, exponent: float = 1.0, questions: Sequence[str] = ()) -> list[Arrival]:
    """Return the chats of an hour, in order: at random times, by people of whom the n-th asks 1/n**exponent as often.

    Without ``questions`` each chat asks something else, in words that are one token each.
    """
    drawn = random.Random(f"hour {seed}")
    words = list(single_words())
    weights = list(itertools.accumulate(1 / (n + 1) ** exponent for n in range(people)))
    times = sorted(drawn.uniform(0, HOUR_S) for _ in range(chats))
    asked = drawn.choices(range(people), cum_weights=weights, k=chats)

    def question() -> str:
        return drawn.choice(questions) if questions else " ".join(drawn.choices(words, k=drawn.randint(8, 24)))

    return [Arrival(at_s, person, question()) for at_s, person in zip(times, asked, strict=True)]


def leaks(people: Sequence[Person], person: int, text: str) -> Iterator[str]:
    """Return the canaries of others in what somebody was told."""
    lowered = text.lower()
    return (other.canary for other in people if other.number != person and other.canary.lower() in lowered)
