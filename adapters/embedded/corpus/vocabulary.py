"""A seed in, words and values of every kind out, of two kinds of people: those met in training and those never met.

Law: the two splits share no made-up word, and the test split draws no listed word but the held-out ones.
"""

import random
import re
import zlib
from collections.abc import Callable, Sequence
from typing import Literal, TypeVar

from adapters.embedded.corpus import words

Split = Literal["train", "test"]
T = TypeVar("T")

_LISTS = {
    "name": words.NAMES,
    "pet": words.PETS,
    "city": words.CITIES,
    "colour": words.COLOURS,
    "food": words.FOODS,
    "like": words.FOODS + words.LIKINGS,
    "drink": words.DRINKS,
    "animal": words.ANIMALS,
    "relative": words.RELATIVES,
    "job": words.JOBS,
    "hobby": words.HOBBIES,
    "instrument": words.INSTRUMENTS,
    "language": words.LANGUAGES,
    "subject": words.SUBJECTS,
    "company": words.COMPANIES,
    "university": words.UNIVERSITIES,
    "diet": words.DIETS,
    "car": words.VEHICLES,
    "title": words.TITLES,
}
#: Share of made-up words beside the listed ones, in training; kinds that are not named: 0.4.
_MADE_UP = {
    "name": 0.5,
    "pet": 0.5,
    "city": 0.5,
    "animal": 0.3,
    "relative": 0.2,
    "job": 0.35,
    "diet": 0.3,
    "company": 0.6,
}
_CAPITALISED = {"name", "pet", "city", "language", "company", "university", "car", "title"}
_WITH_ARTICLE = {"job", "car"}
_HELD_OUT_AS = {"like": "food"}
#: What a favourite is usually one of.
FAVOURITE_KINDS = {
    "colour": "colour", "food": "food", "drink": "drink", "city": "city", "language": "language", "hobby": "hobby",
    "subject": "subject", "dessert": "food", "fruit": "food", "animal": "animal", "sport": "hobby", "tea": "drink",
    "beer": "drink", "snack": "food", "breakfast": "food", "dish": "food", "meal": "food", "country": "city",
    "book": "title", "instrument": "instrument", "place": "city", "writer": "name", "painter": "name", "singer": "name",
}  # fmt: skip
_HELD_OUT = {
    part.lower()
    for group in (*words.HELD_OUT_WORDS.values(), words.HELD_OUT_ATTRIBUTES, words.HELD_OUT_FAVOURITES)
    for word in group
    for part in re.findall(r"[A-Za-z]+", word)
}
_LISTED: list[str] = sorted(
    {
        part.lower()
        for group in (*_LISTS.values(), words.ATTRIBUTES, words.FAVOURITES, words.ADJECTIVES, words.NOUNS)
        for word in group
        for part in re.findall(r"[A-Za-z]{3,}", word)
    }
)
#: All values from the lists, and all keys, in lower case.
LISTED_VALUES = frozenset(
    word.lower() for group in (*_LISTS.values(), words.ATTRIBUTES, words.FAVOURITES, words.COUNTS) for word in group
)
_SPLIT_IN = 8  #: one made-up word in so many belongs to the test split


class Vocabulary:
    """Words drawn at random. ``pieces``: a tokenizer's word-initial and inner pieces, to splice training words from.

    A word's pieces are copied one by one, so a piece that was never met in the middle of a word is copied badly: the
    variety of pieces decides how well unknown words are read.
    """

    def __init__(
        self, seed: int, split: Split = "train", pieces: tuple[Sequence[str], Sequence[str]] = ((), ())
    ) -> None:
        self.random = random.Random(seed)  # noqa: S311  # text, not secrets
        self.split: Split = split
        self._first_pieces, self._inner_pieces = pieces

    def pick(self, options: Sequence[T]) -> T:
        """Return one of the options."""
        return options[int(self.random.random() * len(options))]

    def chance(self, share: float) -> bool:
        """Return True in this share of the calls."""
        return self.random.random() < share

    def made_up(self, shortest: int = 1) -> str:
        """Return a word that nobody knows, of ``shortest`` to three syllables, in lower case."""
        while True:
            word = self._spliced() if self.split == "train" and self.chance(0.45) else self._syllables(shortest)
            if len(word) < 3 or word in _HELD_OUT:
                continue
            if (zlib.crc32(word.encode()) % _SPLIT_IN == 0) == (self.split == "test"):
                return word

    def value(self, kind: str) -> str:
        """Return a value of a kind of ``Phrasings.value``."""
        special = getattr(self, f"_{kind}", None)
        if special is not None:
            return str(special())
        word = self._word(kind)
        if kind in _WITH_ARTICLE:
            return f"{'an' if word[0] in 'aeiouAEIOU' else 'a'} {word}"
        return word

    def favourite(self) -> str:
        """Return something of which people have a favourite."""
        if self.split == "test":
            return self.pick(words.HELD_OUT_FAVOURITES) if self.chance(0.7) else self.made_up()
        return self.pick(words.FAVOURITES) if self.chance(0.7) else self.made_up()

    def attribute(self) -> str:
        """Return something that a person or a thing has one of."""
        if self.split == "test":
            return self.pick(words.HELD_OUT_ATTRIBUTES) if self.chance(0.7) else self.made_up()
        share = self.random.random()
        if share < 0.2:
            return self.made_up() + self.pick(("", " number", " code", " name", " shop", " size", " colour"))
        if share < 0.7:
            return self.pick(words.ATTRIBUTES)
        if share < 0.88:
            return self.made_up()
        first = self.pick(words.ADJECTIVES + words.NOUNS + words.FAVOURITES)
        return f"{first} {self.pick(('name', 'code', 'number', 'size', 'colour', 'brand', 'type'))}"

    def thing(self) -> str:
        """Return a thing that has attributes."""
        return self.pick(words.NOUNS) if self.split == "train" and self.chance(0.6) else self.made_up()

    def day(self, start_year: int = 2023, end_year: int = 2027) -> str:
        """Return an ISO date."""
        year = self.random.randint(start_year, end_year)
        return f"{year}-{self.random.randint(1, 12):02d}-{self.random.randint(1, 28):02d}"

    def _word(self, kind: str) -> str:
        listed = _LISTS[kind]
        if self.split == "test":
            listed = words.HELD_OUT_WORDS.get(_HELD_OUT_AS.get(kind, kind), ())
        if listed and not self.chance(_MADE_UP.get(kind, 0.4)):
            return self.pick(listed)
        return self.made_up().capitalize() if kind in _CAPITALISED else self.made_up()

    def _syllables(self, shortest: int) -> str:
        if self.chance(0.08):
            return "".join(self.pick("abcdefghijklmnopqrstuvwxyz") for _ in range(self.random.randint(3, 7)))
        count = self.random.choices((shortest, 2, 3), (45, 45, 10))[0]
        return "".join(self.pick(words.ONSETS) + self.pick(words.NUCLEI) + self.pick(words.CODAS) for _ in range(count))

    def _spliced(self) -> str:
        share = self.random.random()
        left, right = self.pick(_LISTED), self.pick(_LISTED)
        if share < 0.45:
            return left[: self.random.randint(2, len(left))] + right[-self.random.randint(2, min(6, len(right))) :]
        if share < 0.85 and self._first_pieces:
            inner = (self.pick(self._inner_pieces) for _ in range(self.random.randint(1, 2)))
            return self.pick(self._first_pieces) + "".join(inner)
        syllable = self.pick(words.ONSETS) + self.pick(words.NUCLEI) + self.pick(words.CODAS)
        return left + syllable if self.chance(0.5) else syllable + left

    def _name(self) -> str:
        name = self._word("name")
        return f"{name} {self.made_up().capitalize()}" if self.chance(0.08) else name

    def _city(self) -> str:
        city = self._word("city")
        return f"{self.pick(('New', 'San', 'Port', 'North', 'Saint'))} {city}" if self.chance(0.06) else city

    def _company(self) -> str:
        name = self._word("company")
        ends = ("", "", "", " Labs", " Systems", " Bank", " and Sons", " Motors")
        return name if " " in name else name + self.pick(ends)

    def _title(self) -> str:
        if self.chance(0.5):
            return self._word("title")
        return (
            self.pick(("The ", "", "A "))
            + self.made_up().capitalize()
            + self.pick(("", f" {self.made_up().capitalize()}"))
        )

    def _university(self) -> str:
        name = self._word("university")
        return name if " " in name else self.pick(("", "", "the University of ")) + name

    def _date(self) -> str:
        day, month = self.random.randint(1, 28), self.pick(words.MONTHS)
        return f"{day} {month}" if self.chance(0.6) else f"{month} {day}"

    def _age(self) -> str:
        return str(self.random.randint(18, 90))

    def _count(self) -> str:
        return self.pick(words.COUNTS)

    def _fav(self) -> str:
        return self.favourite()

    def _attr(self) -> str:
        return self.attribute()

    def _noun(self) -> str:
        return self.thing()

    def _any(self) -> str:
        share = self.random.random()
        kinds: tuple[tuple[float, Callable[[], str]], ...] = (
            (0.30, self.made_up),
            (0.48, lambda: self.made_up().capitalize()),
            (0.58, lambda: str(self.random.randint(1, 9999))),
            (0.65, self._plate),
            (0.73, lambda: f"{self.pick(words.ADJECTIVES)} {self.pick(words.NOUNS)}"),
            (0.80, lambda: f"{self.made_up()} {self.made_up()}"),
            (0.84, self._date),
            (0.88, lambda: f"{self.random.randint(1, 23)}:{self.random.randint(10, 59)}"),
            (0.91, lambda: f"{self.made_up()}@{self.made_up()}.com"),
        )
        for limit, made in kinds:
            if share < limit:
                return made()
        return self.value(self.pick(("name", "city", "colour", "food", "language", "hobby")))

    def _plate(self) -> str:
        letters = "".join(self.pick("ABCDEFGHJKLMNPRSTUVWXYZ") for _ in range(2))
        return f"{letters}-{self.random.randint(10, 9999)}"
