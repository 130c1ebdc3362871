"""Welcome, help, and what this is."""

from __future__ import annotations

from bot.command import REGISTRY, Call, Command, Context, Reply, by_name, command
from bot.commands import targets
from bot.house import House
from bot.language.examples import MANNERS, SENTENCES
from core.calendar import calendar_warning, trading_date
from core.clock import stamp_text
from core.errors import NotFound, OutsideError
from core.messages import Button, Message, Role
from core.tickets import TicketState

_FAMILIES = (
    *("watch", "undo", "rehearse", "review", "why", "alert", "favourites"),
    *("ask", "past", "report", "chart", "analyze", "score", "trade", "auto", "reconcile", "audit", "limits"),
    *("settings", "people", "system"),
)
EXAMPLES = (
    "茅台跌破1400提醒我",
    "贵州茅台跌破1420提醒我，跌破就买100股",
    "宁德时代涨3%或者跌3%告诉我",
    "招商银行止损8个点，到了全部卖出",
    "茅台多少钱",
    "我的持仓",
)


@command("start", "开始", "你好", "您好", "在吗", help="从这里开始", example="/start", role=Role.VIEWER)
async def start(ctx: Context, _call: Call) -> Reply:
    """The welcome, and what must not be overlooked after a restart."""
    waiting = [
        one
        for one in await targets.tickets(ctx, {TicketState.OPEN})
        if ctx.person.may_trade(one.account) and one.open_at(ctx.house.now())
    ]
    pressing = [f"📝 有 {len(waiting)} 张委托等你确认，发送 /tickets 查看。"] if waiting else []
    if ctx.house.switch.panicked is not None:
        pressing.append(f"🛑 紧急停止中：{ctx.house.switch.panicked}。恢复：/panic off")
    text = "\n".join(
        [
            *pressing,
            "用平常的话告诉我盯什么，到了我会提醒，也可以先出好委托等你点“确认”。",
            "",
            "可以试试：",
            *(f"　{example}" for example in EXAMPLES),
            "",
            ctx.house.about,
        ]
    )
    return Message(
        title="👋 我是盯盘助手",
        text=text,
        buttons=((Button("盯盘任务", "list"), Button("持仓", "positions"), Button("全部命令", "help")),),
    )


@command("help", "帮助", help="全部命令，或一个命令的用法", example="/help watch", role=Role.VIEWER, intents=("help",))
async def help_(ctx: Context, call: Call) -> Reply:
    """One line per command, made from the registry."""
    if call.words:
        found = by_name(call.words[0].lstrip("/"))
        if found is None:
            raise NotFound(f"没有 /{call.words[0].lstrip('/')} 这个命令。发送 /help 看全部。")
        also = "、".join(found.names)
        lines = [f"例如：{found.example}", f"也可以写：{also}"]
        if found.name == "watch":
            lines += ["", "能盯这些，直接说一句：", *(f"　{what}：{'、'.join(one)}" for what, one in SENTENCES.items())]
            lines += ["后面还可以加：", f"　{'；'.join(MANNERS)}"]
        return Message(title=f"/{found.name} {found.help}", text="\n".join(lines))
    shown = [one for one in REGISTRY.values() if one.listed and ctx.person.role.covers(one.role)]
    lines = [f"/{one.name} {one.help}" for one in sorted(shown, key=_by_use)]
    lines += ["", "也可以直接说话，例如：", *(f"　{example}" for example in EXAMPLES)]
    return Message(title="📖 命令", text="\n".join(lines))


async def _model(house: House) -> str:
    if house.counsel is None:
        return "模型：没有设置（DEEPSEEK_API_KEY）。听话只用离线语法，分析用内置规则"
    try:
        return await house.counsel.describe()
    except OutsideError as error:
        return f"模型：今天用了多少暂时查不到（{error.reason}）"


def _by_use(one: Command) -> int:
    """Families in the order in which a newcomer needs them."""
    return _FAMILIES.index(one.run.__module__.rpartition(".")[2])


@command("about", "关于", help="版本、数据来源和运行情况", example="/about", role=Role.VIEWER)
async def about(ctx: Context, _call: Call) -> Reply:
    from importlib.metadata import version

    house = ctx.house
    last = house.engine.last_frame_at
    lines = [
        f"盯盘 dingpan {version('dingpan')}",
        house.about,
        f"最近一次行情：{stamp_text(last)}" if last else "还没有收到行情",
        f"正在判断的条件：{len(house.book)} 条",
    ]
    if sources := house.about_quotes():
        lines.append(sources)
    if house.about_pictures:
        lines.append(house.about_pictures)
    lines.append(await _model(house))
    lines.append(f"提醒后的点评：{'开' if house.commentary.wants(ctx.person.owner) else '关'}（/analyze on|off）")
    if house.switch.panicked is not None:
        lines.append(f"🛑 紧急停止中：{house.switch.panicked}")
    warning = calendar_warning(trading_date(house.now()))
    if warning is not None:
        lines.append(f"⚠️ {warning}")
    return Message(title="关于", text="\n".join(lines))
