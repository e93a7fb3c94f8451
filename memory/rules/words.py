"""Small questions about a few words: where they begin, whether they have an article or a capital letter."""

import re

EDGES = " \t\"'.,;:!?*_~()[]{}\u2026\u2013\u2014-"
MONTH = (
    r"\b(?:jan(?:uary)?|feb(?:ruary)?|mar(?:ch)?|apr(?:il)?|may|june?|july?|aug(?:ust)?|sept?(?:ember)?|"
    r"oct(?:ober)?|nov(?:ember)?|dec(?:ember)?)\b"
)
_ARTICLE = re.compile(r"(?:an?|the)\s+", re.IGNORECASE)


def first_word(words: str) -> str:
    """Return the first word, case-folded; raises IndexError without one."""
    return words.split()[0].casefold().strip(EDGES)


def has_capital(words: str) -> bool:
    """True when a word begins with a capital letter."""
    return any(word[:1].isupper() for word in words.split())


def has_article(words: str) -> bool:
    """True for "a bank", "the Hague"."""
    return bool(_ARTICLE.match(words))


def after_article(words: str) -> str:
    """Return the words without an article in front."""
    return words[found.end() :] if (found := _ARTICLE.match(words)) else words
