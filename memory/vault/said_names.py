"""A text and a name in, where somebody is called by it out: in any case, with its accents or without them.

A name that is a month or an everyday word too ("May", "Rose", "Will") counts only where it may be one. Law: what is no
name beyond doubt ("4 May", "I may go") is left out, and everything else counts.
"""

import re
from collections.abc import Iterable, Iterator
from functools import cache

from memory.vault.everyday_names import is_everyday_word, is_mere_word, may_be_name
from memory.vault.words import STOP_WORDS, plain, words

#: Letters with a stroke and pairs of letters: no accent can be taken off them.
_SPELT_OUT = str.maketrans(
    {"ø": "o", "Ø": "O", "ł": "l", "Ł": "L", "đ": "d", "Đ": "D", "ð": "d", "Ð": "D", "ħ": "h", "Ħ": "H", "ı": "i"}
    | {"æ": "ae", "Æ": "Ae", "œ": "oe", "Œ": "Oe", "ß": "ss", "ẞ": "ss", "þ": "th", "Þ": "Th"}
)
_PAIRS = ("ae", "oe", "ss", "th")
_PIECE = re.compile(rf"{'|'.join(_PAIRS)}|.", re.DOTALL)
_MARKS = "[\u0300-\u036f]*"
_APOSTROPHE = re.compile("['\u2018\u2019\u02bc`\u00b4\uff07]")
_GAP = re.compile(r"(?:\s*[\-\u00ad\u2010-\u2014\u2212\u30fb\ufe63\uff0d]\s*|\s+)")
_ABOUT = re.compile(r"(?P<lead>.*\babout\s+)?(?P<name>[^\W\d_]+)", re.IGNORECASE | re.DOTALL)
_LEADING = STOP_WORDS | {"everything", "information", "facts", "fact", "told", "mentioned", "memories", "memory"}


def occurrences(name: str, text: str) -> Iterator["re.Match[str]"]:
    """Yield where the text calls somebody by the name, as a whole word."""
    matches = _pattern(name).finditer(text)
    word = plain(name)
    everyday = is_everyday_word(word)
    yield from (found for found in matches if not everyday or may_be_name(word, found))


def says_name(text: str, names: Iterable[str]) -> bool:
    """True where the text calls somebody by any of the names."""
    return any(next(occurrences(name, text), None) is not None for name in names)


def without_names(text: str, names: Iterable[str], instead: str) -> str:
    """Return the text with other words for each of the names."""
    for name in sorted(names, key=len, reverse=True):
        for found in reversed(list(occurrences(name, text))):
            text = text[: found.start()] + instead + text[found.end() :]
    return text


def plain_name(name: str) -> str:
    """Return the name as all its spellings are alike: "Søren" is "soren", "Anne-Marie" is "anne marie"."""
    return " ".join(_GAP.sub(" ", _APOSTROPHE.sub("'", plain(name.translate(_SPELT_OUT)))).split())


def same_name(one: str, other: str) -> bool:
    """True for "Zoë" and "zoe"."""
    return plain_name(one) == plain_name(other)


def spelt(name: str) -> str:
    """Return a pattern of the name in all its spellings: with and without accents, with a hyphen or a space."""
    parts = map(_spelt_part, plain_name(name).split())
    as_told = r"\s+".join(map(re.escape, name.split()))  # scripts whose signs come apart
    return f"(?:{_GAP.pattern.join(parts)}|{as_told})"


def _spelt_part(part: str) -> str:
    pieces: list[str] = _PIECE.findall(part)
    return "".join(_spellings().get(piece, re.escape(piece) + _MARKS) for piece in pieces)


def everyday_name(wished: str) -> str:
    """Return the month or everyday word that is all that "forget ..." names, "what I told you about May"; "" else."""
    found = _ABOUT.fullmatch(wished.strip())
    if found is None or not is_everyday_word(plain(found["name"])):
        return ""
    return found["name"] if set(words(found["lead"] or "")) <= _LEADING else ""


def stands_for_name(everyday: str) -> bool:
    """True for "May" and "Rose", and for "may", which would find nearly everything as a word."""
    return everyday[:1].isupper() or is_mere_word(plain(everyday))


@cache
def _spellings() -> dict[str, str]:
    """By plain letter or pair of letters, a pattern of all its spellings."""
    alike: dict[str, str] = {}
    for code in (*range(0xC0, 0x250), *range(0x370, 0x530), *range(0x1E00, 0x2000)):
        letter = plain_name(chr(code))
        if letter.isalpha():
            alike[letter] = alike.get(letter, letter if len(letter) == 1 else "") + chr(code)
    letters = {letter: f"[{same}]{_MARKS}" for letter, same in alike.items() if len(letter) == 1}
    pairs = {
        pair: f"(?:{letters.get(pair[0], pair[0])}{letters.get(pair[1], pair[1])}|[{same}]{_MARKS})"
        for pair, same in alike.items()
        if pair in _PAIRS
    }
    return {**letters, **pairs, "'": _APOSTROPHE.pattern}


def _pattern(name: str) -> "re.Pattern[str]":
    """Return a pattern of the name as a whole word."""
    return re.compile(rf"(?<!\w){spelt(name)}(?!\w)", re.IGNORECASE)
