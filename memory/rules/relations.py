"""The relation table: for each kind of fact how people say it, how memory writes it down and how it is asked for.

Law: the written form is a plain third-person sentence; the embedded model was trained on exactly these forms. Patterns
match the whole predicate of a clause (the words after "I" or "Bob", auxiliaries in the form "be"/"have", adverbs
removed), so what is not foreseen is not read as a fact. The first row that fits is taken.

In patterns ``{v}`` is the value and verbs stand with an optional third-person ending. In lines ``{S}`` is "The user" or
"Bob", ``{P}`` "The user's" or "Bob's".
"""

from memory.rules.people import PEOPLE
from memory.rules.relation import Relation
from memory.rules.tastes import TASTES

RELATIONS: tuple[Relation, ...] = (*PEOPLE, *TASTES)
BY_ATTRIBUTE = {one.attribute: one for one in RELATIONS}
