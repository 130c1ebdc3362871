"""The gateway as a child of the bot: ``python -m bot.gateway``. It is told everything on its standard input.

The first line there is JSON with the settings and a secret; after that nothing comes, and the end of it means that the
bot is gone. Then, and when something hangs, only ``os._exit`` ends a process whose threads are stuck in native calls.
"""

from __future__ import annotations

import asyncio
import json
import logging
import os
import sys
from contextlib import AsyncExitStack
from typing import Any, Final

from bot.gateway.folder import Bot, digest_of
from bot.gateway.hosting import attend, host_miniqmt, host_paper, log_to, open_gateway
from bot.gateway.parent import end_with_the_parent
from bot.settings import Settings
from core.clock import SystemClock
from core.errors import ConfigError, DingpanError
from core.wire import Right

log: Final = logging.getLogger(__name__)

PARENT: Final = "parent"


def main() -> None:
    """Serve until the parent is gone."""
    words = json.loads(sys.stdin.buffer.readline() or b"{}")
    if "token" not in words:
        sys.exit(2)
    try:
        asyncio.run(_serve(words))
    except BaseException as error:  # whatever it was, the process ends here and nowhere else
        log.exception("the gateway ended")
        _say({"problem": _sentence(error)})
    finally:
        logging.shutdown()
        os._exit(1)


def _sentence(error: BaseException) -> str:
    leaves = [error]
    while any(isinstance(one, BaseExceptionGroup) for one in leaves):
        leaves = [leaf for one in leaves for leaf in (one.exceptions if isinstance(one, BaseExceptionGroup) else [one])]
    for one in leaves:
        if isinstance(one, ConfigError):
            return "；".join(problem.rstrip("。") for problem in one.problems)
        if isinstance(one, DingpanError):
            return str(one).rstrip("。")
    return "网关内部出错，详情在 gateway.log 里"


def _say(words: dict[str, Any]) -> None:
    """A line for the parent, if it still listens."""
    try:
        print(json.dumps(words, ensure_ascii=True), flush=True)
    except OSError:
        return


async def _serve(words: dict[str, Any]) -> None:
    settings = Settings.load(words["settings"], file=None)
    log_to(settings.gateway_folder)
    clock = SystemClock()
    me = asyncio.current_task()
    assert me is not None
    end_with_the_parent(asyncio.get_running_loop(), me)
    parent = Bot(
        id=PARENT,
        name="本机的盯盘",
        rights=(Right.READ, Right.TRADE),
        digest=digest_of(words["token"]),
        paired_at=clock.now(),
    )
    async with AsyncExitStack() as stack:
        hosted = (host_paper if words.get("paper") else host_miniqmt)(settings, clock, stack)
        running = open_gateway(
            settings,
            hosted,
            clock,
            stack,
            host="127.0.0.1",
            port=0,
            fixed=[parent],
            always_armed=bool(words.get("paper")),
        )
        _say({"port": running.port})
        await attend(running, hosted.works)


if __name__ == "__main__":
    main()
