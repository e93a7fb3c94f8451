"""Settings in, the governance that they ask for out: which detectors look, and whose models may read what.

A backend is local when the model runs in this program's own engine; an upstream on loopback where the configuration
says that it is the model's own server and no gateway to elsewhere.
"""

import ipaddress
from collections.abc import Mapping
from urllib.parse import urlsplit

from adapters import registry
from config.layers import ConfigError
from config.settings import Settings
from memory.governance import Governance
from memory.sensitivity import SECRET, EmailAddresses, Rule
from proxy.engine_options import LOCAL


def governance_of(settings: Settings) -> Governance:
    """Return what decides what may be stored.

    Raises: ConfigError: what is for local models only would be sent to an embedder or extractor elsewhere.
    """
    rules = rules_of(settings)
    if problems := list(_leaks(settings, rules)):
        raise ConfigError(problems)
    secrets = registry.secret_detector() if rules[SECRET] is not Rule.STORE else None
    personal = [*registry.personal_data_detectors(), EmailAddresses()]
    return Governance(secrets, personal=personal, rules=rules, max_cube_chars=settings.governance.max_cube_chars)


def rules_of(settings: Settings) -> Mapping[str, Rule]:
    """Return what is done with each kind of sensitive data."""
    return {tag: Rule(rule) for tag, rule in settings.governance.sensitivity.model_dump().items()}


def withheld_tags(settings: Settings) -> frozenset[str]:
    """Return the tags of what is not brought in, because the model that answers is not local."""
    return frozenset() if is_local(settings) else local_only_tags(settings)


def local_only_tags(settings: Settings) -> frozenset[str]:
    """Return the tags of what only models on this machine may read."""
    return frozenset(tag for tag, rule in rules_of(settings).items() if rule is Rule.LOCAL_ONLY)


def is_local(settings: Settings) -> bool:
    """True when the model runs on this machine, as far as the configuration says."""
    backend = settings.backend
    if backend.kind == "upstream":
        return settings.governance.local_upstream and is_loopback(backend.base_url)
    return backend.kind in (*LOCAL, "echo")


def is_loopback(url: str | None) -> bool:
    """True when the address of a server is this machine."""
    host = urlsplit(url or "").hostname or ""
    try:
        return host == "localhost" or ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


def _leaks(settings: Settings, rules: Mapping[str, Rule]) -> list[str]:
    kept = ", ".join(tag for tag, rule in rules.items() if rule is Rule.LOCAL_ONLY)
    if not kept:
        return []
    embedder, llm, reranker = settings.embedder, settings.writer.llm, settings.reranker
    readers = {
        "embedder.base_url": embedder.base_url if embedder.kind == "openai" else None,
        "writer.llm.base_url": llm.base_url,
        "reranker.base_url": reranker.base_url if reranker.kind == "api" else None,
    }
    return [
        f"{key}: must be on this machine (loopback), because governance.sensitivity keeps {kept} for local models only"
        for key, url in readers.items()
        if url is not None and not is_loopback(url)
    ]
