"""A message and what was stated before in, what the message puts right out: "No, I meant Porto".

Law: a correction names what it replaces, or stands directly behind it; nothing else is taken back.
"""

import re
from collections.abc import Sequence
from dataclasses import replace

from memory.rules.predicates import Statement
from memory.rules.sentences import clauses, sentences
from memory.rules.statements import instead, read_statements
from memory.rules.values import trimmed

_CORRECTS = re.compile(
    r"^(?:no+|nope|sorry|oops|wait|correction|autocorrect|actually|hm+|i mean|typo|my (?:bad|mistake)|not quite|"
    r"wrong|apologies|ah|well|rather)\b[,.!:; -]*",
    re.IGNORECASE,
)
_MEANT = (
    re.compile(
        r"^(?:(?:i|we) (?:meant|mean)|i meant to say|make (?:that|it)|(?:it|that) should (?:be|have been|say)|"
        r"should be|it(?:'s| is| was)|that(?:'s| is)|that was|rather)(?: (?:actually|really|called|named|in|at|the))* "
        r"(?P<new>.+?)(?:,? (?:and )?not (?P<old>.+?))?$",
        re.IGNORECASE,
    ),
    re.compile(
        r"^i (?:said|wrote|typed|told you)(?: that)? (?P<old>.+?)(?: earlier| before)?,? but "
        r"(?:i (?:meant|mean)|it(?:'s| is)|i'm|actually it's)(?: that (?:my .+? is|i .+? in))? (?P<new>.+?)$",
        re.IGNORECASE,
    ),
    re.compile(r"^not (?P<old>.+?)[,;:] ?(?:but |rather |it's )?(?P<new>.+?)$", re.IGNORECASE),
    re.compile(r"^(?P<new>.+?),? not (?P<old>.+?)$", re.IGNORECASE),
)  # fmt: skip

_MAX_CORRECTION_CHARS = 1000  #: white space and all
_RATHER = re.compile(r"^not (?P<old>[^,;:]+?)\s*[,;:\u2013\u2014-]+\s+(?P<rest>(?:my|i|i'm)\s.+)$", re.IGNORECASE)


def corrected(text: str, context: Sequence[Statement]) -> list[Statement]:
    """Return what a correction ("No, I meant Porto") states in the light of what was stated before, oldest first.

    The old value comes back as taken back where values add up. [] when it is no correction or nothing fits.
    """
    if not context or len(text) > _MAX_CORRECTION_CHARS:
        return []
    body, marked = _without_marks(text)
    if len(body) > 120:
        return []
    rather = _RATHER.match(body)
    if rather:
        return _rather(trimmed(rather["old"]), rather["rest"], context)
    for number, pattern in enumerate(_MEANT):
        found = pattern.match(body)
        if not found or (number == 3 and not marked and not found["old"]):
            continue
        old = trimmed(_sentence(found["old"] or ""))
        before = _meant(old, context)
        said = _sentence(found["new"], last=number == 3)
        new = trimmed(re.split(r"\s[\u2013\u2014-]\s|,| that (?:I|i|my|we)\b", said)[0])
        if before and new and (marked or old or "meant" in body.lower()):
            return _instead(before, new)
    return []


def is_correction(text: str) -> bool:
    """True for "No, I meant Porto", "Sorry, it's Porto, not Lisbon"."""
    if len(text) > _MAX_CORRECTION_CHARS:
        return False
    body, marked = _without_marks(text)
    if len(body) > 160:
        return False
    return bool(re.match(r"(?:i|we) meant\b", body, re.IGNORECASE)) or (
        marked and bool(body) and any(p.match(body) for p in _MEANT)
    )


def _without_marks(text: str) -> tuple[str, bool]:
    body = " ".join(text.split()).strip().rstrip(".!")
    marked = False
    for _ in range(3):
        shorter = _CORRECTS.sub("", body)
        marked = marked or shorter != body
        body = shorter
    return body, marked


def _sentence(words: str, *, last: bool = False) -> str:
    """Return the first sentence, or the last: no value runs over the end of one."""
    pieces = sentences(words)
    return pieces[-1 if last else 0].rstrip(".!") if pieces else ""


def _meant(old: str, context: Sequence[Statement]) -> Statement | None:
    if old:
        return next((one for one in reversed(context) if _bare(one.fact.value) == _bare(old)), None)
    return context[-1] if context else None


def _bare(value: str) -> str:
    return re.sub(r"^(?:an?|the) ", "", value.casefold())


def _rather(old: str, rest: str, context: Sequence[Statement]) -> list[Statement]:
    """Read "Not soy, my allergy is to latex": the old value is taken back where values add up."""
    before = _meant(old, context)
    stated = read_statements(clauses(rest))
    if before and not before.fact.single and any(one.fact.attribute == before.fact.attribute for one in stated):
        return [replace(before, negated=True), *stated]
    return stated


def _instead(before: Statement, new: str) -> list[Statement]:
    stated = instead(before, new)
    if stated is None:
        return []
    return [stated] if before.fact.single else [replace(before, negated=True), stated]
