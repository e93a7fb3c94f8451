"""How often each prefix was used in, a small file out, and back: losing it is harmless."""

import contextlib
import json
import math
from collections.abc import Mapping
from pathlib import Path
from typing import Final

from adapters.activation_store.files import replace_text
from adapters.activation_store.heat import Heat

USES_FILE: Final = "uses.json"


def write_uses(folder: Path, uses: Mapping[str, Heat]) -> None:
    """Replace the file of a folder. Raises: OSError."""
    text = json.dumps({digest: [heat.uses, heat.score, heat.at] for digest, heat in uses.items()})
    replace_text(folder / USES_FILE, text)


def read_uses(folder: Path) -> dict[str, Heat]:
    """Return the uses by digest; what cannot be read is left out."""
    try:
        values = json.loads((folder / USES_FILE).read_bytes())
    except (OSError, ValueError, RecursionError):
        return {}
    found: dict[str, Heat] = {}
    for digest, entry in values.items() if isinstance(values, dict) else ():
        with contextlib.suppress(ValueError, TypeError, OverflowError):
            uses, score, at = entry
            heat = Heat(int(uses), float(score), float(at))
            if heat.uses >= 0 and heat.score >= 0 and math.isfinite(heat.score) and math.isfinite(heat.at):
                found[digest] = heat
    return found
