"""Bounds in, grammar rules of the JSON numbers between them out.

The law: every number that a rule lets through is within the bounds; of those within them the ones with very many
digits are left out, and exponents are written only where there is no bound.
"""

from dataclasses import dataclass
from decimal import ROUND_CEILING, ROUND_FLOOR, Decimal
from typing import Final

from adapters.json_schema.gbnf import RuleBook, either, literal
from memory.errors import Invalid

_DIGITS: Final = 15  #: of an unbounded side: what a double holds exactly
_ANY_INTEGER: Final = '"0" | "\\u002D"? [1-9] [0-9]{0,14}'
_EXPONENT: Final = "([eE] [\\u002B\\u002D]? [0-9] [0-9]?)?"


@dataclass(frozen=True, slots=True, kw_only=True)
class Bounds:
    """An interval of numbers; a side that is None is open without end."""

    low: Decimal | None = None
    high: Decimal | None = None
    low_excluded: bool = False
    high_excluded: bool = False


def integers(book: RuleBook, bounds: Bounds) -> str:
    """Return a rule of the integers in the interval. Raises: Invalid when there is none."""
    low, high = _whole_ends(bounds)
    if low is None and high is None:
        return book.add(_ANY_INTEGER)
    if low is not None and high is not None and low > high:
        raise Invalid("There is no integer between its bounds.")
    return book.add(either(_negative_integers(book, low, high), _from_zero(book, low, high)))


def _whole_ends(bounds: Bounds) -> tuple[int | None, int | None]:
    low = high = None
    if bounds.low is not None:
        low = int(bounds.low.to_integral_value(ROUND_CEILING))
        low += bounds.low_excluded and low == bounds.low
    if bounds.high is not None:
        high = int(bounds.high.to_integral_value(ROUND_FLOOR))
        high -= bounds.high_excluded and high == bounds.high
    return low, high


def _negative_integers(book: RuleBook, low: int | None, high: int | None) -> str:
    if low is not None and low >= 0:
        return ""
    nearest = 1 if high is None or high >= 0 else -high
    return f"{literal('-')} {book.add(_positive(book, nearest, None if low is None else -low))}"


def _from_zero(book: RuleBook, low: int | None, high: int | None) -> str:
    if high is not None and high < 0:
        return ""
    zero = '"0"' if low is None or low <= 0 else ""
    if high == 0:
        return zero
    return either(zero, _positive(book, max(1, low or 1), high))


def _positive(book: RuleBook, low: int, high: int | None) -> str:
    """Return the integers from low, at least 1, to high, as alternatives by their number of digits."""
    if high is None:
        high = 10 ** max(_DIGITS, len(str(low)) + 1) - 1
    found = []
    for size in range(len(str(low)), len(str(high)) + 1):
        least, most = max(low, 10 ** (size - 1)), min(high, 10**size - 1)
        found.append(_same_length(book, str(least), str(most)))
    return either(*found)


def _same_length(book: RuleBook, low: str, high: str) -> str:
    """Return the digit strings of one length from low to high."""
    if not low:
        return ""
    rest = len(low) - 1
    if set(low[1:]) <= {"0"} and set(high[1:]) <= {"9"}:
        return f"{_digit(low[0], high[0])}{f' [0-9]{{{rest}}}' if rest else ''}"
    if low[0] == high[0]:
        return f"{literal(low[0])} {book.add(_same_length(book, low[1:], high[1:]))}"
    first, last = int(low[0]), int(high[0])
    parts = [f"{literal(low[0])} {book.add(_same_length(book, low[1:], '9' * rest))}"]
    if first + 1 < last:
        parts.append(f"{_digit(str(first + 1), str(last - 1))} [0-9]{{{rest}}}")
    parts.append(f"{literal(high[0])} {book.add(_same_length(book, '0' * rest, high[1:]))}")
    return either(*parts)


def _digit(low: str, high: str) -> str:
    return literal(low) if low == high else f"[{low}-{high}]"


def numbers(book: RuleBook, bounds: Bounds, places: int = _DIGITS) -> str:
    """Return a rule of the numbers in the interval with up to ``places`` digits behind the point.

    Raises: Invalid when there is none.
    """
    places = min(places, _DIGITS)
    ends = [abs(end) for end in (bounds.low, bounds.high) if end is not None]
    if ends:  # no more digits than a double holds, or rounding could carry a number past its bound
        places = min(places, max(1, _DIGITS - len(str(int(max(ends))))))
    if bounds.low is None and bounds.high is None:
        fraction = f'("." [0-9]{{1,{places}}})?' if places else ""
        exponent = _EXPONENT if places == _DIGITS else ""
        return book.add(f'"\\u002D"? ("0" | [1-9] [0-9]{{0,14}}) {fraction} {exponent}')
    body = either(_negative_numbers(book, bounds, places), _positive_numbers(book, bounds, places))
    if not body:
        raise Invalid("There is no number between its bounds.")
    return book.add(body)


def _negative_numbers(book: RuleBook, bounds: Bounds, places: int) -> str:
    """Return those below zero, as the mirror image of those above."""
    if bounds.low is not None and bounds.low >= 0:
        return ""
    mirrored = Bounds(
        low=None if bounds.high is None else -bounds.high,
        high=None if bounds.low is None else -bounds.low,
        low_excluded=bounds.high_excluded,
        high_excluded=bounds.low_excluded,
    )
    if mirrored.low is None or mirrored.low < 0:
        mirrored = Bounds(low=Decimal(0), high=mirrored.high, low_excluded=True, high_excluded=mirrored.high_excluded)
    body = _positive_numbers(book, mirrored, places)
    return f"{literal('-')} {book.add(body)}" if body else ""


def _positive_numbers(book: RuleBook, bounds: Bounds, places: int) -> str:
    """Return those of zero or above."""
    if bounds.high is not None and (bounds.high < 0 or (bounds.high == 0 and bounds.high_excluded)):
        return ""
    low, low_excluded = (bounds.low, bounds.low_excluded) if bounds.low is not None else (Decimal(0), False)
    if low < 0:
        low, low_excluded = Decimal(0), False
    first, low_digits = _split(low)
    if bounds.high is None:
        return either(
            _at(book, first, _fraction(low_digits, low_excluded, None, False, places)),
            _any_fraction(book, first + 1, None, places),
        )
    last, high_digits = _split(bounds.high)
    if first > last:
        return ""
    if first == last:
        return _at(book, first, _fraction(low_digits, low_excluded, high_digits, bounds.high_excluded, places))
    return either(
        _at(book, first, _fraction(low_digits, low_excluded, None, False, places)),
        _any_fraction(book, first + 1, last - 1, places) if first + 1 < last else "",
        _at(book, last, _fraction(None, False, high_digits, bounds.high_excluded, places)),
    )


def _split(value: Decimal) -> tuple[int, str]:
    whole, _, digits = f"{value:f}".partition(".")
    return int(whole), digits.rstrip("0")


def _any_fraction(book: RuleBook, first: int, last: int | None, places: int) -> str:
    whole = integers(book, Bounds(low=Decimal(first), high=None if last is None else Decimal(last)))
    return f'{whole} ("." [0-9]{{1,{places}}})?' if places else whole


def _at(book: RuleBook, whole: int, fraction: "_Fraction") -> str:
    tail = fraction.tail(book)
    return "" if tail is None else f"{literal(str(whole))} {tail}".strip()


@dataclass(frozen=True, slots=True)
class _Fraction:
    """Digits behind the point, compared with the bounds' own from the first on.

    ``low`` and ``high`` are the digits of the bound that are still to be compared, without trailing zeros; None: what
    was read is already inside.
    """

    low: str | None
    low_excluded: bool
    high: str | None
    high_excluded: bool
    places: int

    def tail(self, book: RuleBook) -> str | None:
        """Return what may follow the integer part; None when nothing can, not even the end."""
        digits = self._digits(book)
        if digits:
            more = f'"." {book.add(digits)}'
            return book.add(f"({more})?") if self._may_end() else more
        return "" if self._may_end() else None

    def _may_end(self) -> bool:
        above = self.low is None or (not self.low and not self.low_excluded)
        below = self.high is None or bool(self.high) or not self.high_excluded
        return above and below

    def _digits(self, book: RuleBook) -> str:
        """Return one digit or more, the first of them at this place; empty when there can be none."""
        if not self.places:
            return ""
        least = int(self.low[0]) if self.low else 0
        most = 9 if self.high is None else int(self.high[0]) if self.high else 0
        if self.low is None and self.high is None:
            return f"[0-9]{{1,{self.places}}}"
        parts = []
        inside: list[int] = []
        for digit in range(least, most + 1):
            if (self.low is not None and digit == least) or (self.high is not None and digit == most):
                parts.append(self._step(book, digit, least, most))
            else:
                inside.append(digit)
        if inside:
            rest = f" [0-9]{{0,{self.places - 1}}}" if self.places > 1 else ""
            parts.append(_digit(str(inside[0]), str(inside[-1])) + rest)
        return either(*parts)

    def _step(self, book: RuleBook, digit: int, least: int, most: int) -> str:
        """Return this digit, at which a bound still decides, and what may follow it."""
        after = _fraction(
            self.low[1:] if self.low is not None and digit == least else None,
            self.low_excluded,
            self.high[1:] if self.high is not None and digit == most else None,
            self.high_excluded,
            self.places - 1,
        )
        digits = after._digits(book)
        if not digits:
            return literal(str(digit)) if after._may_end() else ""
        more = book.add(digits)
        return f"{literal(str(digit))} {more}{'?' if after._may_end() else ''}"


def _fraction(low: str | None, low_excluded: bool, high: str | None, high_excluded: bool, places: int) -> _Fraction:
    if low == "" and not low_excluded:
        low = None  # whatever follows, it is not below any more
    return _Fraction(low, low_excluded, high, high_excluded, places)
