"""A time without a year, and the words around it, in; whether the date to come is meant out.

Law: the verb nearest to the time decides, first in its own clause, first to its left. A present or a future verb means
the next such date, a past one the last. A statement without either ("Dentist on 3 December") speaks of what is to
come; a question or a bare time without either says nothing.
"""

import re

_REACH = 240  #: characters to each side that are looked at: a time in a longer sentence is read from its neighbours

_IRREGULAR = (
    "went came got bought saw took made met ate said told found left kept lost won began broke brought caught chose "
    "drove drank fell felt flew gave grew heard held knew led paid ran rode sang sat sent sold spent spoke stood slept "
    "swam taught thought threw understood woke wore wrote built became born gone done seen taken given eaten written "
    "driven flown fought hid hung lent meant rang rose shot stole stolen swore tore dealt hurt laid shook sank"
)
_PRONOUN = r"(?: (?:i|we|you|he|she|they|it)\b)?"  # of "did I": no subject of a present verb
_SELDOM = r"(?: (?:not|so|very|also|already|still|all|both|now|just|only|\w+ly))*"
_SENTENCE_END = re.compile(
    r"(?<!\bdr)(?<!\bmr)(?<!\bms)(?<!\bst)(?<!\bmrs)(?<!\.m)(?<!\bjan)(?<!\bfeb)(?<!\boct)(?<!\bnov)(?<!\bdec)\.(?=\s|$)"
    r"|[!?;\n]|\s[-\u2013\u2014]\s",
    re.IGNORECASE,
)
_CLAUSE_END = re.compile(
    r"[,:()]|\b(?:and|but|so|because|as|while|when|where|which|who|that|if|before|after(?! \w+ing\b)|although|though|"
    r"then)\b",
    re.IGNORECASE,
)
_BE = (  # with the participle of a passive: "is moved"
    r"(?:\b(?:am|is|are|be|being|isn'?t|aren'?t|i'?m|(?:it|that|there|here|what|when|where|how)'?s|who's|"
    r"s?he'?s(?! \w+ed\b)|you're|they'?re)\b|'(?:m|re)\b)"
    rf"{_SELDOM}(?: getting| to be)?(?: \w+ed\b| set\b| made\b)?"
)
_AHEAD = (
    # polite: what one was wondering, one wonders
    r"\b(?:was|were|been) (?:also |just )?(?:wondering|hoping|thinking|planning|considering|looking)\b"
    rf"|{_BE}|'s (?=on |at |in |due\b|not |coming|[a-z]{{2,}}ing\b)|'ll\b"
    r"|\b(?:will|won'?t|shall|gonna|gotta|wanna|can|can'?t|cannot|should|must|might|does|doesn'?t|don'?t|has|upcoming|"
    r"forthcoming|tomorrow|plans?|due(?! to)|going to|needs? to|(?:wants|hopes) to|(?:could|would) (?:you|like|love)|"
    r"(?:we|you) could|(?:i|we|you|they)'d (?:like|love)|(?:i|we|you|they)'?ve got(?! (?:\w+ed|lost|to know)\b)|"
    # timetables, and what people say of themselves
    r"starts|begins|ends|opens|closes|arrives|leaves|lands|departs|returns|comes|moves|flies|goes|turns|expires|"
    r"(?:i|we|they)(?: also| \w+ly)? (?:have|start|begin|fly|leave|move|go|travel|return|finish|arrive|turn|meet|need|"
    r"want|plan|hope|expect))\b"
)
_PAST = (
    rf"\b(?:was|were|wasn'?t|weren'?t|hadn'?t|had|couldn'?t|been|used to){_PRONOUN}\b"
    r"|\b(?:ago|yesterday|last (?:week|month|year|night|time|summer|winter|autumn|fall|spring|weekend|\w{3,6}day)|"
    r"forgot(?! to)|(?:remember|recall|after) \w{2,}ing|(?:i|we|he|she|they) (?:just )?(?:put|read|cut|hit|quit|set|"
    r"let)|(?:my|our|your|his|her|their) (?:last|recent|previous|past)(?! \w+ is\b)|"
    rf"{'|'.join(_IRREGULAR.split())})\b"
    # "I walked", not "a used car"
    r"|(?<!\ba )(?<!\ban )(?<!\bthe )(?<!\bmy )(?<!\bour )\b(?!(?:bed|red|shed|sled|wed|hundred|need|feed|speed|seed|"
    r"weed|indeed|breed|exceed|succeed|proceed|ahmed|mohammed)\b|(?:wanted|needed|asked) to (?:tell|ask|say|mention|"
    r"let|know)\b)[a-z]{2,}ed\b"
)
_VERB = re.compile(
    r"(?:\b(?=[a-z])|(?='))(?:"  # tried at the front of words only: the many alternatives are dear
    # a past that asks: no present verb follows it ("did I have")
    rf"(?P<asked>\bdid(?:n'?t)?\b{_PRONOUN})|(?P<ahead>{_AHEAD})|(?P<past>{_PAST})"
    # of a question; or without a subject: "I got a new job and start in May"
    r"|(?P<base>(?<!\bto )\b(?:have|do|need|get \w+ed)\b"
    r"|^(?:start|begin|fly|leave|move|travel|return|finish|arrive)\b))",
    re.IGNORECASE,
)
_SURELY_AHEAD = re.compile(
    r"\b(?:for|due|scheduled|planned|arranged|(?:moved|postponed|pushed|changed|shifted|delayed|rescheduled)"
    r"(?: \w+){0,3} (?:to|until|till))(?: the)? $",
    re.IGNORECASE,
)
_SURELY_PAST = re.compile(r"\b(?:since|back|earlier)(?: (?:on|in))?(?: the)? $", re.IGNORECASE)
_LIMIT = re.compile(r"\b(?:by|until|till)(?: the)? $", re.IGNORECASE)
_RELATIVE = re.compile(r"\s*,?\s*(?:where|when|which)\b|(?=\s+(?:was|were)\b)", re.IGNORECASE)
#: What asks or looks something up: without a verb that tells the tense it says nothing.
_ASKING = re.compile(
    r"\s*(?:(?:and|so|please|ok|hey|but)[, ]+)*(?:what|who|where|when|how|which|why|any|show|tell|list|search|recall|"
    r"summari[sz]e|look)\b",
    re.IGNORECASE,
)
_FILLER = re.compile(
    r"[\W\d_]|\b(?:on|in|at|the|and|or|yes|no|ok|maybe|it|around|about|so|also|from|to|am|pm|a|i|think)\b",
    re.IGNORECASE,
)


def means_ahead(text: str, start: int, end: int) -> bool:
    """Return whether the time at ``text[start:end]`` lies ahead of the speaker."""
    left = text[max(0, start - _REACH) : start]
    if _SURELY_AHEAD.search(left):
        return True
    if _SURELY_PAST.search(left) or text[start : start + 6].lower() == "since ":
        return False
    left, right, asks = _sentence(left, text[end : end + _REACH])
    relative = _RELATIVE.match(right)
    if relative and _first(_CLAUSE_END.split(right[relative.end() :])[0]) is False:
        return False  # what follows tells of that time: "in January where I wore it"
    before, after = _CLAUSE_END.split(left), _CLAUSE_END.split(right)
    for read, words in (
        (_last, before[-1]),
        (_first, after[0]),
        (_last, " ".join(before[:-1])),
        (_first, " ".join(after[1:])),
    ):
        verdict = read(words.strip())
        if verdict is not None:
            return verdict
    if _LIMIT.search(left):
        return True
    return not asks and not _ASKING.match(left) and bool(_FILLER.sub("", left + right))


def _sentence(left: str, right: str) -> tuple[str, str, bool]:
    """Return what stands in the same sentence to the left and to the right, and whether it ends in a question mark."""
    begin = 0
    for found in _SENTENCE_END.finditer(left):
        begin = found.end()
    close = _SENTENCE_END.search(right)
    return left[begin:], right[: close.start()] if close else right, bool(close and close[0] == "?")


def _last(clause: str) -> bool | None:
    """Return whether the last verb lies ahead; None without one."""
    ahead, asked = None, False
    for found in _VERB.finditer(clause):
        if found.lastgroup == "base" and asked:
            continue
        asked = found.lastgroup == "asked"
        ahead = found.lastgroup in ("ahead", "base")
    return ahead


def _first(clause: str) -> bool | None:
    """Return whether the first verb lies ahead; None without one."""
    found = _VERB.search(clause)
    if found is None:
        return None
    if found.lastgroup == "base" or found[0].lower().endswith(("have", "has", "'s")):
        return _last(clause[: found.end() + 20])  # "I have been", "I have"
    return found.lastgroup == "ahead"
