"""Rules in, a grammar out in GBNF, the notation that llama.cpp's grammar sampler reads.

The law: what is written is within llama.cpp's own bounds, since beyond them it drops a limit without a word, and it
is small enough that following it costs little beside the model.
"""

from collections.abc import Sequence
from itertools import groupby
from typing import Final

from memory.errors import Invalid

Ranges = Sequence[tuple[int, int]]  #: code points, both ends included
LAST: Final = 0x10FFFF
ROOT: Final = "root"
_MOST_TIMES: Final = 2000  #: llama.cpp's own; it takes a larger number for "without end"
_MOST_REPEATS: Final = 50_000  #: of one grammar, each being a rule in llama.cpp
_MOST_RULES: Final = 20_000
_PLAIN: Final = frozenset("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789 _.,:;/{}()<>=+*?!@#$%&|~'`")


class RuleBook:
    """The rules of one grammar; equal ones are kept once."""

    def __init__(self) -> None:
        self._bodies: dict[str, str] = {}
        self._names: dict[str, str] = {}
        self._repeats = 0

    def add(self, body: str) -> str:
        """Return the name of a rule with this body. Raises: Invalid when there are too many."""
        name = body if body in self._bodies else self._names.get(body)
        if name is None:
            name = self.reserve()
            self.define(name, body)
        return name

    def reserve(self) -> str:
        """Return a name whose rule is defined later, as recursion needs it."""
        if len(self._bodies) >= _MOST_RULES:
            raise Invalid(f"It needs more than {_MOST_RULES} grammar rules.")
        name = f"r{len(self._bodies)}"
        self._bodies[name] = ""
        return name

    def define(self, name: str, body: str) -> None:
        """Set the body of a reserved name."""
        self._bodies[name] = body
        self._names.setdefault(body, name)

    def repeat(self, item: str, low: int, high: int | None) -> str:
        """Return the item, a name or a class, ``low`` to ``high`` times. Raises: Invalid when that is too often."""
        self._repeats += low if high is None else high
        if self._repeats > _MOST_REPEATS:
            raise Invalid(f"Its lengths add up to more than {_MOST_REPEATS}.")
        needed = " ".join(f"{item}{{{count}}}" for count in _portions(low))
        rest = f"{item}*" if high is None else self._up_to(item, high - low)
        return f"{needed} {rest}".strip()

    def _up_to(self, item: str, times: int) -> str:
        if times <= 0:
            return ""
        if times <= _MOST_TIMES:
            return f"{item}{{0,{times}}}"
        rest = self.add(self._up_to(item, times - _MOST_TIMES))
        return self.add(f"{item}{{0,{_MOST_TIMES - 1}}} | {item}{{{_MOST_TIMES}}} {rest}")

    def one_of(self, texts: Sequence[str]) -> str:
        """Return the body of one of these texts, as a tree: alternatives cost at every token, branches do not."""
        return self._branches(sorted(set(texts)), 0)

    def _branches(self, texts: Sequence[str], start: int) -> str:
        """Return what follows the first ``start`` characters, which all of these sorted texts share."""
        if len(texts) == 1:
            return literal(texts[0][start:])
        first, last = texts[0], texts[-1]
        differing = (at for at, (left, right) in enumerate(zip(first, last, strict=False)) if left != right)
        end = next(differing, min(len(first), len(last)))
        groups = groupby((text for text in texts if len(text) > end), key=lambda text: text[end])
        ways = either(*(self.add(self._branches(list(group), end)) for _, group in groups))
        ways = f"({ways})?" if len(first) == end else f"({ways})"
        return f"{literal(first[start:end])} {ways}"

    def text(self, root: str) -> str:
        """Return the grammar whose start rule has the body ``root``."""
        bodies = {ROOT: root, **self._bodies}
        lines = [f"{name} ::= {body or literal('')}" for name, body in bodies.items()]
        return "\n".join(lines) + "\n"


def literal(text: str) -> str:
    """Return the terminal that is this text."""
    return '"' + "".join(char if char in _PLAIN else _code(ord(char)) for char in text) + '"'


def char_class(ranges: Ranges) -> str:
    """Return the terminal that is one character of these."""
    return "[" + "".join(_code(low) if low == high else f"{_code(low)}-{_code(high)}" for low, high in ranges) + "]"


def either(*bodies: str) -> str:
    """Return the alternatives that are not empty-handed as one body."""
    return " | ".join(dict.fromkeys(body for body in bodies if body))


def overlap(left: Ranges, right: Ranges) -> Ranges:
    """Return the code points that are in both."""
    pairs = ((max(a, c), min(b, d)) for a, b in left for c, d in right)
    return tuple(sorted({(low, high) for low, high in pairs if low <= high}))


def complement(ranges: Ranges) -> Ranges:
    """Return all other code points."""
    found, start = [], 0
    for low, high in sorted(ranges):
        if low > start:
            found.append((start, low - 1))
        start = max(start, high + 1)
    return (*found, (start, LAST)) if start <= LAST else tuple(found)


def _code(point: int) -> str:
    char = chr(point)
    if char.isascii() and char.isalnum():
        return char
    return f"\\u{point:04X}" if point <= 0xFFFF else f"\\U{point:08X}"


def _portions(times: int) -> list[int]:
    whole, rest = divmod(times, _MOST_TIMES)
    return [_MOST_TIMES] * whole + ([rest] if rest else [])
