"""What is forgotten by a name in, texts without it out: whoever is called so, and not the fourth of May."""

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

from memory.aliases import PREFIXES
from memory.cube import FactKey
from memory.vault.said_names import plain_name, says_name, spelt, without_names
from memory.vault.scrub import FORGOTTEN, Forgotten, without_sentences

_MOST_LOOKS = 9
_OTHER = re.compile("\ue000(\\d+)\ue001")  # private letters: no text holds them


@dataclass(frozen=True, slots=True)
class ForgottenNames(Forgotten):
    """As ``Forgotten``, and names beside, which count where somebody is called by them."""

    names: tuple[str, ...] = ()
    others: tuple[str, ...] = ()  #: longer names of others, who keep theirs: Anna Schmidt is not Anna
    by_sentence: bool = False  #: what is said of them goes too
    sayings: "re.Pattern[str] | None" = None  #: what tells of their death
    spoken: "re.Pattern[str] | None" = None  #: a sentence that it is found in goes whole

    _any: "re.Pattern[str] | None" = field(init=False, repr=False, default=None)  #: where none is, nothing is looked at
    _kept: "re.Pattern[str] | None" = field(init=False, repr=False, default=None)

    def __post_init__(self) -> None:
        Forgotten.__post_init__(self)
        object.__setattr__(self, "_any", _any_of(self.names))
        object.__setattr__(self, "_kept", _any_of(sorted(self.others, key=len, reverse=True)))

    def states(self, text: str) -> bool:
        """True when the text holds a value, a removed text, a name or what is said of it."""
        return Forgotten.states(self, text) or self.says_name(text)

    def says_name(self, text: str) -> bool:
        """True when the text holds a name, or what is said of it."""
        said = (pattern for pattern in (self.sayings, self.spoken) if pattern is not None)
        return self._names_in(text) or any(pattern.search(text) for pattern in said)

    def scrub(self, text: str) -> str:
        """Return the text with everything forgotten replaced by a mark.

        What stands beside a mark may be a name where it was none before, so it is looked at again until nothing goes.
        """
        for _ in range(_MOST_LOOKS):
            before, text = text, self._scrubbed(text)
            if text == before:
                break
        return text

    def _scrubbed(self, text: str) -> str:
        text = text if self.sayings is None else self.sayings.sub(FORGOTTEN, text)
        text = Forgotten.scrub(self, text)
        if self.spoken is not None and self.spoken.search(text):
            text = without_sentences(
                text, lambda part: self.spoken is not None and self.spoken.search(part) is not None
            )
        if not self._names_in(text):
            return text
        text, kept = self._without_others(text)
        if self.by_sentence:
            text = without_sentences(text, self._names_in)
        text = without_names(text, self.names, FORGOTTEN)
        return _OTHER.sub(lambda found: kept[int(found[1])], text) if kept else text

    def _names_in(self, text: str) -> bool:
        if self._any is None or self._any.search(text) is None:
            return False
        return says_name(self._without_others(text)[0], self.names)

    def _without_others(self, text: str) -> tuple[str, list[str]]:
        """Return the text with a sign for each of the others that are named in it, and what stood there."""
        kept: list[str] = []

        def sign(found: "re.Match[str]") -> str:
            kept.append(found[0])
            return f"\ue000{len(kept) - 1}\ue001"

        if self._kept is None or self._kept.search(text) is None:
            return text, kept
        return self._kept.sub(sign, _OTHER.sub("", text)), kept


def _any_of(names: Sequence[str]) -> "re.Pattern[str] | None":
    return re.compile(rf"(?<!\w)(?:{'|'.join(map(spelt, names))})(?!\w)", re.IGNORECASE) if names else None


def forgotten_of(facts: Iterable[FactKey], *, texts: Iterable[str] = (), ids: Iterable[str] = ()) -> ForgottenNames:
    """Return what these facts say as what is to be forgotten: names as such, and all else as it is written."""
    names: dict[str, None] = {}
    values: dict[str, None] = {}
    for fact in facts:
        (names if is_name(fact) else values)[fact.value] = None
    return ForgottenNames(values=tuple(values), names=tuple(names), texts=tuple(texts), ids=tuple(ids))


def longer_names(names: Sequence[str], others: Iterable[str]) -> tuple[str, ...]:
    """Return those of the others' names that hold one of the names: "Anna Schmidt" of "Anna"."""
    held = _any_of(names)
    alike = {plain_name(name) for name in names}
    longer = (other for other in others if held is not None and held.search(other))
    return tuple(dict.fromkeys(other for other in longer if plain_name(other) not in alike))


def is_name(fact: FactKey) -> bool:
    """True for a fact that says what somebody is called."""
    return fact.attribute == "name" or fact.attribute.startswith(PREFIXES)
