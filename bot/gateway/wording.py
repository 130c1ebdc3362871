"""What a gateway's limits are, in words."""

from __future__ import annotations

from core.types import money_text
from core.wire import Bounds


def limits_text(bounds: Bounds) -> str:
    band = "不限" if bounds.band is None else f"比最新价差 {bounds.band.normalize():f}% 以内"
    return (
        f"上限：单笔 {money_text(bounds.order)} 元，一天 {money_text(bounds.day)} 元，"
        f"一只股票一天 {money_text(bounds.symbol)} 元，价格{band}，每分钟撤 {bounds.cancels} 笔。"
    )
