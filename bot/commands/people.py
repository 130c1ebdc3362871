"""People: invite, join, see and change who may do what."""

from __future__ import annotations

from collections.abc import Sequence

from bot.command import REGISTRY, Call, Context, Reply, command
from core import render_people
from core.errors import Invalid, NotFound
from core.messages import Message, Role
from core.people import HOUSE, granted, with_role

_ROLES = {"viewer": Role.VIEWER, "查看": Role.VIEWER, "看": Role.VIEWER, "trader": Role.TRADER, "交易": Role.TRADER}
_ALL = frozenset({"all", "全部", "所有"})
_RIGHTS = frozenset({"trade", "see", "none"})
SURE = "sure"


def _accounts(ctx: Context) -> Sequence[tuple[str, str]]:
    return [*ctx.house.membership.accounts.items()]


@command(
    "invite",
    "邀请",
    help="邀请一个人：给他一个一次性的邀请码",
    example="/invite 查看 模拟账户",
    role=Role.OWNER,
)
async def invite(ctx: Context, call: Call) -> Reply:
    """``invite viewer|trader [account…]``: a code for one person."""
    accounts = _accounts(ctx)
    if not call.words:
        return render_people.how_to_invite(accounts)
    role = _ROLES.get(call.words[0].lower())
    if role is None:
        raise Invalid(f"请先写“查看”或“交易”，例如：/invite 交易 {accounts[0][1]}")
    if ctx.chat.id not in {ctx.person.id, "local"}:
        raise Invalid("邀请码谁先用就是谁的，不要发在群里。请私聊我再发一次 /invite。")
    named = [account for account, _name in accounts] if _ALL & {*call.words} else _named(ctx, call.words[1:])
    if role is Role.TRADER and not named:
        if len(accounts) > 1:
            raise Invalid(f"请写明能交易哪个账户：{'、'.join(name for _account, name in accounts)}，或者“全部”。")
        named = [accounts[0][0]]
    trades, sees = (named, ()) if role is Role.TRADER else ((), named)
    membership = ctx.house.membership
    code, invitation = await membership.invite(role, trades, sees, ctx.person.signature)
    return render_people.invited(code, invitation, accounts, membership.link(code))


def _named(ctx: Context, words: Sequence[str]) -> list[str]:
    """Accounts by their id or name. Raises NotFound."""
    known = {key: account for account, name in _accounts(ctx) for key in (account, name)}
    for word in words:
        if word not in known:
            names = "、".join(name for _account, name in _accounts(ctx))
            raise NotFound(f"没有账户“{word}”。现有账户：{names}。")
    return [known[word] for word in words]


@command("join", "加入", help="用邀请码加入", example="/join 邀请码", role=Role.VIEWER, listed=False)
async def join(ctx: Context, call: Call) -> Reply:
    """A code stands behind it, or there is nothing to do; see :func:`let_in`."""
    del ctx, call
    raise Invalid("请写邀请码，例如：/join 7F3K2M9A-4Q8XWZ0B。没有的话，请向主人要一个。")


async def let_in(ctx: Context, code: str) -> Reply:
    """What ``/join CODE`` does, the one thing that a stranger may ask for."""
    if ctx.person.owner == HOUSE:
        return Message(text="你是主人，不用加入。这个邀请码没有用掉，可以给别人。")
    member = await ctx.house.membership.join(ctx.person, ctx.chat, code)
    return render_people.welcome(member, _accounts(ctx))


@command("members", "成员", help="谁能用、能做什么：改权限、移出", example="/members", role=Role.OWNER)
async def members(ctx: Context, _call: Call) -> Reply:
    membership = ctx.house.membership
    return render_people.members(await membership.everybody(), _accounts(ctx), await membership.waiting())


@command("member", help="看一个成员，改他的权限", role=Role.OWNER, listed=False)
async def member(ctx: Context, call: Call) -> Reply:
    """``member KEY`` shows a member; ``viewer``, ``trade|see|none ACCOUNT``, ``remove sure`` change him."""
    if not call.words:
        return await members(ctx, call)
    membership, accounts = ctx.house.membership, _accounts(ctx)
    found = await membership.get(call.words[0])
    match call.words[1:]:
        case ():
            return render_people.member_card(found, accounts)
        case ("remove",):
            return render_people.sure_to_remove(found)
        case ("remove", "sure"):
            after = found.model_copy(update={"ended_at": ctx.house.now()})
        case ("viewer",):
            after = with_role(found, Role.VIEWER)
        case (right, account) if right in _RIGHTS:
            [known] = _named(ctx, [account])
            trader = with_role(found, Role.TRADER) if right == "trade" else found
            after = granted(trader, known, right)
        case _:
            raise Invalid("请点成员卡片上的按钮。发送 /members 查看。")
    took = "" if after == found else await membership.change(after)
    return render_people.member_card(after, accounts, took)


@command("me", "我的权限", "我能做什么", help="我能做什么", example="/me", role=Role.VIEWER)
async def me(ctx: Context, _call: Call) -> Reply:
    lacking = [f"/{one.name}" for one in REGISTRY.values() if one.listed and not ctx.person.role.covers(one.role)]
    return render_people.me(ctx.person, _accounts(ctx), lacking)
