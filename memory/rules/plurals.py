"""A word for several people or animals in ("children", "sisters-in-law"), the word for one of them out."""

from memory.rules.lexicon import ANIMALS, RELATIVES

_IRREGULAR = {"child": "children", "wife": "wives", "mouse": "mice", "goose": "geese"}


def _plural(word: str) -> str:
    head, dash, rest = word.partition("-in-")
    if dash:
        return f"{_plural(head)}-in-{rest}"
    front, last = word[: -len(word.split()[-1])], word.split()[-1]
    if last in _IRREGULAR:
        return front + _IRREGULAR[last]
    if last.endswith("y") and last[-2] not in "aeiou":
        return f"{word[:-1]}ies"
    return f"{word}es" if last.endswith(("s", "x", "h")) else f"{word}s"


#: By the word for several: "fish" and "sheep" are none, for they may be one.
SINGULAR = {_plural(word): word for word in sorted(RELATIVES | ANIMALS) if not word.endswith(("fish", "sheep"))}


def singular(word: str) -> str:
    """Return the word for one of them; of a word that is no person's and no animal's, the word without its "s"."""
    return SINGULAR.get(word) or word.removesuffix("s")
