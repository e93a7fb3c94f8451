"""Drafts in, Admitted out: what may be stored, and how far it is believed.

The only maker of Admitted: it holds the token that the class asks for. What is sensitive is screened by policy before
anything is stored, trust is the least of all that a draft is derived from, half characters (lone surrogates) become
U+FFFD. Of one turn's text at most ``MAX_PIECES`` pieces are stored.
"""

import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import replace

from memory.cube import FactKey, MemCube, SemanticType, Trust
from memory.errors import Refused
from memory.ports import SecretDetector, SensitiveDetector
from memory.rules.names import entities_in
from memory.rules.sentences import well_formed
from memory.sensitivity import DEFAULT_RULES, MARK, MAX_FOUND, Rule, Screened, Sensitivity
from memory.sensitivity import REDACTED as REDACTED  # the mark is part of what this module promises
from memory.trust import attacks, least, origin_under, trust_of_role
from memory.turn import Admitted, Draft, Scope

#: Of one draft of a turn: about a megabyte in pieces of the usual length. What is behind stays in the ledger only.
MAX_PIECES = 64
MAX_SECRETS = MAX_FOUND
MAX_NAMED_CHARS = 2_000  #: names are looked for in the front of a piece

_SUBSTANCE = re.compile(r"\w")
_BREAKS = ("\n\n", "\n", ". ", "! ", "? ", "; ", ", ", " ")


class Governance:
    """Decides what becomes a memory. ``detector`` None: secrets are not looked for."""

    def __init__(
        self,
        detector: SecretDetector | None,
        *,
        personal: Sequence[SensitiveDetector] = (),
        rules: Mapping[str, Rule] = DEFAULT_RULES,
        max_cube_chars: int = 16_000,
    ) -> None:
        self._sensitivity = Sensitivity(detector, personal, rules)
        self._max_cube_chars = max_cube_chars

    @property
    def local_only(self) -> frozenset[str]:
        """Sensitivity tags of what only local models may read."""
        return self._sensitivity.local_only

    def admit(self, scope: Scope, drafts: Sequence[Draft]) -> list[Admitted]:
        """Return what may be stored, in order, without what the policy hides.

        Drafts that are empty, or were nothing but a secret, are left out; a fact whose value was a secret too, and
        orders that pose as a fact. A draft of a turn that is too long becomes several that together are the whole
        text, up to ``MAX_PIECES``, less those that hold what the policy refuses. ``derived_from`` follows the drafts to
        their new positions.

        Raises: Refused: a draft written by hand has more than ``max_cube_chars`` characters, or holds what is refused.
        """
        admitted: list[Admitted] = []
        places: list[list[int]] = []
        for draft in drafts:
            clean, screened = self._cleaned(draft)
            sources = tuple(place for position in draft.derived_from for place in _places_of(places, position))
            trusted = weigh(clean, (admitted[place].draft.trust for place in sources))
            pieces = self._pieces(clean, screened.refused) if trusted and _has_substance(clean) else []
            places.append(list(range(len(admitted), len(admitted) + len(pieces))))
            admitted += [
                Admitted(
                    Admitted._TOKEN,
                    replace(_part(trusted or clean, piece, number), derived_from=sources),
                    scope,
                    sensitivity=screened.tags,
                    redactions=screened.hidden,
                )
                for number, piece in enumerate(pieces)
            ]
        return admitted

    def redact(self, text: str) -> str:
        """Return the text with a mark in the place of all that the policy hides; the same text when there is none.

        A text with more than ``MAX_SECRETS`` different secrets becomes one mark.
        """
        return self._sensitivity.hidden(text)

    def named_in(self, text: str, names: Iterable[str]) -> list[str]:
        """Return those of a text's names that the policy does not hide in it: alone a password looks like any word."""
        shown = self.redact(text).casefold()
        return [name for name in names if name.casefold() in shown]

    def _cleaned(self, draft: Draft) -> tuple[Draft, Screened]:
        """Return the draft without what is hidden, and what was found in its text."""
        draft = replace(draft, text=well_formed(draft.text.strip()))
        screened = self._sensitivity.screened(draft.text)
        text = screened.text
        clean: Callable[[str], str] = self._clean_label
        fact = draft.fact
        if fact is not None:
            # A value may be a secret only beside its words ("the password is ..."), so the text's finding counts too.
            said = well_formed(fact.value)
            value = said if said in text else clean(said)
            hidden = screened.hidden > 0 and said in draft.text and said not in text
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
            entities=tuple(clean(name) for name in draft.entities if name not in draft.text or name in text),
        )
        return cleaned, screened

    def _clean_label(self, text: str) -> str:
        return self.redact(well_formed(text))

    def _pieces(self, draft: Draft, refused: Sequence[str]) -> list[str]:
        by_hand = draft.source.turn_id is None and draft.semantic_type is not SemanticType.TURN
        if by_hand and refused:
            raise Refused(
                f"The text holds what this server's policy does not store ({', '.join(refused)}); "
                "leave it out, or change governance.sensitivity in the configuration.",
                param="text",
                code="sensitive_text",
            )
        if len(draft.text) <= self._max_cube_chars:
            pieces = [draft.text]
        elif by_hand:
            raise Refused(
                f"The text has {len(draft.text)} characters; a memory may have {self._max_cube_chars}. "
                "Split it, or raise max_cube_chars in the configuration.",
                param="text",
                code="text_too_long",
            )
        else:
            pieces = split(draft.text, self._max_cube_chars, most=MAX_PIECES)
        return [piece for piece in pieces if not any(mark[1] == "withheld" for mark in MARK.finditer(piece))]


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


def weigh(draft: Draft, sources: Iterable[Trust] = ()) -> Draft | None:
    """Return the draft with the least trust of all it is derived from; None for orders that pose as a turn's fact.

    What comes from outside states no part of the profile: the stable block is for the user's own word.
    """
    hostile = attacks(draft.text)
    if hostile and draft.fact is not None and draft.source.turn_id is not None:
        return None
    trust = least((draft.trust, trust_of_role(draft.source.role), *sources))
    if hostile or draft.semantic_type is SemanticType.DOCUMENT:
        trust = least((trust, Trust.DOCUMENT))
    fact = None if hostile else draft.fact
    if fact is not None and trust < Trust.USER:
        fact = replace(fact, profile=False)
    return replace(draft, trust=trust, origin=origin_under(trust, draft.origin), fact=fact)


def restated(cube: MemCube, admitted: Admitted, fact: FactKey | None) -> MemCube:
    """Return the cube with what was let through of its new text, and the fact that this states."""
    clean = admitted.draft
    weighed = weigh(replace(clean, fact=fact)) or clean
    return replace(
        cube,
        text=clean.text,
        tags=clean.tags,
        fact=weighed.fact,
        trust=weighed.trust,
        origin=weighed.origin,
        sensitivity=admitted.sensitivity,
    )


def _has_substance(draft: Draft) -> bool:
    """True when something is left beside marks and punctuation; of a fact, in its value."""
    telling = draft.text if draft.fact is None else draft.fact.value or draft.text
    return all(_SUBSTANCE.search(MARK.sub("", text)) for text in (draft.text, telling))


def _places_of(places: Sequence[Sequence[int]], position: int) -> Sequence[int]:
    return places[position] if position < len(places) else ()
