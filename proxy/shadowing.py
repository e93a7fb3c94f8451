"""Settings of the policies to compare in, a memory for each in a folder of its own out.

Of a candidate's file the sections ``scheduler`` and ``operator`` count; in everything else all candidates are as the
proxy is configured. No LLM is asked and no model runs. The folder is new, has a pepper of its own, and is removed.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from config.layers import read_file
from config.settings import POLICIES, Settings, load
from memory.errors import Invalid
from memory.shadow import ReplayClock, ShadowMemory
from proxy.compose import compose

LIVE = "live"
#: What is compared when nothing is named: from use alone, over likeness, to all signals and what was learnt.
LADDER = ("lru", "label", "semantic", "recency", "unlearned", "learned")
_COMPARED = ("scheduler.", "operator.")


@dataclass(frozen=True, slots=True, kw_only=True)
class Candidate:
    """A policy to compare."""

    name: str
    settings: Settings
    without_effect: tuple[str, ...] = ()  #: keys of its file that are not compared

    def equals(self, other: "Candidate") -> bool:
        """True when the two are one policy: all knobs that are compared are the same."""
        mine, theirs = self.settings, other.settings
        return (mine.scheduler, mine.operator) == (theirs.scheduler, theirs.operator)


def shipped() -> list[str]:
    """Return the names of the policies that ship, sorted."""
    return sorted(path.stem for path in POLICIES.glob("*.yaml"))


def candidates(
    words: Sequence[str], names: Sequence[str], configured: Callable[[Mapping[str, Any]], Settings]
) -> list[Candidate]:
    """Return the live policy and those that are named, none twice; without a name those of ``LADDER``.

    ``words``: files, or names of shipped policies; ``names``: of shipped ones only. ``configured``: the settings of the
    proxy, with these changes by dotted key.
    Raises: Invalid: there is no such policy. ConfigError: a file cannot be used.
    """
    files = [*map(_file, words), *map(_shipped, names)] or [_shipped(name) for name in LADDER]
    found = [Candidate(name=LIVE, settings=configured({}))]
    for path in dict.fromkeys(files):
        taken = {each.name for each in found}
        found.append(_candidate(path, str(path) if path.stem in taken else path.stem, configured))
    for each in found:
        _check_ranker(each)
    return found


def _candidate(path: Path, name: str, configured: Callable[[Mapping[str, Any]], Settings]) -> Candidate:
    load(path)  # for its complaints, which name file and line
    layer = read_file(path)
    mine = {key: entry.value for key, entry in layer.items() if key.startswith(_COMPARED)}
    without_effect = tuple(key for key in layer if key not in mine)
    return Candidate(name=name, settings=configured(mine), without_effect=without_effect)


def _check_ranker(candidate: Candidate) -> None:
    """Raises: Invalid: its file is not there. Said before anything runs, not when its turn comes."""
    ranker = candidate.settings.operator.ranker
    if ranker not in ("shipped", "none") and not Path(ranker).is_file():
        raise Invalid(f"{candidate.name}: there is no ranker {ranker}: shipped, none, or the path of an ONNX file.")


def _file(word: str) -> Path:
    path = Path(word)
    return path if path.is_file() else _shipped(word)


def _shipped(name: str) -> Path:
    if name.endswith((".yaml", ".yml")):
        raise Invalid(f"There is no file {name}.")
    if name not in shipped():
        raise Invalid(f"There is no policy {name!r}: name a YAML file, or one of {', '.join(shipped())}.")
    return POLICIES / f"{name}.yaml"


@contextmanager
def shadow_memory(settings: Settings, start: datetime) -> Iterator[ShadowMemory]:
    """Yield an empty memory that ranks as the settings say, at a time; its folder is removed at the end.

    Raises: EngineMissing. EngineDown: a remote embedder does not answer. Invalid: the ranker is of another version.
    """
    with TemporaryDirectory(prefix="memos-ab-") as folder:
        clock = ReplayClock(start)
        parts = compose(_apart(settings, Path(folder) / "data"), clock=clock)
        try:
            yield ShadowMemory(
                pipeline=parts.pipeline,
                ledger=parts.store.ledger,
                vault=parts.store.vault,
                upkeep=parts.upkeep,
                clock=clock,
            )
        finally:
            parts.store.close()


def _apart(settings: Settings, folder: Path) -> Settings:
    """Return the settings of a memory that nobody talks to: what it keeps and finds is the same."""
    llm = settings.writer.llm.model_copy(update={"base_url": None})
    changes: Mapping[str, Mapping[str, Any]] = {
        "data": {"dir": folder},
        # an upstream stays one, for what is for local models only is withheld from it; it is never called
        "backend": {} if settings.backend.kind == "upstream" else {"kind": "echo"},
        "writer": {"llm": llm},
        "reranker": {"kind": "none"},  # it may be somebody else's server, and would read all that was recorded
        "organiser": {"enabled": False},  # it would merge whenever it is quiet, and no two runs be the same
        "documents": {"index": "flat"},
        "pipelines": {"dir": None},
    }
    return settings.model_copy(
        update={name: getattr(settings, name).model_copy(update=change) for name, change in changes.items()}
    )
