"""The words where a value should stand in, the value without trailing words out, or None when it is not believable.

Law: a value is a part of the words it was read from; nothing is added or respelt.
"""

import re

from memory.rules.kinds import BELIEVABLE
from memory.rules.lexicon import A_MONTH, BINOMIALS, PRONOUNS
from memory.rules.words import EDGES

MAX_WORDS = 8

_TRAIL = re.compile(
    r"(?:,\s*(?:everyone|everybody|mate|man|folks|guys|ugh|yuck|yum|yummy|eww?|bleh|phew|mmm+|tbh|honestly|obviously)|"
    r"[\s,;:]+(?:now|currently|these days|at the moment|right now|nowadays|by the way|btw|though|too|as well|again|"
    r"actually|today|tonight|tomorrow|recently|lately|later|soon|please|you know|you see|i think|i guess|i believe|"
    r"haha|"
    r"lol|already|anyway|for now|at last|finally|instead|at all|together|myself|himself|"
    r"herself|all (?:day|week)|before bed|at night|in the evenings?|on the (?:train|bus|way(?: to work)?)|"
    r"since [\w ]{1,25}|for (?:about |almost |over |nearly |more than )?(?:the (?:past |last )?)?(?:a|an|two|three|"
    r"four|five|six|seven|eight|"
    r"nine|ten|some|several|many|few|a few|the past|the last|\d+) ?(?:years?|months?|weeks?|days?|while|long time|"
    r"decades?|ages)?(?: now)?|for (?:ages|years|months|decades)(?: now)?|"
    rf"(?:last|next|this|past) (?:week|month|year|weekend|summer|winter|spring|autumn|fall|\w+day|{A_MONTH})|yesterday|"
    r"(?:about |over |almost |just |nearly )?(?:a|an|one|two|three|four|five|six|\d+|a few|a couple of|several) "
    r"(?:days?|weeks?|months?|years?) ago|ages ago|years ago|"
    rf"in (?:\d{{4}}|(?:{A_MONTH})"
    r"(?: \d{4})?|(?:a|two|three|\d+) (?:days?|weeks?|months?))|"
    r"on (?:\w+day)|(?:very|so) much|a lot|the most|best of all|more than anything|so far|at least|in fact|"
    r"after all|of course|or so|and stuff|and so on|etc|ever since|all the time|every (?:day|evening|week|night|"
    r"weekend)|full[- ]time|part[- ]time|over there|round here|around here))$",
    re.IGNORECASE,
)
_CUT = re.compile(
    r"\s+(?:because|since|so that|which|who|whom|where|when|while|whereas|but|although|though|until|till|unless|"
    r"instead of|rather than|due to|because of|thanks to|and (?:i|we|my|it|that|so|then|now|you|your|keep|don't|"
    r"please)|"
    r"and (?:want|need|would|am|was|have|had|will|can|could|like|love|live|work))\b.*$|"
    r"\s*(?:[;\[{\u2026]|\((?!\d{2,5}\) ?\d)).*$|"
    r"\s[\u2013\u2014-]\s.*$|:\s.*$|,?\s+not\s+.*$|,\s+(?:so|and|but|which|who|where|because|as|if|since|my|i|we|it|"
    r"it's|that|in case|please|thanks|keep|remember|note|don't|do not|use|he|she|they|you|just)\b.*$",
    re.IGNORECASE,
)
_NONE = re.compile(r"^no longer\s|\s(?:is|are)$", re.IGNORECASE)  # what it is not, or what was cut off at a mask
#: "Obviously not pink": what it is not.
_DENIED = re.compile(
    r"^(?:obviously|certainly|definitely|clearly|surely|probably|simply|absolutely|actually|really|truly|honestly|"
    r"still|just|now|also|usually|currently|sadly|luckily|apparently|evidently|maybe|perhaps) not\b",
    re.IGNORECASE,
)
#: "I hate coriander, tastes like soap": how it is. Written small, for names of places follow commas too.
_MORE = (
    r"(?:(?:tast|smell|look|feel|sound|seem|remind|mak|giv|keep|hurt|cost|get|driv|turn|bring|tak|put|mean|help|ruin|"
    r"calm|work)e?s (?!of\b|and\b|or\b|in\b|on\b|at\b|by\b)|(?:taste|smell|look|feel|sound|seem|remind|make|give) "
    r"(?:like|so|too|me|us|it|really|very) |[a-z]+s (?:me|us|them) |[a-z]+ as (?=hell|heck|fuck|anything))\w"
)
_SAYS_MORE, _AND_SAYS_MORE = re.compile(_MORE), re.compile(rf",\s+{_MORE}.*$")
#: Behind the name of somebody who says it without a comma: "I'm Sober since March" is none.
_BESIDE_NAME = re.compile(
    r"\s+(?!(?:and|but|who|by the way|btw|actually|here|speaking|though|haha|lol|please)\b)[^\W_]", re.IGNORECASE
)
_SPLIT = re.compile(r"\s*(?:,\s*(?:and|or|&)?|\band\b|&|\bor\b|\bas well as\b|/)\s*", re.IGNORECASE)


def trimmed(words: str) -> str:
    """Return the words without what follows the value: times, fillers, reasons, contrasts and punctuation."""
    if _DENIED.match(words.strip()):
        return ""
    value = without_trail(_AND_SAYS_MORE.sub("", _CUT.sub("", words.strip(), count=1)).strip(EDGES))
    if words.strip().startswith("(") and value.count(")") > value.count("("):
        value = f"({value}"  # "(555) 123-4567"
    return "" if _NONE.search(value) else value


def without_trail(words: str) -> str:
    """Return the words without times and fillers at their end: "now", "for years", "by the way"."""
    for _ in range(4):
        shorter = _TRAIL.sub("", words).strip(EDGES)
        if shorter == words:
            break
        words = shorter
    return words


def listed(words: str) -> list[str]:
    """Return the members of a list ("jazz, chess and tea"); what is joined by "and" by custom stays whole."""
    if words.casefold() in BINOMIALS:
        return [words]
    parts = [part for part in _SPLIT.split(words) if part and part.strip(EDGES)]
    for size in (2, 3):
        for n in range(len(parts) - size + 1):
            whole = _between(words, parts[n : n + size])
            if whole.casefold() in BINOMIALS:
                return [*parts[:n], whole, *parts[n + size :]]
    return [part.strip(EDGES) for part in parts]


def believable(kind: str, words: str, *, casual: bool) -> str | None:
    """Return the value of that kind, or None; ``casual``: the user writes everything in lower case."""
    value = trimmed(words)
    if not value or len(value) > 120 or len(value.split()) > MAX_WORDS:
        return None
    if value.casefold() in PRONOUNS and kind != "count":
        return None
    if kind != "title" and _SAYS_MORE.match(value):
        return None
    if kind == "strict_name" and _BESIDE_NAME.match(words.strip()[len(value) :]):
        return None
    return BELIEVABLE[kind](value, casual)


def _between(words: str, parts: list[str]) -> str:
    start = words.find(parts[0])
    end = words.find(parts[-1], start + len(parts[0])) + len(parts[-1])
    return words[start:end]
