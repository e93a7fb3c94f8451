"""Two values of one attribute in, whether they say the same out, in whichever digits and words.

Law: of an attribute that holds one value at a time what cannot be told apart is taken for the same; of one whose values
add up only what surely is the same, for who does not like green tea may like tea.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import product

from memory.rules.lexicon import MONTHS, listing
from memory.vault.words import plain, stems

_MONTH_OF = {name: number for number, month in enumerate(MONTHS, 1) for name in (month, month[:3])} | {"sept": 9}
_ONES = (
    "zero one two three four five six seven eight nine ten eleven twelve thirteen fourteen fifteen sixteen seventeen "
    "eighteen nineteen"
).split()
_ORDINALS = (
    "zeroth first second third fourth fifth sixth seventh eighth ninth tenth eleventh twelfth thirteenth fourteenth "
    "fifteenth sixteenth seventeenth eighteenth nineteenth"
).split()
_TENS = "twenty thirty forty fifty sixty seventy eighty ninety".split()
_SMALL = {
    **{word: number for number, word in enumerate(_ONES)},
    **{word: number for number, word in enumerate(_ORDINALS)},
    **{word: 10 * number for number, word in enumerate(_TENS, 2)},
    "twentieth": 20,
    "thirtieth": 30,
}
_TIMES = {"hundred": 100, "thousand": 1000, "k": 1000, "million": 1_000_000}
_ONE_WORD = {
    word: words.split()[0]
    for words in (
        "street st str", "road rd", "avenue ave av", "boulevard blvd", "drive dr", "lane ln", "square sq",
        "apartment apt",
        "child children kid kids", "euro euros eur \u20ac", "dollar dollars usd $", "pound pounds gbp lbs lb \u00a3",
        "cm centimetre centimetres centimeter centimeters", "m metre metres meter meters", "km kilometre kilometres",
        "kg kilo kilos kilogram kilograms", "year years yr yrs",
    )
    for word in words.split()
}  # fmt: skip
_STREETS = frozenset(
    stems(
        listing("street, road, avenue, boulevard, drive, lane, square, apartment, way, court, place, strasse, rua, rue")
    )
)
_SAYS_NOTHING = listing("a, an, the, of, on, at, in, my, our, about, around, is, exactly, and")
_VAGUE = frozenset(
    stems(
        listing(
            "couple, few, several, dozen, half, many, some, billion, quarter, christmas, easter, eve, halloween, "
            "monday, tuesday, wednesday, thursday, friday, saturday, sunday, summer, winter, spring, autumn, today, "
            "tomorrow"
        )
    )
)
#: Behind these a word is another name: "New York" is not York.
_BEFORE_NAMES = listing(
    "new, san, santa, sao, los, las, el, saint, st, port, fort, mount, lake, salt, costa, puerto, sierra, papua, buenos"
)
_THOUSANDS = re.compile(r"(?<=\d)[., '\u2019](?=\d{3}(?!\d))")
_JOINED = re.compile(r"(?<=\d)[\s()/-]+(?=\d)")
_ORDINAL = re.compile(r"(?<=\d)(?:st|nd|rd|th)\b")
_TOKEN = re.compile(r"\d+(?:[.,]\d+)*(?!\d)|[^\W\d_]+[+#]*|[$\u20ac\u00a3]")
_DOING = re.compile(
    r"(?:to )?(?:play|watch|read|eat|drink|do|listen to|go|playing|watching|reading|eating|drinking|doing|"
    r"listening to|going) (?=\w)",
    re.IGNORECASE,
)
_YEARS_OLD = re.compile(r"\byears?[ -]old\b")
_ISO = re.compile(r"(\d{4})-(\d{1,2})-(\d{1,2})")
_FIGURES = re.compile(r"(\d{1,2})\s?[./-]\s?(\d{1,2})(?:\s?[./-]\s?(\d{4}|\d\d))?\.?")
_LONG = 6  #: digits of a telephone number, which may be told without the country's


@dataclass(frozen=True, slots=True)
class _Date:
    """A date as far as it was said."""

    year: str
    month: int
    day: int

    def fits(self, other: "_Date") -> bool:
        """True where nothing that both say differs."""
        years = not self.year or not other.year or self.year[-2:] == other.year[-2:]
        return years and self.month == other.month and (not self.day or not other.day or self.day == other.day)


@dataclass(frozen=True, slots=True)
class _Said:
    """What a value says."""

    numbers: frozenset[str]
    words: frozenset[str]

    @property
    def is_number(self) -> bool:
        """True for a number with no more than its unit."""
        return bool(self.numbers) and len(self.words) <= 1 and not self.is_vague

    @property
    def is_address(self) -> bool:
        """True for a street."""
        return bool(self.words & _STREETS)

    @property
    def is_vague(self) -> bool:
        """True for what may be a number or a date and cannot be compared."""
        return bool(self.words & _VAGUE)

    def holds(self, other: "_Said") -> bool:
        """True where all that the other says is said."""
        return other.numbers <= self.numbers and other.words <= self.words


def joined_digits(text: str) -> str:
    """Return the text with the digits of each number together: "50000" for "50,000", "5551234" for "555 1234"."""
    return _JOINED.sub("", _THOUSANDS.sub("", text))


def same_value(told: str, wished: str) -> bool:
    """True where both surely are one value: "4 June" and "June 4th", "two kids" and "2 children"."""
    if plain(told).split() == plain(wished).split():
        return True
    dates = _dates(told), _dates(wished)
    if all(dates):
        return any(one.fits(other) for one, other in product(*dates))
    if bool(_DOING.match(told)) != bool(_DOING.match(wished)):  # "watching football" is not "playing football"
        told, wished = _DOING.sub("", told), _DOING.sub("", wished)
    one, other = _said(told), _said(wished)
    return one == other and bool(one.numbers or one.words)


def is_part(told: str, wished: str) -> bool:
    """True where one is the other with more behind a comma: "Porto" and "Porto, Portugal"."""
    shorter, longer = sorted((told.split(","), wished.split(",")), key=len)
    return len(shorter) < len(longer) and same_value(",".join(shorter), ",".join(longer[: len(shorter)]))


def may_be_same(told: str, wished: str) -> bool:
    """True where both may be one value: one as a part of the other, or of one kind and not to be compared."""
    if same_value(told, wished) or is_part(told, wished):
        return True
    dates = _dates(told), _dates(wished)
    one, other = _said(told), _said(wished)
    if all(dates):
        return False
    if any(dates):
        return bool((one if dates[1] else other).numbers) or one.is_vague or other.is_vague
    if one.is_address or other.is_address:
        return _may_be_same_place(one, other)
    if one.is_number or other.is_number:
        return _may_be_same_number(one, other)
    return _may_be_called(told, wished, one, other)


def _may_be_called(told: str, wished: str, one: _Said, other: _Said) -> bool:
    """True where the words of one are all in the other; not for York and New York."""
    for large, small, text in ((one, other, told), (other, one, wished)):
        if small.words and large.holds(small):
            tokens = _tokens(text)
            before = {tokens[at - 1] for at, token in enumerate(tokens) if at and set(_folded([token])) <= small.words}
            return not (before - {token for token in before if set(_folded([token])) <= small.words}) & _BEFORE_NAMES
    return False


def _may_be_same_place(one: _Said, other: _Said) -> bool:
    if one.holds(other) or other.holds(one):
        return True
    named = (one.words & other.words) - _STREETS
    return bool(named) and not (one.numbers and other.numbers)


def _may_be_same_number(one: _Said, other: _Said) -> bool:
    if not (one.numbers and other.numbers):
        return one.is_vague or other.is_vague
    units_differ = bool(one.words and other.words) and not (one.words & other.words)
    if one.numbers & other.numbers:
        return True
    longer, shorter = sorted(("".join(one.numbers).lstrip("0"), "".join(other.numbers).lstrip("0")), key=len)[::-1]
    long = len(one.numbers) == len(other.numbers) == 1 and len(shorter) >= _LONG
    return units_differ or one.is_vague or other.is_vague or (long and longer.endswith(shorter))


def _said(value: str) -> _Said:
    """Return the numbers, with their digits joined, and the words, in one form, that say something."""
    tokens = _counted(_tokens(joined_digits(_YEARS_OLD.sub("", _ORDINAL.sub("", plain(value))))))
    return _Said(
        frozenset(token for token in tokens if token[0].isdigit()),
        frozenset(_folded([token for token in tokens if not token[0].isdigit()])),
    )


def _tokens(text: str) -> list[str]:
    found: list[str] = _TOKEN.findall(plain(text))
    return found


def _folded(tokens: Sequence[str]) -> list[str]:
    kept = [_ONE_WORD.get(token, token) for token in tokens if token not in _SAYS_NOTHING]
    return [stem if token.isalpha() else token for token, stem in zip(kept, stems(kept), strict=True)]


def _counted(tokens: Sequence[str]) -> list[str]:
    """Return the tokens with digits for words: "fifty thousand" is "50000"."""
    counted: list[str] = []
    last = -1  #: the number that the next word may belong to
    for token in tokens:
        if token in _SMALL:
            number, more = _SMALL[token], last >= 20 and last % 10 == 0 and _SMALL[token] < min(last, 100)
            last = last + number if more else number
        elif token in _TIMES and (last > 0 or (counted and counted[-1].isdigit())):
            last, more = (last if last > 0 else int(counted[-1])) * _TIMES[token], True
        else:
            last, more = -1, False
            counted.append(token.replace(",", ".") if token[0].isdigit() else token)
            continue
        counted[-1 if more else len(counted) :] = [str(last)]
    return counted


def _dates(value: str) -> list[_Date]:
    """Return the dates that the value may be, none where it says more than a date."""
    text = plain(value).strip()
    if iso := _ISO.fullmatch(text):
        return [_Date(iso[1], int(iso[2]), int(iso[3]))]
    if figures := _FIGURES.fullmatch(text):
        one, other, year = int(figures[1]), int(figures[2]), figures[3] or ""
        return [
            _Date(year, month, day) for month, day in ((one, other), (other, one)) if 0 < month <= 12 and 0 < day <= 31
        ]
    tokens = [token for token in _counted(_tokens(_ORDINAL.sub("", text))) if token not in _SAYS_NOTHING]
    months = [_MONTH_OF[token] for token in tokens if token in _MONTH_OF]
    years = [token for token in tokens if token.isdigit() and len(token) == 4]
    days = [int(token) for token in tokens if token.isdigit() and len(token) <= 2]
    if len(months) != 1 or len(tokens) != 1 + len(years) + len(days) or len(years) > 1 or len(days) > 1:
        return []
    return [_Date("".join(years), months[0], days[0] if days else 0)]
