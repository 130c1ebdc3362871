"""The real program in a process of its own, at an hour of the test's choice: ``python -m tests.e2e.child 2026-11-18T10:00``.

Everything else comes from the environment, as it does for a user. It says ``ready`` when it has begun.
"""

from __future__ import annotations

import asyncio
import sys

from bot import main
from bot.settings import Settings
from bot.stdio import use_utf8
from tests.fakes.market import ShiftedClock, market_instant

if __name__ == "__main__":
    use_utf8()
    print("ready", flush=True)
    asyncio.run(main.run(Settings.load(file=None), ShiftedClock(market_instant(sys.argv[1]))))
