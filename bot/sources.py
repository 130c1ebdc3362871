"""Where prices come from, of what the settings name: public sites, miniQMT, or both with one behind the other."""

from __future__ import annotations

import logging
from contextlib import AsyncExitStack
from datetime import timedelta
from typing import TYPE_CHECKING, Any, Final, Protocol

from bot.settings import Settings
from core.clock import Clock
from core.errors import ConfigError
from core.polling import PolledQuotes
from core.ports import BarFetcher, QuoteFetcher, QuoteSource

if TYPE_CHECKING:
    from adapters.quotes.gateway import GatewayQuotes

log: Final = logging.getLogger(__name__)


class ToldQuotes(QuoteSource, Protocol):
    def describe(self) -> str:
        """In one line for people."""
        ...


def open_quotes(
    settings: Settings, clock: Clock, stack: AsyncExitStack, miniqmt: GatewayQuotes | None = None
) -> ToldQuotes:
    """The source that the settings name. miniQMT alone streams; beside others it is asked like them, in its turn.

    Args:
        miniqmt: its quotes, where there is a gateway.

    Raises:
        ConfigError: QUOTES names miniQMT, and there is none.
    """
    from adapters.quotes import sina, tencent

    if "qmt" in settings.quotes and miniqmt is None:
        raise ConfigError(
            ["QUOTES 里写了 qmt，但没有 miniQMT：请设置 MINIQMT_ENABLED=true 或 GATEWAY_URL，或者去掉 qmt。"]
        )
    if settings.quotes == ("qmt",) and miniqmt is not None:
        return miniqmt
    fetchers: list[QuoteFetcher] = []
    for name in settings.quotes:
        if name == "qmt":
            assert miniqmt is not None
            fetchers.append(miniqmt)
            continue
        module, url = {"tencent": (tencent, settings.tencent_url), "sina": (sina, settings.sina_url)}[name]
        options: dict[str, Any] = {"base_url": url} if url else {}
        fetcher = module.connect(clock=clock, proxy=settings.quotes_proxy, **options)
        stack.push_async_callback(fetcher.close)
        fetchers.append(fetcher)
    interval = timedelta(seconds=settings.quotes_interval)
    return PolledQuotes(fetchers, clock=clock, interval=interval, on_trouble=log.warning)


def open_bars(
    settings: Settings, clock: Clock, stack: AsyncExitStack, miniqmt: GatewayQuotes | None = None
) -> BarFetcher | None:
    """Past bars come from where quotes may come from, the first that has any."""
    from adapters.quotes import tencent_bars

    for name in settings.quotes:
        if name == "qmt":
            return miniqmt
        if name == "tencent":
            fetcher = tencent_bars.connect(clock=clock, proxy=settings.quotes_proxy, base_url=settings.tencent_bars_url)
            stack.push_async_callback(fetcher.close)
            return fetcher
    return None
