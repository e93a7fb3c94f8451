"""A prompt and the store of computed prefixes in, what was restored of it out: for one admission to the context.

The law: a store that fails, or a state that is refused, costs the tokens it would have spared and never an answer; why
is said in a note.
"""

import logging
from collections.abc import Sequence

from adapters.generation import Restored, SequenceContext
from adapters.prefix import LEAST_SHARED
from adapters.prefix_cache import Match, PrefixCache, Tier
from memory.errors import Invalid

logger = logging.getLogger(__name__)


class Recall:
    """The stored prefixes that a prompt begins with, the longest first; used in the engine's thread."""

    def __init__(
        self,
        cache: PrefixCache,
        prompt: Sequence[int],
        salts: Sequence[str],
        *,
        shared: Sequence[str] = (),
        whole: bool,
        exact: bool = False,
    ) -> None:
        """``whole``: only prefixes that the prompt holds in full; ``exact``: none that was compressed with loss.

        Those of the owners ``shared`` are restored in full or not at all.
        """
        self._cache = cache
        self._prompt = prompt
        self._salts = salts
        self._shared = shared
        self._whole = whole
        self._exact = exact
        self._failed: set[str] = set()
        self._notes: list[str] = []
        self._loaded = False
        self.match = self._find()

    def restore(self, context: SequenceContext, sequence: int) -> bool:
        """Restore the match into the empty sequence; False: it is empty still, and ``match`` is the next one."""
        match = self.match
        if match is None:
            return False
        note = self._try(match, context, sequence)
        self._loaded = not note
        if note:
            self._failed.add(match.digest)
            self._notes.append(note)
            self.match = self._find()
        elif match.tier is Tier.COLD:
            self._notes.append("int8")
        return self._loaded

    def give_up(self, note: str) -> None:
        """Do without stored prefixes, for that reason."""
        self.match = None
        self._notes.append(note)

    def restored(self, cached_tokens: int, tier: Tier) -> Restored:
        """Return what was spared, when so much of the prompt was taken over from ``tier``, and count the use."""
        match = self.match
        note = ", ".join(dict.fromkeys(self._notes))
        tokens = min(match.length, cached_tokens) if match is not None else 0
        if match is None or tokens < LEAST_SHARED:
            return Restored(tokens=0, tier=Tier.TEXT, note=note)
        if not self._loaded:
            self._count_use(match.digest)
        return Restored(tokens=tokens, tier=tier, digest=match.digest, note=note)

    def _find(self) -> Match | None:
        try:
            match = self._cache.match(self._prompt, self._salts, whole=self._whole, shared=self._shared)
        except Exception:
            logger.exception("the store of activation memories could not be searched")
            self._notes.append("failed")
            return None
        if match is None or match.length < LEAST_SHARED or match.digest in self._failed:
            return None
        return None if self._exact and match.tier is Tier.COLD else match

    def _try(self, match: Match, context: SequenceContext, sequence: int) -> str:
        """Return why the match could not be restored; empty when it was."""
        try:
            parts = self._cache.load(match)
        except Invalid as error:
            logger.warning("an activation memory could not be used and is computed again: %s", error)
            return (error.code or "damaged").removeprefix("activation_")
        except Exception:
            logger.exception("an activation memory could not be loaded")
            return "failed"
        try:
            length = context.restore_parts(sequence, parts)
        except Invalid as error:
            logger.warning("the context refused an activation memory: %s", error)
            return "refused"
        except Exception:
            logger.exception("an activation memory could not be restored")
            context.truncate(sequence, 0)
            return "failed"
        if length != len(match.tokens):
            logger.warning("an activation memory of %d tokens gave %d", len(match.tokens), length)
            context.truncate(sequence, 0)
            return "refused"
        return ""

    def _count_use(self, digest: str) -> None:
        try:
            self._cache.used(digest)
        except Exception:
            logger.exception("a use of an activation memory could not be counted")
