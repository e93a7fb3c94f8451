"""Texts in, what is sensitive in them and what the policy does with it out.

Law: what is masked or refused never reaches a store, a log or a model; what is for local models only never reaches
another. The mark that stands in its place names its kind, so that whoever reads it knows what was there.
"""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum

from memory.ports import Finding, SecretDetector, SensitiveDetector

#: Tags, beside those of other detectors.
SECRET = "secret"  # noqa: S105 - a tag
CARD, BANK_ACCOUNT, NATIONAL_ID, EMAIL, PHONE = "card", "bank_account", "national_id", "email", "phone"

REDACTED = "[redacted]"  #: in the place of a secret; of other kinds: "[redacted card]"
MARK = re.compile(r"\[(redacted|withheld)(?: (\w+))?\]")
MAX_FOUND = 500  #: of a text; one with more is a list of secrets, and nothing of it is stored

_ADDRESS = re.compile(r"(?<![\w.+-])[\w+-]{1,64}(?:\.[\w+-]{1,64}){0,5}@(?:[\w-]{1,63}\.){1,5}[^\W\d_]{2,24}(?![\w-])")


class Rule(StrEnum):
    """What is done with a kind of sensitive data."""

    STORE = "store"  #: kept as it is, and tagged
    MASK = "mask"  #: a mark stands in its place
    REFUSE = "refuse"  #: what holds it is not stored
    LOCAL_ONLY = "local_only"  #: kept, and brought in only where a local model answers


DEFAULT_RULES: Mapping[str, Rule] = {
    SECRET: Rule.MASK,
    CARD: Rule.MASK,
    BANK_ACCOUNT: Rule.MASK,
    NATIONAL_ID: Rule.MASK,
    EMAIL: Rule.STORE,
    PHONE: Rule.STORE,
}


@dataclass(frozen=True, slots=True)
class Screened:
    """A text without what the policy hides."""

    text: str
    tags: tuple[str, ...]  #: of what was found in it, hidden or not, sorted; marks from before count
    hidden: int  #: how many different findings were replaced by a mark
    refused: tuple[str, ...]  #: tags for which the text must not be stored


class Sensitivity:
    """Screens texts by detectors and rules. A tag without a rule is stored."""

    def __init__(
        self,
        secrets: SecretDetector | None,
        detectors: Sequence[SensitiveDetector] = (),
        rules: Mapping[str, Rule] = DEFAULT_RULES,
    ) -> None:
        self._secrets = secrets if rules.get(SECRET, Rule.STORE) is not Rule.STORE else None
        self._detectors = detectors
        self._rules = rules
        hiding = {tag for tag, rule in rules.items() if rule in (Rule.MASK, Rule.REFUSE)}
        self._hiding = [detector for detector in detectors if hiding & detector.tags]

    @property
    def local_only(self) -> frozenset[str]:
        """Tags of what only local models may read."""
        return frozenset(tag for tag, rule in self._rules.items() if rule is Rule.LOCAL_ONLY)

    def hidden(self, text: str) -> str:
        """Return the text with a mark in the place of all that is masked or refused; looks for nothing else."""
        return self._screened(text, self._hiding).text

    def screened(self, text: str) -> Screened:
        """Return the text without what the policy hides, and what was found in it."""
        return self._screened(text, self._detectors)

    def _screened(self, text: str, detectors: Sequence[SensitiveDetector]) -> Screened:
        if not text:
            return Screened(text, (), 0, ())
        found = self._found(text, detectors)
        hidden = [each for each in found if self._mark(each.tag)]
        if len(hidden) > MAX_FOUND:
            return Screened(REDACTED, (SECRET,), len(hidden), ())
        for each in hidden:
            text = text.replace(each.text, self._mark(each.tag))
        marks = [(mark[1], mark[2] or SECRET) for mark in MARK.finditer(text)]
        return Screened(
            text,
            tuple(sorted({*(each.tag for each in found), *(tag for _, tag in marks)})),
            len(hidden),
            tuple(sorted({tag for word, tag in marks if word == "withheld"})),
        )

    def _found(self, text: str, detectors: Sequence[SensitiveDetector]) -> list[Finding]:
        """Return each different finding once, longest first; what is part of a longer one is not told twice."""
        secrets = self._secrets.find(text) if self._secrets is not None else []
        found = [Finding(text=each, tag=SECRET) for each in secrets]
        found += [each for detector in detectors for each in detector.find(text)]
        kept: dict[str, Finding] = {}
        whole = ""
        for each in sorted(found, key=lambda each: -len(each.text)):
            if each.text and each.text not in REDACTED and each.text not in whole:
                kept[each.text] = each
                whole += f"\n{each.text}" if len(kept) <= MAX_FOUND else ""
        return list(kept.values())

    def _mark(self, tag: str) -> str:
        """Return what stands in the place of this kind, "" when it stays."""
        rule = self._rules.get(tag, Rule.STORE)
        if rule is Rule.REFUSE:
            return f"[withheld {tag}]"
        if rule is Rule.MASK:
            return REDACTED if tag == SECRET else f"[redacted {tag}]"
        return ""


class EmailAddresses:
    """Finds e-mail addresses, as they are written everyday (RFC 5322 allows more)."""

    tags = frozenset((EMAIL,))

    def find(self, text: str) -> list[Finding]:
        """Return the addresses."""
        return [Finding(text=found[0], tag=EMAIL) for found in _ADDRESS.finditer(text)] if "@" in text else []
