"""One step of continuous batching: who is in the next batch, and what comes out of it.

The law: used by the engine's thread only. Every generation with a drawn token is in every batch; prompts fill the rest
in fair shares, first between salts; a prompt that begins as another one under way does waits for that beginning; what
was computed for a job that ends, for whatever reason, stays for reuse. An idle build is alone in its batches.
"""

import logging
from collections.abc import Callable, Iterable

from adapters.building import Build
from adapters.generation import (
    NO_TOKEN,
    CellsExhausted,
    Finished,
    FinishReason,
    Restored,
    SequenceContext,
    Span,
)
from adapters.jobs import Generation, Job, hand_over
from adapters.prefill_pace import PrefillPace, shares_by_owner
from adapters.prefix import LEAST_SHARED, common_prefix
from adapters.prefix_cache import PrefixCache, Tier
from adapters.recall import Recall
from adapters.residents import Resident, ResidentTable
from memory.errors import EngineDown, Invalid

logger = logging.getLogger(__name__)
_MOST_FAILURES = 3  #: failed batches in a row after which the context is given up


class BatchScheduler:
    """Runs the generations and builds of one context, batch by batch."""

    def __init__(
        self,
        context: SequenceContext,
        stall_s: float,
        clock: Callable[[], float],
        parked_bytes: int = 0,
        cache: PrefixCache | None = None,
    ) -> None:
        self.running: list[Job] = []
        self.ended = 0  #: jobs, in all
        self.table = ResidentTable(context, parked_bytes)
        self._context = context
        self._clock = clock
        self._cache = cache
        self._pace = PrefillPace(context.batch_tokens, stall_s)
        self._turn = 0
        self._failures = 0

    @property
    def served(self) -> int:
        """How many run for somebody who waits."""
        return sum(not job.idle for job in self.running)

    def admit(self, job: Job) -> bool:
        """Start a job if its cells and a sequence can be had now; one that needs nothing, or fails, is over at once."""
        if isinstance(job, Build) and not self.prepare(job):
            return True
        try:
            return self._admit(job)
        except Exception as error:
            logger.exception("a job could not be started")
            self._abandon(job, error)
            return True

    def forget(self, owned: Callable[[str], bool]) -> None:
        """Keep nothing that was computed for the owners whose salts are ``owned``, or is being computed."""
        self.table.forget(owned)

    def _abandon(self, job: Job, error: Exception) -> None:
        """Fail one job that could not be started; everybody, where the context cannot even let go of it."""
        self.fail([job], EngineDown("The engine failed while starting this request. Try again.", retry_after_s=1.0))
        try:
            if job in self.running:
                self._retire(job)
            freed = self.table.running == len(self.running)
        except Exception:
            logger.exception("a sequence could not be given up")
            freed = False
        if not freed:
            self._start_over(error)

    def _admit(self, job: Job) -> bool:
        recall = self._recall(job)
        resident = self.table.admit(job.wanted, job.up_to, job.salt, recall)
        if resident is None:
            return False
        job.resident = resident
        resident.forgotten = job.forgotten
        job.cached_tokens = len(resident.tokens)
        self.running.append(job)
        self._find_leader(job)
        try:
            if isinstance(job, Generation):
                job.sampler = self._context.new_sampler(job.request.sampling, job.prompt)
        except Exception as error:
            logger.exception("no sampler could be made")
            self.fail([job], error)
            self._retire(job)
        else:
            nothing = Restored(tokens=0, tier=Tier.TEXT)
            job.begin(recall.restored(job.cached_tokens, resident.origin) if recall is not None else nothing)
        if not job.idle:
            self.table.make_way()
        return True

    def prepare(self, build: Build, limit: int | None = None) -> bool:
        """Return True when there is something to compute; a build of what is stored or cannot be is over at once.

        ``limit``: fewer tokens than that may be stored; None: than the context has cells.
        """
        try:
            if self._cache is None:
                raise Invalid("This engine stores no computed prefixes.", code="activation_off")
            return build.prepare(self._context, self._cache, limit or self._context.context_tokens)
        except Invalid as error:
            build.fail(error)
        except Exception as error:
            logger.exception("a prefix cannot be stored")
            build.fail(error)
        return False

    def pause_idle(self) -> None:
        """Stop what runs only while nothing else does; what it has computed stays for it."""
        for job in [job for job in self.running if job.idle]:
            self._retire(job)

    def _recall(self, job: Job) -> Recall | None:
        if self._cache is None or not job.salts:
            return None
        whole = not self._context.branches_anywhere
        own = [salt for salt in job.salts if salt == job.salt]
        others = [salt for salt in job.salts if salt != job.salt]
        return Recall(self._cache, job.wanted[:-1], own, shared=others, whole=whole, exact=job.exact)

    def drop_cancelled(self) -> None:
        """End the jobs that nobody waits for any more."""
        for job in [job for job in self.running if job.cancelled]:
            self._retire(job)

    def step(self) -> None:
        """Compute one batch and hand out what it brought."""
        self.table.begin_turn()
        batch = self._plan()
        if not batch:
            return
        started = self._clock()
        try:
            self._context.decode([span for _, span in batch])
        except CellsExhausted as error:
            self._yield_room(error)
            return
        except Exception as error:
            logger.exception("a batch failed")
            self._start_over(error)
            return
        self._failures = 0
        self._count(batch, self._clock() - started)
        for index, (job, span) in enumerate(batch):
            if job.resident is not None:
                self.table.extend(job.resident, span.tokens)
            if span.wants_logits and isinstance(job, Generation) and not job.cancelled:
                self._take(job, self._context.sample(index, job.sampler))
        hand_over(job for job, _ in batch if isinstance(job, Generation))

    def _count(self, batch: list[tuple[Job, Span]], duration_s: float) -> None:
        total = sum(len(span.tokens) for _, span in batch)
        self._pace.observe(total, duration_s)
        for job, span in batch:
            if isinstance(job, Build):
                job.count(len(span.tokens), duration_s * len(span.tokens) / total)

    def fail(self, jobs: Iterable[Job], error: Exception) -> None:
        """Tell their owners that these jobs cannot go on."""
        failed = [job for job in jobs if not job.cancelled]
        for job in failed:
            job.fail(error)
        hand_over(job for job in failed if isinstance(job, Generation))

    def _plan(self) -> list[tuple[Job, Span]]:
        batch: list[tuple[Job, Span]] = []
        prefilling: list[tuple[Job, Resident]] = []
        for job in list(self.running):
            resident = job.resident
            if resident is None:
                continue
            if job.drawn is not None:
                batch.append((job, Span(resident.id, len(resident.tokens), [job.drawn], True)))
            elif self._may_compute(job, resident) and not self._is_over(job, resident):
                prefilling.append((job, resident))
        return batch + self._share_out(prefilling, len(batch))

    def _share_out(self, prefilling: list[tuple[Job, Resident]], streaming: int) -> list[tuple[Job, Span]]:
        """Return what each prompt computes beside so many streams; for an idle build somebody may come any moment."""
        spans: list[tuple[Job, Span]] = []
        self._turn += 1
        shares = shares_by_owner(
            [job.stop - len(resident.tokens) for job, resident in prefilling],
            [job.salt for job, _ in prefilling],
            self._pace.chunk_tokens(streaming or len(self.running) - self.served),
            self._turn,
        )
        for (job, resident), share in zip(prefilling, shares, strict=True):
            start = len(resident.tokens)
            if share:
                tokens = job.prompt[start : start + share]
                draws = isinstance(job, Generation) and start + share == len(job.prompt)
                spans.append((job, Span(resident.id, start, tokens, draws)))
        return spans

    def _is_over(self, job: Job, resident: Resident) -> bool:
        """Store what of a build is computed; True when that was all."""
        if not isinstance(job, Build) or self._cache is None or len(resident.tokens) < job.stop:
            return False
        try:
            over = job.store(self._context, self._cache, self._pace.s_per_token)
        except Exception as error:
            logger.exception("a computed prefix could not be stored")
            job.fail(error)
            over = True
        if over:
            self._retire(job)
        return over

    def _find_leader(self, job: Job) -> None:
        """Let a prompt wait for one that begins alike and is being computed: a burst of them costs as much as one."""
        if not self._context.branches_anywhere:
            return
        best = job.cached_tokens + LEAST_SHARED
        for other in self.running:
            if other is not job and other.drawn is None and other.salt == job.salt and _is_shareable(other):
                shared = common_prefix(other.prompt, job.wanted[:-1])
                if shared >= best:
                    best, job.leader, job.led = shared, other, shared

    def _may_compute(self, job: Job, resident: Resident) -> bool:
        """Return False while the job waits for its leader; then take over what that has computed."""
        leader, job.leader = job.leader, None
        if leader is None:
            return True
        if leader.resident is not None and len(leader.resident.tokens) < job.led:
            job.leader = leader
            return False
        self.table.catch_up(resident, job.wanted)
        job.cached_tokens = len(resident.tokens)
        return True

    def _take(self, generation: Generation, token: int) -> None:
        if token == NO_TOKEN:
            self.fail([generation], Invalid("This model has no tokens for what the answer's format demands next."))
            self._retire(generation)
            return
        generation.completion_tokens += 1
        if self._context.is_end(token):
            self._finish(generation, FinishReason.STOP)
            return
        generation.read(token, self._context.piece(token))
        if generation.text.stopped:
            self._finish(generation, FinishReason.STOP)
        elif generation.completion_tokens >= generation.max_tokens:
            self._finish(generation, FinishReason.LENGTH)
        else:
            generation.drawn = token

    def _finish(self, generation: Generation, reason: FinishReason) -> None:
        generation.show(generation.text.finish())
        generation.emit(Finished(reason, generation.usage()))
        self._retire(generation)

    def _retire(self, job: Job) -> None:
        self.running.remove(job)
        self.ended += 1
        resident = job.release()
        if resident is not None:
            self.table.retire(resident)
            self.table.make_way()

    def _yield_room(self, error: CellsExhausted) -> None:
        """Make room by what is idle, else by the newest generation. Rare: by the books there is room."""
        if self.table.evict_one():
            return
        newest = self.running[-1]
        logger.warning("the context ran out of cells: the newest of %d jobs fails", len(self.running))
        self.fail([newest], error)
        self._retire(newest)

    def _start_over(self, error: Exception) -> None:
        """Fail everybody and begin with an empty context; raises when that has happened too often in a row."""
        failed, self.running[:] = list(self.running), []
        self.ended += len(failed)
        self.table.clear()
        self._failures += 1
        self.fail(failed, EngineDown("The engine failed while computing this answer. Try again.", retry_after_s=1.0))
        if self._failures >= _MOST_FAILURES:
            raise EngineDown(f"{self._failures} batches in a row failed") from error
        self._context.reset()


def _is_shareable(job: Job) -> bool:
    return job.resident is not None and job.resident.shareable
