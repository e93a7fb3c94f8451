"""What a check of an installation found, as a value."""

from dataclasses import dataclass
from typing import Literal


@dataclass(frozen=True, slots=True)
class Finding:
    """One line of the report."""

    check: str
    status: Literal["ok", "note", "problem"]
    detail: str
    mend: str = ""
