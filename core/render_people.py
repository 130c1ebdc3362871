"""What is said about people: invitations, members, and what was refused."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Final

from core.clock import market_time, stamp_text
from core.messages import Button, Message, Role, Style
from core.people import Attempt, Invitation, Member, Person, Refusal, rights_text

Accounts = Sequence[tuple[str, str]]
"""The accounts of the house with their names, in order."""

_ALL_MAY: Final = "盯盘提醒、自选、静音、免打扰、行情和 K 线：都是你自己的，别人看不到也不受影响。"
_SURE: Final = "sure"


def invited(code: str, invitation: Invitation, accounts: Accounts, link: str) -> Message:
    """The only time that a code is shown."""
    rights = rights_text(invitation.role, invitation.trades, invitation.sees, accounts)
    until = f"{market_time(invitation.expires_at):%m-%d %H:%M}"
    lines = [
        f"权限：{invitation.role.chinese}，{rights}",
        f"把下面这一句发给他，让他发给机器人。只能用一次，{until} 前有效，只显示这一次：",
        "",
        f"/join {code}",
    ]
    if link:
        lines += ["", f"或者让他点开：{link}"]
    lines += ["", "他加入后我会告诉你。改权限、移出：/members"]
    return Message(title="✉️ 邀请码", text="\n".join(lines))


def how_to_invite(accounts: Accounts) -> Message:
    """What can be granted, a tap away."""
    rows: list[tuple[Button, ...]] = [(Button("只看行情、设自己的提醒", "invite viewer"),)]
    for account, name in accounts[:4]:
        see, trade = f"invite viewer {account}", f"invite trader {account}"
        rows.append((Button(f"查看{name}", see), Button(f"交易{name}", trade)))
    text = (
        "选一种权限，我给你一个邀请码，一人一次，24 小时有效。也可以写：\n"
        "　/invite 查看\n"
        f"　/invite 查看 {accounts[0][1]}\n"
        f"　/invite 交易 {accounts[0][1]}\n"
        "查看者能看这些账户，不能下单；交易者还能出卡片、确认、撤单、紧急停止。"
    )
    return Message(title="✉️ 邀请谁来做什么", text=text, buttons=tuple(rows))


def welcome(member: Member, accounts: Accounts) -> Message:
    """To who has just come in."""
    lines = [f"你是{member.role.chinese}：{rights_text(member.role, member.trades, member.sees, accounts)}", _ALL_MAY]
    lines.append("可以直接说：茅台跌破1400提醒我。发送 /help 看全部，/me 看你的权限。")
    return Message(title="👋 已加入", text="\n".join(lines))


def joined(member: Member, accounts: Accounts) -> Message:
    """To the owners."""
    rights = rights_text(member.role, member.trades, member.sees, accounts)
    text = f"{member.signature} 用 {member.invited_by} 的邀请码加入了。\n权限：{member.role.chinese}，{rights}"
    return Message(title="👋 新成员", text=text, buttons=((Button("成员", "members"),),))


def members(found: Sequence[Member], accounts: Accounts, waiting: int) -> Message:
    """All members, each with a button to its card.

    Args:
        waiting: invitations that nobody has used yet.
    """
    lines = [
        f"{one.signature} {one.role.chinese}：{rights_text(one.role, one.trades, one.sees, accounts)}" for one in found
    ]
    if not found:
        lines = ["还没有别人。主人写在 .env 里，不在这里列出。"]
    if waiting:
        lines.append(f"还有 {waiting} 个没有用掉的邀请码。")
    rows = [(Button(one.name[:20] or one.user_id, f"member {one.key}"),) for one in found]
    rows.append((Button("邀请", "invite"),))
    return Message(title=f"👥 成员（{len(found)}）", text="\n".join(lines), buttons=tuple(rows))


def member_card(member: Member, accounts: Accounts, note: str = "") -> Message:
    """One member, with what can be changed."""
    rights = rights_text(member.role, member.trades, member.sees, accounts)
    lines = [f"权限：{member.role.chinese}，{rights}"]
    lines.append(f"{stamp_text(member.since)} 加入，{member.invited_by} 邀请")
    if note:
        lines.append(note)
    card = f"member:{member.key}"
    if member.ended_at is not None:
        return Message(title=f"👤 {member.signature} 已移出", text="\n".join(lines), card=card)
    trades = member.role is Role.TRADER
    other = Button("改为查看者", f"member {member.key} viewer") if trades else None
    rows: list[tuple[Button, ...]] = [] if other is None else [(other,)]
    rows += [tuple(_rights(member, account, name)) for account, name in accounts]
    rows.append((Button("移出", f"member {member.key} remove", Style.DANGER),))
    return Message(title=f"👤 {member.signature}", text="\n".join(lines), buttons=tuple(rows), card=card)


def _rights(member: Member, account: str, name: str) -> list[Button]:
    person = member.person()
    now = "trade" if person.may_trade(account) else "see" if person.may_see(account) else "none"
    offered = {"trade": f"可交易{name}", "see": f"只看{name}", "none": f"不看{name}"}
    return [Button(label, f"member {member.key} {right} {account}") for right, label in offered.items() if right != now]


def sure_to_remove(member: Member) -> Message:
    """Asked before somebody is removed."""
    yes = Button("移出", f"member {member.key} remove {_SURE}", Style.DANGER)
    buttons = (yes, Button("算了", f"member {member.key}"))
    text = f"移出 {member.signature} 吗？他马上不能再用，等确认的卡片作废，任务暂停。"
    return Message(title="👤 移出成员", text=text, buttons=(buttons,), card=f"member:{member.key}")


def rights_changed(member: Member, accounts: Accounts) -> Message:
    """To the member."""
    if member.ended_at is not None:
        text = "主人把你移出了，以后的消息不再处理。你的任务已暂停，等确认的卡片已作废。"
        return Message(title="👋 你已被移出", text=text)
    rights = rights_text(member.role, member.trades, member.sees, accounts)
    return Message(title="🔑 你的权限改了", text=f"现在是{member.role.chinese}：{rights}")


def settled(paused: Sequence[int], withdrawn: int) -> str:
    """What a change of rights took with it; empty where nothing."""
    parts = [f"暂停了他的任务 {'、'.join(f'#{number}' for number in paused)}"] if paused else []
    parts += [f"作废了 {withdrawn} 张等确认的卡片"] if withdrawn else []
    return "，".join(parts) + ("。" if parts else "")


def me(person: Person, accounts: Accounts, commands: Sequence[str]) -> Message:
    """What somebody may do.

    Args:
        commands: that his role does not cover.
    """
    seen = [account for account, _name in accounts if person.may_see(account)]
    traded = [account for account, _name in accounts if person.may_trade(account)]
    lines = [f"{person.signature}，{person.role.chinese}", f"账户：{rights_text(person.role, traded, seen, accounts)}"]
    if person.role is Role.OWNER:
        lines.append("什么都可以做，包括邀请、改权限、恢复紧急停止。")
    else:
        lines.append(_ALL_MAY)
        if traded:
            lines.append("可以买卖、确认、拒绝、撤单；紧急停止你可以按，恢复要主人来。主人设的买入上限对你也有效。")
        lines.append(f"不能用：{'、'.join(commands)}")
    return Message(title="🔑 我的权限", text="\n".join(lines))


# -- what was refused

_DONE: Final = {
    Attempt.CODE: "用了一个不对的邀请码，没有让他进来。",
    Attempt.REPLAYED: "按了一张已经处理过、或者已经改过的卡片，没有再做任何事。",
    Attempt.FORGED: "发来一个不是我们给的按钮（卡片不存在、指纹不对或命令不认识），没有做任何事。",
}


def refused(refusal: Refusal) -> Message:
    """To the owners, once."""
    name = f"{refusal.name}（{refusal.who}）" if refusal.name else refusal.who
    if refusal.kind is Attempt.STRANGER:
        lines = [f"陌生人{name}想用机器人，没有理会。认识的话，给他一个邀请码就行。"]
    else:
        lines = [f"{name}{_DONE.get(refusal.kind, '想做他没有权限的事，没有做。')}"]
        lines += [f"他要做的：{refusal.what}"] if refusal.what else []
    lines.append("他今天再这样，只记入日志，不再打扰你。")
    buttons = ((Button("邀请", "invite"),),) if refusal.kind is Attempt.STRANGER else ((Button("成员", "members"),),)
    return Message(title=f"🚪 已拒绝：{refusal.kind.chinese}", text="\n".join(lines), buttons=buttons)


def crowd(people: int, times: int, since: datetime) -> Message:
    """Many strangers in one message."""
    text = f"从 {stamp_text(since)} 起又有 {people} 个陌生人试了 {times} 次，都没有理会，不一一列出。"
    return Message(title="🚪 许多陌生人", text=text)
