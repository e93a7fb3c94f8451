"""A GGUF file in, what its header says out, and whether one can chat with it.

The law: no engine is loaded and no tensor is read, so a file is judged before anything is allocated. The format:
https://github.com/ggml-org/ggml/blob/master/docs/gguf.md
"""

import mmap
import re
import struct
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Final

from memory.errors import EngineMissing, Invalid

_SCALARS: Final = {0: "B", 1: "b", 2: "H", 3: "h", 4: "I", 5: "i", 6: "f", 7: "?", 10: "Q", 11: "q", 12: "d"}
_STRING, _ARRAY = 8, 9
_VERSIONS = (2, 3)
_HEAD_BYTES = 24
_KEPT_ITEMS = 1024  #: longer arrays (vocabularies) are counted, not kept; one value a layer is kept
_SHARD = re.compile(r"(?P<stem>.+)-(?P<number>\d{5})-of-(?P<count>\d{5})\.gguf")
_SHOWN_SHARDS = 3
_ENCODERS = re.compile(r".*bert.*|t5encoder|.*-embed(ding)?")
_NO_WRITERS = ("t5", "wavtokenizer-dec")
_POOLED = (1, 2, 3, 4)  #: mean, first token, last token, rank
_NO_MODELS: Final = {
    "adapter": "is a LoRA adapter: it changes a model and is none. Give the model's own GGUF file",
    "mmproj": "is the projector of a vision or audio model (mmproj) and no model. Give the model's own GGUF file",
    "imatrix": "is an importance matrix for quantizing and no model. Give the model's own GGUF file",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class GgufHeader:
    """What stands before the tensors."""

    path: Path
    metadata: Mapping[str, Any]  #: scalars, texts, and tuples of up to 1024 numbers
    lengths: Mapping[str, int]  #: of every array
    tensor_count: int
    size_bytes: int  #: of the file; of all parts when the model is split

    @property
    def architecture(self) -> str:
        """The family, as llama.cpp names it; empty when it is not said."""
        return str(self.metadata.get("general.architecture", ""))

    def number(self, key: str, otherwise: int = 0) -> int:
        """Return the architecture's own integer, e.g. ``block_count``; the largest where there is one a layer."""
        value = self.metadata.get(f"{self.architecture}.{key}", otherwise)
        return int(max(value, default=otherwise)) if isinstance(value, tuple) else int(value)

    def per_layer(self, key: str, layers: int, otherwise: int) -> list[int]:
        """Return the architecture's own integer for each layer."""
        value = self.metadata.get(f"{self.architecture}.{key}", otherwise)
        if isinstance(value, tuple):
            return [int(item) for item in (*value, *[otherwise] * layers)[:layers]]
        return [int(value)] * layers

    @property
    def trained_tokens(self) -> int:
        """The context that it was trained for; 0 when it is not said."""
        return self.number("context_length")

    @property
    def vocabulary(self) -> int:
        """How many tokens there are."""
        return self.number("vocab_size") or self.lengths.get("tokenizer.ggml.tokens", 0)


def model_name(path: Path) -> str:
    """Return the file's name without its ending, and without its number when the model is split."""
    shard = _SHARD.fullmatch(path.name)
    return shard["stem"] if shard else path.stem


def read_language_model(path: Path) -> GgufHeader:
    """Return the header of a model that writes text, with all its parts in place.

    Costs a tenth of a second at most. Raises: EngineMissing (no such file), Invalid (anything else is wrong with it).
    """
    parts = _parts(path)
    header = read_header(path)
    _check_split(header)
    if reason := _objection(header):
        raise Invalid(f"{path} {reason}.", code="model_not_generative")
    return replace(header, size_bytes=sum(part.stat().st_size for part in parts))


def read_header(path: Path) -> GgufHeader:
    """Return the header of one file. Raises: EngineMissing, Invalid."""
    if not path.is_file():
        what = "a folder and no file" if path.is_dir() else "no file"
        raise EngineMissing(f"There is {what} at {path}; a GGUF file is needed.", code="model_file_missing")
    try:
        with path.open("rb") as file:
            size_bytes = path.stat().st_size
            if size_bytes < _HEAD_BYTES or file.read(4) != b"GGUF":
                raise Invalid(f"{path} cannot be loaded: it is not a GGUF file.", code="model_not_loadable")
            with mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as data:
                return _parsed(path, _Cursor(data), size_bytes)
    except OSError as error:
        raise Invalid(f"{path} cannot be read: {error.strerror}.", code="model_not_loadable") from error
    except (struct.error, OverflowError, KeyError) as error:
        raise Invalid(
            f"{path} cannot be loaded: its header is cut short or damaged. Download it again.",
            code="model_not_loadable",
        ) from error


class _Cursor:
    """A place in the file; reading moves it on."""

    def __init__(self, data: mmap.mmap) -> None:
        self._data = data
        self._at = 4

    def scalar(self, code: str) -> Any:
        layout = struct.Struct("<" + code)
        (value,) = layout.unpack_from(self._data, self._at)
        self._at += layout.size
        return value

    def text(self) -> str:
        length = self.scalar("Q")
        self._at += length
        if self._at > len(self._data):
            raise struct.error
        return self._data[self._at - length : self._at].decode(errors="replace")

    def skip_texts(self, count: int) -> None:
        layout, data, at = struct.Struct("<Q"), self._data, self._at
        for _ in range(count):
            at += 8 + layout.unpack_from(data, at)[0]
        self._at = at

    def numbers(self, code: str, count: int) -> tuple[Any, ...]:
        """Return an array that is short enough to be kept, else nothing."""
        size = struct.calcsize("<" + code) * count
        if count > _KEPT_ITEMS:
            self._at += size
            return ()
        values = struct.unpack_from(f"<{count}{code}", self._data, self._at)
        self._at += size
        return values


def _parsed(path: Path, cursor: _Cursor, size_bytes: int) -> GgufHeader:
    version = cursor.scalar("I")
    if version not in _VERSIONS:
        raise Invalid(
            f"{path} cannot be loaded: its GGUF version is {version}, and only 2 and 3 are known.",
            code="model_not_loadable",
        )
    tensor_count, entries = cursor.scalar("Q"), cursor.scalar("Q")
    metadata: dict[str, Any] = {}
    lengths: dict[str, int] = {}
    for _ in range(entries):
        key, kind = cursor.text(), cursor.scalar("I")
        if kind == _ARRAY:
            lengths[key] = _read_array(cursor, key, metadata)
        else:
            metadata[key] = cursor.text() if kind == _STRING else cursor.scalar(_SCALARS[kind])
    return GgufHeader(path=path, metadata=metadata, lengths=lengths, tensor_count=tensor_count, size_bytes=size_bytes)


def _read_array(cursor: _Cursor, key: str, metadata: dict[str, Any]) -> int:
    kind, count = cursor.scalar("I"), int(cursor.scalar("Q"))
    if kind == _STRING:
        cursor.skip_texts(count)
    elif values := cursor.numbers(_SCALARS[kind], count):
        metadata[key] = values
    return count


def _parts(path: Path) -> list[Path]:
    """Return all files of the model. Raises: Invalid when ``path`` is not the first of them or some are missing."""
    shard = _SHARD.fullmatch(path.name)
    if shard is None:
        return [path]
    count = int(shard["count"])
    parts = [path.with_name(f"{shard['stem']}-{number:05}-of-{count:05}.gguf") for number in range(1, count + 1)]
    if int(shard["number"]) != 1 and path.is_file():
        raise Invalid(
            f"{path} is part {int(shard['number'])} of {count} of a model. Give the first part: {parts[0]}",
            code="model_part",
        )
    missing = [part.name for part in parts if not part.is_file()]
    if missing and path.is_file():
        more = f" and {len(missing) - _SHOWN_SHARDS} more" if len(missing) > _SHOWN_SHARDS else ""
        raise Invalid(
            f"{path} is the first of {count} parts, which must lie in the same folder. Missing: "
            f"{', '.join(missing[:_SHOWN_SHARDS])}{more}.",
            code="model_part_missing",
        )
    return parts


def _check_split(header: GgufHeader) -> None:
    count = int(header.metadata.get("split.count", 0))
    if count > 1 and _SHARD.fullmatch(header.path.name) is None:
        number = int(header.metadata.get("split.no", 0)) + 1
        raise Invalid(
            f"{header.path} is part {number} of {count} of a model, and the parts find each other by their names: "
            f"call it NAME-{number:05}-of-{count:05}.gguf again.",
            code="model_part",
        )


def _objection(header: GgufHeader) -> str:
    """Say why nobody can chat with this file; "" when one can."""
    kind = str(header.metadata.get("general.type", "model"))
    architecture = header.architecture
    if architecture == "clip":
        kind = "mmproj"
    if kind in _NO_MODELS:
        return _NO_MODELS[kind]
    if not architecture:
        return "names no architecture, so it is no language model"
    if header.tensor_count == 0 and "split.count" not in header.metadata:
        return "holds a vocabulary and no weights"
    if _ENCODERS.fullmatch(architecture) or header.number("pooling_type") in _POOLED:
        return f"is an embedding model ({architecture}): it makes vectors of texts and cannot answer. Give a chat model"
    if header.metadata.get(f"{architecture}.attention.causal") is False or architecture in _NO_WRITERS:
        return f"is not a decoder-only language model ({architecture}): it does not write from left to right"
    return ""
