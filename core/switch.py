"""KillSwitch: stops all sending of orders, at once and over restarts."""

from __future__ import annotations

from typing import Final

from core import render
from core.clock import Clock
from core.ports import Store
from core.risk import Breach

PANIC: Final = "panic"
"""Under this key the store keeps who pulled it."""


class KillSwitch:
    """One for all accounts."""

    def __init__(self, store: Store, clock: Clock) -> None:
        self._store = store
        self._clock = clock
        self._panicked: str | None = None

    async def load(self) -> None:
        """Read what an earlier process decided."""
        self._panicked = await self._store.value(PANIC)

    @property
    def panicked(self) -> str | None:
        """Who pulled the switch and when, in words; None while orders may be sent."""
        return self._panicked

    @property
    def breaches(self) -> tuple[Breach, ...]:
        """What stands against an order because of it."""
        if self._panicked is None:
            return ()
        return (Breach("panic", f"紧急停止中（{self._panicked}），不发送任何委托。发送 /panic off 恢复。"),)

    async def panic(self, by: str) -> None:
        """Stop all sending of orders. Works even when the database does not: then Unavailable is raised after."""
        self._panicked = render.panic_note(by, self._clock.now())
        await self._store.set_value(PANIC, self._panicked)

    async def calm(self) -> None:
        """Allow orders again."""
        await self._store.set_value(PANIC, None)
        self._panicked = None
