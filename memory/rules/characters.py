"""A text in, the letters that a reader takes its characters for out: for finding what is hidden, never for storing."""

import re
import unicodedata

#: Characters that show nothing: zero width, direction marks, tags, soft hyphens. Joiners and variation selectors stay
#: where they shape scripts and emoji; beside plain letters they do nothing but hide.
INVISIBLE = re.compile(
    "[\u00ad\u034f\u061c\u115f\u1160\u17b4\u17b5\u180e\u200b\u200e\u200f\u202a-\u202e\u2060-\u2064\u2066-\u206f"
    "\ufeff\U000e0000-\U000e01ef]"
    "|(?<=[!-~])[\u200c\u200d]|[\u200c\u200d](?=[!-~])|(?<=[A-Za-z<>/|])[\ufe00-\ufe0f]"
)
#: Letters of other scripts that pass for Latin ones (Cyrillic, Greek, others), and brackets that pass for "<" and ">":
#: the part of Unicode's TR 39 that can pass for English.
_SAME_SHAPE = (
    ("\u0430\u0435\u043e\u0440\u0441\u0443\u0445\u0456\u0458\u0455\u04bb\u0501\u051b\u051d", "aeopcyxijshdqw"),
    ("\u0432\u043a\u043c\u043d\u0442", "bkmht"),
    ("\u0410\u0412\u0415\u041a\u041c\u041d\u041e\u0420\u0421\u0422\u0423\u0425\u0406\u0408\u0405", "ABEKMHOPCTYXIJS"),
    ("\u03b1\u03b5\u03bf\u03c1\u03bd\u03b9\u03ba\u03c4\u03c5\u03c7", "aeopviktux"),
    ("\u0391\u0392\u0395\u0396\u0397\u0399\u039a\u039c\u039d\u039f\u03a1\u03a4\u03a5\u03a7", "ABEZHIKMNOPTYX"),
    ("\u0131\u0261\u0578\u057d\u0585\u0251\u01c0", "ignuoal"),
    ("\u2039\u203a\u2329\u232a\u3008\u3009\u27e8\u27e9\u276e\u276f\u02c2\u02c3", "<><><><><><>"),
)
_COMPATIBLE = ((0xFF01, 0xFF5E), (0x1D400, 0x1D7FF), (0x24B6, 0x24E9), (0xFE50, 0xFE6B), (0x2100, 0x214F))


def _letters() -> dict[int, str]:
    """Return one plain character for each of another shape: full width, mathematical, circled, or another script's."""
    codes = [code for first, last in _COMPATIBLE for code in range(first, last + 1)]
    plain = {code: unicodedata.normalize("NFKC", chr(code)) for code in codes}
    table = {code: letter for code, letter in plain.items() if len(letter) == 1 and letter.isascii()}
    for others, letters in _SAME_SHAPE:
        table |= {ord(other): letter for other, letter in zip(others, letters, strict=True)}
    return table


_LETTERS = _letters()


def without_invisible(text: str) -> str:
    """Return the text without characters that show nothing."""
    return INVISIBLE.sub("", text)


def look_of(text: str) -> str:
    """Return the text as it looks, in plain letters; every character keeps its place."""
    return text.translate(_LETTERS)
