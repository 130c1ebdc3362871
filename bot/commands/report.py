"""Reports: one now, and which are sent by the clock."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from bot.command import Call, Context, Reply, command
from core import render_report
from core.editions import Edition, fitting
from core.errors import Invalid
from core.messages import Message, Role
from core.reporter import Reader

_WORDS: Final = {
    **{one.value: one for one in Edition},
    **{one.chinese: one for one in Edition},
    "早报": Edition.MORNING,
    "午报": Edition.NOON,
    "收盘": Edition.CLOSE,
    "日报": Edition.CLOSE,
}
_SWITCHES: Final = {"on": True, "开": True, "打开": True, "off": False, "关": False, "关闭": False}
_ALL: Final = frozenset({"all", "全部", "所有"})


@command(
    "report",
    "报告",
    "总结",
    "复盘",
    help="盘前、午间、盘后、一周的总结",
    example="/report 盘后，/report on 盘后",
    role=Role.VIEWER,
    intents=("report",),
)
async def report(ctx: Context, call: Call) -> Reply:
    """One as of now; with ``on`` or ``off`` which ones come by themselves to this chat."""
    request = call.request
    if request is not None:
        named = [Edition(request.edition)] if request.edition is not None else []
        switch = False if request.off else True if request.repeat is not None else None
    else:
        switch = _SWITCHES.get(call.words[0]) if call.words else None
        named = _named(call.words if switch is None else call.words[1:])
    if switch is not None:
        return await _switched(ctx, named, on=switch)
    now = ctx.house.now()
    reader = Reader(ctx.person.owner, ctx.person.may_see)
    wanted = ctx.house.reporter.wanted(ctx.chat, ctx.person.owner)
    editions = named or [fitting(now)]
    return [
        render_report.offered(await ctx.house.reporter.write(one, reader), one, wanted=one in wanted)
        for one in editions
    ]


def _named(words: Sequence[str]) -> list[Edition]:
    """Raises Invalid for a word that is none."""
    if _ALL & {*words}:
        return list(Edition)
    unknown = next((word for word in words if word not in _WORDS), None)
    if unknown is not None:
        raise Invalid(f"没有“{unknown}”这种报告，只有盘前、午间、盘后、周报，例如 /report 盘后；每天发 /report on 盘后")
    return list(dict.fromkeys(_WORDS[word] for word in words))


async def _switched(ctx: Context, named: Sequence[Edition], *, on: bool) -> Message:
    """Without a name 盘后 is turned on, and everything turned off."""
    chosen = named or ([Edition.CLOSE] if on else list(Edition))
    after = await ctx.house.reporter.want(ctx.chat, ctx.person, chosen, on=on)
    return render_report.switched(chosen, after, ctx.house.now(), on=on)
