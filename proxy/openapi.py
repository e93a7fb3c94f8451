"""The OpenAPI document as it is true here: chat, which is no route of the framework, keys, and errors of our shape."""

from collections.abc import Iterator
from typing import Any

from fastapi import FastAPI

from proxy.docs_page import add_pages
from proxy.memory_wire import Error
from proxy.receipt import MEMORY_HEADERS

_SAID = {"role": "user", "content": "Where do I live?"}
_ANSWER = {
    "id": "chatcmpl-1",
    "object": "chat.completion",
    "created": 1777714200,
    "model": "memos-tiny",
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
    "X-Memory-Without": "ids of memories, parted by commas: the answer as if these did not exist",
    "X-Memory-Task": "what the request is for, when it is no user's turn (a title, a job): it is never kept, and "
    "memory is read only with `X-Memory: read-only`; brings in what is shared for this task as well",
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


_KEYS = {
    "key": {
        "type": "http",
        "scheme": "bearer",
        "description": "a key of this proxy (`sk-memos-...`), as `memos keys create NAME` prints it",
    },
    "memory_key": {
        "type": "apiKey",
        "in": "header",
        "name": "X-Memory-Key",
        "description": "the same, where `Authorization` holds the model provider's key",
    },
}
_OPEN_PATHS = ("/health", "/version", "/metrics")  # the last: from the machine itself
_FRAMEWORK_ERRORS = ("HTTPValidationError", "ValidationError")


class DocumentedApp(FastAPI):
    """FastAPI with the document mended, and pages that load nothing from elsewhere."""

    def __init__(self, **options: Any) -> None:
        super().__init__(docs_url=None, redoc_url=None, **options)
        add_pages(self)

    def openapi(self) -> dict[str, Any]:
        """Return the OpenAPI document."""
        if self.openapi_schema is None:
            document = super().openapi()
            document["paths"].setdefault("/v1/chat/completions", {"post": _chat()})
            for operation in _operations(document):
                if operation["responses"].pop("422", None) is not None:  # the framework's; ours is 400
                    refused = {"description": _ERRORS["400"], "content": _json(_error())}
                    operation["responses"].setdefault("400", refused)
            for name in _FRAMEWORK_ERRORS:
                document["components"]["schemas"].pop(name, None)
            _lock(document)
        return super().openapi()


def _operations(document: dict[str, Any]) -> Iterator[dict[str, Any]]:
    for methods in document["paths"].values():
        yield from methods.values()


def _lock(document: dict[str, Any]) -> None:
    """Say which key opens what; the page then has a place to put it in."""
    document["components"]["securitySchemes"] = _KEYS
    document["security"] = [{name: []} for name in _KEYS]
    for path, methods in document["paths"].items():
        if path.startswith(_OPEN_PATHS):
            for operation in methods.values():
                operation["security"] = []


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
        "requestBody": {
            "required": True,
            "content": _json(_request_schema(), {"model": "memos-tiny", "messages": [_SAID]}),
        },
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
