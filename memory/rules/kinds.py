"""A trimmed value and the kind that it should be of in, the value as it is kept out, or None when it is not believable.

Law: a value is a part of the words it was read from; a kind may shorten it, and adds nothing.
"""

import re
from collections.abc import Callable

from memory.rules.lexicon import (
    BELITTLED,
    DIETS,
    DRINKS,
    INSTRUMENTS,
    LANGUAGES,
    NAMES_TOO,
    NOT_CALLED,
    NOT_CALLED_ME,
    NOT_INSTRUMENTS,
    NOT_NAMES,
    NOT_VALUES,
    NUMBER_WORDS,
    PRONOUNS,
    SAID_OF_NAMES,
    VEHICLES,
    listing,
)
from memory.rules.occupations import JOBS, is_student_kind, job_in, stated_job_in
from memory.rules.places import CAMPUS, campus_in, company_in, destination_in, employer_in, named_campus_in, place_in
from memory.rules.words import EDGES, MONTH, after_article, first_word, has_article, has_capital

_AGE = re.compile(r"^(?:\d{1,3}|[a-z]+(?:[- ][a-z]+)?)$", re.IGNORECASE)
_DATE = re.compile(rf"{MONTH}|\b(?:christmas|new year)\b|\d{{1,2}}[./-]\d{{1,2}}", re.IGNORECASE)
_DAY = re.compile(r"\d|christmas|first|second|third|th\b", re.IGNORECASE)
_NAME = re.compile(
    r"^[^\W\d_][\w'.-]*(?: (?:de|da|van|von|der|del|la|le|el|al|bin|ibn|di|du|of)| [^\W\d_][\w'.-]*){0,4}$"
)
_NOT_LIKED = re.compile(
    r"^(?:your|that|this|these|those|how|what|when|where|why|you|them|him|her|it|both|neither|all|i|we|such|like|"
    r"even|especially|on|in|at|for|from|through|as|if|just|didn't|yesterday|beyond|especially|gets?|"
    r"to (?:know|see|ask|think|say|hear|have|get|be|do|use|make|thank|add|change|start|point|mention)\b|"
    r"some of|any of|one of|"
    r"the (?:idea|first|second|third|last|other|previous|next|new|way|answer|style|one|ones|sound|look|option|"
    r"version|code|plan|draft|fact|result|tone|latter|former|rest|same|suggestion|second one)\b|my|his|their|our|"
    r"being|getting|having|going|best(?! of)|worst)\b|"
    r".* (?:best|most|any other .*)$|"
    # what is said of an answer lasts no longer than the answer
    r"(?:.* )?(?:ideas?|suggestions?|options?|approach|aspects?|template|tips|recommendations?)"
    r"(?: (?:for|of|you|that|from) .*)?$",
    re.IGNORECASE,
)
_PREPOSITIONS = listing("by, to, in, at, on, for, with, from, of")
#: "I'm Team Edward", "I'm Left Handed", "I'm Batman": written with a capital, and no name.
_SORTS = listing(
    "team, type, gen, generation, left, right, pro, anti, sober, batman, superman, spiderman, spider-man, slytherin, "
    "gryffindor, hufflepuff, ravenclaw, texan, californian, hispanic, latino, latina, covid, part, full, fully, half, "
    "super, deaf, blind, dyslexic, trans, "
    "nonbinary, non-binary, black, white, retired, unemployed, disabled, adopted"
)
_TRAITS = ("Handed", "handed", "Haired", "Eyed", "Minded", "Intolerant", "Free", "Based", "Positive", "Negative")
_NOT_DRUNK = listing(
    "yoga, exercise, exercises, meditation, breakfast, toast, cereal, porridge, oatmeal, eggs, fruit, music, prayer, "
    "prayers, sport, sports, email, emails, pilates, gratitude, news, push-ups, muesli, pancakes"
)
_WAYS_TO_DRINK = listing("hot, cold, warm, dry, small, big, no, new, good, great")
_CHORES = listing(
    "the, my, laundry, homework, housework, chores, dishes, shopping, groceries, work, overtime, cleaning, washing, "
    "nothing, things, stuff, everything, whatever, much, more, less, not, this, that, it, these, those, some"
)
_NOT_LANGUAGES = listing(
    "a, an, the, how, to, about, more, from, that, lots, fast, so, new, by, for, it, some, in, at, quickly, slowly, "
    "online, lots"
)
_NOT_SUBJECTS = listing(
    "at, in, for, with, a, an, the, how, hard, abroad, to, on, from, every, late, together, it, more, less, alone, "
    "online, there, here, my, your, his, her, their, that, this, these, those, all, well, away, for, something"
)


def is_number(words: str) -> bool:
    """True for "34", "two", "twenty-one"."""
    if words.isdigit():
        return len(words) <= 3
    return bool(words) and all(part in NUMBER_WORDS for part in words.casefold().replace("-", " ").split())


def _name(value: str, casual: bool) -> str | None:
    words = value.split(",")[0].strip().split()
    value = " ".join(words)
    if not _NAME.match(value) or first_word(value) in NOT_NAMES or first_word(value) in NOT_VALUES:
        return None
    if any(word.endswith(("'s", "s'")) for word in words):  # "John's wife"
        return None
    if words[0][:1].isupper():
        while len(words) > 1 and words[-1][:1].islower():
            words.pop()
        return " ".join(words)
    # "My name is spelled wrong", "is on hold", "f1": small letters show no name, and what is said of one is none
    said = first_word(value) in SAID_OF_NAMES | _PREPOSITIONS or bool(re.match(r"\w{0,2}\d", value))
    return value if casual and len(words) <= 2 and not said else None


def _strict_name(value: str, _casual: bool) -> str | None:
    """A name after "I'm" and "my dog is": it has its capital, and no calling, sort or abbreviation is one.

    Small letters name nobody there: "my wife is pregnant" is put as "my wife is anna" is.
    """
    name = _person(value, False)
    if not name or name != value.split(",")[0].strip() or value.casefold() in DIETS or value.isupper():
        return None
    return None if first_word(name) in NOT_CALLED | _SORTS or name.split()[-1].endswith(_TRAITS) else name


def _nickname(value: str, casual: bool) -> str | None:
    """A name after "call me": not a time, and not what others think of one ("call me paranoid")."""
    shouted = value.isupper() and len(value) > 2
    if shouted or first_word(value) in NOT_CALLED_ME | _SORTS or value.casefold() in JOBS | DIETS:
        return None
    name = value if value in NAMES_TOO else _name(value, casual)
    return name if name and len(name.split()) <= 3 else None


def _person(value: str, _casual: bool) -> str | None:
    return None if value.casefold() in JOBS else _name(value, False)


def _loose_name(value: str, _casual: bool) -> str | None:
    """A name where nothing else can stand: "My name is May"."""
    return value if value in NAMES_TOO else _name(value, True)


def _company(value: str, casual: bool) -> str | None:
    """Who pays, not what: "I work for peanuts"."""
    pay = after_article(value)
    return None if pay.split()[0] in BELITTLED or pay in BELITTLED else company_in(value, casual)


def _job(value: str, casual: bool) -> str | None:
    return job_in(value.strip(EDGES), casual=casual)


def _stated_job(value: str, casual: bool) -> str | None:
    return stated_job_in(value.strip(EDGES), casual=casual)


def _date(value: str, _casual: bool) -> str | None:
    return value if _DATE.search(value) and _DAY.search(value) else None


def _age(value: str, _casual: bool) -> str | None:
    value = re.sub(r"\s+years?(?: old| of age| young)?$", "", value)
    if not _AGE.match(value) or not is_number(value):
        return None
    return value if not value.isdigit() or 0 < int(value) <= 120 else None


def _count(value: str, _casual: bool) -> str | None:
    return value if is_number(value) else None


def _item(value: str, _casual: bool) -> str | None:
    wrong = first_word(value) in NOT_VALUES | PRONOUNS or first_word(value).endswith("ing") or len(value.split()) > 5
    return None if wrong else value


def _diet(value: str, _casual: bool) -> str | None:
    return value if value.casefold() in DIETS else None


def _activity(value: str, _casual: bool) -> str | None:
    if _NOT_LIKED.match(value) or first_word(value) in {"a", "an", "some", "it"} or len(value.split()) > 5:
        return None
    return None if value.casefold().startswith("the ") and value[4:].casefold() in INSTRUMENTS else value


def _pursuit(value: str, casual: bool) -> str | None:
    """What somebody does for fun: no chore, and nothing in particular."""
    chore = first_word(value) in _CHORES or value.split()[-1].casefold() in _CHORES
    return None if chore else _activity(value, casual)


def _liking(value: str, _casual: bool) -> str | None:
    return None if _NOT_LIKED.match(value) or first_word(value) in PRONOUNS else value


def _instrument(value: str, _casual: bool) -> str | None:
    word = value.casefold()
    if word in INSTRUMENTS:
        return value
    return None if word in NOT_INSTRUMENTS or len(word.split()) > 2 or has_capital(value) else value


def _known_instrument(value: str, _casual: bool) -> str | None:
    """Without "the" an unknown word is not an instrument: "plays football"."""
    return value if value.casefold() in INSTRUMENTS else None


def _language(value: str, _casual: bool) -> str | None:
    word = value.casefold()
    if word in LANGUAGES:
        return value
    return None if first_word(value) in _NOT_LANGUAGES or len(word.split()) > 2 or word in INSTRUMENTS else value


def _tongue(value: str, _casual: bool) -> str | None:
    return value if value.casefold() in LANGUAGES else None


def _subject(value: str, _casual: bool) -> str | None:
    value = re.sub(r"\s+(?:at|in the|for)\b.*$", "", value).strip(EDGES)
    if not value or first_word(value) in _NOT_SUBJECTS or len(value.split()) > 4 or CAMPUS.search(value):
        return None
    return value


def _field(value: str, casual: bool) -> str | None:
    """What stands before "student": a subject, and not which kind of student."""
    wrong = is_student_kind(value) or first_word(value) in NOT_VALUES or value.casefold() in NOT_NAMES
    return None if wrong else _subject(value, casual)


def _vehicle(value: str, _casual: bool) -> str | None:
    words = value.casefold().split()
    if any(word.strip(EDGES) in VEHICLES for word in words[:5]):
        return value
    return value if re.match(r"(?:an?|the|my) [A-Z]", value) else None


def _known_vehicle(value: str, _casual: bool) -> str | None:
    """What somebody got is a vehicle only when it is called one: "a bike lock" and "my car repaired" are none."""
    words = after_article(value).casefold().split()
    if (
        len(words) > 4
        or words[-1].endswith("ed")
        or _PREPOSITIONS & set(words)
        or first_word(value) in {"my", "his", "her", "our", "their"}
    ):
        return None
    return value if words[-1] in VEHICLES or (words[0] in VEHICLES and value.split()[-1][:1].isupper()) else None


def _drink(value: str, _casual: bool) -> str | None:
    words = value.split()
    state = first_word(value) in NOT_VALUES and (len(words) == 1 or first_word(value) not in _WAYS_TO_DRINK)
    return None if state or len(words) > 7 else value


def _morning_drink(value: str, casual: bool) -> str | None:
    """What the day starts with is not always drunk: "a run", "yoga"."""
    last = value.split()[-1].casefold()
    if last.endswith("ing") or last in _NOT_DRUNK or (has_article(value) and last not in DRINKS):
        return None
    return _drink(value, casual)


def _title(value: str, _casual: bool) -> str | None:
    value = value.split('"')[0].strip(EDGES)
    return value if value[:1].isupper() and first_word(value) not in {"i", "the news"} else None


BELIEVABLE: dict[str, Callable[[str, bool], str | None]] = {
    "name": _loose_name,
    "strict_name": _strict_name,
    "nickname": _nickname,
    "place": place_in,
    "destination": destination_in,
    "company": _company,
    "employer": employer_in,
    "campus": campus_in,
    "named_campus": named_campus_in,
    "job": _job,
    "stated_job": _stated_job,
    "date": _date,
    "age": _age,
    "count": _count,
    "item": _item,
    "diet": _diet,
    "activity": _activity,
    "pursuit": _pursuit,
    "liking": _liking,
    "instrument": _instrument,
    "known_instrument": _known_instrument,
    "language": _language,
    "tongue": _tongue,
    "subject": _subject,
    "field": _field,
    "vehicle": _vehicle,
    "known_vehicle": _known_vehicle,
    "drink": _drink,
    "dawn": _morning_drink,
    "title": _title,
    "person": _person,
}
