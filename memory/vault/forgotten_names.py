"""What is forgotten by a name in, texts without it out: whoever is called so, and not the fourth of May."""

import re
from collections.abc import Iterable
from dataclasses import dataclass, field

from memory.aliases import PREFIXES
from memory.cube import FactKey
from memory.vault.said_names import says_name, spelt, without_names
from memory.vault.scrub import FORGOTTEN, Forgotten

_SENTENCE = re.compile(r".+?(?:[.!?]+(?=\s)|\n|\Z)\s*", re.DOTALL)  # the parts together are the text


@dataclass(frozen=True, slots=True)
class ForgottenNames(Forgotten):
    """As ``Forgotten``, and names beside, which count where somebody is called by them."""

    names: tuple[str, ...] = ()
    by_sentence: bool = False  #: what is said of them goes too
    sayings: "re.Pattern[str] | None" = None  #: what tells of their death

    _any: "re.Pattern[str] | None" = field(init=False, repr=False, default=None)  #: where none is, nothing is looked at

    def __post_init__(self) -> None:
        Forgotten.__post_init__(self)
        pattern = re.compile("|".join(map(spelt, self.names)), re.IGNORECASE) if self.names else None
        object.__setattr__(self, "_any", pattern)

    def states(self, text: str) -> bool:
        """True when the text holds a value, a removed text, a name or what is said of it."""
        return Forgotten.states(self, text) or self.says_name(text)

    def says_name(self, text: str) -> bool:
        """True when the text holds a name, or what is said of it."""
        return self._names_in(text) or (self.sayings is not None and self.sayings.search(text) is not None)

    def scrub(self, text: str) -> str:
        """Return the text with everything forgotten replaced by a mark."""
        text = text if self.sayings is None else self.sayings.sub(FORGOTTEN, text)
        text = Forgotten.scrub(self, text)
        if not self._names_in(text):
            return text
        if self.by_sentence:
            parts = _SENTENCE.findall(text)
            text = "".join(f"{FORGOTTEN} " if self._names_in(part) else part for part in parts).strip()
        return without_names(text, self.names, FORGOTTEN)

    def _names_in(self, text: str) -> bool:
        return self._any is not None and self._any.search(text) is not None and says_name(text, self.names)


def forgotten_of(facts: Iterable[FactKey], *, texts: Iterable[str] = (), ids: Iterable[str] = ()) -> ForgottenNames:
    """Return what these facts say as what is to be forgotten: names as such, and all else as it is written."""
    names: dict[str, None] = {}
    values: dict[str, None] = {}
    for fact in facts:
        (names if is_name(fact) else values)[fact.value] = None
    return ForgottenNames(values=tuple(values), names=tuple(names), texts=tuple(texts), ids=tuple(ids))


def is_name(fact: FactKey) -> bool:
    """True for a fact that says what somebody is called."""
    return fact.attribute == "name" or fact.attribute.startswith(PREFIXES)
