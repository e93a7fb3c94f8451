"""Text of one source of settings in, dotted keys with their values and places out.

The default file is the shape: a key that it lacks is an error in every other source. Nothing here knows what a value
means; types and bounds are the models' in ``config/settings.py``.
"""

import difflib
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

PREFIX = "MEMOS_"
DEFAULT = "default"  #: the source of what default.yaml says
_VARIABLE = re.compile(r"\$(?:\$|\{(?P<name>[A-Za-z_][A-Za-z0-9_]*)(?P<fallback>:-(?P<default>[^}]*))?\})")


class ConfigError(Exception):
    """The configuration cannot be used; the message has one line for each problem."""

    def __init__(self, problems: Sequence[str]) -> None:
        super().__init__("\n".join(problems))
        self.problems = tuple(problems)


@dataclass(frozen=True, slots=True)
class Entry:
    """One value of one source."""

    value: Any
    source: str  #: as it is shown: ``default``, ``file PATH``, ``environment NAME``, ``flag --x``
    line: int | None = None

    @property
    def place(self) -> str:
        """The source, with the line where there is one."""
        return self.source if self.line is None else f"{self.source}, line {self.line}"


Layer = Mapping[str, Entry]  # by dotted key
Lines = Mapping[tuple[str | int, ...], int]  # the line where the value at a path of keys and positions begins


class _Loader(getattr(yaml, "CSafeLoader", yaml.SafeLoader)):  # type: ignore[misc]  # libyaml is ten times faster
    """YAML without dates: a value that looks like one stays the text that it is."""


_Loader.yaml_implicit_resolvers = {
    first: [(tag, pattern) for tag, pattern in resolvers if tag != "tag:yaml.org,2002:timestamp"]
    for first, resolvers in yaml.SafeLoader.yaml_implicit_resolvers.items()
}


def _duplicates(node: yaml.Node, path: str = "") -> Iterator[str]:
    if isinstance(node, yaml.SequenceNode):
        for number, value in enumerate(node.value):
            yield from _duplicates(value, f"{path}.{number}")
    if not isinstance(node, yaml.MappingNode):
        return
    seen: set[str] = set()
    for key, value in node.value:
        dotted = f"{path}.{key.value}" if path else str(key.value)
        if dotted in seen:
            yield f"line {key.start_mark.line + 1}: {dotted} is set twice"
        seen.add(dotted)
        yield from _duplicates(value, dotted)


def _lines(node: yaml.Node, path: str = "") -> Iterator[tuple[str, int]]:
    if not isinstance(node, yaml.MappingNode):
        return
    for key, value in node.value:
        dotted = f"{path}.{key.value}" if path else str(key.value)
        yield dotted, key.start_mark.line + 1
        yield from _lines(value, dotted)


def _places(node: yaml.Node, path: tuple[str | int, ...] = ()) -> Iterator[tuple[tuple[str | int, ...], int]]:
    yield path, node.start_mark.line + 1
    if isinstance(node, yaml.MappingNode):
        for key, value in node.value:
            yield from _places(value, (*path, str(key.value)))
            yield (*path, str(key.value)), key.start_mark.line + 1
    elif isinstance(node, yaml.SequenceNode):
        for number, value in enumerate(node.value):
            yield from _places(value, (*path, number))


def _parsed(text: str, source: str) -> tuple[Any, yaml.Node | None]:
    try:
        loader = _Loader(text)
        node = loader.get_single_node()
        return (None, None) if node is None else (loader.construct_document(node), node)
    except yaml.MarkedYAMLError as error:
        line = error.problem_mark.line + 1 if error.problem_mark else "?"
        raise ConfigError([f"{source}, line {line}: not valid YAML: {error.problem}"]) from None
    except yaml.YAMLError as error:
        raise ConfigError([f"{source}: not valid YAML: {error}"]) from None


def read_tree(text: str, source: str) -> tuple[Any, Lines]:
    """Return the whole document, and the line of every value in it.

    Raises: ConfigError: it is not YAML, or sets a key twice; with the line.
    """
    data, node = _parsed(text, source)
    if node is None:
        return None, {}
    if doubled := [f"{source}, {problem}" for problem in _duplicates(node)]:
        raise ConfigError(doubled)
    return data, dict(_places(node))


def read_yaml(text: str, source: str) -> Layer:
    """Return the text's leaves.

    Raises: ConfigError: it is not YAML, not a mapping, or sets a key twice; with the line.
    """
    data, node = _parsed(text, source)
    if data is None or node is None:
        return {}
    if not isinstance(data, dict):
        raise ConfigError([f"{source}: must be a mapping of sections, such as server: and backend:"])
    if doubled := [f"{source}, {problem}" for problem in _duplicates(node)]:
        raise ConfigError(doubled)
    lines = dict(_lines(node))
    return {key: Entry(value, source, lines.get(key)) for key, value in flatten(data)}


def read_file(path: Path) -> Layer:
    """Raises: ConfigError: the file cannot be read or used."""
    try:
        text = path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        reason = error.strerror if isinstance(error, OSError) else "not UTF-8 text"
        raise ConfigError([f"{path}: cannot be read: {reason}"]) from None
    return read_yaml(text, f"file {path}")


def flatten(data: Mapping[Any, Any], path: str = "") -> Iterator[tuple[str, Any]]:
    """Yield (dotted key, value) for every leaf; an empty section has none."""
    for key, value in data.items():
        dotted = f"{path}.{key}" if path else str(key)
        if isinstance(value, dict):
            yield from flatten(value, dotted)
        else:
            yield dotted, value


def nest(leaves: Mapping[str, Any]) -> dict[str, Any]:
    """Return the nested form of dotted keys: the inverse of ``flatten``."""
    tree: dict[str, Any] = {}
    for dotted, value in leaves.items():
        *sections, name = dotted.split(".")
        branch = tree
        for section in sections:
            branch = branch.setdefault(section, {})
        branch[name] = value
    return tree


def from_environment(environ: Mapping[str, str], shape: Mapping[str, Any]) -> Layer:
    """Return what variables such as ``MEMOS_SERVER__PORT`` set; a variable without ``__`` is not a setting."""
    layer = {}
    for name, text in environ.items():
        if name.startswith(PREFIX) and "__" in name:
            dotted = name.removeprefix(PREFIX).lower().replace("__", ".")
            layer[dotted] = Entry(from_text(text, shape.get(dotted)), f"environment {name}")
    return layer


def from_text(text: str, default: Any) -> Any:
    """Return a value written as one word: a list as YAML or with commas; the models read numbers and booleans."""
    if text == "null":
        return None
    if not isinstance(default, list):
        return text
    if text.lstrip().startswith("["):
        try:
            return yaml.load(text, Loader=_Loader)  # noqa: S506  a SafeLoader
        except yaml.YAMLError:
            return text
    return [part.strip() for part in text.split(",") if part.strip()]


def check_keys(layer: Layer, shape: Mapping[str, Any]) -> Iterator[str]:
    """Yield one problem for each key that the shape lacks, with what may have been meant."""
    sections = {key.rpartition(".")[0] for key in shape} | {key.split(".")[0] for key in shape}
    for dotted, entry in layer.items():
        if dotted in shape or (dotted in sections and entry.value is None):
            continue
        if dotted in sections:
            yield f"{dotted}: is a section, not a value ({entry.place})"
        elif leaf := next((key for key in shape if dotted.startswith(key + ".")), None):
            yield f"{leaf}: is a value, not a section ({entry.place})"
        else:
            yield f"{dotted}: there is no such setting{suggestion(dotted, shape)} ({entry.place})"


def suggestion(dotted: str, shape: Iterable[str]) -> str:
    """Return what may have been meant by a key that the shape lacks, to be put behind an error; mostly empty."""
    shape = list(shape)
    if close := difflib.get_close_matches(dotted, shape, n=1, cutoff=0.75):
        return f"; did you mean {close[0]}?"
    name = dotted.rpartition(".")[2]
    names = {key.rpartition(".")[2]: key for key in shape}
    if close := difflib.get_close_matches(name, names, n=1, cutoff=0.75):
        return f"; did you mean {names[close[0]]}?"
    return ""


def substitute(layer: Layer, environ: Mapping[str, str]) -> tuple[Layer, list[str]]:
    """Return the layer with ``${NAME}`` and ``${NAME:-default}`` read from the environment, and the problems met.

    ``$$`` is a dollar sign. As in a shell, ``:-`` also replaces an empty value. What a variable holds is not filled.
    A default that a variable has filled is the variable's.
    """
    problems: list[str] = []
    filled = {}
    for dotted, entry in layer.items():
        value, unset, used = _fill(entry.value, environ)
        problems += [
            f"{dotted}: environment variable {name} is not set; set it, or write ${{{name}:-default}} ({entry.place})"
            for name in unset
        ]
        source = f"environment {', '.join(used)}" if used and entry.source == DEFAULT else entry.source
        filled[dotted] = Entry(value, source, entry.line)
    return filled, problems


def _fill(value: Any, environ: Mapping[str, str]) -> tuple[Any, list[str], list[str]]:
    """Return the value, the variables that it lacks and those that it was filled from."""
    if isinstance(value, list):
        parts = [_fill(item, environ) for item in value]
        lacking = [name for _, unset, _ in parts for name in unset]
        return [part for part, _, _ in parts], lacking, [name for _, _, used in parts for name in used]
    if not isinstance(value, str):
        return value, [], []
    unset: list[str] = []
    used: list[str] = []

    def read(match: re.Match[str]) -> str:
        name = match["name"]
        if name is None:
            return "$"
        if environ.get(name):
            used.append(name)
            return environ[name]
        if match["fallback"] is not None:
            return str(match["default"])
        if name not in environ:
            unset.append(name)
        return ""

    return _VARIABLE.sub(read, value), unset, used
