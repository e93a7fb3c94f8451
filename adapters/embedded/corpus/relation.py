"""Blocks of phrasings in, the forms of one relation out.

Law: a form says all that its answer needs, and no form of one relation can be read as another's.
"""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class Phrasings:
    """How one kind of fact is told, stored and asked for; tuples of forms, in which slots stand in braces.

    ``{v}`` is the value, ``{x}`` and ``{y}`` the key ("favourite {x}", "the {x} of the {y}"), ``{n}`` another person's
    name; in stored forms ``{S}`` is "The user" or "Bob" and ``{P}`` is "The user's" or "Bob's". A form that begins
    with "~" is ambiguous for a word that nobody knows ("I'm {v}.") and is used with words from the lists only.
    """

    id: str
    value: str  #: kind of {v}
    x: str = ""  #: kind of {x}; "" without one
    y: str = ""  #: kind of {y}; "" without one
    weight: float = 1.0  #: how often, relative to the others
    answer: str  #: to the user: "You live in {v}."
    answer_third: str = ""  #: about {n}; "" when only the user has such facts
    stored: tuple[str, ...]
    told: tuple[str, ...]
    asked: tuple[str, ...]
    asked_third: tuple[str, ...] = ()
    named: tuple[str, ...]  #: noun clauses, for "Do you know ...?" and "Forget ...": "where I live"
    named_third: tuple[str, ...] = ()


def forms(block: str) -> tuple[str, ...]:
    """Return the lines of a block, without blank ones and indentation."""
    return tuple(line.strip() for line in block.splitlines() if line.strip())
