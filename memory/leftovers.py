"""A turn that tells of somebody who is to be forgotten in, what it says of others out, as a turn of its own.

Law: only what stands without the rest is kept: it begins with whom it is about, and says neither what is forgotten nor
"she", who may be just that.
"""

import re
from collections.abc import Collection

from memory.cube import MemCube, Origin, SemanticType, Source
from memory.rules.lexicon import BEINGS
from memory.rules.names import entities_in
from memory.rules.sentences import asks, sentences_and_rest
from memory.trust import is_external
from memory.turn import Draft
from memory.vault.forgotten_names import ForgottenNames
from memory.vault.scrub import FORGOTTEN
from memory.vault.spoken_of import without_age

_JOINT = re.compile(r",?\s+(?:and|but|while|whereas)\s+(?=(?:my|our|i|we)\b)", re.IGNORECASE)
_VERB = r"(?:is|was|has|had|can|will|would|went|came|got|\w{2,}(?<![su])s|\w{2,}ed)"
_OWN_SUBJECT = re.compile(
    rf"(?:(?:i|we)(?: am|'m| \w+)|(?i:my|our) (?:{BEINGS})(?:,? (?-i:[A-Z])[\w-]+){{0,2}} {_VERB})\b", re.IGNORECASE
)
_PRONOUN = re.compile(r"\b(?:he|she|they|it|him|her|hers|his|them|their|its|both|there|that|this)\b", re.IGNORECASE)


def rest_of(cube: MemCube, beings: Collection[str], gone: ForgottenNames, *, shared: bool) -> Draft | None:
    """Return what the user says there of others than these beings; None where the turn stays, or nothing does.

    ``shared``: somebody else is called so too, and a turn that names them stays.
    """
    if not _is_own_turn(cube) or not gone.states(cube.text):
        return None
    sentences, _ = sentences_and_rest(cube.text)
    mentions = re.compile(rf"\b(?:{'|'.join(map(re.escape, beings))})s?\b", re.IGNORECASE)
    if shared and not mentions.search(cube.text):
        return None

    def stays(piece: str) -> bool:
        stands = _OWN_SUBJECT.match(piece) and not _PRONOUN.search(piece) and FORGOTTEN not in piece
        return bool(stands) and not gone.states(piece) and not mentions.search(piece)

    pieces = [piece.strip() for sentence in sentences if not asks(sentence) for piece in _JOINT.split(sentence)]
    text = " ".join(_whole(piece) for piece in pieces if stays(piece))
    return _turn(cube, text) if text and not gone.states(text) else None


def rest_without_age(cube: MemCube, target: str) -> Draft | None:
    """Return what else the user says there than how old somebody is."""
    text = without_age(cube.text, target) if _is_own_turn(cube) else ""
    return _turn(cube, text) if text and FORGOTTEN not in text else None


def _is_own_turn(cube: MemCube) -> bool:
    """True for what the user said in their own words, while it is in use."""
    said = cube.semantic_type is SemanticType.TURN and cube.source.role == "user" and cube.in_use
    return said and not is_external(cube.trust)


def _turn(cube: MemCube, text: str) -> Draft:
    return Draft(
        text=text,
        semantic_type=SemanticType.TURN,
        origin=Origin.USER_INPUT,
        source=Source(conversation_id=cube.source.conversation_id, role="user"),
        trust=cube.trust,
        valid_from=cube.valid_from,
        entities=entities_in(text),
        pinned=cube.pinned,
        priority=cube.priority,
    )


def _whole(piece: str) -> str:
    piece = piece[:1].upper() + piece[1:].rstrip(" ,;")
    return piece if piece.endswith((".", "!", "?")) else f"{piece}."
