"""Messages in, the prompt as the model's own Jinja chat template writes it out.

The law: the template runs sandboxed, and the text of a message can never become a control token: where it is written
like one, that part is marked as literal.
"""

import re
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

import jinja2

from adapters.chat_jinja import compile_template
from adapters.chat_shape import ChatShape, Message
from memory.errors import Invalid

CHATML: Final = (
    "{% for m in messages %}{{ '<|im_start|>' + m['role'] + '\\n' + m['content'] + '<|im_end|>' + '\\n' }}{% endfor %}"
    "{% if add_generation_prompt %}{{ '<|im_start|>assistant\\n' }}{% endif %}"
)
_MARK: Final = re.compile("\ue0f0([0-9]+)\ue0f1")  # private-use characters; a message's own are kept from matching


@dataclass(frozen=True, slots=True)
class Segment:
    """Part of a prompt; in a literal one no control token may be read."""

    text: str
    literal: bool


class ChatTemplate:
    """A model's chat template, and what was found out about the conversations that it takes."""

    def __init__(
        self,
        source: str | None,
        *,
        tool_source: str | None = None,
        bos_text: str = "",
        eos_text: str = "",
        control_texts: Collection[str] = (),
    ) -> None:
        """``tool_source``: another template that the model has for conversations with tools."""
        texts = {"bos_token": bos_text, "eos_token": eos_text}
        longest_first = sorted((text for text in control_texts if text), key=len, reverse=True)
        self._control = re.compile("|".join(map(re.escape, longest_first))) if longest_first else None
        self._plain = _Compiled(source or CHATML, texts)
        self._with_tools: _Compiled | None = self._plain
        if not self._plain.shape.takes_tools:
            other = _Compiled(tool_source, texts) if tool_source else None
            self._with_tools = other if other is not None and other.shape.takes_tools else None

    @property
    def takes_tools(self) -> bool:
        """True if the model was told by its template how to call tools, in the form that ``tool_calls`` reads."""
        return self._with_tools is not None

    def render(
        self,
        messages: Sequence[Message],
        options: Mapping[str, Any] | None = None,
        tools: Sequence[Mapping[str, Any]] = (),
    ) -> list[Segment]:
        """Return the prompt up to where the assistant begins to speak.

        ``messages`` hold text (see ``flatten``), and calls with their arguments as objects; ``options`` are variables
        of the template, like ``enable_thinking``; ``tools`` are OpenAI's tool objects. Raises: Invalid with the
        template's own words when it refuses the conversation, and for tools when the template does not take them.
        """
        compiled = self._plain
        if tools or any(m["role"] == "tool" or m.get("tool_calls") for m in messages):
            if self._with_tools is None:
                raise Invalid("The model's chat template does not take tools.", param="tools")
            compiled = self._with_tools
        literals: list[str] = []
        variables = {**(options or {}), **({"tools": self._mark(list(tools), literals)} if tools else {})}
        shown = self._mark(compiled.shape.fold(messages), literals)
        try:
            text = compiled.render(shown, variables)
        except jinja2.TemplateError as error:
            raise Invalid(f"The model's chat template refuses these messages: {error}", param="messages") from error
        except (TypeError, ValueError, KeyError, AttributeError, OverflowError, RecursionError) as error:
            raise Invalid(
                f"The model's chat template fails on these messages: {type(error).__name__}", param="messages"
            ) from error
        return _segments(text, literals)

    def _mark(self, value: Any, literals: list[str]) -> Any:
        """Return the value with a mark for each part of a text in it that is written like a control token."""
        if isinstance(value, list):
            return [self._mark(item, literals) for item in value]
        if isinstance(value, Mapping):
            return {self._mark(key, literals): self._mark(item, literals) for key, item in value.items()}
        if not isinstance(value, str):
            return value

        def replace(match: re.Match[str]) -> str:
            literals.append(match[0])
            return f"\ue0f0{len(literals) - 1}\ue0f1"

        text = _MARK.sub(replace, value) if _MARK.search(value) else value
        return self._control.sub(replace, text) if self._control else text


class _Compiled:
    """One template with what it takes."""

    def __init__(self, source: str, texts: Mapping[str, str]) -> None:
        self._template = compile_template(source)
        self._texts = texts
        self.shape = ChatShape(self.render)

    def render(self, messages: Sequence[Message], variables: Mapping[str, Any]) -> str:
        # The template's own variables come last: an option must not replace the messages.
        return self._template.render({**variables, **self._texts, "messages": messages, "add_generation_prompt": True})


def flatten(content: Any) -> str | None:
    """Return the text of a message's content (a string, a list of text parts, or null), or None if it holds more."""
    if content is None:
        return ""
    if isinstance(content, str):
        return content
    if not isinstance(content, list):
        return None
    texts: list[str] = []
    for part in content:
        text = part.get("text") if isinstance(part, dict) and part.get("type") == "text" else None
        if not isinstance(text, str):
            return None
        texts.append(text)
    return "\n".join(texts)


def _segments(text: str, literals: Sequence[str]) -> list[Segment]:
    segments = []
    for index, part in enumerate(_MARK.split(text)):
        if index % 2:
            # A number that is not ours was put together by the template out of a message's private-use characters.
            known = int(part) < len(literals)
            segments.append(Segment(literals[int(part)] if known else f"\ue0f0{part}\ue0f1", True))
        elif part:
            segments.append(Segment(part, False))
    return segments
