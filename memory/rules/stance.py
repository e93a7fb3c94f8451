"""A memory in, whose it is and how it is meant out: stated of the speaker, said of others, mused about, asked for."""

import re
from dataclasses import dataclass

from memory.cube import MemCube, SemanticType
from memory.rules.lexicon import RELATIVE
from memory.spaces import SharedCube
from memory.trust import is_external

SOMEBODY = re.compile(rf"\b(?:my|our) (?:{RELATIVE})\b", re.IGNORECASE)
_OF_OTHERS = re.compile(
    rf"^(?:my|our) (?:{RELATIVE})\b(?!(?: [A-Z][\w'-]+)? and (?:i|me)\b)"
    rf"(?!(?:'s name)? (?:is|'s)(?: called| named)?(?: now)? [A-Z][\w'-]*[.!]?$)"
    rf"|^[A-Z][\w'-]+, (?:my|our) (?:{RELATIVE}),",
    re.IGNORECASE,
)
_MUSED = re.compile(  # of lower case: whatever the case, each search takes four times as long, and a recall makes 30
    r"\b(?:if i|i wish|would never|would love|would like|wondered?|daydream\w*|dream(?:t|ed|ing)? (?:of|about)|"
    r"as a (?:kid|child)|no plans?|don't (?:intend|plan)|never (?:do|learn|buy|happen)|decided against|"
    r"doesn't appeal|too (?:expensive|pricey|dear)|test[- ]dr[io]ve|thought about|thinking (?:of|about)|considered|"
    r"considering|someday|one day|might|maybe|perhaps|looked nice|sounds? (?:nice|beautiful|tempting|fun)|"
    r"some(?:body|one) mentioned|for fun)\b",
)
_TO_THE_ASSISTANT = re.compile(
    r"^(?:please |now |and )*(?:can you |could you |would you )?(?:give|tell|write|summari[sz]e|explain|suggest|"
    r"recommend|translate|make|show|list|describe|calculate|compare|help|draft|find|recite|sing|count|draw|name)\b",
    re.IGNORECASE,
)


def is_of_others(cube: MemCube) -> bool:
    """True for what is said of somebody else than the user, or by somebody else."""
    if isinstance(cube, SharedCube):
        return True
    if cube.fact is not None and cube.semantic_type is not SemanticType.TURN:
        return cube.fact.subject != "user" and not cube.fact.attribute.startswith("thing:")
    return bool(_OF_OTHERS.match(cube.text))


def muses(text: str) -> bool:
    """True for words that wish, suppose or reject instead of stating."""
    return bool(_MUSED.search(text.lower()))


def is_mused(cube: MemCube) -> bool:
    """True for a verbatim turn that muses."""
    return cube.semantic_type is SemanticType.TURN and muses(cube.text)


def is_request(cube: MemCube) -> bool:
    """True for what the user only asked or wanted."""
    return cube.source.role == "user" and ("question" in cube.tags or bool(_TO_THE_ASSISTANT.match(cube.text)))


@dataclass(frozen=True, slots=True)
class Stance:
    """How a memory is meant, found out once."""

    request: bool  #: only asked or wanted
    others: bool  #: said of somebody else
    mused: bool  #: wished or supposed
    states: bool  #: stated by the speaker of themselves


def stance_of(cube: MemCube) -> Stance:
    """Return how a memory is meant."""
    request, others, mused = is_request(cube), is_of_others(cube), is_mused(cube)
    own = cube.source.role == "user" and not is_external(cube.trust)
    return Stance(request, others, mused, own and not (request or others or mused))


def states(cube: MemCube) -> bool:
    """True for what the speaker states of themselves."""
    return stance_of(cube).states
