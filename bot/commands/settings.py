"""Settings that a sentence changes, and why some need no change."""

from __future__ import annotations

from decimal import Decimal
from typing import Final

from bot.command import Call, Context, Reply, command
from bot.commands import limits, targets
from bot.commands.alert import pictures, quiet
from bot.commands.analyze import switch_comments
from bot.language.request import Request, Setting
from core.errors import Forbidden, Invalid
from core.messages import Button, Message, Role


@command("setting", "设置", help="改一个设置", intents=("settings",), listed=False, role=Role.VIEWER)
async def setting(ctx: Context, call: Call) -> Reply:
    """A setting that a sentence asks for. What cannot be set says why, and what holds now."""
    wanted = call.request.setting if call.request is not None else None
    if wanted is None:
        raise Invalid("请直接说要改什么，例如：以后晚上10点到早上8点免打扰；单笔最多5万。")
    if wanted.key == "quiet_hours":
        return await quiet(ctx, Call((str(wanted.value),)))
    if wanted.key == "alert_pictures":
        return await pictures(ctx, Call((str(wanted.value),)))
    if wanted.key == "alert_comments":
        return await switch_comments(ctx, on=wanted.value == "on")
    if wanted.key == "max_order_amount":
        if not ctx.person.role.covers(Role.TRADER):
            raise Forbidden("没有改：只有能交易的人才有买入上限。")
        assert isinstance(wanted.value, Decimal)  # by its key
        return await limits.set_order_amount(ctx, wanted.value)
    return _as_it_is(ctx, wanted)


def _as_it_is(ctx: Context, wanted: Setting) -> Message:
    brokerage = ctx.house.brokerage
    if wanted.key in {"approval_mode", "approval_threshold"}:
        return Message(
            text="每一笔委托，不论金额，本来就都要你点“确认”才会下单，不用设。\n要限制金额的话：",
            buttons=((Button("买入上限", "limits"),),),
        )
    if wanted.key == "default_account":
        mine = targets.accounts(ctx)
        default = brokerage.where(targets.account(ctx, None))
        if len(mine) == 1:
            return Message(text=f"现在只有{default}一个账户，不用换。账户在 .env 的 BROKER 里设。")
        names = "、".join(f"{one.name}·{one.mode.chinese}" for one in mine)
        return Message(text=f"没有改。现在的账户：{names}，默认是{default}。账户在 .env 的 BROKER 里设。")
    if wanted.key == "default_interval_s":
        return Message(text=f"没有改。{every_frame(ctx)}")
    if wanted.value == "chat":
        return Message(text="提醒本来就发到聊天里，不用设。")
    return Message(text=f"没有改。{NO_OTHER_CHANNEL}")


NO_OTHER_CHANNEL: Final = "邮件和网址通知还没有接上，提醒只发到这里的聊天。"


def every_frame(ctx: Context) -> str:
    """How often is looked at the prices, whatever interval somebody asks for."""
    seconds = ctx.house.quotes.interval.total_seconds()
    return f"行情一到就判断（大约每 {seconds:g} 秒一次），不用设间隔，也不会漏掉两次之间的价格。"


def unheard(ctx: Context, request: Request) -> str:
    """What of a watch's sentence is not done as it was said, and why; empty where all is."""
    said = [
        NO_OTHER_CHANNEL if {"email", "webhook"} & set(request.channels) else "",
        every_frame(ctx) if request.interval_s is not None else "",
    ]
    return "\n".join(one for one in said if one)
