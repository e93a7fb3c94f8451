"""What can go wrong in memory and in the engines behind its ports, by whose fault it is.

    MemoryFault
    ├── Invalid          the caller's input cannot be used
    ├── NotFound         nothing under that id for this caller
    ├── Stale            the version the caller saw is not the newest
    ├── Refused          governance does not allow it
    ├── Unavailable      the store or an engine cannot answer now; trying again may help
    │   ├── VaultLocked  another process holds the vault
    │   ├── EngineDown   an engine (embedder, model, upstream) does not answer
    │   └── QueueFull    more work waits than is allowed
    └── EngineMissing    a package or file that the configuration needs is not installed

No HTTP status here: one table in ``proxy/errors.py`` maps these to the wire.
The class docstring is the default message.
"""


class MemoryFault(Exception):
    """Something went wrong in memory."""

    def __init__(self, message: str | None = None, *, param: str | None = None, code: str | None = None) -> None:
        super().__init__(message or (type(self).__doc__ or "").strip())
        self.param = param
        self.code = code


class Invalid(MemoryFault):
    """The input cannot be used."""


class NotFound(MemoryFault):
    """Nothing is stored under that id."""


class Stale(MemoryFault):
    """It was changed in the meantime: read it again and repeat the change on the newest version."""


class Refused(MemoryFault):
    """The caller is not allowed to do that."""


class Unavailable(MemoryFault):
    """Not available at the moment; try again."""

    def __init__(
        self,
        message: str | None = None,
        *,
        param: str | None = None,
        code: str | None = None,
        retry_after_s: float | None = None,
    ) -> None:
        super().__init__(message, param=param, code=code)
        self.retry_after_s = retry_after_s


class VaultLocked(Unavailable):
    """The vault is locked by another process."""


class EngineDown(Unavailable):
    """An engine does not answer."""


class QueueFull(Unavailable):
    """Too much work is waiting."""


class EngineMissing(MemoryFault):
    """A package that the configuration needs is not installed."""
