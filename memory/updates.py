"""A memory and further words in, its next version out: append, merge or overwrite; and writes by labels.

The Update of the papers' memory API (arXiv 2507.03724, "Memory API"). What comes of it goes the way of every change by
hand: governance, then the vault with an optimistic check of the version, then the index.
"""

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from enum import StrEnum

from memory.cube import FactKey, MemCube, SemanticType
from memory.duplicates import reading_of
from memory.errors import Stale
from memory.lifecycle import check_change
from memory.pipeline import Pipeline, Stations
from memory.rules.lines import fact_of
from memory.sharing import Sharing
from memory.spaces import SharedCube
from memory.turn import Scope
from memory.vault.labelling import CubeLabelling, LabelDiff, Relabelled
from memory.vault.rows import folded

_SENTENCE = re.compile(r".+?(?:[.!?]+(?=\s)|\n|\Z)\s*", re.DOTALL)  # the parts together are the text
_ENDED = (".", "!", "?", ":", ";", "\u2026")


class UpdateMode(StrEnum):
    """What becomes of the words that are there."""

    APPEND = "append"  # they stay, the new ones stand behind them
    MERGE = "merge"  # each sentence once; of a fact that has one value the new one stands
    OVERWRITE = "overwrite"  # the new ones stand instead


class Updates:
    """Updates of memories by hand."""

    def __init__(self, pipeline: Pipeline, stations: Stations, labelling: CubeLabelling, sharing: Sharing) -> None:
        self._pipeline = pipeline
        self._sharing = sharing
        self._at = stations
        self._labelling = labelling

    def update(
        self,
        scope: Scope,
        cube_id: str,
        mode: UpdateMode,
        text: str,
        *,
        version: int,
        tags: Sequence[str] | None = None,
    ) -> MemCube:
        """Return the memory's next version; the present one where a merge has nothing to add.

        ``tags``: instead of the old ones with overwrite, beside them otherwise. Of somebody else's memory it is what a
        member sees of it.
        Raises: NotFound. Stale: ``version`` is not the newest. Refused: it is frozen, or shared for reading only, or
        the text gets too long.
        """
        cube = self._sharing.to_revise(scope, cube_id)
        if cube.version != version:
            raise Stale(f"The memory is at version {cube.version}, not {version}: read it again.", param="version")
        check_change(cube.state, cube.state)
        wished = replace(cube, text=_MAKE[mode](cube.text, text), tags=_tags(cube, mode, tags))
        if mode is UpdateMode.MERGE and wished == cube:
            return cube
        if isinstance(cube, SharedCube):
            changes = {"text": wished.text, "tags": wished.tags}
            return self._sharing.revise(scope, cube_id, changes, expected_version=version)
        return self._pipeline.revise(scope, wished, expected_version=version)

    def relabel(
        self, scope: Scope, tags: Sequence[str], diff: LabelDiff, *, semantic_types: Sequence[SemanticType] = ()
    ) -> Relabelled:
        """Change all memories that carry all of these tags, in one change; secrets in new tags are replaced.

        Raises: Invalid: there are too many of them; nothing is changed then.
        """
        redact = self._at.governance.redact
        clean = replace(
            diff,
            tags=None if diff.tags is None else tuple(map(redact, diff.tags)),
            add_tags=tuple(map(redact, diff.add_tags)),
        )
        done = self._labelling.relabel(scope, tags, clean, semantic_types=semantic_types)
        if done.repinned and self._at.derivations is not None:
            self._at.derivations.changed(scope)
        return done


def appended(old: str, new: str) -> str:
    """Return both texts, the new one behind the old one as its next sentence, or on its own line."""
    new = new.strip()
    if "\n" in old.strip() or "\n" in new or not old.rstrip().endswith(_ENDED):
        return f"{old.rstrip()}\n{new}"
    return f"{old.rstrip()} {new}"


def merged(old: str, new: str) -> str:
    """Return the old sentences and those of the new ones that say something else.

    An old sentence that states another value of a single-valued fact than a new one makes room for it.
    """
    kept = _sentences(old)
    known = {_form(sentence) for sentence in kept}
    for sentence in _sentences(new):
        form = _form(sentence)
        if form in known:
            continue
        known.add(form)
        kept = _placed(kept, sentence)
    text = "".join(kept).strip()
    return old if text == old.strip() else text


def _placed(kept: Sequence[str], sentence: str) -> list[str]:
    """Return the sentences with the new one in the place of the first that it contradicts, or at the end."""
    key = _single(fact_of(sentence.strip()))
    rivals = [n for n, each in enumerate(kept) if key and _single(fact_of(each.strip())) == key]
    if not rivals:
        *front, last = kept or [""]
        return [*front, _closed(last), sentence]
    spaced = sentence.rstrip() + kept[rivals[0]][len(kept[rivals[0]].rstrip()) :]
    return [spaced if n == rivals[0] else each for n, each in enumerate(kept) if n not in rivals[1:]]


def _closed(sentence: str) -> str:
    if not sentence or sentence[-1].isspace():
        return sentence
    return f"{sentence} " if sentence.endswith(_ENDED) else f"{sentence}\n"


def _single(fact: FactKey | None) -> tuple[str, str] | None:
    return (folded(fact.subject), folded(fact.attribute)) if fact is not None and fact.single else None


def _form(sentence: str) -> object:
    reading = reading_of(sentence)
    return reading.form if reading.words else folded(sentence)


def _sentences(text: str) -> list[str]:
    return _SENTENCE.findall(text.strip())


def _tags(cube: MemCube, mode: UpdateMode, tags: Sequence[str] | None) -> tuple[str, ...]:
    if tags is None:
        return cube.tags
    return tuple(dict.fromkeys(tags if mode is UpdateMode.OVERWRITE else (*cube.tags, *tags)))


def _overwritten(_old: str, new: str) -> str:
    return new


_MAKE: Mapping[UpdateMode, Callable[[str, str], str]] = {
    UpdateMode.APPEND: appended,
    UpdateMode.MERGE: merged,
    UpdateMode.OVERWRITE: _overwritten,
}
