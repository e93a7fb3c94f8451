"""Where words come from in, how far they are believed out; and whether words try to give orders.

Law: trust only ever falls. What is derived has the least trust of all it is derived from; a tool's or a document's word
never gains the rank of the user's own (OWASP's "trust = minimum over lineage").
"""

import base64
import binascii
import re
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from memory.cube import Origin, Trust
from memory.rules.characters import look_of, without_invisible

_BY_ROLE = {"user": Trust.USER, "assistant": Trust.ASSISTANT, "document": Trust.DOCUMENT}
TOOL_ROLES = ("tool", "function")
MAX_CHECKED_CHARS = 200_000
_MAX_DECODED = 8  #: base64 runs that are read

_ORDERS = r"(?:instructions?|prompts?|rules|guidelines|directives?|guardrails|restrictions|policies|constraints)"
_CREDENTIAL = r"(?:passwords?|passcodes?|passphrases?|pins?|credentials?|tokens?|api keys?|secret keys?)"

#: Words that no one says to a memory in good faith, whoever says them.
_ATTACKS = re.compile(
    rf"""(?isx)
      \b(?:ignor\w*|disregard\w*|forget|overrid\w*|bypass\w*|discard\w*|drop)\s(?:[\w']+\s){{0,4}}?
        (?:previous|prior|above|earlier|preceding|all|any|your|system|existing|former)\s(?:(?!my\b)[\w']+\s){{0,3}}?
        {_ORDERS}\b
    | \b(?:reveal|print|show|repeat|output|leak|dump)\s(?:[\w']+\s){{0,4}}?
        (?:system\s(?:prompt|message)|hidden\sinstructions|initial\sinstructions)\b
    | \b(?:new|updated|revised|real|actual)\s(?:system\s)?(?:instructions?|directives?|orders)\s?:
    | \b(?:system|admin\w*|developer|security|root|operator)\s(?:override|notice|message|alert|instructions?|update|
        prompt|note|command|directive|policy)\b\s?[:=\]>]
    | (?:^|\n)[\s#*>\[(<]{{0,6}}(?:system|developer|assistant)(?:\smessage|\sprompt)?[\])>*]{{0,3}}\s?:
    | <[|\uff5c][^|\uff5c<>]{{1,40}}[|\uff5c]>
    | </?(?:start_of_turn|end_of_turn|memory|system|tool_response|tool_call)\b
    | \[/?(?:INST|SYSTEM_PROMPT|TOOL_RESULTS)\] | <<\s?/?SYS\s?>>
    | \bknown\sabout\sthe\suser\s\(background
    | \b(?:developer|debug|god|dan|jailbreak|unrestricted|maintenance)\smode\b
    | \byou\s(?:are|will\sbe)\snow\s(?:[\w'-]+\s){{0,4}}?(?:unrestricted|jailbroken|dan|admin\w*|root)\b
    | \b(?:admin\w*|root|master|system|superuser|service|company|shared)(?:'s)?\s(?:account\s)?{_CREDENTIAL}\b
        \s?(?:is|are|was|has|to|=|:)
    | \b(?:send|post|forward|exfiltrat\w*|upload|e-?mail|transmit|append|leak)\s(?:[\w']+\s){{0,8}}?
        (?:memor(?:y|ies)|conversations?|chat\shistory|secrets?|{_CREDENTIAL}|personal\sdata)\s(?:[\w']+\s){{0,6}}?
        (?:to|at|via)\s\S{{0,80}}?(?:://|@|\.\w{{2,}})
    | !\[[^\]\n]{{0,80}}\]\(https?://[^)\s]{{0,200}}[?&][^)\s]{{0,200}}(?:memor|secret|data|token|\{{|\$)
    | \b(?:every|all|other|each)\s(?:other\s)?(?:users?|people|customers|accounts|tenants)(?:'s|s')?\s
        (?:memor(?:y|ies)|profiles?)\b
    """
)
#: Words that speak about the user instead of as the user, to whoever keeps a memory.
_SPOKEN_FOR = re.compile(
    r"""(?isx)
      \b(?:remember|stor(?:e|ing)|sav(?:e|ing)|not(?:e|ing)|memori[sz]e|record|write\sdown|add|updat(?:e|ing)|append|
        persist|keep\sin\smind|learn|log)\b\s?:?\s(?:[\w':,]+\s){0,6}?
        (?:that\s|to\s|for\s|about\s|in\s)?(?:the|this|your|current|every|all)\s(?:current\s)?users?\b
    | \b(?:the|this|your|current)\suser(?:'s\s[\w\s]{2,30}?)?\s(?:has\s|had\s|have\s|now\s|already\s|explicitly\s)*
        (?:said|told|says|confirm\w*|stat(?:ed|es)|wants?|prefers?|asked|agree[sd]|authori[sz]e[sd]|approve[sd]|
        consent\w*|instruct\w*|request\w*|decided|lives?|works?|is|likes?|loves?|hates?|was|moved|must|should|needs?)\b
    | \b(?:remember|store|save|note|memori[sz]e|record|keep|write\sdown)\b\s(?:[\w']+\s){0,3}?for\s(?:the\s)?
        (?:user|account|customer|tenant|person|profile)s?\b
    | \b(?:add|write|save|store|insert|commit|put|sync)\s(?:[\w':,]+\s){0,8}?(?:in)?to\s
        (?:your\s|the\s|[\w']+\s)?(?:long[-\s]?term\s)?(?:memor(?:y|ies)|profile)\b
    | \bupdate\s(?:your|the|user|[\w]+'s)\s(?:[\w]+\s)?(?:memor(?:y|ies)|profile)\b
    | \b(?:on\sbehalf\sof|speaking\sfor|acting\sfor|impersonat\w*)\s(?:the\s)?(?:user|admin\w*|another|account)\b
    """
)
#: Orders that are to hold from now on: the user may give them; what others say so is no memory of the user.
_STANDING = re.compile(
    r"""(?isx)
      \b(?:from\snow\son|from\sthis\spoint\s(?:on|forward)|going\sforward|in\s(?:all|every)\s(?:future|later)|henceforth|
        (?:for|in)\s(?:all|every)\s(?:\w+\s)?(?:conversations?|sessions?|chats?|repl(?:y|ies)|answers?))\b
    | \byou\s(?:must|should|shall|are\s(?:to|required\sto))\s(?:always|never|from\snow)\b
    | \b(?:always|never)\s(?:respond|reply|answer|recommend|say|mention|include|begin|end|start|add|tell|refer|trust)\b
    """
)
_SPACED_OUT = re.compile(r"\b(?:[A-Za-z][ .\-_*]){5,}[A-Za-z]\b")
_BASE64 = re.compile(r"(?<![\w+/=-])[A-Za-z0-9+/_-]{24,4000}={0,2}(?![\w+/=])")


def trust_of_role(role: str) -> Trust:
    """Return the trust in what someone says: user, assistant, document; any other role is a tool's."""
    return _BY_ROLE.get(role, Trust.TOOL)


def trust_of_roles(messages: Iterable[Mapping[str, Any]]) -> Trust:
    """Return ``Trust.TOOL`` when a tool's output is among OpenAI messages: all later answers may rest on it."""
    return Trust.TOOL if any(message.get("role") in TOOL_ROLES for message in messages) else Trust.USER


def least(trusts: Iterable[Trust]) -> Trust:
    """Return the least of these; of none, the user's."""
    return min(trusts, default=Trust.USER)


def is_external(trust: Trust) -> bool:
    """True for the word of a tool or a document: it comes from outside the conversation."""
    return trust < Trust.ASSISTANT


def origin_under(trust: Trust, origin: Origin) -> Origin:
    """Return the origin that a memory of this trust has."""
    return Origin.EXTERNAL if is_external(trust) else origin


def attacks(text: str) -> bool:
    """True when the text tries to give orders to a model or to open its frame. Linear; hidden letters are seen.

    Text that is base64 is read too. It is a net with holes: what it lets through is a quote or a fact like any other,
    in the fence with all others.
    """
    return any(_ATTACKS.search(reading) for reading in _readings(text))


def speaks_for_user(text: str) -> bool:
    """True when the text tells a memory what to keep about "the user", as no user says it of themselves."""
    return any(_SPOKEN_FOR.search(reading) for reading in _readings(text))


def gives_orders(text: str) -> bool:
    """True when the text wants to rule later answers; of others than the user that is never taken over."""
    return any(pattern.search(reading) for reading in _readings(text) for pattern in (_ATTACKS, _STANDING, _SPOKEN_FOR))


def _readings(text: str) -> Iterator[str]:
    """Yield the text as it looks; with spaced-out words closed up; and what its base64 says."""
    shown = look_of(without_invisible(text[:MAX_CHECKED_CHARS]))
    yield _one_space(shown)
    closed = _SPACED_OUT.sub(lambda found: re.sub(r"[ .\-_*]", "", found[0]), shown)
    if closed != shown:
        yield _one_space(closed)
    for number, run in enumerate(_BASE64.finditer(shown)):
        if number >= _MAX_DECODED:
            break
        if said := _decoded(run[0]):
            yield _one_space(said)


def _one_space(text: str) -> str:
    """Return the text with single spaces; line breaks stay."""
    return re.sub(r"[^\S\n]+", " ", re.sub(r"\s*\n\s*", "\n", text))


def _decoded(run: str) -> str:
    """Return the text that a base64 run holds; "" when it holds none."""
    try:
        raw = base64.b64decode(run.replace("-", "+").replace("_", "/") + "=" * (-len(run) % 4))
        text = raw.decode()
    except (binascii.Error, ValueError):
        return ""
    return look_of(without_invisible(text)) if text.isprintable() and " " in text else ""
