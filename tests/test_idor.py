"""Other people's ids look as if they did not exist: on every route that the OpenAPI document names, with every id.

Nothing here lists routes. Each text that a route takes, in its path, query, headers or body, is either named below as
an id of something, or as no id; a route that brings a new name fails until somebody has decided. For each id the same
call is made twice, with somebody else's and with one that nobody has: status and body must be the same.
"""

import copy
import json
import re
import urllib.parse
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

import pytest

#: name of a parameter to what it is an id of; ``method path name`` wins over the name alone
IDS = {
    "cube_id": "cube",
    "id": "cube",
    "ids": "cube",
    "after": "cube",
    "without": "cube",
    "X-Memory-Without": "cube",
    "request_id": "request",
    "document_id": "document",
    "GET /v1/memory/documents after": "document",
    "change": "change",
    "space_id": "space",
    "space": "space",
    "member": "person",
    "invited": "person",
    "conversation_id": "conversation",
    "X-Memory-Conversation-Id": "conversation",
    "key_id": "key",
    "POST /v1/memory/turns id": "message",
    "GET /v1/memory/changes after": "change",
    "GET /v1/memory/snapshots/{name} name": "snapshot",
    "DELETE /v1/memory/snapshots/{name} name": "snapshot",
    "POST /v1/memory/snapshots name": "snapshot",
    "POST /v1/memory/rollback to": "snapshot",
    "GET /v1/memory/changes since": "snapshot",
    "GET /v1/memory/changes until": "snapshot",
    "GET /v1/memory/diff from": "snapshot",
    "GET /v1/memory/diff to": "snapshot",
}
#: whose memory a call is about: a key that may name users names its own, others may not (tests/test_proxy_auth.py)
USERS = {"user", "X-Memory-User-Id"}
#: texts that name nothing of anybody's
PLAIN = {
    "X-Memory", "X-Memory-Budget", "X-Memory-Policy", "X-Memory-As-Of", "X-Memory-Task", "X-Memory-Key",
    "add_tags", "as_of", "at", "content", "entities", "entity", "input", "label", "model", "name", "query",
    "remove_tags", "source_url", "tags", "task", "text", "title", "type", "types", "watermark",
}  # fmt: skip
#: routes that take nobody's memory
OPEN = re.compile(r"^(?:/metrics|/health|/version|/v1/models|/v1/memory/schema)")
VOLATILE = re.compile(
    r"\b(?:mem|doc|chg|turn|req|spc|org|msg|prv|chatcmpl)[_-][0-9a-zA-Z_-]{6,}|\d{4}-\d\d-\d\dT[\d:.]+(?:Z|\+00:00)?|\d+\.\d+"
)
FAR = "2000-01-01T00:00:00Z"
SECRET = "Zanzibar"
#: how often a memory was of use is counted a moment after the answer
COUNTS = re.compile(r'"(?:access_count|useful_count|last_used_at)": [^,}]+')


@dataclass
class Person:
    """A user with something of everything, and how to call as them."""

    product: Any
    key: str
    name: str | None = None
    ids: dict[str, str] = field(default_factory=dict)

    def call(self, method: str, path: str, body: Any = None, headers: dict[str, str] | None = None):
        named = {"X-Memory-User-Id": self.name} if self.name else {}
        return self.product.api(self.key, method, path, body, **named, **(headers or {}))

    def made(self, method: str, path: str, body: Any) -> dict:
        status, answer = self.call(method, path, body)
        assert status < 300, (path, answer)
        return answer

    def settle_in(self, word: str, label: str) -> "Person":
        """Chat, remember, keep a snapshot, make a space and share in it."""
        conversation = f"talk-of-{label}"
        self.ids = {
            "person": self.name or label,
            "conversation": conversation,
            "message": f"message-of-{label}",
            "snapshot": f"snapshot-of-{label}",
        }
        said = {"messages": [{"id": self.ids["message"], "role": "user", "content": f"I keep the {word} map."}]}
        self.made("POST", "/v1/memory/turns", {"conversation_id": conversation, "wait": True, **said})
        cube = self.made("POST", "/v1/memory/cubes", {"text": f"The {word} box is blue.", "tags": [word]})
        self.ids["cube"] = cube["id"]
        self.ids["request"] = self._request_id(word)
        document = {"title": f"The {word} guide", "text": f"The {word} lamp is red.", "wait": True}
        self.ids["document"] = self.made("POST", "/v1/memory/documents", document)["id"]
        self.ids["change"] = self.made("GET", "/v1/memory/changes", None)["data"][0]["id"]
        self.made("POST", "/v1/memory/snapshots", {"name": self.ids["snapshot"]})
        space = self.made("POST", "/v1/memory/spaces", {"name": f"{word} room"})["id"]
        self.ids["space"] = space
        self.made("POST", f"/v1/memory/cubes/{cube['id']}/share", {"space": space})
        self.ids["key"] = self.key.split("-")[2]
        return self

    def _request_id(self, word: str) -> str:
        named = {"X-Memory-User-Id": self.name} if self.name else {}
        return self.product.ask_raw(self.key, f"The {word} box?", model="echo", **named).headers["x-memory-request-id"]

    def has(self) -> str:
        """All that this user has, as the API shows it."""
        seen = [self.call("GET", f"/v1/memory/{what}") for what in ("cubes", "documents", "snapshots", "changes")]
        spaces = self.call("GET", "/v1/memory/spaces")[1]["data"]  # others may have invited them
        seen.append([each for each in spaces if each["joined"]])
        space = urllib.parse.quote(self.ids["space"])
        seen.append(self.call("GET", f"/v1/memory/spaces/{space}/members"))
        seen.append(self.call("GET", f"/v1/memory/cubes/{self.ids['cube']}/shares"))
        seen.append(self.call("GET", f"/v1/memory/requests/{self.ids['request']}"))
        return COUNTS.sub("", json.dumps(seen, sort_keys=True))


@dataclass(frozen=True)
class Taken:
    """A text that a route takes."""

    method: str
    path: str
    place: str  #: path, query, header, body
    where: tuple[str, ...]  #: its name; in a body the way to it, "[]" for each list

    @property
    def name(self) -> str:
        return next(step for step in reversed(self.where) if step != "[]")

    @property
    def kind(self) -> str | None:
        """What it is an id of; None: of nothing."""
        route = f"{self.method} {self.path} {self.name}"
        if route in IDS or self.name not in PLAIN:
            return IDS.get(route) or IDS.get(self.name)
        return None

    @property
    def is_classified(self) -> bool:
        return self.kind is not None or self.name in PLAIN | USERS


class Document:
    """The OpenAPI document."""

    def __init__(self, content: dict) -> None:
        self._content = content

    def routes(self) -> Iterator[tuple[str, str, dict]]:
        for path, methods in self._content["paths"].items():
            for method, operation in methods.items():
                if not OPEN.match(path):
                    yield method.upper(), path, operation

    def texts(self) -> Iterator[Taken]:
        """Every text of every route that takes memory."""
        for method, path, operation in self.routes():
            for parameter in operation.get("parameters", []):
                if list(self._text_paths(parameter["schema"])):
                    yield Taken(method, path, parameter["in"], (parameter["name"],))
            for where in self._text_paths(self.body_schema(operation) or {}):
                yield Taken(method, path, "body", where)

    def body_schema(self, operation: dict) -> dict | None:
        return operation.get("requestBody", {}).get("content", {}).get("application/json", {}).get("schema")

    def body(self, operation: dict) -> Any:
        """A body that the route takes: the document's own example, else what its schema asks for."""
        content = operation.get("requestBody", {}).get("content", {}).get("application/json", {})
        if not content:
            return None
        return copy.deepcopy(content["example"]) if "example" in content else self._value(content["schema"])

    def _resolved(self, schema: dict) -> dict:
        """The schema that a reference means, or the first of several that is not null."""
        while "$ref" in schema or "anyOf" in schema:
            if "$ref" in schema:
                schema = self._content["components"]["schemas"][schema["$ref"].rsplit("/", 1)[1]]
            else:
                schema = next(option for option in schema["anyOf"] if option.get("type") != "null")
        return schema

    def _text_paths(self, schema: dict, before: tuple[str, ...] = ()) -> Iterator[tuple[str, ...]]:
        """Ways to every text in a value of this schema."""
        options = schema.get("anyOf") or [self._resolved(schema)]
        for option in options:
            plain = self._resolved(option)
            if plain.get("type") == "array":
                yield from self._text_paths(plain.get("items", {}), (*before, "[]"))
            for name, inner in plain.get("properties", {}).items():
                yield from self._text_paths(inner, (*before, name))
            closed = {"enum", "const"} & set(plain) or plain.get("format") == "date-time"
            if plain.get("type") == "string" and not closed:
                yield before

    def _value(self, schema: dict) -> Any:
        schema = self._resolved(schema)
        for said in ("example", "default", "const"):
            if said in schema:
                return copy.deepcopy(schema[said])
        if "enum" in schema:
            return schema["enum"][0]
        match schema.get("type"):
            case "object":
                needed = schema.get("required", ())
                return {
                    name: self._value(schema["properties"][name]) for name in needed if name in schema["properties"]
                }
            case "array":
                return [self._value(schema.get("items", {})) for _ in range(schema.get("minItems", 0))]
            case "integer" | "number":
                return schema.get("minimum", 1)
            case "boolean":
                return False
            case _:
                return FAR if schema.get("format") == "date-time" else "text"

    def put(self, operation: dict, body: Any, where: tuple[str, ...], value: str) -> Any:
        """Return the body with the value in its place; what leads there is made where the body has none."""
        return self._put(self.body_schema(operation) or {}, body, where, value)

    def _put(self, schema: dict, body: Any, where: tuple[str, ...], value: str) -> Any:
        if not where:
            return value
        fitting = [option for option in schema.get("anyOf", [schema]) if where in set(self._text_paths(option))]
        schema = self._resolved(fitting[0])
        if where[0] == "[]":
            items = body if isinstance(body, list) and body else [None]
            return [self._put(schema.get("items", {}), items[0], where[1:], value)]
        whole = body if isinstance(body, dict) else self._value(schema)
        whole = whole if isinstance(whole, dict) else {}
        inner = schema["properties"][where[0]]
        return {**whole, where[0]: self._put(inner, whole.get(where[0]), where[1:], value)}


@pytest.fixture(scope="module")
def product(running_with):
    return running_with("--backend", "echo", "--set", "embedder.kind=none")


@pytest.fixture(scope="module")
def document(product):
    return Document(product.api("", "GET", "/openapi.json")[1])


@pytest.fixture(scope="module", params=["of the same application", "of another application"])
def two(request, product):
    """A victim, and a way to make new attackers."""
    app = product.key("app", "--assert-users")
    if request.param == "of another application":
        victim = Person(product, product.key("victim")).settle_in(SECRET, "victim")
    else:
        victim = Person(product, app, "the victim / of it").settle_in(SECRET, "victim")
    return victim, lambda number: Person(product, app, f"attacker {number}").settle_in("Madeira", f"attacker-{number}")


def test_every_text_that_a_route_takes_is_known_to_be_an_id_or_not(document):
    """A new name must be put into one of the lists above by whoever brings it."""
    unknown = {f"{each.method} {each.path} {each.name}" for each in document.texts() if not each.is_classified}
    assert not unknown, "say in tests/test_idor.py what these are ids of, or that they are none"


def test_ids_of_others_look_unknown_on_every_route(document, two):
    """Never 200 with a word of it, never another status or another text than for an id that nobody has."""
    victim, new_attacker = two
    before = victim.has()
    tried = 0
    faults: list[str] = []
    for number, (method, path, operation) in enumerate(document.routes()):
        texts = [each for each in document.texts() if (each.method, each.path) == (method, path)]
        if all(each.kind is None for each in texts):
            continue
        attacker = new_attacker(number)
        for each in texts:
            if each.kind is None or attacker.ids[each.kind] == victim.ids[each.kind]:
                continue
            faults += differences(document, operation, attacker, victim, texts, each)
            tried += 1
    assert not faults, "\n\n".join(faults)
    assert tried > 30
    assert victim.has() == before, "somebody else changed what the victim has"


def differences(document, operation, attacker, victim, texts, each) -> list[str]:
    """Make the call with the victim's id and with nobody's; return what is wrong."""
    theirs = victim.ids[each.kind]
    nobodys = unlike(theirs)
    answers = [sent(document, operation, attacker, texts, each, value) for value in (theirs, nobodys)]
    status, body = answers[0]
    shown = [normal(answer, value) for answer, value in zip(answers, (theirs, nobodys), strict=True)]
    what = f"{each.method} {each.path} with somebody else's {each.kind} in {each.place} {'.'.join(each.where)}"
    wrong = []
    if shown[0] != shown[1]:
        wrong.append(f"{what} tells that it exists:\n  theirs {shown[0][:600]}\n  nobody's {shown[1][:600]}")
    if SECRET.casefold() in json.dumps(body).casefold():
        wrong.append(f"{what} shows it:\n  {json.dumps(body)[:600]}")
    if status >= 500:
        wrong.append(f"{what} is a fault of the server:\n  {json.dumps(body)[:600]}")
    if each.place == "path" and status != 404:
        wrong.append(f"{what} is {status}, not 404:\n  {json.dumps(body)[:600]}")
    return wrong


def sent(document, operation, attacker, texts, each, value):
    """Call with the attacker's own ids everywhere but in one place."""
    body, path = document.body(operation), each.path
    query = dict.fromkeys(needed(operation), attacker.ids["snapshot"])
    headers = {}
    for text in texts:
        own = value if text == each else attacker.ids.get(text.kind or "", "text")
        if text.place == "path":
            path = path.replace("{" + text.name + "}", urllib.parse.quote(own, safe=""))
        elif text.place == "body" and (text == each or (text.kind and in_body(body, text.where))):
            body = document.put(operation, body, text.where, own)
        elif text == each:
            (query if text.place == "query" else headers)[text.name] = own
    suffix = f"?{urllib.parse.urlencode(query)}" if query else ""
    return attacker.call(each.method, path + suffix, body, headers)


def needed(operation: dict) -> list[str]:
    """The texts that must stand in the query."""
    return [each["name"] for each in operation.get("parameters", []) if each["in"] == "query" and each.get("required")]


def in_body(body: Any, where: tuple[str, ...]) -> bool:
    """True when the body has something in that place."""
    for step in where:
        if step == "[]":
            if not isinstance(body, list) or not body:
                return False
            body = body[0]
        elif not isinstance(body, dict) or step not in body:
            return False
        else:
            body = body[step]
    return True


def unlike(known: str) -> str:
    """An id of the same shape that nobody has."""
    letters = [str((int(c) + 5) % 10) if c.isdigit() else c for c in known]
    return "".join(letters) if letters != list(known) else known[::-1]


def normal(answer: tuple[int, Any], value: str) -> str:
    """The answer without what differs between any two calls: the id itself, new ids, times and measures."""
    status, body = answer
    text = json.dumps(body, sort_keys=True).replace(json.dumps(value)[1:-1], "<the id>")
    return f"{status} {VOLATILE.sub('*', text)}"
