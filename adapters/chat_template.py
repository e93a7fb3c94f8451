"""Messages in, the prompt as the model's own Jinja chat template writes it out.

The law: the template runs sandboxed, and the text of a message can never become a control token: where it is written
like one, that part is marked as literal.
"""

import json
import re
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final, NoReturn

import jinja2
import jinja2.ext
import jinja2.nodes
import jinja2.parser
import jinja2.sandbox

from memory.errors import Invalid

Message = dict[str, Any]

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


class _GenerationTag(jinja2.ext.Extension):
    """Lets ``{% generation %}`` through, by which some templates mark the assistant's text for training."""

    tags = {"generation"}  # noqa: RUF012  # jinja2's own declaration

    def parse(self, parser: jinja2.parser.Parser) -> jinja2.nodes.Node | list[jinja2.nodes.Node]:
        line = next(parser.stream).lineno
        body = parser.parse_statements(("name:endgeneration",), drop_needle=True)
        return jinja2.nodes.Scope(body, lineno=line)


class ChatTemplate:
    """A compiled chat template, and what was found out about the conversations that it takes."""

    def __init__(
        self, source: str | None, *, bos_text: str = "", eos_text: str = "", control_texts: Collection[str] = ()
    ) -> None:
        self._template = _environment().from_string(source or CHATML)
        self._texts = {"bos_token": bos_text, "eos_token": eos_text}
        longest_first = sorted((text for text in control_texts if text), key=len, reverse=True)
        self._control = re.compile("|".join(map(re.escape, longest_first))) if longest_first else None
        self._takes_system = self._shows("system-0", "user-1")
        self._takes_systems = (
            self._takes_system
            and self._shows("system-0", "system-1", "user-2")
            and self._shows("system-0", "user-1", "assistant-2", "system-3", "user-4")
        )
        self._takes_repeats = self._shows("user-0", "user-1")

    def render(self, messages: Sequence[Message], options: Mapping[str, Any] | None = None) -> list[Segment]:
        """Return the prompt up to where the assistant begins to speak.

        ``messages`` hold text only (see ``flatten``); ``options`` are variables of the template, like
        ``enable_thinking``. Raises: Invalid with the template's own words when it refuses the conversation.
        """
        literals: list[str] = []
        shown = [{**m, "content": self._mark(m["content"], literals)} for m in self._fold(messages)]
        try:
            text = self._render(shown, options or {})
        except jinja2.TemplateError as error:
            raise Invalid(f"The model's chat template refuses these messages: {error}", param="messages") from error
        except (TypeError, ValueError, KeyError, AttributeError, OverflowError) as error:
            raise Invalid(
                f"The model's chat template fails on these messages: {type(error).__name__}", param="messages"
            ) from error
        return _segments(text, literals)

    def _render(self, messages: Sequence[Message], options: Mapping[str, Any]) -> str:
        # The template's own variables come last: an option must not replace the messages.
        return self._template.render({**options, **self._texts, "messages": messages, "add_generation_prompt": True})

    def _shows(self, *contents: str) -> bool:
        """Return True if a conversation of these roles is accepted and no message is left out."""
        messages = [{"role": content.partition("-")[0], "content": content} for content in contents]
        try:
            text = self._render(messages, {})
        except Exception:  # noqa: BLE001  # whatever a template does on a probe means: not like this
            return False
        return all(content in text for content in contents)

    def _fold(self, messages: Sequence[Message]) -> list[Message]:
        """Return the conversation in the form that this template takes, every text still in it."""
        systems = [m for m in messages if m["role"] == "system"]
        # One merged message stands in front: no template takes a lone system message elsewhere.
        if systems and not (
            self._takes_systems or (self._takes_system and messages[0] is systems[0] and not systems[1:])
        ):
            merged = {"role": "system", "content": "\n\n".join(m["content"] for m in systems)}
            messages = [merged, *(m for m in messages if m["role"] != "system")]
        if systems and not self._takes_system:
            messages = [{**messages[0], "role": "user"}, *messages[1:]]
            if len(messages) > 1 and messages[1]["role"] == "user":
                messages = [_joined(messages[0], messages[1]), *messages[2:]]
        return list(messages) if self._takes_repeats else _join_repeats(messages)

    def _mark(self, text: str, literals: list[str]) -> str:
        """Return the text with a mark for each part that is written like a control token."""

        def replace(match: re.Match[str]) -> str:
            literals.append(match[0])
            return f"\ue0f0{len(literals) - 1}\ue0f1"

        if _MARK.search(text):
            text = _MARK.sub(replace, text)
        return self._control.sub(replace, text) if self._control else text


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


def _joined(first: Message, second: Message) -> Message:
    return {**second, "content": "\n\n".join(text for text in (first["content"], second["content"]) if text)}


def _join_repeats(messages: Sequence[Message]) -> list[Message]:
    joined: list[Message] = []
    for message in messages:
        if joined and joined[-1]["role"] == message["role"]:
            joined[-1] = _joined(joined[-1], message)
        else:
            joined.append(message)
    return joined


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


def _environment() -> jinja2.sandbox.ImmutableSandboxedEnvironment:
    """Return Jinja as transformers sets it up for chat templates."""
    environment = jinja2.sandbox.ImmutableSandboxedEnvironment(
        trim_blocks=True, lstrip_blocks=True, extensions=[jinja2.ext.loopcontrols, _GenerationTag], autoescape=False
    )
    environment.filters["tojson"] = _tojson
    environment.globals["raise_exception"] = _raise_exception
    environment.globals["strftime_now"] = _strftime_now
    return environment


def _tojson(
    value: Any,
    ensure_ascii: bool = False,
    indent: int | None = None,
    separators: tuple[str, str] | None = None,
    sort_keys: bool = False,
) -> str:
    """Return JSON without Jinja's HTML escapes, as the templates expect it."""
    return json.dumps(value, ensure_ascii=ensure_ascii, indent=indent, separators=separators, sort_keys=sort_keys)


def _raise_exception(message: str) -> NoReturn:
    raise jinja2.TemplateError(message)


def _strftime_now(form: str) -> str:
    return datetime.now().astimezone().strftime(form)
