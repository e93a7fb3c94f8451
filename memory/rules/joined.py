"""What a wish to forget names in ("my dog's name and my sister's name"), each of the things that are joined in it out.

Law: what follows "and" is a thing of its own only where it begins as one ("my", "where", "that"), or where all that is
joined is known by its word ("my address and phone number"): "my mac and cheese recipe" is one thing, and so is "the
fight between my brother and my sister".
"""

import re

from memory.rules.lexicon import ANIMALS, BEINGS, RELATIVES, listing
from memory.rules.plurals import SINGULAR

_HEAD = (
    r"(?:(?:my|our|his|her|its)\s+\w|(?:where|what|who|whom|when|which|how)\s+\w|(?:the fact )?that\s+\w|"
    r"the names?\s+of\s|(?:everything|all)\s+(?:about|of|you|i|that)\b(?!.*\b(?:it|them)$)|(?-i:[A-Z][\w-]*'s)\s+\w)"
)
_AND = r"(?:and|or|as well as|plus|&)"
_AGAIN = r"(?:(?:please|also|then|just|kindly)\s+)*(?:(?:forget|delete|erase|remove|wipe|clear|drop)\s+)?(?:about\s+)?"
#: What stands between two things, or in front of a thing that is named anew: it is no reason why to forget the first.
BETWEEN = rf"(?:\s*,\s*(?:{_AND}\s+)?|\s+{_AND}\s+){_AGAIN}(?={_HEAD})"
_WISHED_AGAIN = re.compile(
    r",\s*(?:(?:please|also|then|just|kindly)\s+)*(?:forget|delete|erase|remove)\s", re.IGNORECASE
)
_BETWEEN, _JOINS = re.compile(BETWEEN, re.IGNORECASE), re.compile(rf"\s{_AND}\s", re.IGNORECASE)
_BOTH = re.compile(r"^(?P<about>about\s+)?(?:both|either|all of)\s+(?=(?:my|our)\b)", re.IGNORECASE)
#: What else is asked of the assistant in the same breath.
_ASKED_BESIDE = re.compile(
    rf",?\s+{_AND}\s+(?:please |then |just |also )*"
    r"(?=(?:never|don't|do not) (?:ever )?"
    r"(?:mention|bring|ask|tell|say|use|talk|speak|refer|remind|store|save|worry)\b|"
    r"(?:tell|give|show|write|help) (?:me|us) |(?:let's|stop) |remember (?:that|i|my|our)\b|"
    r"(?:move on|start over|start again)$)",
    re.IGNORECASE,
)
#: What is to stay; "remember that I like tea" is told instead.
_KEPT_BESIDE = re.compile(
    r",?\s+(?:(?:and|but) (?:please |do |still )*(?:keep|leave|not|don't forget|do not forget)|"
    r"but (?:please |do |still )*remember|except(?: for)?|apart from|other than)\s.*$",
    re.IGNORECASE,
)
#: "My talk with Bob and my boss", "a gift for Anna and my sister": whom the word in front speaks of, too.
_PREPOSITION = re.compile(r"\s(?:with|to|from|for|by|against|and|of|at|about|on|in|like)\s", re.IGNORECASE)
_OF_BOTH = re.compile(r"\b(?:between|among|both of)\b", re.IGNORECASE)
_BEING = re.compile(rf"^(?:my|our) (?:{BEINGS})$", re.IGNORECASE)
_OWNER = re.compile(
    rf"^(?:the names? of |(?:what|who|where|when|that|how \w+) )?(?P<owner>(?:my|our) (?:{BEINGS})|"
    rf"(?-i:[A-Z][\w-]*)(?='s))(?='s? |\s|$)",
    re.IGNORECASE,
)
_HIS, _HE = (
    re.compile(r"^(?:his|her|its) ", re.IGNORECASE),
    re.compile(r"^(\w+(?: \w+)? )(?:he|she|it) ", re.IGNORECASE),
)
_LISTED = re.compile(
    r"^(?P<front>(?:my|our) (?:favou?rite |[\w-]+(?: [\w-]+)?(?:'s|s') )?|(?-i:[A-Z])[\w-]*'s )(?P<items>.+)$",
    re.IGNORECASE,
)
_ITEMS = re.compile(rf"\s*,\s*(?:{_AND}\s+)?|\s+{_AND}\s+", re.IGNORECASE)
_NAME_OF = re.compile(r"^the (?P<x>name|birthday|age|job)s? of (?P<first>(?:my|our) .+)$", re.IGNORECASE)
_ARE = re.compile(
    rf"^(?P<asks>(?:what|who|where|how old) )(?P<first>(?:my|our) (?:{BEINGS})) and (?P<other>(?:(?:my|our) )?"
    rf"(?:{BEINGS})) (?:are(?P<be>(?: called| named)?)|(?P<verb>live|work|study))$",
    re.IGNORECASE,
)
_LIVE_AND_WORK = re.compile(r"^where i (?:live and work|work and live)$", re.IGNORECASE)
_SHARED_NOUN = re.compile(r"(?:'s|s') (?P<noun>names|birthdays|ages|jobs|addresses|phone numbers)$", re.IGNORECASE)
#: What somebody has one of, by the word that it is known by.
FEATURES = listing(
    "name, first name, last name, middle name, surname, nickname, address, home, home address, work address, email, "
    "email address, e-mail, e-mail address, phone, phone number, mobile number, telephone number, birthday, "
    "date of birth, age, job, job title, occupation, profession, employer, company, school, city, home town, hometown, "
    "country, nationality, height, weight, shoe size, size, diet, allergy, hobby, password, pin, salary, income, "
    "religion, language, bank, car, bike, phone, laptop, pet, blood type, star sign"
)
_CATEGORIES = listing(
    "colour, color, food, drink, meal, dish, fruit, band, singer, artist, film, movie, book, song, music, game, sport, "
    "team, animal, season, author, writer, series, show, cuisine, restaurant, city, country, number, dessert, snack"
)


def joined(target: str) -> list[str]:
    """Return the words for each thing, as they would stand behind "forget" alone; all of them where it is one."""
    about = _BOTH.sub(lambda found: found["about"] or "", target)
    if _OF_BOTH.search(about):
        return [target]
    whole = _of_both(about)
    if whole:
        return whole
    parts = [part.strip(" ,") for part in _BETWEEN.split(about)]
    if not all(parts) or (len(parts) > 1 and not _is_list(about)) or _belongs_to_first(parts):
        return [target]
    parts = [part for each in _with_noun(parts) for part in _items(each)]
    return _with_owner(parts) if len(parts) > 1 else [target]


def without_request(target: str) -> tuple[str, str]:
    """Return the target without what is to stay or is asked for behind it, and the latter: "and tell me a joke"."""
    target = _KEPT_BESIDE.sub("", target)
    found = _ASKED_BESIDE.search(target)
    return (target[: found.start()], target[found.end() :]) if found and found.start() else (target, "")


def _is_list(about: str) -> bool:
    """True for "A and B", "A, B and C", "A, forget B"; "my cat, my sister is ill" may be anything."""
    return bool(_JOINS.search(about) or _WISHED_AGAIN.search(about))


def _belongs_to_first(parts: list[str]) -> bool:
    return any(_BEING.match(part) and _PREPOSITION.search(parts[0]) for part in parts[1:]) and not _NAME_OF.match(
        parts[0]
    )


def _of_both(about: str) -> list[str]:
    """Read "the names of my dog and my cat", "what my dog and my cat are called"; [] for anything else."""
    named = _NAME_OF.match(about)
    if named:
        beings = _items_of(named["first"])
        return [f"the {named['x']} of {each}" for each in beings] if len(beings) > 1 else []
    if _LIVE_AND_WORK.match(about):
        return ["where I live", "where I work"]
    found = _ARE.match(about)
    if not found:
        return []
    other = found["other"] if found["other"].casefold().startswith(("my ", "our ")) else f"my {found['other']}"
    verb = f"{found['verb']}s" if found["verb"] else f"is{found['be']}"
    return [f"{found['asks']}{who} {verb}" for who in (found["first"], other)]


def _items_of(words: str) -> list[str]:
    """Return the beings of "my dog and my cat" and of "my dog and cat"; [] where not all of them are beings."""
    items = [re.sub(r"^(?:my|our) ", "", item, flags=re.IGNORECASE) for item in _ITEMS.split(words)]
    return [f"my {item}" for item in items] if all(_is_being(item) for item in items) else []


def _with_noun(parts: list[str]) -> list[str]:
    """Give "my sister's" and "my sister" in front of "my brother's names" the noun that they share."""
    shared = _SHARED_NOUN.search(parts[-1])
    last = re.search(r"(?:'s|s') (?P<noun>.+)$", parts[-1])
    return [
        f"{part} {last['noun']}"
        if last and part.endswith(("'s", "s'"))
        else f"{part}'s {shared['noun']}"
        if shared and _BEING.match(part)
        else part
        for part in parts
    ]


def _items(part: str) -> list[str]:
    """Return "my address" and "my phone number" for "my address and phone number"; the part where it is no list."""
    found = _LISTED.match(part)
    if not found:
        return [part]
    items = _ITEMS.split(found["items"])
    of_beings = found["front"].casefold() in ("my ", "our ")
    noun = _SHARED_NOUN.search(part)
    if len(items) > 1 and of_beings and noun and _is_being(re.sub(r"(?:'s|s') [\w ]+$", "", items[-1])):
        items = [f"{item.removesuffix(chr(39) + 's')}'s {noun['noun']}" for item in items[:-1]] + items[-1:]
        return [found["front"] + item for item in items] if all(map(_is_beings_own, items)) else [part]
    known = _CATEGORIES if re.search(r"favou?rite $", found["front"], re.IGNORECASE) else FEATURES
    if len(items) > 1 and all(_is_one_of(item, known) or (of_beings and _is_being(item)) for item in items):
        return [found["front"] + item for item in items]
    return [part]


def _is_one_of(item: str, known: frozenset[str]) -> bool:
    word = item.casefold()
    one = f"{word[:-3]}y" if word.endswith("ies") else word.removesuffix("s")
    return bool({word, one, word.removesuffix("es"), re.sub(r"^(?:old|new|current) ", "", word)} & known)


def _is_being(item: str) -> bool:
    return SINGULAR.get(item.casefold(), item.casefold()) in RELATIVES | ANIMALS


def _is_beings_own(item: str) -> bool:
    return _is_being(re.sub(r"(?:'s|s') [\w ]+$", "", item))


def _with_owner(parts: list[str]) -> list[str]:
    """Say of whom "her birthday" and "where she lives" are: of whom the part in front of them is."""
    owner, named = "", []
    for part in parts:
        one = part
        if owner and _HIS.match(part):
            one = _HIS.sub(f"{owner}'s ", part)
        elif owner and _HE.match(part):
            one = _HE.sub(rf"\g<1>{owner} ", part)
        found = _OWNER.match(one)
        owner = found["owner"] if found else ""
        named.append(one)
    return named


def is_told_of_another(part: str) -> bool:
    """True for "her birthday", where nobody was named whose it is."""
    return bool(_HIS.match(part) or _HE.match(part))
