"""Texts in, token counts of OpenAI's encodings out, without ever downloading anything.

tiktoken fetches its ranks from the internet when they are first used. A proxy that may stand in a closed network must
not: the ranks are taken from a file that the configuration names, or from the litellm package where that is installed
(its wheel carries them). Without either the counts are estimates, on the high side, and the receipt says so.
"""

import hashlib
import importlib.util
from collections.abc import Sequence
from pathlib import Path

import tiktoken
from tiktoken.load import load_tiktoken_bpe

from memory.errors import Invalid

#: the split of text before byte pairs are merged, as published with the encodings
_PATTERNS = {
    "cl100k_base": "|".join(
        [
            r"""'(?i:[sdmt]|ll|ve|re)""",
            r"""[^\r\n\p{L}\p{N}]?+\p{L}++""",
            r"""\p{N}{1,3}+""",
            r""" ?[^\s\p{L}\p{N}]++[\r\n]*+""",
            r"""\s++$""",
            r"""\s*[\r\n]""",
            r"""\s+(?!\S)""",
            r"""\s""",
        ]
    ),
    "o200k_base": "|".join(
        [
            r"""[^\r\n\p{L}\p{N}]?[\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}]*[\p{Ll}\p{Lm}\p{Lo}\p{M}]+(?i:'s|'t|'re|'ve|'m|'ll|'d)?""",
            r"""[^\r\n\p{L}\p{N}]?[\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}]+[\p{Ll}\p{Lm}\p{Lo}\p{M}]*(?i:'s|'t|'re|'ve|'m|'ll|'d)?""",
            r"""\p{N}{1,3}""",
            r""" ?[^\s\p{L}\p{N}]+[\r\n/]*""",
            r"""\s*[\r\n]+""",
            r"""\s+(?!\S)""",
            r"""\s+""",
        ]
    ),
}
_CHARS_PER_TOKEN = 3.5  # English has 4 to 4.5: an estimate should rather be too high


class Tiktoken:
    """A ``TokenCounter`` for one encoding, by exact merges where its ranks are at hand."""

    def __init__(self, encoding: str = "o200k_base", ranks_path: Path | None = None) -> None:
        """Load the ranks if there are any; about 0.5 CPU seconds and 60 MB for a large encoding.

        Raises: Invalid: the encoding is unknown or the ranks file cannot be read.
        """
        if encoding not in _PATTERNS:
            raise Invalid(f"There is no encoding {encoding!r}; known are {', '.join(_PATTERNS)}.", param="tokenizer")
        found = ranks_path or _ranks_of_litellm(encoding)
        self._encoding = _load(encoding, found) if found else None

    @property
    def exact(self) -> bool:
        """False when the counts are estimates."""
        return self._encoding is not None

    def count(self, texts: Sequence[str]) -> list[int]:
        """Return the number of tokens of each text."""
        if self._encoding is None:
            return [int(len(text) / _CHARS_PER_TOKEN) + 1 for text in texts]
        return [len(self._encoding.encode_ordinary(text)) for text in texts]


def _load(encoding: str, path: Path) -> tiktoken.Encoding:
    try:
        ranks = load_tiktoken_bpe(str(path))
    except (OSError, ValueError) as exc:
        raise Invalid(f"The token ranks in {path} cannot be read: {exc}", param="tokenizer") from exc
    return tiktoken.Encoding(encoding, pat_str=_PATTERNS[encoding], mergeable_ranks=ranks, special_tokens={})


def _ranks_of_litellm(encoding: str) -> Path | None:
    spec = importlib.util.find_spec("litellm")  # found, not imported: importing it costs six seconds
    if spec is None or spec.origin is None:
        return None
    url = f"https://openaipublic.blob.core.windows.net/encodings/{encoding}.tiktoken"
    name = hashlib.sha1(url.encode(), usedforsecurity=False).hexdigest()  # tiktoken's own name for a cached file
    path = Path(spec.origin).parent / "litellm_core_utils" / "tokenizers" / name
    return path if path.exists() else None
