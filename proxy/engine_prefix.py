"""Messages in, the tokens with which every prompt begins that goes on from them out, and whose they are.

The law: what a template does with a conversation is found out by asking it, so tools, merged or refused system
messages and tokens that reach across a seam need no cases of their own.
"""

from collections.abc import Callable, Sequence
from typing import Final

from adapters.chat_shape import Message
from adapters.generation import BuildRequest
from adapters.prefix import common_prefix
from adapters.prefix_cache import Boundary
from proxy.engine_wire import ActivationRequest

#: How what follows may begin. A tokenizer may join the first character to what the template wrote before it.
_PROBES: Final = ("a", "Z", "7", "<memory>", "\nx", " x", "\u00e9")

TokensOf = Callable[[Sequence[Message]], list[int]]


def plan_build(request: ActivationRequest, tokens_of: TokensOf) -> BuildRequest:
    """Return what is to be computed, the owner of each part with it. Raises: Invalid, as ``tokens_of``."""
    tokens = beginning(tokens_of, request.messages)
    whole = Boundary(length=len(tokens), salt=request.cache_salt)
    boundaries = [whole]
    if request.shared_cache_salt not in ("", request.cache_salt):
        shared = common_prefix(tokens, beginning(tokens_of, request.shared_messages))
        part = Boundary(length=shared, salt=request.shared_cache_salt)
        boundaries = [part] if shared == len(tokens) else [part, whole]
    return BuildRequest(tokens=tokens, boundaries=boundaries, labels=request.labels, idle=request.idle)


def beginning(tokens_of: TokensOf, messages: Sequence[Message]) -> list[int]:
    """Return the longest beginning that the prompts of all continuations share. Raises: Invalid, as ``tokens_of``."""
    first, *others = (tokens_of([*messages, {"role": "user", "content": probe}]) for probe in _PROBES)
    return first[: min(common_prefix(first, other) for other in others)]
