"""A chat's body in, the same chat with what its model server must be told about its prompt cache out.

Law: the model reads the same words; what the caller said about the cache stands; no field names a user, and no two
users get the same one.
"""

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal
from urllib.parse import urlsplit

from memory import prompts

#: whose words are spoken: none: nobody's | vllm, sglang, openai: fields of theirs | anthropic: marks on content parts,
#: as OpenRouter, LiteLLM and other gateways pass them on to Claude; Anthropic's own OpenAI endpoint ignores them
Dialect = Literal["none", "vllm", "sglang", "openai", "anthropic"]
Choice = Literal["auto"] | Dialect

_SYSTEM_ROLES = ("system", "developer")
_RESULT_ROLES = ("tool", "function")
#: a mark inside a tool result is refused by Anthropic, and not every gateway moves it to where it may stand
_MARKED_ROLES = (*_SYSTEM_ROLES, "user", "assistant")
_MARK = {"cache_control": {"type": "ephemeral"}}
_STABLE = f"\n\n{prompts.STABLE_HEADER}"

Message = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class PromptCache:
    """What one model server is told."""

    dialect: Dialect = "none"
    claude_only: bool = False  #: marks for models of that name alone: where one server has many makers' models

    @classmethod
    def of(cls, choice: Choice, base_url: str | None) -> "PromptCache":
        """Return what is right for a server; ``auto`` knows two by their host and is silent to all others.

        Many servers refuse a request with a field that they do not know, so a guess would cost answers.
        """
        if choice != "auto":
            return cls(choice)
        host = f".{urlsplit(base_url or '').hostname or ''}"
        if host.endswith(".api.openai.com"):
            return cls("openai")
        return cls("anthropic", claude_only=True) if host.endswith(".openrouter.ai") else cls()

    def told(self, body: Mapping[str, Any], salt: str, *, memory: bool) -> Mapping[str, Any]:
        """Return the body to send, ``body`` itself when there is nothing to add.

        ``salt`` is the user's own and cannot be guessed (``Authenticator.cache_salt``). With ``memory`` off only what
        keeps users apart is said.
        """
        if self.dialect in ("vllm", "sglang"):
            return {**body, "cache_salt": _within(salt, body.get("cache_salt"))}
        if not memory:
            return body
        if self.dialect == "openai" and body.get("prompt_cache_key") is None:
            return {**body, "prompt_cache_key": _derived(salt, "prompt_cache_key")}
        if self.dialect == "anthropic" and (not self.claude_only or "claude" in str(body.get("model")).lower()):
            return _marked(body)
        return body


def _within(salt: str, own: Any) -> str:
    """A caller's own salt parts its chats from each other, and never joins another user's."""
    return _derived(salt, own) if isinstance(own, str) and own else salt


def _derived(salt: str, purpose: str) -> str:
    """64 characters: the most that OpenAI takes."""
    return hashlib.sha256(f"{salt}\0{purpose}".encode(errors="surrogatepass")).hexdigest()


def _marked(body: Mapping[str, Any]) -> Mapping[str, Any]:
    """Mark where the next request will begin alike: in at most four places, Anthropic's limit.

    They are the end of the caller's own system text, the end of the stable block behind it, the last message in front
    of the newest user message and, while an agent works on that one, the last of all that may carry a mark.
    """
    messages = body.get("messages")
    if not isinstance(messages, list) or not messages or _has_marks(body, messages):
        return body
    newest = next((n for n in reversed(range(len(messages))) if messages[n].get("role") == "user"), len(messages))
    ends = [newest, len(messages)] if messages[-1].get("role") in _RESULT_ROLES else [newest]
    marked = list(messages)
    for end in ends:
        for n in reversed(range(end)):
            marked[n] = _with_mark(messages[n])
            if marked[n] is not messages[n]:
                break
    if messages[0].get("role") in _SYSTEM_ROLES:
        marked[0] = _with_mark(messages[0], heads=True)
    changed = any(new is not old for new, old in zip(marked, messages, strict=True))
    return {**body, "messages": marked} if changed else body


def _has_marks(body: Mapping[str, Any], messages: Sequence[Message]) -> bool:
    tools = _objects(body.get("tools"))
    inner = [part for message in messages for part in _objects(message.get("content"))]
    inner += [function for tool in tools if isinstance(function := tool.get("function"), Mapping)]
    return any("cache_control" in place for place in (body, *tools, *messages, *inner))


def _with_mark(message: Message, *, heads: bool = False) -> Message:
    """Return the message with a mark on its last words, itself when there are none that may carry one.

    ``heads``: the first system message, where the words in front of the stable block get a mark too: they outlast it.
    """
    parts = _parts(message.get("content"), heads=heads)
    wordy = [n for n, part in enumerate(parts) if _has_words(part)]
    if not wordy or message.get("role") not in _MARKED_ROLES:
        return message
    two = heads and parts[wordy[-1]]["text"].startswith(_STABLE)
    for n in wordy[-2:] if two else wordy[-1:]:
        parts[n] = {**parts[n], **_MARK}
    return {**message, "content": parts}


def _parts(content: Any, *, heads: bool) -> list[Any]:
    if not isinstance(content, str):
        return list(content) if isinstance(content, list) else []
    own, stable, lines = content.rpartition(_STABLE) if heads else ("", "", content)
    texts = (own, stable + lines) if own.strip() else (content,)
    return [{"type": "text", "text": text} for text in texts]


def _has_words(part: Any) -> bool:
    """Blank text cannot be marked: Anthropic refuses the whole request."""
    if not isinstance(part, Mapping) or part.get("type") != "text":
        return False
    text = part.get("text")
    return isinstance(text, str) and bool(text.strip())


def _objects(value: Any) -> list[Mapping[str, Any]]:
    return [item for item in value if isinstance(item, Mapping)] if isinstance(value, list) else []
