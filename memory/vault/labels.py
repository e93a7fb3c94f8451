"""A current cube in, the labels under which it stands out.

In use: its tags and entities. Archived: every stem of its words, tags and entities behind a mark, so that one table
serves both and no request for a label finds what is archived.
"""

from memory.cube import MemCube
from memory.vault.lexical import indexed_text
from memory.vault.rows import folded
from memory.vault.words import content_terms

_ARCHIVED = "\0"


def labels_of(cube: MemCube) -> set[str]:
    """Return the labels of a current cube."""
    if cube.in_use:
        return {folded(label) for label in (*cube.tags, *cube.entities)}
    return {archived_label(stem) for stem in content_terms(" ".join((indexed_text(cube), *cube.tags, *cube.entities)))}


def archived_label(stem: str) -> str:
    """Return the label under which archived cubes with this word stand."""
    return _ARCHIVED + stem
