"""A memory and what came of it in, how useful it is out; pure functions.

A memory was useful when an answer says something that stands in the memory and not in the question. Whether it was
brought in is our own doing, whether it was useful is the answer's.
"""

from collections.abc import Sequence

from memory.cube import MemCube
from memory.vault.words import content_terms, terms

_NOVEL_SHARE = 0.5
_TRIED = 4  # a memory that was brought in once or twice has proven little
_PRIORITY_WEIGHT = 0.5  # of the most priority there is, in units of the most usefulness


def showed(cube: MemCube, question: str, answer: str) -> bool:
    """True when the answer holds the memory's value, or half of the words that only the memory could give it.

    A value or word that stands in the question proves nothing. Stems are compared, in any script.
    """
    asked, said = set(terms(question)), terms(answer)
    if cube.fact is not None and (value := terms(cube.fact.value)):
        return not asked.issuperset(value) and _holds(said, value)
    novel = [stem for stem in content_terms(cube.text) if stem not in asked]
    found = sum(stem in set(said) for stem in novel)
    return found > 0 and found >= _NOVEL_SHARE * len(novel)


def standing(cube: MemCube) -> float:
    """Return what use and priority say for a memory, from -0.5 to 1.5; 0 for one that is new and has no priority.

    Usefulness is the share of its uses that were useful, held down while there are few.
    """
    return cube.useful_count / (cube.access_count + _TRIED) + _PRIORITY_WEIGHT * cube.priority / 100


def _holds(said: Sequence[str], value: Sequence[str]) -> bool:
    """True when the stems stand in a row."""
    return any(list(said[start : start + len(value)]) == list(value) for start in range(len(said) - len(value) + 1))
