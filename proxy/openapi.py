"""The chat route as the OpenAPI page describes it: the route itself is no route of the framework's."""

from typing import Any

from fastapi import FastAPI

from proxy.memory_wire import Error
from proxy.receipt import MEMORY_HEADERS

_SAID = {"role": "user", "content": "Where do I live?"}
_ANSWER = {
    "id": "chatcmpl-1",
    "object": "chat.completion",
    "created": 1777714200,
    "model": "memos",
    "choices": [{"index": 0, "message": {"role": "assistant", "content": "In Porto."}, "finish_reason": "stop"}],
    "usage": {"prompt_tokens": 42, "completion_tokens": 4, "total_tokens": 46},
}
#: header to what it does
_REQUEST_HEADERS = {
    "X-Memory": "`on`, `off`, `read-only` or `write-only`; absent: as configured",
    "X-Memory-Key": "the key of this proxy, where `Authorization` holds the provider's",
    "X-Memory-Conversation-Id": "names the conversation; absent: its first message does",
    "X-Memory-User-Id": "whose memory; only a key that may assert users can name another",
    "X-Memory-Budget": "tokens that memory may take in the prompt",
    "X-Memory-Policy": "how memories are chosen: `hybrid`, `semantic`, `lru` or `label`",
    "X-Memory-As-Of": "ISO 8601: what was known at that time",
    "X-Memory-Task": "anything: a call of the user interface itself, which memory neither reads nor keeps",
}
_ERRORS = {
    "400": "the request cannot be used",
    "401": "no valid key",
    "403": "the key may not do that",
    "408": "the body stopped half-way",
    "413": "the body is too large",
    "429": "too many chats at once",
    "502": "the model server cannot be reached",
}


class DocumentedApp(FastAPI):
    """FastAPI, with chat on the OpenAPI page."""

    def openapi(self) -> dict[str, Any]:
        """Return the OpenAPI document."""
        document = super().openapi()
        document["paths"].setdefault("/v1/chat/completions", {"post": _chat()})
        return document


def _chat() -> dict[str, Any]:
    text = {"schema": {"type": "string"}}
    return {
        "tags": ["chat"],
        "summary": "Chat",
        "description": "OpenAI's chat completion, streamed or not, with memory. Fields unknown here go to the model "
        "server as they are; its answer comes back as it is.",
        "operationId": "chat_completions",
        "parameters": [
            {"name": name, "in": "header", "required": False, "description": what, **text}
            for name, what in _REQUEST_HEADERS.items()
        ],
        "requestBody": {"required": True, "content": _json(_request_schema(), {"model": "memos", "messages": [_SAID]})},
        "responses": {
            "200": {
                "description": "the model's answer; a stream of server-sent events with `stream: true`",
                "headers": dict.fromkeys(MEMORY_HEADERS, text),
                "content": _json({"type": "object"}, _ANSWER),
            },
            **{status: {"description": what, "content": _json(_error())} for status, what in _ERRORS.items()},
        },
    }


def _request_schema() -> dict[str, Any]:
    return {
        "type": "object",
        "required": ["messages"],
        "additionalProperties": True,
        "properties": {
            "model": {"type": "string"},
            "messages": {"type": "array", "minItems": 1, "items": {"type": "object"}},
            "stream": {"type": "boolean", "default": False},
            "user": {"type": "string", "description": "whose memory, from a key that may assert users"},
        },
    }


def _json(schema: dict[str, Any], example: Any = None) -> dict[str, Any]:
    return {"application/json": {"schema": schema} | ({} if example is None else {"example": example})}


def _error() -> dict[str, Any]:
    return {"$ref": f"#/components/schemas/{Error.__name__}"}
