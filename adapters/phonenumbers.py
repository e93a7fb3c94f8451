"""Text in, the telephone numbers in it out: Google's libphonenumber, in Python (package phonenumberslite).

Numbers with a country code are found anywhere; without one where a word beside them says so.
"""

import re

from phonenumbers import Leniency, PhoneNumberMatcher

from memory.ports import Finding
from memory.sensitivity import PHONE

_MAX_TRIES = 64  #: of a text, so that a page of figures costs no more
_INTERNATIONAL = re.compile(r"(?<![\w.])(?:\+|00)[1-9][\d ()./-]{5,20}\d")
_ANNOUNCED = re.compile(
    r"(?i)\b(?:phone|mobile|cell|tel(?:ephone)?|call|text|whatsapp|sms|fax|handy|ring|reach|number)\b[^\n\d+(]{0,30}"
    r"(?P<number>\(?\d[\d ()./-]{6,20}\d)"
)


class PhoneNumbers:
    """SensitiveDetector of telephone numbers. Thread-safe: it keeps nothing."""

    tags = frozenset((PHONE,))

    def __init__(self, *, region: str = "US") -> None:
        """``region``: whose national numbers are read (ISO 3166), where a number has no country code."""
        self._region = region

    def find(self, text: str) -> list[Finding]:
        """Return the numbers. Linear in the text's length."""
        tries: list[tuple[str, str | None]] = [(found[0], None) for found in _INTERNATIONAL.finditer(text)]
        tries += [(found["number"], self._region) for found in _ANNOUNCED.finditer(text)]
        numbers: dict[str, None] = {}
        for candidate, region in tries[:_MAX_TRIES]:
            shown = f"+{candidate[2:]}" if candidate.startswith("00") else candidate
            for found in PhoneNumberMatcher(shown, region, leniency=Leniency.VALID, max_tries=2):
                raw = found.raw_string
                numbers[candidate if raw == shown else raw] = None
        return [Finding(text=number, tag=PHONE) for number in numbers]
