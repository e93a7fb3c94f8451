"""A text and a name in, where somebody is called by it out: in any case, with its accents or without them.

A name that is a month or an everyday word too ("May", "Rose", "Will") counts only where it may be one. Law: what is no
name beyond doubt ("4 May", "I may go") is left out, and everything else counts.
"""

import re
from collections.abc import Iterable, Iterator
from functools import cache

from memory.rules.lexicon import BEINGS, listing
from memory.vault.words import plain

_MONTHS = listing("april, may, june, july, august, march, january, february, september, october, november, december")
_DAYS = listing("monday, tuesday, wednesday, thursday, friday, saturday, sunday")
_SEASONS = listing("summer, autumn, winter, spring")
_SHORT_MONTHS = listing("jan, mar, jun, jul, dec")
_TIMES = _MONTHS | _DAYS | _SEASONS | _SHORT_MONTHS
#: Words that people and animals are called by, and that are written small where they are none.
_WORDS = listing(
    "will, rose, grace, hope, faith, joy, bill, mark, art, dawn, amber, grant, chase, hunter, frank, rich, skip, "
    "miles, cliff, clay, lucky, shadow, spot, biscuit, pepper, cookie, honey, angel, buddy, bear, tiger, midnight, "
    "patch, socks, ginger, star, sky, rain, storm, river, forest, stone, rock, king, prince, major, happy, peanut, "
    "pumpkin, muffin, apple, cherry, berry, plum, olive, blue, red, grey, ash, flash, rocket, scout, captain, chip, "
    "boots, mittens, tank, spirit, magic, chance, case, guy, bean, cinnamon, caramel, fudge, waffle, noodle, pickle, "
    "sunny, copper, silver, gold, snow, sage, jade, crystal, charity, patience, heaven, princess, duke, baron, dusty"
)
_NEAR = 40  #: characters on either side that tell what a word is
_MODAL = listing("may, will")
_MONTH_WORDS = "|".join(sorted(_MONTHS | _SHORT_MONTHS))
_PRONOUN = r"(?:i|you|he|she|it|we|they|there|this|that|these|those|which|who|what|one|everyone|nobody|somebody)"

_DATE_BEFORE = re.compile(
    rf"(?:\b\d{{1,2}}(?:st|nd|rd|th)?\.?(?:,? of)?[\s/-]+|\b(?:in|last|next|this|each|every|early|late|mid|month of|"
    rf"(?:beginning|middle|end|start|day|days) of)[\s-]+|\b(?:from|between) (?:{_MONTH_WORDS}) "
    rf"(?:to|until|till|through|and) |\b(?:{_MONTH_WORDS})\s?[/\u2013-]\s?)$",
    re.IGNORECASE,
)
_DAY_BEFORE = re.compile(
    r"\b(?:on|last|next|this|each|every|until|till|by) (?:(?:early|late) )?$|\bin (?:early |late |the )?$",
    re.IGNORECASE,
)
_DATE_BEHIND = re.compile(
    rf"(?:\.?,?\s+(?:the )?\d{{1,2}}(?:st|nd|rd|th)?\b(?!\s*(?:years?|yrs?|months?|weeks?|%))(?!['\u2019\w])|"
    rf",?\s+(?:19|20)\d\d\b|\s?[/\u2013-]\s?(?:\d|(?:{_MONTH_WORDS})\b)|\s+(?:to|until|till|through)\s+"
    rf"(?:{_MONTH_WORDS})\b)",
    re.IGNORECASE,
)
_NAMED_BEFORE = re.compile(
    rf"(?:\b(?:called|named|name is|name's|name was|names are|known as|aka|nicknamed)|"
    rf"\b(?:my|our) (?:\w+ )?(?:{BEINGS}),?)\s+[\"'\u2018\u201c]?$",
    re.IGNORECASE,
)
#: Whom one meets is called by a name, however it is written.
_MET_BEFORE = re.compile(
    r"\b(?:met|meet|meeting|saw|seen|visit|visited|visiting|told|tell|asked|ask|called|call|love|miss|missed|thank|"
    r"thanked|invited|hugged)\s+$",
    re.IGNORECASE,
)
_OWNED = re.compile(r"['\u2019]s\s+[a-z]")  # "in May's house"
_MODAL_BEHIND = re.compile(
    rf"\s+(?:{_PRONOUN}\b|(?:the|a|an|my|your|our|his|her|their|these|be|have|not|also|or may)\b|well\b)", re.IGNORECASE
)
_PRONOUN_BEFORE = re.compile(rf"\b{_PRONOUN}(?:\s+(?:also|still|just|really|only))?\s+$", re.IGNORECASE)
_SENTENCE_START = re.compile(r"(?:^|[.!?:\n]\s*|^\s*[-*>]\s*)[\"'\u2018\u201c(]*$")


def occurrences(name: str, text: str) -> Iterator["re.Match[str]"]:
    """Yield where the text calls somebody by the name, as a whole word."""
    matches = _pattern(name).finditer(text)
    word = plain(name)
    if word not in _TIMES | _WORDS:
        yield from matches
        return
    casual = not any(c.isupper() for c in re.sub(r"\bI\b", "", text))
    yield from (found for found in matches if _may_be_name(word, found, casual=casual))


def says_name(text: str, names: Iterable[str]) -> bool:
    """True where the text calls somebody by any of the names."""
    return any(next(occurrences(name, text), None) is not None for name in names)


def without_names(text: str, names: Iterable[str], instead: str) -> str:
    """Return the text with other words for each of the names."""
    for name in sorted(names, key=len, reverse=True):
        for found in reversed(list(occurrences(name, text))):
            text = text[: found.start()] + instead + text[found.end() :]
    return text


def same_name(one: str, other: str) -> bool:
    """True for "Zoë" and "zoe"."""
    return plain(one) == plain(other)


def spelt(name: str) -> str:
    """Return a pattern of the name with and without accents; any white space matches any other."""
    folded = (
        "".join(_accented().get(c, re.escape(c)) + ("" if c.isascii() else "[\u0300-\u036f]*") for c in plain(part))
        for part in name.split()
    )
    either = (r"\s+".join(folded), r"\s+".join(map(re.escape, name.split())))  # "ß" is folded to two letters
    return f"(?:{'|'.join(either)})"


def is_everyday(name: str) -> bool:
    """True for a name that is a month or an everyday word too."""
    return plain(name) in _TIMES | _WORDS


def _may_be_name(word: str, found: "re.Match[str]", *, casual: bool) -> bool:
    text = found.string
    before, behind = text[max(0, found.start() - _NEAR) : found.start()], text[found.end() : found.end() + _NEAR]
    if _NAMED_BEFORE.search(before) or _OWNED.match(behind):
        return True
    if word in _TIMES and _is_time(word, before, behind):
        return False
    if _MET_BEFORE.search(before):
        return True
    said = found[0]
    if said[:1].islower() or (len(said) > 1 and said.isupper()):
        if word in _MODAL and (_PRONOUN_BEFORE.search(before) or _MODAL_BEHIND.match(behind)):
            return False
        return casual or said[:1].isupper()
    at_start = found.start() < _NEAR and _SENTENCE_START.search(before) is not None
    return not (word in _MODAL and at_start and _MODAL_BEHIND.match(behind))


def _is_time(word: str, before: str, behind: str) -> bool:
    if word in _DAYS | _SEASONS:
        return bool(_DAY_BEFORE.search(before))
    return bool(_DATE_BEHIND.match(behind) or _DATE_BEFORE.search(before))


@cache
def _accented() -> dict[str, str]:
    """By plain letter, a pattern of it with and without each accent."""
    alike: dict[str, str] = {}
    for code in (*range(0xC0, 0x250), *range(0x1E00, 0x1F00)):
        letter = plain(chr(code))
        if len(letter) == 1 and letter.isascii() and letter.isalpha():
            alike[letter] = alike.get(letter, letter) + chr(code)
    return {letter: f"[{letters}][\u0300-\u036f]*" for letter, letters in alike.items()}


def _pattern(name: str) -> "re.Pattern[str]":
    """Return a pattern of the name as a whole word."""
    return re.compile(rf"(?<!\w){spelt(name)}(?!\w)", re.IGNORECASE)
