"""Whether Telegram answers, and which bot a token is: asked once, beside the channel, and nothing is changed by it."""

from __future__ import annotations

from typing import Final

from core.errors import Refused, Unavailable

NAME: Final = "Telegram"
API: Final = "https://api.telegram.org"
PATIENCE: Final = 8.0


async def look(*, token: str, base_url: str | None, proxy: str | None) -> str:
    """The bot's name.

    Raises:
        Refused: Telegram does not know the token.
        Unavailable: nobody answers, or it is not Telegram.
    """
    import httpx

    root = (base_url or API).rstrip("/").removesuffix("/bot")
    try:
        async with httpx.AsyncClient(proxy=proxy, timeout=PATIENCE) as client:
            answer = await client.post(f"{root}/bot{token}/getMe")
            said = answer.json()
    except httpx.ProxyError:
        raise Unavailable(NAME, "代理连不上或者拒绝了，请检查 TELEGRAM_PROXY") from None
    except (httpx.HTTPError, httpx.InvalidURL, OSError):
        hint = "请检查代理是不是开着" if proxy else "在大陆一般要填 TELEGRAM_PROXY"
        raise Unavailable(NAME, f"连不上，{hint}") from None
    except ValueError:
        raise Unavailable(NAME, "回答的不是 Telegram，请检查 TELEGRAM_BASE_URL 和代理") from None
    if isinstance(said, dict) and said.get("ok") and isinstance(said.get("result"), dict):
        return f"@{said['result'].get('username', '')}"
    if answer.status_code in {401, 404}:
        raise Refused(NAME, "不认识这个 token，请从 @BotFather 重新复制 TELEGRAM_BOT_TOKEN")
    raise Unavailable(NAME, f"出错了（HTTP {answer.status_code}），请稍后再试")
