"""Engine options and a loaded model in, the store of its activation memories out.

The law: a store that cannot be opened costs what it would have spared and never the start; the model's files are hashed
while they are loaded.
"""

import logging
import threading
from typing import Any, Final

from adapters.activation_store.fingerprint import fingerprint_of, model_file_hash
from adapters.activation_store.store import ActivationStore
from memory.errors import MemoryFault
from proxy.engine_loaded import LoadedModel
from proxy.engine_options import EngineOptions

logger = logging.getLogger(__name__)
_HASHES: Final = "model_hashes.json"


class StoreOpener:
    """Opens the store of one engine."""

    def __init__(self, options: EngineOptions) -> None:
        self._options = options
        on_disk = options.activation_disk_mb or options.activation_cold_mb
        self._folder = options.activations_dir if on_disk else None
        self._hashing: threading.Thread | None = None

    @property
    def wanted(self) -> bool:
        """True unless there is room for nothing."""
        return self._folder is not None or self._options.activation_ram_mb > 0

    def begin(self) -> None:
        """Begin to hash the model's files, which takes a second for each GB the first time, beside their loading."""
        if self._folder is not None:
            self._hashing = threading.Thread(target=self._hash_early, name="model-hash", daemon=True)
            self._hashing.start()

    def open(self, loaded: LoadedModel) -> ActivationStore:
        """Return the store; in memory only, and said in the log, when its folder cannot be used."""
        if self._hashing is not None:
            self._hashing.join()
        try:
            return self._opened(loaded, on_disk=self._folder is not None)
        except (OSError, MemoryFault) as error:
            logger.warning("activation memories are kept in memory only: %s", error)
            return self._opened(loaded, on_disk=False)

    def _opened(self, loaded: LoadedModel, *, on_disk: bool) -> ActivationStore:
        options = self._options
        return ActivationStore(
            self._folder if on_disk else None,
            fingerprint=self._fingerprint(loaded, on_disk=on_disk),
            codec=loaded.context.codec,
            ram_bytes=options.activation_ram_mb << 20,
            disk_bytes=options.activation_disk_mb << 20,
            cold_bytes=options.activation_cold_mb << 20,
        )

    def _fingerprint(self, loaded: LoadedModel, *, on_disk: bool) -> str:
        """Return what a state depends on; in memory it meets no other model."""
        templates = [loaded.model.chat_template, loaded.model.tool_template]
        parts: dict[str, Any] = {"context": dict(loaded.context.fingerprint), "templates": templates}
        if on_disk and self._folder is not None:
            hashes = self._folder / _HASHES
            parts["files"] = [model_file_hash(path, hashes) for path in loaded.files]
        return fingerprint_of(parts)

    def _hash_early(self) -> None:
        if self._folder is None:
            return
        try:
            model_file_hash(self._options.model_path, self._folder / _HASHES)
        except (OSError, MemoryFault):  # told when the store is opened
            logger.debug("the model could not be hashed", exc_info=True)
