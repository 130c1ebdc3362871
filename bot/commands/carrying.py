"""Carrying out what was understood: may the person do it, is anything lacking, then the command."""

from __future__ import annotations

from bot.command import Call, Command, Context, Reply
from bot.commands import questions, rights


async def carry_out(ctx: Context, found: Command, call: Call) -> Reply:
    """Run a command. Nothing is done while it is not clear what is meant: 撤掉那个单 is not 撤掉所有的单.

    Raises:
        Forbidden: the person has no right to this.
    """
    if (error := await rights.barred(ctx.house, ctx.person, found, call)) is not None:
        raise error
    if call.request is not None:
        card = ctx.dialogue.ticket_id if call.corrects else None
        question = questions.about(ctx, call.request, found.optional)
        if question is not None:
            # What is asked of a correction is still about the card that it corrects.
            ctx.dialogue = ctx.dialogue.model_copy(update={"ticket_id": card})
            return question
    return await found.run(ctx, call)
