"""What follows "I" in ("live in Oslo with my girlfriend Ingrid"), with whom the user does it and the rest of it out.

Law: only behind verbs of living, working and travelling, said of what is or was: whom one argues with, would travel
with or no longer lives with is left to other rules.
"""

import re
from dataclasses import dataclass

from memory.rules.family import is_name_of, may_be_apposed
from memory.rules.lexicon import ANIMALS, BEINGS, listing
from memory.rules.words import MONTH, PERSON_NAME

_WITH = re.compile(
    rf"^(?P<front>.+?),?(?: together)? with (?i:my|our) (?:(?:dear|lovely|beloved|little|old|good) )?"
    rf"(?P<being>(?i:{BEINGS}))(?P<comma>,)? (?P<name>{PERSON_NAME}),?(?P<behind>(?: .+)?)$"
)
_ADVERBS = r"(?: (?:now|currently|still|often|usually|sometimes|always|also|just|recently|mostly|both|happily))*"
_LIVES = r"live|lived|living|moved|share an? \w+|settled"
_DOES = rf"(?:'m|'re|'ve| am| are| was| were| have)?(?: been)?{_ADVERBS}"
_LIVING = re.compile(rf"^{_DOES} (?:{_LIVES})\b", re.IGNORECASE)
_DOING = re.compile(
    rf"^{_DOES} (?:work(?:ed|ing)?|travel(?:l?ed|l?ing)?|went|go|going(?! to [a-z])|came|flew|drove|walk(?:ed)?|"
    r"hik(?:e|ed|ing)|stay(?:ed|ing)?|on holiday|on vacation|visit(?:ed|ing)?|spent|(?P<play>play(?:ed)?))\b",
    re.IGNORECASE,
)
#: "We work with our partner Siemens", "I went running with my coach Strava": who is no kin may be a firm or a program.
_AT_HOME_ONLY = listing("partner, boss, manager, supervisor, lawyer, accountant, therapist, mentor, doctor, dentist")
_NEVER = listing("assistant, secretary, coach, tutor, baby, spider, mouse, python")
_OTHERWISE = re.compile(r"\b(?:not|never|no longer|without|any ?more|instead)\b|n't\b", re.IGNORECASE)
_DAY = re.compile(rf" (?:\w+day|{MONTH})\b", re.IGNORECASE)  # "with my wife Anna Friday night"


@dataclass(frozen=True, slots=True)
class Companion:
    """With whom."""

    being: str  #: as it was said
    name: str
    rest: str  #: the predicate without them
    whole: bool  #: of living together no more needs to be said than where, and what they are called


def companion(predicate: str) -> Companion | None:
    """Return who is named at "with my ..."; None where that is not surely somebody of the user's."""
    found = _WITH.match(predicate)
    if not found or _OTHERWISE.search(predicate) or _DAY.search(found["name"]):
        return None
    being, name = found["being"].casefold(), found["name"]
    living, doing = _LIVING.match(found["front"]), _DOING.match(found["front"])
    if not (living or doing) or being in _NEVER or (being in _AT_HOME_ONLY and not living):
        return None
    if doing and doing["play"] and being in ANIMALS:  # "I play Skyrim with my horse Shadowmere"
        return None
    if not (may_be_apposed if found["comma"] else is_name_of)(being, name):
        return None
    return Companion(found["being"], name, found["front"] + found["behind"], bool(living))
