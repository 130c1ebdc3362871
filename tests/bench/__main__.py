"""``python -m tests.bench NAME [--json]``: prints numbers and their ratio to a floor of the same run; judges nothing."""

from __future__ import annotations

import argparse
import importlib
import json
from typing import Final

from bot.stdio import use_utf8

BENCHES: Final = {
    "indicators": "a bar of the whole market, against TA-Lib over its history",
    "rules": "a snapshot of the whole market judged by a million rules",
    "path": "from a frame to the request that tells the alert",
    "language": "a sentence read, and the names loaded",
    "push": "a push of the whole market by miniQMT, until it is a frame",
    "load": "a thousand tickets approved by a hundred people within a minute: from the tap to the order",
    "storm": "ten thousand alerts in one snapshot: what is lost, and how long the loop is kept",
}


def main() -> None:
    use_utf8()
    known = "\n".join(f"  {name}: {what}" for name, what in BENCHES.items())
    parser = argparse.ArgumentParser(
        prog="python -m tests.bench", epilog=f"names:\n{known}", formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("name", metavar="NAME")
    parser.add_argument("--json", action="store_true", help="JSON alone on stdout")
    parser.add_argument("--rules", type=int, metavar="N", help="of the bench rules: how many")
    chosen = parser.parse_args()
    if chosen.name not in BENCHES:
        parser.error(f"there is no bench called {chosen.name!r}. There are:\n{known}")
    module = importlib.import_module(f"tests.bench.{chosen.name}")
    if chosen.rules is not None and chosen.name != "rules":
        parser.error("--rules belongs to the bench rules")
    result = module.run() if chosen.rules is None else module.run(chosen.rules)
    print(json.dumps(result, ensure_ascii=False, indent=2) if chosen.json else module.text(result))


if __name__ == "__main__":
    main()
