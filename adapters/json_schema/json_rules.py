"""The grammar rules of JSON itself, written into a book on demand.

The law: white space is bounded, so that no model can lose itself in it; strings hold no control characters and no
half surrogates; a value has neither space before it nor behind it.
"""

from collections.abc import Sequence
from functools import cached_property
from typing import Final

from adapters.json_schema.gbnf import LAST, RuleBook, char_class
from adapters.json_schema.number_grammar import Bounds, numbers

#: Nothing, a space, or one or two line ends with an indentation.
SPACE: Final = '" "? | "\\n" "\\n"? [ \\t]{0,20}'
RAW_CHARS: Final = ((0x20, 0x21), (0x23, 0x5B), (0x5D, 0x7E), (0x80, 0xD7FF), (0xE000, LAST))  #: of a string, unescaped
LONGEST_KEY: Final = 100  #: characters of a key that the schema does not name
_ESCAPED_CHAR: Final = '"\\\\" ( ["\\\\/bfnrt] | "u" ( [0-9a-cA-CefEF] [0-9a-fA-F]{3} | [dD] [0-7] [0-9a-fA-F]{2} ) )'


class JsonRules:
    """Names of rules; each is written when it is first asked for."""

    def __init__(self, book: RuleBook) -> None:
        self._book = book

    @cached_property
    def space(self) -> str:
        """White space between two parts."""
        return self._book.add(SPACE)

    @cached_property
    def char(self) -> str:
        """One character of a string, written as it is or escaped."""
        return self._book.add(f"{char_class(RAW_CHARS)} | {_ESCAPED_CHAR}")

    @cached_property
    def key_char(self) -> str:
        """One character of a key, written as it is: so a key is spelt in one way only."""
        return self._book.add(char_class(RAW_CHARS))

    @cached_property
    def key(self) -> str:
        """Any key: of a bounded length, since a model that makes up keys can lose itself in one."""
        return self._book.add(f'"\\"" {self._book.repeat(self.char, 0, LONGEST_KEY)} "\\""')

    @cached_property
    def string(self) -> str:
        """Any string."""
        return self._book.add(f'"\\"" {self.char}* "\\""')

    @property
    def value(self) -> str:
        """Any value."""
        return self._free[0]

    @property
    def free_object(self) -> str:
        """Any object."""
        return self._free[1]

    @cached_property
    def _free(self) -> tuple[str, str]:
        name = self._book.reserve()
        comma = f'"," {self.space}'
        pair = self._book.add(f'{self.key} ":" {self.space} {name}')
        free_object = self._book.add(f'"{{" {self.space} ({pair} ({comma} {pair})* {self.space})? "}}"')
        free_array = self._book.add(f'"[" {self.space} ({name} ({comma} {name})* {self.space})? "]"')
        number = numbers(self._book, Bounds())
        self._book.define(name, f'{free_object} | {free_array} | {self.string} | {number} | "true" | "false" | "null"')
        return name, free_object

    def string_of(self, low: int, high: int | None) -> str:
        """Return the body of a string of ``low`` to ``high`` characters."""
        if not low and high is None:
            return self.string
        return f'"\\"" {self._book.repeat(self.char, low, high)} "\\""'

    def array_of(self, first: Sequence[str], item: str, low: int, high: int | None) -> str:
        """Return the body of an array that begins with these and goes on with ``low`` to ``high`` items."""
        comma = f'"," {self.space}'
        if high == 0:
            inner = f" {comma} ".join(first)
        elif first:
            inner = f" {comma} ".join(first) + " " + self._book.repeat(self._book.add(f"{comma} {item}"), low, high)
        else:
            more = self._book.add(f"{comma} {item}")
            rest = self._book.repeat(more, max(0, low - 1), None if high is None else high - 1)
            inner = f"{item} {rest}" if low else f"({item} {rest} {self.space})?"
            return f'"[" {self.space} {inner}{f" {self.space}" if low else ""} "]"'
        return f'"[" {self.space} {inner} {self.space} "]"' if inner else f'"[" {self.space} "]"'
