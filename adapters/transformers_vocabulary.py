"""A folder's tokenizer in, token ids and bytes out.

The law: a control token is read only where it may be: plain text becomes plain tokens whatever is written in it. What a
token's bytes are is read from the tokenizer's own decoder, and a decoder that is not understood is refused.
"""

import json
import re
from collections.abc import Collection, Mapping, Sequence
from functools import cached_property
from typing import Any, Final

from adapters.chat_template import Segment
from memory.errors import Invalid

#: how control tokens are written by which models of many families end what they say
_ENDS: Final = frozenset(
    (
        *("<|im_end|>", "<|eot_id|>", "<|eom_id|>", "<|end|>", "<|endoftext|>", "<|end_of_text|>"),
        *("<|return|>", "<|call|>", "<end_of_turn>", "</s>"),
    )
)
_BYTE_TOKEN: Final = re.compile(r"<0x([0-9A-Fa-f]{2})>")
_SPACE: Final = "\u2581"  #: how SentencePiece writes it
_PLAIN_STEPS: Final = frozenset({"Fuse", "Strip", "ByteFallback", "Replace", "Metaspace"})


class Vocabulary:
    """The tokens of one model; thread-safe."""

    def __init__(self, tokenizer: Any, ends: Collection[int]) -> None:
        """``tokenizer``: transformers' own, around a fast one; ``ends``: the ids that the folder says are ends.

        Raises: Invalid (``tokenizer_unknown``).
        """
        parsing = getattr(tokenizer, "backend_tokenizer", None)
        if parsing is None:
            raise Invalid("The folder's tokenizer is not a fast one (tokenizer.json).", code="tokenizer_unknown")
        described = parsing.to_str()
        # Two of them, since what they read as control tokens is a switch of the whole tokenizer.
        self._parsing, self._literal = (type(parsing).from_str(described) for _ in range(2))
        self._literal.encode_special_tokens = True
        for each in (self._parsing, self._literal):
            each.no_truncation()
            each.no_padding()
        self._bytes_of = _decoder(json.loads(described).get("decoder"))
        added = self._parsing.get_added_tokens_decoder()
        self._added: dict[int, str] = {token: str(entry.content) for token, entry in added.items()}
        self._control = {token: str(entry.content) for token, entry in added.items() if entry.special}
        self._ends = frozenset(ends) | _known_ends(self._control, str(tokenizer.eos_token or ""))
        self._templates = _templates(tokenizer.chat_template)
        self.bos_text = str(tokenizer.bos_token or "")  #: empty when there is none
        self.eos_text = str(tokenizer.eos_token or "")
        self._pieces: dict[int, bytes] = {}

    @property
    def chat_template(self) -> str | None:
        """The Jinja source of the model's chat template."""
        return self._templates.get("default")

    @property
    def tool_template(self) -> str | None:
        """Another one, for conversations with tools."""
        return self._templates.get("tool_use")

    @cached_property
    def control_texts(self) -> frozenset[str]:
        """How the tokens are written that no message may contain as such."""
        return frozenset(text for text in self._control.values() if text)

    @property
    def size(self) -> int:
        """How many tokens have a text; the model's own number may be higher."""
        return int(self._parsing.get_vocab_size(with_added_tokens=True))

    def token_text(self, token: int) -> str:
        """Return how the vocabulary writes a token; empty where it has none."""
        return str(self._parsing.id_to_token(token) or "")

    def is_end(self, token: int) -> bool:
        """Return True for any of the tokens that end a generation."""
        return token in self._ends

    def piece(self, token: int) -> bytes:
        """Return the token's bytes; control tokens have none."""
        known = self._pieces.get(token)
        return known if known is not None else self._pieces.setdefault(token, self._piece(token))

    def _piece(self, token: int) -> bytes:
        if token in self._control:
            return b""
        text = self._added.get(token)
        return text.encode() if text is not None else self._bytes_of(self.token_text(token))

    def tokenize(self, text: str, *, add_special: bool = False, parse_special: bool = False) -> list[int]:
        """Return the token ids; ``parse_special`` lets the text name control tokens."""
        backend = self._parsing if parse_special else self._literal
        text = text.encode("utf-8", errors="replace").decode("utf-8")  # a lone surrogate is no text
        tokens: list[int] = backend.encode(text, add_special_tokens=False).ids
        return [*self._beginning, *tokens] if add_special else tokens

    def tokenize_prompt(self, segments: Sequence[Segment]) -> list[int]:
        """Return the token ids of what a chat template wrote."""
        tokens: list[int] = []
        for index, segment in enumerate(segments):
            # The template may have written the first token itself.
            add_special = index == 0 and not (self.bos_text and segment.text.startswith(self.bos_text))
            tokens += self.tokenize(segment.text, add_special=add_special, parse_special=not segment.literal)
        return tokens

    @cached_property
    def _beginning(self) -> list[int]:
        """What the tokenizer puts before a text of its own accord."""
        tokens: list[int] = self._parsing.encode("", add_special_tokens=True).ids
        bos = self._parsing.token_to_id(self.bos_text) if self.bos_text else None
        return tokens[:1] if tokens and tokens[0] == bos else []


def _known_ends(control: Mapping[int, str], eos_text: str) -> frozenset[int]:
    """Return the tokens that end what is said by how they are written, where a folder does not name them all."""
    ends = {text for text in control.values() if text in _ENDS} | {eos_text}
    if {"<|return|>", "<|end|>"} <= ends:
        ends.remove("<|end|>")  # of one message among several in an answer
    return frozenset(token for token, text in control.items() if text in ends)


def _templates(source: Any) -> Mapping[str, str]:
    if isinstance(source, str):
        return {"default": source}
    return {str(name): str(text) for name, text in source.items()} if isinstance(source, Mapping) else {}


def _decoder(described: Any) -> Any:
    """Return what makes bytes of the text of a token that is no added one. Raises: Invalid."""
    steps = described.get("decoders", [described]) if isinstance(described, dict) else []
    kinds = {step.get("type") for step in steps}
    if "ByteLevel" in kinds:
        return _byte_level
    if kinds and kinds <= _PLAIN_STEPS and ("Metaspace" in kinds or "Replace" in kinds):
        return _sentence_piece
    raise Invalid(
        f"The tokenizer's decoder ({', '.join(sorted(map(str, kinds))) or 'none'}) is not known here. Serve the model "
        "as a GGUF file with --model, or with another server by --upstream.",
        code="tokenizer_unknown",
    )


def _byte_level(text: str) -> bytes:
    try:
        return bytes(_BYTES[char] for char in text)
    except KeyError:  # a piece that was added by hand
        return text.encode()


def _sentence_piece(text: str) -> bytes:
    byte = _BYTE_TOKEN.fullmatch(text)
    return bytes([int(byte[1], 16)]) if byte else text.replace(_SPACE, " ").encode()


def _byte_alphabet() -> dict[str, int]:
    """Return the bytes by the characters that GPT-2's byte-level encoding writes them as."""
    shown = [*range(ord("!"), ord("~") + 1), *range(ord("¡"), ord("¬") + 1), *range(ord("®"), ord("ÿ") + 1)]
    hidden = [byte for byte in range(256) if byte not in shown]
    return {chr(byte): byte for byte in shown} | {chr(256 + index): byte for index, byte in enumerate(hidden)}


_BYTES: Final = _byte_alphabet()
