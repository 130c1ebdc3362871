"""Following: a watch on the holdings is about what its account holds now."""

from __future__ import annotations

import logging
from collections.abc import Callable
from typing import Final

from core import render
from core.brokerage import Brokerage
from core.frames import Frame
from core.notify import Notifier
from core.types import Symbol
from core.watches import Watch, WatchState
from core.watchlist import Watchlist

log: Final = logging.getLogger(__name__)
_FOLLOWING: Final = frozenset({WatchState.ACTIVE, WatchState.PAUSED})


class Following:
    """Lets watches on holdings follow their accounts, before the next frame is judged.

    Args:
        name_of: what a share is called.
        sees: whether an owner of watches may know what an account holds.
    """

    def __init__(
        self,
        watchlist: Watchlist,
        brokerage: Brokerage,
        notifier: Notifier,
        name_of: Callable[[Symbol], str],
        *,
        sees: Callable[[str, str], bool] = lambda _owner, _account: True,
    ) -> None:
        self._watchlist = watchlist
        self._brokerage = brokerage
        self._notifier = notifier
        self._name_of = name_of
        self._sees = sees
        # What happened to the accounts before this process began is not known.
        self._is_behind = True

    def moved(self) -> None:
        """An account holds something else now."""
        self._is_behind = True

    async def on_frame(self, _frame: Frame) -> None:
        """Catch up with the accounts.

        Raises:
            Unavailable: the store does not take it; the next frame brings another try.
        """
        if not self._is_behind:
            return
        self._is_behind = False
        try:
            for one in list(self._watchlist.everything()):
                # Following takes time, in which another may have been deleted, or have ended.
                watch = self._watchlist.current(one.id)
                if watch is not None and watch.scope == "holdings" and watch.state in _FOLLOWING:
                    await self._follow(watch)
        except BaseException:
            self._is_behind = True
            raise

    async def _follow(self, watch: Watch) -> None:
        account = self._brokerage.account(watch.account)
        if account is None or not self._sees(watch.owner, watch.account):
            return  # nobody knows what it holds, or he may not
        held = [position.symbol for position in account.positions if position.shares]
        stays = [symbol for symbol in watch.symbols if symbol in held]
        bought = [symbol for symbol in held if symbol not in stays]
        if not bought and len(stays) == len(watch.symbols):
            return
        after = await self._watchlist.follow(watch, (*stays, *bought))
        log.info("watch %s follows the holdings: %s", after.id, after.symbols)
        if not after.symbols:
            sold = render.symbols_text(watch.symbols, [self._name_of(symbol) for symbol in watch.symbols])
            await self._notifier.say(watch.chat, render.holds_nothing(after, sold))
