"""Messages and questions in, rankings by well-known methods out: what the product is compared with.

One unit of an index is one message, "Speaker: text" where speakers have names. All of them embed with the model that
the product embeds with, and BM25 takes the stems that the product takes. A question's embedding is part of the CPU of
each method that needs one.
"""

import json
import math
import subprocess
import tempfile
import time
from collections import Counter, defaultdict
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np
from bench_processes import HERE, cpu_ms, running
from numpy.typing import NDArray
from retrieval_metrics import Result

from adapters.minilm import MiniLM
from adapters.ranker.training.conversations import Message
from memory.vault.words import query_terms, terms

Scores = NDArray[np.float32]
BM25, DENSE, RANKS, SUM, MEM0 = "BM25 (stems)", "dense", "BM25 + dense, rank fusion", "BM25 + dense, z-sum", "mem0"
NAMES = {"bm25": BM25, "dense": DENSE, "rrf": RANKS, "zsum": SUM, "mem0": MEM0}
_K1, _B = 1.2, 0.5
_RANK_CONSTANT = 60  # Cormack, Clarke and Büttcher, "Reciprocal Rank Fusion" (2009)
_EMBEDDED_AT_ONCE = 64
_MEM0_STARTS_S = 120


@dataclass(frozen=True, slots=True)
class Answer:
    """What a method found."""

    results: tuple[Result, ...]
    best: float | None  #: raw score of the first: the only thing that says whether it answers; None: nothing found
    cpu_ms: float


class Method(Protocol):
    """A way to find messages among those of one conversation."""

    @property
    def name(self) -> str:
        """What the tables call it."""
        ...

    @property
    def kept_cpu_ms(self) -> float:
        """CPU of keeping one message."""
        ...

    def search(self, question: str, top_k: int, among: int) -> Answer:
        """Return the best of the first ``among`` messages."""
        ...


def unit_text(message: Message) -> str:
    """Return what stands in an index."""
    return f"{message.name}: {message.text}" if message.name else message.text


class Texts:
    """Embeds every text once, and knows what one costs. LongMemEval's questions share most of their sessions."""

    def __init__(self, model: MiniLM) -> None:
        self._model = model
        self._rows: dict[str, NDArray[np.float16]] = {}
        self._cpu_ms = self._count = 0.0

    def rows(self, texts: Sequence[str]) -> Scores:
        """Return one unit row per text."""
        missing = [text for text in dict.fromkeys(texts) if text not in self._rows]
        for start in range(0, len(missing), _EMBEDDED_AT_ONCE):
            some = missing[start : start + _EMBEDDED_AT_ONCE]
            began = time.process_time()
            vectors = self._model.embed(some)
            self._cpu_ms += 1000 * (time.process_time() - began)
            self._count += len(some)
            self._rows |= zip(some, vectors.astype(np.float16), strict=True)
        return np.stack([self._rows[text] for text in texts]).astype(np.float32)

    def question(self, text: str) -> tuple[Scores, float]:
        """Return the vector of a question and the CPU milliseconds it took."""
        began = time.process_time()
        vector = self._model.embed([text])[0]
        return vector, 1000 * (time.process_time() - began)

    @property
    def cpu_ms(self) -> float:
        """CPU of one message's embedding, in batches."""
        return self._cpu_ms / self._count if self._count else math.nan


class Index:
    """The messages of one conversation, ready for all methods that run in this process."""

    def __init__(self, texts: Texts) -> None:
        self.texts = texts
        self.results: list[Result] = []
        self.lexical = Lexical([])
        self.vectors: Scores = np.zeros((0, 0), np.float32)
        self._asked: tuple[str, Scores, float] | None = None
        self._kept = self._lexical_ms = 0.0

    def keep(self, messages: Sequence[Message]) -> None:
        """Forget all, then take these."""
        units = [unit_text(message) for message in messages]
        self.results = [Result(message.text, (message.id,)) for message in messages]
        self.vectors = self.texts.rows(units)
        began = time.process_time()
        self.lexical = Lexical(units)
        self._lexical_ms += 1000 * (time.process_time() - began)
        self._kept += len(units)

    @property
    def lexical_cpu_ms(self) -> float:
        """CPU of one message's lexical index."""
        return self._lexical_ms / self._kept if self._kept else math.nan

    def asked(self, question: str) -> tuple[Scores, float]:
        """Return the vector of a question and what it cost; embedded once for all methods."""
        if self._asked is None or self._asked[0] != question:
            self._asked = (question, *self.texts.question(question))
        return self._asked[1:]


class Lexical:
    """BM25 over stems (Robertson and Zaragoza 2009); stop words are not asked for."""

    def __init__(self, units: Sequence[str]) -> None:
        places: dict[str, list[tuple[int, int]]] = defaultdict(list)
        lengths = np.zeros(len(units), np.float32)
        for place, unit in enumerate(units):
            counts = Counter(terms(unit))
            lengths[place] = counts.total()
            for term, count in counts.items():
                places[term].append((place, count))
        self._places = {term: np.array(found, np.int64).T for term, found in places.items()}
        self._lengths = lengths

    def scores(self, question: str, among: int) -> Scores:
        """Return one number for each of the first ``among`` units, all there are; 0: no word in common."""
        lengths = self._lengths[:among]
        found = np.zeros(len(lengths), np.float32)
        norms = 1 - _B + _B * lengths / max(1.0, float(lengths.mean()) if len(lengths) else 1.0)
        for term in query_terms(question):
            rows, counts = self._places.get(term, np.zeros((2, 0), np.int64))
            here = rows < among
            rows, counts = rows[here], counts[here]
            idf = math.log(1 + (len(lengths) - len(rows) + 0.5) / (len(rows) + 0.5))
            found[rows] += idf * counts * (_K1 + 1) / (counts + _K1 * norms[rows])
        return found


@dataclass(frozen=True, slots=True)
class Ranking:
    """A method over the shared index."""

    name: str
    index: Index

    @property
    def kept_cpu_ms(self) -> float:
        dense, lexical = self.index.texts.cpu_ms, self.index.lexical_cpu_ms
        return {BM25: lexical, DENSE: dense}.get(self.name, dense + lexical)

    def search(self, question: str, top_k: int, among: int) -> Answer:
        vector, embedding_ms = self.index.asked(question)
        began = time.process_time()
        if self.name == BM25:
            embedding_ms, scores = 0.0, self.index.lexical.scores(question, among)
        elif self.name == DENSE:
            scores = self.index.vectors[:among] @ vector
        else:
            both = self.index.lexical.scores(question, among), self.index.vectors[:among] @ vector
            scores = fused(*both) if self.name == RANKS else z(both[0]) + z(both[1])
        best = _order(scores)[:top_k]
        if self.name == BM25:
            best = [place for place in best if scores[place] > 0]  # no word in common is no result
        cost = embedding_ms + 1000 * (time.process_time() - began)
        found = tuple(self.index.results[place] for place in best)
        return Answer(found, float(scores[best[0]]) if len(best) else None, cost)


def fused(lexical: Scores, dense: Scores) -> Scores:
    """Return reciprocal ranks added; what shares no word has no rank among words."""
    total = np.zeros(len(dense), np.float32)
    for scores, known in ((lexical, lexical > 0), (dense, np.ones(len(dense), bool))):
        order = [place for place in _order(scores) if known[place]]
        total[order] += 1 / (_RANK_CONSTANT + 1 + np.arange(len(order), dtype=np.float32))
    return total


def z(scores: Scores) -> Scores:
    """Return scores in standard deviations from their mean; zeros where all are equal."""
    deviation = float(scores.std()) if len(scores) else 0.0
    return ((scores - scores.mean()) / deviation).astype(np.float32) if deviation else np.zeros_like(scores)


def _order(scores: Scores) -> list[int]:
    best: list[int] = np.argsort(-scores, kind="stable").tolist()
    return best


class Mem0:
    """mem0 with ``infer=False`` (no LLM) on its default store, in a process of its own (``retrieval_mem0.py``).

    Vectors come from here, so that its embedder is the same; their CPU is added to that of its process.
    """

    name = MEM0

    def __init__(self, process: "subprocess.Popen[str]", texts: Texts) -> None:
        self._process, self._texts = process, texts
        self._kept = self._keep_ms = 0.0

    @property
    def kept_cpu_ms(self) -> float:
        return self._keep_ms / self._kept + self._texts.cpu_ms if self._kept else math.nan

    def keep(self, messages: Sequence[Message]) -> None:
        units = [unit_text(message) for message in messages]
        vectors = self._texts.rows(units)
        self._call({"forget": True})
        before = cpu_ms(self._process.pid)
        for place, (message, unit) in enumerate(zip(messages, units, strict=True)):
            kept = {"id": message.id, "role": message.role, "text": unit, "place": place}
            self._call({"keep": kept, "vector": vectors[place].tolist()})
        self._keep_ms += cpu_ms(self._process.pid) - before
        self._kept += len(units)

    def search(self, question: str, top_k: int, among: int) -> Answer:
        vector, embedding_ms = self._texts.question(question)
        before = cpu_ms(self._process.pid)
        # it has all messages: of later ones than are asked about, so many more are looked at
        rows = self._call({"search": question, "vector": vector.tolist(), "top_k": top_k, "among": among})
        cost = embedding_ms + cpu_ms(self._process.pid) - before
        found = tuple(Result(row["text"], (row["id"],)) for row in rows)
        return Answer(found, rows[0]["score"] if rows else None, cost)

    def _call(self, request: Mapping[str, object]) -> list[dict[str, Any]]:
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.write(json.dumps(request) + "\n")
        self._process.stdin.flush()
        line = self._process.stdout.readline()
        if not line:
            raise SystemExit("mem0's process ended.")
        found: list[dict[str, Any]] = json.loads(line)
        return found


@contextmanager
def mem0(python: str, texts: Texts) -> Iterator[Mem0 | None]:
    """Yield mem0 as that Python has it; None: it has none."""
    found = subprocess.run([python, "-c", "import mem0"], capture_output=True, timeout=_MEM0_STARTS_S, check=False)
    if found.returncode:
        yield None
        return
    with tempfile.TemporaryDirectory(prefix="mem0-") as folder:
        nothing_sent = ["env", "MEM0_TELEMETRY=False", f"MEM0_DIR={folder}", f"HOME={folder}"]
        command = [*nothing_sent, python, str(HERE / "retrieval_mem0.py"), folder, str(384)]
        with running(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL) as process:
            yield Mem0(process, texts)


class Baselines:
    """Several methods over the same messages."""

    def __init__(self, texts: Texts, names: Sequence[str], mem0: Mem0 | None) -> None:
        """``names``: keys of ``NAMES``; mem0 is left out where there is none."""
        self._index, self._mem0 = Index(texts), mem0 if "mem0" in names else None
        own: list[Method] = [Ranking(NAMES[name], self._index) for name in names if name != "mem0"]
        self.methods = [*own, self._mem0] if self._mem0 else own

    def keep(self, messages: Sequence[Message]) -> None:
        """Forget all, then take these."""
        self._index.keep(messages)
        if self._mem0 is not None:
            self._mem0.keep(messages)
