"""Findings -> Message: what is said about a watch itself, under its read-back and in a look over all of them."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Final, NamedTuple

from core.alerts import Trigger
from core.checks import already_true
from core.findings import Fault, Finding, delete
from core.messages import Button, Message
from core.render import name_text
from core.types import Symbol
from core.watches import Watch

SHOWN: Final = 2
"""Findings under one read-back: a phone has room for no more, and the gravest come first."""
REVIEWED: Final = 10
"""Watches written out in a review; the rest is counted."""
FEW: Final = 3
"""So many shares are named where a watch has one line."""
_ROWS: Final = 8
_GRAVITY: Final = {fault: place for place, fault in enumerate(Fault)}


def with_findings(message: Message, found: Sequence[Finding]) -> Message:
    """The read-back of a watch with what is odd about it."""
    if not found:
        return message
    shown = found[:SHOWN]
    lines = [message.text, "", *(f"⚠️ {one.text}" for one in shown)]
    return message.model_copy(update={"text": "\n".join(lines), "buttons": (*message.buttons, *_rows(shown))})


def _rows(found: Sequence[Finding]) -> tuple[tuple[Button, ...], ...]:
    """Two buttons to a row for a phone; what is offered twice stands once."""
    rows: list[tuple[Button, ...]] = []
    commands: set[str] = set()
    for one in found:
        fresh = [button for button in one.mends if button.command not in commands]
        commands |= {button.command for button in fresh}
        rows += [tuple(fresh[start : start + 2]) for start in range(0, len(fresh), 2)]
    return tuple(rows)


def already_holds(watch: Watch, already: Sequence[Trigger], names: Mapping[Symbol, str]) -> Message:
    """Said once, when the first quote shows that a watch already holds."""
    found = already_true(watch, already, lambda symbol: name_text(names[symbol], symbol))
    return Message(
        title=f"ℹ️ 盯盘 #{watch.number} 已经满足条件",
        text=f"条件：{watch.condition_text()}\n⚠️ {found.text}",
        buttons=(*_rows([found]), (delete(watch),)),
    )


def kept(watch: Watch) -> Message:
    return Message(text=f"好的，#{watch.number} 保持不变。")


def as_it_was(watch: Watch) -> Message:
    """A second tap on the same button."""
    return Message(text=f"#{watch.number} 已经是这样了：{watch.condition_text()}")


class Reviewed(NamedTuple):
    """One watch with what is odd about it; ``what`` names its shares."""

    watch: Watch
    what: str
    found: Sequence[Finding]


def review(rows: Sequence[Reviewed], *, healthy: int, ended: int, left_out: int) -> Message:
    """A look over all watches of a person: those that need something, the gravest first.

    Args:
        ended: done or expired, which nobody judges any more.
        left_out: too many to be looked at in one go.
    """
    rows = sorted(rows, key=lambda row: (min(_GRAVITY[one.fault] for one in row.found), row.watch.number))
    lines: list[str] = []
    for one in rows[:REVIEWED]:
        lines.append(f"#{one.watch.number} {one.what}：{one.watch.condition_text()}")
        lines += [f"　{_icon(place)} {finding.text}" for place, finding in enumerate(one.found[:SHOWN])]
        if len(one.found) > SHOWN:
            lines.append(f"　……还有 {len(one.found) - SHOWN} 项")
    if len(rows) > REVIEWED:
        lines.append(f"……另有 {len(rows) - REVIEWED} 个也要看，处理完上面的再发一次 /review。")
    if lines:
        lines.append("")
    lines += _counts(healthy, ended, left_out)
    title = f"🩺 体检：{len(rows)} 个任务要看一下" if rows else "🩺 体检：都正常"
    return Message(title=title, text="\n".join(lines), buttons=tuple(_first_mends(rows)))


def _icon(place: int) -> str:
    return "⚠️" if place == 0 else "·"


def _counts(healthy: int, ended: int, left_out: int) -> Iterable[str]:
    if healthy:
        yield f"✅ {healthy} 个正常。"
    if ended:
        yield f"已完成或已到期 {ended} 个，不再判断；不要了可以删除。"
    if left_out:
        yield f"任务太多，还有 {left_out} 个这次没有看。"


def _first_mends(rows: Sequence[Reviewed]) -> Iterable[tuple[Button, ...]]:
    """The likeliest mend of each watch that is written out."""
    for one in rows[:_ROWS]:
        offer = next((button for finding in one.found for button in finding.mends), None)
        if offer is not None:
            yield (offer._replace(label=f"#{one.watch.number} {offer.label}"),)


def in_short(watch: Watch, name: Callable[[Symbol], str]) -> str:
    """A watch on one line, where many are listed: its number, whom it is about and what it waits for."""
    followed = {"market": "全市场", "holdings": "持仓", "watchlist": "自选股"}.get(watch.scope)
    first = [name_text(name(symbol), symbol) for symbol in watch.symbols[:FEW]]
    more = f"等 {len(watch.symbols)} 只" if len(watch.symbols) > FEW else ""
    return f"#{watch.number} {followed or '、'.join(first) + more}　{watch.condition_text()}"
