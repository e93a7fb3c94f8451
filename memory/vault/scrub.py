"""Texts and what is to be forgotten in, the texts without it out. Pure functions.

A value is forgotten as a whole word, in any case; what cannot be told apart from it goes with it.
"""

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

from memory.vault.same_value import joined_digits
from memory.vault.words import plain, terms

FORGOTTEN = "[forgotten]"
_QUOTE = re.compile("[\"'\u2018\u2019\u201c\u201d]")  # what is injected has others than what was said
_SENTENCE = re.compile(r".+?(?:[.!?]+(?=\s)|\n|\Z)\s*", re.DOTALL)  # the parts together are the text


@dataclass(frozen=True, slots=True)
class Forgotten:
    """What must not be found any more."""

    values: tuple[str, ...] = ()  #: whole words or phrases, any case
    texts: tuple[str, ...] = ()  #: texts of removed memories
    stems: tuple[str, ...] = ()  #: a sentence that holds all of these goes
    ids: tuple[str, ...] = ()  #: removed cubes
    _pattern: "re.Pattern[str] | None" = field(init=False, repr=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "_pattern", _pattern((*self.values, *self.texts)))

    def states(self, text: str) -> bool:
        """True when the text holds a value or a removed text."""
        return self._pattern is not None and self._pattern.search(text) is not None

    def scrub(self, text: str) -> str:
        """Return the text with everything forgotten replaced by a mark."""
        if self._pattern is not None:
            text = self._pattern.sub(FORGOTTEN, text)
        if self.stems and holds(text, self.stems):
            text = self._without_sentences(text)
        return text

    def scrub_lines(self, block: str) -> str:
        """Return an injected block without the lines that hold anything forgotten; empty when no memory is left."""
        lines = block.split("\n")
        kept = [line for line in lines if self.scrub(line) == line]
        if len(kept) == len(lines):
            return block
        return "\n".join(kept) if any(line.startswith("- ") for line in kept) else ""

    def scrub_json(self, value: Any) -> Any:
        """Return a JSON value with all texts in it scrubbed, ids of removed cubes too."""
        if isinstance(value, str):
            return FORGOTTEN if value in self.ids else self.scrub(value)
        if isinstance(value, list):
            return [self.scrub_json(each) for each in value]
        if isinstance(value, dict):
            return {self.scrub_json(key): self.scrub_json(each) for key, each in value.items()}
        return value

    def _without_sentences(self, text: str) -> str:
        scrubbed = without_sentences(text, lambda part: holds(part, self.stems))
        return FORGOTTEN if holds(scrubbed, self.stems) else scrubbed


def without_sentences(text: str, goes: Callable[[str], bool]) -> str:
    """Return the text with a mark for each sentence that goes."""
    return "".join(f"{FORGOTTEN} " if goes(part) else part for part in _SENTENCE.findall(text)).strip()


def holds(text: str, stems: Sequence[str]) -> bool:
    """True when all the stems are in the text; a number in several groups of digits is one, and each of them."""
    folded_text = plain(text)
    if any(stem.isdigit() for stem in stems):
        folded_text = f"{folded_text}\n{joined_digits(folded_text)}"
    # Stemming changes at most the last letter of what it leaves, so most texts need no stemming to say no.
    return all(stem[: max(2, len(stem) - 1)] in folded_text for stem in stems) and set(stems) <= set(terms(folded_text))


def _pattern(phrases: Sequence[str]) -> "re.Pattern[str] | None":
    """Return a pattern of the phrases as whole words, longest first; white space and quotation marks match any."""
    spaced = {_any_quotes(r"\s+".join(map(re.escape, phrase.split()))) for phrase in phrases if phrase.strip()}
    if not spaced:
        return None
    longest_first = sorted(spaced, key=len, reverse=True)
    return re.compile(rf"(?<!\w)(?:{'|'.join(longest_first)})(?!\w)", re.IGNORECASE)


def _any_quotes(pattern: str) -> str:
    return _QUOTE.sub(lambda _: _QUOTE.pattern, pattern)
