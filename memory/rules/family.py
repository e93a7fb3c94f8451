"""What follows "I have" in ("two kids, Mia and Leo", "a daughter, Ida, and a son, Paul"), who they are out.

Law: the whole list is understood or nothing of it. Each of them has a name that begins with a capital, and there are
as many names as were counted.
"""

import re
from dataclasses import dataclass, field

from memory.rules.lexicon import ANIMALS, BREEDS, DIETS, NOT_CALLED, NOT_SUBJECTS, RELATIVES, alternatives, listing
from memory.rules.occupations import JOBS
from memory.rules.plurals import SINGULAR
from memory.rules.values import believable
from memory.rules.words import NAME

MAX_NAMED = 12
_COUNTS = {word: n for n, word in enumerate("one two three four five six seven eight nine ten".split(), 1)}
_COUNTS |= {str(n): n for n in range(1, 11)} | {"a": 1, "an": 1, "another": 1}
_HAVE = re.compile(r"^(?:have |own |(?:have )?(?:just )?(?:got|adopted|rescued|bought) )(?P<rest>.+)$", re.IGNORECASE)
_AGE = re.compile(r"\s*\(\d{1,2}\)")
_IN_BRACKETS = re.compile(r"\s*\((?P<names>[^()]+)\)$")
_BEHIND = re.compile(r",?\s+(?:who|whom|whose|which|that|aged?|ages)\b.*$", re.IGNORECASE)
_BETWEEN = re.compile(r"\s*[,:]\s+(?:(?:and|&)\s+)?|\s+(?:and|&)\s+", re.IGNORECASE)
_ADJECTIVES = r"(?:new|little|lovely|cute|small|big|young|old|older|younger|adult|grown|beautiful|dear|other|second)"
_ONE_OR_MORE = alternatives({*RELATIVES, *ANIMALS, *SINGULAR})
_SOME = re.compile(
    rf"^(?:(?P<count>(?i:{'|'.join(_COUNTS)})) )?(?:(?i:{_ADJECTIVES}) )*?(?P<x>(?i:{_ONE_OR_MORE}))"
    rf"(?P<called> (?i:called|named))?(?: (?P<name>{NAME}))?$"
)
_ONLY_NAME = re.compile(rf"^{NAME}$")
#: "We have a partner, Siemens", "a friend, Netflix": whoever is no kin may be a company or a program.
_NOT_APPOSED = listing(
    "partner, boss, manager, supervisor, assistant, secretary, lawyer, accountant, doctor, dentist, therapist, vet, "
    "coach, tutor, mentor, landlord, landlady, team lead, physiotherapist, hairdresser, teacher, baby, friend, ex, "
    "best friend, neighbour, neighbor, colleague, coworker, co-worker, flatmate, roommate, housemate, classmate, "
    "nanny, babysitter"
)
_ADDRESSED = listing(  # "a dog, Claude"
    "claude, chatgpt, gpt, gemini, siri, alexa, cortana, copilot, bard, grok, assistant, ai"
)
_BREED = re.compile(r"(?:ese|ian|oodle|poo|hund|hound|terrier)$")
_INITIALS = re.compile(r"[A-Z]{2,4}")  # "LOL", "HR", "Navy SEAL"
_NOT_COUNTED = listing("twin")  # "we have twins": not of the user


@dataclass(slots=True)
class _Some:
    being: str
    count: int  #: 0: not said
    counted: str  #: as it was said
    called: bool
    names: list[str] = field(default_factory=list)

    @property
    def complete(self) -> bool:
        return not self.names or self.count in (0, len(self.names))

    @property
    def believed(self) -> bool:
        return self.called or not self.names or self.being not in _NOT_APPOSED


@dataclass(frozen=True, slots=True)
class Family:
    """Those who were named."""

    names: tuple[tuple[str, str], ...]  #: what each is to the user, and the name
    children: str  #: how many, as it was said; "" where it was not
    whole: bool  #: nothing more was said of them


def family(predicate: str) -> Family | None:
    """Return who is named in "have two kids, Mia and Leo"; None where not all of it is understood."""
    found = _HAVE.match(predicate)
    if not found:
        return None
    listed = _IN_BRACKETS.sub(r", \g<names>", _AGE.sub("", _BEHIND.sub("", found["rest"]))).strip(" ,")
    some = _read(_BETWEEN.split(listed))
    if not some or not all(each.complete and each.believed for each in some):
        return None
    named = [(each.being, name) for each in some for name in each.names]
    if not named or len(named) > MAX_NAMED or not all(is_name_of(being, name) for being, name in named):
        return None
    children = next((each.counted for each in some if each.being in ("kid", "child") and each.count > 1), "")
    return Family(tuple(named), children, listed == found["rest"])


def _read(parts: list[str]) -> list[_Some]:
    """Return each group with the names behind it, [] where a part is neither a group nor a name."""
    some: list[_Some] = []
    for part in parts:
        head = _SOME.match(part)
        if head and (group := _group(head)):
            some.append(group)
        elif some and _ONLY_NAME.match(part):
            some[-1].names.append(part)
        else:
            return []
    return some


def _group(head: "re.Match[str]") -> _Some | None:
    """Return the group that begins here; None for "dog" without an article and for "two dog"."""
    word, counted = head["x"].casefold(), (head["count"] or "").casefold()
    being, count = SINGULAR.get(word, word), _COUNTS.get(counted, 0)
    several = word in SINGULAR
    if several != (count != 1) or (several and being in _NOT_COUNTED):
        return None
    return _Some(being, count, counted, bool(head["called"]), [head["name"]] if head["name"] else [])


def is_name_of(being: str, name: str) -> bool:
    """Return whether a person or an animal may be called so; False for "Labrador", "Monday", "LOL" and "adorable"."""
    words = name.casefold().split()
    if not all(_is_capitalised(word) for word in name.split()) or name.casefold() in DIETS | JOBS:
        return False
    strange = {words[0], words[-1]} & NOT_CALLED or words[0] in NOT_SUBJECTS | ANIMALS or _ADDRESSED & set(words)
    if strange or (being in ANIMALS and _is_breed(words)):
        return False
    return believable("name", name, casual=False) == name


def may_be_apposed(being: str, name: str) -> bool:
    """Return whether a name between commas is surely one: "My wife, Clara, ..."; not "My partner, Siemens, ..."."""
    return being not in _NOT_APPOSED and is_name_of(being, name)


def _is_capitalised(word: str) -> bool:
    return word[:1].isupper() and not _INITIALS.fullmatch(word) and not word.endswith(("'s", "'"))


def _is_breed(words: list[str]) -> bool:
    return words[0] in BREEDS or words[-1] in BREEDS | ANIMALS or bool(_BREED.search(words[-1]))
