"""Text in, index terms out: folded, without diacritics, stemmed; the same for what is stored and what is asked.

Words are runs of letters and digits. English endings are taken off by the Snowball stemmer. Scripts that are written
without spaces become overlapping pairs.
"""

import re
import unicodedata
from collections.abc import Iterable
from itertools import pairwise

from Stemmer import Stemmer

_WORD = re.compile(r"[^\W_]+")
_UNSPACED = re.compile(r"[぀-ヿ㐀-䶿一-鿿豈-﫿]+")

#: Words that say nothing about what is asked for.
STOP_WORDS = frozenset(
    """a about again all also am an and any anyone anything are aren as at be because been being but by can could
    couldn did didn do does doesn doing don for from get got had hadn has hasn have haven having he her here hers
    herself him himself his how i if in into is isn it its itself just know let ll m me might mine more most much must
    my myself no nor not now of off oh on once only or other our ours ourselves out over own please re really remember
    remind s same say said shall she should shouldn so some something such t tell than that the their theirs them
    themselves then there these they this those thing things to too until up us ve very want was wasn we were weren
    what when where which while who whom whose why will with won would wouldn yes you your yours yourself d""".split()
)


def plain(text: str) -> str:
    """Return the text case-folded and without diacritics."""
    if text.isascii():
        return text.lower()
    decomposed = unicodedata.normalize("NFKD", text.casefold())
    return "".join(character for character in decomposed if not unicodedata.combining(character)).casefold()


def words(text: str) -> list[str]:
    """Return the words in order, folded and not stemmed."""
    found: list[str] = _WORD.findall(plain(text))
    if text.isascii():
        return found
    return [part for word in found for part in _split_unspaced(word)]


def stems(folded: Iterable[str]) -> list[str]:
    """Return the words' stems in order; words must be folded."""
    # a stemmer is not thread-safe, and making one costs less than a lock would
    found: list[str] = Stemmer("english", 0).stemWords(list(folded))
    return found


def terms(text: str) -> list[str]:
    """Return the stems in order, with repetitions."""
    return stems(words(text))


def content_terms(text: str) -> list[str]:
    """Return distinct stems without stop words, in order; empty when there are only stop words."""
    return list(dict.fromkeys(stems(word for word in words(text) if word not in STOP_WORDS)))


def query_terms(text: str, *, limit: int = 64) -> list[str]:
    """Return the distinct stems to look for: the content terms, or all terms when nothing else is there."""
    return (content_terms(text) or list(dict.fromkeys(terms(text))))[:limit]


def _split_unspaced(word: str) -> list[str]:
    parts: list[str] = []
    end = 0
    for run in _UNSPACED.finditer(word):
        if run.start() > end:
            parts.append(word[end : run.start()])
        characters = run.group()
        parts.extend([a + b for a, b in pairwise(characters)] or [characters])
        end = run.end()
    if end < len(word):
        parts.append(word[end:])
    return parts
