"""An English word in, its stem out: Porter's algorithm (Program 14(3), 1980), step by step under the paper's names."""

import re

_STEP_2 = (
    ("ational", "ate"), ("tional", "tion"), ("enci", "ence"), ("anci", "ance"), ("izer", "ize"), ("logi", "log"),
    ("bli", "ble"), ("alli", "al"), ("entli", "ent"), ("eli", "e"), ("ousli", "ous"), ("ization", "ize"),
    ("ation", "ate"), ("ator", "ate"), ("alism", "al"), ("iveness", "ive"), ("fulness", "ful"), ("ousness", "ous"),
    ("aliti", "al"), ("iviti", "ive"), ("biliti", "ble"),
)  # fmt: skip
_STEP_3 = (
    ("icate", "ic"), ("ative", ""), ("alize", "al"), ("iciti", "ic"), ("ical", "ic"), ("ful", ""), ("ness", ""),
)  # fmt: skip
_STEP_4 = (
    "al", "ance", "ence", "er", "ic", "able", "ible", "ant", "ement", "ment", "ent", "ion", "ou", "ism", "ate", "iti",
    "ous", "ive", "ize",
)  # fmt: skip
_ASCII_WORD = re.compile(r"[a-z]+\Z")


def _by_ending(rules: tuple[tuple[str, str], ...]) -> dict[str, list[tuple[str, str]]]:
    """Return the rules by the last two letters of their suffix, the longest first."""
    endings: dict[str, list[tuple[str, str]]] = {}
    for rule in sorted(rules, key=lambda rule: -len(rule[0])):
        endings.setdefault(rule[0][-2:], []).append(rule)
    return endings


_ENDINGS_2, _ENDINGS_3 = _by_ending(_STEP_2), _by_ending(_STEP_3)
_ENDINGS_4 = _by_ending(tuple((suffix, "") for suffix in _STEP_4))


def stem(word: str) -> str:
    """Return the stem of a lower-case word; words of other scripts, with digits or of one or two letters stay."""
    if len(word) <= 2 or not _ASCII_WORD.match(word):
        return word
    word = _step_1(word)
    word = _replace(word, _ENDINGS_2)
    word = _replace(word, _ENDINGS_3)
    word = _step_4(word)
    return _step_5(word)


def _shape(word: str) -> str:
    """Return the word as a string of C and V, one per letter."""
    shape = ""
    for letter in word:
        vowel = letter in "aeiou" or (letter == "y" and shape[-1:] == "C")
        shape += "V" if vowel else "C"
    return shape


def _measure(word: str) -> int:
    return _shape(word).count("VC")


def _has_vowel(word: str) -> bool:
    return "V" in _shape(word)


def _ends_double(word: str) -> bool:
    return len(word) > 1 and word[-1] == word[-2] and _shape(word)[-1] == "C"


def _ends_cvc(word: str) -> bool:
    return _shape(word)[-3:] == "CVC" and word[-1] not in "wxy"


def _step_1(word: str) -> str:
    word = _step_1a(word)
    if word.endswith("eed"):
        if _measure(word[:-3]) > 0:
            word = word[:-1]
    else:
        for suffix in ("ed", "ing"):
            if word.endswith(suffix) and _has_vowel(word[: -len(suffix)]):
                word = _restore(word[: -len(suffix)])
                break
    if word.endswith("y") and _has_vowel(word[:-1]):
        word = word[:-1] + "i"
    return word


def _step_1a(word: str) -> str:
    if word.endswith(("sses", "ies")):
        return word[:-2]
    if word.endswith("s") and not word.endswith("ss"):
        return word[:-1]
    return word


def _restore(word: str) -> str:
    """Step 1b, second half: give back what -ed and -ing took."""
    if word.endswith(("at", "bl", "iz")):
        return word + "e"
    if _ends_double(word) and word[-1] not in "lsz":
        return word[:-1]
    if _measure(word) == 1 and _ends_cvc(word):
        return word + "e"
    return word


def _fitting(word: str, endings: dict[str, list[tuple[str, str]]]) -> tuple[str, str] | None:
    """Return the rule of the longest suffix that fits."""
    for rule in endings.get(word[-2:], ()):
        if word.endswith(rule[0]):
            return rule
    return None


def _replace(word: str, endings: dict[str, list[tuple[str, str]]]) -> str:
    """Apply the rule that fits where the rest has a measure above 0."""
    rule = _fitting(word, endings)
    if rule is None:
        return word
    rest = word[: -len(rule[0])]
    return rest + rule[1] if _measure(rest) > 0 else word


def _step_4(word: str) -> str:
    rule = _fitting(word, _ENDINGS_4)
    if rule is None:
        return word
    rest = word[: -len(rule[0])]
    if _measure(rest) > 1 and (rule[0] != "ion" or rest.endswith(("s", "t"))):
        return rest
    return word


def _step_5(word: str) -> str:
    if word.endswith("e"):
        measure = _measure(word[:-1])
        if measure > 1 or (measure == 1 and not _ends_cvc(word[:-1])):
            word = word[:-1]
    if word.endswith("ll") and _measure(word[:-1]) > 1:
        word = word[:-1]
    return word
