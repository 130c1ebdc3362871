"""One approval in a process of its own, which can be killed between any two things that it does to the folder.

::

    python -m tests.fakes.filedrop_bot FOLDER ORDER_JSON STEP

It says on a line when it waits for the script (``wait``: any line lets it go on), before which step it hangs for ever,
and at last what the approval came to.
"""

from __future__ import annotations

import asyncio
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

from adapters.brokers.filedrop import FileDropBroker
from adapters.brokers.filedrop_folder import Folder
from core.clock import ManualClock
from core.errors import OutsideError
from core.orders import Order
from tests.fakes.filedrop import KEY, NUMBER

STEPS = ("where", "read", "prepare", "hand_in", "answer", "withdraw")


def say(line: str) -> None:
    print(line, flush=True)


def counted(folder: Folder, at: int) -> Folder:
    """The folder, with a place to hang before and after each call."""
    count = 0

    def pause(name: str) -> None:
        nonlocal count
        count += 1
        if count == at:
            say(f"hangs {name}")
            sys.stdin.read()

    def stepped(name: str, step: Callable[..., Any]) -> Callable[..., Any]:
        def call(*given: Any) -> Any:
            pause(f"before {name}")
            result = step(*given)
            pause(f"after {name}")
            return result

        return call

    for name in STEPS:
        setattr(folder, name, stepped(name, getattr(folder, name)))
    return folder


async def approve(root: Path, order: Order, at: int) -> str:
    async def sleep(_seconds: float) -> None:
        say("wait")
        sys.stdin.readline()

    folder = counted(Folder(root, KEY, "大QMT"), at)
    broker = FileDropBroker(folder, order.account, NUMBER, "大QMT", ManualClock(order.created_at), sleep)
    try:
        await broker.submit(order)
    except OutsideError as error:
        return type(error).__name__
    return "sent"


if __name__ == "__main__":
    say(asyncio.run(approve(Path(sys.argv[1]), Order.model_validate_json(sys.argv[2]), int(sys.argv[3]))))
