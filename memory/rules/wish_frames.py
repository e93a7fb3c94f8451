"""A sentence in, the words in it that name what is to be forgotten: without what is said around them out of courtesy.

Law: what stands around a wish ("pls", "too", "that I gave you") names nothing, and must not hide what does.
"""

import re
from dataclasses import dataclass

from memory.rules.joined import FEATURES
from memory.rules.lexicon import ANIMALS, CODE_NOUNS, RELATIVES
from memory.rules.plurals import SINGULAR, singular
from memory.rules.sentences import without_lead

_VERB = (
    r"(?:forget|delete|erase|remove|wipe|clear|drop|stop remembering|don'?t remember|do not remember|"
    r"no longer remember)"
)
_U = r"(?:you|u)"
_LEAD = (
    rf"(?:please|pls|plz|(?:can|could|would|will) {_U}|{_U} (?:can|may|should|must|could|need to|have to)|"
    rf"i (?:want|need|would like|'d like) {_U} to|i'd like {_U} to|just|kindly|now|also|and|but|ok(?:ay)?|actually|so|"
    r"hey|oh|wait)"
)
_END = r"(?:please|thanks|thank you|now|again|for me|from (?:your |the )?memory)"
_ASIDE = (
    r"(?:pls|plz|thx|ty|ok(?:ay)?|alright|will (?:you|u)|would (?:you|u)|can (?:you|u)|could (?:you|u)|if you can|"
    r"right (?:now|away)|immediately|at once|asap|altogether|completely|entirely|for good|forever|for ever)"
)
#: Beside something else that was asked for.
_BESIDE = r"(?:too|as well|also|either|instead)"
_FORGET = re.compile(
    rf"^(?P<front>(?:{_LEAD}[, ]+)*)(?P<verb>{_VERB})(?: about)?\s+(?P<target>.+?)"
    rf"(?P<behind>(?:[, ]+(?:{_END}|{_ASIDE}|{_BESIDE}))*)$",
    re.IGNORECASE,
)
_IN_PASSING = re.compile(rf"\b(?:{_BESIDE}|wait)\b", re.IGNORECASE)
_SAYS = r"(?:said|told (?:you|u)|mentioned|wrote|typed|shared|gave (?:you|u))"
_I = r"i(?:'ve| have)?(?: (?:ever|just|even|already|once))*"
#: "Forget I ever said that" is "forget that"; "forget I said anything" is a turn of speech.
_SAID_THAT = re.compile(rf"^(?:that )?{_I} {_SAYS}(?: to (?:you|u))? (?:that|this|it)$", re.IGNORECASE)
_SAID_OF = re.compile(
    rf"^(?:(?:the fact )?that )?{_I} {_SAYS}(?: (?:anything|something))?(?: to (?:you|u))?(?: about)? "
    r"(?=(?:my|our)\b)(?!.*\b(?:is|was|are|were)\b)",
    re.IGNORECASE,
)
_GIVEN = re.compile(
    rf"^(?P<owner>the|my|our) (?P<thing>[\w' -]+?)(?: that| which)? {_I} "
    r"(?:gave|given|told|mentioned to) (?:you|u)(?: (?:earlier|before|just now))*$",
    re.IGNORECASE,
)
_THE = re.compile(r"^the (?P<thing>[\w-]+(?: [\w-]+){0,2})$", re.IGNORECASE)
#: "The map pin" is no fact of the user's and is not found; "the code" may be a program.
_SECRET = re.compile(
    rf"^(?!(?:code|combination|hint|login|username)$)(?:[\w-]+ ){{0,2}}(?!code$)(?:{CODE_NOUNS})$|"
    r"^(?:[\w-]+ )?(?:gate|door|garage|alarm|locker|safe|lock|entry|access|building) code$|"
    r"^(?:bank )?(?:account|card|passport) number$",
    re.IGNORECASE,
)
_NUMBER = re.compile(r"^(?:phone|mobile|telephone|cell|bank)(?: \w+)? number$", re.IGNORECASE)
#: As people type it.
_SHORT = {"bday": "birthday", "b-day": "birthday"}
_SHORTENED = re.compile(rf"(?<=\bmy )(?:{'|'.join(_SHORT)})\b", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Asked:
    """What a sentence asks to forget."""

    verb: str
    target: str  #: the words for it
    in_passing: bool  #: "too", "wait": too little for a wish that all be forgotten


def asked_to_forget(body: str) -> Asked | None:
    """Return what the sentence asks to forget, in its own words; None where it asks for nothing of the kind."""
    found = _FORGET.match(body) or _FORGET.match(without_lead(body))
    if not found or re.match(r"(?:don't|do not|never) forget", body, re.IGNORECASE):
        return None
    in_passing = _IN_PASSING.search(f"{found['front']} {found['behind']}") is not None
    return Asked(found["verb"], found["target"].strip(" ,.!"), in_passing)


def named_in(target: str) -> str:
    """Return "that" for "I ever said that", and "my phone number" for "the phone number I gave you".

    The words as they are where they are nothing of the kind.
    """
    if _SAID_THAT.match(target):
        return "that"
    about = _SHORTENED.sub(lambda found: _SHORT[found[0].casefold()], _SAID_OF.sub("", target))
    given = _GIVEN.match(about)
    if given and given["owner"].casefold() != "the":
        return f"{given['owner']} {given['thing']}"
    if given and is_of_one(given["thing"]):
        return f"my {given['thing']}"
    secret = _THE.match(about)
    return f"my {secret['thing']}" if secret and _SECRET.match(secret["thing"]) else about


def of_user(about: str) -> str:
    """Return "my kids" for "the kids" and "my pin" for "the pin": what is the user's where they told of it.

    "" for what may be anybody's: "the company", "the neighbour's son".
    """
    found = _THE.match(about)
    thing = found["thing"] if found else ""
    word = thing.casefold()
    being = word in SINGULAR or word in ("kids", "children") or singular(word) in RELATIVES | ANIMALS
    return f"my {thing}" if being or is_of_one(thing) else ""


def is_of_one(thing: str) -> bool:
    """True for what belongs to one person as their number does: "phone number", "bank pin"."""
    return bool(_SECRET.match(thing) or _NUMBER.match(thing)) or (
        thing.casefold() in FEATURES and thing.casefold().endswith(("address", "birthday", "salary"))
    )
