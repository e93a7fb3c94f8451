"""Drafts in, Admitted out: what may be stored.

The only maker of Admitted: it holds the token that the class asks for. Secrets are replaced by a mark before anything
is stored; half characters (lone surrogates) become U+FFFD. Of one turn's text at most ``MAX_PIECES`` pieces are stored.
"""

import re
from collections.abc import Callable, Sequence
from dataclasses import replace

from memory.cube import SemanticType
from memory.errors import Refused
from memory.ports import SecretDetector
from memory.rules.names import entities_in
from memory.rules.sentences import well_formed
from memory.turn import Admitted, Draft, Scope

REDACTED = "[redacted]"
#: Sensitivity tag of what held a secret.
SECRET = "secret"  # noqa: S105 - a tag

#: Of one draft of a turn: about a megabyte in pieces of the usual length. What is behind stays in the ledger only.
MAX_PIECES = 64
MAX_SECRETS = 500  #: of a text; one with more is a list of secrets, and nothing of it is stored
MAX_NAMED_CHARS = 2_000  #: names are looked for in the front of a piece

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
        of a turn that is too long becomes several that together are the whole text, up to ``MAX_PIECES``; one that was
        written by hand is refused. ``derived_from`` follows the drafts to their new positions.

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
                    replace(_part(clean, piece, number), derived_from=sources),
                    scope,
                    sensitivity=sensitivity,
                    redactions=redactions,
                )
                for number, piece in enumerate(pieces)
            ]
        return admitted

    def redact(self, text: str) -> str:
        """Return the text with each secret replaced by a mark; the same text when there is none.

        A text with more than ``MAX_SECRETS`` different secrets becomes one mark.
        """
        return self._redacted(text)[0]

    def _redacted(self, text: str) -> tuple[str, int]:
        if self._detector is None or not text:
            return text, 0
        secrets = [secret for secret in self._detector.find(text) if secret and secret not in REDACTED]
        if len(secrets) > MAX_SECRETS:
            return REDACTED, len(secrets)
        for secret in secrets:
            text = text.replace(secret, REDACTED)
        return text, len(secrets)

    def _cleaned(self, draft: Draft) -> tuple[Draft, int]:
        """Return the draft without secrets, and how many there were in its text."""
        draft = replace(draft, text=well_formed(draft.text.strip()))
        text, redactions = self._redacted(draft.text)
        clean: Callable[[str], str] = self._clean_label
        fact = draft.fact
        if fact is not None:
            # A value may be a secret only beside its words ("the password is ..."), so the text's finding counts too.
            said = well_formed(fact.value)
            value = said if said in text else clean(said)
            hidden = redactions > 0 and said in draft.text and said not in text
            fact = replace(
                fact,
                subject=well_formed(fact.subject),
                attribute=well_formed(fact.attribute),
                value=REDACTED if hidden else value,
            )
        cleaned = replace(
            draft,
            text=text,
            fact=fact,
            tags=tuple(map(clean, draft.tags)),
            entities=tuple(map(clean, draft.entities)),
        )
        return cleaned, redactions

    def _clean_label(self, text: str) -> str:
        return self.redact(well_formed(text))

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
        return split(draft.text, self._max_cube_chars, most=MAX_PIECES)


def split(text: str, limit: int, most: int | None = None) -> list[str]:
    """Return the first ``most`` pieces (None: all) of at most ``limit`` characters, cut where the text itself pauses.

    White space at cuts goes.
    """
    pieces: list[str] = []
    start = 0
    while start < len(text) and (most is None or len(pieces) < most):
        end = len(text) if len(text) - start <= limit else start + _cut(text[start : start + limit])
        piece = text[start:end].strip()
        if piece:
            pieces.append(piece)
        start = end
    return pieces


def _part(draft: Draft, piece: str, number: int) -> Draft:
    """Return the draft as one piece of its text: with the names that stand there, and with times if it is the front."""
    if piece == draft.text:
        return draft
    names = [name for name in draft.entities if name in piece]
    if number > 0:
        names += entities_in(piece[:MAX_NAMED_CHARS])
    tags = draft.tags if number == 0 else tuple(tag for tag in draft.tags if not tag.startswith("when:"))
    return replace(draft, text=piece, tags=tags, entities=tuple(dict.fromkeys(names)))


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
