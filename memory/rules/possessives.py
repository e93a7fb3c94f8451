"""What follows "my" in, facts about pets, relatives, favourites, any attribute and things out.

Law: keys are spelt one way ("favourite:colour"), texts as the user spells them.
"""

import re

from memory.cube import FactKey
from memory.rules.family import is_name_of
from memory.rules.lexicon import (
    ANIMALS,
    CODE_NOUNS,
    MANY_RELATIVES,
    NOT_ATTRIBUTES,
    NOT_THINGS,
    NOT_VALUES,
    PRONOUNS,
    RELATIVES,
    listing,
)
from memory.rules.plurals import SINGULAR, singular
from memory.rules.values import believable, listed, trimmed

_CALLED = re.compile(
    r"^(?P<x>[a-z][\w -]{0,40}?)(?:(?P<is> is| are|'s)(?: now| also)? (?:called|named|known as)|(?P<poss>'s name is|"
    r"'s name's|s' names are)(?: now)?|(?P<goes> goes by| answers to)(?: the name(?: of)?)?| has the name) (?P<v>.+)$",
    re.IGNORECASE,
)
#: "My other dog is called Bella": there are several, so she takes nobody's place.
_ANOTHER = re.compile(r"^(?:other|another|second|third|fourth) ", re.IGNORECASE)
_ONE_AT_A_TIME = listing("wife, husband, spouse, partner, girlfriend, boyfriend, fiancé, fiancée, fiance, fiancee")
_NAME_OF = re.compile(r"^the names? of (?:my|our) (?P<x>[\w -]{2,40}?) (?:is|are) (?P<v>.+)$", re.IGNORECASE)
_FAVOURITE = re.compile(
    r"^(?P<new>new |all-time |absolute )?(?P<fav>favou?rite|preferred) (?P<x>[\w -]{2,40}?)(?: of all time)?(?P<is> is|"
    r" are|'s| has always been| has changed to| changed to| has become| will be)(?: still| now| currently|"
    r" definitely| probably| actually)* (?P<v>.+)$",
    re.IGNORECASE,
)
_IS = re.compile(
    r"^(?P<new>new |current |own )?(?P<x>[a-z][\w'./ -]{0,45}?)(?P<is> (?:is |has |was |has been )?changed to|"
    r" (?:is |has been |was )?set to| will be| is| are|:)(?: still| now| currently| actually|"
    r" just)*(?: the number)? (?P<v>.+)$",
    re.IGNORECASE,
)
_AGE = re.compile(r"^\S+ (?:years?|months?|weeks?)(?: old)?$", re.IGNORECASE)
_SEVERAL = re.compile(rf"^(?P<x>{'|'.join(SINGULAR)}) are(?: now| still| both| all)* (?P<v>.+)$", re.IGNORECASE)
_CHILDREN = listing("kid, child, son, daughter, grandson, granddaughter")
_LAST_COMMA = re.compile(r",\s+and\s+(?=[A-Z]\w)")  # of "Mia, Leo, and Tom"
_AND_MORE = re.compile(r",\s+and\s")  # "Mia, Leo, and happy"
_AND_ANOTHERS = re.compile(r",.*\b(?:is|are)\b")  # "3 May, Bob's is 4 May"
_WHEN = re.compile(r"^(?P<at>on|at|due on|due|in) (?P<v>(?:\w+day|\d).*)$", re.IGNORECASE)
_IS_NOW = r"(?: is|:| (?:has |was |has been )?changed to| will be)(?: now| still| currently| actually)*"
_THING = re.compile(
    r"^(?:the|our|my) (?:new |current )?(?P<x>[a-z][\w -]{1,30}?) (?P<of>of|for|at) (?P<the>the|my|"
    rf"our) (?P<y>[a-z][\w -]{{1,30}}?){_IS_NOW} (?P<v>.+)$",
    re.IGNORECASE,
)
_CODE = re.compile(
    rf"^(?:note )?(?:the|our|my) (?:new |old )?(?P<x>(?:[\w-]+ ){{0,2}}(?:{CODE_NOUNS}))(?: (?:of|at|for|in) (?:the|"
    rf"my|our) (?P<y>[\w ]{{2,30}}?))?{_IS_NOW} (?P<v>\S+(?: \S+){{0,4}})$",
    re.IGNORECASE,
)
_DUE = re.compile(r"^(?:the|our|my) (?P<y>[\w -]{2,30}?) (?:is|are) (?:now )?due (?:on |by )?(?P<v>.+)$", re.IGNORECASE)
#: "Painting", "fixed", "crossed out"; "red" and "string" have no vowel before the ending, and are none.
_COMPLEMENT = re.compile(r"^[\w-]*[aeiouy][\w-]*(?:ing|ed)$", re.IGNORECASE)
_NAMED_THINGS = frozenset(
    "company band boat car blog project team school street village town startup business "
    "shop restaurant app website channel podcast book novel game server house plant".split()
)
_TECHNICAL = frozenset(
    "code file function variable class table method module package folder branch column field key script program "
    "database library user problem question issue bug error test string list method song friend's".split()
)
_SOFTWARE = frozenset("function variable method module script query array parameter argument string loop".split())
_SPELLINGS = (("favorite", "favourite"), ("color", "colour"), ("neighbor", "neighbour"), ("mom", "mum"))


def read_possessive(rest: str, subject: str, *, has: bool = False) -> list[tuple[FactKey, str]]:
    """Return (fact, line) for what follows "my" or "Bob's"; the line has {S}, {P} and {v}.

    ``has``: it was put as "I have a dog called Rex", which adds where "my dog is called Rex" replaces.
    """
    favourite = _FAVOURITE.match(rest)
    if favourite:
        return _favourite(favourite, subject)
    called = _CALLED.match(rest)
    if called:
        return _called(called, subject, has)
    several = _SEVERAL.match(rest)
    if several:
        return _several(several["x"], _LAST_COMMA.sub(" and ", several["v"]), subject)
    return _attribute(rest, subject)


def read_thing(text: str) -> list[tuple[FactKey, str]]:
    """Return (fact, written line) for "The password hint of the router is X", or []."""
    name_of = _NAME_OF.match(text)
    if name_of:
        named = read_possessive(f"{name_of['x']} is called {name_of['v']}", "user")
        return [
            (fact, line.replace("{P}", "The user's").replace("{S}", "The user").replace("{v}", fact.value))
            for fact, line in named
        ]
    code = _CODE.match(text)
    if code and not code["y"]:
        fact = _fact("user", f"attr:{key(code['x'])}", trimmed(code["v"]))
        return [(fact, f"The user's {code['x']} is {fact.value}.")] if _is_value(fact.value) else []
    due = _DUE.match(text)
    if due:
        value = believable("date", due["v"], casual=True)
        fact = _fact(key(due["y"]), "thing:deadline", value or "")
        return [(fact, f"The deadline of the {due['y']} is {value}.")] if value else []
    found = code or _THING.match(text)
    if not found:
        return []
    noun, thing, value = found["x"], found["y"], trimmed(found["v"])
    if not _is_thing(key(noun), key(thing), value) or not _is_value(value) or len(value.split()) > 6:
        return []
    return [(_fact(key(thing), f"thing:{key(noun)}", value), f"The {noun} of the {thing} is {value}.")]


def _is_thing(noun: str, thing: str, value: str) -> bool:
    """True for "the colour of the front door": something of one's own, that has such a thing as one of its features."""
    nouns, things = noun.split(), thing.split()
    if len(nouns) > 3 or len(things) > 3 or things[0] in _VAGUE | PRONOUNS or things[-1] in NOT_THINGS | _SOFTWARE:
        return False
    if noun == "name":  # things are called by a name, and not by a word: "the name of the game is patience"
        return value[:1].isupper() and things[-1] not in RELATIVES
    if noun in NOT_ATTRIBUTES and not any(c.isdigit() for c in value):
        return False
    return nouns[-1] not in NOT_THINGS or (len(nouns) > 1 and nouns[-1] in _MEASURES and nouns[0] not in _VAGUE)


def key(words: str) -> str:
    """Return the words as they stand in a key: case-folded, British spelling."""
    folded = " ".join(words.casefold().split())
    for other, one in _SPELLINGS:
        folded = re.sub(rf"\b{other}(?=s?\b)", one, folded)
    return folded


def _fact(subject: str, attribute: str, value: str, *, single: bool = True, profile: bool = False) -> FactKey:
    return FactKey(
        subject=subject, attribute=attribute, value=value, single=single, profile=profile and subject == "user"
    )


def _favourite(found: "re.Match[str]", subject: str) -> list[tuple[FactKey, str]]:
    noun, value = found["x"], trimmed(found["v"])
    verb = "are" if found["is"].strip() == "are" else "is"
    if (
        not value
        or value.casefold() in PRONOUNS
        or len(value.split()) > 8
        or value.split()[0].casefold() in {"when", "how", "what", "not", "because", "my", "your"}
    ):
        return []
    name = key(noun)
    name = name[:-1] if verb == "are" and name.endswith("s") else name
    return [(_fact(subject, f"favourite:{name}", value), f"{{P}} {found['fav'].lower()} {noun} {verb} {{v}}.")]


def _called(found: "re.Match[str]", subject: str, has: bool) -> list[tuple[FactKey, str]]:
    noun = re.sub(r"^(?:new|little|old|other|own|dear|lovely) ", "", found["x"].strip(), flags=re.IGNORECASE)
    another = _is_another(found["x"].strip())
    noun = _ANOTHER.sub("", noun) if another else noun
    plural = (found["is"] or "").strip() == "are" or (found["poss"] or "").startswith("s'")
    word = key(noun)
    if plural:
        noun, word = _one_of(noun), singular(word)
    said = listed(trimmed(_LAST_COMMA.sub(" and ", found["v"]))) if plural else [found["v"]]
    kind = "person" if found["goes"] else "name"  # "my dad goes by train"
    names = [believable(kind, name, casual=True) for name in said]
    if (
        word in PRONOUNS
        or not word
        or word.split()[-1] in _TECHNICAL
        or (found["goes"] and word.split()[-1] not in RELATIVES | ANIMALS)
        or (word.split()[0] in {"first", "last", "full", "real", "middle"})
    ):
        return []
    adds = has or plural or another
    line = _called_line(found, noun, adds)
    attribute = _called_attribute(word)
    single = not adds and word not in MANY_RELATIVES
    profile = attribute.startswith(("pet:", "rel:"))
    return [(_fact(subject, attribute, name, single=single, profile=profile), line) for name in names if name]


def _one_of(noun: str) -> str:
    """Return "guinea pig" for "guinea pigs", spelt as it was."""
    one = singular(noun.casefold())
    return one if one in RELATIVES | ANIMALS else noun.removesuffix("s")


def _called_line(found: "re.Match[str]", noun: str, adds: bool) -> str:
    if adds:
        article = "an" if noun[:1].lower() in "aeiou" else "a"
        return f"{{S}} has {article} {noun} called {{v}}."
    return f"{{P}} {noun}'s name is {{v}}." if found["poss"] else f"{{P}} {noun} is called {{v}}."


def _called_attribute(word: str) -> str:
    last = word.split()[-1]
    if word in RELATIVES or last in RELATIVES:
        return f"rel:{word if word in RELATIVES else last}"
    if last in _NAMED_THINGS or not word.isascii() or last.endswith(("ing", "tion")):
        return f"attr:{word}"
    return f"pet:{last if last in ANIMALS and word not in ANIMALS else word}"


def _attribute(rest: str, subject: str) -> list[tuple[FactKey, str]]:
    found = _IS.match(rest)
    if not found:
        return []
    noun, word = found["x"].strip(), key(found["x"])
    if _is_another(noun):
        return _another(_ANOTHER.sub("", noun), found["v"], subject)
    verb = "are" if found["is"].strip() == "are" else "is"
    value = trimmed(found["v"])
    if found["is"].endswith(("will be", "set to")) and not any(c.isdigit() or c.isupper() for c in value):
        return []
    if word in RELATIVES or word in ANIMALS:
        return _is_called(noun, value, subject)
    value = _measured(word, value)
    if _is_named_animal(noun, value) or not _is_lasting(word, value):
        return []
    at = ""
    when = _WHEN.match(value)
    if when:
        at, value = when["at"] + " ", when["v"]
    elif not _is_value(value):
        return []
    return [(_fact(subject, f"attr:{word}", value), f"{{P}} {noun} {verb} {at}{{v}}.")]


def _measured(word: str, value: str) -> str:
    """Return an address of email or a number without the words behind it: "for the form, email me"."""
    shape = _EMAIL if "@" in value.partition(" ")[0] else _NUMBER if word.split()[-1] in _NUMBERED else None
    found = shape.match(value) if shape else None
    # "12 September" is one value, and so is "12 on the second floor"
    return found[0] if found and (shape is _EMAIL or sum(c.isdigit() for c in found[0]) > 4) else value


def _is_called(noun: str, value: str, subject: str) -> list[tuple[FactKey, str]]:
    """Read "wife is Anna": a name and no more. "My wife is upset" names nobody, nor does "my wife is anna"."""
    word, name = key(noun), believable("strict_name", value, casual=False)
    if not name or name != value:
        return []
    attribute = f"rel:{word}" if word in RELATIVES else f"pet:{word}"
    fact = _fact(subject, attribute, name, single=word not in MANY_RELATIVES, profile=True)
    return [(fact, f"{{P}} {noun} is called {{v}}.")]


def _is_another(noun: str) -> bool:
    """True for "other dog" and "second sister", not for "second wife"."""
    being = _ANOTHER.sub("", noun.casefold())
    return being != noun.casefold() and being in (RELATIVES | ANIMALS) - _ONE_AT_A_TIME


def _another(noun: str, words: str, subject: str) -> list[tuple[FactKey, str]]:
    """Read "other dog is Bella"."""
    value = trimmed(words)
    name = believable("strict_name", value, casual=False)
    return read_possessive(f"{noun} is called {name}", subject, has=True) if name and name == value else []


def _is_named_animal(noun: str, value: str) -> bool:
    """True for "dog Rex" and for "dog rex" with an age: that is no attribute of the user."""
    words = noun.split()
    places = [n for n, word in enumerate(words[:-1]) if word.casefold() in ANIMALS]
    return any(words[n + 1][:1].isupper() for n in places) or bool(places and _AGE.match(value))


def _several(word: str, words: str, subject: str) -> list[tuple[FactKey, str]]:
    """Read "kids are Mia and Leo"; "kids are adorable" says nothing that lasts, and "sisters are Democrats" no name."""
    value = trimmed(words)
    being, names = SINGULAR[word.casefold()], listed(value)
    if being not in ANIMALS | _CHILDREN or len(names) < 2 or all(name.endswith("s") for name in names):
        return []
    if not all(is_name_of(being, name) for name in names) or _AND_MORE.search(words):
        return []
    return read_possessive(f"{word} are called {value}", subject)


def _is_lasting(word: str, value: str) -> bool:
    vague = word in NOT_ATTRIBUTES and not any(c.isdigit() for c in value)
    nameless = word in _OWN_NAMES and (not value[:1].isupper() or value.endswith("'s"))
    return bool(value) and not vague and not nameless and _is_attribute(word) and not _AND_ANOTHERS.search(value)


#: Read by the relation table, or not at all: what it refused is no name in small letters.
_OWN_NAMES = listing("name, first name, full name, real name, given name, preferred name")
_NUMBERED = listing("number, phone, telephone, mobile, cell, landline, fax")
_NUMBER = re.compile(r"[+(]?\S*\d[^\s,;]*(?:[ -](?:[(+]?\d[^\s,;]*|[A-Z]{1,4}(?![^\s,;])|ext\.?|extension|x\d+))*")
_EMAIL = re.compile(r"\S+@[^\s,;]+")
_WHERE = frozenset("in on at with from about under by for near behind inside".split())
_HOW = frozenset(
    "truly really absolutely incredibly extremely highly completely totally definitely finally made based".split()
)
#: "The number of the guests" is no feature, "the phone number of the office" is one.
_MEASURES = frozenset("number name size type key length title".split())
_VAGUE = frozenset(
    "most best one some same other whole upcoming day end beginning start rest main total average real true actual "
    "full exact right max maximum min minimum large great".split()
)
_NOT_IN_NOUNS = frozenset(
    "i you he she it we they that which who is are was were said says and or but to of if because when then so not "
    "of's have has had about with".split()
)


def _is_attribute(word: str) -> bool:
    parts = word.split()
    if not parts or len(parts) > 4 or parts[-1] in {"question", "problem", "issue", "idea", "concern", "plan", "point"}:
        return False
    if re.search(r" (?:of|for|at) (?:the|my|our) ", word):  # a feature of something, not of somebody
        return False
    return not any(part in _NOT_IN_NOUNS or part in RELATIVES for part in parts) and "'" not in word


def _is_value(value: str) -> bool:
    """False for states, actions and comments ("broken", "to go home", "killing me")."""
    words = value.casefold().split()
    if not words or len(words) > 8 or words[0].strip(",") in NOT_VALUES or words[0] in PRONOUNS:
        return False
    named = any(c.isdigit() or c.isupper() for c in value)
    if not named and (words[0] in _WHERE or words[0] in _HOW):
        return False
    if len(words) == 1 or words[0].endswith("ing"):
        return not _COMPLEMENT.match(words[0]) or value[:1].isupper() or any(c.isdigit() for c in value)
    return not re.match(
        r"(?:\w+ed (?:by|to|from|in|at|on|with|for|because)|an? (?:lot|bit|mess|problem|disaster|joke|nightmare|"
        r"pain|big|huge|good|bad|great|nice|little)|the (?:best|worst|same|one|most|only|reason|problem))\b",
        value,
        re.IGNORECASE,
    )
