"""What people's statements and questions are usually about: for each topic some statements and some questions.

They are prototypes: an embedder puts "I'm writing this on my Pixel." near "I'm typing on my Motorola phone.", and so
in the topic "phone", though no rule foresees the words.
"""

import tomllib
from dataclasses import dataclass
from enum import StrEnum
from functools import cache
from importlib.resources import files


class Holds(StrEnum):
    """How many values of a topic hold at a time."""

    ONE = "one"
    EACH = "each"  #: one of each thing: the report's deadline and the essay's
    MANY = "many"
    NONE = "none"  #: it says nothing about the user


@dataclass(frozen=True, slots=True, kw_only=True)
class Topic:
    """One topic."""

    name: str
    holds: Holds
    attributes: tuple[str, ...]  #: of facts, as in ``FactKey``; one that ends in ":" names all below it
    advises: bool  #: it bears on what is recommended
    also: frozenset[str]  #: topics that the same words may mean: "my phone" is a thing and a number
    apart: bool  #: its attributes are different things: who forgets one does not mean the others
    words: frozenset[str]  #: of the topic itself, so they do not tell one thing from another
    said: tuple[str, ...]  #: three or more, as of ``asked``
    asked: tuple[str, ...]

    def names(self, attribute: str) -> bool:
        """True when facts of that attribute are about this topic."""
        return any(one == attribute or (one.endswith(":") and attribute.startswith(one)) for one in self.attributes)


@cache
def topics() -> tuple[Topic, ...]:
    """Return all topics, in the order of the file."""
    table = tomllib.loads(files("memory.rules").joinpath("topics.toml").read_text(encoding="utf-8"))
    return tuple(
        Topic(
            name=name,
            holds=Holds(row["holds"]),
            attributes=tuple(row.get("attributes", ())),
            advises=row.get("advises", False),
            also=frozenset(row.get("also", ())),
            apart=row.get("apart", False),
            words=frozenset(row.get("words", ())),
            said=tuple(row["said"]),
            asked=tuple(row["asked"]),
        )
        for name, row in table.items()
    )
