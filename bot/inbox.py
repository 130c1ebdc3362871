"""Inbox.receive(Incoming): who are you, what do you ask, run it, reply. The one place where people are let in."""

from __future__ import annotations

import json
import logging
import re
from collections.abc import Collection, Mapping, Sequence
from typing import Final

from bot.command import Call, Context, Reply, by_intent, by_name
from bot.commands import people, propose, questions, rights, trade  # the package fills the registry
from bot.commands.carrying import carry_out
from bot.house import House
from bot.language import phrases
from bot.language.beyond import beyond, not_here
from bot.language.dialogue import Dialogue
from bot.language.grammar import read
from bot.language.misspelt import misspelt
from bot.language.reading import Context as Said
from bot.language.request import UNKNOWN, Request
from core.errors import Conflict, Forbidden, NotFound, OutsideError, UserError
from core.messages import COMMAND_BYTES, Button, Chat, Incoming, Message, Role, Style
from core.people import HOUSE, Attempt, Person, code_in, stranger
from core.render import name_text
from core.types import Price, Side, Symbol
from core.watches import Watch

log: Final = logging.getLogger(__name__)

LONGEST_TEXT: Final = 1000
"""Characters of one message that are read; nobody describes a watch in more."""
HOME: Final = frozenset({"console", "script"})
"""Channels that only the person at this computer can reach."""
_TRADES: Final = re.compile("买|卖|清仓")
OWNER: Final = HOUSE
PANIC: Final = "panic"
"""Heard in the middle of any question."""
_YES_NO: Final = re.compile("(?:吗？|是不是：)$")
_BY_WORD: Final = frozenset({"delete", "answer", "agree"})
"""Buttons that a typed 是 may press. What trades is not among them."""


class Inbox:
    """Lets people in, and runs what they ask.

    Args:
        owners: vendor ids per channel. A channel that is not listed lets nobody in, but for those at home.
    """

    def __init__(self, house: House, owners: Mapping[str, Collection[str]]) -> None:
        self._house = house
        self._owners = {channel: frozenset(users) for channel, users in owners.items()}
        self._dialogues: dict[str, Dialogue] = {}

    # -- who

    async def refusal(self, incoming: Incoming) -> str | None:
        """Why this person may not do this; None when it may be received.

        Whether a sentence may be done is only known once it is understood: that is answered like everything else.
        """
        person = await self._person(incoming)
        if not person.known:
            return await self._refusal_of_stranger(person, incoming)
        if incoming.press is None:
            return None
        word, _, rest = incoming.press.partition(" ")
        found = by_name(word)
        if found is None:
            return None
        try:
            error = await rights.barred(self._house, person, found, Call(tuple(rest.split())))
        except OutsideError as trouble:
            log.warning("%s: %s", trouble.source, trouble.reason)
            return None  # what cannot be looked up is answered by the command
        if error is not None:
            await rights.note(self._context(person, incoming, Dialogue()), error, incoming.press)
            return str(error)
        return None

    async def _refusal_of_stranger(self, person: Person, incoming: Incoming) -> str | None:
        """A stranger may do nothing but try a code."""
        if _code(incoming) is not None:
            return self._house.membership.locked(incoming.chat.channel, incoming.user)
        log.warning("refused %s of %s", incoming.user, incoming.chat)
        channel = incoming.chat.channel
        why = f"你没有使用权限。你的用户编号是 {incoming.user}，"
        if self._owners.get(channel):
            why += "请机器人的主人给你一个邀请码（/invite），再发送：/join 邀请码"
        else:
            why += f"请机器人的主人把它加进 .env 的 {channel.upper()}_OWNER_IDS，然后重启程序。"
        await self._house.membership.refused(Attempt.STRANGER, person, incoming.chat, "", why)
        return why

    def urgent(self, incoming: Incoming) -> bool:
        """The kill switch, however it was pulled; letting orders go again is in no hurry."""
        said = incoming.press if incoming.press is not None else incoming.text.strip().removeprefix("/")
        found = by_name(said)
        return found is not None and found.name == PANIC

    async def _person(self, incoming: Incoming) -> Person:
        """Who it is, and what he may do now. The kill switch waits for no database."""
        channel, user, name = incoming.chat.channel, incoming.user, incoming.name or incoming.user
        if channel in HOME:
            return Person(OWNER, name, name, Role.OWNER)  # whoever sits there needs no telling apart
        if user in self._owners.get(channel, frozenset()):
            return Person(OWNER, name, user, Role.OWNER)
        member = await self._house.membership.find(channel, user, fresh=not self.urgent(incoming))
        return stranger(channel, user, name) if member is None else member.person(name)

    def _context(self, person: Person, incoming: Incoming, dialogue: Dialogue) -> Context:
        return Context(self._house, person, incoming.chat, dialogue)

    # -- what

    async def receive(self, incoming: Incoming) -> None:
        """Carry out what a person asks and put the replies into the outbox."""
        person = await self._person(incoming)
        if not person.known:
            await self._at_the_door(person, incoming)
            return
        self._house.feed.publish(incoming)
        await self._house.escalation.seen(incoming.chat, person.signature, incoming.at)
        key = _key(incoming)
        dialogue = await self._dialogue(key)
        ctx = self._context(person, incoming, dialogue)
        reply = await self._attempt(ctx, incoming)
        ctx.dialogue = ctx.dialogue.offering(_yes_to(reply), self._house.now())
        await self._remember(key, dialogue, ctx.dialogue)
        await self._reply(incoming.chat, reply)

    async def _at_the_door(self, person: Person, incoming: Incoming) -> None:
        """Nothing that a stranger says is kept, and nothing is answered but a code."""
        if _code(incoming) is None:
            await self._refusal_of_stranger(person, incoming)
            return
        await self._reply(incoming.chat, await self._attempt(self._context(person, incoming, Dialogue()), incoming))

    async def _attempt(self, ctx: Context, incoming: Incoming) -> Reply:
        """The reply, whatever goes wrong."""
        try:
            return await self._answer(ctx, incoming)
        except UserError as error:
            await self._note(ctx, incoming, error)
            return Message(text=str(error))
        except OutsideError as error:
            log.warning("%s: %s", error.source, error.reason)
            return Message(text=f"{error.source}：{error.reason}")
        except Exception:
            # A bug: whoever spoke is answered all the same, and told to check what was done.
            number = self._house.clock.new_id()
            log.exception("internal error %s", number)
            return Message(text=f"内部错误 {number}。这是程序的问题，已记入日志。请用 /orders 和 /list 核对后再试。")

    async def _note(self, ctx: Context, incoming: Incoming, error: UserError) -> None:
        """Write down what the person had no right to, and a button that was answered before or is none of ours."""
        if isinstance(error, Forbidden):
            if ctx.person.known:
                await rights.note(ctx, error, incoming.press or incoming.text[:COMMAND_BYTES])
        elif incoming.press is not None and isinstance(error, Conflict | NotFound):
            word, _, rest = incoming.press.partition(" ")
            try:
                kind = await rights.odd(self._house, by_name(word), Call(tuple(rest.split())))
            except OutsideError as trouble:
                log.warning("%s: %s", trouble.source, trouble.reason)
                return
            if kind is not None:
                await self._house.membership.refused(kind, ctx.person, ctx.chat, incoming.press, str(error))

    async def _reply(self, chat: Chat, reply: Reply) -> None:
        messages: Sequence[Message] = () if reply is None else (reply,) if isinstance(reply, Message) else reply
        if not messages:
            return
        try:
            await self._house.notifier.say(chat, *messages)
        except OutsideError as error:
            # The outbox is out of reach: an answer that cannot be kept is still better shown than lost.
            log.warning("a reply was not stored: %s", error)
            self._house.notifier.post([self._house.notifier.compose(chat, message) for message in messages])

    async def _answer(self, ctx: Context, incoming: Incoming) -> Reply:
        if incoming.press is not None:
            return await self._pressed(ctx, incoming.press)
        if (code := code_in(incoming.text)) is not None:
            return await people.let_in(ctx, code)
        text = incoming.text.strip()[:LONGEST_TEXT]
        if not text:
            return None
        if text.startswith("/"):
            return await self._slash(ctx, text[1:])
        offered = ctx.dialogue.on_offer(self._house.now())
        if answered := await propose.typed_answer(ctx, text, offered):
            return answered
        if corrected := await propose.corrected(ctx, text, *self._heard(ctx)):
            return corrected
        if offered:
            if phrases.YES.fullmatch(text):
                return await self._pressed(ctx, offered)
            if phrases.CANCEL.match(text):
                return Message(text="好的，什么都没有改。")
        plain = by_name(text)
        if plain is not None and (ctx.dialogue.asked is None or plain.name == PANIC):
            return await carry_out(ctx, plain, Call())
        return await self._sentence(ctx, text)

    async def _pressed(self, ctx: Context, press: str) -> Reply:
        word, _, rest = press.partition(" ")
        if word == "say":
            return await self._sentence(ctx, rest)
        if word == "answer":
            turn, _, said = rest.partition(" ")
            if not ctx.dialogue.asks(turn, self._house.now()):
                return Message(text="这个按钮属于以前的问题，没有做任何事。请把要做的再说一遍。")
            return await self._sentence(ctx, said)
        found = by_name(word)
        if found is None:
            raise NotFound("这个按钮已经没有用了，可能来自旧版本。发送 /help 看现有的命令。")
        return await carry_out(ctx, found, Call(tuple(rest.split())))

    async def _slash(self, ctx: Context, line: str) -> Reply:
        word, _, rest = line.partition(" ")
        found = by_name(word)
        if found is None:
            return Message(text=f"没有 /{word} 这个命令。发送 /help 看全部，或者直接说一句话。")
        rest = rest.strip()
        request: Request | None = None
        if rest and found.phrase:
            request = self._read(ctx, found.phrase.format(rest))
            if request.intent not in found.intents:
                request = self._read(ctx, rest)
            if request.unheard:
                return await self._half_heard(ctx, rest, request)
            if request.intent in found.intents:
                ctx.dialogue = ctx.dialogue.spoke(rest, request)
            else:
                request = None  # the command may still know the words, or says how it is used
        return await carry_out(ctx, found, Call(tuple(rest.split()), request))

    async def _sentence(self, ctx: Context, text: str) -> Reply:
        request = self._read(ctx, text)
        if request.intent == "draft_cancel":
            return await self._cancelled(ctx)
        found = by_intent(request.intent)
        if found is None:
            return self._not_understood(ctx, text, request) or await propose.consult(ctx, text, *self._heard(ctx))
        if request.unheard:
            return await self._half_heard(ctx, text, request)
        corrects = ctx.dialogue.draft is not None and self._read(ctx, text, alone=True) != request
        if corrects and (asked := _now_or_then(ctx, text, request)):
            return asked
        ctx.dialogue = ctx.dialogue.spoke(text, request)
        return await carry_out(ctx, found, Call((), request, corrects))

    async def _half_heard(self, ctx: Context, text: str, request: Request) -> Reply:
        """A sentence with words that nobody knows. Where these are something that we know of, that is said instead."""
        return self._not_understood(ctx, text) or await propose.half_heard(ctx, text, request)

    async def _cancelled(self, ctx: Context) -> Reply:
        """取消, typed: drops the open question or card; a watch that stands is taken back by its button alone."""
        before, ctx.dialogue = ctx.dialogue, ctx.dialogue.closed()
        if before.ticket_id is not None:
            await ctx.house.desk.reject(before.ticket_id, None, ctx.person.signature)
            return None
        if before.asked is not None:
            return Message(text="好的，不设了。")
        made_at = before.at if before.draft is not None else None
        waiting = [one for one in await trade.waiting(ctx) if one.open_at(ctx.house.now())]
        if any(made_at is None or one.created_at >= made_at for one in waiting):
            # Of an alert, or somebody else's: the button says which.
            return await trade.tickets(ctx, Call())
        if before.draft is not None and before.watch_id is not None:
            undo = Button("撤销", f"undo {before.watch_id}", Style.DANGER)
            return Message(text="刚才的盯盘已经在运行，要撤销请点：", buttons=((undo,),))
        return Message(text="没有待确认的内容。要删任务请说“删除3”，要拒绝委托请点卡片上的“拒绝”。")

    def _not_understood(self, ctx: Context, text: str, request: Request = UNKNOWN) -> Message | None:
        """What is known of a sentence that nobody understood; None where that is nothing."""
        if request.intent != "unknown":
            return Message(text="这个我还不会。发送 /help 看现在能做什么。")
        if ctx.dialogue.outlived(self._house.now()):
            return self._outlived(ctx)
        if why := not_here(text) or ("" if _TRADES.search(text) else beyond(text)):
            return Message(text=why)
        if (typo := self._misspelt(ctx, text)) is not None:
            return typo
        if len(_TRADES.findall(text)) > 1:
            return Message(text="没有做任何事。一句话里好像有几个交易，请一次只说一个，例如：茅台跌到1380买一手")
        return None

    @staticmethod
    def _outlived(ctx: Context) -> Message:
        """An answer that came too late; what it answered is offered again, as it was said."""
        said, ctx.dialogue = ctx.dialogue.said, ctx.dialogue.closed()
        again = Button("再问一次", f"say {said}")
        fits = bool(said) and len(again.command.encode()) <= COMMAND_BYTES
        text = f"没有听懂。刚才“{said}”里的问题过了半小时，已经作废；请把整句话再说一遍。"
        return Message(text=text, buttons=((again,),) if fits else ())

    def _misspelt(self, ctx: Context, text: str) -> Message | None:
        """Which share was meant by a word that looks like the name of one; a guess is only ever a question."""
        guess = misspelt(text, ctx.house.names, lambda said: self._read(ctx, said, alone=True), self._known())
        if guess is None:
            return None
        if guess.request is not None:
            ctx.dialogue = ctx.dialogue.spoke(text, guess.request)
            return questions.about(ctx, guess.request)
        offers = [
            (Button(name_text(ctx.house.name(symbol), symbol), command),)
            for symbol, said in zip(guess.candidates, guess.sentences, strict=True)
            if len((command := f"say {said}").encode()) <= COMMAND_BYTES
        ]
        return Message(text=f"没有认出“{guess.word}”是哪只股票。\n是不是：", buttons=tuple(offers)) if offers else None

    def _known(self) -> frozenset[Symbol]:
        """What is watched or held."""
        return frozenset(self._house.book.symbols | self._house.blotter.symbols)

    def _read(self, ctx: Context, text: str, *, alone: bool = False) -> Request:
        """What a sentence asks for; ``alone`` without what is open in the conversation."""
        context, known = self._heard(ctx, alone=alone)
        return read(text, ctx.house.names, now=ctx.house.now(), context=context, preferred=known)

    def _heard(self, ctx: Context, *, alone: bool = False) -> tuple[Said, Collection[Symbol]]:
        """What the conversation says beside a sentence, and the shares that the person watches or holds."""
        tasks = ctx.house.watchlist.of(ctx.person.owner)
        dialogue = ctx.dialogue.closed() if alone else ctx.dialogue
        return dialogue.context(ctx.house.now(), self._prices(ctx), tuple(_task(one) for one in tasks)), self._known()

    def _prices(self, ctx: Context) -> dict[Symbol, Price]:
        """Prices of what was spoken of last, from which the side of "到 120" follows."""
        found: dict[Symbol, Price] = {}
        for symbol in ctx.dialogue.last_symbols:
            quote = ctx.house.engine.quote(symbol)
            if quote is not None and quote.last is not None:
                found[symbol] = quote.last
        return found

    # -- dialogues

    async def _dialogue(self, key: str) -> Dialogue:
        if key not in self._dialogues:
            try:
                stored = await self._house.store.value(key)
            except OutsideError as error:
                # /panic must work without a database: what "it" meant is forgotten for this once.
                log.warning("%s: %s", error.source, error.reason)
                return Dialogue()
            self._dialogues[key] = Dialogue() if stored is None else _revive(stored)
        return self._dialogues[key]

    async def _remember(self, key: str, before: Dialogue, after: Dialogue) -> None:
        if after == before:
            return
        self._dialogues[key] = after
        try:
            await self._house.store.set_value(key, after.model_dump_json(exclude_none=True))
        except OutsideError as error:
            # What was asked has been done; only what "it" means would be forgotten at a restart.
            log.warning("%s: %s", error.source, error.reason)


_THEN: Final = re.compile("[就到]|触发|跌|涨|破|满足|改|不对|计划|再")


def _now_or_then(ctx: Context, text: str, request: Request) -> Message | None:
    """清仓, said after a watch that has no plan: who is in a hurry means now, and must not believe that it is done."""
    before = ctx.dialogue.draft
    sells = request.intent == "watch_update" and request.action is not None and request.action.side is Side.SELL
    if not sells or before is None or before.action is not None or _THEN.search(text) or len(request.symbols) != 1:
        return None
    [symbol] = request.symbols
    now, then = f"say {ctx.house.name(symbol)}{text}", f"say 到了就{text}"
    if max(len(now.encode()), len(then.encode())) > COMMAND_BYTES:
        return None
    return Message(
        text=f"“{text}”是现在就卖，还是等刚才的条件触发时再卖？现在什么都没有做。",
        buttons=((Button("现在就卖", now),), (Button("触发时再卖", then),)),
    )


def _yes_to(reply: Reply) -> str:
    """The one button that says yes to a question of yes or no; empty for every other reply."""
    if not isinstance(reply, Message) or not _YES_NO.search(reply.text):
        return ""
    commands = [button.command for row in reply.buttons for button in row if not button.command.startswith("disagree ")]
    return commands[0] if len(commands) == 1 and commands[0].partition(" ")[0] in _BY_WORD else ""


def _code(incoming: Incoming) -> str | None:
    """The code of somebody who wants to come in."""
    return None if incoming.press is not None else code_in(incoming.text)


def _key(incoming: Incoming) -> str:
    """In a group each has a conversation of their own."""
    return f"dialogue:{incoming.chat}:{incoming.user}"


def _revive(stored: str) -> Dialogue:
    try:
        return Dialogue.model_validate(json.loads(stored))
    except ValueError:
        # Written by another version: a forgotten question is asked again, nothing more.
        return Dialogue()


def _task(watch: Watch) -> dict[str, object]:
    return {
        "id": watch.number,
        "symbols": () if watch.scope == "market" else watch.symbols,
        "conditions": tuple(one.model_dump(exclude_none=True, exclude={"base"}) for one in watch.conditions),
    }
