"""The order of a turn: the only file that knows it.

    before   reader ─▸ scheduler ─▸ operator ─▸ injector          what the model gets to read
    after    writer ─▸ governance ─▸ vault (and the index)        what stays
    extract  writer ─▸ extraction ─▸ governance ─▸ vault          what an LLM finds in it later, where there is one

Everything here is synchronous and thread-safe. A fault in ``before`` is the caller's to catch: memory never fails a
chat. ``after`` and ``extract`` read a row of the turn ledger and can be run again on the same row.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from functools import partial
from typing import Any

from memory.conversation import attachments_of, conversation_of, in_agent_loop, turns_of
from memory.cube import Kind, MemCube, SemanticType, Source
from memory.embeddings import Embeddings, embedding_text
from memory.errors import EngineDown, Invalid, Refused
from memory.extraction import Extraction
from memory.forgetting import Forgetting
from memory.governance import Governance, restated
from memory.injector import Injector, Seen, place
from memory.operator import Operator
from memory.ports import Clock, Derivations, Ledger, Matrix, Update, Vault, Written
from memory.prefix import Block, Setting
from memory.reader import Reader, messages_of
from memory.request import Request, prepared
from memory.rules.lines import fact_of
from memory.scheduler import Scheduler
from memory.standing import Standing
from memory.topics import Topics
from memory.trace import Trace
from memory.turn import (
    Admitted,
    Controls,
    Draft,
    Exchange,
    Forget,
    Injection,
    Intent,
    LedgerRow,
    MemoryCall,
    Message,
    Prepared,
    Recall,
    Scope,
)
from memory.whatif import WhatIf
from memory.writer import Writer, names_in

Store = Callable[[], Mapping[str, Any]]  #: empties a store of a user and says what it found left

_FACTUAL = (SemanticType.FACT, SemanticType.PREFERENCE)


@dataclass(frozen=True, slots=True, kw_only=True)
class Stations:
    """The stations and the stores that a pipeline joins."""

    reader: Reader
    scheduler: Scheduler
    operator: Operator
    injector: Injector
    writer: Writer
    governance: Governance
    vault: Vault
    ledger: Ledger
    embeddings: Embeddings
    clock: Clock
    topics: Topics | None = None  #: None: their prototypes are embedded when they are first needed
    extraction: Extraction | None = None  #: None: the rules stand alone
    derivations: Derivations | None = None  #: what an engine keeps of memories; it follows every change


class Pipeline:
    """Joins the stations."""

    def __init__(self, stations: Stations) -> None:
        self._at = stations
        injector = stations.injector
        self._standing = Standing(stations.vault, injector.is_withheld if injector.withholds else None)
        topics = stations.topics or Topics(stations.embeddings.embed)
        self._forgetting = Forgetting(stations.vault, stations.embeddings, topics, stations.clock)

    def before(self, messages: list[dict[str, Any]], scope: Scope, controls: Controls) -> Prepared:
        """Return the messages to send upstream, and what the turn's bookkeeping needs.

        One recall for each user turn: later requests of an agent loop and the client's own retries get the same blocks,
        byte for byte, and earlier messages of the conversation keep theirs.

        Raises: Invalid: a control names something that does not exist. EngineDown, VaultLocked: no memory for now.
        """
        trace = Trace()
        request = self._request(messages, scope, controls)
        if not request.turns or not controls.mode.reads:
            return prepared(request, messages, Injection(), trace)
        if controls.without:
            with trace.at("what_if") as detail:
                case = WhatIf.without(self._at.vault, request.scope, controls.without)
                request = replace(request, case=case)
                detail |= case.told()
        with trace.at("reader") as detail:
            call = self._at.reader.read(request.said, now=self._at.clock(), as_of=controls.as_of)
            names = self._at.governance.named_in(call.query, call.entities)
            detail |= {"intent": call.intent.value, "entities": names, "query_chars": len(call.query)}
        blocks, shown = self._standing.blocks(request)
        texts = tuple(m.text for m in request.said if m.role in ("user", "assistant") and m.text)
        seen = Seen(conversation_id=request.conversation_id, texts=texts, cube_ids=shown)
        injection = self._standing.reused(request) or self._injection(request, call, seen, trace)
        with trace.at("placement"):
            last = request.turns[-1]
            placed = place(messages, injection.stable_text, {**blocks, last.position: injection.turn_text})
        changed = bool(injection.stable_text or injection.turn_text or blocks)
        ready = prepared(request, placed if changed else messages, injection, trace)
        return replace(ready, changed=changed, call=call)

    def stable_block(self, scope: Scope, *, budget_tokens: int | None) -> Block:
        """Return the stable block that a new conversation gets now; ``budget_tokens`` as in ``X-Memory-Budget``."""
        call = MemoryCall(query="", intent=Intent.CHAT, now=self._at.clock())
        plan = self._at.scheduler.plan(call, Controls(budget_tokens=budget_tokens))
        profile = self._at.vault.profile(scope)
        chosen = self._at.injector.choose(call, plan, profile=profile, recall=Recall(), seen=Seen(conversation_id=""))
        return Block(text=chosen.stable_text, cube_ids=chosen.stable_ids, tokens=chosen.tokens)

    def beginning(self, setting: Setting, block: Block) -> list[dict[str, Any]]:
        """Return the messages with which every chat in this setting begins, as ``before`` would place them."""
        return place([] if setting.system is None else [setting.system], block.text, {})

    def after(self, exchange: Exchange) -> Written:
        """Write what the turn leaves behind, and return what changed. Running it again on the same turn replaces."""
        writing = self._at.writer.write(exchange)
        scope, vault = exchange.scope, self._at.vault
        if writing.forgets:
            self._forget(scope, writing.forgets)
        if writing.retracts:
            self._derive(scope, self._following(scope, partial(vault.retract, scope, writing.retracts)))
        wanted = self._at.extraction is not None and self._at.extraction.wants(writing)
        return self._put(scope, writing.drafts, partial(vault.put, turn_id=exchange.turn_id, extract=wanted))

    def _forget(self, scope: Scope, wishes: Sequence[Forget]) -> None:
        """Store what stays of those whose name alone is to be forgotten, then forget all that is meant, at once.

        Raises: EngineDown: to be tried again; till then nothing is forgotten, or what the words alone name.
        """
        meant = self._forgetting.meant(scope, wishes)
        if meant.kept:
            self._put(scope, meant.kept, self._at.vault.put)
        self._removing(scope, partial(self._forgetting.fulfil, scope, meant.wishes))
        if meant.fault is not None:
            raise meant.fault

    def extract(self, exchange: Exchange) -> Written:
        """Ask the extractor for what the rules could not read in the turn, and return what changed. Takes seconds.

        Raises: EngineDown: it does not answer; or there is none.
        """
        if self._at.extraction is None:
            raise EngineDown("There is no extractor: writer.llm is not set.")
        writing = self._at.writer.write(exchange)
        found: Sequence[Draft] = writing.drafts
        if self._at.extraction.wants(writing):
            found = self._at.extraction.extend(found, exchange)
        return self._put(exchange.scope, found, partial(self._at.vault.put_extracted, read=exchange))

    def search(
        self,
        scope: Scope,
        *,
        query: str,
        top_k: int,
        now: datetime | None = None,
        as_of: datetime | None = None,
        kinds: Sequence[Kind] = (),
        without: Sequence[str] = (),
    ) -> Recall:
        """Return at most ``top_k`` hits, best first, none of those ``without``, and whether any can answer."""
        call = self._at.reader.read((Message(role="user", text=query),), now=now or self._at.clock(), as_of=as_of)
        plan = self._at.scheduler.plan(call, Controls())
        plan = replace(plan, top_k=top_k, recall=True, kinds=tuple(kinds) or tuple(Kind))
        case = WhatIf.without(self._at.vault, scope, without)
        recall = case.recalled(self._at.operator.recall(scope, replace(call, query=query), case.widened(plan)))
        return replace(recall, hits=recall.hits[:top_k])

    def remember(self, scope: Scope, draft: Draft) -> MemCube:
        """Store one memory written by hand and return it.

        A line that states a fact ("The user lives in Lisbon.") is one: it replaces an older value, and a fact that is
        known already stays one memory.

        Raises: Refused: governance does not let it through. Invalid: there is nothing in it.
        """
        if draft.fact is None and draft.semantic_type in _FACTUAL:
            draft = replace(draft, fact=fact_of(draft.text))
        draft = replace(draft, entities=draft.entities or names_in(draft.text, draft.fact))
        written = self._put(scope, (draft,), self._at.vault.put)
        if written.created:
            return written.created[0]
        if not written.confirmed:
            raise Invalid("There is nothing to remember in that text.", param="text")
        known = written.confirmed[0]
        wished = replace(
            known,
            pinned=known.pinned or draft.pinned,
            tags=tuple(dict.fromkeys((*known.tags, *draft.tags))),
            ttl_s=draft.ttl_s if draft.ttl_s is not None else known.ttl_s,
            decays=known.decays if draft.decays is None else draft.decays,
            priority=draft.priority or known.priority,
        )
        return known if wished == known else self.revise(scope, wished, expected_version=None)

    def revise(
        self, scope: Scope, cube: MemCube, *, expected_version: int | None, update: Update | None = None
    ) -> MemCube:
        """Store ``cube`` as the next version of itself and return it. What a changed text states is read anew.

        ``update`` stores it; None: as the vault does for its owner.
        Raises: NotFound. Stale: ``expected_version`` is not the newest. Refused, Invalid: as for ``remember``.
        """
        cube = self._admitted(scope, cube)
        vectors = self._at.embeddings.embed([embedding_text(cube.text)])
        vector = None if vectors is None else vectors[0]
        model_id = self._at.embeddings.model_id
        with self._at.embeddings.writing(scope):
            stored = (update or self._at.vault.update)(
                scope, cube, expected_version=expected_version, vector=vector, model_id=model_id
            )
            written = Written(created=(stored,), superseded=stored.supersedes)
            self._at.embeddings.follow(scope, written, {} if vector is None else {stored.id: vector})
        self._derive(scope, written, removed=True)
        return stored

    def _admitted(self, scope: Scope, cube: MemCube) -> MemCube:
        draft = Draft(
            text=cube.text,
            semantic_type=cube.semantic_type,
            origin=cube.origin,
            source=Source(role=cube.source.role, name=cube.source.name),
            valid_from=cube.valid_from,
            trust=cube.trust,
            tags=cube.tags,
            entities=names_in(cube.text, fact_of(cube.text)),
        )
        admitted = self._at.governance.admit(scope, (draft,))
        if not admitted:
            raise Invalid("There is nothing to remember in that text.", param="text")
        if len(admitted) > 1:
            raise Refused("The text is too long for one memory; split it.", param="text", code="text_too_long")
        clean = admitted[0].draft
        before = self._at.vault.get(scope, cube.id)
        if clean.text == before.text:
            return restated(cube, admitted[0], cube.fact)
        given = (name for name in cube.entities if name not in names_in(before.text, before.fact))
        named = replace(cube, entities=tuple(dict.fromkeys((*given, *clean.entities))))
        return restated(named, admitted[0], fact_of(clean.text))

    def delete(self, scope: Scope, cube_ids: Sequence[str]) -> Written:
        """Remove cubes for good; ids of other users are not found and so not touched."""
        return self._removing(scope, lambda: self._at.vault.delete(scope, cube_ids))

    def erase(
        self, scope: Scope, cube_ids: Sequence[str] | None, *, stores: Mapping[str, Store] | None = None
    ) -> dict[str, Any]:
        """Remove cubes (None: everything of this user) down to the bytes and report it, store by store.

        ``stores`` are emptied too, by name; each says what it ``found`` left.
        """

        def elsewhere() -> dict[str, Mapping[str, Any]]:
            self._at.embeddings.clear_texts()
            self._at.embeddings.drop(scope)
            self._at.embeddings.scrub()
            gone = self._derive(scope, Written(), removed=True)
            others = {name: empty() for name, empty in (stores or {}).items()}
            return others if gone is None else {**others, "activations": gone}

        return self._at.vault.erase(scope, cube_ids, elsewhere=elsewhere)

    def import_rows(self, scope: Scope, rows: Iterable[Mapping[str, Any]]) -> dict[str, int]:
        """Take back exported rows, embed what came without a vector, and say how many there were of each kind."""
        counts = self._at.vault.import_rows(scope, rows)
        try:
            self.embed_missing()
        finally:  # what is stored is found by its words, whether the embedder answers or not
            self._at.embeddings.drop(scope)
            self._derive(scope, Written(), removed=True)
        return counts

    def embed_missing(self, *, batch: int = 128, progress: Callable[[int], None] | None = None) -> int:
        """Embed every current cube that lacks a vector of the present embedder; return how many there were."""
        total, model_id = 0, self._at.embeddings.model_id
        while model_id and (missing := self._at.vault.missing_vectors(model_id, limit=batch)):
            vectors = self._at.embeddings.embed([embedding_text(text) for _, _, text in missing])
            if vectors is None:
                break
            self._at.vault.store_vectors(model_id, [cube_id for _, cube_id, _ in missing], vectors)
            for user in {user for user, _, _ in missing}:
                self._at.embeddings.drop(Scope(user=user))
            total += len(missing)
            if progress:
                progress(len(missing))
        return total

    def used(self, scope: Scope, cube_ids: Sequence[str]) -> None:
        """Count that these memories were brought in; never on the hot path."""
        if cube_ids:
            self._at.vault.used(scope, cube_ids)

    def _request(self, messages: list[dict[str, Any]], scope: Scope, controls: Controls) -> Request:
        scope = replace(scope, task=controls.task or "")
        said = messages_of(messages)
        conversation_id = conversation_of(scope, said, controls.conversation_id)
        attached = {n: digest for n, message in enumerate(messages) if (digest := attachments_of(message))}
        turns = tuple(turns_of(scope, said, conversation_id, attached))
        wanted = [turn.hash for turn in turns if turn.answer is not None]
        repeats = in_agent_loop(said) or controls.retry
        if turns and repeats:
            wanted.append(turns[-1].hash)
        rows: dict[str, list[LedgerRow]] = {}
        for row in self._at.ledger.find(scope, wanted) if wanted and controls.mode.reads else ():
            rows.setdefault(row.turn_hash, []).append(row)
        return Request(
            scope=scope,
            controls=controls,
            said=said,
            conversation_id=conversation_id,
            turns=turns,
            rows=rows,
            repeats=repeats,
        )

    def _injection(self, request: Request, call: MemoryCall, seen: Seen, trace: Trace) -> Injection:
        with trace.at("scheduler") as detail:
            plan = self._at.scheduler.plan(call, request.controls)
            detail |= {"policy": plan.policy, "top_k": plan.top_k, "budget_tokens": plan.budget_tokens}
            detail |= {"kinds": [kind.value for kind in plan.kinds], "reason": plan.reason}
        case = request.case
        with trace.at("operator") as detail:
            found = self._at.operator.recall(request.scope, call, case.widened(plan))
            stable = self._at.vault.profile(request.scope, as_of=call.as_of)
            recall, profile = case.recalled(found), case.kept(stable)
            detail |= {"hits": len(recall.hits), "profile": len(profile), "sufficiency": round(recall.sufficiency, 3)}
        with trace.at("injector") as detail:
            injection = self._at.injector.choose(call, plan, profile=profile, recall=recall, seen=seen)
            detail |= {"tokens": injection.tokens, "tokens_exact": self._at.injector.exact}
        if not case.asked:
            return injection
        return replace(injection, candidates=(*injection.candidates, *case.lines(found, stable)))

    def _put(
        self, scope: Scope, drafts: Sequence[Draft], put: Callable[[Sequence[Admitted], Matrix | None, str], Written]
    ) -> Written:
        admitted = self._at.governance.admit(scope, drafts)
        texts = [item.draft.text for item in admitted]
        vectors = self._at.embeddings.embed([embedding_text(text) for text in texts])
        by_text = {} if vectors is None else dict(zip(texts, vectors, strict=True))
        with self._at.embeddings.writing(scope):
            written = put(admitted, vectors, self._at.embeddings.model_id)
            known = {cube.id: by_text[cube.text] for cube in written.created if cube.text in by_text}
            self._at.embeddings.follow(scope, written, known)
        self._derive(scope, written)
        return written

    def _derive(self, scope: Scope, written: Written, *, removed: bool = False) -> Mapping[str, Any] | None:
        """Let what is computed of memories follow a write; return what was removed of it, None for nothing to do."""
        derivations = self._at.derivations
        if derivations is None:
            return None
        if removed or written.removed:
            return derivations.removed(scope)
        if written.superseded or any(_stable(cube) for cube in written.created):
            derivations.changed(scope)
        return None

    def _removing(self, scope: Scope, remove: Callable[[], Written]) -> Written:
        """Remove what must leave no trace; return what changed."""
        written = self._following(scope, remove)
        self._at.embeddings.clear_texts()
        if written.removed:
            self._at.embeddings.scrub()
        self._derive(scope, written)
        return written

    def _following(self, scope: Scope, change: Callable[[], Written]) -> Written:
        """Make a change that creates nothing, and let the index follow it."""
        with self._at.embeddings.writing(scope):
            written = change()
            self._at.embeddings.follow(scope, written, {})
        return written


def _stable(cube: MemCube) -> bool:
    """True when the stable block may hold it."""
    return cube.pinned or (cube.fact is not None and cube.fact.profile)
