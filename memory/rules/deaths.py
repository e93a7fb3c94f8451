"""What follows "my" in ("dog Rex passed away last year"), who died and how memory writes it down out.

The value of such a fact is the whole phrase: what is forgotten by its value takes no other "died" along.

Law: understood whole or not at all, so that nobody dies of laughter, in a game or in somebody else's words.
"""

import re
from dataclasses import dataclass

from memory.rules.family import is_name_of, may_be_apposed
from memory.rules.lexicon import ANIMALS, BEINGS, listing
from memory.rules.words import MONTH, NAME

ATTRIBUTE = "died"
_LATE = "late "  #: in front of what an animal was, in the attribute that holds what it was called

NOT_ALIVE = listing("mouse, python")  #: of a desk
_NOT_ALIVE_UNNAMED = NOT_ALIVE | listing("baby, spider, assistant, coach")  # a car, a program, a bus
_ADVERBS = (
    r"(?:recently|just|sadly|unfortunately|suddenly|unexpectedly|peacefully|eventually|finally|already|now|today|"
    r"yesterday|last night|this morning)"
)
_EXACT = (
    rf"(?:in (?:{MONTH} )?(?:19|20)\d\d|(?:on )?(?:(?:the )?\d{{1,2}}(?:st|nd|rd|th)?(?: of)? {MONTH}|"
    rf"{MONTH} \d{{1,2}}(?:st|nd|rd|th)?)(?:,? (?:19|20)\d\d)?)"
)
_NUMBER = r"(?:an?|one|two|three|four|five|six|seven|eight|nine|ten|\d{1,2}|a few|a couple of|several|many|some)"
_TIME = (
    rf"{_EXACT}|in {MONTH}|on \w+day|(?:last|this) (?:week|month|year|weekend|spring|summer|autumn|fall|winter|\w+day|"
    rf"{MONTH})|(?:over |about |almost )?{_NUMBER} (?:days?|weeks?|months?|years?) ago|(?:a )?long (?:time )?ago|"
    rf"years ago|when (?:i|he|she|it|we) (?:was|were) (?:only |still |very )*(?:\d{{1,2}}(?: years old)?|young|"
    r"little|small)"
)
_CAUSE = (
    r"(?:of|from|after) (?:an? |the )?(?:\w+ )?(?:cancer|covid|heart (?:attack|failure|disease)|stroke|old age|"
    r"pneumonia|illness|disease|leuka?emia|dementia|alzheimer's|tumou?r|accident|infection|natural causes|"
    r"kidney failure|sepsis|surgery|operation)|in an? (?:\w+ )?(?:accident|crash)|in (?:the )?(?:war|hospital)|"
    r"in (?:his|her|its|their) sleep|"
    r"at (?:the age of |age )?\d{1,3}|aged \d{1,3}"
)
_DEATH = re.compile(
    rf"^(?:(?:old|dear|beloved|poor|sweet|little) )*?(?P<being>{BEINGS})"
    rf"(?:(?P<comma>,)? (?P<name>(?-i:{NAME})),?)?"
    rf"(?P<has> has| have|'s| is)?(?: {_ADVERBS})* "
    rf"(?P<died>died|passed away|(?P<dead>dead)|(?P<put>(?:was|had to be) (?:put down|put to sleep|euthani[sz]ed)))"
    rf"(?P<behind>(?:,? (?:{_ADVERBS}|{_CAUSE}|{_TIME}))*)$",
    re.IGNORECASE,
)
_WHEN_IT_WAS = re.compile(r"\bwhen it\b", re.IGNORECASE)
_WHEN = re.compile(rf" {_EXACT}(?=[ ,]|$)", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Death:
    """Who died."""

    being: str  #: what they were to the user, as in ``FactKey.subject``
    name: str  #: "" where it was not said
    value: str  #: the words for it: "dog Rex passed away"
    line: str
    animal: bool
    dead: bool  #: said as "is dead"


def death(rest: str) -> Death | None:
    """Return who died; None for anything else and for what is not surely meant so."""
    found = _DEATH.match(rest)
    if not found:
        return None
    being, name, words = found["being"].casefold(), found["name"] or "", found["died"]
    animal = being in ANIMALS
    of_animals = found["put"] or _WHEN_IT_WAS.search(found["behind"])
    if (of_animals and not animal) or not _may_be_called(found, being, name) or not _agree(found):
        return None
    who = f"{being} {name}".strip()
    when = _WHEN.search(found["behind"])
    said = "is dead" if found["dead"] else words.lower()
    value = rest[found.start("being") : found.end("died")]
    return Death(being, name, value, f"The user's {who} {said}{when[0] if when else ''}.", animal, bool(found["dead"]))


def called_in(value: str) -> str:
    """Return the name in the value of such a fact ("dog Rex died"); "" where there is none."""
    one = death(value)
    return one.name if one else ""


def late(attribute: str) -> str:
    """Return the attribute that holds what animals were called that died: "pet:late dog"."""
    prefix, _, being = attribute.partition(":")
    return f"{prefix}:{_LATE}{being}"


def living(being: str) -> str:
    """Return "dog" for "late dog"."""
    return being.removeprefix(_LATE)


def _may_be_called(found: "re.Match[str]", being: str, name: str) -> bool:
    """Return whether who died is alive by kind, and has the name; of what is all in capitals none can be told."""
    if not name:
        return being not in _NOT_ALIVE_UNNAMED
    sure = may_be_apposed if found["comma"] else is_name_of
    return being not in NOT_ALIVE and not found["being"].isupper() and sure(being, name)


def _agree(found: "re.Match[str]") -> bool:
    """True for "has died", "died", "'s dead" and "'s died"; not for "is died"."""
    auxiliary = (found["has"] or "").lower()
    return auxiliary in ("'s", " is") if found["dead"] else auxiliary != " is"
