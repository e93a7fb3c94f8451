"""Two memory texts in, whether they can say the same out: what no similarity of vectors tells. Pure functions.

Law: what makes a statement another one is never read over: numbers, names and their order, negation, tense, modality,
and the small words that turn a meaning ("to" and "from"). A pair that differs in one of these is no duplicate, however
near its embeddings are ("I live in Porto", "I lived in Porto": cosine .9).
"""

import re
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import zip_longest

from memory.cube import FactKey, MemCube, SemanticType
from memory.rules.lines import first_person
from memory.rules.names import entities_in
from memory.vault.merging import mergeable
from memory.vault.rows import folded
from memory.vault.words import STOP_WORDS, plain, stems

MAX_COMPARED_CHARS = 2_000  #: longer texts are the same when they are equal

_CONTRACTIONS = (
    (re.compile(r"\b(ca)n't\b"), r"\1n not"),
    (re.compile(r"\bwon't\b"), "will not"),
    (re.compile(r"\bshan't\b"), "shall not"),
    (re.compile(r"\bcannot\b"), "can not"),
    (re.compile(r"n't\b"), " not"),
    (re.compile(r"\b(\w+)'re\b"), r"\1 are"),
    (re.compile(r"\b(\w+)'ve\b"), r"\1 have"),
    (re.compile(r"\b(\w+)'ll\b"), r"\1 will"),
    (re.compile(r"\b(\w+)'d\b"), r"\1 would"),
    (re.compile(r"\b(i)'m\b"), r"\1 am"),
    (re.compile(r"\b(it|he|she|that|there|what|who)'s\b"), r"\1 is"),
)
_APOSTROPHES = str.maketrans({"\N{RIGHT SINGLE QUOTATION MARK}": "'", "\N{MODIFIER LETTER APOSTROPHE}": "'"})
_TOKEN = re.compile(r"\S*\d\S*|[^\W\d_]+(?:[-'][^\W\d_]+)*|[?$€£¥%°#+=<>&@]")
_SPELLINGS = {"favourite": "favorite", "colour": "color", "flavour": "flavor", "neighbour": "neighbor", "grey": "gray"}

#: Say nothing of their own, wherever they stand.
_FILLERS = frozenset(
    "a an the really very just also too please now currently actually quite well so that user simply generally "
    "typically normally usually today nowadays my i me am".split()
)
_NEGATIONS = frozenset("not no never none nobody nothing neither nor without hardly barely scarcely nowhere".split())
_NUMBERS = frozenset(
    "zero one two three four five six seven eight nine ten eleven twelve thirteen fourteen fifteen sixteen seventeen "
    "eighteen nineteen twenty thirty forty fifty sixty seventy eighty ninety hundred thousand million billion half "
    "quarter dozen first second third fourth fifth sixth seventh eighth ninth tenth once twice thrice double both "
    "single".split()
)
#: Tense, modality and aspect: words that move a statement in time or take it out of the facts.
_MODES = frozenset(
    "was were had did been will would shall should could can may might must used going gonna want wants wish wishes "
    "plan plans hope hopes maybe perhaps probably possibly if unless formerly previously once still yet already soon "
    "later before after since until tomorrow yesterday ago former ex always sometimes often rarely seldom "
    "daily weekly monthly yearly every each all some any most few many only almost nearly".split()
)
_PAST = frozenset(
    "lived worked went came got bought sold had took gave made knew saw said told thought felt found left kept began "
    "ran wrote drove ate drank spoke grew met moved became read sang swam wore won lost sent spent built taught "
    "caught fought broke chose forgot hid rode rose shook stole threw woke".split()
)
_NOT_PAST = frozenset("red bed need speed seed feed bleed breed shed led wed embed sled indeed hundred".split())
#: Small words that turn what stands beside them into something else, in whatever words the rest is said.
_TURNS = frozenset(
    "from out off down over under above below against inside outside than more less least or but because instead "
    "unlike except his her their our your its he she they we you who whose which what when where why how".split()
)
_SMALL = frozenset("to in on up into onto with for by of at between through across around near and it".split())
_COPULAS = frozenset(("is", "are"))


@dataclass(frozen=True, slots=True)
class Reading:
    """A text as it is compared."""

    words: tuple[str, ...]  #: in order, folded, contractions opened, without fillers
    numbers: tuple[str, ...]  #: in order
    names: frozenset[str]  #: the words of names
    marks: frozenset[tuple[str, int]]  #: negations, modes and turning words with their counts; tense; signs
    small: frozenset[tuple[str, int]]  #: other small words with their counts

    @property
    def form(self) -> tuple[object, ...]:
        """Equal for texts of the same words in the same order; "teal is my favourite" and its turn are one order."""
        return (_order(self.words), self.numbers, self.marks)


def reading_of(text: str) -> Reading:
    """Return what of a text counts. Facts about the user are read as the user would say them."""
    said = first_person(" ".join(text.translate(_APOSTROPHES).split()))
    names = frozenset(word for name in entities_in(said) for word in plain(name).split()) - {"i"}
    opened = said.lower()
    for pattern, replacement in _CONTRACTIONS:
        opened = pattern.sub(replacement, opened)
    tokens = [_token(token) for token in _TOKEN.findall(plain(opened))]
    words = tuple(token for token in tokens if token not in _FILLERS and token)
    numbers = [token for token in words if token in _NUMBERS or any(c.isdigit() for c in token)]
    small = Counter(word for word in words if word in _SMALL)
    return Reading(
        words=words,
        numbers=tuple(numbers),
        names=names,
        marks=frozenset(_marks(words).items()),
        small=frozenset(small.items()),
    )


def same_words(a: Reading, b: Reading) -> bool:
    """True when the texts are equal up to case, punctuation, fillers and the order around "is"."""
    return a.form == b.form and bool(a.words)


def may_be_same(a: Reading, b: Reading) -> bool:
    """True when nothing that makes a statement another one tells the texts apart; what they say may still differ."""
    if not a.words or not b.words or a.numbers != b.numbers or a.marks != b.marks:
        return False
    named = a.names | b.names
    if [word for word in a.words if word in named] != [word for word in b.words if word in named]:
        return False
    left, right = _content(a), _content(b)
    return sorted(left) != sorted(right) or _same_order(left, right)


def same_content(a: Reading, b: Reading) -> bool:
    """True when the texts also have the same words of content, in other forms perhaps ("allergy", "allergic").

    Three such words or more must stand in the same order: who bit whom is in the order.
    """
    if not may_be_same(a, b) or a.small != b.small:
        return False
    left, right = _content(a), _content(b)
    if len(left) != len(right) or not left:
        return False
    return _same_order(left, right)


def comparable(a: MemCube, b: MemCube) -> bool:
    """True when one of the cubes can be a duplicate of the other at all, whatever they say.

    The same semantic type; the same fact key, or no fact; what happened or is a document, on the same day.
    """
    if a.id == b.id or a.owner != b.owner or not mergeable(a) or not mergeable(b):
        return False
    if (a.semantic_type, a.kind, _key(a.fact)) != (b.semantic_type, b.kind, _key(b.fact)):
        return False
    return a.semantic_type is not SemanticType.EVENT or a.valid_from.date() == b.valid_from.date()


def _key(fact: FactKey | None) -> tuple[object, ...]:
    return () if fact is None else (folded(fact.subject), folded(fact.attribute), fact.single)


def _token(token: str) -> str:
    if any(c.isdigit() for c in token):
        return token.strip(".,;:!?()[]{}\"'*_`")
    word = token.removesuffix("'s") if token.endswith("'s") else token
    return _SPELLINGS.get(word, word)


def _marks(words: Sequence[str]) -> Counter[str]:
    marked = _NEGATIONS | _MODES | _TURNS
    marks = Counter(word for word in words if word in marked or not any(c.isalnum() for c in word))
    marks["past"] = sum(_is_past(word) for word in words)
    return marks


def _is_past(word: str) -> bool:
    if word in _PAST:
        return True
    return word.endswith("ed") and len(word) > 4 and word not in _NOT_PAST


def _content(reading: Reading) -> list[str]:
    kept = [
        word
        for word in reading.words
        if word not in STOP_WORDS and word not in _NEGATIONS and word not in _MODES | _TURNS | _SMALL
    ]
    return stems(kept)


def _same_order(left: list[str], right: list[str]) -> bool:
    """True when the words match in order, whichever part of the sentence stands in front."""
    if len(left) <= 2:
        return any(_alike(left, other) for other in (right, right[::-1]))
    return any(_alike(left, right[n:] + right[:n]) for n in range(len(right)))


def _alike(left: Sequence[str], right: Sequence[str]) -> bool:
    return all(a is not None and b is not None and _same_stem(a, b) for a, b in zip_longest(left, right))


def _same_stem(a: str, b: str) -> bool:
    """True for one stem, or two that part in their last two letters only ("allergi", "allerg")."""
    if a == b:
        return True
    short, long = sorted((a, b), key=len)
    return len(short) >= 5 and len(long) - len(short) <= 2 and long.startswith(short)


def _order(words: Sequence[str]) -> tuple[object, ...]:
    """Return the words' order such that both sides of one "is" may stand in front."""
    places = [n for n, word in enumerate(words) if word in _COPULAS]
    if len(places) != 1:
        return tuple(words)
    place = places[0]
    return (words[place], frozenset((tuple(words[:place]), tuple(words[place + 1 :]))))
