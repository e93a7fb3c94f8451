"""Clauses in ("I broke up with Ingrid", "We divorced"), what no longer holds of whom the user was with out.

Law: a name closes only what holds that name, and a parting of long ago nothing, for there may have been another since.
"""

import re
from collections.abc import Sequence

from memory.cube import FactKey
from memory.rules.family import is_name_of
from memory.rules.sentences import Clause
from memory.rules.words import PERSON_NAME

MARRIED = ("wife", "husband", "spouse")
COUPLED = (*MARRIED, "girlfriend", "boyfriend", "partner", "fiancé", "fiancée", "fiance", "fiancee")

_BEING = rf"(?P<being>(?i:{'|'.join(COUPLED)}))"
_WHO = rf"(?:(?i:my|our) (?:(?i:now )?ex-?)?{_BEING},?(?: (?P<hers>{PERSON_NAME}))?|(?P<name>{PERSON_NAME}))"
RECENTLY = (
    r"(?:,? (?i:yesterday|today|recently|now|last (?:night|week|weekend|month|\w+day)|this (?:morning|week|month)|"
    r"(?:an?|one|two|three|four|a few|a couple of|\d) (?:days?|weeks?|months?) ago|on (?:mon|tues|wednes|thurs|fri|"
    r"satur|sun)day))?"
)
HAVE = r"(?i:'ve| have)?(?i: just| recently| finally| sadly)*"
_FORMS = tuple(
    (re.compile(rf"^{form}{RECENTLY}$"), attributes)
    for form, attributes in (
        (rf"(?i:i|we){HAVE} (?i:broke|broken|split) (?i:up) (?i:with) {_WHO}", COUPLED),
        (rf"(?i:i|we){HAVE} (?i:separated|got divorced|am divorced|'m divorced) (?i:from) {_WHO}", COUPLED),
        (rf"(?i:i){HAVE} (?i:divorced|left|dumped) (?i:my) {_BEING}(?: (?P<hers>{PERSON_NAME}))?(?P<name>)", COUPLED),
        (rf"(?i:i){HAVE} (?i:divorced|dumped) (?P<name>{PERSON_NAME})(?P<being>)(?P<hers>)", COUPLED),
        (rf"{_WHO}(?i:'s| has)?(?i: just)? (?i:broke up with|broken up with|dumped|divorced) (?i:me)", COUPLED),
        (rf"(?i:my) {_BEING}(?: (?P<hers>{PERSON_NAME}))?(?P<name>)(?i:'s| has)?(?i: just)? (?i:left me)", COUPLED),
        (rf"(?i:we){HAVE} (?i:divorced|got divorced|are divorced)", MARRIED),
        (rf"(?i:i){HAVE} (?i:got divorced)", MARRIED),
        (rf"(?i:we){HAVE} (?i:broke up|broken up)", COUPLED),
        (
            rf"{_WHO} (?i:and i)(?i:'ve| have)?(?i: just| recently| finally| sadly)* "
            r"(?i:broke up|broken up|split up|divorced|got divorced|separated|are divorced|are no longer together|"
            r"are not together any ?more)",
            COUPLED,
        ),
    )
)


def partings(clauses: Sequence[Clause]) -> list[FactKey]:
    """Return the facts that no longer hold; one without a value stands for whoever it was."""
    found: list[FactKey] = []
    for n, clause in enumerate(clauses):
        if clause.question or clause.unreal:
            continue
        before = clauses[n - 1] if n else None
        joined = before is not None and before.sentence == clause.sentence and not (before.question or before.unreal)
        both = _parting(f"{before.text} and {clause.text}") if before and joined else []
        found += both or _parting(clause.text)
    return found


def _parting(clause: str) -> list[FactKey]:
    for form, beings in _FORMS:
        told = form.match(clause)
        if told:
            said = told.groupdict()
            being, name = (said.get("being") or "").casefold(), said.get("hers") or said.get("name") or ""
            if name and not is_name_of(being or "partner", name):
                return []
            return [
                FactKey(subject="user", attribute=f"rel:{each}", value=name) for each in ((being,) if being else beings)
            ]
    return []
