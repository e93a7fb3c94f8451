"""A wish for another form of memory in, memories in that form out: ``POST /v1/memory/transform``.

The law: what is made is byte for byte what chats will get, from the same code; plaintext stays the source of it.
"""

from collections.abc import Sequence
from itertools import product
from typing import Any

from anyio import to_thread

from memory.activation import Place
from memory.cube import Kind
from memory.errors import EngineMissing, Invalid, MemoryFault
from memory.ports import Vault
from memory.prefix import NO_SETTING, Built, Setting
from memory.turn import Scope
from proxy.activating import Activating
from proxy.activation_files import ActivationFiles
from proxy.activation_use import Reading
from proxy.controls import MAX_BUDGET_TOKENS
from proxy.transform_wire import Made, Removed, Skipped, Transformed, TransformRequest

_NO_ENGINE = (
    "The backend {kind} is no engine of this proxy, so no computed memory can be kept for it. Nothing needs to be "
    "done: all that stands in front of the last message keeps its bytes from turn to turn, so the model server's own "
    "prompt cache holds it. For activation memory serve a model here: `memos serve --model FILE.gguf`."
)


class Transforming:
    """Changes the form of memories."""

    def __init__(self, vault: Vault, activating: Activating | None, files: ActivationFiles, backend_kind: str) -> None:
        self._vault = vault
        self._activating = activating
        self._files = files
        self._backend_kind = backend_kind

    async def run(self, scope: Scope, wish: TransformRequest) -> Transformed:
        """Return what was made or removed.

        Raises: Invalid: there is nothing to transform, an id is not part of the stable block, or the backend cannot.
        NotFound: there is no such memory. EngineMissing: not in this version. EngineDown.
        """
        if wish.to is Kind.PARAMETRIC:
            raise EngineMissing(
                "Parametric memory is not available in this version; memories can be plaintext or activation memory.",
                param="to",
                code="not_available",
            )
        if wish.to is Kind.PLAINTEXT:
            return await self._to_text(scope, wish.ids)
        return await self._to_activation(scope, wish)

    async def _to_text(self, scope: Scope, ids: Sequence[str] | None) -> Transformed:
        if self._activating is None:
            removed = await to_thread.run_sync(self._files.removed, scope)
        elif ids is None:
            removed = await self._activating.drop(scope, counted=False)
        else:
            removed = await self._activating.drop_with(scope, ids)
        return Transformed(to=Kind.PLAINTEXT, removed=Removed(**removed))

    async def _to_activation(self, scope: Scope, wish: TransformRequest) -> Transformed:
        activating = self._activating
        if activating is None:
            raise Invalid(_NO_ENGINE.format(kind=self._backend_kind), param="to", code="no_local_engine")
        if activating.planner.policy.mode == "off":
            raise Invalid(
                "Activation memory is switched off (scheduler.activation).", param="to", code="activation_off"
            )
        await to_thread.run_sync(self._check, scope, wish.ids)
        readings = await self._readings(activating, scope, wish.ids)
        activating.count()
        others = [each for each in activating.planner.settings_of(scope) if each.key != NO_SETTING]
        made: list[Made] = []
        skipped: list[Skipped] = []
        first: Invalid | None = None
        for setting, (budget, reading) in product((Setting(), *others), readings.items()):
            ids = list(reading.block.cube_ids)
            said: dict[str, Any] = {"system": setting.key, "budget_tokens": budget, "ids": ids}
            try:
                built = await self._made(activating, scope, Place(setting.key, budget), setting, reading, wish.wait)
            except Invalid as fault:
                first = first or fault
                skipped.append(Skipped(reason=str(fault), **said))
            else:
                made.append(Made(**_costs(built), **said))
        if first is not None and not made:
            raise first
        return Transformed(to=Kind.ACTIVATION, made=made, skipped=skipped)

    async def _made(
        self, activating: Activating, scope: Scope, place: Place, setting: Setting, reading: Reading, wait: bool
    ) -> Built:
        activating.planner.wanted(scope, setting, place.budget_tokens, reading.block)
        try:
            return await activating.order(scope, place, setting, reading, asked=True, wait=wait)
        except MemoryFault as fault:
            activating.planner.failed(scope, place, reading.block.key, refused=isinstance(fault, Invalid))
            raise

    async def _readings(
        self, activating: Activating, scope: Scope, ids: Sequence[str] | None
    ) -> dict[int | None, Reading]:
        """The stable block under the usual budget, and under any where that makes another."""
        usual, whole = await activating.read(scope, None), await activating.read(scope, MAX_BUDGET_TOKENS)
        if not whole.block.text:
            raise Invalid(
                "This user has no pinned memory and no profile fact, so no chat begins with any; pin one first "
                '(POST /v1/memory/cubes with "pinned": true).',
                code="nothing_to_transform",
            )
        readings: dict[int | None, Reading] = {None: usual} if usual.block.text else {}
        if whole.block.key != usual.block.key:
            readings[MAX_BUDGET_TOKENS] = whole
        named = set(ids or whole.block.cube_ids)
        return {budget: reading for budget, reading in readings.items() if named & set(reading.block.cube_ids)}

    def _check(self, scope: Scope, ids: Sequence[str] | None) -> None:
        """Raises: NotFound, Invalid."""
        if ids is None:
            return
        stable = {cube.id for cube in self._vault.profile(scope)}
        for cube_id in ids:
            self._vault.get(scope, cube_id)
            if cube_id not in stable:
                raise Invalid(
                    f"The memory {cube_id!r} is neither pinned nor part of the profile: it stands in front of the "
                    "last message only when it answers that, so there is nothing to compute beforehand. Pin it first.",
                    param="ids",
                    code="not_in_stable_block",
                )


def _costs(built: Built) -> dict[str, Any]:
    costs = {name: getattr(built, name) for name in ("tokens", "size_bytes", "new", "durable")}
    return {"digest": built.digest or None, **costs, "build_ms": round(built.build_ms, 1)}
