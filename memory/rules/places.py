"""The words where a place, an employer or a university should stand in, its name out, or None.

Law: somewhere that anybody may be ("a flat", "the city", "the moment") is none: it would replace a name.
"""

import re

from memory.rules.lexicon import PRONOUNS, listing
from memory.rules.words import EDGES, MONTH, after_article, first_word, has_article, has_capital

_WITH = re.compile(
    r"\s+(?:with|together|alone|as|near my|close to|for|to be|about|from|after|before|permanently|"
    r"temporarily)\b.*$|\s+an?$",
    re.IGNORECASE,
)
_ON_THE_WAY = re.compile(
    r"\s+(?:on|in|for|from|next|this|via|during|after|before|with|around|by|to|and (?=[a-z]))\b.*$", re.IGNORECASE
)
_IN_TIME = re.compile(rf"{MONTH}\.? \d|\d{{1,2}}(?:st|nd|rd|th)?(?: of)? {MONTH}|^\d+$|\d (?:am|pm)\b", re.IGNORECASE)
CAMPUS = re.compile(
    r"\b(?:universit\w+|college|school|institute|academy|polytechnic|uni|conservatory|seminary)\b", re.IGNORECASE
)
_ORGANISATION = re.compile(
    r"\b(?:bank|hospital|school|university|college|library|council|museum|airport|post office|town hall|city hall|firm|"
    r"company|start-?up|bakery|restaurant|hotel|agency|government|ministry|factory|shop|supermarket|clinic|practice|"
    r"brewery|farm|airline|charity|church|theatre|theater|newspaper|publisher|studio)$",
    re.IGNORECASE,
)
_NOT_PLACES = listing(
    "fear, hope, peace, denial, debt, poverty, pain, hell, heaven, luxury, squalor, style, constant, front, general, "
    "particular, fact, person, bed, work, sleep, dinner, lunch, breakfast, marketing, sales, engineering, finance, "
    "vim, emacs, linux, windows, mac, python, rust, my, your, with, together, next, last"
)
_VAGUE_PLACES = listing(
    "city, town, village, country, countryside, suburb, suburbs, area, region, neighbourhood, neighborhood, place, "
    "apartment, apartments, flat, flats, house, houses, home, homes, building, room, dorm, hotel, nowhere, coast, "
    "mountains, woods, north, south, east, west, state, street, world, city centre, downtown, abroad, beautiful, great"
)
_NOT_COMPANIES = listing(
    "home, night, nights, least, free, money, peace, fun, myself, my, your, first, once, it, that, this, present, "
    "heart, kids, children, people, hours, years, months, weeks, days, ages, life, university, school, college, now, "
    "good, ever, long, hire, fun"
)
_CLIENTS = listing(
    "children, kids, people, students, adults, seniors, beginners, clients, customers, patients, companies"
)
_NOT_PAID_BY = re.compile(
    r"^(?:an?|the|another|most|all) (?:\w+ )?(?:living|while|moment|times?|years?|months?|weeks?|days?|hours?|minutes?|"
    r"weekends?|reason|loss|most|part|rest|start|end|side|change|best|same|past|last|night|evenings?|desk|computer|"
    r"elderly|poor|good|public|community|team|group|project|pace|scale|level|age)(?![\w-])",
    re.IGNORECASE,
)


def place_in(value: str, casual: bool) -> str | None:
    """Return a place by its name, with the country or state behind a comma; what is said beside it goes."""
    head, *more = re.sub(_WITH, "", value).split(",")
    tail = more[0].strip() if more else ""
    if tail[:1].isupper() and len(tail.split()) <= 3:
        head = f"{head.rstrip()}, {tail}" if f"{head.rstrip()}, {tail}" in value else head
    head = head.strip(EDGES)
    if not head or (head[0].isdigit() and not has_capital(head)) or _IN_TIME.search(head):
        return None
    if first_word(head) in _NOT_PLACES | PRONOUNS:
        return None
    if has_capital(head):
        return head
    if head.split()[-1].casefold() in _VAGUE_PLACES:
        return None
    if has_article(head) and not casual:
        return None  # "a flat", "the same city": no news beside a name
    return head if len(head.split()) <= (3 if casual else 1) else None


def destination_in(value: str, casual: bool) -> str | None:
    """Return a place that begins with its name: "going to check out Rome" is none."""
    place = place_in(_ON_THE_WAY.sub("", value), casual)
    return place if place and after_article(place)[:1].isupper() else None


def company_in(value: str, casual: bool) -> str | None:
    """Return who somebody works for: a name, or a firm with an article; no times, no clients, nothing to be done."""
    head = re.sub(r"\s+(?:as|in|on|doing|together|since|to|where)\b.*$", "", value).split(",")[0].strip(EDGES)
    if not head or first_word(head) in _NOT_COMPANIES or _NOT_PAID_BY.match(head) or first_word(head).endswith("ing"):
        return None
    if not (casual or has_capital(head) or has_article(head)) and len(head.split()) > 1:
        return None
    if head.split()[-1].casefold() in _CLIENTS:
        return None
    return head if not re.match(r"\d+\s*(?:am|pm|o'clock|hours)?$", head) else None


def employer_in(value: str, casual: bool) -> str | None:
    """Return what stands after "my company is": a name or a kind of firm, since most else says how it is."""
    company = company_in(value, casual)
    return company if company and (after_article(company)[:1].isupper() or _ORGANISATION.search(company)) else None


def campus_in(value: str, casual: bool) -> str | None:
    """Return a university: it is called one, or has a name."""
    head = re.sub(r"\s+(?:as|in|on|doing|since|to|where|for|and)\b.*$", "", value).split(",")[0].strip(EDGES)
    if not head or first_word(head) in _NOT_COMPANIES | PRONOUNS or len(head.split()) > 6:
        return None
    return head if after_article(head)[:1].isupper() or named_campus_in(head, casual) else None


def named_campus_in(value: str, casual: bool) -> str | None:
    """Return a university that says so: "Leeds University"."""
    head = value.split(",")[0].strip(EDGES)
    many = len(head.split()) > 1 and not re.match(r"(?:university|college|uni|school|lectures?) (?:at|in)\b", head)
    return head if many and CAMPUS.search(head) and (has_capital(head) or casual) else None
