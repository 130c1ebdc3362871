"""Sina's public quotes: no key, but a Referer, many symbols in one request. No price limits.

One statement per symbol, ``var hq_str_sh600000="浦发银行,6.830,…,2022-11-11,15:00:00,00,";``, in GBK, 33 or 34 fields.
An unknown symbol gets an empty string. Without the Referer the answer is 403 and ``Kinsoku jikou desu!``, and so it is
for many addresses abroad.

Units: volumes count shares, here and in the order book; every row is held against its amount. What an index row counts
is not known, so an index has no volume here.

Source: stored answers of 2019 to 2023, users' reports up to 2025.
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
from core.types import Symbol

NAME: Final = "新浪行情"
FIELDS: Final = 32  # up to the time; what follows is optional
_STATEMENT: Final = re.compile(r'var hq_str_((?:sh|sz|bj)\d{6})="([^"]*)"', re.ASCII)


def parse(body: bytes, received_at: datetime, rejected: list[str] | None = None) -> dict[Symbol, Quote]:
    """The quotes of an answer; see :func:`~adapters.quotes.web.read_rows`."""
    return read_rows(body, received_at, rejected, source=NAME, statement=_statement, row=_row)


def _statement(piece: str) -> tuple[str, str] | None:
    found = _STATEMENT.fullmatch(piece)
    return (found[1], found[2]) if found else None


def _row(symbol: Symbol, text: str) -> Row:
    fields = text.split(",")
    if len(fields) < FIELDS:
        raise ValueError(f"只有 {len(fields)} 个字段")
    return Row(
        symbol=symbol,
        name=fields[0],
        last=fields[3],
        preclose=fields[2],
        open=fields[1],
        high=fields[4],
        low=fields[5],
        bid=fields[11],
        ask=fields[21],
        volume=fields[8],
        amount=fields[9],
        bid_volume=fields[10],
        ask_volume=fields[20],
        units=() if board_of(symbol) is Board.INDEX else (1, 10, 100),
        book_unit=1,
        at=re.sub(r"[-:]", "", fields[30] + fields[31]),
        # Said to mean suspended; no such row was seen. Rows without any trade are recognised anyway.
        suspended=len(fields) > FIELDS and fields[32] == "03",
    )


SITE: Final = Site(
    name=NAME,
    base_url="https://hq.sinajs.cn",
    query="/list=",
    batch=400,
    parse=parse,
    headers={"Referer": "https://finance.sina.com.cn"},
    ban_note="，或本机地址在境外",
    refusal=b"Kinsoku jikou desu",
)

connect: Final = partial(open_site, SITE)
"""The site as a QuoteFetcher; for the arguments see :func:`~adapters.quotes.web.open_site`."""
