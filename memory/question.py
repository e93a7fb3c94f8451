"""A MemoryCall and who is who in, what every candidate of a recall is held against out."""

from collections.abc import Sequence
from dataclasses import dataclass

from memory.aliases import Expanded, Named, asked_of_both, expanded
from memory.cube import FactKey
from memory.turn import MemoryCall

_SPACED = str.maketrans(dict.fromkeys("\n\t\"'([{<-/.,:;!?*_`", " "))


@dataclass(frozen=True, slots=True)
class Question:
    """What is asked; read out of the call once."""

    call: MemoryCall
    expanded: Expanded  #: with both names of those whom it names
    concepts: tuple[tuple[str, ...], ...]  #: how the words of each of its content words' meanings begin
    asked: tuple[tuple[str, str], ...]  #: (subject, attribute) pairs that it names
    is_part: bool = False  #: of one that is searched for too

    @classmethod
    def of(
        cls,
        call: MemoryCall,
        asked: Sequence[tuple[str, str]],
        known: Sequence[Named] = (),
        *,
        is_part: bool = False,
    ) -> "Question":
        """Return the question of a call; ``asked``: the facts that its words name."""
        read = expanded(call.query, call.entities, known) if known else Expanded(call.query)
        concepts = tuple(tuple(map(_beginning, words)) for words in read.concepts)
        return cls(call, read, concepts, asked_of_both(asked, known), is_part)

    @property
    def query(self) -> str:
        """What is searched for."""
        return self.expanded.query

    def coverage(self, text: str) -> float:
        """Return the share of its concepts of which a word begins a word of the text, in [0, 1]."""
        if not self.concepts:
            return 0.0
        plain = " " + text.casefold().translate(_SPACED)
        return sum(any(word in plain for word in words) for words in self.concepts) / len(self.concepts)

    def names(self, fact: FactKey) -> bool:
        """Return whether it names the fact's subject and attribute; "favourite:" names all favourites."""
        return any(
            subject == fact.subject
            and (name == fact.attribute or (name.endswith(":") and fact.attribute.startswith(name)))
            for subject, name in self.asked
        )

    def names_of_another(self, fact: FactKey) -> bool:
        """Return whether it asks the same of somebody else; of a fact that it does not name: then it is no answer."""
        return any(subject != fact.subject and name == fact.attribute for subject, name in self.asked)


def _beginning(word: str) -> str:
    """Of long words all but the last two letters count."""
    return f" {word[: max(4, len(word) - 2)]}"
