"""A clause whose parts stand in another order in ("Teal is my favourite colour"), its plain forms out.

Law: the parts are the user's own words, moved and never changed; what is not foreseen has no other form.
"""

import re
from collections.abc import Iterator

from memory.rules.lexicon import A_MONTH, BEINGS, NOT_SUBJECTS, PRONOUNS
from memory.rules.words import NAME

_DATE = r"\d{1,2}(?:st|nd|rd|th)?(?: of)? [A-Z]\w+|[A-Z]\w+ \d{1,2}(?:st|nd|rd|th)?"

_FRONTED = re.compile(
    r"^(?P<front>in (?:my|the) (?:free time|spare time|mornings?|evenings?)|for (?:fun|breakfast)|to relax|after work|"
    r"(?:every|each) (?:morning|evening|day|week|weekend)|(?:at|on) (?:the )?weekends?|next (?:week|month|year|spring|"
    r"summer|autumn|fall|winter)|on the (?:train|bus|way to work)),?\s+(?P<rest>(?:i|we)\b.+)$",
    re.IGNORECASE,
)
#: "The city I live in is Rome", "the colour I like best is teal".
_RELATIVE_CLAUSE = re.compile(
    r"^the (?:new )?(?P<x>[a-z][\w-]*(?: [a-z][\w-]*){0,2}?)(?: that| which| where)? (?P<who>i|we)"
    r"(?P<verb>(?:'m|'ve)?(?: [\w']+){1,5}?) (?:is|are) (?P<v>.+)$",
    re.IGNORECASE,
)
_BEST = re.compile(r"^ (?:(?:like|love|enjoy)(?: the)? (?:best|most)|prefer)$", re.IGNORECASE)
_HAVE = re.compile(r"^(?:'ve| have| use| own)(?: got)?$", re.IGNORECASE)
_NAMED_VALUE = re.compile(r"^(?:(?:an?|the) (?:[a-z]+ )?)?(?:[A-Z]|\d)")
#: What people have one of, and name when they get another.
_OWNED = "phone|mobile|laptop|computer|car|bike|camera|tablet|watch|tv|console|printer"
_MOVED = "moved|rescheduled|pushed(?: back| forward| out)?|postponed|brought forward|shifted|changed"
_TIME = (
    r"(?i:(?:next |this )?(?:mon|tues|wednes|thurs|fri|satur|sun)day|tomorrow|noon|midnight|next \w+|the \d|"
    rf"(?:{A_MONTH})\b|\d{{1,2}}(?:st|nd|rd|th)?(?: of)? (?:{A_MONTH})\b|"
    r"\d{1,2}(?:[:.]\d\d)?(?: ?[ap]\.?m\b\.?)?(?=$|,| (?:on|in the|this|next|tomorrow)\b))"
)
_TURNED: tuple[tuple["re.Pattern[str]", str], ...] = tuple(
    (re.compile(pattern), form)
    for pattern, form in (
        (rf"^(?P<v>{NAME}) is (?i:my|our) (?i:(?:new|current) )?(?P<x>(?i:{BEINGS}))$", "my {x} is called {v}"),
        (
            rf"^(?i:the (?:person|man|woman) called) (?P<v>{NAME}) is (?i:my|our) (?P<x>(?i:{BEINGS}))$",
            "my {x} is called {v}",
        ),
        (rf"^(?i:this is (?:about )?(?:my|our)) (?P<x>(?i:{BEINGS})),? (?P<v>{NAME})$", "my {x} is called {v}"),
        (
            rf"^(?i:(?:everybody|everyone|people|we all) (?:calls?|named) (?:my|our)) (?P<x>(?i:{BEINGS}))"
            rf" (?P<v>{NAME})$",
            "my {x} is called {v}",
        ),
        (r"^(?P<v>[\w' -]{2,40}) (?i:is|are) (?i:my|our) (?P<x>(?i:favou?rite) [\w -]{2,30})$", "my {x} is {v}"),
        (r"^(?i:of all things, )(?P<v>[\w' -]{2,40}) is my (?P<x>(?i:favou?rite) [\w -]{2,30})$", "my {x} is {v}"),
        (
            r"^(?P<v>[\w' -]{2,40}) (?i:is my) (?P<x>(?i:(?:main |new )?hobby|employer|(?:native|first) language|"
            r"mother tongue))$",
            "my {x} is {v}",
        ),
        (rf"^(?i:on )(?P<v>{_DATE}),? (?i:it(?:'s| is) my birthday)$", "my birthday is on {v}"),
        (rf"^(?i:it(?:'s| is) my birthday on )(?P<v>{_DATE})$", "my birthday is on {v}"),
        (rf"^(?i:the date of my birthday|the day i was born) is (?:on )?(?P<v>{_DATE})$", "my birthday is on {v}"),
        (rf"^(?i:the name(?:'s| is)) (?P<v>{NAME})$", "my name is {v}"),
        (
            rf"^(?i:(?:(?:today|yesterday|(?:last |on )?\w+day|this|it) )?(?:was|is|'s) my first day (?:at|with)) "
            rf"(?P<v>{NAME})$",
            "I work at {v}",
        ),
        (r"^(?i:the number of my (?:children|kids) is) (?P<v>\w+)$", "I have {v} children"),
        (rf"^(?P<v>{NAME}) is (?i:my|our) (?i:new home(?: now)?|home now)$", "I live in {v}"),
        (
            r"^(?i:(?:it's|it is|today is|today's|yesterday was) my) (?P<v>\d{1,3})(?i:st|nd|rd|th) "
            r"(?i:birthday)(?i: today| yesterday)?$",
            "I am {v} years old",
        ),
        (
            rf"^(?i:i|we)(?i:'ve| have)?(?i: just| finally| recently)? (?i:got|bought|have)(?i: myself)? "
            rf"(?i:a new) (?P<x>(?i:{_OWNED}))(?:,|:| -|,? called)(?i: an?| the)? "
            r"(?P<v>(?:i[A-Z]|[A-Z0-9])[\w+-]*(?: [A-Z0-9][\w+-]*){0,4})$",
            "my {x} is {v}",
        ),
        (
            rf"^(?P<x>(?i:(?:my|our)) (?!(?i:{BEINGS})\b)[\w '-]{{2,40}}?)(?i:'s| has| have)?(?i: just)?"
            rf"(?i: been| was| were| got| is| are) (?i:{_MOVED}) (?i:to) (?P<v>{_TIME}.*)$",
            "{x} is {v}",
        ),
        (
            rf"^(?P<x>(?i:(?:my|our)) (?!(?i:{BEINGS})\b)[\w '-]{{2,40}}?)(?i:'s| has| have)?(?i: just| now)? "
            r"(?i:went up|gone up|went down|gone down|increased|decreased|rose|risen|dropped|(?:was |been |got )?"
            r"(?:raised|lowered|reduced)) (?i:to) (?P<v>[$\u20ac\u00a3]?\d.*)$",
            "{x} is {v}",
        ),
        (
            r"^(?i:(?:i|we|they|he|she)(?:'ve| have| has)? (?:just |recently )?(?:changed|set|reset|updated)) "
            r"(?P<x>(?i:my|our) [\w -]{2,30}?|(?i:the) [\w -]{2,30} (?i:of|for) (?i:the|my|our) [\w -]{2,30}?) to"
            r" (?P<v>.+)$",
            "{x} is {v}",
        ),
        (
            r"^(?i:i|we) (?i:use) (?P<v>(?!my |our |the |this |that |it )[\w' -]+?) as (?P<x>(?i:my|"
            r"our) [\w -]{2,30})$",
            "{x} is {v}",
        ),
        (
            r"^(?i:for) (?P<y>(?i:the|my|our) [\w -]{2,30}),? the (?P<x>[\w -]{2,30}?) is (?P<v>.+)$",
            "the {x} of {y} is {v}",
        ),
        (
            r"^(?P<x>(?i:my|our) [\w '-]{2,40}?) (?i:is|are) (?i:no longer|not) [^,;]{1,40}[,;] "
            r"(?i:(?:but |and )?(?:it is|they are|it's|they're|but)(?: now)?) (?P<v>[^,;]+)$",
            "{x} is {v}",
        ),
        (r"^(?i:i|we)(?i:'ve| have)(?i: got)? an? new (?P<x>[\w -]{2,30}?): (?P<v>.+)$", "my {x} is {v}"),
    )
)


def plain_forms(clause: str) -> Iterator[str]:
    """Yield the clause in plain order, as often as it has such a form."""
    for turned in (_unfronted, _from_relative_clause, _turned):
        form = turned(clause)
        if form:
            yield form


def _unfronted(clause: str) -> str:
    found = _FRONTED.match(clause)
    return f"{found['rest']} {found['front']}" if found else ""


def _turned(clause: str) -> str:
    for pattern, form in _TURNED:
        found = pattern.match(clause)
        if found and found["v"].split()[0].casefold() not in NOT_SUBJECTS | PRONOUNS:
            return form.format(**found.groupdict())
    return ""


def _from_relative_clause(clause: str) -> str:
    found = _RELATIVE_CLAUSE.match(clause)
    if not found:
        return ""
    noun, verb, value = found["x"], found["verb"], found["v"]
    if _BEST.match(verb):
        return f"my favourite {noun} is {value}"
    if not _NAMED_VALUE.match(value) and not re.match(r"the [a-z]+$", value):
        return ""
    if _HAVE.match(verb):
        return f"my {noun} is {value}" if _NAMED_VALUE.match(value) else ""
    return _as_predicate(noun, found["who"] + verb, value)


def _as_predicate(noun: str, subject_and_verb: str, value: str) -> str:
    if noun.endswith("language") and " speak" in subject_and_verb:
        return f"I speak {value}"
    if noun in ("university", "college") and subject_and_verb.endswith((" go to", " attend", " study at")):
        return f"my {noun} is {value}"
    if subject_and_verb.endswith(" live"):
        return f"{subject_and_verb} in {value}"
    return f"{subject_and_verb} {value}"
