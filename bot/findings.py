"""What ``dingpan check`` finds: one line per thing, and whether it keeps anything from working."""

from __future__ import annotations

import asyncio
import json
import logging
from collections.abc import Awaitable, Callable, Sequence
from enum import StrEnum
from typing import Final, NamedTuple

from core.errors import ConfigError, DingpanError, OutsideError

log: Final = logging.getLogger(__name__)


class State(StrEnum):
    """OK works; NOTE works, and there is something to know; BAD does not work."""

    OK = "ok"
    NOTE = "note"
    BAD = "bad"

    @property
    def mark(self) -> str:
        return {"ok": "✅", "note": "⚠️", "bad": "❌"}[self.value]


class Finding(NamedTuple):
    what: str
    state: State
    text: str

    def line(self) -> str:
        return f"{self.state.mark} {self.what}：{self.text}"


def fine(what: str, text: str) -> Finding:
    return Finding(what, State.OK, text)


def note(what: str, text: str) -> Finding:
    return Finding(what, State.NOTE, text)


def bad(what: str, text: str) -> Finding:
    return Finding(what, State.BAD, text)


Look = Callable[[], Awaitable[Sequence[Finding]]]


async def looked(what: str, look: Look, seconds: float) -> Sequence[Finding]:
    """What a look found; what it raises, or that it takes too long, is a finding too."""
    try:
        async with asyncio.timeout(seconds):
            return await look()
    except TimeoutError:
        return [bad(what, f"{seconds:.0f} 秒没有结果。")]
    except ConfigError as error:
        return [bad(what, problem) for problem in error.problems]
    except OutsideError as error:
        return [bad(what, error.reason.rstrip("。") + "。")]
    except DingpanError as error:
        return [bad(what, str(error))]
    except Exception as error:
        log.exception("checking %s", what)
        return [bad(what, f"检查的时候程序出错了（{type(error).__name__}），这是程序的问题。")]


def summary(findings: Sequence[Finding]) -> str:
    wrong = sum(one.state is State.BAD for one in findings)
    notes = sum(one.state is State.NOTE for one in findings)
    if wrong:
        return f"有 {wrong} 处不能用（❌）" + (f"，{notes} 处要留意（⚠️）。" if notes else "。")
    return f"都能用，{notes} 处要留意（⚠️）。" if notes else "都能用。"


def as_json(findings: Sequence[Finding]) -> str:
    rows = [{"what": one.what, "state": one.state.value, "text": one.text} for one in findings]
    return json.dumps(rows, ensure_ascii=False, indent=1)
