"""A MemoryCall and the caller's wishes in, a Plan out: which memories, how many, within which budget, in which form.

MemScheduler of the papers (arXiv 2507.03724, section "MemScheduler"): it decides before anything is searched, by a
policy that the operator of the proxy chooses. The paper names LRU, semantic similarity and label matching as its
strategies; ``hybrid`` adds recency to relevance and is the default.
"""

from dataclasses import dataclass, replace

from memory.cube import Kind
from memory.errors import Invalid
from memory.turn import Controls, Intent, MemoryCall, Plan

POLICIES = ("hybrid", "semantic", "lru", "label")
_BY_RELEVANCE = ("hybrid", "semantic")  # the others bring in what nobody asked for
#: ``X-Memory-Policy`` may also ask for a form; a form that a backend cannot take falls back to plaintext.
FORMS = {"text": (Kind.PLAINTEXT,), "kv": (Kind.ACTIVATION, Kind.PLAINTEXT)}


@dataclass(frozen=True, slots=True, kw_only=True)
class Policy:
    """The knobs of MemScheduler, from the configuration."""

    name: str = "hybrid"
    top_k: int = 8
    budget_tokens: int = 800
    stable_budget_tokens: int = 400
    min_relevance: float = 0.22
    min_sufficiency: float = 0.1
    skip_small_talk: bool = True
    activation: bool = False  #: what is computed beforehand is taken where there is some; it spares time to the answer


class Scheduler:
    """Plans requests by one policy; a request may name another."""

    def __init__(self, policy: Policy) -> None:
        self._policy = self._known(policy)

    def plan(self, call: MemoryCall, controls: Controls) -> Plan:
        """Return the plan for one request.

        Raises: Invalid: the request names a policy that does not exist.
        """
        policy, kinds = self._chosen(controls.policy)
        budget = policy.budget_tokens if controls.budget_tokens is None else controls.budget_tokens
        # a caller who grants more than the usual budget wants long pinned memories in front as well
        stable = policy.stable_budget_tokens if controls.budget_tokens is None else budget
        silent = call.intent is Intent.CHAT and policy.skip_small_talk
        return Plan(
            policy=policy.name,
            top_k=policy.top_k,
            budget_tokens=budget,
            stable_budget_tokens=min(stable, budget),
            kinds=kinds,
            min_relevance=policy.min_relevance,
            min_sufficiency=policy.min_sufficiency if policy.name in _BY_RELEVANCE else 0.0,
            recall=bool(call.query) and not silent,
            reason="small talk needs no search" if silent else "",
        )

    def _chosen(self, wish: str | None) -> tuple[Policy, tuple[Kind, ...]]:
        usual = FORMS["kv" if self._policy.activation else "text"]
        if wish is None:
            return self._policy, usual
        if wish in FORMS:
            return self._policy, FORMS[wish]
        return self._known(replace(self._policy, name=wish)), usual

    @staticmethod
    def _known(policy: Policy) -> Policy:
        if policy.name not in POLICIES:
            choice = ", ".join((*POLICIES, *FORMS))
            raise Invalid(
                f"There is no memory policy {policy.name!r}; choose one of: {choice}.", param="X-Memory-Policy"
            )
        return policy
