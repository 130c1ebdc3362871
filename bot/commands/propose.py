"""What a model, or the grammar but for a few words, made of a sentence: a question is answered, the rest is a card.

Nothing is done by such a reading alone. The card says back what would be done, in our words; 对，就这样 carries it out
as if the person had said it plainly, which for an order means the order's own card, where another tap decides.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Sequence
from typing import Final

from bot.command import Call, Command, Context, Reply, by_intent, command
from bot.commands.carrying import carry_out
from bot.language import phrases
from bot.language.dialogue import CORRECTABLE, Guess
from bot.language.examples import nearest
from bot.language.grammar import read
from bot.language.marks import normal
from bot.language.model import Unread
from bot.language.readback import read_back
from bot.language.reading import Context as Said
from bot.language.request import Intent, Request
from core.errors import Conflict, UserError
from core.messages import COMMAND_BYTES, Button, Message, Role, Style
from core.render import name_text
from core.types import Symbol

QUESTIONS: Final[frozenset[Intent]] = frozenset(
    {
        "quote_query",
        "positions_query",
        "account_query",
        "history_query",
        "orders_query",
        "watch_list",
        "favourite_list",
        "analyze",
        "chart",
        "help",
    }
)
"""What changes nothing: answered at once, with how it was understood."""
_TRADES: Final[frozenset[Intent]] = frozenset({"order_buy", "order_sell"})
TAPPED: Final[frozenset[Intent]] = _TRADES | {"order_cancel"}
"""What concerns orders: only a tap agrees, and never a typed word."""
_NO: Final = re.compile("(?:不对|不是|错了|不是这样|不是这个意思)(?:了|的|啊|呀)*[!.。！]*")


async def consult(ctx: Context, text: str, said: Said, known: Collection[Symbol]) -> Reply:
    """What to answer to a sentence that the grammar did not read; nothing is carried out but a question."""
    reader = ctx.house.reader
    if reader is None:
        return not_understood(text)
    person = f"{ctx.chat.channel}:{ctx.person.id}"
    found = await reader.read(person, text, ctx.house.names, purse=ctx.person.owner, context=said, preferred=known)
    if isinstance(found, Unread):
        return not_understood(text, found.value)
    if found.strangers:
        return _stranger(ctx, text, found.strangers[0])
    chosen = by_intent(found.request.intent)
    assert chosen is not None  # the model chooses from what there are commands for
    if found.request.intent in QUESTIONS:
        return await _answered(ctx, chosen, text, found.request)
    return _card(ctx, text, found.request, found.unused)


async def half_heard(ctx: Context, text: str, request: Request) -> Reply:
    """The same for what the grammar has read but for a few words."""
    chosen = by_intent(request.intent)
    if chosen is None:
        return not_understood(text)
    heard = request.model_copy(update={"unheard": ()})
    if request.intent in QUESTIONS:
        return await _answered(ctx, chosen, text, heard)
    return _card(ctx, text, heard, request.unheard, half=True)


def not_understood(text: str, why: str = "") -> Message:
    """What can be said, nearest to what was."""
    examples = "\n".join(f"　{example}" for example in nearest(text))
    lines = (why, "没有听懂，什么都没有做。可以这样说：", examples, "发送 /help 看全部命令。")
    return Message(text="\n".join(line for line in lines if line))


def _stranger(ctx: Context, text: str, word: str) -> Message:
    """A share that the table does not know is asked for: by what looks like it, or by its code."""
    offers = [(one, f"say {text.replace(word, ctx.house.names.name_of(one))}") for one in ctx.house.names.suggest(word)]
    buttons = tuple(
        (Button(name_text(ctx.house.name(one), one), press),)
        for one, press in offers
        if word in text and len(press.encode()) <= COMMAND_BYTES
    )
    asked = "是不是：" if buttons else "请写全名或六位代码，再说一遍。"
    return Message(text=f"没有认出“{word}”是哪只股票，什么都没有做。\n{asked}", buttons=buttons)


def _said_back(ctx: Context, request: Request) -> str:
    return read_back(request, lambda symbol: name_text(ctx.house.name(symbol), symbol))


async def _answered(ctx: Context, chosen: Command, text: str, request: Request) -> Reply:
    understood = f"按我的理解：{_said_back(ctx, request)}"
    ctx.dialogue = ctx.dialogue.spoke(text, request)
    try:
        reply = await carry_out(ctx, chosen, Call((), request))
    except UserError as error:
        raise type(error)(f"{understood}\n{error}") from error
    first, *rest = _messages(reply)
    return [first.model_copy(update={"text": f"{understood}\n{first.text}"}), *rest]


def _messages(reply: Reply) -> Sequence[Message]:
    return (reply,) if isinstance(reply, Message) else tuple(reply or (Message(),))


# -- the card


def _card(ctx: Context, text: str, request: Request, unused: tuple[str, ...], *, half: bool = False) -> Message:
    number, now = ctx.house.clock.new_id(), ctx.house.now()
    guess = Guess(id=number, request=request, text=text, unused=unused, half=half, at=now)
    ctx.dialogue = ctx.dialogue.guessing(guess)
    return _shown(ctx, guess)


def _shown(ctx: Context, guess: Guess) -> Message:
    agree = "agree_by_tap" if guess.request.intent in TAPPED else "agree"
    lines = [_said_back(ctx, guess.request)]
    if guess.unused:
        lines.append(f"⚠️ 这句话里的 {'、'.join(guess.unused)} 没有用上。")
    if guess.request.intent in _TRADES:
        lines.append("现在还没有委托。点“对”以后出委托卡片，在卡片上点“确认”才下单。")
    buttons = (
        Button("对，就这样", f"{agree} {guess.id}", Style.CONFIRM),
        Button("不对", f"disagree {guess.id}"),
    )
    return Message(
        title="🤔 我理解为", text="\n".join([*lines, "对吗？"]), buttons=(buttons,), card=f"reading:{guess.id}"
    )


def _closed(ctx: Context, guess: Guess, how: str) -> Message:
    """The card without its buttons."""
    text = f"{_said_back(ctx, guess.request)}\n{how}"
    return Message(title="🤔 我理解为", text=text, card=f"reading:{guess.id}")


async def typed_answer(ctx: Context, text: str, offered: str) -> Reply:
    """A word typed to an open card: 不对 drops it, 是 agrees where no tap is needed. None for any other sentence.

    Args:
        offered: what a typed 是 presses now; a question that was asked after the card is answered first.
    """
    guess = ctx.dialogue.on_guess(ctx.house.now())
    if guess is None or ctx.dialogue.draft is not None or (offered and offered != f"agree {guess.id}"):
        return None  # something was asked or done since
    if _NO.fullmatch(text) or phrases.CANCEL.match(text):
        return await disagree(ctx, Call((guess.id,)))
    if phrases.YES.fullmatch(text) and offered:
        return await agree(ctx, Call((guess.id,)))
    if phrases.YES.fullmatch(text) or phrases.CONFIRM.match(text):
        card = _shown(ctx, guess)
        return card.model_copy(update={"text": f"{card.text}请点按钮。", "card": None})
    return None


async def corrected(ctx: Context, text: str, said: Said, known: Collection[Symbol]) -> Reply:
    """不对，是1380: the open card with that changed, to be agreed to anew. None for a sentence of its own."""
    now = ctx.house.now()
    guess = ctx.dialogue.on_guess(now)
    if guess is None or ctx.dialogue.draft is not None or now - guess.at > CORRECTABLE:
        return None
    if guess.request.intent not in _TRADES | {"watch_create"}:
        return None
    alone = read(text, ctx.house.names, now=now, context=said, preferred=known)
    together = said.model_copy(update={"draft": guess.request})
    meant = read(text, ctx.house.names, now=now, context=together, preferred=known)
    turned = {meant.intent, guess.request.intent} <= _TRADES  # 不对，卖出
    if meant == alone or meant.unheard or not (turned or meant.intent in {guess.request.intent, "watch_update"}):
        return None
    intent = meant.intent if turned else guess.request.intent
    request = meant.model_copy(update={"intent": intent, "targets": guess.request.targets})
    await ctx.house.notifier.say(ctx.chat, _closed(ctx, guess, "改成了下面这样。"))
    left = tuple(word for word in guess.unused if word not in normal(text))
    return _card(ctx, guess.text, request, left)


def _try_again(guess: Guess) -> Message:
    examples = "\n".join(f"　{example}" for example in nearest(guess.text))
    return Message(text=f"好的，什么都没有做。请换个说法，例如：\n{examples}")


@command("agree", help="我理解得对", listed=False, role=Role.VIEWER)
async def agree(ctx: Context, call: Call) -> Reply:
    """Carry out a reading as if the person had said it plainly."""
    guess = _open(ctx, call)
    chosen = by_intent(guess.request.intent)
    if chosen is None:
        raise Conflict("这个现在做不了了。请再说一遍。")
    ctx.dialogue = ctx.dialogue.decided().spoke(guess.text, guess.request)
    # Closed before anything is done: what comes of it is said after it.
    await ctx.house.notifier.say(ctx.chat, _closed(ctx, guess, "✅ 你点了“对”。"))
    return await carry_out(ctx, chosen, Call((), guess.request))


@command("agree_by_tap", help="我理解得对", listed=False, role=Role.VIEWER)
async def agree_by_tap(ctx: Context, call: Call) -> Reply:
    """The same for what concerns orders: its word is none that a typed 是 may press."""
    return await agree(ctx, call)


@command("disagree", help="我理解得不对", listed=False, role=Role.VIEWER)
async def disagree(ctx: Context, call: Call) -> Reply:
    """Nothing is done; what was half heard may be read by the model instead."""
    guess = _open(ctx, call)
    ctx.dialogue = ctx.dialogue.decided()
    await ctx.house.notifier.say(ctx.chat, _closed(ctx, guess, "已取消，什么都没有做。"))
    if guess.half and ctx.house.reader is not None:
        known = ctx.house.book.symbols | ctx.house.blotter.symbols
        return await consult(ctx, guess.text, ctx.dialogue.context(ctx.house.now(), {}), known)
    return _try_again(guess)


def _open(ctx: Context, call: Call) -> Guess:
    """Raises Conflict."""
    guess = ctx.dialogue.on_guess(ctx.house.now())
    if guess is None or call.rest != guess.id:
        raise Conflict("这张卡片已经处理过，或者过期了，什么都没有做。请再说一遍。")
    return guess
