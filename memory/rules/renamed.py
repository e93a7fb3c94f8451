"""What follows "my" in ("wife's name is not Anna, it is Hanna"), who is called otherwise than was known out.

Law: it says that it is about a name ("is called", "'s name"): "My boss is not Belgian but Moldovan" is about none.
"""

import re
from dataclasses import dataclass

from memory.rules.family import is_name_of
from memory.rules.lexicon import BEINGS
from memory.rules.words import PERSON_NAME

_BEING = rf"(?P<being>(?i:{BEINGS}))"
_OLD, _NEW = rf"(?P<old>{PERSON_NAME})", rf"(?P<new>{PERSON_NAME})"
_CALLED = r"(?:(?:actually|really) )?(?:called|named)"
_NAME_NOT = (
    r"(?:(?P<says>'s name) (?:is not|isn't|is no longer)|(?: is not| isn't|'s not| is no longer) (?:called|named))"
)
_BUT = (
    rf"(?:,? but|[,;](?: but)? (?:it|that|he|she|(?:his|her|its) name)(?:'s| is))(?: now| actually| really)?"
    rf"(?: {_CALLED})?"
)
_FORMS = (
    re.compile(rf"^{_BEING}{_NAME_NOT} {_OLD}(?:{_BUT} {_NEW})?(?: any ?more)?$"),
    re.compile(
        rf"^{_BEING}(?:(?P<says>'s name)(?: is|'s)| is {_CALLED}|'s {_CALLED}) {_NEW}(?:,| and|, and) not {_OLD}$"
    ),
)


@dataclass(frozen=True, slots=True)
class Renamed:
    """Who it is."""

    being: str  #: as it was said
    old: str
    new: str  #: "" where it was only said what the name is not
    says: str  #: "'s name is" or " is called", as it was said


def renamed(rest: str) -> Renamed | None:
    """Return who is not called what was known; None for anything else."""
    found = next(filter(None, (form.match(rest) for form in _FORMS)), None)
    if not found:
        return None
    names = [name for name in (found["old"], found["new"]) if name]
    if len({name.casefold() for name in names}) < len(names):
        return None
    if not all(is_name_of(found["being"].casefold(), name) for name in names):
        return None
    says = "'s name is" if found["says"] else " is called"
    return Renamed(found["being"], found["old"], found["new"] or "", says)
