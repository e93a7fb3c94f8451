"""A finished turn in, what was brought into it; and whether that was of use, counted once for each turn."""

from collections.abc import Sequence

import orjson

from memory.turn import Scope
from memory.vault.reading import VaultBase

_INJECTED = "SELECT injected FROM turns WHERE id = ? AND user = ?"
_JUDGED = "UPDATE turns SET injected = json_set(injected, '$.useful', ?) WHERE id = ? AND user = ?"
_COUNT = "UPDATE cubes SET useful_count = useful_count + 1 WHERE +owner = ? AND id = ?"


class CubeUses(VaultBase):
    """Use counts. They are no part of what a memory says, so counting makes no version."""

    def brought_in(self, scope: Scope, turn_id: str) -> list[str]:
        """Return the ids of memories that were brought into a turn; none when its usefulness was counted already."""
        with self._connections.read() as connection:
            row = connection.execute(_INJECTED, (turn_id, scope.user)).fetchone()
        injected = {} if row is None else orjson.loads(row[0])
        return [] if "useful" in injected else list(dict.fromkeys(injected.get("ids", ())))

    def useful(self, scope: Scope, turn_id: str, cube_ids: Sequence[str]) -> bool:
        """Count that an answer made use of these; False when that was counted already for this turn."""
        with self._connections.write() as connection:
            row = connection.execute(_INJECTED, (turn_id, scope.user)).fetchone()
            if row is None or "useful" in orjson.loads(row[0]):
                return False
            connection.execute(_JUDGED, (len(cube_ids), turn_id, scope.user))
            connection.executemany(_COUNT, [(scope.user, cube_id) for cube_id in cube_ids])
        return True
