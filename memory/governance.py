"""Drafts in, Admitted out: what may be stored, and by whom it may be read and written.

The only maker of Admitted: it holds the token that the class asks for. Secrets are replaced by a mark before anything
is stored; nothing is shortened silently.
"""

import re
from collections.abc import Callable, Sequence
from dataclasses import replace

from memory.cube import MemCube, SemanticType, State
from memory.errors import Refused
from memory.ports import SecretDetector
from memory.turn import Admitted, Draft, Scope

REDACTED = "[redacted]"
#: Sensitivity tag of what held a secret.
SECRET = "secret"  # noqa: S105 - a tag

_SUBSTANCE = re.compile(r"\w")
_BREAKS = ("\n\n", "\n", ". ", "! ", "? ", "; ", ", ", " ")


class Governance:
    """Decides what becomes a memory. ``detector`` None: secrets are not looked for."""

    def __init__(self, detector: SecretDetector | None, *, max_cube_chars: int = 16_000) -> None:
        self._detector = detector
        self._max_cube_chars = max_cube_chars

    def admit(self, scope: Scope, drafts: Sequence[Draft]) -> list[Admitted]:
        """Return what may be stored, in order, without secrets.

        Drafts that are empty, or were nothing but a secret, are left out; a fact whose value was a secret too. A draft
        of a turn that is too long becomes several that together are the whole text; one that was written by hand is
        refused. ``derived_from`` follows the drafts to their new positions.

        Raises: Refused: a draft written by hand has more than ``max_cube_chars`` characters.
        """
        admitted: list[Admitted] = []
        places: list[list[int]] = []
        for draft in drafts:
            clean, redactions = self._cleaned(draft)
            pieces = self._pieces(clean) if _has_substance(clean) else []
            places.append(list(range(len(admitted), len(admitted) + len(pieces))))
            sources = tuple(place for position in draft.derived_from for place in _places_of(places, position))
            sensitivity = (SECRET,) if redactions else ()
            admitted += [
                Admitted(
                    Admitted._TOKEN,
                    replace(clean, text=piece, derived_from=sources),
                    scope,
                    sensitivity=sensitivity,
                    redactions=redactions,
                )
                for piece in pieces
            ]
        return admitted

    def redact(self, text: str) -> str:
        """Return the text with each secret replaced by a mark; the same text when there is none."""
        return self._redacted(text)[0]

    def may_read(self, scope: Scope, cube: MemCube) -> bool:
        """True when the cube is the caller's own: memories are private."""
        return cube.owner == scope.user

    def may_write(self, scope: Scope, cube: MemCube) -> bool:
        """True when the caller may change the cube; removing one's own is always allowed."""
        return cube.owner == scope.user and cube.state is not State.FROZEN

    def check_write(self, scope: Scope, cube: MemCube) -> None:
        """Raises: Refused: the caller may not change the cube."""
        if not self.may_write(scope, cube):
            frozen = cube.owner == scope.user
            raise Refused(
                "A frozen memory cannot be changed; it can be read or deleted."
                if frozen
                else "This memory belongs to another user."
            )

    def _redacted(self, text: str) -> tuple[str, int]:
        if self._detector is None or not text:
            return text, 0
        secrets = [secret for secret in self._detector.find(text) if secret and secret not in REDACTED]
        for secret in secrets:
            text = text.replace(secret, REDACTED)
        return text, len(secrets)

    def _cleaned(self, draft: Draft) -> tuple[Draft, int]:
        """Return the draft without secrets, and how many there were in its text."""
        text, redactions = self._redacted(draft.text.strip())
        clean: Callable[[str], str] = self.redact
        fact = draft.fact
        if fact is not None:
            # A value may be a secret only beside its words ("the password is ..."), so the text's finding counts too.
            value = fact.value if fact.value in text else clean(fact.value)
            hidden = redactions > 0 and fact.value in draft.text and fact.value not in text
            fact = replace(fact, value=REDACTED if hidden else value)
        cleaned = replace(
            draft,
            text=text,
            fact=fact,
            tags=tuple(map(clean, draft.tags)),
            entities=tuple(map(clean, draft.entities)),
        )
        return cleaned, redactions

    def _pieces(self, draft: Draft) -> list[str]:
        if len(draft.text) <= self._max_cube_chars:
            return [draft.text]
        by_hand = draft.source.turn_id is None and draft.semantic_type is not SemanticType.TURN
        if by_hand:
            raise Refused(
                f"The text has {len(draft.text)} characters; a memory may have {self._max_cube_chars}. "
                "Split it, or raise max_cube_chars in the configuration.",
                param="text",
                code="text_too_long",
            )
        return split(draft.text, self._max_cube_chars)


def split(text: str, limit: int) -> list[str]:
    """Return pieces of at most ``limit`` characters, cut where the text itself pauses; white space at cuts goes."""
    pieces: list[str] = []
    start = 0
    while len(text) - start > limit:
        end = start + _cut(text[start : start + limit])
        pieces.append(text[start:end].strip())
        start = end
    pieces.append(text[start:].strip())
    return [piece for piece in pieces if piece]


def _cut(window: str) -> int:
    """Return where to cut: after the last pause in the window's second half, the greatest kind of pause first."""
    for pause in _BREAKS:
        position = window.rfind(pause, len(window) // 2)
        if position >= 0:
            return position + len(pause)
    return len(window)


def _has_substance(draft: Draft) -> bool:
    """True when something is left beside marks and punctuation; of a fact, in its value."""
    telling = draft.text if draft.fact is None else draft.fact.value or draft.text
    return all(_SUBSTANCE.search(text.replace(REDACTED, "")) for text in (draft.text, telling))


def _places_of(places: Sequence[Sequence[int]], position: int) -> Sequence[int]:
    return places[position] if position < len(places) else ()
