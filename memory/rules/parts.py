"""A question in, the questions that it is made of out.

"Where do I live and what is my dog called?" is two, and one search for both finds neither well.
"""

import re

from memory.rules.words import content_words

MAX_PARTS = 3  #: each is a search of its own

#: Words that say nothing without what was said before.
LEANS = re.compile(
    r"^(?:and|but|so|or|also|then)\b|^(?:what|how) about\b"
    r"|\b(?:he|she|it|they|them|him|her|his|its|their|that|those|these|there|then|one|ones|other|others|same|former|"
    r"latter|again)\b",
    re.IGNORECASE,
)
_ASKS = r"(?:what|where|who|whose|whom|when|which|how|why|does|did|is|are|was|were|can|should|tell me|remind me)\b"
_BEGINS = re.compile(rf"{_ASKS}|(?:do|am|have|has|could|would|will)\b", re.IGNORECASE)
_BETWEEN = re.compile(rf"\?\s+(?:(?:and|or|also|plus)\s+)?|,?\s+(?:and|plus)\s+(?:also\s+)?(?={_ASKS})", re.IGNORECASE)


def parts_of(question: str) -> tuple[str, ...]:
    """Return the questions that stand for themselves, in order; none where there are not at least two of them.

    What leans on another ("and where does she live?", "and my brother?") is left to the search for the whole.
    """
    if len(question) > 400:  # pasted
        return ()
    parts = [part.strip() for part in _BETWEEN.split(question) if part and part.strip()]
    alone = [part for part in parts if _BEGINS.match(part) and content_words(part) and not LEANS.search(part)]
    return tuple(dict.fromkeys(alone))[:MAX_PARTS] if len(alone) > 1 else ()
