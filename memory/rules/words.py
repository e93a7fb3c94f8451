"""Small questions about a few words: where they begin, which carry meaning, whether one has an article or a capital."""

import re

EDGES = " \t\"'.,;:!?*_~()[]{}\u2026\u2013\u2014-"
MONTH = (
    r"\b(?:jan(?:uary)?|feb(?:ruary)?|mar(?:ch)?|apr(?:il)?|may|june?|july?|aug(?:ust)?|sept?(?:ember)?|"
    r"oct(?:ober)?|nov(?:ember)?|dec(?:ember)?)\b"
)
#: Up to three words with capitals; the second sort holds no apostrophe, for a possessive may follow.
NAME, PERSON_NAME = r"[A-Z][\w'-]*(?: [A-Z][\w'-]*){0,2}", r"[A-Z][\w-]+(?: [A-Z][\w-]+){0,2}"
_WORD = re.compile(r"\w+")
_STOP = frozenset(
    "a about am an and any are as at be been but by can could did do does for from had has have how i if in is it its "
    "me my of on or our please say so tell than that the their them then there these they this those to was we were "
    "what when where which who whom whose why will with would you your know remember again now s t re ve m d ll".split()
)
_I = re.compile(r"\bI\b")
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


def is_casual(text: str) -> bool:
    """True for a text all in lower case, but for "I": names have no capitals there. Its front is looked at."""
    return not any(c.isupper() for c in _I.sub("", text[:2000]))


def content_words(text: str) -> list[str]:
    """Return the case-folded words that carry meaning, in order, each once."""
    return list(dict.fromkeys(w for w in _WORD.findall(text.casefold()) if w not in _STOP))
