"""The words where a value should stand in, the value without trailing words out, or None when it is not believable.

Law: a value is a part of the words it was read from; nothing is added or respelt.
"""

import re
from collections.abc import Callable

from memory.rules.lexicon import (
    BINOMIALS,
    DIETS,
    INSTRUMENTS,
    JOB_SUFFIXES,
    JOBS,
    LANGUAGES,
    NOT_INSTRUMENTS,
    NOT_JOBS,
    NOT_NAMES,
    NOT_VALUES,
    NUMBER_WORDS,
    PRONOUNS,
    VEHICLES,
)

MAX_WORDS = 8

_TRAIL = re.compile(
    r"[\s,;:]+(?:now|currently|these days|at the moment|right now|nowadays|by the way|btw|though|too|as well|again|"
    r"actually|today|tonight|tomorrow|recently|"
    r"lately|please|you know|you see|i think|i guess|i believe|haha|lol|already|anyway|for now|at last|finally|"
    r"instead|everyone|everybody|mate|man|"
    r"since [\w ]{1,25}|for (?:about |almost |over |nearly |more than )?(?:a|an|two|three|four|five|six|seven|eight|"
    r"nine|ten|some|several|many|few|a few|the past|the last|\d+) ?(?:years?|months?|weeks?|days?|while|long time|"
    r"decades?|ages)?(?: now)?|for ages|"
    r"(?:last|next|this|past) (?:week|month|year|weekend|summer|winter|spring|autumn|fall|\w+day|january|february|"
    r"march|april|may|june|july|august|september|october|november|december)|yesterday|"
    r"(?:a|an|one|two|three|four|five|six|\d+|a few|a couple of|several) (?:days?|weeks?|months?|years?) ago|"
    r"ages ago|years ago|"
    r"in (?:\d{4}|(?:january|february|march|april|may|june|july|august|september|october|november|"
    r"december)(?: \d{4})?|(?:a|two|three|\d+) (?:days?|weeks?|months?))|"
    r"on (?:\w+day)|(?:very|so) much|a lot|the most|best of all|more than anything|so far|at least|in fact|"
    r"after all|of course|or so|and stuff|and so on|etc|ever since|all the time|every (?:day|evening|week|night|"
    r"weekend)|full[- ]time|part[- ]time|over there|round here|around here)$",
    re.IGNORECASE,
)
_CUT = re.compile(
    r"\s+(?:because|since|so that|which|who|whom|where|when|while|whereas|but|although|though|until|till|unless|"
    r"instead of|rather than|and (?:i|we|my|it|that|so|then|now|you|your|keep|don't|please)\b|"
    r"and (?:want|need|would|am|was|have|had|will|can|could|like|love|live|work)\b)\s?.*$|\s*[;(\[{\u2026].*$|"
    r"\s[\u2013\u2014-]\s.*$|:\s.*$|,?\s+not\s+.*$|,\s+(?:so|and|but|which|who|where|because|as|if|since|my|i|we|it|"
    r"it's|that|in case|please|thanks|keep|remember|note|don't|do not|use|he|she|they|you|just)\b.*$",
    re.IGNORECASE,
)
_EDGES = " \t\"'.,;:!?*_~()[]{}\u2026\u2013\u2014-"
_WITH = re.compile(r"\s+(?:with|together|alone|as|near my|close to|for work|for my|to be)\b.*$", re.IGNORECASE)
_SPLIT = re.compile(r"\s*(?:,\s*(?:and|or|&)?|\band\b|&|\bor\b|\bas well as\b|/)\s*", re.IGNORECASE)
_AGE = re.compile(r"^(?:\d{1,3}|[a-z]+(?:[- ][a-z]+)?)$", re.IGNORECASE)
_DATE = re.compile(
    r"\b(?:jan(?:uary)?|feb(?:ruary)?|mar(?:ch)?|apr(?:il)?|may|june?|july?|aug(?:ust)?|sept?(?:ember)?|"
    r"oct(?:ober)?|nov(?:ember)?|dec(?:ember)?|christmas|new year)\b|\d{1,2}[./-]\d{1,2}",
    re.IGNORECASE,
)
_NAME = re.compile(
    r"^[^\W\d_][\w'.-]*(?: (?:de|da|van|von|der|del|la|le|el|al|bin|ibn|di|du|of)| [^\W\d_][\w'.-]*){0,4}$"
)
_NOT_LIKED = re.compile(
    r"^(?:your|that|this|these|those|how|what|when|where|why|you|them|him|her|it|both|neither|all|to (?:know|see|"
    r"ask|think|say|hear|have|get|be|do|use|make|thank|add|change|start|point|mention)\b|"
    r"the (?:idea|first|second|third|last|other|previous|next|new|way|answer|style|one|ones|sound|look|option|"
    r"version|code|plan|draft|fact|result|tone|latter|former|rest|same|suggestion|second one)\b|my|his|their|our|"
    r"being|getting|having|going)\b",
    re.IGNORECASE,
)
_NOT_PLACES = frozenset(
    "fear hope peace denial debt poverty pain hell heaven luxury squalor style constant front general particular "
    "fact person bed work sleep dinner lunch "
    "breakfast marketing sales engineering finance vim emacs linux windows mac python rust".split()
)


def trimmed(words: str) -> str:
    """Return the words without what follows the value: times, fillers, reasons, contrasts and punctuation."""
    value = _CUT.sub("", words.strip(), count=1).strip(_EDGES)
    for _ in range(4):
        shorter = _TRAIL.sub("", value).strip(_EDGES)
        if shorter == value:
            break
        value = shorter
    return value


def listed(words: str) -> list[str]:
    """Return the members of a list ("jazz, chess and tea"); what is joined by "and" by custom stays whole."""
    if words.casefold() in BINOMIALS:
        return [words]
    parts = [part for part in _SPLIT.split(words) if part and part.strip(_EDGES)]
    for size in (2, 3):
        for n in range(len(parts) - size + 1):
            whole = _between(words, parts[n : n + size])
            if whole.casefold() in BINOMIALS:
                return [*parts[:n], whole, *parts[n + size :]]
    return [part.strip(_EDGES) for part in parts]


def believable(kind: str, words: str, *, casual: bool) -> str | None:
    """Return the value of that kind, or None; ``casual``: the user writes everything in lower case."""
    value = trimmed(words)
    if not value or len(value) > 120 or len(value.split()) > MAX_WORDS or value.casefold() in PRONOUNS:
        return None
    return BELIEVABLE[kind](value, casual)


def is_number(words: str) -> bool:
    """True for "34", "two", "twenty-one"."""
    if words.isdigit():
        return len(words) <= 3
    return bool(words) and all(part in NUMBER_WORDS for part in words.casefold().replace("-", " ").split())


def _between(words: str, parts: list[str]) -> str:
    start = words.find(parts[0])
    end = words.find(parts[-1], start + len(parts[0])) + len(parts[-1])
    return words[start:end]


def _first(value: str) -> str:
    return value.split()[0].casefold().strip(_EDGES)


def _capital(value: str) -> bool:
    return any(word[:1].isupper() for word in value.split())


def _name(value: str, casual: bool) -> str | None:
    words = value.split(",")[0].strip().split()
    value = " ".join(words)
    if not _NAME.match(value) or _first(value) in NOT_NAMES or _first(value) in NOT_VALUES:
        return None
    if words[0][:1].isupper():
        while len(words) > 1 and words[-1][:1].islower():
            words.pop()
        return " ".join(words)
    return value if casual and len(words) <= 2 else None


def _loose_name(value: str, _casual: bool) -> str | None:
    return _name(value, True)


def _place(value: str, casual: bool) -> str | None:
    head, *more = re.sub(_WITH, "", value).split(",")
    tail = more[0].strip() if more else ""
    if tail[:1].isupper() and len(tail.split()) <= 3:
        head = f"{head.rstrip()}, {tail}" if f"{head.rstrip()}, {tail}" in value else head
    head = head.strip(_EDGES)
    if (
        not head
        or (head[0].isdigit() and not _capital(head))
        or _first(head) in _NOT_PLACES
        or _first(head) in PRONOUNS | {"my", "your"}
    ):
        return None
    if _capital(head) or re.match(r"(?:a|an|the)\s", head, re.IGNORECASE):
        return head
    return head if len(head.split()) <= (3 if casual else 1) else None


def _destination(value: str, casual: bool) -> str | None:
    place = _place(value, casual)
    return place if place and _capital(place) else None


def _company(value: str, _casual: bool) -> str | None:
    head = re.sub(r"\s+(?:as|in|on|doing|together|since|to|where)\b.*$", "", value).split(",")[0].strip(_EDGES)
    if not head or _first(head) in {
        "home",
        "night",
        "nights",
        "least",
        "free",
        "money",
        "peace",
        "fun",
        "myself",
        "my",
        "your",
        "first",
        "once",
        "it",
        "that",
        "this",
        "present",
    }:
        return None
    return head if not re.match(r"\d+\s*(?:am|pm|o'clock|hours)?$", head) else None


def _job(value: str, _casual: bool) -> str | None:
    value = re.sub(r"\s+(?:at|for|in|from|with|by|on|and|to|working)\b.*$", "", value).split(",")[0].strip(_EDGES)
    found = re.match(r"(?:(an?|the)\s+)?(.+)$", value, re.IGNORECASE)
    if not found or len(value.split()) > 6:
        return None
    noun = found[2].casefold().split(" of ")[0]
    last = noun.split()[-1]
    if noun in NOT_JOBS or last in NOT_JOBS:
        return None
    if last in JOBS or noun in JOBS or last.endswith(JOB_SUFFIXES):
        return value
    return None


def _stated_job(value: str, casual: bool) -> str | None:
    """A job after "works as": any noun with an article will do."""
    return _job(value, casual) or (
        value.split(",")[0] if re.match(r"an?\s", value, re.IGNORECASE) and len(value.split()) <= 5 else None
    )


def _date(value: str, _casual: bool) -> str | None:
    return (
        value
        if _DATE.search(value) and re.search(r"\d|christmas|first|second|third|th\b", value, re.IGNORECASE)
        else None
    )


def _age(value: str, _casual: bool) -> str | None:
    value = re.sub(r"\s+years?(?: old| of age)?$", "", value)
    if not _AGE.match(value) or not is_number(value):
        return None
    return value if not value.isdigit() or 0 < int(value) <= 120 else None


def _count(value: str, _casual: bool) -> str | None:
    return value if is_number(value) else None


def _item(value: str, _casual: bool) -> str | None:
    return None if _first(value) in NOT_VALUES or _first(value) in PRONOUNS or len(value.split()) > 5 else value


def _diet(value: str, _casual: bool) -> str | None:
    return value if value.casefold() in DIETS else None


def _activity(value: str, _casual: bool) -> str | None:
    if _NOT_LIKED.match(value) or _first(value) in {"a", "an", "some", "it"} or len(value.split()) > 5:
        return None
    return None if value.casefold().startswith("the ") and value[4:].casefold() in INSTRUMENTS else value


def _liking(value: str, _casual: bool) -> str | None:
    return None if _NOT_LIKED.match(value) or _first(value) in PRONOUNS else value


def _instrument(value: str, _casual: bool) -> str | None:
    word = value.casefold()
    if word in INSTRUMENTS:
        return value
    return None if word in NOT_INSTRUMENTS or len(word.split()) > 2 or _capital(value) else value


def _known_instrument(value: str, _casual: bool) -> str | None:
    """Without "the" an unknown word is not an instrument: "plays football"."""
    return value if value.casefold() in INSTRUMENTS else None


def _language(value: str, _casual: bool) -> str | None:
    word = value.casefold()
    if word in LANGUAGES:
        return value
    stops = {
        "a",
        "an",
        "the",
        "how",
        "to",
        "about",
        "more",
        "from",
        "that",
        "lots",
        "fast",
        "so",
        "new",
        "by",
        "for",
        "it",
    }
    return None if _first(value) in stops or len(word.split()) > 2 or word in INSTRUMENTS else value


def _tongue(value: str, _casual: bool) -> str | None:
    return value if value.casefold() in LANGUAGES else None


def _subject(value: str, _casual: bool) -> str | None:
    value = re.sub(r"\s+(?:at|in the|for)\b.*$", "", value).strip(_EDGES)
    stops = {
        "at",
        "in",
        "for",
        "with",
        "a",
        "an",
        "the",
        "how",
        "hard",
        "abroad",
        "to",
        "on",
        "from",
        "every",
        "late",
        "together",
        "it",
    }
    return None if not value or _first(value) in stops or len(value.split()) > 4 else value


def _vehicle(value: str, _casual: bool) -> str | None:
    words = value.casefold().split()
    if any(word.strip(_EDGES) in VEHICLES for word in words[:5]):
        return value
    return value if re.match(r"(?:an?|the|my) [A-Z]", value) else None


def _drink(value: str, _casual: bool) -> str | None:
    return None if _first(value) in NOT_VALUES or len(value.split()) > 7 else value


def _title(value: str, _casual: bool) -> str | None:
    return value if value[:1].isupper() and _first(value) not in {"i", "the news"} else None


def _person(value: str, _casual: bool) -> str | None:
    return _name(value, False)


BELIEVABLE: dict[str, Callable[[str, bool], str | None]] = {
    "name": _loose_name,
    "strict_name": _name,
    "place": _place,
    "destination": _destination,
    "company": _company,
    "job": _job,
    "stated_job": _stated_job,
    "date": _date,
    "age": _age,
    "count": _count,
    "item": _item,
    "diet": _diet,
    "activity": _activity,
    "liking": _liking,
    "instrument": _instrument,
    "known_instrument": _known_instrument,
    "language": _language,
    "tongue": _tongue,
    "subject": _subject,
    "vehicle": _vehicle,
    "drink": _drink,
    "title": _title,
    "person": _person,
}
