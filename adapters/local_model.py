"""What the engine's process asks of a model that it serves itself, whichever library computes it: a Protocol.

The law: everything here may be called from any thread; a vocabulary does not change.
"""

from collections.abc import Collection, Sequence
from typing import Protocol

from adapters.chat_template import ChatTemplate, Segment


class LocalModel(Protocol):
    """A language model's vocabulary, its templates, and what it says of itself."""

    @property
    def name(self) -> str:
        """What it calls itself; empty when it does not."""
        ...

    @property
    def architecture(self) -> str:
        """The family, in the words of the library that computes it."""
        ...

    @property
    def parameters(self) -> int: ...

    @property
    def context_length(self) -> int:
        """Tokens that one request may have by the model's training; 0 when that is not known."""
        ...

    @property
    def chat_template(self) -> str | None:
        """The Jinja source of its chat template."""
        ...

    @property
    def tool_template(self) -> str | None:
        """Another one, for conversations with tools."""
        ...

    @property
    def bos_text(self) -> str:
        """How the token that begins a text is written; empty when there is none."""
        ...

    @property
    def eos_text(self) -> str:
        """How the token that ends a text is written; empty when there is none."""
        ...

    @property
    def control_texts(self) -> Collection[str]:
        """How the tokens are written that no message may contain as such."""
        ...

    def tokenize(self, text: str, *, parse_special: bool = False) -> list[int]:
        """Return the token ids; ``parse_special`` lets the text name control tokens."""
        ...

    def tokenize_prompt(self, segments: Sequence[Segment]) -> list[int]:
        """Return the token ids of what a chat template wrote."""
        ...

    def piece(self, token: int) -> bytes:
        """Return the token's bytes; control tokens have none."""
        ...

    @property
    def binds_answers(self) -> bool:
        """True when an answer can be held to a grammar."""
        ...

    def check_grammar(self, text: str) -> None:
        """Raise Invalid if a grammar cannot be followed."""
        ...


def chat_template_of(model: LocalModel) -> ChatTemplate:
    """Return the model's own chat template, ready to render."""
    return ChatTemplate(
        model.chat_template,
        tool_source=model.tool_template,
        bos_text=model.bos_text,
        eos_text=model.eos_text,
        control_texts=model.control_texts,
    )
