"""Random JSON Schemas whose texts have a bounded length, drawn from a seed."""

import random
from typing import Any

NAMES = ("id", "name", "tags", "kind", "größe", 'quo"ted', "a b", "naïve\\path", "x", "xy", "value", "next")
PATTERNS = (
    "^[a-z]{1,6}$",
    "^\\d{2}-\\d{2}$",
    '^(ja|nein|"q")$',
    "^[A-Z][a-z]{0,4}(, [A-Z][a-z]{0,4}){0,2}$",
    "^#[0-9a-f]{6}$",
)
FORMATS = ("date", "time", "date-time", "uuid", "ipv4")
CONSTANTS = (None, True, 0, -7, 2.5, "a", 'he said "no"', "back\\slash", "line\nbreak", "日本", [1, "x"], {"k": [None]})


class SchemaMaker:
    """Draws schemas; ``document`` is one with definitions that may refer to each other."""

    def __init__(self, seed: int) -> None:
        self.random = random.Random(seed)

    def document(self) -> dict[str, Any]:
        schema = self.schema(3)
        schema = schema if isinstance(schema, dict) else {"type": "null"}
        schema["$defs"] = {"leaf": self.scalar(), "pair": self.object(1), "list": self.linked()}
        return schema

    def schema(self, depth: int) -> Any:
        draw = self.random.random()
        if depth <= 0 or draw < 0.35:
            return self.scalar()
        if draw < 0.65:
            return self.object(depth)
        if draw < 0.8:
            return self.array(depth)
        if draw < 0.9:
            return {"anyOf": [self.schema(depth - 1) for _ in range(self.random.randint(1, 3))]}
        if draw < 0.95:
            return {"$ref": "#/$defs/" + self.random.choice(("leaf", "pair", "list")), "description": "by reference"}
        return {"allOf": [self.object(1), {"type": "object", "title": "beside"}]}

    def scalar(self) -> dict[str, Any]:
        make = self.random.choice(
            (self.integer, self.number, self.string, self.text, self.constant, self.enum, self.plain, self.union)
        )
        return make()

    def integer(self) -> dict[str, Any]:
        low = self.random.randint(-(10 ** self.random.randint(0, 6)), 10 ** self.random.randint(0, 6))
        bounds = {"minimum": low, "maximum": low + self.random.randint(0, 10 ** self.random.randint(0, 6))}
        if self.random.random() < 0.3:
            bounds = {"exclusiveMinimum": low - 1, "exclusiveMaximum": low + self.random.choice((1, 2, 50))}
        for word in list(bounds):
            if self.random.random() < 0.2:
                del bounds[word]
        return {"type": "integer", **bounds}

    def number(self) -> dict[str, Any]:
        low = round(self.random.uniform(-100, 100), self.random.randint(0, 4))
        high = round(low + self.random.choice((0.001, 0.5, 1, 7.25, 1000)), 4)
        schema = {"type": "number", "minimum": low, "maximum": high}
        if self.random.random() < 0.3:
            schema = {"type": "number", "exclusiveMinimum": low, "exclusiveMaximum": high}
        return schema if self.random.random() < 0.8 else {"type": "number"}

    def string(self) -> dict[str, Any]:
        low = self.random.randint(0, 4)
        return {"type": "string", "minLength": low, "maxLength": low + self.random.randint(0, 12)}

    def text(self) -> dict[str, Any]:
        if self.random.random() < 0.5:
            return {"type": "string", "pattern": self.random.choice(PATTERNS)}
        return {"type": "string", "format": self.random.choice(FORMATS)}

    def constant(self) -> dict[str, Any]:
        return {"const": self.random.choice(CONSTANTS)}

    def enum(self) -> dict[str, Any]:
        return {"enum": self.random.sample(CONSTANTS, self.random.randint(1, 5))}

    def plain(self) -> dict[str, Any]:
        return {"type": self.random.choice(("boolean", "null", "integer"))}

    def union(self) -> dict[str, Any]:
        return {"type": ["string", "integer", "null"], "maxLength": 5, "minimum": -3, "maximum": 300}

    def object(self, depth: int) -> dict[str, Any]:
        names = self.random.sample(NAMES, self.random.randint(0, 5))
        schema: dict[str, Any] = {
            "type": "object",
            "properties": {name: self.schema(depth - 1) for name in names},
            "required": [name for name in names if self.random.random() < 0.6],
        }
        draw = self.random.random()
        if draw < 0.4 or not names:
            schema["additionalProperties"] = False
        elif draw < 0.5:
            schema["additionalProperties"] = {"type": "integer", "minimum": 0, "maximum": 9}
            schema["maxProperties"] = len(names) + 2
        return schema

    def array(self, depth: int) -> dict[str, Any]:
        low = self.random.randint(0, 2)
        schema = {"type": "array", "minItems": low, "maxItems": low + self.random.randint(0, 3)}
        if self.random.random() < 0.25:
            first = [self.schema(depth - 1) for _ in range(self.random.randint(1, 3))]
            return {"type": "array", "prefixItems": first, "items": False, "minItems": len(first)}
        return {**schema, "items": self.schema(depth - 1)}

    def linked(self) -> dict[str, Any]:
        tail = {"anyOf": [{"type": "null"}, {"$ref": "#/$defs/list"}]}
        return {"type": "object", "properties": {"head": self.scalar(), "tail": tail}, "required": ["head", "tail"]}
