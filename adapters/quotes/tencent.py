"""Tencent's public quotes: no key and no header, many symbols in one request, snapshots about every 3 seconds.

One statement per symbol, ``v_sh600519="1~贵州茅台~600519~…~";``, in GBK. Between 38 fields (BSE) and 88 were seen, and
the number grows, so fields are read by position. An unknown symbol gets ``v_pv_none_match="1";``, a symbol with the
wrong exchange an empty body.

Units: the volume counts lots, but shares on STAR; every row is held against its amount. The volumes of the order book
count lots; on STAR this is not confirmed, but the rows seen (34, 56, 42, 2 beside a minimum order of 200 shares) only
make sense so.

Source: stored answers of 2026-07 to 2026-09.
"""

from __future__ import annotations

import re
from datetime import datetime
from functools import partial
from typing import Final

from adapters.quotes.web import Site, open_site, read_rows
from core.frames import Quote
from core.market import Board, board_of
from core.polling import Row
from core.types import Symbol, code_of

NAME: Final = "腾讯行情"
FIELDS: Final = 38  # the shortest row seen; the price limits come after it
NONE_MATCH: Final = "pv_none_match"
_STATEMENT: Final = re.compile(rf'v_((?:sh|sz|bj)\d{{6}}|{NONE_MATCH})="([^"]*)"', re.ASCII)


def parse(body: bytes, received_at: datetime, rejected: list[str] | None = None) -> dict[Symbol, Quote]:
    """The quotes of an answer; see :func:`~adapters.quotes.web.read_rows`."""
    return read_rows(body, received_at, rejected, source=NAME, statement=_statement, row=_row, empty_is_answer=True)


def _statement(piece: str) -> tuple[str, str] | None:
    found = _STATEMENT.fullmatch(piece)
    if found is None:
        return None
    return ("", "") if found[1] == NONE_MATCH else (found[1], found[2])


def _row(symbol: Symbol, text: str) -> Row:
    fields = text.split("~")
    if len(fields) < FIELDS:
        raise ValueError(f"只有 {len(fields)} 个字段")
    if fields[2] != code_of(symbol):
        raise ValueError(f"写着另一个代码“{fields[2][:10]}”")
    board = board_of(symbol)
    lot = 10 if board is Board.BOND else 100
    parts = fields[35].split("/")  # last/volume/amount: the only place with the amount in yuan
    return Row(
        symbol=symbol,
        name=fields[1],
        last=fields[3],
        preclose=fields[4],
        open=fields[5],
        high=fields[33],
        low=fields[34],
        limit_up=_at(fields, 47),
        limit_down=_at(fields, 48),
        bid=fields[9],
        ask=fields[19],
        volume=fields[6],
        amount=parts[2] if len(parts) == 3 else "",
        bid_volume=fields[10],
        ask_volume=fields[20],
        units=(1, lot, 10) if board is Board.STAR else (lot, 1, 10, 100),
        book_unit=lot,
        turnover=_at(fields, 38),
        at=fields[30],
        # Said to mean suspended; no such row was seen. Rows without any trade are recognised anyway.
        suspended=_at(fields, 40) == "S",
    )


def _at(fields: list[str], position: int) -> str:
    return fields[position] if position < len(fields) else ""


SITE: Final = Site(
    name=NAME,
    base_url="https://qt.gtimg.cn",
    query="/q=",
    batch=200,
    parse=parse,
)

connect: Final = partial(open_site, SITE)
"""The site as a QuoteFetcher; for the arguments see :func:`~adapters.quotes.web.open_site`."""
