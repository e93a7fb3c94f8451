"""What a recall found in, which of the user's turns state what no longer holds out.

A fact that was replaced or taken back is history, and the turn that stated it still says it: beside the fact that holds
now it reads like a second answer. Such a turn is marked for a question of that fact; for any other it says what else it
says, and for one about the past it may be the answer.
"""

import re
from collections.abc import Sequence
from dataclasses import replace

from memory.cube import FactKey, MemCube, SemanticType
from memory.ports import Vault
from memory.question import Question
from memory.rules.sentences import clauses, own_words, plain
from memory.rules.statements import read_statements
from memory.rules.words import is_casual
from memory.spaces import SharedCube
from memory.turn import Hit, Scope

REPLACED = "replaced"  #: the signal of a turn that states what no longer holds

#: "When did I move to Porto?" asks for what was said of it then.
_OF_A_TIME = re.compile(r"\b(?:when|how long|why|since)\b", re.IGNORECASE)
_Key = tuple[str, str, str]


def mark_replaced(vault: Vault, scope: Scope, question: Question, hits: Sequence[Hit], *, among: int) -> list[Hit]:
    """Return the hits, those of the first ``among`` marked that state an asked fact with a value that is history.

    Costs two queries where the question names a fact and turns were found. A turn that said again what was known has no
    fact of its own: where it holds such a value it is read again.
    """
    past = any(time.end <= question.call.now for time in question.call.times)
    turns = {hit.cube.id: hit.cube for hit in hits[:among] if _is_own_turn(hit.cube)}
    if not question.asked or past or not turns:
        return list(hits)
    facts = _facts_of(vault, scope, question, [*turns, *(hit.cube.id for hit in hits[:among] if hit.cube.fact)])
    current = [cube for cube in facts if cube.current]
    held = {_key(cube) for cube in current}
    over = [cube for cube in facts if cube.superseded_at and _key(cube) not in held]
    closed = [cube for cube in over if not _is_asked_for(cube, question.call.query)]
    told = _sources(closed) - _sources(current)
    keys = frozenset(map(_key, closed))
    stale = {each for each, cube in turns.items() if keys and (each in told or _states(cube.text, keys))}
    return [replace(hit, signals={**hit.signals, REPLACED: 1.0}) if hit.cube.id in stale else hit for hit in hits]


def _facts_of(vault: Vault, scope: Scope, question: Question, cube_ids: Sequence[str]) -> list[MemCube]:
    """Return the memories that state an asked fact, current or not, and say the same as these."""
    family = vault.get_many(scope, vault.family(scope, cube_ids))
    return [cube for cube in family if cube.fact is not None and question.names(cube.fact)]


def _is_asked_for(cube: MemCube, query: str) -> bool:
    return _key(cube)[2] in query.casefold() and _OF_A_TIME.search(query) is not None


def _sources(cubes: Sequence[MemCube]) -> set[str]:
    return {each for cube in cubes for each in cube.derived_from}


def _states(text: str, closed: frozenset[_Key]) -> bool:
    """True when the text, read again, states one of these, and nothing else of the same subject and attribute."""
    words = plain(text)
    folded = words.casefold()
    if not any(value in folded for _, _, value in closed):
        return False
    read = read_statements(clauses(own_words(words)), casual=is_casual(words))
    stated = {_key_of(one.fact) for one in read if not one.negated}
    stale = stated & closed
    about = {key[:2] for key in stale}
    return bool(stale) and not any(key[:2] in about for key in stated - closed)


def _is_own_turn(cube: MemCube) -> bool:
    return cube.semantic_type is SemanticType.TURN and cube.source.role == "user" and not isinstance(cube, SharedCube)


def _key(cube: MemCube) -> _Key:
    return _key_of(cube.fact) if cube.fact is not None else ("", "", "")


def _key_of(fact: FactKey) -> _Key:
    return fact.subject.casefold(), fact.attribute.casefold(), fact.value.casefold()
