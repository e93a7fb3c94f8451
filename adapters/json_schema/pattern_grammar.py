"""A regular expression in, grammar rules of the JSON strings that match it out.

The law: as in JSON Schema (ECMA-262, and not anchored by itself), and what cannot be said in a grammar is refused by
name. Of negated classes and of ``.`` control characters are left out: nobody means them.
"""

from typing import Final, NamedTuple

from adapters.json_schema.gbnf import LAST, Ranges, RuleBook, char_class, complement, either, literal, overlap
from adapters.json_schema.json_rules import RAW_CHARS
from memory.errors import Invalid

_MOST_STATES: Final = 4000  #: of the automaton that the pattern stands for; each costs time at every token
_ANY: Final = ((0x20, 0xD7FF), (0xE000, LAST))  #: no control characters, no surrogates
_ESCAPED: Final = ((0x00, 0x1F), (0x22, 0x22), (0x5C, 0x5C))
_SPACE: Final = ((0x09, 0x0D), (0x20, 0x20))
_CLASSES: Final[dict[str, Ranges]] = {
    "d": ((0x30, 0x39),),
    "w": ((0x30, 0x39), (0x41, 0x5A), (0x5F, 0x5F), (0x61, 0x7A)),
    "s": _SPACE,
}
_CONTROL: Final = {"n": 0x0A, "r": 0x0D, "t": 0x09, "f": 0x0C, "v": 0x0B, "0": 0x00}
_SHORT_ESCAPES: Final = {0x08: "\\b", 0x09: "\\t", 0x0A: "\\n", 0x0C: "\\f", 0x0D: "\\r", 0x22: '\\"', 0x5C: "\\\\"}


class _Part(NamedTuple):
    """A piece of the pattern as a grammar body."""

    body: str
    states: int  #: of the automaton that it stands for
    empty: bool  #: it also matches nothing


def strings_matching(book: RuleBook, pattern: str) -> str:
    """Return a rule of the strings, in their quotes, in which the pattern is found. Raises: Invalid."""
    reader = _Reader(book, pattern)
    whole = reader.alternatives(top=True)
    if reader.rest():
        raise Invalid(f"The pattern {pattern!r} closes a group that is not open.")
    if whole.states > _MOST_STATES:
        raise Invalid(
            f"The pattern {pattern!r} is too large: {whole.states} places of {_MOST_STATES} that are possible."
        )
    return book.add(f"{literal(chr(34))} {book.add(whole.body)} {literal(chr(34))}")


def json_char(ranges: Ranges) -> str:
    """Return the body of one character of these, as it may stand in a JSON string; empty when there is none."""
    raw = overlap(ranges, RAW_CHARS)
    escaped = [
        point
        for low, high in overlap(ranges, ((0, 0x1F), (0x22, 0x22), (0x5C, 0x5C)))
        for point in range(low, high + 1)
    ]
    written = (literal(_SHORT_ESCAPES.get(point, f"\\u{point:04x}")) for point in escaped)
    return either(char_class(raw) if raw else "", *written)


class _Reader:
    """A recursive-descent parser."""

    def __init__(self, book: RuleBook, pattern: str) -> None:
        self._book = book
        self._pattern = pattern
        self._at = 0

    def rest(self) -> str:
        return self._pattern[self._at :]

    def _take(self, expected: str) -> bool:
        found = self._pattern.startswith(expected, self._at)
        self._at += len(expected) if found else 0
        return found

    def _next(self) -> str:
        if self._at >= len(self._pattern):
            raise Invalid(f"The pattern {self._pattern!r} ends too early.")
        self._at += 1
        return self._pattern[self._at - 1]

    def _refuse(self, what: str) -> Invalid:
        return Invalid(f"{what} in the pattern {self._pattern!r} cannot be followed while generating.")

    def alternatives(self, *, top: bool = False) -> _Part:
        parts = [self._sequence(top=top)]
        while self._take("|"):
            parts.append(self._sequence(top=top))
        return _Part(
            " | ".join(part.body for part in parts),
            sum(part.states for part in parts),
            any(part.empty for part in parts),
        )

    def _sequence(self, *, top: bool) -> _Part:
        anything = _Part(f"{self._book.add(json_char(_ANY))}*", 1, True)
        parts = [anything] if top and not self._take("^") else []
        anchored = not top
        while self.rest() and self.rest()[0] not in "|)":
            if top and self._take("$"):
                anchored = True
                if self.rest() and self.rest()[0] not in "|)":
                    raise self._refuse("Text behind $")
                break
            parts.append(self._quantified())
        if not anchored:
            parts.append(anything)
        body = " ".join(part.body for part in parts if part.body)
        return _Part(body or '""', sum(part.states for part in parts), all(part.empty for part in parts))

    def _quantified(self) -> _Part:
        atom = self._atom()
        times = self._times()
        if times is None:
            return atom
        self._take("?")  # a lazy one matches the same strings
        low, high = times
        if high is None and atom.empty:
            raise self._refuse("Endless repetition of what may be empty")
        states = atom.states * max(1, high if high is not None else low + 1)
        if states > _MOST_STATES:
            raise self._refuse("So much repetition")
        return _Part(self._book.repeat(atom.body, low, high), states, atom.empty or not low)

    def _times(self) -> tuple[int, int | None] | None:
        for sign, times in (("*", (0, None)), ("+", (1, None)), ("?", (0, 1))):
            if self._take(sign):
                return times
        numbers, closed, _ = self.rest()[1:].partition("}")
        low, comma, high = numbers.partition(",")
        if not self.rest().startswith("{") or not closed or not low.isdecimal() or not (high.isdecimal() or not high):
            return None
        if len(numbers) > 11 or (high and int(high) < int(low)):
            raise self._refuse(f"{{{numbers}}}")
        self._at += len(numbers) + 2
        return int(low), (int(high) if high else None) if comma else int(low)

    def _atom(self) -> _Part:
        char = self._next()
        if char == "(":
            return self._group()
        if char in "*+?^$":
            raise self._refuse(f"{char!r} where it stands")
        return _Part(self._named(self._one(char)), 1, False)

    def _one(self, char: str) -> Ranges:
        """Return what one character of the string may be."""
        if char == "[":
            return self._class()
        if char == ".":
            return _ANY
        return self._escape() if char == "\\" else ((ord(char), ord(char)),)

    def _named(self, ranges: Ranges) -> str:
        body = json_char(ranges)
        if not body:
            raise Invalid(f"The pattern {self._pattern!r} holds a class without any character.")
        return self._book.add(body)

    def _group(self) -> _Part:
        if self._take("?"):
            if self._take("<") or self._take("P<"):
                name, closed, _ = self.rest().partition(">")
                if not closed or not name.isidentifier():
                    raise self._refuse("(?<")
                self._at += len(name) + 1
            elif not self._take(":"):
                raise self._refuse(f"(?{self.rest()[:1]}")
        inner = self.alternatives()
        if not self._take(")"):
            raise Invalid(f"The pattern {self._pattern!r} does not close a group.")
        return inner._replace(body=self._book.add(inner.body))

    def _escape(self) -> Ranges:
        char = self._next()
        if char.lower() in _CLASSES:
            ranges = _CLASSES[char.lower()]
            return ranges if char.islower() else overlap(complement(ranges), _ANY)
        if char in _CONTROL:
            return ((_CONTROL[char], _CONTROL[char]),)
        if char in "xu":
            point = self._hex(2 if char == "x" else 4)
            return ((point, point),)
        if char.isalnum():
            raise self._refuse(f"\\{char}")
        return ((ord(char), ord(char)),)

    def _hex(self, size: int) -> int:
        if size == 4 and self._take("{"):
            digits, _, _ = self.rest().partition("}")
            self._at += len(digits) + 1
        else:
            digits = self.rest()[:size]
            self._at += size
        try:
            point = int(digits, 16)
        except ValueError:
            point = -1
        if not 0 <= point <= LAST or 0xD800 <= point <= 0xDFFF or len(digits) < 2:
            raise self._refuse(f"The character \\u{digits}")
        return point

    def _class(self) -> Ranges:
        negated = self._take("^")
        found: list[tuple[int, int]] = []
        while not self._take("]"):
            low = self._class_part()
            if self._begins_range(low):
                self._at += 1
                high = self._class_part()
                if not _is_one(high) or low[0][0] > high[0][1]:
                    raise self._refuse("Such a range")
                low = ((low[0][0], high[0][1]),)
            found += low
        return overlap(complement(found), _ANY) if negated else tuple(found)

    def _begins_range(self, low: Ranges) -> bool:
        following = self._pattern[self._at : self._at + 2]
        return _is_one(low) and following.startswith("-") and following != "-]"

    def _class_part(self) -> Ranges:
        char = self._next()
        if char != "\\":
            return ((ord(char), ord(char)),)
        if self._take("b"):
            return ((0x08, 0x08),)
        return self._escape()


def _is_one(ranges: Ranges) -> bool:
    return len(ranges) == 1 and ranges[0][0] == ranges[0][1]
