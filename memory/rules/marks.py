"""A text in, what can be told of it without knowing what it is about out: the marks that ranking goes by.

Questions answer little; a number, a name or a time is what "how many", "who" and "when" ask for.
"""

import re
from dataclasses import dataclass

_NUMBER = re.compile(
    r"\b(?:\d+|one|two|three|four|five|six|seven|eight|nine|ten|once|twice|few|couple|several)\b", re.IGNORECASE
)
_NAME = re.compile(r"(?<=[a-z,] )[A-Z][a-z]+")
_TIME = re.compile(
    r"\b(?:yesterday|today|tonight|tomorrow|last|next|ago|this (?:week|month|year|weekend|morning|summer|fall|spring|"
    r"winter)|january|february|march|april|june|july|august|september|october|november|december|monday|tuesday|"
    r"wednesday|thursday|friday|saturday|sunday|week|weekend|month|year|since|recently|just|\d{4}|\d+(?:st|nd|rd|th))\b",
    re.IGNORECASE,
)
_MOST = 255


@dataclass(frozen=True, slots=True)
class Marks:
    """What a text shows; counts are cut at 255."""

    question: bool  #: it ends as one
    number: bool  #: it names a number or an amount
    names: int  #: capitalised words inside sentences
    times: int  #: words that tell a time


def marks_of(text: str) -> Marks:
    """Return the marks of a text. Costs about 10 microseconds for 30 words."""
    return Marks(
        question=text.rstrip().endswith("?"),
        number=_NUMBER.search(text) is not None,
        names=min(_MOST, len(_NAME.findall(text))),
        times=min(_MOST, len(_TIME.findall(text))),
    )
