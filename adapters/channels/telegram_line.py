"""HTTP as python-telegram-bot wants it, for :mod:`adapters.channels.telegram`."""

from __future__ import annotations

import json
import logging
from typing import TYPE_CHECKING, Any, Final

from adapters.channels.telegram_text import Json

if TYPE_CHECKING:
    from telegram.request import HTTPXRequest

LOG: Final = logging.getLogger(__name__)
JSON: Final = {"Content-Type": "application/json"}


def line(*, proxy: str | None, trust_env: bool, answer: float) -> HTTPXRequest:
    """A pool of connections.

    It differs from the library's own in four ways. An update that the library cannot parse becomes its bare id, or it
    would come again for ever. A page that is not from Telegram (a proxy's 403 or 404) is a network error, not a verdict
    on the token or the person. Of a sent message only the id is read, so a new field cannot break what was delivered.
    And parameters travel as JSON, which in Chinese is a third of a form's size; only a picture makes them a form.

    Args:
        answer: seconds for connecting, and for each silence between two bytes of an answer.
    """
    import httpx
    from telegram import Update
    from telegram.error import NetworkError, TimedOut
    from telegram.error import TelegramError as VendorError
    from telegram.request import HTTPXRequest, RequestData

    urls: dict[str, httpx.URL] = {}

    class Line(HTTPXRequest):
        async def do_request(
            self,
            url: str,
            method: str,
            request_data: RequestData | None = None,
            read_timeout: Any = None,
            write_timeout: Any = None,  # noqa: ARG002
            connect_timeout: Any = None,  # noqa: ARG002
            pool_timeout: Any = None,  # noqa: ARG002
        ) -> tuple[int, bytes]:
            client = self._client
            timeout = client.timeout
            if isinstance(read_timeout, int | float):  # the long poll's
                timeout = httpx.Timeout(timeout.connect, read=read_timeout)
            files = request_data.multipart_data if request_data else None
            parsed = urls.get(url)
            if parsed is None:
                parsed = urls[url] = httpx.URL(url)
            body: dict[str, Any]
            if request_data is not None and files:
                headers, body = None, {"files": files, "data": request_data.json_parameters}
            else:
                parameters = request_data.parameters if request_data else {}
                headers, body = JSON, {"content": json.dumps(parameters, ensure_ascii=False).encode()}
            try:
                reply = await client.request(method, parsed, headers=headers, timeout=timeout, **body)
            except httpx.TimeoutException as error:
                raise TimedOut(type(error).__name__) from error
            except httpx.HTTPError as error:
                raise NetworkError(type(error).__name__) from error
            payload = reply.content
            if not payload.startswith(b"{") or b'"ok"' not in payload:
                raise NetworkError(f"HTTP {reply.status_code}")
            return reply.status_code, payload

        @staticmethod
        def parse_json_payload(payload: bytes) -> Json:
            parsed = HTTPXRequest.parse_json_payload(payload)
            if parsed.get("ok") and "result" not in parsed:
                raise VendorError("Invalid server response")
            result = parsed.get("result")
            if isinstance(result, list):
                parsed["result"] = [readable(update) for update in result]
            elif isinstance(result, dict) and "message_id" in result:
                parsed["result"] = {key: result[key] for key in ("message_id", "date", "chat")}
            return parsed

    def readable(update: Json) -> Json:
        try:
            Update.de_json(update, None)
        except Exception:
            # The library may trip with any error; raised, it would be fetched again before all others.
            LOG.warning("读不懂 Telegram 的更新 %s，已跳过。", update.get("update_id"), exc_info=True)
            return {"update_id": update["update_id"]}
        return update

    pool = httpx.Limits(max_connections=256, keepalive_expiry=60)
    return Line(
        proxy=proxy,
        connect_timeout=answer,
        read_timeout=answer,
        write_timeout=answer,
        pool_timeout=answer,
        httpx_kwargs={"trust_env": trust_env, "limits": pool},
    )
