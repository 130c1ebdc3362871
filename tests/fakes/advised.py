"""An advice to buy that has its card, as an analysis leaves it, before a policy is asked."""

from __future__ import annotations

from decimal import Decimal

from bot.house import House
from core.analysis import Action, Analysis, Decision, Occasion, Reason
from core.desk import Origin
from core.messages import Chat
from core.tickets import Ticket
from core.types import Side, Symbol
from core.watches import Plan
from tests.contract.test_stores_archive import pack


async def advised(
    house: House,
    symbol: Symbol,
    chat: Chat,
    *,
    account: str = "paper",
    shares: int = 1000,
    confidence: int = 80,
    owner: str = "owner",
) -> tuple[Analysis, Ticket]:
    decision = Decision(
        action=Action.BUY, confidence=confidence, reasons=(Reason(facts=("price",), text="站上均线"),), shares=shares
    )
    analysis = Analysis(
        id=house.clock.new_id(),
        at=house.now(),
        owner=owner,
        chat=chat,
        account=account,
        symbol=symbol,
        name=house.name(symbol),
        occasion=Occasion.ASKED,
        pack=pack().digest(),
        price=Decimal(41),
        quoted_at=house.now(),
        prompt="v1",
        model_asked="scripted",
        model="scripted",
        decision=decision,
    )
    await house.store.add_analysis(analysis, pack())
    origin = Origin(owner, chat, reason="分析建议", analysis_id=analysis.id)
    ticket = await house.desk.ask(Plan(side=Side.BUY, shares=shares), symbol, account, origin)
    analysis = analysis.model_copy(update={"ticket_id": ticket.id})
    await house.store.save_analysis(analysis)
    return analysis, ticket
